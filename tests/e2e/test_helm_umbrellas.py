"""Protected charts inside of other charts, as Helm really stores and renders them."""

from pathlib import Path

import pytest

from support.charts import Inside
from support.team import HELMS, Answer, Team

RANGE_2 = ">=2.0.0 <3.0.0"


@pytest.fixture(params=HELMS)
def helm_program(request: pytest.FixtureRequest) -> str:
    program: str = request.param
    return program


@pytest.fixture
def licensed(team: Team) -> Team:
    team.trust()
    team.license(charts=[{"name": team.product, "versions": RANGE_2}])
    return team


def umbrella(team: Team, version: str, *, alias: str = "", wanted: str = ">=1.0.0") -> Path:
    """Make an umbrella chart around the vendor's, with a lock."""
    inside = Inside(Path(team.chart(version)), wanted, alias)
    return team.charts.make("umbrella", "0.1.0", inside=[inside])


def install(team: Team, chart: Path, *, update: bool = True) -> Answer:
    if update:
        fetched = team.helm("dependency", "update", str(chart))
        assert fetched.returncode == 0, fetched.stderr
    return team.helm("install", "web", str(chart))


@pytest.mark.parametrize("alias", ["", "backend"])
def test_umbrella_with_a_lock_is_judged_by_the_locked_version(licensed: Team, alias: str) -> None:
    refused = install(licensed, umbrella(licensed, "3.1.0", alias=alias))
    assert refused.returncode != 0
    assert f"chart {licensed.product} 3.1.0 (release" in refused.stderr
    assert licensed.names("configmap") == set()

    admitted = install(licensed, umbrella(licensed, "2.4.1", alias=alias))
    assert admitted.returncode == 0, admitted.stderr
    name = alias or licensed.product
    assert f"web-{name}" in licensed.names("configmap")


def test_umbrella_without_a_lock_is_refused_and_told_how_to_get_one(licensed: Team) -> None:
    chart = licensed.charts.make("umbrella", "0.1.0", vendored=[Path(licensed.chart("2.4.1"))])

    answer = install(licensed, chart, update=False)

    assert answer.returncode != 0
    assert "helm dependency update" in answer.stderr


def test_chart_that_is_put_into_charts_without_being_listed_is_found(licensed: Team) -> None:
    chart = licensed.charts.make("umbrella", "0.1.0", vendored=[Path(licensed.chart("3.1.0"))], listed=False)

    answer = install(licensed, chart, update=False)

    assert answer.returncode != 0
    assert licensed.product in answer.stderr


def test_label_of_the_chart_tells_the_version_where_there_is_no_lock(licensed: Team) -> None:
    template = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-labelled
  labels:
    helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
"""
    inner = Path(licensed.chart("2.4.1", templates={"labelled.yaml": template}))

    answer = install(licensed, licensed.charts.make("umbrella", "0.1.0", vendored=[inner]), update=False)

    assert answer.returncode == 0, answer.stderr


def test_dependency_that_is_switched_off_needs_no_license(licensed: Team) -> None:
    inside = Inside(Path(licensed.chart("3.1.0")), ">=1.0.0")
    chart = licensed.charts.make("umbrella", "0.1.0", inside=[inside])
    metadata = (chart / "Chart.yaml").read_text()
    (chart / "Chart.yaml").write_text(metadata.replace("repository:", "condition: vendor.enabled\n  repository:"))
    (chart / "values.yaml").write_text("vendor: {enabled: false}\n")

    answer = install(licensed, chart)

    assert answer.returncode == 0, answer.stderr
    assert licensed.names("configmap") == {"web-umbrella"}
