from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licet.core.licenses import assess
from licet.core.memory import Memory
from licet.core.namespaces import Namespace, NamespaceScope
from licet.core.reasons import Enforcement
from licet.core.subjects import Origin, Subject
from licet.core.vendors import ProductClaim, VendorRegistry
from licet.core.verdict import Ground, RanHere, ReleaseRef, Result, Verdict, covering_license, judge
from support.assessing import candidates_of
from support.properties import quick
from support.vendor_simulator import DAY, NOW, YEAR, VendorSimulator

EU, US = Namespace("prod-eu"), Namespace("prod-us")
RANGE = [{"name": "acme-platform", "versions": ">=2.0.0 <3.0.0"}]


def subject(
    version: str | None = "2.4.1",
    name: str = "acme-platform",
    *,
    released: str | None = None,
    origin: Origin = Origin.ROOT,
    vendor: str = "acme",
    product: str = "acme-platform",
) -> Subject:
    return Subject(name, version, ProductClaim(vendor, product), released, origin)


class Cluster:
    """Vendors, Licenses and releases of one cluster."""

    def __init__(self, *vendors: VendorSimulator, enforcement: Enforcement = Enforcement.ENFORCE) -> None:
        self.registry = VendorRegistry(vendor.vendor(enforcement=enforcement) for vendor in vendors)
        self.tokens: dict[str, str] = {}
        self.scopes: dict[str, NamespaceScope] = {}

    def license(self, name: str, token: str, *namespaces: str) -> "Cluster":
        self.tokens[name] = token
        if namespaces:
            self.scopes[name] = NamespaceScope(frozenset(namespaces))
        return self

    def judge(
        self,
        *subjects: Subject,
        namespaces: tuple[Namespace, ...] = (EU,),
        clock: int = NOW,
        running: tuple[tuple[str, str], ...] = (),
        licensed: tuple[tuple[str, str], ...] = (),
    ) -> Verdict:
        candidates = candidates_of(self.registry, self.tokens, self.scopes)
        assessment = assess(candidates, self.registry, Memory(), clock)
        ran_here = RanHere(frozenset(running), frozenset(licensed))
        return judge(subjects, ReleaseRef("web", namespaces), self.registry, assessment, ran_here)


@pytest.fixture
def acme() -> VendorSimulator:
    return VendorSimulator()


@pytest.fixture
def cluster(acme) -> Cluster:
    return Cluster(acme)


# -- what is licensed --------------------------------------------------------------------------------------------------


def test_release_without_a_protected_chart_needs_no_license(cluster):
    verdict = cluster.judge()
    assert (verdict.result, verdict.ground, verdict.permitted) == (Result.ALLOWED, Ground.NOT_PROTECTED, True)


def test_covered_version_is_allowed_in_silence(acme, cluster):
    verdict = cluster.license("acme-prod", acme.token(charts=RANGE)).judge(subject("2.4.1"))
    assert (verdict.result, verdict.ground, verdict.warnings, verdict.message) == (
        Result.ALLOWED,
        Ground.LICENSED,
        (),
        "",
    )
    assert verdict.charts[0].license == "acme-prod"


def test_license_without_charts_covers_all_of_the_product(acme, cluster):
    cluster.license("acme-prod", acme.token())
    for covered in (subject("0.0.1-alpha"), subject("99.0.0", "acme-platform-ui")):
        assert cluster.judge(covered).ground is Ground.LICENSED


def test_empty_list_of_charts_covers_none(acme, cluster):
    assert cluster.license("acme-prod", acme.token(charts=[])).judge(subject()).ground is Ground.CHART_NOT_COVERED


def test_several_entries_and_globs_are_united(acme, cluster):
    charts = [
        {"name": "acme-platform", "versions": "1.x"},
        {"name": "acme-platform", "versions": "3.x"},
        {"name": "acme-platform-*", "versions": "2.x"},
    ]
    cluster.license("acme-prod", acme.token(charts=charts))
    names = {"acme-platform": ["1.5.0", "3.0.0"], "acme-platform-ui": ["2.1.0"]}
    for name, versions in names.items():
        for version in ("1.5.0", "2.1.0", "3.0.0"):
            assert cluster.judge(subject(version, name)).permitted == (version in versions)


