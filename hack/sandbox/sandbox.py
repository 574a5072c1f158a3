"""A sandbox: a control plane, what the chart installs, and the components beside it."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Final

import controlplane
from controlplane import ApiError, Cluster, ControlPlane
from sandbox.chart import Manifest, arguments, localize, render
from sandbox.components import HOST, LICET, Component, free_port
from sandbox.errors import SandboxError
from sandbox.processes import Process

NAMESPACE: Final = "licet-system"

_READY_SECONDS: Final = 120.0  # of which an API server may take 30 to look for the kinds that policies go by
_POLL_SECONDS: Final = 0.05
_LOG_LINES: Final = 10
_COMPONENTS: Final = ("controller", "gate")
_DEFINITIONS: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_GUARD: Final = "definition.workloads.licet.dev"  # the policy that keeps the definition of WorkloadPolicies


class Sandbox:
    """licet on the control plane of `cluster`, which may have been started by another process.

    `values` are `--set` assignments for the chart.
    """

    def __init__(self, cluster: Cluster, values: Sequence[str] = ()) -> None:
        self.cluster = cluster
        self.namespace = NAMESPACE
        self._values = values

    @property
    def directory(self) -> Path:
        """The directory that everything lies in."""
        return self.cluster.directory

    @property
    def log(self) -> Path:
        """The directory with the logs."""
        return self.directory / "log"

    @cached_property
    def kubernetes(self) -> str:
        """The minor version of the API server, such as `1.37`."""
        version = self.cluster.request("GET", "/version")
        return f"{version['major']}.{version['minor']}"

    @cached_property
    def controller(self) -> Component:
        """The controller."""
        return self._component("controller")

    @cached_property
    def gate(self) -> Component:
        """The gate; it does not go on serving after it was told to stop, since nothing has to get around here."""
        return self._component("gate", "--host", HOST, "--port", str(self._ports["webhook"]), "--drain-seconds", "0")

    @cached_property
    def environment(self) -> dict[str, str]:
        """The environment for programs that use the sandbox: as its administrator, and with caches of its own."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("KUBE", "HELM_"))}
        helm, kubectl = self.directory / "run" / "helm", self.directory / "run" / "kubectl"
        return inherited | {
            "KUBECONFIG": str(self.cluster.kubeconfig),
            "KUBECACHEDIR": str(kubectl),  # kubectl keeps what a server serves by its port, which others have had
            "PATH": f"{self.cluster.bin}{os.pathsep}{inherited.get('PATH', os.defpath)}",
            **{f"HELM_{kind.upper()}_HOME": str(helm / kind) for kind in ("cache", "config", "data")},
        }

    def run(
        self, program: str, *arguments: str, stdin: str = "", variables: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Runs kubectl, helm, helm3 or licet to its end, whatever its exit code, with these `variables` set."""
        return subprocess.run(
            [self.cluster.bin / program, *arguments],
            env={**self.environment, **(variables or {})},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )

    def install(self) -> None:
        """Brings CRDs, RBAC, webhook configuration and admission policies to what the chart says now.

        Raises:
            SandboxError: the API server refuses them.
            ControlPlaneError: it does not serve the CRDs in time.
        """
        link = self.cluster.bin / "licet"
        if not link.is_symlink():
            link.symlink_to(LICET)
        definitions, others = localize(self._manifests, f"https://{HOST}:{self._ports['webhook']}")
        self._apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}}, *definitions])
        self.cluster.await_served(definitions)
        self._apply(others)

    def start(self) -> None:
        """Starts the components that don't run, and returns when they are ready and the API server judges as it should.

        Raises:
            SandboxError: that takes more than two minutes.
        """
        for component in self._components:
            component.start()
        self.wait()

    def wait(self) -> None:
        """Returns when the components are ready, and the API server asks the gate and judges workloads.

        Raises:
            SandboxError: that takes more than two minutes, or one of them has ended.
        """
        deadline = time.monotonic() + _READY_SECONDS
        while problem := self._problem():
            for component in self._components:
                if not component.process.running:
                    raise SandboxError(f"the {component.name} has ended{self._last_log_lines()}")
            if time.monotonic() > deadline:
                raise SandboxError(f"not ready after {_READY_SECONDS:.0f} s: {problem}{self._last_log_lines()}")
            time.sleep(_POLL_SECONDS)

    def end(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Ends the components; the control plane stays."""
        for process in _processes(self.directory):
            process.end(number)

    @property
    def _components(self) -> tuple[Component, Component]:
        return self.controller, self.gate

    def _problem(self) -> str | None:
        """Says what is not ready yet; None where all is."""
        for component in self._components:
            if (problem := component.problem()) is not None:
                return f"{component.name}: {problem}"
        return self._gate_is_not_asked() or self._workloads_are_not_judged()

    def _gate_is_not_asked(self) -> str | None:
        """Tries what the gate refuses, since the API server hears of webhook and CA bundle a moment after the write."""
        release = {"metadata": {"name": "sandbox-probe"}, "type": "helm.sh/release.v1", "stringData": {"release": "?"}}
        try:
            self.cluster.request("POST", "/api/v1/namespaces/default/secrets?dryRun=All", release)
        except ApiError as error:
            return None if "denied the request" in str(error) else f"API server: {error}"
        return "API server: it does not ask the gate yet"

    def _workloads_are_not_judged(self) -> str | None:
        """Tries what the policies refuse, then what they admit once the API server has parameters to judge by."""
        kinds = {(manifest["kind"], manifest["metadata"]["name"]) for manifest in self._manifests}
        if ("ValidatingAdmissionPolicy", _GUARD) not in kinds:
            return None
        try:
            self.cluster.request("DELETE", f"{_DEFINITIONS}/workloadpolicies.licet.dev?dryRun=All")
        except ApiError as error:
            if _GUARD not in str(error):
                return f"API server: {error}"
        else:
            return "API server: the admission policies are not in force yet"
        pod = {"metadata": {"name": "sandbox-probe"}, "spec": {"containers": [{"name": "probe", "image": "probe"}]}}
        try:
            self.cluster.request("POST", "/api/v1/namespaces/default/pods?dryRun=All", pod)
        except ApiError as error:
            return f"API server: {error}"
        return None

    def _component(self, name: str, *local: str) -> Component:
        given = arguments(self._manifests, f"licet-{name}")
        return Component(self.cluster, self.namespace, name, self._ports[name], (*given, *local))

    @cached_property
    def _manifests(self) -> list[Manifest]:
        return render(self.cluster.bin / "helm", self.namespace, self._values)

    @cached_property
    def _ports(self) -> dict[str, int]:
        """The ports, which stay those that were chosen first."""
        file = self.directory / "run" / "ports.json"
        if not file.exists():
            ports = {name: free_port() for name in ("webhook", *_COMPONENTS)}
            file.write_text(json.dumps(ports))
        chosen: dict[str, int] = json.loads(file.read_text())
        return chosen

    def _apply(self, manifests: Sequence[Manifest]) -> None:
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests})
        self._kubectl("apply", "--server-side", "--force-conflicts", "--validate=strict", "-f-", stdin=text)

    def _kubectl(self, *arguments: str, stdin: str = "") -> None:
        answer = self.run("kubectl", *arguments, stdin=stdin)
        if answer.returncode != 0:
            raise SandboxError(f"kubectl {arguments[0]} failed: {answer.stderr}")

    def _last_log_lines(self) -> str:
        text = ""
        for component in self._components:
            if component.log.exists():
                lines = component.log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
                text += "".join(f"\n{component.name}: {line}" for line in lines)
        return text


