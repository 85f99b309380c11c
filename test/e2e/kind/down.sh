#!/usr/bin/env bash
# Takes away what up.sh started; KEEP=1 keeps volumes, logs and the images of our own docker.
set -uo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
provisioner=$(cat "$run/pid/provisioner" 2>/dev/null) && kill "$provisioner" 2>/dev/null
rm -rf "$run/pid"
if docker version >/dev/null 2>&1; then
  "$(program kind)" delete cluster --name "$cluster" >/dev/null 2>&1
fi
[ "$body" != kind-local ] || KEEP=1 "$here/docker-down.sh"
[ "${KEEP:-}" ] || rm -rf "$run"/{volumes,log,kubeconfig,kind.yaml,audit.yaml}
