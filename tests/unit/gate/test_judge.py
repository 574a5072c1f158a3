import base64
from typing import Any

import pytest

from licet.core.namespaces import Namespace
from licet.core.verdict import Ground, RanHere, Result
from licet.gate.deliberation import UndecidedError
from support.admission import release_config_map, release_secret
from support.helm_releases import encode_release, release_document
from support.manifests import break_glass
from support.vendor_simulator import DAY


def secret_of(version: str = "2.4.1", chart: str = "acme-platform", **changes):
    return release_secret(release_document(chart, version, **changes))


async def test_chart_that_nobody_claims_is_allowed(scene):
    judgement = (await scene.decide(secret_of(chart="wordpress"))).judgement
    assert (judgement.verdict.ground, judgement.denial, scene.looks) == (Ground.NOT_PROTECTED, None, 0)


async def test_covered_version_is_allowed_without_a_look_at_the_cluster(scene):
    scene.license()
    judgement = (await scene.decide(secret_of())).judgement
    assert (judgement.verdict.result, judgement.verdict.ground) == (Result.ALLOWED, Ground.LICENSED)
    assert (judgement.denial, judgement.warnings, judgement.explanation, scene.looks) == (None, (), "", 0)


async def test_denial_says_what_is_wrong_and_what_to_do(scene):
    scene.license()
    decision = await scene.decide(secret_of("3.1.0"))
    assert decision.judgement.denial == (
        'chart acme-platform 3.1.0 (release "web", namespace "prod-eu") is not licensed: license acme-prod (plan pro) '
        "covers >=2.0.0 <3.0.0. Install a covered version, or apply a license that covers 3.1.0."
    )
    assert (decision.judgement.verdict.ground, decision.judgement.live) == (Ground.VERSION_NOT_COVERED, True)


async def test_release_in_a_config_map_is_judged_like_one_in_a_secret(scene):
    scene.license()
    for version, ground in (("2.4.1", Ground.LICENSED), ("3.1.0", Ground.VERSION_NOT_COVERED)):
        decision = await scene.decide(release_config_map(release_document("acme-platform", version)))
        assert decision.judgement.verdict.ground is ground
        assert (decision.regarding.kind, decision.regarding.name) == ("ConfigMap", "sh.helm.release.v1.web.v1")


async def test_config_map_whose_release_cannot_be_read_is_denied(scene):
    in_base64_twice = base64.b64encode(encode_release(release_document()))
    judgement = (await scene.decide(release_config_map(release_document(), payload=in_base64_twice))).judgement
    assert 'in ConfigMap "sh.helm.release.v1.web.v1" (namespace "prod-eu") can\'t be judged' in judgement.denial


async def test_license_applied_just_now_counts(scene):
    scene.license(scene.truth)
    judgement = (await scene.decide(secret_of())).judgement
    assert (judgement.verdict.ground, judgement.live, scene.looks) == (Ground.LICENSED, True, 1)


async def test_vendor_removed_just_now_protects_nothing(scene):
    scene.truth.set_vendor("acme", None)
    assert (await scene.decide(secret_of())).judgement.verdict.ground is Ground.NOT_PROTECTED


async def test_vendor_removed_while_the_release_is_read_is_looked_for_again(scene, monkeypatch):
    read = scene.judge._decoders.read

    async def read_slowly(*arguments):
        found = await read(*arguments)
        scene.both(lambda tables: tables.set_vendor("acme", None))
        return found

    monkeypatch.setattr(scene.judge._decoders, "read", read_slowly)
    judgement = (await scene.decide(secret_of())).judgement
    assert (judgement.verdict.ground, judgement.live) == (Ground.NOT_PROTECTED, True)


async def test_denial_stands_when_the_cluster_cannot_be_read(scene):
    scene.unreachable = True
    judgement = (await scene.decide(secret_of())).judgement
    assert judgement.verdict.result is Result.DENIED
    assert not judgement.live
    assert "the API server did not answer when it asked again" in judgement.denial


async def test_slow_look_leaves_time_for_the_answer(scene):
    scene.look_seconds = 10
    judgement = (await scene.decide(secret_of(), seconds=0.4)).judgement
    assert "did not answer" in judgement.denial


