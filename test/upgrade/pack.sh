#!/bin/sh
# Keeps a version of ours for the tests of upgrades: what is needed to run one of its members, and a
# data folder that it made. Run it once, when a version is released; what it wrote is never changed.
# Usage, as root: test/upgrade/pack.sh COMMIT  (writes server-VERSION.tgz, data-VERSION.tgz and .json)
set -eu
# RocksDB writes the machine's name into its files, so the machine gets another one.
[ "$(hostname)" = kept-version ] || exec unshare --uts sh -c 'hostname kept-version && exec "$0" "$1"' "$0" "$1"
root=$(cd "$(dirname "$0")/../.." && pwd -P)
here=$root/test/upgrade
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git -C "$root" archive "$1" base proto server bin package.json | tar -x -C "$work"
cd "$work"
find . -type f \( -name '*.test.ts' -o -name '*.test.js' -o -name 'contract.ts' -o -name 'fake-*.ts' \) -delete
find . -type d -name testdata -prune -exec rm -r {} +
rm -rf proto/etcd proto/buf* bin/run.js bin/etcdctl bin/etcdutl bin/etcd-operator
version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' package.json)
# The same bytes whoever packs it, and whenever.
pack() { tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=2000-01-01 -c "$@" | gzip -9n; }
pack base bin package.json proto server > "$here/server-$version.tgz"
ln -s "$root/node_modules" node_modules
"$root/node_modules/.bin/node" "$here/make-data.ts" "$work/bin/etcd" "$work/data" > "$here/data-$version.json"
# RocksDB's own logs and options name the machine and its folders; it makes them anew.
find data \( -name 'LOG*' -o -name 'OPTIONS-*' \) -delete
rm -rf data/member/lock
if grep -rlF "$work" data; then echo "these name a folder of this machine" >&2; exit 1; fi
pack data > "$here/data-$version.tgz"
ls -l "$here"/*"$version"*
