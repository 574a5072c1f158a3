"""Globs over names of charts, repositories of images, and names of namespaces.

`*` matches any run of characters, the empty run and `/` included; every other character matches itself. Characters that
other dialects of globs give a meaning to, such as `?` and `[`, are refused instead of matched, since no name contains
them: a Vendor whose pattern can't match anything would protect nothing, and nobody would notice.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

from licet.core import bounds
from licet.core.errors import GlobError

LITERAL_CHARACTERS: Final = "A-Za-z0-9._:/-"
"""Inside of a regular expression's brackets: what names, and so patterns besides `*`, are made of."""

_STRANGE: Final = re.compile(rf"[^*{LITERAL_CHARACTERS}]")


@dataclass(frozen=True, slots=True)
class Glob:
    """A pattern of names; `matches` takes time linear in the length of the name."""

    text: str
    """The pattern as it was written."""

    @classmethod
    def parse(cls, text: str, *, literal_prefix: int = bounds.GLOB_LITERAL_PREFIX) -> Self:
        """Read a pattern that begins with at least `literal_prefix` characters other than `*`.

        Raises:
            GlobError: The pattern is empty, too long or too broad, or has characters that names never have.
        """
        if not text:
            raise GlobError("a glob is empty, and would match no name")
        if len(text) > bounds.GLOB_LENGTH:
            raise GlobError(f"a glob has at most {bounds.GLOB_LENGTH} characters, and this one {len(text)}")
        if strange := _STRANGE.search(text):
            raise GlobError(
                f"glob {text!r} contains {strange[0]!r}: expected letters, digits and any of . _ : / - "
                "as they stand in the names, and * for any run of characters"
            )
        if len(text.partition("*")[0]) < literal_prefix:
            raise GlobError(f"glob {text!r} is too broad: expected at least {literal_prefix} characters before any *")
        return cls(text)

    @property
    def specificity(self) -> tuple[bool, int, str]:
        """The sort key by which the greatest of several patterns is the most specific one.

        A pattern without `*` comes out above all with one, then the one with more literal characters; between equals
        the text decides, so that the order is total.
        """
        wildcards = self.text.count("*")
        return wildcards == 0, len(self.text) - wildcards, self.text

    def matches(self, name: str) -> bool:
        """Tell whether the pattern matches the whole name; case counts."""
        first, *middle = self.text.split("*")
        if not middle:
            return name == first
        last = middle.pop()
        # Between two wildcards the leftmost occurrence is as good as any: it leaves the most to those that follow.
        start, end = len(first), len(name) - len(last)
        if start > end or not name.startswith(first) or not name.endswith(last):
            return False
        for part in middle:
            found = name.find(part, start, end)
            if found < 0:
                return False
            start = found + len(part)
        return True

    def overlaps(self, other: "Glob") -> bool:
        """Tell whether some name is matched by both patterns."""
        if "*" not in self.text:
            return other.matches(self.text)
        if "*" not in other.text:
            return self.matches(other.text)
        # What stands between the outermost wildcards never conflicts: a name can have both, one after the other.
        mine, theirs = self.text.split("*"), other.text.split("*")
        return _either(str.startswith, mine[0], theirs[0]) and _either(str.endswith, mine[-1], theirs[-1])


def _either(contains: Callable[[str, str], bool], one: str, other: str) -> bool:
    return contains(one, other) or contains(other, one)
