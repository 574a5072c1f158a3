import base64
from dataclasses import dataclass, field
from typing import Any

import pytest

from licet.cluster.errors import ApiError
from licet.cluster.resource import LICENSES
from licet.controller.queue import Item, Kind
from licet.controller.tokens import Tokens
from licet.core.reasons import Reason
from scripted_server import Answer, ScriptedServer, answer, refusal
from support.known_world import KnownWorld, license_manifest
from support.vendor_simulator import VendorSimulator

ASSESSMENT = Item(Kind.ASSESSMENT)


def secret(**data: str) -> Answer:
    encoded = {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}
    return answer({"metadata": {"name": "acme-license", "resourceVersion": "1"}, "data": encoded})


@dataclass
class Site:
    """A world with Licenses that refer to Secrets, and who reads these."""

    server: ScriptedServer
    api: Any
    acme: VendorSimulator = field(default_factory=VendorSimulator)

    def __post_init__(self) -> None:
        self.known = KnownWorld(self.acme)
        self.tokens = Tokens(self.api, self.known.world, "licet-system", self.known.asked.append)

    def refer(self, license_: str = "acme-prod", secret: str = "acme-license") -> None:
        reference = {"secretKeyRef": {"name": secret, "key": "token"}}
        self.known.take(LICENSES, license_manifest(license_, tokenFrom=reference))
        self.known.asked.clear()

    def reason(self, license_: str = "acme-prod") -> Reason | None:
        self.known.assess()
        standing = self.known.world.assessment.standings.get(license_)
        return None if standing is None else standing.reason


@pytest.fixture
def site(server, api) -> Site:
    return Site(server, api)


async def test_license_is_judged_once_its_secret_was_read_and_not_before(site):
    site.refer()
    assert site.reason() is None
    site.server.will(secret(token=site.acme.token()))
    await site.tokens.read("acme-license")
    assert site.known.asked_for() == [Item(Kind.LICENSE, name="acme-prod"), ASSESSMENT]
    assert site.reason() is Reason.VERIFIED
    assert site.server.requests[0].path == "/api/v1/namespaces/licet-system/secrets/acme-license"


async def test_secret_that_does_not_exist_is_an_answer_as_well(site):
    site.refer()
    site.server.will(refusal(404, "NotFound"))
    await site.tokens.read("acme-license")
    assert ASSESSMENT in site.known.asked_for()
    assert site.reason() is Reason.TOKEN_UNAVAILABLE


async def test_secret_that_cannot_be_read_is_tried_again_and_what_was_read_before_holds(site):
    site.refer()
    site.server.will(secret(token=site.acme.token()), refusal(403, "Forbidden"))
    await site.tokens.read("acme-license")
    site.known.asked.clear()
    with pytest.raises(ApiError, match="Forbidden"):
        await site.tokens.read("acme-license")
    assert site.known.asked_for() == [ASSESSMENT]
    assert site.reason() is Reason.VERIFIED


async def test_secret_that_could_never_be_read_does_not_keep_its_license_waiting(site):
    site.refer()
    site.server.will(refusal(403, "Forbidden"))
    with pytest.raises(ApiError):
        await site.tokens.read("acme-license")
    assert site.reason() is Reason.TOKEN_UNAVAILABLE


async def test_secret_that_was_lost_leaves_the_token_that_was_kept(site):
    site.refer()
    site.server.will(secret(token=site.acme.token()), refusal(404, "NotFound"))
    await site.tokens.read("acme-license")
    site.known.assess()
    world = site.known.world
    world.ledger.kept = world.ledger.tokens_to_keep()
    await site.tokens.read("acme-license")
    assert site.reason() is Reason.TOKEN_UNAVAILABLE
    assert [license_.licenses for license_ in world.assessment.counting] == [("acme-prod",)]


async def test_licenses_that_wait_for_another_secret_go_on_waiting(site):
    site.refer()
    site.refer("other", "other-license")
    site.server.will(secret(token=site.acme.token()))
    await site.tokens.read("acme-license")
    assert set(site.known.world.unread) == {"other"}


async def test_one_secret_serves_all_licenses_that_refer_to_it_and_is_read_once(site):
    site.refer("one")
    site.refer("two")
    site.server.will(secret(token=site.acme.token()))
    await site.tokens.read_new()
    assert len(site.server.requests) == 1
    assert (site.reason("one"), site.reason("two")) == (Reason.VERIFIED, Reason.VERIFIED)
    await site.tokens.read_new()
    assert len(site.server.requests) == 1, "nothing is new any more"
