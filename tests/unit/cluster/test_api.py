import json

import pytest

from licet.cluster.api import KubeApi, Patch
from licet.cluster.connection import ClusterConfigError
from licet.cluster.errors import ApiError
from scripted_server import answer, page, refusal, stream, write_kubeconfig


async def test_list_follows_the_pages_to_the_end(server, api):
    server.will(page({"n": 1}, {"n": 2}, next_page="more&more"), page({"n": 3}))
    listed = await api.list("/x", label_selector="a in (b, c)", field_selector="type=helm.sh/release.v1")
    assert ([item["n"] for item in listed.items], listed.resource_version) == ([1, 2, 3], "10")
    first, second = (dict(request.query) for request in server.requests)
    assert first == {"labelSelector": "a in (b, c)", "fieldSelector": "type=helm.sh/release.v1", "limit": "500"}
    assert second == first | {"continue": "more&more"}


async def test_objects_of_a_page_are_decoded_one_by_one(server, api):
    server.will(page({"n": 1}, "no object"))
    async for listed in api.pages("/x"):
        assert next(listed.items) == {"n": 1}
        with pytest.raises(ApiError, match="no Kubernetes object"):
            next(listed.items)


async def test_list_without_items_is_empty(server, api):
    server.will(answer({"metadata": {"resourceVersion": "7"}, "items": None}))
    assert (await api.list("/x")).items == []


async def test_metadata_alone_is_asked_for_by_content_negotiation(server, api):
    server.will(answer({}), page(), stream())
    await api.get("/x", metadata_only=True)
    await api.list("/x", metadata_only=True)
    async with api.watch("/x", resource_version="1", timeout_seconds=1, metadata_only=True):
        pass
    kinds = [request.headers["Accept"].split(";")[1] for request in server.requests]
    assert kinds == ["as=PartialObjectMetadata", "as=PartialObjectMetadataList", "as=PartialObjectMetadata"]


@pytest.mark.parametrize(
    ("conditions", "body"),
    [
        ({}, b""),
        ({"uid": "u"}, b'{"preconditions":{"uid":"u"}}'),
        ({"uid": "u", "resource_version": "7"}, b'{"preconditions":{"uid":"u","resourceVersion":"7"}}'),
    ],
)
async def test_delete_is_bound_to_what_the_caller_saw(server, api, conditions, body):
    server.will(answer({}))
    await api.delete("/x", **conditions)
    assert (server.requests[0].method, server.bodies[0]) == ("DELETE", body)


async def test_patch_is_sent_as_what_it_is(server, api):
    server.will(answer({}))
    await api.patch("/x", {"a": None})
    await api.patch("/x", [{"op": "remove", "path": "/a"}], Patch.JSON)
    await api.patch("/x", {"a": 1}, Patch.APPLY, field_manager="licet", force=True)
    assert [request.headers["Content-Type"] for request in server.requests] == [
        "application/merge-patch+json",
        "application/json-patch+json",
        "application/apply-patch+yaml",
    ]
    assert dict(server.requests[2].query) == {"fieldManager": "licet", "force": "true"}
    assert [json.loads(body) for body in server.bodies] == [{"a": None}, [{"op": "remove", "path": "/a"}], {"a": 1}]


async def test_user_agent_says_who_writes(server, api):
    server.will(answer({}))
    await api.create("/x", {})
    assert server.requests[0].headers["User-Agent"] == "tests/0"


@pytest.mark.parametrize("body", ["text", ["a"], None])
async def test_answer_that_is_no_object_is_an_error_of_the_api(server, api, body):
    server.will(answer(body))
    with pytest.raises(ApiError, match="no Kubernetes object"):
        await api.get("/x")


async def test_watch_gives_lines_however_long_and_however_cut(server, api):
    long = {"data": "x" * 1_500_000}
    server.will(stream({"n": 1}, long, {"n": 2}))
    async with api.watch("/x", resource_version="7", timeout_seconds=1) as lines:
        read = [json.loads(line) async for line in lines]
    assert read == [{"n": 1}, long, {"n": 2}]
    query = {"watch": "true", "allowWatchBookmarks": "true", "resourceVersion": "7", "timeoutSeconds": "1"}
    assert dict(server.requests[0].query) == query


async def test_watch_that_is_refused_raises_what_the_server_says(server, api):
    server.will(refusal(403, "Forbidden"))
    with pytest.raises(ApiError) as caught:
        async with api.watch("/x", resource_version="7", timeout_seconds=1):
            pass
    assert caught.value.is_forbidden


async def test_error_of_who_reads_a_watch_stays_what_it_is(server, api):
    async def read() -> None:
        async with api.watch("/x", resource_version="7", timeout_seconds=1) as lines:
            async for _ in lines:
                raise OSError("mine")

    server.will(stream({"n": 1}))
    with pytest.raises(OSError, match="mine"):
        await read()


@pytest.mark.parametrize("server", ["https://127.0.0.1:99999", "https://[::1:1", "https://..", f"https://{'a' * 64}.b"])
async def test_address_that_can_be_none_is_the_kubeconfigs_fault(server, tmp_path):
    config = write_kubeconfig(tmp_path / "kubeconfig", cluster={"server": server}, user={})
    with pytest.raises(ClusterConfigError):
        async with KubeApi.connect(config, user_agent="tests/0") as unreachable:
            await unreachable.get("/x")
