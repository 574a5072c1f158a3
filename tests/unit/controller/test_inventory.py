import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from licet.cluster.api import KubeApi
from licet.cluster.errors import ApiError
from licet.cluster.events import EventRecorder
from licet.cluster.resource import INSTALLATIONS, LICENSES, VENDORS
from licet.controller.queue import Item, Kind
from licet.controller.reconciling import Reconciler
from licet.controller.releases import Revision
from licet.controller.workloads import Ref, Workload
from licet.core import bounds
from licet.core.release import Storage
from licet.core.timestamps import format_instant
from licet.resources.installation import Source
from scripted_server import ScriptedServer, page, refusal
from support.admission import release_config_map, release_secret
from support.helm_releases import release_document
from support.known_world import KnownWorld
from support.vendor_simulator import NOW, YEAR, VendorSimulator

KEY = ("prod-eu", "platform")
RELEASES = "/api/v1/namespaces/prod-eu"
SECRET = f"{RELEASES}/secrets/sh.helm.release.v1.platform"


@dataclass
class Cluster:
    """Helm releases in namespace `prod-eu`, and the Vendors and Licenses as a list finds them."""

    server: ScriptedServer
    acme: VendorSimulator = field(default_factory=VendorSimulator)
    stored: dict[tuple[Storage, str], Any] = field(default_factory=dict)
    licenses: list[Any] = field(default_factory=list)
    unheard: set[str] = field(default_factory=set)  # namespaces of which no watch has told
    failing: str = ""  # how the path ends that is answered with an error

    def __post_init__(self) -> None:
        self.known = KnownWorld(self.acme)
        self.known.namespaces("prod-eu")
        self.server.will(self.respond)

    def release(
        self,
        name: str = "platform",
        revision: int = 1,
        *,
        chart: str = "acme-platform",
        version: str = "",
        status: str = "deployed",
        storage: Storage = Storage.SECRET,
        created: int = NOW,
        namespace: str = "prod-eu",
    ) -> None:
        """Install or upgrade a release, as the API server knows it and the controller has heard, to a namespace."""
        version = version or f"1.{revision}.0"
        document = release_document(chart, version, name=name, namespace=namespace, revision=revision, status=status)
        obj = (release_secret if storage is Storage.SECRET else release_config_map)(document)
        object_name = obj["metadata"]["name"]
        given = {"resourceVersion": "1", "creationTimestamp": format_instant(created)}
        obj["metadata"] |= {"uid": f"u-{storage}-{object_name}", **given}
        self.stored[storage, object_name] = obj
        self.known.world.releases.set("prod-eu", None, Revision.read(storage, obj))

    def prune(
        self,
        name: str = "platform",
        revision: int = 1,
        *,
        heard_of: bool = True,
        stays: bool = False,
        storage: Storage = Storage.SECRET,
    ) -> None:
        """Delete a revision; one that `stays` is only no longer heard of."""
        key = storage, f"sh.helm.release.v1.{name}.v{revision}"
        obj = self.stored[key] if stays else self.stored.pop(key)
        if heard_of:
            self.known.world.releases.set("prod-eu", Revision.read(storage, obj), None)

    async def respond(self, request: web.Request) -> web.StreamResponse:
        if self.failing and request.path.endswith(self.failing):
            return await refusal(500, "InternalError")(request)
        head, _, last = request.path.rpartition("/")
        if request.method == "GET":
            items = {"licenses": self.licenses, "vendors": [self.known.stored(self.acme.vendor_manifest())]}
            for storage, plural in ((Storage.SECRET, "secrets"), (Storage.CONFIG_MAP, "configmaps")):
                if head == f"{RELEASES}/{plural}":
                    found = self.stored.get((storage, last))
                    return await refusal(404, "NotFound")(request) if found is None else web.json_response(found)
                items[plural] = [obj for (where, _), obj in self.stored.items() if where is storage]
            if head == "/api/v1/namespaces":
                named = web.json_response({"metadata": {"name": last}})
                return named if last in self.unheard else await refusal(404, "NotFound")(request)
            return await page(*items.get(last, []))(request)
        body = json.loads(self.server.bodies[-1] or b"{}")
        metadata = body["metadata"] if isinstance(body, dict) and "metadata" in body else {"name": last}
        given = {"namespace": "prod-eu", "uid": "u-inst", "resourceVersion": str(1000 + len(self.server.requests))}
        return web.json_response({"metadata": metadata | given})

    def asked(self, ending: str) -> int:
        """How often something was asked for."""
        return sum(f"{each.method} {each.path}".endswith(ending) for each in self.server.requests)

    def installed(self) -> list[str]:
        """The versions that the status says are installed, as it was last written."""
        _, status = json.loads(next(body for body in reversed(self.server.bodies) if b'"/status"' in body))
        return [chart["version"] for chart in status["value"].get("charts", ())]

    def uses(self) -> list[tuple[int, int]]:
        """Revision and time of what came in by the BreakGlass."""
        return [(use.revision, use.at) for use in self.known.world.break_glasses["platform-1"].uses]

    def reason(self) -> str:
        """The reason of the condition that tells whether what runs is licensed."""
        (condition,) = self.known.world.observed[INSTALLATIONS][KEY].conditions
        return condition.reason

    def history(self, key: tuple[str, str] = KEY) -> list[tuple[str, bool]]:
        return [(entry.version, entry.licensed) for entry in self.known.world.installations[key].history]