@pytest.mark.parametrize("version", ["2.4.1", "v2.4.1", "2.4.1+build.5", "2.4"])
def test_version_is_read_as_helm_reads_it(acme, cluster, version):
    assert cluster.license("acme-prod", acme.token(charts=RANGE)).judge(subject(version)).ground is Ground.LICENSED


@pytest.mark.parametrize(
    ("version", "channels", "covered"),
    [
        ("2.0.0-rc.1", ["rc"], True),
        ("2.0.0-rc1", ["rc"], True),
        ("3.0.0-rc.1", ["rc"], False),
        ("2.0.0-beta.1", ["rc"], False),
        ("2.0.0-beta.1", ["*"], True),
        ("2.0.0-rc.1", [], False),
        ("2.0.0", ["rc"], True),
    ],
)
def test_prerelease_of_a_channel_is_licensed_when_its_release_is_in_range(acme, cluster, version, channels, covered):
    cluster.license("acme-prod", acme.token(charts=[{**RANGE[0], "channels": channels}]))
    assert cluster.judge(subject(version)).permitted == covered


def test_one_of_several_licenses_suffices(acme, cluster):
    cluster.license("a-old", acme.token(charts=[{"name": "acme-platform", "versions": "1.x"}]))
    cluster.license("b-new", acme.token(charts=RANGE))
    assert cluster.judge(subject()).charts[0].license == "b-new"


def test_charts_of_several_vendors_are_judged_each_by_its_own(acme):
    other = VendorSimulator(name="other", product="other-db")
    cluster = Cluster(acme, other).license("acme-prod", acme.token()).license("other-prod", other.token())
    db = subject("1.0.0", "other-db", vendor="other", product="other-db")
    verdict = cluster.judge(subject(), db)
    assert [chart.license for chart in verdict.charts] == ["acme-prod", "other-prod"]


# -- denials -----------------------------------------------------------------------------------------------------------


def test_denial_is_worded_as_in_the_contract(acme, cluster):
    verdict = cluster.license("acme-prod", acme.token(plan="pro", charts=RANGE)).judge(subject("3.1.0"))
    assert (verdict.result, verdict.ground, verdict.permitted) == (Result.DENIED, Ground.VERSION_NOT_COVERED, False)
    assert verdict.message == (
        'chart acme-platform 3.1.0 (release "web", namespace "prod-eu") is not licensed: license acme-prod (plan pro) '
        "covers >=2.0.0 <3.0.0. Install a covered version, or apply a license that covers 3.1.0."
    )


def test_denial_of_several_charts_names_each(acme, cluster):
    cluster.license("acme-prod", acme.token(charts=RANGE))
    verdict = cluster.judge(subject("3.1.0"), subject("2.0.0"), subject("1.0.0", "acme-platform-ui"))
    first, second = verdict.message.split(". chart ")
    assert first.endswith("or apply a license that covers 3.1.0")
    assert second.startswith("acme-platform-ui 1.0.0 (")


def test_range_of_a_denial_tells_the_channels_too(acme, cluster):
    cluster.license("acme-prod", acme.token(charts=[{**RANGE[0], "channels": ["rc"]}]))
    assert "covers >=2.0.0 <3.0.0 and the pre-releases of these in rc. " in cluster.judge(subject("3.1.0")).message


def test_without_any_license_the_product_is_named(cluster):
    verdict = cluster.judge(subject())
    assert verdict.ground is Ground.NO_LICENSE
    assert "no license that counts grants product acme-platform of vendor acme here. Apply a License" in verdict.message


def test_chart_that_no_entry_names_is_not_covered(acme, cluster):
    cluster.license("acme-prod", acme.token(plan="pro", charts=RANGE))
    verdict = cluster.judge(subject("2.4.1", "acme-platform-ui"))
    assert verdict.ground is Ground.CHART_NOT_COVERED
    assert "license acme-prod (plan pro) does not cover this chart. Apply a license that" in verdict.message


