"""A lean client of the Kubernetes API: plain JSON objects in and out.

Objects are dictionaries, not generated models, because those cost several times the CPU of the request itself.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from os import PathLike
from typing import Any, Final, TypeAlias, TypeVar

import msgspec
from aiohttp import hdrs

from licet.cluster.connection import Connection
from licet.cluster.errors import ApiError
from licet.cluster.transport import Transport
from licet.core.errors import UNREADABLE

JsonObject: TypeAlias = dict[str, Any]  # as the API server sends it; whoever reads a member says what type it has

_JSON: Final = "application/json"
_METADATA: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
_METADATA_LIST: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_WATCH_LEEWAY_SECONDS: Final = 5  # the API server ends a watch on time; when it is this late, nobody is there

T = TypeVar("T")


class Patch(StrEnum):
    """The kinds of patch that the API server takes, by content type."""

    JSON = "application/json-patch+json"
    MERGE = "application/merge-patch+json"
    APPLY = "application/apply-patch+yaml"


@dataclass(frozen=True, slots=True)
class Page:
    """Some objects of a list; the pages of one list share its resourceVersion."""

    items: Iterator[JsonObject]
    """Each is decoded when it is its turn, since all together would take several times the memory of the answer."""
    resource_version: str


@dataclass(frozen=True, slots=True)
class Listing:
    """All objects of a list, and its resourceVersion."""

    items: list[JsonObject]
    resource_version: str


class KubeApi:
    """The Kubernetes API server. Paths come from `licet.cluster.resource.Resource`.

    Every method raises `ApiError` for a request that is refused or gets no answer, and `ClusterConfigError` where
    credentials cannot be read.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @classmethod
    @asynccontextmanager
    async def connect(
        cls, kubeconfig: str | PathLike[str] | None = None, context: str | None = None, *, user_agent: str
    ) -> AsyncIterator["KubeApi"]:
        """A client for the cluster that `licet.cluster.connection` finds; no request is made yet.

        What stands before the slash of `user_agent` is the field manager of what it writes. Raises
        `ClusterConfigError`.
        """
        connection = await Connection.open(kubeconfig, context)
        async with Transport.open(connection, user_agent=user_agent) as transport:
            yield cls(transport)

    @property
    def server(self) -> str:
        """The URL of the API server."""
        return self._transport.server

    @property
    def clock_skew(self) -> float | None:
        """Seconds by which the API server's clock was ahead at its last answer, give or take one; None before one."""
        return self._transport.clock_skew

    async def get(self, path: str, *, metadata_only: bool = False) -> JsonObject:
        """One object; with `metadata_only` nothing but its metadata (PartialObjectMetadata)."""
        answer = await self._transport.request(hdrs.METH_GET, path, accept=_METADATA if metadata_only else _JSON)
        return _read(_OBJECT, answer, path)

    async def pages(
        self,
        path: str,
        *,
        label_selector: str = "",
        field_selector: str = "",
        metadata_only: bool = False,
        page_size: int = 500,
    ) -> AsyncIterator[Page]:
        """The objects below `path` as they are now, in pages, so that a large list is never whole in memory.

        Raises `ApiError` with `is_gone` where the listing took so long that its snapshot is compacted away.
        """
        params = _selection(label_selector, field_selector) | {"limit": str(page_size)}
        accept = _METADATA_LIST if metadata_only else _JSON
        while True:
            answer = await self._transport.request(hdrs.METH_GET, path, params=params, accept=accept)
            page = _read(_LIST, answer, path)
            items = (_read(_OBJECT, item, path) for item in page.items or ())
            yield Page(items, page.metadata.resource_version)
            if not page.metadata.next_page:
                return
            params["continue"] = page.metadata.next_page

    async def list(
        self, path: str, *, label_selector: str = "", field_selector: str = "", metadata_only: bool = False
    ) -> Listing:
        """All objects below `path` as they are now, at once."""
        items: list[JsonObject] = []
        version = ""
        async for page in self.pages(
            path, label_selector=label_selector, field_selector=field_selector, metadata_only=metadata_only
        ):
            items += page.items
            version = page.resource_version
        return Listing(items, version)

    async def create(self, path: str, obj: JsonObject) -> JsonObject:
        """Create an object in the collection, or ask the subresource, at `path`; gives what the server made of it."""
        return await self._write(hdrs.METH_POST, path, obj)

    async def replace(self, path: str, obj: JsonObject) -> JsonObject:
        """Replace the object, or its subresource, at `path`; its `metadata.resourceVersion` makes it conditional."""
        return await self._write(hdrs.METH_PUT, path, obj)

    async def patch(
        self,
        path: str,
        patch: JsonObject | Sequence[JsonObject],
        kind: Patch = Patch.MERGE,
        *,
        field_manager: str = "",
        force: bool = False,
    ) -> JsonObject:
        """Patch the object, or its subresource, at `path`; `Patch.APPLY` needs a `field_manager`."""
        params = {"fieldManager": field_manager} if field_manager else {}
        if force:
            params["force"] = "true"
        return await self._write(hdrs.METH_PATCH, path, patch, params=params, content_type=kind)

    async def delete(self, path: str, *, uid: str = "", resource_version: str = "") -> None:
        """Delete the object at `path`; given `uid` or `resource_version`, only while it has them (`is_conflict`)."""
        preconditions = {"uid": uid} if uid else {}
        if resource_version:
            preconditions["resourceVersion"] = resource_version
        body = msgspec.json.encode({"preconditions": preconditions}) if preconditions else b""
        await self._transport.request(hdrs.METH_DELETE, path, accept=_JSON, body=body)

    async def remove(self, path: str, *, uid: str) -> None:
        """See to it that the object with this UID is not at `path` any more; it may have been gone before."""
        try:
            await self.delete(path, uid=uid)
        except ApiError as error:
            if not (error.is_not_found or error.is_conflict):
                raise

    def watch(
        self,
        path: str,
        *,
        resource_version: str,
        timeout_seconds: int,
        label_selector: str = "",
        field_selector: str = "",
        metadata_only: bool = False,
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """The changes below `path` since `resource_version`, as lines of JSON, bookmarks included.

        The server ends the stream after `timeout_seconds`; silence for longer than that is taken for a lost
        connection, and raises `ApiError` (`is_unreachable`).
        """
        params = _selection(label_selector, field_selector) | {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(timeout_seconds),
        }
        return self._transport.stream(
            path,
            accept=_METADATA if metadata_only else _JSON,
            params=params,
            silence_seconds=timeout_seconds + _WATCH_LEEWAY_SECONDS,
        )

    async def _write(
        self,
        method: str,
        path: str,
        content: JsonObject | Sequence[JsonObject],
        *,
        params: dict[str, str] | None = None,
        content_type: str = _JSON,
    ) -> JsonObject:
        answer = await self._transport.request(
            method,
            path,
            accept=_JSON,
            params=params,
            body=msgspec.json.encode(content),  # of an apply patch too: JSON is YAML
            content_type=content_type,
        )
        return _read(_OBJECT, answer, path)


class _ListMeta(msgspec.Struct):
    resource_version: str = msgspec.field(name="resourceVersion", default="")
    next_page: str = msgspec.field(name="continue", default="")


class _List(msgspec.Struct):
    metadata: _ListMeta
    items: list[msgspec.Raw] | None


_OBJECT: Final = msgspec.json.Decoder(JsonObject)
_LIST: Final = msgspec.json.Decoder(_List)


def _read(decoder: "msgspec.json.Decoder[T]", answer: bytes | msgspec.Raw, path: str) -> T:
    try:
        return decoder.decode(answer)
    except UNREADABLE as error:
        raise ApiError(
            path, status=0, reason="NotKubernetes", message=f"the answer is no Kubernetes object: {error}"
        ) from error


def _selection(label_selector: str, field_selector: str) -> dict[str, str]:
    params = {"labelSelector": label_selector} if label_selector else {}
    if field_selector:
        params["fieldSelector"] = field_selector
    return params
