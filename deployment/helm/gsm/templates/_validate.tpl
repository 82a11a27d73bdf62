{{/* What the schema cannot say, or not in words: values that do not go together. */}}
{{- define "gsm.validate" -}}
{{- $v := .Values }}
{{- $wrong := list }}
{{- if not $v.image.repository }}
{{- $wrong = append $wrong "image.repository is empty: name the image, as ghcr.io/OWNER/REPOSITORY" }}
{{- end }}
{{- if eq $v.database.type "sqlite" }}
{{- $more := "the embedded store has one process: set database.type=mongodb for more" }}
{{- $none := "database.type=sqlite, which has no URL: set database.type=mongodb, or leave them out" }}
{{- if gt (int $v.replicaCount) 1 }}
{{- $wrong = append $wrong (printf "replicaCount is %d with database.type=sqlite: %s" (int $v.replicaCount) $more) }}
{{- end }}
{{- if $v.autoscaling.enabled }}
{{- $wrong = append $wrong (printf "autoscaling.enabled with database.type=sqlite: %s" $more) }}
{{- end }}
{{- if or $v.database.url $v.database.existingSecret }}
{{- $wrong = append $wrong (printf "database.url or database.existingSecret with %s" $none) }}
{{- end }}
{{- if and $v.persistence.existingClaim (not $v.persistence.enabled) }}
{{- $wrong = append $wrong "persistence.existingClaim without persistence.enabled: set it, or leave the claim out" }}
{{- end }}
{{- else }}
{{- if and (not $v.database.url) (not $v.database.existingSecret) }}
{{- $wrong = append $wrong "database.type=mongodb without a database: set database.existingSecret, or database.url" }}
{{- end }}
{{- if and $v.database.url $v.database.existingSecret }}
{{- $wrong = append $wrong "database.url and database.existingSecret: set one of them" }}
{{- end }}
{{- if $v.persistence.existingClaim }}
{{- $volume := "which keeps nothing on a volume: leave it out" }}
{{- $wrong = append $wrong (printf "persistence.existingClaim with database.type=mongodb, %s" $volume) }}
{{- end }}
{{- end }}
{{- /* Here and not in the schema, whose messages repeat the value. */}}
{{- if and $v.database.url (not (regexMatch "^mongodb([+]srv)?://." $v.database.url)) }}
{{- $wrong = append $wrong "database.url does not begin with mongodb:// or mongodb+srv://" }}
{{- end }}
{{- if and $v.adminKey.value (not (regexMatch "^gsm_[a-z0-9]{1,32}_[A-Za-z0-9_-]{32,128}$" $v.adminKey.value)) }}
{{- $form := "an ID of 1 to 32 of a-z 0-9 and a secret of 32 to 128 of A-Z a-z 0-9 _ -" }}
{{- $wrong = append $wrong (printf "adminKey.value is not gsm_ID_SECRET, with %s" $form) }}
{{- end }}
{{- if and $v.secretKey.value (lt (len $v.secretKey.value) 32) }}
{{- $form := "take random ones, as openssl rand -hex 32 prints them" }}
{{- $wrong = append $wrong (printf "secretKey.value has fewer than 32 characters: %s" $form) }}
{{- end }}
{{- if and $v.adminKey.value $v.adminKey.existingSecret }}
{{- $wrong = append $wrong "adminKey.value and adminKey.existingSecret: set one of them" }}
{{- end }}
{{- if and $v.secretKey.value $v.secretKey.existingSecret }}
{{- $wrong = append $wrong "secretKey.value and secretKey.existingSecret: set one of them" }}
{{- end }}
{{- if and $v.metrics.serviceMonitor.enabled (not $v.metrics.enabled) }}
{{- $wrong = append $wrong "metrics.serviceMonitor.enabled without metrics.enabled: set it too" }}
{{- end }}
{{- if and $v.autoscaling.enabled (gt (int $v.autoscaling.minReplicas) (int $v.autoscaling.maxReplicas)) }}
{{- $wrong = append $wrong "autoscaling.minReplicas is more than autoscaling.maxReplicas" }}
{{- end }}
{{- if and $v.ingress.enabled (not $v.ingress.hosts) }}
{{- $wrong = append $wrong "ingress.enabled without ingress.hosts: name a host" }}
{{- end }}
{{- $service := $v.service }}
{{- if and (eq $service.type "ClusterIP") (or $service.nodePort $service.externalTrafficPolicy) }}
{{- $names := "service.nodePort or service.externalTrafficPolicy" }}
{{- $wrong = append $wrong (printf "%s with service.type=ClusterIP: use NodePort or LoadBalancer" $names) }}
{{- end }}
{{- if and (ne $service.type "LoadBalancer") (or $service.loadBalancerClass $service.loadBalancerSourceRanges) }}
{{- $names := "service.loadBalancerClass or service.loadBalancerSourceRanges" }}
{{- $wrong = append $wrong (printf "%s with service.type=%s: use LoadBalancer" $names $service.type) }}
{{- end }}
{{- $own := list }}
{{- range include "gsm.env" . | fromYamlArray }}
{{- $own = append $own .name }}
{{- end }}
{{- range $v.extraEnv }}
{{- if has .name $own }}
{{- $wrong = append $wrong (printf "extraEnv has %s, which the chart sets: there is a value for it" .name) }}
{{- end }}
{{- end }}
{{- $reserved := "^(helm[.]sh/chart|app[.]kubernetes[.]io/(name|instance|component|version|part-of|managed-by))$" }}
{{- range $name := list "commonLabels" "podLabels" }}
{{- range $label, $value := get $v $name }}
{{- if regexMatch $reserved $label }}
{{- $wrong = append $wrong (printf "%s has %s, which the chart sets" $name $label) }}
{{- end }}
{{- end }}
{{- end }}
{{- if $wrong }}
{{- printf "these values do not go together:\n  - %s" (join "\n  - " $wrong) | fail }}
{{- end }}
{{- end }}
