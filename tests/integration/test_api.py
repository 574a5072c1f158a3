"""The client and a real API server understand each other, in particular where one of them refuses."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from controlplane import Cluster
from licet.cluster import connection
from licet.cluster.api import KubeApi, Patch
from licet.cluster.errors import ApiError
from licet.cluster.resource import CONFIG_MAPS, NAMESPACES, SECRETS, Resource

SELF_REVIEWS = Resource("authentication.k8s.io", "v1", "selfsubjectreviews", namespaced=False)
SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts", namespaced=True)


@pytest.fixture
async def api(control_plane: Cluster) -> AsyncIterator[KubeApi]:
    async with KubeApi.connect(control_plane.kubeconfig, user_agent="licet-tests/0") as connected:
        yield connected


def config_map(name: str, **data: str) -> dict:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


async def test_object_is_created_read_patched_replaced_and_deleted(api, namespace):
    path = CONFIG_MAPS.path(namespace, "it")
    created = await api.create(CONFIG_MAPS.path(namespace), config_map("it", a="1"))
    assert created["metadata"]["managedFields"][0]["manager"] == "licet-tests"

    await api.patch(path, {"data": {"b": "2"}})
    await api.patch(path, [{"op": "remove", "path": "/data/a"}], Patch.JSON)
    applied = config_map("it", c="3")
    await api.patch(path, applied, Patch.APPLY, field_manager="licet")
    read = await api.get(path)
    assert read["data"] == {"b": "2", "c": "3"}

    replaced = await api.replace(path, read | {"data": {"d": "4"}})
    assert replaced["data"] == {"d": "4"}

    await api.delete(path, uid=replaced["metadata"]["uid"])
    with pytest.raises(ApiError) as caught:
        await api.get(path)
    assert caught.value.is_not_found


async def test_list_gathers_all_pages(api, namespace):
    names = {f"page-{number:02}" for number in range(12)}
    for name in names:
        await api.create(CONFIG_MAPS.path(namespace), config_map(name))
    pages = api.pages(CONFIG_MAPS.path(namespace), page_size=5)
    found = [(page.resource_version, [item["metadata"]["name"] for item in page.items]) async for page in pages]
    assert [len(listed) for _, listed in found][:2] == [5, 5]
    assert len({version for version, _ in found}) == 1
    assert {name for _, listed in found for name in listed} >= names


async def test_metadata_alone_comes_without_what_is_secret(api, namespace):
    secret = {"metadata": {"name": "it"}, "stringData": {"password": "hunter2"}}
    await api.create(SECRETS.path(namespace), secret)
    one = await api.get(SECRETS.path(namespace, "it"), metadata_only=True)
    (listed,) = (await api.list(SECRETS.path(namespace), field_selector="metadata.name=it", metadata_only=True)).items
    assert one["kind"] == "PartialObjectMetadata"
    assert listed["metadata"]["uid"] == one["metadata"]["uid"]
    assert {"data", "type"}.isdisjoint(one | listed)


async def test_name_that_is_taken_is_told_from_a_conflict(api, namespace):
    created = await api.create(CONFIG_MAPS.path(namespace), config_map("it"))
    with pytest.raises(ApiError) as taken:
        await api.create(CONFIG_MAPS.path(namespace), config_map("it"))
    assert taken.value.is_already_exists

    await api.patch(CONFIG_MAPS.path(namespace, "it"), {"data": {"a": "1"}})
    with pytest.raises(ApiError) as stale:
        await api.replace(CONFIG_MAPS.path(namespace, "it"), created)
    assert stale.value.is_conflict


async def test_deletion_spares_another_object_of_the_same_name(api, namespace):
    await api.create(CONFIG_MAPS.path(namespace), config_map("it"))
    with pytest.raises(ApiError) as caught:
        await api.delete(CONFIG_MAPS.path(namespace, "it"), uid="7f1f1c1e-0000-4000-8000-000000000000")
    assert caught.value.is_conflict
    assert await api.get(CONFIG_MAPS.path(namespace, "it"))


async def test_object_that_is_not_valid_is_refused_with_the_field(api, namespace):
    with pytest.raises(ApiError, match=r"metadata\.name") as caught:
        await api.create(CONFIG_MAPS.path(namespace), config_map("Not_A_Name"))
    assert caught.value.is_invalid


async def test_namespace_that_is_being_deleted_is_recognised(api, namespace):
    held = config_map("held")
    held["metadata"]["finalizers"] = ["licet.dev/test"]
    await api.create(CONFIG_MAPS.path(namespace), held)
    await api.delete(NAMESPACES.path(name=namespace))
    with pytest.raises(ApiError) as caught:
        await api.create(CONFIG_MAPS.path(namespace), config_map("late"))
    assert caught.value.is_namespace_terminating
    await api.patch(CONFIG_MAPS.path(namespace, "held"), {"metadata": {"finalizers": None}})


async def test_clock_of_the_same_machine_agrees(api):
    await api.get(NAMESPACES.path(name="default"))
    assert abs(api.clock_skew) < 3


async def test_24_writers_at_once_all_come_through(api, namespace):
    async def write(worker: int) -> None:
        for number in range(20):
            name = f"c-{worker}-{number}"
            await api.create(CONFIG_MAPS.path(namespace), config_map(name))
            await api.patch(CONFIG_MAPS.path(namespace, name), {"data": {"a": "1"}})

    async with asyncio.TaskGroup() as group:
        for worker in range(24):
            group.create_task(write(worker))
    written = [
        item
        for item in (await api.list(CONFIG_MAPS.path(namespace))).items
        if item["metadata"]["name"].startswith("c-")
    ]
    assert len(written) == 480
    assert all(item["data"] == {"a": "1"} for item in written)


async def test_forbidden_request_says_who_may_not_do_what(api, control_plane, namespace, tmp_path):
    await api.create(SERVICE_ACCOUNTS.path(namespace), {"metadata": {"name": "nobody"}})
    path = control_plane.service_account_kubeconfig(namespace, "nobody", tmp_path / "kubeconfig")
    async with KubeApi.connect(path, user_agent="licet-tests/0") as nobody:
        with pytest.raises(ApiError) as caught:
            await nobody.create(SECRETS.path(namespace), {"metadata": {"name": "it"}})
    assert caught.value.is_forbidden
    assert f'"system:serviceaccount:{namespace}:nobody" cannot create resource "secrets"' in str(caught.value)


async def test_renewed_token_is_taken_up(api, control_plane, namespace, tmp_path, monkeypatch):
    monkeypatch.setattr(connection, "_RELOAD_PAUSE_SECONDS", 0.0)
    await api.create(SERVICE_ACCOUNTS.path(namespace), {"metadata": {"name": "me"}})
    path = tmp_path / "kubeconfig"
    control_plane.service_account_kubeconfig(namespace, "me", path)
    alter(path, path, user={"token": "no-longer-valid"})
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    async with KubeApi.connect(path, user_agent="licet-tests/0") as me:
        with pytest.raises(ApiError) as caught:
            await me.create(SELF_REVIEWS.path(), review)
        assert caught.value.is_unauthorized
        control_plane.service_account_kubeconfig(namespace, "me", path)
        answer = await me.create(SELF_REVIEWS.path(), review)
    assert answer["status"]["userInfo"]["username"] == f"system:serviceaccount:{namespace}:me"


async def test_server_that_another_authority_vouches_for_is_not_trusted(control_plane, tmp_path):
    path = alter(control_plane.kubeconfig, tmp_path / "kubeconfig", cluster={"certificate-authority-data": None})
    async with KubeApi.connect(path, user_agent="licet-tests/0") as api:
        with pytest.raises(ApiError, match="certificate verify failed") as caught:
            await api.get(NAMESPACES.path(name="default"))
    assert caught.value.is_unreachable


def alter(source: Path, target: Path, *, cluster: dict | None = None, user: dict | None = None) -> Path:
    """Write a kubeconfig with other members of its cluster or user; None takes one away."""
    document = json.loads(source.read_text())
    for entry, changes in ((document["clusters"][0]["cluster"], cluster), (document["users"][0]["user"], user)):
        entry |= changes or {}
        for member in [name for name, value in entry.items() if value is None]:
            del entry[member]
    target.write_text(json.dumps(document))
    return target
