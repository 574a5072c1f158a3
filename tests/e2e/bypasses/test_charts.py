"""The chart in disguise, and Helm's own means of changing what is installed."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from support.attacks import (
    LICENSED,
    UNLICENSED,
    chart,
    deployment,
    image,
    refused_chart,
    refused_image,
)
from support.charts import Inside
from support.team import Team

LABELLED = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: "{{ .Release.Name }}-labelled"
  labels: {helm.sh/chart: "{{ .Chart.Name }}-{{ .Chart.Version }}"}
"""


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
    text = deployment(image(team, "").rstrip(":")).replace(".Chart.Version", f'"{UNLICENSED}"')
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
    assert site.names("deployment") | site.names("configmap") | site.names("secret") == set()


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
