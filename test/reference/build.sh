#!/usr/bin/env bash
# Builds the reference etcd (etcd, etcdctl, etcdutl, benchmark) from its Go modules into a cache folder
# and prints that folder as the only line on stdout. About two minutes when cold, at once afterwards.
#
#   ETCD_REFERENCE_DIR      a folder that already holds the binaries; printed as it is, nothing is built
#   ETCD_REFERENCE_VERSION  another version than v3.7.3; it comes without the benchmark tool, and
#                           ETCD_REFERENCE_DIR does not stand for it
#   XDG_CACHE_HOME          where caches live, ~/.cache if unset
#
# Exit codes: 3 if the tools to build it are missing, 1 if the build fails; the reason is on stderr.
set -euo pipefail

main_version=v3.7.3
version=${ETCD_REFERENCE_VERSION:-$main_version}
# The module of the benchmark tool has no usable 3.7 release; it only makes load, so its version is free.
benchmark_version=v3.6.8

if [ -n "${ETCD_REFERENCE_DIR:-}" ] && [ "$version" = "$main_version" ]; then
  for name in etcd etcdctl; do
    [ -x "$ETCD_REFERENCE_DIR/$name" ] || { echo "ETCD_REFERENCE_DIR has no $name: $ETCD_REFERENCE_DIR" >&2; exit 3; }
  done
  echo "$ETCD_REFERENCE_DIR"
  exit 0
fi

out=${XDG_CACHE_HOME:-$HOME/.cache}/etcd-ts/reference/$version
if [ -e "$out/complete" ]; then echo "$out"; exit 0; fi
command -v go >/dev/null || { echo "building the reference etcd needs go on PATH (or set ETCD_REFERENCE_DIR)" >&2; exit 3; }

mkdir -p "$out"
# Two test files that start at once must not build twice: the second waits, then finds it complete.
if command -v flock >/dev/null; then exec 9>"$out/lock"; flock 9; fi
if [ -e "$out/complete" ]; then echo "$out"; exit 0; fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# build NAME MODULE@VERSION PACKAGE: one throw-away module each, so that versions cannot mix.
build() {
  mkdir -p "$work/$1"
  cd "$work/$1"
  printf 'module reference\n\ngo 1.24\n' >go.mod
  echo "building the reference $1 from $2" >&2
  go get "$2" >"$work/log" 2>&1 || { cat "$work/log" >&2; return 1; }
  go build -trimpath -ldflags '-s -w' -o "$work/bin/$1" "$3" >&2
  mv "$work/bin/$1" "$out/$1"
}

mkdir -p "$work/bin"
build etcd "go.etcd.io/etcd/server/v3@$version" go.etcd.io/etcd/server/v3
build etcdctl "go.etcd.io/etcd/etcdctl/v3@$version" go.etcd.io/etcd/etcdctl/v3
build etcdutl "go.etcd.io/etcd/etcdutl/v3@$version" go.etcd.io/etcd/etcdutl/v3
[ "$version" != "$main_version" ] ||
  build benchmark "go.etcd.io/etcd/v3@$benchmark_version" go.etcd.io/etcd/v3/tools/benchmark
touch "$out/complete"
echo "$out"