def test_grant_of_another_product_does_not_cover(acme, cluster):
    cluster.license("acme-prod", acme.token(grants=[{"product": "acme-database"}]))
    assert cluster.judge(subject()).ground is Ground.NO_LICENSE


@pytest.mark.parametrize(
    ("make", "clock", "ground", "words"),
    [
        (
            VendorSimulator.expired_token,
            NOW,
            Ground.LICENSE_EXPIRED,
            "license acme-prod expired at 2025-12-31T00:00:00Z. Apply a license of vendor acme that is valid now.",
        ),
        (
            VendorSimulator.token_in_grace,
            NOW + 14 * DAY,
            Ground.LICENSE_EXPIRED,
            "license acme-prod expired at 2025-12-31T00:00:00Z, and its grace period ended at 2026-01-14T00:00:00Z. ",
        ),
        (
            VendorSimulator.early_token,
            NOW,
            Ground.LICENSE_NOT_YET_VALID,
            "license acme-prod becomes valid at 2026-01-08T00:00:00Z. Apply a license of vendor acme that is valid",
        ),
        (
            VendorSimulator.token_from_the_future,
            NOW,
            Ground.LICENSE_NOT_YET_VALID,
            "license acme-prod was issued at 2026-01-01T00:11:00Z, which is in the future; check the clock of this",
        ),
        (VendorSimulator.forged_token, NOW, Ground.NO_LICENSE, "kubectl get licenses shows why one that is there"),
        (VendorSimulator.token_for_another_cluster, NOW, Ground.NO_LICENSE, "no license that counts"),
    ],
)
def test_license_that_is_not_in_force_is_no_license_and_the_denial_says_why(acme, cluster, make, clock, ground, words):
    verdict = cluster.license("acme-prod", make(acme)).judge(subject(), clock=clock)
    assert (verdict.result, verdict.ground) == (Result.DENIED, ground)
    assert words in verdict.message


@pytest.mark.parametrize("on_expiry", ["Keep", "Revoke"])
def test_license_that_keeps_its_values_is_expired_to_the_gate_all_the_same(acme, cluster, on_expiry):
    cluster.license("acme-prod", acme.expired_token(onExpiry=on_expiry))
    assert cluster.judge(subject()).ground is Ground.LICENSE_EXPIRED


def test_license_in_grace_admits_and_warns(acme, cluster):
    verdict = cluster.license("acme-prod", acme.token_in_grace(charts=RANGE)).judge(subject())
    assert (verdict.result, verdict.ground, verdict.message) == (Result.ALLOWED, Ground.IN_GRACE, "")
    (warning,) = verdict.warnings
    assert "is licensed until 2026-01-14T00:00:00Z only, since license acme-prod expired. Apply a renewed" in warning


def test_license_in_grace_does_not_warn_beside_an_active_one(acme, cluster):
    cluster.license("a-grace", acme.token_in_grace()).license("b-active", acme.token())
    verdict = cluster.judge(subject())
    assert (verdict.ground, verdict.warnings, verdict.charts[0].license) == (Ground.LICENSED, (), "b-active")


def test_trial_does_not_cover_what_the_bought_license_does_not(acme, cluster):
    cluster.license("trial", acme.token(trial=True)).license("bought", acme.token(charts=RANGE))
    verdict = cluster.judge(subject("3.1.0"))
    assert verdict.ground is Ground.VERSION_NOT_COVERED
    assert "license bought covers" in verdict.message


def test_superseded_license_does_not_cover(acme, cluster):
    cluster.license("old", acme.token(series="s", sequence=1))
    cluster.license("new", acme.token(series="s", sequence=2, charts=RANGE))
    assert "license new covers" in cluster.judge(subject("3.1.0")).message


