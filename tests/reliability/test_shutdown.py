"""SIGTERM under load: what was accepted is answered, what was answered is kept."""

import asyncio
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from itertools import count
from pathlib import Path
from time import perf_counter

import aiohttp
import pytest

from tests.readme import free_port
from tests.webhooks.making import body
from tests.webhooks.serving import GOOD

pytestmark = [pytest.mark.real_time, pytest.mark.timeout(300)]

EVENTS = 3000  # acknowledged before the signal
SENDERS = 50
PAUSE = 0.1  # seconds between the requests of a sender: 500 a second together
STUCK = 4  # events whose handler does not end; half as many as may run at once
LONGEST = 100.0  # seconds that any one condition may take before the test gives up


class Load:
    """Sends events on lines that stay open, until the service takes no more lines."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.acknowledged: set[str] = set()
        self.outcomes: Counter[str] = Counter()

    async def sender(self, number: int) -> None:
        connector = aiohttp.TCPConnector(limit=1)
        async with aiohttp.ClientSession(connector=connector) as session:
            for nth in count():
                if not await self.post(session, f"e{number}-{nth}", f"j{number}"):
                    return
                await asyncio.sleep(PAUSE)

    async def post(self, session: aiohttp.ClientSession, name: str, entity: str) -> bool:
        """Send one event; tell whether the service is still there."""
        sent = body(name, entity=entity, description="x" * 1400)
        try:
            async with session.post(self.url, data=sent, headers=GOOD) as response:
                self.outcomes[str(response.status)] += 1
        except aiohttp.ClientConnectorError:
            self.outcomes["refused"] += 1  # it does not listen any more, so it accepted nothing
            return False
        except aiohttp.ClientError as error:
            self.outcomes[repr(error)] += 1
            return False
        self.acknowledged.add(name)
        return True


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(LONGEST):
        while not condition():  # noqa: ASYNC110  # another process makes it true
            await asyncio.sleep(0.01)


async def listening(port: int) -> None:
    """Wait until the service answers that it is well."""
    async with aiohttp.ClientSession() as session, asyncio.timeout(LONGEST):
        while True:
            try:
                async with session.get(f"http://127.0.0.1:{port}/health") as response:
                    assert await response.json() == {"status": "ok"}
                    return
            except aiohttp.ClientConnectorError:
                await asyncio.sleep(0.02)


async def test_a_signal_under_load_loses_nothing(
    tmp_path: Path, scaled: Callable[[int], int], figures: Callable[..., None]
) -> None:
    """Every request that was accepted is answered 204 and kept; claims are given back; exit 0."""
    port, path = free_port(), tmp_path / "inbox.db"
    told = ("-m", "tests.reliability.receiving", str(path), str(port))
    process = await asyncio.create_subprocess_exec(sys.executable, *told)
    try:
        await listening(port)
        load = Load(f"http://127.0.0.1:{port}/planado")
        async with aiohttp.ClientSession() as session:
            for number in range(STUCK):
                assert await load.post(session, f"slow{number}", f"s{number}")
        senders = [asyncio.create_task(load.sender(number)) for number in range(SENDERS)]
        await until(lambda: len(load.acknowledged) >= scaled(EVENTS))
        process.send_signal(signal.SIGTERM)
        began = perf_counter()
        async with asyncio.timeout(LONGEST):
            assert await process.wait() == 0
        took = perf_counter() - began
        await asyncio.gather(*senders)
    finally:
        if process.returncode is None:
            process.kill()
    figures(**load.outcomes, drain_s=round(took, 2), acknowledged=len(load.acknowledged))
    assert load.outcomes.keys() == {"204", "refused"}
    assert load.outcomes["refused"] == SENDERS
    assert took < 100.0
    check(path, load.acknowledged)


def check(path: Path, acknowledged: set[str]) -> None:
    """Compare what was acknowledged with what the file holds."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        found = dict(connection.execute("SELECT event_uuid, state FROM deliveries"))
        claimed = connection.execute("SELECT count(*) FROM runs WHERE owner IS NOT NULL")
        assert claimed.fetchone() == (0,)
        tried = connection.execute("SELECT attempts FROM runs WHERE event_uuid LIKE 'slow%'")
        assert tried.fetchall() == [(0,)] * STUCK
    assert found.keys() == acknowledged
    assert set(found.values()) <= {"waiting", "done"}
