import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import pytest

from licet.cluster.api import KubeApi
from licet.cluster.errors import ApiError
from licet.cluster.events import EventRecorder
from licet.cluster.resource import ENTITLEMENTS, INSTALLATIONS, LICENSES, VENDORS, Resource
from licet.controller.observed import Observed, digest
from licet.controller.writer import StatusWriter
from licet.resources.meta import ConditionType, Observation, Status, conditions
from scripted_server import ScriptedServer, answer, refusal
from support.known_world import KnownWorld
from support.vendor_simulator import NOW

KEYS = {VENDORS: ("", "acme"), LICENSES: ("", "acme-prod")}
KEYS |= dict.fromkeys((ENTITLEMENTS, INSTALLATIONS), ("prod-eu", "platform"))
OBSERVED = Observed("u-1", version=7, generation=1, deleting=False, status_digest=digest({}))
WRITTEN = answer({"metadata": {"uid": "u-1", "resourceVersion": "8"}})
Told = tuple[ConditionType, bool | None, str]


def saying(*told: Told, previous: Observed = OBSERVED, now: int = NOW, message: str = "") -> Status:
    """A status with these conditions; each has a message of its own, unless one is given."""
    observations = [Observation(*each, message or f"{each[0]} is {each[2]}") for each in told]
    return Status(conditions=conditions(observations, previous=previous.conditions, generation=1, now=now))


def having(status: Status, observed: Observed = OBSERVED) -> Observed:
    """An object that has this status already."""
    return observed.with_status(status.as_json(), version=observed.version)


@dataclass
class Bench:
    """Writes statuses for real, and tells what was sent."""

    server: ScriptedServer
    known: KnownWorld
    writer: StatusWriter
    recorder: EventRecorder

    async def write(self, status: Status, *, over: Observed = OBSERVED, resource: Resource = ENTITLEMENTS) -> None:
        self.known.world.observed[resource][KEYS[resource]] = over
        await self.writer.write(resource, KEYS[resource], over, status)
        await self.recorder.flush()

    def observed(self, resource: Resource = ENTITLEMENTS) -> Observed:
        return self.known.world.observed[resource][KEYS[resource]]

    def sent(self) -> list[tuple[str, str]]:
        return [(request.method, request.path) for request in self.server.requests]

    def events(self) -> list[tuple[str, str]]:
        """Type and reason of each Event."""
        return [(event["type"], event["reason"]) for event in self.bodies("/events")]

    def bodies(self, ending: str) -> Iterable[Any]:
        return [
            json.loads(body)
            for request, body in zip(self.server.requests, self.server.bodies, strict=True)
            if request.path.endswith(ending)
        ]


@pytest.fixture
async def bench(server: ScriptedServer, api: KubeApi) -> AsyncIterator[Bench]:
    recorder, known = EventRecorder(api, "licet-controller"), KnownWorld()
    task = asyncio.create_task(recorder.run())
    yield Bench(server, known, StatusWriter(api, known.world, recorder), recorder)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


READY: Told = (ConditionType.READY, True, "Projected")
ACTIVE: Told = (ConditionType.LICENSED, True, "Active")


# -- what is written ---------------------------------------------------------------------------------------------------


async def test_nothing_is_written_when_nothing_has_changed(bench):
    status = saying(READY, ACTIVE)
    await bench.write(status, over=having(status))
    assert bench.sent() == []


async def test_status_is_written_whole_and_only_to_the_object_that_it_was_made_for(bench):
    bench.server.will(WRITTEN)
    status = saying(READY, ACTIVE)
    await bench.write(status)
    assert bench.sent()[0] == (
        "PATCH",
        "/apis/licet.dev/v1alpha1/namespaces/prod-eu/entitlements/platform/status",
    )
    [patch] = bench.bodies("/status")
    assert patch == [
        {"op": "test", "path": "/metadata/uid", "value": "u-1"},
        {"op": "add", "path": "/status", "value": status.as_json()},
    ]
    assert bench.server.requests[0].headers["Content-Type"] == "application/json-patch+json"


async def test_status_of_a_cluster_scoped_object_is_written(bench):
    bench.server.will(WRITTEN)
    await bench.write(saying(READY), resource=VENDORS)
    assert bench.sent()[0] == ("PATCH", "/apis/licet.dev/v1alpha1/vendors/acme/status")


async def test_what_was_written_is_not_written_again(bench):
    bench.server.will(WRITTEN)
    status = saying(READY)
    await bench.write(status)
    count = len(bench.sent())
    await bench.write(status, over=bench.observed())
    assert len(bench.sent()) == count


@pytest.mark.parametrize(
    "later",
    [
        replace(OBSERVED, version=9, status_digest=b"of somebody else"),
        replace(OBSERVED, uid="u-2"),
    ],
)
async def test_what_was_written_does_not_replace_later_news(bench, later):
    async def overtaken(request):
        bench.known.world.observed[ENTITLEMENTS][KEYS[ENTITLEMENTS]] = later
        return await WRITTEN(request)

    bench.server.will(overtaken, WRITTEN)
    await bench.write(saying(READY))
    assert bench.observed() == later


async def test_object_that_was_deleted_meanwhile_is_not_brought_back(bench):
    async def deleted(request):
        del bench.known.world.observed[ENTITLEMENTS][KEYS[ENTITLEMENTS]]
        return await WRITTEN(request)

    bench.server.will(deleted, WRITTEN)
    await bench.write(saying(READY))
    assert bench.known.world.observed[ENTITLEMENTS] == {}


