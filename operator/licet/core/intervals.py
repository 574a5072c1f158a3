"""Version ranges as intervals: the form in which a program that can only compare versions judges them.

The admission policies of the API server (`licet.core.parameters`) are such a program. A range as Helm means it treats
releases and pre-releases apart, so it becomes two lists of intervals, one for either. All of them are half-open, from
the first version inside to the first one behind, in the order of precedence (SemVer 2.0.0 section 11). Nothing is lost
by that, as every version has a direct successor there:

- `3.0.1-0` is the least pre-release of 3.0.1. So `>=2.0.0-rc.1 <3.0.0`, which holds for all pre-releases of 3.0.0, is
  [2.0.0-rc.1, 3.0.1-0) for pre-releases and [2.0.0, 3.0.0) for releases.
- `2.0.0-rc.1.0` comes right after `2.0.0-rc.1`.

Between two neighbouring versions of those where a range may change, it does not: it is asked about one version of each
such stretch, and so keeps its meaning down to the corners without being understood a second time.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from licet.core import bounds
from licet.core.charts import read_version
from licet.core.coverage import EVERY, VersionSet
from licet.core.errors import RangeError
from licet.core.semver import Constraint, Version

_NUMBER_MAX: Final = 2**64 - 1
_LEAST: Final = "0"  # pre-release

_Numbers = tuple[int, int, int]


class IntervalError(RangeError):
    """A range cannot be said in intervals of versions that every program compares alike."""


@dataclass(frozen=True, slots=True)
class Interval:
    """The versions from one on (inclusive) to another (exclusive); without the latter, all that follow."""

    first: str
    end: str | None = None


@dataclass(frozen=True, slots=True)
class Intervals:
    """The versions that a range covers; intervals are disjoint, not adjacent, and in order."""

    releases: tuple[Interval, ...]
    prereleases: tuple[Interval, ...]
    """Pre-releases that the range covers by itself."""
    channels: tuple[str, ...]
    """Those whose pre-releases are covered besides, where the release that they lead to is; `*` is every channel."""

    @classmethod
    def of(cls, *alternatives: VersionSet) -> "Intervals":
        """Say in intervals what at least one of several sets, which admit the same channels, covers.

        Raises:
            IntervalError: A range rules out the same pre-release of infinitely many versions (`!=1.2-rc`), or names a
                pre-release that is too long, or has a number over 2^64-1, which programs order in different ways.
        """
        channels = tuple(sorted(frozenset[str]().union(*(versions.channels for versions in alternatives))))
        constraints = [versions.constraint for versions in alternatives if versions.constraint is not None]
        if len(constraints) < len(alternatives):
            return cls((Interval("0.0.0"),), (Interval(f"0.0.0-{_LEAST}"),), channels)
        for constraint in constraints:
            _check(constraint)
        named = {bound for constraint in constraints for bound in constraint.bounds}
        edges = sorted({edge for bound in named for edge in _edges(bound.numbers)})
        releases = [Version.parse(".".join(map(str, edge))) for edge in edges]
        prereleases = {Version.parse(f"{release}-{_LEAST}") for release in releases}
        for bound in named:
            if bound.prerelease:
                text = f"{bound.release}-{bound.prerelease}"
                prereleases |= {Version.parse(text), Version.parse(f"{text}.{_LEAST}")}

        def holds(version: Version) -> bool:
            return any(constraint.matches(version) for constraint in constraints)

        return cls(tuple(_merge(releases, holds)), tuple(_merge(sorted(prereleases), holds)), channels)


def overlap(asked: Constraint, licensed: VersionSet) -> bool:
    """Tell whether a version may be in both a range and a set; with more bounds than are looked into, it may."""
    if licensed.constraint is None:
        return True
    named = {*asked.bounds, *licensed.constraint.bounds}
    scattered = asked.excludes_scattered or licensed.constraint.excludes_scattered
    if scattered or len(named) > bounds.GITOPS_BOUNDS:
        return True
    labels = {_LEAST, *licensed.channels} - {EVERY}
    edges = {edge for bound in named for edge in _edges(bound.numbers)}
    candidates = [Version.parse(".".join(map(str, edge))) for edge in edges]
    if any(bound.prerelease for bound in asked.bounds):  # else no pre-release is in it
        candidates += [Version.parse(f"{release}-{label}") for release in candidates for label in labels]
        after = (f"{bound.release}-{bound.prerelease}.{_LEAST}" for bound in named if bound.prerelease)
        candidates += [bound for bound in named if bound.prerelease] + list(filter(None, map(read_version, after)))
    return any(asked.matches(candidate) and licensed.covers(candidate) for candidate in candidates)


def _check(constraint: Constraint) -> None:
    if constraint.excludes_scattered:
        raise IntervalError(f"{constraint} rules out one pre-release of every patch, which is no interval")
    for bound in constraint.bounds:
        if any(label.isdigit() and int(label) > _NUMBER_MAX for label in bound.prerelease.split(".")):
            raise IntervalError(f"{constraint} names a pre-release with a number over 2^64-1")
        if len(str(bound.release)) + len(f"-{bound.prerelease}.{_LEAST}") > bounds.VERSION_LENGTH:
            raise IntervalError(f"{constraint} names a pre-release so long that the one after it can't be written")


def _edges(numbers: _Numbers) -> Iterator[_Numbers]:
    """Give the releases at which a comparator with these numbers may begin or cease to hold."""
    major, minor, _ = numbers
    # `<=*` means `<=0.0`, and `^*` holds for 0.0.0 alone.
    yield from ((0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0), (major, 0, 0), (major, minor, 0), numbers)
    for open_numbers in range(3):
        edge = _next(numbers, open_numbers)
        if edge is not None:
            yield edge


def _next(numbers: _Numbers, open_numbers: int) -> _Numbers | None:
    """Give the first release behind all that differ in the last `open_numbers` only; None if there is none."""
    for index in range(2 - open_numbers, -1, -1):
        if numbers[index] < _NUMBER_MAX:
            kept = (*numbers[:index], numbers[index] + 1)
            major, minor, patch = (*kept, 0, 0)[:3]
            return major, minor, patch
    return None


def _merge(marks: Iterable[Version], holds: Callable[[Version], bool]) -> Iterator[Interval]:
    """Give the stretches between neighbouring marks whose first version is in the range, adjacent ones as one."""
    first: Version | None = None
    for mark in marks:
        if holds(mark):
            first = first or mark
        elif first is not None:
            yield Interval(str(first), str(mark))
            first = None
    if first is not None:
        yield Interval(str(first))