@pytest.mark.parametrize(("enforcement", "result"), [("Warn", Result.WARNED), ("Audit", Result.AUDITED)])
async def test_enforcement_admits_only_after_a_look(scene, enforcement, result):
    scene.both(lambda tables: tables.apply(scene.vendor.vendor_manifest(enforcement=enforcement)))
    judgement = (await scene.decide(secret_of())).judgement
    assert (judgement.verdict.result, judgement.denial, judgement.live) == (result, None, True)
    assert len(judgement.warnings) == (1 if enforcement == "Warn" else 0)
    assert "is not licensed" in judgement.explanation
    scene.license(scene.truth)
    assert (await scene.decide(secret_of())).judgement.verdict.ground is Ground.LICENSED


async def test_license_in_grace_admits_with_a_warning(scene):
    now = scene.vendor.now
    scene.license(iat=now - 30 * DAY, nbf=now - 30 * DAY, exp=now - DAY, gracePeriod="P14D")
    judgement = (await scene.decide(secret_of())).judgement
    assert judgement.verdict.ground is Ground.IN_GRACE
    assert "is licensed until 2026-01-14T00:00:00Z only" in judgement.warnings[0]


@pytest.mark.parametrize(
    ("ran_here", "ground", "words"),
    [
        (RanHere(running=frozenset({("acme-platform", "2.4.1")})), Ground.RUNS_HERE, "is not licensed: "),
        (RanHere(licensed=frozenset({("acme-platform", "2.4.1")})), Ground.RAN_LICENSED, "is not licensed any more: "),
    ],
)
async def test_version_that_the_installation_remembers_is_admitted_with_a_warning(scene, ran_here, ground, words):
    scene.both(lambda tables: tables.set_installation(("prod-eu", "web"), ran_here))
    judgement = (await scene.decide(secret_of(revision=7))).judgement
    assert (judgement.verdict.ground, judgement.denial) == (ground, None)
    assert words in judgement.warnings[0]
    assert (await scene.decide(secret_of("2.5.0", revision=8))).judgement.denial


@pytest.mark.parametrize(
    "metadata",
    [
        {"name": "sh.helm.release.v1.other.v1", "labels": {"name": "web"}},
        {"name": "sh.helm.release.v1.web.v2", "labels": {"name": "web"}},
        {"name": "sh.helm.release.v1.web.v1", "labels": {"name": "other"}},
        {"name": "sh.helm.release.v1.web.v1"},
        {"generateName": "sh.helm.release.v1.web.", "labels": {"name": "web"}},
    ],
)
async def test_installation_remembers_nothing_for_a_secret_that_contradicts_its_payload(scene, metadata):
    ran_here = RanHere(running=frozenset({("acme-platform", "2.4.1")}))
    scene.both(lambda tables: tables.set_installation(("prod-eu", "web"), ran_here))
    secret = release_secret(release_document("acme-platform", "2.4.1"), metadata=metadata)
    assert (await scene.decide(secret)).judgement.verdict.ground is Ground.NO_LICENSE


async def test_license_has_to_allow_the_namespace_of_secret_and_payload(scene):
    scene.license(bindings={"namespaces": ["prod-eu"]})
    allowed = await scene.decide(secret_of(namespace="prod-eu"), namespace="prod-eu")
    assert allowed.judgement.denial is None
    for of_secret, of_payload in (("prod-us", "prod-eu"), ("prod-eu", "prod-us")):
        denied = await scene.decide(secret_of(namespace=of_payload), namespace=of_secret)
        assert f'namespace "{of_secret}" and "{of_payload}"' in denied.judgement.denial
        assert "acme-prod" not in denied.judgement.denial


async def test_payload_without_namespace_is_for_that_of_its_secret(scene):
    scene.license(bindings={"namespaces": ["prod-eu"]})
    assert (await scene.decide(secret_of(namespace=""), namespace="prod-eu")).judgement.denial is None


async def test_labels_of_a_new_namespace_are_read_before_a_license_allows_it(scene):
    expression = {"key": "env", "operator": "NotIn", "values": ["dev"]}
    scene.license(scope={"selector": {"matchExpressions": [expression]}})
    scene.truth.set_namespace("new", Namespace("new", {"env": "dev"}))
    denied = await scene.decide(secret_of(namespace="new"), namespace="new")
    assert denied.judgement.verdict.ground is Ground.NO_LICENSE
    scene.truth.set_namespace("new", Namespace("new", {"env": "prod"}))
    allowed = await scene.decide(secret_of(namespace="new"), namespace="new")
    assert (allowed.judgement.verdict.ground, allowed.judgement.live) == (Ground.LICENSED, True)


