"""Keeping the inventory: an Installation for each Helm release with a protected chart.

It tells auditors what is installed and by which license, and the gate what runs and what once ran licensed. Each new
revision of a release is read once, also when the next one takes its place before anybody looks. What was superseded
before the controller started is read only of releases that have, or had, a protected chart. An Installation has no
owner, since Helm prunes old revisions before it writes the new one; it is deleted when a live list finds no revision of
the release.
"""

import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from licet.cluster.api import KubeApi
from licet.cluster.errors import ApiError
from licet.cluster.releases import list_revisions, read_payload
from licet.cluster.resource import INSTALLATIONS
from licet.controller.installations import Verdicts, first_unlicensed, installation_status
from licet.controller.observed import Observed
from licet.controller.releases import ReleaseKey, Revision
from licet.controller.world import InstallationRecord, World
from licet.controller.writer import StatusWriter
from licet.core import bounds
from licet.core.breakglass import NO_EMERGENCY
from licet.core.errors import ReleaseError
from licet.core.release import decode_release
from licet.core.subjects import Subject, find_subjects
from licet.core.verdict import ChartVerdict, RanHere, ReleaseRef, judge
from licet.resources.base import GROUP, VERSION
from licet.resources.breakglass import BreakGlassUse, ChartInVersion

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
    ) -> None:
        self._api = api
        self._world = world
        self._writer = writer
        self._refresh = refresh
        self._record_use = record_use

    async def reconcile(self, key: ReleaseKey, *, now: int) -> None:
        """Bring the Installation of one release to what is installed.

        Raises:
            ApiError: a read or write failed for a reason that may pass.
        """
        world = self._world
        latest = world.releases.latest(key)
        observed = world.observed[INSTALLATIONS].get(key)
        if not latest:
            world.subjects.pop(key, None)
            if observed is not None and not await list_revisions(self._api, *key):
                await self._delete(key, observed)
            return
        if key[0] not in world.namespaces:
            return  # it is being deleted, or new: then its labels, on which licenses may depend, are on their way
        record = world.installations.get(key, InstallationRecord())
        running = world.releases.running(key)
        current = (*latest, *running)
        verdicts = await self._judge(key, (*current, *self._others(key, record, protected=observed is not None)))
        if verdicts is not None and observed is None and any(verdicts.values()):
            verdicts = await self._judge(key, (*current, *self._others(key, record, protected=True)))
        if verdicts is None or (observed is None and not any(verdicts.values())):
            return
        if first_unlicensed(_by_number(verdicts), record.history):
            await self._refresh()
            verdicts = await self._judge(key, verdicts)
        observed = observed or await self._create(key)
        if verdicts is None or observed is None:
            return
        self._record_uses(verdicts)
        installed = _distinct(verdict for revision in running for verdict in verdicts[revision])
        status = installation_status(key[1], record, observed, _by_number(verdicts), installed=installed, now=now)
        await self._writer.write(INSTALLATIONS, key, observed, status)
        if key in world.observed[INSTALLATIONS]:
            world.installations[key] = InstallationRecord(status.first_seen, status.history)

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
        release = ReleaseRef(key[1], (world.namespace(key[0]),))
        history = world.installations.get(key, InstallationRecord()).history
        ran_licensed = {(entry.chart, entry.version) for entry in history if entry.licensed}
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
            subjects = find_subjects(decode_release(payload), self._world.registry)
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

    async def _create(self, key: ReleaseKey) -> Observed | None:
        """Make an Installation without a status; None where its namespace is being deleted."""
        namespace, name = key
        body = {"apiVersion": f"{GROUP}/{VERSION}", "kind": "Installation", "metadata": {"name": name}}
        try:
            created = await self._api.create(INSTALLATIONS.path(namespace), body)
        except ApiError as error:
            if not error.is_namespace_terminating:
                raise
            return None
        return self._world.observed[INSTALLATIONS].setdefault(key, Observed.read(created))

    async def _delete(self, key: ReleaseKey, observed: Observed) -> None:
        try:
            await self._api.delete(INSTALLATIONS.path(*key), uid=observed.uid)
        except ApiError as error:
            if not (error.is_not_found or error.is_conflict):
                raise


def _by_number(verdicts: Mapping[Revision, Sequence[ChartVerdict]]) -> Verdicts:
    """Put the verdicts about revisions of one number together, which is one revision unless both storages have it."""
    by_number: defaultdict[int, list[ChartVerdict]] = defaultdict(list)
    for revision, charts in verdicts.items():
        by_number[revision.number] += charts
    return by_number


def _distinct(verdicts: Iterable[ChartVerdict]) -> tuple[ChartVerdict, ...]:
    """Leave out repetitions: while a release is moved to the other storage, both have the same."""
    return tuple({(each.subject.name, each.subject.version): each for each in verdicts}.values())
