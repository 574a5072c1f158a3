"""From an object of Flux or Argo CD to a decision: read what it asks to have installed, and judge that.

What it makes of that is judged once more, as a release or as workloads. So an object is refused only for what it says
itself, and one that says nothing yet is not the gate's to judge.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec

from licet.cluster.events import Regarding
from licet.core import argocd, bounds, flux
from licet.core.errors import GitOpsError
from licet.core.gitops import InstallRequest, RequestedChart, added, find_requested, recalled, unite
from licet.core.vendors import VendorRegistry
from licet.core.verdict import Ground, ReleaseRef, Result, Verdict, judge
from licet.gate.cache import Cache, Facts, Place
from licet.gate.deliberation import Decision, Deliberation, Judgement
from licet.gate.review import AdmissionRequest

_FLUX: Final = ("helm.toolkit.fluxcd.io", flux.KIND)
_ARGO_CD: Final = {
    ("argoproj.io", argocd.APPLICATION): argocd.read_application,
    ("argoproj.io", argocd.APPLICATION_SET): argocd.read_application_set,
}
_UPDATE: Final = "UPDATE"


class RequestJudge:
    """Decides about HelmReleases, Applications and ApplicationSets.

    `chart_of` reads the chart that a source of Flux stands for, or gives None. `namespace` is the operator's own, whose
    releases nobody judges. The other arguments are those of `Deliberation`.
    """

    def __init__(
        self,
        cache: Cache,
        look: Callable[[Place], Awaitable[Facts]],
        chart_of: Callable[[flux.SourceRef], Awaitable[RequestedChart | None]],
        *,
        namespace: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._deliberation = Deliberation(cache, look, clock=clock)
        self._chart_of = chart_of
        self._namespace = namespace

    async def decide(self, request: AdmissionRequest, *, deadline: float) -> Decision | None:
        """Decide about what an object asks for that is to be written, before a deadline in the event loop's time.

        Gives None where it asks for nothing that can be told, or for nothing new.

        Raises:
            UndecidedError: neither what is known nor the cluster says enough.
            TimeoutError: there was no time for it.
        """
        if (request.kind.group, request.kind.kind) not in {_FLUX, *_ARGO_CD}:
            return None
        try:
            async with asyncio.timeout_at(deadline):
                asked = await self._added(request)
                if not asked:
                    return None
                judgement = await self._judge(request, asked, deadline)
        except GitOpsError as error:
            asked, judgement = (), Judgement(_unreadable(request, error))
        kind = request.kind
        return Decision(
            id=self._deliberation.new_id(),
            judgement=judgement,
            regarding=Regarding(f"{kind.group}/{kind.version}", kind.kind, request.name, request.namespace),
            release=asked[0].release if asked else request.name,
            user=request.user_info.username,
            dry_run=bool(request.dry_run),
        )

    async def _added(self, request: AdmissionRequest) -> Sequence[InstallRequest]:
        """Give what the object asks for and did not before."""
        kind = (request.kind.group, request.kind.kind)
        earlier = request.old_object if request.operation == _UPDATE else None
        if kind == _FLUX:
            return await self._helm_release(request.object, earlier)
        read = _ARGO_CD[kind]
        asked = read(request.object)
        try:
            before = read(earlier) if earlier is not None else ()
        except GitOpsError:  # it was there before licet; what makes it one that can be read is judged as a whole
            before = ()
        return added(asked, before)

    async def _helm_release(self, obj: msgspec.Raw, earlier: msgspec.Raw | None) -> Sequence[InstallRequest]:
        found = flux.read_helm_release(obj)
        before = flux.read_helm_release(earlier) if earlier is not None else None
        if found is None or found == before:
            return ()
        storage, *others = found.request.namespaces
        if storage == self._namespace and others:
            raise GitOpsError(
                f"it has Helm keep its release in {storage}, where none is judged, and install it elsewhere; "
                "give it another storageNamespace"
            )
        asked = found.with_chart(await self._chart_of(found.source)) if found.source else found.request
        return added([asked], [before.request] if before else ())

    async def _judge(self, request: AdmissionRequest, asked: Sequence[InstallRequest], deadline: float) -> Judgement:
        registry = self._deliberation.registry
        found = [(each, len(find_requested(each, registry))) for each in asked]
        if sum(count for _, count in found) > bounds.GITOPS_CHARTS:
            raise GitOpsError(f"it asks for more than {bounds.GITOPS_CHARTS} charts that need a license; split it up")
        protected = [each for each, count in found if count]
        if not protected:
            return Judgement(Verdict(Result.ALLOWED, Ground.NOT_PROTECTED))
        judgements = await asyncio.gather(*(self._judge_one(request, each, registry, deadline) for each in protected))
        return Judgement(
            unite([each.verdict for each in judgements]),
            live=any(each.live for each in judgements),
            note=next((each.note for each in judgements if each.note), ""),
        )

    async def _judge_one(
        self, request: AdmissionRequest, asked: InstallRequest, registry: VendorRegistry, deadline: float
    ) -> Judgement:
        async def verdict(facts: Facts) -> Verdict:
            subjects = find_requested(asked, facts.registry)
            reference = ReleaseRef(asked.release, facts.namespaces, asked.described)
            known = facts.ran_here
            ran_here = recalled(known if request.kind.kind == flux.KIND else known.of_application, subjects)
            return judge(subjects, reference, facts.registry, facts.assessment, ran_here, facts.emergency)

        return await self._deliberation.judge(_place(request, asked), registry, verdict, deadline=deadline)


def _place(request: AdmissionRequest, asked: InstallRequest) -> Place:
    """Tell where something is to be, and by which name the inventory has it.

    Helm keeps a release in the first of its namespaces. What an Application has brought, the inventory has by that.
    What the Applications of an ApplicationSet are called, only its generators know.
    """
    names = {argocd.APPLICATION: f"application.{request.name}", argocd.APPLICATION_SET: None}
    return Place(asked.namespaces, (asked.namespaces[0], names.get(request.kind.kind, asked.release)), asked.release)


def _unreadable(request: AdmissionRequest, error: GitOpsError) -> Verdict:
    message = f'{request.kind.kind} "{request.name}" (namespace "{request.namespace}") can\'t be judged: {error}.'
    return Verdict(Result.DENIED, Ground.RELEASE_UNREADABLE, message=message)
