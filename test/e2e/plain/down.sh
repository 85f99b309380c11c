#!/usr/bin/env bash
# Stops what up.sh started, by the pids that it noted, and removes containers, mounts, cgroups, networks and
# state. KEEP=1 keeps the state, with the logs.
set -uo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
names() { ls "$run/pid" 2>/dev/null; }
stop() { # nothing here is worth a graceful end
  local name pid
  for name in "$@"; do
    pid=$(cat "$run/pid/$name" 2>/dev/null) && kill -9 "$pid" 2>/dev/null
    rm -f "$run/pid/$name"
  done
}
# shellcheck disable=SC2046
stop $(names | grep -v '^containerd')
for socket in "$sockets"/*/containerd.sock; do
  [ -S "$socket" ] || continue
  for task in $(ctr -a "$socket" -n k8s.io task ls -q 2>/dev/null); do
    ctr -a "$socket" -n k8s.io task rm -f "$task" >/dev/null 2>&1 &
  done
  wait
done
# shellcheck disable=SC2046
stop $(names)
# What is left of containers: processes in our cgroups, and the shims of our containerds, which would keep the
# nodes' networks alive.
for procs in $(find "$cgroups" -path "*/$cgroup*" -name cgroup.procs 2>/dev/null); do
  while read -r pid; do kill -9 "$pid" 2>/dev/null; done <"$procs"
done
for file in $(LC_ALL=C grep -las -- "-address.$sockets/" /proc/[0-9]*/cmdline); do
  pid=${file#/proc/} pid=${pid%/cmdline}
  case $(cat "/proc/$pid/comm" 2>/dev/null) in containerd-shim*) kill -9 "$pid" 2>/dev/null ;; esac
done
for mount in $(awk '{print $2}' /proc/mounts | grep -E "^($run|$sockets)/" | sort -r); do
  umount "$mount" 2>/dev/null || umount -l "$mount" 2>/dev/null
done
find "$cgroups" -depth -type d -path "*/$cgroup*" -exec rmdir {} + 2>/dev/null
for one in $(ls /run/netns 2>/dev/null | grep "^$network-"); do ip netns del "$one"; done
for one in $(ip -o link 2>/dev/null | sed -n "s/^[0-9]*: \\($device[0-9]*\\)@.*/\\1/p"); do ip link del "$one"; done
ip link del "$bridge" 2>/dev/null
find /var/log/containers -type l -lname "$run/*" -delete 2>/dev/null
[ ! -s "$run/sysctl" ] || while read -r name value; do echo "$value" >"/proc/sys/$name"; done <"$run/sysctl"
[ "${KEEP:-}" ] || rm -rf "$run" "$sockets"
