"""Waking up at the instant at which time alone changes something, without asking every second."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

_NAP_SECONDS: Final = 30.0  # the wall clock may be set meanwhile, which no sleep notices


class Alarm:
    """Calls `ring` soon after the instant that was set, in epoch seconds; another setting replaces it."""

    def __init__(self, ring: Callable[[], None], *, clock: Callable[[], float] = time.time) -> None:
        self._ring = ring
        self._clock = clock
        self._instant: int | None = None
        self._changed = asyncio.Event()

    def set(self, instant: int | None) -> None:
        """Ring at this instant; None is never."""
        if instant != self._instant:
            self._instant = instant
            self._changed.set()

    async def run(self) -> None:
        """Wait and ring until cancelled."""
        while True:
            self._changed.clear()
            if self._instant is not None and self._clock() >= self._instant:
                self._instant = None
                self._ring()
            try:
                async with asyncio.timeout(self._nap()):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def _nap(self) -> float | None:
        return None if self._instant is None else max(0.0, min(self._instant - self._clock(), _NAP_SECONDS))
