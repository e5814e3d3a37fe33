"""What a handler leaves in its transaction is stored with its completion, or not at all."""

import asyncio
import random
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from planado_async.core.errors import ConfigurationError, EffectError, StorageError
from planado_async.webhooks import effects
from planado_async.webhooks.dispatcher import ATTEMPTS, STEPS, Dispatcher, Transaction
from planado_async.webhooks.events import Event, JobEvent
from planado_async.webhooks.inbox import Effect, Route, Run, State
from planado_async.webhooks.sqlite import SqliteInbox
from tests.webhooks.making import LoopClock, delivery

MAKE = "CREATE TABLE IF NOT EXISTS ledger (event TEXT, amount INTEGER CHECK (amount >= 0))"
SPEED = 1_000.0
ADD = "INSERT INTO ledger VALUES (?, ?)"


@pytest.fixture
async def inbox() -> AsyncIterator[SqliteInbox]:
    async with SqliteInbox(":memory:", clock=LoopClock()) as opened:
        yield opened


async def rows(inbox: SqliteInbox, statement: str = "SELECT * FROM ledger") -> list[Any]:
    return await inbox._write(lambda connection: connection.execute(statement).fetchall())


async def make(inbox: SqliteInbox) -> None:
    """Make the ledger as a program would that has the file to itself."""
    await rows(inbox, MAKE)


async def claimed(inbox: SqliteInbox, name: str = "e1") -> Run:
    await inbox.put(delivery(name, entity=name))
    found = await inbox.claim({"h": Route(("*",))}, owner="me", lease=90.0, limit=10)
    [run] = found.runs
    return run


async def life_of(inbox: SqliteInbox, *left: tuple[Any, ...]) -> Run:
    """Dispatch one event to a handler that leaves these statements; return what became of it."""
    await inbox.put(delivery())
    hooks = Dispatcher(inbox, rng=random.Random(1), speed=SPEED)

    @hooks.on("*", name="h")
    async def handle(event: Event, tx: Transaction) -> None:
        for effect in left:
            tx.execute(*effect)

    async with hooks:
        await asyncio.sleep(sum(STEPS) / SPEED * 1.2)
    [run] = await inbox.runs("e1")
    return run


async def test_effects_are_stored_with_the_completion(inbox: SqliteInbox) -> None:
    """Statements with arguments by place or by name are executed once, when the handler is done."""
    run = await life_of(
        inbox,
        (MAKE,),
        (ADD, ["e1", 5]),
        ("INSERT INTO ledger VALUES (:event, :amount)", {"event": "e2", "amount": 6}),
        ("UPDATE ledger SET amount = amount * 10",),
    )
    assert run.state is State.DONE
    assert await rows(inbox) == [("e1", 50), ("e2", 60)]


async def test_a_statement_that_fails_takes_all_back(inbox: SqliteInbox) -> None:
    """When one statement fails nothing is stored; the handler is called again, at last dead."""
    await make(inbox)
    run = await life_of(inbox, (ADD, ["e1", 5]), (ADD, ["e2", -5]))
    assert (run.state, run.attempt) == (State.DEAD, ATTEMPTS)
    assert await rows(inbox) == []
    assert run.error is not None
    assert "'INSERT INTO ledger VALUES (?, ?)' failed: CHECK constraint" in run.error
    assert "-5" not in run.error
    letter = await inbox.delivery("e1")
    assert letter is not None
    assert "INSERT INTO ledger" in str(letter.error)


async def test_a_handler_that_fails_leaves_nothing(inbox: SqliteInbox) -> None:
    """What a handler left before it raised is dropped; its next attempt begins empty."""
    await make(inbox)
    await inbox.put(delivery())
    hooks = Dispatcher(inbox, rng=random.Random(1))
    attempts: list[int] = []

    @hooks.on("*", name="h")
    async def handle(event: Event, tx: Transaction) -> None:
        attempts.append(1)
        tx.execute(ADD, ["e1", len(attempts)])
        if len(attempts) == 1:
            raise ValueError

    async with hooks:
        await asyncio.sleep(10)
    assert await rows(inbox) == [("e1", 2)]


