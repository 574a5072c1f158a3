"""Faults of the cluster around it, and its own death: what applications read stays, and it recovers by itself."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sandbox.components import HOST, LICET
from sandbox.processes import Process
from support.controller_site import COLLECTED_SECONDS, eventually, log_lines, works
from support.watch_cutter import WatchCutter

ROLE = "/apis/rbac.authorization.k8s.io/v1/clusterroles/licet-controller"
HELD = {"metadata": {"finalizers": ["example.com/wait"]}}
RELEASED = {"metadata": {"finalizers": None}}


# -- the API server ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0, 8])
def test_api_server_that_was_away_is_found_again(licensed, plane, controller, seconds):
    pid = controller.process.pid
    before = licensed.get("ConfigMap", "app")
    plane.kill_api_server()
    time.sleep(seconds)
    plane.start_api_server()
    assert licensed.get("ConfigMap", "app") == before
    works(licensed)
    assert controller.process.pid == pid
    eventually(lambda: controller.problem() is None)


def test_outage_in_the_middle_of_projecting_is_made_good(licensed, plane, controller):
    names = [f"app-{number}" for number in range(60)]
    for name in names:
        licensed.entitlement(name)
    for name in names:
        licensed.await_state("Active", name)
    licensed.token_secret(licensed.vendor.token(plan="max", series="s", sequence=1))
    eventually(lambda: any(licensed.document(name)["plan"] == "max" for name in names))
    before = len(log_lines(controller))
    plane.kill_api_server()
    time.sleep(2)
    plane.start_api_server()
    eventually(lambda: all(licensed.document(name)["plan"] == "max" for name in names))
    eventually(lambda: all(licensed.get("Entitlement", name)["status"]["plan"] == "max" for name in names))
    warnings = [line["message"] for line in log_lines(controller)[before:] if line["level"] == "warning"]
    assert len([text for text in warnings if "reconciling waits for it" in text]) <= 3, warnings[-20:]


def test_what_vanished_while_the_api_server_was_away_is_missed(licensed, plane, controller):
    """After its restart the API server has no history to tell of it: whoever watches has to list and compare."""
    licensed.license(licensed.vendor.token(features={"more": True}), name="more")
    eventually(lambda: licensed.document()["features"] == {"more": True})
    # Stopped, the controller learns nothing of what happens before the API server loses its history.
    controller.process.send(signal.SIGSTOP)
    licensed.delete("License", f"more-{licensed.id}")
    plane.kill_api_server()
    plane.start_api_server()
    controller.process.send(signal.SIGCONT)
    eventually(lambda: licensed.document()["features"] == {})


@pytest.fixture
def cut_off(plane, controller, tmp_path) -> Iterator[WatchCutter]:
    """The controller reaches the API server through a proxy that can cut its watches."""
    controller.process.end()
    process = Process(tmp_path / "controller.pid")
    with WatchCutter(plane) as proxy:
        kubeconfig = proxy.kubeconfig(controller.kubeconfig, tmp_path / "kubeconfig")
        status = ["--status-host", HOST, "--status-port", str(controller.port), "--kubeconfig", str(kubeconfig)]
        process.start([str(LICET), *controller.arguments, *status], log=controller.log, environment=os.environ)
        try:
            eventually(lambda: controller.problem() is None)
            yield proxy
        finally:
            process.end()


def test_watches_that_are_cut_without_a_word_are_begun_anew_within_a_minute(licensed, cut_off):
    time.sleep(6)  # what was listed at the start is compared by then, which would hide it
    cut_off.cut()
    licensed.license(licensed.vendor.token(features={"more": True}), name="more")
    licensed.patch("ConfigMap", "app", {"data": {"added": "1"}})
    cut_off.mend()
    eventually(lambda: licensed.document()["features"] == {"more": True}, seconds=120)
    eventually(lambda: "added" not in licensed.get("ConfigMap", "app")["data"], seconds=120)


# -- refusals ----------------------------------------------------------------------------------------------------------


@contextmanager
def without(site, resource: str, *verbs: str) -> Iterator[None]:
    """Take rights away from the controller, and wait until the API server goes by that."""
    role = site.cluster.request("GET", ROLE)
    rules = [
        rule | {"verbs": [verb for verb in rule["verbs"] if resource not in rule["resources"] or verb not in verbs]}
        for rule in role["rules"]
    ]
    rules = [rule for rule in rules if rule["verbs"]]
    site.cluster.request("PATCH", ROLE, {"rules": rules})
    (group,) = next(rule["apiGroups"] for rule in role["rules"] if resource in rule["resources"])
    try:
        eventually(lambda: not any(site.controller_may(verb, group, resource) for verb in verbs))
        yield
    finally:
        site.cluster.request("PATCH", ROLE, {"rules": role["rules"]})


def test_write_that_is_forbidden_is_told_and_done_once_it_is_allowed(licensed):
    with without(licensed, "configmaps", "create", "update"):
        before = licensed.get("ConfigMap", "app")["data"]
        licensed.token_secret(licensed.vendor.token(plan="max", series="s", sequence=1))
        eventually(lambda: licensed.condition("Entitlement", "app") == ("False", "WriteRefused"))
        assert 'cannot update resource "configmaps"' in licensed.message("Entitlement", "app")
        assert licensed.get("ConfigMap", "app")["data"] == before
        licensed.entitlement("new")
        eventually(lambda: licensed.condition("Entitlement", "new") == ("False", "WriteRefused"))
    eventually(lambda: licensed.condition("Entitlement", "app") == ("True", "Projected"))
    assert licensed.document()["plan"] == "max"
    eventually(lambda: licensed.state("new") == "Active")


def test_status_that_is_forbidden_is_written_once_it_is_allowed(licensed):
    with without(licensed, "entitlements/status", "patch"):
        licensed.token_secret(licensed.vendor.token(plan="max", series="s", sequence=1))
        eventually(lambda: licensed.document()["plan"] == "max")
        assert licensed.get("Entitlement", "app")["status"]["plan"] == "pro"
    eventually(lambda: licensed.get("Entitlement", "app")["status"]["plan"] == "max")


def test_secret_that_may_not_be_read_takes_no_rights(licensed, controller):
    with without(licensed, "secrets", "get"):
        licensed.token_secret("something else")
        eventually(
            lambda: any("cannot get resource" in line["message"] for line in log_lines(controller, level="warning"))
        )
        assert licensed.state() == "Active"
        licensed.license_from(licensed.token_secret("whatever", name="other"), name="other")
        eventually(
            lambda: licensed.condition("License", f"other-{licensed.id}", "Valid") == ("Unknown", "TokenUnavailable")
        )
    eventually(lambda: licensed.condition("License", f"license-{licensed.id}", "Valid") == ("False", "Malformed"))


def test_rights_that_are_missing_at_the_start_are_waited_for(licensed, controller):
    controller.process.end()
    with without(licensed, "secrets", "get", "list", "watch"):
        controller.start()
        eventually(lambda: "secrets: not listed yet" in (controller.problem() or ""))
        time.sleep(1)
        assert licensed.state() == "Active"
    eventually(lambda: controller.problem() is None)
    works(licensed)


def test_watch_that_is_forbidden_for_a_while_is_taken_up_again(licensed, controller):
    with without(licensed, "vendors", "list", "watch"):
        time.sleep(1)
        licensed.delete("ConfigMap", "app")
        eventually(lambda: licensed.state() == "Active")
    works(licensed)


def test_namespace_that_is_being_deleted_is_left_alone(licensed, controller):
    """What the namespace controller deletes there is not made again."""
    namespace = licensed.make_namespace("ending")
    names = [f"app-{number}" for number in range(10)]
    for name in names:
        licensed.entitlement(name, namespace=namespace)
        licensed.await_state("Active", name, namespace=namespace)
        # It has to wait for these, while their ConfigMaps and Secrets go.
        licensed.patch("Entitlement", name, HELD, namespace=namespace)
    for name in names:  # an Event that is late can't be written
        eventually(lambda name=name: licensed.events(name) == [("Normal", "Active")])
    before = len(log_lines(controller))
    licensed.delete("Namespace", namespace)
    try:
        eventually(lambda: licensed.all("ConfigMap", namespace=namespace) == [], seconds=COLLECTED_SECONDS)
    finally:
        for name in names:
            licensed.patch("Entitlement", name, RELEASED, namespace=namespace)
    eventually(lambda: licensed.find("Namespace", namespace) is None, seconds=COLLECTED_SECONDS)
    works(licensed)
    assert not [line for line in log_lines(controller)[before:] if line["level"] in {"warning", "error"}]


def test_deleting_with_the_controller_down_works_at_once(licensed, controller):
    controller.process.end()
    licensed.delete("Entitlement", "app")
    licensed.delete("License", f"license-{licensed.id}")
    licensed.delete("Vendor", licensed.vendor.name)
    assert not licensed.find("Entitlement", "app")
    assert not licensed.find("License", f"license-{licensed.id}")
    assert not licensed.find("Vendor", licensed.vendor.name)


def test_conflict_of_writes_is_resolved(licensed):
    """Somebody else writes the same objects all the time."""
    deadline = time.monotonic() + 3
    number = 0
    while time.monotonic() < deadline:
        number += 1
        licensed.patch(
            "ConfigMap", "app", {"data": {"LICET_PLAN": str(number)}, "metadata": {"labels": {"n": str(number)}}}
        )
        licensed.patch(
            "Entitlement", "app", {"metadata": {"labels": {"n": str(number)}}, "spec": {"features": [f"f{number}"]}}
        )
    eventually(lambda: licensed.get("ConfigMap", "app")["data"]["LICET_PLAN"] == "pro")
    eventually(lambda: licensed.condition("Entitlement", "app") == ("True", "Projected"))


# -- its own end -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_it_within_seconds(licensed, controller, number):
    before = log_lines(controller, level="error")
    controller.process.send(number)
    eventually(lambda: not controller.process.running)
    assert controller.process.wait() == 0
    assert log_lines(controller, level="error") == before


def test_controller_that_is_killed_in_the_middle_of_projecting_makes_it_good(licensed, controller):
    names = [f"app-{number}" for number in range(200)]
    controller.process.end()
    for name in names:
        licensed.entitlement(name)
    controller.start()
    eventually(lambda: licensed.find("ConfigMap", names[0]))
    controller.process.end(signal.SIGKILL)
    done = [name for name in names if licensed.find("ConfigMap", name)]
    assert len(done) < len(names)
    controller.start()
    for name in names:
        licensed.await_state("Active", name)
        licensed.await_condition("Entitlement", name, "Licensed", ("True", "Active"))
