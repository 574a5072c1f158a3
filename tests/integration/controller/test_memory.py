"""What is remembered across deletions, restarts and clocks."""

import json
import time

import pytest

from support.controller_site import NAMESPACE, eventually
from support.vendor_simulator import DAY, MINUTE

NAME = "licet-memory"


def memory(site) -> dict:
    """What is remembered of the vendor."""
    text = site.get("ConfigMap", NAME, namespace=NAMESPACE)["data"]["memory.json"]
    return json.loads(text)["issuers"][site.vendor.issuer]


def change(site, **issuer: object) -> None:
    """Change what is remembered of the vendor."""
    document = json.loads(site.get("ConfigMap", NAME, namespace=NAMESPACE)["data"]["memory.json"])
    document["issuers"][site.vendor.issuer].update(issuer)
    write(site, json.dumps(document))


def write(site, text: str | None) -> None:
    site.patch("ConfigMap", NAME, {"data": {"memory.json": text}}, namespace=NAMESPACE)


@pytest.fixture
def licensed(site):
    site.trust()
    site.entitlement()
    site.license(site.vendor.token(series="s", sequence=2, plan="new"), name="new")
    site.await_state("Active")
    eventually(lambda: memory(site)["series"][0]["sequence"] == 2)
    return site


def older_is_superseded(site) -> None:
    site.delete("License", f"new-{site.id}")
    site.await_state("Unlicensed")
    site.license(site.vendor.token(series="s", sequence=1), name="old")
    eventually(lambda: site.condition("License", f"old-{site.id}", "Valid") == ("False", "Superseded"))
    assert site.state() == "Unlicensed"


def test_highest_sequence_is_remembered_through_a_restart(licensed, controller):
    licensed.delete("License", f"new-{licensed.id}")
    licensed.await_state("Unlicensed")
    controller.restart()
    licensed.license(licensed.vendor.token(series="s", sequence=1), name="old")
    eventually(lambda: licensed.condition("License", f"old-{licensed.id}", "Valid") == ("False", "Superseded"))


def test_memory_that_is_deleted_is_written_again(licensed):
    licensed.delete("ConfigMap", NAME, namespace=NAMESPACE)
    eventually(lambda: memory(licensed)["series"][0]["sequence"] == 2)
    older_is_superseded(licensed)


def test_who_may_edit_the_memory_may_have_a_sequence_forgotten(licensed):
    """It is the operator's own namespace; the API server's audit log tells who did."""
    older_is_superseded(licensed)
    change(licensed, series=[])
    eventually(lambda: licensed.condition("License", f"old-{licensed.id}", "Valid") == ("True", "Verified"))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"issuers": {"x": {"mark": "1"}}}', None])
def test_memory_that_is_damaged_is_written_again(licensed, text):
    write(licensed, text)
    eventually(lambda: memory(licensed)["series"][0]["sequence"] == 2)
    older_is_superseded(licensed)


def test_damaged_memory_does_not_keep_the_controller_from_starting(licensed, controller):
    controller.process.end()
    write(licensed, "{")
    controller.start()
    eventually(lambda: memory(licensed)["series"][0]["sequence"] == 2)
    assert licensed.state() == "Active"


def test_mark_grows_with_issued_tokens_and_holds_against_the_clock(licensed):
    ahead = int(time.time()) + 5 * MINUTE
    licensed.license(licensed.vendor.token(iat=ahead, nbf=0), name="ahead")
    eventually(lambda: memory(licensed)["mark"] == ahead)
    # An hour that the clock has yet to come to is over for this vendor.
    licensed.license(licensed.vendor.token(exp=ahead - 1), name="over")
    eventually(lambda: licensed.condition("License", f"over-{licensed.id}", "Valid") == ("False", "Expired"))


def test_clock_that_is_turned_back_revives_nothing_and_a_reset_does(licensed):
    licensed.license(licensed.vendor.token(exp=int(time.time()) + DAY), name="other")
    eventually(lambda: licensed.condition("License", f"other-{licensed.id}", "Valid") == ("True", "Verified"))
    change(licensed, mark=int(time.time()) + 2 * DAY)
    eventually(lambda: licensed.condition("License", f"other-{licensed.id}", "Valid") == ("False", "Expired"))
    change(licensed, mark=0)
    eventually(lambda: licensed.condition("License", f"other-{licensed.id}", "Valid") == ("True", "Verified"))
    eventually(lambda: 0 < memory(licensed)["mark"] <= time.time())
    assert memory(licensed)["series"][0]["sequence"] == 2


@pytest.mark.parametrize(("minutes", "is_written"), [(30, False), (61, True)])
def test_mark_follows_the_clock_hourly(site, minutes, is_written):
    now = int(time.time())
    site.trust()
    site.license(site.vendor.token(iat=now - DAY, series="s"))
    eventually(lambda: memory(site)["mark"] >= now - MINUTE)
    mark = now - minutes * MINUTE
    change(site, mark=mark)
    if is_written:
        eventually(lambda: memory(site)["mark"] >= now - MINUTE)
    else:
        time.sleep(1)
        assert memory(site)["mark"] == mark
