"""What is kept of a workload."""

import pytest

from licet.cluster.resource import WORKLOAD_KINDS
from licet.controller.workloads import Ref, Workload
from licet.core.bounds import IMAGE_LENGTH
from support.workload_objects import of_release, owner_reference, workload

CHART = {"helm.sh/chart": "acme-platform-2.4.1"}


@pytest.mark.parametrize("kind", WORKLOAD_KINDS)
def test_images_and_chart_labels_are_read_of_each_kind(kind):
    read = Workload.read(kind, workload(kind, "web", "nginx:1", "redis:7", template_labels={**CHART, "team": "pay"}))
    assert read == Workload(
        images=frozenset({"nginx:1", "redis:7"}), labels=frozenset({(("helm.sh/chart", "acme-platform-2.4.1"),)})
    )


def test_a_change_of_status_changes_nothing():
    deployment = workload("Deployment", "web", "nginx:1")
    scaled = {**deployment, "status": {"replicas": 3}, "spec": {**deployment["spec"], "replicas": 3}}
    scaled["metadata"] = {**deployment["metadata"], "resourceVersion": "2", "annotations": {"note": "x"}}
    assert Workload.read("Deployment", scaled) == Workload.read("Deployment", deployment)


def test_equal_parts_are_kept_once():
    pods = [
        Workload.read("Pod", workload("Pod", f"web-{n}", "nginx:1", controller=("ReplicaSet", "web"))) for n in "ab"
    ]
    assert pods[0].images is pods[1].images
    assert pods[0].owner is pods[1].owner


@pytest.mark.parametrize("kind", ["ReplicaSet", "Job"])
def test_of_what_a_controller_keeps_as_history_only_the_controller_is_kept(kind):
    read = Workload.read(kind, workload(kind, "web-1", "nginx:1", controller=("Deployment", "web")))
    assert read == Workload(owner=Ref("prod-eu", "Deployment", "web"))


@pytest.mark.parametrize(
    ("phase", "ended"), [("Running", False), ("Pending", False), ("Succeeded", True), ("Failed", True)]
)
def test_a_pod_that_has_run_to_its_end_is_told_from_one_that_runs(phase, ended):
    pod = workload("Pod", "web", "nginx:1") | {"status": {"phase": phase}}
    assert Workload.read("Pod", pod).ended is ended


def test_a_workload_without_a_template_has_no_images():
    controller = workload("ReplicationController", "web")
    del controller["spec"]["template"]
    assert Workload.read("ReplicationController", controller) == Workload()


def test_image_that_no_runtime_could_pull_takes_little_room():
    image = f"registry.example/acme-platform/api:{'1' * 1_000_000}"
    (kept,) = Workload.read("Pod", workload("Pod", "web", image)).images
    assert (image.startswith(kept), len(kept)) == (True, IMAGE_LENGTH)


def test_many_images_are_kept_no_longer_than_the_object_that_has_them():
    images = [f"nginx:{number}" for number in range(1000)]
    kept = [Workload.read("Pod", workload("Pod", name, *images)).images for name in "ab"]
    assert kept[0] == kept[1]
    assert kept[0] is not kept[1]


# -- what made it ------------------------------------------------------------------------------------------------------


def test_owner_is_the_controller_and_no_other():
    references = [owner_reference("Node", "node-1") | {"controller": False}, owner_reference("Rollout", "web")]
    assert Workload.read("Pod", workload("Pod", "web", ownerReferences=references)).owner == Ref(
        "prod-eu", "Rollout", "web"
    )


def test_kind_of_an_owner_is_compared_without_regard_to_case():
    assert Workload.read("Pod", workload("Pod", "web", controller=("deployment", "web"))).owner == Ref(
        "prod-eu", "Deployment", "web"
    )


@pytest.mark.parametrize("kind", ["Release", "HelmRelease", "application", "No Kind", "x" * 64, ""])
def test_an_owner_that_cannot_be_one_is_none(kind):
    assert Workload.read("ReplicaSet", workload("ReplicaSet", "web", "nginx:1", controller=(kind, "web"))).owner is None


def test_what_is_too_long_for_a_name_names_nothing():
    long = "x" * 1000
    references = [owner_reference("Rollout", long)]
    assert Workload.read("Pod", workload("Pod", "web", ownerReferences=references)).owner is None
    assert Workload.read("Pod", workload("Pod", "web", **of_release(long))).release is None
    tracked = workload("Pod", "web", annotations={"argocd.argoproj.io/tracking-id": f"{long}:/Pod:prod-eu/web"})
    assert Workload.read("Pod", tracked).application is None


def test_release_is_told_by_the_annotations_of_helm_with_its_label():
    metadata = of_release("web", "other")
    read = Workload.read("Deployment", workload("Deployment", "api", **metadata))
    assert read.release == Ref("other", "Release", "web")
    del metadata["labels"]
    assert Workload.read("Deployment", workload("Deployment", "api", **metadata)).release is None


def test_release_of_a_hook_is_told_by_its_label():
    hook = {"annotations": {"helm.sh/hook": "pre-install"}, "labels": {"app.kubernetes.io/instance": "web"}}
    assert Workload.read("Job", workload("Job", "migrate", **hook)).release == Ref("prod-eu", "Release", "web")
    assert Workload.read("Job", workload("Job", "migrate", labels=hook["labels"])).release is None


def test_flux_is_told_by_its_labels():
    labels = {"helm.toolkit.fluxcd.io/name": "web", "helm.toolkit.fluxcd.io/namespace": "flux"}
    read = Workload.read("Deployment", workload("Deployment", "api", labels=labels))
    assert read.helm_release == Ref("flux", "HelmRelease", "web")


@pytest.mark.parametrize(
    ("tracking", "application"),
    [
        ("shop:apps/Deployment:prod-eu/api", "shop"),
        ("argocd_shop:apps/Deployment:prod-eu/api", "argocd_shop"),
        ("shop:apps/Deployment:prod-eu/other", None),
        ("shop:apps/Deployment:other/api", None),
        ("shop:/Pod:prod-eu/api", None),
        (":apps/Deployment:prod-eu/api", None),
        ("shop", None),
    ],
)
def test_application_is_told_by_a_tracking_annotation_of_this_very_object(tracking, application):
    deployment = workload("Deployment", "api", annotations={"argocd.argoproj.io/tracking-id": tracking})
    expected = Ref("prod-eu", "Application", application) if application else None
    assert Workload.read("Deployment", deployment).application == expected


@pytest.mark.parametrize(("manager", "tracked"), [("argocd-controller", True), ("kubectl-client-side-apply", False)])
def test_instance_label_tells_an_application_only_of_what_argo_cd_wrote(manager, tracked):
    deployment = workload(
        "Deployment",
        "api",
        labels={"app.kubernetes.io/instance": "shop"},
        managedFields=[{"manager": "kube-controller-manager"}, {"manager": manager}],
    )
    expected = Ref("prod-eu", "Application", "shop") if tracked else None
    assert Workload.read("Deployment", deployment).application == expected


def test_what_is_controlled_belongs_to_no_tool():
    pod = workload("Pod", "api", controller=("ReplicaSet", "api"), **of_release("web"))
    assert Workload.read("Pod", pod).release is None
