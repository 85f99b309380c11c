#!/usr/bin/env bash
# Ends the daemon that docker-up.sh started, with its containers and its network. KEEP=1 keeps its images.
set -uo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
if pid=$(cat "$run/dockerd.pid" 2>/dev/null); then
  docker ps -aq 2>/dev/null | xargs -r docker rm -f >/dev/null
  kill "$pid" 2>/dev/null
  for _ in $(seq 100); do [ -d "/proc/$pid" ] || break; sleep 0.1; done
  [ ! -d "/proc/$pid" ] || kill -9 "$pid"
fi
for subnet in $(ip route | awk '$3 == "'"$network_ip"'" {print $1}'); do ip route del "$subnet" via "$network_ip"; done
ip netns del "$network" 2>/dev/null
ip link del etcdkind0 2>/dev/null
[ ! -s "$run/sysctl" ] || while read -r name value; do echo "$value" >"/proc/sys/$name"; done <"$run/sysctl"
find /sys/fs/cgroup -depth -type d -path '*/docker/*' -exec rmdir {} + 2>/dev/null
find /sys/fs/cgroup -mindepth 2 -maxdepth 2 -type d -name docker -exec rmdir {} + 2>/dev/null
rm -rf "$sockets" "$run/sysctl" "$run/dockerd.pid"
[ "${KEEP:-}" ] || rm -rf "$run/docker"
