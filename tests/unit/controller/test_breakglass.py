from dataclasses import replace

import pytest

from licet.cluster.events import EventRecorder
from licet.cluster.resource import BREAK_GLASSES
from licet.controller.breakglass import BreakGlasses
from licet.controller.informers import Informers
from licet.controller.observed import Observed
from licet.controller.queue import Item, Kind
from licet.controller.writer import StatusWriter
from licet.core.bounds import BREAK_GLASS_SECONDS, BREAK_GLASS_USES, CLOCK_LEAD_SECONDS
from licet.core.namespaces import Namespace
from licet.resources.breakglass import BreakGlassUse, ChartInVersion
from licet.resources.meta import ConditionStatus, ConditionType, find
from scripted_server import ScriptedServer, answer
from support.known_world import KnownWorld
from support.vendor_simulator import DAY, NOW, VendorSimulator

NAME = "platform-1"
ITEM = Item(Kind.BREAK_GLASS, name=NAME)
CHARTS = (ChartInVersion(name="acme-platform", version="3.1.0"),)


def use(revision: int = 1, at: int = NOW + 60) -> BreakGlassUse:
    return BreakGlassUse(revision=revision, charts=CHARTS, at=at)


@pytest.fixture
def known(acme: VendorSimulator) -> KnownWorld:
    return KnownWorld(acme)


@pytest.fixture
def emitted() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def break_glasses(api, server: ScriptedServer, known, emitted) -> BreakGlasses:
    server.will(answer({"metadata": {"uid": f"uid-{NAME}", "resourceVersion": "1000"}}))
    events = EventRecorder(api, "licet-controller")
    events.emit = lambda regarding, reason, message, **_: emitted.append((regarding.name, reason, message))
    return BreakGlasses(known.world, StatusWriter(api, known.world, events), events, known.asked.append)


async def active(known: KnownWorld, break_glasses: BreakGlasses, now: int = NOW + 60) -> tuple[str, str, str]:
    """Status, reason and message of the condition after a look at the BreakGlass."""
    known.assess(now)
    await break_glasses.reconcile(NAME, now=now)
    found = find(observed(known).conditions, ConditionType.ACTIVE)
    return found.status, found.reason, found.message


def observed(known: KnownWorld) -> Observed:
    return known.world.observed[BREAK_GLASSES]["", NAME]


async def test_it_is_open_until_it_ends(known, break_glasses):
    known.open_break_glass()
    assert await active(known, break_glasses) == (
        ConditionStatus.TRUE,
        "Open",
        "release platform of namespace prod-eu is let in until 2026-01-01T01:00:00Z",
    )
    assert await active(known, break_glasses, NOW + 3600) == (
        ConditionStatus.FALSE,
        "Expired",
        "it ended at 2026-01-01T01:00:00Z",
    )


async def test_it_says_that_it_ends_before_the_time_that_it_asks_for(known, break_glasses):
    known.open_break_glass(until="2027-01-01T00:00:00Z")
    assert (await active(known, break_glasses))[2].endswith(
        "until 2026-01-02T00:00:00Z, a day after its creation, whatever spec.until says"
    )
    assert (await active(known, break_glasses, NOW + BREAK_GLASS_SECONDS))[1] == "Expired"


async def test_license_that_rules_it_out_is_named(known, acme, break_glasses):
    known.open_break_glass()
    known.license("acme-prod", acme.token(breakGlass=False))
    assert await active(known, break_glasses) == (
        ConditionStatus.FALSE,
        "Forbidden",
        "license acme-prod rules it out for product acme-platform of vendor acme",
    )


async def test_it_stays_open_for_what_no_license_rules_out(acme, api, server, emitted):
    known = KnownWorld(acme, VendorSimulator(name="other", product="tool"))
    server.will(answer({"metadata": {"uid": f"uid-{NAME}", "resourceVersion": "1000"}}))
    events = EventRecorder(api, "licet-controller")
    known.open_break_glass()
    known.license("acme-prod", acme.token(breakGlass=False))
    opened = BreakGlasses(known.world, StatusWriter(api, known.world, events), events, known.asked.append)
    status, _, message = await active(known, opened)
    assert status == ConditionStatus.TRUE
    assert message.endswith("; license acme-prod rules it out for product acme-platform of vendor acme")


async def test_one_from_the_future_is_not_open_yet(known, break_glasses):
    known.open_break_glass(created=NOW + DAY)
    assert (await active(known, break_glasses))[1] == "NotYetOpen"


async def test_time_alone_wakes_up_at_its_end_and_when_it_begins(known, break_glasses):
    known.open_break_glass()
    known.open_break_glass("platform-2", created=NOW + DAY)
    assert break_glasses.assess(now=NOW) == NOW + 3600
    assert break_glasses.assess(now=NOW + 3600) == NOW + DAY - CLOCK_LEAD_SECONDS
    assert break_glasses.assess(now=NOW + DAY) == NOW + DAY + 3600
    assert break_glasses.assess(now=NOW + 2 * DAY) is None


