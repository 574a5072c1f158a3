"""A de-duplicating work queue: what is to be reconciled, each item once however often it was asked for.

- An item that is asked for while it is being worked on is worked on again afterwards, never at the same time.
- One that fails is tried again, with growing pauses, until it succeeds: whoever enqueues need not care about failures.
- While the API server does not answer at all, everything waits together, and goes on as soon as it answers again.
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import prometheus_client

from licet.cluster.errors import ApiError
from licet.core.errors import LicetError

WORKERS: Final = 20  # the API server is the limit well before that many writes are in flight

_PAUSE_SECONDS: Final = 0.2  # after a first failure; doubled with each further one
_PAUSE_SECONDS_MAX: Final = 30.0
_CONFLICT_PAUSE_SECONDS: Final = 0.05  # somebody else wrote first; what they wrote is on its way here
_OUTAGE_PAUSE_SECONDS: Final = 1.0  # between a worker's attempts to reach an API server that does not answer

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
    INVENTORY = "inventory"  # of all workloads: which of them need a license
    BREAK_GLASS = "break-glass"
    WORKLOAD_POLICY = "workload-policy"
    REPORT = "report"  # of a namespace
    MEMORY = "memory"
    KEPT_TOKENS = "kept-tokens"
    CERTIFICATE = "certificate"
    COMPARISON = "comparison"  # of what is known of one of licet's kinds, by its plural, with a list


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to reconcile; namespace and name are empty where there is only one of its kind."""

    kind: Kind
    namespace: str = ""
    name: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.kind, "/".join(filter(None, (self.namespace, self.name))))))


class WorkQueue:
    """Runs `reconcile` for the items that were added; it gives the seconds after which to look again, or None.

    Items of the kinds in `first` are taken before all others: what the others are derived from.
    """

    def __init__(
        self,
        reconcile: Callable[[Item], Awaitable[float | None]],
        *,
        first: Collection[Kind] = (),
        workers: int = WORKERS,
    ) -> None:
        self._reconcile = reconcile
        self._first = frozenset(first)
        self._workers = workers
        self._urgent: deque[Item] = deque()
        self._ordinary: deque[Item] = deque()
        self._known: set[Item] = set()  # waiting, or to be worked on again
        self._working: set[Item] = set()
        self._failures: dict[Item, int] = {}
        self._timers: dict[Item, asyncio.TimerHandle] = {}
        self._available = asyncio.Semaphore(0)
        self._unanswered: set[Item] = set()  # met an API server that does not answer
        self._answering = asyncio.Event()
        self._answering.set()
        self._idle = asyncio.Event()
        self._idle.set()

    def add(self, item: Item) -> None:
        """Have an item reconciled as soon as a worker is free."""
        self._cancel_timer(item)
        if item in self._known:
            return
        self._known.add(item)
        self._idle.clear()
        if item not in self._working:
            self._enqueue(item)

    def add_later(self, item: Item, seconds: float) -> None:
        """Have an item reconciled in some seconds, unless it is before; the earliest of several requests holds."""
        loop = asyncio.get_running_loop()
        timer = self._timers.get(item)
        if timer is not None:
            if timer.when() <= loop.time() + seconds:
                return
            timer.cancel()
        self._timers[item] = loop.call_later(seconds, self.add, item)

    def add_after(self, item: Item, seconds: float) -> None:
        """Have an item reconciled once this has not been called for it for some seconds."""
        self._cancel_timer(item)
        self.add_later(item, seconds)

    async def idle(self) -> None:
        """Wait until there is nothing to do; what is to be done later does not count."""
        await self._idle.wait()

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            async with asyncio.TaskGroup() as workers:
                for _ in range(self._workers):
                    workers.create_task(self._work())
        finally:
            for timer in self._timers.values():
                timer.cancel()

    def _cancel_timer(self, item: Item) -> None:
        if (timer := self._timers.pop(item, None)) is not None:
            timer.cancel()

    def _enqueue(self, item: Item) -> None:
        (self._urgent if item.kind in self._first else self._ordinary).append(item)
        _DEPTH.set(len(self._urgent) + len(self._ordinary))
        self._available.release()

    async def _work(self) -> None:
        while True:
            await self._available.acquire()
            item = (self._urgent or self._ordinary).popleft()
            _DEPTH.set(len(self._urgent) + len(self._ordinary))
            self._known.discard(item)
            self._working.add(item)
            try:
                await self._attempt(item)
            finally:
                self._working.discard(item)
            if item in self._known:
                self._enqueue(item)
            if not self._known and not self._working:
                self._idle.set()
            if not self._answering.is_set():
                with suppress(TimeoutError):
                    async with asyncio.timeout(_OUTAGE_PAUSE_SECONDS):
                        await self._answering.wait()

    async def _attempt(self, item: Item) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        result = "error"
        try:
            look_again = await self._reconcile(item)
            result = "success"
        except LicetError as error:
            if isinstance(error, ApiError) and error.is_unreachable:
                self._met_outage(item, error)
            else:
                self._outlasted_outage(item)
                self._failed(item, error)
        except Exception:
            _logger.exception("reconciling %s failed", item)
            self._failed(item, None)
        else:
            self._outlasted_outage(item)
            if self._failures.pop(item, 0):
                _logger.info("reconciling %s succeeded again", item)
            if look_again is not None:
                self.add_later(item, look_again)
        finally:
            _SECONDS.labels(item.kind, result).observe(loop.time() - started)

    def _met_outage(self, item: Item, error: ApiError) -> None:
        if self._answering.is_set():
            _logger.warning("the API server does not answer; reconciling waits for it: %s", error)
            self._answering.clear()
        self._unanswered.add(item)
        self.add(item)

    def _outlasted_outage(self, item: Item) -> None:
        """Go on, if this item is one that got no answer before; others may need none."""
        if item not in self._unanswered:
            return
        self._unanswered.discard(item)
        if not self._answering.is_set():
            _logger.info("the API server answers again")
            self._answering.set()

    def _failed(self, item: Item, error: LicetError | None) -> None:
        failures = self._failures.get(item, 0)
        self._failures[item] = failures + 1
        pause = min(_PAUSE_SECONDS * 2.0 ** min(failures, 10), _PAUSE_SECONDS_MAX)
        if isinstance(error, ApiError) and error.is_conflict and not failures:
            pause = _CONFLICT_PAUSE_SECONDS
        elif error is not None:
            _logger.warning("reconciling %s failed, trying again in %.1f s: %s", item, pause, error)
        self.add_later(item, pause * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, not a secret
