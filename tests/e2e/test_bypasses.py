"""Ways around licet that a team may try with real tools, which has all rights in its namespace and none elsewhere."""

import base64
import gzip
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox import NAMESPACE, Sandbox
from support.admission import release_secret
from support.charts import Inside
from support.empty_database import empty_database
from support.helm_releases import encode_release
from support.team import HELMS, Answer, Team

LICENSED, UNLICENSED = "2.0.0", "3.0.0"

Json = dict[str, Any]

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: "{{ .Release.Name }}"}
spec:
  replicas: 0
  selector: {matchLabels: {app: "{{ .Release.Name }}"}}
  template:
    metadata: {labels: {app: "{{ .Release.Name }}"}}
    spec: {containers: [{name: api, image: "REPOSITORY:{{ .Values.tag | default .Chart.Version }}"}]}
"""
LABELLED = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: "{{ .Release.Name }}-labelled"
  labels: {helm.sh/chart: "{{ .Chart.Name }}-{{ .Chart.Version }}"}
"""


@pytest.fixture
def helm_program() -> str:
    return "helm"


@pytest.fixture
def site(team: Team) -> Team:
    """Versions 2 are licensed: of the vendor's charts to the gate, and of its images to the policies."""
    team.trust()
    repositories = [{"repository": f"registry.example/{team.product}/*", "tags": "2.x"}]
    team.license(charts=[{"name": f"{team.product}*", "versions": "2.x"}], images=repositories)
    team.eventually(lambda: run(team, UNLICENSED) and not run(team, LICENSED), "the policies know the License", 30)
    return team


def image(team: Team, version: str) -> str:
    return f"registry.example/{team.product}/api:{version}"


def run(team: Team, version: str) -> str:
    """What the API server says against a Pod with this version; empty when it would make it."""
    command = ("run", "probe", f"--image={image(team, version)}", "-n", team.namespace, "--dry-run=server")
    return team.sandbox.run("kubectl", *command).stderr


def chart(team: Team, version: str, name: str = "", *, repository: str = "", **options: Any) -> Path:
    """The vendor's chart with a Deployment; or the same by another name, or with its image from elsewhere."""
    repository = repository or image(team, "").rstrip(":")
    templates = {"deployment.yaml": DEPLOYMENT.replace("REPOSITORY", repository), **options.pop("templates", {})}
    return team.charts.make(name or team.product, version, templates=templates, **options)


def refused_chart(team: Team, answer: Answer, version: str = UNLICENSED) -> bool:
    """Whether the gate refused the vendor's chart in a version."""
    return answer.returncode != 0 and f"licet: chart {team.product} {version} (release" in answer.stderr


def refused_image(team: Team, answer: Answer) -> bool:
    """Whether the policies refused the image, and no workload has it."""
    refused = answer.returncode != 0 and f"licet: image {image(team, UNLICENSED)} (Deployment" in answer.stderr
    return refused and not team.names("deployment")


def everything(team: Team) -> set[str]:
    """Name all that charts of these tests install, and where Helm stores it."""
    return team.names("deployment") | team.names("configmap") | team.names("secret")


def helm(team: Team, variables: dict[str, str], *arguments: str) -> Answer:
    """Run helm with variables of its environment set."""
    return team.sandbox.run(team.helm_program, *arguments, "-n", team.namespace, variables=variables)


# -- the chart in disguise ---------------------------------------------------------------------------------------------


def test_renamed_chart_is_refused_by_its_image(site: Team) -> None:
    assert refused_image(site, site.helm("install", "web", str(chart(site, UNLICENSED, "our-app"))))
    assert site.helm("install", "two", str(chart(site, LICENSED, "our-app"))).returncode == 0


def test_renamed_chart_is_refused_by_a_label_that_was_left(site: Team) -> None:
    labelled = LABELLED.replace("{{ .Chart.Name }}", site.product)
    made = chart(site, UNLICENSED, "our-app", repository="registry.other/copy", templates={"labelled.yaml": labelled})
    assert refused_chart(site, site.helm("install", "web", str(made)))


def test_chart_with_another_name_labels_and_image_is_seen_by_nobody(site: Team) -> None:
    """The limit of it all, which the application is there for."""
    made = chart(site, UNLICENSED, "our-app", repository="registry.other/copy")
    answer = site.helm("install", "web", str(made))
    assert answer.returncode == 0, answer.stderr
    assert site.get("installation", "web") is None


