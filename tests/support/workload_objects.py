"""Workloads as the API server gives them, as small as they can be."""

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]

_API_VERSIONS = {"Job": "batch/v1", "CronJob": "batch/v1", "Pod": "v1", "ReplicationController": "v1"}


def workload(
    kind: str,
    name: str,
    *images: str,
    namespace: str = "prod-eu",
    template_labels: Mapping[str, str] | None = None,
    **metadata: Any,
) -> Json:
    """Make a workload with a container of each image; `controller`, as for `owner_reference`, owns it."""
    pod = {
        "metadata": {"labels": {"app": name, **(template_labels or {})}},
        "spec": {
            "containers": [{"name": f"c{number}", "image": image} for number, image in enumerate(images)],
            "restartPolicy": "Never" if kind in {"Job", "CronJob"} else "Always",
        },
    }
    if (controller := metadata.pop("controller", None)) is not None:
        metadata["ownerReferences"] = [owner_reference(*controller)]
    made: Json = {
        "apiVersion": _API_VERSIONS.get(kind, "apps/v1"),
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace, **metadata},
    }
    match kind:
        case "Pod":
            spec = pod["spec"]
            made["metadata"].setdefault("labels", {}).update(template_labels or {})
        case "Job":
            spec = {"template": pod}
        case "CronJob":
            spec = {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": pod}}}
        case "ReplicationController":
            spec = {"replicas": 0, "selector": {"app": name}, "template": pod}
        case _:
            spec = {"selector": {"matchLabels": {"app": name}}, "template": pod}
    if kind in {"Deployment", "StatefulSet", "ReplicaSet"}:
        spec["replicas"] = 0
    return {**made, "spec": spec}


def owner_reference(kind: str, name: str, uid: str = "", api_version: str = "apps/v1") -> Json:
    """Make the reference to a controller."""
    uid = uid or f"uid-{kind}-{name}"
    return {"apiVersion": api_version, "kind": kind, "name": name, "uid": uid, "controller": True}


def of_release(name: str, namespace: str = "prod-eu") -> Json:
    """Give the metadata by which Helm knows what belongs to a release."""
    return {
        "labels": {"app.kubernetes.io/managed-by": "Helm"},
        "annotations": {"meta.helm.sh/release-name": name, "meta.helm.sh/release-namespace": namespace},
    }
