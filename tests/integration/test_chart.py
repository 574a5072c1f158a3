"""The chart: what Helm makes of it, and what a real API server says to that."""

import base64
import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

import licet
from controlplane import Cluster

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "licet"
HELMS = ("helm", "helm3")

# Every value that changes what is rendered, each on both of its sides at least once.
COMBINATIONS: dict[str, Sequence[str]] = {
    "defaults": (),
    "no inventory": ("inventory.enabled=false",),
    "no policy reports": ("policyReports.enabled=false",),
    "no workload policies": ("workloadPolicies.enabled=false",),
    "workload policies with exemptions": (
        "workloadPolicies.exemptUsers[0]=system:serviceaccount:argo-rollouts:argo-rollouts",
        "workloadPolicies.exemptNamespaces={kube-system,on}",
    ),
    "admits when no gate answers": ("gate.failurePolicy=Ignore", "gate.timeoutSeconds=30"),
    "one gate": ("gate.replicas=1",),
    "no GitOps tools": ("gate.gitops.flux=false", "gate.gitops.argocd=false"),
    "certificate of others": ("gate.certificate.mode=existing", "gate.certificate.caBundle=CA"),
    "certificate of cert-manager": (
        "gate.certificate.mode=existing",
        r"gate.webhookAnnotations.cert-manager\.io/inject-ca-from=licet-system/licet-gate",
    ),
    "private registry": (
        "image.repository=registry.example/licet",
        f"image.digest=sha256:{'0' * 64}",
        "image.pullPolicy=Always",
        "imagePullSecrets[0].name=registry",
    ),
    "placed": (
        "nodeSelector.disk=ssd",
        "tolerations[0].operator=Exists",
        "controller.podAnnotations.a=b",
        "gate.podAnnotations.a=b",
        "controller.resources=null",
        "gate.resources=null",
        "logFormat=text",
        "logLevel=debug",
    ),
}

Manifest = dict[str, Any]


def helm(
    cluster: Cluster, program: str, *arguments: str, values: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [cluster.bin / program, *arguments, *(f"--set={value}" for value in values)],
        env=os.environ | {"KUBECONFIG": str(cluster.kubeconfig)},
        capture_output=True,
        text=True,
        check=False,
    )


def template(cluster: Cluster, program: str = "helm", *, values: Sequence[str] = (), namespace: str = "ops") -> str:
    arguments = ("template", "licet", str(CHART), "-n", namespace, "--include-crds")
    answer = helm(cluster, program, *arguments, values=values)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def rendered(
    cluster: Cluster, values: Sequence[str] = (), *, namespace: str = "ops"
) -> dict[tuple[str, str], Manifest]:
    documents = filter(None, yaml.safe_load_all(template(cluster, values=values, namespace=namespace)))
    return {(document["kind"], document["metadata"]["name"]): document for document in documents}


