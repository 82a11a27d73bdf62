{{- define "gsm.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{/* The name of objects. Suffixes, and the hash that Kubernetes appends for a StatefulSet, need 13 characters. */}}
{{- define "gsm.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{/* Labels of pods that serve. The pod of `helm test` has another component. */}}
{{- define "gsm.selectorLabels" -}}
app.kubernetes.io/name: {{ include "gsm.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: api
{{- end }}

{{- define "gsm.commonLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/version: {{ default .Chart.AppVersion .Values.image.tag | trunc 63 | trimAll "-_." | quote }}
app.kubernetes.io/part-of: gsm
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "gsm.labels" -}}
{{ include "gsm.selectorLabels" . }}
{{ include "gsm.commonLabels" . }}
{{- end }}

{{- define "gsm.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "gsm.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "gsm.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{- define "gsm.scheme" -}}
{{- ternary "HTTPS" "HTTP" (not (empty .Values.tls.existingSecret)) }}
{{- end }}

{{/*
The keys that the chart keeps, as a JSON object of base64. A given value goes before the one that the cluster has, and
that before a new one. They are made once for all templates, so that the pod's checksum is that of the Secret.
*/}}
{{- define "gsm.keys" -}}
{{- if not (hasKey .Values "_keys") }}
{{- $name := printf "%s-keys" (include "gsm.fullname" .) }}
{{- $old := (lookup "v1" "Secret" .Release.Namespace $name).data | default dict }}
{{- $keys := dict }}
{{- if and .Values.adminKey.enabled (not .Values.adminKey.existingSecret) }}
{{- $value := .Values.adminKey.value | b64enc }}
{{- $made := printf "gsm_admin_%s" (randAlphaNum 48) | b64enc }}
{{- $_ := set $keys "GSM_ADMIN_KEY" (coalesce $value (get $old "GSM_ADMIN_KEY") $made) }}
{{- end }}
{{- if not .Values.secretKey.existingSecret }}
{{- $value := .Values.secretKey.value | b64enc }}
{{- $made := randAlphaNum 64 | b64enc }}
{{- $_ := set $keys "GSM_SECRET_KEY" (coalesce $value (get $old "GSM_SECRET_KEY") $made) }}
{{- end }}
{{- $_ := set .Values "_keys" $keys }}
{{- end }}
{{- .Values._keys | toJson }}
{{- end }}

{{/* Three quarters of a quantity of memory, in the form of GOMEMLIMIT; nothing for units that are rarely used. */}}
{{- define "gsm.memoryLimit" -}}
{{- $units := dict "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "k" 1000 "M" 1000000 "G" 1000000000 "" 1 }}
{{- $number := regexFind "^[0-9.]+" (toString .) }}
{{- $unit := trimPrefix $number (toString .) }}
{{- if hasKey $units $unit }}
{{- printf "%dMiB" (div (mulf (float64 $number) (get $units $unit) 0.75 | int64) 1048576) }}
{{- end }}
{{- end }}