async def test_new_namespace_is_left_undecided_while_the_cluster_cannot_be_read(scene):
    scene.license()
    scene.unreachable = True
    with pytest.raises(UndecidedError, match="connection refused"):
        await scene.decide(secret_of(namespace="new"), namespace="new")


@pytest.mark.parametrize("type_", ["helm.sh/release.v2", "helm.sh/release.", "helm.sh/release.v1beta1"])
async def test_release_in_a_format_not_known_is_denied(scene, type_):
    scene.license()
    judgement = (await scene.decide(secret_of() | {"type": type_})).judgement
    assert judgement.verdict.ground is Ground.RELEASE_UNREADABLE
    assert f"its format {type_!r} is not known" in judgement.denial
    assert scene.looks == 0


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        {"release": ""},
        {"release": base64.b64encode(b"no base64!").decode()},
        {"release": base64.b64encode(encode_release(b"{}")).decode()},
        {"other": base64.b64encode(encode_release(release_document())).decode()},
    ],
)
async def test_release_that_cannot_be_read_is_denied_whatever_it_may_hold(scene, data):
    scene.license()
    judgement = (await scene.decide(secret_of() | {"data": data})).judgement
    assert judgement.verdict.ground is Ground.RELEASE_UNREADABLE
    assert 'in Secret "sh.helm.release.v1.web.v1" (namespace "prod-eu") can\'t be judged' in judgement.denial


async def test_license_takes_effect_and_ends_on_time(scene):
    now = scene.vendor.now
    scene.license(nbf=now + 100, exp=now + 200)
    grounds = []
    for scene.now in (now + 99, now + 100, now + 199, now + 200, now + 150):
        grounds.append((await scene.decide(secret_of())).judgement.verdict.ground)
    assert grounds == [
        Ground.LICENSE_NOT_YET_VALID,
        Ground.LICENSED,
        Ground.LICENSED,
        Ground.LICENSE_EXPIRED,
        Ground.LICENSED,  # a clock that was wrong and is put right
    ]


async def test_each_decision_has_an_id_of_its_own_that_sorts_by_time(scene):
    first = await scene.decide(secret_of())
    scene.now += 1
    second = await scene.decide(secret_of(), dryRun=True)
    assert len(first.id) == 26
    assert first.id < second.id
    assert (first.dry_run, second.dry_run) == (False, True)
    assert (first.regarding.namespace, first.release, first.revision, first.user) == ("prod-eu", "web", 1, "jane")


async def test_name_longer_than_any_of_helms_is_cut(scene):
    decision = await scene.decide(secret_of(name="w" * 5000))
    assert len(decision.release) == 64
    assert len(decision.judgement.denial) < 500


def break_glass_of(**release: str) -> dict[str, Any]:
    """One that is open for an hour from when the scene plays."""
    manifest = break_glass(release={"namespace": "prod-eu", "name": "web", **release})
    manifest["metadata"]["creationTimestamp"] = "2026-01-02T00:00:00Z"
    return manifest


async def test_break_glass_opened_just_now_lets_its_release_in_with_a_warning(scene):
    scene.truth.apply(break_glass_of())
    judgement = (await scene.decide(secret_of("3.1.0"))).judgement
    assert (judgement.verdict.ground, judgement.live, judgement.denial) == (Ground.BREAK_GLASS, True, None)
    assert "It is let in by BreakGlass web-1 of jane, until 2026-01-02T01:00:00Z only." in judgement.warnings[0]


async def test_break_glass_deleted_just_now_lets_nothing_in(scene):
    scene.known.apply(break_glass_of())
    assert (await scene.decide(secret_of("3.1.0"))).judgement.denial


async def test_break_glass_helps_while_the_cluster_cannot_be_read(scene):
    scene.known.apply(break_glass_of())
    scene.unreachable = True
    judgement = (await scene.decide(secret_of("3.1.0"))).judgement
    assert judgement.verdict.ground is Ground.BREAK_GLASS
    assert judgement.note


@pytest.mark.parametrize("release", [{"name": "other"}, {"namespace": "prod-us"}])
async def test_break_glass_is_for_its_release_alone(scene, release):
    scene.both(lambda tables: tables.apply(break_glass_of(**release)))
    assert (await scene.decide(secret_of("3.1.0"))).judgement.denial


async def test_break_glass_is_not_for_what_is_labelled_as_another_release(scene):
    scene.both(lambda tables: tables.apply(break_glass_of()))
    secret = secret_of("3.1.0")
    secret["metadata"]["labels"]["name"] = "other"
    assert (await scene.decide(secret)).judgement.denial
