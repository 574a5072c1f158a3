"""What GitOps tools ask for is judged like releases, and what they leave open is read in their favour."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licet.core import bounds
from licet.core.coverage import VersionSet
from licet.core.gitops import InstallRequest, RequestedChart, added, find_requested, recalled, unite
from licet.core.intervals import overlap
from licet.core.namespaces import Namespace
from licet.core.semver import Constraint, Version
from licet.core.verdict import Ground, RanHere, ReleaseRef, Result, Verdict, judge
from support.assessing import assess_tokens, registry_of
from support.properties import quick
from support.vendor_simulator import VendorSimulator

NOTHING = RanHere()
LICENSED = [{"name": "acme-platform", "versions": ">=2.0.0 <3.0.0", "channels": ["rc"]}]


def request_for(*charts: tuple[str, str], release: str = "web", namespaces: tuple[str, ...] = ("prod-eu",)):
    asked = tuple(RequestedChart(*chart) for chart in charts)
    return InstallRequest(f'HelmRelease "{release}"', release, namespaces, asked)


def verdict_on(versions: str, *, ran_here: RanHere = NOTHING, **claims) -> Verdict:
    acme = VendorSimulator()
    request = request_for(("acme-platform", versions))
    registry = registry_of(acme)
    subjects = find_requested(request, registry)
    assessment = assess_tokens(acme, {"acme-prod": acme.token(**{"charts": LICENSED, **claims})})
    reference = ReleaseRef(request.release, (Namespace("prod-eu"),), request.described)
    return judge(subjects, reference, registry, assessment, recalled(ran_here, subjects))


@pytest.mark.parametrize("versions", ["2.4.1", "v2.4.1", "=2.4.1", "2.4.1+build.5", "2.5.0-rc.1"])
def test_licensed_version_may_be_asked_for(versions):
    verdict = verdict_on(versions)
    assert (verdict.ground, verdict.charts[0].license, verdict.warnings) == (Ground.LICENSED, "acme-prod", ())


@pytest.mark.parametrize("versions", ["*", "2.x", "^2.1", ">=2.9.0", "1.x || 2.x", ">=1.0.0", ">=2.9.0-0 <2.9.0"])
def test_range_may_be_asked_for_when_some_version_in_it_is_licensed(versions):
    assert verdict_on(versions).ground is Ground.LICENSED


@pytest.mark.parametrize("versions", ["3.1.0", "3.x", "^3", ">=3.0.0-0", "<2.0.0", "<2.0.0-0", ">=2.4.0-beta <2.4.0-c"])
def test_what_no_license_can_cover_is_refused(versions):
    verdict = verdict_on(versions)
    assert (verdict.result, verdict.ground) == (Result.DENIED, Ground.VERSION_NOT_COVERED)
    assert verdict.message.startswith(
        f'chart acme-platform {versions} (HelmRelease "web", namespace "prod-eu") is not licensed: license acme-prod '
        "covers >=2.0.0 <3.0.0 and the pre-releases of these in rc. Install a covered version"
    )


@pytest.mark.parametrize("versions", ["2.4.1", "2.x"])
def test_date_of_release_is_left_to_the_release(versions):
    assert verdict_on(versions, maintenanceUntil="2020-01-01").ground is Ground.LICENSED


@pytest.mark.parametrize(
    ("versions", "ground"),
    [
        ("3.1.0", Ground.RUNS_HERE),
        ("v3.1.0", Ground.RUNS_HERE),
        ("3.1.x", Ground.RUNS_HERE),
        ("3.0.0", Ground.RAN_LICENSED),
        ("3.0.x", Ground.RAN_LICENSED),
        ("3.2.x", Ground.VERSION_NOT_COVERED),
    ],
)
def test_version_that_ran_here_may_be_asked_for_again_also_by_a_range(versions, ground):
    ran_here = RanHere(
        running=frozenset({("acme-platform", "3.1.0"), ("acme-other", "3.2.0"), ("acme-platform", "no version")}),
        licensed=frozenset({("acme-platform", "3.0.0")}),
    )
    verdict = verdict_on(versions, ran_here=ran_here)
    assert verdict.ground is ground
    assert ("a version in this range r" in "".join(verdict.warnings)) is (verdict.permitted and "x" in versions)


def test_charts_that_nobody_claims_need_no_license():
    claims = registry_of(VendorSimulator())
    found = find_requested(
        request_for(("wordpress", "1.0.0"), ("acme-platform", "2.x"), ("acme-platform", "2.x")), claims
    )
    assert [(subject.name, subject.version) for subject in found] == [("acme-platform", "2.x")]


@pytest.mark.parametrize(
    ("path", "versions", "name"),
    [
        ("acme-platform", "2.4.1", "acme-platform"),
        ("platform/acme-platform", "2.x", "acme-platform"),
        ("oci://registry.example:5000/charts/acme-platform/", "*", "acme-platform"),
    ],
)
def test_name_of_a_chart_is_the_last_segment_of_its_path(path, versions, name):
    assert RequestedChart.at(path, versions) == RequestedChart(name, versions)


@pytest.mark.parametrize(
    ("path", "versions"), [("", "1"), ("/", "1"), ("a" * 251, "1"), ("web", ""), ("web", "latest")]
)
def test_what_has_no_name_or_version_tells_of_no_chart(path, versions):
    assert RequestedChart.at(path, versions) is None


def test_update_is_judged_for_what_it_adds():
    request = request_for(("a", "1"), ("b", "2"))
    assert added([request], []) == (request,)
    assert added([request], [request_for(("a", "1"), ("b", "1"))]) == (request_for(("b", "2")),)
    assert added([request], [request]) == ()


@pytest.mark.parametrize("elsewhere", [{"release": "other"}, {"namespaces": ("prod-us",)}])
def test_what_was_asked_for_in_another_place_is_new_here(elsewhere):
    request = request_for(("a", "1"))
    assert added([request], [request_for(("a", "1"), **elsewhere)]) == (request,)


def test_severest_of_several_verdicts_decides_and_nothing_is_lost():
    kind, stern = verdict_on("2.4.1"), verdict_on("3.1.0")
    united = unite([kind, stern, kind])
    assert (united.result, united.ground, united.message) == (stern.result, stern.ground, stern.message)
    assert united.charts == (*kind.charts, *stern.charts, *kind.charts)


def test_what_needs_no_license_hides_no_reason_of_what_does():
    free = Verdict(Result.ALLOWED, Ground.NOT_PROTECTED)
    running = verdict_on("3.1.0", ran_here=RanHere(running=frozenset({("acme-platform", "3.1.0")})))
    assert unite([free, running, verdict_on("2.4.1")]).ground is Ground.RUNS_HERE
    assert unite([free, free]) == free


# -- ranges ------------------------------------------------------------------------------------------------------------

numbers = st.integers(0, 3)
labels = st.sampled_from(["0", "a", "rc", "rc1", "rc.1", "beta"])
versions = st.builds("{}.{}.{}".format, numbers, numbers, numbers)
bounds_of_ranges = versions | st.builds("{}-{}".format, versions, labels) | st.builds("{}.{}".format, numbers, numbers)
comparators = st.builds("{}{}".format, st.sampled_from(["", "!=", ">", ">=", "<", "<=", "~", "^"]), bounds_of_ranges)
ranges = st.lists(st.lists(comparators, min_size=1, max_size=3).map(" ".join), min_size=1, max_size=2).map(" || ".join)
channels = st.lists(st.sampled_from(["rc", "beta", "*"]), max_size=2).map(tuple)


@quick
@given(
    ranges, ranges | st.none(), channels, st.lists(versions | st.builds("{}-{}".format, versions, labels), min_size=30)
)
def test_ranges_with_a_version_in_common_overlap(asked, licensed, listed, samples):
    wanted, covered = Constraint.parse(asked), VersionSet.parse(licensed, listed)
    if any(wanted.matches(version) and covered.covers(version) for version in map(Version.parse, samples)):
        assert overlap(wanted, covered)


@pytest.mark.parametrize(
    "asked", [" || ".join(f">{number}.1 <{number}.2" for number in range(100, 130)), "!=1.2-rc >=9.0.0-0"]
)
def test_range_too_intricate_to_look_into_may_overlap(asked):
    assert len(asked) <= bounds.RANGE_LENGTH
    assert overlap(Constraint.parse(asked), VersionSet.parse(">=2.0.0 <3.0.0"))
