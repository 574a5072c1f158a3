"""How far the API server judges workloads is noted for the Vendor's status, whatever comes of telling it."""

import json

import pytest

from licet.cluster.errors import ApiError
from licet.cluster.resource import VENDORS
from licet.controller.judging import Judging
from licet.controller.policies import WorkloadPolicies
from licet.controller.queue import Item, Kind
from licet.core import bounds
from licet.core.parameters import Right, VendorParameters
from licet.core.reasons import Enforcement
from scripted_server import answer, hang_up, page, refusal
from support.known_world import KnownWorld
from support.vendor_simulator import NOW

VENDOR = Item(Kind.VENDOR, name="acme")
RIGHT = Right(
    license="acme-prod",
    product="acme-platform",
    trial=False,
    until=NOW,
    namespaces=None,
    scope=None,
    images=None,
    charts=None,
)
PARAMETERS = VendorParameters(
    vendor="acme",
    enforcement=Enforcement.ENFORCE,
    images=(),
    charts=(),
    products=(),
    mirrors=(),
    elsewhere=(),
    rights=(RIGHT,) * (bounds.POLICY_RIGHTS + 1),
    past=(),
)
SCATTERED = ">=1.0.0 !=1.2-rc"


@pytest.fixture
def policies(api, known) -> WorkloadPolicies:
    return WorkloadPolicies(api, known.world, known.asked.append, exempt_users=())


def written(known: KnownWorld) -> object:
    """What the API server gives back of a WorkloadPolicy that it took."""
    return known.stored({"metadata": {"name": "acme", "labels": {}}, "spec": {}})


async def test_what_is_written_is_judged_and_the_vendor_told_once(server, known, policies):
    server.will(answer(written(known)))
    await policies.reconcile("acme", now=NOW)
    assert known.world.judging == {"acme": Judging()}
    assert known.asked_for() == [VENDOR]
    await policies.reconcile("acme", now=NOW)
    assert known.asked_for() == []


async def test_what_an_earlier_version_wrote_is_remembered_as_far_as_it_goes(server, known, policies):
    known.namespaces("prod-eu", "test")
    image = "registry.example/acme-platform/api:1.0.0"
    past = [{"namespace": "prod-eu", "images": [image]}, {"namespace": "test", "charts": ["acme-platform 1.0.0"]}]
    lacking = [{"metadata": {"name": "globex"}, "spec": {}}, {"metadata": {"name": "hooli"}}]
    policy = {"metadata": {"name": "acme"}, "spec": {"past": past}}
    server.will(page(policy, *lacking), page(), answer(written(known)))
    await policies.load()
    await policies.reconcile("acme", now=NOW)
    sent = json.loads(server.bodies[-1])["spec"]["past"]
    assert [(each["namespace"], each["images"]) for each in sent if each["images"]] == [("prod-eu", [image])]


async def test_namespace_that_was_made_anew_while_no_controller_ran_inherits_nothing(server, known, policies):
    known.namespaces("stayed", "anew")
    fields = [
        {"manager": "licet-controller", "time": "2026-01-02T00:00:00Z"},
        {"manager": "kubectl", "time": "2026-01-09T00:00:00Z"},
    ]
    image = "registry.example/acme-platform/api:1.0.0"
    past = [{"namespace": name, "images": [image]} for name in ("stayed", "anew")]
    made = {"stayed": "2026-01-02T00:00:00Z", "anew": "2026-01-02T00:00:01Z"}
    namespaces = ({"metadata": {"name": name, "creationTimestamp": time}} for name, time in made.items())
    policy = {"metadata": {"name": "acme", "managedFields": fields}, "spec": {"past": past}}
    server.will(page(policy), page(*namespaces), answer(written(known)))
    await policies.load()
    await policies.reconcile("acme", now=NOW)
    assert [each["namespace"] for each in json.loads(server.bodies[-1])["spec"]["past"]] == ["stayed"]


@pytest.mark.parametrize("charts", [["acme-platform"], ["acme-gateway"]], ids=["chart", "product"])
async def test_charts_that_an_application_ran_licensed_may_come_back(server, known, acme, policies, charts):
    known.take(VENDORS, acme.vendor_manifest(products=[{"name": "acme-platform", "charts": charts}]))
    known.namespaces("prod-eu")
    entry = {"chart": "acme-platform", "revision": 1}
    history = [{**entry, "version": "1.0.0", "licensed": True}, {**entry, "version": "2.0.0", "licensed": False}]
    known.install("application.web", source={"kind": "Application", "name": "web"}, history=history)
    server.will(answer(written(known)))
    await policies.reconcile("acme", now=NOW)
    [past] = json.loads(server.bodies[-1])["spec"]["past"]
    assert (past["namespace"], past["charts"]) == ("prod-eu", ["acme-platform 1.0.0"])


async def test_ranges_that_are_no_intervals_are_named(server, known, acme, policies, caplog):
    server.will(answer(written(known)))
    known.license("acme-prod", acme.token(images=[{"repository": "registry.example/*", "tags": SCATTERED}]))
    known.assess()
    await policies.reconcile("acme", now=NOW)
    (problem,) = known.world.judging["acme"].unexpressed
    assert "rules out one pre-release of every patch" in problem
    assert problem in caplog.text


async def test_a_refusal_is_noted_until_the_next_attempt_succeeds(server, known, policies, caplog):
    server.will(refusal(403, "Forbidden", "no rights"), answer(written(known)))
    with pytest.raises(ApiError):
        await policies.reconcile("acme", now=NOW)
    assert "no rights" in known.world.judging["acme"].failure
    assert "no rights" in caplog.text
    await policies.reconcile("acme", now=NOW)
    assert known.world.judging == {"acme": Judging()}
    assert known.asked_for() == [VENDOR, VENDOR]


async def test_an_api_server_that_is_away_says_nothing_about_judging(server, known, policies):
    server.will(hang_up)
    with pytest.raises(ApiError):
        await policies.reconcile("acme", now=NOW)
    assert known.world.judging == {}
    assert known.asked_for() == []


async def test_what_is_more_than_a_policy_can_hold_is_not_sent(server, known, policies, monkeypatch):
    monkeypatch.setattr("licet.controller.policies.vendor_parameters", lambda *_, **__: PARAMETERS)
    await policies.reconcile("acme", now=NOW)
    assert server.requests == []
    assert "more to tell than it can hold: rights" in known.world.judging["acme"].failure


async def test_a_vendor_that_is_gone_is_not_judged(server, known, acme, policies):
    server.will(answer(written(known)))
    await policies.reconcile("acme", now=NOW)
    known.world.ledger.set_vendor("acme", None)
    server.will(answer({}))
    await policies.reconcile("acme", now=NOW)
    assert known.world.judging == {}


async def test_policies_are_told_what_break_glasses_let_in_while_they_are_open(server, known, policies):
    server.will(answer(written(known)))
    known.open_break_glass()
    await policies.reconcile("acme", now=NOW + 60)
    (opening,) = json.loads(server.bodies[-1])["spec"]["openings"]
    assert (opening["breakGlass"], opening["products"]) == ("platform-1", ["acme-platform"])
    await policies.reconcile("acme", now=NOW + 3600)
    assert json.loads(server.bodies[-1])["spec"]["openings"] == []
