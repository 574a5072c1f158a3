"""The table of bypasses: each way around licet that was thought of, what stops or sees it, and the tests that prove it.

The rows are in `rows/`, a file for each section; `docs/security.md` is made of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field

ROWS: Final = Path(__file__).with_name("rows")


class Actor(StrEnum):
    """Who can try: the least that is needed for it."""

    TEAM = "team"
    LICENSE_WRITER = "License writer"
    VENDOR_WRITER = "Vendor writer"
    LICET_WRITER = "writer in licet's namespace"
    KUBE_SYSTEM_WRITER = "writer in kube-system"
    LABELLER = "namespace labeller"
    CLUSTER_ADMIN = "cluster admin"
    NODE_OWNER = "node's owner"
    REGISTRY_OWNER = "registry's owner"
    ANYONE = "anyone"


class Guard(StrEnum):
    """What stops it."""

    GATE = "the gate"
    POLICIES = "the workload policies"
    VERIFICATION = "verification of tokens"
    CONTROLLER = "the controller"
    KUBERNETES = "Kubernetes itself"
    RBAC = "RBAC"
    HELM = "Helm itself"


class Witness(StrEnum):
    """What sees it, where nothing stops it or besides."""

    INVENTORY = "the inventory"
    DECISIONS = "the gate's log and Events"
    CONDITIONS = "conditions and Events"
    AUDIT_LOG = "the API server's audit log"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Prose = Annotated[str, Field(min_length=1, pattern=r"^[^|]*$")]  # in cells of a table


class Row(_Strict):
    """One attempt. Where neither a guard nor a witness is named, at most the application notices."""

    attempt: Prose
    who: Actor
    stopped_by: tuple[Guard, ...] = ()
    seen_by: tuple[Witness, ...] = ()
    allowed: bool = False
    """Whether it is let through on purpose."""
    how: Prose
    """How it is stopped or seen, or why it is not."""
    remains: Prose | None = None
    """What can be done all the same; None where nothing is known."""
    tests: Annotated[tuple[Annotated[str, Field(pattern=r"^tests/\S+\.py::\S.*$")], ...], Field(min_length=1)]
    """Node IDs; without parameters, all of them."""

    @property
    def gets_through(self) -> bool:
        """Whether nothing stops it, though it should not be."""
        return not self.stopped_by and not self.allowed


class Section(_Strict):
    """Rows about one thing."""

    title: str
    about: str = ""
    rows: Annotated[tuple[Row, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Table:
    """All that is in `rows/`, in its order."""

    sections: tuple[Section, ...]

    @classmethod
    def read(cls, directory: Path = ROWS) -> "Table":
        """Read the files of a directory by their names; raises `ValidationError` where one is no section."""
        files = sorted(directory.glob("*.yaml"))
        return cls(tuple(Section.model_validate(yaml.safe_load(file.read_text(encoding="utf-8"))) for file in files))

    def __iter__(self) -> Iterator[Row]:
        return (row for section in self.sections for row in section.rows)