@pytest.fixture
def cluster(server: ScriptedServer) -> Cluster:
    return Cluster(server)


@pytest.fixture
def reconciler(api: KubeApi, cluster: Cluster) -> Reconciler:
    return Reconciler(
        api,
        cluster.known.world,
        EventRecorder(api, "licet-controller"),
        namespace="licet-system",
        inventory=True,
        workload_policies=False,
        policy_reports=False,
        exempt_users=(),
        enqueue=cluster.known.asked.append,
        set_alarm=lambda _: None,
    )


@pytest.fixture
def reconcile(reconciler):
    async def reconcile(name: str = "platform") -> float | None:
        return await reconciler.reconcile(Item(Kind.INSTALLATION, "prod-eu", name))

    return reconcile


async def test_release_with_a_protected_chart_has_an_installation(cluster, reconcile):
    cluster.release()
    await reconcile()
    assert cluster.asked("POST /apis/licet.dev/v1alpha1/namespaces/prod-eu/installations") == 1
    assert cluster.asked("PATCH /apis/licet.dev/v1alpha1/namespaces/prod-eu/installations/platform/status") == 1
    assert cluster.history() == [("1.1.0", False)]


async def test_release_without_a_protected_chart_has_none_and_is_read_once(cluster, reconcile):
    cluster.release(chart="web")
    await reconcile()
    await reconcile()
    assert len(cluster.server.requests) == 1


async def test_revision_is_read_once(cluster, reconcile):
    cluster.release()
    for _ in range(3):
        await reconcile()
    assert cluster.asked(f"GET {SECRET}.v1") == 1
    assert cluster.asked("/installations/platform/status") == 1


async def test_revision_that_was_superseded_before_anybody_looked_is_remembered(cluster, reconcile):
    cluster.release(revision=1, status="superseded")
    cluster.release(revision=2, status="superseded", version="1.1.0")
    cluster.release(revision=3)
    await reconcile()
    assert cluster.history() == [("1.1.0", False), ("1.3.0", False)]
    assert cluster.installed() == ["1.3.0"]
    for revision in (4, 5, 6):
        cluster.release(revision=revision, status="deployed" if revision == 6 else "superseded")
    await reconcile()
    await reconcile()
    assert [version for version, _ in cluster.history()] == ["1.1.0", "1.3.0", "1.4.0", "1.5.0", "1.6.0"]
    assert [cluster.asked(f"GET {SECRET}.v{revision}") for revision in range(1, 7)] == [1] * 6


async def test_revision_that_the_history_has_is_not_read_again_after_a_restart(cluster, reconcile):
    cluster.release(revision=1, status="superseded")
    cluster.release(revision=2, status="superseded")
    cluster.release(revision=3)
    await reconcile()
    cluster.known.world.subjects.clear()
    await reconcile()
    assert [cluster.asked(f"GET {SECRET}.v{revision}") for revision in (1, 2, 3)] == [1, 1, 2]


