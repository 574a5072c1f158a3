import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from itertools import pairwise

import prometheus_client
import pytest
from hypothesis import given
from hypothesis import strategies as st

from licet.cluster.errors import ApiError
from licet.controller.queue import Item, Kind, WorkQueue
from licet.core.errors import LicetError
from support.properties import quick
from support.skipped_time import in_skipped_time

ITEM = Item(Kind.ENTITLEMENT, "prod-eu", "platform")
OTHER = Item(Kind.ENTITLEMENT, "prod-eu", "gateway")
UNREACHABLE = ApiError("PUT /", status=0, reason="ClientConnectorError", message="no route")
CONFLICT = ApiError("PUT /", status=409, reason="Conflict", message="the object has been modified")
FORBIDDEN = ApiError("PUT /", status=403, reason="Forbidden", message="not allowed")


class Work:
    """Takes some seconds for each item and notes when it was done; fails as long as there are `failures`."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.failures: dict[Item, list[Exception]] = {}
        self.look_again: dict[Item, float] = {}
        self.begun: list[tuple[float, Item]] = []
        self.done: list[Item] = []
        self.at_once: Counter[Item] = Counter()
        self.overlapping: list[Item] = []
        self.meanwhile: Callable[[Item], None] = lambda _: None

    async def __call__(self, item: Item) -> float | None:
        self.begun.append((asyncio.get_running_loop().time(), item))
        if self.at_once[item]:
            self.overlapping.append(item)
        self.at_once[item] += 1
        try:
            await asyncio.sleep(self.seconds)
            self.meanwhile(item)
            if failures := self.failures.get(item):
                raise failures.pop(0)
        finally:
            self.at_once[item] -= 1
        self.done.append(item)
        return self.look_again.pop(item, None)

    def times(self, item: Item) -> list[float]:
        return [time for time, begun in self.begun if begun == item]

    def pauses(self, item: Item) -> list[float]:
        times = self.times(item)
        return [later - earlier for earlier, later in pairwise(times)]


@asynccontextmanager
async def working(work: Work, *, workers: int = 4, first: tuple[Kind, ...] = ()) -> AsyncIterator[WorkQueue]:
    queue = WorkQueue(work, workers=workers, first=first)
    task = asyncio.create_task(queue.run())
    yield queue
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert not work.overlapping, "an item is never worked on twice at a time"


def about(pause: float) -> object:
    """The pause, give or take the jitter that keeps those who failed together from returning in step."""
    return pytest.approx(pause, rel=0.21)


@in_skipped_time
async def test_item_that_is_asked_for_many_times_is_done_once():
    work = Work()
    async with working(work) as queue:
        for _ in range(100):
            queue.add(ITEM)
        queue.add(OTHER)
        await asyncio.sleep(1)
    assert Counter(work.done) == {ITEM: 1, OTHER: 1}


@in_skipped_time
async def test_item_that_is_asked_for_during_its_work_is_done_once_more_afterwards():
    work = Work(seconds=2)
    async with working(work) as queue:
        queue.add(ITEM)
        await asyncio.sleep(1)
        for _ in range(10):
            queue.add(ITEM)
        await asyncio.sleep(10)
    assert work.times(ITEM) == [0, 2]


@quick
@given(
    asked=st.lists(st.tuples(st.sampled_from([ITEM, OTHER]), st.floats(0, 3)), min_size=1, max_size=12),
    seconds=st.floats(0, 2),
    workers=st.integers(1, 3),
)
def test_whatever_is_asked_for_is_done_after_that_and_never_twice_at_a_time(asked, seconds, workers):
    @in_skipped_time
    async def scenario():
        work, last = Work(seconds), dict[Item, float]()
        async with working(work, workers=workers) as queue:
            loop = asyncio.get_running_loop()
            for item, pause in asked:
                await asyncio.sleep(pause)
                queue.add(item)
                last[item] = loop.time()
            await asyncio.sleep(100)
        assert all(work.times(item)[-1] >= last[item] for item in last)
        assert len(work.done) <= len(asked)

    scenario()


@in_skipped_time
async def test_no_more_items_are_worked_on_at_a_time_than_there_are_workers():
    work = Work(seconds=1)
    async with working(work, workers=2) as queue:
        for number in range(6):
            queue.add(Item(Kind.LICENSE, name=str(number)))
        await asyncio.sleep(10)
    assert [time for time, _ in work.begun] == [0, 0, 1, 1, 2, 2]


@in_skipped_time
async def test_what_others_are_derived_from_goes_first():
    work, assessment = Work(seconds=1), Item(Kind.ASSESSMENT)
    async with working(work, workers=1, first=(Kind.ASSESSMENT,)) as queue:
        for item in (ITEM, OTHER, assessment):
            queue.add(item)
        await asyncio.sleep(10)
    assert work.done == [assessment, ITEM, OTHER]


# -- failures ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [LicetError("no"), FORBIDDEN, ValueError("a bug")])
def test_failure_is_tried_again_with_growing_pauses_until_it_succeeds(error, caplog):
    work = Work()
    work.failures[ITEM] = [error] * 12

    @in_skipped_time
    async def scenario():
        async with working(work) as queue:
            queue.add(ITEM)
            await asyncio.sleep(600)

    with caplog.at_level(logging.INFO):
        scenario()
    pauses = [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30, 30, 30, 30]
    assert work.pauses(ITEM) == [about(pause) for pause in pauses]
    assert work.done == [ITEM]
    assert caplog.messages[-1] == "reconciling entitlement prod-eu/platform succeeded again"


@in_skipped_time
async def test_failure_of_one_item_keeps_no_other_waiting():
    work = Work()
    work.failures[ITEM] = [FORBIDDEN] * 100
    async with working(work, workers=1) as queue:
        queue.add(ITEM)
        queue.add(OTHER)
        await asyncio.sleep(0.1)
    assert work.done == [OTHER]


@in_skipped_time
async def test_pauses_are_short_again_after_a_success():
    work = Work()
    work.failures[ITEM] = [FORBIDDEN] * 5
    async with working(work) as queue:
        queue.add(ITEM)
        await asyncio.sleep(60)
        work.failures[ITEM] = [FORBIDDEN]
        queue.add(ITEM)
        await asyncio.sleep(60)
    assert work.pauses(ITEM)[-1] == about(0.2)


@in_skipped_time
async def test_item_that_is_asked_for_again_does_not_wait_for_its_pause():
    work = Work()
    work.failures[ITEM] = [FORBIDDEN] * 6
    async with working(work) as queue:
        queue.add(ITEM)
        await asyncio.sleep(10)
        queue.add(ITEM)
        await asyncio.sleep(0.001)
        assert work.times(ITEM)[-1] == 10
        await asyncio.sleep(600)
    assert work.done == [ITEM], "the pause that was under way has been given up"


def test_conflict_is_tried_again_soon_and_told_when_it_lasts(caplog):
    work = Work()
    work.failures[ITEM] = [CONFLICT, CONFLICT]

    @in_skipped_time
    async def scenario():
        async with working(work) as queue:
            queue.add(ITEM)
            await asyncio.sleep(10)

    scenario()
    assert work.pauses(ITEM) == [about(0.05), about(0.4)]
    assert len(caplog.messages) == 1


def test_bug_is_told_with_its_traceback(caplog):
    work = Work()
    work.failures[ITEM] = [ZeroDivisionError()]

    @in_skipped_time
    async def scenario():
        async with working(work) as queue:
            queue.add(ITEM)
            await asyncio.sleep(10)

    scenario()
    assert caplog.records[0].getMessage() == "reconciling entitlement prod-eu/platform failed"
    assert "ZeroDivisionError" in caplog.text


# -- outages -----------------------------------------------------------------------------------------------------------


def test_while_nothing_answers_all_wait_together_and_go_on_at_once_when_it_does(caplog):
    work = Work()
    items = [Item(Kind.LICENSE, name=str(number)) for number in range(50)]
    away = {"until": 60.0}

    async def reconcile(item: Item) -> float | None:
        if asyncio.get_running_loop().time() < away["until"]:
            work.begun.append((asyncio.get_running_loop().time(), item))
            raise UNREACHABLE
        return await work(item)

    @in_skipped_time
    async def scenario():
        queue = WorkQueue(reconcile, workers=4)
        task = asyncio.create_task(queue.run())
        for item in items:
            queue.add(item)
        await asyncio.sleep(62)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    with caplog.at_level(logging.INFO):
        scenario()
    assert Counter(work.done) == dict.fromkeys(items, 1), "a second after its return at the latest, all is done"
    attempts = [time for time, _ in work.begun if time < away["until"]]
    assert len(attempts) <= 4 * 61, "once a second for each worker"
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"], "its beginning and its end"


@in_skipped_time
async def test_success_of_what_needs_no_api_server_does_not_end_an_outage():
    work = Work()
    work.failures[ITEM] = [UNREACHABLE] * 5
    assessment = Item(Kind.ASSESSMENT)
    async with working(work, workers=1) as queue:
        queue.add(ITEM)
        queue.add(assessment)
        await asyncio.sleep(20)
    assert work.done == [assessment, ITEM]
    assert work.times(ITEM)[:2] == [0, 2], "its worker was at the other one after a second"


# -- later -------------------------------------------------------------------------------------------------------------


@in_skipped_time
async def test_of_several_requests_for_later_the_earliest_holds():
    work = Work()
    async with working(work) as queue:
        for seconds in (20, 10, 15):
            queue.add_later(ITEM, seconds)
        await asyncio.sleep(100)
    assert work.times(ITEM) == [10]


@in_skipped_time
async def test_item_that_is_to_wait_for_a_pause_is_reconciled_once_after_the_last_request():
    work = Work()
    async with working(work) as queue:
        for _ in range(10):
            queue.add_after(ITEM, 5)
            await asyncio.sleep(4)
        await asyncio.sleep(100)
    assert work.times(ITEM) == [9 * 4 + 5]


@in_skipped_time
async def test_queue_is_idle_once_all_is_done_but_for_what_is_to_be_done_later():
    work = Work(seconds=3)
    async with working(work, workers=1) as queue:
        queue.add(ITEM)
        queue.add(OTHER)
        queue.add_later(Item(Kind.MEMORY), 1000)
        await queue.idle()
        assert work.done == [ITEM, OTHER]
        assert asyncio.get_running_loop().time() == pytest.approx(6, abs=0.2)


@in_skipped_time
async def test_request_for_now_replaces_one_for_later():
    work = Work()
    async with working(work) as queue:
        queue.add_later(ITEM, 10)
        queue.add(ITEM)
        await asyncio.sleep(100)
    assert work.times(ITEM) == [0]


@in_skipped_time
async def test_item_that_asks_to_be_looked_at_again_is():
    work = Work()
    work.look_again[ITEM] = 15
    async with working(work) as queue:
        queue.add(ITEM)
        await asyncio.sleep(100)
    assert work.times(ITEM) == [0, 15]


@in_skipped_time
async def test_nothing_happens_any_more_once_it_is_cancelled():
    work = Work()
    async with working(work) as queue:
        queue.add_later(ITEM, 10)
        await asyncio.sleep(1)
        waiting = prometheus_client.REGISTRY.get_sample_value("licet_queue_depth")
    await asyncio.sleep(100)
    assert not work.begun
    assert prometheus_client.REGISTRY.get_sample_value("licet_queue_depth") == waiting


# -- what is told of it ------------------------------------------------------------------------------------------------


@in_skipped_time
async def test_metrics_tell_how_many_wait_and_how_long_each_took():
    def seconds(result: str) -> float:
        labels = {"kind": "vendor", "result": result}
        return prometheus_client.REGISTRY.get_sample_value("licet_reconcile_seconds_sum", labels) or 0.0

    vendor = Item(Kind.VENDOR, name="acme")
    work, before = Work(seconds=3), (seconds("success"), seconds("error"))
    work.failures[vendor] = [FORBIDDEN]
    async with working(work, workers=1) as queue:
        queue.add(vendor)
        queue.add(ITEM)
        queue.add(OTHER)
        await asyncio.sleep(1)
        assert prometheus_client.REGISTRY.get_sample_value("licet_queue_depth") == 2
        await asyncio.sleep(60)
        assert prometheus_client.REGISTRY.get_sample_value("licet_queue_depth") == 0
    assert (seconds("success") - before[0], seconds("error") - before[1]) == (3, 3)


@pytest.mark.parametrize(
    ("item", "text"),
    [
        (Item(Kind.ASSESSMENT), "assessment"),
        (Item(Kind.LICENSE, name="acme-prod"), "license acme-prod"),
        (ITEM, "entitlement prod-eu/platform"),
    ],
)
def test_item_is_named_as_people_name_it(item, text):
    assert str(item) == text
