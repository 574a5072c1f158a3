"""A real Kubernetes control plane, with kubectl and both Helms, on any machine with Python; see hack/README.md."""

from controlplane.build import ensure_binaries, kubernetes_versions
from controlplane.cluster import Cluster
from controlplane.errors import ApiError, BuildError, ControlPlaneError, GoError, StartError, StopError
from controlplane.plane import ControlPlane, running, stop

__all__ = [
    "ApiError",
    "BuildError",
    "Cluster",
    "ControlPlane",
    "ControlPlaneError",
    "GoError",
    "StartError",
    "StopError",
    "ensure_binaries",
    "kubernetes_versions",
    "running",
    "stop",
]
