"""The inventory tells the truth about what came in past the gate: templated, edited by hand, or while it was down."""

import pytest

from support.team import Team

RANGE_2 = ">=2.0.0 <3.0.0"
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
  labels: &labels
    app: {{ .Release.Name }}
    helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
    app.kubernetes.io/managed-by: {{ .Release.Service }}
    app.kubernetes.io/instance: {{ .Release.Name }}
spec:
  replicas: 0
  selector: {matchLabels: {app: {{ .Release.Name }}}}
  template:
    metadata: {labels: *labels}
    spec:
      containers: [{name: api, image: "registry.example/{{ .Chart.Name }}/api:{{ .Chart.Version }}"}]
"""


@pytest.fixture
def helm_program() -> str:
    return "helm"


@pytest.fixture
def site(team: Team) -> Team:
    """A team whose vendor's software may come in unlicensed, with a warning."""
    team.trust(enforcement="Warn")
    return team


def chart(team: Team, version: str) -> str:
    return team.chart(version, templates={"deployment.yaml": DEPLOYMENT})


def license_2(team: Team, name: str = "", versions: str = RANGE_2) -> str:
    images = [{"repository": f"registry.example/{team.product}/*", "tags": versions}]
    return team.license(name, charts=[{"name": team.product, "versions": versions}], images=images)


def rows(team: Team) -> list[list[str]]:
    """What `kubectl get installations` shows, less how old they are."""
    listed = team.kubectl("get", "installations", "-n", team.namespace, "-o", "wide").splitlines()
    return [row.split()[:-1] for row in listed[1:]]


def shows(team: Team, *expected: list[str]) -> None:
    team.eventually(lambda: rows(team) == list(expected), f"the inventory shows {expected}", seconds=90)


def test_templated_chart_is_listed_and_a_license_makes_it_licensed(site: Team) -> None:
    manifest = site.helm("template", "web", chart(site, "2.4.1")).stdout
    site.kubectl("apply", "-n", site.namespace, "-f", "-", stdin=manifest)
    installed = ["deployment.web", "Deployment", "web", f"{site.product}-2.4.1", "api:2.4.1"]
    shows(site, [*installed, "False", "NoLicense"])
    license_2(site)
    shows(site, [*installed, "True", "Licensed"])
    site.kubectl("delete", "deployment", "web", "-n", site.namespace)
    shows(site)


def test_image_that_is_set_by_hand_shows_in_the_installation_of_its_release(site: Team) -> None:
    name = license_2(site)
    assert site.helm("install", "web", chart(site, "2.4.1")).returncode == 0
    installed = ["web", "Release", "web", f"{site.product}-2.4.1"]
    shows(site, [*installed, "api:2.4.1", "True", "Licensed"])
    edited = f"api=registry.example/{site.product}/api:3.0.0"
    site.kubectl("set", "image", "deployment/web", edited, "-n", site.namespace)
    shows(site, [*installed, "api:3.0.0", "False", "VersionNotCovered"])
    license_2(site, name, ">=2.0.0 <4.0.0")
    shows(site, [*installed, "api:3.0.0", "True", "Licensed"])


def test_release_in_a_storage_that_licet_does_not_know_is_listed_by_its_workloads(site: Team) -> None:
    license_2(site)
    assert site.helm("install", "web", chart(site, "3.0.0")).returncode == 0
    site.kubectl("delete", "secret", "sh.helm.release.v1.web.v1", "-n", site.namespace)  # as if it were in SQL
    installed = ["deployment.web", "Deployment", "web", f"{site.product}-3.0.0", "api:3.0.0"]
    shows(site, [*installed, "False", "VersionNotCovered"])


def test_what_came_in_while_the_gate_was_down_is_listed(site: Team) -> None:
    license_2(site)
    webhook = "validatingwebhookconfiguration/licet-gate"
    policy = '[{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "%s"}]'
    site.kubectl("patch", webhook, "--type=json", "-p", policy % "Ignore")
    try:
        with site.without_gate():
            install = ("upgrade", "--install", "web", chart(site, "3.0.0"))
            site.eventually(lambda: site.helm(*install).returncode == 0, "the API server has heard of the patch")
    finally:
        site.kubectl("patch", webhook, "--type=json", "-p", policy % "Fail")
    installed = ["web", "Release", "web", f"{site.product}-3.0.0", "api:3.0.0"]
    shows(site, [*installed, "False", "VersionNotCovered"])
