"""What of workloads the API server judges, and what it leaves alone."""

from typing import Any

import pytest

from licet.core.images import ImageReference
from licet.core.reasons import Enforcement
from licet.core.workloads import PastWorkloads
from support.gate_process import until
from support.workload_policies import JSON_PATCH, MERGE_PATCH, PolicyCluster, image_pod, license_images

REPOSITORY = "registry.example/acme-platform/api"
LICENSED, OTHER, UNLICENSED = f"{REPOSITORY}:2.0.0", f"{REPOSITORY}:2.1.0", f"{REPOSITORY}:3.0.0"
FREE = "nginx:1.27"
LABELS = {"app": "web"}
CONTROLLERS = "system:serviceaccount:kube-system"

Json = dict[str, Any]


def template(image: str = FREE, *, restart: str = "Always", **spec: Any) -> Json:
    containers = [{"name": "main", "image": image}]
    return {"metadata": {"labels": LABELS}, "spec": {"containers": containers, "restartPolicy": restart, **spec}}


def workload(kind: str, pod: Json) -> Json:
    selector = {"matchLabels": LABELS}
    spec: Json = {
        "Deployment": {"replicas": 0, "selector": selector, "template": pod},
        "StatefulSet": {"replicas": 0, "serviceName": "web", "selector": selector, "template": pod},
        "DaemonSet": {"selector": selector, "template": pod},
        "ReplicaSet": {"replicas": 0, "selector": selector, "template": pod},
        "ReplicationController": {"replicas": 0, "selector": LABELS, "template": pod},
        "Job": {"template": pod, "suspend": True},
        "CronJob": {"schedule": "0 0 1 1 *", "suspend": True, "jobTemplate": {"spec": {"template": pod}}},
    }.get(kind, pod["spec"])
    metadata = {"name": "web", "labels": LABELS}
    return {"apiVersion": KINDS[kind][0], "kind": kind, "metadata": metadata, "spec": spec}


KINDS = {
    "Deployment": ("apps/v1", "apis/apps/v1", "deployments"),
    "StatefulSet": ("apps/v1", "apis/apps/v1", "statefulsets"),
    "DaemonSet": ("apps/v1", "apis/apps/v1", "daemonsets"),
    "ReplicaSet": ("apps/v1", "apis/apps/v1", "replicasets"),
    "Job": ("batch/v1", "apis/batch/v1", "jobs"),
    "CronJob": ("batch/v1", "apis/batch/v1", "cronjobs"),
    "ReplicationController": ("v1", "api/v1", "replicationcontrollers"),
    "Pod": ("v1", "api/v1", "pods"),
}
RUNS_ONCE = {"Job", "CronJob"}
TEMPLATES_CHANGE = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "CronJob", "ReplicationController")


def collection(kind: str, namespace: str) -> str:
    _, prefix, plural = KINDS[kind]
    return f"/{prefix}/namespaces/{namespace}/{plural}"


def made(kind: str, image: str = FREE, **spec: Any) -> Json:
    return workload(kind, template(image, restart="Never" if kind in RUNS_ONCE else "Always", **spec))


def image_patch(kind: str, image: str) -> list[Json]:
    pod = {"CronJob": "/spec/jobTemplate/spec/template/spec", "Pod": "/spec"}.get(kind, "/spec/template/spec")
    return [{"op": "replace", "path": f"{pod}/containers/0/image", "value": image}]


def license_versions(policies: PolicyCluster, tags: str | None, *, enforcement=Enforcement.ENFORCE, **publish) -> None:
    """Have a license for these tags, and for charts of versions 2; None is no license at all."""
    images = None if tags is None else [{"repository": f"{REPOSITORY}*", "tags": tags}]
    license_images(policies, images, {"enforcement": enforcement}, **publish)


@pytest.fixture
def licensed(policies: PolicyCluster) -> None:
    license_versions(policies, "2.x")


def create(policies: PolicyCluster, namespace: str, body: Json, *, user: str = "", dry: bool = True) -> str | None:
    query = "?dryRun=All" if dry else ""
    return policies.send("POST", collection(body["kind"], namespace) + query, body, user=user).refusal


@pytest.mark.parametrize("kind", KINDS)
def test_creating_a_workload_needs_a_license_for_its_images(policies, licensed, namespace, kind) -> None:
    assert create(policies, namespace, made(kind, FREE)) is None
    assert create(policies, namespace, made(kind, LICENSED)) is None
    assert f'licet: image {UNLICENSED} ({kind} "web", namespace "{namespace}") is not licensed' in (
        create(policies, namespace, made(kind, UNLICENSED)) or ""
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "spec",
    [
        {"initContainers": [{"name": "init", "image": UNLICENSED}]},
        {"initContainers": [{"name": "side", "image": UNLICENSED, "restartPolicy": "Always"}]},
        {"volumes": [{"name": "data", "image": {"reference": UNLICENSED}}]},
        {"containers": [{"name": "main", "image": FREE}, {"name": "other", "image": UNLICENSED}]},
    ],
    ids=["init container", "sidecar", "image volume", "second container"],
)
def test_no_place_for_an_image_is_overlooked(request, policies, licensed, namespace, kind, spec) -> None:
    if "volumes" in spec:
        request.getfixturevalue("newest_kubernetes")
    assert UNLICENSED in (create(policies, namespace, made(kind, **spec)) or "")


