#!/usr/bin/env bash
# Whether this machine can run test/e2e/plain at all: everything that it needs of the kernel is tried once, under
# names of its own, and taken away again. Exit code 3 and one line that says what cannot be done if not. A program
# that is not installed is up.sh's concern, and what needs it is not tried here.
#
#   E2E_STATE   as for up.sh: overlay file systems are tried where those of containers will be
set -uo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cannot() { echo "this machine cannot run a Kubernetes: $1"; exit 3; }
has() { command -v "$1" >/dev/null; }
[ "$(uname -s)" = Linux ] || cannot "it is no Linux"
[ "$(uname -m)" = x86_64 ] || cannot "it is no x86_64"
[ "$(id -u)" -eq 0 ] || cannot "not root"
need_kib=$((5 << 20))
[ "$(awk '$1 == "MemAvailable:" {print $2}' /proc/meminfo)" -ge "$need_kib" ] || cannot "less than 5 GiB of memory are free"
mkdir -p "$(dirname "$run")" || cannot "no folder $(dirname "$run")"
[ "$(df -Pk "$(dirname "$run")" | awk 'END {print $4}')" -ge $((2 * need_kib)) ] || cannot "less than 10 GiB are free at $(dirname "$run")"

id=$$
network=etcdts-can-$id
device=etcdtsc$id
work=$(mktemp -d -p "$(dirname "$run")") || cannot "no folder can be made at $(dirname "$run")"
groups=()
undo() {
  ! has runc || runc --root "$work/runc" delete -f "$network" >/dev/null 2>&1
  ! has ip || { ip link del "${device}b"; ip link del "$device"; ip netns del "$network"; } >/dev/null 2>&1
  umount "$work/all" 2>/dev/null
  # runc makes them in all hierarchies, and a process that was killed may still be in one.
  local tries
  for tries in 1 2 3 4 5; do
    find "$cgroups" -mindepth 1 -maxdepth 3 -depth -type d -path "*/$network*" -exec rmdir {} + 2>/dev/null && break
    sleep 0.1
  done
  rm -rf "$work"
}
trap undo EXIT

unshare --net --mount --pid --ipc --uts --fork true 2>/dev/null || cannot "no namespaces of networks, mounts and processes"
# The kubelet sets these and reads the kernel's log; up.sh lets node networks forward.
for name in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops; do
  { value=$(cat "/proc/sys/$name") && echo "$value" >"/proc/sys/$name"; } 2>/dev/null || cannot "/proc/sys/$name cannot be written"
done
{ exec 8</dev/kmsg; } 2>/dev/null || cannot "/dev/kmsg cannot be read"
exec 8<&-

# What up.sh makes and the kubelet looks at: a tree with these controllers, or the hierarchies of version 1.
if has_cgroup2; then
  for controller in cpu cpuset memory pids; do
    case " $(cat "$cgroups/cgroup.controllers") " in
      *" $controller "*) ;;
      *) cannot "$cgroups has no controller $controller" ;;
    esac
  done
  # In a container whose own processes are in the uppermost group it hands nothing on.
  hand_on "$cgroups" 2>/dev/null ||
    cannot "$cgroups hands its controllers on to nobody: put the processes in $cgroups/cgroup.procs into a group of their own"
  mkdir "$cgroups/$network" 2>/dev/null || cannot "no cgroup can be made in $cgroups"
  hand_on "$cgroups/$network" 2>/dev/null || cannot "$cgroups/$network cannot hand its controllers on"
  groups=("$cgroups/$network/some")
  mkdir "${groups[0]}" 2>/dev/null || cannot "no cgroup can be made in $cgroups/$network"
else
  for hierarchy in cpu cpuacct cpuset memory pids devices freezer blkio; do
    group=$cgroups/$hierarchy/$network
    mkdir "$group" 2>/dev/null || cannot "no cgroup of version 1 can be made in $cgroups/$hierarchy"
    groups+=("$group")
  done
