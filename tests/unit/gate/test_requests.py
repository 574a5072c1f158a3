"""What HelmReleases, Applications and ApplicationSets ask for is decided like releases are."""

import pytest

from licet.core import bounds
from licet.core.breakglass import BreakGlass
from licet.core.flux import SourceKind, SourceRef
from licet.core.gitops import RequestedChart
from licet.core.verdict import Ground, RanHere, Result
from licet.gate.deliberation import UndecidedError
from support.admission import release_secret
from support.gitops import application, application_set, helm_release, source
from support.helm_releases import release_document
from support.vendor_simulator import DAY

COVERED, NOT_COVERED = "2.4.1", "3.1.0"


def objects(version: str):
    """One of each kind that asks for this version."""
    return (
        helm_release(version=version),
        application(source=source(version=version)),
        application_set(template=application(source=source(version=version))["spec"]),
    )


@pytest.mark.parametrize("obj", objects(COVERED), ids=lambda obj: obj["kind"])
async def test_covered_version_may_be_asked_for(scene, obj):
    scene.license()
    judgement = (await scene.decide_on(obj)).judgement
    assert (judgement.verdict.ground, judgement.denial, judgement.warnings, scene.looks) == (
        Ground.LICENSED,
        None,
        (),
        0,
    )


@pytest.mark.parametrize("obj", objects(NOT_COVERED), ids=lambda obj: obj["kind"])
async def test_version_that_is_not_covered_is_refused_where_its_user_looks(scene, obj):
    scene.license()
    decision = await scene.decide_on(obj, namespace=obj["metadata"]["namespace"])
    assert decision.judgement.denial == (
        f'chart acme-platform 3.1.0 ({obj["kind"]} "web", namespace "prod-eu") is not licensed: license acme-prod '
        "(plan pro) covers >=2.0.0 <3.0.0. Install a covered version, or apply a license that covers 3.1.0."
    )
    regarding = decision.regarding
    assert (regarding.api_version, regarding.kind, regarding.name) == (obj["apiVersion"], obj["kind"], "web")
    assert regarding.namespace == obj["metadata"]["namespace"]
    assert decision.judgement.live


async def test_range_is_refused_when_nothing_in_it_can_be_licensed(scene):
    scene.license()
    assert (await scene.decide_on(helm_release(version=">=2.9.0"))).judgement.denial is None
    assert (
        "chart acme-platform >=3.0.0 (HelmRelease"
        in (await scene.decide_on(helm_release(version=">=3.0.0"))).judgement.denial
    )


async def test_license_applied_just_now_counts(scene):
    scene.license(scene.truth)
    judgement = (await scene.decide_on(helm_release())).judgement
    assert (judgement.verdict.ground, judgement.live) == (Ground.LICENSED, True)


@pytest.mark.parametrize(("enforcement", "result"), [("Warn", Result.WARNED), ("Audit", Result.AUDITED)])
async def test_enforcement_is_that_of_the_vendor(scene, enforcement, result):
    scene.both(lambda tables: tables.apply(scene.vendor.vendor_manifest(enforcement=enforcement)))
    judgement = (await scene.decide_on(helm_release())).judgement
    assert (judgement.verdict.result, judgement.denial) == (result, None)
    assert bool(judgement.warnings) is (enforcement == "Warn")


@pytest.mark.parametrize(
    ("spec", "allowed"),
    [
        ({"targetNamespace": "prod-us"}, False),
        ({"storageNamespace": "prod-us"}, False),
        ({"targetNamespace": "prod-us", "storageNamespace": "prod-us"}, False),
        ({"targetNamespace": "prod-eu", "storageNamespace": "prod-eu"}, True),
    ],
)
async def test_license_has_to_allow_where_the_release_goes_and_where_helm_keeps_it(scene, spec, allowed):
    scene.license(bindings={"namespaces": ["prod-eu"]})
    assert ((await scene.decide_on(helm_release(**spec))).judgement.denial is None) is allowed
    # The namespace of the HelmRelease does not count where the release names others.
    elsewhere = helm_release(namespace="flux-system", targetNamespace="prod-eu", storageNamespace="prod-eu")
    assert (await scene.decide_on(elsewhere, namespace="flux-system")).judgement.denial is None


