import asyncio
from datetime import UTC, datetime, timedelta, timezone

from planado_async.emulator import Emulator, clock
from planado_async.emulator.clock import Clock

NOON = datetime(2026, 2, 2, 13, 0, 1, 234567, tzinfo=timezone(timedelta(hours=1)))


async def test_runs_at_its_speed() -> None:
    """A second of the loop is `speed` seconds of the clock."""
    start = datetime(2026, 2, 2, tzinfo=UTC)
    emulated = Clock(start, 20)
    await asyncio.sleep(3)
    assert emulated.now() - start == timedelta(seconds=60)
    assert emulated.elapsed() == 60


async def test_sleeps_emulated_seconds() -> None:
    """Sleeping is shortened by the speed."""
    emulated = Clock(None, 10)
    before = asyncio.get_running_loop().time()
    await emulated.sleep(50)
    assert asyncio.get_running_loop().time() - before == 5


async def test_emulator_tells_its_clock() -> None:
    """`now` and the control API tell the same aware moment."""
    start = datetime(2026, 2, 2, 8, tzinfo=UTC)
    async with Emulator(speed=2, start=start) as emulator:
        await asyncio.sleep(1800)
        assert emulator.now() == start + timedelta(hours=1)


def test_forms() -> None:
    """Each kind of moment has its own form on the wire, always in UTC."""
    assert clock.microseconds(NOON) == "2026-02-02T12:00:01.234567Z"
    assert clock.milliseconds(NOON) == "2026-02-02T12:00:01.234Z"
    assert clock.seconds(NOON) == "2026-02-02T12:00:01Z"
    assert clock.event_time(NOON) == "2026-02-02T12:00:01.234+00:00"
    assert clock.log_time(NOON) == "2026-02-02T12:00:01+00:00"


async def test_held() -> None:
    """A clock that is held stands at an earlier moment, and then goes on as if nothing was."""
    emulated = Clock(None, 2)
    await emulated.sleep(60)
    earlier = emulated.start + timedelta(seconds=10)
    with emulated.held_at(earlier):
        assert (emulated.elapsed(), emulated.now()) == (10, earlier)
    assert emulated.elapsed() == 60
