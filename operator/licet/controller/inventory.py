"""Keeping the inventory: an Installation for each Helm release, and for whatever else, with protected charts or images.

It tells auditors what is installed and by which license, and the gate what runs and what once ran licensed. Each new
revision of a release is read once, also when the next one takes its place before anybody looks. What was superseded
before the controller started is read only of releases that have, or had, a protected chart. An Installation has no
owner, since Helm prunes old revisions before it writes the new one; it goes when the API server, asked anew, has no
revision of the release any more.
"""

import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from licet.cluster.api import KubeApi
from licet.cluster.errors import ApiError
from licet.cluster.releases import read_payload
from licet.cluster.resource import INSTALLATIONS
from licet.controller.entitlements import ProductKey
from licet.controller.findings import Finding, let_in
from licet.controller.installations import Verdicts, first_unlicensed, installation_status, is_news
from licet.controller.installing import Installer
from licet.controller.queue import Item, Kind
from licet.controller.releases import ReleaseKey, Revision
from licet.controller.sources import InstallationKey
from licet.controller.workloads import Ref
from licet.controller.world import InstallationRecord, World
from licet.controller.writer import StatusWriter
from licet.core import bounds
from licet.core.breakglass import NO_EMERGENCY
from licet.core.errors import ReleaseError
from licet.core.images import ImageReference
from licet.core.release import decode_release
from licet.core.subjects import Claim, Subject, find_subjects
from licet.core.verdict import ChartVerdict, RanHere, ReleaseRef, judge
from licet.resources.breakglass import BreakGlassUse, ChartInVersion
from licet.resources.installation import Source, SourceKind

_logger: Final = logging.getLogger(__name__)


