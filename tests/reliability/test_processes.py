"""Four programs on one budget: it is kept, whatever becomes of one of them or of their file.

A call that comes late to an empty bucket makes the server's run behind the limiter's until both are
empty again. Here a slot is so short that the start of a program would count, so a single program
fills the bucket, over a line that is open, and it is not let run empty.
"""

import asyncio
import os
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from attrs import frozen

from planado_async import Planado, RateLimit
from planado_async.core.limiter_sqlite import SqliteLimiter
from tests.reliability.worker import BURST, CALLERS

pytestmark = [pytest.mark.real_time, pytest.mark.timeout(300)]

PROCESSES = 4
LONGEST = 90.0  # seconds that any one condition may take before the test gives up
OUTAGE = 40  # slots without the file, at eight a second; fewer than the bucket holds
MADE_UP = BURST - 2 * PROCESSES  # the level when what was missed has been made up for
MOST_OUT = PROCESSES * (CALLERS + 1)  # calls in flight, and one slot that each process has reserved


@frozen
class Level:
    """How the server's bucket stands."""

    slot: float
    """Slots since the server's start, by its own clock."""
    calls: int
    """Calls let through since then."""
    level: float
    highest: float
    refusals: int


class Server:
    """An emulator in a process of its own."""

    def __init__(self, told: dict[str, str], session: aiohttp.ClientSession) -> None:
        self.key, self.url = told["api_key"], told["planado_url"]
        self._control_url = told["control_url"]
        self._session = session

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        async with self._session.request(method, self._control_url + path, json=body) as answer:
            assert answer.status == 200
            return await answer.json()

    async def level(self) -> Level:
        counters, clock = (
            await self.control("GET", "/counters"),
            await self.control("GET", "/clock"),
        )
        began, now = (datetime.fromisoformat(clock[name]) for name in ("started_at", "now"))
        return Level(
            slot=(now - began).total_seconds(),
            calls=counters["calls"],
            level=counters["level"],
            highest=counters["highest_level"],
            refusals=counters["refusals"],
        )

    async def until(self, reached: Callable[[Level], bool]) -> Level:
        """Wait until the bucket stands so."""
        async with asyncio.timeout(LONGEST):
            while not reached(level := await self.level()):  # noqa: ASYNC110  # another process's
                await asyncio.sleep(0.05)
        return level


