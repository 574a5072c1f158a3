"""From a License to what applications read: how soon all of it is written, how often, and with how much memory.

Every number of Entitlements gets an API server of its own. The bare client sends the same writes to that server, as the
same ServiceAccount, with as many connections as suit it best, while the controller does not run.
"""

import base64
import json
import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

from bench import bare
from bench.bare import Call
from bench.counters import (
    bytes_carried,
    difference,
    metrics,
    processor_seconds,
    resident_mebibytes,
    server_metrics,
    writes,
)
from bench.progress import Progress
from bench.setting import apply
from bench.vendor import BenchVendor
from bench.watching import Watch
from controlplane import ControlPlane
from sandbox import Sandbox, SandboxError
from sandbox.components import Component

CONNECTIONS: Final = (4, 8, 16, 32)

_OWN: Final = "/apis/licet.dev/v1alpha1"
_NAMESPACES: Final = 20
_WAIT_SECONDS: Final = 600.0
_SETTLE_SECONDS: Final = 3.0
_POLL_SECONDS: Final = 0.005
_STEPS: Final = 5
_AT_REST: Final = 0.03  # of a core
_REST_SECONDS: Final = 10.0  # longer than the controller waits before it compares what kopf has listed


@dataclass(frozen=True, slots=True)
class Projection:
    """What was measured with so many Entitlements; times are in seconds.

    `cold` is from the first write of an Entitlement's status to the last when nothing was there, `cold_events` how many
    Events had been written by then, `change` from a License's change to the last write; `bare_create` and `bare_change`
    what the bare client takes for the same writes, these Events included. `restart_ready` is how long the controller
    takes to be ready where nothing is to be done. `one` is how long the change of one more License takes that one
    Entitlement depends on. At rest, `idle_connections` are open, and carry so many `idle_bytes` a second, both ways.
    """

    entitlements: int
    cold: float
    cold_events: int
    cold_writes: dict[str, int]
    change: float
    bare_create: float
    bare_change: float
    change_writes: dict[str, int]
    cold_ready: float
    restart_ready: float
    restart_writes: dict[str, int]
    one: float
    resident_mib: float
    idle_percent: float
    idle_connections: int
    idle_bytes: float
    gate_ready: float
    gate_resident_mib: float


def measure(counts: Sequence[int], *, changes: int, idle_seconds: float) -> list[Projection]:
    """Measures with each of these numbers of Entitlements; the median of so many changes counts.

    Raises:
        SandboxError: the controller does not do what it has to.
        ControlPlaneError: a control plane does not start.
    """
    progress = Progress("projection", len(counts) * _STEPS)
    results = []
    for count in counts:
        with ControlPlane() as plane:
            results.append(_Site(plane, count, progress).measure(changes, idle_seconds))
    return results


