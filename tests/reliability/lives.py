"""The lives of a receiving service in processes of its own, and what it leaves behind."""

import asyncio
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

import aiohttp
import orjson
from attrs import field, frozen, mutable

from planado_async.webhooks import SqliteInbox
from tests.reliability.sender import FILLING
from tests.webhooks.making import SECRET, body

LONGEST = 30.0  # seconds that any one condition may take before a test gives up
HEADERS = {"X-Planado-Secret": SECRET}


@frozen
class Vitals:
    """What a service holds: tasks, open descriptors, bytes of memory."""

    tasks: int
    descriptors: int
    memory: int


@mutable
class Life:
    """One life of the service; `around` are the words of a command to run it under."""

    folder: Path
    number: int = 0
    options: Sequence[str] = ()
    around: Sequence[str] = ()
    port: int = 0
    process: asyncio.subprocess.Process = field(init=False)

    @property
    def inbox(self) -> Path:
        return self.folder / "inbox.db"

    @property
    def journal(self) -> Path:
        return self.folder / f"journal{self.number}"

    @property
    def log(self) -> Path:
        return self.folder / f"log{self.number}"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def spawn(self) -> None:
        """Start it."""
        module = (sys.executable, "-m", "tests.reliability.service")
        files = (self.inbox, self._port_file, self.journal)
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.around, *module, *files, *self.options, stderr=log
            )

    async def answering(self) -> "Life":
        """Wait until it answers."""
        async with asyncio.timeout(LONGEST):
            while not self._port_file.exists():
                assert self.process.returncode is None, self.log.read_text()
                await asyncio.sleep(0.005)
        self.port = int(self._port_file.read_text())
        return self

    @property
    def _port_file(self) -> Path:
        return self.folder / f"port{self.number}"

    async def kill(self) -> None:
        """Kill it as kill -9 does."""
        self.process.send_signal(signal.SIGKILL)
        assert await self.process.wait() == -signal.SIGKILL, self.log.read_text()

    async def vitals(self, session: aiohttp.ClientSession) -> Vitals:
        async with session.get(f"{self.url}/vitals") as answer:
            return Vitals(**orjson.loads(await answer.read()))

    def begun(self) -> list[tuple[str, float]]:
        """Return the events whose handler began, and when, in epoch seconds."""
        lines = self.journal.read_text().splitlines() if self.journal.exists() else []
        return [(name, float(moment)) for name, moment in (line.split() for line in lines)]


@asynccontextmanager
async def spawned(life: Life) -> AsyncIterator[Life]:
    """Start a service, and kill it at the end if it still lives."""
    await life.spawn()
    try:
        yield life
    finally:
        if life.process.returncode is None:
            await life.kill()


@asynccontextmanager
async def living(life: Life) -> AsyncIterator[Life]:
    """Start a service and wait until it answers; kill it at the end if it still lives."""
    async with spawned(life):
        yield await life.answering()


async def post(
    session: aiohttp.ClientSession, life: Life, name: str, entity: str, version: int = 1
) -> int:
    """Send an event and return the status of the answer."""
    sent = body(name, entity=entity, version=version, description=FILLING)
    async with session.post(f"{life.url}/planado", data=sent, headers=HEADERS) as answer:
        return answer.status


class Load:
    """Sends events until its service is gone, and keeps what was acknowledged."""

    def __init__(self) -> None:
        self.sent = 0
        self.acknowledged: set[str] = set()

    async def send(self, session: aiohttp.ClientSession, life: Life) -> None:
        """Send one event after another; now and then one again, as Planado does."""
        while True:
            number, self.sent = self.sent, self.sent + 1
            name = f"e{number}"
            try:
                for _ in range(2 if number % 20 == 0 else 1):
                    assert await post(session, life, name, f"j{number % 40}", number) == 204
            except aiohttp.ClientConnectionError:
                return
            self.acknowledged.add(name)


async def drained(path: Path, *, but: int = 0) -> None:
    """Wait until nothing waits in an inbox, or only so many, read beside the service."""
    async with SqliteInbox.open_readonly(path) as reader, asyncio.timeout(LONGEST):
        while (await reader.counts()).waiting > but:  # noqa: ASYNC110  # another process changes it
            await asyncio.sleep(0.02)


@frozen
class Found:
    """What an inbox holds: the state of each event, of its runs, and their crashes if dead."""

    states: dict[str, str]
    runs: Counter[str]
    crashes: list[int]


def found(path: Path) -> Found:
    """Read an inbox that nobody writes; its file must be sound."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        dead = connection.execute("SELECT crashes FROM runs WHERE state = 'dead'")
        return Found(
            states=dict(connection.execute("SELECT event_uuid, state FROM deliveries")),
            runs=Counter(row[0] for row in connection.execute("SELECT state FROM runs")),
            crashes=[row[0] for row in dead],
        )