def test_output_of_helm_template_is_refused_by_its_image(site: Team) -> None:
    manifest = site.helm("template", "web", str(chart(site, UNLICENSED))).stdout
    for options in (
        (),
        ("--server-side",),
        ("--server-side", "--force-conflicts", "--field-manager=argocd-controller"),
    ):
        command = ("apply", *options, "-n", site.namespace, "-f-")
        assert refused_image(site, site.sandbox.run("kubectl", *command, stdin=manifest))


def test_umbrella_that_hides_a_second_copy_behind_an_alias_is_refused(site: Team, tmp_path: Path) -> None:
    """The licensed copy goes by its alias; the other lies in charts/ and is not listed, so Helm renders it as well."""
    made = site.charts.make("umbrella", "0.1.0", inside=[Inside(chart(site, LICENSED), "2.x", "backend")])
    assert site.helm("dependency", "update", str(made)).returncode == 0
    other = chart(site, UNLICENSED, repository="registry.other/copy")
    packaged = site.helm("package", str(other), "--destination", str(made / "charts"))
    assert packaged.returncode == 0, packaged.stderr
    assert "registry.other/copy:3.0.0" in site.helm("template", "web", str(made)).stdout

    answer = site.helm("install", "web", str(made))

    assert refused_chart(site, answer, "(version unknown)"), answer.stderr


def test_lock_that_lies_is_refuted_by_labels_and_images(site: Team) -> None:
    def umbrella(**options: Any) -> Path:
        made = site.charts.make("umbrella", "0.1.0", inside=[Inside(chart(site, LICENSED), ">=2.0.0")])
        assert site.helm("dependency", "update", str(made)).returncode == 0
        (package,) = (made / "charts").iterdir()
        package.unlink()
        other = chart(site, UNLICENSED, **options)
        assert site.helm("package", str(other), "--destination", str(made / "charts")).returncode == 0
        return made

    labelled = umbrella(templates={"labelled.yaml": LABELLED})
    assert refused_chart(site, site.helm("install", "web", str(labelled)))
    assert refused_image(site, site.helm("install", "web", str(umbrella())))


def test_chart_of_hooks_alone_is_refused_before_any_runs(site: Team) -> None:
    made = site.charts.make(site.product, UNLICENSED, hook=True)
    (made / "templates" / "configmap.yaml").unlink()
    assert refused_chart(site, site.helm("install", "web", str(made)))
    assert site.names("configmap") == set()


def library(team: Team) -> Path:
    """A library chart of the vendor's, which renders nothing by itself."""
    made = team.charts.make(team.product, UNLICENSED)
    (made / "templates" / "configmap.yaml").unlink()
    text = DEPLOYMENT.replace("REPOSITORY", image(team, "").rstrip(":")).replace(".Chart.Version", f'"{UNLICENSED}"')
    (made / "templates" / "_deployment.tpl").write_text(f'{{{{ define "vendor.all" }}}}\n{text}{{{{ end }}}}\n')
    with (made / "Chart.yaml").open("a") as file:
        file.write("type: library\n")
    return made


USE_OF_LIBRARY = {"all.yaml": '{{ include "vendor.all" . }}\n'}


def test_library_chart_is_judged_as_a_dependency(site: Team) -> None:
    inside = [Inside(library(site), ">=1.0.0")]
    made = site.charts.make("umbrella", "0.1.0", inside=inside, templates=USE_OF_LIBRARY)
    assert site.helm("dependency", "update", str(made)).returncode == 0
    assert refused_chart(site, site.helm("install", "web", str(made)))


def test_library_chart_that_is_not_listed_is_refused_by_its_image(site: Team) -> None:
    """It leaves no trace in the release."""
    made = site.charts.make("umbrella", "0.1.0", vendored=[library(site)], listed=False, templates=USE_OF_LIBRARY)
    assert refused_image(site, site.helm("install", "web", str(made)))


# -- Helm's own means --------------------------------------------------------------------------------------------------


