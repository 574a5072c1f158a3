"""Telling which charts, in which versions, the dependencies that a chart lists really are.

Chart.yaml gives a name and mostly a range; Chart.lock gives the version that Helm resolved it to. Of a dependency with
an alias a stored release keeps only the alias (`ProcessDependencies` overwrites the name), so its real name has to be
found in the lock again. Helm writes the lock in the order of Chart.yaml, an entry for each dependency with its name and
its repository, and keeps the entries of dependencies that it then switches off: what a release lists is a subsequence
of its lock, and an entry fits a dependency only where all the others find theirs before and behind it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress

from licet.core import bounds
from licet.core.charts import Chart, Dependency, LockedDependency, pinned_version, read_version
from licet.core.errors import RangeError, ReleaseError
from licet.core.semver import Constraint, Version


@dataclass(frozen=True, slots=True)
class Identity:
    """A chart that a dependency can be."""

    name: str
    version: str | None
    """Its version; None when the listing does not tell."""
    locked: bool
    """Whether it is from the lock."""


@dataclass(frozen=True, slots=True)
class ResolvedDependency:
    """A dependency, and which chart it is."""

    directory: str
    """What it goes by in paths, labels and values: its alias or its name."""
    enabled: bool
    identities: tuple[Identity, ...]
    """One as a rule; several where an alias or a version can't be told for sure."""


def resolve_dependencies(chart: Chart) -> tuple[ResolvedDependency, ...]:
    """Resolve the dependencies of a chart, from a release or from a package, in their order."""
    ranges = {dependency.version: _Range(dependency.version) for dependency in chart.dependencies}
    entries_by_index = _match(chart.dependencies, chart.locked, ranges)
    return tuple(
        ResolvedDependency(
            directory=dependency.alias or dependency.name,
            enabled=dependency.enabled,
            identities=_identities(dependency, entries, ranges[dependency.version]),
        )
        for dependency, entries in zip(chart.dependencies, entries_by_index, strict=True)
    )


def _identities(
    dependency: Dependency, entries: Iterable[LockedDependency], admitted: "_Range"
) -> tuple[Identity, ...]:
    pinned = pinned_version(dependency.version)
    by_lock = {
        Identity(entry.name, pinned or _locked_version(entry, dependency, admitted), pinned is None)
        for entry in dict.fromkeys(entries)
    }
    return tuple(sorted(by_lock, key=str)) or (Identity(dependency.name, pinned, locked=False),)


def _locked_version(entry: LockedDependency, dependency: Dependency, admitted: "_Range") -> str | None:
    """Give the version of a lock entry, unless it is no version, or is out of date.

    Helm locks charts that lie in `charts/` without a repository to the text of their range.
    """
    if entry.version == dependency.version:
        return pinned_version(entry.version)
    return entry.version if admitted.admits(read_version(entry.version)) else None


def _match(
    dependencies: Sequence[Dependency], locked: Sequence[LockedDependency], ranges: Mapping[str, "_Range"]
) -> list[list[LockedDependency]]:
    """Give, for each dependency, the lock entries that it can be.

    If the lock is out of step with the dependencies, entries are taken wherever they stand, and whatever their version.
    """
    if max(len(dependencies), len(locked)) > bounds.CHART_DEPENDENCIES:
        raise ReleaseError(f"the chart has more than {bounds.CHART_DEPENDENCIES} dependencies")
    if len(dependencies) * len(locked) > bounds.CHART_LOCK_PAIRS:
        raise ReleaseError(
            f"the chart has {len(dependencies)} dependencies and a lock with {len(locked)} entries; "
            f"at most {bounds.CHART_LOCK_PAIRS} pairs of them are compared"
        )
    alike = [[_alike(dependency, entry) for entry in locked] for dependency in dependencies]
    versions = [read_version(entry.version) for entry in locked]
    fits = [
        [
            like and (entry.version == dependency.version or admitted.admits(version))
            for like, entry, version in zip(row, locked, versions, strict=True)
        ]
        for row, dependency in zip(alike, dependencies, strict=True)
        for admitted in (ranges[dependency.version],)
    ]
    earliest = _places(fits, range(len(locked)))
    latest = _places(fits[::-1], range(len(locked))[::-1])
    if earliest is None or latest is None:
        return [_select(locked, fit) or _select(locked, like) for fit, like in zip(fits, alike, strict=True)]
    return [
        _select(locked[first : last + 1], fit[first : last + 1])
        for fit, first, last in zip(fits, earliest, latest[::-1], strict=True)
    ]


def _select(entries: Sequence[LockedDependency], chosen: Sequence[bool]) -> list[LockedDependency]:
    return list(compress(entries, chosen))


def _places(fits: Sequence[Sequence[bool]], order: Iterable[int]) -> list[int] | None:
    """Give each dependency the first entry that fits it, in this order, behind that of the dependency before."""
    places: list[int] = []
    remaining = iter(order)
    for row in fits:
        place = next((place for place in remaining if row[place]), None)
        if place is None:
            return None
        places.append(place)
    return places


def _alike(dependency: Dependency, entry: LockedDependency) -> bool:
    renamed = dependency.alias != "" and dependency.alias == dependency.name
    # Helm copies a repository's URL to the lock; its own name for a repository, `@stable`, it turns into the URL.
    named = dependency.repository.startswith(("@", "alias:"))
    return (renamed or entry.name == dependency.name) and (named or entry.repository == dependency.repository)


class _Range:
    """The range of a dependency; text that is none rules no version out."""

    __slots__ = ("_constraint",)

    def __init__(self, text: str) -> None:
        self._constraint: Constraint | None
        try:
            self._constraint = Constraint.parse(text)
        except RangeError:
            self._constraint = None

    def admits(self, version: Version | None) -> bool:
        return version is not None and (self._constraint is None or self._constraint.matches(version))
