import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from licet.controller.alarm import Alarm
from support.skipped_time import in_skipped_time


class Bell:
    """Notes at what times of the loop it rang; `clock` is the wall clock, which `jump` sets apart from these."""

    def __init__(self) -> None:
        self.rang: list[float] = []
        self.jump = 0.0
        self.on_ring: Callable[[], None] = lambda: None

    def ring(self) -> None:
        self.rang.append(asyncio.get_running_loop().time())
        self.on_ring()

    def clock(self) -> float:
        return asyncio.get_running_loop().time() + self.jump


@asynccontextmanager
async def running(bell: Bell) -> AsyncIterator[Alarm]:
    alarm = Alarm(bell.ring, clock=bell.clock)
    task = asyncio.create_task(alarm.run())
    yield alarm
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@in_skipped_time
async def test_alarm_rings_once_at_its_instant_however_far():
    bell = Bell()
    async with running(bell) as alarm:
        alarm.set(5000)
        await asyncio.sleep(10_000)
    assert bell.rang == [pytest.approx(5000, abs=0.1)]


@in_skipped_time
async def test_instant_that_has_passed_rings_at_once():
    bell = Bell()
    async with running(bell) as alarm:
        await asyncio.sleep(50)
        alarm.set(50)
        await asyncio.sleep(10)
        alarm.set(7)
        await asyncio.sleep(10)
    assert bell.rang == [50, 60]


@pytest.mark.parametrize("instants", [(50, 20), (20, 50), (50, None, 20, 90)])
def test_last_setting_replaces_the_others_be_it_earlier_or_later(instants):
    @in_skipped_time
    async def scenario():
        bell = Bell()
        async with running(bell) as alarm:
            for instant in instants:
                alarm.set(instant)
                await asyncio.sleep(1)
            await asyncio.sleep(1000)
        assert bell.rang == [pytest.approx(instants[-1], abs=0.1)]

    scenario()


@in_skipped_time
async def test_none_is_never():
    bell = Bell()
    async with running(bell) as alarm:
        alarm.set(50)
        await asyncio.sleep(1)
        alarm.set(None)
        await asyncio.sleep(1000)
    assert not bell.rang


@in_skipped_time
async def test_alarm_can_be_set_anew_as_it_rings():
    bell = Bell()
    async with running(bell) as alarm:
        bell.on_ring = lambda: alarm.set(20) if len(bell.rang) == 1 else None
        alarm.set(10)
        await asyncio.sleep(1000)
    assert bell.rang == [pytest.approx(10, abs=0.1), pytest.approx(20, abs=0.1)]


@in_skipped_time
async def test_clock_that_is_put_forward_is_noticed_within_half_a_minute():
    bell = Bell()
    async with running(bell) as alarm:
        alarm.set(5000)
        await asyncio.sleep(100)
        bell.jump = 10_000
        await asyncio.sleep(31)
        assert len(bell.rang) == 1
    assert 100 < bell.rang[0] <= 131


@in_skipped_time
async def test_clock_that_is_put_back_does_not_ring_early():
    bell = Bell()
    async with running(bell) as alarm:
        alarm.set(120)
        await asyncio.sleep(115)
        bell.jump = -100
        await asyncio.sleep(100)
        assert not bell.rang
        await asyncio.sleep(10)
    assert bell.rang == [pytest.approx(220, abs=0.1)]


@in_skipped_time
async def test_nothing_is_asked_while_no_instant_is_set():
    bell, asked = Bell(), 0

    def clock() -> float:
        nonlocal asked
        asked += 1
        return bell.clock()

    alarm = Alarm(bell.ring, clock=clock)
    task = asyncio.create_task(alarm.run())
    await asyncio.sleep(100_000)
    task.cancel()
    assert not asked
