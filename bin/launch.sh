# Sourced by the launchers beside it, which set `root` and `entry`. Replaces the shell by the pinned
# Node, so that a signal to the launcher is a signal to the process. Any POSIX sh.
node=$root/node_modules/.bin/node
if [ ! -x "$node" ]; then
  echo "${0##*/}: Node is not installed in $root/node_modules: run 'npm ci' there first" >&2
  exit 1
fi
# RocksDB and the file system share libuv's threads; four, the default, would make syncs queue.
UV_THREADPOOL_SIZE=${UV_THREADPOOL_SIZE:-16}
export UV_THREADPOOL_SIZE
# SIGUSR1 would open Node's debugger to everyone on this machine.
exec "$node" --disable-sigusr1 --disable-warning=ExperimentalWarning "$root/$entry" "$@"
