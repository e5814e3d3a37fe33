"""The receiving service under load: every event is answered, and nothing piles up."""

import asyncio
import os
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from statistics import quantiles

import aiohttp
import pytest

from benchmarks.peers import process
from tests.disk import fdatasync
from tests.reliability.lives import Life, drained, found, living, post
from tests.reliability.sender import Sent, sent

pytestmark = [pytest.mark.real_time, pytest.mark.timeout(900)]

CONNECTIONS = 64
SLOW_DISK = 0.1  # ms for an fdatasync, from where commits are what a request costs
MEMORY = 20 * 2**20
JOURNAL = 64 * 2**20


@pytest.fixture
def seconds(pytestconfig: pytest.Config) -> Callable[[float, float], float]:
    """Choose how long a load lasts: the first with `--full`."""
    full = pytestconfig.getoption("--full")
    return lambda long, short: long if full else short


def times(load: Sent) -> str:
    return f"p50 {load.p50:.1f} ms, p99 {load.p99:.1f} ms, longest {load.longest:.0f} ms"


# --- At a rate that does not wait for answers -----------------------------------------------------


@pytest.mark.parametrize("rate", [500, 2_000])
async def test_the_receiver_takes_what_comes(
    rate: int,
    tmp_path: Path,
    seconds: Callable[[float, float], float],
    figures: Callable[..., None],
) -> None:
    """Every event is acknowledged, and on disk, at a rate that does not wait for answers."""
    lasts = seconds(20.0, 1.0)
    with process("benchmarks.receiver_server", "durable", str(tmp_path)) as url:
        load = await sent("open", int(url.rpartition(":")[2]), "quick", rate, lasts)
    figures(answers=times(load))
    assert load.statuses == {"204": rate * lasts}
    assert found(only_inbox(tmp_path)).states == {
        f"quick{number}": "waiting" for number in range(load.all)
    }


def only_inbox(folder: Path) -> Path:
    [inbox] = folder.glob("*.db")
    return inbox


async def test_the_service_handles_what_comes(
    tmp_path: Path, seconds: Callable[[float, float], float], figures: Callable[..., None]
) -> None:
    """With handlers running beside it every event is acknowledged too, and handled once."""
    rate, lasts = 500, seconds(20.0, 1.0)
    async with living(Life(tmp_path, options=["--concurrency=32"])) as life:
        load = await sent("open", life.port, "quick", rate, lasts)
        await drained(life.inbox)
    figures(answers=times(load))
    assert load.statuses == {"204": rate * lasts}
    names = [f"quick{number}" for number in range(load.all)]
    assert Counter(name for name, _ in life.begun()) == Counter(names)
    assert found(life.inbox).states == dict.fromkeys(names, "done")


# --- As fast as answers come ----------------------------------------------------------------------


async def test_group_commit_pays(
    tmp_path: Path, seconds: Callable[[float, float], float], figures: Callable[..., None]
) -> None:
    """Committing together is worth its thread: far from a commit each, near to none at all.

    What it is worth exactly is the benchmark's to say, on a machine that does nothing else.
    """
    lasts, rounds = seconds(2.0, 0.7), int(seconds(3, 1))
    best = dict.fromkeys(("durable", "single", "unstored"), 0.0)
    for mode in [*best] * rounds:
        best[mode] = max(best[mode], await closed_loop(mode, tmp_path, lasts))
    figures(**{mode: f"{rate:.0f}/s" for mode, rate in best.items()})
    assert best["durable"] > 0.2 * best["unstored"]
    if fdatasync().p50 >= SLOW_DISK:
        assert best["durable"] > 1.5 * best["single"]


async def closed_loop(mode: str, folder: Path, lasts: float) -> float:
    """Return how many events a second are acknowledged in one of the ways."""
    with process("benchmarks.receiver_server", mode, str(folder)) as url:
        port = int(url.rpartition(":")[2])
        load = await sent("closed", port, f"{mode}-", CONNECTIONS, lasts)
    assert load.statuses.keys() == {"204"}
    return load.all / lasts


