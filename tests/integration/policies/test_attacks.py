"""Attempts to bring an image past the policies, by means that the API server or kubectl offer."""

import http.client
import time
from typing import Any

import pytest

from controlplane import ApiError
from support.gate_process import apply, kubectl, until
from support.workload_policies import (
    APPLY,
    JSON_PATCH,
    PolicyCluster,
    image_pod,
    license_images,
)

REPOSITORY = "registry.example/acme-platform/api"
LICENSED, UNLICENSED = f"{REPOSITORY}:2.0.0", f"{REPOSITORY}:3.0.0"
FREE = "nginx:1.27"
REFUSED = f"licet: image {UNLICENSED} ("

Json = dict[str, Any]


@pytest.fixture(autouse=True, scope="module")
def licensed(policies: PolicyCluster) -> None:
    license_images(policies, [{"repository": f"{REPOSITORY}*", "tags": "2.x"}])


def pods(namespace: str, query: str = "?dryRun=All") -> str:
    return f"/api/v1/namespaces/{namespace}/pods{query}"


def deployment(image: str, **metadata: Any) -> Json:
    labels = {"app": "web"}
    pod = {"metadata": {"labels": labels}, "spec": image_pod(image)["spec"]}
    spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": pod}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", **metadata}, "spec": spec}


# -- by the way it is written ------------------------------------------------------------------------------------------


def test_a_name_that_the_api_server_makes_hides_nothing(policies: PolicyCluster, namespace: str) -> None:
    pod = image_pod(UNLICENSED, generateName="web-")
    del pod["metadata"]["name"]
    assert REFUSED in (policies.refusal(namespace, pod) or "")


def test_server_side_apply_hides_nothing(policies: PolicyCluster, namespace: str) -> None:
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/web?fieldManager=argocd&force=true"
    assert REFUSED in (policies.send("PATCH", path, deployment(UNLICENSED), media_type=APPLY).refusal or "")
    assert policies.send("PATCH", path, deployment(LICENSED), media_type=APPLY).refusal is None
    assert REFUSED in (policies.send("PATCH", path, deployment(UNLICENSED), media_type=APPLY).refusal or "")


def test_a_dry_run_is_judged_alike(policies: PolicyCluster, namespace: str) -> None:
    for query in ("?dryRun=All", ""):
        assert REFUSED in (policies.send("POST", pods(namespace, query), image_pod(UNLICENSED)).refusal or "")


def test_labels_that_tell_of_a_licensed_version_do_not_cover_for_the_image(
    policies: PolicyCluster, namespace: str
) -> None:
    labels = {
        "helm.sh/chart": "acme-platform-2.0.0",
        "licet.dev/product": "acme-platform",
        "licet.dev/version": "2.0.0",
    }
    assert policies.refusal(namespace, image_pod(LICENSED, labels=labels)) is None
    assert REFUSED in (policies.refusal(namespace, image_pod(UNLICENSED, labels=labels)) or "")


