"""Who may judge releases: nobody, the API server itself, a webhook that does nothing, licet's gate, and its peers.

Each refuses releases that are marked as to be refused, so that it can be seen to work. licet refuses them because no
license covers them; the others read a label, as they can't decode a release.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from bench.counters import metrics
from bench.peers import gatekeeper, kyverno
from bench.programs import GATEKEEPER, KYVERNO, build_peer, build_tools, source
from bench.releases import LABEL, LABEL_RULE, Subject
from bench.serving import RELEASES_ONLY, RULE, Serving, webhook, webhook_reviews
from bench.setting import apply, process
from bench.vendor import BenchVendor
from controlplane import ControlPlane
from controlplane.certs import Authority
from sandbox import Sandbox, SandboxError
from sandbox.components import HOST, free_port

NONE: Final = "none"
IDLE: Final = "idle webhook"
LICET: Final = "licet"


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to judge releases; `serve` sets it up on a control plane that has nothing else, while its block runs."""

    name: str
    serve: Callable[[ControlPlane], AbstractContextManager[Serving]]


def arms(names: Sequence[str] = ()) -> list[Arm]:
    """Gives all arms, or those of these names, and builds what they need.

    Raises:
        BuildError: something does not build.
    """
    makers: dict[str, Callable[[], Callable[[ControlPlane], AbstractContextManager[Serving]]]] = {
        NONE: lambda: _nobody,
        "native policy": lambda: _native_policy,
        IDLE: lambda: partial(_idle_webhook, program=build_tools() / "webhook"),
        LICET: lambda: _licet,
        "Kyverno": lambda: partial(kyverno, program=build_peer(KYVERNO), source=source(KYVERNO)),
        "Gatekeeper": lambda: partial(gatekeeper, program=build_peer(GATEKEEPER), source=source(GATEKEEPER)),
    }
    return [Arm(name, make()) for name, make in makers.items() if not names or name in names]


@contextmanager
def _nobody(_plane: ControlPlane) -> Iterator[Serving]:
    yield Serving()


@contextmanager
def _native_policy(plane: ControlPlane) -> Iterator[Serving]:
    name = "native.bench.licet.dev"
    api = "admissionregistration.k8s.io/v1"
    apply(
        plane,
        {
            "apiVersion": api,
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": name},
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {"resourceRules": [RULE]},
                "matchConditions": [RELEASES_ONLY],
                "validations": [{"expression": LABEL_RULE, "reason": "Forbidden"}],
            },
        },
        {
            "apiVersion": api,
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": name},
            "spec": {"policyName": name, "validationActions": ["Deny"]},
        },
    )
    metric = "apiserver_validating_admission_policy_check_total"
    yield Serving(lambda text: metrics(text, metric, policy=name), counts_refusals_only=True)


@contextmanager
def _idle_webhook(plane: ControlPlane, *, program: Path) -> Iterator[Serving]:
    name = "idle.bench.licet.dev"
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        authority = Authority.create("bench")
        authority.serving("idle", names=["idle"], addresses=[HOST]).write(directory, "serving")
        address = f"{HOST}:{free_port()}"
        command = [str(program), "-address", address, "-refuse", f'"{LABEL}":"{Subject.REFUSED}"']
        command += ["-certificate", f"{directory}/serving.crt", "-key", f"{directory}/serving.key"]
        pid = stack.enter_context(process(command, log=plane.directory / "log" / "idle.log"))
        apply(plane, webhook(name, f"https://{address}/validate", authority.certificate))
        yield Serving(webhook_reviews(name), pid=pid)


@contextmanager
def _licet(plane: ControlPlane) -> Iterator[Serving]:
    """The gate, set up by the controller, which is ended then: the controllers of the peers do not run either."""
    sandbox = Sandbox(plane)
    vendor = BenchVendor()
    try:
        sandbox.install()
        sandbox.start()
        apply(plane, vendor.manifest, vendor.license(vendor.token()))
        sandbox.controller.process.end()
        pid = sandbox.gate.process.pid
        if pid is None:
            raise SandboxError("the gate has ended")
        status = f"http://{HOST}:{sandbox.gate.port}"
        yield Serving(webhook_reviews("releases.gate.licet.dev"), pid=pid, status=status)
    finally:
        sandbox.end()
