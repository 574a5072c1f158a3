"""Starts and stops control planes: etcd, kube-apiserver and kube-controller-manager, without nodes."""

import fcntl
import os
import secrets
import signal
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from controlplane.build import ensure_binaries
from controlplane.certs import Authority, service_account_key
from controlplane.cluster import Cluster, certificate_user, kubeconfig
from controlplane.commands import API_SERVER, SERVICE_ADDRESS, SERVICE_NAMES, commands
from controlplane.errors import ApiError, ControlPlaneError, StartError, StopError
from controlplane.files import write_private
from controlplane.layout import Layout
from controlplane.ports import HOST, ReservedPort
from controlplane.supervision import Supervision
from controlplane.supervisor import Spec, remove

LINKS: Final = ("kubectl", "helm", "helm3")
START_SECONDS: Final = 120  # many times what it takes: the machine may be busy
STOP_SECONDS: Final = 30
POLL_SECONDS: Final = 0.05
LOG_LINES: Final = 10  # of each program, in the message of a failed start


class ControlPlane(Cluster):
    """A control plane that lives as long as its `with` block, at most as long as this process, unless it is detached.

    Without `directory` it lies in a temporary one. In the end every file of its own goes, wherever it lies, save the
    logs when `log_directory` says where they are wanted. `kubernetes` is the minor version of the API server, one of
    `kubernetes_versions()`. An object serves for one `with` block.

    Entering the block builds the programs where that is still to be done, and returns when the API server is ready and
    the controllers are at work.

    Raises:
        StartError: a program ended or was not ready in time, or a control plane runs in the directory already.
        BuildError, GoError: as `ensure_binaries`.
    """

    def __init__(
        self, directory: Path | None = None, *, log_directory: Path | None = None, kubernetes: str | None = None
    ) -> None:
        super().__init__(directory or Path(tempfile.gettempdir(), f"licet-{secrets.token_hex(8)}"))
        self._kubernetes = kubernetes
        self._temporary = directory is None
        self._log_directory = (log_directory or self._layout.log).resolve()
        self._own = [*self._layout.own]
        if self._temporary:
            self._own.append(self.directory)
        elif log_directory is None:
            self._own.append(self._layout.log)
        self._supervision: Supervision | None = None
        self._port: ReservedPort | None = None

    def __enter__(self) -> Self:
        binaries = ensure_binaries(self._kubernetes)
        try:
            self._start(binaries)
        except StartError as error:
            logs = self._last_log_lines() if self._supervision else ""
            self.stop()
            raise StartError(f"{error}{logs}") from None
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends everything and removes its files; does nothing when it is detached, or not running.

        Raises:
            StopError: something still ran after 30 seconds.
        """
        if self._port is not None:
            self._port.close()
            self._port = None
        if self._supervision is not None:
            supervision, self._supervision = self._supervision, None
            supervision.close()

    def detach(self) -> None:
        """Lets the control plane outlive this process and its `with` block, until `stop(directory)`."""
        self._running.detach()
        self._supervision = None

    @property
    def audit_log(self) -> Path:
        """Where the API server writes who wrote what, and what admission said to it: a JSON object a line."""
        return self._log_directory / "audit.log"

    def kill_api_server(self) -> None:
        """Kills the API server alone, as a crash would; clients are refused until `start_api_server`."""
        self._running.kill(API_SERVER)

    def start_api_server(self) -> None:
        """Starts the API server again, at the same address and with all data, and returns when it is ready."""
        self._running.start(API_SERVER)
        self._await(self._api_server_ready)

    @property
    def _running(self) -> Supervision:
        if self._supervision is None:
            raise ControlPlaneError(f"the control plane in {self.directory} does not run, or is detached")
        return self._supervision

    def _start(self, binaries: Path) -> None:
        layout = self._layout
        self._port = ReservedPort()
        command_lines = commands(binaries, layout, self._port.number, self.audit_log)

        self.directory.mkdir(mode=0o700 if self._temporary else 0o777, parents=True, exist_ok=not self._temporary)
        for directory in (self._log_directory, layout.run):
            directory.mkdir(parents=True, exist_ok=True)
        spec = Spec(
            commands=command_lines,
            working_directory=str(layout.data),
            log_directory=str(self._log_directory),
            pid_file=str(layout.pid_file),
            remove=list(map(str, self._own)),
        )
        self._supervision = Supervision(spec)

        remove([layout.certificates, layout.data, layout.bin])  # of one that was killed together with its supervisor
        for directory in (layout.certificates, layout.data):
            directory.mkdir(mode=0o700)
        self._write_certificates(f"https://{HOST}:{self._port.number}")
        for name in command_lines:
            self._supervision.start(name)
        layout.bin.mkdir()
        for link in LINKS:
            (layout.bin / link).symlink_to(binaries / link)
        self._await(self._api_server_ready)
        self._await(self._controllers_at_work)

    def _write_certificates(self, server: str) -> None:
        directory = self._layout.certificates
        authority = Authority.create("licet control plane")
        write_private(directory / "ca.crt", authority.certificate)
        authority.serving("kube-apiserver", names=SERVICE_NAMES, addresses=[HOST, SERVICE_ADDRESS]).write(
            directory, "server"
        )
        write_private(directory / "service-account.key", service_account_key())
        administrator = authority.client("admin", group="system:masters")
        administrator.write(directory, "admin")
        manager = authority.client("system:kube-controller-manager")
        for path, name, pair in (
            (self._layout.kubeconfig, "admin", administrator),
            (directory / "controller-manager.kubeconfig", "controller-manager", manager),
        ):
            write_private(path, kubeconfig(server, authority.certificate, name, certificate_user(pair)))

    def _await(self, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            self._running.check()
            if time.monotonic() > deadline:
                raise StartError(f"the control plane was not ready after {START_SECONDS} s")
            time.sleep(POLL_SECONDS)

    def _api_server_ready(self) -> bool:
        try:
            self.request("GET", "/readyz")
        except (ApiError, OSError):
            return False
        return True

    def _controllers_at_work(self) -> bool:
        """Without a default ServiceAccount, made by a controller, no Pod is admitted."""
        try:
            self.request("GET", "/api/v1/namespaces/default/serviceaccounts/default")
        except (ApiError, OSError):
            return False
        return True

    def _last_log_lines(self) -> str:
        text = ""
        for log in sorted(self._log_directory.glob("*.log")):
            lines = log.read_text(errors="replace").splitlines()[-LOG_LINES:]
            text += "".join(f"\n{log.stem}: {line}" for line in lines)
        return text


def running(directory: Path) -> bool:
    """Whether a control plane runs in `directory`, attached or detached."""
    try:
        with Layout(directory.resolve()).pid_file.open() as file:
            return not _lock(file.fileno())
    except FileNotFoundError:
        return False


def stop(directory: Path) -> bool:
    """Ends the control plane that runs in `directory`, and says whether there was one.

    Files that one has left there which was killed together with its supervisor are removed too.

    Raises:
        StopError: it still ran after 30 seconds.
    """
    layout = Layout(directory.resolve())
    try:
        file = layout.pid_file.open()
    except FileNotFoundError:
        return False
    with file:
        if _lock(file.fileno()):
            remove(layout.own)
            return False
        with suppress(ProcessLookupError):  # it has just ended by itself
            os.kill(int(file.read()), signal.SIGTERM)  # the one that holds the lock: its ID can't be another's by now
        deadline = time.monotonic() + STOP_SECONDS
        while not _lock(file.fileno()):
            if time.monotonic() > deadline:
                raise StopError(f"the control plane in {directory} still runs after {STOP_SECONDS} s")
            time.sleep(POLL_SECONDS)
    return True


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
