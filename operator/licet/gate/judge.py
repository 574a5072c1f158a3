"""From a release Secret to a decision: decode, find the protected charts, judge, and look again before refusing."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeVar

from licet.core.errors import LicetError, ReleaseError
from licet.core.release import RELEASE_TYPE, Release, decode_release
from licet.core.subjects import Subject, find_subjects
from licet.core.ulid import RANDOM_BYTES, format_ulid
from licet.core.vendors import VendorRegistry
from licet.core.verdict import Ground, ReleaseRef, Result, Verdict, judge
from licet.gate.cache import Cache, Facts, Place
from licet.gate.live import LiveReadError
from licet.gate.review import AdmissionRequest, ReleaseSecret

_DECODERS: Final = 2  # at a time: each may need more than twice the cap on decompressed releases
_NAME_SHOWN: Final = 63  # characters; Helm allows 53 for the name of a release
_ANSWER_SECONDS: Final = 0.3  # left for the answer, once there is no more time to look at the cluster
_STALE: Final = (
    "This was judged by what the gate knew before, because the API server did not answer when it asked again; "
    "if a license was applied just now, try again."
)

T = TypeVar("T")


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
    """The namespace of the release's Secret."""
    secret: str
    release: str
    """The release's name; that of the Secret where the release can't be read."""
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
        self._decoders = ThreadPoolExecutor(_DECODERS, thread_name_prefix="decode")

    async def decide(self, request: AdmissionRequest, secret: ReleaseSecret, *, deadline: float) -> Decision:
        """Decide about a release Secret that is to be created, before a deadline in the event loop's time.

        Raises:
            UndecidedError: neither what is known nor the cluster says enough.
            TimeoutError: there was no time to read the release.
        """
        name, revision = secret.name, None
        try:
            async with asyncio.timeout_at(deadline):
                release, subjects = await self._in_thread(_read, secret, self._cache.registry)
                name, revision = release.name, release.revision
                judgement = await self._judge(_place(request, secret, release), release, subjects, deadline)
        except ReleaseError as error:
            judgement = Judgement(_unreadable(request, secret, error))
        return Decision(
            id=format_ulid(int(self._clock() * 1000), secrets.token_bytes(RANDOM_BYTES)),
            judgement=judgement,
            namespace=request.namespace,
            secret=secret.name,
            release=_shown(name),
            revision=revision,
            user=request.user_info.username,
            dry_run=bool(request.dry_run),
        )

    async def _judge(self, place: Place, release: Release, subjects: tuple[Subject, ...], deadline: float) -> Judgement:
        if not subjects:
            return Judgement(Verdict(Result.ALLOWED, Ground.NOT_PROTECTED))
        known = self._cache.facts(place, int(self._clock()))
        verdict = _verdict(release, subjects, known) if known is not None else None
        if verdict is not None and verdict.result is Result.ALLOWED and not verdict.warnings:
            return Judgement(verdict)
        try:
            async with asyncio.timeout_at(deadline - _ANSWER_SECONDS):
                facts = await self._look(place)
        except (LiveReadError, TimeoutError) as error:
            if verdict is None:
                raise UndecidedError(
                    f"the namespaces of the release are not known, nor can be read: {error}"
                ) from error
            return Judgement(verdict, note=_STALE)
        subjects = await self._in_thread(find_subjects, release, facts.registry)
        return Judgement(_verdict(release, subjects, facts), live=True)

    async def _in_thread(self, work: Callable[..., T], *arguments: object) -> T:
        """Do what may take long for a large release, while other requests go on."""
        return await asyncio.get_running_loop().run_in_executor(self._decoders, work, *arguments)


def _read(secret: ReleaseSecret, registry: VendorRegistry) -> tuple[Release, tuple[Subject, ...]]:
    if secret.type != RELEASE_TYPE:
        raise ReleaseError(f"its format {secret.type[:80]!r} is not known; licet knows {RELEASE_TYPE}")
    release = decode_release(secret.payload)
    return release, find_subjects(release, registry)


def _place(request: AdmissionRequest, secret: ReleaseSecret, release: Release) -> Place:
    """Tell where a release is to be.

    Helm finds a release by the Secret's labels and goes by the payload from there. Only where all of them name one and
    the same release, as whatever Helm writes does, is it the one that the Installation remembers.
    """
    named = f"sh.helm.release.v1.{release.name}.v{release.revision}"
    consistent = (secret.name, secret.named_in_labels) == (named, release.name)
    return Place(
        namespaces=tuple(dict.fromkeys((request.namespace, release.namespace or request.namespace))),
        installation=(request.namespace, release.name) if consistent else None,
    )


def _verdict(release: Release, subjects: tuple[Subject, ...], facts: Facts) -> Verdict:
    reference = ReleaseRef(_shown(release.name), facts.namespaces)
    return judge(subjects, reference, facts.registry, facts.assessment, facts.ran_here)


def _unreadable(request: AdmissionRequest, secret: ReleaseSecret, error: ReleaseError) -> Verdict:
    message = (
        f'the Helm release in Secret "{_shown(secret.name)}" (namespace "{request.namespace}") can\'t be judged: '
        f"{error}. Install the chart with an unmodified Helm 3 or Helm 4."
    )
    return Verdict(Result.DENIED, Ground.RELEASE_UNREADABLE, message=message)


def _shown(name: str) -> str:
    return name if len(name) <= _NAME_SHOWN else f"{name[:_NAME_SHOWN]}…"
