"""Flux and Argo CD, done as they do it: what is refused when they are told, and what when they act."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from controlplane.build import Program, ensure_programs
from sandbox import Sandbox
from support.attacks import refusal
from support.gitops import application, helm_release, install_definitions, source
from support.team import Answer, Team

FLUX_INSTALL: Final = Program("flux-install", "kubernetes", "./flux-install", "helm.sh/helm/v4", (), 20)

DEPLOYMENT: Final = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
  namespace: {{ .Release.Namespace }}
  labels: &labels
    app.kubernetes.io/instance: {{ .Release.Name }}
    helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
spec:
  strategy: {type: Recreate}
  selector:
    matchLabels: {app.kubernetes.io/instance: {{ .Release.Name }}}
  template:
    metadata: {labels: *labels}
    spec:
      containers:
        - name: api
          image: registry.example/{{ .Chart.Name }}/api:{{ .Chart.Version }}
"""


@pytest.fixture
def helm_program() -> str:
    return "helm"


@pytest.fixture
def site(team: Team) -> Team:
    install_definitions(team.sandbox.cluster)
    team.trust()
    return team


# -- Flux --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def flux_install() -> Path:
    return ensure_programs((FLUX_INSTALL,)) / FLUX_INSTALL.name


class Flux:
    """Flux for a team: told by a HelmRelease, and acting with Helm's SDK; Helm keeps the release elsewhere."""

    def __init__(self, team: Team, program: Path) -> None:
        self.team = team
        self.storage = f"{team.namespace}-flux"
        team.create_namespace(self.storage)
        self._program = program

    def told(self, version: str) -> Answer:
        """Apply the HelmRelease."""
        places = {"targetNamespace": self.team.namespace, "releaseName": "web"}
        obj = helm_release(chart=self.team.product, version=version, namespace=self.storage, **places)
        return self._run("kubectl", "apply", "--server-side", "-f", "-", stdin=json.dumps(obj))

    def acts(self, version: str, *options: str) -> Answer:
        """Install, or upgrade, as the helm-controller does."""
        places = ("--name=web", f"--storage-namespace={self.storage}", f"--target-namespace={self.team.namespace}")
        return subprocess.run(
            [self._program, *places, *options, self.team.chart(version)],
            env=self.team.sandbox.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def _run(self, program: str, *arguments: str, stdin: str) -> Answer:
        return self.team.sandbox.run(program, *arguments, stdin=stdin)


@pytest.fixture
def flux(site: Team, flux_install: Path) -> Flux:
    return Flux(site, flux_install)


def only_in(team: Team, *namespaces: str, versions: str = "2.x", sequence: int = 0) -> dict[str, Any]:
    return {
        "charts": [{"name": team.product, "versions": versions}],
        "bindings": {"namespaces": list(namespaces)},
        "series": "s",
        "sequence": sequence,
    }


def test_release_of_flux_needs_a_license_for_its_target_and_for_where_helm_keeps_it(site: Team, flux: Flux) -> None:
    for sequence, allowed in enumerate((flux.storage, site.namespace)):
        site.license(**only_in(site, allowed, sequence=sequence))
        for answer in (flux.told("2.4.1"), flux.acts("2.4.1")):
            assert answer.returncode != 0
            assert f'namespace "{flux.storage}" and "{site.namespace}") is not licensed: no license' in answer.stderr
    assert site.names("configmap") == set()

    name = site.license(**only_in(site, flux.storage, site.namespace, sequence=2))
    for answer in (flux.told("2.4.1"), flux.acts("2.4.1")):
        assert answer.returncode == 0, answer.stderr
    assert site.installed_version() == "2.4.1"
    assert site.get("secret", "sh.helm.release.v1.web.v1", namespace=flux.storage)
    assert site.get("secret", "sh.helm.release.v1.web.v1") is None

    for answer in (flux.told("3.1.0"), flux.acts("3.1.0", "--upgrade")):
        assert answer.returncode != 0
        assert f"license {name} covers 2.x" in answer.stderr
    assert site.installed_version() == "2.4.1"


def test_version_that_flux_runs_may_be_told_and_installed_again_after_the_license_has_gone(
    site: Team, flux: Flux
) -> None:
    name = site.license(**only_in(site, flux.storage, site.namespace))
    assert flux.acts("2.4.1").returncode == 0
    installed = lambda: site.get("installation", "web", namespace=flux.storage) or {}  # noqa: E731
    site.eventually(lambda: installed().get("status"), "the inventory has it")
    site.kubectl("delete", "license", name)
    site.eventually(lambda: "is not licensed" in site.gate_says("2.5.0"), "the gate knows that the license is gone")
    told = flux.told("2.4.1")
    assert told.returncode == 0, told.stderr
    assert "is admitted because this version runs here" in told.stderr
    assert flux.acts("2.4.1", "--upgrade").returncode == 0
    assert "is not licensed" in flux.told("2.5.0").stderr


# -- Argo CD -----------------------------------------------------------------------------------------------------------


class ArgoCD:
    """Argo CD for a team: told by an Application; it renders the chart, and applies what that gives."""

    def __init__(self, team: Team, sandbox: Sandbox) -> None:
        self.team = team
        self._sandbox = sandbox

    def told(self, version: str) -> Answer:
        """Apply the Application."""
        destination = {"server": "https://kubernetes.default.svc", "namespace": self.team.namespace}
        spec = {"source": source(self.team.product, version), "destination": destination}
        obj = application(namespace=self.team.namespace, **spec)
        return self._apply(obj)

    def acts(self, version: str) -> Answer:
        """Sync: render the chart, mark its objects, and apply them on the server."""
        chart = self.team.chart(version, templates={"deployment.yaml": DEPLOYMENT})
        rendered = self.team.helm("template", "web", chart, "--include-crds")
        objects = list(yaml.safe_load_all(rendered.stdout))
        for obj in objects:
            group = obj["apiVersion"].rpartition("/")[0]
            namespace, name = self.team.namespace, obj["metadata"]["name"]
            obj["metadata"] |= {
                "namespace": namespace,
                "annotations": {"argocd.argoproj.io/tracking-id": f"web:{group}/{obj['kind']}:{namespace}/{name}"},
            }
        return self._apply({"apiVersion": "v1", "kind": "List", "items": objects})

    def _apply(self, obj: dict[str, Any]) -> Answer:
        options = ("--server-side", "--force-conflicts", "--field-manager=argocd-controller")
        return self._sandbox.run("kubectl", "apply", *options, "-f", "-", stdin=json.dumps(obj))


def runs_and_ran(team: Team, installation: str, running: str, *licensed: str) -> Callable[[], bool]:
    """Give a test of whether an Installation lists this version alone, and says that these ran licensed."""

    def holds() -> bool:
        status = (team.get("installation", installation) or {}).get("status") or {}
        ran = [each["version"] for each in status.get("history", ()) if each["licensed"]]
        return ([each["version"] for each in status.get("charts", ())], ran) == ([running], list(licensed))

    return holds


@pytest.fixture
def argo_cd(site: Team, sandbox: Sandbox) -> ArgoCD:
    return ArgoCD(site, sandbox)


def test_what_argo_cd_renders_is_judged_as_it_is_applied(site: Team, argo_cd: ArgoCD) -> None:
    name = site.license(
        charts=[{"name": site.product, "versions": "2.x"}],
        images=[{"repository": f"registry.example/{site.product}/*", "tags": "2.x"}],
    )
    known = lambda: "licet: image" in refusal(site, "3.1.0") and not refusal(site, "2.4.1")  # noqa: E731
    site.eventually(known, "the policies know the License")
    assert argo_cd.acts("2.4.1").returncode == 0
    assert site.names("deployment") == {"web"}
    assert argo_cd.told("2.4.1").returncode == 0

    refused = argo_cd.told("3.1.0")
    assert (
        f'licet: chart {site.product} 3.1.0 (Application "web", namespace "{site.namespace}") is not' in refused.stderr
    )
    refused = argo_cd.acts("3.1.0")
    assert refused.returncode != 0
    assert "3.1.0" in refused.stderr
    assert "is not licensed" in refused.stderr
    deployment = site.get("deployment", "web")
    assert deployment is not None
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"].endswith(":2.4.1")

    in_inventory = "application.web"
    site.eventually(runs_and_ran(site, in_inventory, "2.4.1", "2.4.1"), "the inventory has the Application")
    site.eventually(lambda: argo_cd.acts("2.5.0").returncode == 0, "an upgrade")
    site.eventually(runs_and_ran(site, in_inventory, "2.5.0", "2.4.1", "2.5.0"), "the inventory has the upgrade")
    assert argo_cd.told("2.5.0").returncode == 0
    site.kubectl("delete", "license", name)
    site.eventually(site.installation_is("False", in_inventory), "the license is gone")
    site.kubectl("delete", "application", "web", "-n", site.namespace)
    told = argo_cd.told("2.5.0")
    assert told.returncode == 0, told.stderr
    assert "is admitted because this version runs here" in told.stderr
    told = argo_cd.told("2.4.1")
    assert told.returncode == 0, told.stderr
    assert "is admitted because this version ran licensed here" in told.stderr
    site.eventually(lambda: argo_cd.acts("2.4.1").returncode == 0, "the policies know what ran licensed")
    for refused in (argo_cd.told("2.3.0"), argo_cd.acts("2.3.0")):
        assert "is not licensed" in refused.stderr