async def test_revision_that_was_read_but_could_not_be_written_down_is_not_lost(cluster, reconcile):
    cluster.release(revision=1, status="superseded")
    cluster.release(revision=2)
    cluster.failing = "/installations/platform/status"
    with pytest.raises(ApiError):
        await reconcile()
    cluster.failing = ""
    await reconcile()
    assert [version for version, _ in cluster.history()] == ["1.1.0", "1.2.0"]


async def test_protected_revision_between_others_is_remembered_if_it_came_after_the_first_look(cluster, reconcile):
    cluster.release(revision=1, status="superseded")
    cluster.release(revision=2, chart="web")
    await reconcile()
    assert cluster.asked(f"GET {SECRET}.v1") == 0, "what was superseded long ago is not read of every release"
    cluster.release(revision=3, status="superseded")
    cluster.release(revision=4, chart="web")
    await reconcile()
    assert [version for version, _ in cluster.history()] == ["1.1.0", "1.3.0"]
    assert cluster.installed() == []


async def test_no_more_than_the_newest_revisions_are_read(cluster, reconcile, monkeypatch):
    monkeypatch.setattr(bounds, "INSTALLATION_REVISIONS", 3)
    for revision in range(1, 7):
        cluster.release(revision=revision, status="deployed" if revision == 6 else "superseded")
    await reconcile()
    await reconcile()
    assert [version for version, _ in cluster.history()] == ["1.4.0", "1.5.0", "1.6.0"]


async def test_release_in_config_maps_has_an_installation_like_one_in_secrets(cluster, reconcile):
    cluster.release(storage=Storage.CONFIG_MAP)
    await reconcile()
    assert (cluster.installed(), cluster.history()) == (["1.1.0"], [("1.1.0", False)])
    cluster.prune(storage=Storage.CONFIG_MAP, stays=True)
    await reconcile()
    assert cluster.asked("DELETE /apis/licet.dev/v1alpha1/namespaces/prod-eu/installations/platform") == 0
    cluster.stored.clear()
    await reconcile()
    assert cluster.asked("DELETE /apis/licet.dev/v1alpha1/namespaces/prod-eu/installations/platform") == 1


async def test_release_in_both_storages_is_one_installation_of_all_that_runs_and_ran(cluster, reconcile):
    cluster.release(revision=1, version="1.0.0", status="superseded")
    cluster.release(revision=2, version="2.0.0")
    cluster.release(revision=1, version="3.0.0", status="superseded", storage=Storage.CONFIG_MAP)
    cluster.release(revision=2, version="4.0.0", storage=Storage.CONFIG_MAP)
    await reconcile()
    assert cluster.installed() == ["2.0.0", "4.0.0"]
    assert [version for version, _ in cluster.history()] == ["1.0.0", "3.0.0", "2.0.0", "4.0.0"]
    before = cluster.asked("/installations/platform/status")
    await reconcile()
    assert cluster.asked("/installations/platform/status") == before, "the storages do not take turns"


async def test_release_that_is_moved_to_the_other_storage_keeps_its_memory(cluster, reconcile):
    cluster.release(version="2.0.0")
    cluster.release(version="2.0.0", storage=Storage.CONFIG_MAP)
    await reconcile()
    assert cluster.installed() == ["2.0.0"]
    cluster.prune()
    await reconcile()
    assert (cluster.installed(), cluster.history()) == (["2.0.0"], [("2.0.0", False)])


async def test_what_was_read_of_pruned_revisions_is_forgotten(cluster, reconcile):
    cluster.release()
    await reconcile()
    cluster.prune()
    cluster.release(revision=2)
    await reconcile()
    assert set(cluster.known.world.subjects[KEY]) == {"u-Secret-sh.helm.release.v1.platform.v2"}


async def test_revision_that_vanishes_before_it_is_read_changes_nothing(cluster, reconcile):
    cluster.release()
    await reconcile()
    cluster.release(revision=2)
    cluster.prune(revision=2, heard_of=False)
    cluster.server.requests.clear()
    await reconcile()
    assert [each.method for each in cluster.server.requests] == ["GET"], "its own event is on the way"


