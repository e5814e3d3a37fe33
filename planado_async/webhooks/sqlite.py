"""The inbox in one SQLite file, for one process.

The file is in WAL mode with `synchronous=FULL`: what was committed survives a power cut. One thread
writes (see `writer`). Who writes holds a lock on `<path>.lock`, which the system lets go of when
the process ends, however it ends; a second writer is refused. Others may open the file read-only
meanwhile.
"""

import asyncio
import hashlib
import sqlite3
import time
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, TypeAlias, TypeVar, Unpack
from urllib.parse import quote

from planado_async.core.errors import ConfigurationError
from planado_async.webhooks import effects, lanes, review
from planado_async.webhooks import statements as sql
from planado_async.webhooks.bounded_log import BoundedLog
from planado_async.webhooks.export import Target, export
from planado_async.webhooks.inbox import (
    KNOWN_FOR,
    MAX_CRASHES,
    Await,
    Change,
    Choice,
    Claim,
    Counts,
    Delivery,
    Effect,
    Entity,
    Filter,
    Gap,
    Place,
    Pruned,
    Recovery,
    Retention,
    Routes,
    Run,
    Stale,
    State,
    Stats,
    VersionGap,
    VersionGaps,
    Vitals,
    judge,
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
            if self.readonly:
                check_schema(connection, self.path)
            else:
                migrate(connection, self.path, self._clock())
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
            raise ConfigurationError(
                f"the inbox {self.path!r} is open read-only: what changes it goes through the "
                "Webhooks that runs, or through a SqliteInbox of its own once that has stopped"
            )
        return await self._writer.run(operation)

    async def put(self, delivery: Delivery) -> bool:
        """Store a delivery; return False for one that is here already, which is counted.

        One whose body was no event is replaced by one that is.
        """
        row = _stored(delivery)
        try:
            known_body = await self._write(lambda connection: _put(connection, row))
        except asyncio.CancelledError:
            self._wake()  # it may be carried out all the same
            raise
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
        """Make due what waits for more than `horizon` seconds yet; return how many runs.

        What waits for missing versions is due when it waits for more than its handler's patience.
        """
        now = self._clock()
        terms = [
            {"handler": name, "horizon": now + horizon, "patience": now + route.gap_timeout}
            for name, route in routes.items()
        ]
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

    async def complete(self, run: Run, effects: Sequence[Effect] = ()) -> bool:
        """Mark a claimed run done and execute the effects, both or neither; its lane goes on.

        Raises EffectError for a statement that is wrong, or touches what is the inbox's own.
        """
        return await self._end(sql.COMPLETE, run, effects=effects)

    async def retry(self, run: Run, at: float, error: str) -> bool:
        """Let a claimed run wait until `at` for its next attempt."""
        return await self._end(sql.RETRY, run, at=at, error=error)

    async def bury(self, run: Run, error: str) -> bool:
        """Set a claimed run aside as dead; its lane goes on."""
        return await self._end(sql.BURY, run, error=error)

    async def release(self, run: Run) -> bool:
        """Give a claimed run back as if it had not been begun."""
        return await self._end(sql.RELEASE, run)

    async def release_all(self, owner: str) -> int:
        """Give back all runs that `owner` holds as if they had not been begun; return how many."""
        return await self._write(lambda connection: _release_all(connection, owner))

    async def _end(self, statement: str, run: Run, **values: Any) -> bool:
        terms: Row = {"effects": (), "now": self._clock()} | _key(run) | values
        return await self._write(lambda connection: _end(connection, statement, terms))

    async def counts(self) -> Counts:
        """Count the deliveries by state."""
        return await self._writer.run(review.counts)

    async def vitals(self) -> Vitals:
        """Store something, to know that it can be done, and count what is to be watched."""
        now = self._clock()
        return await self._write(lambda connection: _vitals(connection, now))

    async def lacking(self, event_uuids: Collection[str]) -> Set[str]:
        """Return which of these events a put would store."""
        return await self._writer.run(
            lambda connection: {
                one for one in event_uuids if not connection.execute(sql.STORED, (one,)).fetchone()
            }
        )

    async def held(self, changes: Collection[Change]) -> Set[Change]:
        """Return of which of these changes there is an event here."""
        return await self._writer.run(
            lambda connection: {
                one for one in changes if connection.execute(sql.HELD, one._asdict()).fetchone()
            }
        )

    async def versions(self, entities: Collection[Entity]) -> Mapping[Entity, tuple[int, int]]:
        """Return the lowest and the highest version of each entity of which an event is here."""
        return await self._writer.run(lambda connection: _versions(connection, entities))

    async def gaps(self, after: int, limit: int = 1000) -> VersionGaps:
        """Return the versions that are missing right below those whose `seq` is above `after`."""
        terms = {"after": after, "limit": limit, "known_since": self._clock() - KNOWN_FOR}
        return await self._writer.run(lambda connection: _gaps(connection, terms))

    async def recall(self, name: str) -> bytes | None:
        """Return what was last remembered by that name."""
        row = await self._writer.run(lambda c: c.execute(sql.RECALL, (name,)).fetchone())
        return row and bytes(row[0])

    async def remember(self, name: str, note: bytes) -> None:
        """Keep a note by a name, in place of the one before."""
        terms = {"name": name, "note": note}
        await self._write(lambda connection: connection.execute(sql.REMEMBER, terms).rowcount)

    async def stats(self) -> Stats:
        """Count more, by handler too, and look at the last minutes."""
        now = self._clock()
        return await self._writer.run(lambda connection: review.stats(connection, now))

    async def deliveries(
        self, *, after: int = 0, limit: int = 100, **which: Unpack[Filter]
    ) -> Sequence[Delivery]:
        """Return up to `limit` deliveries whose `seq` is above `after`, in order of arrival.

        Go on with the `seq` of the last one.
        """
        chosen = review.query(which)
        found: list[Delivery] = []
        seq: int | None = after
        while seq is not None and len(found) < limit:
            left = limit - len(found)
            seen = await self._writer.run(
                partial(review.window, chosen, seq, review.EXAMINED, left)
            )
            found += seen.found
            seq = seen.seq
        return found

    async def delivery(self, event_uuid: str) -> Delivery | None:
        """Return the delivery of that key, or None."""
        return await self._writer.run(lambda connection: review.find(connection, event_uuid))

    async def runs(self, event_uuid: str) -> Sequence[Run]:
        """Return the runs of a delivery, by handler."""
        return await self._writer.run(lambda connection: review.runs(connection, event_uuid))

    async def export(self, target: Target, **which: Unpack[Filter]) -> int:
        """Write deliveries as JSON lines to a path or a binary file; return how many.

        Each line has the fields of `Delivery`, with `body` as text, or `body_base64` where it is
        not UTF-8, and `runs`. A file at the path is replaced.
        """
        return await export(self, target, **which)

    async def replay(self, routes: Routes, *, done: bool = False, **which: Unpack[Choice]) -> int:
        """Let dead runs wait again, with `done` also those that are done; return how many.

        They have all their attempts before them, and run whatever their version. With `done`, and
        for a delivery without any run, those of `routes` that want it and have none get one.
        """
        within = None if done else review.UNDONE
        changed = await self._change(review.replay(routes, done=done), which, within)
        if changed:
            self._wake()
        return changed

    async def drop(self, **which: Unpack[Choice]) -> int:
        """Set dead runs aside for good, as done and dropped; return how many.

        Counted as one is a dead letter that never had a run. What is dropped can be listed and
        replayed with `done=True` until it is pruned.
        """
        return await self._change(review.drop, which, review.UNDONE)

    async def _change(
        self, change: review.ChangeOne, which: Choice, within: Sequence[State] | None
    ) -> int:
        now = self._clock()
        count = 0
        for chosen in review.queries(which, within):
            seq: int | None = 0
            while seq is not None:
                changed = await self._write(partial(review.change, change, chosen, seq, now))
                count += changed.runs
                seq = changed.seq
        return count

    async def prune(self, retention: Retention, *, limit: int = 100) -> Pruned:
        """Make room in one short transaction: at most `limit` deliveries of each kind.

        The pages that become free are used again; the file does not get smaller.
        """
        now = self._clock()
        return await self._write(lambda connection: review.prune(connection, retention, limit, now))


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
    have = _schema(connection, path)
    for version, steps in enumerate(sql.MIGRATIONS[have:], start=have + 1):
        connection.execute("BEGIN IMMEDIATE")
        for step in steps:
            connection.execute(step)
        connection.execute(sql.MIGRATED, (version, now))
        connection.execute("COMMIT")


def check_schema(connection: sqlite3.Connection, path: str) -> None:
    """Refuse a file whose schema is not the one that this code reads."""
    have, known = _schema(connection, path), len(sql.MIGRATIONS)
    if have < known:
        raise ConfigurationError(
            f"the inbox {path!r} has schema {have}, made by an older planado_async; this one reads "
            f"{known}. Let the service that writes it open it once with this version, then again."
        )


def _schema(connection: sqlite3.Connection, path: str) -> int:
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
        if connection.execute(sql.ANY_CLAIMED, terms).fetchone():
            return Claim()  # what ends then lets the owner ask again
        runs = _claimed(connection, suspect, routes, terms)
        return Claim(runs=runs, more=not runs)
    keys = _due(connection, routes, terms)
    runs = [run for key in keys for run in _claimed(connection, key, routes, terms)]
    more = len(runs) < len(keys)  # those passed over have let others come forward
    return Claim(runs=runs, due_at=_next_due(connection, routes, terms["owner"]), more=more)


def _plan(connection: sqlite3.Connection, routes: Routes, now: float) -> bool:
    """Make the runs of deliveries that have none; return whether there may be more of them."""
    found = connection.execute(sql.UNPLANNED, (PLANNED_AT_ONCE,)).fetchall()
    for seq, event_uuid, event_type, entity, version in found:
        handlers = wanted_by(routes, event_type)
        for handler in handlers:
            run = {"event_uuid": event_uuid, "handler": handler, "entity": entity}
            lanes.add(connection, run | {"version": version, "seq": seq, "replayed": 0})
        if handlers:
            connection.execute(sql.PLANNED, (seq,))
        else:
            connection.execute(sql.UNHANDLED, {"seq": seq, "now": now})
    return len(found) == PLANNED_AT_ONCE


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


def _claimed(connection: sqlite3.Connection, key: Key, routes: Routes, terms: Row) -> list[Run]:
    """Claim one run if its order allows; return it, or nothing."""
    event_uuid, handler = key
    run = terms | {"event_uuid": event_uuid, "handler": handler}
    entity, place = _place(connection, run)
    verdict = judge(place, routes[handler], terms["now"])
    if isinstance(verdict, Stale):
        connection.execute(sql.MARK_STALE, run)
        _go_on(connection, run | {"entity": entity})
    elif isinstance(verdict, Await):
        connection.execute(sql.AWAIT_GAP, run | {"gap_until": verdict.until})
    else:
        return _lease(connection, run, verdict.gap)
    return []


def _place(connection: sqlite3.Connection, run: Row) -> tuple[str, Place]:
    entity, version, again, gap_until, behind = connection.execute(sql.LANE, run).fetchone()
    place = Place(version=version, behind=behind or 0, replayed=bool(again), gap_until=gap_until)
    return entity, place


def _lease(connection: sqlite3.Connection, run: Row, gap: Gap | None) -> list[Run]:
    rows = connection.execute(sql.CLAIM, run).fetchall()
    found = connection.execute(sql.DELIVERY, (run["event_uuid"],)).fetchone()
    return [
        Run(
            delivery=review.delivery_of(found),
            handler=run["handler"],
            attempt=attempts,
            crashes=crashes,
            due_at=run["until"],
            owner=run["owner"],
            gap=gap,
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
    effects.execute(connection, terms["effects"])
    if statement in (sql.COMPLETE, sql.BURY):
        connection.execute(sql.PASS, terms)
    _go_on(connection, terms | {"entity": held[0]})
    return True


def _go_on(connection: sqlite3.Connection, run: Row) -> None:
    """Let the lane of a run that has ended go on, and settle its delivery if that was the last."""
    lanes.elect(connection, run)
    if not connection.execute(sql.IS_OPEN, run).fetchone():  # else nothing would change
        connection.execute(sql.SETTLE, run)


def _release_all(connection: sqlite3.Connection, owner: str) -> int:
    held = connection.execute(sql.RELEASE_ALL, (owner,)).fetchall()
    for handler, entity in held:
        lanes.elect(connection, {"handler": handler, "entity": entity})
    return len(held)


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
    connection.execute(sql.PASS, run)
    _go_on(connection, run)


def _vitals(connection: sqlite3.Connection, now: float) -> Vitals:
    connection.execute(sql.SIGN_OF_LIFE, (now,))
    number = dict(connection.execute(sql.COUNT))
    oldest = connection.execute(sql.OLDEST_WAITING).fetchone()
    return Vitals(
        waiting=number["waiting"], dead=number["dead"], oldest_waiting_at=oldest and oldest[0]
    )


def _versions(
    connection: sqlite3.Connection, entities: Collection[Entity]
) -> dict[Entity, tuple[int, int]]:
    def one(statement: str, entity: Entity) -> Any:
        return connection.execute(statement, entity).fetchone()[0]

    ends = {entity: (one(sql.LOWEST, entity), one(sql.HIGHEST, entity)) for entity in entities}
    return {entity: found for entity, found in ends.items() if found[0] is not None}


def _gaps(connection: sqlite3.Connection, terms: Row) -> VersionGaps:
    rows = connection.execute(sql.ARRIVED, terms).fetchall()
    found = [
        VersionGap(entity=Entity(*entity), first=below + 1, last=version - 1)
        for _, *entity, version, below in rows
        if below is not None and below < version - 1
    ]
    seq = rows[-1][0] if rows else terms["after"]
    return VersionGaps(found=found, seq=seq, more=len(rows) == terms["limit"])


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
