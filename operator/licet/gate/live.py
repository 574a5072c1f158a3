"""One more look at the cluster itself before the gate refuses: what was applied a moment ago counts.

A read that begins after a review arrived serves that review and all others that wait by then; while one read runs, the
next gathers. So any number of refusals costs one read at a time, and none is judged by a read that began before it.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

import prometheus_client

from licet.cluster.api import JsonObject, KubeApi
from licet.cluster.errors import ApiError
from licet.cluster.ledger import Ledger
from licet.cluster.records import LicenseRecord, VendorRecord, read_break_glass, read_namespace, read_ran_here
from licet.cluster.resource import BREAK_GLASSES, INSTALLATIONS, LICENSES, NAMESPACES, SECRETS, VENDORS
from licet.cluster.state import secret_data
from licet.core.breakglass import BreakGlass
from licet.core.errors import LicetError
from licet.core.licenses import Assessment
from licet.core.namespaces import Namespace
from licet.core.vendors import VendorRegistry
from licet.core.verdict import RanHere
from licet.gate.cache import Cache, Facts, InstallationKey, Place, emergency_of

READ_SECONDS: Final = 1.8  # two of them, the one that runs and the one that is waited for, fit into a review

_READS: Final = prometheus_client.Counter(
    "licet_gate_live_reads", "Reads of the cluster before a refusal, by what became of them: done, failed.", ["result"]
)
_logger: Final = logging.getLogger(__name__)

T = TypeVar("T")


class LiveReadError(LicetError):
    """The cluster could not be read once more in time."""


class LiveReader:
    """Reads what decisions depend on from the API server, now.

    `namespace` is the operator's own, where the Secrets of Licenses lie. Tokens that the controller keeps, and what is
    remembered, come from the cache: nobody but the controller writes them.
    """

    def __init__(self, api: KubeApi, cache: Cache, *, namespace: str, clock: Callable[[], float] = time.time) -> None:
        self._api = api
        self._cache = cache
        self._namespace = namespace
        self._clock = clock
        self._ledger = Ledger(cache.cluster, kept_stand_in=True)  # apart from the cache's, which watches alone may feed
        self._break_glasses: dict[str, BreakGlass] = {}
        self._running = asyncio.Lock()
        self._gathering: _Batch | None = None

    async def facts(self, place: Place) -> Facts:
        """Give what the cluster says after this call about a release's place.

        Raises:
            LiveReadError: it does not say.
        """
        batch = self._gathering
        if batch is None:
            batch = self._gathering = _Batch()
            batch.outcome = asyncio.create_task(self._serve(batch), name="live read")
        batch.namespaces.update(place.namespaces)
        if place.installation is not None:
            batch.installations.add(place.installation)
        outcome = await asyncio.shield(batch.outcome)
        if isinstance(outcome, LiveReadError):
            raise outcome
        return outcome.facts(place)

    async def _serve(self, batch: "_Batch") -> "_Reading | LiveReadError":
        async with self._running:
            self._gathering = None
            try:
                async with asyncio.timeout(READ_SECONDS):
                    reading = await self._read(batch)
            except (LicetError, TimeoutError) as error:
                _READS.labels("failed").inc()
                reason = str(error) or f"no answer within {READ_SECONDS} s"
                _logger.warning("the cluster could not be read before a refusal: %s", reason)
                return LiveReadError(reason)
            _READS.labels("done").inc()
            return reading

    async def _read(self, batch: "_Batch") -> "_Reading":
        vendors, licenses, break_glasses, namespaces, installations = await asyncio.gather(
            self._api.list(VENDORS.path()),
            self._api.list(LICENSES.path()),
            self._list_break_glasses(),
            asyncio.gather(*map(self._read_namespace, batch.namespaces)),
            asyncio.gather(*map(self._read_installation, batch.installations)),
        )
        ledger = self._ledger
        _replace(ledger.vendors, vendors.items, VendorRecord.read, ledger.set_vendor)
        _replace(ledger.licenses, licenses.items, LicenseRecord.read, ledger.set_license)
        _replace(self._break_glasses, break_glasses, read_break_glass, self._set_break_glass)
        # None is taken in before all are there: what outlives a read that failed must not get into the next one.
        names = {reference.name for reference in ledger.references()}
        for name, data in zip(names, await asyncio.gather(*map(self._read_secret, names)), strict=True):
            ledger.set_secret(name, data)
        ledger.kept = self._cache.kept
        now = int(self._clock())
        return _Reading(
            now=now,
            registry=ledger.registry,
            assessment=ledger.assess(self._cache.memory, now),
            break_glasses=tuple(self._break_glasses.values()),
            namespaces={namespace.name: namespace for namespace in namespaces},
            installations=dict(installations),
        )

    def _set_break_glass(self, name: str, break_glass: BreakGlass | None) -> None:
        if break_glass is None:
            del self._break_glasses[name]
        else:
            self._break_glasses[name] = break_glass

    async def _list_break_glasses(self) -> list[JsonObject]:
        """List them; where that is not allowed, or the kind is not there, nothing is let in by any."""
        try:
            return (await self._api.list(BREAK_GLASSES.path())).items
        except ApiError as error:
            if not (error.is_forbidden or error.is_not_found):
                raise
            _logger.warning("BreakGlasses can't be read: %s", error)
            return []

    async def _read_namespace(self, name: str) -> Namespace:
        try:
            path = NAMESPACES.path(name=name)
        except LicetError:  # a name that no namespace can have
            return Namespace(name)
        obj = await self._get(path, metadata_only=True)
        return read_namespace(obj) if obj is not None else Namespace(name)

    async def _read_installation(self, key: InstallationKey) -> tuple[InstallationKey, RanHere]:
        try:
            path = INSTALLATIONS.path(*key)
        except LicetError:
            return key, RanHere()
        if key[1] is None:
            return key, RanHere.of_applications(map(read_ran_here, (await self._api.list(path)).items))
        obj = await self._get(path)
        return key, read_ran_here(obj) if obj is not None else RanHere()

    async def _read_secret(self, name: str) -> dict[str, bytes] | None:
        try:
            secret = await self._get(SECRETS.path(self._namespace, name))
        except ApiError as error:
            if not error.is_forbidden:
                raise
            _logger.warning("the Secret of a License can't be read: %s", error)  # the License's own fault, or RBAC's
            secret = None
        return secret_data(secret) if secret is not None else None

    async def _get(self, path: str, *, metadata_only: bool = False) -> JsonObject | None:
        try:
            return await self._api.get(path, metadata_only=metadata_only)
        except ApiError as error:
            if error.is_not_found:
                return None
            raise


@dataclass(slots=True)
class _Batch:
    """Those that wait for one read: what they ask for."""

    namespaces: set[str] = field(default_factory=set)
    installations: set[InstallationKey] = field(default_factory=set)
    outcome: "asyncio.Task[_Reading | LiveReadError]" = field(init=False)


@dataclass(frozen=True, slots=True)
class _Reading:
    """What a read found."""

    now: int
    registry: VendorRegistry
    assessment: Assessment
    break_glasses: tuple[BreakGlass, ...]
    namespaces: Mapping[str, Namespace]
    installations: Mapping[InstallationKey, RanHere]

    def facts(self, place: Place) -> Facts:
        return Facts(
            registry=self.registry,
            assessment=self.assessment,
            namespaces=tuple(self.namespaces[name] for name in place.namespaces),
            ran_here=self.installations[place.installation] if place.installation is not None else RanHere(),
            emergency=emergency_of(self.break_glasses, place, self.now),
        )


def _replace(
    known: Mapping[str, T],
    objects: Iterable[JsonObject],
    read: Callable[[JsonObject], T],
    put: Callable[[str, T | None], None],
) -> None:
    """Make a table equal to a list of objects; of one that can't be read, what was known stays, as with watches."""
    names: set[str] = set()
    for obj in objects:
        name = obj["metadata"]["name"]
        names.add(name)
        try:
            record = read(obj)
        except Exception:
            _logger.exception("%s cannot be read; what was known of it stays", name)
        else:
            put(name, record)
    for name in known.keys() - names:
        put(name, None)
