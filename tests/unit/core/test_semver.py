import json
import re
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licet.core import bounds
from licet.core.errors import RangeError
from licet.core.semver import Constraint, Version
from support.effort import least_seconds

TABLE = json.loads(Path(__file__).with_name("semver_table.json").read_text(encoding="utf-8"))
HACK = Path(__file__).parents[3] / "hack"


def read_version(text: str) -> Version | None:
    try:
        return Version.parse(text)
    except RangeError:
        return None


VERSIONS = [read_version(text) for text in TABLE["versions"]]


def answers(text: str) -> str:
    """Judge every version of the table by the range, in the letters of the table."""
    try:
        constraint = Constraint.parse(text)
    except RangeError:
        return "r" * len(VERSIONS)
    return "".join("v" if version is None else "ny"[constraint.matches(version)] for version in VERSIONS)


@pytest.mark.parametrize("row", TABLE["ranges"], ids=[ascii(row["range"])[1:-1][:40] for row in TABLE["ranges"]])
def test_range_has_the_meaning_that_helm_gives_it(row):
    assert answers(row["range"]) == row["answers"]


def test_versions_are_read_as_helm_reads_them():
    assert [version and str(version) for version in VERSIONS] == TABLE["canonical"]


def test_versions_have_the_precedence_that_helm_gives_them():
    order = "".join(
        "v" if one is None or other is None else "<" if one < other else ">" if one > other else "="
        for one, other in product(VERSIONS, repeat=2)
    )
    assert order == "".join(TABLE["precedence"])


def test_equal_versions_are_interchangeable_as_keys():
    for one, other in product(filter(None, VERSIONS), repeat=2):
        assert (one == other) == (not one < other and not one > other)
        assert one != other or hash(one) == hash(other)


@pytest.mark.parametrize("module", ["semver-table", "tools/kubernetes", "tools/helm3"])
def test_table_comes_from_the_library_that_the_pinned_helm_requires(module):
    path, version = TABLE["library"].split()
    assert re.search(rf"\b{re.escape(path)} {re.escape(version)}\b", (HACK / module / "go.mod").read_text())


def test_table_is_as_large_as_promised_and_holds_every_answer():
    assert len({row["range"] for row in TABLE["ranges"]}) >= 45
    assert len(set(TABLE["versions"])) >= 45
    assert set("".join(row["answers"] for row in TABLE["ranges"])) == set("ynrv")


def test_version_keeps_how_it_was_written():
    version = Version.parse("v2.1-rc.1+build.5")
    assert (version.original, str(version)) == ("v2.1-rc.1+build.5", "2.1.0-rc.1+build.5")
    assert (version.numbers, version.prerelease, version.metadata) == ((2, 1, 0), "rc.1", "build.5")


def test_release_is_what_a_prerelease_leads_to():
    assert str(Version.parse("v3.0.0-rc.1+build").release) == "3.0.0"
    assert Version.parse("3.0.0-rc.1").release == Version.parse("3.0.0")


def test_range_is_shown_on_one_line():
    assert str(Constraint.parse(" >=2.0.0\n\t<3.0.0 ")) == ">=2.0.0 <3.0.0"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("one", "'one' is not a version: expected something like 1.2.3"),
        ("1.2.99999999999999999999", "over 2\\^64-1"),
        ("1.2.3-rc.01", "'1.2.3-rc.01' is not a version: .*leading zero"),
        ("1" * 257, "at most 256 characters, and this one 257$"),
    ],
)
def test_refused_version_is_explained(text, message):
    with pytest.raises(RangeError, match=message):
        Version.parse(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (">=2.0.0 <<3.0.0", "'>=2.0.0 <<3.0.0' is not a version range: expected something like '>=2.0.0 <3.0.0'"),
        ("2.x || latest", r"\('latest' is not a list of comparators\)$"),
        (">=1.2.3-01", r"\('1.2.3-01' is not a version: .*leading zero\)$"),
        ("1" * 513, "at most 512 characters, and this one 513$"),
        ("1||" * 32 + "1", "at most 32 alternatives, and this one 33$"),
    ],
)
def test_refused_range_is_explained(text, message):
    with pytest.raises(RangeError, match=message):
        Constraint.parse(text)


@given(st.text("012xX*.|-+ ,<>=!~^va\t\n", max_size=20) | st.text(max_size=20))
def test_any_text_is_read_or_refused_with_a_range_error(text):
    read_version(text)
    answers(text)


@pytest.mark.parametrize(
    "unit",
    [
        "1",
        "1.",
        "1-",
        "-",
        "a.",
        " ",
        ",",
        "1 ",
        "1.1 ",
        "1.1.1,",
        "1 - ",
        "|",
        "1|",
        "=",
        ">=1 ",
        "x.x-0.",
        "1.1-a.a+a.a ",
    ],
)
@pytest.mark.parametrize("end", ["", "!", " -", " 1", " - 1"])
def test_no_range_takes_much_longer_to_read_than_a_plain_one(unit, end):
    text = (unit * bounds.RANGE_LENGTH)[: bounds.RANGE_LENGTH - len(end)] + end
    plain = (">=1.2.3 " * bounds.RANGE_LENGTH)[: bounds.RANGE_LENGTH - 1]
    assert least_seconds(lambda: answers(text)) < 50 * least_seconds(lambda: answers(plain))
