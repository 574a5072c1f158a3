"""Which versions of a chart and which tags of an image a grant covers.

- An absent range does not restrict: every version is covered, pre-releases too.
- A range has the meaning that Helm gives it (`licet.core.semver`), so it covers a pre-release only where it names one.
- Channels admit pre-releases besides. The channel of `3.0.0-rc.1` and of `3.0.0-rc1` is `rc`. A pre-release of a listed
  channel is covered when the release that it leads to is in range; `*` lists every channel.
- Tags are alternatives separated by `||`, each a range or a tag that is covered literally; a tag that is no version is
  covered in no other way. The alternative `*` covers every tag, and images that are referred to by digest alone.
"""

import re
from dataclasses import dataclass
from typing import Final, Self

from licet.core import bounds
from licet.core.errors import RangeError
from licet.core.semver import SPACE, Constraint, Version

EVERY: Final = "*"

_CHANNEL: Final = re.compile(r"[0-9A-Za-z-]*[A-Za-z-]")
_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")  # OCI distribution specification, "Pulling manifests"


def channel_of(prerelease: str) -> str:
    """Name the channel of a pre-release: its first identifier less trailing digits; empty for a mere number."""
    return prerelease.partition(".")[0].rstrip("0123456789")


@dataclass(frozen=True, slots=True)
class VersionSet:
    """The versions of a chart that a grant covers; its `str` is fit for messages."""

    constraint: Constraint | None
    channels: frozenset[str]

    @classmethod
    def parse(cls, versions: str | None, channels: tuple[str, ...] = ()) -> Self:
        """Read a range, None being an absent one, and the channels that it admits besides.

        Raises:
            RangeError: The range or a channel is not in its syntax.
        """
        return cls(None if versions is None else Constraint.parse(versions), _read_channels(channels))

    def covers(self, version: Version) -> bool:
        """Tell whether the version is covered."""
        if self.constraint is None or self.constraint.matches(version):
            return True
        return self._admits(version.prerelease) and self.constraint.matches(version.release)

    def _admits(self, prerelease: str) -> bool:
        return bool(prerelease) and not self.channels.isdisjoint((EVERY, channel_of(prerelease)))

    def __str__(self) -> str:
        return "every version" if self.constraint is None else f"{self.constraint}{_describe(self.channels)}"


@dataclass(frozen=True, slots=True)
class TagSet:
    """The tags of an image that a grant covers; its `str` is fit for messages."""

    alternatives: tuple[str, ...]
    versions: tuple[VersionSet, ...]
    """The alternatives that are ranges."""

    @classmethod
    def parse(cls, tags: str | None, channels: tuple[str, ...] = ()) -> Self:
        """Read alternatives, None being absent ones, and the channels that the ranges among them admit besides.

        Raises:
            RangeError: There are too many alternatives, or one is neither a range nor a tag, or a channel is not one.
        """
        admitted = _read_channels(channels)
        if tags is None:
            return cls((EVERY,), ())
        if len(tags) > bounds.RANGE_LENGTH:
            raise RangeError(f"tags have at most {bounds.RANGE_LENGTH} characters, and these {len(tags)}")
        alternatives = tuple(alternative.strip(SPACE) for alternative in tags.split("||"))
        if (count := len(alternatives)) > bounds.RANGE_ALTERNATIVES:
            raise RangeError(f"tags have at most {bounds.RANGE_ALTERNATIVES} alternatives, and these {count}")
        constraints = filter(None, map(_read_alternative, alternatives))
        return cls(alternatives, tuple(VersionSet(constraint, admitted) for constraint in constraints))

    def covers(self, tag: str | None) -> bool:
        """Tell whether the tag is covered, or with None an image that is referred to by digest alone."""
        if EVERY in self.alternatives:
            return True
        if tag is None:
            return False
        if tag in self.alternatives:
            return True
        try:
            version = Version.parse(tag)
        except RangeError:
            return False
        return any(versions.covers(version) for versions in self.versions)

    def __str__(self) -> str:
        if EVERY in self.alternatives:
            return "every tag"
        channels = self.versions[0].channels if self.versions else frozenset()
        return " ".join(" || ".join(self.alternatives).split()) + _describe(channels)


def _read_alternative(text: str) -> Constraint | None:
    """Read an alternative of tags as a range; None if it is a tag instead."""
    try:
        return Constraint.parse(text)
    except RangeError as error:
        if _TAG.fullmatch(text):
            return None
        raise RangeError(f"{error}; nor is it a tag") from None


def _read_channels(channels: tuple[str, ...]) -> frozenset[str]:
    for channel in channels:
        if channel != EVERY and _CHANNEL.fullmatch(channel) is None:
            raise RangeError(
                f"{channel!r} is not a pre-release channel: expected letters, digits and hyphens, with no digit at the "
                f"end, such as 'rc' for 3.0.0-rc.1 and 3.0.0-rc1, or {EVERY!r} for every channel"
            )
    return frozenset(channels)


def _describe(channels: frozenset[str]) -> str:
    if not channels:
        return ""
    if EVERY in channels:
        return " and all pre-releases of these"
    return f" and the pre-releases of these in {', '.join(sorted(channels))}"