def kubectl(cluster: Cluster, *arguments: str, stdin: str = "") -> str:
    answer = subprocess.run(
        [cluster.bin / "kubectl", *arguments],
        env=os.environ | {"KUBECONFIG": str(cluster.kubeconfig)},
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


@pytest.mark.parametrize("program", HELMS)
def test_helm_finds_nothing_to_complain_of(control_plane: Cluster, program: str) -> None:
    answer = helm(control_plane, program, "lint", "--strict", str(CHART))
    assert answer.returncode == 0, answer.stdout
    assert "[WARNING]" not in answer.stdout


def test_both_helms_render_the_same(control_plane: Cluster) -> None:
    """But for the order, in which only Helm 4 has a place for admission policies."""
    documents = [filter(None, yaml.safe_load_all(template(control_plane, program))) for program in HELMS]
    one, other = (sorted(map(json.dumps, each)) for each in documents)
    assert one == other


@pytest.mark.parametrize("values", COMBINATIONS.values(), ids=COMBINATIONS.keys())
def test_the_api_server_accepts_every_object_strictly(control_plane: Cluster, namespace: str, values) -> None:
    text = template(control_plane, values=values, namespace=namespace)

    told = kubectl(control_plane, "apply", "--dry-run=server", "--validate=strict", "-f-", stdin=text)

    assert len(told.splitlines()) == len([each for each in yaml.safe_load_all(text) if each])
    assert "Warning" not in told


@pytest.mark.parametrize("values", COMBINATIONS.values(), ids=COMBINATIONS.keys())
def test_pods_meet_the_restricted_pod_security_standard(control_plane: Cluster, namespace: str, values) -> None:
    """The API server itself judges, as an admission plugin, if the namespace asks for it."""
    labels = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    control_plane.request("PATCH", f"/api/v1/namespaces/{namespace}", labels)
    deployments = [
        each for (kind, _), each in rendered(control_plane, values, namespace=namespace).items() if kind == "Deployment"
    ]
    assert len(deployments) == 2
    for deployment in deployments:
        pod = {"metadata": {"name": "pod"}, "spec": deployment["spec"]["template"]["spec"]}
        pod["spec"]["serviceAccountName"] = "default"
        control_plane.request("POST", f"/api/v1/namespaces/{namespace}/pods?dryRun=All&fieldValidation=Strict", pod)
        (container,) = pod["spec"]["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"]


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("gate.failurePolicy=Maybe", "failurePolicy"),
        ("gate.timeoutSeconds=31", "timeoutSeconds"),
        ("gate.replicas=two", "replicas"),
        ("gate.certificate.mode=none", "mode"),
        ("gate.certificate.caBundle=CA", "caBundle"),
        ("gate.certificate.mode=existing", "gate.webhookAnnotations"),
        ("gate.fialurePolicy=Ignore", "fialurePolicy"),
        ("inventory.enabled=no-thanks", "enabled"),
        ("workloadPolicies.exemptUsers=jane", "exemptUsers"),
        ("workloadPolicies.exemptNamespaces[0]=kube_system", "exemptNamespaces"),
        ("workloadPolicies.enabled=perhaps", "enabled"),
        ("image.digest=latest", "digest"),
        ("logLevel=loud", "logLevel"),
        ("replicas=3", "replicas"),
    ],
)
@pytest.mark.parametrize("program", HELMS)
def test_values_that_mean_nothing_are_refused_by_name(
    control_plane: Cluster, program: str, value: str, what: str
) -> None:
    answer = helm(control_plane, program, "template", str(CHART), values=[value])
    assert answer.returncode != 0
    assert what in answer.stderr


VENDOR_KIND, PARAMETER_KIND, BREAK_GLASS_KIND = (
    f"--api-versions=licet.dev/v1alpha1/{kind}" for kind in ("Vendor", "WorkloadPolicy", "BreakGlass")
)


KINDS = (VENDOR_KIND, BREAK_GLASS_KIND, PARAMETER_KIND)
JUDGING = ("name: workloads.licet.dev", "[workloadpolicies]", "--workload-policies")


@pytest.mark.parametrize("program", HELMS)
@pytest.mark.parametrize("known", [(), KINDS], ids=["first", "again"])
def test_workloads_are_judged_from_kubernetes_1_34_on(control_plane: Cluster, program: str, known) -> None:
    """Before, the API server could not compile the policies, and would refuse all."""
    for version, judged in (("1.33", False), ("1.34", True), ("v1.34.0-eks-1a2b3c", True)):
        answer = helm(control_plane, program, "template", str(CHART), f"--kube-version={version}", *known)
        assert answer.returncode == 0, answer.stderr
        assert [part in answer.stdout for part in JUDGING] == [judged] * len(JUDGING)


@pytest.mark.parametrize(
    ("version", "values", "told"),
    [("1.33", (), True), ("1.34", (), False), ("1.33", ("workloadPolicies.enabled=false",), False)],
)
def test_the_notes_say_where_kubernetes_is_too_old_to_judge_workloads(
    control_plane: Cluster, tmp_path: Path, version: str, values, told: bool
) -> None:
    """`helm template` shows no notes: so here they become a manifest."""
    templates = Path(shutil.copytree(CHART, tmp_path / "licet")) / "templates"
    notes = (templates / "NOTES.txt").read_text()
    text = '{{ define "notes" }}' + notes + '{{ end }}notes: {{ include "notes" $ | quote }}'
    (templates / "notes.yaml").write_text(text)
    command = ("template", str(templates.parent), "--show-only=templates/notes.yaml", f"--kube-version={version}")
    answer = helm(control_plane, "helm", *command, values=values)
    assert answer.returncode == 0, answer.stderr
    said = " ".join(yaml.safe_load(answer.stdout)["notes"].split())
    assert ("workloads are not judged: that takes Kubernetes 1.34, and this is v1.33" in said) is told


