#!/usr/bin/env bash
# Starts a real Kubernetes on this machine without images from anywhere: API server, controller manager,
# scheduler and CoreDNS over a member of our own store, and on each node containerd, kubelet and kube-proxy, each
# node in a network of its own. Dynamic volumes come from provisioner.ts. Prints the kubeconfig's path.
#
#   up.sh [NODES] [ARCHIVE...]   one node if left out; image archives that every node gets
#   E2E_PLACE                    a digit, so that several can be up
#   E2E_STATE                    where certificates, data and logs go
#   E2E_STORE                    the etcd that Kubernetes keeps its objects in: bin/etcd of this checkout
#
# Needs root on Linux, and from Debian: containerd runc containernetworking-plugins nftables iptables conntrack
# iproute2 kmod openssl. Exit code 3 and the reason on stderr if something is missing. down.sh takes it all away.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
nodes=${1:-1}
shift || true
began=$(date +%s%N)
lap() { local d=$((($(date +%s%N) - began) / 100000000)); printf '%4d.%ds %s\n' $((d / 10)) $((d % 10)) "$*" >&2; }
missing() { echo "a Kubernetes on this machine needs $1" >&2; exit 3; }
[ "$(uname -s)" = Linux ] && [ "$(id -u)" -eq 0 ] || missing "root on Linux"
for tool in containerd runc ctr nft ip openssl curl nsenter; do
  command -v "$tool" >/dev/null || missing "$tool (Debian: containerd runc containernetworking-plugins nftables iptables conntrack iproute2 kmod openssl curl)"
done
[ -x /usr/lib/cni/bridge ] || missing "/usr/lib/cni/bridge (Debian: containernetworking-plugins)"
[ ! -e "$run/pid/apiserver" ] || missing "the last one to be taken down first: test/e2e/plain/down.sh"
names=(kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl coredns pause)
programs=$("$repository/test/kubernetes/build.sh" "${names[@]}")
program() { grep "/$1\$" <<<"$programs"; }
lap "programs are built"

rm -rf "$run" "$sockets"
mkdir -p "$run"/{pid,log,store,volumes,images} "$sockets"
: >"$run/resolv.conf"
ln -s "$(program kubectl)" "$run/kubectl"
# The kubelet sets these for the whole machine; down.sh puts them back.
for name in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops; do
  echo "$name $(cat /proc/sys/$name)" >>"$run/sysctl"
done
"$here/certificates.sh" "$nodes"

# One bridge, a network and a pair of devices for each node; no route to anything else.
ip link add "$bridge" type bridge
ip addr add "$host_ip/24" dev "$bridge"
ip link set "$bridge" up
for i in $(seq "$nodes"); do
  ip netns add "$network-$i"
  ip link add "$device$i" type veth peer name node0 netns "$network-$i"
  ip link set "$device$i" master "$bridge" up
  inside "$i" ip link set lo up
  inside "$i" ip addr add "$(node_ip "$i")/24" dev node0
  inside "$i" ip link set node0 up
  inside "$i" ip route add default via "$host_ip" # for the choice of a source address only: nobody forwards
  inside "$i" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
  for j in $(seq "$nodes"); do
    [ "$j" = "$i" ] || inside "$i" ip route add "$pod_net.$j.0/24" via "$(node_ip "$j")"
  done
done
lap "certificates and networks are made"

# Who wrote what; what other parts of Kubernetes write is left out.
cat >"$run/audit.yaml" <<Y
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - {level: Metadata, userGroups: ["system:serviceaccounts:etcd-operator"], verbs: [create, update, patch, delete, deletecollection]}
  - {level: None}
Y
start 1 store "${E2E_STORE:-$repository/bin/etcd}" --name e2e --data-dir "$run/store" --unsafe-no-fsync --log-level warn \
  --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
  --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 \
  --initial-cluster e2e=http://127.0.0.1:2380
