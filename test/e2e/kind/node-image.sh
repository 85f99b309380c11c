#!/usr/bin/env bash
# Makes the image of kind's nodes for machines that cannot pull one, of what is on this machine: busybox, bash,
# containerd, runc, CNI plugins, iptables and nft with their libraries; Kubernetes from its Go modules; no
# distribution. Prints its name; at once if it is there. docker-up.sh first.
#
# Needs from Debian: containerd runc containernetworking-plugins nftables iptables conntrack iproute2 busybox-static.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
names=(kubeadm kubectl kubelet kube-apiserver kube-controller-manager kube-scheduler kube-proxy coredns pause)
mapfile -t programs < <("$repository/test/kubernetes/build.sh" "${names[@]}")
path_of() { local i; for i in "${!names[@]}"; do [ "${names[i]}" != "$1" ] || echo "${programs[i]}"; done; }
# The release that kubeadm means: it names flags that 3.6 dropped.
etcd=$(ETCD_REFERENCE_VERSION=v3.5.35 "$repository/test/reference/build.sh")/etcd
image=localhost/etcd-ts-kind-node:$({ cat "$here"/node-image.sh "$here"/node/* 2>/dev/null; ls -l "$here"/node/manifests; echo "${programs[@]}" "$etcd"; } | cksum | cut -d' ' -f1)
if docker image inspect "$image" >/dev/null 2>&1; then echo "$image"; exit; fi
version=$("$(path_of kubeadm)" version -o short)
work=$(mktemp -d "$run/node-image.XXXXXX")
trap 'rm -rf "$work"' EXIT

# libraries FOLDER FILE...: what the files need to be started below the folder
libraries() {
  local folder=$1 file library
  shift
  for file in "$@"; do
    for library in $(ldd "$file" 2>/dev/null | grep -oE '/[^ ]+'); do
      [ -e "$folder$library" ] || { mkdir -p "$folder$(dirname "$library")"; cp -L "$library" "$folder$library"; }
    done
  done
}
# tools FOLDER NAME...: programs of this machine, where they are here
tools() {
  local folder=$1 name file
  shift
  for name in "$@"; do
    file=$(command -v "$name") || { echo "a kind node needs $name" >&2; exit 3; }
    mkdir -p "$folder$(dirname "$file")"
    cp -L "$file" "$folder$file"
    libraries "$folder" "$file"
  done
}
iptables_names() { # of the folder where nft's version of it is
  local a s
  for a in iptables ip6tables; do for s in '' -save -restore; do ln -s xtables-nft-multi "$1/$a$s"; done; done
}

# What kubeadm starts, as images of one program each.
mkdir "$work/images"
"$(path_of kubeadm)" config images list --kubernetes-version "$version" >"$work/wanted" 2>/dev/null
wanted() { grep -E "/$1:" "$work/wanted"; }
save() { # NAME FOLDER [CHANGE...]
  local name=$1 folder=$2 changes=()
  shift 2
  for change in "$@"; do changes+=(--change "$change"); done
  tar -C "$folder" --owner=0 --group=0 -c . |
    docker import --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' "${changes[@]}" - "$(wanted "$name")" >/dev/null
  docker save -o "$work/images/$name.tar" "$(wanted "$name")"
  docker rmi "$(wanted "$name")" >/dev/null
}
for name in kube-apiserver kube-controller-manager kube-scheduler; do
  install -D "$(path_of $name)" "$work/$name/usr/local/bin/$name"
  save "$name" "$work/$name"
done
install -D "$etcd" "$work/etcd/usr/local/bin/etcd"
libraries "$work/etcd" "$etcd"
save etcd "$work/etcd"
install -D "$(path_of pause)" "$work/pause/pause"
save pause "$work/pause" 'ENTRYPOINT ["/pause"]' 'USER 65535:65535'
install -D "$(path_of coredns)" "$work/coredns/coredns"
save coredns "$work/coredns" 'ENTRYPOINT ["/coredns"]'
proxy=$work/kube-proxy
install -D "$(path_of kube-proxy)" "$proxy/usr/local/bin/kube-proxy"
tools "$proxy" nft conntrack
mkdir -p "$proxy/run" "$proxy/tmp"
save kube-proxy "$proxy"

# The node.
node=$work/node
mkdir -p "$node"/{usr/{bin,sbin,lib/cni,lib64},etc/{kubernetes/manifests,containerd},var/{lib,log,tmp},proc,sys,dev,run,tmp,root,opt/cni}
for folder in bin sbin lib lib64; do ln -s usr/$folder "$node/$folder"; done
ln -s ../run "$node/var/run"
ln -s /usr/lib/cni "$node/opt/cni/bin"
tools "$node" bash containerd containerd-shim-runc-v2 ctr runc nft conntrack ip mount umount xtables-nft-multi
iptables_names "$node/usr/sbin"
extensions=$(dirname "$(find /usr/lib -name libxt_conntrack.so | head -1)")
mkdir -p "$node$extensions"
cp "$extensions"/*.so "$node$extensions/"
libraries "$node" "$extensions"/*.so
busybox=$(command -v busybox)
for name in $("$busybox" --list); do
  [ -e "$node/usr/bin/$name" ] || [ -e "$node/usr/sbin/$name" ] || ln -s busybox "$node/usr/bin/$name"
done
rm -f "$node/usr/bin/busybox"
cp -L "$busybox" "$node/usr/bin/busybox"
for name in bridge host-local portmap loopback; do
  cp -L "/usr/lib/cni/$name" "$node/usr/lib/cni/"
  libraries "$node" "/usr/lib/cni/$name"
done
for file in /etc/protocols /etc/services /etc/ethertypes; do [ ! -e $file ] || cp $file "$node/etc/"; done
echo 'root:x:0:0:root:/root:/bin/sh' >"$node/etc/passwd"
echo 'root:x:0:' >"$node/etc/group"
echo 'hosts: files dns' >"$node/etc/nsswitch.conf"
printf 'ID=none\nPRETTY_NAME="no distribution"\n' >"$node/etc/os-release"
for name in kubelet kubeadm kubectl; do install "$(path_of $name)" "$node/usr/bin/$name"; done
mkdir "$node/kind"
cp -r "$here"/node/{entrypoint,cgroups,crictl,manifests} "$node/kind/"
ln -s /kind/crictl "$node/usr/bin/crictl"
echo -n "$version" >"$node/kind/version"
sed "s#@PAUSE@#$(wanted pause)#" "$here/node/containerd.toml" >"$node/etc/containerd/config.toml"

# The images are unpacked beforehand, by a containerd of this machine.
mkdir "$work/state"
cat >"$work/containerd.toml" <<Y
version = 2
root = "$node/var/lib/containerd"
state = "$work/state"
oom_score = 0
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
  address = "$work/sock"
Y
containerd -c "$work/containerd.toml" >"$run/log/preload.log" 2>&1 &
preload=$!
c() { ctr -a "$work/sock" -n k8s.io "$@"; }
for _ in $(seq 100); do ! c version >/dev/null 2>&1 || break; sleep 0.1; done
for archive in "$work"/images/*.tar; do c images import "$archive" >/dev/null; done
# Layers that are unpacked need not be kept packed, too.
for blob in $(c content ls | awk '$2 ~ /[MG]i?B$/ {print $1}'); do c content rm "$blob" >/dev/null; done
for _ in $(seq 50); do
  [ -n "$(find "$node/var/lib/containerd/io.containerd.content.v1.content/blobs" -size +1M -print -quit)" ] || break
  sleep 0.1
done
kill "$preload"
wait "$preload" || :
tar -C "$node" --numeric-owner -c . | docker import --change 'ENTRYPOINT ["/bin/bash","/kind/entrypoint"]' - "$image" >/dev/null
echo "$image"
