import asyncio
import json
import logging

import prometheus_client
import pytest

from licet.cluster.events import EventType, Regarding
from licet.cluster.logs import JsonFormatter
from licet.core.verdict import RanHere
from licet.gate.records import DecisionLog
from licet.gate.review import ReviewError, read_review
from licet.gate.webhook import Webhook
from support.admission import encoded, release_secret, review
from support.gitops import helm_release
from support.helm_releases import release_document
from support.manifests import break_glass


class Events:
    """Takes note of Events."""

    def __init__(self) -> None:
        self.emitted = []

    def emit(self, regarding, reason, message, *, event_type) -> None:
        self.emitted.append((regarding, reason, message, event_type))


class Desk:
    """A webhook, and what it leaves behind."""

    def __init__(self, scene, caplog) -> None:
        self.scene = scene
        self.events = Events()
        self._caplog = caplog
        self._webhook = Webhook(scene.judge, scene.requests, DecisionLog(self.events))

    async def ask(self, version: str = "2.4.1", chart: str = "acme-platform", **changes):
        return await self.ask_about(release_secret(release_document(chart, version)), **changes)

    async def ask_about(self, secret, **changes):
        request = read_review(encoded(review(secret, **changes)))
        answer = await self._webhook.answer(request, asyncio.get_running_loop().time() + 4)
        await asyncio.sleep(0)  # a decision is put on record once its answer is on its way
        return json.loads(answer)["response"]

    @property
    def logged(self):
        records = [record for record in self._caplog.records if record.name == "licet.gate.records"]
        return [json.loads(JsonFormatter().format(record)) for record in records]


@pytest.fixture
def desk(scene, caplog) -> Desk:
    caplog.set_level(logging.INFO)
    return Desk(scene, caplog)


def count(**labels: str) -> float:
    return prometheus_client.REGISTRY.get_sample_value("licet_gate_decisions_total", labels) or 0


async def test_denial_reads_as_the_contract_says(desk):
    desk.scene.license()
    response = await desk.ask("3.1.0")
    decision = response["auditAnnotations"]["decision"]
    assert response["status"]["message"] == (
        'licet: chart acme-platform 3.1.0 (release "web", namespace "prod-eu") is not licensed: license acme-prod '
        "(plan pro) covers >=2.0.0 <3.0.0. Install a covered version, or apply a license that covers 3.1.0. "
        f"[decision {decision}]"
    )
    assert (response["allowed"], response["status"]["code"], response["warnings"]) == (False, 403, [])
    assert response["auditAnnotations"] == {
        "decision": decision,
        "result": "denied",
        "reason": "VersionNotCovered",
    }


async def test_request_of_a_gitops_tool_is_answered_and_recorded_like_a_release(desk):
    desk.scene.license()
    response = await desk.ask_about(helm_release(version="3.1.0"))
    decision = response["auditAnnotations"]["decision"]
    assert response["status"]["message"].startswith(
        'licet: chart acme-platform 3.1.0 (HelmRelease "web", namespace "prod-eu") is not licensed: license acme-prod '
    )
    assert response["status"]["message"].endswith(f"[decision {decision}]")
    assert response["auditAnnotations"] | {"decision": ""} == {
        "decision": "",
        "result": "denied",
        "reason": "VersionNotCovered",
    }
    (line,) = desk.logged
    assert (line["decision"], line["kind"], line["release"]) == (decision, "HelmRelease", "web")
    ((regarding, reason, message, event_type),) = desk.events.emitted
    assert regarding == Regarding("helm.toolkit.fluxcd.io/v2", "HelmRelease", "web", "prod-eu")
    assert (reason, event_type) == ("ReleaseDenied", EventType.WARNING)
    assert decision in message


async def test_request_that_says_nothing_is_let_in_without_a_trace(desk):
    response = await desk.ask_about(helm_release(chart="./web", source_kind="GitRepository"))
    assert (response["allowed"], response["auditAnnotations"]) == (True, {})
    assert (desk.logged, desk.events.emitted) == ([], [])


async def test_denial_is_found_by_its_id_in_log_and_event(desk):
    decision = (await desk.ask())["auditAnnotations"]["decision"]
    (line,) = desk.logged
    assert (line["decision"], line["result"], line["reason"]) == (decision, "denied", "NoLicense")
    assert (line["namespace"], line["release"], line["revision"], line["user"]) == ("prod-eu", "web", 1, "jane")
    assert line["charts"] == [
        {
            "name": "acme-platform",
            "version": "2.4.1",
            "origin": "root",
            "vendor": "acme",
            "product": "acme-platform",
            "result": "denied",
            "reason": "NoLicense",
            "license": None,
            "breakGlasses": [],
        }
    ]
    assert (line["live"], line["dryRun"]) == (True, False)
    ((regarding, reason, message, event_type),) = desk.events.emitted
    assert regarding == Regarding("v1", "Secret", "sh.helm.release.v1.web.v1", "prod-eu")
    assert (reason, event_type) == ("ReleaseDenied", EventType.WARNING)
    assert message.endswith(f"[decision {decision}]")
    assert line["explanation"] in message


async def test_dry_run_is_judged_alike_and_leaves_no_event(desk):
    assert not (await desk.ask(dryRun=True))["allowed"]
    assert desk.events.emitted == []
    assert desk.logged[0]["dryRun"]


