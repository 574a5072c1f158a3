"""How much memory the inventory takes: controller and gate before and after so many releases have been installed."""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.counters import resident_mebibytes
from bench.load import create
from bench.progress import Progress
from bench.projection import running
from bench.releases import NAMESPACE, Size, Subject, write_secrets
from bench.setting import apply, await_denial
from bench.vendor import BenchVendor
from controlplane import ControlPlane
from sandbox import Sandbox, SandboxError

_INSTALLATIONS: Final = "/apis/licet.dev/v1alpha1/installations?limit=1"
_CLIENTS: Final = 4
_WAIT_SECONDS: Final = 600.0
_POLL_SECONDS: Final = 0.5
_SETTLE_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Inventory:
    """Memory in MiB without and with so many Installations; `seconds` from the last release until all were there."""

    installations: int
    controller_before_mib: float
    controller_mib: float
    gate_before_mib: float
    gate_mib: float
    seconds: float


def measure(installations: int, tools: Path) -> Inventory:
    """Creates so many licensed releases, past the gate, and waits until the controller has taken them in.

    Raises:
        SandboxError: it does not within ten minutes.
        ControlPlaneError: a control plane does not start.
    """
    progress = Progress("inventory", 2)
    with ControlPlane() as plane, tempfile.TemporaryDirectory(prefix="licet-bench-") as directory:
        file = write_secrets(Path(directory), Subject.LICENSED, Size.SMALL, installations)
        apply(plane, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        sandbox, vendor = Sandbox(plane), BenchVendor()
        try:
            sandbox.install()
            sandbox.start()
            apply(plane, vendor.manifest, vendor.license(vendor.token()))
            await_denial(plane)
            before = _resident(sandbox)
            create(plane, tools, file, count=installations, clients=_CLIENTS)
            progress.step(f"{installations} releases created")
            started = time.monotonic()
            while (found := _count(plane)) < installations:
                if time.monotonic() - started > _WAIT_SECONDS:
                    raise SandboxError(
                        f"after {_WAIT_SECONDS:.0f} s there are {found} of {installations} Installations"
                    )
                time.sleep(_POLL_SECONDS)
            seconds = time.monotonic() - started
            time.sleep(_SETTLE_SECONDS)
            after = _resident(sandbox)
        finally:
            sandbox.end()
        progress.step(f"controller {after[0]:.0f} MiB, gate {after[1]:.0f} MiB")
        return Inventory(installations, before[0], after[0], before[1], after[1], seconds)


def _resident(sandbox: Sandbox) -> tuple[float, float]:
    return resident_mebibytes(running(sandbox.controller)), resident_mebibytes(running(sandbox.gate))


def _count(plane: ControlPlane) -> int:
    found = plane.request("GET", _INSTALLATIONS)
    return len(found["items"]) + int(found["metadata"].get("remainingItemCount", 0))