@pytest.mark.parametrize("missing", [BREAK_GLASS_KIND, PARAMETER_KIND])
@pytest.mark.parametrize("program", HELMS)
def test_an_upgrade_asks_for_the_definitions_that_helm_does_not_upgrade(
    control_plane: Cluster, program: str, missing: str
) -> None:
    """Without that of its parameters, a policy would have the API server refuse all workloads."""
    answer = helm(control_plane, program, "template", str(CHART), *(kind for kind in KINDS if kind != missing))
    assert answer.returncode != 0
    remedy = "kubectl apply --server-side --force-conflicts -f crds/"
    assert f"needs its own CRDs, which Helm does not upgrade: {remedy}" in answer.stderr


def test_namespaces_are_exempt_by_name(control_plane: Cluster) -> None:
    """That of licet always is, and that of the cluster's own components unless the administrator decides otherwise."""
    for values, exempt in (
        ((), ["ops", "kube-system"]),
        (("workloadPolicies.exemptNamespaces=null",), ["ops"]),
        (("workloadPolicies.exemptNamespaces={on,ops}",), ["ops", "on"]),
    ):
        policy = rendered(control_plane, values, namespace="ops")["ValidatingAdmissionPolicy", "workloads.licet.dev"]
        assert policy["spec"]["matchConstraints"]["namespaceSelector"] == {
            "matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": exempt}]
        }


def test_every_default_is_in_the_schema() -> None:
    schema, values = (
        json.loads((CHART / "values.schema.json").read_text()),
        yaml.safe_load((CHART / "values.yaml").read_text()),
    )

    def unknown(value: Any, known: Manifest, path: str) -> Iterator[str]:
        for name, member in value.items() if isinstance(value, dict) and "properties" in known else ():
            if name not in known["properties"]:
                yield f"{path}{name}"
            else:
                yield from unknown(member, known["properties"][name], f"{path}{name}.")

    assert list(unknown(values, schema, "")) == []


def test_the_webhook_is_registered_as_the_contract_says(control_plane: Cluster) -> None:
    configuration = rendered(control_plane)["ValidatingWebhookConfiguration", "licet-gate"]

    assert configuration["webhooks"][0] == {
        "name": "releases.gate.licet.dev",
        "clientConfig": {"service": {"name": "licet-gate", "namespace": "ops", "path": "/validate", "port": 443}},
        "rules": [
            {
                "apiGroups": [""],
                "apiVersions": ["v1"],
                "resources": ["secrets", "configmaps"],
                "scope": "Namespaced",
                "operations": ["CREATE"],
            }
        ],
        "matchConditions": [
            {
                "name": "helm-release",
                "expression": 'has(object.type) && object.type.startsWith("helm.sh/release.") '
                '|| has(object.data) && "release" in object.data '
                '&& (object.metadata.name.startsWith("sh.helm.release.") '
                '|| has(object.metadata.labels) && "owner" in object.metadata.labels '
                '&& object.metadata.labels["owner"] == "helm")',
            }
        ],
        "namespaceSelector": {
            "matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["ops"]}]
        },
        "matchPolicy": "Equivalent",
        "failurePolicy": "Fail",
        "timeoutSeconds": 5,
        "sideEffects": "NoneOnDryRun",
        "admissionReviewVersions": ["v1"],
    }