start 1 apiserver "$(program kube-apiserver)" --etcd-servers=http://127.0.0.1:2379 \
  --bind-address=0.0.0.0 --secure-port=6443 --advertise-address="$first_ip" \
  --tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key" --client-ca-file="$pki/ca.crt" \
  --kubelet-client-certificate="$pki/apiserver-kubelet.crt" --kubelet-client-key="$pki/apiserver-kubelet.key" \
  --kubelet-certificate-authority="$pki/ca.crt" --kubelet-preferred-address-types=InternalIP \
  --service-account-issuer=https://kubernetes.default.svc.cluster.local \
  --service-account-key-file="$pki/sa.pub" --service-account-signing-key-file="$pki/sa.key" \
  --service-cluster-ip-range="$service_cidr" --authorization-mode=Node,RBAC \
  --enable-admission-plugins=NodeRestriction --allow-privileged=true --profiling=false --v=1 \
  --audit-policy-file="$run/audit.yaml" --audit-log-path="$run/log/audit.log" --audit-log-mode=blocking

# A one-layer image of the program that keeps a pod's namespaces.
make_pause_image() {
  local work layer config
  work=$(mktemp -d)
  cp "$(program pause)" "$work/pause"
  tar -C "$work" --owner=0 --group=0 --mtime=@0 -cf "$work/layer.tar" pause
  layer=$(sha256sum "$work/layer.tar" | cut -d' ' -f1)
  config="{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Entrypoint\":[\"/pause\"],\"User\":\"65535:65535\"},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:$layer\"]}}"
  echo -n "$config" >"$work/config.json"
  echo "[{\"Config\":\"config.json\",\"RepoTags\":[\"localhost/pause:e2e\"],\"Layers\":[\"layer.tar\"]}]" >"$work/manifest.json"
  tar -C "$work" -cf "$run/images/pause.tar" manifest.json config.json layer.tar
  rm -rf "$work"
}
make_pause_image

# A cgroup for a node: one, or one in each hierarchy of version 1 that a kubelet looks at. All pods together would else
# have no more of a busy machine than one process outside.
make_cgroup() {
  local i=$1 hierarchy base folder file
  if has_cgroup2; then
    mkdir -p "$cgroups/$cgroup"
    hand_on "$cgroups"
    hand_on "$cgroups/$cgroup"
    echo 800 >"$cgroups/$cgroup/cpu.weight"
    mkdir -p "$cgroups/$cgroup/$i"
    return
  fi
  for hierarchy in cpu cpuacct cpuset memory pids devices freezer blkio systemd hugetlb; do
    base=$cgroups/$hierarchy
    [ -d "$base" ] || continue
    mkdir -p "$base/$cgroup/$i"
    [ "$hierarchy" != cpu ] || echo 8192 >"$base/$cgroup/cpu.shares"
    [ "$hierarchy" = cpuset ] || continue
    for folder in "$cgroup" "$cgroup/$i"; do
      for file in cpuset.cpus cpuset.mems; do cat "$base/$file" >"$base/$folder/$file"; done
    done
  done
}

for i in $(seq "$nodes"); do
  node=$run/node$i
  mkdir -p "$node"/{containerd,cni,kubelet,podlogs} "$sockets/$i"
  cat >"$node/containerd.toml" <<Y
version = 2
root = "$node/containerd"
state = "$sockets/$i/state"
oom_score = 0
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.internal.v1.opt"]
[grpc]
  address = "$sockets/$i/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:e2e"
  restrict_oom_score_adj = true
  disable_apparmor = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$node/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
Y
  cat >"$node/cni/10-bridge.conflist" <<Y
{"cniVersion": "0.4.0", "name": "e2e", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "isDefaultGateway": true, "ipMasq": false, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "$node/cni-ipam", "ranges": [[{"subnet": "$pod_net.$i.0/24", "gateway": "$pod_net.$i.1"}]]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}
]}
Y
  start "$i" "containerd-$i" containerd -c "$node/containerd.toml"
  make_cgroup "$i"
  cat >"$node/kubelet.yaml" <<Y
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
failCgroupV1: false
failSwapOn: false
cgroupDriver: cgroupfs
cgroupRoot: /$cgroup/$i
containerRuntimeEndpoint: unix://$sockets/$i/containerd.sock
address: $(node_ip "$i")
tlsCertFile: $pki/kubelet-server-$i.crt
tlsPrivateKeyFile: $pki/kubelet-server-$i.key
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $pki/ca.crt}}
authorization: {mode: Webhook}
clusterDNS: [$first_ip]
clusterDomain: cluster.local
resolvConf: $run/resolv.conf
podLogsDir: $node/podlogs
volumePluginDir: $node/volumeplugins
imageGCHighThresholdPercent: 100
evictionHard: {memory.available: "100Mi", nodefs.available: "0%", nodefs.inodesFree: "0%", imagefs.available: "0%", imagefs.inodesFree: "0%"}
nodeStatusUpdateFrequency: 5s
syncFrequency: 10s
Y
done
api() { curl -sf --cacert "$pki/ca.crt" --cert "$pki/admin.crt" --key "$pki/admin.key" "https://$first_ip:6443$1"; }
for _ in $(seq 600); do ! api /readyz >/dev/null || break; sleep 0.2; done
api /readyz >/dev/null || { tail -5 "$run/log/apiserver.log" >&2; exit 1; }
lap "the API server is ready"

