import asyncio
from base64 import b64encode
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from licet.cluster.api import KubeApi
from licet.cluster.records import KeptToken, SecretRef
from licet.core.memory import Memory
from licet.core.reasons import Reason
from licet.core.verdict import RanHere
from licet.gate import live
from licet.gate.cache import Cache, Place
from licet.gate.live import LiveReader, LiveReadError
from scripted_server import write_kubeconfig
from support.manifests import break_glass
from support.vendor_simulator import CLUSTER, DAY, NOW, VendorSimulator

GROUP = "/apis/licet.dev/v1alpha1"
PLACE = Place(("prod-eu",), ("prod-eu", "web"), "web")
REFERENCE = {"secretKeyRef": {"name": "acme-license", "key": "license.jwt"}}


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """Nothing here depends on how busy the machine is."""
    monkeypatch.setattr(live, "READ_SECONDS", 30)


@dataclass
class FakeCluster:
    """An API server of objects by path; one without a status code is not found."""

    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    refusals: dict[str, int] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    held: asyncio.Event = field(default_factory=asyncio.Event)

    begun: asyncio.Event = field(default_factory=asyncio.Event)
    late: dict[str, asyncio.Event] = field(default_factory=dict)
    """By path: what the next answer waits for, which was given before."""

    def __post_init__(self) -> None:
        self.held.set()

    def put(self, path: str, manifest: dict[str, Any]) -> None:
        self.objects[path] = {**manifest, "metadata": {**manifest["metadata"], "uid": "u1"}}

    async def respond(self, request: web.Request) -> web.Response:
        self.asked[request.path] += 1
        self.begun.set()
        held_up = self.late.pop(request.path, None)
        response = await self._answer(request.path)
        if held_up is not None:
            await held_up.wait()
        return response

    async def _answer(self, path: str) -> web.Response:
        items = [obj for key, obj in self.objects.items() if key.rpartition("/")[0] == path]
        await self.held.wait()
        if status := self.refusals.get(path):
            return web.json_response({"kind": "Status", "code": status, "reason": "No", "message": "no"}, status=status)
        if path in self.objects:
            return web.json_response(self.objects[path])
        if path.endswith(("/vendors", "/licenses", "/breakglasses", "/installations")):
            return web.json_response({"metadata": {"resourceVersion": "1"}, "items": items})
        return web.json_response({"kind": "Status", "code": 404, "reason": "NotFound"}, status=404)


@pytest.fixture
def cluster() -> FakeCluster:
    """A namespace and a Vendor."""
    made = FakeCluster()
    made.put("/api/v1/namespaces/prod-eu", {"metadata": {"name": "prod-eu", "labels": {"team": "pay"}}})
    made.put(f"{GROUP}/vendors/acme", VendorSimulator().vendor_manifest())
    return made


@pytest.fixture
def cache() -> Cache:
    return Cache(CLUSTER)


@pytest.fixture
async def reader(cluster, cache, tmp_path) -> AsyncIterator[LiveReader]:
    app = web.Application()
    app.router.add_get("/{path:.*}", cluster.respond)
    async with TestServer(app, shutdown_timeout=0.1) as server:
        url = str(server.make_url("")).rstrip("/")
        config = write_kubeconfig(tmp_path / "kubeconfig", cluster={"server": url}, user={})
        async with KubeApi.connect(config, user_agent="tests/0") as api:
            yield LiveReader(api, cache, namespace="licet-system", clock=lambda: NOW + DAY)


def license_from(source: dict[str, Any], name: str = "acme-prod") -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": source}


def put_secret(cluster: FakeCluster, token: str) -> None:
    data = {"license.jwt": b64encode(token.encode()).decode(), "other": "c2VjcmV0"}
    secret = {"metadata": {"name": "acme-license"}, "data": data}
    cluster.put("/api/v1/namespaces/licet-system/secrets/acme-license", secret)


def reason(facts) -> Reason:
    return facts.assessment.standings["acme-prod"].reason


async def test_everything_that_a_verdict_depends_on_is_read(cluster, reader):
    cluster.put(f"{GROUP}/licenses/acme-prod", license_from({"token": VendorSimulator().token()}))
    status = {"charts": [{"name": "acme-platform", "version": "2.4.1"}]}
    path = f"{GROUP}/namespaces/prod-eu/installations/web"
    cluster.put(path, {"metadata": {"namespace": "prod-eu", "name": "web"}, "status": status})
    facts = await reader.facts(PLACE)
    assert facts.registry.get("acme").issuer == "https://licenses.acme.example"
    assert reason(facts) is Reason.VERIFIED
    assert [(namespace.name, namespace.labels) for namespace in facts.namespaces] == [("prod-eu", {"team": "pay"})]
    assert facts.ran_here == RanHere(running=frozenset({("acme-platform", "2.4.1")}))