def test_vendors_with_one_issuer_are_named_as_the_problem(acme):
    rival = VendorSimulator(name="rival", issuer=acme.issuer)
    verdict = Cluster(acme, rival).license("acme-prod", acme.token()).judge(subject())
    assert verdict.ground is Ground.ISSUER_CONFLICT
    assert "Vendor acme has the same issuer as rival, so no license of it is trusted. Delete all but" in verdict.message


def test_chart_of_a_vendor_deleted_meanwhile_is_judged_without_a_failure(acme):
    assert Cluster().judge(subject()).ground is Ground.NO_LICENSE


# -- nearest license ---------------------------------------------------------------------------------------------------


def test_nearest_license_is_named(acme, cluster):
    other_chart = acme.token(iat=NOW + 3, charts=[{"name": "acme-platform-ui"}])
    other_version = acme.token(iat=NOW + 2, charts=RANGE)
    later_version = acme.token(iat=NOW + 1, charts=[{"name": "acme-platform", "versions": "1.x"}])
    unmaintained = acme.token(charts=[{"name": "acme-platform"}], maintenanceUntil="2026-01-01")
    wanted = subject("3.1.0", released="2026-06-01")
    named = []
    for name, token in (
        ("chart", other_chart),
        ("older", later_version),
        ("newer", other_version),
        ("maintenance", unmaintained),
    ):
        message = cluster.license(name, token).judge(wanted).message
        named.append(message.partition(" license ")[2].split()[0])
    assert named == ["chart", "older", "newer", "maintenance"]


def test_license_in_force_is_nearer_than_one_that_is_over(acme, cluster):
    cluster.license("over", acme.expired_token()).license("bought", acme.token(charts=RANGE))
    assert "license bought covers" in cluster.judge(subject("3.1.0")).message


def test_license_that_was_valid_last_is_nearest_of_those_that_are_over(acme, cluster):
    cluster.license("z-first", acme.expired_token(exp=NOW - 9 * DAY)).license("a-last", acme.expired_token())
    assert "license a-last expired" in cluster.judge(subject()).message


def test_license_that_begins_first_is_nearest_of_those_that_have_not_begun(acme, cluster):
    cluster.license("a-late", acme.early_token(nbf=NOW + 9 * DAY)).license("z-soon", acme.early_token())
    assert "license z-soon becomes valid" in cluster.judge(subject()).message


# -- namespaces --------------------------------------------------------------------------------------------------------


def test_license_covers_only_namespaces_that_it_allows(acme, cluster):
    cluster.license("acme-prod", acme.token(bindings={"namespaces": ["prod-eu"]}))
    assert cluster.judge(subject(), namespaces=(EU,)).permitted
    assert not cluster.judge(subject(), namespaces=(US,)).permitted


def test_release_that_names_two_namespaces_needs_a_license_for_both(acme, cluster):
    cluster.license("eu", acme.token(), "prod-eu").license("us", acme.token(), "prod-us")
    verdict = cluster.judge(subject(), namespaces=(EU, US))
    assert verdict.ground is Ground.NO_LICENSE
    assert '(release "web", namespace "prod-eu" and "prod-us")' in verdict.message
    assert cluster.license("both", acme.token()).judge(subject(), namespaces=(EU, US)).charts[0].license == "both"


@pytest.mark.parametrize("make", [VendorSimulator.token, VendorSimulator.expired_token, VendorSimulator.early_token])
def test_only_licenses_that_allow_the_namespace_are_named(acme, cluster, make):
    cluster.license("secret-project", make(acme, charts=RANGE), "prod-us")
    cluster.license("bound-project", make(acme, charts=RANGE, bindings={"namespaces": ["prod-us"]}))
    verdict = cluster.judge(subject("3.1.0"))
    assert verdict.ground is Ground.NO_LICENSE
    assert "project" not in verdict.message