def test_the_template_of_a_job_cannot_be_changed(policies: PolicyCluster, namespace: str) -> None:
    path = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    spec = {"suspend": True, "template": {"spec": {**image_pod(LICENSED)["spec"], "restartPolicy": "Never"}}}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "web"}, "spec": spec}
    assert policies.send("POST", path, job).refusal is None
    patch = [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": UNLICENSED}]
    answer = policies.send("PATCH", f"{path}/web", patch, media_type=JSON_PATCH)
    assert answer.status in (http.client.FORBIDDEN, http.client.UNPROCESSABLE_ENTITY)


# -- by its size -------------------------------------------------------------------------------------------------------


def test_thousands_of_labels_hide_nothing(policies: PolicyCluster, namespace: str) -> None:
    labels = {f"label-{number}.example/{'x' * 60}": "y" * 63 for number in range(5_000)}
    answer = policies.send("POST", pods(namespace), image_pod(UNLICENSED, labels=labels))
    assert answer.status in (http.client.FORBIDDEN, http.client.UNPROCESSABLE_ENTITY)
    assert "workloads.licet.dev" in answer.body["message"]


def test_a_label_longer_than_any_may_be_is_refused_by_the_api_server(policies: PolicyCluster, namespace: str) -> None:
    labels = {"helm.sh/chart": f"acme-platform-3.0.0{'0' * 60}"}
    answer = policies.send("POST", pods(namespace), image_pod(FREE, labels=labels))
    assert answer.status == http.client.UNPROCESSABLE_ENTITY


@pytest.mark.usefixtures("newest_kubernetes")  # which costs seconds; others of its kind are asked on both
def test_one_image_does_not_hide_among_5000(policies: PolicyCluster, namespace: str) -> None:
    images = [f"nginx:{number}" for number in range(4_999)]
    answer = policies.send("POST", pods(namespace), image_pod(*images, UNLICENSED))
    assert answer.status in (http.client.FORBIDDEN, http.client.UNPROCESSABLE_ENTITY)
    assert "workloads.licet.dev" in answer.body["message"]


# -- by kubectl --------------------------------------------------------------------------------------------------------


@pytest.fixture
def running(policies: PolicyCluster, namespace: str) -> str:
    """A namespace with a licensed Pod, Deployment, StatefulSet, DaemonSet and CronJob, all called web."""
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": LICENSED}]}}
    job = {**template, "spec": {**template["spec"], "restartPolicy": "Never"}}
    made: dict[str, Json] = {
        "apps/v1 Deployment": {"replicas": 0, "selector": {"matchLabels": labels}, "template": template},
        "apps/v1 StatefulSet": {"replicas": 0, "selector": {"matchLabels": labels}, "template": template},
        "apps/v1 DaemonSet": {"selector": {"matchLabels": labels}, "template": template},
        "batch/v1 CronJob": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": job}}},
        "v1 Pod": template["spec"],
    }
    for kind, spec in made.items():
        version, name = kind.split()
        metadata = {"name": "web", "namespace": namespace}
        apply(policies.cluster, {"apiVersion": version, "kind": name, "metadata": metadata, "spec": spec})
    return namespace


COMMANDS = {
    "run": ("run", "other", f"--image={UNLICENSED}"),
    "create deployment": ("create", "deployment", "other", f"--image={UNLICENSED}"),
    "create job": ("create", "job", "other", f"--image={UNLICENSED}"),
    "create cronjob": ("create", "cronjob", "other", f"--image={UNLICENSED}", "--schedule=0 0 1 1 *"),
    **{
        f"set image of a {kind}": ("set", "image", f"{kind}/web", f"main={UNLICENSED}")
        for kind in ("deployment", "statefulset", "daemonset", "cronjob", "pod")
    },
    "debug with an ephemeral container": ("debug", "web", f"--image={UNLICENSED}", "--attach=false"),
    "debug a copy": ("debug", "web", "--copy-to=other", f"--set-image=*={UNLICENSED}", "--attach=false"),
}


def test_kubectl_has_no_command_that_gets_around(policies: PolicyCluster, running: str) -> None:
    answers = {
        name: kubectl(policies.cluster, *command, "-n", running, check=False) for name, command in COMMANDS.items()
    }
    admitted = [name for name, answer in answers.items() if answer.returncode == 0 or REFUSED not in answer.stderr]
    assert not admitted


# -- by others -------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("newest_kubernetes")
def test_what_a_mutating_policy_puts_into_an_object_is_judged(policies: PolicyCluster, namespace: str) -> None:
    """Validation comes after all mutation; only what Kubernetes' own controllers make is judged before it."""
    install_injection(policies, namespace)

    def injected() -> str:
        return policies.refusal(namespace, image_pod(FREE, labels={"inject": namespace})) or ""

    until(lambda: REFUSED in injected())
    controller = "system:serviceaccount:kube-system:replicaset-controller"
    pod = image_pod(FREE, labels={"inject": namespace})
    assert policies.send("POST", pods(namespace), pod, user=controller).refusal is None


def install_injection(policies: PolicyCluster, label: str) -> None:
    """Have the API server add a sidecar to Pods with a label, as meshes do."""
    admission = "admissionregistration.k8s.io/v1"
    container = f'Object.spec.containers{{name: "injected", image: "{UNLICENSED}"}}'
    expression = f"Object{{spec: Object.spec{{containers: [{container}]}}}}"
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    metadata = {"name": f"inject-{label}"}
    apply(
        policies.cluster,
        {
            "apiVersion": admission,
            "kind": "MutatingAdmissionPolicy",
            "metadata": metadata,
            "spec": {
                "reinvocationPolicy": "Never",
                "matchConstraints": {
                    "objectSelector": {"matchLabels": {"inject": label}},
                    "resourceRules": [rule],
                },
                "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}],
            },
        },
        {
            "apiVersion": admission,
            "kind": "MutatingAdmissionPolicyBinding",
            "metadata": metadata,
            "spec": {"policyName": metadata["name"]},
        },
    )


def test_a_kind_of_another_controller_is_judged_when_that_makes_workloads_of_it(
    policies: PolicyCluster, namespace: str
) -> None:
    """As with Argo Rollouts or Knative: what their objects say is not read, what comes of them is."""
    plural = f"rollout{namespace.removeprefix('test-')}s"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    names = {"plural": plural, "kind": plural.title(), "singular": plural[:-1]}
    version = {"name": "v1alpha1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.argoproj.io"},
        "spec": {"group": "argoproj.io", "scope": "Namespaced", "names": names, "versions": [version]},
    }
    apply(policies.cluster, definition)
    policies.cluster.await_served([definition])
    rollout = {**deployment(UNLICENSED), "apiVersion": "argoproj.io/v1alpha1", "kind": plural.title()}
    path = f"/apis/argoproj.io/v1alpha1/namespaces/{namespace}/{plural}?dryRun=All"
    assert policies.send("POST", path, rollout).refusal is None

    replica_sets = f"/apis/apps/v1/namespaces/{namespace}/replicasets?dryRun=All"
    body = {**deployment(UNLICENSED), "kind": "ReplicaSet"}
    rollouts = "system:serviceaccount:argo-rollouts:argo-rollouts"
    assert REFUSED in (policies.send("POST", replica_sets, body, user=rollouts).refusal or "")


