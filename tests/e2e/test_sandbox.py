"""The sandbox: licet as its chart installs it, under the rights that the chart gives it, and gone when it should be."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import controlplane
import sandbox as sandboxes
from controlplane import Cluster
from sandbox import NAMESPACE, Process, Sandbox
from sandbox.components import Component
from support.process_table import processes

HACK = Path(sandboxes.__file__).parents[1]
CONFIGURATION = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/licet-gate"
SECRETS = f"/api/v1/namespaces/{NAMESPACE}/secrets"

OWNER = """
import sys, time, sandbox
with sandbox.temporary() as running:
    print(running.directory, flush=True)
    time.sleep(600)
"""


# -- whose rights ------------------------------------------------------------------------------------------------------


def components(sandbox: Sandbox) -> tuple[Component, Component]:
    return sandbox.controller, sandbox.gate


def test_components_run_as_their_service_accounts_and_know_no_other_credentials(sandbox: Sandbox) -> None:
    for component in components(sandbox):
        who = sandbox.run("kubectl", "auth", "whoami", f"--kubeconfig={component.kubeconfig}", "-o=jsonpath={.status}")
        assert f'"username":"system:serviceaccount:{NAMESPACE}:licet-{component.name}"' in who.stdout
        assert "system:masters" not in who.stdout
        assert f"--kubeconfig {component.kubeconfig}" in command_line(component.process)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems don't show the environment of a process")
def test_components_inherit_nothing_that_leads_to_the_administrator(sandbox: Sandbox) -> None:
    for component in components(sandbox):
        environment = Path(f"/proc/{component.process.pid}/environ").read_bytes()
        assert b"KUBECONFIG=" not in environment
        assert b"PATH=" in environment


WEBHOOKS = "admissionregistration.k8s.io/validatingwebhookconfigurations"

# What neither component does, and so must not be able to do: (verb, resource, subresource, namespace, name).
FORBIDDEN = {
    "change the webhook": ("update", WEBHOOKS, "", "", "other"),
    "make a webhook": ("create", WEBHOOKS, "", "", ""),
    "delete the webhook": ("delete", WEBHOOKS, "", "", "licet-gate"),
    "trust somebody": ("create", "licet.dev/vendors", "", "", ""),
    "change a Vendor": ("update", "licet.dev/vendors", "", "", "acme"),
    "grant a license": ("create", "licet.dev/licenses", "", "", ""),
    "change a License": ("patch", "licet.dev/licenses", "", "", "acme"),
    "change an Entitlement": ("patch", "licet.dev/entitlements", "", "default", "one"),
    "delete an Entitlement": ("delete", "licet.dev/entitlements", "", "default", "one"),
    "make a pod": ("create", "pods", "", "default", ""),
    "change the policies": ("patch", "admissionregistration.k8s.io/validatingadmissionpolicies", "", "", "x"),
    "stop a workload": ("delete", "pods", "", "default", "web"),
    "scale a workload": ("patch", "apps/deployments", "scale", "default", "web"),
    "restart a workload": ("patch", "apps/deployments", "", "default", "web"),
    "enter a container": ("create", "pods", "exec", "default", "web"),
    "delete a namespace": ("delete", "namespaces", "", "", "default"),
    "change a namespace": ("patch", "namespaces", "", "", "default"),
    "take more rights": ("update", "rbac.authorization.k8s.io/clusterroles", "", "", "licet-gate"),
    "give itself a role": ("create", "rbac.authorization.k8s.io/clusterrolebindings", "", "", ""),
    "make tokens": ("create", "serviceaccounts", "token", NAMESPACE, "licet-controller"),
    "be somebody else": ("impersonate", "users", "", "", "admin"),
    "delete a definition": ("delete", "apiextensions.k8s.io/customresourcedefinitions", "", "", "licenses.licet.dev"),
    "delete many secrets": ("deletecollection", "secrets", "", NAMESPACE, ""),
    "delete an event": ("delete", "events", "", "default", "one"),
}  # fmt: skip

# What the controller may do, and the gate must not.
CONTROLLER_ONLY = {
    "keep the CA bundle": ("update", WEBHOOKS, "", "", "licet-gate"),
    "see the webhook": ("get", WEBHOOKS, "", "", "licet-gate"),
    "write an Installation": ("create", "licet.dev/installations", "", "default", ""),
    "say what ran licensed": ("patch", "licet.dev/installations", "status", "default", "web"),
    "write statuses": ("patch", "licet.dev/licenses", "status", "", "acme"),
    "write projections": ("create", "secrets", "", "default", ""),
    "write what is remembered": ("update", "configmaps", "", NAMESPACE, "licet-memory"),
    "write the certificate": ("update", "secrets", "", NAMESPACE, "licet-gate-tls"),
    "read secrets of others": ("get", "secrets", "", "default", "one"),
    "read entitlements": ("list", "licet.dev/entitlements", "", "", ""),
    "see which images run": ("watch", "pods", "", "", ""),
    "tell the policies what is licensed": ("patch", "licet.dev/workloadpolicies", "", "", "acme"),
}  # fmt: skip

# What both do.
BOTH = {
    "see Vendors": ("watch", "licet.dev/vendors", "", "", ""),
    "see Licenses": ("list", "licet.dev/licenses", "", "", ""),
    "see Installations": ("watch", "licet.dev/installations", "", "", ""),
    "see namespaces": ("watch", "namespaces", "", "", ""),
    "read what is remembered": ("watch", "configmaps", "", NAMESPACE, "licet-memory"),
    "read the Secret of a License": ("get", "secrets", "", NAMESPACE, "acme-license"),
    "report": ("create", "events", "", "default", ""),
}


@pytest.mark.parametrize("action", FORBIDDEN.values(), ids=FORBIDDEN.keys())
@pytest.mark.parametrize("name", ["controller", "gate"])
def test_no_component_may(sandbox: Sandbox, name: str, action: tuple[str, ...]) -> None:
    assert not may(sandbox, getattr(sandbox, name), *action)


@pytest.mark.parametrize("action", CONTROLLER_ONLY.values(), ids=CONTROLLER_ONLY.keys())
def test_the_controller_may_and_the_gate_may_not(sandbox: Sandbox, action: tuple[str, ...]) -> None:
    assert may(sandbox, sandbox.controller, *action)
    assert not may(sandbox, sandbox.gate, *action)


@pytest.mark.parametrize("action", BOTH.values(), ids=BOTH.keys())
def test_both_components_may(sandbox: Sandbox, action: tuple[str, ...]) -> None:
    assert may(sandbox, sandbox.controller, *action)
    assert may(sandbox, sandbox.gate, *action)


GROUPS = ["system:serviceaccounts", f"system:serviceaccounts:{NAMESPACE}", "system:authenticated"]


def may(
    sandbox: Sandbox, component: Component, verb: str, resource: str, subresource: str, namespace: str, name: str
) -> bool:
    """Ask the API server's authorizer."""
    group, _, plural = resource.rpartition("/")
    attributes = {
        "verb": verb,
        "group": group,
        "resource": plural,
        "subresource": subresource,
        "namespace": namespace,
        "name": name,
    }
    review = {"spec": {"user": component.account, "groups": GROUPS, "resourceAttributes": attributes}}
    answer = sandbox.cluster.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    return bool(answer["status"]["allowed"])