@pytest.mark.parametrize("make", [VendorSimulator.token, VendorSimulator.token_in_grace, VendorSimulator.expired_token])
def test_of_licenses_with_one_token_that_of_the_namespace_is_named(acme, cluster, make):
    token = make(acme, charts=RANGE)
    cluster.license("a-us", token, "prod-us").license("b-eu", token, "prod-eu")
    for version in ("2.4.1", "3.1.0"):
        verdict = cluster.judge(subject(version))
        assert "a-us" not in f"{verdict.charts[0].license} {verdict.charts[0].explanation}"
        assert "b-eu" in f"{verdict.charts[0].license} {verdict.charts[0].explanation}"


# -- maintenance -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("released", "covered"), [("2026-12-31", True), ("2027-01-01", True), ("2027-01-02", False), ("1999-01-01", True)]
)
def test_version_released_on_the_last_day_of_maintenance_or_before_is_licensed(acme, cluster, released, covered):
    cluster.license("acme-prod", acme.token(charts=RANGE, maintenanceUntil="2027-01-01"))
    verdict = cluster.judge(subject(released=released))
    assert verdict.permitted == covered
    assert covered or verdict.ground is Ground.MAINTENANCE_ENDED


def test_version_released_after_maintenance_is_denied_with_both_dates(acme, cluster):
    cluster.license("acme-prod", acme.token(plan="pro", maintenanceUntil="2027-01-01"))
    assert (
        "it was released on 2027-03-01, and the maintenance of license acme-prod (plan pro) ended with 2027-01-01. "
        "Install a version released until then, or apply license lic_0001 renewed with maintenance."
    ) in cluster.judge(subject(released="2027-03-01")).message


@pytest.mark.parametrize("released", [None, "", "soon", "2026-02-30", "2026-10-01T00:00:00Z"])
def test_under_maintenance_a_chart_without_its_release_date_is_denied_and_the_message_says_why(acme, cluster, released):
    cluster.license("acme-prod", acme.token(maintenanceUntil="2027-01-01"))
    verdict = cluster.judge(subject(released=released))
    assert verdict.ground is Ground.RELEASE_DATE_UNKNOWN
    assert (
        "covers what was released until 2027-01-01, and the chart does not say when it was released "
        "(annotation licet.dev/released). Ask the vendor for a chart that says so."
    ) in verdict.message


def test_under_maintenance_a_chart_inside_another_is_to_be_installed_by_itself(acme, cluster):
    cluster.license("acme-prod", acme.token(maintenanceUntil="2027-01-01"))
    verdict = cluster.judge(subject(origin=Origin.LOCK))
    assert verdict.ground is Ground.RELEASE_DATE_UNKNOWN
    assert "Install acme-platform as a release of its own." in verdict.message


def test_version_out_of_range_is_not_licensed_by_its_release_date(acme, cluster):
    cluster.license("acme-prod", acme.token(charts=RANGE, maintenanceUntil="2027-01-01"))
    assert cluster.judge(subject("3.1.0", released="2026-01-01")).ground is Ground.VERSION_NOT_COVERED


def test_license_without_maintenance_needs_no_release_date(acme, cluster):
    cluster.license("a", acme.token(maintenanceUntil="2025-01-01")).license("b", acme.token())
    assert cluster.judge(subject()).charts[0].license == "b"


# -- versions that can't be told ---------------------------------------------------------------------------------------


def test_protected_subchart_of_unknown_version_is_denied_with_what_to_do(acme, cluster):
    verdict = cluster.license("acme-prod", acme.token()).judge(subject(None, origin=Origin.PATH))
    assert (verdict.result, verdict.ground) == (Result.DENIED, Ground.VERSION_UNKNOWN)
    assert "chart acme-platform (version unknown) (" in verdict.message
    assert "helm dependency update" in verdict.message


@pytest.mark.parametrize("version", ["latest", "", "1.2.3.4", "2.4.1-", ">=2"])
def test_version_that_is_none_is_denied(acme, cluster, version):
    verdict = cluster.license("acme-prod", acme.token()).judge(subject(version))
    assert verdict.ground is Ground.VERSION_UNKNOWN
    assert "its version is not a semantic version" in verdict.message


# -- unwinding ---------------------------------------------------------------------------------------------------------

HERE = (("acme-platform", "2.4.1"),)


