import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from licet.cluster import watch
from licet.cluster.resource import CONFIG_MAPS
from licet.cluster.watch import LIVE_SECONDS, Informer
from scripted_server import answer, hang_up, page, refusal, stream


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(watch, "_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr("licet.cluster.transport.random.uniform", lambda _, __: 0.0)


def config_map(name: str, value: str = "", version: str = "1") -> dict:
    metadata = {"namespace": "ns", "name": name, "resourceVersion": version}
    return {"metadata": metadata, "data": {"value": value}}


def change(kind: str, name: str, value: str = "", version: str = "11") -> dict:
    return {"type": kind, "object": config_map(name, value, version)}


def bookmark(version: str) -> dict:
    return {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": version}}}


GONE = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}}


class Watched:
    """An informer of ConfigMaps that keeps their value, and what it reported."""

    def __init__(self, api, keep=lambda obj: obj["data"]["value"]) -> None:
        self.changes: list[tuple[str, str | None, str | None]] = []
        self.informer = Informer(api, CONFIG_MAPS, keep, self.note)

    def note(self, key, old, new) -> None:
        self.changes.append((key[1], old, new))

    @property
    def store(self) -> dict[str, str]:
        return {name: value for (_, name), value in self.informer.store.items()}


@asynccontextmanager
async def running(informer: Informer) -> AsyncIterator[None]:
    task = asyncio.create_task(informer.run())
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def until(condition) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - what it waits for is in another task's hands
            await asyncio.sleep(0.002)


async def test_what_is_listed_and_watched_is_in_the_store(server, api):
    watched = Watched(api)
    server.will(
        page(config_map("a", "1"), config_map("b", "1"), next_page="more"),
        page(config_map("c", "1")),
        stream(change("MODIFIED", "a", "2"), change("DELETED", "b"), change("ADDED", "d", "1"), hold=True),
    )
    async with running(watched.informer):
        await watched.informer.synced.wait()
        await until(lambda: "d" in watched.store)
    assert watched.store == {"a": "2", "c": "1", "d": "1"}
    first = [("a", None, "1"), ("b", None, "1"), ("c", None, "1")]
    assert watched.changes == [*first, ("a", "1", "2"), ("b", "1", None), ("d", None, "1")]


async def test_watch_is_taken_up_where_it_ended(server, api):
    watched = Watched(api)
    server.will(
        page(version="10"),
        stream(change("ADDED", "a", version="12")),
        stream(bookmark("15")),
        hang_up,
        stream(hold=True),
    )
    async with running(watched.informer):
        await until(lambda: len(server.requests) >= 5)
    versions = [request.query.get("resourceVersion") for request in server.requests]
    assert versions[:5] == [None, "10", "12", "15", "15"]


@pytest.mark.parametrize("gone", [stream(GONE), refusal(410, "Expired")])
async def test_object_that_vanished_while_the_history_was_lost_is_reported(server, api, gone):
    watched = Watched(api)
    server.will(
        page(config_map("a", "1"), config_map("b", "1"), config_map("c", "1")),
        gone,
        page(config_map("a", "1"), config_map("b", "2"), config_map("d", "1"), version="20"),
        stream(hold=True),
    )
    async with running(watched.informer):
        await until(lambda: len(server.requests) == 4)
    assert watched.changes[3:] == [("b", "1", "2"), ("d", None, "1"), ("c", "1", None)]
    assert server.requests[3].query["resourceVersion"] == "20"


async def test_list_that_fails_half_way_takes_nothing_away(server, api):
    watched = Watched(api)
    server.will(
        page(config_map("a", "1"), config_map("b", "1")),
        stream(GONE),
        page(config_map("a", "2"), next_page="more"),
        refusal(410, "Expired"),
        page(config_map("a", "2"), version="20"),
        stream(hold=True),
    )
    async with running(watched.informer):
        await until(lambda: len(server.requests) == 6)
    assert watched.changes[2:] == [("a", "1", "2"), ("b", "1", None)]


async def test_change_that_does_not_show_in_the_projection_is_not_reported(server, api):
    watched = Watched(api)
    server.will(page(config_map("a", "1")), stream(change("MODIFIED", "a", "1"), bookmark("12"), hold=True))
    async with running(watched.informer):
        await until(lambda: watched.informer._resource_version == "12")
    assert watched.changes == [("a", None, "1")]


async def test_object_that_is_not_kept_counts_as_absent(server, api):
    watched = Watched(api, keep=lambda obj: obj["data"]["value"] or None)
    server.will(page(config_map("a", ""), config_map("b", "1")), stream(change("MODIFIED", "b", ""), hold=True))
    async with running(watched.informer):
        await until(lambda: len(watched.changes) == 2)
    assert watched.changes == [("b", None, "1"), ("b", "1", None)]


async def test_object_that_cannot_be_read_harms_no_other(server, api, caplog):
    def keep(obj) -> str:
        if obj["data"]["value"] == "bad":
            raise ValueError("bad")
        return obj["data"]["value"]

    watched = Watched(api, keep)
    server.will(
        page(config_map("a", "1"), config_map("b", "bad")),
        stream(change("MODIFIED", "a", "bad"), change("ADDED", "c", "1"), hold=True),
    )
    async with running(watched.informer):
        await until(lambda: "c" in watched.store)
    assert watched.store == {"a": "1", "c": "1"}
    assert "configmaps ns/b cannot be read" in caplog.text


