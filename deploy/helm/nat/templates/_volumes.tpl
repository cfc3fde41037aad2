{{/* Mounts and volumes of a Pod. Each takes a dict: root, component, and whether blobs, data, kafka and auth are wanted, and `scratch` as a size. */}}

{{- define "nat.volumeMounts" -}}
- name: scratch
  mountPath: /tmp
- name: tls
  mountPath: /etc/nat/tls
  readOnly: true
{{- if .auth }}
- name: auth
  mountPath: /etc/nat/auth
  readOnly: true
{{- end }}
{{- if .kafka }}
- name: kafka
  mountPath: /etc/nat/kafka
  readOnly: true
{{- end }}
{{- if .blobs }}
- name: blobs
  mountPath: /var/lib/nat/blobs
{{- end }}
{{- if .data }}
- name: data
  mountPath: /var/lib/nat/data
  readOnly: true
{{- end }}
{{- end }}

{{- define "nat.volumes" -}}
{{- $root := .root -}}
- name: scratch
  emptyDir:
    sizeLimit: {{ .scratch }}
- name: tls
  secret:
    secretName: {{ include "nat.tlsSecret" (list $root .component) }}
    defaultMode: 0440
{{- if .auth }}
- name: auth
  projected:
    defaultMode: 0440
    sources:
      {{- with $root.Values.auth }}
      {{- if .tokens.existingSecret }}
      - secret:
          name: {{ .tokens.existingSecret }}
          items: [{ key: {{ .tokens.key | quote }}, path: tokens }]
      {{- end }}
      {{- if .jwt.jwksConfigMap }}
      - configMap:
          name: {{ .jwt.jwksConfigMap }}
          items: [{ key: {{ .jwt.jwksKey | quote }}, path: jwks.json }]
      {{- end }}
      {{- end }}
      {{- if ne .component "gateway" }}
      - configMap:
          name: {{ include "nat.fullname" $root }}-callers
      {{- end }}
{{- end }}
{{- if .kafka }}
- name: kafka
  secret:
    secretName: {{ $root.Values.kafka.tls.caSecret }}
    defaultMode: 0440
{{- end }}
{{- if .blobs }}
- name: blobs
  persistentVolumeClaim:
    claimName: {{ include "nat.blobClaim" $root }}
{{- end }}
{{- if .data }}
- name: data
  persistentVolumeClaim:
    claimName: {{ $root.Values.data.existingClaim }}
    readOnly: true
{{- end }}
{{- end }}
