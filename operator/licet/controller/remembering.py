"""The operator's own state in the cluster: what must not be forgotten, and what must not get lost.

The ConfigMap `licet-memory` holds the marks and highest sequences, the Secret `licet-tokens` the verified tokens of the
Licenses that refer to Secrets. Only the controller writes them; the gate reads both.
"""

import logging
from base64 import b64encode
from typing import Final

from licet.cluster.api import JsonObject, KubeApi
from licet.cluster.errors import ApiError
from licet.cluster.records import KeptToken
from licet.cluster.resource import CONFIG_MAPS, SECRETS, Resource
from licet.cluster.state import MEMORY_KEY, MEMORY_NAME, TOKENS_NAME, secret_data
from licet.controller.world import World
from licet.core.errors import MemoryFormatError
from licet.core.memory import Memory

MARK_SECONDS: Final = 3600  # how far the clock may run ahead of the marks before they are written for its sake alone
_CLOCK_SKEW_SECONDS: Final = 5 * 60

_LABELS: Final = {"app.kubernetes.io/name": "licet", "app.kubernetes.io/part-of": "licet"}
_logger: Final = logging.getLogger(__name__)


class Remembering:
    """Loads and saves the operator's state in its own namespace."""

    def __init__(self, api: KubeApi, world: World, namespace: str) -> None:
        self._api = api
        self._world = world
        self._namespace = namespace
        self._memory_text: str | None = None  # as the API server has it
        self._tokens: dict[str, bytes] | None = None
        self._tokens_version: str | None = None

    async def load(self) -> None:
        """Read what earlier runs remembered; raises `ApiError` where it can't be read, since it must not be guessed."""
        await self.load_memory()
        await self._load_tokens()
        loaded = {name: KeptToken.load(raw) for name, raw in (self._tokens or {}).items()}
        self._world.ledger.kept = {name: kept for name, kept in loaded.items() if kept is not None}

    async def load_memory(self) -> bool:
        """Take over the memory as it is in the cluster; tells whether that is news."""
        config_map = await self._read(CONFIG_MAPS, MEMORY_NAME)
        text = None if config_map is None else (config_map.get("data") or {}).get(MEMORY_KEY)
        if text == self._memory_text:
            return False
        self._memory_text = text
        if text is None:
            return True  # deleted: what is in memory is written again
        try:
            self._world.memory = Memory.load(text)
        except MemoryFormatError as error:
            _logger.error("ConfigMap %s/%s: %s; it is written anew", self._namespace, MEMORY_NAME, error)  # noqa: TRY400
        return True

    async def save_memory(self, *, now: int) -> None:
        """Write the marks and sequences if they changed, raised to the clock where it can be trusted."""
        memory = self._world.memory.advanced_to(now) if self._clock_is_right() else self._world.memory
        newest = max(memory.marks.values(), default=0)
        if self._memory_text is not None and self._differs_by_clock_only(newest):
            return
        text = memory.dump()
        if text == self._memory_text or (self._memory_text is None and memory == Memory()):
            return
        await self._write(CONFIG_MAPS, MEMORY_NAME, {"data": {MEMORY_KEY: text}})
        self._memory_text = text
        self._world.memory = memory

    async def keep_tokens(self) -> None:
        """Keep the verified tokens of the Licenses that refer to Secrets, and those whose Secret is out of reach."""
        self._world.ledger.kept = kept = self._world.ledger.tokens_to_keep()
        tokens = {name: each.dump() for name, each in sorted(kept.items())}
        if self._tokens is None:
            await self._load_tokens()
        if tokens == (self._tokens or {}):
            return
        data = {name: b64encode(raw).decode() for name, raw in tokens.items()}
        written = await self._write(SECRETS, TOKENS_NAME, {"type": "Opaque", "data": data})
        self._tokens_version = written["metadata"]["resourceVersion"]
        self._tokens = tokens

    def is_foreign(self, resource_version: str | None) -> bool:
        """Tell whether the kept tokens may have been changed by somebody else, and have them looked at again then."""
        if resource_version == self._tokens_version:
            return False
        self._tokens = None
        return True

    def _clock_is_right(self) -> bool:
        skew = self._api.clock_skew
        return skew is not None and abs(skew) <= _CLOCK_SKEW_SECONDS

    def _differs_by_clock_only(self, newest: int) -> bool:
        try:
            written = Memory.load(self._memory_text or "")
        except MemoryFormatError:
            return False
        current = self._world.memory
        return (
            written.highest == current.highest
            and written.marks.keys() == current.marks.keys()
            and all(written.marks[issuer] >= mark for issuer, mark in current.marks.items())
            and newest - max(written.marks.values(), default=0) < MARK_SECONDS
        )

    async def _load_tokens(self) -> None:
        secret = await self._read(SECRETS, TOKENS_NAME)
        self._tokens = None if secret is None else secret_data(secret)
        self._tokens_version = None if secret is None else secret["metadata"]["resourceVersion"]

    async def _read(self, resource: Resource, name: str) -> JsonObject | None:
        try:
            return await self._api.get(resource.path(self._namespace, name))
        except ApiError as error:
            if error.is_not_found:
                return None
            raise

    async def _write(self, resource: Resource, name: str, content: JsonObject) -> JsonObject:
        body = {"metadata": {"name": name, "namespace": self._namespace, "labels": dict(_LABELS)}, **content}
        try:
            return await self._api.replace(resource.path(self._namespace, name), body)
        except ApiError as error:
            if not error.is_not_found:
                raise
        return await self._api.create(resource.path(self._namespace), body)