def test_nothing_that_a_component_asked_for_was_refused(sandbox: Sandbox) -> None:
    """The other side of least privilege: the chart gives them all that they use."""
    for component in components(sandbox):
        assert "forbidden" not in component.log.read_text().lower()


def test_without_inventory_the_controller_has_no_right_to_write_one_and_misses_none() -> None:
    with sandboxes.temporary(values=["inventory.enabled=false"]) as sandbox:
        assert "--no-inventory" in command_line(sandbox.controller.process)
        assert not may(sandbox, sandbox.controller, *CONTROLLER_ONLY["write an Installation"])
        assert not may(sandbox, sandbox.controller, *CONTROLLER_ONLY["say what ran licensed"])
        assert "forbidden" not in sandbox.controller.log.read_text().lower()


# -- what is installed -------------------------------------------------------------------------------------------------


def test_what_is_installed_is_what_the_chart_renders_but_for_the_url(sandbox: Sandbox) -> None:
    chart = HACK.parent / "charts" / "licet"
    template = ("template", "licet", str(chart), "-n", NAMESPACE, "--include-crds")
    text = sandbox.run("helm", *template).stdout
    wanted = [part for part in text.split("---\n") if not runs_in_pods(part)]
    differs = sandbox.run("kubectl", "diff", "--server-side", "--force-conflicts", "-f-", stdin="---\n".join(wanted))

    changed = [line for line in differs.stdout.splitlines() if line[:1] in "+-" and line[:3] not in {"+++", "---"}]
    members = {line[1:].split(":")[0].strip() for line in changed}
    assert members == {"generation", "service", "name", "namespace", "path", "port", "url"}


