"""From a stored release to a decision: decode, find the protected charts, judge, and look again before refusing."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final

from licet.core.errors import LicetError, ReleaseError
from licet.core.release import Storage
from licet.core.ulid import RANDOM_BYTES, format_ulid
from licet.core.vendors import Product, VendorRegistry
from licet.core.verdict import Ground, ReleaseRef, Result, Verdict, judge
from licet.gate.cache import Cache, Facts, Place
from licet.gate.decoding import Decoders, ReadRelease
from licet.gate.live import LiveReadError
from licet.gate.review import AdmissionRequest, ReleaseObject

_NAME_SHOWN: Final = 63  # characters; Helm allows 53 for the name of a release
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
    namespace: str
    """The namespace of the object that holds the release."""
    storage: Storage
    object_name: str
    release: str
    """The release's name; that of the object where the release can't be read."""
    revision: int | None
    user: str
    dry_run: bool


class Judge:
    """Decides about releases by the cache, and before it says anything but a plain yes, by `look`.

    `look` reads the cluster anew, and raises `LiveReadError`. `clock` gives epoch seconds.
    """

    def __init__(
        self, cache: Cache, look: Callable[[Place], Awaitable[Facts]], *, clock: Callable[[], float] = time.time
    ) -> None:
        self._cache = cache
        self._look = look
        self._clock = clock
        self._decoders = Decoders()

    async def decide(self, request: AdmissionRequest, stored: ReleaseObject, *, deadline: float) -> Decision:
        """Decide about a release that is to be created, before a deadline in the event loop's time.

        Raises:
            UndecidedError: neither what is known nor the cluster says enough.
            TimeoutError: there was no time to read the release.
        """
        name, revision = stored.name, None
        try:
            async with asyncio.timeout_at(deadline):
                release, judgement = await self._judge(request, stored, deadline)
            name, revision = release.name, release.revision
        except ReleaseError as error:
            judgement = Judgement(_unreadable(request, stored, error))
        return Decision(
            id=format_ulid(int(self._clock() * 1000), secrets.token_bytes(RANDOM_BYTES)),
            judgement=judgement,
            namespace=request.namespace,
            storage=stored.storage,
            object_name=stored.name,
            release=_shown(name),
            revision=revision,
            user=request.user_info.username,
            dry_run=bool(request.dry_run),
        )

    async def _judge(
        self, request: AdmissionRequest, stored: ReleaseObject, deadline: float
    ) -> tuple[ReadRelease, Judgement]:
        registry = self._cache.registry
        release = await self._decoders.read(stored, registry)
        if not release.subjects:
            return release, Judgement(Verdict(Result.ALLOWED, Ground.NOT_PROTECTED))
        place = _place(request, stored, release)
        known = self._cache.facts(place, int(self._clock()))
        judgement = None
        if known is not None and known.registry is registry:  # else Vendors have changed while the release was read
            judgement = Judgement(_verdict(release, known))
            if not judgement.explanation:
                return release, judgement
        try:
            async with asyncio.timeout_at(deadline - _ANSWER_SECONDS):
                facts = await self._look(place)
        except (LiveReadError, TimeoutError) as error:
            if judgement is None:
                raise UndecidedError(f"too little is known of the cluster, and it can't be read: {error}") from error
            return release, replace(judgement, note=_STALE)
        if _claims(facts.registry) != _claims(registry):
            release = await self._decoders.read(stored, facts.registry)
        return release, Judgement(_verdict(release, facts), live=True)


def _place(request: AdmissionRequest, stored: ReleaseObject, release: ReadRelease) -> Place:
    """Tell where a release is to be.

    Helm finds a release by the object's labels and goes by the payload from there. Only where all of them name one and
    the same release, as whatever Helm writes does, is it the one that the Installation remembers.
    """
    named = f"sh.helm.release.v1.{release.name}.v{release.revision}"
    consistent = (stored.name, stored.named_in_labels) == (named, release.name)
    return Place(
        namespaces=tuple(dict.fromkeys((request.namespace, release.namespace or request.namespace))),
        installation=(request.namespace, release.name) if consistent else None,
    )


def _claims(registry: VendorRegistry) -> list[tuple[str, str, tuple[Product, ...]]]:
    """Give what decides which charts are protected."""
    return [(vendor.name, vendor.created, vendor.products) for vendor in registry]


def _verdict(release: ReadRelease, facts: Facts) -> Verdict:
    reference = ReleaseRef(_shown(release.name), facts.namespaces)
    return judge(release.subjects, reference, facts.registry, facts.assessment, facts.ran_here, facts.emergency)


def _unreadable(request: AdmissionRequest, stored: ReleaseObject, error: ReleaseError) -> Verdict:
    message = (
        f'the Helm release in {stored.storage} "{_shown(stored.name)}" (namespace "{request.namespace}") '
        f"can't be judged: "
        f"{error}. Install the chart with an unmodified Helm 3 or Helm 4."
    )
    return Verdict(Result.DENIED, Ground.RELEASE_UNREADABLE, message=message)


def _shown(name: str) -> str:
    return name if len(name) <= _NAME_SHOWN else f"{name[:_NAME_SHOWN]}…"
