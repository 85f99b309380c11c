#!/usr/bin/env bash
# Starts a docker daemon of our own, for body kind-local, in a network of its own that this machine reaches by a
# pair of devices; docker-down.sh takes both away. Needs root, and from Debian: docker.io iptables iproute2.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
mkdir -p "$run"/log
if docker version >/dev/null 2>&1; then exit; fi
# The kubelets in the nodes set these for the whole machine.
[ -e "$run/sysctl" ] || for name in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops; do
  echo "$name $(cat /proc/sys/$name)"
done >"$run/sysctl"
if [ ! -e "/run/netns/$network" ]; then
  ip netns add "$network"
  ip link add etcdkind0 type veth peer name etcdkind1 netns "$network"
  ip addr add "$host_ip/30" dev etcdkind0
  ip link set etcdkind0 up
  inside ip link set lo up
  inside ip addr add "$network_ip/30" dev etcdkind1
  inside ip link set etcdkind1 up
  # Docker looks for a default route, and so do nodes; nobody forwards what goes there.
  inside ip route add default via "$host_ip"
fi
arguments=(--exec-opt native.cgroupdriver=cgroupfs --storage-driver "${DOCKER_STORAGE:-overlay2}" --bip 172.30.0.1/24)
# Root in a container of somebody else's may lack a capability that --privileged asks for.
sys_resource=24
bounding=$((16#$(awk '/^CapBnd/ {print $2}' /proc/self/status)))
if [ $((bounding & (1 << sys_resource))) = 0 ]; then
  arguments+=(--add-runtime "capped=$here/runc-capped" --default-runtime capped --oom-score-adjust 0)
fi
setsid nohup nsenter --net="/run/netns/$network" -- dockerd -H "$DOCKER_HOST" --data-root "$run/docker" \
  --exec-root "$sockets" --pidfile "$run/dockerd.pid" "${arguments[@]}" </dev/null >"$run/log/dockerd.log" 2>&1 &
for _ in $(seq 150); do
  if docker version >/dev/null 2>&1; then
    # Nodes' ports are reached from here.
    inside iptables -P FORWARD ACCEPT
    exit 0
  fi
  sleep 0.2
done
tail -5 "$run/log/dockerd.log" >&2
exit 1
