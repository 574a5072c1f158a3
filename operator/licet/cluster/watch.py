"""Informer: a local, live projection of the objects of one resource, by list and watch.

- It lists once, then watches from the list's resourceVersion; bookmarks keep that version young, so that a lost watch
  is taken up where it ended.
- Where the API server no longer has that history (410), it lists again and compares: what vanished meanwhile is
  reported as gone.
- A watch is asked for in spells of less than a minute. The API server ends each on time, with a bookmark just before,
  so a live watch is never silent for longer, and one that is cut without a word is known for dead within the
  `LIVE_SECONDS` after which readiness is given up. TCP keepalive finds most of them sooner.
- Only what `keep` makes of an object stays in memory.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping
from typing import Final, Generic, TypeAlias, TypeVar

import msgspec

from licet.cluster.api import JsonObject, KubeApi
from licet.cluster.errors import ApiError, error_from_answer
from licet.cluster.resource import Resource
from licet.core.errors import UNREADABLE, LicetError

LIVE_SECONDS: Final = 60.0
_SPELL_SECONDS: Final = (35, 45)  # drawn for each watch, so that many of them do not return in step
_PAUSE_SECONDS: Final = 0.2  # after a first failure; doubled with each further one
_PAUSE_SECONDS_MAX: Final = 3.0  # so that an API server that comes back is watched again within seconds

Key: TypeAlias = tuple[str, str]  # namespace (empty for cluster-scoped objects) and name
T = TypeVar("T")

_logger: Final = logging.getLogger(__name__)


class Informer(Generic[T]):
    """Keeps `store` equal to what `keep` makes of the objects that the API server has, from when `synced` is set.

    `settled` is set then as well, or when the API server says that it has no such kind, or that listing it is not
    allowed: then waiting for it would be in vain for now.

    `keep` gives what is worth remembering of an object, or None for one that is to be ignored; should it raise, the
    object's last projection stays. Objects from a list have no `kind` and `apiVersion`. `on_change` is called in order,
    on the event loop, with the key and the projections before and after (None: not there), whenever these differ. An
    object that was deleted and made again while nobody watched shows as one change.
    """

    def __init__(
        self,
        api: KubeApi,
        resource: Resource,
        keep: Callable[[JsonObject], T | None],
        on_change: Callable[[Key, T | None, T | None], None] | None = None,
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        metadata_only: bool = False,
    ) -> None:
        self.resource = resource
        self.synced = asyncio.Event()
        self.settled = asyncio.Event()
        self.last_contact: float | None = None  # monotonic instant at which list or watch last gave a sign of life
        self._api = api
        self._path = resource.path(namespace)
        self._keep = keep
        self._on_change = on_change
        self._label_selector = label_selector
        self._field_selector = field_selector
        self._metadata_only = metadata_only
        self._store: dict[Key, T] = {}
        self._resource_version = ""  # empty: to be listed
        self._failures = 0
        self._trouble: str | None = None
        self._trouble_kind = ""
        self._trouble_since = 0.0

    @property
    def store(self) -> Mapping[Key, T]:
        """The projections as of now; a live view, not to be kept over an await."""
        return self._store

    def problem(self, now: float) -> str | None:
        """Why the store cannot be relied on at the monotonic instant `now`, for readiness; None when it can."""
        if self.last_contact is not None and self.synced.is_set() and now - self.last_contact <= LIVE_SECONDS:
            return None
        state = (
            "not listed yet"
            if self.last_contact is None or not self.synced.is_set()
            else f"no live watch for {now - self.last_contact:.0f} s"
        )
        return f"{self.resource}: {state}{f' ({self._trouble})' if self._trouble else ''}"

    async def run(self) -> None:
        """List and watch until cancelled; failures are logged, once each, and survived."""
        while True:
            try:
                if not self._resource_version:
                    await self._list()
                await self._watch()
            except LicetError as error:
                await asyncio.sleep(self._failed(error))

    async def _list(self) -> None:
        seen: set[Key] = set()
        version = ""
        async for page in self._api.pages(
            self._path,
            label_selector=self._label_selector,
            field_selector=self._field_selector,
            metadata_only=self._metadata_only,
        ):
            self.last_contact = time.monotonic()
            seen.update(self._put(obj) for obj in page.items)
            version = page.resource_version
        for key in self._store.keys() - seen:
            self._set(key, None)
        self._resource_version = version
        self.synced.set()
        self.settled.set()

    async def _watch(self) -> None:
        begun_at = time.monotonic()
        heard = False
        async with self._api.watch(
            self._path,
            resource_version=self._resource_version,
            timeout_seconds=random.randint(*_SPELL_SECONDS),  # noqa: S311 - jitter, not a secret
            label_selector=self._label_selector,
            field_selector=self._field_selector,
            metadata_only=self._metadata_only,
        ) as lines:
            self._is_live()
            async for line in lines:
                self._take(_read(line))
                self._is_live()
                self._failures = 0
                heard = True
        if not heard and time.monotonic() - begun_at < 1:
            raise ApiError(f"WATCH {self._path}", status=0, reason="Closed", message="the watch was ended at once")
        self._is_live()
        self._failures = 0

    def _take(self, change: "_Change") -> None:
        if change.type == "ERROR":
            raise error_from_answer(f"WATCH {self._path}", 0, "Error", msgspec.json.encode(change.object))
        if change.type == "DELETED":
            self._set(_key(change.object), None)
        elif change.type != "BOOKMARK":
            self._put(change.object)
        self._resource_version = change.object["metadata"]["resourceVersion"]

    def _put(self, obj: JsonObject) -> Key:
        key = _key(obj)
        try:
            kept = self._keep(obj)
        except Exception:
            _logger.exception("%s %s cannot be read; what was known of it stays", self.resource, "/".join(key))
        else:
            self._set(key, kept)
        return key

    def _set(self, key: Key, new: T | None) -> None:
        old = self._store.get(key)
        if new == old:
            return
        if new is None:
            del self._store[key]
        else:
            self._store[key] = new
        if self._on_change is not None:
            try:
                self._on_change(key, old, new)
            except Exception:
                _logger.exception("a change of %s %s was not acted on", self.resource, "/".join(key))

    def _is_live(self) -> None:
        self.last_contact = time.monotonic()
        if self._trouble is not None:
            _logger.info("watch of %s is back after %.0f s", self.resource, self.last_contact - self._trouble_since)
            self._trouble = None

    def _failed(self, error: LicetError) -> float:
        """Note a failure; gives the seconds to wait before the next try."""
        if isinstance(error, ApiError) and error.is_gone:
            self._resource_version = ""
            _logger.info("watch of %s fell behind the API server's history; listing anew", self.resource)
        else:
            kind = error.reason if isinstance(error, ApiError) else type(error).__name__
            if self._trouble is None:
                self._trouble_since = time.monotonic()
            if self._trouble is None or kind != self._trouble_kind:
                _logger.warning("watch of %s failed, trying again: %s", self.resource, error)
            self._trouble, self._trouble_kind = str(error), kind
            if isinstance(error, ApiError) and (error.is_forbidden or error.is_not_found):
                self.settled.set()
        pause = min(_PAUSE_SECONDS * 2.0 ** min(self._failures, 10), _PAUSE_SECONDS_MAX)
        self._failures += 1
        return pause * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret


class _Change(msgspec.Struct):
    """`metav1.WatchEvent`."""

    type: str
    object: JsonObject


_CHANGE: Final = msgspec.json.Decoder(_Change)


def _read(line: bytes) -> _Change:
    try:
        return _CHANGE.decode(line)
    except UNREADABLE as error:
        raise ApiError("WATCH", status=0, reason="NotKubernetes", message=f"no watch event: {error}") from error


def _key(obj: JsonObject) -> Key:
    metadata = obj["metadata"]
    return metadata.get("namespace", ""), metadata["name"]
