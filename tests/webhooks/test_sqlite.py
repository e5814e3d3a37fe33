"""What only the inbox in an SQLite file does."""

import asyncio
import re
import sqlite3
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from planado_async.core.errors import ConfigurationError, StorageError
from planado_async.webhooks import sqlite, statements
from planado_async.webhooks.inbox import Counts
from planado_async.webhooks.sqlite import SqliteInbox
from tests.webhooks.making import delivery
from tests.webhooks.test_inbox import ROUTES, claim, uuids

pytestmark = pytest.mark.real_time


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "in box?.db"


async def test_what_was_put_is_there_after_reopening(path: Path) -> None:
    """A file keeps its deliveries and runs from one opening to the next."""
    async with SqliteInbox(path) as inbox:
        await inbox.put(delivery())
    async with SqliteInbox(path) as inbox:
        assert await inbox.put(delivery()) is False
        assert uuids(await claim(inbox)) == ["e1"]


async def test_the_disk_is_waited_for(path: Path) -> None:
    """The file is in WAL mode and its commits wait for the disk."""
    async with SqliteInbox(path):
        pass
    connection = sqlite.connect(str(path))
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    connection.close()


async def test_puts_that_come_together_share_a_commit(path: Path) -> None:
    """A hundred puts at once take a few transactions, and all of them are kept."""
    async with SqliteInbox(path) as inbox:
        before = inbox.transactions
        puts = [inbox.put(delivery(f"e{number}")) for number in range(100)]
        assert await asyncio.gather(*puts) == [True] * 100
        assert inbox.transactions - before <= 10
        assert (await inbox.counts()).waiting == 100


async def test_a_second_writer_is_refused(path: Path) -> None:
    """Whoever opens a file that is being written is told so, until it is closed."""
    async with SqliteInbox(path) as inbox:
        with pytest.raises(ConfigurationError, match="in use") as caught:
            await SqliteInbox(path).open()
        assert str(path) in str(caught.value)
        await inbox.put(delivery())
    async with SqliteInbox(path) as inbox:
        assert (await inbox.counts()).waiting == 1


async def test_a_link_is_the_same_file(path: Path) -> None:
    """A second writer that comes by a symbolic link is refused too."""
    link = path.with_name("link.db")
    link.symlink_to(path.name)
    async with SqliteInbox(path):
        with pytest.raises(ConfigurationError, match="in use"):
            await SqliteInbox(link).open()


HOLDER = """
import asyncio, sys
from planado_async.webhooks.sqlite import SqliteInbox

async def main():
    await SqliteInbox(sys.argv[1]).open()
    print("open", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


async def test_the_lock_ends_with_its_process(path: Path) -> None:
    """A writer in another process is in the way until it dies, and not after."""
    holder = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", HOLDER, path), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert holder.stdout is not None
        assert await holder.stdout.readline() == b"open\n"
        with pytest.raises(ConfigurationError, match="in use"):
            await SqliteInbox(path).open()
    finally:
        holder.kill()
        await holder.communicate()
    async with SqliteInbox(path) as inbox:
        await inbox.put(delivery())


async def test_a_reader_works_beside_the_writer(path: Path) -> None:
    """Read-only, a file can be listed, shown and counted while it is written, and not changed."""
    async with SqliteInbox(path) as inbox, SqliteInbox.open_readonly(path) as reader:
        await inbox.put(delivery())
        assert (await reader.counts()).waiting == 1
        assert [one.event_uuid for one in await reader.deliveries()] == ["e1"]
        await claim(inbox)
        assert [run.handler for run in await reader.runs("e1")] == list(ROUTES)
        with pytest.raises(ConfigurationError, match="read-only"):
            await reader.put(delivery("e2"))
    async with SqliteInbox(path, readonly=True) as reader:
        assert (await reader.counts()).claimed == 1


async def test_a_newer_schema_is_refused(path: Path) -> None:
    """A file made by a newer version is left alone, by writers and readers, and let go."""
    async with SqliteInbox(path):
        pass
    connection = sqlite3.connect(path)
    connection.execute(statements.MIGRATED, (99, 0.0))
    connection.commit()
    connection.close()
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="schema 99"):
            await SqliteInbox(path).open()
    with pytest.raises(ConfigurationError, match="schema 99"):
        await SqliteInbox.open_readonly(path).open()


async def test_an_older_schema_is_migrated(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a newer version adds is added to a file of an older one, once."""
    async with SqliteInbox(path) as inbox:
        await inbox.put(delivery())
    step = ("ALTER TABLE deliveries ADD COLUMN note TEXT",)
    monkeypatch.setattr(statements, "MIGRATIONS", (*statements.MIGRATIONS, step))
    for _ in range(2):
        async with SqliteInbox(path) as inbox:
            assert (await inbox.counts()).waiting == 1
    connection = sqlite3.connect(path)
    assert connection.execute(statements.SCHEMA_VERSION).fetchone() == (len(statements.MIGRATIONS),)
    assert connection.execute("SELECT note FROM deliveries").fetchall() == [(None,)]
    connection.close()


