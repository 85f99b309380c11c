#!/usr/bin/env bash
# Builds the programs that test the transport from outside (h2spec and the interoperability client of
# gRPC for Go, pinned in go/) into a cache folder and prints that folder as the only line on stdout.
# A minute or two when cold, at once afterwards.
#
#   XDG_CACHE_HOME   where caches live, ~/.cache if unset
#
# Exit codes: 3 if go is missing, 1 if the build fails; the reason is on stderr.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/go"

out=${XDG_CACHE_HOME:-$HOME/.cache}/etcd-ts/http2/$(cat go.mod go.sum | cksum | cut -d' ' -f1)
if [ -e "$out/complete" ]; then echo "$out"; exit 0; fi
command -v go >/dev/null || { echo "building h2spec and the gRPC client needs go on PATH" >&2; exit 3; }

mkdir -p "$out"
# Two test files that start at once must not build twice: the second waits, then finds it complete.
if command -v flock >/dev/null; then exec 9>"$out/lock"; flock 9; fi
if [ -e "$out/complete" ]; then echo "$out"; exit 0; fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
build() { # NAME PACKAGE
  echo "building $2" >&2
  nice go build -mod=readonly -trimpath -buildvcs=false -ldflags '-s -w' -o "$work/$1" "$2" >&2
  mv "$work/$1" "$out/$1"
}
build h2spec github.com/summerwind/h2spec/cmd/h2spec
build grpc-interop google.golang.org/grpc/interop/client
touch "$out/complete"
echo "$out"
