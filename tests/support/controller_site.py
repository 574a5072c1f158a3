"""A cluster with the controller on it, and in it a vendor and namespaces of a test's own, so that tests do not meet."""

import base64
import itertools
import json
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.request import urlopen

from controlplane import ApiError, Cluster
from sandbox.chart import localize, render
from sandbox.components import HOST, Component
from support.gate_process import apply, logged
from support.vendor_simulator import VendorSimulator

NAMESPACE: Final = "licet-system"
SECONDS: Final = 60.0  # for what is to happen at once, on a busy machine
COLLECTED_SECONDS: Final = 120.0  # the garbage collector looks for new kinds every 30 s, and is late after an outage

Json = dict[str, Any]

_OWN: Final = "/apis/licet.dev/v1alpha1"
_COLLECTIONS: Final = {
    "Vendor": (_OWN, "vendors", False),
    "License": (_OWN, "licenses", False),
    "Entitlement": (_OWN, "entitlements", True),
    "Installation": (_OWN, "installations", True),
    "ConfigMap": ("/api/v1", "configmaps", True),
    "Secret": ("/api/v1", "secrets", True),
    "Event": ("/api/v1", "events", True),
    "Namespace": ("/api/v1", "namespaces", False),
    "Pod": ("/api/v1", "pods", True),
    "Deployment": ("/apis/apps/v1", "deployments", True),
    "ReplicaSet": ("/apis/apps/v1", "replicasets", True),
    "Job": ("/apis/batch/v1", "jobs", True),
    "CronJob": ("/apis/batch/v1", "cronjobs", True),
    "ClusterRole": ("/apis/rbac.authorization.k8s.io/v1", "clusterroles", False),
}
_WRITES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def install(cluster: Cluster) -> None:
    """Give a cluster what the chart installs for the controller; nothing is judged, by the gate or by policies."""
    definitions, others = localize(render(cluster.bin / "helm", NAMESPACE), "https://gate.invalid")
    apply(cluster, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}, *definitions)
    cluster.await_served(definitions)
    apply(cluster, *(each for each in others if not each["kind"].startswith("Validating")))


def eventually(holds: Callable[[], Any], *, seconds: float = SECONDS) -> Any:
    """Wait until something holds, and give it; an assertion or a missing object is as good as nothing."""
    deadline = time.monotonic() + seconds
    while True:
        failure: Exception | None = None
        try:
            if result := holds():
                return result
        except (AssertionError, ApiError, LookupError, TypeError, ValueError) as error:
            failure = error
        assert time.monotonic() < deadline, f"not within {seconds} s: {failure!r}"
        time.sleep(0.02)


def metrics(controller: Component) -> str:
    """What the controller serves as metrics."""
    with urlopen(f"http://{HOST}:{controller.port}/metrics", timeout=10) as response:
        return response.read().decode()


def log_lines(controller: Component, **fields: object) -> list[Json]:
    """The log lines in which these fields have these values."""
    return logged(controller.log, **fields)


