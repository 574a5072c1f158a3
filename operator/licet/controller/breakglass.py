"""BreakGlasses: saying whether one is open, and what came in while it was; and waking up when one ends.

A use is a revision of the release that began while a BreakGlass of it was open, and of which no license covers all
charts. What began, and when, is told by the objects in which Helm keeps releases; so uses are counted only with the
inventory, and also those that no gate has seen.
"""

from collections.abc import Callable
from typing import Final

from licet.cluster.events import EventRecorder, EventType, Regarding
from licet.cluster.resource import BREAK_GLASSES
from licet.controller.observed import Observed
from licet.controller.queue import Item, Kind
from licet.controller.uses import BreakGlassRecord
from licet.controller.world import World
from licet.controller.writer import StatusWriter
from licet.core import bounds
from licet.core.breakglass import BreakGlass, products
from licet.core.timestamps import format_instant
from licet.core.vendors import ProductClaim
from licet.resources.base import GROUP, VERSION
from licet.resources.breakglass import BreakGlassStatus, BreakGlassUse
from licet.resources.meta import ConditionType, Observation, conditions, find

_EXPIRED: Final = "Expired"


class BreakGlasses:
    """Reconciles BreakGlasses."""

    def __init__(
        self, world: World, writer: StatusWriter, events: EventRecorder, enqueue: Callable[[Item], None]
    ) -> None:
        self._world = world
        self._writer = writer
        self._events = events
        self._enqueue = enqueue

    def record(self, name: str, use: BreakGlassUse) -> None:
        """Take note that a revision came in by a BreakGlass; what is known already changes nothing."""
        known, observed = self._world.break_glasses.get(name), self._world.observed[BREAK_GLASSES].get(("", name))
        if known is None or observed is None or (updated := known.with_use(use)) == known:
            return
        self._world.break_glasses[name] = updated
        self._enqueue(Item(Kind.BREAK_GLASS, name=name))
        release = known.break_glass
        charts = ", ".join(f"{chart.name} {chart.version}" for chart in use.charts)
        self._events.emit(
            Regarding(f"{GROUP}/{VERSION}", "BreakGlass", name, uid=observed.uid),
            "Used",
            f"revision {use.revision} of release {release.namespace}/{release.release} came in, with {charts}",
            event_type=EventType.WARNING,
        )

    def assess(self, *, now: int) -> int | None:
        """Have those reconciled that are not over; gives the instant at which time alone changes one, or None.

        To be called whenever a license, a Vendor, a BreakGlass or the time has changed something.
        """
        for (_, name), observed in self._world.observed[BREAK_GLASSES].items():
            active = find(observed.conditions, ConditionType.ACTIVE)
            if active is None or active.reason != _EXPIRED:
                self._enqueue(Item(Kind.BREAK_GLASS, name=name))
        changes = (
            instant
            for record in self._world.break_glasses.values()
            for instant in (record.break_glass.created - bounds.CLOCK_LEAD_SECONDS, record.break_glass.ends)
            if instant > now
        )
        return min(changes, default=None)

    async def reconcile(self, name: str, *, now: int) -> None:
        """Bring the status of one BreakGlass up to date; raises `ApiError`."""
        world, key = self._world, ("", name)
        record, observed = world.break_glasses.get(name), world.observed[BREAK_GLASSES].get(key)
        if record is None or observed is None:
            return
        opened = record.break_glass
        about = products(opened, world.namespace(opened.namespace), world.registry, world.assessment)
        status = break_glass_status(record, observed, about, now=now)
        await self._writer.write(BREAK_GLASSES, key, observed, status)


def break_glass_status(
    record: BreakGlassRecord, observed: Observed, about: dict[ProductClaim, str | None], *, now: int
) -> BreakGlassStatus:
    """Say whether a BreakGlass is open, and what came in; `about` is what `licet.core.breakglass.products` gives."""
    return BreakGlassStatus(
        observed_generation=observed.generation,
        conditions=conditions(
            (_active(record.break_glass, about, now),),
            previous=observed.conditions,
            generation=observed.generation,
            now=now,
        ),
        ends=record.break_glass.ends,
        uses=record.uses,
        use_count=record.use_count,
    )


def _active(opened: BreakGlass, about: dict[ProductClaim, str | None], now: int) -> Observation:
    ends = format_instant(opened.ends)
    capped = ", a day after its creation, whatever spec.until says" if opened.ends < opened.until else ""
    if now >= opened.ends:
        return Observation(ConditionType.ACTIVE, False, "Expired", f"it ended at {ends}{capped}")
    if not opened.is_open(now):
        created = format_instant(opened.created)
        message = f"it was created at {created}, which is in the future; check the clock of this cluster"
        return Observation(ConditionType.ACTIVE, False, "NotYetOpen", message)
    ruled_out = [
        f"license {license_} rules it out for product {claim.product} of vendor {claim.vendor}"
        for claim, license_ in about.items()
        if license_ is not None
    ]
    if about and len(ruled_out) == len(about):
        return Observation(ConditionType.ACTIVE, False, "Forbidden", "; ".join(ruled_out))
    message = f"release {opened.release} of namespace {opened.namespace} is let in until {ends}{capped}"
    return Observation(ConditionType.ACTIVE, True, "Open", "; ".join((message, *ruled_out)))
