{{/* Variables of the processes, as lists of a container's env. Secrets are references, never values. */}}

{{/* Of every service: list root component. */}}
{{- define "nat.env.server" -}}
{{- $root := index . 0 }}
{{- $component := index . 1 }}
{{- $settings := index $root.Values $component }}
- name: NAT_HOST
  value: 0.0.0.0
- name: NAT_PORT
  value: {{ include "nat.grpcPort" $root | quote }}
- name: NAT_METRICS_PORT
  value: {{ include "nat.metricsPort" $root | quote }}
- name: NAT_LOG_LEVEL
  value: {{ $root.Values.logLevel }}
- name: NAT_DRAIN_MS
  value: {{ int64 $settings.drainMs | quote }}
- name: NAT_LAME_DUCK_MS
  value: {{ int64 $settings.lameDuckMs | quote }}
- name: NAT_TLS_CERT_FILE
  value: /etc/nat/tls/tls.crt
- name: NAT_TLS_KEY_FILE
  value: /etc/nat/tls/tls.key
{{- if ne $component "gateway" }}
- name: NAT_TLS_CLIENT_CA_FILE
  value: /etc/nat/tls/ca.crt
- name: NAT_AUTH_CERTIFICATES_FILE
  value: /etc/nat/auth/callers
{{- end }}
{{- with $root.Values.auth }}
{{- if .tokens.existingSecret }}
- name: NAT_AUTH_TOKENS_FILE
  value: /etc/nat/auth/tokens
{{- end }}
{{- if .jwt.issuer }}
- name: NAT_AUTH_JWT_ISSUER
  value: {{ .jwt.issuer | quote }}
- name: NAT_AUTH_JWT_AUDIENCE
  value: {{ .jwt.audience | quote }}
{{- if .jwt.jwksUrl }}
- name: NAT_AUTH_JWKS_URL
  value: {{ .jwt.jwksUrl | quote }}
{{- else }}
- name: NAT_AUTH_JWKS_FILE
  value: /etc/nat/auth/jwks.json
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* How a service shows itself to the others. */}}
{{- define "nat.env.client" -}}
- name: NAT_CLIENT_TLS_CA_FILE
  value: /etc/nat/tls/ca.crt
- name: NAT_CLIENT_TLS_CERT_FILE
  value: /etc/nat/tls/tls.crt
- name: NAT_CLIENT_TLS_KEY_FILE
  value: /etc/nat/tls/tls.key
{{- end }}

{{- define "nat.env.database" -}}
- name: NAT_DATABASE_URL
  valueFrom:
    secretKeyRef:
      name: {{ .Values.database.existingSecret }}
      key: {{ .Values.database.key }}
- name: NAT_DATABASE_CONNECTIONS
  value: {{ int64 .Values.database.connections | quote }}
{{- end }}

{{- define "nat.env.kafka" -}}
{{- with .Values.kafka }}
{{- if .brokers }}
- name: NAT_KAFKA_BROKERS
  value: {{ join "," .brokers | quote }}
{{- with .prefix }}
- name: NAT_KAFKA_PREFIX
  value: {{ . | quote }}
{{- end }}
{{- if .replicationFactor }}
- name: NAT_KAFKA_REPLICATION_FACTOR
  value: {{ int64 .replicationFactor | quote }}
{{- end }}
{{- if .minInsyncReplicas }}
- name: NAT_KAFKA_MIN_INSYNC_REPLICAS
  value: {{ int64 .minInsyncReplicas | quote }}
{{- end }}
{{- if .tls.enabled }}
- name: NAT_KAFKA_SSL
  value: 'true'
{{- if .tls.caSecret }}
- name: NAT_KAFKA_SSL_CA_FILE
  value: /etc/nat/kafka/{{ .tls.caKey }}
{{- end }}
{{- end }}
{{- if .sasl.mechanism }}
- name: NAT_KAFKA_SASL_MECHANISM
  value: {{ .sasl.mechanism }}
- name: NAT_KAFKA_SASL_USERNAME
  valueFrom:
    secretKeyRef:
      name: {{ .sasl.existingSecret }}
      key: {{ .sasl.usernameKey }}
- name: NAT_KAFKA_SASL_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ .sasl.existingSecret }}
      key: {{ .sasl.passwordKey }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "nat.env.blobs" -}}