async def test_license_that_was_not_heard_of_yet_is_looked_for_before_a_version_is_remembered_as_unlicensed(
    cluster, reconcile
):
    token = cluster.acme.token(exp=NOW + 100 * YEAR)
    cluster.licenses = [cluster.known.stored(cluster.acme.license_manifest("acme-prod", token))]
    cluster.release()
    await reconcile()
    assert cluster.history() == [("1.1.0", True)]


async def test_licenses_are_not_looked_for_again_once_a_version_is_remembered(cluster, reconcile):
    cluster.release()
    await reconcile()
    before = cluster.asked("/licenses")
    await reconcile()
    assert (before, cluster.asked("/licenses")) == (1, 1)


async def test_one_reading_of_the_licenses_serves_all_that_wait_for_it(cluster, reconcile):
    for number in range(10):
        cluster.release(f"release-{number}")
    await asyncio.gather(*(reconcile(f"release-{number}") for number in range(10)))
    assert len(cluster.known.world.installations) == 10
    assert cluster.asked(f"GET {VENDORS.path()}") == cluster.asked(f"GET {LICENSES.path()}") <= 3


async def test_installation_is_deleted_when_a_look_finds_no_revision(cluster, reconcile):
    cluster.release()
    await reconcile()
    cluster.prune()
    await reconcile()
    assert cluster.asked("DELETE /apis/licet.dev/v1alpha1/namespaces/prod-eu/installations/platform") == 1


async def test_installation_stays_when_a_look_finds_a_revision_that_was_not_heard_of(cluster, reconcile):
    """Helm prunes the oldest revision before it writes the next."""
    cluster.release()
    await reconcile()
    cluster.prune(stays=True)
    await reconcile()
    assert cluster.asked("DELETE /apis/licet.dev/v1alpha1/namespaces/prod-eu/installations/platform") == 0
    assert KEY in cluster.known.world.observed[INSTALLATIONS]


async def test_release_that_cannot_be_read_is_no_protected_one_and_is_told_of(cluster, reconcile, caplog):
    cluster.release()
    cluster.stored[Storage.SECRET, "sh.helm.release.v1.platform.v1"]["data"] = {"release": "Z2FyYmFnZQ=="}
    await reconcile()
    assert cluster.asked("/installations") == 0
    assert "release prod-eu/platform, revision 1, can't be read" in caplog.text


async def test_release_in_a_namespace_whose_labels_are_not_known_yet_is_waited_for(cluster, reconcile):
    cluster.release()
    cluster.known.world.set_namespace("prod-eu", None)
    await reconcile()
    assert cluster.server.requests == []


async def test_what_came_in_by_a_break_glass_is_not_licensed_and_counted(cluster, reconcile):
    cluster.known.open_break_glass()
    cluster.release(created=NOW + 60)
    await reconcile()
    assert cluster.reason() == "BreakGlass"
    assert cluster.history() == [("1.1.0", False)]
    assert cluster.uses() == [(1, NOW + 60)]
    await reconcile()
    assert cluster.uses() == [(1, NOW + 60)]


@pytest.mark.parametrize("created", [NOW - 1, NOW + 3600], ids=["before", "after"])
async def test_what_began_while_no_break_glass_was_open_did_not_come_in_by_it(cluster, reconcile, created):
    cluster.known.open_break_glass()
    cluster.release(created=created)
    await reconcile()
    assert (cluster.reason(), cluster.uses()) == ("NoLicense", [])


async def test_break_glass_that_is_heard_of_after_the_revision_counts_it(cluster, reconcile):
    cluster.release(created=NOW + 60, status="superseded")
    await reconcile()
    cluster.release(revision=2, created=NOW + 90)
    await reconcile()
    assert cluster.reason() == "NoLicense"
    cluster.known.open_break_glass()
    await reconcile()
    assert (cluster.reason(), cluster.uses()) == ("BreakGlass", [(1, NOW + 60), (2, NOW + 90)])


