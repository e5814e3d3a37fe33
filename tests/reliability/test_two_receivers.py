"""Two services on one inbox: the second is refused, and the first is not disturbed."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest

from planado_async.webhooks import SqliteInbox
from tests.reliability.lives import LONGEST, Life, drained, found, living, post, spawned

pytestmark = pytest.mark.real_time


@pytest.fixture
async def first(tmp_path: Path) -> AsyncIterator[Life]:
    async with living(Life(tmp_path)) as life:
        yield life


@pytest.mark.parametrize("by_link", [False, True])
async def test_the_second_is_refused(first: Life, by_link: bool) -> None:
    """The other ends with a sentence on what to do, whatever path it took; the first goes on."""
    second = Life(other_way(first.folder) if by_link else first.folder, number=1)
    async with aiohttp.ClientSession() as session:
        assert await post(session, first, "before", "quick-1") == 204
        async with spawned(second), asyncio.timeout(LONGEST):
            assert await second.process.wait() == 1
        assert await post(session, first, "after", "quick-1", 2) == 204
        await drained(first.inbox)
    last = second.log.read_text().splitlines()[-1]
    assert "is in use: another Webhooks or SqliteInbox writes it" in last
    assert "readonly=True" in last
    assert [name for name, _ in first.begun()] == ["before", "after"]
    assert second.begun() == []


def other_way(folder: Path) -> Path:
    """Return another path to a folder's inbox."""
    other = folder / "other"
    other.mkdir()
    (other / "inbox.db").symlink_to(folder / "inbox.db")
    return other


async def test_the_next_starts_when_the_first_is_gone(first: Life) -> None:
    """A kill leaves no lock behind: the next service starts, and has what was acknowledged."""
    async with aiohttp.ClientSession() as session:
        assert await post(session, first, "before", "quick-1") == 204
        await first.kill()
        async with living(Life(first.folder, number=1)) as second:
            assert await post(session, second, "after", "quick-1", 2) == 204
            await drained(second.inbox)
    assert found(first.inbox).states == {"before": "done", "after": "done"}


async def test_readers_work_beside_the_service(
    first: Life, scaled: Callable[[int], int], figures: Callable[..., None]
) -> None:
    """Who reads meanwhile sees what is there, even in one long look, and holds nothing up."""
    events = scaled(500)
    async with aiohttp.ClientSession() as session:
        assert await post(session, first, "e0", "quick-0") == 204
        with closing(sqlite3.connect(f"file:{first.inbox}?mode=ro", uri=True)) as long_look:
            long_look.execute("BEGIN")
            assert count(long_look) == 1
            seen = [await sent_and_seen(session, first, number) for number in range(1, events)]
            assert count(long_look) == 1
        await drained(first.inbox)
    figures(events=events, looks=len(seen))
    assert seen == list(range(2, events + 1))
    assert set(found(first.inbox).states.values()) == {"done"}


def count(connection: sqlite3.Connection) -> int:
    [(there,)] = connection.execute("SELECT count(*) FROM deliveries")
    return int(there)


async def sent_and_seen(session: aiohttp.ClientSession, life: Life, number: int) -> int:
    """Send an event; return how many deliveries a reader counts then."""
    assert await post(session, life, f"e{number}", f"quick-{number % 7}", number) == 204
    async with SqliteInbox.open_readonly(life.inbox) as reader:
        counts = await reader.counts()
    return counts.waiting + counts.done