fi
sleep 30 8<&- &
sleeper=$!
# Before that it is this shell, which on being killed would do what is done at the end.
until [ "$(cat "/proc/$sleeper/comm" 2>/dev/null)" = sleep ]; do kill -0 "$sleeper" || break; done
for group in "${groups[@]}"; do
  case $group in */cpuset/*) for file in cpuset.cpus cpuset.mems; do cat "${group%/*}/$file" >"$group/$file"; done ;; esac
  echo "$sleeper" 2>/dev/null >"$group/cgroup.procs" || { kill "$sleeper"; cannot "no process can be put into $group"; }
done
kill "$sleeper"
wait "$sleeper" 2>/dev/null

mkdir "$work"/{lower,upper,work,all}
echo it >"$work/lower/file"
mount -t overlay overlay -o "lowerdir=$work/lower,upperdir=$work/upper,workdir=$work/work" "$work/all" 2>/dev/null &&
  rm "$work/all/file" 2>/dev/null && echo it >"$work/all/other" && [ -e "$work/upper/other" ] ||
  cannot "no overlay file system at $work"

if has ip; then
  ip netns add "$network" 2>/dev/null || cannot "no named network namespace can be made"
  ip link add "${device}b" type bridge 2>/dev/null || cannot "no bridge can be made"
  ip link add "$device" type veth peer name node0 netns "$network" 2>/dev/null || cannot "no pair of network devices can be made"
  at=(nsenter --net="/run/netns/$network" --)
  # Addresses that nobody has, so that it can be tried while a cluster runs.
  { ip addr add 10.201.255.1/24 dev "${device}b" && ip link set "${device}b" up && ip link set "$device" master "${device}b" up &&
    "${at[@]}" ip link set lo up && "${at[@]}" ip addr add 10.201.255.2/24 dev node0 && "${at[@]}" ip link set node0 up &&
    "${at[@]}" ip route add default via 10.201.255.1 && "${at[@]}" ip link add cni0 type bridge &&
    "${at[@]}" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'; } 2>/dev/null || cannot "networks cannot be set up"
  if has nft; then
    # Of each kind that kube-proxy writes one.
    "${at[@]}" nft -f - 2>/dev/null <<'N' || cannot "nftables cannot do what kube-proxy asks of it"
add table ip can
add chain ip can services
add map ip can ips { type ipv4_addr . inet_proto . inet_service : verdict ; }
add set ip can clients { type ipv4_addr ; flags dynamic,timeout ; timeout 1m ; }
add chain ip can pre { type nat hook prerouting priority dstnat ; }
add chain ip can post { type nat hook postrouting priority srcnat ; }
add chain ip can filter { type filter hook forward priority filter ; }
add rule ip can pre ip daddr . meta l4proto . th dport vmap @ips
add rule ip can pre fib daddr type local counter jump services
add rule ip can services meta l4proto tcp dnat to 10.201.255.2:80
add rule ip can services numgen random mod 2 vmap { 0 : return, 1 : return }
add rule ip can services update @clients { ip saddr }
add rule ip can filter ct state new reject
add rule ip can post mark and 0x4000 != 0 masquerade fully-random
N
  fi
fi

# A container by what containerd runs them with: this machine's own programs as its files, over an overlay.
if has runc && has ip; then
  umount "$work/all"
  mkdir -p "$work/lower/proc" "$work/bundle" "$work/lower/host"
  cat >"$work/bundle/config.json" <<J
{"ociVersion": "1.0.2", "root": {"path": "$work/all"}, "hostname": "can",
 "process": {"user": {"uid": 0, "gid": 0}, "cwd": "/", "args": ["/host/bin/true"], "noNewPrivileges": true,
  "env": ["LD_LIBRARY_PATH=/host/lib/x86_64-linux-gnu:/host/lib64:/host/usr/lib/x86_64-linux-gnu"]},
 "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
  {"destination": "/host/bin", "type": "bind", "source": "/usr/bin", "options": ["rbind", "ro"]},
  {"destination": "/lib", "type": "bind", "source": "/usr/lib", "options": ["rbind", "ro"]},
  {"destination": "/lib64", "type": "bind", "source": "/usr/lib64", "options": ["rbind", "ro"]}],
 "linux": {"cgroupsPath": "/$network/container",
  "resources": {"memory": {"limit": 104857600}, "pids": {"limit": 100}, "cpu": {"shares": 10}},
  "namespaces": [{"type": "pid"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}, {"type": "network", "path": "/run/netns/$network"}]}}
J
  mount -t overlay overlay -o "lowerdir=$work/lower,upperdir=$work/upper,workdir=$work/work" "$work/all" &&
    said=$(runc --root "$work/runc" run -b "$work/bundle" "$network" 2>&1 </dev/null) ||
    cannot "no container can be run: $(tail -1 <<<"${said:-}")"
fi