@pytest.mark.parametrize("gone", [refusal(404, "NotFound"), refusal(422, "Invalid")], ids=["deleted", "made anew"])
async def test_object_that_is_gone_is_left_alone_and_nothing_is_told(bench, gone):
    bench.server.will(gone)
    await bench.write(saying(READY, ACTIVE))
    assert len(bench.sent()) == 1
    assert bench.observed() == OBSERVED, "so that it is written once there is something to write to"


async def test_status_that_is_not_valid_is_not_taken_for_an_object_that_is_gone(bench):
    details = {"causes": [{"reason": "FieldValueInvalid", "field": "status.plan"}]}
    body = {"kind": "Status", "code": 422, "reason": "Invalid", "message": "not a plan", "details": details}
    bench.server.will(answer(body, 422))
    with pytest.raises(ApiError, match="not a plan"):
        await bench.write(saying(READY))


@pytest.mark.parametrize("status", [403, 409, 500])
async def test_write_that_fails_is_told_to_the_queue_and_has_no_event(bench, status):
    bench.server.will(refusal(status, "No"))
    with pytest.raises(ApiError):
        await bench.write(saying(READY, ACTIVE))
    await bench.recorder.flush()
    assert bench.events() == []
    assert bench.observed() == OBSERVED


# -- what is told ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("resource", "telling"),
    [
        (VENDORS, ConditionType.READY),
        (LICENSES, ConditionType.VALID),
        (ENTITLEMENTS, ConditionType.LICENSED),
        (INSTALLATIONS, ConditionType.LICENSED),
    ],
)
async def test_state_of_each_kind_is_told_from_the_first_time_on(bench, resource, telling):
    bench.server.will(WRITTEN)
    await bench.write(saying((telling, True, "Good")), resource=resource)
    assert bench.events() == [("Normal", "Good")]
    [event] = bench.bodies("/events")
    namespace, name = KEYS[resource]
    involved = event["involvedObject"]
    assert (involved.get("namespace", ""), involved["name"], involved["uid"]) == (namespace, name, "u-1")
    assert involved["kind"] == resource.plural.removesuffix("s").capitalize()


SOON, NOT_SOON = (ConditionType.EXPIRING_SOON, True, "Soon"), (ConditionType.EXPIRING_SOON, False, "NotSoon")
SHORT = (ConditionType.LIMITS_GRANTED, False, "PoolExhausted")
GRANTED = (ConditionType.LIMITS_GRANTED, True, "Granted")
CONFLICT = (ConditionType.READY, False, "TargetConflict")
CONSISTENT = (ConditionType.CONSISTENT, True, "Consistent")


@pytest.mark.parametrize(
    ("before", "after", "events"),
    [
        pytest.param([], [READY, ACTIVE, GRANTED, CONSISTENT, NOT_SOON], [("Normal", "Active")], id="good at once"),
        pytest.param([], [CONFLICT, ACTIVE], [("Warning", "TargetConflict"), ("Normal", "Active")], id="bad at once"),
        pytest.param([], [SOON], [("Warning", "Soon")], id="what is bad when it holds"),
        pytest.param([READY], [CONFLICT], [("Warning", "TargetConflict")], id="turned bad"),
        pytest.param([CONFLICT], [READY], [("Normal", "Projected")], id="over"),
        pytest.param([SOON], [NOT_SOON], [("Normal", "NotSoon")], id="no longer soon"),
        pytest.param([GRANTED], [SHORT], [("Warning", "PoolExhausted")], id="less than reserved"),
        pytest.param([ACTIVE], [(ConditionType.LICENSED, True, "Grace")], [("Normal", "Grace")], id="other reason"),
        pytest.param([ACTIVE], [(ConditionType.LICENSED, None, "Lost")], [("Warning", "Lost")], id="unknown"),
        pytest.param([READY, ACTIVE], [ACTIVE], [], id="a condition that went away"),
    ],
)  # fmt: skip
async def test_each_change_of_state_has_one_event(bench, before, after, events):
    bench.server.will(WRITTEN)
    over = having(saying(*before))
    await bench.write(saying(*after, previous=over), over=over)
    assert bench.events() == events


async def test_new_message_of_the_same_state_has_no_event(bench):
    bench.server.will(WRITTEN)
    over = having(saying(ACTIVE, message="until 2027"))
    await bench.write(saying(ACTIVE, previous=over, message="until 2028"), over=over)
    assert len(list(bench.bodies("/status"))) == 1
    assert bench.events() == []


async def test_two_conditions_that_tell_the_same_have_one_event(bench):
    bench.server.will(WRITTEN)
    same = [(ConditionType.READY, False, "Malformed"), (ConditionType.VALID, False, "Malformed")]
    await bench.write(saying(*same, message="it has five parts"), resource=LICENSES)
    assert bench.events() == [("Warning", "Malformed")]


async def test_no_event_is_repeated_when_a_write_is(bench):
    bench.server.will(WRITTEN)
    await bench.write(saying(ACTIVE))
    now = bench.observed()
    other = Status(observed_generation=2, conditions=saying(ACTIVE, previous=now).conditions)
    await bench.write(other, over=now)
    assert len(list(bench.bodies("/status"))) == 2
    assert bench.events() == [("Normal", "Active")]