async def test_change_that_cannot_be_acted_on_does_not_end_the_watch(server, api):
    def fail(*_) -> None:
        raise RuntimeError

    informer = Informer(api, CONFIG_MAPS, lambda obj: obj["data"]["value"], fail)
    server.will(page(config_map("a", "1")), stream(change("MODIFIED", "a", "2"), hold=True))
    async with running(informer):
        await until(lambda: informer.store.get(("ns", "a")) == "2")


async def test_not_ready_before_the_first_list_and_the_reason_is_given(server, api):
    watched = Watched(api)
    server.will(refusal(403, "Forbidden", "User gate cannot list configmaps"))
    assert watched.informer.problem(0.0) == "configmaps: not listed yet"
    async with running(watched.informer):
        await until(lambda: watched.informer._trouble)
        assert "cannot list configmaps" in watched.informer.problem(0.0)
        server.will(page(), stream(hold=True))
        await watched.informer.synced.wait()
        assert watched.informer.problem(time.monotonic()) is None


@pytest.mark.parametrize(
    ("answer", "settled"),
    [
        (refusal(403, "Forbidden"), True),
        (refusal(404, "NotFound"), True),
        (refusal(500, "InternalError"), False),
        (hang_up, False),
    ],
    ids=["forbidden", "no such kind", "error", "no answer"],
)
async def test_what_is_refused_need_not_be_waited_for_and_what_fails_has_to_be(server, api, answer, settled):
    watched = Watched(api)
    server.will(answer)
    async with running(watched.informer):
        await until(lambda: watched.informer._trouble)
        assert (watched.informer.settled.is_set(), watched.informer.synced.is_set()) == (settled, False)
        server.will(page(), stream(hold=True))
        await watched.informer.settled.wait()
        await watched.informer.synced.wait()


async def test_not_ready_without_a_live_watch_for_a_minute(server, api):
    watched = Watched(api)
    server.will(page(), stream(hold=True))
    async with running(watched.informer):
        await watched.informer.synced.wait()
        contact = watched.informer.last_contact
        assert watched.informer.problem(contact + LIVE_SECONDS) is None
        assert watched.informer.problem(contact + LIVE_SECONDS + 1) == "configmaps: no live watch for 61 s"


async def test_watch_is_asked_for_in_spells_that_end_before_silence_counts_as_death(server, api):
    watched = Watched(api)
    server.will(page(), stream(hold=True))
    async with running(watched.informer):
        await until(lambda: len(server.requests) == 2)
    spell = int(server.requests[1].query["timeoutSeconds"])
    assert 30 <= spell <= LIVE_SECONDS - 10  # leaves time for the read timeout and for another try


async def test_refused_watch_is_no_sign_of_life(server, api):
    watched = Watched(api)
    server.will(page(), refusal(403, "Forbidden"))
    async with running(watched.informer):
        await until(lambda: len(server.requests) >= 2)
        contact = watched.informer.last_contact
        await until(lambda: len(server.requests) >= 4)
        assert watched.informer.last_contact == contact


async def test_failure_that_lasts_is_logged_once_and_so_is_its_end(server, api, caplog):
    caplog.set_level(logging.INFO, logger="licet")
    watched = Watched(api)
    server.will(page(), *[refusal(403, "Forbidden")] * 5, stream(hold=True))
    async with running(watched.informer):
        await until(lambda: len(server.requests) == 7)
        await until(lambda: watched.informer._trouble is None)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "watch of configmaps is back" in caplog.records[1].message


async def test_server_that_ends_every_watch_at_once_is_not_pestered(server, api, monkeypatch):
    monkeypatch.setattr(watch, "_PAUSE_SECONDS", 10.0)
    monkeypatch.setattr(watch.random, "uniform", lambda _, __: 1.0)
    watched = Watched(api)
    server.will(page(), stream())
    async with running(watched.informer):
        await until(lambda: watched.informer._trouble)
        await asyncio.sleep(0.05)
    assert len(server.requests) == 2


async def test_pauses_grow_to_a_bound_and_shrink_after_success(server, api, monkeypatch):
    pauses = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        await asyncio.sleep(0)

    monkeypatch.setattr(watch, "_PAUSE_SECONDS", 1.0)
    monkeypatch.setattr(watch.random, "uniform", lambda _, __: 1.0)
    monkeypatch.setattr(watch, "asyncio", type("Clock", (), {"sleep": staticmethod(sleep), "Event": asyncio.Event}))
    watched = Watched(api)
    server.will(
        page(),
        *[refusal(503, "Unavailable")] * 6,
        stream(bookmark("11")),
        refusal(503, "Unavailable"),
        stream(hold=True),
    )
    async with running(watched.informer):
        await until(lambda: len(server.requests) == 10)
    assert pauses == [1.0, 2.0, 3.0, 3.0, 3.0, 3.0, 1.0]


@pytest.mark.parametrize("line", ["nonsense", b'{"type": "r\xe9seau"}'], ids=["no JSON", "no UTF-8"])
async def test_line_that_is_no_watch_event_is_survived(server, api, line):
    watched = Watched(api)
    server.will(page(), answer(line), stream(change("ADDED", "a", "1"), hold=True))
    async with running(watched.informer):
        await until(lambda: watched.store == {"a": "1"})


async def test_watch_that_falls_silent_is_taken_for_lost(server, api, monkeypatch):
    monkeypatch.setattr(watch, "_SPELL_SECONDS", (0, 0))
    monkeypatch.setattr("licet.cluster.api._WATCH_LEEWAY_SECONDS", 0.05)
    watched = Watched(api)
    server.will(page(), stream(bookmark("12"), hold=True))
    async with running(watched.informer):
        await until(lambda: any(request.query.get("resourceVersion") == "12" for request in server.requests))
