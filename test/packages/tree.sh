#!/usr/bin/env bash
# Makes a small Debian in a cache folder, once, and prints the folder. Needs root, debootstrap, and the mirror
# that this machine's apt uses. With systemd, so that a unit can be started as on a machine of its own,
# and rpm, for which there is no other way to be shown here.
# Exit code 3 and the reason on stderr if something is missing.
set -euo pipefail
release=bookworm
out=${XDG_CACHE_HOME:-$HOME/.cache}/etcd-ts/debian/$release-rpm
if [ ! -d "$out" ]; then
  command -v debootstrap >/dev/null || { echo "a Debian to install into needs debootstrap" >&2; exit 3; }
  [ "$(id -u)" -eq 0 ] || { echo "a Debian to install into needs root" >&2; exit 3; }
  mirror=$(apt-get indextargets --format '$(SITE)' "Codename: $release" 2>/dev/null | head -1)
  rm -rf "$out.part"
  mkdir -p "$(dirname "$out")"
  debootstrap --variant=minbase --include=systemd,rpm "$release" "$out.part" ${mirror:+"$mirror"} >&2
  mv "$out.part" "$out"
fi
echo "$out"
