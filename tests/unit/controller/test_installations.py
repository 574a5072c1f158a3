from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licet.controller.findings import Finding
from licet.controller.installations import (
    extend_history,
    first_unlicensed,
    installation_status,
    is_news,
    remember_labelled,
)
from licet.controller.observed import Observed
from licet.controller.world import InstallationRecord
from licet.core import bounds
from licet.core.images import ImageReference
from licet.core.subjects import Origin, Subject
from licet.core.vendors import ProductClaim
from licet.core.verdict import ChartVerdict, Ground, Result
from licet.core.workload_reasons import WorkloadDecision
from licet.core.workloads import LabelledChart, WorkloadVerdict
from licet.resources.installation import InstallationStatus, PastChart, Source, SourceKind
from support.properties import quick
from support.vendor_simulator import NOW

FRESH = Observed("u-1", version=7, generation=1, deleting=False, status_digest=b"")


def verdict(
    version: str | None = "1.0.0", *, licensed: bool = True, name: str = "acme-platform", ground: Ground | None = None
) -> ChartVerdict:
    subject = Subject(name, version, ProductClaim("acme", "platform"), None, Origin.ROOT)
    if licensed:
        return ChartVerdict(subject, Result.ALLOWED, ground or Ground.LICENSED, license="acme-prod")
    ground = ground or Ground.NO_LICENSE
    return ChartVerdict(subject, Result.DENIED, ground, explanation=f"{name} {version} is not licensed")


def past(revision: int, version: str = "1.0.0", *, licensed: bool = True, chart: str = "acme-platform") -> PastChart:
    return PastChart(chart=chart, version=version, revision=revision, licensed=licensed)


# -- history -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("licensed", [True, False])
def test_version_is_remembered_as_what_it_was_when_first_seen(licensed):
    assert extend_history((), {1: [verdict(licensed=licensed)]}) == (past(1, licensed=licensed),)


def test_license_that_comes_later_does_not_whitewash_a_past_revision():
    history = extend_history((), {1: [verdict(licensed=False)]})
    assert extend_history(history, {1: [verdict(licensed=True)]}) == history


def test_license_that_ends_later_does_not_taint_a_past_revision():
    history = extend_history((), {1: [verdict(licensed=True)]})
    assert extend_history(history, {1: [verdict(licensed=False)]}) == history


def test_new_revision_of_a_version_that_is_licensed_by_now_counts():
    history = extend_history((), {1: [verdict(licensed=False)]})
    assert extend_history(history, {2: [verdict(licensed=True)]}) == (past(2),)


def test_version_that_once_ran_licensed_stays_so_in_later_revisions():
    history = extend_history((), {1: [verdict(licensed=True)]})
    assert extend_history(history, {2: [verdict(licensed=False)]}) == (past(2),)


def test_revisions_that_are_seen_at_once_are_taken_in_their_order():
    assert extend_history((), {2: [verdict(licensed=False)], 1: [verdict(licensed=True)]}) == (past(2),)


def test_revision_that_fell_behind_changes_nothing():
    history = (past(5, licensed=False),)
    assert extend_history(history, {4: [verdict(licensed=True)]}) == history


def test_history_is_ordered_by_revision():
    verdicts = {10: [verdict("2.0.0")], 9: [verdict("1.1.0"), verdict("1.0.0", name="acme-gateway")]}
    assert extend_history((past(2, "1.0.0"),), verdicts) == (
        past(2, "1.0.0"),
        past(9, "1.0.0", chart="acme-gateway"),
        past(9, "1.1.0"),
        past(10, "2.0.0"),
    )


@pytest.mark.parametrize(
    "subject", [verdict(None), verdict(""), verdict("1" * 257), verdict(name="a" * 256)], ids=lambda each: ""
)
def test_what_has_no_version_or_no_length_of_one_is_not_remembered(subject):
    assert extend_history((), {1: [subject]}) == ()


def test_history_keeps_the_latest_versions():
    verdicts = {number: [verdict(f"1.{number}.0")] for number in range(1, bounds.INSTALLATION_HISTORY + 3)}
    history = extend_history((), verdicts)
    assert len(history) == bounds.INSTALLATION_HISTORY
    assert history[0].revision == 3
    assert history[-1].revision == bounds.INSTALLATION_HISTORY + 2


@quick
@given(
    st.lists(
        st.tuples(st.integers(1, 6), st.sampled_from(["1.0.0", "1.1.0", "2.0.0"]), st.booleans()),
        max_size=12,
    )
)
def test_nothing_is_remembered_as_licensed_that_no_revision_was_when_first_seen(seen):
    history: tuple[PastChart, ...] = ()
    first: dict[tuple[int, str], bool] = {}
    latest: dict[str, int] = {}
    for number, version, licensed in seen:
        history = extend_history(history, {number: [verdict(version, licensed=licensed)]})
        if number > latest.get(version, 0):
            latest[version], first[number, version] = number, licensed
    assert {entry.version: (entry.revision, entry.licensed) for entry in history} == {
        version: (number, any(licensed for (_, of), licensed in first.items() if of == version))
        for version, number in latest.items()
    }


