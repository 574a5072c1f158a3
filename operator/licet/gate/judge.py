"""From a stored release to a decision: decode, find the protected charts, and judge them."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from licet.cluster.events import Regarding
from licet.core.errors import ReleaseError
from licet.core.vendors import Product, VendorRegistry
from licet.core.verdict import Ground, ReleaseRef, Result, Verdict, judge, shown
from licet.gate.cache import Cache, Facts, Place
from licet.gate.decoding import Decoders, ReadRelease
from licet.gate.deliberation import Decision, Deliberation, Judgement
from licet.gate.review import AdmissionRequest, ReleaseObject


class Judge:
    """Decides about releases; the arguments are those of `Deliberation`."""

    def __init__(
        self, cache: Cache, look: Callable[[Place], Awaitable[Facts]], *, clock: Callable[[], float] = time.time
    ) -> None:
        self._deliberation = Deliberation(cache, look, clock=clock)
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
            id=self._deliberation.new_id(),
            judgement=judgement,
            regarding=Regarding("v1", stored.storage, stored.name, request.namespace),
            release=shown(name),
            revision=revision,
            user=request.user_info.username,
            dry_run=bool(request.dry_run),
        )

    async def _judge(
        self, request: AdmissionRequest, stored: ReleaseObject, deadline: float
    ) -> tuple[ReadRelease, Judgement]:
        registry = self._deliberation.registry
        release = await self._decoders.read(stored, registry)
        if not release.subjects:
            return release, Judgement(Verdict(Result.ALLOWED, Ground.NOT_PROTECTED))

        async def verdict(facts: Facts) -> Verdict:
            same = facts.registry is registry or _claims(facts.registry) == _claims(registry)
            return _verdict(release if same else await self._decoders.read(stored, facts.registry), facts)

        place = _place(request, stored, release)
        return release, await self._deliberation.judge(place, registry, verdict, deadline=deadline)


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
        release=release.name if consistent else None,
    )


def _claims(registry: VendorRegistry) -> list[tuple[str, str, tuple[Product, ...]]]:
    """Give what decides which charts are protected."""
    return [(vendor.name, vendor.created, vendor.products) for vendor in registry]


def _verdict(release: ReadRelease, facts: Facts) -> Verdict:
    reference = ReleaseRef(shown(release.name), facts.namespaces)
    return judge(release.subjects, reference, facts.registry, facts.assessment, facts.ran_here, facts.emergency)


def _unreadable(request: AdmissionRequest, stored: ReleaseObject, error: ReleaseError) -> Verdict:
    message = (
        f'the Helm release in {stored.storage} "{shown(stored.name)}" (namespace "{request.namespace}") '
        f"can't be judged: "
        f"{error}. Install the chart with an unmodified Helm 3 or Helm 4."
    )
    return Verdict(Result.DENIED, Ground.RELEASE_UNREADABLE, message=message)
