import base64
import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest

from licet.cluster.api import KubeApi
from licet.cluster.errors import ApiError
from licet.cluster.records import KeptToken, SecretRef
from licet.controller.remembering import MARK_SECONDS, Remembering
from licet.core.memory import Memory
from scripted_server import Answer, ScriptedServer, answer, refusal
from support.known_world import KnownWorld
from support.vendor_simulator import DAY, NOW

ISSUER, SERIES = "https://licenses.acme.example", ("https://licenses.acme.example", "cust_42", "s")
MEMORY = Memory({ISSUER: NOW}, {SERIES: (1, NOW, "lic_1")})
REFERENCE = SecretRef("acme-license", "license.jwt")
KEPT = KeptToken("uid-1", REFERENCE, "the.kept.token")
NOT_FOUND = refusal(404, "NotFound")


def clock(ahead: float = 0) -> str:
    """The time that the API server says it is, so far ahead of the clock of this machine."""
    return format_datetime(datetime.fromtimestamp(datetime.now(UTC).timestamp() + ahead, UTC), usegmt=True)


def config_map(text: str | None, version: str = "5", *, ahead: float = 0) -> Answer:
    data = {} if text is None else {"data": {"memory.json": text}}
    return answer({"metadata": {"name": "licet-memory", "resourceVersion": version}, **data}, Date=clock(ahead))


def kept_tokens(version: str = "5", **tokens: bytes) -> Answer:
    data = {name: base64.b64encode(raw).decode() for name, raw in tokens.items()}
    return answer({"metadata": {"name": "licet-tokens", "resourceVersion": version}, "data": data})


@dataclass
class Site:
    """A world, and who remembers for it."""

    server: ScriptedServer
    known: KnownWorld
    remembering: Remembering

    @property
    def memory(self) -> Memory:
        return self.known.world.memory

    @memory.setter
    def memory(self, memory: Memory) -> None:
        self.known.world.memory = memory

    async def loaded(self, *answers: Answer, memory: Memory = MEMORY) -> None:
        """Load a memory; the next requests are answered by `answers`."""
        self.server.will(config_map(memory.dump()), *answers)
        await self.remembering.load_memory()

    def writes(self) -> list[tuple[str, str, Any]]:
        """Method, path and body of each write."""
        return [
            (request.method, request.path, json.loads(body))
            for request, body in zip(self.server.requests, self.server.bodies, strict=True)
            if request.method != "GET"
        ]


@pytest.fixture
def site(server: ScriptedServer, api: KubeApi) -> Site:
    known = KnownWorld()
    return Site(server, known, Remembering(api, known.world, "licet-system"))


# -- marks and sequences -----------------------------------------------------------------------------------------------


async def test_what_earlier_runs_remembered_is_taken_up(site):
    site.server.will(config_map(MEMORY.dump()), kept_tokens(**{"acme-prod": KEPT.dump(), "broken": b"{}"}))
    await site.remembering.load()
    assert site.memory == MEMORY
    assert site.known.world.ledger.kept == {"acme-prod": KEPT}


async def test_first_run_remembers_nothing_and_writes_nothing(site):
    site.server.will(NOT_FOUND)
    await site.remembering.load()
    await site.remembering.save_memory(now=NOW)
    assert site.memory == Memory()
    assert site.known.world.ledger.kept == {}
    assert site.writes() == []


async def test_first_thing_to_remember_makes_the_configmap(site):
    site.server.will(NOT_FOUND, config_map(None, "1"), config_map(None, "2"))
    await site.remembering.load_memory()
    site.memory = MEMORY
    await site.remembering.save_memory(now=NOW)
    [(method, path, body)] = site.writes()
    assert (method, path) == ("POST", "/api/v1/namespaces/licet-system/configmaps")
    assert body["metadata"]["name"] == "licet-memory"
    assert Memory.load(body["data"]["memory.json"]) == MEMORY


