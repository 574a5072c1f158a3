import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from licet.core.coverage import TagSet, VersionSet, channel_of
from licet.core.errors import RangeError
from licet.core.semver import Constraint, Version

numbers = st.integers(0, 4)
releases = st.builds("{}.{}.{}".format, numbers, numbers, numbers)
channels = st.sampled_from(["alpha", "beta", "rc", "RC", "rc-"])
prereleases = st.builds("{}{}".format, channels, st.sampled_from(["", "1", "12", ".1", ".x", "1.2"]))
versions = releases | st.builds("{}-{}".format, releases, prereleases)
comparators = st.builds(
    "{}{}".format,
    st.sampled_from(["", "=", "!=", ">", ">=", "<", "<=", "~", "^"]),
    versions | st.sampled_from(["2.x", "3", "*"]),
)
ranges = st.lists(st.lists(comparators, min_size=1, max_size=2).map(" ".join), min_size=1, max_size=2).map(" || ".join)


def covers(text: str | None, version: str, *channels: str) -> bool:
    return VersionSet.parse(text, channels).covers(Version.parse(version))


# -- versions ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["0.0.0", "2.4.1", "3.0.0-rc.1", "1.0.0-0"])
def test_absent_range_covers_every_version(version):
    assert covers(None, version)


@given(ranges, versions)
def test_without_channels_a_range_means_what_it_means_to_helm(text, version):
    assert covers(text, version) == Constraint.parse(text).matches(Version.parse(version))


@pytest.mark.parametrize("version", ["2.4.1", "2.4.1-rc.1"])
def test_star_covers_releases_alone(version):
    assert covers("*", version) == ("-" not in version)


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("2.0.0-rc.1", True),
        ("2.0.0-rc1", True),
        ("2.5.0-rc", True),
        ("3.0.0-rc.1", False),
        ("1.9.0-rc.1", False),
        ("2.5.0-beta.1", False),
        ("2.5.0-rc-1", False),
        ("2.5.0-RC.1", False),
        ("2.5.0-1", False),
        ("2.5.0-1.rc", False),
    ],
)
def test_channel_admits_prereleases_that_lead_to_a_release_in_range(version, expected):
    assert covers(">=2.0.0 <3.0.0", version, "rc") is expected


@given(ranges, releases, prereleases, channels)
def test_channel_covers_just_what_helm_does_and_prereleases_of_it_before_releases_in_range(text, release, pre, channel):
    version = f"{release}-{pre}"
    in_channel = re.sub("[0-9]+$", "", pre.split(".")[0]) == channel
    assert covers(text, version, channel) == (covers(text, version) or (in_channel and covers(text, release)))


@given(ranges, releases, prereleases)
def test_star_is_every_channel(text, release, pre):
    version = f"{release}-{pre}"
    assert covers(text, version, "*") == (covers(text, version) or covers(text, release))
    assert covers(">=2", "2.5.0-1", "*")  # a pre-release without a channel's name


@given(ranges, releases, st.lists(channels | st.just("*")))
def test_channels_change_nothing_for_releases(text, release, listed):
    assert covers(text, release, *listed) == covers(text, release)


@given(ranges, versions, st.lists(channels | st.just("*")), channels)
def test_one_more_channel_takes_nothing_away(text, version, listed, more):
    assert not covers(text, version, *listed) or covers(text, version, *listed, more)


@pytest.mark.parametrize(
    ("prerelease", "channel"),
    [
        ("rc.1", "rc"),
        ("rc1", "rc"),
        ("rc", "rc"),
        ("rc12.beta.3", "rc"),
        ("x1y2", "x1y"),
        ("1", ""),
        ("1.rc", ""),
        ("-1", "-"),
    ],
)
def test_channel_is_the_first_identifier_less_trailing_digits(prerelease, channel):
    assert channel_of(prerelease) == channel


@pytest.mark.parametrize("channel", ["", "rc1", "1", "rc.1", "r c", "rc*", "**", "ä", "rc\n"])
def test_channel_that_no_prerelease_can_have_is_refused(channel):
    for parse in (VersionSet.parse, TagSet.parse):
        with pytest.raises(RangeError, match="is not a pre-release channel: expected letters, digits and hyphens"):
            parse(">=2", (channel,))
        with pytest.raises(RangeError, match="is not a pre-release channel"):
            parse(None, (channel,))


