# Sourced by the launchers beside it, which set `root`, `entry` and, if they want any, `node_options`.
# Replaces the shell by the pinned Node, so that a signal to the launcher is a signal to the process.
# Any POSIX sh.
node=$root/node_modules/.bin/node
if [ ! -x "$node" ]; then
  echo "${0##*/}: Node is not installed in $root/node_modules: run 'npm ci' there first" >&2
  exit 1
fi
# RocksDB and the file system share libuv's threads; four, the default, would make syncs queue.
UV_THREADPOOL_SIZE=${UV_THREADPOOL_SIZE:-16}
export UV_THREADPOOL_SIZE
# glibc would give each of these threads a heap of its own, and what one has freed the others do not
# use: 90 MiB more after a million writes, for no gain in speed (docs/performance.md).
MALLOC_ARENA_MAX=${MALLOC_ARENA_MAX:-2}
export MALLOC_ARENA_MAX
# Compiled code is kept for the next start, in the user's own folder: what is there is executed. With
# it the compiler that strips types is not even loaded, which is 20 MiB a process.
# Only where the folder can be had: Node does not come back from some that it cannot make.
if [ -z "${NODE_COMPILE_CACHE-}" ] && [ -n "${XDG_CACHE_HOME:-${HOME-}}" ]; then
  compiled=${XDG_CACHE_HOME:-$HOME/.cache}/etcd-ts/compiled
  if mkdir -p "$compiled" 2>/dev/null && [ -w "$compiled" ]; then
    NODE_COMPILE_CACHE=$compiled
    export NODE_COMPILE_CACHE
  fi
fi
# SIGUSR1 would open Node's debugger to everyone on this machine.
# shellcheck disable=SC2086 # several options, split at spaces
exec "$node" ${node_options-} --disable-sigusr1 --disable-warning=ExperimentalWarning "$root/$entry" "$@"
