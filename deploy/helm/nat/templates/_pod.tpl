{{/* What all Pods of the platform have in their spec: list root component settings. */}}
{{- define "nat.podSpec" -}}
{{- $root := index . 0 }}
{{- $settings := index . 2 -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with $root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- include "nat.podSecurityContext" $root | nindent 2 }}
{{- with $settings.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $settings.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $settings.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Health over gRPC. The kubelet's own probe speaks no TLS, so a program of the image asks, with the service's certificate: list root component. */}}
{{- define "nat.probe" -}}
{{- $root := index . 0 -}}
exec:
  command:
    - grpc_health_probe
    - -addr=127.0.0.1:{{ include "nat.grpcPort" $root }}
    - -tls
    - -tls-ca-cert=/etc/nat/tls/ca.crt
    - -tls-client-cert=/etc/nat/tls/tls.crt
    - -tls-client-key=/etc/nat/tls/tls.key
    - -tls-server-name={{ include "nat.hostname" . }}
    - -connect-timeout=2s
    - -rpc-timeout=2s
timeoutSeconds: 5
{{- end }}

{{- define "nat.workerProbe" -}}
httpGet:
  path: /healthz
  port: https-metrics
  scheme: HTTPS
timeoutSeconds: 10
{{- end }}

{{- define "nat.probes" -}}
startupProbe:
  {{- include "nat.probe" . | nindent 2 }}
  periodSeconds: 2
  failureThreshold: 60
readinessProbe:
  {{- include "nat.probe" . | nindent 2 }}
  periodSeconds: 5
  failureThreshold: 2
livenessProbe:
  {{- include "nat.probe" . | nindent 2 }}
  periodSeconds: 20
  failureThreshold: 6
{{- end }}

{{/* Apart from each other where there is room: list root component. */}}
{{- define "nat.topologySpread" -}}
{{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
- maxSkew: 1
  topologyKey: {{ $key }}
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- include "nat.selectorLabels" $ | nindent 6 }}
  matchLabelKeys: [pod-template-hash]
{{- end }}
{{- end }}
