#!/usr/bin/env bash
# Builds what the tests need of Kubernetes' own programs, pinned in go/, into a cache folder and prints the
# path of each, one a line, in the order asked for. At once when they are there; cold, on two cores, some
# six minutes for all of Kubernetes, three each for CoreDNS, helm, cert-manager and what comes with CSI drivers.
#
#   build.sh NAME...   kube-apiserver, kube-controller-manager, kube-scheduler, kubelet, kube-proxy,
#                      kubectl, kubeadm, kind, coredns, helm, nfpm, pause, csi-provisioner, csi-resizer, csi-driver,
#                      cert-manager, and beside it its kinds, cert-manager-crds.yaml
#   XDG_CACHE_HOME     where caches live, ~/.cache if unset
#   BUILD=no           builds nothing
#
# Exit codes: 2 for an unknown name, 3 if go is missing or nothing is to be built, 1 if a build fails; the reason is
# on stderr.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/etcd-ts

module_of() {
  case $1 in
    kube-apiserver | kube-controller-manager | kube-scheduler | kubelet | kube-proxy | kubectl) echo kubernetes ;;
    # kubeadm is a module of its own, so that who needs no kind cluster builds nothing anew for it.
    coredns | helm | nfpm | pause | kind | kubeadm | csi-provisioner | csi-resizer | csi-driver | cert-manager) echo "$1" ;;
    *) echo "there is no program $1 to build" >&2; exit 2 ;;
  esac
}
folder_of() { # module: a folder of its own for each set of pinned versions
  echo "$cache/$1/$(cd "$here/go/$1" && cat go.mod go.sum ./*.go 2>/dev/null | cksum | cut -d' ' -f1)"
}
missing_of() { # module: those asked for that are not there
  local folder name
  folder=$(folder_of "$1")
  for name in "${names[@]}"; do
    if [ "$(module_of "$name")" = "$1" ] && [ ! -e "$folder/$name" ]; then echo "$name"; fi
  done
}
version_of() { # module, path: as pinned
  sed -n "s#^\(require\)\{0,1\}[[:space:]]*$2 \(v[^ ]*\).*#\2#p" "$here/go/$1/go.mod" | head -1
}

build() { # module, names...
  local module=$1 folder version stamp minor work
  shift
  folder=$(folder_of "$module")
  work=$(mktemp -d)
  trap 'rm -rf "$work"' RETURN
  cd "$here/go/$module"
  local flags="-s -w" paths=()
  case $module in
    kubernetes | kubeadm)
      # A binary that does not know its version serves no API.
      version=$(version_of "$module" k8s.io/kubernetes)
      minor=${version#v1.}
      stamp=k8s.io/component-base/version
      flags="-s -w -X $stamp.gitVersion=$version -X $stamp.gitMajor=1 -X $stamp.gitMinor=${minor%%.*} -X $stamp.gitTreeState=clean"
      paths=("${@/#/k8s.io/kubernetes/cmd/}")
      ;;
    helm)
      version=$(version_of helm helm.sh/helm/v3)
      flags="-s -w -X helm.sh/helm/v3/internal/version.version=$version"
      paths=(helm.sh/helm/v3/cmd/helm)
      ;;
    nfpm) paths=(github.com/goreleaser/nfpm/v2/cmd/nfpm) ;;
    kind) paths=(sigs.k8s.io/kind) ;;
    csi-provisioner) paths=(github.com/kubernetes-csi/external-provisioner/v6/cmd/csi-provisioner) ;;
    csi-resizer) paths=(github.com/kubernetes-csi/external-resizer/v2/cmd/csi-resizer) ;;
    coredns | pause | csi-driver | cert-manager) paths=(.) ;;
  esac
  echo "building $*" >&2
  GOFLAGS="" CGO_ENABLED=0 nice go build -mod=readonly -trimpath -buildvcs=false -ldflags "$flags" \
    -o "$work/" "${paths[@]}" >&2
  [ ! -e "$work/$module-binary" ] || mv "$work/$module-binary" "$work/$module"
  if [ "$module" = cert-manager ]; then
    for crd in "$(go list -m -f '{{.Dir}}' github.com/cert-manager/cert-manager)"/deploy/crds/cert-manager.io_*.yaml; do
      echo ---
      cat "$crd"
    done >"$work/cert-manager-crds.yaml"
  fi
  mv "$work"/* "$folder/"
}

names=("$@")
for module in $(for name in "$@"; do module_of "$name"; done | sort -u); do
  [ -n "$(missing_of "$module")" ] || continue
  [ "${BUILD:-}" != no ] || { echo "$module is not built yet" >&2; exit 3; }
  command -v go >/dev/null || { echo "building $* needs go on PATH" >&2; exit 3; }
  folder=$(folder_of "$module")
  mkdir -p "$folder"
  # Two that start at once must not build twice: the second waits, then finds all there.
  if command -v flock >/dev/null; then exec 9>"$folder/lock"; flock 9; fi
  mapfile -t missing < <(missing_of "$module")
  [ ${#missing[@]} -eq 0 ] || (build "$module" "${missing[@]}")
  exec 9>&-
done
for name in "$@"; do echo "$(folder_of "$(module_of "$name")")/$name"; done
