# Where things of the kind cluster are; sourced by the scripts beside it.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(cd "$here/../../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/etcd-ts
run=${E2E_KIND_STATE:-$cache/e2e/kind} # kubeconfig, volumes, logs, our docker's data
body=${E2E_BODY:-kind-local}
cluster=etcd-ts-e2e
sockets=/run/etcd-ts-kind # a short path: sockets have at most 108 characters

program() { "$repository/test/kubernetes/build.sh" "$1"; }

if [ "$body" = kind-local ]; then
  # A docker of our own in a network of its own: nothing of the user's is touched, and no rule of this machine's.
  export DOCKER_HOST=unix://$run/docker.sock
fi
network=etcd-ts-kind
host_ip=10.202.0.1    # this machine
network_ip=10.202.0.2 # that network; the API server is published there
inside() { nsenter --net="/run/netns/$network" -- "$@"; }
export KUBECONFIG=$run/kubeconfig/admin
