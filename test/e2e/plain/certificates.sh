#!/usr/bin/env bash
# A CA, and a certificate and kubeconfig for each component. Usage: certificates.sh NODES
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
nodes=$1
mkdir -p "$pki" "$kubeconfigs"
cd "$pki"
quiet() { openssl "$@" 2>/dev/null; }
key() { quiet ecparam -name prime256v1 -genkey -noout -out "$1"; }
key ca.key
quiet req -x509 -new -key ca.key -sha256 -days 30 -subj /CN=e2e-ca -out ca.crt \
  -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
# certificate NAME SUBJECT USAGE [NAMES]
certificate() {
  key "$1.key"
  quiet req -new -key "$1.key" -subj "$2" -out "$1.csr"
  { echo "basicConstraints=CA:FALSE"; echo "keyUsage=critical,digitalSignature"; echo "extendedKeyUsage=$3"; [ -z "${4:-}" ] || echo "subjectAltName=$4"; } >"$1.ext"
  quiet x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -sha256 -extfile "$1.ext" -out "$1.crt"
}
kubeconfig() {
  cat >"$kubeconfigs/$1" <<Y
apiVersion: v1
kind: Config
clusters: [{name: e2e, cluster: {server: "https://$first_ip:6443", certificate-authority: $pki/ca.crt}}]
users: [{name: $1, user: {client-certificate: $pki/$1.crt, client-key: $pki/$1.key}}]
contexts: [{name: e2e, context: {cluster: e2e, user: $1}}]
current-context: e2e
Y
}
certificate apiserver /CN=kube-apiserver serverAuth "DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local,IP:127.0.0.1,IP:$first_ip,IP:$service_api"
for i in $(seq "$nodes"); do
  certificate "kubelet-server-$i" "/CN=node$i" serverAuth "DNS:node$i,IP:$(node_ip "$i"),IP:127.0.0.1"
  certificate "kubelet-$i" "/O=system:nodes/CN=system:node:node$i" clientAuth
  kubeconfig "kubelet-$i"
done
certificate apiserver-kubelet "/O=system:masters/CN=apiserver-kubelet-client" clientAuth
for component in admin:system:masters:admin kcm::system:kube-controller-manager scheduler::system:kube-scheduler proxy::system:kube-proxy coredns:system:masters:coredns; do
  case $component in
    admin:*) certificate admin "/O=system:masters/CN=admin" clientAuth; kubeconfig admin ;;
    coredns:*) certificate coredns "/O=system:masters/CN=coredns" clientAuth; kubeconfig coredns ;;
    *) name=${component%%:*}; certificate "$name" "/CN=${component#*::}" clientAuth; kubeconfig "$name" ;;
  esac
done
quiet genrsa -out sa.key 2048
quiet rsa -in sa.key -pubout -out sa.pub
chmod 600 ./*.key