async def test_break_glasses_of_the_release_are_read(cluster, reader):
    for name, release in (("web-1", "web"), ("other-1", "other")):
        manifest = break_glass(release={"namespace": "prod-eu", "name": release})
        manifest["metadata"] |= {"name": name, "creationTimestamp": "2026-01-02T00:00:00Z"}
        cluster.put(f"{GROUP}/breakglasses/{name}", manifest)
    emergency = (await reader.facts(PLACE)).emergency
    assert ([each.name for each in emergency.break_glasses], emergency.now) == (["web-1"], NOW + DAY)
    del cluster.objects[f"{GROUP}/breakglasses/web-1"]
    assert (await reader.facts(PLACE)).emergency.break_glasses == ()


@pytest.mark.parametrize("status", [403, 404])
async def test_break_glasses_that_cannot_be_read_keep_nobody_from_an_answer(cluster, reader, status):
    cluster.refusals[f"{GROUP}/breakglasses"] = status
    assert (await reader.facts(PLACE)).emergency.break_glasses == ()


async def test_secrets_are_read_that_licenses_refer_to_and_no_others(cluster, reader):
    cluster.put(f"{GROUP}/licenses/acme-prod", license_from({"tokenFrom": REFERENCE}))
    cluster.put(f"{GROUP}/licenses/acme-more", license_from({"tokenFrom": REFERENCE}, "acme-more"))
    put_secret(cluster, VendorSimulator().token())
    assert reason(await reader.facts(PLACE)) is Reason.VERIFIED
    secrets = {path: count for path, count in cluster.asked.items() if "secrets" in path}
    assert secrets == {"/api/v1/namespaces/licet-system/secrets/acme-license": 1}


async def test_read_follows_what_changed_since_the_last(cluster, reader):
    vendor = VendorSimulator()
    cluster.put(f"{GROUP}/licenses/acme-prod", license_from({"tokenFrom": REFERENCE}))
    assert reason(await reader.facts(PLACE)) is Reason.TOKEN_UNAVAILABLE
    put_secret(cluster, vendor.expired_token())
    assert reason(await reader.facts(PLACE)) is Reason.EXPIRED
    put_secret(cluster, vendor.token())
    assert reason(await reader.facts(PLACE)) is Reason.VERIFIED
    vendor.rotate_key("acme-2027")
    vendor.withdraw_key("acme-2026")
    cluster.put(f"{GROUP}/vendors/acme", vendor.vendor_manifest())
    assert reason(await reader.facts(PLACE)) is Reason.UNKNOWN_KEY
    del cluster.objects[f"{GROUP}/vendors/acme"]
    assert reason(await reader.facts(PLACE)) is Reason.UNKNOWN_VENDOR
    del cluster.objects[f"{GROUP}/licenses/acme-prod"]
    assert (await reader.facts(PLACE)).assessment.standings == {}


@pytest.mark.parametrize("status", [403, 404])
async def test_kept_token_stands_in_for_a_secret_that_cannot_be_read(cluster, cache, reader, status):
    cluster.put(f"{GROUP}/licenses/acme-prod", license_from({"tokenFrom": REFERENCE}))
    cluster.refusals["/api/v1/namespaces/licet-system/secrets/acme-license"] = status
    reference = SecretRef("acme-license", "license.jwt")
    cache.set_kept({"acme-prod": KeptToken("u1", reference, VendorSimulator().token())})
    assert reason(await reader.facts(PLACE)) is Reason.VERIFIED


async def test_what_is_remembered_holds_for_what_is_read(cluster, cache, reader):
    cluster.put(f"{GROUP}/licenses/acme-prod", license_from({"token": VendorSimulator().token()}))
    cache.set_memory(Memory({VendorSimulator().issuer: NOW + 400 * DAY}))
    assert reason(await reader.facts(PLACE)) is Reason.EXPIRED


async def test_what_applications_ran_in_a_namespace_is_read_for_an_application_set(cluster, reader):
    for name, kind, version in (("application.a", "Application", "2.4.1"), ("web", "Release", "2.5.0")):
        status = {"source": {"kind": kind, "name": "a"}, "charts": [{"name": "acme-platform", "version": version}]}
        path = f"{GROUP}/namespaces/prod-eu/installations/{name}"
        cluster.put(path, {"metadata": {"namespace": "prod-eu", "name": name}, "status": status})
    facts = await reader.facts(Place(("prod-eu",), ("prod-eu", None), "web"))
    assert facts.ran_here == RanHere(rendered=frozenset({("acme-platform", "2.4.1")}))