# -- what is seen unlicensed -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("history", "verdicts", "expected"),
    [
        ((), {1: [verdict(licensed=False)]}, True),
        ((), {1: [verdict(), verdict("1.0.0", name="acme-gateway", licensed=False)]}, True),
        ((), {1: [verdict()]}, False),
        ((), {}, False),
        ((past(1),), {1: [verdict(licensed=False)]}, False),
        ((past(1),), {2: [verdict(licensed=False)]}, True),
        ((past(1, "2.0.0"),), {1: [verdict(licensed=False)]}, True),
        ((), {1: [verdict(None, licensed=False)]}, False),
    ],
)
def test_license_is_looked_for_once_more_before_something_is_first_remembered_as_unlicensed(
    history, verdicts, expected
):
    assert first_unlicensed(verdicts, history) is expected


# -- status ------------------------------------------------------------------------------------------------------------


def status(
    *verdicts: ChartVerdict,
    findings: tuple[Finding, ...] = (),
    record: InstallationRecord | None = None,
    runs: bool = True,
    now: int = NOW,
) -> InstallationStatus:
    installed = verdicts if runs else ()
    return installation_status(
        Source(kind=SourceKind.RELEASE, name="platform"),
        "prod-eu",
        record or InstallationRecord(),
        FRESH,
        {1: verdicts} if verdicts else {},
        installed=installed,
        findings=findings,
        now=now,
    )


def licensed(found: InstallationStatus) -> tuple[str, str]:
    [condition] = found.conditions
    assert condition.type == "Licensed"
    return condition.status, condition.reason


def test_what_runs_is_listed_with_the_license_that_covers_it():
    found = status(verdict(), verdict("2.0.0", name="acme-gateway", licensed=False))
    assert [(chart.name, chart.version, chart.license) for chart in found.charts] == [
        ("acme-platform", "1.0.0", "acme-prod"),
        ("acme-gateway", "2.0.0", None),
    ]
    assert found.source is not None
    assert (found.source.kind, found.source.name) == ("Release", "platform")


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([verdict()], ("True", "Licensed")),
        ([verdict(), verdict(ground=Ground.IN_GRACE)], ("True", "InGrace")),
        ([verdict(), verdict(licensed=False)], ("False", "NoLicense")),
        ([verdict(licensed=False, ground=Ground.LICENSE_EXPIRED)], ("False", "LicenseExpired")),
        ([replace(verdict(licensed=False), result=Result.WARNED)], ("False", "NoLicense")),
        ([replace(verdict(licensed=False), result=Result.AUDITED)], ("False", "NoLicense")),
        ([], ("True", "NothingRuns")),
    ],
)
def test_installation_says_whether_all_that_runs_is_licensed_whatever_the_gate_would_do(verdicts, expected):
    assert licensed(status(*verdicts)) == expected


def test_installation_says_of_each_chart_why_it_is_not_licensed():
    [condition] = status(verdict("1.0.0", licensed=False), verdict("2.0.0", licensed=False)).conditions
    assert condition.message == "acme-platform 1.0.0 is not licensed; acme-platform 2.0.0 is not licensed"


def test_where_nothing_runs_the_history_goes_on():
    found = status(verdict(), runs=False)
    assert licensed(found) == ("True", "NothingRuns")
    assert found.charts == ()
    assert found.history == (past(1),)


def test_first_sight_is_remembered():
    first = status(verdict())
    assert first.first_seen == NOW
    again = status(verdict(), record=InstallationRecord(first.first_seen, first.history), now=NOW + 60)
    assert again.first_seen == NOW


def test_what_is_too_long_for_a_status_is_cut_and_what_has_no_version_says_so():
    found = status(verdict("1" * 300, name="a" * 300), verdict(None))
    assert [(len(chart.name), len(chart.version)) for chart in found.charts] == [
        (bounds.GLOB_LENGTH, bounds.VERSION_LENGTH),
        (len("acme-platform"), len("unknown")),
    ]


def test_more_charts_than_a_status_has_room_for_are_judged_all_the_same():
    charts = [verdict(name=f"acme-{number}") for number in range(bounds.INSTALLATION_CHARTS)]
    found = status(*charts, verdict(licensed=False))
    assert len(found.charts) == bounds.INSTALLATION_CHARTS
    assert licensed(found) == ("False", "NoLicense")


# -- what workloads have -----------------------------------------------------------------------------------------------

REPOSITORY = "registry.example/acme-platform/api"


def finding(
    item: str | LabelledChart = f"{REPOSITORY}:2.4.1",
    *,
    licensed: bool = True,
    namespace: str = "prod-eu",
    ground: Ground | None = None,
) -> Finding:
    read = ImageReference.parse(item) if isinstance(item, str) else item
    judged = WorkloadVerdict(read, ProductClaim("acme", "platform"), "acme-prod" if licensed else None, ran_here=False)
    ground = ground or (Ground.LICENSED if licensed else Ground.VERSION_NOT_COVERED)
    result = Result.ALLOWED if licensed else Result.DENIED
    return Finding(namespace, WorkloadDecision(judged, result, ground, "" if licensed else f"{judged.subject} is not"))


