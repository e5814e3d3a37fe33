"""The inbox in one SQLite file, for one process.

The file is in WAL mode with `synchronous=FULL`: what was committed survives a power cut. One thread
writes (see `writer`). Who writes holds a lock on `<path>.lock`, which the system lets go of when
the process ends, however it ends; a second writer is refused. Others may open the file read-only
meanwhile.
"""

import hashlib
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeAlias, TypeVar
from urllib.parse import quote

from planado_async.core.errors import ConfigurationError
from planado_async.webhooks import statements as sql
from planado_async.webhooks.bounded_log import BoundedLog
from planado_async.webhooks.inbox import (
    MAX_CRASHES,
    Claim,
    Counts,
    Delivery,
    Recovery,
    Routes,
    Run,
    State,
    wanted_by,
)
from planado_async.webhooks.lock import FileLock
from planado_async.webhooks.writer import InlineWriter, Operation, ThreadWriter, Writer

T = TypeVar("T")
Row: TypeAlias = dict[str, Any]
Key: TypeAlias = tuple[str, str]  # event_uuid, handler

MEMORY = ":memory:"
OLDEST_SQLITE = (3, 35, 0)
"""The first version that has RETURNING."""
PLANNED_AT_ONCE = 256
"""Deliveries whose runs one claim makes: a few milliseconds, which puts have to wait for."""
DELIVERY_COLUMNS = sql.DELIVERY_COLUMNS.split(", ")
JOURNAL_KEPT = 16 * 2**20
"""Bytes the journal keeps on disk once its content is in the file."""
BUSY_FOR = 3.0
"""Seconds to wait for someone else's lock on the file, well within the 10 s Planado gives."""