@pytest.mark.parametrize("text", ["", "latest", ">=2 || latest", "[2,3)"])
def test_versions_that_are_no_range_are_refused(text):
    with pytest.raises(RangeError, match="is not a version range"):
        VersionSet.parse(text)


@pytest.mark.parametrize(
    ("text", "listed", "shown"),
    [
        (None, (), "every version"),
        (">=2.0.0\n<3.0.0", (), ">=2.0.0 <3.0.0"),
        ("2.x", ("rc", "beta"), "2.x and the pre-releases of these in beta, rc"),
        ("2.x", ("rc", "*"), "2.x and all pre-releases of these"),
    ],
)
def test_covered_versions_are_told_on_one_line(text, listed, shown):
    assert str(VersionSet.parse(text, listed)) == shown


# -- tags --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tags", [None, "*", "* || >=2", "latest||*"])
@pytest.mark.parametrize("tag", ["2.4.1", "2.4.1-rc.1", "latest", "sha-5114f85", None])
def test_star_and_absent_tags_cover_every_tag_and_bare_digests(tags, tag):
    assert TagSet.parse(tags).covers(tag)


@pytest.mark.parametrize("tags", ["x", ">=0", ">=0.0.0-0", "latest", "*-0", ">=*"])
def test_nothing_but_star_covers_a_bare_digest(tags):
    assert not TagSet.parse(tags).covers(None)


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("latest", True),
        ("2.0.0", True),
        ("v2.7", True),
        ("stable", False),
        ("Latest", False),
        ("latest-2", False),
        ("1.9.9", False),
        ("2.1.0-rc.1", False),
        ("2.1.0_build", False),
        ("", False),
    ],
)
def test_tag_that_is_no_version_is_covered_literally_alone(tag, expected):
    assert TagSet.parse("latest || >=2.0.0").covers(tag) is expected


@pytest.mark.parametrize("tag", ["2.x", "x", "nightly", "2.0.0.1", "1.2.3-01"])
def test_tag_is_covered_where_it_stands_literally_even_if_it_reads_as_a_range(tag):
    assert TagSet.parse(f">=9 || {tag}").covers(tag)


@given(ranges, versions)
def test_tags_that_are_versions_are_covered_as_by_the_same_range(text, version):
    assume("*" not in text.split(" || "))
    assert TagSet.parse(text).covers(version) == covers(text, version)


@given(ranges, versions, st.lists(channels))
def test_channels_admit_prereleases_among_tags_too(text, version, listed):
    assume("*" not in text.split(" || "))
    assert TagSet.parse(text, tuple(listed)).covers(version) == covers(text, version, *listed)


@pytest.mark.parametrize(
    "tags",
    [
        "",
        " ",
        "latest ||",
        "|| latest",
        "latest stable",
        ">=2, latest",
        "-latest",
        "a/b",
        "lätest",
        "a" * 129,
        "latest\v",
    ],
)
def test_alternative_that_is_neither_range_nor_tag_is_refused(tags):
    with pytest.raises(RangeError, match=r"is not a version range: .*; nor is it a tag$"):
        TagSet.parse(tags)


def test_tags_are_bounded_like_ranges():
    assert TagSet.parse("||".join(["a"] * 32)).covers("a")
    with pytest.raises(RangeError, match=r"at most 32 alternatives, and these 33$"):
        TagSet.parse("||".join(["a"] * 33))
    with pytest.raises(RangeError, match=r"at most 512 characters, and these 513$"):
        TagSet.parse("a" + " " * 512)


@pytest.mark.parametrize(
    ("tags", "listed", "shown"),
    [
        (None, (), "every tag"),
        ("* || latest", ("rc",), "every tag"),
        ("latest||>=2.0.0\t<3", (), "latest || >=2.0.0 <3"),
        ("latest || 2.x", ("rc",), "latest || 2.x and the pre-releases of these in rc"),
        ("latest", ("rc",), "latest"),
    ],
)
def test_covered_tags_are_told_on_one_line(tags, listed, shown):
    assert str(TagSet.parse(tags, listed)) == shown