start 1 kcm "$(program kube-controller-manager)" --kubeconfig="$kubeconfigs/kcm" \
  --authentication-kubeconfig="$kubeconfigs/kcm" --authorization-kubeconfig="$kubeconfigs/kcm" \
  --bind-address=127.0.0.1 --leader-elect=false --use-service-account-credentials=true \
  --root-ca-file="$pki/ca.crt" --service-account-private-key-file="$pki/sa.key" \
  --cluster-signing-cert-file="$pki/ca.crt" --cluster-signing-key-file="$pki/ca.key" \
  --service-cluster-ip-range="$service_cidr" --node-monitor-grace-period=40s --v=1
start 1 scheduler "$(program kube-scheduler)" --kubeconfig="$kubeconfigs/scheduler" \
  --authentication-kubeconfig="$kubeconfigs/scheduler" --authorization-kubeconfig="$kubeconfigs/scheduler" \
  --bind-address=127.0.0.1 --leader-elect=false --v=1
cat >"$run/Corefile" <<Y
.:53 {
    bind $first_ip
    errors
    log . "{name} {type} {rcode} {rsize}"
    ready 127.0.0.1:8181
    kubernetes cluster.local in-addr.arpa {
        kubeconfig $kubeconfigs/coredns e2e
        pods insecure
        ttl 1
    }
}
Y
start 1 coredns "$(program coredns)" -conf "$run/Corefile"
for i in $(seq "$nodes"); do
  node=$run/node$i
  socket=$sockets/$i/containerd.sock
  for _ in $(seq 150); do ! ctr -a "$socket" version >/dev/null 2>&1 || break; sleep 0.2; done
  for archive in "$run/images/pause.tar" "$@"; do
    ctr -a "$socket" -n k8s.io images import "$archive" >/dev/null
  done
  start "$i" "kubelet-$i" "$(program kubelet)" --config="$node/kubelet.yaml" --kubeconfig="$kubeconfigs/kubelet-$i" \
    --root-dir="$node/kubelet" --hostname-override="node$i" --node-ip="$(node_ip "$i")" --v=2
  cat >"$node/proxy.yaml" <<Y
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: $kubeconfigs/proxy}
hostnameOverride: node$i
mode: nftables
clusterCIDR: $pod_net.0.0/16
oomScoreAdj: 0
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
healthzBindAddress: 127.0.0.1:10256
metricsBindAddress: 127.0.0.1:10249
Y
  start "$i" "proxy-$i" "$(program kube-proxy)" --config="$node/proxy.yaml" --v=1
done
lap "images are imported"
# Volumes: outside the nodes' networks, for it only talks to the API server.
KUBECONFIG=$kubeconfigs/admin setsid nohup "$repository/node_modules/.bin/node" "$here/provisioner.ts" "$run/volumes" \
  </dev/null >"$run/log/provisioner.log" 2>&1 &
echo $! >"$run/pid/provisioner"
ready() { # counts what is ready of what is asked for
  api /api/v1/nodes | tr -d ' \n' | grep -o '"type":"Ready","status":"True"\|"status":"True"[^}]*"type":"Ready"\|"type":"Ready"[^}]*"status":"True"' | wc -l
}
for _ in $(seq 600); do [ "$(ready)" -lt "$nodes" ] || break; sleep 0.2; done
[ "$(ready)" -ge "$nodes" ] || { echo "the nodes do not become ready: see $run/log" >&2; exit 1; }
for _ in $(seq 300); do ! api /api/v1/namespaces/default/serviceaccounts/default >/dev/null || break; sleep 0.2; done
for _ in $(seq 300); do ! inside 1 curl -sf http://127.0.0.1:8181/ready >/dev/null || break; sleep 0.2; done
lap "$nodes node(s) ready"
echo "$kubeconfigs/admin"
