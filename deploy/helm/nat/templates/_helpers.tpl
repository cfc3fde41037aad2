{{- define "nat.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "nat.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- $name := include "nat.name" . }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{/* The name of a component: list root component. */}}
{{- define "nat.componentName" -}}
{{- printf "%s-%s" (include "nat.fullname" (index . 0)) (index . 1) }}
{{- end }}

{{/* What finds the Pods of a component: list root component. */}}
{{- define "nat.selectorLabels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "nat.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* list root component */}}
{{- define "nat.labels" -}}
{{- $root := index . 0 -}}
{{ include "nat.selectorLabels" . }}
app.kubernetes.io/part-of: nat
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* list root flavour, one of service, worker, workerCuda */}}
{{- define "nat.image" -}}
{{- $root := index . 0 }}
{{- $image := index $root.Values.image (index . 1) }}
{{- with $root.Values.image.registry }}{{ trimSuffix "/" . }}/{{ end }}
{{- $image.repository }}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag | default $root.Chart.AppVersion }}{{ end }}
{{- end }}

{{/* Where the replicas of a service are, all of them: list root component. */}}
{{- define "nat.address" -}}
{{- $root := index . 0 -}}
dns:///{{ include "nat.hostname" . }}:{{ include "nat.grpcPort" $root }}
{{- end }}

{{- define "nat.hostname" -}}
{{- $root := index . 0 -}}
{{ include "nat.componentName" . }}.{{ $root.Release.Namespace }}.svc.{{ $root.Values.clusterDomain }}
{{- end }}

{{- define "nat.grpcPort" -}}7070{{- end }}
{{- define "nat.metricsPort" -}}9464{{- end }}

{{/* list root component */}}
{{- define "nat.tlsSecret" -}}
{{- $root := index . 0 }}
{{- index $root.Values.tls.secrets (index . 1) | default (printf "%s-tls" (include "nat.componentName" .)) }}
{{- end }}

{{- define "nat.blobClaim" -}}
{{- $claim := .Values.blobs.persistentVolumeClaim }}
{{- if $claim.existingClaim }}{{ $claim.existingClaim }}{{ else if $claim.create }}{{ include "nat.fullname" . }}-blobs{{ end }}
{{- end }}

{{/* What the restricted profile of Pod Security asks for, and the groups that may read the secrets. */}}
{{- define "nat.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "nat.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* A drain, and what the process needs to end after it: milliseconds in, seconds out. */}}
{{- define "nat.gracePeriod" -}}
{{- add (div (add (int64 .) 999) 1000) 15 }}
{{- end }}

{{/* Pools of workers as YAML, each with what it leaves out. */}}
{{- define "nat.pools" -}}
{{- range $name, $pool := .Values.workers }}
{{ $name }}:
  {{- mergeOverwrite (deepCopy $.Values.workerDefaults) ($pool | default dict) | toYaml | nindent 2 }}
{{- end }}
{{- end }}

{{/* A selector of the Pods of a component, or of the workers of all pools: list root component. */}}
{{- define "nat.podsOf" -}}
{{- $root := index . 0 -}}
matchLabels:
  {{- if eq (index . 1) "worker" }}
  app.kubernetes.io/name: {{ include "nat.name" $root }}
  app.kubernetes.io/instance: {{ $root.Release.Name }}
  nat/worker: 'true'
  {{- else }}
  {{- include "nat.selectorLabels" . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* Egress to what the chart does not bring along: list root names, of database, kafka, blobs, issuer and tracing. */}}
{{- define "nat.outside" -}}
{{- $root := index . 0 }}
{{- range $name := index . 1 }}
{{- if or (eq $name "database") (and (eq $name "kafka") $root.Values.kafka.brokers) (and (eq $name "blobs") $root.Values.blobs.url) (and (eq $name "issuer") $root.Values.auth.jwt.jwksUrl) (and (eq $name "tracing") $root.Values.tracing.endpoint) }}
{{- $peer := index $root.Values.networkPolicy $name }}
- ports:
    - { protocol: TCP, port: {{ int64 $peer.port }} }
  {{- with $peer.to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* How Prometheus calls a component: list root component. */}}
{{- define "nat.scrapeTls" -}}
{{- $secret := include "nat.tlsSecret" (list (index . 0) "monitoring") -}}
serverName: {{ include "nat.hostname" . }}
ca:
  secret: { name: {{ $secret }}, key: ca.crt }
cert:
  secret: { name: {{ $secret }}, key: tls.crt }
keySecret: { name: {{ $secret }}, key: tls.key }
{{- end }}
