"""Kinds of licet that are not there, on a cluster of this module's own: what it deletes, all others would miss."""

import time
from collections.abc import Iterator

import pytest

from controlplane import ApiError, ControlPlane
from sandbox.components import Component, free_port
from support.controller_site import NAMESPACE, eventually, install, works

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    with ControlPlane() as started:
        install(started)
        yield started


@pytest.fixture(scope="module")
def component(plane) -> Iterator[Component]:
    started = Component(plane, NAMESPACE, "controller", free_port(), ("controller", "--log-format=json"))
    started.start()
    yield started
    started.process.end()


def test_kinds_that_are_not_there_yet_are_waited_for(licensed, plane, controller):
    """CRDs are deleted under it, and installed again: everything they held is gone, and it goes on."""
    pid = controller.process.pid
    definitions = [each for each in plane.request("GET", CRDS)["items"] if each["spec"]["group"] == "licet.dev"]
    for each in definitions:
        plane.request("DELETE", f"{CRDS}/{each['metadata']['name']}")
    eventually(lambda: all(gone(plane, f"{CRDS}/{each['metadata']['name']}") for each in definitions))
    time.sleep(3)
    for each in definitions:
        metadata = {member: each["metadata"].get(member) for member in ("name", "labels", "annotations")}
        plane.request("POST", CRDS, each | {"metadata": metadata, "status": None})
    for each in definitions:
        path = f"/apis/licet.dev/v1alpha1/{each['spec']['names']['plural']}"
        eventually(lambda path=path: plane.request("GET", path)["items"] == [])
    licensed.trust()
    licensed.license_from(f"token-{licensed.id}")
    licensed.entitlement("again")  # objects of the first one are still the garbage collector's
    eventually(lambda: licensed.state("again") == "Active")
    works(licensed, "again")
    assert controller.process.pid == pid


def gone(plane, path: str) -> bool:
    try:
        plane.request("GET", path)
    except ApiError as error:
        return error.status == 404
    return False
