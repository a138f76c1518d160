{{/* What ServiceMonitor and PodMonitor have in common: their endpoint. */}}
{{- define "exporter.endpoint" -}}
- port: metrics
  path: {{ index .settings "web.telemetry-path" | default "/metrics" }}
  {{- with .monitor.interval }}
  interval: {{ . }}
  {{- end }}
  {{- with .monitor.scrapeTimeout }}
  scrapeTimeout: {{ . }}
  {{- end }}
  honorLabels: {{ .monitor.honorLabels }}
  {{- with .monitor.relabelings }}
  relabelings:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .monitor.metricRelabelings }}
  metricRelabelings:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{- define "exporter.monitorMetadata" -}}
name: {{ include "exporter.fullname" .root }}
namespace: {{ default .root.Release.Namespace .monitor.namespace }}
labels:
  {{- include "exporter.labels" .root | nindent 2 }}
  {{- with .monitor.additionalLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{- define "exporter.monitorSelector" -}}
jobLabel: {{ .monitor.jobLabel }}
namespaceSelector:
  matchNames: [{{ .root.Release.Namespace }}]
selector:
  matchLabels:
    {{- include "exporter.selectorLabels" .root | nindent 4 }}
{{- end }}