@pytest.mark.parametrize(
    ("seconds", "is_written"), [(0, False), (MARK_SECONDS - 1, False), (MARK_SECONDS, True), (DAY, True)]
)
async def test_marks_are_written_when_an_hour_has_passed(site, seconds, is_written):
    await site.loaded(config_map(None))
    await site.remembering.save_memory(now=NOW + seconds)
    assert len(site.writes()) == is_written
    assert site.memory.marks == {ISSUER: NOW + (seconds if is_written else 0)}


async def test_marks_that_were_written_are_not_written_again_within_the_hour(site):
    await site.loaded(config_map(None, "6"))
    await site.remembering.save_memory(now=NOW + DAY)
    await site.remembering.save_memory(now=NOW + DAY + MARK_SECONDS - 1)
    assert len(site.writes()) == 1
    await site.remembering.save_memory(now=NOW + DAY + MARK_SECONDS)
    [first, second] = site.writes()
    assert (first[0], first[2]["metadata"]["resourceVersion"]) == ("PUT", "5")
    assert (second[0], second[2]["metadata"]["resourceVersion"]) == ("PUT", "6")


@pytest.mark.parametrize(
    "memory",
    [
        Memory(MEMORY.marks, {SERIES: (2, NOW, "lic_2")}),
        Memory(MEMORY.marks, {**MEMORY.highest, (ISSUER, "cust_42", "t"): (1, NOW, "lic_3")}),
        Memory({ISSUER: NOW + 60}, MEMORY.highest),
        Memory({ISSUER: NOW, "https://other.example": NOW}, MEMORY.highest),
    ],
    ids=["higher sequence", "new series", "token issued later", "new issuer"],
)
async def test_what_a_token_tells_is_written_at_once(site, memory):
    await site.loaded(config_map(None))
    site.memory = memory
    await site.remembering.save_memory(now=NOW)
    [(_, _, body)] = site.writes()
    written = Memory.load(body["data"]["memory.json"])
    assert (written.highest, written.marks.keys()) == (memory.highest, memory.marks.keys())
    assert all(written.marks[issuer] >= mark for issuer, mark in memory.marks.items())


@pytest.mark.parametrize("ahead", [-600, 600])
async def test_clock_that_differs_from_the_api_servers_raises_no_mark(site, ahead):
    site.server.will(config_map(MEMORY.dump(), ahead=ahead))
    await site.remembering.load_memory()
    await site.remembering.save_memory(now=NOW + DAY)
    assert site.writes() == []
    site.memory = Memory(MEMORY.marks, {SERIES: (2, NOW, "lic_2")})
    await site.remembering.save_memory(now=NOW + DAY)
    assert site.memory.marks == {ISSUER: NOW}
    assert len(site.writes()) == 1, "a sequence is written whatever the clock says"


async def test_change_of_somebody_else_is_adopted(site):
    reset = MEMORY.without_marks()
    await site.loaded(config_map(reset.dump(), "6"), config_map(reset.dump(), "6"))
    assert await site.remembering.load_memory()
    assert site.memory == reset
    assert not await site.remembering.load_memory(), "it is told once"


async def test_own_write_is_no_change_of_somebody_else(site):
    await site.loaded(config_map(None, "6"), config_map(MEMORY.advanced_to(NOW + DAY).dump(), "6"))
    await site.remembering.save_memory(now=NOW + DAY)
    assert not await site.remembering.load_memory()


@pytest.mark.parametrize("lost", [NOT_FOUND, config_map(None, "6")], ids=["ConfigMap", "key"])
async def test_memory_that_was_deleted_is_written_again(site, lost):
    await site.loaded(lost, config_map(None, "7"))
    assert await site.remembering.load_memory()
    assert site.memory == MEMORY, "what is known is not forgotten"
    await site.remembering.save_memory(now=NOW)
    [(_, _, body)] = site.writes()
    assert Memory.load(body["data"]["memory.json"]) == MEMORY