async def test_both_kinds_of_handlers_get_one_event(inbox: SqliteInbox) -> None:
    """A handler of one argument and one of two stand beside each other; defaults are not filled."""
    await make(inbox)
    got: list[str] = []
    hooks = Dispatcher(inbox)

    @hooks.on("*", name="plain")
    async def plain(event: Event, note: str = "default") -> None:
        got.append(note)

    @hooks.on("*", name="rest")
    async def rest(event: Event, *more: object) -> None:
        got.extend(map(str, more))

    @hooks.on("*", name="left")
    async def left(event: JobEvent, tx: Transaction) -> None:
        tx.execute(ADD, [event.entity.uuid, 1])

    await inbox.put(delivery())
    async with hooks:
        await asyncio.sleep(1)
    assert got == ["default"]
    assert await rows(inbox) == [("j1", 1)]


async def nothing() -> None: ...
async def three(event: Event, tx: Transaction, more: int) -> None: ...
async def keyword(event: Event, *, key: int) -> None: ...


@pytest.mark.parametrize("handler", [nothing, three, keyword])
def test_a_handler_that_cannot_be_called_is_refused(handler: Any) -> None:
    """One that takes neither an event nor an event and a transaction is named at once."""
    with pytest.raises(ConfigurationError, match=r"cannot be called: it takes \(event\), or"):
        Dispatcher(SqliteInbox(":memory:")).on("*")(handler)


async def test_a_claim_that_was_lost_stores_no_effects(inbox: SqliteInbox) -> None:
    """Whoever does not hold the run any more changes nothing with its completion."""
    await make(inbox)
    run = await claimed(inbox)
    await inbox.release(run)
    assert await inbox.complete(run, [(ADD, ["e1", 1])]) is False
    assert await rows(inbox) == []


def test_arguments_are_taken_as_they_are() -> None:
    """What a handler does to its list or dict afterwards changes nothing; nor may it come late."""
    tx = Transaction()
    given: list[Any] = ["e1", 1]
    named = {"event": "e1"}
    tx.execute(ADD, given)
    tx.execute("SELECT :event", named)
    given.clear()
    named.clear()
    assert list(tx.end()) == [(ADD, ("e1", 1)), ("SELECT :event", {"event": "e1"})]
    with pytest.raises(RuntimeError, match="has returned"):
        tx.execute(ADD, ["e2", 2])


# --- What a statement may not do ------------------------------------------------------------------

OWN = [
    "INSERT INTO runs (event_uuid) VALUES ('x')",
    'INSERT INTO main."RUNS" (event_uuid) VALUES (1)',
    "UPDATE Deliveries SET body = x''",
    "UPDATE ledger SET amount = 1 FROM runs; DELETE FROM runs",
    "DELETE FROM lanes",
    "REPLACE INTO lanes VALUES ('h', 'x', 9)",
    "WITH one AS (SELECT 1) DELETE FROM runs",
    "DROP TABLE runs",
    "DROP TABLE IF EXISTS planado_inbox_migrations",
    "UPDATE planado_inbox_counts SET number = 0",
    "DROP TRIGGER planado_inbox_came",
    "DROP INDEX runs_head",
    "ALTER TABLE deliveries RENAME TO mine",
    "ALTER TABLE deliveries ADD COLUMN mine TEXT",
    "CREATE INDEX mine ON runs (handler)",
    "CREATE TRIGGER mine AFTER INSERT ON deliveries BEGIN SELECT 1; END",
    "CREATE TEMP TRIGGER mine AFTER INSERT ON deliveries BEGIN SELECT 1; END",
    "CREATE TEMP TABLE runs (x)",
    "CREATE TEMP VIEW deliveries AS SELECT 1",
    "CREATE TEMP TABLE mine (x)",
    "INSERT INTO sneaky VALUES (1)",
    "INSERT INTO sqlite_master VALUES (1, 2, 3, 4, 5)",
    "ANALYZE",
]
OTHER = [
    "BEGIN",
    "COMMIT",
    "END",
    "ROLLBACK",
    "SAVEPOINT mine",
    "RELEASE one",
    "ROLLBACK TO one",
    "PRAGMA journal_mode = DELETE",
    "PRAGMA synchronous = OFF",
    "PRAGMA user_version",
    "PRAGMA writable_schema = 1",
    "ATTACH ':memory:' AS mine",
    "DETACH main",
    "VACUUM",
]
TRIGGER = """
CREATE TRIGGER sneak AFTER INSERT ON sneaky BEGIN DELETE FROM deliveries; END"""


