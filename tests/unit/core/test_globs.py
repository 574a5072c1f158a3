import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licet.core.errors import GlobError
from licet.core.globs import Glob
from support.effort import least_seconds

# Few different characters, so that names often match.
patterns = st.text("ab/*", min_size=1, max_size=10)
names = st.text("ab/", max_size=12)
PLAIN = re.compile("ab")


def glob(text: str) -> Glob:
    return Glob.parse(text, literal_prefix=0)


def translate(text: str) -> str:
    return ".*".join(map(re.escape, text.split("*")))


@given(patterns, names)
def test_star_matches_any_run_and_nothing_else_is_special(pattern, name):
    assert glob(pattern).matches(name) == bool(re.fullmatch(translate(pattern), name, re.DOTALL))


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("acme-*", "acme-", True),
        ("acme-*", "acme", False),
        ("registry.acme.example/platform/*", "registry.acme.example/platform/a/b", True),
        ("registry.acme.example/*", "registryxacme.example/a", False),
        ("acme-platform", "acme-platform-2", False),
        ("acme-platform", "Acme-Platform", False),
        ("abc*cd", "abcd", False),
        ("abc*bc*bc", "abcbc", False),
        ("*", "", True),
        ("*", "line\nbreak", True),
    ],
)
def test_pattern_matches_the_whole_name_and_case_counts(pattern, name, expected):
    assert glob(pattern).matches(name) is expected


@pytest.mark.parametrize("text", ["abc", "abc*", "abc*d*", "a.b/*", "abcd"])
def test_three_literal_characters_are_prefix_enough(text):
    assert Glob.parse(text).text == text


@pytest.mark.parametrize("text", ["*", "a*", "ab*", "ab*cdef", "*abc", "ab", "a"])
def test_pattern_without_three_literal_characters_in_front_is_too_broad(text):
    with pytest.raises(GlobError, match=f"glob '{re.escape(text)}' is too broad: expected at least 3 characters"):
        Glob.parse(text)
    assert glob(text).text == text


@pytest.mark.parametrize(
    "character", ["?", "[", "]", "{", "!", "\\", "^", "$", ",", "|", " ", "\n", "\x00", "ä", "\u202e"]
)
def test_characters_that_no_name_has_are_refused(character):
    with pytest.raises(GlobError, match="expected letters, digits"):
        Glob.parse(f"acme{character}*")


def test_pattern_is_neither_empty_nor_too_long():
    with pytest.raises(GlobError, match="empty"):
        glob("")
    with pytest.raises(GlobError, match="at most 255 characters, and this one 256"):
        glob("a" * 256)
    assert glob("a" * 255).matches("a" * 255)


def test_most_specific_pattern_is_exact_then_has_more_literal_characters():
    texts = ["acme*", "acme-*", "acme-*m", "acme-platform", "acme-platform*", "acme*-*"]
    assert sorted(texts, key=lambda text: glob(text).specificity) == [
        "acme*",
        "acme*-*",
        "acme-*",
        "acme-*m",
        "acme-platform*",
        "acme-platform",
    ]


@given(patterns, patterns)
def test_specificity_orders_any_two_patterns(one, other):
    assert (glob(one).specificity == glob(other).specificity) == (one == other)


@given(patterns, patterns, names)
def test_patterns_with_a_name_in_common_overlap(one, other, name):
    assert not (glob(one).matches(name) and glob(other).matches(name)) or glob(one).overlaps(glob(other))


@given(patterns, patterns)
def test_overlapping_patterns_have_a_name_in_common(one, other):
    overlap = glob(one).overlaps(glob(other))
    assert overlap == glob(other).overlaps(glob(one))
    if overlap:
        assert any(glob(one).matches(name) and glob(other).matches(name) for name in witnesses(one, other))


def witnesses(one: str, other: str) -> list[str]:
    """Build names that both patterns should match: outer parts of one or the other, and all inner parts between."""
    if "*" not in one or "*" not in other:
        return [one, other]
    first, second = one.split("*"), other.split("*")
    middle = "".join(first[1:-1] + second[1:-1])
    return [start + middle + end for start in (first[0], second[0]) for end in (first[-1], second[-1])]


@pytest.mark.parametrize("pattern", ["a*" * 127 + "b", "*a" * 127, "*" * 255, "*" + "ab" * 50 + "*" + "ab" * 50 + "c*"])
@pytest.mark.parametrize("name", ["a" * 100_000, "ab" * 50_000])
def test_no_pattern_takes_much_longer_to_match_than_reading_the_name_does(pattern, name):
    assert least_seconds(lambda: glob(pattern).matches(name)) < 50 * least_seconds(lambda: PLAIN.findall(name))
