#!/usr/bin/env bash
# Whether this machine can run test/e2e/plain at all, whatever is installed: exit code 3 and one line that says
# what is missing if not. What can be installed is up.sh's concern.
set -uo pipefail
cannot() { echo "this machine cannot run a Kubernetes: $1"; exit 3; }
[ "$(uname -s)" = Linux ] || cannot "it is no Linux"
[ "$(id -u)" -eq 0 ] || cannot "not root"
unshare --net --mount --pid --fork true 2>/dev/null || cannot "no network, mount or process namespaces"
work=$(mktemp -d)
trap 'umount "$work/all" 2>/dev/null; rm -rf "$work"' EXIT
mkdir "$work"/{lower,upper,work,all}
mount -t overlay overlay -o "lowerdir=$work/lower,upperdir=$work/upper,workdir=$work/work" "$work/all" 2>/dev/null ||
  cannot "no overlay file system"
group=/sys/fs/cgroup/etcdts-can-$$
[ ! -d /sys/fs/cgroup/memory ] || group=/sys/fs/cgroup/memory/etcdts-can-$$
mkdir "$group" 2>/dev/null || cannot "no cgroups can be made"
rmdir "$group"
