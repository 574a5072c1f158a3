"""What a Helm chart says of itself in Chart.yaml and Chart.lock, whether it comes from a release or from a package."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from licet.core import bounds
from licet.core.errors import RangeError
from licet.core.semver import Constraint, Version


@dataclass(frozen=True, slots=True)
class Dependency:
    """A chart that another one lists as its dependency in Chart.yaml."""

    name: str
    """Its name. In a release, Helm has put the alias in its place."""
    version: str = ""
    """A version range."""
    repository: str = ""
    alias: str = ""
    """What the chart goes by instead of its name; empty without one."""
    enabled: bool = True
    """False when a condition or tags have switched it off. Helm drops such dependencies before it stores a release."""


@dataclass(frozen=True, slots=True)
class LockedDependency:
    """A dependency as Chart.lock has it."""

    name: str
    """Its name, never an alias."""
    version: str = ""
    """The version, or the range of Chart.yaml where Helm did not resolve it."""
    repository: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart, from a release or from a package."""

    name: str
    version: str
    annotations: Mapping[str, str] = field(default_factory=dict)
    dependencies: tuple[Dependency, ...] = ()
    locked: tuple[LockedDependency, ...] = ()
    """In the order of Chart.yaml, including dependencies that are switched off."""
    subcharts: tuple["Chart", ...] = ()
    """The charts inside that are switched on, of a package. Of a release they are not known."""


def is_chart_name(text: str) -> bool:
    """Tell whether Helm loads charts of this name: from others it strips characters, or it refuses them."""
    return (
        0 < len(text) <= bounds.CHART_NAME_LENGTH and text.isprintable() and "/" not in text and text not in {".", ".."}
    )


def read_version(text: str) -> Version | None:
    """Read a version; None if the text is none."""
    try:
        return Version.parse(text)
    except RangeError:
        return None


def in_range(version: str, range_text: str) -> bool:
    """Tell whether a version is in the range of a dependency; no version is in what is no range."""
    parsed = read_version(version)
    try:
        return parsed is not None and Constraint.parse(range_text).matches(parsed)
    except RangeError:
        return False


def read_versions(text: str) -> Version | Constraint | None:
    """Read a version where all its numbers are given, or else a range, as Helm's `--version`; None for neither."""
    pinned = pinned_version(text)
    try:
        return Version.parse(pinned) if pinned else Constraint.parse(text)
    except RangeError:
        return None


def pinned_version(range_text: str) -> str | None:
    """Give the version that a range pins: `1.2.3`, `=1.2.3` and `v1.2.3-rc.1` do, while `1.2` is any patch of it."""
    match = _PINNED.fullmatch(range_text)
    return match[1] if match and read_version(match[1]) else None


_PINNED: Final = re.compile(r"\s*=?\s*(v?\d+\.\d+\.\d+(?:[-+]\S+)?)\s*", re.ASCII)