# --- For long -------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_nothing_piles_up(
    tmp_path: Path, seconds: Callable[[float, float], float], figures: Callable[..., None]
) -> None:
    """After all its events memory, journal, descriptors and tasks are what they were."""
    async with living(Life(tmp_path)) as life, aiohttp.ClientSession() as session:
        await sent("open", life.port, "warm", 200, seconds(30.0, 1.0))
        await drained(life.inbox)
        before = await life.vitals(session)
        load, journal = await watched(life, seconds(300.0, 3.0))
        await drained(life.inbox)
        after = await life.vitals(session)
    grown = after.memory - before.memory
    figures(events=load.all, grown=f"{grown / 2**20:.1f} MB", journal=f"{journal / 2**20:.1f} MB")
    assert load.statuses == {"204": load.all}
    assert (after.tasks, after.descriptors) == (before.tasks, before.descriptors)
    assert grown <= MEMORY
    assert 0 < journal <= seconds(JOURNAL, JOURNAL / 4)


async def watched(life: Life, lasts: float) -> tuple[Sent, int]:
    """Send for so long; return what came of it and the largest size of the inbox's journal."""
    largest = 0
    load = asyncio.create_task(sent("open", life.port, "quick", 200, lasts))
    while not load.done():
        largest = max(largest, os.stat(f"{life.inbox}-wal").st_size)
        await asyncio.sleep(0.1)
    return load.result(), largest


# --- Beside handlers that hang --------------------------------------------------------------------

HUNG, SLOW = 16, 8  # entities, of 32 handlers at once
TIME_LIMIT = 1.0
HANGING = ("--concurrency=32", f"--handler-timeout={TIME_LIMIT}", "--speed=1000")


async def test_hung_handlers_hold_nobody_up(
    tmp_path: Path, seconds: Callable[[float, float], float], figures: Callable[..., None]
) -> None:
    """While half of the handlers hang others are called at once, and the hung are tried again."""
    lasts, rounds = seconds(5.0, 1.5), int(seconds(3, 1))
    async with living(Life(tmp_path, options=HANGING)) as life:
        before = [await sent("open", life.port, f"a{n}-", 200, lasts) for n in range(rounds)]
        await drained(life.inbox)
        hung = await hang(life)
        beside = [await sent("open", life.port, f"b{n}-", 200, lasts) for n in range(rounds)]
        await drained(life.inbox, but=len(hung) * 3)
    begun = Counter(name for name, _ in life.begun())
    assert all(load.statuses == {"204": 200 * lasts} for load in before + beside)
    assert all(begun[name] == 1 for name in begun if name.startswith("b"))
    assert [name for name in hung if begun[name] < 2] == []
    late = delays(life, "b")
    ratio = min(load.p99 for load in beside) / min(load.p99 for load in before)
    figures(answers=times(beside[0]), ratio=f"{ratio:.2f}", handled_after_p99=f"{late:.3f} s")
    assert len([name for name in begun if name.startswith("b")]) == 200 * lasts * rounds
    assert ratio < 10
    assert late < 10


async def hang(life: Life) -> list[str]:
    """Send three events each to entities whose handlers hang or are slow; return who hangs."""
    async with aiohttp.ClientSession() as session:
        for kind, entities in (("hung", HUNG), ("slow", SLOW)):
            for one in range(entities):
                for version in (1, 2, 3):
                    name = f"{kind}{one}v{version}"
                    assert await post(session, life, name, f"{kind}-{one}", version) == 204
    return [f"hung{one}v1" for one in range(HUNG)]


def delays(life: Life, prefix: str) -> float:
    """Return the 99th percentile of the seconds between receiving and handling."""
    with closing(sqlite3.connect(life.inbox)) as connection:
        received = dict(connection.execute("SELECT event_uuid, received_at FROM deliveries"))
    waited = [moment - received[name] for name, moment in life.begun() if name.startswith(prefix)]
    cuts: list[float] = quantiles(waited, n=100)
    return cuts[98]
