"""Keeping the inventory: an Installation for each Helm release with a protected chart.

It tells auditors what is installed and by which license, and the gate what runs and what once ran licensed. Each new
revision of a release is read once. An Installation has no owner, since Helm prunes old revisions before it writes the
new one; it is deleted when a live list finds no revision of the release.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from licet.cluster.api import KubeApi
from licet.cluster.errors import ApiError
from licet.cluster.resource import INSTALLATIONS, SECRETS
from licet.cluster.state import secret_data
from licet.controller.observed import Observed
from licet.controller.releases import ReleaseKey, Revision
from licet.controller.world import InstallationRecord, World
from licet.controller.writer import StatusWriter
from licet.core import bounds
from licet.core.errors import ReleaseError
from licet.core.release import RELEASE_TYPE, decode_release
from licet.core.subjects import Subject, find_subjects
from licet.core.verdict import ChartVerdict, Ground, RanHere, ReleaseRef, Result, judge
from licet.resources.base import GROUP, VERSION
from licet.resources.installation import InstallationStatus, InstalledChart, PastChart, Source, SourceKind
from licet.resources.meta import ConditionType, Observation, conditions

RELEASE_FIELD_SELECTOR: Final = f"type={RELEASE_TYPE}"

_logger: Final = logging.getLogger(__name__)


class Inventory:
    """Reconciles Installations."""

    def __init__(self, api: KubeApi, world: World, writer: StatusWriter) -> None:
        self._api = api
        self._world = world
        self._writer = writer

    async def reconcile(self, key: ReleaseKey, *, now: int) -> None:
        """Bring the Installation of one release to what is installed.

        Raises:
            ApiError: a read or write failed for a reason that may pass.
        """
        world = self._world
        record = world.installations.get(key)
        latest, running = world.releases.latest(key), world.releases.running(key)
        if latest is None:
            if record is not None and not await self._has_revisions(key):
                await self._delete(key, record)
            return
        seen = {
            revision.number: await self._subjects(key, revision)
            for revision in {latest, running}
            if revision is not None
        }
        if record is None:
            if not any(seen.values()):
                return
            record = await self._create(key)
        verdicts = {number: self._judge(key, subjects) for number, subjects in seen.items()}
        installed = verdicts[running.number] if running is not None else ()
        status = InstallationStatus(
            observed_generation=record.observed.generation,
            source=Source(kind=SourceKind.RELEASE, name=key[1]),
            charts=tuple(_installed(verdict) for verdict in installed)[: bounds.INSTALLATION_CHARTS],
            first_seen=record.first_seen if record.first_seen is not None else now,
            history=_extend(record.history, verdicts),
            conditions=conditions(
                (_licensed(installed),),
                previous=record.observed.conditions,
                generation=record.observed.generation,
                now=now,
            ),
        )

        def remember(written: Observed) -> None:
            world.installations[key] = InstallationRecord(written, status.first_seen, status.history)

        await self._writer.write(INSTALLATIONS, "Installation", key, record.observed, status, remember)

    async def _subjects(self, key: ReleaseKey, revision: Revision) -> tuple[Subject, ...]:
        """Give the protected charts of a revision, which is read when it is seen for the first time."""
        known = self._world.subjects.get(key, {})
        if revision.uid in known:
            return known[revision.uid]
        try:
            secret = await self._api.get(SECRETS.path(key[0], revision.secret))
            payload = secret_data(secret).get("release", b"")
            subjects = find_subjects(decode_release(payload), self._world.registry)
        except ApiError as error:
            if not error.is_not_found:
                raise
            return ()  # pruned meanwhile; its own event is on the way
        except ReleaseError as error:
            _logger.warning("release %s/%s, revision %d, can't be read: %s", *key, revision.number, error)
            subjects = ()
        kept = {uid: found for uid, found in known.items() if uid in self._world.releases.uids(key)}
        self._world.subjects[key] = {**kept, revision.uid: subjects}
        return subjects

    def _judge(self, key: ReleaseKey, subjects: Sequence[Subject]) -> tuple[ChartVerdict, ...]:
        world = self._world
        release = ReleaseRef(key[1], (world.namespace(key[0]),))
        return judge(subjects, release, world.registry, world.assessment, RanHere()).charts

    async def _has_revisions(self, key: ReleaseKey) -> bool:
        namespace, release = key
        page = await self._api.list(
            SECRETS.path(namespace),
            label_selector=f"owner=helm,name={release}",
            field_selector=RELEASE_FIELD_SELECTOR,
            metadata_only=True,
        )
        return bool(page.items)

    async def _create(self, key: ReleaseKey) -> InstallationRecord:
        namespace, name = key
        body = {"apiVersion": f"{GROUP}/{VERSION}", "kind": "Installation", "metadata": {"name": name}}
        try:
            created = await self._api.create(INSTALLATIONS.path(namespace), body)
        except ApiError as error:
            if not error.is_already_exists:
                raise
            created = await self._api.get(INSTALLATIONS.path(namespace, name))
        return self._world.installations.setdefault(key, InstallationRecord.read(created))

    async def _delete(self, key: ReleaseKey, record: InstallationRecord) -> None:
        try:
            await self._api.delete(INSTALLATIONS.path(*key), uid=record.observed.uid)
        except ApiError as error:
            if not (error.is_not_found or error.is_conflict):
                raise
        self._world.subjects.pop(key, None)


def _installed(verdict: ChartVerdict) -> InstalledChart:
    claim = verdict.subject.claim
    return InstalledChart(
        name=verdict.subject.name,
        version=verdict.subject.version or "unknown",
        vendor=claim.vendor,
        product=claim.product,
        license=verdict.license or None,
    )


def _licensed(verdicts: Iterable[ChartVerdict]) -> Observation:
    verdicts = tuple(verdicts)
    short = [verdict for verdict in verdicts if verdict.result is not Result.ALLOWED]
    if short:
        message = "; ".join(verdict.explanation for verdict in short)
        return Observation(ConditionType.LICENSED, False, short[0].ground, message)
    if not verdicts:
        return Observation(ConditionType.LICENSED, True, "NothingRuns", "no protected chart is installed")
    grace = [verdict for verdict in verdicts if verdict.ground is Ground.IN_GRACE]
    message = "; ".join(verdict.explanation for verdict in grace) or "licenses cover all that is installed"
    return Observation(ConditionType.LICENSED, True, (grace or verdicts)[0].ground, message)


def _extend(history: Iterable[PastChart], verdicts: Mapping[int, Sequence[ChartVerdict]]) -> tuple[PastChart, ...]:
    """Add what was not seen before; a revision that is in the history keeps what it was when first seen.

    Of a chart version there is one entry, with its latest revision: licensed, if it was licensed in any.
    """
    entries = {(entry.chart, entry.version): entry for entry in history}
    for number, charts in sorted(verdicts.items()):
        for verdict in charts:
            chart, version = verdict.subject.name, verdict.subject.version
            if version is None:
                continue
            before = entries.get((chart, version))
            if before is not None and before.revision >= number:
                continue
            licensed = verdict.result is Result.ALLOWED or (before is not None and before.licensed)
            entries[chart, version] = PastChart(chart=chart, version=version, revision=number, licensed=licensed)
    ordered = sorted(entries.values(), key=lambda entry: (entry.revision, entry.chart, entry.version))
    return tuple(ordered[-bounds.INSTALLATION_HISTORY :])
