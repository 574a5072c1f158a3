"""The operator's own state in the cluster: what must not be forgotten, and what must not get lost.

The ConfigMap `licet-memory` holds the marks and highest sequences, the Secret `licet-tokens` the verified tokens of the
Licenses that refer to Secrets. Only the controller writes them; the gate reads both. What somebody else makes of the
memory (`licet clock reset`) is adopted; what somebody else makes of the tokens is undone.

Each is read before it is written, and written only if nobody else has done so in between (`ApiError.is_conflict`).
"""

import logging
from base64 import b64encode
from collections.abc import Mapping
from typing import Final

from licet.cluster.api import JsonObject, KubeApi
from licet.cluster.errors import ApiError
from licet.cluster.resource import CONFIG_MAPS, SECRETS, Resource
from licet.cluster.state import MEMORY_KEY, MEMORY_NAME, TOKENS_NAME, read_kept_tokens, secret_data
from licet.controller.world import World
from licet.core.errors import MemoryFormatError
from licet.core.memory import Memory

MARK_SECONDS: Final = 3600  # how far the clock may run ahead of the marks before they are written for its sake alone

_CLOCK_SKEW_SECONDS: Final = 5 * 60
_SECRET_BYTES: Final = 1024 * 1024  # what the API server takes as data of a Secret
_LABELS: Final = {"app.kubernetes.io/name": "licet", "app.kubernetes.io/part-of": "licet"}
_logger: Final = logging.getLogger(__name__)


class Remembering:
    """Loads and saves the operator's state in its own namespace; every method raises `ApiError`."""

    def __init__(self, api: KubeApi, world: World, namespace: str) -> None:
        self._api = api
        self._world = world
        self._namespace = namespace
        self._text: str | None = None  # of the memory, as the API server has it
        self._version = ""

    async def load(self) -> None:
        """Read what earlier runs remembered."""
        await self.load_memory()
        secret = await self._read(SECRETS, TOKENS_NAME)
        self._world.ledger.kept = {} if secret is None else read_kept_tokens(secret)

    async def load_memory(self) -> bool:
        """Adopt the memory as it is in the cluster; tells whether it has been changed since the last time."""
        config_map = await self._read(CONFIG_MAPS, MEMORY_NAME)
        text = None if config_map is None else (config_map.get("data") or {}).get(MEMORY_KEY)
        self._version = "" if config_map is None else config_map["metadata"]["resourceVersion"]
        if text == self._text:
            return False
        self._text = text
        if text is not None:  # else it was deleted, and what is known is written again
            try:
                self._world.memory = Memory.load(text)
            except MemoryFormatError as error:
                _logger.error("ConfigMap %s/%s is written anew: %s", self._namespace, MEMORY_NAME, error)  # noqa: TRY400
        return True

    async def save_memory(self, *, now: int) -> None:
        """Write the marks and sequences, once loaded, if they have changed; marks are raised to a clock that is right.

        The clock alone is worth a write when it is an hour ahead of what is written.
        """
        memory = self._world.memory.advanced_to(now) if self._clock_is_right() else self._world.memory
        if self._is_written(memory):
            return
        text = memory.dump()
        self._world.memory = memory  # before anything is awaited: it may change while it is written
        self._version = await self._write(CONFIG_MAPS, MEMORY_NAME, self._version, {"data": {MEMORY_KEY: text}})
        self._text = text

    async def keep_tokens(self) -> None:
        """Keep the verified tokens of the Licenses that refer to Secrets, and those whose Secret is out of reach."""
        secret = await self._read(SECRETS, TOKENS_NAME)
        tokens = _fitting({name: kept.dump() for name, kept in sorted(self._world.ledger.kept.items())})
        if tokens == (secret_data(secret) if secret is not None else {}):
            return
        data = {name: b64encode(raw).decode() for name, raw in tokens.items()}
        version = "" if secret is None else secret["metadata"]["resourceVersion"]
        await self._write(SECRETS, TOKENS_NAME, version, {"type": "Opaque", "data": data})

    def _clock_is_right(self) -> bool:
        skew = self._api.clock_skew
        return skew is not None and abs(skew) <= _CLOCK_SKEW_SECONDS

    def _is_written(self, memory: Memory) -> bool:
        """Tell whether what is in the cluster says the same, but for less than an hour that has passed since."""
        if self._text is None:
            return memory == Memory()
        try:
            written = Memory.load(self._text)
        except MemoryFormatError:
            return False
        known = self._world.memory
        return (
            written.highest == known.highest
            and written.marks.keys() == known.marks.keys()
            and all(known.marks[issuer] <= mark for issuer, mark in written.marks.items())
            and all(memory.marks[issuer] < mark + MARK_SECONDS for issuer, mark in written.marks.items())
        )

    async def _read(self, resource: Resource, name: str) -> JsonObject | None:
        try:
            return await self._api.get(resource.path(self._namespace, name))
        except ApiError as error:
            if error.is_not_found:
                return None
            raise

    async def _write(self, resource: Resource, name: str, version: str, content: JsonObject) -> str:
        """Replace the object of this resourceVersion, or create it where that is empty; gives the new one."""
        metadata = {"name": name, "namespace": self._namespace, "labels": dict(_LABELS)}
        if version:
            body = {"metadata": {**metadata, "resourceVersion": version}, **content}
            written = await self._api.replace(resource.path(self._namespace, name), body)
        else:
            written = await self._api.create(resource.path(self._namespace), {"metadata": metadata, **content})
        new_version: str = written["metadata"]["resourceVersion"]
        return new_version


def _fitting(tokens: Mapping[str, bytes]) -> dict[str, bytes]:
    """Take the tokens, smaller ones first, that one Secret can hold."""
    fitting: dict[str, bytes] = {}
    size = 0
    for name, raw in sorted(tokens.items(), key=lambda token: (len(token[1]), token[0])):
        size += len(raw)
        if size > _SECRET_BYTES:
            _logger.error("the tokens of %d Licenses are not kept: Secrets are too small", len(tokens) - len(fitting))
            break
        fitting[name] = raw
    return fitting