async def test_version_that_ran_licensed_needed_no_break_glass(cluster, reconcile):
    """Its license has ended since, as that of a version which a BreakGlass stood beside."""
    cluster.known.open_break_glass()
    entry = {"chart": "acme-platform", "version": "1.1.0", "revision": 1, "licensed": True}
    cluster.known.install(history=[entry])
    cluster.release(created=NOW + 60)
    await reconcile()
    assert (cluster.reason(), cluster.uses()) == ("NoLicense", [])


async def test_what_an_application_of_that_name_ran_licensed_counts_for_no_release(cluster, reconcile):
    cluster.known.open_break_glass()
    entry = {"chart": "acme-platform", "version": "1.1.0", "revision": 1, "licensed": True}
    cluster.known.install(history=[entry], source={"kind": "Application", "name": "platform"})
    cluster.release(created=NOW + 60)
    await reconcile()
    assert (cluster.reason(), cluster.uses()) == ("BreakGlass", [(1, NOW + 60)])
    assert cluster.history() == [("1.1.0", False)]


async def test_break_glass_for_other_charts_let_nothing_in(cluster, reconcile):
    cluster.known.open_break_glass(charts=[{"name": "other", "version": "1.0.0"}])
    cluster.release(created=NOW + 60)
    await reconcile()
    assert cluster.reason() == "NoLicense"


# -- workloads ---------------------------------------------------------------------------------------------------------

DEPLOYMENT = Ref("prod-eu", "Deployment", "web")
INSTALLATION = "/apis/licet.dev/v1alpha1/namespaces/prod-eu/installations/deployment.web"


def deploy(cluster: Cluster, *images: str, **belongs: Ref) -> None:
    world = cluster.known.world
    world.set_workload(DEPLOYMENT, None, Workload(images=frozenset(images), **belongs))
    world.sources.enlist(world.sources.of(DEPLOYMENT))


async def test_license_that_was_not_heard_of_yet_is_looked_for_before_an_image_is_called_unlicensed(cluster, reconcile):
    token = cluster.acme.token(exp=NOW + 100 * YEAR)
    cluster.licenses = [cluster.known.stored(cluster.acme.license_manifest("acme-prod", token))]
    deploy(cluster, "registry.example/acme-platform/api:1.0.0")
    await reconcile("deployment.web")
    _, status = json.loads(cluster.server.bodies[-1])
    assert [image["license"] for image in status["value"]["images"]] == ["acme-prod"]
    assert cluster.known.world.licensed["prod-eu", "deployment.web"] == {("acme", "acme-platform"): True}


async def test_what_stays_unlicensed_is_written_once_and_the_licenses_are_read_once(cluster, reconcile):
    deploy(cluster, "registry.example/acme-platform/api:1.0.0")
    for _ in range(3):
        await reconcile("deployment.web")
    assert cluster.asked(f"PATCH {INSTALLATION}/status") == 1
    assert cluster.asked(f"GET {LICENSES.path()}") == 1


async def test_charts_that_an_application_ran_licensed_are_remembered_after_its_license(cluster, reconcile):
    world, tracked = cluster.known.world, Ref("prod-eu", "Application", "web")

    async def run(version: str) -> None:
        labels = (("helm.sh/chart", f"acme-platform-{version}"),)
        world.set_workload(DEPLOYMENT, None, Workload(labels=frozenset({labels}), application=tracked))
        world.sources.enlist(tracked)
        await reconcile("application.web")

    token = cluster.acme.token(charts=[{"name": "acme-platform", "versions": "1.x"}], exp=NOW + 100 * YEAR)
    cluster.licenses = [cluster.known.stored(cluster.acme.license_manifest("acme-prod", token))]
    await run("2.0.0")
    await run("1.0.0")
    cluster.known.forget(LICENSES, cluster.licenses.pop())
    cluster.known.assess()
    await run("1.1.0")
    await run("1.0.0")
    expected = [("2.0.0", False), ("1.0.0", True), ("1.1.0", False)]
    assert cluster.history(("prod-eu", "application.web")) == expected


async def test_workloads_that_could_not_be_listed_are_not_taken_to_be_gone(cluster, reconcile):
    cluster.known.install("deployment.web", source={"kind": "Deployment", "name": "web"})
    cluster.known.world.workloads_listed = lambda: False
    assert await reconcile("deployment.web") is not None, "it is looked at again"
    assert cluster.server.requests == []
    cluster.known.world.workloads_listed = lambda: True
    assert await reconcile("deployment.web") is None
    assert cluster.asked(f"DELETE {INSTALLATION}") == 1


