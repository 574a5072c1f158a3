import logging

import prometheus_client
import pytest

from licet.cluster.events import EventRecorder
from licet.cluster.resource import LICENSES, VENDORS
from licet.controller.judging import Judging
from licet.controller.licensing import Licensing
from licet.controller.queue import Item, Kind
from licet.controller.writer import StatusWriter
from licet.core.memory import Memory
from scripted_server import answer
from support.known_world import license_manifest
from support.vendor_simulator import DAY, NOW, YEAR

REFERENCE = {"secretKeyRef": {"name": "acme-license", "key": "token"}}
LICENSE, VENDOR = Item(Kind.LICENSE, name="acme-prod"), Item(Kind.VENDOR, name="acme")
MEMORY, KEPT_TOKENS = Item(Kind.MEMORY), Item(Kind.KEPT_TOKENS)


@pytest.fixture
def licensing(api, known) -> Licensing:
    writer = StatusWriter(api, known.world, EventRecorder(api, "licet-controller"))
    return Licensing(known.world, writer, known.asked.append)


@pytest.fixture
def assess(known, licensing):
    def assess(now: int = NOW) -> list[Item]:
        """Judge all Licenses; gives what this has enqueued."""
        known.asked.clear()
        licensing.assess(now=now)
        return known.asked_for()

    return assess


def metric(name: str, **labels: str) -> float | None:
    return prometheus_client.REGISTRY.get_sample_value(name, labels)


# -- what is enqueued --------------------------------------------------------------------------------------------------


async def test_new_license_concerns_itself_its_vendor_its_dependants_and_the_memory(known, acme, assess):
    known.entitle()
    known.license("acme-prod", acme.token(series="s"))
    assert set(assess()) == {LICENSE, VENDOR, Item(Kind.ENTITLEMENT, "prod-eu", "platform"), MEMORY}


async def test_assessment_that_finds_nothing_new_enqueues_nothing(known, acme, assess):
    known.entitle()
    known.license("acme-prod", acme.token(series="s"))
    assess()
    assert assess() == []
    assert assess(NOW + DAY) == []


async def test_time_that_changes_a_license_concerns_it_and_what_depends_on_it(known, acme, assess):
    known.entitle()
    known.license("acme-prod", acme.token(exp=NOW + YEAR, gracePeriod="P1D"))
    assess()
    assert assess(NOW + YEAR - 30 * DAY) == [LICENSE], "it says that it expires soon, and that is all"
    assert set(assess(NOW + YEAR)) == {LICENSE, Item(Kind.ENTITLEMENT, "prod-eu", "platform")}


async def test_deleted_license_concerns_its_vendor_and_what_depended_on_it(known, acme, assess):
    known.entitle()
    obj = known.license("acme-prod", acme.token())
    assess()
    known.forget(LICENSES, obj)
    asked = set(assess())
    assert {VENDOR, Item(Kind.ENTITLEMENT, "prod-eu", "platform")} <= asked
    assert KEPT_TOKENS not in asked


async def test_license_that_supersedes_another_concerns_both(known, acme, assess):
    known.license("acme-prod", acme.token(series="s", sequence=1))
    assess()
    known.license("acme-new", acme.token(series="s", sequence=2))
    assert {LICENSE, Item(Kind.LICENSE, name="acme-new"), MEMORY} <= set(assess())


async def test_token_from_a_secret_is_to_be_kept_once_it_is_verified(known, acme, assess):
    known.take(LICENSES, license_manifest("acme-prod", tokenFrom=REFERENCE))
    world = known.world
    world.ledger.set_license("acme-prod", world.unread.pop("acme-prod"))
    assert KEPT_TOKENS not in assess()
    world.ledger.set_secret("acme-license", {"token": acme.token().encode()})
    assert KEPT_TOKENS in assess()
    assert KEPT_TOKENS not in assess()
    world.ledger.set_secret("acme-license", None)
    assert KEPT_TOKENS not in assess(), "it is kept as long as it can't be read"
    assert world.ledger.kept.keys() == {"acme-prod"}


