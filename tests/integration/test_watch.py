"""An Informer and a real API server: what it knows is what is there, through everything that may come between."""

import asyncio
import base64
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress

import pytest

from controlplane import Cluster, ControlPlane
from licet.cluster.api import KubeApi
from licet.cluster.resource import CONFIG_MAPS, SECRETS
from licet.cluster.watch import Informer

RELEASE_TYPE = "helm.sh/release.v1"


@pytest.fixture
async def api(control_plane: Cluster) -> AsyncIterator[KubeApi]:
    async with KubeApi.connect(control_plane.kubeconfig, user_agent="licet-tests/0") as connected:
        yield connected


@pytest.fixture(scope="module")
def own_plane() -> Iterator[ControlPlane]:
    """A control plane whose API server may be killed without harm to other tests."""
    with ControlPlane() as plane:
        yield plane


@pytest.fixture
async def own_api(own_plane: ControlPlane) -> AsyncIterator[KubeApi]:
    async with KubeApi.connect(own_plane.kubeconfig, user_agent="licet-tests/0") as connected:
        yield connected


@asynccontextmanager
async def running(informer: Informer) -> AsyncIterator[None]:
    task = asyncio.create_task(informer.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], object], seconds: float = 15) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what it waits for is in another process's hands
            await asyncio.sleep(0.01)


def of_config_maps(api: KubeApi, namespace: str = "default", **options) -> Informer[str]:
    """Knows the ConfigMaps that tests make, by the value of their key `a`."""
    return Informer(api, CONFIG_MAPS, lambda obj: (obj.get("data") or {}).get("a"), namespace=namespace, **options)


async def make(api: KubeApi, name: str, value: str = "1", namespace: str = "default") -> None:
    await api.create(CONFIG_MAPS.path(namespace), {"metadata": {"name": name}, "data": {"a": value}})


async def test_every_change_arrives_in_order(api, namespace):
    changes = []
    informer = of_config_maps(api, namespace, on_change=lambda key, old, new: changes.append((key, old, new)))
    await make(api, "before", namespace=namespace)
    key = (namespace, "it")
    async with running(informer):
        await informer.synced.wait()
        await make(api, "it", "1", namespace)
        await api.patch(CONFIG_MAPS.path(*key), {"data": {"a": "2"}})
        await api.patch(CONFIG_MAPS.path(*key), {"data": {"unseen": "3"}})
        await api.delete(CONFIG_MAPS.path(*key))
        await until(lambda: len(changes) == 4)
    assert changes == [((namespace, "before"), None, "1"), (key, None, "1"), (key, "1", "2"), (key, "2", None)]


async def test_releases_are_watched_by_type_without_their_payload(api, namespace):
    def secret(name: str, kind: str) -> dict:
        labels = {"owner": "helm", "status": "deployed"}
        return {"metadata": {"name": name, "labels": labels}, "type": kind, "stringData": {"release": "payload"}}

    seen = []

    def keep(obj: dict) -> str:
        seen.append(obj)
        return obj["metadata"]["labels"]["status"]

    informer = Informer(
        api, SECRETS, keep, namespace=namespace, field_selector=f"type={RELEASE_TYPE}", metadata_only=True
    )
    first, second = "sh.helm.release.v1.web.v1", "sh.helm.release.v1.web.v2"
    await api.create(SECRETS.path(namespace), secret(first, RELEASE_TYPE))
    await api.create(SECRETS.path(namespace), secret("other", "Opaque"))
    async with running(informer):
        await informer.synced.wait()
        await api.create(SECRETS.path(namespace), secret(second, RELEASE_TYPE))
        await api.patch(SECRETS.path(namespace, first), {"metadata": {"labels": {"status": "superseded"}}})
        await until(lambda: informer.store == {(namespace, first): "superseded", (namespace, second): "deployed"})
        await api.delete(SECRETS.path(namespace, first))
        await until(lambda: len(informer.store) == 1)
    assert all("data" not in obj for obj in seen)


async def test_object_as_large_as_they_come_is_watched(api, namespace):
    payload = base64.b64encode(secrets.token_bytes(760_000)).decode()
    informer = Informer(api, SECRETS, lambda obj: (obj.get("data") or {}).get("release"), namespace=namespace)
    async with running(informer):
        await informer.synced.wait()
        for name in ("one", "two"):
            await api.create(SECRETS.path(namespace), {"metadata": {"name": name}, "stringData": {"release": payload}})
        await until(lambda: len(informer.store) == 2)
    encoded = base64.b64encode(payload.encode()).decode()
    assert set(informer.store.values()) == {encoded}
    assert len(encoded) > 1_300_000


async def test_missing_permission_is_reported_and_its_grant_taken_up(api, control_plane, namespace, tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="licet")
    group = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    await api.create(f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": "watcher"}})
    path = control_plane.service_account_kubeconfig(namespace, "watcher", tmp_path / "kubeconfig")
    async with KubeApi.connect(path, user_agent="licet-tests/0") as watcher:
        informer = of_config_maps(watcher, namespace)
        async with running(informer):
            await until(lambda: "cannot list resource" in (informer.problem(time.monotonic()) or ""))
            rule = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list", "watch"]}
            await api.create(f"{group}/roles", {"metadata": {"name": "watcher"}, "rules": [rule]})
            subject = {"kind": "ServiceAccount", "name": "watcher", "namespace": namespace}
            reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "watcher"}
            binding = {"metadata": {"name": "watcher"}, "subjects": [subject], "roleRef": reference}
            await api.create(f"{group}/rolebindings", binding)
            await until(lambda: informer.problem(time.monotonic()) is None)
            await until(lambda: len(caplog.records) == 2)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


async def test_watch_goes_on_after_the_api_server_was_killed(own_plane, own_api, caplog):
    caplog.set_level(logging.INFO, logger="licet")
    informer = of_config_maps(own_api)
    async with running(informer):
        await informer.synced.wait()
        await make(own_api, "before-the-crash")
        await until(lambda: ("default", "before-the-crash") in informer.store)
        await asyncio.to_thread(own_plane.kill_api_server)
        await until(lambda: caplog.records)
        await asyncio.to_thread(own_plane.start_api_server)
        await make(own_api, "after-the-crash")
        await until(lambda: ("default", "after-the-crash") in informer.store)
        await until(lambda: any("is back" in record.getMessage() for record in caplog.records))
        assert ("default", "before-the-crash") in informer.store
    assert len(caplog.records) <= 6, [record.getMessage() for record in caplog.records]


async def test_object_that_vanished_while_history_was_lost_is_known_to_be_gone(own_plane, own_api, caplog):
    caplog.set_level(logging.INFO, logger="licet")
    changes = []
    informer = of_config_maps(own_api, on_change=lambda key, old, new: changes.append((key[1], old, new)))
    await make(own_api, "vanishes")
    await make(own_api, "changes")
    await make(own_api, "stays")
    async with running(informer):
        await informer.synced.wait()
    changes.clear()

    await own_api.delete(CONFIG_MAPS.path("default", "vanishes"))
    await own_api.patch(CONFIG_MAPS.path("default", "changes"), {"data": {"a": "2"}})
    await make(own_api, "appears")
    await asyncio.to_thread(own_plane.kill_api_server)
    await asyncio.to_thread(own_plane.start_api_server)  # its watch cache knows nothing of what was before

    async with running(informer):
        await until(lambda: len(changes) == 3)
    assert sorted(changes) == [("appears", None, "1"), ("changes", "1", "2"), ("vanishes", "1", None)]
    assert [record.getMessage() for record in caplog.records] == [
        "watch of configmaps fell behind the API server's history; listing anew"
    ]
