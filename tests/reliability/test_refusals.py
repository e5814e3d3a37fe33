"""A storm of refusals: one probe at a time goes out, and when it is over nothing is missing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from planado_async import Planado, RateLimit
from planado_async.core.limiter import Limiter, LocalLimiter
from planado_async.core.limiter_sqlite import SqliteLimiter
from planado_async.emulator import Emulator
from tests.reliability.slow_line import Passing, SlowLine

STORM = 60.0  # seconds
SLOT = 1.0
LATENCY = 0.3
CALM = 0.5  # seconds before the storm, with the burst on its way
CALLERS = 24  # more than may be in flight
CREATES = 2  # of each caller, each followed by a read
ROUNDING = 1e-3

# What a refusal asks for, and the seconds of it that the client is to honour.
RETRY_AFTER: dict[str, tuple[float | str | None, float | None]] = {
    "absent": (None, None),
    "negative": (-1, None),
    "a-date": ("Wed, 21 Oct 2026 07:28:00 GMT", None),
    "huge": (1e9, None),
    "none": (0, 0.0),
    "half-a-minute": (30, 30.0),
    "an-hour": (3600, 120.0),
}


def now() -> float:
    return asyncio.get_running_loop().time()


def limiters(kind: str, folder: Path) -> list[Limiter]:
    """Return the limiters of all clients of an account."""
    if kind == "local":
        return [LocalLimiter()]
    return [SqliteLimiter(folder / "budget.db", RateLimit(), clock=now) for _ in range(2)]


@asynccontextmanager
async def clients(key: str, url: str, budgets: list[Limiter]) -> AsyncIterator[list[Planado]]:
    async with AsyncExitStack() as stack:
        opened = [Planado(key, base_url=url, limiter=each) for each in budgets]
        yield [await stack.enter_async_context(each) for each in opened]


class Caller:
    """Makes jobs and reads them, and keeps the uuid it was told for each."""

    def __init__(self, name: str, planado: Planado) -> None:
        self.made: dict[str, str] = {}
        self._name = name
        self._planado = planado

    async def work(self) -> None:
        for number in range(CREATES):
            mark = f"{self._name}-{number}"
            self.made[mark] = await self._planado.jobs.create(external_order_id=mark)
            job = await self._planado.jobs.get(self.made[mark])
            assert (job.uuid, job.external_order_id) == (self.made[mark], mark)


async def storm(emulator: Emulator, kind: str, retry_after: float | str | None) -> float:
    """Refuse everything for a while, and tell when it was over."""
    await asyncio.sleep(CALM)
    fault = emulator.fault(kind, count=None, retry_after=retry_after)["fault"]
    await asyncio.sleep(STORM)
    emulator.cancel_faults(fault["uuid"])
    return now()


@pytest.mark.parametrize("limiter", ["local", "sqlite"])
@pytest.mark.parametrize("refusal", ["refuse_429", "refuse_200"])
@pytest.mark.parametrize("asks", RETRY_AFTER)
async def test_a_storm_of_refusals_passes(
    asks: str, refusal: str, limiter: str, tmp_path: Path, figures: Callable[..., None]
) -> None:
    """One probe at a time goes out, at the time that is asked for, and every call ends well."""
    retry_after, honoured = RETRY_AFTER[asks]
    async with (
        Emulator() as emulator,
        SlowLine(emulator.url, lambda: LATENCY) as line,
        clients(emulator.api_key, line.url, limiters(limiter, tmp_path)) as opened,
    ):
        callers = [Caller(f"c{n}", opened[n % len(opened)]) for n in range(CALLERS)]
        weather = asyncio.create_task(storm(emulator, refusal, retry_after))
        await asyncio.gather(*(each.work() for each in callers))
        left = [(each.budget.queue_length, each.budget.in_flight) for each in opened]
        await audit(emulator, callers)
    resumed = check_probes(line.calls, 2 * SLOT if honoured is None else max(SLOT, honoured))
    refused = [call for call in line.calls if call.refused]
    late = resumed - max(await weather, refused[-1].ended + (honoured or 0.0))
    figures(resumed_after=round(late, 2), refusals=len(refused))
    assert len(refused) > 1
    assert late <= 2 * SLOT + ROUNDING
    assert left == [(0, 0)] * len(opened)


def check_probes(calls: list[Passing], halt: float) -> float:
    """Check that probes go out singly and in time; return when the one came that was answered."""
    first = min(call.ended for call in calls if call.refused)
    last = max(call.ended for call in calls if call.began <= first and call.refused)
    for probe in (call for call in calls if call.began > first):
        waited = probe.began - last
        assert halt - ROUNDING <= waited <= halt + SLOT + ROUNDING
        if not probe.refused:
            return probe.began
        last = probe.ended
    raise AssertionError("no call was let through after the storm")


async def audit(emulator: Emulator, callers: list[Caller]) -> None:
    """Check that each job is there once, under the uuid its maker was told."""
    emulator.settings(rate=1e6, burst=1e6)
    async with Planado(emulator.api_key, base_url=emulator.url, rate=None) as planado:
        there = sorted([(job.external_order_id, job.uuid) async for job in planado.jobs.list()])
    told = sorted(made for caller in callers for made in caller.made.items())
    assert len(told) == CALLERS * CREATES
    assert there == told
