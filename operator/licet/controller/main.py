"""The controller as a process: wires watches, work queue and reconcilers together, and runs until told to stop.

kopf watches licet's own kinds, logs in and handles signals. Core kinds are watched by informers, because of them only
metadata, or only what carries licet's label, is wanted. Nothing is reconciled before everything was listed once: the
last good projection must not give way to one that was made from half of the licenses.
"""

import asyncio
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import kopf

from licet import __version__
from licet.cluster.api import JsonObject, KubeApi
from licet.cluster.errors import ApiError
from licet.cluster.events import EventRecorder
from licet.cluster.ledger import Ledger
from licet.cluster.logs import LogFormat, configure_logging
from licet.cluster.records import read_namespace
from licet.cluster.resource import (
    CONFIG_MAPS,
    ENTITLEMENTS,
    INSTALLATIONS,
    LICENSES,
    NAMESPACES,
    SECRETS,
    VENDORS,
    WEBHOOK_CONFIGURATIONS,
)
from licet.cluster.serving import StatusServer
from licet.cluster.state import MEMORY_NAME, TOKENS_NAME, cluster_uid, secret_data
from licet.cluster.watch import Informer
from licet.cluster.watch import Key as ObjectKey
from licet.controller.alarm import Alarm
from licet.controller.certificates import CA_SECRET, SERVING_SECRET, WEBHOOK_CONFIGURATION, GateCertificate
from licet.controller.children import MANAGED_BY_SELECTOR, RESOURCES, Child
from licet.controller.handlers import Intake, register
from licet.controller.inventory import RELEASE_FIELD_SELECTOR, Inventory
from licet.controller.licensing import Licensing
from licet.controller.projecting import Projector
from licet.controller.queue import Item, Kind, WorkQueue
from licet.controller.releases import Revision
from licet.controller.remembering import MARK_SECONDS, Remembering
from licet.controller.world import World
from licet.controller.writer import StatusWriter
from licet.core.namespaces import Namespace
from licet.resources.entitlement import TargetKind

COMPONENT: Final = "licet-controller"

_OWN_KINDS: Final = (VENDORS, LICENSES, ENTITLEMENTS, INSTALLATIONS)
_COMPARE_SECONDS: Final = 600.0  # kopf does not tell of what vanished while it had to list anew
_RETRY_SECONDS: Final = 2.0
_EXIT_SECONDS: Final = 20.0

_logger: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ControllerOptions:
    """How the controller is run."""

    namespace: str  # the operator's own
    kubeconfig: str | None = None
    status_host: str = "0.0.0.0"  # noqa: S104 - probes and metrics come from outside the Pod
    status_port: int = 8080
    inventory: bool = True  # whether Helm releases are read
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
    async with KubeApi.connect(options.kubeconfig, user_agent=f"{COMPONENT}/{__version__}") as api:
        _logger.info("licet controller %s, API server %s", __version__, api.server)
        controller = Controller(api, options, cluster=await cluster_uid(api))
        async with StatusServer(options.status_host, options.status_port, ready=controller.problems):
            await controller.run()


