"""The thread, its batches and its transactions."""

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from planado_async.core.errors import StorageError
from planado_async.webhooks import writer as writer_module
from planado_async.webhooks.writer import ThreadWriter, transact

pytestmark = pytest.mark.real_time


def connect() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    connection.execute("CREATE TABLE words (word TEXT)")
    return connection


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    made = connect()
    yield made
    made.close()


def add(word: str) -> writer_module.Operation[str]:
    def operation(connection: sqlite3.Connection) -> str:
        connection.execute("INSERT INTO words VALUES (?)", (word,))
        return word

    return operation


def fail(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO words VALUES ('half')")
    connection.execute("INSERT INTO nowhere VALUES (1)")


def words(connection: sqlite3.Connection) -> list[str]:
    return [row[0] for row in connection.execute("SELECT word FROM words")]


def test_one_that_fails_takes_only_itself_back(connection: sqlite3.Connection) -> None:
    """In a batch with a failing operation the others are kept."""
    first, bad, last = transact(connection, [add("a"), fail, add("b")])
    assert (first.value, last.value) == ("a", "b")
    assert isinstance(bad.error, StorageError)
    assert isinstance(bad.error.__cause__, sqlite3.OperationalError)
    assert words(connection) == ["a", "b"]


def test_an_error_of_ours_is_passed_on_as_it_is(connection: sqlite3.Connection) -> None:
    """An operation's own error is not called a failure of the store."""

    def broken(connection: sqlite3.Connection) -> None:
        raise KeyError("x")

    [outcome] = transact(connection, [broken])
    with pytest.raises(KeyError):
        outcome.result()


@pytest.mark.parametrize("ending", ["ROLLBACK", "COMMIT"])
def test_a_lost_transaction_fails_the_whole_batch(
    connection: sqlite3.Connection, ending: str
) -> None:
    """When the transaction itself is gone, no operation of the batch is said to be kept."""

    def end_it(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM words")
        connection.execute(ending)
        raise sqlite3.OperationalError("disk I/O error")

    outcomes = transact(connection, [add("a"), end_it, add("b")])
    assert all(isinstance(outcome.error, StorageError) for outcome in outcomes)
    assert words(connection) == []
    assert [outcome.error for outcome in transact(connection, [add("c")])] == [None]


class Locked:
    """Passes statements on, except some that fail."""

    def __init__(self, connection: sqlite3.Connection, failing: set[str]) -> None:
        self.connection = connection
        self.failing = failing

    @property
    def in_transaction(self) -> bool:
        return self.connection.in_transaction

    def execute(self, statement: str, *args: tuple[str]) -> sqlite3.Cursor:
        if statement in self.failing:
            raise sqlite3.OperationalError("disk I/O error")
        return self.connection.execute(statement, *args)


@pytest.mark.parametrize("failing", [{"BEGIN IMMEDIATE"}, {"COMMIT"}, {"COMMIT", "ROLLBACK"}])
def test_a_commit_that_fails_fails_the_whole_batch(
    connection: sqlite3.Connection, failing: set[str]
) -> None:
    """Nothing is reported as kept when the commit did not happen."""
    outcomes = transact(Locked(connection, failing), [add("a"), add("b")])  # type: ignore[arg-type]
    assert all(isinstance(outcome.error, StorageError) for outcome in outcomes)
    assert outcomes[0].error is not outcomes[1].error
    if "ROLLBACK" not in failing:
        assert words(connection) == []


async def test_batches_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waited during a long operation is committed together, up to the bound."""
    monkeypatch.setattr(writer_module, "BATCH", 10)
    writer = ThreadWriter(connect)
    await writer.open()
    begun, gate = threading.Event(), threading.Event()

    def hold(connection: sqlite3.Connection) -> bool:
        begun.set()
        return gate.wait(10)

    held = asyncio.ensure_future(writer.run(hold))
    await asyncio.to_thread(begun.wait, 10)
    others = [asyncio.ensure_future(writer.run(add(str(number)))) for number in range(25)]
    await asyncio.sleep(0)
    gate.set()
    assert await asyncio.gather(held, *others) == [True, *map(str, range(25))]
    assert writer.transactions == 4
    await writer.close()


async def test_closing_finishes_what_was_asked(tmp_path: Path) -> None:
    """Operations given before the closing are committed."""
    path = tmp_path / "x.db"

    def connect_file() -> sqlite3.Connection:
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("CREATE TABLE IF NOT EXISTS words (word TEXT)")
        return connection

    writer = ThreadWriter(connect_file)
    await writer.open()
    asked = [asyncio.ensure_future(writer.run(add(str(number)))) for number in range(20)]
    await asyncio.sleep(0)
    await writer.close()
    assert len(await asyncio.gather(*asked)) == 20
    with pytest.raises(StorageError, match="not open"):
        await writer.run(add("late"))


async def test_a_waiter_that_left_is_no_harm() -> None:
    """When a waiter is cancelled its write stands and the others hear of theirs."""
    writer = ThreadWriter(connect)
    await writer.open()
    gone = asyncio.ensure_future(writer.run(add("a")))
    stays = asyncio.ensure_future(writer.run(add("b")))
    await asyncio.sleep(0)
    gone.cancel()
    assert await stays == "b"
    assert await writer.run(words) == ["a", "b"]
    await writer.close()


def test_a_closed_loop_is_no_harm() -> None:
    """The thread outlives a loop that was closed while it worked."""
    gate = threading.Event()
    writer = ThreadWriter(connect)

    async def leave() -> None:
        await writer.open()
        waiting = asyncio.ensure_future(writer.run(lambda connection: gate.wait(10)))
        await asyncio.sleep(0)
        waiting.cancel()

    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(leave())
    gate.set()
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        assert runner.run(writer.run(add("a"))) == "a"
        runner.run(writer.close())


async def test_a_start_that_failed_does_not_stop_the_next_one() -> None:
    """When connecting failed once, the same writer opens and works the next time."""
    failing = [sqlite3.OperationalError("locked")]

    def connect_later() -> sqlite3.Connection:
        if failing:
            raise failing.pop()
        return connect()

    writer = ThreadWriter(connect_later)
    with pytest.raises(sqlite3.OperationalError):
        await writer.open()
    await writer.open()
    async with asyncio.timeout(10):
        assert await writer.run(add("a")) == "a"
    await writer.close()


async def test_nothing_is_asked_of_a_thread_that_is_gone() -> None:
    """When the thread has died nobody waits for its answer for ever."""
    writer = ThreadWriter(connect)
    await writer.open()
    writer._tasks.put(None)
    assert writer._thread
    await asyncio.to_thread(writer._thread.join, 10)
    async with asyncio.timeout(10):
        with pytest.raises(StorageError, match="not open"):
            await writer.run(add("a"))