class TestPostRenderer:
    """Helm 3 runs any program on what it has rendered, Helm 4 a plugin; both store what comes of it."""

    @pytest.fixture
    def helm_program(self) -> str:
        return "helm3"

    @pytest.fixture
    def renderer(self, tmp_path: Path) -> Path:
        """Takes comments and labels away, and another version of the image."""
        program = tmp_path / "render"
        program.write_text(
            f"#!/bin/sh\nsed -e '/^# Source/d' -e 's/helm.sh.chart/x/' -e 's/:{LICENSED}/:{UNLICENSED}/'\n"
        )
        program.chmod(0o755)
        return program

    def test_it_takes_no_chart_past_the_gate(self, site: Team, renderer: Path) -> None:
        answer = site.helm("install", "web", str(chart(site, UNLICENSED)), "--post-renderer", str(renderer))
        assert refused_chart(site, answer)

    def test_it_takes_no_image_past_the_policies(self, site: Team, renderer: Path) -> None:
        answer = site.helm("install", "web", str(chart(site, LICENSED)), "--post-renderer", str(renderer))
        assert refused_image(site, answer)


def test_value_that_names_another_image_is_refused_by_it(site: Team) -> None:
    answer = site.helm("install", "web", str(chart(site, LICENSED)), "--set-string", f"tag={UNLICENSED}")
    assert refused_image(site, answer)


def test_taking_ownership_of_what_is_there_needs_a_license(site: Team) -> None:
    site.kubectl("create", "deployment", "web", f"--image={image(site, LICENSED)}", "-n", site.namespace)
    answer = site.helm("install", "web", str(chart(site, UNLICENSED)), "--take-ownership")
    assert refused_chart(site, answer)
    deployment = site.get("deployment", "web")
    assert deployment is not None
    assert "app.kubernetes.io/managed-by" not in deployment["metadata"]["labels"]


@pytest.mark.parametrize("where", ["client", "server"])
def test_dry_run_is_not_judged_and_installs_nothing(site: Team, where: str) -> None:
    answer = site.helm("install", "web", str(chart(site, UNLICENSED)), f"--dry-run={where}")
    assert answer.returncode == 0, answer.stderr
    assert everything(site) == set()


@pytest.mark.parametrize("helm_program", HELMS)
def test_release_kept_in_memory_installs_nothing(site: Team, tmp_path: Path) -> None:
    """Helm's program then has a client that only prints."""
    earlier = tmp_path / "releases.yaml"
    earlier.write_text("[]")
    in_memory = {"HELM_DRIVER": "memory", "HELM_MEMORY_DRIVER_DATA": str(earlier)}
    answer = helm(site, in_memory, "install", "web", str(chart(site, UNLICENSED)))
    assert answer.returncode == 0, answer.stderr
    assert everything(site) == set()


@pytest.mark.parametrize("helm_program", HELMS)
def test_release_kept_in_a_database_is_refused_by_its_image(site: Team) -> None:
    with empty_database() as connection:
        in_database = {"HELM_DRIVER": "sql", "HELM_DRIVER_SQL_CONNECTION_STRING": connection}
        assert refused_image(site, helm(site, in_database, "install", "web", str(chart(site, UNLICENSED))))
        answer = helm(site, in_database, "install", "two", str(chart(site, LICENSED)))
        assert answer.returncode == 0, answer.stderr
    assert site.names("deployment") == {"two"}
    assert site.names("secret") == set()


def test_definitions_of_a_refused_chart_stay(site: Team) -> None:
    """Helm installs what is in crds/ before it writes the release: that needs rights in the whole cluster."""
    plural = f"{site.product.replace('-', '')}s"
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.example.org"},
        "spec": {
            "group": "example.org",
            "scope": "Namespaced",
            "names": {"plural": plural, "kind": plural.title()},
            "versions": [
                {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
            ],
        },
    }
    made = chart(site, UNLICENSED)
    (made / "crds").mkdir()
    (made / "crds" / "definition.yaml").write_text(yaml.safe_dump(definition))
    assert refused_chart(site, site.helm("install", "web", str(made)))
    assert site.get("crd", f"{plural}.example.org") is not None


# -- release objects made by hand --------------------------------------------------------------------------------------


@pytest.fixture
def two_revisions(site: Team) -> Team:
    for version in (LICENSED, "2.1.0"):
        answer = site.helm("upgrade", "--install", "web", str(chart(site, version)))
        assert answer.returncode == 0, answer.stderr
    return site


def rewrite(team: Team, revision: int, change: Callable[[Json], None]) -> None:
    """Change what a revision's Secret says, as anybody may who can write Secrets."""
    document = stored_release(team, revision)
    change(document)
    patch = json.dumps({"data": {"release": base64.b64encode(encode_release(document)).decode()}})
    team.kubectl("patch", "secret", f"sh.helm.release.v1.web.v{revision}", "-n", team.namespace, "-p", patch)


