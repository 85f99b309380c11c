#!/usr/bin/env bash
# Gives image archives to every node of the running plain cluster. Usage: load.sh ARCHIVE...
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
pids=()
for socket in "$sockets"/*/containerd.sock; do
  { for archive in "$@"; do ctr -a "$socket" -n k8s.io images import "$archive" >/dev/null || exit 1; done; } &
  pids+=($!)
done
for pid in "${pids[@]}"; do wait "$pid"; done
