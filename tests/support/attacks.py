"""Means of the tests that try to get around licet: a vendor's chart, and how to tell whether it was refused."""

from pathlib import Path
from typing import Any, Final

from support.team import Answer, Team

LICENSED: Final = "2.0.0"
UNLICENSED: Final = "3.0.0"

Json = dict[str, Any]

_DEPLOYMENT: Final = """\
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


def image(team: Team, version: str) -> str:
    return f"registry.example/{team.product}/api:{version}"


def refusal(team: Team, version: str) -> str:
    """What the API server says against a Pod with this version; empty when it would make it."""
    command = ("run", "probe", f"--image={image(team, version)}", "-n", team.namespace, "--dry-run=server")
    return team.sandbox.run("kubectl", *command).stderr


def chart(team: Team, version: str, name: str = "", *, repository: str = "", **options: Any) -> Path:
    """The vendor's chart with a Deployment; or the same by another name, or with its image from elsewhere."""
    repository = repository or image(team, "").rstrip(":")
    templates = {"deployment.yaml": deployment(repository), **options.pop("templates", {})}
    return team.charts.make(name or team.product, version, templates=templates, **options)


def refused_chart(team: Team, answer: Answer, version: str = UNLICENSED) -> bool:
    """Whether the gate refused the vendor's chart in a version."""
    return answer.returncode != 0 and f"licet: chart {team.product} {version} (release" in answer.stderr


def refused_image(team: Team, answer: Answer) -> bool:
    """Whether the policies refused the image, and no workload has it."""
    refused = answer.returncode != 0 and f"licet: image {image(team, UNLICENSED)} (Deployment" in answer.stderr
    return refused and not team.names("deployment")


def deployment(repository: str) -> str:
    """A template with an image of a repository, in the version of the chart or that of the value `tag`."""
    return _DEPLOYMENT.replace("REPOSITORY", repository)
