"""The receiving service is killed, or its handlers fail and kill it; it loses nothing."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest

from planado_async.webhooks import Delivery, SqliteInbox
from planado_async.webhooks.inbox import Route
from tests.reliability.lives import LONGEST, Life, Load, drained, found, living, post, spawned
from tests.reliability.service import HANDLER, KILLED
from tests.webhooks.making import delivery

pytestmark = [pytest.mark.real_time, pytest.mark.timeout(1200)]

ATTEMPTS = 8
MAX_CRASHES = 3
CONCURRENCY = 8
CONNECTIONS = 32
EARLY = 10  # each so many lives end before or soon after the service answers


# --- Killed under load ----------------------------------------------------------------------------


async def test_no_acknowledged_event_is_lost(
    tmp_path: Path, scaled: Callable[[int], int], figures: Callable[..., None]
) -> None:
    """After kills at any moment every acknowledged event is done or set aside, at little cost."""
    rng, load, rounds = random.Random(7), Load(), scaled(200)
    lives = [Life(tmp_path, number) for number in range(rounds + 1)]
    for life in lives[:-1]:
        await one_round(life, load, rng)
    async with living(lives[-1]):
        await drained(lives[-1].inbox)
    repeats = again(lives)
    figures(kills=rounds, acknowledged=len(load.acknowledged), most_repeated=max(repeats))
    check(lives[-1].inbox, load.acknowledged)
    assert len(load.acknowledged) >= rounds * 20
    assert max(repeats) <= CONCURRENCY


async def one_round(life: Life, load: Load, rng: random.Random) -> None:
    """Start the service, and kill it at some moment: starting, just started or under full load."""
    if life.number % EARLY == EARLY - 1:
        async with spawned(life):
            await asyncio.sleep(rng.uniform(0.0, 0.8))
        return
    wanted = len(load.acknowledged) + rng.randrange(160)
    async with living(life), aiohttp.ClientSession() as session, asyncio.timeout(LONGEST):
        senders = [asyncio.create_task(load.send(session, life)) for _ in range(CONNECTIONS)]
        while len(load.acknowledged) < wanted:
            assert not any(sender.done() for sender in senders)
            await asyncio.sleep(0.001)
        await life.kill()
        await asyncio.gather(*senders)


def check(path: Path, acknowledged: set[str]) -> None:
    """Compare what was acknowledged with what the file holds."""
    there = found(path)
    assert acknowledged - there.states.keys() == set()
    # Dead are those that three kills in a row found running alone: set aside, not lost.
    assert set(there.states.values()) <= {"done", "dead"}
    assert there.crashes == [MAX_CRASHES] * there.runs["dead"]
    assert there.runs["done"] + there.runs["dead"] == len(there.states)


def again(lives: list[Life]) -> list[int]:
    """Return how many of the handlers begun in each life were begun again later."""
    repeats, later = list[int](), set[str]()
    for life in reversed(lives):
        begun = Counter(name for name, _ in life.begun())
        assert set(begun.values()) <= {1}
        repeats.append(len(begun.keys() & later))
        later |= begun.keys()
    return repeats


# --- Killed with much to do -----------------------------------------------------------------------


async def test_a_long_backlog_does_not_hold_up_the_start(
    tmp_path: Path, scaled: Callable[[int], int], figures: Callable[..., None]
) -> None:
    """A service that was killed with a hundred thousand events waiting answers and works soon."""
    life = Life(tmp_path)
    await backlog(life.inbox, scaled(100_000))
    began = time.perf_counter()
    async with living(life), aiohttp.ClientSession() as session:
        assert await post(session, life, "new", "new-1") == 204
        answered = time.perf_counter() - began
        async with asyncio.timeout(LONGEST):
            # Those that the kill found running, and one more.
            while len(life.begun()) <= CONCURRENCY:  # noqa: ASYNC110  # another process changes it
                await asyncio.sleep(0.005)
        worked = time.perf_counter() - began
    figures(answered=f"{answered:.2f} s", worked=f"{worked:.2f} s")
    assert worked < 20


async def backlog(path: Path, count: int) -> None:
    """Leave an inbox as a service does that is killed: some runs claimed, and many waiting."""
    routes = {HANDLER: Route(("*",))}
    async with SqliteInbox(path) as inbox:
        for first in range(0, count, 500):
            await asyncio.gather(*(inbox.put(made(first + each)) for each in range(500)))
        more = True
        while more:
            claim = await inbox.claim(routes, owner="gone", lease=90.0, limit=CONCURRENCY)
            more = claim.more


def made(number: int) -> Delivery:
    return delivery(f"old{number}", entity=f"quick-{number % 1_000}", version=number)


# --- Poison ---------------------------------------------------------------------------------------

GOOD = 20  # entities


async def test_a_handler_that_always_fails_ends_dead(
    tmp_path: Path, scaled: Callable[[int], int], figures: Callable[..., None]
) -> None:
    """An event whose handler raises is dead after eight attempts; all others are done."""
    async with living(Life(tmp_path, options=["--speed=50000"])) as life:
        names = await send_mixed(life, "raising", scaled(50), scaled(2_000))
        await drained(life.inbox)
    there = found(life.inbox)
    begun = Counter(name for name, _ in life.begun())
    figures(attempts=sorted({begun[name] for name in names if name.startswith("raising")}))
    for name in names:
        bad = name.startswith("raising")
        assert (begun[name], there.states[name]) == ((ATTEMPTS, "dead") if bad else (1, "done"))
    assert there.crashes == [0] * there.runs["dead"]


async def test_a_handler_that_kills_the_process_is_set_aside(
    tmp_path: Path, scaled: Callable[[int], int], figures: Callable[..., None]
) -> None:
    """An event that ends the process three times is set aside; all others are done."""
    killers, others = scaled(20), scaled(1_000)
    lives = [Life(tmp_path)]
    async with living(lives[0]):
        names = await send_mixed(lives[0], "quick", 0, others)
    # Sent while nothing runs, so that no sender is cut off by what it sends.
    async with SqliteInbox(lives[0].inbox) as inbox:
        for number in range(killers):
            await inbox.put(delivery(f"killing{number}", entity=f"killing-{number}"))
            await inbox.put(delivery(f"after{number}", entity=f"after-{number}"))
    # Each kills alone three times; before that some may have died together.
    deaths = await supervised(lives, at_most=(MAX_CRASHES + 1) * killers)
    there = found(lives[0].inbox)
    figures(killers=killers, deaths=deaths)
    bad = {name for name, state in there.states.items() if state == "dead"}
    assert bad == {f"killing{number}" for number in range(killers)}
    assert there.crashes == [MAX_CRASHES] * killers
    assert set(names) < there.states.keys()
    assert set(there.states.values()) == {"done", "dead"}
    assert max(again(lives)) <= CONCURRENCY
    assert deaths >= MAX_CRASHES * killers


async def supervised(lives: list[Life], at_most: int) -> int:
    """Start the service whenever it has ended, until nothing waits; return how often it ended."""
    while True:
        assert len(lives) - 1 <= at_most
        life = Life(lives[0].folder, len(lives))
        lives.append(life)
        async with spawned(life):
            idle = asyncio.create_task(drained(life.inbox))
            ended = asyncio.create_task(life.process.wait())
            await asyncio.wait({idle, ended}, return_when=asyncio.FIRST_COMPLETED)
            if idle.done():
                await idle
                return len(lives) - 2
            idle.cancel()
            assert ended.result() == KILLED, life.log.read_text()


async def send_mixed(life: Life, kind: str, bad: int, good: int) -> list[str]:
    """Send good events and bad ones among them; return the names of all."""
    names = [f"good{number}" for number in range(good)]
    for number in range(bad):
        names.insert(number * good // bad, f"{kind}{number}")
    async with aiohttp.ClientSession() as session:
        for number, name in enumerate(names):
            entity = f"quick-{number % GOOD}" if name.startswith("good") else f"{kind}-{name}"
            assert await post(session, life, name, entity, number + 1) == 204
    return names
