#!/usr/bin/env bash
# Boots a tree that has systemd as a machine of its own, with no network but the loopback device: systemd is
# PID 1 of new namespaces, in a control group of its own. Prints that process's ID once systemd runs, and goes on until
# its stdin ends or it is signalled; then everything that ran there is gone. Needs root on Linux.
#
#   boot.sh ROOT
set -euo pipefail
root=$1

case ${2:-} in
  inside)
    # PID 1, still of this script. First a control group, then a namespace in which it is the root.
    mount --make-rprivate /
    mount -t cgroup2 cgroup2 "$root/sys"
    mkdir "$root/sys/$3"
    echo 0 >"$root/sys/$3/cgroup.procs"
    umount "$root/sys"
    ip link set lo up
    exec unshare --cgroup "$0" "$root" root
    ;;
  root)
    mount -t proc proc "$root/proc"
    mount -t sysfs -o ro sysfs "$root/sys"
    mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
    mount -t tmpfs -o mode=755 tmpfs "$root/run"
    mount -t tmpfs -o mode=755 tmpfs "$root/dev"
    for device in null zero full random urandom tty; do
      : >"$root/dev/$device"
      mount --bind "/dev/$device" "$root/dev/$device"
    done
    mkdir "$root/dev/shm"
    mount -t tmpfs tmpfs "$root/dev/shm"
    ln -s /proc/self/fd "$root/dev/fd"
    : >"$root/dev/console"
    exec env -i container=etcd-ts PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$root" /lib/systemd/systemd --system
    ;;
esac

group=packages-$$
unshare --pid --mount --uts --ipc --net --fork --kill-child "$0" "$root" inside "$group" </dev/null >&2 &
namespaces=$!
clean() {
  trap - EXIT
  kill -KILL "$namespaces" 2>/dev/null || true
  wait "$namespaces" 2>/dev/null || true
  groups=$(mktemp -d)
  mount -t cgroup2 cgroup2 "$groups"
  # The kernel takes a moment to let go of the last processes.
  for _ in $(seq 100); do
    [ -d "$groups/$group" ] || break
    find "$groups/$group" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.1
  done
  umount "$groups"
  rmdir "$groups"
}
trap clean EXIT
trap 'exit 0' TERM INT HUP

for _ in $(seq 600); do
  kill -0 "$namespaces" 2>/dev/null || { echo "systemd ended" >&2; exit 1; }
  pid=$(pgrep -P "$namespaces" || true)
  if [ -n "$pid" ] && nsenter -t "$pid" -a -r systemctl is-system-running 2>/dev/null | grep -q -x -e running -e degraded; then
    echo "$pid"
    # What runs beside a shell has no stdin of its own accord.
    exec 3<&0
    cat <&3 >/dev/null &
    wait $!
    exit 0
  fi
  sleep 0.1
done
echo "systemd has not come up within a minute" >&2
exit 1