async def test_workload_of_a_release_that_is_recorded_elsewhere_is_handed_over(cluster, reconcile):
    deploy(cluster, "registry.example/acme-platform/api:1.0.0", release=Ref("prod-us", "Release", "platform"))
    cluster.release(chart="web", namespace="prod-us")
    await reconcile()
    assert Item(Kind.INSTALLATION, "prod-eu", "deployment.web") in cluster.known.asked_for()
    _, status = json.loads(cluster.server.bodies[-1])
    assert [image["tag"] for image in status["value"]["images"]] == ["1.0.0"]


async def test_release_is_not_judged_before_the_labels_of_a_new_namespace_that_it_installs_to_are_known(
    cluster, reconcile
):
    selector = {"selector": {"matchLabels": {"team": "pay"}}}
    token = cluster.acme.token(grants=[{"product": "acme-platform"}])
    cluster.known.namespaces("prod-eu", team="pay")
    cluster.known.license("acme-prod", token, allowedNamespaces=selector)
    cluster.known.assess()
    cluster.release(namespace="prod-us")
    cluster.unheard.add("prod-us")
    await reconcile()
    assert cluster.asked("/installations") == 0
    cluster.known.namespaces("prod-us", team="pay")
    await reconcile()
    assert cluster.history() == [("1.1.0", True)]


async def test_release_that_installs_to_a_namespace_that_is_gone_or_can_be_none_is_judged(cluster, reconcile):
    cluster.release(namespace="prod-us")
    cluster.release("other", namespace="no/namespace")
    for name in ("platform", "other"):
        await reconcile(name)
        assert cluster.history(("prod-eu", name)) == [("1.1.0", False)]


async def test_source_is_told_in_full_and_by_flux_as_flux_knows_it(cluster, reconcile):
    tracked = Ref("prod-eu", "Application", "argocd_shop")
    deploy(cluster, "registry.example/acme-platform/api:1.0.0", application=tracked)
    [(_, name)] = [cluster.known.world.sources.installation(tracked)]
    await reconcile(name)
    source = cluster.known.world.installations["prod-eu", name].source
    assert source == Source(kind="Application", name="shop", namespace="argocd")
    flux = Ref("flux", "HelmRelease", "shop")
    deploy(cluster, release=Ref("prod-eu", "Release", "platform"), helm_release=flux)
    cluster.release()
    await reconcile()
    source = cluster.known.world.installations[KEY].source
    assert source == Source(kind="HelmRelease", name="shop", namespace="flux")


async def test_workload_that_is_back_while_its_installation_is_deleted_gets_a_new_one(reconciler, cluster):
    """As when a Vendor is replaced: the inventory lists what it claims before the deletion is answered."""
    known, world = cluster.known, cluster.known.world
    pod, key = Ref("prod-eu", "Pod", "web"), ("prod-eu", "pod.web")
    world.set_workload(pod, None, Workload(images=frozenset({"registry.example/acme-platform/api:1.0.0"})))
    assert world.sources.enlist(pod) == key
    await reconciler.reconcile(Item(Kind.INSTALLATION, *key))
    known.forget(VENDORS, known.stored(cluster.acme.vendor_manifest()))

    async def respond(request: web.Request) -> web.StreamResponse:
        if request.method == "DELETE":
            known.take(VENDORS, cluster.acme.vendor_manifest())
            await reconciler.reconcile(Item(Kind.INVENTORY))
        return await cluster.respond(request)

    cluster.server.answers.clear()
    cluster.server.will(respond)
    await reconciler.reconcile(Item(Kind.INSTALLATION, *key))
    known.forget(INSTALLATIONS, {"metadata": {"namespace": "prod-eu", "name": "pod.web", "uid": "u-inst"}})
    await reconciler.reconcile(Item(Kind.INSTALLATION, *key))
    assert cluster.asked("POST /apis/licet.dev/v1alpha1/namespaces/prod-eu/installations") == 2
