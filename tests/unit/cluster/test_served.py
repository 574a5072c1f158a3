"""Whether a kind is served, by its definition."""

from typing import Any

import pytest

from licet.cluster.resource import POLICY_REPORTS
from licet.cluster.served import served_by


def definition(
    *, established: str = "True", versions: tuple[str, ...] = ("v1alpha2",), served: bool = True, **metadata: str
) -> dict[str, Any]:
    return {
        "metadata": {"name": "policyreports.wgpolicyk8s.io", "uid": "u-1", **metadata},
        "spec": {"versions": [{"name": name, "served": served} for name in versions]},
        "status": {"conditions": [{"type": "Established", "status": established}]},
    }


def test_established_definition_with_the_version_serves():
    assert served_by(POLICY_REPORTS, definition()) == "u-1"
    assert served_by(POLICY_REPORTS, definition(versions=("v1beta1", "v1alpha2"))) == "u-1"


@pytest.mark.parametrize(
    "odd",
    [
        definition(established="False"),
        definition(versions=("v1beta1",)),
        definition(served=False),
        definition(deletionTimestamp="2026-01-01T00:00:00Z"),
        {**definition(), "status": None},
    ],
)
def test_any_other_does_not(odd: dict[str, Any]):
    assert served_by(POLICY_REPORTS, odd) is None
