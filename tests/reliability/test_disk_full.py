"""The disk is full, and later it is not: nothing is acknowledged that is not kept."""

import asyncio
import resource
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from planado_async.webhooks.bounded_log import LOG_EVERY
from planado_async.webhooks.intake import RETRY_AFTER
from tests.reliability.lives import HEADERS, Life, drained, found, living
from tests.reliability.power import need_strace
from tests.reliability.sender import FILLING
from tests.webhooks.making import body

pytestmark = [
    pytest.mark.real_time,
    pytest.mark.timeout(300),
    pytest.mark.skipif(sys.platform != "linux", reason="limits a running process from outside"),
]

SMALL = 64 * 1024  # bytes: fewer than the inbox has, more than any log here
SENDERS = 4
OUTAGE = 19  # seconds: two lines of a kind in the log


@asynccontextmanager
async def no_file_may_grow(life: Life) -> AsyncIterator[None]:
    """Let the service write nothing beyond the first bytes of a file (EFBIG)."""
    pid = life.process.pid
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (SMALL, hard))
    yield
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))


@asynccontextmanager
async def no_space_left(life: Life) -> AsyncIterator[None]:
    """Let each write to the inbox fail as on a full disk (ENOSPC), by way of strace."""
    need_strace()
    fail = "inject=pwrite64:error=ENOSPC"
    told = ("-f", "-p", str(life.process.pid), "-e", "trace=pwrite64", "-e", fail)
    strace = await asyncio.create_subprocess_exec(
        *("strace", *told, "-o", life.folder / "failed"), stderr=asyncio.subprocess.PIPE
    )
    assert strace.stderr
    assert b" attached" in await strace.stderr.readline()
    yield
    strace.terminate()
    await strace.communicate()


class Senders:
    """Send events, and each again until it is acknowledged, as Planado does."""

    def __init__(self, life: Life) -> None:
        self.acknowledged: list[str] = []
        self.refused: Counter[str] = Counter()
        self.longest = 0.0
        self._life = life
        self._left: list[str] = []

    async def send(self, count: int) -> None:
        """Send so many new events once, and all that were refused before."""
        known = len(self.acknowledged) + len(self._left)
        names, self._left = [*self._left, *(f"e{known + each}" for each in range(count))], []
        async with aiohttp.ClientSession() as session:
            for first in range(0, len(names), SENDERS):
                await asyncio.gather(*(self._one(session, n) for n in names[first:][:SENDERS]))

    async def _one(self, session: aiohttp.ClientSession, name: str) -> None:
        number = int(name[1:])
        event = body(name, entity=f"job{number % 7}", version=number, description=FILLING)
        time = asyncio.get_running_loop().time
        began = time()
        async with session.post(f"{self._life.url}/planado", data=event, headers=HEADERS) as answer:
            if answer.status == 204:
                self.acknowledged.append(name)
            else:
                self._left.append(name)
                self.refused[f"{answer.status} {answer.headers.get('Retry-After')}"] += 1
        self.longest = max(self.longest, time() - began)


@pytest.mark.parametrize("full", [no_file_may_grow, no_space_left])
async def test_a_full_disk_refuses_and_recovers(
    full: Callable[[Life], AbstractAsyncContextManager[None]],
    tmp_path: Path,
    scaled: Callable[[int], int],
    figures: Callable[..., None],
) -> None:
    """Without space events are refused for later; with space all goes on, without a restart."""
    life = Life(tmp_path, options=["--speed=100"])
    async with living(life):
        senders = Senders(life)
        await senders.send(100)
        kept = len(senders.acknowledged)
        async with full(life):
            end = asyncio.get_running_loop().time() + scaled(OUTAGE)
            while asyncio.get_running_loop().time() < end:
                await senders.send(scaled(200))
        during = len(senders.acknowledged) - kept
        refused = senders.refused.copy()
        await senders.send(100)
        await drained(life.inbox)
    figures(refused=refused.total(), longest_answer=f"{senders.longest:.2f} s")
    assert (kept, during) == (100, 0)
    assert refused.keys() == {f"503 {RETRY_AFTER}"}
    assert senders.refused == refused
    assert found(life.inbox).states == dict.fromkeys(senders.acknowledged, "done")
    assert too_close(life.log) == []


def too_close(log: Path) -> list[str]:
    """Return the lines that came sooner than they may after one of their kind."""
    last, close = dict[str, float](), list[str]()
    for line in log.read_text().splitlines():
        moment, _, told = line.split(" ", 2)
        kind = told.partition(":")[0]
        if float(moment) < last.get(kind, 0.0) + LOG_EVERY:
            close.append(line)
        last[kind] = float(moment)
    assert last
    return close