async def test_namespace_and_installation_that_do_not_exist_are_read_as_such(cluster, reader):
    facts = await reader.facts(Place(("prod-eu", "gone", "No/such name"), ("prod-eu", "../x"), "x"))
    assert [namespace.name for namespace in facts.namespaces] == ["prod-eu", "gone", "No/such name"]
    assert facts.ran_here == RanHere()


async def test_unreadable_vendor_keeps_protecting_and_harms_no_other(cluster, reader):
    await reader.facts(PLACE)
    broken = {"metadata": {"name": "acme"}, "spec": {"issuer": "https://x.example", "enforcement": "Maybe"}}
    cluster.put(f"{GROUP}/vendors/acme", broken)
    cluster.put(f"{GROUP}/vendors/other", VendorSimulator(name="other", product="tool").vendor_manifest())
    registry = (await reader.facts(PLACE)).registry
    assert registry.claim_for_chart("acme-platform").vendor == "acme"
    assert registry.claim_for_chart("tool").vendor == "other"


async def test_one_read_serves_all_that_wait_and_begins_after_they_came(cluster, reader):
    cluster.held.clear()
    first = asyncio.create_task(reader.facts(PLACE))
    await cluster.begun.wait()
    waiting = [
        asyncio.create_task(reader.facts(Place((name,), ("prod-eu", name), name))) for name in ["prod-eu", "x"] * 25
    ]
    await asyncio.sleep(0.01)
    cluster.put(f"{GROUP}/licenses/acme-prod", license_from({"token": VendorSimulator().token()}))
    cluster.held.set()
    assert (await first).assessment.standings == {}
    assert {reason(facts) for facts in await asyncio.gather(*waiting)} == {Reason.VERIFIED}
    assert cluster.asked[f"{GROUP}/vendors"] == 2
    assert cluster.asked["/api/v1/namespaces/x"] == 1


async def test_waiter_that_gives_up_leaves_the_read_to_the_others(cluster, reader):
    cluster.held.clear()
    hasty, patient = (asyncio.create_task(reader.facts(PLACE)) for _ in range(2))
    await asyncio.sleep(0.01)
    hasty.cancel()
    cluster.held.set()
    assert (await patient).registry.get("acme")


@pytest.mark.parametrize("path", [f"{GROUP}/vendors", f"{GROUP}/licenses", "/api/v1/namespaces/prod-eu"])
async def test_read_that_is_refused_is_no_answer(cluster, reader, path):
    cluster.refusals[path] = 403
    with pytest.raises(LiveReadError, match="403"):
        await reader.facts(PLACE)
    cluster.refusals.clear()
    assert (await reader.facts(PLACE)).registry.get("acme")


async def test_read_is_given_up_in_time(cluster, reader, monkeypatch):
    monkeypatch.setattr(live, "READ_SECONDS", 0.05)
    cluster.held.clear()
    with pytest.raises(LiveReadError, match=r"no answer within 0\.05 s"):
        await reader.facts(PLACE)
    cluster.held.set()


async def test_answer_that_outlives_its_read_does_not_get_into_the_next(cluster, reader):
    secret, other = (f"/api/v1/namespaces/licet-system/secrets/{name}" for name in ("acme-license", "other"))
    cluster.put(f"{GROUP}/licenses/acme-prod", license_from({"tokenFrom": REFERENCE}))
    reference = {"secretKeyRef": {"name": "other", "key": "license.jwt"}}
    cluster.put(f"{GROUP}/licenses/other", license_from({"tokenFrom": reference}, "other"))
    put_secret(cluster, VendorSimulator().expired_token())
    cluster.late[secret] = arrives = asyncio.Event()
    cluster.refusals[other] = 500
    with pytest.raises(LiveReadError, match="500"):
        await reader.facts(PLACE)

    cluster.refusals.clear()
    put_secret(cluster, VendorSimulator().token())
    cluster.late[other] = ends = asyncio.Event()
    renewed = asyncio.create_task(reader.facts(PLACE))
    while min(cluster.asked[secret], cluster.asked[other]) < 2:  # noqa: ASYNC110 - it is another task's to ask
        await asyncio.sleep(0.01)
    for event in (arrives, ends):
        await asyncio.sleep(0.05)
        event.set()
    assert reason(await renewed) is Reason.VERIFIED