def runs_in_pods(document: str) -> bool:
    return any(f"kind: {kind}\n" in document for kind in ("Deployment", "Service", "PodDisruptionBudget"))


def test_the_webhook_leads_to_the_gate_over_a_certificate_that_the_api_server_trusts(sandbox: Sandbox) -> None:
    for webhook in sandbox.cluster.request("GET", CONFIGURATION)["webhooks"]:
        url = urlsplit(webhook["clientConfig"]["url"])
        assert (url.scheme, url.hostname, url.path) == ("https", "127.0.0.1", "/validate")
        assert webhook["clientConfig"]["caBundle"]
        assert webhook["failurePolicy"] == "Fail"
    assert refused_by_the_gate(sandbox)


def test_tools_are_those_of_the_sandbox(sandbox: Sandbox) -> None:
    assert "v1.37." in sandbox.run("kubectl", "version").stdout
    assert sandbox.run("helm", "version", "--template={{.Version}}").stdout.startswith("v4.")
    assert sandbox.run("helm3", "version", "--template={{.Version}}").stdout.startswith("v3.")
    assert sandbox.run("licet", "version").returncode == 0


# -- the certificate, with gate and API server at work ---------------------------------------------------------------


def refused_by_the_gate(sandbox: Sandbox) -> bool:
    """Whether the API server reached the gate, which refuses a release that can't be read."""
    release = {"metadata": {"name": "unreadable"}, "type": "helm.sh/release.v1", "stringData": {"release": "?"}}
    with pytest.raises(controlplane.ApiError) as caught:
        sandbox.cluster.request("POST", "/api/v1/namespaces/default/secrets?dryRun=All", release)
    return "denied the request: licet:" in str(caught.value)


@pytest.mark.parametrize("lost", [("licet-gate-tls",), ("licet-ca",), ("licet-ca", "licet-gate-tls")])
def test_lost_certificates_are_made_anew_while_the_gate_is_reached(sandbox: Sandbox, lost: tuple[str, ...]) -> None:
    before = {name: sandbox.cluster.request("GET", f"{SECRETS}/{name}")["metadata"]["uid"] for name in lost}
    for name in lost:
        sandbox.cluster.request("DELETE", f"{SECRETS}/{name}")

    def are_back() -> bool:
        listed = sandbox.cluster.request("GET", SECRETS)["items"]
        present = {each["metadata"]["name"]: each["metadata"]["uid"] for each in listed}
        return all(name in present and present[name] != before[name] for name in lost)

    if len(lost) == 1:  # with both gone at once, nobody knows the CA that the gate's clients trusted
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline:
            assert refused_by_the_gate(sandbox)
    eventually(are_back)
    eventually(lambda: refused_by_the_gate(sandbox))


# -- coming and going --------------------------------------------------------------------------------------------------


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """A directory for a sandbox that stays; whatever becomes of the test, nothing of it does."""
    directory = tmp_path / "cluster"
    yield directory
    sandboxes.stop(directory)