def test_the_service_leads_to_the_port_that_the_gate_serves(control_plane: Cluster) -> None:
    objects = rendered(control_plane)
    service = objects["Service", "licet-gate"]["spec"]
    (container,) = objects["Deployment", "licet-gate"]["spec"]["template"]["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}

    assert {port["port"]: ports[port["targetPort"]] for port in service["ports"]} == {443: 8443, 8080: 8080}
    labels = objects["Deployment", "licet-gate"]["spec"]["template"]["metadata"]["labels"]
    assert service["selector"].items() <= labels.items()


def test_the_options_of_the_components_are_theirs(control_plane: Cluster) -> None:
    for values, (name, command) in itertools.product(
        (
            (),
            ("inventory.enabled=false", "policyReports.enabled=false"),
            COMBINATIONS["workload policies with exemptions"],
        ),
        (("licet-controller", "controller"), ("licet-gate", "gate")),
    ):
        (container,) = rendered(control_plane, values)["Deployment", name]["spec"]["template"]["spec"]["containers"]
        assert container["args"][0] == command
        answer = subprocess.run(
            [Path(sys.executable).with_name("licet"), *container["args"], "--help"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert answer.returncode == 0, answer.stderr


def test_nothing_that_the_chart_installs_is_taken_for_a_projection(control_plane: Cluster) -> None:
    for document in rendered(control_plane).values():
        assert document["metadata"].get("labels", {}).get("app.kubernetes.io/managed-by") != "licet"


def test_the_chart_is_of_this_version_of_licet(control_plane: Cluster) -> None:
    described = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert described["version"] == described["appVersion"] == licet.__version__


@pytest.mark.parametrize("values", [(), COMBINATIONS["certificate of others"]], ids=["self-signed", "existing"])
def test_who_does_not_keep_the_certificate_may_not_write_the_webhook(control_plane: Cluster, values) -> None:
    rules = rendered(control_plane, values)["ClusterRole", "licet-controller"]["rules"]
    (rule,) = [rule for rule in rules if "validatingwebhookconfigurations" in rule["resources"]]
    assert rule["resourceNames"] == ["licet-gate"]
    assert ("update" in rule["verbs"]) is (not values)


@pytest.mark.parametrize("kind", ["ClusterRole", "Role"])
def test_no_role_has_a_wildcard(control_plane: Cluster, kind: str) -> None:
    roles = [document for (each, _), document in rendered(control_plane).items() if each == kind]
    assert roles
    for rule in itertools.chain.from_iterable(role["rules"] for role in roles):
        assert "*" not in itertools.chain(rule["apiGroups"], rule["resources"], rule["verbs"])
        assert not {"escalate", "bind", "impersonate"} & set(rule["verbs"])


@pytest.mark.parametrize("program", HELMS)
def test_upgrades_leave_the_ca_bundle_that_the_controller_keeps(
    control_plane: Cluster, namespace: str, program: str
) -> None:
    """And installing, upgrading and uninstalling work with either Helm."""
    configuration = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/licet-gate"
    chart = ("licet", str(CHART), "-n", namespace)
    # What they would judge, other tests of this control plane may want to write.
    values = ["gate.failurePolicy=Ignore", "workloadPolicies.enabled=false"]
    installed = helm(control_plane, program, "install", *chart, values=values)
    try:
        assert installed.returncode == 0, installed.stderr
        assert "kubectl get entitlements" in installed.stdout
        assert f"LICET_OPERATOR_NAMESPACE={namespace}" in installed.stdout
        written = control_plane.request("GET", configuration)
        bundle = base64.b64encode(control_plane.ca_file.read_bytes()).decode()
        for webhook in written["webhooks"]:
            webhook["clientConfig"]["caBundle"] = bundle
        control_plane.request("PUT", f"{configuration}?fieldManager=licet-controller", written)

        upgraded = helm(control_plane, program, "upgrade", *chart, values=[*values, "gate.timeoutSeconds=3"])

        assert upgraded.returncode == 0, upgraded.stderr
        webhooks = control_plane.request("GET", configuration)["webhooks"]
        assert [webhook["timeoutSeconds"] for webhook in webhooks] == [3, 3, 3]
        assert [webhook["clientConfig"]["caBundle"] for webhook in webhooks] == [bundle] * 3
    finally:
        assert helm(control_plane, program, "uninstall", "licet", "-n", namespace).returncode == 0


def test_namespaced_users_get_entitlements_with_their_roles_and_no_more(control_plane: Cluster) -> None:
    objects = rendered(control_plane)
    view, edit = objects["ClusterRole", "licet-view"], objects["ClusterRole", "licet-edit"]
    aggregated = "rbac.authorization.k8s.io/aggregate-to-"
    assert [name for name in view["metadata"]["labels"] if name.startswith(aggregated)] == [
        f"{aggregated}{role}" for role in ("view", "edit", "admin")
    ]
    assert f"{aggregated}view" not in edit["metadata"]["labels"]
    assert {resource for rule in edit["rules"] for resource in rule["resources"]} == {"entitlements"}
