"""Tokens in Secrets: what becomes of rights when a Secret is lost, changed, or made later than the License."""

import base64
import json
import time

import pytest

from support.controller_site import NAMESPACE, eventually
from support.vendor_simulator import YEAR

SECRET = "Secret"


def valid(site) -> tuple[str, str]:
    return site.condition("License", f"license-{site.id}", "Valid")


def kept(site) -> str | None:
    """The token that is kept for the License."""
    data = site.get(SECRET, "licet-tokens", namespace=NAMESPACE).get("data", {})
    entry = data.get(f"license-{site.id}")
    return None if entry is None else json.loads(base64.b64decode(entry))["token"]


def states_seen(site, seconds: float) -> set[str]:
    """All states that an application could read meanwhile."""
    seen, deadline = set(), time.monotonic() + seconds
    while time.monotonic() < deadline:
        seen.add(site.state())
        time.sleep(0.01)
    return seen


@pytest.fixture
def licensed(site):
    """An Entitlement that is licensed by a token in a Secret, which is kept."""
    site.trust()
    site.entitlement()
    site.token = site.vendor.token(plan="pro", features={"sso": True})
    site.secret = site.token_secret(site.token)
    site.license_from(site.secret)
    site.await_state("Active")
    eventually(lambda: kept(site) == site.token)
    return site


def test_lost_secret_takes_no_rights(licensed):
    before = licensed.get("ConfigMap", "app")["metadata"]["resourceVersion"]
    licensed.delete(SECRET, licensed.secret, namespace=NAMESPACE)
    eventually(lambda: valid(licensed) == ("Unknown", "TokenUnavailable"))
    assert licensed.condition("License", f"license-{licensed.id}") == ("False", "TokenUnavailable")
    assert licensed.get("License", f"license-{licensed.id}")["status"]["licenseID"]
    assert licensed.get("ConfigMap", "app")["metadata"]["resourceVersion"] == before


def test_lost_secret_takes_no_rights_through_a_restart(licensed, controller):
    licensed.delete(SECRET, licensed.secret, namespace=NAMESPACE)
    eventually(lambda: valid(licensed) == ("Unknown", "TokenUnavailable"))
    controller.restart()
    assert states_seen(licensed, 3) == {"Active"}
    eventually(lambda: controller.problem() is None)
    assert states_seen(licensed, 1) == {"Active"}
    assert kept(licensed) == licensed.token


def test_secret_that_was_lost_while_the_controller_was_down_takes_no_rights(licensed, controller):
    controller.process.end()
    licensed.delete(SECRET, licensed.secret, namespace=NAMESPACE)
    controller.start()
    eventually(lambda: valid(licensed) == ("Unknown", "TokenUnavailable"))
    assert licensed.state() == "Active"


def test_secret_that_is_made_again_is_used_again(licensed):
    licensed.delete(SECRET, licensed.secret, namespace=NAMESPACE)
    eventually(lambda: valid(licensed) == ("Unknown", "TokenUnavailable"))
    licensed.token_secret(licensed.token)
    eventually(lambda: valid(licensed) == ("True", "Verified"))


def test_rights_of_a_lost_secret_end_when_they_would_have(site):
    site.trust()
    site.entitlement()
    now = int(time.time())
    secret = site.token_secret(site.vendor.token(iat=now - YEAR, nbf=now - YEAR, exp=now + 8, gracePeriod="P0D"))
    site.license_from(secret)
    site.await_state("Active")
    site.delete(SECRET, secret, namespace=NAMESPACE)
    site.await_state("Expired")
    assert time.time() >= now + 8


def test_key_that_is_missing_in_the_secret_takes_no_rights(licensed):
    licensed.patch(SECRET, licensed.secret, {"data": {"license.jwt": None, "other": "e30="}}, namespace=NAMESPACE)
    eventually(lambda: valid(licensed) == ("Unknown", "TokenUnavailable"))
    assert licensed.state() == "Active"


@pytest.mark.parametrize("garbage", ["garbage", "\ufeff", "."], ids=["text", "BOM", "dot"])
def test_token_that_is_replaced_by_something_else_counts_no_more(licensed, garbage):
    licensed.token_secret(garbage)
    eventually(lambda: valid(licensed) == ("False", "Malformed"))
    licensed.await_state("Unlicensed")
    eventually(lambda: kept(licensed) is None)
    licensed.token_secret(licensed.token)
    licensed.await_state("Active")


def test_secret_that_is_not_text_harms_only_its_license(licensed):
    licensed.patch(SECRET, licensed.secret, {"data": {"license.jwt": "/////w=="}}, namespace=NAMESPACE)
    eventually(lambda: valid(licensed) == ("False", "Malformed"))


def test_new_token_in_the_secret_is_taken_at_once(licensed):
    licensed.token_secret(licensed.vendor.token(plan="max"))
    eventually(lambda: licensed.document()["plan"] == "max")


def test_license_that_is_pointed_to_another_secret_is_never_without_a_token(licensed):
    other = licensed.token_secret(licensed.vendor.token(plan="max"), name="other")
    licensed.license_from(other)
    seen = set()

    def switched() -> bool:
        document = licensed.document()
        seen.add(document["state"])
        return document["plan"] == "max"

    eventually(switched)
    assert seen | states_seen(licensed, 0.5) == {"Active"}
    eventually(lambda: {reason for _, reason in licensed.events(f"license-{licensed.id}")} == {"Verified"})


def test_license_that_is_pointed_to_a_secret_to_come_holds_its_rights_until_then(licensed):
    licensed.license_from(f"later-{licensed.id}")
    eventually(lambda: valid(licensed) == ("Unknown", "TokenUnavailable"))
    assert licensed.state() == "Active"
    licensed.token_secret(licensed.vendor.token(plan="max"), name="later")
    eventually(lambda: licensed.document()["plan"] == "max")


def test_license_for_a_secret_that_is_not_there_says_so(site):
    site.trust()
    site.entitlement()
    site.license_from(f"missing-{site.id}")
    eventually(lambda: valid(site) == ("Unknown", "TokenUnavailable"))
    assert f"Secret 'missing-{site.id}'" in site.message("License", f"license-{site.id}")
    site.await_state("Unlicensed")


def test_license_that_is_made_anew_does_not_inherit_a_kept_token(licensed):
    licensed.delete(SECRET, licensed.secret, namespace=NAMESPACE)
    eventually(lambda: valid(licensed) == ("Unknown", "TokenUnavailable"))
    licensed.delete("License", f"license-{licensed.id}")
    licensed.await_state("Unlicensed")
    licensed.license_from(licensed.secret)
    eventually(lambda: valid(licensed) == ("Unknown", "TokenUnavailable"))
    assert licensed.state() == "Unlicensed"


def test_kept_tokens_that_are_deleted_or_changed_are_kept_anew(licensed):
    licensed.delete(SECRET, "licet-tokens", namespace=NAMESPACE)
    eventually(lambda: kept(licensed) == licensed.token)
    licensed.patch(SECRET, "licet-tokens", {"data": {f"license-{licensed.id}": "e30="}}, namespace=NAMESPACE)
    eventually(lambda: kept(licensed) == licensed.token)


def test_inline_tokens_are_not_kept(licensed):
    licensed.patch("License", f"license-{licensed.id}", {"spec": {"tokenFrom": None, "token": licensed.token}})
    eventually(lambda: kept(licensed) is None)
    assert licensed.state() == "Active"
