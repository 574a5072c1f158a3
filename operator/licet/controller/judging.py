"""How the API server judges workloads: what it was told in a WorkloadPolicy, and how far that goes; values only."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from licet.controller.observed import Written, digest
from licet.resources.workloadpolicy import ENFORCEMENT_LABEL


@dataclass(frozen=True, slots=True)
class Judging:
    """How far the API server judges the workloads of a Vendor by what is licensed now."""

    unexpressed: tuple[str, ...] = ()
    """Ranges that it can't judge by, and why not."""
    failure: str = ""
    """Why it could not be told what is licensed; empty where it was."""


def read_policy(obj: Mapping[str, Any]) -> Written:
    """Read a WorkloadPolicy as the API server gives it."""
    return Written.read(obj, policy_content(obj))


def policy_content(obj: Mapping[str, Any]) -> bytes:
    """Digest what the controller answers for in a WorkloadPolicy: its spec, and the label that chooses the binding."""
    labels = obj["metadata"].get("labels") or {}
    return digest([obj.get("spec"), labels.get(ENFORCEMENT_LABEL)])
