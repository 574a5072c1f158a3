"""A de-duplicating work queue: what is to be reconciled, each item once however often it was asked for.

An item that is asked for while it is being worked on is worked on again afterwards, never at the same time. One that
fails is tried again, with growing pauses, until it succeeds; so whoever enqueues need not care about failures.
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import prometheus_client

from licet.cluster.errors import ApiError
from licet.core.errors import LicetError

WORKERS: Final = 20  # the API server is the limit well before that many writes are in flight

_PAUSE_SECONDS: Final = 0.2  # after a first failure; doubled with each further one
_PAUSE_SECONDS_MAX: Final = 60.0

_DEPTH: Final = prometheus_client.Gauge("licet_queue_depth", "Items that wait to be reconciled.")
_SECONDS: Final = prometheus_client.Histogram(
    "licet_reconcile_seconds",
    "How long reconciling one item took, by kind and result (success, error).",
    ["kind", "result"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
_logger: Final = logging.getLogger(__name__)


class Kind(StrEnum):
    """What an item is about."""

    ASSESSMENT = "assessment"  # of all Licenses together
    TOKEN = "token"  # noqa: S105 - a Secret that Licenses refer to, by its name
    VENDOR = "vendor"
    LICENSE = "license"
    ENTITLEMENT = "entitlement"
    INSTALLATION = "installation"
    MEMORY = "memory"
    KEPT_TOKENS = "kept-tokens"
    CERTIFICATE = "certificate"


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to reconcile; namespace and name are empty where there is only one of its kind."""

    kind: Kind
    namespace: str = ""
    name: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.kind, "/".join(filter(None, (self.namespace, self.name))))))


class WorkQueue:
    """Runs `reconcile` for the items that were added; it gives the seconds after which to look again, or None."""

    def __init__(self, reconcile: Callable[[Item], Awaitable[float | None]], *, workers: int = WORKERS) -> None:
        self._reconcile = reconcile
        self._workers = workers
        self._waiting: deque[Item] = deque()
        self._known: set[Item] = set()  # waiting, or to be worked on again
        self._working: set[Item] = set()
        self._failures: dict[Item, int] = {}
        self._timers: dict[Item, asyncio.TimerHandle] = {}
        self._available = asyncio.Semaphore(0)

    def add(self, item: Item, *, first: bool = False) -> None:
        """Have an item reconciled soon, before all that wait if it is to be `first`."""
        if (timer := self._timers.pop(item, None)) is not None:
            timer.cancel()
        if item in self._known:
            return
        self._known.add(item)
        if item not in self._working:
            self._enqueue(item, first=first)

    def add_later(self, item: Item, seconds: float) -> None:
        """Have an item reconciled in some seconds, unless it is before; the earliest of several requests holds."""
        loop = asyncio.get_running_loop()
        timer = self._timers.get(item)
        if timer is not None and timer.when() <= loop.time() + seconds:
            return
        if timer is not None:
            timer.cancel()
        self._timers[item] = loop.call_later(seconds, self.add, item)

    def __len__(self) -> int:
        return len(self._known) + len(self._working)

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            async with asyncio.TaskGroup() as workers:
                for _ in range(self._workers):
                    workers.create_task(self._work())
        finally:
            for timer in self._timers.values():
                timer.cancel()

    def _enqueue(self, item: Item, *, first: bool) -> None:
        if first:
            self._waiting.appendleft(item)
        else:
            self._waiting.append(item)
        _DEPTH.set(len(self._waiting))
        self._available.release()

    async def _work(self) -> None:
        while True:
            await self._available.acquire()
            item = self._waiting.popleft()
            self._known.discard(item)
            self._working.add(item)
            try:
                await self._attempt(item)
            finally:
                self._working.discard(item)
            if item in self._known:
                self._enqueue(item, first=False)

    async def _attempt(self, item: Item) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        result = "error"
        try:
            look_again = await self._reconcile(item)
            result = "success"
        except LicetError as error:
            self._failed(item, error)
        except Exception:
            _logger.exception("reconciling %s failed; it will be tried again", item)
            self._failed(item, None)
        else:
            if self._failures.pop(item, 0):
                _logger.info("reconciling %s succeeded again", item)
            if look_again is not None:
                self.add_later(item, look_again)
        finally:
            _SECONDS.labels(item.kind, result).observe(loop.time() - started)

    def _failed(self, item: Item, error: LicetError | None) -> None:
        failures = self._failures.get(item, 0)
        self._failures[item] = failures + 1
        pause = min(_PAUSE_SECONDS * 2.0 ** min(failures, 10), _PAUSE_SECONDS_MAX)
        if isinstance(error, ApiError) and error.is_conflict and not failures:
            pause = 0.05  # somebody else wrote first; what they wrote is on its way here
        elif error is not None:
            _logger.warning("reconciling %s failed, trying again in %.1f s: %s", item, pause, error)
        self.add_later(item, pause * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, not a secret