async def test_break_glass_leaves_a_warning_a_log_line_and_an_event_of_its_own(desk):
    manifest = break_glass()
    manifest["metadata"]["creationTimestamp"] = "2026-01-02T00:00:00Z"
    desk.scene.both(lambda tables: tables.apply(manifest))
    response = await desk.ask("3.1.0")
    assert (response["allowed"], response["auditAnnotations"]["reason"]) == (True, "BreakGlass")
    assert "It is let in by BreakGlass web-1 of jane" in response["warnings"][0]
    ((line,), ((_, reason, message, event_type),)) = desk.logged, desk.events.emitted
    assert (line["reason"], line["charts"][0]["breakGlasses"]) == ("BreakGlass", ["web-1"])
    assert (reason, message, event_type) == ("ReleaseAllowedByBreakGlass", response["warnings"][0], EventType.WARNING)


async def test_events_of_one_namespace_are_limited_whatever_the_releases_are_called(desk):
    for number in range(50):
        await desk.ask_about(release_secret(release_document("acme-platform", "9.9.9", name=f"web{number}")))
    await desk.ask_about(release_secret(release_document("acme-platform", "9.9.9")), namespace="prod-us")
    namespaces = [regarding.namespace for regarding, *_ in desk.events.emitted]
    assert (namespaces.count("prod-eu"), namespaces.count("prod-us"), len(desk.logged)) == (30, 1, 51)


async def test_plain_permission_is_logged_and_no_more(desk):
    desk.scene.license()
    response = await desk.ask()
    assert (response["allowed"], response["warnings"]) == (True, [])
    assert response["auditAnnotations"]["result"] == "allowed"
    assert desk.logged[0]["charts"][0]["license"] == "acme-prod"
    assert desk.events.emitted == []


@pytest.mark.parametrize(
    ("enforcement", "warnings", "reason"), [("Warn", True, "ReleaseWarned"), ("Audit", False, "ReleaseAudited")]
)
async def test_enforcement_decides_who_hears_of_it(desk, enforcement, warnings, reason):
    manifest = desk.scene.vendor.vendor_manifest(enforcement=enforcement)
    desk.scene.both(lambda tables: tables.apply(manifest))
    response = await desk.ask()
    decision = response["auditAnnotations"]["decision"]
    assert (response["allowed"], bool(response["warnings"])) == (True, warnings)
    assert all(decision in " ".join(response["warnings"]) for _ in response["warnings"])
    assert desk.events.emitted[0][1] == reason
    assert "is not licensed" in desk.logged[0]["explanation"]


async def test_admission_by_memory_warns_and_leaves_an_event(desk):
    ran_here = RanHere(licensed=frozenset({("acme-platform", "2.4.1")}))
    desk.scene.both(lambda tables: tables.set_installation(("prod-eu", "web"), ran_here))
    response = await desk.ask()
    assert response["allowed"]
    assert "ran licensed here" in " ".join(response["warnings"])
    assert desk.events.emitted[0][1:2] == ("ReleaseAllowed",)


async def test_warnings_fit_what_the_api_server_passes_on(desk):
    dependencies = [{"name": f"acme-platform-{number}", "version": "1.0.0", "enabled": True} for number in range(60)]
    document = release_document("umbrella", "1.0.0", dependencies=dependencies)
    manifest = desk.scene.vendor.vendor_manifest(enforcement="Warn")
    desk.scene.both(lambda tables: tables.apply(manifest))
    response = await desk.ask_about(release_secret(document))
    assert response["allowed"]
    assert sum(map(len, response["warnings"])) <= 4096
    decision = response["auditAnnotations"]["decision"]
    assert f"the log of the gate has them all [decision {decision}]" in response["warnings"][-1]
    assert len(desk.logged[0]["charts"]) == 60


async def test_names_made_to_forge_lines_are_escaped(desk):
    secret = release_secret(release_document("acme-platform", "9.9.9", name="web\nlicet: allowed\x1b[2J"))
    message = (await desk.ask_about(secret))["status"]["message"]
    assert 'release "web\\nlicet: allowed\\x1b[2J"' in message
    assert message.isprintable()
    assert desk.logged[0]["release"].isprintable()


@pytest.mark.parametrize("change", [{"operation": "UPDATE"}, {"kind": {"group": "", "version": "v1", "kind": "Pod"}}])
async def test_what_is_not_the_gates_to_judge_is_allowed_without_a_trace(desk, change):
    response = await desk.ask(**change)
    assert (response["allowed"], response["auditAnnotations"], desk.logged) == (True, {}, [])


async def test_object_that_no_api_server_sends_is_refused(desk):
    with pytest.raises(ReviewError):
        await desk.ask(object=[])


async def test_decisions_are_counted_by_chart_and_timed(desk):
    labels = {"vendor": "acme", "product": "acme-platform", "result": "denied", "reason": "NoLicense"}
    unprotected = {"vendor": "", "product": "", "result": "allowed", "reason": "NotProtected"}
    before = count(**labels), count(**unprotected)
    timed = prometheus_client.REGISTRY.get_sample_value("licet_gate_decision_seconds_count")
    await desk.ask()
    await desk.ask(chart="wordpress")
    assert (count(**labels), count(**unprotected)) == (before[0] + 1, before[1] + 1)
    assert prometheus_client.REGISTRY.get_sample_value("licet_gate_decision_seconds_count") == timed + 2


async def test_no_record_has_a_token_or_the_payload(desk, caplog):
    desk.scene.license()
    secret = release_secret(release_document("acme-platform", "3.1.0"))
    await desk.ask_about(secret)
    written = json.dumps(desk.logged) + str(desk.events.emitted) + caplog.text
    assert secret["data"]["release"][:40] not in written
    assert "eyJ" not in written
