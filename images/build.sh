#!/usr/bin/env bash
# Builds the images of this checkout and prints a line for each: its name and reference, which ends in its own
# digest, and the archive of it. With docker where that answers, else with buildah, which needs no daemon.
#
#   build.sh [FOLDER]   where the archives go; a cache folder if left out
#   build.sh --base     only makes the base image for buildah, which then needs no network
#   BASE                the base image; what docker can pull by default, else one made by base.sh
#   BUILDER             docker or buildah, whatever else is there
#
# Needs `npm ci`. Exit code 1 and the reason on stderr if an image cannot be built.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
builder=${BUILDER:-}
only_base=
[ "${1:-}" != --base ] || { only_base=1 builder=buildah; shift; }
out=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/etcd-ts/images}
mkdir -p "$out"
version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' "$root/package.json")
revision=$(git -C "$root" rev-parse HEAD 2>/dev/null || echo unknown)
# What goes into them: the same again is not built again, and keeps the commit of then as its label.
made=$out/made-$({ echo "${BASE:-}"; cd "$root" &&
  git ls-files -co --exclude-standard -z -- .dockerignore package.json package-lock.json LICENSE bin base proto server client ctl operator images |
  { xargs -0 sha256sum 2>&1 || true; }; } | sha256sum | cut -c1-16)
if [ -z "$only_base" ] && [ -e "$made" ] && [ "$revision" != unknown ] && cut -d' ' -f3 "$made" | xargs -r ls >/dev/null 2>&1; then
  cat "$made"
  exit
fi
arguments=(--build-arg "VERSION=$version" --build-arg "REVISION=$revision")

if [ "$builder" != buildah ] && command -v docker >/dev/null && docker info >/dev/null 2>&1; then
  [ -z "${BASE:-}" ] || arguments+=(--build-arg "BASE=$BASE")
  build() { docker build -q -f "$1" "${arguments[@]}" "$root"; }
  save() { docker tag "$1" "$2" && docker save -o "$3" "$2"; }
elif [ "$builder" != docker ] && command -v buildah >/dev/null; then
  # A store of its own, so that nothing else's images are touched. Where the machine has overlayfs it is far
  # faster than copies.
  store=$out/storage
  driver=vfs
  grep -qw overlay /proc/filesystems && [ "$(id -u)" -eq 0 ] && driver=overlay
  b() { buildah --root "$store" --runroot "$store/run" --storage-driver "$driver" "$@"; }
  if [ -z "${BASE:-}" ]; then
    BASE=localhost/etcd-ts-base:$(cksum <"$here/base.sh" | cut -d' ' -f1)
    if ! b inspect --type image "$BASE" >/dev/null 2>&1; then
      work=$(mktemp -d)
      trap 'rm -rf "$work"' EXIT
      "$here/base.sh" "$work/rootfs"
      container=$(b from scratch)
      b copy -q "$container" "$work/rootfs" / >/dev/null
      b config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
      b commit -q --rm "$container" "$BASE" >/dev/null
    fi
  fi
  [ -z "$only_base" ] || { echo "base $BASE"; exit; }
  arguments+=(--build-arg "BASE=$BASE")
  build() { b build -q --isolation chroot --pull-never -f "$1" "${arguments[@]}" "$root"; }
  # Kept as an archive only.
  save() { rm -f "$3" && b push -q "$1" "docker-archive:$3:$2" >/dev/null && b rmi -f "$1" >/dev/null; }
else
  echo "images are built with docker (its daemon must run) or buildah, and neither is here" >&2
  exit 1
fi

for image in store operator; do
  id=$(build "$here/$image/Dockerfile" | tail -1)
  digest=${id#sha256:}
  reference=localhost/etcd-ts-$image:${digest:0:16}
  archive=$out/$image-${digest:0:16}.tar
  if [ ! -e "$archive" ]; then
    save "$id" "$reference" "$archive.$$.part"
    mv "$archive.$$.part" "$archive"
  fi
  echo "$image $reference $archive"
done | tee "$made.$$.part"
mv "$made.$$.part" "$made"
# Those of commits that nobody builds any more.
find "$out" -maxdepth 1 -type f \( -name '*.tar' -o -name 'made-*' \) -mtime +1 -delete