async def test_what_is_over_is_not_looked_at_again(known, break_glasses):
    known.open_break_glass()
    await active(known, break_glasses)
    known.asked.clear()
    break_glasses.assess(now=NOW + 60)
    assert known.asked_for() == [ITEM]
    await active(known, break_glasses, NOW + 3600)
    known.asked.clear()
    break_glasses.assess(now=NOW + 3700)
    assert known.asked_for() == []


async def test_uses_are_counted_once_and_told_of(known, break_glasses, server, emitted):
    known.open_break_glass()
    known.asked.clear()
    for each in (use(2, NOW + 90), use(1), use(1)):
        break_glasses.record(NAME, each)
    assert known.asked_for() == [ITEM, ITEM]
    message = "revision 1 of release prod-eu/platform came in, with acme-platform 3.1.0"
    assert emitted[1:] == [(NAME, "Used", message)]
    await break_glasses.reconcile(NAME, now=NOW + 100)
    assert b'"useCount":2' in server.bodies[-1]
    assert known.world.break_glasses[NAME].uses == (use(1), use(2, NOW + 90))


async def test_revisions_of_a_release_that_was_installed_anew_are_other_uses(known, break_glasses):
    known.open_break_glass()
    break_glasses.record(NAME, use(1))
    break_glasses.record(NAME, use(1, NOW + 600))
    assert known.world.break_glasses[NAME].use_count == 2


async def test_uses_are_counted_beyond_those_that_are_listed(known, break_glasses):
    known.open_break_glass()
    for number in range(1, BREAK_GLASS_USES + 3):
        break_glasses.record(NAME, use(number, NOW + number))
    break_glasses.record(NAME, use(1, NOW + 1))
    record = known.world.break_glasses[NAME]
    assert (len(record.uses), record.use_count) == (BREAK_GLASS_USES, BREAK_GLASS_USES + 2)


async def test_use_of_one_that_is_gone_is_nothing(known, break_glasses):
    known.forget(BREAK_GLASSES, known.open_break_glass())
    break_glasses.record(NAME, use())
    await break_glasses.reconcile(NAME, now=NOW)
    assert known.world.break_glasses == {}


def test_uses_that_were_not_written_yet_outlast_what_others_change(known):
    obj = known.open_break_glass()
    known.world.break_glasses[NAME] = known.world.break_glasses[NAME].with_use(use())
    known.take(BREAK_GLASSES, obj, resourceVersion="500", labels={"team": "pay"})
    assert known.world.break_glasses[NAME].uses == (use(),)


def test_one_that_was_made_anew_has_nothing_to_do_with_what_came_in_by_the_former(known):
    obj = known.open_break_glass()
    known.world.break_glasses[NAME] = known.world.break_glasses[NAME].with_use(use())
    known.take(BREAK_GLASSES, obj, uid="another", resourceVersion="500")
    assert known.world.break_glasses[NAME].uses == ()


def test_opening_and_closing_concern_the_release_and_everything_that_is_judged(known):
    obj = known.open_break_glass()
    concerned = {Item(Kind.ASSESSMENT), Item(Kind.INSTALLATION, "prod-eu", "platform")}
    assert set(known.asked_for()) == {ITEM, *concerned}
    known.forget(BREAK_GLASSES, obj)
    assert set(known.asked_for()) == concerned


def test_echo_of_its_status_concerns_nothing_else(known):
    obj = known.open_break_glass()
    known.asked.clear()
    known.take(BREAK_GLASSES, obj | {"status": {"useCount": 3}}, resourceVersion="500")
    assert known.asked_for() == [ITEM]


def test_emergency_of_a_release_is_what_was_open_when_it_began_a_revision(known):
    known.open_break_glass()
    known.open_break_glass("other-1", release={"namespace": "prod-us", "name": "platform"})
    emergency = known.world.emergency(("prod-eu", "platform"), NOW + 60)
    assert ([each.name for each in emergency.break_glasses], emergency.now) == ([NAME], NOW + 60)
    assert known.world.emergency(("prod-eu", "platform"), NOW - 1) == replace(emergency, break_glasses=(), now=NOW - 1)


def test_labels_of_its_namespace_have_it_looked_at_again(api, known):
    """A license that rules it out may be for namespaces with certain labels."""
    known.open_break_glass()
    known.asked.clear()
    informers = Informers(api, known.world, "licet-system", known.asked.append, lambda *_: None)
    for namespace in ("prod-eu", "other"):
        informers._on_namespace(("", namespace), Namespace(namespace), Namespace(namespace, {"team": "pay"}))
        assert (ITEM in known.asked_for()) is (namespace == "prod-eu")
