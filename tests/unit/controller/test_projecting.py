import json
from base64 import b64decode
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import web

from licet.cluster.api import KubeApi
from licet.cluster.errors import ApiError
from licet.cluster.events import EventRecorder
from licet.cluster.resource import ENTITLEMENTS
from licet.controller.children import Child, manifest
from licet.controller.projecting import Projector
from licet.controller.writer import StatusWriter
from licet.core.namespaces import Namespace
from licet.resources.entitlement import TargetKind
from scripted_server import Answer, ScriptedServer, refusal
from support.known_world import KnownWorld
from support.vendor_simulator import NOW, VendorSimulator

KEY = ("prod-eu", "platform")
CONFIG_MAP, SECRET = TargetKind.CONFIG_MAP, TargetKind.SECRET


@dataclass
class Site:
    """One Entitlement; the server stores whatever it is sent, but for paths that end as `refused` says."""

    server: ScriptedServer
    projector: Projector
    known: KnownWorld
    refused: dict[str, Answer]

    async def store(self, request: web.Request) -> web.StreamResponse:
        for ending, refusing in self.refused.items():
            if f"{request.method} {request.path}".endswith(ending):
                return await refusing(request)
        body = json.loads(self.server.bodies[-1] or b"{}")
        obj = body if isinstance(body, dict) else {}  # a patch is a list
        number = len(self.server.requests)
        metadata = {"uid": f"u-{number}", **obj.get("metadata", {}), "resourceVersion": str(1000 + number)}
        return web.json_response({**obj, "metadata": metadata})

    async def reconcile(self) -> float | None:
        self.server.requests.clear()
        self.server.bodies.clear()
        return await self.projector.reconcile(KEY, now=NOW)

    def sent(self) -> list[str]:
        """Method and end of the path of each request, sorted, as targets are written at the same time."""
        return sorted(f"{each.method} {each.path.rpartition('prod-eu/')[2]}" for each in self.server.requests)

    def body(self, kind: str) -> Any:
        return next(json.loads(body) for body in self.server.bodies if f'"kind":"{kind}"'.encode() in body)

    def ready(self) -> tuple[str, str]:
        conditions = self.known.world.observed[ENTITLEMENTS][KEY].conditions
        return next((each.status, each.reason) for each in conditions if each.type == "Ready")


@pytest.fixture
def site(server: ScriptedServer, api: KubeApi) -> Site:
    known = KnownWorld(VendorSimulator())
    writer = StatusWriter(api, known.world, EventRecorder(api, "licet-controller"))
    made = Site(server, Projector(api, known.world, writer), known, {})
    server.will(made.store)
    known.namespaces("prod-eu")
    known.entitle()
    return made


ALL = ["PATCH entitlements/platform/status", "POST configmaps", "POST secrets"]


async def test_projection_and_status_cost_one_write_each_and_nothing_when_repeated(site):
    assert await site.reconcile() is None
    assert site.sent() == ALL
    assert site.ready() == ("True", "Projected")
    await site.reconcile()
    assert site.sent() == []


async def test_change_of_rights_replaces_the_very_objects_that_were_written(site):
    await site.reconcile()
    uid = site.known.world.children.get((CONFIG_MAP, *KEY)).uid
    site.known.license("acme-prod", VendorSimulator().token(plan="pro"))
    site.known.assess()
    await site.reconcile()
    assert site.sent() == [
        "PATCH entitlements/platform/status",
        "PUT configmaps/platform",
        "PUT secrets/platform",
    ]
    config_map = site.body("ConfigMap")
    assert config_map["metadata"]["uid"] == uid, "so that it can't hit another of that name"
    assert config_map["data"]["LICET_PLAN"] == "pro"
    assert b64decode(site.body("Secret")["data"]["licenses.jwt"]).count(b".") == 2


async def test_namespace_whose_labels_are_not_known_yet_is_waited_for(site):
    site.known.world.set_namespace("prod-eu", None)
    await site.reconcile()
    assert site.sent() == []
    site.known.world.set_namespace("prod-eu", Namespace("prod-eu"))
    await site.reconcile()
    assert site.sent() == ALL


async def test_deleted_entitlement_is_left_to_the_garbage_collector(site):
    site.known.world.set_entitlement(KEY, None)
    await site.reconcile()
    assert site.sent() == []


