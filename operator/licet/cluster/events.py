"""Kubernetes Events about what licet did, and why: written in the background, never in the way.

They are core/v1 Events with a count and a last timestamp, the form that `kubectl describe`, `kubectl get events` and
`--sort-by=.lastTimestamp` all show in full. What repeats raises the count of the Event that is there; what repeats too
often, for one object and reason, is left out. An Event that cannot be written is logged and lost: conditions, logs and
metrics say the same.
"""

import asyncio
import logging
import socket
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

import prometheus_client

from licet.cluster.api import JsonObject, KubeApi
from licet.cluster.errors import ApiError
from licet.cluster.redact import redact
from licet.cluster.resource import EVENTS
from licet.core.errors import LicetError

MESSAGE_BYTES: Final = 1024  # the API server's bound for the note of an Event
_NAMESPACE_OF_CLUSTER_SCOPED: Final = "default"  # where the API server wants Events about cluster-scoped objects
_QUEUE: Final = 1000
_REMEMBERED: Final = 4096
_BURST: Final = 10
_REFILL_SECONDS: Final = 60.0
_COMPLAINT_SECONDS: Final = 60.0

_EVENTS: Final = prometheus_client.Counter(
    "licet_events",
    "Kubernetes Events by what became of them: written, limited (repeated too often), dropped (queue full), failed.",
    ["result"],
)
_logger: Final = logging.getLogger(__name__)


class EventType(StrEnum):
    """The two types that Kubernetes knows."""

    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass(frozen=True, slots=True)
class Regarding:
    """The object that an Event is about; `namespace` is empty for a cluster-scoped one."""

    api_version: str
    kind: str
    name: str
    namespace: str = ""
    uid: str = ""


@dataclass(frozen=True, slots=True)
class _Happening:
    """What makes two Events one and the same, but for the time."""

    regarding: Regarding
    type: EventType
    reason: str
    message: str


@dataclass(slots=True)
class _Written:
    """An Event as it stands in the cluster."""

    path: str
    count: int


class EventRecorder:
    """Takes Events at once and writes them in order from `run`; `component` is the reporting controller's name."""

    def __init__(self, api: KubeApi, component: str, *, clock: Callable[[], float] = time.time) -> None:
        self._api = api
        self._component = component
        self._instance = socket.gethostname()
        self._clock = clock
        self._queue: asyncio.Queue[tuple[_Happening, float]] = asyncio.Queue(_QUEUE)
        self._limits = RateLimits(burst=_BURST, refill_seconds=_REFILL_SECONDS, size=_REMEMBERED)
        self._written: OrderedDict[_Happening, _Written] = OrderedDict()
        self._failing = ""
        self._dropped = 0
        self._complained_at = 0.0

    def emit(
        self, regarding: Regarding, reason: str, message: str, *, event_type: EventType = EventType.NORMAL
    ) -> None:
        """Have an Event written soon; `reason` is one word in CamelCase, `message` is cut to 1,024 bytes."""
        now = self._clock()
        if not self._limits.admit((regarding, reason), now):
            _EVENTS.labels("limited").inc()
            return
        try:
            self._queue.put_nowait((_Happening(regarding, event_type, reason, _fit(redact(message))), now))
        except asyncio.QueueFull:
            self._drop(now)

    async def run(self) -> None:
        """Write what was emitted, until cancelled."""
        while True:
            happening, at = await self._queue.get()
            try:
                await self._write(happening, at)
            except LicetError as error:
                self._fail(error)
            else:
                _EVENTS.labels("written").inc()
                self._failing = ""
            finally:
                self._queue.task_done()

    async def flush(self) -> None:
        """Wait until all that was emitted is written; `run` has to be running."""
        await self._queue.join()

    async def _write(self, happening: _Happening, at: float) -> None:
        written = self._written.get(happening)
        if written is not None:
            try:
                await self._api.patch(written.path, {"count": written.count + 1, "lastTimestamp": _rfc3339(at)})
            except ApiError as error:
                if not error.is_not_found:  # it lived for the API server's --event-ttl, an hour
                    raise
            else:
                written.count += 1
                self._written.move_to_end(happening)
                return
        event = self._event(happening, at)
        namespace, name = event["metadata"]["namespace"], event["metadata"]["name"]
        await self._api.create(EVENTS.path(namespace), event)
        self._written[happening] = _Written(EVENTS.path(namespace, name), 1)
        self._written.move_to_end(happening)
        if len(self._written) > _REMEMBERED:
            self._written.popitem(last=False)

    def _event(self, happening: _Happening, at: float) -> JsonObject:
        regarding = happening.regarding
        involved = {
            "apiVersion": regarding.api_version,
            "kind": regarding.kind,
            "name": regarding.name,
            "namespace": regarding.namespace,
            "uid": regarding.uid,
        }
        suffix = f".{time.time_ns():x}"  # as client-go names Events
        return {
            "metadata": {
                "namespace": regarding.namespace or _NAMESPACE_OF_CLUSTER_SCOPED,
                "name": regarding.name[: 253 - len(suffix)].rstrip(".-") + suffix,
            },
            "involvedObject": {member: value for member, value in involved.items() if value},
            "type": happening.type,
            "reason": happening.reason,
            "message": happening.message,
            "firstTimestamp": _rfc3339(at),
            "lastTimestamp": _rfc3339(at),
            "count": 1,
            "source": {"component": self._component},
            "reportingComponent": self._component,
            "reportingInstance": self._instance,
        }

    def _fail(self, error: LicetError) -> None:
        _EVENTS.labels("failed").inc()
        kind = error.reason if isinstance(error, ApiError) else type(error).__name__
        if kind != self._failing:  # said once, not for each Event that meets the same fate
            _logger.warning("an event could not be written: %s", error)
        self._failing = kind

    def _drop(self, now: float) -> None:
        _EVENTS.labels("dropped").inc()
        self._dropped += 1
        if now >= self._complained_at + _COMPLAINT_SECONDS:
            _logger.warning("%d events were dropped: %d wait to be written already", self._dropped, _QUEUE)
            self._dropped = 0
            self._complained_at = now


class RateLimits:
    """A token bucket for each key: `burst` at once, then one each `refill_seconds`; the `size` latest are kept."""

    def __init__(self, *, burst: int, refill_seconds: float, size: int) -> None:
        self._burst = burst
        self._refill_seconds = refill_seconds
        self._size = size
        self._buckets: OrderedDict[object, tuple[float, float]] = OrderedDict()  # tokens, and when they were counted

    def admit(self, key: object, now: float) -> bool:
        """Take one token of this key's bucket at `now`, in seconds; false where there is none."""
        tokens, counted_at = self._buckets.pop(key, (float(self._burst), now))
        tokens = min(float(self._burst), tokens + max(0.0, now - counted_at) / self._refill_seconds)
        admitted = tokens >= 1
        self._buckets[key] = (tokens - 1 if admitted else tokens, now)
        if len(self._buckets) > self._size:
            self._buckets.popitem(last=False)
        return admitted


def _fit(message: str) -> str:
    encoded = message.encode()
    if len(encoded) <= MESSAGE_BYTES:
        return message
    return encoded[: MESSAGE_BYTES - 3].decode(errors="ignore") + "…"


def _rfc3339(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