async def test_marks_that_were_reset_are_raised_again_by_the_tokens_that_are_there(known, acme, assess):
    known.license("acme-prod", acme.token(series="s"))
    assess()
    known.world.memory = Memory(highest=known.world.memory.highest)
    assert assess() == [MEMORY]
    assert known.world.memory.marks == {acme.issuer: NOW}


# -- statuses ----------------------------------------------------------------------------------------------------------


async def test_status_is_written_of_what_is_there_and_judged(server, known, acme, licensing, assess):
    server.will(answer({"metadata": {"resourceVersion": "100"}}))
    known.license("acme-prod", acme.token())
    assess()
    await licensing.reconcile_license("acme-prod", now=NOW)
    await licensing.reconcile_vendor("acme", now=NOW)
    assert [request.path.rpartition("v1alpha1/")[2] for request in server.requests] == [
        "licenses/acme-prod/status",
        "vendors/acme/status",
    ]
    assert b'"licenses":1' in server.bodies[1]


async def test_vendor_waits_until_it_is_known_how_its_workloads_are_judged(server, api, known):
    """So that its status is written once, and a controller that starts does not take back what it said."""
    writer = StatusWriter(api, known.world, EventRecorder(api, "licet-controller"))
    licensing = Licensing(known.world, writer, known.asked.append, workload_policies=True)
    await licensing.reconcile_vendor("acme", now=NOW)
    assert server.requests == []
    known.world.judging["acme"] = Judging()
    server.will(answer({"metadata": {"resourceVersion": "100"}}))
    await licensing.reconcile_vendor("acme", now=NOW)
    assert b'"WorkloadsJudged"' in server.bodies[0]


async def test_license_that_waits_for_its_secret_says_nothing_yet(server, known, acme, licensing, assess):
    known.license("acme-prod", acme.token())
    assess()
    known.take(LICENSES, license_manifest("acme-prod", tokenFrom=REFERENCE), generation=2)
    await licensing.reconcile_license("acme-prod", now=NOW)
    assert server.requests == []


async def test_what_is_gone_or_going_is_left_alone(server, known, acme, licensing, assess):
    going = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
    known.take(LICENSES, license_manifest("acme-prod", token=acme.token()), **going)
    known.take(VENDORS, acme.vendor_manifest(), **going)
    assess()
    for name in ("acme-prod", "gone"):
        await licensing.reconcile_license(name, now=NOW)
    for name in ("acme", "gone"):
        await licensing.reconcile_vendor(name, now=NOW)
    assert server.requests == []


# -- what is told ------------------------------------------------------------------------------------------------------


async def test_change_of_a_license_is_logged_once_and_without_its_token(known, acme, assess, caplog):
    with caplog.at_level(logging.INFO):
        known.license("acme-prod", token := acme.token())
        assess()
        assess()
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("license acme-prod: Verified")
    assert token not in caplog.text


async def test_metrics_tell_of_the_licenses_that_there_are(known, acme, assess):
    obj = known.license("acme-prod", acme.token(exp=NOW + YEAR))
    known.license("broken", "x")
    assess()
    labels = {"license": "acme-prod", "vendor": "acme"}
    assert metric("licet_license_not_after_timestamp_seconds", **labels) == NOW + YEAR
    assert metric("licet_license_valid", **labels, reason="Verified") == 1
    assert metric("licet_license_valid", license="broken", vendor="", reason="Malformed") == 0
    assess(NOW + YEAR)
    assert metric("licet_license_valid", **labels, reason="Expired") == 0
    assert metric("licet_license_valid", **labels, reason="Verified") is None
    known.forget(LICENSES, obj)
    assess()
    assert metric("licet_license_not_after_timestamp_seconds", **labels) is None
