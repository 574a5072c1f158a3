"""Ranges as intervals: judged by comparing alone, they mean what they meant before."""

import re
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from licet.core.coverage import VersionSet, channel_of
from licet.core.intervals import Interval, IntervalError, Intervals
from licet.core.semver import Version
from support.properties import quick

numbers = st.sampled_from([0, 1, 2, 3, 4, 2**64 - 1])
labels = st.sampled_from(
    ["0", "1", "2", "10", "a", "rc", "rc1", "rc-1", "RC", "beta", "rc.1", "rc.1.0", "rc.1.1", "0.0"]
)
releases = st.builds("{}.{}.{}".format, numbers, numbers, numbers)
versions = releases | st.builds("{}-{}".format, releases, labels)
partial = st.one_of(
    versions,
    st.builds("{}.{}".format, numbers, numbers | st.just("x")),
    st.builds("{}".format, numbers | st.just("*")),
    st.builds("{}.x-{}".format, numbers, labels),
)
comparators = st.builds(
    "{}{}".format, st.sampled_from(["", "=", "!=", ">", ">=", "=>", "<", "<=", "=<", "~", "~>", "^"]), partial
)
alternatives = st.lists(comparators, min_size=1, max_size=3).map(" ".join)
ranges = st.lists(alternatives, min_size=1, max_size=3).map(" || ".join)
channels = st.lists(st.sampled_from(["rc", "beta", "RC", "rc-", "a", "*"]), max_size=2).map(tuple)


def intervals(text: str | None, *channels: str) -> Intervals:
    return Intervals.of(VersionSet.parse(text, channels))


def contains(stretches: tuple[Interval, ...], version: Version) -> bool:
    return any(
        Version.parse(each.first) <= version and (each.end is None or version < Version.parse(each.end))
        for each in stretches
    )


def covers(found: Intervals, version: Version) -> bool:
    """What the policy does, by comparing alone."""
    if not version.prerelease:
        return contains(found.releases, version)
    listed = "*" in found.channels or channel_of(version.prerelease) in found.channels
    return contains(found.prereleases, version) or (listed and contains(found.releases, version.release))


@quick
@given(ranges, channels, st.lists(versions, min_size=20, max_size=40))
def test_intervals_cover_just_what_the_range_and_its_channels_do(text, listed, samples):
    versions = VersionSet.parse(text, listed)
    assume(not versions.constraint.excludes_scattered)
    found = Intervals.of(versions)
    for sample in map(Version.parse, samples):
        assert covers(found, sample) == versions.covers(sample), sample


@quick
@given(ranges, st.lists(labels, min_size=4, max_size=8))
def test_intervals_are_right_around_the_versions_that_the_range_names(text, pre):
    """The corners: the releases next to those named, and their pre-releases."""
    versions = VersionSet.parse(text)
    assume(not versions.constraint.excludes_scattered)
    found = Intervals.of(versions)
    for bound in versions.constraint.bounds:
        for shift in ((0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0), (0, 0, -1), (0, -1, 0), (-1, 0, 0)):
            near = [number + by for number, by in zip(bound.numbers, shift, strict=True)]
            if min(near) < 0 or max(near) >= 2**64:
                continue
            release = ".".join(map(str, near))
            for text in (release, *(f"{release}-{label}" for label in pre)):
                sample = Version.parse(text)
                assert covers(found, sample) == versions.covers(sample), sample


@quick
@given(ranges)
def test_intervals_are_disjoint_apart_and_in_order(text):
    versions = VersionSet.parse(text)
    assume(not versions.constraint.excludes_scattered)
    found = Intervals.of(versions)
    for stretches in (found.releases, found.prereleases):
        ends = [Version.parse(text) for each in stretches for text in (each.first, each.end) if text is not None]
        assert all(one < other for one, other in pairwise(ends))
        assert all(each.end is not None for each in stretches[:-1])


def test_a_range_for_releases_has_none_for_prereleases():
    assert intervals(">=2.0.0 <3.0.0") == Intervals((Interval("2.0.0", "3.0.0"),), (), ())


def test_a_range_that_names_a_prerelease_has_those_between_and_as_to_helm_those_of_its_end():
    found = intervals(">=2.0.0-rc.1 <3.0.0")
    assert found == Intervals((Interval("2.0.0", "3.0.0"),), (Interval("2.0.0-rc.1", "3.0.1-0"),), ())


def test_an_absent_range_is_everything():
    assert intervals(None) == Intervals((Interval("0.0.0"),), (Interval("0.0.0-0"),), ())


def test_a_range_that_nothing_satisfies_has_no_interval():
    assert intervals(">3 <2") == Intervals((), (), ())


def test_alternatives_that_touch_become_one_interval():
    assert intervals("1.x || 2.x || 4.x").releases == (Interval("1.0.0", "3.0.0"), Interval("4.0.0", "5.0.0"))


def test_an_exclusion_leaves_a_gap_of_one_version():
    assert intervals("2.x !=2.4.1").releases == (Interval("2.0.0", "2.4.1"), Interval("2.4.2", "3.0.0"))


@quick
@given(st.lists(ranges, max_size=3), channels, versions)
def test_several_sets_cover_what_one_of_them_does(texts, listed, sample):
    sets = [VersionSet.parse(text, listed) for text in texts]
    assume(not any(each.constraint.excludes_scattered for each in sets))
    version = Version.parse(sample)
    assert covers(Intervals.of(*sets), version) == any(each.covers(version) for each in sets)


def test_channels_are_kept_in_order():
    assert intervals("2.x", "rc", "beta").channels == ("beta", "rc")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("!=1.2-rc", "no interval"),
        ("1.x || !=1.2.x-rc.1", "no interval"),
        (f">=1.0.0-{2**64}", "2^64-1"),
        (f">=1.0.0-{'a' * 250}", "so long"),
    ],
)
def test_what_no_interval_can_say_is_reported(text, says):
    with pytest.raises(IntervalError, match=re.escape(says)):
        intervals(text)
