"""What the controller says: conditions, Events, metrics, logs; and what it never says."""

import json
import re
import urllib.request
from functools import partial

import pytest

from support.controller_site import eventually, metrics
from support.vendor_simulator import DAY


@pytest.fixture
def licensed(site):
    site.trust()
    site.await_condition("Vendor", site.vendor.name, "Ready", ("True", "Trusted"))
    site.license(site.vendor.token(series="s", sequence=1))
    site.await_condition("License", f"license-{site.id}", "Valid", ("True", "Verified"))
    site.entitlement()
    site.await_condition("Entitlement", "app", "Licensed", ("True", "Active"))
    eventually(lambda: site.get("Vendor", site.vendor.name)["status"]["licenses"] == 1)
    return site


def test_each_change_of_state_has_its_event_and_nothing_else_has_one(licensed):
    name = f"license-{licensed.id}"
    eventually(lambda: licensed.events(name) == [("Normal", "Verified")])
    eventually(lambda: licensed.events(licensed.vendor.name) == [("Normal", "Trusted")])
    licensed.license(
        licensed.vendor.token(series="s", sequence=2, exp=licensed.vendor.now + 10 * DAY, gracePeriod="P1D")
    )
    licensed.await_condition("License", name, "ExpiringSoon", ("True", "ExpiresWithin30Days"))
    eventually(lambda: licensed.events(name) == [("Normal", "Verified"), ("Warning", "ExpiresWithin30Days")])
    licensed.delete("License", name)
    licensed.await_condition("Entitlement", "app", "Licensed", ("False", "Unlicensed"))
    eventually(lambda: licensed.events("app")[-1:] == [("Warning", "Unlicensed")])
    assert licensed.events("app").count(("Normal", "Active")) == 1


def test_obstacles_have_their_events_and_so_has_their_end(site):
    site.create("ConfigMap", "app", data={"theirs": "1"})
    site.entitlement()
    site.await_condition("Entitlement", "app", "Ready", ("False", "TargetConflict"))
    site.delete("ConfigMap", "app")
    site.await_condition("Entitlement", "app", "Ready", ("True", "Projected"))
    expected = [("Warning", "TargetConflict"), ("Warning", "Unlicensed"), ("Normal", "Projected")]
    eventually(lambda: sorted(site.events("app")) == sorted(expected))


def test_restart_repeats_no_event(licensed, controller):
    names = (f"license-{licensed.id}", licensed.vendor.name, "app")
    eventually(lambda: all(licensed.events(name) for name in names))
    before = [licensed.events(name) for name in names]
    controller.restart()
    eventually(lambda: controller.problem() is None)
    # It has worked since: this change is seen, and the Events that it makes come after all others.
    licensed.entitlement("marker")
    eventually(lambda: licensed.events("marker"))
    assert [licensed.events(name) for name in names] == before


def test_conditions_are_of_the_generation_that_they_are_about(licensed):
    for features in (["a"], ["b"], None):
        licensed.patch("Entitlement", "app", {"spec": {"features": features}})
        licensed.await_condition("Entitlement", "app", "Ready", ("True", "Projected"))  # compares the generations
    licensed.trust(enforcement="Warn")
    licensed.await_condition("Vendor", licensed.vendor.name, "Ready", ("True", "Trusted"))
    licensed.patch(
        "License", f"license-{licensed.id}", {"spec": {"allowedNamespaces": {"names": [licensed.namespace]}}}
    )
    licensed.await_condition("License", f"license-{licensed.id}", "Valid", ("True", "Verified"))


def test_transition_time_changes_with_the_status_only(licensed):
    def since() -> str:
        conditions = licensed.get("Entitlement", "app")["status"]["conditions"]
        return next(each["lastTransitionTime"] for each in conditions if each["type"] == "Ready")

    before = since()
    licensed.patch("Entitlement", "app", {"spec": {"features": ["a"]}})
    licensed.await_condition("Entitlement", "app", "Ready", ("True", "Projected"))
    assert since() == before


