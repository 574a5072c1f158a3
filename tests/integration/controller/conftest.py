"""A control plane with the controller on it, as its ServiceAccount and under the RBAC of the chart."""

from collections.abc import Iterator

import pytest

from controlplane import ControlPlane
from sandbox.components import Component, free_port
from support.controller_site import NAMESPACE, Site, eventually, install

LOG_LINES = 60  # of a test that fails


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Show what the controller has logged last when a test fails."""
    report = yield
    component = item.funcargs.get("component")
    if report.failed and component is not None:
        lines = component.log.read_text().splitlines()[-LOG_LINES:]
        report.sections.append(("controller", "\n".join(lines)))
    return report


@pytest.fixture(scope="package")
def plane() -> Iterator[ControlPlane]:
    """A control plane of this package's own: its tests kill the API server, and count what is written."""
    with ControlPlane() as started:
        install(started)
        yield started


@pytest.fixture(scope="package")
def component(plane) -> Iterator[Component]:
    started = Component(plane, NAMESPACE, "controller", free_port(), ("controller", "--log-format=json"))
    started.start()
    yield started
    started.process.end()


@pytest.fixture
def controller(component) -> Component:
    """The controller, ready, whatever the test before has done to it."""
    component.start()
    eventually(lambda: component.problem() is None)
    return component


@pytest.fixture
def site(plane, controller) -> Iterator[Site]:
    """A vendor and namespaces of the test's own; whatever the test does, nothing is put on users' objects."""
    made = Site(plane, controller)
    yield made
    made.assert_unburdened()
    made.clean_up()


@pytest.fixture
def licensed(site):
    """An Entitlement that is licensed by a token in a Secret, and one by name to see that changes get through."""
    site.trust()
    eventually(lambda: site.condition("Vendor", site.vendor.name) == ("True", "Trusted"))
    site.license_from(site.token_secret(site.vendor.token(plan="pro", series="s")))
    site.entitlement()
    eventually(lambda: site.condition("Entitlement", "app", "Licensed") == ("True", "Active"))
    return site


@pytest.fixture
def projected(site):
    """An Entitlement that is licensed and projected."""
    site.trust()
    site.license(site.vendor.token(plan="pro"))
    site.entitlement()
    eventually(lambda: site.condition("Entitlement", "app", "Licensed") == ("True", "Active"))
    return site
