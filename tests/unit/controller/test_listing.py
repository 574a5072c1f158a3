import pytest

from licet.cluster.errors import ApiError
from licet.cluster.resource import ENTITLEMENTS, LICENSES
from licet.controller.listing import Lister
from licet.controller.queue import Item, Kind
from scripted_server import page, refusal
from support.known_world import KnownWorld, license_manifest


@pytest.fixture
def known() -> KnownWorld:
    return KnownWorld()


@pytest.fixture
def lister(api, known) -> Lister:
    return Lister(api, known.world, known.intake)


def stored(known: KnownWorld, name: str, token: str = "x", **metadata: str) -> dict:
    return known.stored(license_manifest(name, token=token), **metadata)


def names(known: KnownWorld) -> set[str]:
    return set(known.world.ledger.licenses)


async def test_all_kinds_are_listed(server, known, lister):
    server.will(page())
    await lister.list_all()
    kinds = [request.path.rpartition("/")[2] for request in server.requests]
    assert kinds == ["vendors", "licenses", "entitlements", "installations", "breakglasses"]


async def test_what_is_on_any_page_is_taken_in(server, known, lister):
    server.will(page(stored(known, "one"), next_page="more"), page(stored(known, "two")))
    await lister.list(LICENSES)
    assert names(known) == {"one", "two"}


async def test_what_vanished_unheard_of_is_forgotten(server, known, lister):
    known.license("stays", "x")
    known.license("vanished", "x")
    known.entitle()
    known.asked.clear()
    server.will(page(stored(known, "stays")))
    await lister.list(LICENSES)
    assert names(known) == {"stays"}
    assert known.asked_for() == [Item(Kind.ASSESSMENT)]
    assert known.world.observed[ENTITLEMENTS], "of the other kinds nothing was asked"


async def test_list_that_brings_nothing_new_enqueues_nothing(server, known, lister):
    obj = known.license("acme-prod", "x")
    known.asked.clear()
    server.will(page(obj))
    await lister.list(LICENSES)
    assert known.asked_for() == []


async def test_list_that_is_older_than_what_was_heard_changes_nothing(server, known, lister):
    older = stored(known, "acme-prod", "old")
    known.license("acme-prod", "new")
    server.will(page(older))
    await lister.list(LICENSES)
    assert known.world.ledger.licenses["acme-prod"].token == "new"


async def test_what_is_heard_to_be_deleted_while_it_is_listed_does_not_come_back(server, known, lister):
    obj = known.license("acme-prod", "x")

    async def meanwhile(request):
        known.forget(LICENSES, obj)
        return await page(obj)(request)

    server.will(meanwhile)
    await lister.list(LICENSES)
    assert names(known) == set()


async def test_what_is_heard_to_be_new_while_others_are_listed_stays(server, known, lister):
    async def meanwhile(request):
        known.license("new", "x")
        return await page()(request)

    server.will(meanwhile)
    await lister.list(LICENSES)
    assert names(known) == {"new"}


async def test_what_was_made_anew_while_others_are_listed_is_not_taken_for_the_one_that_vanished(server, known, lister):
    known.license("acme-prod", "former")

    async def meanwhile(request):
        known.intake.take(LICENSES, stored(known, "acme-prod", "anew", uid="u-2"))
        return await page()(request)

    server.will(meanwhile)
    await lister.list(LICENSES)
    assert known.world.ledger.licenses["acme-prod"].token == "anew"


async def test_list_that_fails_halfway_forgets_nothing(server, known, lister):
    known.license("one", "x")
    known.license("two", "x")
    server.will(page(stored(known, "one"), next_page="more"), refusal(410, "Expired"))
    with pytest.raises(ApiError):
        await lister.list(LICENSES)
    assert names(known) == {"one", "two"}