@pytest.fixture
async def ready(inbox: SqliteInbox) -> SqliteInbox:
    """Return an inbox with tables of a user, one with a trigger on the inbox's own."""
    await make(inbox)
    await rows(inbox, "CREATE TABLE sneaky (x)")
    await rows(inbox, TRIGGER)
    return inbox


async def schema(inbox: SqliteInbox) -> list[Any]:
    both = "SELECT name, sql FROM sqlite_master UNION ALL SELECT name, sql FROM sqlite_temp_master"
    return await rows(inbox, both)


@pytest.mark.parametrize("statement", OWN + OTHER)
async def test_what_is_the_inboxs_own_is_not_touched(ready: SqliteInbox, statement: str) -> None:
    """No statement changes, hides or drops the inbox's tables, or steps out of its transaction."""
    before = await schema(ready)
    run = await claimed(ready)
    [kept] = await ready.deliveries()
    with pytest.raises(EffectError, match="failed"):
        await ready.complete(run, [(ADD, ["e1", 1]), (statement, ())])
    assert await schema(ready) == before
    assert await rows(ready) == []
    assert await ready.deliveries() == [kept]
    assert await ready.complete(run) is True


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE IF NOT EXISTS mine (x UNIQUE)",
        "CREATE INDEX mine ON ledger (event)",
        "ALTER TABLE ledger ADD COLUMN note TEXT",
        "DROP TABLE ledger",
        "CREATE VIEW mine AS SELECT event_uuid FROM deliveries",
        "SELECT * FROM deliveries",
        "INSERT INTO ledger SELECT event_uuid, version FROM deliveries RETURNING amount",
        "INSERT INTO ledger SELECT event_uuid, version FROM runs",
        "EXPLAIN DELETE FROM ledger",
        "  ",
        "-- nothing",
    ],
)
async def test_what_is_the_users_is_the_users(ready: SqliteInbox, statement: str) -> None:
    """Tables of one's own can be made, changed and dropped, and everything be read."""
    assert await ready.complete(await claimed(ready), [(statement, ())])
    assert await ready.complete(await claimed(ready, "e2")) is True


async def test_the_watch_ends_with_the_statement(ready: SqliteInbox) -> None:
    """After a statement, allowed or denied, the inbox changes its own tables as before."""
    run = await claimed(ready)
    with pytest.raises(EffectError):
        await ready.complete(run, [("DELETE FROM runs", ())])
    assert await ready.complete(run, [("SELECT 1", ())]) is True
    assert await ready.complete(await claimed(ready, "e2")) is True
    assert (await ready.counts()).done == 2


async def test_a_text_of_the_inboxs_own_is_denied_too(ready: SqliteInbox) -> None:
    """A statement that the inbox itself has executed before is no way around the watch."""
    run = await claimed(ready)
    own = "DELETE FROM lanes"
    await rows(ready, own)
    with pytest.raises(EffectError, match="not authorized"):
        await ready.complete(run, [(own, ())])


# --- Whatever it is, it ends ----------------------------------------------------------------------


class Unfit:
    """Something SQLite cannot store."""

    def __conform__(self, protocol: object) -> object:
        raise LookupError("unfit")


