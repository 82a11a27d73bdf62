{{/* Environment variables that the chart sets itself. */}}
{{- define "gsm.env" -}}
{{- $fullname := include "gsm.fullname" . -}}
- name: GSM_HTTP_ADDR
  value: :8080
- name: GSM_AUTH
  value: "on"
{{- if .Values.metrics.enabled }}
- name: GSM_OPS_ADDR
  value: :8081
- name: GSM_OPS_PUBLIC
  value: "true"
{{- else }}
- name: GSM_OPS_ADDR
  value: 127.0.0.1:8081
{{- end }}
{{- if .Values.tls.existingSecret }}
- name: GSM_TLS_CERT
  value: /etc/gsm/tls/tls.crt
- name: GSM_TLS_KEY
  value: /etc/gsm/tls/tls.key
{{- end }}
- name: GSM_DATABASE_WAIT
  value: {{ .Values.database.waitSeconds }}s
- name: GSM_SHUTDOWN_DELAY
  value: {{ .Values.shutdown.delaySeconds }}s
- name: GSM_SHUTDOWN_TIMEOUT
  value: {{ .Values.shutdown.timeoutSeconds }}s
{{- with ((.Values.resources).limits).memory }}
{{- with include "gsm.memoryLimit" . }}
- name: GOMEMLIMIT
  value: {{ . }}
{{- end }}
{{- end }}
{{- range $name, $value := .Values.config }}
{{- if not (kindIs "invalid" $value) }}
- name: {{ $name }}
  value: {{ ternary (int64 $value) $value (kindIs "float64" $value) | toString | quote }}
{{- end }}
{{- end }}
{{- if .Values.adminKey.enabled }}
- name: GSM_ADMIN_KEY
  valueFrom:
    secretKeyRef:
      {{- if .Values.adminKey.existingSecret }}
      name: {{ .Values.adminKey.existingSecret }}
      key: {{ .Values.adminKey.existingSecretKey }}
      {{- else }}
      name: {{ $fullname }}-keys
      key: GSM_ADMIN_KEY
      {{- end }}
{{- end }}
- name: GSM_SECRET_KEY
  valueFrom:
    secretKeyRef:
      {{- if .Values.secretKey.existingSecret }}
      name: {{ .Values.secretKey.existingSecret }}
      key: {{ .Values.secretKey.existingSecretKey }}
      {{- else }}
      name: {{ $fullname }}-keys
      key: GSM_SECRET_KEY
      {{- end }}
- name: GSM_DATABASE_URL
  {{- if eq .Values.database.type "sqlite" }}
  value: sqlite:/var/lib/gsm/gsm.db
  {{- else }}
  valueFrom:
    secretKeyRef:
      {{- if .Values.database.existingSecret }}
      name: {{ .Values.database.existingSecret }}
      key: {{ .Values.database.existingSecretKey }}
      {{- else }}
      name: {{ $fullname }}-database
      key: GSM_DATABASE_URL
      {{- end }}
  {{- end }}
{{- end }}
