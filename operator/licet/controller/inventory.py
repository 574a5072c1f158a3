"""Keeping the inventory: an Installation for each Helm release with a protected chart.

It tells auditors what is installed and by which license, and the gate what runs and what once ran licensed. Each new
revision of a release is read once. An Installation has no owner, since Helm prunes old revisions before it writes the
new one; it is deleted when a live list finds no revision of the release.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from licet.cluster.api import KubeApi
from licet.cluster.errors import ApiError
from licet.cluster.resource import INSTALLATIONS, SECRETS
from licet.cluster.state import secret_data
from licet.controller.installations import Verdicts, first_unlicensed, installation_status
from licet.controller.observed import Observed
from licet.controller.releases import ReleaseKey, Revision
from licet.controller.world import InstallationRecord, World
from licet.controller.writer import StatusWriter
from licet.core.errors import ReleaseError
from licet.core.release import RELEASE_TYPE, decode_release
from licet.core.subjects import Subject, find_subjects
from licet.core.verdict import RanHere, ReleaseRef, judge
from licet.resources.base import GROUP, VERSION

RELEASE_FIELD_SELECTOR: Final = f"type={RELEASE_TYPE}"

_logger: Final = logging.getLogger(__name__)


class Inventory:
    """Reconciles Installations.

    `refresh` reads all Vendors and Licenses once more and has them judged: what is first seen is remembered as what it
    was then, and the news of a license may take a moment longer than that of what was installed with it.
    """

    def __init__(
        self, api: KubeApi, world: World, writer: StatusWriter, refresh: Callable[[], Awaitable[None]]
    ) -> None:
        self._api = api
        self._world = world
        self._writer = writer
        self._refresh = refresh

    async def reconcile(self, key: ReleaseKey, *, now: int) -> None:
        """Bring the Installation of one release to what is installed.

        Raises:
            ApiError: a read or write failed for a reason that may pass.
        """
        world = self._world
        latest = world.releases.latest(key)
        observed = world.observed[INSTALLATIONS].get(key)
        if latest is None:
            world.subjects.pop(key, None)
            if observed is not None and not await self._has_revisions(key):
                await self._delete(key, observed)
            return
        if key[0] not in world.namespaces:
            return  # it is being deleted, or new: then its labels, on which licenses may depend, are on their way
        running = world.releases.running(key)
        revisions = {latest, running or latest}
        verdicts = await self._judge(key, revisions)
        if verdicts is None or (observed is None and not any(verdicts.values())):
            return
        record = world.installations.get(key, InstallationRecord())
        if first_unlicensed(verdicts, record.history):
            await self._refresh()
            verdicts = await self._judge(key, revisions)
        observed = observed or await self._create(key)
        if verdicts is None or observed is None:
            return
        status = installation_status(
            key[1], record, observed, verdicts, running=running.number if running is not None else None, now=now
        )
        await self._writer.write(INSTALLATIONS, key, observed, status)
        if key in world.observed[INSTALLATIONS]:
            world.installations[key] = InstallationRecord(status.first_seen, status.history)

    async def _judge(self, key: ReleaseKey, revisions: Iterable[Revision]) -> Verdicts | None:
        """Judge the protected charts of some revisions by the licenses alone; None where one has just vanished."""
        subjects: dict[int, tuple[Subject, ...]] = {}
        for revision in revisions:
            found = await self._subjects(key, revision)
            if found is None:
                return None  # Helm has pruned it, and its own event is on the way
            subjects[revision.number] = found
        world = self._world
        release = ReleaseRef(key[1], (world.namespace(key[0]),))
        return {
            number: judge(found, release, world.registry, world.assessment, RanHere()).charts
            for number, found in subjects.items()
        }

    async def _subjects(self, key: ReleaseKey, revision: Revision) -> tuple[Subject, ...] | None:
        """Give the protected charts of a revision, which is read when it is seen for the first time; None if gone."""
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
            return None
        except ReleaseError as error:
            _logger.warning("release %s/%s, revision %d, can't be read: %s", *key, revision.number, error)
            subjects = ()
        still_there = self._world.releases.uids(key)
        kept = {uid: found for uid, found in self._world.subjects.get(key, {}).items() if uid in still_there}
        self._world.subjects[key] = {**kept, revision.uid: subjects}
        return subjects

    async def _has_revisions(self, key: ReleaseKey) -> bool:
        namespace, release = key
        page = await self._api.list(
            SECRETS.path(namespace),
            label_selector=f"owner=helm,name={release}",
            field_selector=RELEASE_FIELD_SELECTOR,
            metadata_only=True,
        )
        return bool(page.items)

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