class Controller:
    """Everything that runs in the controller's process."""

    def __init__(self, api: KubeApi, options: ControllerOptions, *, cluster: str) -> None:
        self._api = api
        self._options = options
        self._world = World(Ledger(cluster))
        self._queue = WorkQueue(self._reconcile)
        self._intake = Intake(self._world, self._enqueue)
        self._events = EventRecorder(api, COMPONENT)
        writer = StatusWriter(api, self._events)
        self._licensing = Licensing(self._world, writer, self._enqueue)
        self._projector = Projector(api, self._world, writer)
        self._inventory = Inventory(api, self._world, writer)
        self._remembering = Remembering(api, self._world, options.namespace)
        self._certificate = GateCertificate(api, options.namespace)
        self._alarm = Alarm(partial(self._enqueue, Item(Kind.ASSESSMENT)))
        self._informers = tuple(self._make_informers())
        self._started = False

    def problems(self) -> list[str]:
        """Name what keeps the controller from being ready."""
        now = time.monotonic()
        watches = (informer.problem(now) for informer in self._informers)
        return [*filter(None, watches), *([] if self._started else ["start: not everything was listed yet"])]

    async def run(self) -> None:
        """Run until kopf has been told to stop."""
        async with asyncio.TaskGroup() as tasks:
            background = [
                tasks.create_task(self._events.run()),
                tasks.create_task(self._alarm.run()),
                *(tasks.create_task(informer.run()) for informer in self._informers),
            ]
            await self._learn()
            background += [tasks.create_task(self._queue.run()), tasks.create_task(self._compare_from_time_to_time())]
            await self._run_kopf()
            for task in background:
                task.cancel()

    async def _run_kopf(self) -> None:
        registry = kopf.OperatorRegistry()
        register(registry, self._intake, self._options.kubeconfig)
        settings = kopf.OperatorSettings()
        settings.posting.enabled = False
        settings.scanning.disabled = True
        settings.process.ultimate_exiting_timeout = _EXIT_SECONDS
        await kopf.operator(registry=registry, settings=settings, standalone=True, clusterwide=True)

    async def _learn(self) -> None:
        """Learn all there is before anything is reconciled; what can't be read is waited for."""
        while True:
            try:
                await self._remembering.load()
                for resource in _OWN_KINDS:
                    await self._list_own(resource.plural)
                for informer in self._informers:
                    await informer.synced.wait()
                for name in {reference.name for reference in self._world.ledger.references()}:
                    await self._read_token(name)
                break
            except ApiError as error:
                _logger.warning("the cluster can't be read yet, trying again: %s", error)
                await asyncio.sleep(_RETRY_SECONDS)
        self._assess()
        self._enqueue(Item(Kind.CERTIFICATE))
        self._enqueue(Item(Kind.MEMORY))
        self._started = True
        _logger.info(
            "ready: %d vendors, %d licenses, %d entitlements, %d installations",
            *(len(self._intake.known(resource.plural)) for resource in _OWN_KINDS),
        )

    async def _compare_from_time_to_time(self) -> None:
        while True:
            await asyncio.sleep(_COMPARE_SECONDS)
            for resource in _OWN_KINDS:
                try:
                    await self._list_own(resource.plural)
                except ApiError as error:
                    _logger.warning("%s could not be compared with a fresh list: %s", resource, error)

    async def _list_own(self, plural: str) -> None:
        """List objects of one of licet's kinds, and take note of those that are new, changed or gone."""
        resource = next(each for each in _OWN_KINDS if each.plural == plural)
        before, seen = self._intake.known(plural), set()
        async for page in self._api.pages(resource.path()):
            for obj in page.items:
                self._intake.take(plural, obj)
                seen.add((obj["metadata"].get("namespace", ""), obj["metadata"]["name"]))
        for namespace, name in before - seen:
            self._intake.take(plural, {"metadata": {"namespace": namespace, "name": name}}, deleted=True)

    # -- reconciling ---------------------------------------------------------------------------------------------------

    def _enqueue(self, item: Item) -> None:
        # What others are derived from goes first, so that they are derived once.
        self._queue.add(item, first=item.kind in {Kind.ASSESSMENT, Kind.TOKEN})

    async def _reconcile(self, item: Item) -> float | None:
        now, key = int(time.time()), (item.namespace, item.name)
        match item.kind:
            case Kind.ENTITLEMENT:
                return await self._projector.reconcile(key, now=now)
            case Kind.LICENSE:
                await self._licensing.reconcile_license(item.name, now=now)
            case Kind.VENDOR:
                await self._licensing.reconcile_vendor(item.name, now=now)
            case Kind.INSTALLATION if self._options.inventory:
                await self._inventory.reconcile(key, now=now)
            case Kind.TOKEN:
                await self._read_token(item.name)
            case _:
                return await self._reconcile_own_state(item.kind, now=now)
        return None

    async def _reconcile_own_state(self, kind: Kind, *, now: int) -> float | None:
        match kind:
            case Kind.ASSESSMENT:
                self._assess()
            case Kind.MEMORY:
                if await self._remembering.load_memory():
                    self._assess()
                await self._remembering.save_memory(now=now)
                return float(MARK_SECONDS)
            case Kind.KEPT_TOKENS:
                await self._remembering.keep_tokens()
            case Kind.CERTIFICATE:
                return await self._certificate.reconcile(now=now)
        return None

    def _assess(self) -> None:
        self._licensing.assess(now=int(time.time()))
        self._alarm.set(self._world.assessment.next_change)

    async def _read_token(self, name: str) -> None:
        """Read a Secret that Licenses refer to, and judge anew if it holds something else than before."""
        try:
            secret = await self._api.get(SECRETS.path(self._options.namespace, name))
        except ApiError as error:
            if not error.is_not_found:
                raise
            data = None
        else:
            data = secret_data(secret)
        if self._world.ledger.set_secret(name, data):
            self._enqueue(Item(Kind.ASSESSMENT))

    # -- watching ------------------------------------------------------------------------------------------------------

    def _make_informers(self) -> Iterable[Informer[Any]]:
        api, namespace = self._api, self._options.namespace
        yield Informer(api, NAMESPACES, read_namespace, self._on_namespace, metadata_only=True)
        for kind, resource in RESOURCES.items():
            yield Informer(
                api,
                resource,
                partial(Child.read, kind),
                partial(self._on_child, kind),
                label_selector=MANAGED_BY_SELECTOR,
            )
        yield Informer(
            api,
            SECRETS,
            _resource_version,
            self._on_own_secret,
            namespace=namespace,
            field_selector=f"type!={RELEASE_FIELD_SELECTOR.removeprefix('type=')}",
            metadata_only=True,
        )
        yield Informer(
            api,
            CONFIG_MAPS,
            _resource_version,
            lambda *_: self._enqueue(Item(Kind.MEMORY)),
            namespace=namespace,
            field_selector=f"metadata.name={MEMORY_NAME}",
            metadata_only=True,
        )
        yield Informer(
            api,
            WEBHOOK_CONFIGURATIONS,
            _resource_version,
            lambda *_: self._enqueue(Item(Kind.CERTIFICATE)),
            field_selector=f"metadata.name={WEBHOOK_CONFIGURATION}",
            metadata_only=True,
        )
        if self._options.inventory:
            yield Informer(
                api,
                SECRETS,
                Revision.read,
                self._on_revision,
                field_selector=RELEASE_FIELD_SELECTOR,
                metadata_only=True,
            )

    def _on_namespace(self, key: ObjectKey, _: Namespace | None, new: Namespace | None) -> None:
        for affected in self._world.set_namespace(key[1], new):
            self._enqueue(Item(Kind.ENTITLEMENT, *affected))
        for release in self._world.releases.in_namespace(key[1]):
            self._enqueue(Item(Kind.INSTALLATION, *release))

    def _on_child(self, kind: TargetKind, key: ObjectKey, old: Child | None, new: Child | None) -> None:
        child_key = (kind, *key)
        known = self._world.children.get(child_key)
        self._world.set_child(child_key, new)
        if known is not None and new is not None and known.content == new.content:
            return  # the echo of what was just written, or a change that is free to others
        owner = self._world.entitlements.owner_of(child_key)
        concerned = {owner, *(self._world.entitlements.by_uid.get(each.owner_uid) for each in (old, new) if each)}
        for entitlement in filter(None, concerned):
            self._enqueue(Item(Kind.ENTITLEMENT, *entitlement))

    def _on_own_secret(self, key: ObjectKey, _: str | None, new: str | None) -> None:
        name = key[1]
        if name in {CA_SECRET, SERVING_SECRET}:
            self._enqueue(Item(Kind.CERTIFICATE))
        elif name == TOKENS_NAME:
            if self._remembering.is_foreign(new):
                self._enqueue(Item(Kind.KEPT_TOKENS))
        elif any(reference.name == name for reference in self._world.ledger.references()):
            self._enqueue(Item(Kind.TOKEN, name=name))

    def _on_revision(self, key: ObjectKey, old: Revision | None, new: Revision | None) -> None:
        for release in self._world.releases.set(key[0], old, new):
            self._enqueue(Item(Kind.INSTALLATION, *release))


def _resource_version(obj: JsonObject) -> str:
    version: str = obj["metadata"]["resourceVersion"]
    return version
