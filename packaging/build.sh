#!/usr/bin/env bash
# Builds the Debian and the RPM package of the store out of this checkout and prints their paths, a line each.
#
#   build.sh [FOLDER]   where they go; a cache folder if left out
#
# Needs `npm ci` and, for nfpm the first time, go. Exit code 1 and the reason on stderr if it cannot be done.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
out=$(realpath -m "${1:-${XDG_CACHE_HOME:-$HOME/.cache}/etcd-ts/packages}")
nfpm=$("$root/test/kubernetes/build.sh" nfpm)
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$root"
node_modules/.bin/node images/files.ts store "$work"
VERSION=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' package.json)
case $(uname -m) in
  x86_64) ARCH=amd64 ;;
  aarch64) ARCH=arm64 ;;
  *) echo "there are no packages for $(uname -m)" >&2; exit 1 ;;
esac
export VERSION ARCH FILES=$work
# nfpm puts variables into some fields only.
sed "s#\${FILES}#$work#g; s#\${VERSION}#$VERSION#g; s#\${ARCH}#$ARCH#g" packaging/nfpm.yaml >"$work/nfpm.yaml"
for kind in deb rpm; do
  "$nfpm" package --config "$work/nfpm.yaml" --packager "$kind" --target "$out/" >&2
done
ls -1t "$out"/*.deb | head -1
ls -1t "$out"/*.rpm | head -1
