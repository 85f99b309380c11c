#!/usr/bin/env bash
# Gives the plain cluster, while it is up, volumes by the Container Storage Interface: the driver of
# test/kubernetes/go/csi-driver for each kubelet, and Kubernetes' external provisioner and resizer, all as processes of
# this machine; and the storage class plain-csi. down.sh ends them with all else.
#
#   csi.sh NODES   as many as up.sh was given
#
# Needs from Debian: xfsprogs. Exit code 3 and the reason on stderr if something is missing.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
nodes=$1
for tool in mkfs.xfs xfs_growfs losetup; do
  command -v "$tool" >/dev/null || { echo "volumes by CSI need $tool (Debian: xfsprogs, mount)" >&2; exit 3; }
done
[ ! -e "$run/pid/csi-resizer" ] || exit 0
programs=$("$repository/test/kubernetes/build.sh" csi-driver csi-provisioner csi-resizer)
program() { grep "/$1\$" <<<"$programs"; }
mkdir -p "$run/csi"
await() { # for a socket
  for _ in $(seq 150); do [ ! -S "$1" ] || return 0; sleep 0.2; done
  echo "there is no $1: see $run/log" >&2
  exit 1
}
for i in $(seq "$nodes"); do
  socket=$sockets/$i/csi.sock
  start "$i" "csi-driver-$i" "$(program csi-driver)" "node$i" "$socket" \
    "$run/node$i/kubelet/plugins_registry/loop.sock" "$run/csi"
  await "$socket"
done
# Any of the drivers can make volumes and enlarge them: they share the folder.
for name in csi-provisioner csi-resizer; do
  start 1 "$name" "$(program $name)" --kubeconfig="$kubeconfigs/admin" --csi-address="$sockets/1/csi.sock" \
    --timeout=60s --v=2
done
"$run/kubectl" --kubeconfig="$kubeconfigs/admin" apply -f - <<'Y' >&2
apiVersion: storage.k8s.io/v1
kind: CSIDriver
metadata: {name: loop.e2e.etcd-ts.dev}
spec: {attachRequired: false, fsGroupPolicy: File, volumeLifecycleModes: [Persistent]}
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: plain-csi}
provisioner: loop.e2e.etcd-ts.dev
parameters: {csi.storage.k8s.io/fstype: xfs}
allowVolumeExpansion: true
reclaimPolicy: Delete
volumeBindingMode: WaitForFirstConsumer
Y
for i in $(seq "$nodes"); do
  path="jsonpath={.spec.drivers[*].name}"
  for _ in $(seq 150); do
    drivers=$("$run/kubectl" --kubeconfig="$kubeconfigs/admin" get csinode "node$i" -o "$path")
    case $drivers in *loop.e2e*) continue 2 ;; esac
    sleep 0.2
  done
  echo "node$i does not know the driver: see $run/log" >&2
  exit 1
done
