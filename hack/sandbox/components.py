"""The controller and the gate as local processes, each as its ServiceAccount."""

import http.client
import os
import random
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from controlplane import Cluster
from sandbox.processes import Process

HOST: Final = "127.0.0.1"
LICET: Final = Path(sys.executable).with_name("licet")

_TOKEN_SECONDS: Final = 365 * 86_400  # a sandbox may be left running; nobody renews its tokens
_PROBE_SECONDS: Final = 2.0
# Below what Linux, macOS and the IANA hand out for outgoing connections: so a port is still free when the gate is
# started again at it.
_PORTS: Final = range(20_000, 32_000)
_given: Final[set[int]] = set()


@dataclass(frozen=True, slots=True)
class Component:
    """One component: `name` is that of its ServiceAccount less `licet-`, `port` that of health and metrics.

    `arguments` are those that the chart starts it with; options that come later win.
    """

    cluster: Cluster
    namespace: str
    name: str
    port: int
    arguments: tuple[str, ...]

    @property
    def process(self) -> Process:
        """Its process."""
        return Process(self.cluster.directory / "run" / f"{self.name}.pid")

    @property
    def log(self) -> Path:
        """The file it logs to."""
        return self.cluster.directory / "log" / f"{self.name}.log"

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig with the token of its ServiceAccount."""
        return self.cluster.directory / "run" / f"{self.name}.kubeconfig"

    @property
    def account(self) -> str:
        """Its user name in the cluster."""
        return f"system:serviceaccount:{self.namespace}:licet-{self.name}"

    def start(self) -> None:
        """Starts it, with a new token; returns before it is ready. Does nothing where it runs."""
        if self.process.running:
            return
        self.cluster.service_account_kubeconfig(
            self.namespace, f"licet-{self.name}", self.kubeconfig, expiration_seconds=_TOKEN_SECONDS
        )
        local = ["--operator-namespace", self.namespace, "--kubeconfig", str(self.kubeconfig)]
        local += ["--status-host", HOST, "--status-port", str(self.port)]
        # Nothing that the user has set for licet or kubectl, least of all an administrator's kubeconfig.
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("KUBE", "LICET_", "HELM_"))
        }
        self.process.start([str(LICET), *self.arguments, *local], log=self.log, environment=environment)

    def restart(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Ends it by a signal, and starts it again."""
        self.process.end(number)
        self.start()

    def problem(self) -> str | None:
        """Says why it is not ready; None where it is."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=_PROBE_SECONDS)
        try:
            connection.request("GET", "/readyz")
            response = connection.getresponse()
            text = response.read().decode().strip()
        except (OSError, http.client.HTTPException) as error:
            return str(error)
        finally:
            connection.close()
        return None if response.status == http.HTTPStatus.OK else text


def free_port() -> int:
    """Gives a port of the loopback interface that nothing listens at, and none twice."""
    while True:
        port = random.choice(_PORTS)  # noqa: S311 - a port, not a secret
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
        if port not in _given:
            _given.add(port)
            return port
