"""What the API server has written into its audit log."""

import json
from typing import Any

from controlplane import ControlPlane
from support.gate_process import until

Json = dict[str, Any]


def audited(plane: ControlPlane, **object_reference: str) -> list[Json]:
    """Wait for entries about an object that is referred to like this, such as by its namespace, and give them all."""
    found: list[Json] = []

    def read() -> bool:
        entries = (
            json.loads(line) for line in plane.audit_log.read_text().splitlines(keepends=True) if line[-1] == "\n"
        )
        found[:] = [entry for entry in entries if object_reference.items() <= entry.get("objectRef", {}).items()]
        return bool(found)

    until(read)
    return found