def stored_release(team: Team, revision: int) -> Json:
    """What Helm has stored of a revision."""
    stored = team.get("secret", f"sh.helm.release.v1.web.v{revision}")
    assert stored is not None
    document: Json = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(stored["data"]["release"]))))
    return document


def test_rollback_to_a_revision_that_was_rewritten_needs_a_license(two_revisions: Team) -> None:
    def raise_version(document: Json) -> None:
        document["chart"]["metadata"]["version"] = UNLICENSED
        document["manifest"] = document["manifest"].replace(f"api:{LICENSED}", f"api:{UNLICENSED}")

    rewrite(two_revisions, 1, raise_version)
    answer = two_revisions.helm("rollback", "web", "1")
    assert refused_chart(two_revisions, answer), answer.stderr
    assert running_image(two_revisions) == image(two_revisions, "2.1.0")


def test_rollback_to_a_revision_with_another_image_is_refused_by_the_image(two_revisions: Team) -> None:
    def replace_image(document: Json) -> None:
        document["manifest"] = document["manifest"].replace(f"api:{LICENSED}", f"api:{UNLICENSED}")

    rewrite(two_revisions, 1, replace_image)
    answer = two_revisions.helm("rollback", "web", "1")
    assert answer.returncode != 0
    assert f"licet: image {image(two_revisions, UNLICENSED)} (Deployment" in answer.stderr
    assert running_image(two_revisions) == image(two_revisions, "2.1.0")


def test_rewriting_the_revision_that_runs_changes_nothing_that_runs(two_revisions: Team) -> None:
    def raise_version(document: Json) -> None:
        document["chart"]["metadata"]["version"] = UNLICENSED

    rewrite(two_revisions, 2, raise_version)
    assert running_image(two_revisions) == image(two_revisions, "2.1.0")
    answer = two_revisions.helm("upgrade", "web", str(chart(two_revisions, UNLICENSED)))
    assert refused_chart(two_revisions, answer), answer.stderr


@pytest.mark.parametrize("disguise", [{"type": "Opaque"}, {"kind": "ConfigMap"}], ids=["type", "kind"])
def test_revision_made_by_hand_needs_a_license_whatever_it_is_called(two_revisions: Team, disguise: Json) -> None:
    """Helm finds its objects by name and labels, and goes back to any that it finds."""
    document = {**stored_release(two_revisions, 1), "version": 9}
    document["chart"]["metadata"]["version"] = UNLICENSED
    forged = release_secret(document)
    if disguise.get("kind") == "ConfigMap":
        del forged["type"]
        forged["data"] = {"release": encode_release(document).decode()}
    command = ("kubectl", "create", "-n", two_revisions.namespace, "-f-")
    answer = two_revisions.sandbox.run(*command, stdin=json.dumps(forged | disguise))
    assert refused_chart(two_revisions, answer), answer.stderr


def test_revision_that_got_its_payload_later_needs_a_license_to_go_back_to(two_revisions: Team) -> None:
    """Who only changes an object is not asked for a license; Helm is, as soon as it makes a revision of it."""
    document = {**stored_release(two_revisions, 1), "version": 9}
    document["chart"]["metadata"]["version"] = UNLICENSED
    document["info"]["status"] = "superseded"
    empty = release_secret(document, type="Opaque")
    data = empty.pop("data")
    two_revisions.kubectl("create", "-n", two_revisions.namespace, "-f-", stdin=json.dumps(empty))
    name = empty["metadata"]["name"]
    two_revisions.kubectl("patch", "secret", name, "-n", two_revisions.namespace, "-p", json.dumps({"data": data}))
    answer = two_revisions.helm("rollback", "web", "9")
    assert refused_chart(two_revisions, answer), answer.stderr


def running_image(team: Team) -> str:
    deployment = team.get("deployment", "web")
    assert deployment is not None
    found: str = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    return found


def test_release_in_kube_system_is_refused(site: Team) -> None:
    """The policies leave that namespace alone, the gate does not."""
    answer = site.sandbox.run("helm", "install", "web", str(chart(site, UNLICENSED)), "-n", "kube-system")
    assert refused_chart(site, answer), answer.stderr
    probe = ("run", "probe", f"--image={image(site, UNLICENSED)}", "-n", "kube-system", "--dry-run=server")
    assert site.sandbox.run("kubectl", *probe).returncode == 0