class SqliteInbox:
    """Keeps deliveries in the SQLite file `path`, or in memory for `":memory:"`.

    Open it with `async with`, or with `open` and `close`. With `readonly=True` it only lists, shows
    and counts, beside a running writer. `clock` returns epoch seconds.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        readonly: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path: str = str(path)
        self.readonly = readonly
        self._clock = clock
        self._lock: FileLock | None = None
        self._log = BoundedLog()
        self._waker: Callable[[], None] | None = None
        kind = InlineWriter if self.path == MEMORY else ThreadWriter
        self._writer: Writer = kind(self._connect)

    @classmethod
    def open_readonly(cls, path: str | Path) -> "SqliteInbox":
        """Return an inbox that lists, shows and counts beside a running writer."""
        return cls(path, readonly=True)

    @property
    def transactions(self) -> int:
        """Transactions made since the inbox was opened; puts that come together share one."""
        return self._writer.transactions

    async def __aenter__(self) -> "SqliteInbox":
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def open(self) -> None:
        """Lock, open and migrate the file; raise ConfigurationError if that fails."""
        if sqlite3.sqlite_version_info < OLDEST_SQLITE:
            raise ConfigurationError(
                f"SQLite {sqlite3.sqlite_version} is too old: the inbox needs 3.35 or newer"
            )
        if self.path != MEMORY and not self.readonly:
            self._lock = FileLock(self.path)
        try:
            await self._writer.open()
        except BaseException as error:
            self._unlock()
            if isinstance(error, sqlite3.Error):
                raise ConfigurationError(
                    f"the inbox {self.path!r} cannot be opened: {error}"
                ) from error
            raise

    async def close(self) -> None:
        """Finish what was asked, close the file and let its lock go; a second call does nothing."""
        try:
            await self._writer.close()
        finally:
            self._unlock()

    def _unlock(self) -> None:
        if self._lock:
            self._lock.release()
        self._lock = None

    def _connect(self) -> sqlite3.Connection:
        connection = connect(self.path, readonly=self.readonly)
        try:
            (check_schema if self.readonly else migrate)(connection, self.path, self._clock())
        except BaseException:
            connection.close()
            raise
        return connection

    def now(self) -> float:
        """Return the epoch seconds of this inbox's clock."""
        return self._clock()

    def subscribe(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Call `wake` after each put of something new, until the returned function is called.

        Raises ConfigurationError while another one is called.
        """
        if self._waker:
            raise ConfigurationError(
                f"the inbox {self.path!r} has a Dispatcher or Webhooks already: register all "
                "handlers with that one, or give each an inbox of its own"
            )
        self._waker = wake
        return self._unsubscribe

    def _unsubscribe(self) -> None:
        self._waker = None

    def _wake(self) -> None:
        if self._waker:
            self._waker()

    async def _write(self, operation: Operation[T]) -> T:
        if self.readonly:
            raise ConfigurationError(f"the inbox {self.path!r} is open read-only")
        return await self._writer.run(operation)

    async def put(self, delivery: Delivery) -> bool:
        """Store a delivery; return False for one that is here already, which is counted.

        One whose body was no event is replaced by one that is.
        """
        row = _stored(delivery)
        known_body = await self._write(lambda connection: _put(connection, row))
        if known_body is None:
            self._wake()
        elif not known_body:
            self._log.warning("a known event came with another body", delivery.event_uuid)
        return known_body is None

    async def recover(self, owner: str) -> Recovery:
        """Make suspects of the runs that owners other than `owner` left claimed."""
        now = self._clock()
        return await self._write(lambda connection: _recover(connection, owner, now))

    async def hasten(self, routes: Routes, horizon: float) -> int:
        """Make due what waits for more than `horizon` seconds yet; return how many runs."""
        terms = [{"handler": name, "horizon": self._clock() + horizon} for name in routes]
        return await self._write(
            lambda connection: connection.executemany(sql.HASTEN, terms).rowcount if terms else 0
        )

    async def claim(self, routes: Routes, *, owner: str, lease: float, limit: int) -> Claim:
        """Lease up to `limit` due runs of these handlers to `owner` for `lease` seconds."""
        now = self._clock()
        terms = {"owner": owner, "now": now, "until": now + lease, "limit": limit}
        return await self._write(lambda connection: _claim(connection, routes, terms))

    async def renew(self, owner: str, lease: float) -> int:
        """Let all claims of `owner` hold `lease` seconds from now; return how many there are."""
        terms = {"owner": owner, "until": self._clock() + lease}
        return await self._write(lambda connection: connection.execute(sql.RENEW, terms).rowcount)

    async def complete(self, run: Run) -> bool:
        """Mark a claimed run done; its lane goes on."""
        return await self._end(sql.COMPLETE, run)

    async def retry(self, run: Run, at: float, error: str) -> bool:
        """Let a claimed run wait until `at` for its next attempt."""
        return await self._end(sql.RETRY, run, at=at, error=error)

    async def bury(self, run: Run, error: str) -> bool:
        """Set a claimed run aside as dead; its lane goes on."""
        return await self._end(sql.BURY, run, error=error)

    async def release(self, run: Run) -> bool:
        """Give a claimed run back as if it had not been begun."""
        return await self._end(sql.RELEASE, run)

    async def _end(self, statement: str, run: Run, **values: Any) -> bool:
        terms: Row = _key(run) | values | {"now": self._clock()}
        return await self._write(lambda connection: _end(connection, statement, terms))

    async def revive(self, event_uuid: str) -> bool:
        """Let a dead delivery wait again, with all its attempts before it."""
        revived = await self._write(lambda connection: _revive(connection, event_uuid))
        if revived:
            self._wake()
        return revived

    async def counts(self) -> Counts:
        """Count the deliveries by state."""
        return await self._writer.run(_counts)

    async def deliveries(
        self, *, state: State | None = None, after: int = 0, limit: int = 100
    ) -> Sequence[Delivery]:
        """Return up to `limit` deliveries whose `seq` is above `after`, in order of arrival."""
        terms = {"state": state, "after": after, "limit": limit}
        statement = sql.DELIVERIES_IN_STATE if state else sql.DELIVERIES
        return await self._writer.run(
            lambda connection: [_delivery(row) for row in connection.execute(statement, terms)]
        )

    async def delivery(self, event_uuid: str) -> Delivery | None:
        """Return the delivery of that key, or None."""
        return await self._writer.run(lambda connection: _find(connection, event_uuid))

    async def runs(self, event_uuid: str) -> Sequence[Run]:
        """Return the runs of a delivery, by handler."""
        return await self._writer.run(lambda connection: _runs(connection, event_uuid))


def connect(path: str, *, readonly: bool = False) -> sqlite3.Connection:
    """Open a file for writing by one connection, or for reading beside that one."""
    target = f"file:{quote(path)}?mode=ro" if readonly else path
    connection = sqlite3.connect(
        target, uri=readonly, timeout=BUSY_FOR, isolation_level=None, check_same_thread=False
    )
    try:
        if not readonly:
            _set_up(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _set_up(connection: sqlite3.Connection, path: str) -> None:
    [mode] = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal" and path != MEMORY:
        raise ConfigurationError(
            f"the inbox {path!r} cannot be opened: its file system does not support WAL mode"
        )
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA journal_size_limit = {JOURNAL_KEPT}")


def migrate(connection: sqlite3.Connection, path: str, now: float) -> None:
    """Bring the schema up to what this version knows, one transaction for each step."""
    connection.execute(sql.MIGRATIONS_TABLE)
    have = check_schema(connection, path, now)
    for version, steps in enumerate(sql.MIGRATIONS[have:], start=have + 1):
        connection.execute("BEGIN IMMEDIATE")
        for step in steps:
            connection.execute(step)
        connection.execute(sql.MIGRATED, (version, now))
        connection.execute("COMMIT")


def check_schema(connection: sqlite3.Connection, path: str, now: float) -> int:
    """Return the file's schema version; refuse one that is newer than this code."""
    [version] = connection.execute(sql.SCHEMA_VERSION).fetchone()
    known = len(sql.MIGRATIONS)
    if version and version > known:
        raise ConfigurationError(
            f"the inbox {path!r} has schema {version}, made by a newer planado_async; this one "
            f"knows {known}. Upgrade planado_async, or use another file."
        )
    return version or 0


# What follows runs in the writer's thread, inside its transaction.


def _put(connection: sqlite3.Connection, row: Row) -> bool | None:
    """Store a delivery and return None; of one that is here, tell whether the body is the same."""
    if connection.execute(sql.PUT, row).rowcount:
        return None
    [same] = connection.execute(sql.REPEAT, row).fetchone()
    return bool(same)


def _claim(connection: sqlite3.Connection, routes: Routes, terms: Row) -> Claim:
    if _plan(connection, routes, terms["now"]):
        return Claim(more=True)  # the lowest version of a lane may be among those not planned yet
    if suspect := _first_suspect(connection, routes):
        return _claim_alone(connection, suspect, terms)
    keys = _due(connection, routes, terms)
    runs = [run for key in keys for run in _claimed(connection, key, terms)]
    return Claim(runs=runs, due_at=_next_due(connection, routes, terms["owner"]))


def _claim_alone(connection: sqlite3.Connection, suspect: Key, terms: Row) -> Claim:
    """Claim a suspect if nothing else is claimed; what ends then lets the owner ask again."""
    if connection.execute(sql.ANY_CLAIMED, terms).fetchone():
        return Claim()
    return Claim(runs=_claimed(connection, suspect, terms))


def _plan(connection: sqlite3.Connection, routes: Routes, now: float) -> bool:
    """Make the runs of deliveries that have none; return whether there may be more of them."""
    found = connection.execute(sql.UNPLANNED, (PLANNED_AT_ONCE,)).fetchall()
    for seq, event_uuid, event_type, entity, version in found:
        handlers = wanted_by(routes, event_type)
        for handler in handlers:
            run = {"event_uuid": event_uuid, "handler": handler, "entity": entity}
            _add(connection, run | {"version": version, "seq": seq})
        if handlers:
            connection.execute(sql.PLANNED, (seq,))
        else:
            connection.execute(sql.UNHANDLED, {"seq": seq, "now": now})
    return len(found) == PLANNED_AT_ONCE


def _add(connection: sqlite3.Connection, run: Row) -> None:
    [head] = connection.execute(sql.PLAN, run).fetchone()
    if not head:
        _elect(connection, run)


def _elect(connection: sqlite3.Connection, lane: Row) -> None:
    """Make the lowest of the waiting the head of its lane, unless the head is claimed."""
    connection.execute(sql.DEMOTE, lane)
    connection.execute(sql.PROMOTE, lane)


def _first_suspect(connection: sqlite3.Connection, routes: Routes) -> Key | None:
    found = [row for name in routes for row in connection.execute(sql.SUSPECTS, (name,))]
    return min(found)[2:] if found else None


def _due(connection: sqlite3.Connection, routes: Routes, terms: Row) -> list[Key]:
    """Return the keys of the runs that are due, the first to arrive first over all handlers."""
    ranges = ({"above": -1, "upto": 0}, {"above": 0, "upto": terms["now"]})  # untried; tried
    found = [
        row
        for name in routes
        for span in ranges
        for row in connection.execute(sql.DUE, terms | span | {"handler": name})
    ]
    return [row[1:] for row in sorted(found)[: terms["limit"]]]


def _claimed(connection: sqlite3.Connection, key: Key, terms: Row) -> list[Run]:
    """Claim one run; return it, or nothing if it could not be had."""
    event_uuid, handler = key
    claimed = terms | {"event_uuid": event_uuid, "handler": handler}
    rows = connection.execute(sql.CLAIM, claimed).fetchall()
    return [
        Run(
            delivery=_delivery(connection.execute(sql.DELIVERY, (event_uuid,)).fetchone()),
            handler=handler,
            attempt=attempts,
            crashes=crashes,
            due_at=terms["until"],
            owner=terms["owner"],
        )
        for attempts, crashes in rows
    ]


def _next_due(connection: sqlite3.Connection, routes: Routes, owner: str) -> float | None:
    """Return when the next run is due that `owner` has not claimed already."""
    rows = [connection.execute(sql.NEXT_DUE, (name, owner)).fetchone() for name in routes]
    return min((row[0] for row in rows if row), default=None)


def _end(connection: sqlite3.Connection, statement: str, terms: Row) -> bool:
    held = connection.execute(statement, terms).fetchone()
    if held is None:
        return False
    _elect(connection, {"handler": terms["handler"], "entity": held[0]})
    connection.execute(sql.SETTLE, terms)
    return True


def _recover(connection: sqlite3.Connection, owner: str, now: float) -> Recovery:
    left = connection.execute(sql.LEFT_CLAIMED, (owner,)).fetchall()
    buried: list[str] = []
    for event_uuid, handler, entity in left:
        run = {"event_uuid": event_uuid, "handler": handler, "entity": entity, "now": now}
        counted = {"counted": len(left) == 1}  # of several nobody knows which one it was
        [crashes] = connection.execute(sql.SUSPECT, run | counted).fetchone()
        if crashes >= MAX_CRASHES:
            _bury_suspect(connection, run)
            buried.append(event_uuid)
    waiting = dict(connection.execute(sql.OPEN_RUNS))
    return Recovery(released=len(left) - len(buried), buried=buried, waiting=waiting)


def _bury_suspect(connection: sqlite3.Connection, run: Row) -> None:
    error = f"the process died {MAX_CRASHES} times while this was the only run"
    connection.execute(sql.BURY_SUSPECT, run | {"error": error})
    _elect(connection, run)
    connection.execute(sql.SETTLE, run)


def _revive(connection: sqlite3.Connection, event_uuid: str) -> bool:
    if not connection.execute(sql.REVIVE, (event_uuid,)).rowcount:
        return False
    for handler, entity in connection.execute(sql.REVIVE_RUNS, (event_uuid,)).fetchall():
        _elect(connection, {"handler": handler, "entity": entity})
    return True


def _counts(connection: sqlite3.Connection) -> Counts:
    def one(statement: str) -> Any:
        row = connection.execute(statement).fetchone()
        return row and row[0]

    return Counts(
        **dict(connection.execute(sql.COUNT)),
        claimed=one(sql.COUNT_CLAIMED),
        unhandled=one(sql.COUNT_UNHANDLED),
        oldest_waiting_at=one(sql.OLDEST_WAITING),
    )


def _find(connection: sqlite3.Connection, event_uuid: str) -> Delivery | None:
    row = connection.execute(sql.DELIVERY, (event_uuid,)).fetchone()
    return _delivery(row) if row else None


def _runs(connection: sqlite3.Connection, event_uuid: str) -> list[Run]:
    delivery = _find(connection, event_uuid)
    if delivery is None:
        return []
    rows = connection.execute(sql.RUNS, (event_uuid,))
    return [_run(delivery, row) for row in rows]


def _run(delivery: Delivery, row: tuple[Any, ...]) -> Run:
    handler, attempts, crashes, state, due_at, owner, error = row
    return Run(
        delivery=delivery,
        handler=handler,
        attempt=attempts,
        crashes=crashes,
        state=State.CLAIMED if owner else State(state),
        due_at=due_at,
        owner=owner,
        error=error,
    )


def _delivery(row: Sequence[Any]) -> Delivery:
    values = dict(zip(DELIVERY_COLUMNS, row, strict=True))
    values["state"], values["unhandled"] = State(values["state"]), bool(values["unhandled"])
    return Delivery(**values)


def _stored(delivery: Delivery) -> Row:
    return {
        "event_uuid": delivery.event_uuid,
        "event_type": delivery.event_type,
        "entity_type": delivery.entity_type,
        "entity_uuid": delivery.entity_uuid,
        "version": delivery.version,
        "attempt": delivery.attempt,
        "received_at": delivery.received_at,
        "state": delivery.state.value,
        "error": delivery.error,
        "sha256": hashlib.sha256(delivery.body).digest(),
        "body": delivery.body,
    }


def _key(run: Run) -> Row:
    return {
        "event_uuid": run.delivery.event_uuid,
        "handler": run.handler,
        "owner": run.owner,
        "attempt": run.attempt,
    }
