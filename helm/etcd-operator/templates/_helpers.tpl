{{- define "etcd-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "etcd-operator.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains (include "etcd-operator.name" .) .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "etcd-operator.name" .) | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "etcd-operator.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride }}
{{- end }}

{{- define "etcd-operator.selector" -}}
app.kubernetes.io/name: {{ include "etcd-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "etcd-operator.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "etcd-operator.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "etcd-operator.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "etcd-operator.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* What the operator may do where its clusters are. */}}
{{- define "etcd-operator.rules" -}}
- apiGroups: [etcd-ts.dev]
  resources: [etcdclusters]
  verbs: [get, list, watch]
- apiGroups: [etcd-ts.dev]
  resources: [etcdclusters/status]
  verbs: [update]
# To own objects in a Kubernetes that asks for it (OwnerReferencesPermissionEnforcement).
- apiGroups: [etcd-ts.dev]
  resources: [etcdclusters/finalizers, etcdmembers/finalizers]
  verbs: [update]
- apiGroups: [etcd-ts.dev]
  resources: [etcdmembers]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [etcd-ts.dev]
  resources: [etcdmembers/status]
  verbs: [patch]
- apiGroups: [""]
  resources: [pods, persistentvolumeclaims]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [etcd-ts.dev]
  resources: [etcdbackups]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [etcd-ts.dev]
  resources: [etcdbackupschedules]
  verbs: [get, list, watch]
- apiGroups: [etcd-ts.dev]
  resources: [etcdbackups/status, etcdbackupschedules/status]
  verbs: [update]
- apiGroups: [etcd-ts.dev]
  resources: [etcdbackups/finalizers]
  verbs: [update]
# They take and restore snapshots.
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, delete]
- apiGroups: [""]
  resources: [services]
  verbs: [get, create, patch]
# Certificates that it makes, those that it is given, and the Secrets that tell how to connect.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, create, update]
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, create, update]
# What it asks of cert-manager, where a cluster wants that.
- apiGroups: [cert-manager.io]
  resources: [certificates]
  verbs: [get, list, create, patch]
- apiGroups: [monitoring.coreos.com]
  resources: [servicemonitors]
  verbs: [get, list, create, patch]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, create, patch, delete]
- apiGroups: [""]
  resources: [events]
  verbs: [create]
{{- end }}