# -- rights ------------------------------------------------------------------------------------------------------------


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
    assert run(site, UNLICENSED) != ""


# -- what nothing stops, the inventory sees ----------------------------------------------------------------------------

UNSTOPPED: dict[str, tuple[str, ...]] = {
    "a static Pod that the kubelet reports": ("--as=system:node:a", "--as-group=system:nodes"),
    "a Pod that somebody made in the name of a controller": (
        "--as=system:serviceaccount:kube-system:replicaset-controller",
    ),
}


@pytest.mark.parametrize("way", UNSTOPPED)
def test_pod_that_came_in_past_the_policies_is_in_the_inventory(site: Team, way: str) -> None:
    command = ("run", "web", f"--image={image(site, UNLICENSED)}", "-n", site.namespace)
    site.kubectl(*command, *UNSTOPPED[way], "--as-group=system:masters")
    site.eventually(lambda: image(site, UNLICENSED) in unlicensed(site), "the inventory tells of it", 30)


def owner(team: Team) -> Json:
    """A reference to a Deployment that is licensed; to none that is there, the Pod would be collected as garbage."""
    team.kubectl("create", "deployment", "licensed", f"--image={image(team, LICENSED)}", "-n", team.namespace)
    deployment = team.get("deployment", "licensed")
    assert deployment is not None
    uid = deployment["metadata"]["uid"]
    return {"apiVersion": "apps/v1", "kind": "Deployment", "name": "licensed", "uid": uid, "controller": True}


HIDING: dict[str, Callable[[Team], Json]] = {
    "among others": lambda team: {"images": [*(image(team, f"2.{number}.0") for number in range(300))]},
    "behind a forged owner": lambda team: {"ownerReferences": [owner(team)]},
    "behind a release that there is not": lambda team: {
        "annotations": {"meta.helm.sh/release-name": "nothing", "meta.helm.sh/release-namespace": team.namespace},
        "labels": {"app.kubernetes.io/managed-by": "Helm"},
    },
    "behind labels of a licensed chart": lambda team: {"labels": {"helm.sh/chart": f"{team.product}-{LICENSED}"}},
    "behind Argo CD": lambda team: {
        "annotations": {"argocd.argoproj.io/tracking-id": f"app:/Pod:{team.namespace}/web"},
        "labels": {"app.kubernetes.io/instance": "app"},
    },
}


@pytest.mark.parametrize("way", HIDING)
def test_nothing_that_is_written_on_a_pod_hides_it_from_the_inventory(site: Team, way: str) -> None:
    metadata = HIDING[way](site)
    images = [*metadata.pop("images", ()), image(site, UNLICENSED)]
    containers = [{"name": f"c{number}", "image": each} for number, each in enumerate(images)]
    metadata |= {"name": "web", "namespace": site.namespace}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": containers}}
    somebody = UNSTOPPED["a Pod that somebody made in the name of a controller"]
    site.kubectl("create", "-f-", *somebody, "--as-group=system:masters", stdin=json.dumps(pod))
    site.eventually(lambda: image(site, UNLICENSED) in unlicensed(site), "the inventory tells of it", 30)


def test_pod_in_an_exempt_namespace_is_in_the_inventory(site: Team) -> None:
    command = ("run", site.product, f"--image={image(site, UNLICENSED)}", "-n", "kube-system")
    site.kubectl(*command)
    try:
        site.eventually(
            lambda: image(site, UNLICENSED) in unlicensed(site, "kube-system"), "the inventory tells of it", 30
        )
    finally:
        site.kubectl("delete", "pod", site.product, "-n", "kube-system", "--force", "--grace-period=0")


def unlicensed(team: Team, namespace: str = "") -> str:
    """What the inventory tells of things in a namespace that are not licensed."""
    listed = json.loads(team.kubectl("get", "installations", "-n", namespace or team.namespace, "-o", "json"))
    statuses = [item.get("status") or {} for item in listed["items"]]
    return json.dumps([status for status in statuses if licensed_condition(status) == "False"])


def licensed_condition(status: Json) -> str | None:
    return next((each["status"] for each in status.get("conditions", ()) if each["type"] == "Licensed"), None)
