import pytest

from licet.cluster.releases import list_revisions, read_payload
from licet.core.release import Storage
from scripted_server import answer, page
from support.admission import release_config_map, release_secret
from support.helm_releases import encode_release, release_document

DOCUMENT = release_document()


async def test_revisions_of_a_release_are_listed_from_every_storage_by_their_metadata_alone(server, api):
    server.will(page({"n": 1}), page({"n": 2}, {"n": 3}))
    assert await list_revisions(api, "prod-eu", "web") == [
        (Storage.SECRET, {"n": 1}),
        (Storage.CONFIG_MAP, {"n": 2}),
        (Storage.CONFIG_MAP, {"n": 3}),
    ]
    assert [request.path.rpartition("/")[2] for request in server.requests] == ["secrets", "configmaps"]
    assert all(request.query["labelSelector"] == "owner=helm,name=web" for request in server.requests)
    assert [request.query.get("fieldSelector") for request in server.requests] == ["type=helm.sh/release.v1", None]
    assert all("PartialObjectMetadataList" in request.headers["Accept"] for request in server.requests)


@pytest.mark.parametrize(
    ("storage", "obj"),
    [(Storage.SECRET, release_secret(DOCUMENT)), (Storage.CONFIG_MAP, release_config_map(DOCUMENT))],
)
async def test_payload_of_a_release_is_the_same_whichever_storage_it_is_in(server, api, storage, obj):
    server.will(answer(obj))
    assert await read_payload(api, storage, "prod-eu", "sh.helm.release.v1.web.v1") == encode_release(DOCUMENT)


@pytest.mark.parametrize("storage", Storage)
@pytest.mark.parametrize("data", [None, {}, {"other": "eA=="}])
async def test_object_without_a_release_has_an_empty_payload(server, api, storage, data):
    server.will(answer({"data": data}))
    assert await read_payload(api, storage, "prod-eu", "any") == b""