- name: NAT_BLOB_URL
  value: {{ .Values.blobs.url | default "file:///var/lib/nat/blobs" | quote }}
{{- with .Values.blobs.credentialsSecret }}
{{- range $variable := list "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY" }}
- name: {{ $variable }}
  valueFrom:
    secretKeyRef:
      name: {{ $.Values.blobs.credentialsSecret }}
      key: {{ $variable }}
{{- end }}
{{- end }}
{{- end }}

{{- define "nat.env.data" -}}
{{- if .Values.data.existingClaim }}
- name: NAT_DATA_DIR
  value: /var/lib/nat/data
{{- end }}
{{- end }}

{{- define "nat.env.tracing" -}}
{{- with .Values.tracing }}
{{- if .endpoint }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ .endpoint | quote }}
- name: OTEL_TRACES_SAMPLER
  value: parentbased_traceidratio
- name: OTEL_TRACES_SAMPLER_ARG
  value: {{ .sampleRatio | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* Further variables: a map. */}}
{{- define "nat.env.further" -}}
{{- range $name, $value := . }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}

{{/* All variables of a service: list root component. */}}
{{- define "nat.env.service" -}}
{{- $root := index . 0 }}
{{- $component := index . 1 }}
{{- include "nat.env.server" . }}
{{- if ne $component "gateway" }}
{{ include "nat.env.database" $root }}
{{- if $root.Values.migrations.enabled }}
- name: NAT_MIGRATE
  value: check
{{- end }}
{{- end }}
{{- if has $component (list "policy" "evaluator") }}
{{- include "nat.env.kafka" $root }}
{{ include "nat.env.blobs" $root }}
{{- end }}
{{- if has $component (list "policy" "gateway") }}
{{ include "nat.env.client" $root }}
- name: NAT_REGISTRY
  value: {{ include "nat.address" (list $root "registry") }}
- name: NAT_EVALUATOR
  value: {{ include "nat.address" (list $root "evaluator") }}
- name: NAT_METRICS
  value: {{ include "nat.address" (list $root "metrics") }}
{{- end }}
{{- if eq $component "policy" }}
{{- include "nat.env.data" $root }}
{{- end }}
{{- if eq $component "gateway" }}
- name: NAT_POLICY
  value: {{ include "nat.address" (list $root "policy") }}
{{- end }}
{{- if eq $component "evaluator" }}
- name: NAT_LEASE_MS
  value: {{ int64 $root.Values.evaluator.leaseMs | quote }}
- name: NAT_RENEW_MS
  value: {{ int64 $root.Values.evaluator.renewMs | quote }}
- name: NAT_NO_CAPABLE_WORKER_MS
  value: {{ int64 $root.Values.evaluator.noCapableWorkerMs | quote }}
{{- end }}
{{- include "nat.env.tracing" $root }}
{{- include "nat.env.further" (index $root.Values $component).env }}
{{- end }}

{{/* All variables of a worker: list root pool. */}}
{{- define "nat.env.worker" -}}
{{- $root := index . 0 }}
{{- $pool := index . 1 -}}
- name: NAT_SERVER
  value: {{ include "nat.address" (list $root "evaluator") }}
- name: NAT_TLS_CA_FILE
  value: /etc/nat/tls/ca.crt
- name: NAT_TLS_CERT_FILE
  value: /etc/nat/tls/tls.crt
- name: NAT_TLS_KEY_FILE
  value: /etc/nat/tls/tls.key
- name: NAT_METRICS_HOST
  value: 0.0.0.0
- name: NAT_METRICS_PORT
  value: {{ include "nat.metricsPort" $root | quote }}
- name: NAT_WORKER_ID
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
{{- with $pool.kinds }}
- name: NAT_WORKER_KINDS
  value: {{ join "," . | quote }}
{{- end }}
{{- with $pool.capabilities }}
- name: NAT_WORKER_CAPABILITIES
  value: {{ join "," . | quote }}
{{- end }}
- name: NAT_WORKER_TRAINERS
  value: {{ int64 $pool.trainers | quote }}
- name: NAT_WORKER_CHECKPOINT_MS
  value: {{ int64 $pool.checkpointMs | quote }}
- name: NAT_DRAIN_MS
  value: {{ int64 $pool.drainMs | quote }}
- name: NAT_LOG_LEVEL
  value: {{ $root.Values.logLevel }}
{{ include "nat.env.blobs" $root }}
{{- include "nat.env.data" $root }}
{{- include "nat.env.tracing" $root }}
{{- include "nat.env.further" $pool.env }}
{{- end }}
