"""Judging all Licenses together, and saying so in the statuses of Licenses and Vendors."""

import logging
from collections import Counter
from collections.abc import Callable
from typing import Final

import prometheus_client

from licet.cluster.resource import LICENSES, VENDORS
from licet.controller.queue import Item, Kind
from licet.controller.statuses import license_status, vendor_status
from licet.controller.world import World
from licet.controller.writer import StatusWriter
from licet.core.licenses import Assessment, Standing
from licet.core.reasons import Reason

_NOT_AFTER: Final = prometheus_client.Gauge(
    "licet_license_not_after_timestamp_seconds",
    "When a license expires, in seconds since 1970; its grace period comes after that.",
    ["license", "vendor"],
)
_VALID: Final = prometheus_client.Gauge(
    "licet_license_valid",
    "1 while a token is in order, in its grace period too; else 0.",
    ["license", "vendor", "reason"],
)
_logger: Final = logging.getLogger(__name__)


class Licensing:
    """Reconciles the assessment of all Licenses, and the status of each License and Vendor.

    With `workload_policies`, the status of a Vendor waits until it is known how its workloads are judged.
    """

    def __init__(
        self, world: World, writer: StatusWriter, enqueue: Callable[[Item], None], *, workload_policies: bool = False
    ) -> None:
        self._workload_policies = workload_policies
        self._world = world
        self._writer = writer
        self._enqueue = enqueue

    def assess(self, *, now: int) -> None:
        """Judge all Licenses anew, and enqueue whatever this changes."""
        world, ledger = self._world, self._world.ledger
        before = world.assessment
        assessment = ledger.assess(world.memory, now)
        remembered = assessment.memory != world.memory
        kept, ledger.kept = ledger.kept, ledger.tokens_to_keep()  # at once: a Secret may be gone the next moment
        affected = world.adopt(assessment)
        for key in affected.entitlements:
            self._enqueue(Item(Kind.ENTITLEMENT, *key))
        for release in affected.installations:
            self._enqueue(Item(Kind.INSTALLATION, *release))
        for name in _changed_standings(before, assessment):
            self._enqueue(Item(Kind.LICENSE, name=name))
            standing = assessment.standings.get(name)
            if standing is not None:
                _logger.info("license %s: %s: %s", name, standing.reason, standing.message, extra={"license": name})
        counts = (_licenses_by_vendor(before), _licenses_by_vendor(assessment))
        for name in {vendor for vendor, _ in counts[0].items() ^ counts[1].items()}:
            self._enqueue(Item(Kind.VENDOR, name=name))
        if remembered:
            self._enqueue(Item(Kind.MEMORY))
        if ledger.kept != kept:
            self._enqueue(Item(Kind.KEPT_TOKENS))
        _export(assessment)

    async def reconcile_license(self, name: str, *, now: int) -> None:
        """Bring the status of one License to what the last assessment says."""
        observed = self._world.observed[LICENSES].get(("", name))
        standing = self._world.assessment.standings.get(name)
        if observed is None or standing is None or observed.deleting or name in self._world.unread:
            return
        await self._writer.write(LICENSES, ("", name), observed, license_status(standing, observed, now=now))

    async def reconcile_vendor(self, name: str, *, now: int) -> None:
        """Bring the status of one Vendor to what is known of it."""
        observed = self._world.observed[VENDORS].get(("", name))
        record = self._world.ledger.vendors.get(name)
        judging = self._world.judging.get(name)
        if observed is None or record is None or observed.deleting or (self._workload_policies and judging is None):
            return
        licenses = _licenses_by_vendor(self._world.assessment)[name]
        status = vendor_status(record, self._world.registry, observed, licenses=licenses, judging=judging, now=now)
        await self._writer.write(VENDORS, ("", name), observed, status)


def _changed_standings(before: Assessment, after: Assessment) -> list[str]:
    return [
        name
        for name in before.standings.keys() | after.standings.keys()
        if _signature(before.standings.get(name)) != _signature(after.standings.get(name))
    ]


def _signature(standing: Standing | None) -> tuple[object, ...] | None:
    if standing is None:
        return None
    text = standing.token.text if standing.token else None
    return standing.reason, standing.message, text, standing.expiring_soon, standing.findings


def _licenses_by_vendor(assessment: Assessment) -> Counter[str]:
    return Counter(standing.token.vendor for standing in assessment.standings.values() if standing.token)


def _export(assessment: Assessment) -> None:
    _NOT_AFTER.clear()
    _VALID.clear()
    for standing in assessment.standings.values():
        vendor = standing.token.vendor if standing.token else ""
        valid = standing.reason in {Reason.VERIFIED, Reason.IN_GRACE}
        _VALID.labels(standing.name, vendor, standing.reason).set(valid)
        if standing.token:
            _NOT_AFTER.labels(standing.name, vendor).set(standing.token.claims.exp)