def file_of(path: Path, version: int) -> None:
    """Make a file of an older schema, with one delivery that waits and one that is dead."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(statements.MIGRATIONS_TABLE)
    for number, steps in enumerate(statements.MIGRATIONS[:version], start=1):
        for step in steps:
            connection.execute(step)
        connection.execute(statements.MIGRATED, (number, 0.0))
    for state in ("waiting", "dead"):
        connection.execute(
            "INSERT INTO deliveries (event_uuid, event_type, attempt, received_at, state, sha256,"
            " body) VALUES (?1, 'job_updated', 1, 0.0, ?1, '', '')",
            [state],
        )
    connection.close()


@pytest.mark.parametrize("version", range(1, len(statements.MIGRATIONS)))
async def test_an_older_schema_is_read_once_the_writer_has_opened_it(
    path: Path, version: int
) -> None:
    """Read-only, a file of any older schema is refused with what to do, and read after that."""
    file_of(path, version)
    with pytest.raises(ConfigurationError, match=rf"schema {version}.* open it once") as told:
        await SqliteInbox.open_readonly(path).open()
    assert f"this one reads {len(statements.MIGRATIONS)}" in str(told.value)
    async with SqliteInbox(path):
        pass
    async with SqliteInbox.open_readonly(path) as reader:
        counts = await reader.counts()
        assert (counts.waiting, counts.done, counts.dead) == (1, 0, 1)


async def test_an_old_sqlite_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library without RETURNING is named before anything is touched."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    with pytest.raises(ConfigurationError, match=r"3\.35"):
        await SqliteInbox(path).open()
    assert list(path.parent.iterdir()) == []


async def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    """Another kind of file is named and not touched, and its lock is let go."""
    diary = b"Dear diary, " * 100
    path.write_bytes(diary)  # noqa: ASYNC240  # a small file, before anything runs
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="not a database") as caught:
            await SqliteInbox(path).open()
        assert "in box" in str(caught.value)
    assert path.read_bytes() == diary  # noqa: ASYNC240


async def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    """A path that cannot be opened is named."""
    with pytest.raises(ConfigurationError, match=r"no/inbox\.db"):
        await SqliteInbox(tmp_path / "no" / "inbox.db").open()
    with pytest.raises(ConfigurationError, match=r"no\.db"):
        await SqliteInbox.open_readonly(tmp_path / "no.db").open()


async def test_no_wal_mode_is_refused() -> None:
    """Where SQLite cannot do WAL the inbox says so instead of being less durable."""
    with pytest.raises(ConfigurationError, match="WAL"):
        sqlite.connect("")  # a temporary database has no WAL mode


@pytest.mark.parametrize("path", [":memory:", "inbox.db"])
async def test_a_closed_inbox_says_so(tmp_path: Path, path: str) -> None:
    """Before opening and after closing, asking raises StorageError; closing twice is no harm."""
    inbox = SqliteInbox(path if path == ":memory:" else tmp_path / path)
    with pytest.raises(StorageError, match="not open"):
        await inbox.put(delivery())
    await inbox.open()
    await inbox.close()
    await inbox.close()
    with pytest.raises(StorageError, match="not open"):
        await inbox.counts()


async def test_a_full_disk_is_a_storage_error_and_passes(path: Path) -> None:
    """A put that does not fit raises StorageError; with space again the next one is kept."""
    async with SqliteInbox(path) as inbox:
        await limit_pages(inbox, 1)
        puts = [inbox.put(delivery(f"f{number}")) for number in range(999)]
        answers = await asyncio.gather(*puts, return_exceptions=True)
        failed = [answer for answer in answers if answer is not True]
        assert failed
        assert all(isinstance(one, StorageError) and "full" in str(one) for one in failed)
        kept = (await inbox.counts()).waiting
        assert kept == len(answers) - len(failed)
        await limit_pages(inbox, 1_000_000)
        assert await inbox.put(delivery("later")) is True
        assert (await inbox.counts()).waiting == kept + 1


async def limit_pages(inbox: SqliteInbox, count: int) -> None:
    """Set how many pages the file may have; SQLite takes its present size if that is more."""
    await inbox._write(lambda c: c.execute(f"PRAGMA max_page_count = {count}").fetchone())


async def test_another_programs_lock_is_waited_for_within_bounds(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When something else holds the file, a put fails in time to answer, and works afterwards."""
    monkeypatch.setattr(sqlite, "BUSY_FOR", 0.05)
    async with SqliteInbox(path) as inbox:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="locked"):
            await inbox.put(delivery())
        other.execute("COMMIT")
        other.close()
        assert await inbox.put(delivery()) is True
        assert await inbox.counts() != Counts()


