"""A control plane whose API server judges workloads; nothing of licet runs."""

import contextlib
from collections.abc import Iterator

import pytest

from controlplane import ControlPlane
from support.workload_policies import PolicyCluster


@pytest.fixture(scope="package")
def policies() -> Iterator[PolicyCluster]:
    """A control plane of this package's own: what it refuses, others may want to write."""
    with ControlPlane() as plane, contextlib.closing(PolicyCluster(plane)) as made:
        made.install()
        yield made
