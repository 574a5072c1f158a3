"""Fixtures of the end-to-end tests: one sandbox for all, and a team of its own for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import sandbox as sandboxes
from sandbox import Sandbox
from support.team import Team


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """A control plane with licet, its components running under the chart's own RBAC."""
    with sandboxes.temporary() as running:
        yield running


@pytest.fixture
def team(sandbox: Sandbox, tmp_path: Path, helm_program: str) -> Team:
    """A team that uses the Helm of the fixture `helm_program`."""
    return Team(sandbox, tmp_path, helm_program)