async def test_namespace_that_is_not_there_yet_is_looked_for(scene):
    scene.license()
    scene.unreachable = True
    with pytest.raises(UndecidedError):
        await scene.decide_on(helm_release(targetNamespace="new"))


@pytest.mark.parametrize("version", ["2.4.1", "2.x"])
async def test_version_that_the_installation_of_the_release_remembers_may_be_asked_for_again(scene, version):
    remembered = RanHere(licensed=frozenset({("acme-platform", "2.4.1")}))
    scene.both(lambda tables: tables.set_installation(("prod-us", "prod-eu-web"), remembered))
    spec = {"targetNamespace": "prod-eu", "storageNamespace": "prod-us"}
    judgement = (await scene.decide_on(helm_release(version=version, **spec))).judgement
    assert (judgement.verdict.ground, judgement.denial) == (Ground.RAN_LICENSED, None)
    assert (await scene.decide_on(helm_release(version=version, **spec, releaseName="other"))).judgement.denial


async def test_version_that_an_application_runs_may_be_asked_for_again(scene):
    running = RanHere(rendered=frozenset({("acme-platform", "2.4.1")}))
    scene.both(lambda tables: tables.set_installation(("prod-eu", "application.web"), running))
    judgement = (await scene.decide_on(application())).judgement
    assert (judgement.verdict.ground, judgement.denial) == (Ground.RUNS_HERE, None)
    assert (await scene.decide_on(application("other"))).judgement.denial
    assert (await scene.decide_on(helm_release("application.web"))).judgement.denial


@pytest.mark.parametrize("version", ["2.4.1", "2.x"])
async def test_version_that_an_application_ran_licensed_may_be_asked_for_again(scene, version):
    ran = RanHere(rendered_licensed=frozenset({("acme-platform", "2.4.1")}))
    scene.both(lambda tables: tables.set_installation(("prod-eu", "application.web"), ran))
    judgement = (await scene.decide_on(application(source=source(version=version)))).judgement
    assert (judgement.verdict.ground, judgement.denial) == (Ground.RAN_LICENSED, None)
    assert (await scene.decide_on(application(source=source(version="2.5.0")))).judgement.denial
    assert (await scene.decide_on(application("other"))).judgement.denial
    assert (await scene.decide_on(helm_release("application.web"))).judgement.denial


@pytest.mark.parametrize("memory", ["running", "licensed"])
async def test_release_by_the_name_of_an_application_lends_it_nothing(scene, memory):
    known = RanHere(**{memory: frozenset({("acme-platform", "2.4.1")})})
    scene.both(lambda tables: tables.set_installation(("prod-eu", "application.web"), known))
    assert (await scene.decide_on(application())).judgement.denial


@pytest.mark.parametrize("memory", ["rendered", "rendered_licensed"])
async def test_version_that_any_application_ran_may_be_asked_for_by_an_application_set(scene, memory):
    """What its Applications are called is not known, and they are judged once more, each for itself."""
    known = RanHere(**{memory: frozenset({("acme-platform", "2.4.1")})})
    scene.both(lambda tables: tables.set_installation(("prod-eu", "application.eu-web"), known))
    runs, newer = (application_set(template=application(source=source(version=v))["spec"]) for v in ("2.4.1", "2.5.0"))
    assert (await scene.decide_on(runs)).judgement.denial is None
    assert (await scene.decide_on(newer)).judgement.denial


