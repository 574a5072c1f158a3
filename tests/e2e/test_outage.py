"""What still works, and what does not, while a component is down."""

import json

import pytest

from support.team import Team


@pytest.fixture
def helm_program() -> str:
    return "helm"


@pytest.fixture
def running(team: Team) -> Team:
    team.trust()
    team.license(charts=[{"name": team.product, "versions": ">=2.0.0 <3.0.0"}])
    answer = team.helm("install", "web", team.chart("2.0.0", templates={"deployment.yaml": _DEPLOYMENT}))
    assert answer.returncode == 0, answer.stderr
    return team


def test_uninstalling_and_scaling_work_without_a_gate_and_new_releases_do_not_begin(running: Team) -> None:
    with running.without_gate():
        refused = running.helm("install", "other", running.chart("2.0.0"))
        assert refused.returncode != 0
        assert "releases.gate.licet.dev" in refused.stderr
        running.kubectl("scale", "deployment/web", "--replicas=3", "-n", running.namespace)
        assert running.helm("uninstall", "web").returncode == 0
    assert running.get("deployment", "web") is None


def test_gate_judges_without_a_controller(running: Team) -> None:
    running.sandbox.controller.process.end()
    try:
        running.license(charts=[{"name": running.product, "versions": "3.x"}])
        assert running.helm("upgrade", "web", running.chart("3.0.0")).returncode == 0
        assert running.helm("upgrade", "web", running.chart("4.0.0")).returncode != 0
    finally:
        running.sandbox.start()
    running.eventually(lambda: _chart_versions(running) == [f"{running.product}-3.0.0"], "the inventory catches up")


def test_projection_follows_a_license(running: Team) -> None:
    entitlement = {
        "apiVersion": "licet.dev/v1alpha1",
        "kind": "Entitlement",
        "metadata": {"name": "platform", "namespace": running.namespace},
        "spec": {"vendorRef": {"name": running.vendor.name}, "product": running.product},
    }
    running.apply(entitlement)
    running.eventually(lambda: _document(running)["state"] == "Active", "the projection is there")
    name = running.license(plan="gold", series="s", sequence=1, features={"sso": True})
    running.eventually(lambda: _document(running)["plan"] == "gold", "the projection follows a new License")
    assert _document(running)["features"] == {"sso": True}

    running.kubectl("delete", "license", name)

    running.eventually(lambda: _document(running)["plan"] == "", "the projection follows a deletion")


def _document(team: Team) -> dict[str, object]:
    config_map = team.get("configmap", "platform")
    document: dict[str, object] = json.loads(config_map["data"]["entitlements.json"]) if config_map else {"state": ""}
    return document


def _chart_versions(team: Team) -> list[str]:
    installation = team.get("installation", "web") or {}
    charts = (installation.get("status") or {}).get("charts") or []
    return [f"{chart['name']}-{chart['version']}" for chart in charts]


_DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: registry.example/web:1}]}
"""