def start(directory: Path, *, kubernetes: str | None = None) -> Sandbox:
    """Starts a sandbox that outlives this process, or what of the one in `directory` does not run.

    `kubernetes` is the minor version of its API server, one of `kubernetes_versions()`.

    Raises:
        SandboxError: it does not become ready, and if it did not run before, nothing of it runs now; or it runs with
            another Kubernetes.
        ControlPlaneError: the control plane does not start.
    """
    if controlplane.running(directory):
        sandbox = Sandbox(Cluster(directory))
        if kubernetes not in {None, sandbox.kubernetes}:
            raise SandboxError(f"Kubernetes {sandbox.kubernetes} runs in {directory}; end it before you start another")
        sandbox.install()
        sandbox.start()
        return sandbox
    stop(directory)
    with ControlPlane(directory, log_directory=directory / "log", kubernetes=kubernetes) as plane:
        sandbox = _start(plane)
        plane.detach()
    return sandbox


def stop(directory: Path) -> bool:
    """Ends the sandbox in `directory`, or what is left of it, and removes its files; says whether something ran."""
    processes = [process for process in _processes(directory) if process.running]
    for process in processes:
        process.end(signal.SIGKILL)
    ran = controlplane.stop(directory) or bool(processes)
    for name in ("run", "log"):
        shutil.rmtree(directory / name, ignore_errors=True)
    with contextlib.suppress(OSError):  # it was not there, or holds something that is not of a sandbox
        directory.rmdir()
    return ran


@contextmanager
def temporary(values: Sequence[str] = ()) -> Iterator[Sandbox]:
    """Gives a sandbox that lives as long as the block runs, at most as long as this process; nothing of it stays.

    Raises:
        SandboxError, ControlPlaneError: as `start`.
    """
    directory = Path(tempfile.mkdtemp(prefix="licet-"))
    watch = _guard(directory)
    try:
        with ControlPlane(directory) as plane:
            yield _start(plane, values)
    finally:
        stop(directory)
        watch.kill()
        watch.communicate()


def _start(plane: ControlPlane, values: Sequence[str] = ()) -> Sandbox:
    sandbox = Sandbox(plane, values)
    try:
        sandbox.install()
        sandbox.start()
    except BaseException:
        sandbox.end()
        raise
    return sandbox


def _guard(directory: Path) -> "subprocess.Popen[bytes]":
    """Starts what stops the sandbox should this process die without doing so: it sees its standard input end."""
    return subprocess.Popen(
        [sys.executable, "-m", "sandbox", "guard", str(directory)],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
        stdin=subprocess.PIPE,
        start_new_session=True,
    )


def _processes(directory: Path) -> list[Process]:
    return [Process(directory / "run" / f"{name}.pid") for name in _COMPONENTS]
