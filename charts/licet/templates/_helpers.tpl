{{/* Labels that select the Pods of a component; they never change. */}}
{{- define "licet.selector" -}}
app.kubernetes.io/name: licet
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/*
Labels of every object. Not app.kubernetes.io/managed-by: licet, by which the controller finds what it projects.
*/}}
{{- define "licet.labels" -}}
{{ include "licet.selector" . }}
app.kubernetes.io/part-of: licet
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* What the Pods of both components have in common: all of the spec save the containers. */}}
{{- define "licet.pod" -}}
serviceAccountName: licet-{{ .component }}
automountServiceAccountToken: true
# A Service named licet would have LICET_PORT set to what is not a number.
enableServiceLinks: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  seccompProfile:
    type: RuntimeDefault
volumes:
  - name: tmp
    emptyDir:
      sizeLimit: 16Mi
{{- end }}

{{/* What the containers of both components have in common: all save name, arguments, ports and resources. */}}
{{- define "licet.container" -}}
image: {{ .root.Values.image.repository }}
{{- with .root.Values.image.digest }}@{{ . }}{{ else }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}{{ end }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
env:
  - name: LICET_OPERATOR_NAMESPACE
    valueFrom:
      fieldRef:
        fieldPath: metadata.namespace
livenessProbe:
  httpGet:
    path: /healthz
    port: status
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet:
    path: /readyz
    port: status
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 2
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
volumeMounts:
  - name: tmp
    mountPath: /tmp
{{- end }}

{{/* Whether the API server judges workloads; before Kubernetes 1.34, its policies can't compare versions. */}}
{{- define "licet.judgesWorkloads" -}}
{{- if and .Values.workloadPolicies.enabled (semverCompare ">=1.34-0" .Capabilities.KubeVersion.Version) }}true{{ end }}
{{- end }}

{{/* Refuses to render where an older version of the chart is installed, and the CRD of a kind is not. */}}
{{- define "licet.needsKind" -}}
{{- $kinds := .root.Capabilities.APIVersions }}
{{- if and ($kinds.Has "licet.dev/v1alpha1/Vendor") (not ($kinds.Has (printf "licet.dev/v1alpha1/%s" .kind))) }}
{{- fail "this version of the chart needs its own CRDs, which Helm does not upgrade: kubectl apply --server-side --force-conflicts -f crds/" }}
{{- end }}
{{- end }}
