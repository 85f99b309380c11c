#!/usr/bin/env bash
# Starts a kind cluster and prints the kubeconfig's path.
#
#   up.sh [NODES]   one if left out; the first runs the control plane, and pods
#   E2E_BODY        kind-local (the default): a docker and a node image made on this machine; kind: your docker,
#                   and the node image that kind pulls
#   E2E_KIND_STATE  where kubeconfig, volumes and logs go
#
# Exit code 3 and the reason on stderr if something is missing. down.sh takes it all away.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
nodes=${1:-1}
began=$SECONDS
lap() { echo "$((SECONDS - began)) s: $*" >&2; }
missing() { echo "body $body needs $1" >&2; exit 3; }
kind=$(program kind)
command -v docker >/dev/null || missing docker
mkdir -p "$run"/{kubeconfig,volumes,log,pid}
ln -sfn "$(program kubectl)" "$run/kubectl"
image=()
published=
if [ "$body" = kind-local ]; then
  [ "$(id -u)" -eq 0 ] || missing root
  for tool in dockerd containerd runc iptables jq busybox conntrack nft; do
    command -v "$tool" >/dev/null || missing "$tool (Debian: docker.io containerd runc containernetworking-plugins nftables iptables conntrack iproute2 busybox-static jq)"
  done
  "$here/docker-up.sh"
  lap "docker answers"
  image=(--image "$("$here/node-image.sh")")
  published=", apiServerAddress: $network_ip, apiServerPort: 16443"
  lap "the node image is there"
else
  docker info >/dev/null 2>&1 || missing "a docker that answers"
fi
cat >"$run/audit.yaml" <<Y
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - {level: Metadata, userGroups: ["system:serviceaccounts:etcd-operator"], verbs: [create, update, patch, delete, deletecollection]}
  - {level: None}
Y
{
  cat <<Y
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
networking: {podSubnet: 10.244.0.0/16, kubeProxyMode: nftables$published}
# Mounted Secrets follow their objects as soon as in the plain body: cases change certificates every half a minute.
kubeadmConfigPatches:
  - |
    kind: KubeletConfiguration
    syncFrequency: 10s
nodes:
  - role: control-plane
    extraMounts:
      - {hostPath: $run/volumes, containerPath: $run/volumes}
      - {hostPath: $run/audit.yaml, containerPath: /etc/kubernetes/audit.yaml, readOnly: true}
      - {hostPath: $run/log, containerPath: /var/log/kubernetes}
    kubeadmConfigPatches:
      - |
        kind: ClusterConfiguration
        apiServer:
          extraArgs:
            audit-policy-file: /etc/kubernetes/audit.yaml
            audit-log-path: /var/log/kubernetes/audit.log
            audit-log-mode: blocking
          extraVolumes:
            - {name: policy, hostPath: /etc/kubernetes/audit.yaml, mountPath: /etc/kubernetes/audit.yaml, readOnly: true, pathType: File}
            - {name: log, hostPath: /var/log/kubernetes, mountPath: /var/log/kubernetes, pathType: Directory}
Y
  for _ in $(seq 2 "$nodes"); do
    printf '  - role: worker\n    extraMounts:\n      - {hostPath: %s/volumes, containerPath: %s/volumes}\n' "$run" "$run"
  done
} >"$run/kind.yaml"
"$kind" create cluster --name "$cluster" --config "$run/kind.yaml" "${image[@]}" --wait 120s >&2
lap "$nodes node(s) are ready"
if [ "$body" = kind-local ]; then
  subnet=$(docker network inspect kind -f '{{range .IPAM.Config}}{{println .Subnet}}{{end}}' | grep -F . | head -1)
  ip route replace "$subnet" via "$network_ip"
fi
kubectl() { "$run/kubectl" "$@"; }
# Pods may run everywhere, as in the plain cluster; and the name server tells what it was asked.
kubectl taint node "$cluster-control-plane" node-role.kubernetes.io/control-plane:NoSchedule- >/dev/null 2>&1 || :
kubectl -n kube-system get configmap coredns -o json |
  jq '.data.Corefile |= (sub("errors\n"; "errors\n    log . \"{name} {type} {rcode} {rsize}\"\n") | sub("ttl 30"; "ttl 1") | sub("cache 30[^\n]*\\{[^}]*\\}|cache 30"; "cache 1"))' |
  kubectl apply -f - >/dev/null 2>&1
kubectl -n kube-system scale deployment coredns --replicas=1 >/dev/null
kubectl -n kube-system rollout restart deployment coredns >/dev/null
kubectl -n kube-system rollout status deployment coredns --timeout=120s >&2
setsid nohup "$repository/node_modules/.bin/node" "$repository/test/e2e/plain/provisioner.ts" "$run/volumes" \
  </dev/null >"$run/log/provisioner.log" 2>&1 &
echo $! >"$run/pid/provisioner"
lap "names are answered"
echo "$KUBECONFIG"