def test_an_image_that_only_a_driver_understands_is_not_judged(policies: PolicyCluster, namespace: str) -> None:
    """As some drivers of volumes take one; what is an image to them is any text to the API server."""
    pod = image_pod(FREE)
    csi = {"driver": "images.csi.example", "volumeAttributes": {"image": UNLICENSED}}
    pod["spec"]["volumes"] = [{"name": "files", "csi": csi}]
    assert policies.refusal(namespace, pod) is None


def test_a_static_pod_is_the_nodes_owners(policies: PolicyCluster, namespace: str) -> None:
    """The kubelet runs it before it tells the API server, to which nothing is left to decide."""
    node = ("--as=system:node:a", "--as-group=system:nodes", "--as-group=system:masters")
    command = ("run", "web", f"--image={UNLICENSED}", "-n", namespace, "--dry-run=server")
    assert kubectl(policies.cluster, *command, *node, check=False).returncode == 0
    assert REFUSED in kubectl(policies.cluster, *command, check=False).stderr


def test_nothing_gets_in_while_the_api_server_starts(policies: PolicyCluster, namespace: str) -> None:
    policies.close()  # the connection, which would break
    policies.cluster.kill_api_server()
    policies.cluster.start_api_server()
    began, answers = time.monotonic(), []
    while time.monotonic() < began + 3 or not answers or REFUSED not in answers[-1]:
        try:
            policies.cluster.request("POST", pods(namespace), image_pod(UNLICENSED))
            answers.append("admitted")
        except (ApiError, OSError) as error:
            answers.append(str(error))
    assert "admitted" not in answers


def test_a_licensed_name_is_admitted_whatever_is_pulled_for_it(policies: PolicyCluster, namespace: str) -> None:
    """What a node has, or does not pull, is out of reach."""
    for policy in ("Never", "IfNotPresent", "Always"):
        for image, licensed in ((LICENSED, True), (UNLICENSED, False)):
            pod = image_pod(image)
            pod["spec"]["containers"][0]["imagePullPolicy"] = policy
            assert (policies.refusal(namespace, pod) is None) is licensed
