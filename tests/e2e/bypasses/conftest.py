"""Teams with a license for some versions, and all rights in their namespaces."""

import pytest

from sandbox import Sandbox
from support.attacks import LICENSED, UNLICENSED, refusal
from support.team import Team


@pytest.fixture(scope="package")
def licensed(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Team:
    """Versions 2 are licensed: of the vendor's charts to the gate, and of its images to the policies."""
    team = Team(sandbox, tmp_path_factory.mktemp("licensed"), "helm")
    team.trust()
    repositories = [{"repository": f"registry.example/{team.product}/*", "tags": "2.x"}]
    team.license(charts=[{"name": f"{team.product}*", "versions": "2.x"}], images=repositories)
    known = lambda: "licet: image" in refusal(team, UNLICENSED) and not refusal(team, LICENSED)  # noqa: E731
    team.eventually(known, "the policies know the License")
    return team


@pytest.fixture
def helm_program() -> str:
    return "helm"


@pytest.fixture
def site(licensed: Team, team: Team) -> Team:
    """A namespace of the test's own, with the vendor of all."""
    team.vendor, team.product = licensed.vendor, licensed.product
    team.eventually(lambda: team.get("serviceaccount", "default"), "Pods can be made")
    return team