@pytest.mark.parametrize(
    "effect",
    [
        (ADD, ["e1", object()]),
        (ADD, ["e1", 2**63]),
        (ADD, ["e1", Unfit()]),
        (ADD, ["e1"]),
        (ADD, ["e1", 1, 2]),
        (ADD, {"event": "e1"}),
        ("INSERT INTO ledger VALUES (:event, :amount)", {"event": "e1"}),
        (ADD, ["\ud800", 1]),
        (ADD, [b"e1", float("inf"), 1]),
        (ADD, [["e1"], {}]),
        ("INSERT INTO ledger VALUES ('\ud800', 1)",),
        ("INSERT INTO ledger VALUES ('\0', 1)", ()),
        ("SELECT 1; SELECT 2",),
        ("INSERT INTO nowhere VALUES (1)",),
        ("no SQL at all",),
        (b"SELECT 1",),
        (None,),
        (ADD, 5),
        (ADD, None),
        ("INSERT OR ROLLBACK INTO ledger VALUES ('e1', -1)",),
        ("SELECT zeroblob(1 << 40)",),
        ("SELECT " + "(" * 5_000 + "1" + ")" * 5_000,),
        ("DROP TABLE never_made",),
    ],
    ids=repr,
)
async def test_every_slip_ends_as_a_dead_letter(
    inbox: SqliteInbox, caplog: pytest.LogCaptureFixture, effect: tuple[Any, ...]
) -> None:
    """Whatever is wrong with a statement or its arguments, it is tried again and then set aside."""
    await make(inbox)
    run = await life_of(inbox, (ADD, ["first", 1]), effect)
    assert (run.state, run.attempt) == (State.DEAD, ATTEMPTS)
    assert run.error
    assert await rows(inbox) == []
    assert "could not store" not in caplog.text


async def test_an_error_of_any_text_can_be_stored(inbox: SqliteInbox) -> None:
    """A handler whose error is no valid text is tried again and set aside like any other."""
    await inbox.put(delivery())
    hooks = Dispatcher(inbox, rng=random.Random(1))

    @hooks.on("*", name="h")
    async def handle(event: Event) -> None:
        raise ValueError("\ud800 \0")

    async with hooks:
        await asyncio.sleep(1)
        [run] = await inbox.runs("e1")
    assert run.error is not None
    assert "\\ud800" in run.error


@pytest.mark.real_time
async def test_one_that_ends_the_transaction_of_all_fails_alone(tmp_path: Path) -> None:
    """A statement that takes back the whole transaction harms none of the puts that share it."""
    async with SqliteInbox(tmp_path / "inbox.db") as inbox:
        await make(inbox)
        run = await claimed(inbox)
        bad = inbox.complete(run, [("INSERT OR ROLLBACK INTO ledger VALUES ('x', -1)", ())])
        puts = [inbox.put(delivery(f"p{number}", entity=f"j{number}")) for number in range(50)]
        first, failed, *others = await asyncio.gather(
            puts[0], bad, *puts[1:], return_exceptions=True
        )
        assert isinstance(failed, EffectError)
        assert [first, *others] == [True] * 50
        assert (await inbox.counts()).waiting == 51
        assert await inbox.complete(run) is True


@pytest.mark.real_time
async def test_a_full_disk_is_not_the_handlers_fault(tmp_path: Path) -> None:
    """Effects that do not fit wait for the disk: the run keeps its attempt, and then is done."""
    async with SqliteInbox(tmp_path / "inbox.db") as inbox:
        await make(inbox)
        run = await claimed(inbox)
        fill: Sequence[Effect] = [(ADD, ["x" * 10_000_000, 1])]
        await rows(inbox, "PRAGMA max_page_count = 1")
        with pytest.raises(StorageError, match="full"):
            await inbox.complete(run, fill)
        await rows(inbox, "PRAGMA max_page_count = 1000000")
        assert await inbox.complete(run, fill) is True