def test_version_that_runs_is_admitted_with_a_warning(acme, cluster):
    verdict = cluster.license("acme-prod", acme.expired_token()).judge(subject(), running=HERE)
    assert (verdict.result, verdict.ground, verdict.message) == (Result.ALLOWED, Ground.RUNS_HERE, "")
    (warning,) = verdict.warnings
    assert (
        "license acme-prod expired at 2025-12-31T00:00:00Z. It is admitted because this version runs here." in warning
    )


def test_version_that_ran_licensed_is_admitted_with_a_warning(acme, cluster):
    verdict = cluster.license("acme-prod", acme.expired_token()).judge(subject(), licensed=HERE)
    assert (verdict.result, verdict.ground) == (Result.ALLOWED, Ground.RAN_LICENSED)
    assert "because this version ran licensed here. Apply a license" in verdict.warnings[0]


@pytest.mark.parametrize(
    ("running", "licensed", "words"),
    [
        (HERE, (), "is not licensed: "),
        (HERE, HERE, "is not licensed any more: "),
        ((), HERE, "is not licensed any more: "),
    ],
)
def test_only_of_what_was_licensed_it_is_said_that_it_is_not_any_more(acme, cluster, running, licensed, words):
    verdict = cluster.license("acme-prod", acme.expired_token()).judge(subject(), running=running, licensed=licensed)
    assert words in verdict.warnings[0]


@pytest.mark.parametrize(
    "wanted", [subject("2.4.2"), subject("v2.4.1"), subject(name="acme-platform-ui"), subject(None)]
)
def test_only_the_very_version_that_runs_or_ran_is_admitted(cluster, wanted):
    assert not cluster.judge(wanted, running=HERE, licensed=HERE).permitted


def test_version_that_runs_is_admitted_even_if_it_is_no_version(cluster):
    odd = (("acme-platform", "latest"),)
    assert cluster.judge(subject("latest"), running=odd).ground is Ground.RUNS_HERE


def test_version_that_runs_and_is_licensed_is_admitted_in_silence(acme, cluster):
    verdict = cluster.license("acme-prod", acme.token()).judge(subject(), running=HERE)
    assert (verdict.ground, verdict.warnings) == (Ground.LICENSED, ())


def test_version_that_runs_does_not_admit_another_chart_beside_it(cluster):
    verdict = cluster.judge(subject(), subject("1.0.0", "acme-platform-ui"), running=HERE)
    assert (verdict.result, [chart.result for chart in verdict.charts]) == (
        Result.DENIED,
        [Result.ALLOWED, Result.DENIED],
    )
    assert "acme-platform 2.4.1" not in verdict.message


def test_vendors_in_conflict_do_not_keep_what_runs_from_being_deployed_again(acme):
    rival = VendorSimulator(name="rival", issuer=acme.issuer)
    assert Cluster(acme, rival).judge(subject(), running=HERE).permitted


# -- enforcement -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("enforcement", "result", "permitted", "warnings"),
    [
        (Enforcement.ENFORCE, Result.DENIED, False, 0),
        (Enforcement.WARN, Result.WARNED, True, 1),
        (Enforcement.AUDIT, Result.AUDITED, True, 0),
    ],
)
def test_vendors_enforcement_decides_what_a_refusal_means(acme, enforcement, result, permitted, warnings):
    verdict = Cluster(acme, enforcement=enforcement).judge(subject())
    assert (verdict.result, verdict.permitted, len(verdict.warnings)) == (result, permitted, warnings)
    assert verdict.ground is Ground.NO_LICENSE
    assert "is not licensed: no license that counts" in verdict.charts[0].explanation
    assert bool(verdict.message) == (not permitted)


@pytest.mark.parametrize("enforcement", [Enforcement.WARN, Enforcement.AUDIT])
def test_vendor_that_only_records_says_nothing_to_whoever_installs(acme, enforcement):
    cluster = Cluster(acme, enforcement=enforcement)
    assert bool(cluster.judge(subject(), running=HERE).warnings) == (enforcement is Enforcement.WARN)
    cluster.license("acme-prod", acme.token_in_grace())
    assert bool(cluster.judge(subject()).warnings) == (enforcement is Enforcement.WARN)