class Site:
    """What a test sees and does as the administrator of the cluster."""

    def __init__(self, cluster: Cluster, controller: Component) -> None:
        self.cluster = cluster
        self.controller = controller
        self.id = secrets.token_hex(4)
        self.vendor = self.another_vendor("v")
        self.namespace = self.make_namespace()
        self._secrets = itertools.count()

    # -- any object ----------------------------------------------------------------------------------------------------

    def create(
        self, kind: str, name: str, *, namespace: str | None = None, labels: Json | None = None, **body: Any
    ) -> Json:
        metadata = {"name": name, "labels": labels or {}}
        return self.cluster.request(
            "POST",
            self._path(kind, namespace),
            {"apiVersion": _version(kind), "kind": kind, "metadata": metadata, **body},
        )

    def put_in(self, obj: Json) -> Json:
        """Create an object as it is given, in its namespace or that of the test."""
        return self.cluster.request("POST", self._path(obj["kind"], obj["metadata"].get("namespace")), obj)

    def get(self, kind: str, name: str, *, namespace: str | None = None) -> Json:
        return self.cluster.request("GET", self._path(kind, namespace, name))

    def find(self, kind: str, name: str, *, namespace: str | None = None) -> Json | None:
        """The object, or None where there is none."""
        try:
            return self.get(kind, name, namespace=namespace)
        except ApiError as error:
            if error.status != 404:
                raise
            return None

    def patch(self, kind: str, name: str, patch: Json, *, namespace: str | None = None) -> Json:
        return self.cluster.request("PATCH", self._path(kind, namespace, name), patch)

    def replace(self, obj: Json) -> Json:
        """Write back an object that was read."""
        metadata = obj["metadata"]
        kind = obj["kind"]
        return self.cluster.request("PUT", self._path(kind, metadata.get("namespace"), metadata["name"]), obj)

    def delete(self, kind: str, name: str, *, namespace: str | None = None) -> None:
        self.cluster.request("DELETE", self._path(kind, namespace, name))

    def all(self, kind: str, *, namespace: str | None = None) -> list[Json]:
        return self.cluster.request("GET", self._path(kind, namespace))["items"]

    def make_namespace(self, suffix: str = "ns", **labels: str) -> str:
        name = f"{self.id}-{suffix}"
        self.create("Namespace", name, labels=labels)
        return name

    def condition(self, kind: str, name: str, type_: str = "Ready", *, namespace: str | None = None) -> tuple[str, str]:
        """Status and reason of a condition that is up to date."""
        obj = self.get(kind, name, namespace=namespace)
        (condition,) = (each for each in obj["status"]["conditions"] if each["type"] == type_)
        generation = obj["metadata"]["generation"]
        assert (condition["observedGeneration"], obj["status"]["observedGeneration"]) == (generation, generation)
        return condition["status"], condition["reason"]

    def await_condition(
        self,
        kind: str,
        name: str,
        type_: str,
        expected: tuple[str, str],
        *,
        namespace: str | None = None,
        seconds: float = SECONDS,
    ) -> None:
        eventually(lambda: self.condition(kind, name, type_, namespace=namespace) == expected, seconds=seconds)

    def message(self, kind: str, name: str, type_: str = "Ready") -> str:
        conditions = self.get(kind, name)["status"]["conditions"]
        return next(each["message"] for each in conditions if each["type"] == type_)

    def versions(self, *kinds: str) -> dict[tuple[str, str, str], str]:
        """The resourceVersion of each object of the test, by kind, namespace and name: it changes with each write."""
        return {
            (kind, obj["metadata"].get("namespace", ""), obj["metadata"]["name"]): obj["metadata"]["resourceVersion"]
            for kind in kinds
            for obj in self.cluster.request("GET", self._path(kind, all_namespaces=True))["items"]
            if self.id in obj["metadata"]["name"] or self.id in obj["metadata"].get("namespace", "")
            if obj["metadata"]["name"] != "kube-root-ca.crt"  # which Kubernetes makes when it comes to it
        }

    def events(self, name: str) -> list[tuple[str, str]]:
        """Type and reason of the Events about an object of the test, in order."""
        found = []
        for event in self.cluster.request("GET", "/api/v1/events")["items"]:
            regarding = event["involvedObject"]
            if regarding["name"] == name and self.id in f"{regarding.get('namespace', '')} {name}":
                found.append(event)
        found.sort(key=lambda event: int(event["metadata"]["resourceVersion"]))
        return [(event["type"], event["reason"]) for event in found for _ in range(event["count"])]

    # -- vendors and licenses ------------------------------------------------------------------------------------------

    def another_vendor(self, prefix: str, **options: Any) -> VendorSimulator:
        name = f"{prefix}-{self.id}"
        return VendorSimulator(int(time.time()), name=name, product=f"{name}-app", **options)

    @property
    def product(self) -> str:
        return self.vendor.product

    def trust(self, vendor: VendorSimulator | None = None, **spec: Any) -> None:
        """Apply the Vendor."""
        manifest = (vendor or self.vendor).vendor_manifest(**spec)
        if self.find("Vendor", manifest["metadata"]["name"]) is None:
            self.create("Vendor", manifest["metadata"]["name"], spec=manifest["spec"])
        else:
            self.patch("Vendor", manifest["metadata"]["name"], {"spec": manifest["spec"]})

    def license(self, token: str, name: str = "license", **spec: Any) -> str:
        """Apply a License with this token inline; gives its name."""
        name = f"{name}-{self.id}"
        if self.find("License", name) is None:
            self.create("License", name, spec={"token": token, **spec})
        else:
            self.patch("License", name, {"spec": {"token": token, **spec}})
        return name

    def license_from(self, secret: str, name: str = "license", **spec: Any) -> str:
        """Apply a License with its token in a Secret; gives its name."""
        name = f"{name}-{self.id}"
        spec = {"tokenFrom": {"secretKeyRef": {"name": secret, "key": "license.jwt"}}, **spec}
        if self.find("License", name) is None:
            self.create("License", name, spec=spec)
        else:
            self.patch("License", name, {"spec": spec})
        return name

    def token_secret(self, token: str, name: str = "token") -> str:
        """Make the Secret of a token, or change it; gives its name."""
        name = f"{name}-{self.id}"
        data = {"license.jwt": base64.b64encode(token.encode()).decode()}
        if self.find("Secret", name, namespace=NAMESPACE) is None:
            self.create("Secret", name, namespace=NAMESPACE, data=data)
        else:
            self.patch("Secret", name, {"data": data}, namespace=NAMESPACE)
        return name

    # -- entitlements --------------------------------------------------------------------------------------------------

    def entitlement(
        self, name: str = "app", *, namespace: str | None = None, vendor: VendorSimulator | None = None, **spec: Any
    ) -> str:
        """Apply an Entitlement for the vendor's product; gives its name."""
        vendor = vendor or self.vendor
        spec = {"vendorRef": {"name": vendor.name}, "product": vendor.product, **spec}
        if self.find("Entitlement", name, namespace=namespace) is None:
            self.create("Entitlement", name, namespace=namespace, spec=spec)
        else:
            self.patch("Entitlement", name, {"spec": spec}, namespace=namespace)
        return name

    def document(self, name: str = "app", *, namespace: str | None = None) -> Json:
        """What an application reads."""
        return json.loads(self.get("ConfigMap", name, namespace=namespace)["data"]["entitlements.json"])

    def state(self, name: str = "app", *, namespace: str | None = None) -> str:
        return self.document(name, namespace=namespace)["state"]

    def tokens(self, name: str = "app", *, namespace: str | None = None) -> list[str]:
        """The tokens in the projected Secret."""
        data = self.get("Secret", name, namespace=namespace)["data"]
        return base64.b64decode(data["licenses.jwt"]).decode().splitlines()

    def await_state(
        self, state: str, name: str = "app", *, namespace: str | None = None, seconds: float = SECONDS
    ) -> None:
        eventually(lambda: self.state(name, namespace=namespace) == state, seconds=seconds)

    def controller_may(self, verb: str, group: str, resource: str) -> bool:
        """Whether the API server lets the controller do this, by the roles of which it has heard."""
        return self.cluster.allows(self.controller.account, verb=verb, group=group, resource=resource)

    # -- the API server's view -----------------------------------------------------------------------------------------

    @contextmanager
    def undisturbed_writes(self) -> Iterator[dict[tuple[str, str], int]]:
        """Count, by verb and resource, the requests to write that the API server gets while the block runs.

        What earlier tests have left to delete is gone before. Counting begins and ends when for a second nobody
        has written, as Events come late; lease renewals of the control plane are left out.
        """
        eventually(
            lambda: not [each for each in self.all("Namespace") if "deletionTimestamp" in each["metadata"]],
            seconds=COLLECTED_SECONDS,
        )
        before = self._writes_at_rest()
        counted: dict[tuple[str, str], int] = {}
        yield counted
        for key, count in self._writes_at_rest().items():
            if count != before.get(key, 0):
                counted[key] = count - before.get(key, 0)

    def _writes_at_rest(self) -> dict[tuple[str, str], int]:
        counts = self._writes()

        def at_rest() -> bool:
            nonlocal counts
            time.sleep(1)
            earlier, counts = counts, self._writes()
            return counts == earlier

        eventually(at_rest)
        return counts

    def _writes(self) -> dict[tuple[str, str], int]:
        counts: dict[tuple[str, str], int] = {}
        for line in self.cluster.request("GET", "/metrics")["text"].splitlines():
            if not line.startswith("apiserver_request_total{"):
                continue
            labels = dict(re.findall(r'(\w+)="([^"]*)"', line))
            if labels["verb"] in _WRITES and labels["resource"] not in {"leases", "apiservices"}:
                key = (
                    labels["verb"],
                    labels["resource"] + (f"/{labels['subresource']}" if labels["subresource"] else ""),
                )
                counts[key] = counts.get(key, 0) + int(float(line.rsplit(" ", 1)[1]))
        return counts

    def _path(
        self, kind: str, namespace: str | None = None, name: str | None = None, *, all_namespaces: bool = False
    ) -> str:
        prefix, plural, namespaced = _COLLECTIONS[kind]
        where = f"/namespaces/{namespace or self.namespace}" if namespaced and not all_namespaces else ""
        return f"{prefix}{where}/{plural}" + (f"/{name}" if name else "")

    # -- afterwards ----------------------------------------------------------------------------------------------------

    def assert_unburdened(self) -> None:
        """No object of licet's kinds, and none that it made, has finalizers, or annotations of its own."""
        for kind in ("Vendor", "License", "Entitlement", "Installation", "ConfigMap", "Secret"):
            for obj in self.cluster.request("GET", self._path(kind, all_namespaces=True))["items"]:
                metadata = obj["metadata"]
                if (
                    kind in {"ConfigMap", "Secret"}
                    and metadata.get("labels", {}).get("app.kubernetes.io/managed-by") != "licet"
                ):
                    continue
                assert not metadata.get("finalizers"), (kind, metadata)
                assert not metadata.get("annotations"), (kind, metadata)

    def clean_up(self) -> None:
        """Delete everything that the test has made; namespaces take their time, which nobody waits for."""
        for kind in ("License", "Vendor", "Namespace", "Secret"):
            for obj in self.all(kind, namespace=NAMESPACE):
                name = obj["metadata"]["name"]
                if self.id in name and self.find(kind, name, namespace=NAMESPACE):
                    self.delete(kind, name, namespace=NAMESPACE)


def _version(kind: str) -> str:
    return _COLLECTIONS[kind][0].removeprefix("/apis/").removeprefix("/api/")


def works(site: "Site", name: str = "app", seconds: float = SECONDS) -> None:
    """Changes of licet's kinds, of Secrets and of projections all get through."""
    site.sequence = getattr(site, "sequence", 0) + 1
    plan = f"plan-{site.sequence}"
    site.token_secret(site.vendor.token(plan=plan, series="s", sequence=site.sequence))
    eventually(lambda: site.document(name)["plan"] == plan, seconds=seconds)
    site.entitlement(f"new-{site.sequence}")
    eventually(lambda: site.state(f"new-{site.sequence}") == "Active", seconds=seconds)
    site.delete("ConfigMap", name)
    eventually(lambda: site.document(name)["plan"] == plan, seconds=seconds)
