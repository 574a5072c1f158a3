"""Helm keeps its releases in ConfigMaps where it is told to; nothing about licenses changes with that."""

import time

import pytest

from support.team import HELMS, Team

RANGE_2 = ">=2.0.0 <3.0.0"


@pytest.fixture(params=HELMS)
def helm_program(request: pytest.FixtureRequest) -> str:
    program: str = request.param
    return program


@pytest.fixture
def site(team: Team) -> Team:
    """A team with a license, whose Helm uses ConfigMaps."""
    team.helm_driver = "configmap"
    team.trust()
    team.license("", charts=[{"name": team.product, "versions": RANGE_2}])
    return team


def stored(team: Team) -> set[str]:
    return {name for name in team.names("configmap") if name.startswith("sh.helm.release.v1.")}


def test_releases_in_config_maps_are_refused_and_admitted_like_those_in_secrets(site: Team) -> None:
    refused = site.helm("install", "web", site.chart("3.1.0", hook=True))
    assert refused.returncode != 0
    assert f'licet: chart {site.product} 3.1.0 (release "web", namespace "{site.namespace}") is not licensed' in (
        refused.stderr
    )
    assert site.names("configmap") == set()

    for arguments in (
        ("install", "web", site.chart("2.0.0")),
        ("upgrade", "web", site.chart("2.4.1")),
        ("rollback", "web", "1"),
    ):
        answer = site.helm(*arguments)
        assert (answer.returncode, "licet" in answer.stderr) == (0, False), answer.stderr
    assert stored(site) == {f"sh.helm.release.v1.web.v{number}" for number in (1, 2, 3)}
    assert site.names("secret") == set()

    assert "is not licensed" in site.helm("upgrade", "web", site.chart("3.1.0")).stderr
    assert site.installed_version() == "2.0.0"


def test_inventory_remembers_what_ran_from_config_maps_and_uninstalling_needs_no_gate(site: Team) -> None:
    name = site.license(charts=[{"name": site.product, "versions": "3.x"}])
    assert site.helm("install", "web", site.chart("3.0.0")).returncode == 0
    assert site.helm("upgrade", "web", site.chart("2.0.0")).returncode == 0
    site.eventually(lambda: site.running_versions() == ["2.0.0"], "the inventory has what ran and what runs")
    site.license(name, exp=int(time.time()) - 60, iat=int(time.time()) - 120, nbf=0)
    site.eventually(lambda: "is not licensed" in site.gate_says("3.0.1"), "the gate knows that the license is over")

    back = site.helm("rollback", "web", "1")
    assert back.returncode == 0, back.stderr
    assert "ran licensed here" in back.stderr

    with site.without_gate():
        assert "releases.gate.licet.dev" in site.helm("install", "other", site.chart("2.0.0")).stderr
        site.kubectl("create", "configmap", "any", "--from-literal=release=1", "-n", site.namespace)
        assert site.helm("uninstall", "web").returncode == 0
    assert stored(site) == set()
    site.eventually(lambda: site.get("installation", "web") is None, "the Installation is deleted")