def test_gravest_result_of_several_charts_is_that_of_the_release(acme):
    other = VendorSimulator(name="other", product="other-db")
    registry = VendorRegistry([acme.vendor(enforcement=Enforcement.WARN), other.vendor()])
    cluster = Cluster()
    cluster.registry = registry
    db = subject("1.0.0", "other-db", vendor="other", product="other-db")
    both = cluster.judge(subject(), db)
    assert (both.result, [chart.result for chart in both.charts]) == (Result.DENIED, [Result.WARNED, Result.DENIED])
    assert len(both.warnings) == 1
    assert both.message.startswith("chart other-db")
    cluster.license("other-prod", other.token())
    assert cluster.judge(subject(), db).result is Result.WARNED


# -- covering license --------------------------------------------------------------------------------------------------


def test_covering_license_is_the_grant_in_force(acme, cluster):
    cluster.license("acme-prod", acme.token(charts=RANGE))
    assessment = assess(candidates_of(cluster.registry, cluster.tokens), cluster.registry, Memory(), NOW)
    covering = covering_license(subject(), (EU,), assessment)
    assert covering is not None
    assert covering.license.licenses == ("acme-prod",)
    for wanted in (subject("3.0.0"), subject(None), subject("latest")):
        assert covering_license(wanted, (EU,), assessment) is None


# -- properties --------------------------------------------------------------------------------------------------------

ACME = VendorSimulator()
licenses = st.fixed_dictionaries(
    {"iat": st.integers(NOW - 5, NOW)},
    optional={
        "exp": st.sampled_from([NOW - YEAR, NOW - DAY, NOW + DAY]),
        "gracePeriod": st.just("P14D"),
        "charts": st.lists(
            st.sampled_from([RANGE[0], {"name": "acme-platform", "versions": "3.x"}, {"name": "*-ui"}]), max_size=2
        ),
        "maintenanceUntil": st.sampled_from(["2025-06-01", "2027-01-01"]),
        "bindings": st.sampled_from([{"namespaces": ["prod-*"]}, {"namespaces": ["prod-us"]}]),
    },
)
tokens = st.lists(licenses.map(lambda changes: ACME.token(**{"nbf": 0, **changes})), max_size=4)
subjects = st.builds(
    subject,
    st.sampled_from(["2.4.1", "3.1.0", "latest", None]),
    st.sampled_from(["acme-platform", "acme-platform-ui"]),
    released=st.sampled_from([None, "2026-01-01"]),
)


def with_licenses(given_tokens: list[str]) -> Cluster:
    cluster = Cluster(ACME)
    for number, token in enumerate(given_tokens):
        cluster.license(f"license-{number}", token)
    return cluster


@quick
@given(tokens, tokens, subjects)
def test_adding_licenses_denies_nothing_that_was_allowed(some, more, wanted):
    if with_licenses(some).judge(wanted).permitted:
        assert with_licenses(some + more).judge(wanted).permitted


@quick
@given(tokens, subjects, st.randoms(use_true_random=False))
def test_verdict_does_not_depend_on_the_order_of_licenses(some, wanted, random):
    one, other = with_licenses(some), with_licenses(some)
    other.tokens = dict(random.sample(list(one.tokens.items()), len(one.tokens)))
    assert one.judge(wanted) == other.judge(wanted)


@quick
@given(tokens, st.lists(subjects, max_size=3))
def test_every_denial_says_what_to_do_and_shows_no_token(some, wanted):
    verdict: Any = with_licenses(some).judge(*wanted)
    assert bool(verdict.message) == (not verdict.permitted)
    for chart in verdict.charts:
        if chart.result is Result.DENIED:
            assert any(word in chart.explanation for word in ("Apply", "Install", "Run", "Package", "Ask"))
            assert chart.explanation.endswith(".")
    assert not any(token in repr(verdict) for token in some)
