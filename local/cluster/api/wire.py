"""The protobuf field numbers of the structs that kubectl's create commands send.

A struct's fields stand in the order of their numbers, from 1; a dash is a number without a field. A name that begins
with a comma is a struct whose fields JSON shows in the place of the field.
"""

NUMBERS = {
    "Affinity": "nodeAffinity podAffinity podAntiAffinity",
    "Capabilities": "add drop",
    "ConfigMap": "metadata data binaryData immutable",
    "ConfigMapEnvSource": ",LocalObjectReference optional",
    "ConfigMapKeySelector": ",LocalObjectReference key optional",
    "ConfigMapProjection": ",LocalObjectReference items - optional",
    "ConfigMapVolumeSource": ",LocalObjectReference items defaultMode optional",
    "Container": (
        "name image command args workingDir ports env resources volumeMounts livenessProbe readinessProbe lifecycle "
        "terminationMessagePath imagePullPolicy securityContext stdin stdinOnce tty envFrom terminationMessagePolicy "
        "volumeDevices startupProbe resizePolicy restartPolicy"
    ),
    "ContainerPort": "name hostPort containerPort protocol hostIP",
    "CronJob": "metadata spec status",
    "CronJobSpec": (
        "schedule startingDeadlineSeconds concurrencyPolicy suspend jobTemplate successfulJobsHistoryLimit "
        "failedJobsHistoryLimit timeZone"
    ),
    "EmptyDirVolumeSource": "medium sizeLimit",
    "EnvFromSource": "prefix configMapRef secretRef",
    "EnvVar": "name value valueFrom",
    "EnvVarSource": "fieldRef resourceFieldRef configMapKeyRef secretKeyRef",
    "ExecAction": "command",
    "HTTPGetAction": "path port host scheme httpHeaders",
    "HTTPHeader": "name value",
    "HostPathVolumeSource": "path type",
    "Job": "metadata spec status",
    "JobSpec": (
        "parallelism completions activeDeadlineSeconds selector manualSelector template backoffLimit "
        "ttlSecondsAfterFinished completionMode suspend podFailurePolicy backoffLimitPerIndex maxFailedIndexes "
        "podReplacementPolicy managedBy successPolicy"
    ),
    "JobTemplateSpec": "metadata spec",
    "KeyToPath": "key path mode",
    "LabelSelector": "matchLabels matchExpressions",
    "LabelSelectorRequirement": "key operator values",
    "LocalObjectReference": "name",
    "Namespace": "metadata spec status",
    "NamespaceSpec": "finalizers",
    "NodeAffinity": "requiredDuringSchedulingIgnoredDuringExecution preferredDuringSchedulingIgnoredDuringExecution",
    "NodeSelector": "nodeSelectorTerms",
    "NodeSelectorRequirement": "key operator values",
    "NodeSelectorTerm": "matchExpressions matchFields",
    "ObjectFieldSelector": "apiVersion fieldPath",
    "ObjectMeta": (
        "name generateName namespace selfLink uid resourceVersion generation creationTimestamp deletionTimestamp "
        "deletionGracePeriodSeconds labels annotations ownerReferences finalizers - - managedFields"
    ),
    "OwnerReference": "kind - name uid apiVersion controller blockOwnerDeletion",
    "PersistentVolumeClaimVolumeSource": "claimName readOnly",
    "Pod": "metadata spec status",
    "PodFailurePolicy": "rules",
    "PodFailurePolicyOnExitCodesRequirement": "containerName operator values",
    "PodFailurePolicyOnPodConditionsPattern": "type status",
    "PodFailurePolicyRule": "action onExitCodes onPodConditions",
    "PodSecurityContext": (
        "seLinuxOptions runAsUser runAsNonRoot supplementalGroups fsGroup runAsGroup sysctls windowsOptions "
        "fsGroupChangePolicy seccompProfile appArmorProfile supplementalGroupsPolicy seLinuxChangePolicy"
    ),
    "PodSpec": (
        "volumes containers restartPolicy terminationGracePeriodSeconds activeDeadlineSeconds dnsPolicy nodeSelector "
        "serviceAccountName serviceAccount nodeName hostNetwork hostPID hostIPC securityContext imagePullSecrets "
        "hostname subdomain affinity schedulerName initContainers automountServiceAccountToken tolerations "
        "hostAliases priorityClassName priority dnsConfig shareProcessNamespace readinessGates runtimeClassName "
        "enableServiceLinks preemptionPolicy overhead topologySpreadConstraints ephemeralContainers "
        "setHostnameAsFQDN os hostUsers schedulingGates resourceClaims resources"
    ),
    "PodTemplateSpec": "metadata spec",
    "PreferredSchedulingTerm": "weight preference",
    "Probe": (
        ",ProbeHandler initialDelaySeconds timeoutSeconds periodSeconds successThreshold failureThreshold "
        "terminationGracePeriodSeconds"
    ),
    "ProbeHandler": "exec httpGet tcpSocket grpc",
    "ProjectedVolumeSource": "sources defaultMode",
    "ResourceFieldSelector": "containerName resource divisor",
    "ResourceRequirements": "limits requests claims",
    "SeccompProfile": "type localhostProfile",
    "Secret": "metadata data type stringData immutable",
    "SecretEnvSource": ",LocalObjectReference optional",
    "SecretKeySelector": ",LocalObjectReference key optional",
    "SecretProjection": ",LocalObjectReference items - optional",
    "SecretVolumeSource": "secretName items defaultMode optional",
    "SecurityContext": (
        "capabilities privileged seLinuxOptions runAsUser runAsNonRoot readOnlyRootFilesystem "
        "allowPrivilegeEscalation runAsGroup procMount windowsOptions seccompProfile appArmorProfile"
    ),
    "ServiceAccount": "metadata secrets imagePullSecrets automountServiceAccountToken",
    "ServiceAccountTokenProjection": "audience expirationSeconds path",
    "SuccessPolicy": "rules",
    "SuccessPolicyRule": "succeededIndexes succeededCount",
    "TCPSocketAction": "port host",
    "Toleration": "key operator value effect tolerationSeconds",
    "Volume": "name ,VolumeSource",
    "VolumeMount": "name readOnly mountPath subPath mountPropagation subPathExpr recursiveReadOnly",
    "VolumeProjection": "secret - configMap serviceAccountToken",
    "VolumeSource": (
        "hostPath emptyDir - - - secret - - - persistentVolumeClaim - - - - - - - - configMap - - - - - - projected"
    ),
}
