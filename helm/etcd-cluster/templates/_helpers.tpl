{{- define "etcd-cluster.name" -}}
{{- default .Release.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "etcd-cluster.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
{{- with .Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "etcd-cluster.claim" -}}
{{- default (printf "%s-backups" (include "etcd-cluster.name" .)) .Values.backup.claim.name }}
{{- end }}

{{/* Of the members, as the operator labels them. */}}
{{- define "etcd-cluster.selector" -}}
etcd-ts.dev/cluster: {{ include "etcd-cluster.name" . }}
{{- end }}
