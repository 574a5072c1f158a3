"""The paths of the Kubernetes API: which URL serves a resource, an object, a subresource."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from licet.core.errors import LicetError
from licet.resources import (
    GROUP,
    VERSION,
    BreakGlass,
    Definition,
    Entitlement,
    Installation,
    License,
    Scope,
    Vendor,
    WorkloadPolicy,
)

# Stricter than Kubernetes' rule for path segments, which only bars ".", "..", "/" and "%": names reach this place from
# Helm releases and admission reviews too, and must not lead to another object than they say.
_SEGMENT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,252}")


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of object as the API server serves it; the core group is the empty string."""

    group: str
    version: str
    plural: str
    namespaced: bool

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """The path of one object (with `name`), of those in a namespace, or of all in the cluster.

        Raises `LicetError` for a namespace or name that cannot be one, `ValueError` for the name of a namespaced object
        without its namespace.
        """
        if self.namespaced and name is not None and namespace is None:
            raise ValueError(f"{self} are namespaced: {name!r} alone names none of them")
        parts = ["/api" if not self.group else f"/apis/{self.group}", self.version]
        if namespace is not None and self.namespaced:
            parts += ("namespaces", _segment(namespace))
        parts.append(self.plural)
        if name is not None:
            parts.append(_segment(name))
        if subresource is not None:
            parts.append(subresource)
        return "/".join(parts)

    def __str__(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural


def _segment(name: str) -> str:
    if not _SEGMENT.fullmatch(name):
        raise LicetError(f"{name[:64]!r} is not a name that a Kubernetes object can have")
    return name


CONFIG_MAPS: Final = Resource("", "v1", "configmaps", namespaced=True)
EVENTS: Final = Resource("", "v1", "events", namespaced=True)
NAMESPACES: Final = Resource("", "v1", "namespaces", namespaced=False)
PODS: Final = Resource("", "v1", "pods", namespaced=True)
SECRETS: Final = Resource("", "v1", "secrets", namespaced=True)
REPLICATION_CONTROLLERS: Final = Resource("", "v1", "replicationcontrollers", namespaced=True)
DEPLOYMENTS: Final = Resource("apps", "v1", "deployments", namespaced=True)
STATEFUL_SETS: Final = Resource("apps", "v1", "statefulsets", namespaced=True)
DAEMON_SETS: Final = Resource("apps", "v1", "daemonsets", namespaced=True)
REPLICA_SETS: Final = Resource("apps", "v1", "replicasets", namespaced=True)
JOBS: Final = Resource("batch", "v1", "jobs", namespaced=True)
CRON_JOBS: Final = Resource("batch", "v1", "cronjobs", namespaced=True)
WORKLOAD_KINDS: Final[Mapping[str, Resource]] = {
    "Deployment": DEPLOYMENTS,
    "StatefulSet": STATEFUL_SETS,
    "DaemonSet": DAEMON_SETS,
    "ReplicaSet": REPLICA_SETS,
    "ReplicationController": REPLICATION_CONTROLLERS,
    "Job": JOBS,
    "CronJob": CRON_JOBS,
    "Pod": PODS,
}
"""By kind, the workloads that can need a license: those that the admission policies judge."""
SELF_SUBJECT_REVIEWS: Final = Resource("authentication.k8s.io", "v1", "selfsubjectreviews", namespaced=False)
HELM_CHARTS: Final = Resource("source.toolkit.fluxcd.io", "v1", "helmcharts", namespaced=True)
OCI_REPOSITORIES: Final = Resource("source.toolkit.fluxcd.io", "v1", "ocirepositories", namespaced=True)
DEFINITIONS: Final = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", namespaced=False)
REPORTS: Final = Resource("openreports.io", "v1alpha1", "reports", namespaced=True)
POLICY_REPORTS: Final = Resource("wgpolicyk8s.io", "v1alpha2", "policyreports", namespaced=True)
ADMISSION_POLICIES: Final = Resource(
    "admissionregistration.k8s.io", "v1", "validatingadmissionpolicies", namespaced=False
)
WEBHOOK_CONFIGURATIONS: Final = Resource(
    "admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations", namespaced=False
)


def _custom(definition: Definition) -> Resource:
    return Resource(GROUP, VERSION, definition.plural, namespaced=definition.scope is Scope.NAMESPACED)


VENDORS: Final = _custom(Vendor.definition)
LICENSES: Final = _custom(License.definition)
ENTITLEMENTS: Final = _custom(Entitlement.definition)
INSTALLATIONS: Final = _custom(Installation.definition)
WORKLOAD_POLICIES: Final = _custom(WorkloadPolicy.definition)
BREAK_GLASSES: Final = _custom(BreakGlass.definition)