def test_images_are_listed_in_full_with_the_license_that_covers_them():
    digest = f"sha256:{'0' * 64}"
    found = status(
        findings=(
            finding(),
            finding(f"Registry.EXAMPLE/acme-platform/web@{digest}", licensed=False),
            finding(f"{REPOSITORY}:1@{digest}", namespace="agents"),
        )
    )
    assert [image.model_dump(exclude_none=True, exclude={"vendor", "product"}) for image in found.images] == [
        {"repository": REPOSITORY, "tag": "2.4.1", "license": "acme-prod"},
        {"repository": "registry.example/acme-platform/web", "digest": digest},
        {"repository": REPOSITORY, "tag": "1", "digest": digest, "namespace": "agents", "license": "acme-prod"},
    ]
    assert {(image.vendor, image.product) for image in found.images} == {("acme", "platform")}


def labelled(version: str, *, licensed: bool = True) -> Finding:
    return finding(LabelledChart("acme-platform", version), licensed=licensed)


def test_charts_that_labels_tell_of_are_listed_and_remembered():
    found = status(findings=(labelled("3.0.0", licensed=False),))
    assert [(chart.name, chart.version, chart.license) for chart in found.charts] == [("acme-platform", "3.0.0", None)]
    assert found.history == (past(1, "3.0.0", licensed=False),)
    assert status(findings=(finding(),)).history == (), "images are remembered elsewhere"


def test_labelled_versions_are_numbered_in_the_order_in_which_they_were_first_seen():
    history = remember_labelled((), [labelled("2.0.0")])
    history = remember_labelled(history, [labelled("2.0.0"), labelled("3.0.0")])
    history = remember_labelled(history, [labelled("1.0.0"), labelled("2.0.0")])
    assert history == (past(1, "2.0.0"), past(2, "3.0.0"), past(3, "1.0.0"))
    assert remember_labelled(history, [labelled("2.0.0")]) == history, "going back is nothing new"


def test_labelled_version_that_was_once_seen_licensed_stays_so_and_no_other_is():
    history = remember_labelled((), [labelled("2.0.0", licensed=False), labelled("3.0.0", licensed=False)])
    history = remember_labelled(history, [labelled("2.0.0"), labelled("3.0.0", licensed=False)])
    history = remember_labelled(history, [labelled("2.0.0", licensed=False)])
    assert history == (past(1, "2.0.0"), past(1, "3.0.0", licensed=False))


def test_history_of_labelled_versions_keeps_the_latest():
    history: tuple[PastChart, ...] = ()
    for number in range(1, bounds.INSTALLATION_HISTORY + 3):
        history = remember_labelled(history, [labelled(f"1.{number}.0")])
    assert len(history) == bounds.INSTALLATION_HISTORY
    assert history[0] == past(3, "1.3.0")


@pytest.mark.parametrize(
    ("charts", "findings", "expected"),
    [
        ([], [finding()], ("True", "Licensed")),
        ([], [finding(), finding(ground=Ground.IN_GRACE)], ("True", "InGrace")),
        ([verdict()], [finding(), finding(licensed=False)], ("False", "VersionNotCovered")),
        ([verdict(licensed=False)], [finding(licensed=False)], ("False", "NoLicense")),
        ([verdict(licensed=False)], [finding()], ("False", "NoLicense")),
    ],
)
def test_installation_is_licensed_only_if_images_are_too(charts, findings, expected):
    assert licensed(status(*charts, findings=tuple(findings))) == expected


def test_message_tells_of_some_and_counts_the_others():
    short = tuple(finding(f"{REPOSITORY}:{number}", licensed=False) for number in range(13))
    [condition] = status(findings=short).conditions
    assert condition.message.count(" is not; ") == 10
    assert condition.message.endswith("; and 3 more")


def test_images_without_a_license_are_listed_first_where_not_all_have_room():
    many = tuple(finding(f"{REPOSITORY}:{number}") for number in range(bounds.INSTALLATION_IMAGES))
    assert [image.tag for image in status(findings=many).images] == [str(number) for number in range(len(many))]
    found = status(findings=(*many, finding(f"{REPOSITORY}:9.9.9", licensed=False)))
    assert len(found.images) == bounds.INSTALLATION_IMAGES
    assert found.images[0].tag == "9.9.9"


def test_references_of_any_length_fit_into_a_status():
    found = status(findings=(finding(f"registry.example/{'a' * 9999}:{'b' * 9999}@{'c' * 9999}"), finding(":@")))
    assert InstallationStatus.model_validate(found.as_json()) == found


def test_license_is_looked_for_once_more_before_an_image_is_first_told_to_have_none():
    short = [finding(licensed=False)]
    assert is_news(short, None)
    assert not is_news([finding()], None)
    told = FRESH.with_status(status(findings=tuple(short)).as_json(), version=7)
    assert not is_news(short, told)
    assert is_news(short, FRESH.with_status(status(findings=(finding(),)).as_json(), version=7))
