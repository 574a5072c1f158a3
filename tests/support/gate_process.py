"""`licet gate` as a process, and its registration with an API server."""

import base64
import http.client
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Self

import yaml

from controlplane import ApiError, Cluster
from controlplane.certs import Authority
from sandbox.components import HOST, free_port

ROOT: Final = Path(__file__).parents[2]
NAMESPACE: Final = "licet-system"
READY_SECONDS: Final = 60

Json = dict[str, Any]


class GateProcess:
    """Runs the gate within its `with` block; ports stay the same when it is started again."""

    def __init__(self, kubeconfig: Path, log: Path, *arguments: str) -> None:
        self.port, self.status_port = free_port(), free_port()
        self._command = [
            *(Path(sys.executable).with_name("licet"), "gate", "--kubeconfig", kubeconfig, "--log-format", "json"),
            *("--host", HOST, "--port", str(self.port), "--status-host", HOST, "--status-port", str(self.status_port)),
            *arguments,
        ]
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}/validate"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it; it is not waited for."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(list(map(str, self._command)), stdout=log, stderr=log)

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def terminate(self) -> None:
        """Send SIGTERM."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)

    def wait(self, seconds: float) -> int:
        """Wait for its end; gives the exit code."""
        assert self._process is not None
        return self._process.wait(seconds)

    def readiness(self) -> tuple[int, str]:
        """Status and text of /readyz; 0 where nothing answers."""
        return self._get("/readyz")

    def metrics(self) -> str:
        """The text of /metrics."""
        return self._get("/metrics")[1]

    def await_ready(self) -> None:
        """Wait until it is ready."""
        until(lambda: self.readiness()[0] == 200, lambda: f"{self.readiness()}\n{self._log.read_text()[-2000:]}")

    def lines(self, **fields: object) -> list[Json]:
        """The log lines in which these fields have these values."""
        return logged(self._log, **fields)

    def line(self, **fields: object) -> Json:
        """The log line of a decision: waited for, as the gate answers before it puts a decision on record."""
        until(lambda: bool(self.lines(**fields)), lambda: f"no line {fields}\n{self._log.read_text()[-2000:]}")
        (line,) = self.lines(**fields)
        return line

    def _get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self.status_port}{path}", timeout=10) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except (OSError, http.client.HTTPException) as error:
            return 0, str(error)


def logged(log: Path, **fields: object) -> list[Json]:
    """The lines of a component's log in which these fields have these values."""
    written = log.read_bytes().splitlines(keepends=True)  # the last line perhaps not to its end yet
    lines = (json.loads(line) for line in written if line.startswith(b"{") and line.endswith(b"\n"))
    return [line for line in lines if fields.items() <= line.items()]


def until(holds: Callable[[], bool], explain: Callable[[], str] = str, *, seconds: float = READY_SECONDS) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, explain()
        time.sleep(0.02)


def apply(cluster: Cluster, *objects: Json) -> None:
    """Apply objects with kubectl, by server-side apply."""
    stdin = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    kubectl(cluster, "apply", "--server-side", "--force-conflicts", "-f", "-", stdin=stdin)


def kubectl(cluster: Cluster, *arguments: str, stdin: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run kubectl as the administrator."""
    result = subprocess.run(
        [cluster.bin / "kubectl", *arguments],
        input=stdin,
        env={**os.environ, "KUBECONFIG": str(cluster.kubeconfig)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert not check or result.returncode == 0, result.stderr
    return result


def install(cluster: Cluster) -> None:
    """Give a cluster the CRDs, the operator's namespace, and the gate's ServiceAccount and RBAC of the chart."""
    crds = [yaml.safe_load(path.read_text()) for path in sorted((ROOT / "crds").glob("*.yaml"))]
    apply(cluster, *crds, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    cluster.await_served(crds)
    apply(cluster, *(each for each in chart_objects(cluster) if each["kind"] in _OF_ACCESS))


_OF_ACCESS: Final = {"ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"}


def register(cluster: Cluster, url: str, authority: Authority) -> None:
    """Register the webhooks as the chart does, but by URL."""
    (configuration,) = (each for each in chart_objects(cluster) if each["kind"] == "ValidatingWebhookConfiguration")
    for webhook in configuration["webhooks"]:
        webhook["clientConfig"] = {"url": url, "caBundle": base64.b64encode(authority.certificate).decode()}
    apply(cluster, configuration)


def chart_objects(cluster: Cluster) -> Iterator[Json]:
    """What the chart installs for the gate."""
    command = [cluster.bin / "helm", "template", "licet", ROOT / "charts" / "licet", "--namespace", NAMESPACE]
    rendered = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    return (each for each in yaml.safe_load_all(rendered) if each and "licet-gate" in each["metadata"]["name"])


def certificate_secret(authority: Authority) -> Json:
    """A serving certificate for the gate, as the Secret that it watches."""
    pair = authority.serving("licet-gate", names=["licet-gate.licet-system.svc"], addresses=[HOST])
    data = {
        "tls.crt": base64.b64encode(pair.certificate).decode(),
        "tls.key": base64.b64encode(pair.private_key).decode(),
    }
    return secret("licet-gate-tls", data, type_="kubernetes.io/tls")


def secret(name: str, data: dict[str, str], *, type_: str = "Opaque") -> Json:
    """A Secret in the operator's namespace."""
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": type_, "data": data}


def create(cluster: Cluster, namespace: str, obj: Json, *, query: str = "") -> ApiError | None:
    """Create a Secret or ConfigMap in a namespace as Helm does; gives the refusal, if it is one."""
    try:
        cluster.request("POST", f"/api/v1/namespaces/{namespace}/{obj['kind'].lower()}s{query}", obj)
    except ApiError as error:
        return error
    return None
