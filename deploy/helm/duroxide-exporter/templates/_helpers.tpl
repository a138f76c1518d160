{{- define "exporter.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{- define "exporter.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "exporter.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Of the whole release. */}}
{{- define "exporter.selectorLabels" -}}
app.kubernetes.io/name: {{ include "exporter.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "exporter.labels" -}}
{{ include "exporter.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "exporter.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "exporter.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end }}

{{- define "exporter.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end }}

{{- define "exporter.storesSecret" -}}
{{- default (printf "%s-stores" (include "exporter.fullname" .)) .Values.storesFromSecret.name -}}
{{- end }}

{{- define "exporter.storesKey" -}}
{{- if .Values.storesFromSecret.name -}}{{ .Values.storesFromSecret.key }}{{- else -}}stores{{- end -}}
{{- end }}

{{- define "exporter.claim" -}}
{{- default (printf "%s-state" (include "exporter.fullname" .)) .Values.state.claim.existing -}}
{{- end }}

{{/* What a schema of single values cannot say. */}}
{{- define "exporter.mistakes" -}}
{{- if and (not .Values.stores) (not .Values.storesFromSecret.name) -}}
{{- fail "There is nothing to watch: give stores (NAME=URL), or storesFromSecret.name for a Secret that has them." -}}
{{- end -}}
{{- if and .Values.stores .Values.storesFromSecret.name -}}
{{- fail "stores and storesFromSecret.name exclude each other: put all stores into the Secret." -}}
{{- end -}}
{{- if and (eq .Values.state.kind "claim") (gt (int .Values.replicas) 1) -}}
{{- fail "state.kind=claim is for one replica: an exporter locks its state. Set replicas to 1, or state.kind to emptyDir." -}}
{{- end -}}
{{- if and .Values.podDisruptionBudget.enabled (lt (int .Values.replicas) 2) -}}
{{- fail "podDisruptionBudget.enabled needs replicas of 2 or more: with one pod it protects nothing, or blocks the draining of nodes." -}}
{{- end -}}
{{- if and .Values.serviceMonitor.enabled .Values.podMonitor.enabled -}}
{{- fail "serviceMonitor.enabled and podMonitor.enabled exclude each other: every pod would be scraped twice." -}}
{{- end -}}
{{- end }}

{{/* Environment that names the stores, and every other setting; the pod of the tests has the same. */}}
{{- define "exporter.env" -}}
- name: DUROXIDE_EXPORTER_STORE
  valueFrom:
    secretKeyRef:
      name: {{ include "exporter.storesSecret" . }}
      key: {{ include "exporter.storesKey" . }}
{{- range $flag, $value := .Values.settings }}
- name: DUROXIDE_EXPORTER_{{ $flag | replace "." "_" | replace "-" "_" | upper }}
  value: {{ $value | toString | quote }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}
