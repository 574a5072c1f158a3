"""Telling what is installed without a license in policy reports, where users of Kyverno and its like look already.

- Where the kind `Report` of openreports.io is served, that is what is written, since somebody has chosen it; else
  `PolicyReport` of wgpolicyk8s.io. Where neither is, nothing is watched but their definitions.
- There is one report for each namespace with something to report, and its name is `licet`. One that somebody has
  changed is put right. A report is licet's when it has licet's label; any other is never touched.
- What is reported is what Installations say.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from licet.cluster.api import JsonObject, KubeApi
from licet.cluster.errors import ApiError
from licet.cluster.resource import INSTALLATIONS, POLICY_REPORTS, REPORTS, Resource
from licet.cluster.served import ServedKinds
from licet.cluster.watch import Informer
from licet.cluster.watch import Key as ObjectKey
from licet.controller.children import MANAGED_BY, MANAGED_BY_SELECTOR
from licet.controller.observed import Written, digest
from licet.controller.queue import Item, Kind
from licet.controller.reporting import NAME, Reported, read_reported, report_content
from licet.controller.world import World
from licet.core.reasons import Enforcement

KINDS: Final[Mapping[Resource, JsonObject]] = {
    REPORTS: {"apiVersion": "openreports.io/v1alpha1", "kind": "Report", "source": NAME},
    POLICY_REPORTS: {"apiVersion": "wgpolicyk8s.io/v1alpha2", "kind": "PolicyReport"},
}
"""The kinds of reports, the preferred one first, and what the objects of each have besides summary and results."""

_PAUSE_SECONDS: Final = 1.0  # between writes of one report: when a license ends, all that it covered changes at once
_NOT_OURS: Final = ("scope", "scopeSelector", "configuration")  # members of a report that others may have added

_logger: Final = logging.getLogger(__name__)


class PolicyReports:
    """Reconciles the reports of namespaces, while `run` does."""

    def __init__(self, api: KubeApi, world: World, enqueue: Callable[[Item], None]) -> None:
        self._api = api
        self._world = world
        self._enqueue = enqueue
        self._served = ServedKinds(api, KINDS)
        self._watches: dict[Resource, _Watch] = {}
        self._installed: defaultdict[str, dict[str, tuple[Reported, ...]]] = defaultdict(dict)  # by namespace and name
        self._reports: defaultdict[Resource, dict[str, Written]] = defaultdict(dict)  # by namespace
        self._enforcement: Mapping[str, Enforcement] = {}  # by Vendor
        self._written_at: dict[str, float] = {}  # by namespace, of the event loop's clock
        self._taken: set[tuple[Resource, str]] = set()  # where it was logged that somebody else's has the name

    async def run(self) -> None:
        """Watch what is to be reported, and the reports, while there are kinds of them; until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._served.run())
            while True:
                await self._served.changed.wait()
                self._served.changed.clear()
                self._follow(tasks)

    def look_at_vendors(self) -> None:
        """Have all reports reconciled if Vendors enforce otherwise than before."""
        before, self._enforcement = self._enforcement, {each.name: each.enforcement for each in self._world.registry}
        if self._enforcement != before:
            self._enqueue_all()

    async def reconcile(self, namespace: str) -> float | None:
        """Bring the report of one namespace to what its Installations say; gives the seconds to look again after.

        Raises:
            ApiError: it can't be written.
        """
        if not all(watch.informer.synced.is_set() for watch in self._watches.values()):
            return None  # then all are asked for
        pause = self._written_at.get(namespace, -_PAUSE_SECONDS) + _PAUSE_SECONDS - asyncio.get_running_loop().time()
        if pause > 0:
            return pause
        served = [kind for kind in KINDS if kind in self._watches]
        reported = (each for listed in self._installed.get(namespace, {}).values() for each in listed)
        content = report_content(reported, self._world.registry)
        for kind in served:
            if content is not None and kind == served[0]:
                body = {**KINDS[kind], "metadata": {"name": NAME, "labels": dict(MANAGED_BY)}, **content}
                await self._write(kind, namespace, body)
            else:
                await self._delete(kind, namespace)
        return None

    def _follow(self, tasks: asyncio.TaskGroup) -> None:
        """Watch the kinds that are served by now, and no longer those that are not."""
        served = {kind for kind in KINDS if kind in self._served}
        wanted = served | {INSTALLATIONS} if served else served
        for kind in self._watches.keys() - wanted:
            self._watches.pop(kind).task.cancel()
            self._reports.pop(kind, None)
            if kind == INSTALLATIONS:
                self._installed.clear()
        for kind in wanted - self._watches.keys():
            informer: Informer[Any] = (
                Informer(self._api, kind, _read_installation, self._on_installation)
                if kind == INSTALLATIONS
                else Informer(
                    self._api,
                    kind,
                    _read_report,
                    partial(self._on_report, kind),
                    label_selector=MANAGED_BY_SELECTOR,
                )
            )
            self._watches[kind] = _Watch(informer, tasks.create_task(self._watch(informer), name=f"watch {kind}"))
            _logger.info("%s are served, and watched", kind)
        self._enqueue_all()

    async def _watch(self, informer: Informer[Any]) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(informer.run())
            await informer.synced.wait()
            self._enqueue_all()

    def _enqueue_all(self) -> None:
        reported = {namespace for reports in self._reports.values() for namespace in reports}
        for namespace in reported | self._installed.keys():
            self._enqueue(Item(Kind.REPORT, namespace))

    def _on_installation(
        self, key: ObjectKey, _: tuple[Reported, ...] | None, new: tuple[Reported, ...] | None
    ) -> None:
        namespace, name = key
        if new is not None:
            self._installed[namespace][name] = new
        else:
            self._installed[namespace].pop(name, None)
            if not self._installed[namespace]:
                del self._installed[namespace]
        self._enqueue(Item(Kind.REPORT, namespace))

    def _on_report(self, kind: Resource, key: ObjectKey, _: Written | None, new: Written | None) -> None:
        namespace, name = key
        if name != NAME:
            return
        if new is None:
            self._reports[kind].pop(namespace, None)
            self._written_at.pop(namespace, None)
        else:
            self._reports[kind][namespace] = new.or_newer(self._reports[kind].get(namespace))
        self._enqueue(Item(Kind.REPORT, namespace))

    async def _write(self, kind: Resource, namespace: str, body: JsonObject) -> None:
        known = self._reports[kind].get(namespace)
        if known is not None and known.content == _content(body):
            return
        try:
            if known is None:
                written = await self._api.create(kind.path(namespace), body)
            else:
                metadata = {**body["metadata"], "uid": known.uid, "resourceVersion": str(known.version)}
                patch = {**dict.fromkeys(_NOT_OURS), **body, "metadata": metadata}
                written = await self._api.patch(kind.path(namespace, NAME), patch)
        except ApiError as error:
            if error.is_already_exists:
                await self._look_who_has_the_name(kind, namespace, error)
            elif not (error.is_namespace_terminating or (known is not None and error.is_not_found)):
                raise  # 404 else: the kind is gone, or not served by this API server yet; the watch knows, at last
        else:
            self._reports[kind][namespace] = _read_report(written).or_newer(self._reports[kind].get(namespace))
            self._written_at[namespace] = asyncio.get_running_loop().time()

    async def _look_who_has_the_name(self, kind: Resource, namespace: str, error: ApiError) -> None:
        """Raise the error where it is a report of licet's own, of which the watch has not told yet."""
        found = await self._api.get(kind.path(namespace, NAME), metadata_only=True)
        if MANAGED_BY.items() <= (found["metadata"].get("labels") or {}).items():
            raise error
        if (kind, namespace) not in self._taken:
            self._taken.add((kind, namespace))
            _logger.warning("%s %s/%s is somebody else's; there is no report of this namespace", kind, namespace, NAME)

    async def _delete(self, kind: Resource, namespace: str) -> None:
        known = self._reports[kind].get(namespace)
        if known is not None:
            await self._api.remove(kind.path(namespace, NAME), uid=known.uid)


@dataclass(frozen=True, slots=True)
class _Watch:
    informer: Informer[Any]
    task: asyncio.Task[None]


def _read_installation(obj: JsonObject) -> tuple[Reported, ...] | None:
    return read_reported(obj) or None


def _read_report(obj: JsonObject) -> Written:
    return Written.read(obj, _content(obj))


def _content(obj: Mapping[str, Any]) -> bytes:
    """Digest what the controller answers for in a report: all but what Kubernetes and others add to its metadata."""
    labels = obj["metadata"].get("labels") or {}
    members = {name: value for name, value in obj.items() if value and name not in {"apiVersion", "kind", "metadata"}}
    return digest([members, {name: labels.get(name) for name in MANAGED_BY}])
