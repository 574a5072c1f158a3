"""A team that installs a vendor's charts into a namespace of its own, as its users do: with kubectl and helm."""

import json
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sandbox import Sandbox
from support.admission import release_secret
from support.charts import Charts
from support.helm_releases import release_document
from support.vendor_simulator import VendorSimulator

HELMS: Final = ("helm", "helm3")

_PATIENCE_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.05

Answer = subprocess.CompletedProcess[str]


class Team:
    """One namespace, one vendor with one product, and one Helm; nothing of it is shared with other tests."""

    def __init__(self, sandbox: Sandbox, directory: Path, helm: str) -> None:
        self.sandbox = sandbox
        self.charts = Charts(directory)
        self.helm_program = helm
        self.helm_driver = "secret"
        name = f"t{secrets.token_hex(4)}"
        self.namespace = f"{name}-prod"
        self.product = f"{name}-app"
        self.vendor = VendorSimulator(int(time.time()), name=name, product=self.product)
        self.create_namespace(self.namespace)

    # -- the cluster's admin -------------------------------------------------------------------------------------------

    def create_namespace(self, name: str, **labels: str) -> None:
        """Make a namespace."""
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})

    def apply(self, manifest: dict[str, Any]) -> None:
        """Apply a manifest."""
        self.kubectl("apply", "-f", "-", stdin=json.dumps(manifest))

    def trust(self, **spec: Any) -> None:
        """Apply the Vendor, and wait until the gate knows it: what no Vendor claims, it admits without another look."""
        self.apply(self.vendor.vendor_manifest(**spec))
        if spec.get("enforcement") != "Audit":  # where it says nothing
            self.eventually(lambda: "licet: chart" in self.gate_says("0.0.1"), "the gate knows the Vendor")

    def license(self, name: str = "", *, spec: dict[str, Any] | None = None, **claims: Any) -> str:
        """Apply a License of the vendor with these claims; gives its name."""
        self.vendor.now = int(time.time())
        license_name = name or f"{self.vendor.name}-{secrets.token_hex(3)}"
        self.apply(self.vendor.license_manifest(license_name, self.vendor.token(**claims), **(spec or {})))
        return license_name

    # -- the team ------------------------------------------------------------------------------------------------------

    def chart(self, version: str, **options: Any) -> str:
        """Make the vendor's chart in a version; gives its path."""
        return str(self.charts.make(self.product, version, **options))

    def helm(self, *arguments: str) -> Answer:
        """Run helm in the namespace, whatever comes of it."""
        variables = {"HELM_DRIVER": self.helm_driver}
        return self.sandbox.run(self.helm_program, *arguments, "--namespace", self.namespace, variables=variables)

    def kubectl(self, *arguments: str, stdin: str = "") -> str:
        """Run kubectl, which has to succeed; gives what it prints."""
        answer = self.sandbox.run("kubectl", *arguments, stdin=stdin)
        assert answer.returncode == 0, f"kubectl {' '.join(arguments)}: {answer.stderr}"
        return answer.stdout

    def gate_says(self, version: str) -> str:
        """What kubectl prints of the gate's opinion of the chart in a version; nothing is written."""
        release = release_secret(release_document(self.product, version, name="probe", namespace=self.namespace))
        command = ("create", "-n", self.namespace, "--dry-run=server", "-f", "-")
        return self.sandbox.run("kubectl", *command, stdin=json.dumps(release)).stderr

    # -- what there is -------------------------------------------------------------------------------------------------

    def get(self, kind: str, name: str, *, namespace: str | None = None) -> dict[str, Any] | None:
        """Give an object, or None."""
        answer = self.sandbox.run("kubectl", "get", kind, name, "-n", namespace or self.namespace, "-o", "json")
        if answer.returncode != 0:
            assert "NotFound" in answer.stderr, answer.stderr
            return None
        document: dict[str, Any] = json.loads(answer.stdout)
        return document

    def names(self, kind: str) -> set[str]:
        """Name the objects of a kind in the namespace, but for what every namespace has."""
        listed = self.kubectl("get", kind, "-n", self.namespace, "-o", "name").split()
        return {name.partition("/")[2] for name in listed} - {"kube-root-ca.crt"}

    def installed_version(self, release: str = "web") -> str | None:
        """Give the version that the objects of a release tell, not what Helm says of it."""
        config_map = self.get("configmap", f"{release}-{self.product}")
        return config_map and config_map["data"]["version"]

    def revisions(self, release: str = "web") -> list[tuple[int, str, str]]:
        """Give (revision, status, chart) of a release, the oldest first."""
        history = json.loads(self.helm("history", release, "-o", "json").stdout)
        return [(entry["revision"], entry["status"], entry["chart"]) for entry in history]

    def eventually(self, holds: Callable[[], object], what: str, seconds: float = _PATIENCE_SECONDS) -> float:
        """Wait until something holds; gives how long it took, in seconds."""
        return eventually(holds, what, seconds)

    def running_versions(self, release: str = "web") -> list[str]:
        """Give the versions of the charts that the Installation says to run."""
        status = (self.get("installation", release) or {}).get("status") or {}
        return [chart["version"] for chart in status.get("charts") or ()]

    def installation_is(self, condition: str, release: str = "web") -> Callable[[], bool]:
        """Give a test of whether the Installation's condition Licensed has this status."""

        def holds() -> bool:
            found = self.get("installation", release)
            conditions = ((found or {}).get("status") or {}).get("conditions") or ()
            return any(each["type"] == "Licensed" and each["status"] == condition for each in conditions)

        return holds

    @contextmanager
    def without_gate(self) -> Iterator[None]:
        """The gate is down for as long as the block runs."""
        self.sandbox.gate.process.end()
        try:
            yield
        finally:
            self.sandbox.start()


def eventually(holds: Callable[[], object], what: str, seconds: float = _PATIENCE_SECONDS) -> float:
    """Wait until something holds; gives how long it took, in seconds."""
    started = time.monotonic()
    while not holds():
        waited = time.monotonic() - started
        assert waited < seconds, f"{what}: not within {seconds} s"
        time.sleep(_POLL_SECONDS)
    return time.monotonic() - started
