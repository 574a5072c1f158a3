"""What the gate decided, and how it comes to it: by what it knows, and by one more look before it says no."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final

from licet.cluster.events import Regarding
from licet.core.errors import LicetError
from licet.core.ulid import RANDOM_BYTES, format_ulid
from licet.core.vendors import VendorRegistry
from licet.core.verdict import Verdict
from licet.gate.cache import Cache, Facts, Place
from licet.gate.live import LiveReadError

_ANSWER_SECONDS: Final = 0.3  # left for the answer, once there is no more time to look at the cluster
_STALE: Final = (
    "This was judged by what the gate knew before, because the API server did not answer when it asked again; "
    "if a license was applied just now, try again."
)


class UndecidedError(LicetError):
    """The gate can't tell: the API server is to do what the webhook's failure policy says."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, and how it came about."""

    verdict: Verdict
    live: bool = False
    """Whether the cluster was read for it."""
    note: str = ""
    """A sentence on what is doubtful about it."""

    @property
    def denial(self) -> str | None:
        """Why the release is refused, for people; None where it is not."""
        return None if self.verdict.permitted else self._noted(self.verdict.message)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user is to be told of a release that is admitted."""
        return tuple(map(self._noted, self.verdict.warnings)) if self.verdict.permitted else ()

    @property
    def explanation(self) -> str:
        """All that there is to say, told to the user or not; empty after a plain yes."""
        charts = "; ".join(chart.explanation for chart in self.verdict.charts if chart.explanation)
        return self._noted(charts or self.verdict.message)

    def _noted(self, text: str) -> str:
        return f"{text} {self.note}" if text and self.note else text


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A judgement, and what it is about."""

    id: str
    judgement: Judgement
    regarding: Regarding
    """The object that was to be written."""
    release: str
    """The name of the release; that of the object where it can't be read."""
    revision: int | None = None
    user: str
    dry_run: bool


class Deliberation:
    """Judges by the cache, and before it says anything but a plain yes, by `look`.

    `look` reads the cluster anew, and raises `LiveReadError`. `clock` gives epoch seconds.
    """

    def __init__(
        self, cache: Cache, look: Callable[[Place], Awaitable[Facts]], *, clock: Callable[[], float] = time.time
    ) -> None:
        self._cache = cache
        self._look = look
        self._clock = clock

    @property
    def registry(self) -> VendorRegistry:
        """The Vendors that the cache knows."""
        return self._cache.registry

    def new_id(self) -> str:
        """Give an ID for a decision that is made now."""
        return format_ulid(int(self._clock() * 1000), secrets.token_bytes(RANDOM_BYTES))

    async def judge(
        self,
        place: Place,
        registry: VendorRegistry,
        verdict: Callable[[Facts], Awaitable[Verdict]],
        *,
        deadline: float,
    ) -> Judgement:
        """Come to a judgement before a deadline in the event loop's time.

        Args:
            place: what facts are needed about.
            registry: the Vendors by which it was found that there is something to judge; where the cache knows others
                by now, only a look at the cluster counts.
            verdict: gives the verdict by some facts.
            deadline: until when the answer is of use.

        Raises:
            UndecidedError: neither what is known nor the cluster says enough.
        """
        known = self._cache.facts(place, int(self._clock()))
        judgement = None
        if known is not None and known.registry is registry:
            judgement = Judgement(await verdict(known))
            if not judgement.explanation:
                return judgement
        try:
            async with asyncio.timeout_at(deadline - _ANSWER_SECONDS):
                facts = await self._look(place)
        except (LiveReadError, TimeoutError) as error:
            if judgement is None:
                raise UndecidedError(f"too little is known of the cluster, and it can't be read: {error}") from error
            return replace(judgement, note=_STALE)
        return Judgement(await verdict(facts), live=True)
