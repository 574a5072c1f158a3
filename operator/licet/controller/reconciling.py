"""Reconciling whatever an item is about: which reconciler is called for it, and who calls whom."""

import asyncio
import time
from collections.abc import Callable

from licet.cluster.api import KubeApi
from licet.cluster.events import EventRecorder
from licet.cluster.resource import LICENSES, VENDORS
from licet.controller.breakglass import BreakGlasses
from licet.controller.certificates import GateCertificate
from licet.controller.intake import Intake
from licet.controller.inventory import Inventory
from licet.controller.licensing import Licensing
from licet.controller.listing import COMPARE_SECONDS, Lister
from licet.controller.policies import WorkloadPolicies
from licet.controller.projecting import Projector
from licet.controller.queue import Item, Kind
from licet.controller.remembering import MARK_SECONDS, Remembering
from licet.controller.reports import PolicyReports
from licet.controller.sources import InstallationKey
from licet.controller.tokens import Tokens
from licet.controller.world import OWN_KINDS, World
from licet.controller.writer import StatusWriter


class Reconciler:
    """All reconcilers, over one world.

    `set_alarm` is told the instant at which time alone changes something, in epoch seconds, or None.
    """

    def __init__(
        self,
        api: KubeApi,
        world: World,
        events: EventRecorder,
        *,
        namespace: str,
        inventory: bool,
        workload_policies: bool,
        policy_reports: bool,
        exempt_users: tuple[str, ...],
        enqueue: Callable[[Item], None],
        set_alarm: Callable[[int | None], None],
    ) -> None:
        self.intake = Intake(world, enqueue)
        self._world = world
        self._enqueue = enqueue
        self._set_alarm = set_alarm
        writer = StatusWriter(api, world, events)
        self._lister = Lister(api, world, self.intake)
        self._tokens = Tokens(api, world, namespace, enqueue)
        self._licensing = Licensing(world, writer, enqueue, workload_policies=workload_policies)
        self._projector = Projector(api, world, writer)
        self._break_glasses = BreakGlasses(world, writer, events, enqueue)
        self._inventory = (
            Inventory(api, world, writer, self._refresh, self._break_glasses.record, enqueue) if inventory else None
        )
        self._policies = WorkloadPolicies(api, world, enqueue, exempt_users=exempt_users) if workload_policies else None
        self.reports = PolicyReports(api, world, enqueue) if policy_reports else None
        self._remembering = Remembering(api, world, namespace)
        self._certificate = GateCertificate(api, namespace)
        self._refreshing = asyncio.Lock()
        self._refresh_begun_at = 0.0

    async def learn(self) -> None:
        """Learn what there is before anything is reconciled, and judge it; raises `ApiError`."""
        await self._remembering.load()
        await self._lister.list_all()
        await self._tokens.read_new()
        if self._policies is not None:
            await self._policies.load()
        self._assess()
        self._take_inventory()
        for kind in (Kind.CERTIFICATE, Kind.MEMORY, Kind.KEPT_TOKENS):
            self._enqueue(Item(kind))

    async def reconcile(self, item: Item) -> float | None:
        """Bring what an item is about to what it has to be; gives the seconds after which to look again, or None.

        Raises:
            ApiError: a request failed for a reason that may pass.
        """
        now, key = int(time.time()), (item.namespace, item.name)
        match item.kind:
            case Kind.ENTITLEMENT:
                return await self._projector.reconcile(key, now=now)
            case Kind.LICENSE:
                await self._licensing.reconcile_license(item.name, now=now)
            case Kind.VENDOR:
                await self._licensing.reconcile_vendor(item.name, now=now)
            case Kind.INSTALLATION:
                return await self._reconcile_installation(key, now=now)
            case Kind.WORKLOAD_POLICY | Kind.REPORT:
                return await self._tell_others(item, now=now)
            case Kind.BREAK_GLASS:
                await self._break_glasses.reconcile(item.name, now=now)
            case Kind.TOKEN:
                await self._tokens.read(item.name)
            case Kind.ASSESSMENT:
                self._assess()
            case _:
                return await self._maintain(item, now=now)
        return None

    async def _tell_others(self, item: Item, *, now: int) -> float | None:
        if item.kind is Kind.WORKLOAD_POLICY and self._policies is not None:
            await self._policies.reconcile(item.name, now=now)
        elif item.kind is Kind.REPORT and self.reports is not None:
            return await self.reports.reconcile(item.namespace)
        return None

    async def _maintain(self, item: Item, *, now: int) -> float | None:
        match item.kind:
            case Kind.MEMORY:
                if await self._remembering.load_memory():
                    self._assess()
                await self._remembering.save_memory(now=now)
                return MARK_SECONDS
            case Kind.INVENTORY:
                self._take_inventory()
            case Kind.KEPT_TOKENS:
                await self._remembering.keep_tokens()
            case Kind.CERTIFICATE:
                return await self._certificate.reconcile(now=now)
            case Kind.COMPARISON:
                await self._lister.list(next(each for each in OWN_KINDS if each.plural == item.name))
                return COMPARE_SECONDS
        return None

    async def _reconcile_installation(self, key: InstallationKey, *, now: int) -> float | None:
        if self._inventory is None:
            return None
        before = self._world.history(key)
        look_again = await self._inventory.reconcile(key, now=now)
        if self._policies is not None and self._world.history(key) != before:
            self._policies.enqueue_all()  # they carry what once ran licensed
        return look_again

    def _take_inventory(self) -> None:
        """Have all Installations reconciled, those too that are to be made of workloads."""
        world = self._world
        made = frozenset(world.installations)
        for key in made.union(map(world.sources.enlist, world.protected_sources())):
            self._enqueue(Item(Kind.INSTALLATION, *key))

    def _assess(self) -> None:
        now = int(time.time())
        self._licensing.assess(now=now)
        if self._policies is not None:
            self._policies.enqueue_all()  # before a BreakGlass is said to be open
        changes = (self._world.assessment.next_change, self._break_glasses.assess(now=now))
        self._set_alarm(min((change for change in changes if change is not None), default=None))
        if self.reports is not None:
            self.reports.look_at_vendors()

    async def _refresh(self) -> None:
        """Read all Vendors and Licenses and judge them; one reading, begun after they asked, serves all that wait."""
        asked_at = time.monotonic()
        async with self._refreshing:
            if self._refresh_begun_at > asked_at:
                return
            self._refresh_begun_at = time.monotonic()
            await self._lister.list(VENDORS)
            await self._lister.list(LICENSES)
            await self._tokens.read_new()
            self._assess()
