{{/* The template of pods, the same for the Deployment and the StatefulSet. */}}
{{- define "gsm.pod" -}}
{{- $sqlite := eq .Values.database.type "sqlite" }}
{{- $scheme := include "gsm.scheme" . -}}
metadata:
  labels:
    {{- merge (dict) .Values.podLabels (include "gsm.labels" . | fromYaml) | toYaml | nindent 4 }}
  annotations:
    {{- /* What the chart keeps in Secrets rolls out when it changes. */}}
    checksum/secrets: {{ printf "%s%s" (include "gsm.keys" .) .Values.database.url | sha256sum }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "gsm.serviceAccountName" . }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- /* Twenty seconds to store what waits. */}}
  {{- $stop := .Values.shutdown }}
  terminationGracePeriodSeconds: {{ add $stop.preStopSeconds $stop.delaySeconds $stop.timeoutSeconds 20 }}
  {{- with .Values.image.pullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  securityContext:
    {{- toYaml .Values.podSecurityContext | nindent 4 }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- $hosts := dict "maxSkew" 1 "topologyKey" "kubernetes.io/hostname" "whenUnsatisfiable" "ScheduleAnyway" }}
  {{- $spread := ternary list (list (merge $hosts (dict "nodeTaintsPolicy" "Honor"))) $sqlite }}
  {{- with default $spread .Values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- $selector := dict "matchLabels" (include "gsm.selectorLabels" $ | fromYaml) }}
    {{- range . }}
    - {{- merge (dict) . (dict "labelSelector" $selector) | toYaml | nindent 6 }}
    {{- end }}
  {{- end }}
  {{- with .Values.initContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: gsm
      image: {{ include "gsm.image" . }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: [serve]
      env:
        {{- include "gsm.env" . | nindent 8 }}
        {{- with .Values.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with .Values.extraEnvFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        - name: http
          containerPort: 8080
        {{- if .Values.metrics.enabled }}
        - name: ops
          containerPort: 8081
        {{- end }}
      startupProbe:
        httpGet:
          path: /livez
          port: http
          scheme: {{ $scheme }}
        periodSeconds: 1
        failureThreshold: {{ add .Values.database.waitSeconds 60 }}
      livenessProbe:
        httpGet:
          path: /livez
          port: http
          scheme: {{ $scheme }}
        {{- with .Values.livenessProbe }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      readinessProbe:
        httpGet:
          path: /readyz
          port: http
          scheme: {{ $scheme }}
        {{- with .Values.readinessProbe }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- if .Values.shutdown.preStopSeconds }}
      lifecycle:
        preStop:
          sleep:
            seconds: {{ .Values.shutdown.preStopSeconds }}
      {{- end }}
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      securityContext:
        {{- toYaml .Values.securityContext | nindent 8 }}
      {{- if or $sqlite .Values.tls.existingSecret .Values.extraVolumeMounts }}
      volumeMounts:
        {{- if $sqlite }}
        - name: data
          mountPath: /var/lib/gsm
        {{- end }}
        {{- if .Values.tls.existingSecret }}
        - name: tls
          mountPath: /etc/gsm/tls
          readOnly: true
        {{- end }}
        {{- with .Values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- end }}
    {{- with .Values.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- $own := and $sqlite (or (not .Values.persistence.enabled) .Values.persistence.existingClaim) }}
  {{- if or $own .Values.tls.existingSecret .Values.extraVolumes }}
  volumes:
    {{- if $own }}
    - name: data
      {{- if .Values.persistence.enabled }}
      persistentVolumeClaim:
        claimName: {{ .Values.persistence.existingClaim }}
      {{- else }}
      emptyDir: {}
      {{- end }}
    {{- end }}
    {{- with .Values.tls.existingSecret }}
    - name: tls
      secret:
        secretName: {{ . }}
        defaultMode: 0440
    {{- end }}
    {{- with .Values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
{{- end }}
