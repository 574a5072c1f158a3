"""Versions and version ranges, read as Helm reads them: the rules of github.com/Masterminds/semver/v3, release 3.5.

Helm judges `--version` and the ranges of chart dependencies by that library, so a license has to mean by a range what
Helm means, down to the corners. `hack/semver-table` asks the library itself; the unit tests hold this module to its
answers.

- A version may start with `v`, may lack its patch and minor number (they are 0), and may pad its numbers with zeros.
- Build metadata does not count when versions are compared.
- A range is a list of alternatives, separated by `||`; an alternative is a list of comparators that all must hold,
  separated by spaces or a comma. `1.2 - 2.3.4` is short for `>=1.2 <=2.3.4`. The empty string is no range.
- A number that a comparator leaves out, or gives as `x`, `X` or `*`, is open, and so are those after it:
  `2.x`, `~2` and `=2` hold for 2.7.1; `>2` begins at 3.0.0; `<=2` still admits 2.7.1.
- A pre-release matches only where some comparator of the same alternative names a pre-release itself.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Self

from licet.core import bounds
from licet.core.errors import RangeError

SPACE: Final = "\t\n\f\r "
"""White space in a range: that of Go's regular expressions, which unlike Python's is ASCII without the vertical tab."""

_UINT64_MAX: Final = 2**64 - 1  # the library counts in uint64

_LABELS: Final = r"[0-9A-Za-z-]++(?:\.[0-9A-Za-z-]++)*"
_VERSION: Final = re.compile(rf"v?([0-9]++)(?:\.([0-9]++)(?:\.([0-9]++))?)?(?:-({_LABELS}))?(?:\+({_LABELS}))?")
_PADDED: Final = re.compile(r"(?:^|\.)0[0-9]+(?:\.|$)")

# The library lets a `|` pass for a digit: behind a wildcard, where digits are not read, it goes unnoticed (`*.|`), and
# `3||1 - 2` means `>=3 || 1 <=2`. Runs of characters are possessive, and no text can be matched in two ways (the patch
# stands inside of the minor number's group), so there is nothing to backtrack into.
_NUMBER: Final = r"[0-9xX*|]++"
_BOUND: Final = rf"(v?({_NUMBER})(?:\.({_NUMBER})(?:\.({_NUMBER}))?)?(-{_LABELS})?(?:\+{_LABELS})?)"
_COMPARATOR: Final = re.compile(rf"(!=|=[<>]?|[<>]=?|~>?|\^|)[{SPACE}]*+{_BOUND}")
_SEPARATOR: Final = rf"(?:[{SPACE}]*+,[{SPACE}]*+|[{SPACE}]++)"
_ALTERNATIVE: Final = re.compile(rf"{_COMPARATOR.pattern}(?:{_SEPARATOR}{_COMPARATOR.pattern})*")
_HYPHENATED: Final = re.compile(rf"[{SPACE}]*+{_BOUND}[{SPACE}]++-[{SPACE}]++{_BOUND}[{SPACE}]*+")
_WILDCARDS: Final = frozenset({"x", "X", "*", None})

_Identifier = tuple[int, int, str]
_RELEASED: Final[tuple[_Identifier, ...]] = ((2, 0, ""),)


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A version. Versions are equal and ordered by precedence (SemVer 2.0.0 section 11), however they were written."""

    numbers: tuple[int, int, int]
    """Major, minor and patch."""
    _precedence: tuple[_Identifier, ...] = field(repr=False)
    prerelease: str = field(compare=False)
    """The pre-release without its hyphen; empty for a release."""
    metadata: str = field(compare=False)
    """The build metadata without its plus sign."""
    original: str = field(compare=False)
    """The version as it was written."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a version.

        Raises:
            RangeError: It is too long, not in the syntax of a version, or has a number over 2^64-1.
        """
        if len(text) > bounds.VERSION_LENGTH:
            raise RangeError(f"a version has at most {bounds.VERSION_LENGTH} characters, and this one {len(text)}")
        match = _VERSION.fullmatch(text)
        if match is None:
            raise RangeError(f"{text!r} is not a version: expected something like 1.2.3, v1.2 or 1.2.3-rc.1+build.5")
        major, minor, patch = (int(number or 0) for number in match.group(1, 2, 3))
        if max(major, minor, patch) > _UINT64_MAX:
            raise RangeError(f"{text!r} is not a version: a number in it is over 2^64-1")
        prerelease, metadata = match[4] or "", match[5] or ""
        if _PADDED.search(prerelease):
            raise RangeError(f"{text!r} is not a version: a number in its pre-release has a leading zero")
        return cls((major, minor, patch), _precedence_of(prerelease), prerelease, metadata, text)

    @property
    def release(self) -> "Version":
        """The release that a pre-release leads to: the same numbers without pre-release and metadata."""
        return Version(self.numbers, _RELEASED, "", "", ".".join(map(str, self.numbers)))

    def __str__(self) -> str:
        """Give the canonical text: all three numbers, no leading `v`."""
        prerelease = f"-{self.prerelease}" if self.prerelease else ""
        metadata = f"+{self.metadata}" if self.metadata else ""
        return ".".join(map(str, self.numbers)) + prerelease + metadata


def _precedence_of(prerelease: str) -> tuple[_Identifier, ...]:
    """Give a key that sorts numbers before texts, a shorter list before its continuation, and a release last."""
    return tuple(map(_identifier, prerelease.split("."))) if prerelease else _RELEASED


def _identifier(label: str) -> _Identifier:
    if not label.isdigit():
        return (1, 0, label)
    number = int(label)
    return (0, number, "") if number <= _UINT64_MAX else (1, 0, label)  # as text, like the library