class Inventory:
    """Reconciles Installations.

    `refresh` reads all Vendors and Licenses once more and has them judged: what is first seen is remembered as what it
    was then, and the news of a license may take a moment longer than that of what was installed with it. `record_use`
    is told which revisions came in by a BreakGlass, with the name of that.
    """

    def __init__(
        self,
        api: KubeApi,
        world: World,
        writer: StatusWriter,
        refresh: Callable[[], Awaitable[None]],
        record_use: Callable[[str, BreakGlassUse], None],
        enqueue: Callable[[Item], None],
    ) -> None:
        self._api = api
        self._world = world
        self._installer = Installer(api, world, writer)
        self._refresh = refresh
        self._record_use = record_use
        self._enqueue = enqueue

    async def reconcile(self, key: InstallationKey, *, now: int) -> float | None:
        """Bring one Installation to what is installed; gives the seconds after which to look again, or None.

        Raises:
            ApiError: a read or write failed for a reason that may pass.
        """
        if self._world.releases.latest(key):
            await self._reconcile_release(key, now=now)
            return None
        self._world.subjects.pop(key, None)
        self._world.sources.forget_places(key)
        source = self._world.sources.source(key)
        if source is not None and self._world.findings(source):
            await self._reconcile_workloads(key, source, now=now)
            return None
        return await self._installer.remove(key)

    async def _reconcile_release(self, key: ReleaseKey, *, now: int) -> None:
        world = self._world
        if key[0] not in world.namespaces:
            return  # it is being deleted, or new: then its labels, on which licenses may depend, are on their way
        observed = world.observed[INSTALLATIONS].get(key)
        record = self._record_of_release(key)
        latest, running = world.releases.latest(key), world.releases.running(key)
        current = (*latest, *running)
        source = Ref(key[0], SourceKind.RELEASE, key[1])
        verdicts = await self._judge(key, (*current, *self._others(key, record, protected=observed is not None)))
        if verdicts is not None and observed is None and any(verdicts.values()):
            verdicts = await self._judge(key, (*current, *self._others(key, record, protected=True)))
        findings = self._images(source)
        if verdicts is None or (observed is None and not any(verdicts.values()) and not findings):
            return
        if any([await self._installer.is_new(place) for place in world.sources.places(key)]):
            return
        if first_unlicensed(_by_number(verdicts), record.history) or is_news(findings, observed):
            await self._refresh()
            verdicts = await self._judge(key, verdicts)
            findings = self._images(source)
        observed = observed or await self._installer.create(key)
        if verdicts is None or observed is None:
            return
        self._record_uses(verdicts)
        installed = _distinct(verdict for revision in running for verdict in verdicts[revision])
        findings = let_in(findings, {_product(verdict.subject.claim) for verdict in installed if verdict.break_glasses})
        status = installation_status(
            self._source_of_release(source),
            key[0],
            record,
            observed,
            _by_number(verdicts),
            installed=installed,
            findings=findings,
            now=now,
        )
        charts = ((_product(verdict.subject.claim), verdict.licensed) for verdict in installed)
        await self._installer.write(key, observed, status, (*charts, *_products(findings)))

    async def _reconcile_workloads(self, key: InstallationKey, source: Ref, *, now: int) -> None:
        world = self._world
        if key[0] not in world.namespaces:
            return
        observed = world.observed[INSTALLATIONS].get(key)
        findings = world.findings(source)
        if is_news(findings, observed):
            await self._refresh()
            findings = world.findings(source)
        observed = observed or await self._installer.create(key)
        if observed is None:
            return
        told = _source(source)
        record = world.installations.get(key, InstallationRecord())
        if record.source != told:
            record = InstallationRecord()
        status = installation_status(told, key[0], record, observed, {}, installed=(), findings=findings, now=now)
        await self._installer.write(key, observed, status, _products(findings))

    def _record_of_release(self, key: ReleaseKey) -> InstallationRecord:
        record = self._world.installations.get(key, InstallationRecord())
        if not record.is_of_release:
            return InstallationRecord()  # a release has taken the name of something else, and nothing of its memory
        return record

    def _images(self, release: Ref) -> tuple[Finding, ...]:
        """Judge the images of a release's workloads. Of charts, the release itself tells more than labels do."""
        findings = self._world.findings(release)
        return tuple(each for each in findings if isinstance(each.decision.verdict.item, ImageReference))

    def _source_of_release(self, release: Ref) -> Source:
        """Say whether it was Flux that installed a release: then its workloads have labels of their HelmRelease."""
        by_flux = (workload.helm_release for _, workload in self._world.sources.members(release))
        helm_release = min(filter(None, by_flux), default=None)
        if helm_release is None:
            return Source(kind=SourceKind.RELEASE, name=release.name)
        elsewhere = helm_release.namespace if helm_release.namespace != release.namespace else None
        return Source(kind=SourceKind.HELM_RELEASE, name=helm_release.name, namespace=elsewhere)

    def _others(self, key: ReleaseKey, record: InstallationRecord, *, protected: bool) -> list[Revision]:
        """List the revisions that the history lacks, though others may have taken their place since.

        Those that may have come in by a BreakGlass are looked at again: it may be heard of later than they are.

        Of a release without a protected chart, these are only those that came after the first look at it.
        """
        newest = self._world.releases.newest(key, bounds.INSTALLATION_REVISIONS)
        if not protected:
            read = self._world.subjects.get(key, {})
            looked_at = {each.storage: each.number for each in newest if each.uid in read}  # the last is the first
            newest = [each for each in newest if each.number >= looked_at.get(each.storage, each.number + 1)]
        if len({revision.storage for revision in newest}) == 1:  # else two revisions have one number
            remembered = {entry.revision for entry in record.history}
            newest = [
                revision
                for revision in newest
                if revision.number not in remembered or self._world.emergency(key, revision.created).break_glasses
            ]
        return newest

    async def _judge(
        self, key: ReleaseKey, revisions: Iterable[Revision]
    ) -> Mapping[Revision, Sequence[ChartVerdict]] | None:
        """Judge the protected charts of some revisions, each by what it may have come in by; None where one is gone."""
        subjects: dict[Revision, tuple[Subject, ...]] = {}
        for revision in revisions:
            found = await self._subjects(key, revision)
            if found is None:
                return None  # Helm has pruned it, and its own event is on the way
            subjects[revision] = found
        return {revision: tuple(self._verdicts(key, revision, found)) for revision, found in subjects.items()}

    def _verdicts(self, key: ReleaseKey, revision: Revision, subjects: Iterable[Subject]) -> Iterator[ChartVerdict]:
        """Judge by the licenses, and of what never was licensed, by the BreakGlasses that were open at that time."""
        world = self._world
        release = ReleaseRef(key[1], tuple(map(world.namespace, world.sources.places(key))))
        ran_licensed = {
            (entry.chart, entry.version) for entry in self._record_of_release(key).history if entry.licensed
        }
        for subject in subjects:
            remembered = (subject.name, subject.version) in ran_licensed
            emergency = NO_EMERGENCY if remembered else world.emergency(key, revision.created)
            yield from judge((subject,), release, world.registry, world.assessment, RanHere(), emergency).charts

    def _record_uses(self, verdicts: Mapping[Revision, Sequence[ChartVerdict]]) -> None:
        for revision, charts in verdicts.items():
            for name in dict.fromkeys(name for chart in charts for name in chart.break_glasses):
                let_in = tuple(
                    ChartInVersion(
                        name=chart.subject.name[: bounds.GLOB_LENGTH],
                        version=(chart.subject.version or "unknown")[: bounds.VERSION_LENGTH],
                    )
                    for chart in charts
                    if name in chart.break_glasses
                )
                use = BreakGlassUse(
                    revision=revision.number, charts=let_in[: bounds.INSTALLATION_CHARTS], at=revision.created
                )
                self._record_use(name, use)

    async def _subjects(self, key: ReleaseKey, revision: Revision) -> tuple[Subject, ...] | None:
        """Give the protected charts of a revision, which is read when it is seen for the first time; None if gone."""
        known = self._world.subjects.get(key, {})
        if revision.uid in known:
            return known[revision.uid]
        try:
            payload = await read_payload(self._api, revision.storage, key[0], revision.object_name)
            release = decode_release(payload)
            for source in self._world.sources.set_place(key, release.namespace):
                self._enqueue(Item(Kind.INSTALLATION, *self._world.sources.installation(source)))
            subjects = find_subjects(release, self._world.registry)
        except ApiError as error:
            if not error.is_not_found:
                raise
            return None
        except ReleaseError as error:
            _logger.warning("release %s/%s, revision %d, can't be read: %s", *key, revision.number, error)
            subjects = ()
        still_there = self._world.releases.uids(key)
        kept = {uid: found for uid, found in self._world.subjects.get(key, {}).items() if uid in still_there}
        self._world.subjects[key] = {**kept, revision.uid: subjects}
        return subjects


