"""`licet controller` and `licet gate` hand their options on, from the command line or from the environment."""

import gc
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from licet.cluster.logs import LogFormat
from licet.controller import main as controller
from licet.core.errors import LicetError
from licet.gate import main as gate


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """The options with which components were run."""
    options: list[Any] = []
    for component in (controller, gate):
        monkeypatch.setattr(component, "run", options.append)
    thresholds = gc.get_threshold()
    yield options
    gc.set_threshold(*thresholds)


@pytest.mark.parametrize("name", ["controller", "gate"])
def test_component_runs_in_the_namespace_of_the_contract(name: str, licet: Callable, ran: list[Any]) -> None:
    assert licet(name).code == 0
    (options,) = ran
    assert options.namespace == "licet-system"
    assert options.log_format is LogFormat.AUTO
    assert options.log_level == logging.INFO


@pytest.mark.parametrize("name", ["controller", "gate"])
def test_component_looks_for_garbage_less_often_than_python_does(name: str, licet: Callable, ran: list[Any]) -> None:
    gc.set_threshold(700)
    licet(name)
    assert gc.get_threshold()[0] > 700


def test_options_come_from_the_command_line(licet: Callable, ran: list[Any]) -> None:
    arguments = ("--operator-namespace", "ops", "--status-port", "9", "--log-format", "json", "--log-level", "debug")
    policies = ("--workload-policies", "--exempt-user=jane", "--exempt-user", "joe")
    assert licet("controller", "--no-inventory", "--no-policy-reports", *policies, *arguments).code == 0
    assert licet("gate", "--port", "10", "--host", "::1", "--drain-seconds", "0.5", *arguments).code == 0
    for options in ran:
        assert (options.namespace, options.status_port, options.log_level) == ("ops", 9, logging.DEBUG)
        assert options.log_format is LogFormat.JSON
    assert (ran[0].inventory, ran[0].policy_reports) == (False, False)
    assert (ran[0].workload_policies, ran[0].exempt_users) == (True, ("jane", "joe"))
    assert (ran[1].host, ran[1].port, ran[1].drain_seconds) == ("::1", 10, 0.5)


def test_options_come_from_the_environment(licet: Callable, ran: list[Any]) -> None:
    common = {"LICET_OPERATOR_NAMESPACE": "ops", "LICET_STATUS_PORT": "9", "LICET_LOG_LEVEL": "error"}
    without = {"LICET_INVENTORY": "false", "LICET_POLICY_REPORTS": "false"}
    assert licet("controller", env={**common, **without}).code == 0
    assert licet("gate", env={**common, "LICET_PORT": "10", "LICET_KUBECONFIG": "dev.yaml"}).code == 0
    for options in ran:
        assert (options.namespace, options.status_port, options.log_level) == ("ops", 9, logging.ERROR)
    assert (ran[0].inventory, ran[0].policy_reports) == (False, False)
    assert (ran[1].port, ran[1].kubeconfig) == (10, "dev.yaml")


@pytest.mark.parametrize("arguments", [["--status-port", "65536"], ["--log-level", "loud"], ["--port", "-1"]])
def test_options_that_can_not_be_are_wrong_usage(arguments: list[str], licet: Callable, ran: list[Any]) -> None:
    assert licet("gate", *arguments).code == 2
    assert not ran


def test_component_that_can_not_start_says_why(licet: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise LicetError("the port is taken")

    monkeypatch.setattr(gate, "run", fail)
    answer = licet("gate")
    assert (answer.code, answer.err) == (2, "licet: the port is taken\n")
