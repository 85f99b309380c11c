# Where things of the plain cluster are; sourced by the scripts beside it.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(cd "$here/../../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/etcd-ts
# Several can be up at once: E2E_PLACE, 0 to 9, names what they would else share of this machine.
place=${E2E_PLACE:-0}
case $place in [0-9]) ;; *) echo "E2E_PLACE must be a digit, not $place" >&2; exit 2 ;; esac
run=${E2E_STATE:-$cache/e2e/run$place} # certificates, data, logs, pids, kubelets' folders
sockets=/run/etcd-ts-e2e-$place     # a short path: sockets have at most 108 characters
bridge=etcdts$place                 # between the nodes; who tests is at its first address
network=etcdts-$place               # node N's network is network-N
device=etcdtsv$place-               # this machine's end of the pair of devices of node N is deviceN
cgroup=etcdts-e2e-$place
host_ip=10.201.$place.1
pod_net=10.245                      # node N: pods in 10.245.N.0/24, gateway 10.245.N.1
service_cidr=10.97.0.0/16
service_api=10.97.0.1
node_ip() { echo "10.201.$place.$(($1 + 1))"; }
first_ip=$(node_ip 1)               # node 1 also runs the control plane and the DNS server
pki=$run/pki
kubeconfigs=$run/kubeconfig

# inside N CMD...: in node N's network, and only that: /sys and the cgroups stay as they are.
inside() { local n=$1; shift; nsenter --net="/run/netns/$network-$n" -- "$@"; }
# start N NAME CMD...: starts it in node N's network and notes its pid.
start() {
  local n=$1 name=$2
  shift 2
  setsid nohup nsenter --net="/run/netns/$network-$n" -- "$@" </dev/null >"$run/log/$name.log" 2>&1 &
  echo $! >"$run/pid/$name"
}

cgroups=/sys/fs/cgroup
# Whether the machine has cgroups of version 2 alone: one tree, instead of one for each controller.
has_cgroup2() { [ "$(stat -fc %T "$cgroups" 2>/dev/null)" = cgroup2fs ]; }
# hand_on GROUP: the groups below it have all of its controllers that a kubelet looks at.
hand_on() {
  local controller
  for controller in cpu cpuset memory pids hugetlb io; do
    case " $(cat "$1/cgroup.controllers") " in *" $controller "*) ;; *) continue ;; esac
    case " $(cat "$1/cgroup.subtree_control") " in *" $controller "*) continue ;; esac
    echo "+$controller" >"$1/cgroup.subtree_control" || return 1
  done
}