async def test_projection_that_is_too_large_leaves_what_was_there(site):
    await site.reconcile()
    acme = VendorSimulator()
    for number in range(30):
        features = {f"f{number}-{each}": "x" * 1000 for each in range(40)}
        site.known.license(f"acme-{number}", acme.token(features=features))
    site.known.assess()
    assert await site.reconcile() is None
    assert site.sent() == ["PATCH entitlements/platform/status"]
    assert site.ready() == ("False", "ProjectionTooLarge")


async def test_object_that_cannot_be_changed_is_deleted_and_made_anew(site):
    await site.reconcile()
    key = (SECRET, *KEY)
    child = site.known.world.children.get(key)
    other = manifest(SECRET, "platform", {}, owner_name="platform", owner_uid="uid-platform")
    metadata = other["metadata"] | {"uid": child.uid, "resourceVersion": "2000"}
    site.known.world.children.set(key, Child.read(SECRET, other | {"type": "example.com/other", "metadata": metadata}))
    await site.reconcile()
    assert [f"{each.method} {each.path.rpartition('prod-eu/')[2]}" for each in site.server.requests] == [
        "DELETE secrets/platform",
        "POST secrets",
    ]
    assert json.loads(site.server.bodies[0])["preconditions"] == {"uid": child.uid}
    assert site.body("Secret")["type"] == "Opaque"


@pytest.mark.parametrize("refusing", [refusal(403, "Forbidden"), refusal(422, "Invalid")])
async def test_target_that_may_not_be_written_does_not_keep_the_other_waiting(site, refusing):
    site.refused["POST /api/v1/namespaces/prod-eu/secrets"] = refusing
    assert await site.reconcile() is not None, "whoever allows it is not heard of"
    assert site.sent() == ALL
    assert site.ready() == ("False", "WriteRefused")
    assert site.known.world.children.get((CONFIG_MAP, *KEY)) is not None


async def test_target_of_an_older_entitlement_is_not_written_and_nobody_looks_again(site):
    target = {"configMap": {"name": "platform"}}
    site.known.entitle("older", target=target, creationTimestamp="2025-01-01T00:00:00Z")
    assert await site.reconcile() is None, "the end of the older one is heard of"
    assert site.sent() == ["PATCH entitlements/platform/status", "POST secrets"]
    assert site.ready() == ("False", "TargetConflict")


async def test_failure_that_may_pass_is_told_to_the_queue(site):
    site.refused["POST /api/v1/namespaces/prod-eu/secrets"] = refusal(500, "InternalError")
    with pytest.raises(ApiError):
        await site.reconcile()


async def test_target_that_an_older_entitlement_asks_for_later_is_left_to_it(site):
    await site.reconcile()
    site.known.entitle("older", target={"configMap": {"name": "platform"}}, creationTimestamp="2025-01-01T00:00:00Z")
    await site.reconcile()
    assert "DELETE configmaps/platform" in site.sent(), "else neither would ever write it again"
    assert site.known.world.children.get((CONFIG_MAP, *KEY)) is None


async def rename_and_license(site) -> None:
    """Have the ConfigMap called `new`, and a license counts from now on."""
    site.known.entitle(target={"configMap": {"name": "new"}}, uid="uid-platform")
    site.known.license("acme-prod", VendorSimulator().token(plan="pro"))
    site.known.assess()
    await site.reconcile()


async def test_object_of_the_old_name_holds_what_is_licensed_until_the_new_one_is_there(site):
    await site.reconcile()
    site.known.entitle("older", target={"configMap": {"name": "new"}}, creationTimestamp="2025-01-01T00:00:00Z")
    await rename_and_license(site)
    assert site.ready() == ("False", "TargetConflict")
    assert "PUT configmaps/platform" in site.sent()
    assert site.body("ConfigMap")["data"]["LICET_PLAN"] == "pro"


async def test_object_of_the_old_name_holds_what_is_licensed_while_the_new_one_is_refused(site):
    await site.reconcile()
    site.refused["POST /api/v1/namespaces/prod-eu/configmaps"] = refusal(403, "Forbidden", "quota")
    await rename_and_license(site)
    assert site.ready() == ("False", "WriteRefused")
    assert "PUT configmaps/platform" in site.sent()
