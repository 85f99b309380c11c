# Where things of the plain cluster are; sourced by the scripts beside it.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(cd "$here/../../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/etcd-ts
run=${E2E_STATE:-$cache/e2e/run}    # certificates, data, logs, pids, kubelets' folders
sockets=/run/etcd-ts-e2e            # a short path: sockets have at most 108 characters
bridge=etcdts0                      # between the nodes; who tests is at its first address
host_ip=10.201.0.1
pod_net=10.245                      # node N: pods in 10.245.N.0/24, gateway 10.245.N.1
service_cidr=10.97.0.0/16
service_api=10.97.0.1
node_ip() { echo "10.201.0.$(($1 + 1))"; }
first_ip=$(node_ip 1)               # node 1 also runs the control plane and the DNS server
pki=$run/pki
kubeconfigs=$run/kubeconfig

# inside N CMD...: in node N's network, and only that: /sys and the cgroups stay as they are.
inside() { local n=$1; shift; nsenter --net="/run/netns/etcdts-$n" -- "$@"; }
# start N NAME CMD...: starts it in node N's network and notes its pid.
start() {
  local n=$1 name=$2
  shift 2
  setsid nohup nsenter --net="/run/netns/etcdts-$n" -- "$@" </dev/null >"$run/log/$name.log" 2>&1 &
  echo $! >"$run/pid/$name"
}
