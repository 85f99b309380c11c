#!/usr/bin/env bash
# Makes a small base for the images out of this machine's Debian packages, for where none can be pulled: glibc,
# libstdc++, certificates, time zones and a busybox. Needs apt-get and dpkg-deb. Usage: base.sh FOLDER
set -euo pipefail
out=$(realpath -m "$1")
packages=(base-files busybox-static ca-certificates libc6 libgcc-s1 libstdc++6 netbase tzdata)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
download() { (cd "$work" && apt-get download -qq "${packages[@]}" 2>&1 | grep -v unsandboxed >&2 || true); }
download
# Without lists of what there is, or with old ones, nothing is found.
[ -n "$(find "$work" -name 'busybox-static_*.deb')" ] || { apt-get update -qq >&2 && download; }
mkdir -p "$out"
for package in "$work"/*.deb; do dpkg-deb -x "$package" "$out"; done
[ -e "$out/bin/busybox" ] || { echo "busybox-static could not be downloaded" >&2; exit 1; }
for applet in $("$out/bin/busybox" --list); do
  [ -e "$out/bin/$applet" ] || ln -s /bin/busybox "$out/bin/$applet"
done
rm -rf "$out"/usr/share/{doc,man,info,lintian,locale,common-licenses} "$out"/usr/lib/x86_64-linux-gnu/gconv
mkdir -p "$out"/{etc/ssl/certs,tmp,root,proc,sys,dev,run,var/tmp}
chmod 1777 "$out/tmp" "$out/var/tmp"
find "$out/usr/share/ca-certificates" -name '*.crt' -exec cat {} + >"$out/etc/ssl/certs/ca-certificates.crt"
printf 'root:x:0:0:root:/root:/bin/sh\nnonroot:x:65532:65532:nonroot:/tmp:/bin/sh\n' >"$out/etc/passwd"
printf 'root:x:0:\nnonroot:x:65532:\n' >"$out/etc/group"
echo 'hosts: files dns' >"$out/etc/nsswitch.conf"