@pytest.mark.parametrize(
    ("place", "memory"),
    [
        (("prod-eu", "web"), {"running": frozenset({("acme-platform", "2.4.1")})}),
        (("prod-us", "application.web"), {"rendered": frozenset({("acme-platform", "2.4.1")})}),
    ],
    ids=["a release of its name", "an Application elsewhere"],
)
async def test_nothing_but_applications_in_its_namespace_lends_an_application_set_anything(scene, place, memory):
    scene.both(lambda tables: tables.set_installation(place, RanHere(**memory)))
    assert (await scene.decide_on(application_set())).judgement.denial


async def test_break_glass_for_the_release_lets_its_request_in(scene):
    now = scene.now
    glass = BreakGlass("night", "prod-eu", "web", "jane", "outage", created=now - 60, until=now + DAY // 2)
    scene.both(lambda tables: tables.set_break_glass("night", glass))
    for obj in (helm_release(), application()):
        assert (await scene.decide_on(obj)).judgement.verdict.ground is Ground.BREAK_GLASS
    assert (await scene.decide_on(helm_release("other"))).judgement.denial


# -- updates -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"), list(zip(objects("2.4.0"), objects(NOT_COVERED), strict=True)), ids=["Flux", "Argo", "set"]
)
async def test_update_to_a_version_that_is_not_covered_is_refused(scene, old, new):
    scene.license()
    assert (await scene.decide_on(new, old)).judgement.denial


@pytest.mark.parametrize("obj", objects(NOT_COVERED), ids=lambda obj: obj["kind"])
async def test_update_that_asks_for_nothing_new_is_not_judged(scene, obj):
    changed = {**obj, "metadata": {**obj["metadata"], "labels": {"team": "pay"}}}
    assert await scene.decide_on(changed, obj) is None
    assert scene.looks == 0


async def test_update_that_moves_what_was_there_is_judged(scene):
    old = helm_release(targetNamespace="prod-us")
    assert (await scene.decide_on(helm_release(targetNamespace="prod-eu"), old)).judgement.denial
    elsewhere = application(destination={"name": "other", "namespace": "prod-eu"})
    assert (await scene.decide_on(application(), elsewhere)).judgement.denial


async def test_only_what_an_update_adds_is_judged(scene):
    old = application(sources=[source(version="3.0.0")])
    new = application(sources=[source(version="3.0.0"), source("wordpress", "1.0.0")])
    assert (await scene.decide_on(new, old)).judgement.verdict.ground is Ground.NOT_PROTECTED


@pytest.mark.parametrize("chart", ["acme-platform", "wordpress", None])
async def test_release_kept_where_none_is_judged_is_not_installed_elsewhere(scene, chart):
    scene.license()
    given = {"chart": chart} if chart else {"chart": "./web", "source_kind": "GitRepository"}
    decision = await scene.decide_on(helm_release(**given, storageNamespace="licet-system"))
    assert decision.judgement.verdict.ground is Ground.RELEASE_UNREADABLE
    assert "keep its release in licet-system, where none is judged" in decision.judgement.denial
    for spec in ({"targetNamespace": "licet-system"}, {"kubeConfig": {"secretRef": {"name": "other"}}}):
        obj = helm_release(chart="./web", source_kind="GitRepository", storageNamespace="licet-system", **spec)
        assert await scene.decide_on(obj) is None


# -- what is not judged ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "obj",
    [
        helm_release(chart="./charts/acme-platform", source_kind="GitRepository"),
        helm_release(kubeConfig={"secretRef": {"name": "other"}}),
        application(source=source(None, "main")),
        application(destination={"name": "other", "namespace": "prod-eu"}),
        application_set(templatePatch="spec: {}"),
        {"apiVersion": "example.com/v1", "kind": "HelmRelease", "metadata": {"name": "web"}, "spec": {}},
        release_secret(release_document("acme-platform", "3.1.0")),
    ],
)
async def test_what_says_nothing_of_a_chart_for_this_cluster_is_not_judged(scene, obj):
    assert await scene.decide_on(obj) is None


