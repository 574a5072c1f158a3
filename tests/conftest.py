"""Fixtures that tests of every kind share."""

import contextlib
import os
import secrets
import signal
from collections.abc import Iterator

import hypothesis
import pytest

from controlplane import ApiError, Cluster, ControlPlane, kubernetes_versions
from support.properties import FUZZING

# A build has to give the same verdict twice; finding new cases is for the developer's own machine.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None)
# Longer, and with other cases each time: `make fuzz`.
hypothesis.settings.register_profile(FUZZING, deadline=None)
# An example that takes longer than others was met by a busy machine.
hypothesis.settings.register_profile("local", deadline=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "local")


# What a shell runs in the background ignores Ctrl-C, and so would the programs that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Tests of single parts may be run on the oldest Kubernetes as well."""
    oldest, newest = kubernetes_versions()
    parser.addoption(
        "--kubernetes", choices=(oldest, newest), default=newest, help="of the control planes of integration tests"
    )


@pytest.fixture(scope="session")
def kubernetes(request: pytest.FixtureRequest) -> str:
    """The minor version of Kubernetes that the tests run on."""
    version: str = request.config.getoption("--kubernetes")
    return version


@pytest.fixture(scope="session")
def control_plane(kubernetes: str) -> Iterator[ControlPlane]:
    """One real control plane for all tests of the session that ask for it."""
    with ControlPlane(kubernetes=kubernetes) as plane:
        yield plane


@pytest.fixture
def namespace(control_plane: Cluster) -> Iterator[str]:
    """The name of a namespace of the test's own; it is deleted afterwards, which nobody waits for."""
    name = f"test-{secrets.token_hex(4)}"
    control_plane.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    yield name
    with contextlib.suppress(ApiError):  # the test has deleted it, or is still deleting it
        control_plane.request("DELETE", f"/api/v1/namespaces/{name}")
