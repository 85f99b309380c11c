#!/usr/bin/env bash
# Fetches etcd and etcdctl 3.4 from Debian's packages, unpacks them into a cache folder without
# installing anything, and prints that folder as the only line on stdout. 3.4 is the last etcd that
# serves the v2 API (`--enable-v2`) to anybody who asks for it.
#
#   ETCD_REFERENCE_V2_DIR  a folder that already holds etcd and etcdctl 3.4; printed as it is
#   XDG_CACHE_HOME         where caches live, ~/.cache if unset
#
# Exit codes: 3 if there is no way to get them here, 1 if unpacking fails; the reason is on stderr.
set -euo pipefail

if [ -n "${ETCD_REFERENCE_V2_DIR:-}" ]; then
  for name in etcd etcdctl; do
    [ -x "$ETCD_REFERENCE_V2_DIR/$name" ] || { echo "ETCD_REFERENCE_V2_DIR has no $name: $ETCD_REFERENCE_V2_DIR" >&2; exit 3; }
  done
  echo "$ETCD_REFERENCE_V2_DIR"
  exit 0
fi

out=${XDG_CACHE_HOME:-$HOME/.cache}/etcd-ts/reference/v3.4-debian
if [ -e "$out/complete" ]; then echo "$out"; exit 0; fi
for tool in apt-get dpkg; do
  command -v "$tool" >/dev/null || { echo "fetching etcd 3.4 needs Debian's $tool (or set ETCD_REFERENCE_V2_DIR)" >&2; exit 3; }
done

mkdir -p "$out"
# Two test files that start at once must not fetch twice: the second waits, then finds it complete.
if command -v flock >/dev/null; then exec 9>"$out/lock"; flock 9; fi
if [ -e "$out/complete" ]; then echo "$out"; exit 0; fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"

download() { (cd "$work" && apt-get -q download etcd-server etcd-client) >&2; }
download || { apt-get -q update >&2 && download; } || { echo "Debian's etcd-server and etcd-client could not be fetched" >&2; exit 3; }
for package in "$work"/*.deb; do dpkg -x "$package" "$work/root"; done
version=$("$work/root/usr/bin/etcd" --version | sed -n 's/^etcd Version: //p')
case $version in
  3.4.*) ;;
  *) echo "Debian's etcd here is $version, not 3.4 (set ETCD_REFERENCE_V2_DIR)" >&2; exit 3 ;;
esac
cp "$work/root/usr/bin/etcd" "$work/root/usr/bin/etcdctl" "$out/"
touch "$out/complete"
echo "$out"