class _Site:
    def __init__(self, plane: ControlPlane, count: int, progress: Progress) -> None:
        self._plane = plane
        self._count = count
        self._progress = progress
        self._sandbox = Sandbox(plane)
        self._vendor = BenchVendor()
        self._one = BenchVendor("other", "other-app")

    def measure(self, changes: int, idle_seconds: float) -> Projection:
        self._sandbox.install()
        self._create()
        self._step("Entitlements created")
        controller = self._sandbox.controller
        with ExitStack() as stack:
            stack.callback(self._sandbox.end)
            watch = stack.enter_context(Watch(self._plane).reading())
            counted, events = self._writes(), self._events()
            cold_ready = start(controller)
            watch.await_events(self._count + 1)
            cold, cold_events = watch.duration, self._events() - events
            time.sleep(_SETTLE_SECONDS)
            self._step(f"cold start: {cold:.1f} s of writing")
            cold_writes, counted = difference(counted, self._writes()), self._writes()
            taken = [self._change(watch) for _ in range(changes)]
            self._step(f"License changed: {statistics.median(taken):.1f} s")
            time.sleep(_SETTLE_SECONDS)
            change_writes = difference(counted, self._writes())
            one = self._change_one(watch)
            controller.process.end()
            counted = self._writes()
            restart_ready = start(controller)
            time.sleep(_SETTLE_SECONDS)
            restart_writes = difference(counted, self._writes())
            pid = running(controller)
            await_rest(pid)
            busy, carried = processor_seconds(pid), bytes_carried(pid)
            time.sleep(idle_seconds)
            idle = (processor_seconds(pid) - busy) / idle_seconds * 100
            connections = bytes_carried(pid)
            idle_bytes = sum(number - carried.get(each, 0) for each, number in connections.items()) / idle_seconds
            resident = resident_mebibytes(pid)
            gate_ready = start(self._sandbox.gate)
            gate_resident = resident_mebibytes(running(self._sandbox.gate))
            self._sandbox.gate.process.end()
            self._step(f"restarted: ready after {restart_ready:.1f} s")
            controller.process.end()
            bare_change, bare_create = self._bare(cold_events)
            self._step(f"bare client: {bare_change:.1f} s")
        return Projection(
            entitlements=self._count,
            cold=cold,
            cold_events=cold_events,
            cold_writes=cold_writes,
            change=statistics.median(taken),
            bare_create=bare_create,
            bare_change=bare_change,
            change_writes={key: round(count / changes) for key, count in change_writes.items()},
            cold_ready=cold_ready,
            restart_ready=restart_ready,
            restart_writes=restart_writes,
            one=one,
            resident_mib=resident,
            idle_percent=idle,
            idle_connections=len(connections),
            idle_bytes=idle_bytes,
            gate_ready=gate_ready,
            gate_resident_mib=gate_resident,
        )

    def _step(self, text: str) -> None:
        self._progress.step(f"{self._count} Entitlements, {text}")

    def _create(self) -> None:
        """Makes the Vendors, their Licenses, and the Entitlements, while no controller runs."""
        names = [f"team-{number}" for number in range(_NAMESPACES)] + [
            f"copy-{number}" for number in range(_NAMESPACES)
        ]
        apply(self._plane, *({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in names))
        for vendor in (self._vendor, self._one):
            apply(self._plane, vendor.manifest, vendor.license(vendor.token(), vendor.name))
        calls = [
            [_entitlement(f"team-{number % _NAMESPACES}", f"app-{number}", self._vendor)]
            for number in range(self._count)
        ]
        calls.append([_entitlement("team-0", "one", self._one)])
        bare.send(self._plane.kubeconfig, calls, connections=max(CONNECTIONS) // 2)

    def _change(self, watch: Watch) -> float:
        return self._renew(watch, self._vendor, self._count)

    def _change_one(self, watch: Watch) -> float:
        return statistics.median(self._renew(watch, self._one, 1) for _ in range(_STEPS))

    def _renew(self, watch: Watch, vendor: BenchVendor, dependents: int) -> float:
        """Changes a License, and gives how long it takes until the last Entitlement's status says so."""
        self._plan = "enterprise" if getattr(self, "_plan", "") == "pro" else "pro"
        watch.begin()
        started = time.monotonic()
        token = vendor.token(plan=f"{self._plan}-{time.monotonic_ns()}"[:40])
        self._plane.request("PATCH", f"{_OWN}/licenses/{vendor.name}", {"spec": {"token": token}})
        watch.await_events(dependents)
        return watch.last - started

    def _bare(self, events: int) -> tuple[float, float]:
        """Gives how long the bare client takes to change what the controller writes, and to create it with Events."""
        kubeconfig = self._sandbox.controller.kubeconfig
        changed = [self._same_writes("PUT", number) for number in range(len(CONNECTIONS))]
        durations = [
            bare.send(kubeconfig, calls, connections=connections)
            for calls, connections in zip(changed, CONNECTIONS, strict=True)
        ]
        best = CONNECTIONS[durations.index(min(durations))]
        created = self._same_writes("POST", len(CONNECTIONS))
        written = self._list("/api/v1/events?fieldSelector=involvedObject.kind%3DEntitlement")
        for group, event in zip(created, written[:events], strict=False):
            group.append(_write("POST", "events", _of_the_copy(event)))
        return min(durations), bare.send(kubeconfig, created, connections=best)

    def _same_writes(self, method: str, version: int) -> list[list[Call]]:
        """Gives the writes for each Entitlement: its ConfigMap, its Secret and its status, with some other content."""
        groups = []
        statuses = {_key(each): each["status"] for each in self._list(f"{_OWN}/entitlements")}
        label = "?labelSelector=app.kubernetes.io/managed-by%3Dlicet"
        secrets = {_key(each): each for each in self._list(f"/api/v1/secrets{label}")}
        for config_map in self._list(f"/api/v1/configmaps{label}"):
            key = _key(config_map)
            config_map["data"]["LICET_PLAN"] = f"bare-{version}"
            secrets[key]["data"]["licenses.jwt"] = base64.b64encode(f"bare-{version}".encode()).decode()
            status = {"status": {**statuses[key], "plan": f"bare-{version}"}}
            path = f"{_OWN}/namespaces/{key[0]}/entitlements/{key[1]}/status"
            calls = [_write(method, "configmaps", config_map), _write(method, "secrets", secrets[key])]
            groups.append([*calls, Call("PATCH", path, json.dumps(status).encode())])
        return groups

    def _list(self, path: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self._plane.request("GET", path)["items"]
        return items

    def _writes(self) -> dict[tuple[str, str], int]:
        return writes(server_metrics(self._plane))

    def _events(self) -> int:
        """Gives how many Events the API server was asked to create so far."""
        return int(metrics(server_metrics(self._plane), "apiserver_request_total", verb="POST", resource="events"))


def start(component: Component) -> float:
    """Starts a component, and gives how many seconds it takes to be ready.

    Raises:
        SandboxError: it ends before.
    """
    started = time.monotonic()
    component.start()
    while (problem := component.problem()) is not None:
        if not component.process.running or time.monotonic() - started > _WAIT_SECONDS:
            raise SandboxError(f"the {component.name} is not ready: {problem}")
        time.sleep(_POLL_SECONDS)
    return time.monotonic() - started


def running(component: Component) -> int:
    """Gives the process ID of a component.

    Raises:
        SandboxError: it does not run.
    """
    if (pid := component.process.pid) is None:
        raise SandboxError(f"the {component.name} has ended")
    return pid


def await_rest(pid: int) -> None:
    """Returns when a process has had next to nothing to do for a while.

    Raises:
        SandboxError: it still has after ten minutes.
    """
    deadline = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < deadline:
        busy = processor_seconds(pid)
        time.sleep(_REST_SECONDS)
        if processor_seconds(pid) - busy < _AT_REST * _REST_SECONDS:
            return
    raise SandboxError(f"process {pid} is still busy after {_WAIT_SECONDS:.0f} s")


def _entitlement(namespace: str, name: str, vendor: BenchVendor) -> Call:
    body = {
        "apiVersion": "licet.dev/v1alpha1",
        "kind": "Entitlement",
        "metadata": {"name": name},
        "spec": {"vendorRef": {"name": vendor.name}, "product": vendor.product},
    }
    return Call("POST", f"{_OWN}/namespaces/{namespace}/entitlements", json.dumps(body).encode())


def _of_the_copy(event: dict[str, Any]) -> dict[str, Any]:
    """Gives an Event as one about the copy of the object that it is about, since it has to be in its namespace."""
    involved = event["involvedObject"]
    return {**event, "involvedObject": {**involved, "namespace": _copy(involved["namespace"])}}


def _copy(namespace: str) -> str:
    return namespace.replace("team", "copy")


def _write(method: str, plural: str, obj: dict[str, Any]) -> Call:
    """Writes an object as it was read: in its place, or a copy of it into another namespace."""
    metadata = {key: value for key, value in obj["metadata"].items() if key in {"name", "labels", "ownerReferences"}}
    namespace, name = _key(obj)
    if method == "POST":
        namespace = _copy(namespace)
        metadata.pop("ownerReferences", None)  # else the garbage collector takes the copy away
    path = f"/api/v1/namespaces/{namespace}/{plural}"
    body = json.dumps({**obj, "metadata": metadata}, separators=(",", ":")).encode()
    return Call(method, path if method == "POST" else f"{path}/{name}", body)


def _key(obj: dict[str, Any]) -> tuple[str, str]:
    return obj["metadata"]["namespace"], obj["metadata"]["name"]