def test_an_ephemeral_container_needs_a_license(policies, licensed, namespace) -> None:
    assert create(policies, namespace, made("Pod", FREE), dry=False) is None
    path = f"{collection('Pod', namespace)}/web/ephemeralcontainers"

    def debug(image: str) -> str | None:
        patch = {"spec": {"ephemeralContainers": [{"name": "debug", "image": image}]}}
        return policies.send("PATCH", f"{path}?dryRun=All", patch, media_type=MERGE_PATCH).refusal

    assert debug(LICENSED) is None
    assert UNLICENSED in (debug(UNLICENSED) or "")


@pytest.mark.parametrize("kind", [*TEMPLATES_CHANGE, "Pod"])
def test_bringing_in_another_image_needs_a_license(policies, licensed, namespace, kind) -> None:
    assert create(policies, namespace, made(kind, LICENSED), dry=False) is None
    path = f"{collection(kind, namespace)}/web"

    def update(image: str) -> str | None:
        return policies.send("PATCH", path, image_patch(kind, image), media_type=JSON_PATCH).refusal

    assert UNLICENSED in (update(UNLICENSED) or "")
    assert update(OTHER) is None


@pytest.mark.parametrize("kind", KINDS)
def test_what_runs_is_left_alone_when_its_license_is_gone(policies, licensed, namespace, kind) -> None:
    assert create(policies, namespace, made(kind, LICENSED), dry=False) is None
    license_versions(policies, None)
    path = f"{collection(kind, namespace)}/web"

    for patch in ({"metadata": {"labels": {"team": "pay"}}}, {"metadata": {"annotations": {"a": "b"}}}):
        assert policies.send("PATCH", path, patch, media_type=MERGE_PATCH).refusal is None
    if kind in ("Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"):
        scale = {"spec": {"replicas": 2}}
        assert policies.send("PATCH", f"{path}/scale", scale, media_type=MERGE_PATCH).refusal is None
        assert policies.send("PATCH", path, {"spec": {"replicas": 1}}, media_type=MERGE_PATCH).refusal is None
    assert policies.send("PATCH", f"{path}/status", {"status": {}}, media_type=MERGE_PATCH).refusal is None
    current = policies.cluster.request("GET", path)
    del current["metadata"]["resourceVersion"]  # a controller may have written meanwhile
    assert policies.send("PUT", path, current).refusal is None
    assert create(policies, namespace, made(kind, OTHER)) is not None
    assert policies.send("DELETE", path, {}).refusal is None


def test_pods_that_controllers_make_are_never_judged(policies, licensed, namespace) -> None:
    """The whole way from Deployment to Pod, by the real controllers, with the license gone."""
    assert create(policies, namespace, made("Deployment", LICENSED), dry=False) is None
    license_versions(policies, None)
    path = f"{collection('Deployment', namespace)}/web"
    assert policies.send("PATCH", f"{path}/scale", {"spec": {"replicas": 2}}, media_type=MERGE_PATCH).refusal is None

    def pods() -> list[Json]:
        items: list[Json] = policies.cluster.request("GET", collection("Pod", namespace))["items"]
        return items

    until(lambda: len(pods()) == 2)
    gone = pods()[0]["metadata"]["name"]
    policies.cluster.request("DELETE", f"{collection('Pod', namespace)}/{gone}?gracePeriodSeconds=0")
    until(lambda: len(pods()) == 2 and gone not in {pod["metadata"]["name"] for pod in pods()})


@pytest.mark.parametrize(
    ("user", "judged"),
    [
        (f"{CONTROLLERS}:replicaset-controller", False),
        (f"{CONTROLLERS}:job-controller", False),
        ("system:kube-controller-manager", False),
        (f"{CONTROLLERS}:helm-controller", True),
        ("system:serviceaccount:default:replicaset-controller", True),
        ("replicaset-controller", True),
        ("jane", True),
    ],
)
def test_controllers_are_told_by_who_asks(policies, licensed, namespace, user, judged) -> None:
    assert (create(policies, namespace, made("Pod", UNLICENSED), user=user) is not None) is judged