def _by_number(verdicts: Mapping[Revision, Sequence[ChartVerdict]]) -> Verdicts:
    """Put the verdicts about revisions of one number together, which is one revision unless both storages have it."""
    by_number: defaultdict[int, list[ChartVerdict]] = defaultdict(list)
    for revision, charts in verdicts.items():
        by_number[revision.number] += charts
    return by_number


def _distinct(verdicts: Iterable[ChartVerdict]) -> tuple[ChartVerdict, ...]:
    """Leave out repetitions: while a release is moved to the other storage, both have the same."""
    return tuple({(each.subject.name, each.subject.version): each for each in verdicts}.values())


def _source(source: Ref) -> Source:
    """Say what brought in workloads; Argo CD names an Application of another namespace than its own NAMESPACE_NAME."""
    namespace, _, name = source.name.rpartition("_") if source.kind == SourceKind.APPLICATION else ("", "", source.name)
    return Source(
        kind=source.kind,
        name=name[: bounds.SOURCE_NAME_LENGTH] or source.name[: bounds.SOURCE_NAME_LENGTH],
        namespace=namespace[: bounds.SOURCE_NAME_LENGTH] or None,
    )


def _products(findings: Iterable[Finding]) -> list[tuple[ProductKey, bool]]:
    return [(_product(finding.claim), finding.licensed) for finding in findings]


def _product(claim: Claim) -> ProductKey:
    return claim.vendor, claim.product