@pytest.mark.parametrize("text", ["", "{", "[]", '{"issuers": {"x": {"mark": -1}}}'])
async def test_memory_that_is_damaged_is_told_and_written_again(site, text, caplog):
    await site.loaded(config_map(text, "6"), config_map(None, "7"))
    with caplog.at_level(logging.ERROR):
        assert await site.remembering.load_memory()
    assert "ConfigMap licet-system/licet-memory is written anew" in caplog.text
    assert site.memory == MEMORY
    await site.remembering.save_memory(now=NOW)
    [(_, _, body)] = site.writes()
    assert Memory.load(body["data"]["memory.json"]) == MEMORY


@pytest.mark.parametrize("status", [403, 409, 500])
async def test_memory_that_could_not_be_written_is_written_later(site, status):
    await site.loaded(refusal(status, "No"), config_map(None, "6"))
    with pytest.raises(ApiError):
        await site.remembering.save_memory(now=NOW + DAY)
    await site.remembering.save_memory(now=NOW + DAY)
    assert len(site.writes()) == 2
    assert site.memory.marks == {ISSUER: NOW + DAY}


async def test_what_is_learned_while_the_memory_is_written_is_not_lost(site):
    learned = Memory({ISSUER: NOW}, {SERIES: (3, NOW, "lic_3")})

    async def meanwhile(request):
        site.memory = learned
        return await config_map(None, "6")(request)

    await site.loaded(meanwhile, config_map(None, "7"))
    site.memory = Memory({ISSUER: NOW}, {SERIES: (2, NOW, "lic_2")})
    await site.remembering.save_memory(now=NOW)
    assert site.memory == learned
    await site.remembering.save_memory(now=NOW)
    assert Memory.load(site.writes()[-1][2]["data"]["memory.json"]) == learned


@pytest.mark.parametrize("status", [403, 500])
async def test_memory_that_cannot_be_read_is_an_error_and_no_empty_memory(site, status):
    await site.loaded(refusal(status, "No"))
    with pytest.raises(ApiError):
        await site.remembering.load_memory()
    assert site.memory == MEMORY


# -- tokens ------------------------------------------------------------------------------------------------------------


async def test_tokens_that_are_kept_already_are_not_written(site):
    site.known.world.ledger.kept = {"acme-prod": KEPT}
    site.server.will(kept_tokens(**{"acme-prod": KEPT.dump()}))
    await site.remembering.keep_tokens()
    assert site.writes() == []


async def test_without_tokens_no_secret_is_made(site):
    site.server.will(NOT_FOUND)
    await site.remembering.keep_tokens()
    assert site.writes() == []


@pytest.mark.parametrize(
    ("there", "method"),
    [
        (NOT_FOUND, "POST"),
        (kept_tokens(), "PUT"),
        (kept_tokens(**{"acme-prod": b"garbage"}), "PUT"),
        (kept_tokens(**{"acme-prod": KEPT.dump(), "added": KEPT.dump()}), "PUT"),
    ],
    ids=["deleted", "emptied", "damaged", "added to"],
)
async def test_what_somebody_else_makes_of_the_tokens_is_undone(site, there, method):
    site.known.world.ledger.kept = {"acme-prod": KEPT}
    site.server.will(there, kept_tokens("6"))
    await site.remembering.keep_tokens()
    [(done, path, body)] = site.writes()
    assert done == method
    assert path.startswith("/api/v1/namespaces/licet-system/secrets")
    assert {name: base64.b64decode(raw) for name, raw in body["data"].items()} == {"acme-prod": KEPT.dump()}
    assert body["metadata"].get("resourceVersion") == ("5" if method == "PUT" else None)


async def test_tokens_that_do_not_fit_into_a_secret_are_left_out_the_largest_first(site, caplog):
    large = KeptToken("uid-1", REFERENCE, "x" * 1024 * 1024)
    site.known.world.ledger.kept = {"a-large-one": large, "small": KEPT}
    site.server.will(NOT_FOUND, kept_tokens("6"))
    await site.remembering.keep_tokens()
    [(_, _, body)] = site.writes()
    assert body["data"].keys() == {"small"}
    assert "the tokens of 1 Licenses are not kept" in caplog.text