async def test_numbers_that_are_used_up_are_the_handlers_fault(inbox: SqliteInbox) -> None:
    """An AUTOINCREMENT at its end, which SQLite calls a full disk, ends as a dead letter."""
    await rows(inbox, "CREATE TABLE bills (number INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT)")
    await rows(inbox, f"INSERT INTO bills VALUES ({2**63 - 1}, 'j0')")
    run = await life_of(inbox, ("INSERT INTO bills (job) VALUES ('j1')",))
    assert (run.state, run.attempt) == (State.DEAD, ATTEMPTS)
    assert "database or disk is full" in str(run.error)
    assert await rows(inbox, "SELECT job FROM bills") == [("j0",)]


@pytest.mark.parametrize(
    ("code", "blamed"),
    [
        (sqlite3.SQLITE_FULL, False),
        (sqlite3.SQLITE_IOERR_WRITE, False),
        (sqlite3.SQLITE_IOERR, False),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, False),
        (sqlite3.SQLITE_CONSTRAINT_UNIQUE, True),
        (sqlite3.SQLITE_ERROR, True),
        (None, True),
    ],
)
def test_the_disk_is_known_by_every_of_its_codes(code: int | None, blamed: bool) -> None:
    """An error of the disk, in its general or a particular form, stays one of the store."""

    class Broken:
        def set_authorizer(self, callback: object) -> None: ...

        def execute(self, *_: object) -> None:
            error = sqlite3.OperationalError("broken")
            if code is not None:
                error.sqlite_errorcode = code
            raise error

    connection: Any = Broken()
    with pytest.raises(EffectError if blamed else sqlite3.OperationalError):
        effects.execute(connection, [("SELECT 1", ())])


# --- Once, whatever happens to the process --------------------------------------------------------

EVENTS = 2_000
COUNTING = """
import asyncio, sys
from planado_async.webhooks import Dispatcher, SqliteInbox

async def main():
    async with SqliteInbox(sys.argv[1]) as inbox:
        hooks = Dispatcher(inbox, concurrency=16)

        @hooks.on("*", name="count")
        async def count(event, tx):
            tx.execute("CREATE TABLE IF NOT EXISTS ledger (run TEXT)")
            tx.execute("INSERT INTO ledger VALUES (?)", [event.run_id])
            await asyncio.sleep(0.001)

        async with hooks:
            print("open", flush=True)
            while (await inbox.counts()).waiting:
                await asyncio.sleep(0.01)
            print("done", flush=True)

asyncio.run(main())
"""


@pytest.mark.real_time
async def test_effects_happen_once_across_kills(
    tmp_path: Path, scaled: Callable[[int], int]
) -> None:
    """However often the process is killed, each run has left its effect exactly once."""
    path = tmp_path / "inbox.db"
    rng = random.Random(3)
    async with SqliteInbox(path) as inbox:
        for number in range(EVENTS):
            await inbox.put(delivery(f"e{number}", entity=f"j{number % 50}", version=number + 1))
    lives = [await one_life(path, rng.uniform(0.01, 0.1)) for _ in range(scaled(50))]
    assert lives.count(b"") >= 3  # killed at work
    assert await one_life(path, 60.0) == b"done\n"
    connection = sqlite3.connect(path)
    found = connection.execute("SELECT run, count(*) FROM ledger GROUP BY run").fetchall()
    set_aside = connection.execute("SELECT event_uuid FROM runs WHERE state = 'dead'")
    dead = [name for (name,) in set_aside]
    connection.close()
    # Dead are those that three kills in a row found running alone: set aside, without effect.
    wanted = {f"count:e{number}" for number in range(EVENTS)} - {f"count:{name}" for name in dead}
    assert dict(found) == dict.fromkeys(wanted, 1)
    assert len(dead) < EVENTS / 10


async def one_life(path: Path, seconds: float) -> bytes:
    """Run the counting program, kill it after so many seconds, and return its last word."""
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", COUNTING, path), stdout=asyncio.subprocess.PIPE
    )
    assert program.stdout is not None
    try:
        assert await asyncio.wait_for(program.stdout.readline(), 30) == b"open\n"
        return await asyncio.wait_for(program.stdout.readline(), seconds)
    except TimeoutError:
        return b""
    finally:
        if program.returncode is None:
            program.send_signal(signal.SIGKILL)
        await program.wait()