async def test_it_opens_once_another_programs_lock_is_gone(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start that found the file locked fails; the next one of the same inbox works."""
    monkeypatch.setattr(sqlite, "BUSY_FOR", 0.05)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    inbox = SqliteInbox(path)
    with pytest.raises(ConfigurationError, match="locked"):
        await inbox.open()
    other.execute("COMMIT")
    other.close()
    async with asyncio.timeout(10), inbox:
        assert await inbox.put(delivery()) is True


def rows(statement: str, terms: dict[str, Any], connection: sqlite3.Connection) -> list[Any]:
    return connection.execute(statement, terms).fetchall()


async def test_the_claim_guards_itself(path: Path) -> None:
    """A run whose lease holds is not claimed, whatever led to it; when it has run out it is."""
    async with SqliteInbox(path) as inbox:
        await inbox.put(delivery())
        [run] = await claim(inbox, owner="a")
        for owner, now, claimed in [("b", 0, 0), ("a", 1, 0), ("b", 1, 1)]:
            terms = {"event_uuid": "e1", "handler": run.handler, "owner": owner, "until": 0}
            terms["now"] = run.due_at - 1 + now
            assert len(await inbox._write(partial(rows, statements.CLAIM, terms))) == claimed


def plan(statement: str, connection: sqlite3.Connection) -> str:
    terms = dict.fromkeys(re.findall(r":(\w+)", statement), 1)
    rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}", terms).fetchall()
    return " | ".join(row[3] for row in rows)


INDEXES = {
    "UNPLANNED": ["deliveries_unplanned"],
    "DUE": ["runs_due"],
    "NEXT_DUE": ["runs_due"],
    "HASTEN": ["runs_due"],
    "SUSPECTS": ["runs_suspect"],
    "ANY_CLAIMED": ["runs_claimed"],
    "LEFT_CLAIMED": ["runs_claimed"],
    "OPEN_RUNS": ["runs_lane"],
    "RENEW": ["runs_claimed"],
    "PLAN": ["runs_lane"],
    "DEMOTE": ["runs_head", "runs_lane"],
    "PROMOTE": ["PRIMARY", "runs_lane", "runs_head"],
    "CLAIM": ["PRIMARY"],
    "COMPLETE": ["PRIMARY"],
    "RETRY": ["PRIMARY"],
    "BURY": ["PRIMARY"],
    "RELEASE": ["PRIMARY"],
    "IS_OPEN": ["PRIMARY"],
    "SETTLE": ["sqlite_autoindex_deliveries_1", *["PRIMARY"] * 6],
    "COUNT": [],
    "ARRIVED": ["PRIMARY", "deliveries_entity"],
    "OLDEST_WAITING": ["deliveries_state"],
    "WINDOW_OF_STATE": ["deliveries_state"],
    "WINDOW_OF_ONE": ["sqlite_autoindex_deliveries_1"],
    "COUNT_HANDLED": ["deliveries_settled"],
    "OLD_DEAD": ["deliveries_settled"],
    "REPLAY_RUNS": ["PRIMARY"],
    "DROP_RUNS": ["PRIMARY"],
    "STORED": ["sqlite_autoindex_deliveries_1"],
    "HELD": ["deliveries_entity"],
    "LOWEST": ["deliveries_entity"],
    "HIGHEST": ["deliveries_entity"],
}


WALKED = re.compile(
    "SCAN deliveries USING INDEX deliveries_unplanned|SCAN runs USING INDEX runs_lane"
    "|SCAN planado_inbox_counts"
)
"""Indexes of what is open only and a table of three rows, which these statements are to walk."""


@pytest.mark.parametrize("name", INDEXES)
def test_each_statement_of_dispatch_uses_its_index(name: str) -> None:
    """What dispatch asks all the time costs the same at any backlog, without sorting."""
    connection = sqlite.connect(":memory:")
    sqlite.migrate(connection, ":memory:", 0.0)
    told = plan(getattr(statements, name).replace("?", ":any"), connection)
    connection.close()
    assert "B-TREE" not in told
    assert "SCAN" not in WALKED.sub("", told)
    assert re.findall(r"INDEX (\w+)|(PRIMARY) KEY", told) == [
        ("", "PRIMARY") if index == "PRIMARY" else (index, "") for index in INDEXES[name]
    ]
