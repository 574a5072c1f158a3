"""The objects in which Helm keeps releases, as the API server serves them: which to ask for, and what they hold."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from licet.cluster.api import JsonObject, KubeApi
from licet.cluster.resource import CONFIG_MAPS, SECRETS, Resource
from licet.cluster.state import secret_data
from licet.core.release import RELEASE_TYPE, Storage


@dataclass(frozen=True, slots=True)
class ReleaseObjects:
    """The objects of one storage, and how to ask for no others."""

    resource: Resource
    field_selector: str = ""
    label_selector: str = ""


RELEASE_OBJECTS: Final[Mapping[Storage, ReleaseObjects]] = {
    Storage.SECRET: ReleaseObjects(SECRETS, field_selector=f"type={RELEASE_TYPE}"),
    Storage.CONFIG_MAP: ReleaseObjects(CONFIG_MAPS, label_selector="owner=helm"),
}


async def list_revisions(api: KubeApi, namespace: str, release: str) -> list[tuple[Storage, JsonObject]]:
    """List the metadata of all objects that hold a revision of a release; raises `ApiError`."""
    return [
        (storage, obj)
        for storage, objects in RELEASE_OBJECTS.items()
        for obj in (
            await api.list(
                objects.resource.path(namespace),
                label_selector=f"owner=helm,name={release}",
                field_selector=objects.field_selector,
                metadata_only=True,
            )
        ).items
    ]


async def read_payload(api: KubeApi, storage: Storage, namespace: str, name: str) -> bytes:
    """Read the payload of one such object, for `decode_release`; empty where it has none. Raises `ApiError`."""
    obj = await api.get(RELEASE_OBJECTS[storage].resource.path(namespace, name))
    if storage is Storage.SECRET:
        return secret_data(obj).get("release", b"")
    text: str = (obj.get("data") or {}).get("release", "")
    return text.encode()