def command(name: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """What `make cluster` and `make cluster-down` run."""
    return subprocess.run(
        [sys.executable, "-m", "sandbox", name, directory],
        env={**os.environ, "PYTHONPATH": str(HACK)},
        capture_output=True,
        text=True,
        check=False,
    )


def pids(directory: Path) -> dict[str, int]:
    return {file.stem: int(file.read_text()) for file in (directory / "run").glob("*.pid")}


def test_a_sandbox_stays_until_it_is_stopped_and_leaves_nothing(sandbox: Sandbox, directory: Path) -> None:
    """Beside that of the session."""
    started = command("start", directory)
    assert started.returncode == 0, started.stderr
    assert started.stdout.splitlines() == [
        f"export KUBECONFIG={directory}/kubeconfig",
        f"export PATH={directory}/bin:$PATH",
    ]
    assert set(pids(directory)) == {"control-plane", "controller", "gate"}
    assert {path.name for path in (directory / "bin").iterdir()} == {"kubectl", "helm", "helm3", "licet"}
    assert {"controller.log", "gate.log", "kube-apiserver.log"} <= {path.name for path in (directory / "log").iterdir()}
    here = Sandbox(Cluster(directory))
    assert here.cluster.server != sandbox.cluster.server
    assert refused_by_the_gate(here)

    first = pids(directory)
    assert command("start", directory).returncode == 0
    assert pids(directory) == first, "what runs is left alone"

    os.kill(first["gate"], signal.SIGKILL)
    eventually(lambda: not here.gate.process.running)
    assert command("start", directory).returncode == 0
    assert pids(directory) == first | {"gate": pids(directory)["gate"]}
    assert refused_by_the_gate(here)

    os.kill(pids(directory)["controller"], signal.SIGKILL)  # something has died when it is stopped
    stopped = command("stop", directory)
    assert stopped.returncode == 0, stopped.stderr
    assert processes(directory) == []
    assert not directory.exists()
    assert command("stop", directory).returncode == 0, "nothing runs"


def test_a_sandbox_whose_control_plane_died_is_made_anew(directory: Path) -> None:
    assert command("start", directory).returncode == 0
    before = pids(directory)
    os.kill(before["control-plane"], signal.SIGKILL)
    eventually(lambda: not controlplane.running(directory))

    again = command("start", directory)

    assert again.returncode == 0, again.stderr
    assert not set(before.values()) & set(pids(directory).values())
    assert refused_by_the_gate(Sandbox(Cluster(directory)))


def test_files_of_others_are_not_removed(directory: Path) -> None:
    directory.mkdir()
    (directory / "notes").write_text("mine")

    sandboxes.stop(directory)

    assert (directory / "notes").read_text() == "mine"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_death_of_the_owner_ends_everything(number: signal.Signals) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER],
        env={**os.environ, "PYTHONPATH": str(HACK)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        process_group=0,
    )
    with owner:
        try:
            assert owner.stdout is not None
            directory = Path(owner.stdout.readline().strip())
            assert directory.is_absolute()
            assert len(processes(directory)) >= 6

            os.killpg(owner.pid, number)  # as a terminal does it on Ctrl-C: to the group
            owner.wait()

            eventually(lambda: processes(directory) == [] and not directory.exists())
        finally:
            owner.kill()


def test_a_sandbox_that_does_not_become_ready_says_why_and_leaves_nothing(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gate can't listen, since its port is taken."""
    monkeypatch.setattr("sandbox.sandbox.free_port", lambda: 22_222)

    with pytest.raises(sandboxes.SandboxError, match=r"(gate|controller) has ended[\s\S]*22222"):
        sandboxes.start(directory)

    assert processes(directory) == []


def command_line(process: Process) -> str:
    arguments = ["ps", "-ww", "-o", "args=", "-p", str(process.pid)]
    return subprocess.run(arguments, capture_output=True, text=True, check=True).stdout


def eventually(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(AssertionError):
            if condition():
                return
        assert time.monotonic() < deadline
        time.sleep(0.05)
