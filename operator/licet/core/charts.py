"""What a Helm chart says of itself in Chart.yaml and Chart.lock, whether it comes from a release or from a package."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from licet.core.errors import RangeError
from licet.core.semver import Version


@dataclass(frozen=True, slots=True)
class Dependency:
    """A chart that another one lists as its dependency, in Chart.yaml or in Chart.lock."""

    name: str
    """Its name. In a release, Helm has put the alias in its place."""
    version: str = ""
    """In Chart.yaml a version range. In Chart.lock the version, or that range where Helm did not resolve it."""
    repository: str = ""
    alias: str = ""
    """What the chart goes by instead of its name; empty without one."""
    enabled: bool = True
    """False when conditions or tags have switched it off. Helm drops such dependencies before it stores a release."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart's own description."""

    name: str
    version: str
    annotations: Mapping[str, str] = field(default_factory=dict)
    dependencies: tuple[Dependency, ...] = ()
    locked: tuple[Dependency, ...] = ()
    """The dependencies of Chart.lock: in the order of Chart.yaml, by their real names, switched off or not."""


def read_version(text: str) -> Version | None:
    """Read a version; None if the text is none."""
    try:
        return Version.parse(text)
    except RangeError:
        return None


def pinned_version(range_text: str) -> str | None:
    """Give the version that a range pins: `1.2.3`, `=1.2.3` and `v1.2.3-rc.1` do, while `1.2` is any patch of it."""
    match = _PINNED.fullmatch(range_text)
    return match[1] if match and read_version(match[1]) else None


_PINNED: Final = re.compile(r"\s*=?\s*(v?\d+\.\d+\.\d+(?:[-+]\S+)?)\s*", re.ASCII)
