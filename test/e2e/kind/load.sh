#!/usr/bin/env bash
# Gives image archives to every node of the running kind cluster. Usage: load.sh ARCHIVE...
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
kind=$(program kind)
for archive in "$@"; do "$kind" load image-archive "$archive" --name "$cluster"; done