@pytest.mark.parametrize("kind", ["Vendor", "License", "Entitlement"])
def test_status_that_somebody_else_changed_is_put_right(licensed, kind):
    name = {"Vendor": licensed.vendor.name, "License": f"license-{licensed.id}", "Entitlement": "app"}[kind]

    def status() -> dict:
        found = licensed.get(kind, name)["status"]
        return found | {"conditions": [each | {"lastTransitionTime": "some time"} for each in found["conditions"]]}

    before = status()
    path = licensed._path(kind, name=name) + "/status"
    licensed.cluster.request("PATCH", path, {"status": {"conditions": [], "observedGeneration": 99}})
    eventually(lambda: status() == before)
    licensed.cluster.request("PATCH", path, {"status": None})
    eventually(lambda: status() == before)


def test_status_gives_no_rights(licensed):
    licensed.delete("License", f"license-{licensed.id}")
    licensed.await_state("Unlicensed")
    license_ = licensed.license("nonsense")
    forged = {"vendor": licensed.vendor.name, "products": [{"name": licensed.product, "features": {"all": True}}]}
    path = licensed._path("License", name=license_) + "/status"
    licensed.cluster.request("PATCH", path, {"status": forged})
    eventually(lambda: licensed.condition("License", license_, "Valid") == ("False", "Malformed"))
    eventually(lambda: licensed.get("License", license_)["status"]["products"] == [])
    assert licensed.state() == "Unlicensed"


def test_metrics_tell_of_licenses_and_entitlements(licensed, controller):
    name, vendor = f"license-{licensed.id}", licensed.vendor.name
    labels = f'namespace="{licensed.namespace}",product="{licensed.product}",state="Active",vendor="{vendor}"'
    state = f'licet_entitlement_state{{entitlement="app",{labels}}} 1.0'
    eventually(lambda: state in metrics(controller))
    text = metrics(controller)
    (not_after,) = re.findall(
        f'^licet_license_not_after.*license="{name}",vendor="{vendor}".* (.*)$', text, re.MULTILINE
    )
    assert float(not_after) == licensed.vendor.now + 365 * DAY
    assert f'licet_license_valid{{license="{name}",reason="Verified",vendor="{vendor}"}} 1.0' in text
    for metric in ("licet_reconcile_seconds_count", "licet_queue_depth", "rest_client_requests_total", "process_cpu"):
        assert re.search(f"^{metric}", text, re.MULTILINE), metric
    licensed.delete("License", name)
    licensed.await_state("Unlicensed")
    eventually(lambda: state.replace("Active", "Unlicensed") in metrics(controller))
    assert name not in metrics(controller)


def test_probes_answer(controller):
    for path in ("healthz", "readyz"):
        with urllib.request.urlopen(f"http://127.0.0.1:{controller.port}/{path}", timeout=5) as response:
            assert (response.status, response.read()) == (200, b"ok\n")


def test_tokens_stand_nowhere_but_where_they_belong(site, controller):
    """The log is that of all tests so far."""
    site.trust()
    site.entitlement()
    tokens = [
        site.vendor.token(),
        site.vendor.forged_token(),
        site.vendor.token_with_unpublished_key(),
        site.vendor.token_with_five_parts(),
        site.vendor.token_for_another_audience(),
        "eyJhbGciOiJub25lIn0.eyJpc3MiOiJub2JvZHkifQ.",
        "x" * 65_536,
    ]
    for number, token in enumerate(tokens):
        site.license(token, name=f"inline-{number}")
        site.license_from(site.token_secret(token, name=f"token-{number}"), name=f"referring-{number}")
    for number in range(len(tokens)):
        for name in (f"inline-{number}-{site.id}", f"referring-{number}-{site.id}"):
            eventually(partial(site.condition, "License", name, "Valid"))
    site.await_state("Active")

    said = [controller.log.read_text(), metrics(controller), json.dumps(site.cluster.request("GET", "/api/v1/events"))]
    said += [json.dumps(obj.get("status", {})) for kind in ("Vendor", "License") for obj in site.all(kind)]
    said.append(json.dumps(site.get("Entitlement", "app")))
    said.append(json.dumps(site.get("ConfigMap", "app")["data"]))
    for text in said:
        assert not re.search(r"eyJ[\w-]{10}", text)
        assert "xxxxxxxxxx" not in text
        assert "[redacted]" not in text  # nothing had to be held back at the last moment
