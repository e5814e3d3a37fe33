"""One connection, the thread that owns it, and group commit.

A commit that survives a power cut waits for the disk, and that wait is nearly all a small write
costs. So the thread takes everything that was asked while it waited, and commits it at once: one
transaction a batch, one SAVEPOINT for each operation in it, so that one that fails takes only
itself back. The loop hears of a whole batch in one call.

A `:memory:` database has no disk to wait for and runs inline, without a thread, so tests in virtual
time see no one else's clock.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Generic, Protocol, TypeAlias, TypeVar, cast

import attrs

from planado_async.core.errors import StorageError

T = TypeVar("T")
Connect: TypeAlias = Callable[[], sqlite3.Connection]
Operation: TypeAlias = Callable[[sqlite3.Connection], T]

BATCH = 512
"""Operations in one transaction at most, so that the first of them is not kept waiting for long."""


@attrs.frozen
class Outcome(Generic[T]):
    """What became of an operation: its value, or the error it ended with."""

    value: T | None = None
    error: Exception | None = None

    def result(self) -> T:
        """Return the value or raise the error."""
        if self.error:
            raise self.error
        return cast("T", self.value)


@attrs.frozen(eq=False)
class _Task:
    operation: Operation[Any]
    future: asyncio.Future[Any]


class Writer(Protocol):
    """Runs operations on one connection, each in a transaction."""

    transactions: int
    """Transactions made so far."""

    async def open(self) -> None:
        """Connect; raise what the connecting raised."""
        ...

    async def run(self, operation: Operation[T]) -> T:
        """Return what the operation returned, once it is committed."""
        ...

    async def close(self) -> None:
        """Finish what was asked, then disconnect."""
        ...


class InlineWriter:
    """Runs each operation at once, on the loop."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._connection: sqlite3.Connection | None = None
        self.transactions: int = 0

    async def open(self) -> None:
        """Connect."""
        self._connection = self._connect()

    async def run(self, operation: Operation[T]) -> T:
        """Run one operation in a transaction of its own."""
        if self._connection is None:
            raise StorageError("the inbox is not open")
        outcome: Outcome[T]
        [outcome] = transact(self._connection, [operation])
        self.transactions += 1
        return outcome.result()

    async def close(self) -> None:
        """Disconnect."""
        if self._connection:
            self._connection.close()
        self._connection = None


class ThreadWriter:
    """Runs operations in a thread of its own, as many to a commit as have come together."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self.transactions: int = 0

    async def open(self) -> None:
        """Start the thread and connect in it."""
        opened = asyncio.get_running_loop().create_future()
        self._tasks = SimpleQueue()  # new, so that this thread reads nothing meant for another
        # A daemon: whatever is not committed when the interpreter ends was not acknowledged either.
        thread = threading.Thread(
            target=self._live, args=(opened,), name="planado-inbox", daemon=True
        )
        thread.start()
        try:
            await opened
        except BaseException:
            await self._end(thread)
            raise
        self._thread = thread

    async def run(self, operation: Operation[T]) -> T:
        """Run one operation in the next transaction."""
        if self._thread is None or not self._thread.is_alive():
            raise StorageError("the inbox is not open")  # nobody would answer
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._tasks.put(_Task(operation, future))
        return await future

    async def close(self) -> None:
        """Let the thread finish what was asked before, disconnect and end."""
        thread, self._thread = self._thread, None
        if thread:
            await self._end(thread)

    async def _end(self, thread: threading.Thread) -> None:
        self._tasks.put(None)
        await asyncio.get_running_loop().run_in_executor(None, thread.join)

    def _live(self, opened: asyncio.Future[None]) -> None:
        try:
            connection = self._connect()
        except Exception as error:
            _tell([(opened, Outcome(error=error))])
            return
        _tell([(opened, Outcome[None]())])
        try:
            while self._work(connection):
                pass
        finally:
            connection.close()

    def _work(self, connection: sqlite3.Connection) -> bool:
        """Wait for tasks, commit them together and tell the loop; return False for the last."""
        tasks, more = self._gather()
        if tasks:
            outcomes = transact(connection, [task.operation for task in tasks])
            self.transactions += 1
            _tell([(task.future, outcome) for task, outcome in zip(tasks, outcomes, strict=True)])
        return more

    def _gather(self) -> tuple[list[_Task], bool]:
        task = self._tasks.get()
        tasks: list[_Task] = []
        while task is not None:
            tasks.append(task)
            if len(tasks) == BATCH:
                return tasks, True
            try:
                task = self._tasks.get_nowait()
            except Empty:
                return tasks, True
        return tasks, False


def transact(
    connection: sqlite3.Connection, operations: Sequence[Operation[Any]]
) -> list[Outcome[Any]]:
    """Run operations in one transaction; each may fail alone, a failed commit fails them all.

    An operation that ends the transaction of all fails alone too: the others are run again.
    """
    outcomes: list[Outcome[Any]] = []
    try:
        connection.execute("BEGIN IMMEDIATE")
        for operation in operations:
            outcomes.append(_attempt(connection, operation))  # noqa: PERF401  # counts those done
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        _roll_back(connection)
        return [Outcome(error=_storage_error("could not be written", error)) for _ in operations]
    except Exception as error:  # of the operation's own making, as by INSERT OR ROLLBACK
        done = len(outcomes)
        others = transact(connection, [*operations[:done], *operations[done + 1 :]])
        return [*others[:done], Outcome(error=error), *others[done:]]
    return outcomes


def _attempt(connection: sqlite3.Connection, operation: Operation[T]) -> Outcome[T]:
    connection.execute("SAVEPOINT one")
    try:
        outcome = Outcome(operation(connection))
    except Exception as error:
        # A full disk or a failed read may have taken the whole transaction back already.
        if not connection.in_transaction:
            raise
        connection.execute("ROLLBACK TO one")
        mapped = isinstance(error, sqlite3.Error)
        outcome = Outcome(error=_storage_error("refused this", error) if mapped else error)
    connection.execute("RELEASE one")
    return outcome


def _storage_error(what: str, cause: Exception) -> StorageError:
    error = StorageError(f"the inbox {what}: {cause}")
    error.__cause__ = cause
    return error


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        with suppress(sqlite3.Error):  # then SQLite has done so itself
            connection.execute("ROLLBACK")


def _tell(outcomes: Sequence[tuple[asyncio.Future[Any], Outcome[Any]]]) -> None:
    """Resolve futures on their loop, in one call for all; there is more than one loop in tests."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Outcome[Any]]]] = {}
    for future, outcome in outcomes:
        by_loop.setdefault(future.get_loop(), []).append((future, outcome))
    for loop, theirs in by_loop.items():
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_resolve, theirs)


def _resolve(outcomes: Sequence[tuple[asyncio.Future[Any], Outcome[Any]]]) -> None:
    for future, outcome in outcomes:
        if future.done():  # its waiter was cancelled; the write stands
            continue
        if outcome.error:
            future.set_exception(outcome.error)
        else:
            future.set_result(outcome.value)
