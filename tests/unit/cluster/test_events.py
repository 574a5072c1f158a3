import asyncio
import json
from collections.abc import AsyncIterator

import prometheus_client
import pytest

from licet.cluster import events
from licet.cluster.events import EventRecorder, EventType, RateLimits, Regarding
from scripted_server import answer, refusal

LICENSE = Regarding("licet.dev/v1alpha1", "License", "acme-prod", uid="u-1")
ENTITLEMENT = Regarding("licet.dev/v1alpha1", "Entitlement", "platform", "prod-eu", "u-2")
NOON = 1_793_534_400.0  # 2026-11-01T12:00:00Z


class Clock:
    now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def recorder(api, clock) -> AsyncIterator[EventRecorder]:
    made = EventRecorder(api, "licet-controller", clock=clock)
    task = asyncio.create_task(made.run())
    yield made
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def counted(result: str) -> float:
    return prometheus_client.REGISTRY.get_sample_value("licet_events_total", {"result": result}) or 0.0


async def test_event_says_what_happened_to_which_object_and_who_says_so(server, recorder):
    server.will(answer({}))
    recorder.emit(ENTITLEMENT, "Expired", "License acme-prod ended.", event_type=EventType.WARNING)
    await recorder.flush()
    event = json.loads(server.bodies[0])
    assert server.requests[0].path == "/api/v1/namespaces/prod-eu/events"
    assert event.pop("metadata")["name"].startswith("platform.")
    assert event.pop("reportingInstance")
    assert event == {
        "involvedObject": {
            "apiVersion": "licet.dev/v1alpha1",
            "kind": "Entitlement",
            "name": "platform",
            "namespace": "prod-eu",
            "uid": "u-2",
        },
        "type": "Warning",
        "reason": "Expired",
        "message": "License acme-prod ended.",
        "firstTimestamp": "2026-11-01T12:00:00Z",
        "lastTimestamp": "2026-11-01T12:00:00Z",
        "count": 1,
        "source": {"component": "licet-controller"},
        "reportingComponent": "licet-controller",
    }


async def test_event_about_a_cluster_scoped_object_lies_in_the_namespace_default(server, recorder):
    server.will(answer({}))
    recorder.emit(LICENSE, "Verified", "ok")
    await recorder.flush()
    event = json.loads(server.bodies[0])
    assert server.requests[0].path == "/api/v1/namespaces/default/events"
    assert "namespace" not in event["involvedObject"]


async def test_repeated_event_raises_the_count_of_the_first(server, recorder, clock):
    server.will(answer({}))
    recorder.emit(LICENSE, "Verified", "ok")
    clock.now += 60
    recorder.emit(LICENSE, "Verified", "ok")
    recorder.emit(LICENSE, "Verified", "something else")
    await recorder.flush()
    assert [request.method for request in server.requests] == ["POST", "PATCH", "POST"]
    name = json.loads(server.bodies[0])["metadata"]["name"]
    assert server.requests[1].path == f"/api/v1/namespaces/default/events/{name}"
    assert json.loads(server.bodies[1]) == {"count": 2, "lastTimestamp": "2026-11-01T12:01:00Z"}


async def test_repeated_event_whose_first_is_gone_is_written_anew(server, recorder):
    server.will(answer({}), refusal(404, "NotFound"), answer({}))
    recorder.emit(LICENSE, "Verified", "ok")
    recorder.emit(LICENSE, "Verified", "ok")
    await recorder.flush()
    assert [request.method for request in server.requests] == ["POST", "PATCH", "POST"]


async def test_object_that_causes_a_storm_is_limited_and_others_are_not(server, recorder, clock):
    server.will(answer({}))
    limited = counted("limited")
    for number in range(50):
        recorder.emit(LICENSE, "Denied", f"denied {number}")
    recorder.emit(LICENSE, "Verified", "ok")
    recorder.emit(ENTITLEMENT, "Denied", "denied")
    await recorder.flush()
    assert len(server.requests) == 12
    assert counted("limited") == limited + 40
    clock.now += 60
    recorder.emit(LICENSE, "Denied", "denied again")
    recorder.emit(LICENSE, "Denied", "and again")
    await recorder.flush()
    assert len(server.requests) == 13


async def test_full_queue_drops_counts_and_says_so_once(api, clock, caplog, monkeypatch):
    monkeypatch.setattr(events, "_QUEUE", 5)
    recorder = EventRecorder(api, "licet-controller", clock=clock)  # nobody writes
    dropped = counted("dropped")
    for number in range(20):
        recorder.emit(Regarding("v1", "Secret", f"s{number}", "ns"), "Denied", "denied")
    assert counted("dropped") == dropped + 15
    assert [record.levelname for record in caplog.records] == ["WARNING"]


async def test_event_that_cannot_be_written_is_logged_once_and_harms_no_other(server, recorder, caplog):
    server.will(refusal(403, "Forbidden"), refusal(403, "Forbidden"), answer({}))
    for reason in ("A", "B", "C"):
        recorder.emit(LICENSE, reason, "text")
    await recorder.flush()
    assert len(server.requests) == 3
    assert [record.levelname for record in caplog.records] == ["WARNING"]


async def test_message_is_cut_to_what_the_api_server_takes(server, recorder):
    server.will(answer({}))
    recorder.emit(LICENSE, "Verified", "ä" * 1000)
    await recorder.flush()
    message = json.loads(server.bodies[0])["message"]
    assert len(message.encode()) <= 1024
    assert message.endswith("ä…")


async def test_message_never_carries_a_token(server, recorder):
    server.will(answer({}))
    recorder.emit(LICENSE, "Malformed", "token eyJhbGciOiJFZERTQSJ9.eyJpc3MiOiJhIn0.c2ln is malformed")
    await recorder.flush()
    assert json.loads(server.bodies[0])["message"] == "token [redacted] is malformed"


async def test_name_of_an_event_fits_however_long_the_objects_is(server, recorder):
    server.will(answer({}))
    recorder.emit(Regarding("v1", "Secret", "a" * 253, "ns"), "Denied", "no")
    await recorder.flush()
    assert len(json.loads(server.bodies[0])["metadata"]["name"]) == 253


def test_bucket_refills_with_time_up_to_its_burst():
    limits = RateLimits(burst=2, refill_seconds=10, size=10)
    assert [limits.admit("a", 0), limits.admit("a", 0), limits.admit("a", 9)] == [True, True, False]
    assert limits.admit("a", 10)
    assert [limits.admit("a", 1000) for _ in range(3)] == [True, True, False]


def test_clock_that_goes_back_gives_no_tokens():
    limits = RateLimits(burst=1, refill_seconds=10, size=10)
    assert limits.admit("a", 1000)
    assert not limits.admit("a", 0)
    assert limits.admit("a", 10)


def test_buckets_are_bounded_in_number():
    limits = RateLimits(burst=1, refill_seconds=10, size=3)
    for key in range(1000):
        limits.admit(key, 0)
    assert len(limits._buckets) == 3