async def test_chart_that_nobody_claims_is_allowed(scene):
    judgement = (await scene.decide_on(helm_release(chart="wordpress"))).judgement
    assert (judgement.verdict.ground, scene.looks) == (Ground.NOT_PROTECTED, 0)


# -- references --------------------------------------------------------------------------------------------------------

REFERRING = helm_release(chart=None, chartRef={"kind": "OCIRepository", "name": "acme"})
SOURCE = SourceRef(SourceKind.OCI_REPOSITORY, "prod-eu", "acme")


@pytest.mark.parametrize(("version", "allowed"), [(COVERED, True), (NOT_COVERED, False)])
async def test_chart_that_is_referred_to_is_looked_up(scene, version, allowed):
    scene.license()
    scene.sources[SOURCE] = RequestedChart("acme-platform", version)
    assert ((await scene.decide_on(REFERRING)).judgement.denial is None) is allowed


async def test_reference_that_leads_nowhere_yet_is_left_to_the_release(scene):
    assert await scene.decide_on(REFERRING) is None
    assert scene.asked_for == [SOURCE]


async def test_reference_that_was_there_before_is_not_looked_up_again(scene):
    scene.sources[SOURCE] = RequestedChart("acme-platform", NOT_COVERED)
    suspended = {**REFERRING, "spec": {**REFERRING["spec"], "suspend": True}}
    assert await scene.decide_on(suspended, REFERRING) is None
    assert scene.asked_for == []


# -- doubts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "obj",
    [helm_release(releaseName=1), application(sources=1), application_set(generators=1)],
    ids=lambda obj: obj["kind"],
)
async def test_object_that_can_not_be_read_is_refused(scene, obj):
    decision = await scene.decide_on(obj)
    assert decision.judgement.verdict.ground is Ground.RELEASE_UNREADABLE
    assert decision.judgement.denial.startswith(f'{obj["kind"]} "web" (namespace "prod-eu") can\'t be judged: it is no')


async def test_more_protected_charts_than_are_looked_into_are_refused(scene):
    sources = [source(version=f"2.4.{number}") for number in range(bounds.GITOPS_CHARTS + 1)]
    scene.license()
    assert (await scene.decide_on(application(sources=sources[1:]))).judgement.denial is None
    refused = (await scene.decide_on(application(sources=sources))).judgement
    assert f"more than {bounds.GITOPS_CHARTS} charts that need a license; split it up" in refused.denial
    others = [source("wordpress", f"1.0.{number}") for number in range(bounds.GITOPS_CHARTS + 1)]
    assert (await scene.decide_on(application(sources=others))).judgement.denial is None


async def test_object_that_had_more_than_is_looked_into_may_be_made_smaller(scene):
    scene.license()
    crowded = application_set("web", *[{"list": {}}] * (bounds.GITOPS_GENERATORS + 1))
    assert "generators; split it up" in (await scene.decide_on(crowded)).judgement.denial
    assert (await scene.decide_on(application_set("web", {"list": {}}), crowded)).judgement.denial is None


async def test_several_charts_are_decided_together(scene):
    scene.license()
    sources = [source(), source(version="3.1.0"), source(version="3.2.0", helm={"releaseName": "other"})]
    verdict = (await scene.decide_on(application(sources=sources))).judgement.verdict
    assert [chart.result for chart in verdict.charts] == [Result.ALLOWED, Result.DENIED, Result.DENIED]
    assert "acme-platform 3.1.0" in verdict.message
    assert "acme-platform 3.2.0" in verdict.message


async def test_look_for_one_of_several_releases_is_told(scene):
    scene.license()
    free = source("wordpress", "1.0.0", helm={"releaseName": "blog"})
    assert not (await scene.decide_on(application(sources=[free, source()]))).judgement.live
    assert (await scene.decide_on(application(sources=[free, source(version="3.1.0")]))).judgement.live
