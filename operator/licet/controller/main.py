"""The controller as a process: wires watches, work queue and reconcilers together, and runs until told to stop.

Nothing is reconciled before everything was listed once: the last good projection must not give way to one that was made
from half of the licenses.
"""

import asyncio
import logging
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from licet import __version__
from licet.cluster.api import JsonObject, KubeApi
from licet.cluster.errors import ApiError
from licet.cluster.events import EventRecorder
from licet.cluster.ledger import Ledger
from licet.cluster.logs import LogFormat, configure_logging
from licet.cluster.resource import Resource
from licet.cluster.serving import StatusServer
from licet.cluster.state import cluster_uid
from licet.controller.alarm import Alarm
from licet.controller.informers import Informers
from licet.controller.metrics import exported
from licet.controller.queue import Item, Kind, WorkQueue
from licet.controller.reconciling import Reconciler
from licet.controller.watching import Watch
from licet.controller.world import OWN_KINDS, World
from licet.resources.base import GROUP, VERSION

COMPONENT: Final = "licet-controller"

# What others are derived from, so that they are derived once; what is to be safe soon; and what Helm meets in the API
# server as soon as the gate, which waits for nobody, has let a release in.
_FIRST: Final = (Kind.ASSESSMENT, Kind.TOKEN, Kind.MEMORY, Kind.KEPT_TOKENS, Kind.WORKLOAD_POLICY)

_RETRY_SECONDS: Final = 2.0
_SETTLED_SECONDS: Final = 5.0  # how long kopf may take from one object that it lists anew to the next
_EVENTS_SECONDS: Final = 2.0
_HEAD_START_SECONDS: Final = 15.0  # a License that is applied meanwhile waits

_logger: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerOptions:
    """How the controller is run; an empty host stands for all addresses."""

    namespace: str
    """The operator's own."""
    kubeconfig: str | None = None
    status_host: str = ""
    status_port: int = 8080
    inventory: bool = True
    """Whether releases and workloads are read, for Installations."""
    workload_policies: bool = False
    """Whether the API server's admission policies are told what is licensed."""
    policy_reports: bool = True
    """Whether what the inventory finds is told in policy reports as well, where their kinds are served."""
    exempt_users: tuple[str, ...] = ()
    """The users whose workloads these policies do not judge."""
    log_format: LogFormat = LogFormat.AUTO
    log_level: int = logging.INFO


def run(options: ControllerOptions) -> None:
    """Run the controller until SIGTERM or SIGINT.

    Raises:
        LicetError: there is no cluster to connect to, or the status address is taken.
    """
    configure_logging(options.log_format, options.log_level)
    asyncio.run(_run(options))


async def _run(options: ControllerOptions) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with KubeApi.connect(options.kubeconfig, user_agent=f"{COMPONENT}/{__version__}") as api:
        _logger.info("licet controller %s, API server %s", __version__, api.server)
        controller = Controller(api, options)
        async with StatusServer(options.status_host, options.status_port, ready=controller.problems):
            await controller.run(stopping)


class Controller:
    """Everything that runs in the controller's process."""

    def __init__(self, api: KubeApi, options: ControllerOptions) -> None:
        self._api = api
        self._world = World(Ledger(cluster=None))
        self._events = EventRecorder(api, COMPONENT)
        self._queue = WorkQueue(lambda item: self._reconciler.reconcile(item), first=_FIRST)
        self._alarm = Alarm(partial(self._queue.add, Item(Kind.ASSESSMENT)))
        self._reconciler = Reconciler(
            api,
            self._world,
            self._events,
            namespace=options.namespace,
            inventory=options.inventory,
            workload_policies=options.workload_policies,
            policy_reports=options.policy_reports and options.inventory,
            exempt_users=options.exempt_users,
            enqueue=self._queue.add,
            set_alarm=self._alarm.set,
        )
        informers = Informers(api, self._world, options.namespace, self._queue.add, self._queue.add_later)
        kept = {"inventory": options.inventory, "workload_policies": options.workload_policies}
        self._informers = tuple(informers.make(**kept))
        self._of_workloads = informers.make_of_workloads(**kept)
        self._watch = Watch(options.kubeconfig, self._hear)
        self._learned = False

    def problems(self) -> Iterator[str]:
        """Name what keeps the controller from being ready."""
        now = time.monotonic()
        yield from filter(None, (informer.problem(now) for informer in (*self._informers, *self._of_workloads)))
        if not self._learned:
            yield "start: not everything was listed yet"

    async def run(self, stopping: asyncio.Event) -> None:
        """Run until `stopping` is set; a reconcile that is cut off by that is made good at the next start."""
        async with asyncio.TaskGroup() as tasks:
            events = tasks.create_task(self._events.run())
            work = tasks.create_task(self._work())
            await stopping.wait()
            _logger.info("stopping")
            work.cancel()
            await asyncio.wait([work])
            with suppress(TimeoutError):
                async with asyncio.timeout(_EVENTS_SECONDS):
                    await self._events.flush()
            events.cancel()

    async def _work(self) -> None:
        self._world.ledger.cluster = await cluster_uid(self._api)
        with exported(self._world):
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._alarm.run())
                for informer in (*self._informers, *self._of_workloads):
                    tasks.create_task(informer.run(), name=f"watch {informer.resource}")
                await self._learn()
                if self._reconciler.reports is not None:
                    tasks.create_task(self._reconciler.reports.run())
                tasks.create_task(self._queue.run())
                tasks.create_task(self._watch_own_kinds())

    async def _watch_own_kinds(self) -> None:
        """Watch, once what was listed has been brought about: kopf lists all of it anew, and hears of each write."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_HEAD_START_SECONDS):
                await self._queue.idle()
        await self._watch.run(self._until_served)

    async def _learn(self) -> None:
        for informer in self._informers:
            await informer.synced.wait()
        for informer in self._of_workloads:
            await informer.settled.wait()  # without some of them, all else goes on
        while True:
            try:
                await self._reconciler.learn()
                break
            except ApiError as error:
                _logger.warning("the cluster can't be read yet, trying again: %s", error)
                await asyncio.sleep(_RETRY_SECONDS)
        self._learned = True
        counts = ", ".join(f"{len(self._world.observed[resource])} {resource.plural}" for resource in OWN_KINDS)
        _logger.info("ready: %s", counts)

    async def _until_served(self) -> None:
        """Wait until the API server serves licet's own kinds and says so."""
        waited = False
        while True:
            try:
                discovered = await self._api.get(f"/apis/{GROUP}/{VERSION}")
                missing = {kind.plural for kind in OWN_KINDS} - {each["name"] for each in discovered["resources"]}
                if not missing:
                    break
                problem = f"{', '.join(sorted(missing))} are not served"
            except ApiError as error:
                problem = str(error)
            if not waited:
                _logger.warning("licet's kinds can't be watched yet: %s", problem)
            waited = True
            await asyncio.sleep(_RETRY_SECONDS)
        for resource in OWN_KINDS:
            self._compare_soon(resource)

    def _hear(self, resource: Resource, event: str | None, obj: JsonObject) -> None:
        metadata = obj["metadata"]
        if event == "DELETED":
            self._reconciler.intake.forget(resource, (metadata.get("namespace", ""), metadata["name"]), metadata["uid"])
            return
        self._reconciler.intake.take(resource, obj)
        if event is None:
            self._compare_soon(resource)

    def _compare_soon(self, resource: Resource) -> None:
        """Look for what vanished before kopf listed, of which it tells nothing; once it has listed all."""
        self._queue.add_after(Item(Kind.COMPARISON, name=resource.plural), _SETTLED_SECONDS)
