"""The call budget against the emulator, and against other ways to keep to a limit."""

import asyncio
import json
import random
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
from attrs import evolve, frozen

from benchmarks.budget_worker import IN_FLIGHT, MINUTE, PATH, SPEED, WAYS
from benchmarks.peers import process
from benchmarks.report import Row
from planado_async import Planado, RateLimit

CALLS = 300
BUCKET = 60
SMALL = 20  # a bucket smaller than the client thinks
SLOT = MINUTE / 60
QUEUED = 3000
SAMPLES = 20
_SLOW = 5  # the speed at which one call is timed: a slot of 200 ms, so that its own ms hardly count


@frozen
class Outcome:
    """What became of a job."""

    ratio: float
    """Its time over the shortest possible: a bucket at once, the others one a slot."""
    refusals: int
    lost: int
    """Calls that got no answer."""


@contextmanager
def _emulator(*, bucket: int = BUCKET, speed: int = SPEED) -> Iterator[dict[str, Any]]:
    options = ("--port", "0", "--burst", str(bucket), "--speed", str(speed))
    with process("planado_async.emulator", *options) as line:
        yield json.loads(line)


async def _refusals(server: dict[str, Any]) -> int:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{server['control_url']}/counters") as answer,
    ):
        refusals: int = (await answer.json())["refusals"]
        return refusals


@asynccontextmanager
async def _worker(way: str, server: dict[str, Any], file: str) -> AsyncIterator[Process]:
    """Start a process, which ends when it is told no more numbers."""
    arguments = (way, server["planado_url"], server["api_key"], file)
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.budget_worker", *arguments, stdin=PIPE, stdout=PIPE
    )
    assert worker.stdin
    try:
        yield worker
    finally:
        worker.stdin.close()
        await worker.wait()


async def _line(worker: Process) -> str:
    assert worker.stdout
    return (await worker.stdout.readline()).decode().strip()


async def _lost(worker: Process, calls: int) -> int:
    assert worker.stdin
    worker.stdin.write(b"%d\n" % calls)
    return int(await _line(worker))


@asynccontextmanager
async def _crew(way: str, server: dict[str, Any], workers: int) -> AsyncIterator[list[Process]]:
    """Start processes and wait until all are ready to make calls."""
    with tempfile.TemporaryDirectory(prefix="planado-bench-") as folder:
        file = str(Path(folder) / "budget.db")
        async with AsyncExitStack() as stack:
            started = (
                stack.enter_async_context(_worker(way, server, file)) for _ in range(workers)
            )
            crew = [await each for each in started]
            for worker in crew:
                assert await _line(worker) == "ready"
            yield crew


async def _job(crew: list[Process], server: dict[str, Any], bucket: int) -> Outcome:
    began = time.perf_counter()
    lost = await asyncio.gather(*(_lost(worker, CALLS // len(crew)) for worker in crew))
    took = time.perf_counter() - began
    return Outcome(took / ((CALLS - bucket) * SLOT), await _refusals(server), sum(lost))


async def _run_job(way: str, *, workers: int) -> Outcome:
    with _emulator() as server:
        async with _crew(way, server, workers) as crew:
            return await _job(crew, server, BUCKET)


async def _in_a_small_bucket() -> tuple[Outcome, int]:
    """Return how a job goes, and the refusals of a second one, after the bucket has run empty."""
    with _emulator(bucket=SMALL) as server:
        async with _crew("planado_async", server, 1) as crew:
            outcome = await _job(crew, server, SMALL)
            await asyncio.sleep(2 * SMALL * SLOT)
            lost = outcome.lost + await _lost(crew[0], 3 * SMALL)
            return evolve(outcome, lost=lost), await _refusals(server) - outcome.refusals


async def _waiters() -> tuple[float, float]:
    """Return what ten thousand calls that wait take: MB, and percent of a core."""
    with (
        _emulator(speed=1) as server,
        process("benchmarks.budget_waiters", server["planado_url"], server["api_key"]) as line,
    ):
        megabytes, percent = map(float, line.split())
        return megabytes, percent


async def _interactive() -> float:
    """Return the slots that the slowest of some calls took under a long queue of others."""
    rate, rng, worst = RateLimit(60, 60 / _SLOW), random.Random(0), 0.0
    with _emulator(speed=_SLOW) as server:
        async with Planado(server["api_key"], base_url=server["planado_url"], rate=rate) as planado:
            background = planado.with_options(priority="background")
            quick = planado.with_options(priority="interactive")
            await asyncio.gather(*(quick.request("GET", PATH) for _ in range(int(rate.burst))))
            job = [
                asyncio.create_task(background.request("GET", PATH))
                for _ in range(QUEUED + 2 * SAMPLES)
            ]
            for _ in range(SAMPLES):
                await asyncio.sleep(rng.uniform(0, rate.interval))
                assert planado.budget.queue_length >= QUEUED
                began = time.perf_counter()
                await quick.request("GET", PATH)
                worst = max(worst, (time.perf_counter() - began) / rate.interval)
            for task in job:
                task.cancel()
            await asyncio.wait(job)
    return worst


def _shown(outcomes: dict[tuple[str, int], Outcome]) -> str:
    width = max(len(way) for way, _ in outcomes)
    lines = [
        f"{way:<{width}}  {workers:9}  {each.ratio:14.2f}  {each.refusals:8}  {each.lost:4}"
        for (way, workers), each in outcomes.items()
    ]
    head = f"{f'{CALLS} calls':<{width}}  processes  time / optimum  refusals  lost"
    return "\n".join([head, *lines])


async def run() -> list[Row]:
    """Run the job in every way, by one process and by four, and look at what waiting costs."""
    alone = [(way, 1) for way in WAYS if "shared" not in way]
    one, four = ("planado_async", 1), ("planado_async, shared file", 4)
    outcomes = {
        (way, workers): await _run_job(way, workers=workers)
        for way, workers in [*alone, *((way, 4) for way in WAYS)]
    }
    print(_shown(outcomes))
    small, again = await _in_a_small_bucket()
    megabytes, percent = await _waiters()
    return [
        Row("300 calls: time / optimum", outcomes[one].ratio, 1.06),
        Row("300 calls: refusals", outcomes[one].refusals, 0),
        Row("300 calls, a bucket of 20 not known: time / optimum", small.ratio, 1.12),
        Row("300 calls, a bucket of 20 not known: refusals", small.refusals, IN_FLIGHT + 1),
        Row("the next calls in it: refusals", again, 0),
        Row("300 calls by 4 processes: time / optimum", outcomes[four].ratio, 1.06),
        Row("300 calls by 4 processes: refusals", outcomes[four].refusals, 0),
        Row("300 calls: lost", sum(outcomes[each].lost for each in (one, four)) + small.lost, 0),
        Row("10,000 calls that wait: MB", megabytes, 60),
        Row("10,000 calls that wait: % CPU", percent, 2),
        Row("an interactive call under 3,000 others: slots", await _interactive(), 2),
    ]
