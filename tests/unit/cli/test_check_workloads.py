"""`licet check` of workloads in plain manifests, and of images."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from support.vendor_simulator import DAY, NOW, VendorSimulator

REPOSITORY = "registry.example/acme-platform/api"
COVERED = {
    "images": [{"repository": "registry.example/acme-platform/*", "tags": ">=2.0.0 <3.0.0"}],
    "charts": [{"name": "acme-platform", "versions": ">=2.0.0 <3.0.0"}],
    "plan": "pro",
}

Manifest = dict[str, Any]
Ask = Callable[..., Any]


@pytest.fixture
def vendor(acme: VendorSimulator, write: Callable) -> str:
    return write("vendor.yaml", acme.vendor_manifest())


@pytest.fixture
def ask(licet: Callable, acme: VendorSimulator, vendor: str, write: Callable) -> Ask:
    """Ask about manifests, with a license of versions 2."""
    token = write("acme.jwt", acme.token(**COVERED))

    def about(*manifests: Manifest, options: tuple[str, ...] = (), stdin: str = "") -> Any:
        source = write("rendered.yaml", *manifests) if manifests else "-"
        files = ("--vendor", vendor, "--license", token)
        return licet("check", "-f", source, "-n", "prod-eu", *files, *options, stdin=stdin)

    return about


def pod_spec(*images: str) -> Manifest:
    return {"containers": [{"name": f"c{number}", "image": image} for number, image in enumerate(images)]}


def workload(kind: str = "Deployment", *images: str, **metadata: Any) -> Manifest:
    group = {"CronJob": "batch/v1", "Job": "batch/v1", "Pod": "v1", "ReplicationController": "v1"}.get(kind, "apps/v1")
    template = {"metadata": {}, "spec": pod_spec(*images)}
    spec: Manifest = {"template": template}
    if kind == "CronJob":
        spec = {"jobTemplate": {"metadata": {}, "spec": {"template": template}}}
    elif kind == "Pod":
        spec = pod_spec(*images)
    return {"apiVersion": group, "kind": kind, "metadata": {"name": "web", **metadata}, "spec": spec}


KINDS = (
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "Job",
    "CronJob",
    "Pod",
    "ReplicationController",
)


@pytest.mark.parametrize("kind", KINDS)
def test_images_of_every_kind_that_the_policies_judge_are_judged(kind: str, ask: Ask) -> None:
    assert ask(workload(kind, f"{REPOSITORY}:2.4.1")).code == 0
    answer = ask(workload(kind, "nginx:1.27", f"{REPOSITORY}:3.1.0"))
    assert answer.code == 1
    assert answer.out == (
        f'denied (VersionNotCovered): image {REPOSITORY}:3.1.0 ({kind} "web", namespace "prod-eu") is not licensed: '
        "license acme (plan pro) covers >=2.0.0 <3.0.0. Deploy a covered version, or apply a license that covers it.\n"
    )


@pytest.mark.parametrize(
    "spec",
    [
        {"initContainers": [{"name": "i", "image": f"{REPOSITORY}:3.1.0"}]},
        {"ephemeralContainers": [{"name": "e", "image": f"{REPOSITORY}:3.1.0"}]},
        {"volumes": [{"name": "v", "image": {"reference": f"{REPOSITORY}:3.1.0"}}]},
    ],
)
def test_images_are_found_wherever_a_pod_has_them(spec: Manifest, ask: Ask) -> None:
    pod = workload("Pod", "nginx")
    pod["spec"] |= spec
    assert ask(pod).code == 1


def test_chart_labels_of_workload_and_template_are_judged(ask: Ask) -> None:
    assert ask(workload(labels={"helm.sh/chart": "acme-platform-2.4.1"})).code == 0
    assert ask(workload(labels={"helm.sh/chart": "acme-platform-3.1.0"})).code == 1
    inner = workload()
    inner["spec"]["template"]["metadata"]["labels"] = {"licet.dev/product": "acme-platform", "licet.dev/version": "3.1"}
    answer = ask(inner)
    assert answer.code == 1
    assert "chart acme-platform 3.1 (Deployment" in answer.out


def test_what_stands_in_several_places_is_told_once(ask: Ask) -> None:
    labels = {"helm.sh/chart": "acme-platform-3.1.0"}
    doubled = workload("Deployment", f"{REPOSITORY}:3.1.0", f"{REPOSITORY}:3.1.0", labels=labels)
    doubled["spec"]["template"]["metadata"]["labels"] = dict(labels)
    assert len(ask(doubled).out.splitlines()) == 2


def test_what_is_no_workload_is_passed_over(ask: Ask) -> None:
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"image": f"{REPOSITORY}:3"}}
    other = {**workload("Deployment", f"{REPOSITORY}:3.1.0"), "apiVersion": "example.com/v1"}
    answer = ask(config, other, workload("Deployment", "nginx"))
    assert answer.code == 0
    assert answer.out == "allowed (NotProtected): nothing in 1 workload needs a license\n"
    assert ask(config).out == "allowed (NotProtected): there is no workload to judge\n"


@pytest.mark.parametrize(
    ("group", "kind"),
    [("helm.toolkit.fluxcd.io/v2", "HelmRelease"), ("argoproj.io/v1alpha1", "Application")],
)
def test_what_the_gate_judges_is_told_of(group: str, kind: str, ask: Ask) -> None:
    answer = ask({"apiVersion": group, "kind": kind, "metadata": {"name": "shop"}, "spec": {}})
    assert answer.code == 0
    assert f'note: {kind} "shop" is not judged here, but by the gate, which kubectl apply' in answer.out


def test_lists_and_streams_are_read_to_their_end(ask: Ask) -> None:
    listed = {
        "apiVersion": "v1",
        "kind": "List",
        "items": [workload("Pod", "nginx"), workload("Pod", f"{REPOSITORY}:3")],
    }
    assert ask(listed).code == 1
    stream = "\n---\n".join(["# only a comment", yaml.safe_dump(workload("Pod", "nginx")), yaml.safe_dump(listed)])
    assert ask(stdin=stream).code == 1


def test_workload_is_judged_in_the_namespace_that_it_names(
    licet: Callable, acme: VendorSimulator, write: Callable
) -> None:
    allowed = {"names": ["prod-eu"]}
    license_ = write(
        "license.yaml", acme.license_manifest("acme-prod", acme.token(**COVERED), allowedNamespaces=allowed)
    )
    files = ("--vendor", write("vendor.yaml", acme.vendor_manifest()), "--license", license_)
    for here, there, code in (("prod-eu", None, 0), ("dev", None, 1), ("dev", "prod-eu", 0), ("prod-eu", "dev", 1)):
        metadata = {"namespace": there} if there else {}
        source = write("rendered.yaml", workload("Pod", f"{REPOSITORY}:2.4.1", **metadata))
        assert licet("check", "-f", source, "-n", here, *files).code == code


def test_operators_own_namespace_is_exempt_as_in_the_api_server(ask: Ask) -> None:
    answer = ask(workload("Pod", f"{REPOSITORY}:3.1.0", namespace="licet-system"))
    assert answer.code == 0
    assert "note: the API server judges no workload in namespace licet-system" in answer.out


@pytest.mark.parametrize(("image", "code"), [("nginx:1.27", 0), (f"{REPOSITORY}:2.4.1", 0), (f"{REPOSITORY}:3.1.0", 1)])
def test_lone_image_is_judged(
    image: str, code: int, licet: Callable, acme: VendorSimulator, vendor: str, write: Callable
) -> None:
    files = ("--vendor", vendor, "--license", write("acme.jwt", acme.token(**COVERED)))
    answer = licet("check", "--image", image, "-n", "prod-eu", *files)
    assert answer.code == code
    assert code == 0 or f'image {image} (namespace "prod-eu") is not licensed' in answer.out


def test_image_with_tag_and_digest_is_told_of(ask: Ask) -> None:
    answer = ask(workload("Pod", f"{REPOSITORY}:2.4.1@sha256:{'0' * 64}"))
    assert answer.code == 0
    assert "is judged by its tag, while its digest is what runs" in answer.out


@pytest.mark.parametrize(("enforcement", "result"), [("Warn", "warned"), ("Audit", "audited")])
def test_vendor_that_does_not_enforce_lets_in(
    enforcement: str, result: str, licet: Callable, acme: VendorSimulator, write: Callable
) -> None:
    vendor = write("vendor.yaml", acme.vendor_manifest(enforcement=enforcement))
    answer = licet("check", "--image", f"{REPOSITORY}:2.4.1", "-n", "prod-eu", "--vendor", vendor)
    assert answer.code == 0
    assert answer.out.startswith(f"{result} (NoLicense): ")


@pytest.mark.parametrize(
    ("claims", "reason", "words"),
    [
        (
            {**COVERED, "images": [{"repository": "registry.example/other/*"}]},
            "ImageNotCovered",
            "does not cover this rep",
        ),
        ({"exp": NOW - DAY, "iat": NOW - 2 * DAY, "nbf": NOW - 2 * DAY}, "LicenseExpired", "expired at 2025-12-31"),
        ({"nbf": NOW + DAY}, "LicenseNotYetValid", "becomes valid at 2026-01-02"),
    ],
)
def test_denial_says_why_the_nearest_license_does_not_cover(
    claims: Manifest, reason: str, words: str, licet: Callable, acme: VendorSimulator, vendor: str, write: Callable
) -> None:
    files = ("--vendor", vendor, "--license", write("acme.jwt", acme.token(**claims)))
    answer = licet("check", "--image", f"{REPOSITORY}:2.4.1", "-n", "prod-eu", *files, "-o", "json")
    assert answer.code == 1
    assert answer.document["reason"] == reason
    assert words in answer.document["message"]


def test_license_in_grace_lets_in_and_says_until_when(
    licet: Callable, acme: VendorSimulator, vendor: str, write: Callable
) -> None:
    files = ("--vendor", vendor, "--license", write("acme.jwt", acme.token_in_grace()))
    answer = licet("check", "--image", f"{REPOSITORY}:2.4.1", "-n", "prod-eu", *files)
    assert answer.code == 0
    assert answer.out.startswith("allowed (InGrace): ")
    assert "is licensed until 2026-01-14T00:00:00Z only, since license acme expired" in answer.out


def test_answer_for_programs_lists_what_needs_a_license(ask: Ask) -> None:
    labels = {"helm.sh/chart": "acme-platform-2.4.1"}
    answer = ask(workload("Deployment", "nginx", f"{REPOSITORY}:3.1.0", labels=labels), options=("-o", "json"))
    document = answer.document
    assert (document["permitted"], document["result"], document["reason"]) == (False, "denied", "VersionNotCovered")
    image, chart = document["workloads"]
    assert (image["kind"], image["name"], image["namespace"]) == ("Deployment", "web", "prod-eu")
    assert (image["image"], image["chart"], image["result"]) == (f"{REPOSITORY}:3.1.0", None, "denied")
    assert (chart["image"], chart["chart"], chart["version"]) == (None, "acme-platform", "2.4.1")
    assert (chart["license"], chart["vendor"], chart["product"]) == ("acme", "acme", "acme-platform")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "standard input is empty"),
        ("kind: [", "standard input is not YAML: line "),
        ("metadata: {name: web}", "a document in it has no kind"),
        ("{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {template: {}}}", "`$.spec.template`"),
        ("{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {containers: [{image: 1}]}}", "containers[0].image"),
        ("{apiVersion: v1, kind: Pod, metadata: {labels: {helm.sh/chart: 1.5}}, spec: {}}", "$.metadata.labels"),
        ("a: &a [x]\nb: *a", "an alias (*name) is not accepted"),
    ],
)
def test_file_that_no_api_server_would_take_gives_no_answer(text: str, said: str, ask: Ask) -> None:
    answer = ask(stdin=text)
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err


def test_sign_that_yaml_gives_a_type_of_its_own_is_text(ask: Ask) -> None:
    """Prometheus' CRDs list `=` among the operators of a matcher."""
    assert ask(stdin="kind: CustomResourceDefinition\nspec: {enum: ['!=', =, 2026-01-01]}").code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "what is to be checked?"),
        (["acme-platform", "2.4.1", "--image", "nginx"], "--filename and --image take the place of a chart"),
        (["--image", "nginx", "--release", "web"], "--filename and --image take the place of a chart"),
        (["--filename", "missing.yaml"], "missing.yaml can't be read"),
    ],
)
def test_question_without_one_subject_is_wrong_usage(
    arguments: list[str], said: str, licet: Callable, vendor: str
) -> None:
    answer = licet("check", *arguments, "-n", "prod-eu", "--vendor", vendor)
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err
