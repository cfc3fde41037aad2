{{/* What a schema of single values cannot say. */}}
{{- define "nat.validate" -}}
{{- $claim := .Values.blobs.persistentVolumeClaim }}
{{- $places := compact (list .Values.blobs.url $claim.existingClaim (ternary "create" "" $claim.create)) }}
{{- if ne (len $places) 1 }}
{{- fail "blobs: give one of url, persistentVolumeClaim.create and persistentVolumeClaim.existingClaim" }}
{{- end }}
{{- if gt (mul 2 (int64 .Values.evaluator.renewMs)) (int64 .Values.evaluator.leaseMs) }}
{{- fail "evaluator.renewMs must be at most half of evaluator.leaseMs" }}
{{- end }}
{{- with .Values.auth }}
{{- if not (or .tokens.existingSecret .jwt.issuer) }}
{{- fail "auth: callers of the gateway need tokens.existingSecret or jwt.issuer" }}
{{- end }}
{{- if and .jwt.issuer (or (not .jwt.audience) (eq (empty .jwt.jwksUrl) (empty .jwt.jwksConfigMap))) }}
{{- fail "auth.jwt: an issuer needs an audience, and one of jwksUrl and jwksConfigMap" }}
{{- end }}
{{- end }}
{{- if and .Values.tls.certManager.enabled (not .Values.tls.certManager.issuer.name) }}
{{- fail "tls.certManager.issuer.name is required where cert-manager makes the certificates" }}
{{- end }}
{{- range $name, $pool := include "nat.pools" . | fromYaml }}
{{- if and (eq $pool.flavour "cpu") (gt (int64 $pool.gpus) 0) }}
{{- fail (printf "workers.%s: gpus need flavour cuda" $name) }}
{{- end }}
{{- if gt (int64 $pool.autoscaling.minReplicas) (int64 $pool.autoscaling.maxReplicas) }}
{{- fail (printf "workers.%s.autoscaling: minReplicas is more than maxReplicas" $name) }}
{{- end }}
{{- end }}
{{- end }}
