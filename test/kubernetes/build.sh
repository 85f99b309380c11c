#!/usr/bin/env bash
# Builds Kubernetes' API server and controller manager (pinned in go/) into a cache folder and prints
# that folder as the only line on stdout. Some five minutes on two cores when cold, at once afterwards.
#
#   XDG_CACHE_HOME   where caches live, ~/.cache if unset
#
# Exit codes: 3 if go is missing, 1 if the build fails; the reason is on stderr.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/go"

out=${XDG_CACHE_HOME:-$HOME/.cache}/etcd-ts/kubernetes/$(cat go.mod go.sum | cksum | cut -d' ' -f1)
if [ -e "$out/complete" ]; then echo "$out"; exit 0; fi
command -v go >/dev/null || { echo "building Kubernetes' API server needs go on PATH" >&2; exit 3; }

mkdir -p "$out"
# Two that start at once must not build twice: the second waits, then finds it complete.
if command -v flock >/dev/null; then exec 9>"$out/lock"; flock 9; fi
if [ -e "$out/complete" ]; then echo "$out"; exit 0; fi

# A binary that does not know its version serves no API.
version=$(sed -n 's#^[[:space:]]*k8s.io/kubernetes \(v[^ ]*\).*#\1#p' go.mod | head -1)
stamp=k8s.io/component-base/version
minor=${version#v1.}
minor=${minor%%.*}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "building Kubernetes $version" >&2
CGO_ENABLED=0 nice go build -mod=readonly -trimpath -buildvcs=false -o "$work/" \
  -ldflags "-s -w -X $stamp.gitVersion=$version -X $stamp.gitMajor=1 -X $stamp.gitMinor=$minor -X $stamp.gitTreeState=clean" \
  k8s.io/kubernetes/cmd/kube-apiserver k8s.io/kubernetes/cmd/kube-controller-manager >&2
mv "$work"/kube-* "$out/"
touch "$out/complete"
echo "$out"