@asynccontextmanager
async def a_server(speed: int) -> AsyncIterator[Server]:
    """Run a server, so many times as fast as the real one: a slot is a `speed`th of a second."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "planado_async.emulator", "--speed", str(speed)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    try:
        told = orjson.loads(await process.stdout.readline())
        async with aiohttp.ClientSession() as session:
            yield Server(told, session)
    finally:
        process.terminate()
        await process.wait()


class Programs:
    """What runs on the budget, and what it has written down."""

    def __init__(self, server: Server, folder: Path, speed: int) -> None:
        self.budget = folder / "budget" / "calls.db"
        self.budget.parent.mkdir()
        self.killed: list[str] = []
        self.alone: Level
        """How the bucket stood when a single program had filled it."""
        self.rate = RateLimit(60 * speed, per=60.0, burst=BURST)
        self._server = server
        self._journals = folder / "journals"
        self._journals.mkdir()
        self._running: dict[str, asyncio.subprocess.Process] = {}

    async def start(self, name: str) -> None:
        keys = {"PLANADO_API_KEY": self._server.key, "PLANADO_BASE_URL": self._server.url}
        told = (name, self.budget, self._journals / name, str(self.rate.calls))
        self._running[name] = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.reliability.worker", *told), env=os.environ | keys
        )

    async def kill(self, name: str) -> None:
        """Kill one as kill -9 does."""
        self.killed.append(name)
        process = self._running.pop(name)
        process.kill()
        await process.wait()

    async def stop(self) -> list[int]:
        """Let them end their calls, and return how they end."""
        for process in self._running.values():
            process.terminate()
        return [await process.wait() for process in self._running.values()]

    async def kill_all(self) -> None:
        for name in [name for name, process in self._running.items() if process.returncode is None]:
            await self.kill(name)

    def at_work(self) -> set[str]:
        """Return which have made a job."""
        return {mark.partition("-")[0] for event, mark in self.journal() if event == "made"}

    def journal(self) -> Iterator[tuple[str, str]]:
        """Return what happened to which job, all programs together."""
        for journal in self._journals.iterdir():
            for line in journal.read_text().splitlines():
                event, mark, *_ = line.split(" ", 2)
                yield event, mark


@asynccontextmanager
async def four_programs(folder: Path, *, speed: int) -> AsyncIterator[tuple[Server, Programs]]:
    """Run a server and four programs, its bucket full."""
    async with a_server(speed) as server:
        programs = Programs(server, folder, speed)
        try:
            async with kept_full(server, programs) as programs.alone:
                for number in range(PROCESSES):
                    await programs.start(f"p{number}")
                await server.until(lambda _: len(programs.at_work()) == PROCESSES)
            await server.until(lambda now: now.level > BURST - 2)
            yield server, programs
        finally:
            await programs.kill_all()


@asynccontextmanager
async def kept_full(server: Server, programs: Programs) -> AsyncIterator[Level]:
    """Use the whole budget in this process, and tell how the bucket stands then."""
    limiter = SqliteLimiter(programs.budget, programs.rate)
    async with Planado(server.key, base_url=server.url, limiter=limiter) as planado:
        await planado.request("GET", "/skills")
        await server.until(lambda now: now.level == 0)

        async def caller() -> None:
            while True:
                await planado.request("GET", "/skills")

        callers = [asyncio.create_task(caller()) for _ in range(16)]
        yield await server.until(lambda now: now.calls >= BURST + 20)
        for each in callers:
            each.cancel()
        await asyncio.gather(*callers, return_exceptions=True)
    limiter.close()


def utilisation(before: Level, after: Level) -> float:
    """Return the share of the calls made, of those the budget allowed while callers waited."""
    allowed = BURST - before.level + after.slot - before.slot
    return (after.calls - before.calls) / allowed


async def audit(server: Server, programs: Programs) -> dict[str, int]:
    """Compare what the programs were told with the jobs there are; count what is wrong."""
    await server.control("PATCH", "/settings", {"rate": 1e6, "burst": 1e6})
    async with Planado(server.key, base_url=server.url, rate=None) as planado:
        there = Counter([job.external_order_id async for job in planado.jobs.list()])
    journal = Counter(programs.journal())
    sent, made = ({mark for event, mark in journal if event == told} for told in ("sent", "made"))
    in_doubt = {mark for mark in sent - made if mark.partition("-")[0] in programs.killed}
    assert len(there) >= len(made) > 0
    return {
        "failed": sum(event == "failed" for event, _ in journal),
        "lost": len(made - there.keys()) + len(sent - made - in_doubt),
        "doubled": sum(count > 1 for count in there.values()),
        "unknown": len(there.keys() - sent),
    }


FLAWLESS = {"failed": 0, "lost": 0, "doubled": 0, "unknown": 0}


async def test_four_programs_keep_one_budget(
    tmp_path: Path, scaled: Callable[[int], int], figures: Callable[..., None]
) -> None:
    """One is killed and started again; the server refuses nothing and is used to the full.

    Nor do they fill its bucket higher than a single program did before.
    """
    calls = scaled(1000)
    async with four_programs(tmp_path, speed=20) as (server, programs):
        before = await server.level()
        killed = await server.until(lambda now: now.calls >= before.calls + calls)
        await programs.kill("p0")
        await programs.start("again")
        after = await server.until(lambda now: now.calls >= killed.calls + calls)
        used = utilisation(before, after)
        assert await programs.stop() == [0] * PROCESSES
        end = await server.level()
        wrong = await audit(server, programs)
    figures(refusals=end.refusals, highest_level=round(end.highest, 2), utilisation=round(used, 4))
    assert (end.refusals, wrong) == (0, FLAWLESS)
    assert end.highest <= programs.alone.highest + 0.5
    assert used >= 0.97
    assert "again" in programs.at_work()


@contextmanager
def locked(budget: Path) -> Iterator[None]:
    with closing(sqlite3.connect(budget, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield


@contextmanager
def moved_away(budget: Path) -> Iterator[None]:
    """Take the whole folder away, as when a volume is gone."""
    away = budget.parent.with_name("away")
    budget.parent.rename(away)
    yield
    away.rename(budget.parent)


@contextmanager
def replaced(budget: Path) -> Iterator[None]:
    """Take the file away, so that another is made, and then put it in the other's place."""
    away = budget.with_name("away.db")
    budget.rename(away)
    yield
    away.rename(budget)


async def end_of_outage(
    outage: Callable[[Path], AbstractContextManager[None]], server: Server, programs: Programs
) -> int:
    """Let an outage pass and calls go on, and return how many were made meanwhile.

    The level is not what it was: each process may have lost the slot that it had reserved.
    """
    with outage(programs.budget):
        before = await server.level()
        after = await server.until(lambda now: now.slot >= before.slot + OUTAGE)
    await server.until(lambda now: now.slot >= after.slot + OUTAGE and now.level > MADE_UP)
    return after.calls - before.calls


@pytest.mark.parametrize("outage", [locked, moved_away])
async def test_without_the_file_the_programs_wait(
    outage: Callable[[Path], AbstractContextManager[None]],
    tmp_path: Path,
    figures: Callable[..., None],
) -> None:
    """For five seconds nobody can ask for a turn; nothing fails, is refused, lost or doubled."""
    async with four_programs(tmp_path, speed=8) as (server, programs):
        calls = await end_of_outage(outage, server, programs)
        assert await programs.stop() == [0] * PROCESSES
        end = await server.level()
        wrong = await audit(server, programs)
    figures(refusals=end.refusals, highest_level=round(end.highest, 2))
    assert (end.refusals, wrong) == (0, FLAWLESS)
    assert calls <= MOST_OUT


async def test_a_file_that_is_replaced_fails_no_call(
    tmp_path: Path, figures: Callable[..., None]
) -> None:
    """The programs make it good: nothing is refused or lost."""
    async with four_programs(tmp_path, speed=8) as (server, programs):
        await end_of_outage(replaced, server, programs)
        assert await programs.stop() == [0] * PROCESSES
        end = await server.level()
        wrong = await audit(server, programs)
    figures(refusals=end.refusals, highest_level=round(end.highest, 2))
    assert wrong == FLAWLESS
    assert end.refusals == 0