def test_an_owner_reference_can_be_forged_and_exempts_nobody(policies, licensed, namespace) -> None:
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "1", "controller": True}
    pod = made("Pod", UNLICENSED)
    pod["metadata"]["ownerReferences"] = [owner]
    assert UNLICENSED in (create(policies, namespace, pod) or "")


def test_controllers_that_the_admin_lists_are_exempt(policies, namespace) -> None:
    rollouts = "system:serviceaccount:argo-rollouts:argo-rollouts"
    license_versions(policies, "2.x", exempt_users=(rollouts,))
    assert create(policies, namespace, made("Pod", UNLICENSED), user=rollouts) is None
    assert create(policies, namespace, made("Pod", UNLICENSED), user="jane") is not None


def test_images_that_ran_here_licensed_come_back_here_alone(policies, namespace) -> None:
    past = PastWorkloads(images=frozenset({ImageReference.parse(LICENSED).canonical}))
    license_versions(policies, None, past={namespace: past})
    assert create(policies, namespace, made("Deployment", LICENSED)) is None
    assert create(policies, namespace, made("Deployment", LICENSED.replace("example/", "EXAMPLE:443/"))) is not None
    assert create(policies, namespace, made("Deployment", OTHER)) is not None
    assert create(policies, "default", made("Deployment", LICENSED)) is not None


def test_warn_admits_with_a_warning_and_audit_says_nothing(policies, namespace) -> None:
    path, body = f"{collection('Pod', namespace)}?dryRun=All", made("Pod", UNLICENSED)
    license_versions(policies, "2.x", enforcement=Enforcement.WARN)
    answer = policies.send("POST", path, body)
    assert answer.refusal is None
    assert f"licet: image {UNLICENSED}" in answer.warnings[0]
    license_versions(policies, "2.x", enforcement=Enforcement.AUDIT)
    assert policies.send("POST", path, body).refusal is None
    assert policies.send("POST", path, body).warnings == ()


def test_a_refusal_names_what_where_why_and_what_to_do(policies, licensed, namespace) -> None:
    assert (create(policies, namespace, made("Deployment", UNLICENSED)) or "").partition("denied request: ")[2] == (
        f'licet: image {UNLICENSED} (Deployment "web", namespace "{namespace}") is not licensed: license acme-prod '
        "covers 2.x. Deploy a covered version, or apply a license that covers it."
    )
    license_versions(policies, None)
    pod = image_pod(LICENSED, UNLICENSED)
    assert (policies.refusal(namespace, pod) or "").partition("denied request: ")[2] == (
        f'licet: image {LICENSED} (Pod "web", namespace "{namespace}") is not licensed: no license that counts '
        "grants product acme-platform of vendor acme here. Apply a License from the vendor; kubectl get licenses shows "
        "why one that is there does not count. (and 1 more)"
    )


def test_a_refusal_has_room_for_its_reason_whatever_the_image_is_called(policies, licensed, namespace) -> None:
    refused = policies.refusal(namespace, image_pod(f"{REPOSITORY}/{'x' * 100_000}:3.0.0")) or ""
    assert f"licet: image {REPOSITORY}/xxxx" in refused
    assert "is not licensed: license acme-prod covers 2.x." in refused


@pytest.mark.parametrize("kind", KINDS)
def test_labels_of_a_chart_that_is_not_licensed_are_refused(policies, licensed, namespace, kind) -> None:
    body = made(kind)
    body["metadata"]["labels"] = {**LABELS, "helm.sh/chart": "acme-platform-3.0.0"}
    assert "licet: chart acme-platform 3.0.0 (" in (create(policies, namespace, body) or "")
    body["metadata"]["labels"] = {**LABELS, "helm.sh/chart": "acme-platform-2.0.0"}
    assert create(policies, namespace, body) is None


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "Pod"])
def test_labels_of_a_pod_template_count_as_well(policies, licensed, namespace, kind) -> None:
    pod = template(restart="Never" if kind in RUNS_ONCE else "Always")
    pod["metadata"]["labels"] = {**LABELS, "licet.dev/product": "acme-platform", "licet.dev/version": "3.0.0"}
    assert "licet: chart acme-platform 3.0.0 (" in (create(policies, namespace, workload(kind, pod)) or "")


def test_labels_that_are_there_already_are_left_alone(policies, licensed, namespace) -> None:
    body = made("Deployment")
    body["metadata"]["labels"] = {"helm.sh/chart": "acme-platform-2.0.0"}
    assert create(policies, namespace, body, dry=False) is None
    license_versions(policies, None)
    path = f"{collection('Deployment', namespace)}/web"

    def label(value: str) -> str | None:
        patch = [{"op": "replace", "path": "/metadata/labels/helm.sh~1chart", "value": value}]
        return policies.send("PATCH", path, patch, media_type=JSON_PATCH).refusal

    assert label("acme-platform-2.0.0") is None
    assert label("acme-platform-2.1.0") is not None
