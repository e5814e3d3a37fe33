"""The power is cut while the service works: what it has acknowledged is on the disk.

A killed process leaves its writes to the system, which brings them to the disk; so no kill can tell
whether anybody waited for the disk. Here the calls of a real service are recorded, and the disk is
made from them as a cut at any moment may leave it. A service that does not wait is the control: the
same cuts must find it out.
"""

import asyncio
import random
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest
from attrs import frozen

from tests.reliability.lives import LONGEST, Life, drained, living, post
from tests.reliability.power import Disk, Step, disks, need_strace, recording, steps

pytestmark = [pytest.mark.real_time, pytest.mark.timeout(600)]

CONNECTIONS = 5
EACH = 40  # events


@frozen
class Record:
    """What a service did, and the events whose senders were told 204."""

    folder: Path
    steps: list[Step]
    acknowledged: set[str]


@pytest.fixture(scope="module")
def strace() -> None:
    need_strace()


@pytest.fixture(scope="module")
def waiting(strace: None, tmp_path_factory: pytest.TempPathFactory) -> Record:
    """A service as it is."""
    return asyncio.run(record(tmp_path_factory.mktemp("full"), "FULL"))


@pytest.fixture(scope="module")
def control(strace: None, tmp_path_factory: pytest.TempPathFactory) -> Record:
    """A service that does not wait for the disk."""
    return asyncio.run(record(tmp_path_factory.mktemp("normal"), "NORMAL"))


async def record(folder: Path, synchronous: str) -> Record:
    """Record a service from its first start to its kill."""
    trace = folder / "trace"
    life = Life(folder, options=[f"--synchronous={synchronous}"], around=recording(trace))
    async with living(life), aiohttp.ClientSession() as session:
        names = await asyncio.gather(*(send(session, life, n) for n in range(CONNECTIONS)))
        await drained(life.inbox)
    async with asyncio.timeout(LONGEST):
        while not written_whole(trace, life):  # noqa: ASYNC110  # another process writes it
            await asyncio.sleep(0.02)
    return Record(folder, list(steps(trace)), {name for each in names for name in each})


async def send(session: aiohttp.ClientSession, life: Life, number: int) -> list[str]:
    """Send one event after another; return those acknowledged."""
    names = [f"e{number}.{each}" for each in range(EACH)]
    for version, name in enumerate(names, start=1):
        assert await post(session, life, name, f"job{number}", version) == 204
    return names


def written_whole(trace: Path, life: Life) -> bool:
    """Tell whether the record holds the end of the service."""
    with trace.open("rb") as file:
        file.seek(max(trace.stat().st_size - 4096, 0))
        return re.search(rb"^%d +\+\+\+ killed" % life.process.pid, file.read(), re.M) is not None


def test_the_disk_is_waited_for_before_each_answer(
    waiting: Record, figures: Callable[..., None]
) -> None:
    """The fdatasync after an event's write has returned before its 204 is sent, each time."""
    disk = last(waiting)
    figures(answers=len(disk.acknowledged), premature=len(disk.premature))
    assert sorted(disk.acknowledged) == sorted(waiting.acknowledged)
    assert disk.premature == []


def test_what_does_not_wait_is_seen(control: Record) -> None:
    """The same look at the control finds answers that were given too early."""
    disk = last(control)
    assert sorted(disk.acknowledged) == sorted(control.acknowledged)
    assert disk.premature != []


def last(record: Record) -> Disk:
    *_, disk = disks(record.steps, record.folder)
    return disk


def test_no_acknowledged_event_is_lost_in_a_power_cut(
    waiting: Record, tmp_path: Path, scaled: Callable[[int], int], figures: Callable[..., None]
) -> None:
    """Whenever the power is cut, the inbox opens, is sound and holds what was answered."""
    losses = list(lost(waiting, tmp_path, scaled(200)))
    figures(cuts=len(losses), lost=sum(losses))
    assert losses == [0] * scaled(200)


def test_the_same_cuts_lose_events_of_what_does_not_wait(
    control: Record, tmp_path: Path, scaled: Callable[[int], int], figures: Callable[..., None]
) -> None:
    """The control, whose commits do not wait for the disk, loses acknowledged events."""
    losses = list(lost(control, tmp_path, scaled(200)))
    figures(cuts=len(losses), lost=sum(losses))
    assert sum(losses) > 0


def lost(record: Record, folder: Path, count: int) -> Iterator[int]:
    """Cut the power at so many moments; yield how many acknowledged events each has lost."""
    rng = random.Random(11)
    moments = sorted(chosen(record, count, rng))
    for number, disk in enumerate(disks(record.steps, record.folder)):
        if moments and number == moments[0]:
            moments.pop(0)
            into = folder / str(number)
            into.mkdir()
            disk.cut(into, rng)
            yield len(set(disk.acknowledged) - held(into / "inbox.db"))
            shutil.rmtree(into)


def held(path: Path) -> set[str]:
    """Return the events in what is left of an inbox, which must be sound."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema")}
        there = (
            "SELECT event_uuid FROM deliveries" if "deliveries" in tables else "SELECT 1 LIMIT 0"
        )
        return {row[0] for row in connection.execute(there)}


def chosen(record: Record, count: int, rng: random.Random) -> set[int]:
    """Choose moments: half of them anywhere, half just when an answer is sent."""
    answers = [
        number
        for number, step in enumerate(record.steps)
        if step.data.startswith(b"HTTP/1.1 204") and not step.ends
    ]
    moments = set(rng.sample(answers, count // 4))
    while len(moments) < count:
        moments.add(rng.randrange(answers[0], len(record.steps)))
    return moments
