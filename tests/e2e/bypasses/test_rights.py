"""What somebody may not do who has all rights in a namespace, and what exempts no namespace."""

import json
import os
import subprocess
from collections.abc import Callable

import pytest

from sandbox import NAMESPACE, Sandbox
from support.attacks import UNLICENSED, Json, chart, image, refusal, refused_chart
from support.team import Answer, Team


@pytest.fixture(scope="module")
def namespace_admin(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Answer]:
    """Run kubectl as somebody with the role `admin` in the namespace `rights`, and nothing else."""
    namespace, name = "rights", "jane"
    for command in (
        ("create", "namespace", namespace),
        ("create", "serviceaccount", name, "-n", namespace),
        ("create", "rolebinding", name, "--clusterrole=admin", f"--serviceaccount={namespace}:{name}", "-n", namespace),
    ):
        assert sandbox.run("kubectl", *command).returncode == 0
    path = tmp_path_factory.mktemp("rights") / "kubeconfig"
    kubeconfig = sandbox.cluster.service_account_kubeconfig(namespace, name, path)

    def kubectl(*arguments: str, stdin: str = "") -> Answer:
        return subprocess.run(
            [sandbox.cluster.bin / "kubectl", *arguments],
            env={**os.environ, "KUBECONFIG": str(kubeconfig)},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )

    return kubectl


OWN = {"namespace": "rights", "name": "forged"}
LICET = "licet.dev/v1alpha1"
FORBIDDEN: dict[str, tuple[tuple[str, ...], Json | None]] = {
    "forge an Installation": (
        ("create", "-f-"),
        {"apiVersion": LICET, "kind": "Installation", "metadata": OWN},
    ),
    "say in a status what ran": (
        ("patch", "installations", "web", "-n", "rights", "--subresource=status", "--type=merge", '-p={"status":{}}'),
        None,
    ),
    "forge a WorkloadPolicy": (("delete", "workloadpolicies", "--all"), None),
    "change who is trusted": (("delete", "vendors", "--all"), None),
    "apply a License": (
        ("create", "-f-"),
        {"apiVersion": LICET, "kind": "License", "metadata": {"name": "forged"}, "spec": {"token": "x"}},
    ),
    "edit what is remembered": (("delete", "configmap", "licet-memory", "-n", NAMESPACE), None),
    "read the tokens that are kept": (("get", "secret", "licet-tokens", "-n", NAMESPACE), None),
    "work in the exempt namespace": (("run", "web", "--image=nginx", "-n", NAMESPACE), None),
    "work in kube-system": (("run", "web", "--image=nginx", "-n", "kube-system"), None),
    "open a BreakGlass": (
        ("create", "-f-"),
        {"apiVersion": LICET, "kind": "BreakGlass", "metadata": {"name": "forged"}, "spec": {}},
    ),
    "stop the gate": (("delete", "deployments", "--all", "-n", NAMESPACE), None),
    "change the webhook": (("delete", "validatingwebhookconfiguration", "licet-gate"), None),
    "change the policies": (("delete", "validatingadmissionpolicies", "--all"), None),
    "unbind the policies": (("delete", "validatingadmissionpolicybindings", "--all"), None),
    "label the namespace": (("label", "namespace", "rights", "team=pay"), None),
    "make a namespace": (("create", "namespace", "elsewhere"), None),
    "speak for a controller": (
        ("run", "web", "--image=nginx", "-n", "rights", "--as=system:serviceaccount:kube-system:replicaset-controller"),
        None,
    ),
    "speak for a node": (
        ("run", "web", "--image=nginx", "-n", "rights", "--as=system:node:a", "--as-group=system:nodes"),
        None,
    ),
    "take a controller's token": (("create", "token", "replicaset-controller", "-n", "kube-system"), None),
    "forge what a StatefulSet rolls back to": (
        ("create", "-f-"),
        {"apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": OWN, "revision": 1, "data": {}},
    ),
}


@pytest.mark.parametrize("attempt", FORBIDDEN)
def test_namespace_admin_may_not(namespace_admin: Callable[..., Answer], attempt: str) -> None:
    command, manifest = FORBIDDEN[attempt]
    answer = namespace_admin(*command, stdin=json.dumps(manifest) if manifest else "")
    assert answer.returncode != 0
    assert "forbidden" in answer.stderr, answer.stderr


def test_namespace_admin_may_work_in_the_namespace(namespace_admin: Callable[..., Answer]) -> None:
    """Else the refusals above would prove nothing."""
    created = namespace_admin("create", "configmap", "mine", "-n", "rights")
    assert created.returncode == 0, created.stderr
    assert namespace_admin("get", "installations", "-n", "rights").returncode == 0


def test_no_label_makes_a_namespace_the_exempt_one(site: Team) -> None:
    """The API server keeps the label that the gate and the policies go by."""
    label = f"kubernetes.io/metadata.name={NAMESPACE}"
    site.sandbox.run("kubectl", "label", "namespace", site.namespace, label, "--overwrite")
    found = site.get("namespace", site.namespace)
    assert found is not None
    assert found["metadata"]["labels"]["kubernetes.io/metadata.name"] == site.namespace
    assert refused_chart(site, site.helm("install", "web", str(chart(site, UNLICENSED))))
    assert refusal(site, UNLICENSED) != ""


def test_release_in_kube_system_is_refused(site: Team) -> None:
    """The policies leave that namespace alone, the gate does not."""
    answer = site.sandbox.run("helm", "install", "web", str(chart(site, UNLICENSED)), "-n", "kube-system")
    assert refused_chart(site, answer), answer.stderr
    probe = ("run", "probe", f"--image={image(site, UNLICENSED)}", "-n", "kube-system", "--dry-run=server")
    assert site.sandbox.run("kubectl", *probe).returncode == 0