@dataclass(frozen=True, slots=True)
class Constraint:
    """A version range."""

    text: str
    """The range as it was written."""
    _alternatives: tuple["_Alternative", ...] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a range.

        Raises:
            RangeError: It is too long, has too many alternatives, or is not in the syntax of a range.
        """
        if len(text) > bounds.RANGE_LENGTH:
            raise RangeError(f"a version range has at most {bounds.RANGE_LENGTH} characters, and this one {len(text)}")
        alternatives = _HYPHENATED.sub(r">= \1, <= \6 ", text).split("||")
        if (count := len(alternatives)) > bounds.RANGE_ALTERNATIVES:
            raise RangeError(
                f"a version range has at most {bounds.RANGE_ALTERNATIVES} alternatives, and this one {count}"
            )
        try:
            return cls(text, tuple(map(_Alternative.parse, alternatives)))
        except RangeError as error:
            expected = "something like '>=2.0.0 <3.0.0', '^2.1' or '2.x || 3.x'"
            raise RangeError(f"{text!r} is not a version range: expected {expected} ({error})") from None

    @property
    def bounds(self) -> tuple[Version, ...]:
        """The versions that the comparators name, open numbers being 0.

        Whether a version is in the range depends on nothing but how it compares to each of these, and how many of the
        leading numbers it shares with it; unless the range `excludes_scattered`.
        """
        return tuple(comparator.bound for part in self._alternatives for comparator in part.comparators)

    @property
    def excludes_scattered(self) -> bool:
        """Tell whether a comparator like `!=1.2-rc` rules out one pre-release of every patch."""
        return any(comparator.is_scattered for part in self._alternatives for comparator in part.comparators)

    def matches(self, version: Version) -> bool:
        """Tell whether the version is in the range."""
        return any(alternative.matches(version) for alternative in self._alternatives)

    def __str__(self) -> str:
        """Give the range on one line, otherwise as it was written."""
        return " ".join(self.text.split())


@dataclass(frozen=True, slots=True)
class _Alternative:
    """Comparators that all must hold."""

    comparators: tuple["_Comparator", ...]
    admits_prereleases: bool

    @classmethod
    def parse(cls, text: str) -> Self:
        text = text.strip(SPACE)
        if _ALTERNATIVE.fullmatch(text) is None:
            raise RangeError(f"{text!r} is not a list of comparators")
        comparators = tuple(map(_Comparator.parse, _COMPARATOR.finditer(text)))
        return cls(comparators, any(comparator.bound.prerelease for comparator in comparators))

    def matches(self, version: Version) -> bool:
        if version.prerelease and not self.admits_prereleases:
            return False
        return all(comparator.matches(version) for comparator in self.comparators)


@dataclass(frozen=True, slots=True)
class _Comparator:
    """An operator and its bound, of which the first `given` numbers were written and the others are open (and 0)."""

    test: "_Test"
    bound: Version
    given: int

    @classmethod
    def parse(cls, match: re.Match[str]) -> Self:
        operator, bound, major, minor, patch, prerelease = match.groups()
        given = next((index for index, number in enumerate((major, minor, patch)) if number in _WILDCARDS), 3)
        if given < 3:
            bound = ".".join([*(major, minor)[:given], *"000"[given:]]) + (prerelease or "")
        return cls(_TESTS[operator], Version.parse(bound), given)

    @property
    def is_scattered(self) -> bool:
        return self.test is _not_equal and self.given == 2 and bool(self.bound.prerelease)

    def matches(self, version: Version) -> bool:
        return self.test(version, self.bound, self.given)


_Test = Callable[[Version, Version, int], bool]


def _agree(version: Version, bound: Version, count: int) -> bool:
    return version.numbers[:count] == bound.numbers[:count]


def _equal(version: Version, bound: Version, given: int) -> bool:
    return version == bound if given == 3 else _tilde(version, bound, given)


def _not_equal(version: Version, bound: Version, given: int) -> bool:
    match given:
        case 1:
            return not _agree(version, bound, 1)
        case 2:
            return not _agree(version, bound, 2) or version.prerelease != bound.prerelease
        case _:
            return version != bound  # `!=*` rules out 0.0.0 alone


def _greater(version: Version, bound: Version, given: int) -> bool:
    return version.numbers[:given] > bound.numbers[:given] if given in (1, 2) else version > bound


def _greater_or_equal(version: Version, bound: Version, _given: int) -> bool:
    return version >= bound


def _less(version: Version, bound: Version, _given: int) -> bool:
    return version < bound


def _less_or_equal(version: Version, bound: Version, given: int) -> bool:
    if given == 3:
        return version <= bound
    count = given or 2  # `<=*` is `<=0.0`
    return version.numbers[:count] <= bound.numbers[:count]


def _tilde(version: Version, bound: Version, given: int) -> bool:
    """Hold for the same minor (`~1.2.3`, `~1.2`) or major (`~1`) from the bound on; `~0.0.0` is open above."""
    unlimited = given == 3 and bound.numbers == (0, 0, 0)
    return version >= bound and (unlimited or _agree(version, bound, min(given, 2)))


def _caret(version: Version, bound: Version, given: int) -> bool:
    """Hold from the bound on while the leading number that is not 0 stays the same; `^*` holds for 0.0.0 alone."""
    major, minor, _ = bound.numbers
    if major or given == 1:
        count = 1
    elif minor or given == 2:
        count = 2
    else:
        count = 3
    return version >= bound and _agree(version, bound, count)


_TESTS: Final[dict[str, _Test]] = {
    "": _equal,
    "=": _equal,
    "!=": _not_equal,
    ">": _greater,
    ">=": _greater_or_equal,
    "=>": _greater_or_equal,
    "<": _less,
    "<=": _less_or_equal,
    "=<": _less_or_equal,
    "~": _tilde,
    "~>": _tilde,
    "^": _caret,
}
