"""Nothing is written when nothing has changed: not while idle, not at a restart, and no more than needed at first."""

import time
from collections.abc import Iterator

import pytest

from support.controller_site import COLLECTED_SECONDS, Site, eventually

COUNT = 40


@pytest.fixture(scope="module")
def settled(plane, component) -> Iterator[Site]:
    """Entitlements in two namespaces, licensed and projected, and nothing that still goes on."""
    component.start()
    site = Site(plane, component)
    site.trust()
    site.token = site.vendor.token(plan="pro", limits={"seats": {"max": 100}}, gracePeriod="P1D")
    site.license_from(site.token_secret(site.token))
    site.license(site.vendor.expired_token(), name="expired")
    site.license("nonsense", name="nonsense")
    namespaces = [site.namespace, site.make_namespace("second")]
    for number in range(COUNT):
        reserved = {"limits": {"seats": 1}} if number % 4 == 0 else {}
        site.entitlement(f"app-{number}", namespace=namespaces[number % 2], **reserved)
    for number in range(COUNT):
        site.await_condition(
            "Entitlement", f"app-{number}", "Licensed", ("True", "Active"), namespace=namespaces[number % 2]
        )
    yield site
    site.clean_up()


def test_entitlement_costs_three_writes_and_an_event(site):
    site.trust()
    site.license(site.vendor.token())
    eventually(lambda: site.condition("License", f"license-{site.id}", "Valid") == ("True", "Verified"))
    eventually(lambda: site.find("ConfigMap", "kube-root-ca.crt"), seconds=COLLECTED_SECONDS)  # Kubernetes' own write
    with site.undisturbed_writes() as writes:
        for number in range(COUNT):
            site.entitlement(f"app-{number}")
        for number in range(COUNT):
            site.await_condition("Entitlement", f"app-{number}", "Licensed", ("True", "Active"))
    assert writes == {
        ("POST", "entitlements"): COUNT,  # the test's own
        ("POST", "configmaps"): COUNT,
        ("POST", "secrets"): COUNT,
        ("PATCH", "entitlements/status"): COUNT,
        ("POST", "events"): COUNT,
    }


def test_idle_controller_writes_nothing(settled):
    with settled.undisturbed_writes() as writes:
        time.sleep(4)
    assert writes == {}


def test_restart_writes_nothing(settled, controller):
    with settled.undisturbed_writes() as writes:
        controller.restart()
        eventually(lambda: controller.problem() is None)
        time.sleep(7)  # by then what kopf has listed was compared, too
    del writes["POST", "serviceaccounts/token"]  # the test's own, for the controller
    assert writes == {}


def test_echoes_of_a_users_changes_write_nothing(settled):
    with settled.undisturbed_writes() as writes:
        settled.patch("Entitlement", "app-0", {"metadata": {"labels": {"a": "b"}}})
        settled.patch("ConfigMap", "app-0", {"metadata": {"labels": {"a": "b"}}})
        settled.patch("License", f"license-{settled.id}", {"metadata": {"labels": {"a": "b"}}})
        settled.patch("Vendor", settled.vendor.name, {"metadata": {"labels": {"a": "b"}}})
        settled.patch("Namespace", settled.namespace, {"metadata": {"labels": {"a": "b"}}})
        settled.token_secret(settled.token)
    kinds = ("entitlements", "configmaps", "licenses", "vendors", "namespaces", "secrets")
    assert writes == {("PATCH", kind): 1 for kind in kinds}
