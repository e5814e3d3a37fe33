"""One budget of calls for all processes of a machine that use the same key.

They share a small SQLite file. A process asks it for the head of its own queue, in a transaction of
about a tenth of a millisecond: the next free slot is reserved, and the call goes out when the slot
has come. The gate that a refusal closes is in the file as well, so one refusal halts every process,
one probe goes out for all of them, and a process that starts finds the bucket as it is.

The file never makes a call fail. While it cannot be used, callers wait; if that lasts, each process
goes on by what it knew last, and says so.
"""

import logging
import os
import sqlite3
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial, reduce
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from attrs import astuple, evolve, field, fields, frozen

from planado_async.core.errors import LONGEST_HALT, ConfigurationError
from planado_async.core.gate import MARGIN, Gate, Turn
from planado_async.core.limiter import QueuedLimiter, RateLimit

T = TypeVar("T")

_LOCK_WAIT = 0.02  # seconds the event loop may stand still for another process's transaction
_ASK_AGAIN = 0.1  # seconds until a file that could not be used is tried again
_PATIENCE = 10.0  # seconds without the file after which a process goes on by itself
_PROBE_LEASE = 60.0  # seconds after which a probe counts as lost with its process
_RESERVED = 64  # slots that heads of queues may have reserved ahead, at most
_UNUSABLE = (sqlite3.Error, OSError, ConfigurationError)
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

_log = logging.getLogger("planado_async")


# --- Decisions ------------------------------------------------------------------------------------


@frozen(kw_only=True)
class Account:
    """What the processes share. Times are seconds of a clock that began with the machine."""

    boot: str
    empty_at: float = 0.0
    """When the bucket is empty if nothing more is put in; slots reserved ahead are in it."""
    gate: Gate = field(factory=Gate)


@frozen(kw_only=True)
class Slot:
    """A call put into the bucket for the head of this process's queue."""

    asked_at: float
    at: float
    level: float
    refusals: int
    """Those there were then: one more, and the bucket was found full without this call."""

    def holds(self, gate: Gate, rate: RateLimit, now: float) -> bool:
        """Tell whether the slot is still to come, or came less than a slot ago.

        One long past was left by a caller that gave up.
        """
        latest = self.at + rate.interval
        return self.refusals == gate.refusals and self.asked_at <= now < latest


_Change: TypeAlias = Callable[[Account], Account]


def longest_halt(rate: RateLimit) -> float:
    """Return the seconds for which a refusal closes the gate at most."""
    return max(LONGEST_HALT, 2 * rate.interval)


def filled(account: Account, rate: RateLimit, now: float) -> Account:
    """Take the bucket as full, by the size the server's has."""
    size = account.gate.burst(rate.burst, now) + MARGIN
    return evolve(account, empty_at=now + size * rate.interval)


def made_sense_of(account: Account, boot: str, rate: RateLimit, now: float) -> Account:
    """Return what a file says, or a full bucket where its times cannot be of now.

    They are of another time if the machine was started since, or its clock was set.
    """
    gate = account.gate
    latest = now + (rate.burst + MARGIN + _RESERVED) * rate.interval
    if (
        account.boot == boot
        and account.empty_at <= latest
        and gate.closed_until <= now + longest_halt(rate)
        and gate.probe_until <= now + _PROBE_LEASE
        and gate.learned_at <= now
    ):
        return account
    gate = evolve(gate, closed_until=0.0, probe_until=0.0, learned_at=min(gate.learned_at, now))
    return filled(evolve(account, boot=boot, gate=gate), rate, now)


def merged(account: Account, missed: Sequence[_Change], known: Account) -> Account:
    """Return the stricter of a file's account, with the changes it missed, and the known one.

    A file that was replaced knows nothing of before; one that was locked, nothing since.
    """
    changed = reduce(lambda each, change: change(each), missed, account)
    gate = max(changed.gate, known.gate, key=lambda gate: gate.refusals)
    return evolve(account, empty_at=max(account.empty_at, known.empty_at), gate=gate)


def reserved(
    account: Account, rate: RateLimit, now: float, *, room: float = 0.0
) -> tuple[Account, Slot]:
    """Put one call into the bucket, with so much more `room`, and return when it may go."""
    burst = account.gate.burst(rate.burst, now) + room
    empty_at = max(account.empty_at, now) + rate.interval
    at = max(now, empty_at - burst * rate.interval)
    level = max(0.0, account.empty_at - at) / rate.interval
    slot = Slot(asked_at=now, at=at, level=level, refusals=account.gate.refusals)
    return evolve(account, empty_at=empty_at), slot


def asked(
    account: Account, slot: Slot | None, rate: RateLimit, now: float
) -> tuple[Account, Slot | Turn | float]:
    """Answer the head of a queue: with its turn, a slot to wait for, or when to ask again."""
    gate = account.gate
    if (wait := gate.wait(now)) > 0:
        return account, min(wait, rate.interval)  # another process's probe may be answered before
    if gate.proving:
        after, slot = reserved(account, rate, now, room=MARGIN)
        if slot.at > now:  # the probe before was lost
            return account, min(slot.at - now, rate.interval)
        return evolve(after, gate=gate.sent(now, _PROBE_LEASE)), Turn(level=slot.level, probe=True)
    if not slot or not slot.holds(gate, rate, now):
        ahead = account.empty_at - now - (rate.burst + MARGIN + _RESERVED - 1) * rate.interval
        if ahead > 0:  # as many heads wait as may have a slot
            return account, max(ahead, rate.interval)
        account, slot = reserved(account, rate, now)
    if slot.at > now:
        return account, slot
    # If the slot is taken late, its call leaks away from now on.
    empty_at = max(account.empty_at, now + rate.interval)
    return evolve(account, empty_at=empty_at), Turn(level=slot.level)


def released(
    account: Account, *, turn: Turn, rate: RateLimit, now: float, answered: bool
) -> Account:
    """Take a probe back, and the bucket as full by the size it has taught."""
    gate = account.gate.released(turn, now, answered=answered)
    taught = gate.learned != account.gate.learned
    account = evolve(account, gate=gate)
    return filled(account, rate, now) if taught else account


# --- The limiter ----------------------------------------------------------------------------------


class SqliteLimiter(QueuedLimiter):
    """The budget of several processes of one machine: `Planado(limiter=SqliteLimiter(path))`.

    Within a process it serves by priority, first come first served; between processes by slot.
    Every process names the same file, on a local disk, and the same rate.

    Args:
        path: the file; it is made if it is not there.
        rate: the budget of all processes together.
        account: tells accounts that share the file apart, by API key or any name; only its hash
            is stored.
        in_flight: calls of this process sent and not answered yet, at most.
        clock: seconds since the machine's start, the same for all its processes.

    Raises:
        ConfigurationError: the file is something else, or cannot be made.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        rate: RateLimit = RateLimit(),  # noqa: B008  # frozen
        *,
        account: str = "",
        in_flight: int = 8,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not isinstance(rate, RateLimit):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers err
            raise ConfigurationError("rate takes a RateLimit, such as RateLimit(60)")
        super().__init__(rate, in_flight=in_flight)
        self._limit = rate
        self._clock = clock
        self._boot = _boot()
        self._known = Account(boot=self._boot)  # what this process knew last
        self._unsaved: list[_Change] = []  # changes in `_known` that the file has missed
        self._failing: tuple[float, float] | None = None  # its first and its last failure in a row
        self._alone = False
        self._file = _File(Path(path), sha256(account.encode()).hexdigest())
        self._file.check()

    def _begin_anew(self) -> None:
        super()._begin_anew()
        self._slot: Slot | None = None

    def close(self) -> None:
        """Close the file; the next call would open it again."""
        self._file.close()

    async def _ask(self) -> Turn | float:
        now = self._clock()
        if self._slot and self._slot.asked_at <= now < self._slot.at:
            return self._slot.at - now
        answer = self._decide(partial(asked, slot=self._slot, rate=self._limit, now=now), now)
        if answer is None:
            return _ASK_AGAIN  # the slot is kept
        self._slot = answer if isinstance(answer, Slot) else None
        return answer.at - now if isinstance(answer, Slot) else answer

    def _decide(
        self, decide: Callable[[Account], tuple[Account, Slot | Turn | float]], now: float
    ) -> Slot | Turn | float | None:
        """Decide by the file; while there is none, not at all, and after that by memory."""
        try:
            return self._in_file(decide)
        except _UNUSABLE as failure:
            if not self._stands_alone(failure, now):
                return None
        self._known, answer = decide(self._known)
        return answer

    def _stands_alone(self, failure: Exception, now: float) -> bool:
        """Tell whether the file has failed for so long that this process goes on without it."""
        since, last = self._failing or (now, now)
        if now - last > _PATIENCE:
            since = now  # nothing was asked of it in between
        self._failing = since, now
        if not self._alone and now - since >= _PATIENCE:
            _log.warning(
                "%s cannot be used (%s): this process goes on by itself, at the full rate; other "
                "processes with this key are not counted until the file is back",
                self._file.path,
                failure,
            )
            self._alone = True
            self._note(partial(filled, rate=self._limit, now=now))
        return self._alone

    def _in_file(self, decide: Callable[[Account], tuple[Account, T]]) -> T:
        """Change the account in the file, with what could not be saved before."""
        with self._file.transaction() as (kept, keep):
            account = kept or self._known
            if kept and (self._file.is_new or self._unsaved):
                account = merged(kept, self._unsaved, self._known)
            if self._file.is_new and self._known.empty_at:  # another's slot may be missing in it
                account = evolve(account, empty_at=account.empty_at + self._limit.interval)
            account = made_sense_of(account, self._boot, self._limit, self._clock())
            account, answer = decide(account)
            if account != kept:
                keep(account)
        if self._alone:
            _log.warning("%s can be used again", self._file.path)
        self._known, self._unsaved, self._failing, self._alone = account, [], None, False
        return answer

    def _note(self, change: _Change) -> None:
        """Change the account now, or as soon as the file can be used."""
        try:
            self._in_file(lambda account: (change(account), None))
        except _UNUSABLE:
            self._known = change(self._known)
            self._unsaved.append(change)

    def _returned(self, turn: Turn, *, answered: bool) -> None:
        if turn.probe:
            now = self._clock()
            self._note(partial(released, turn=turn, rate=self._limit, now=now, answered=answered))

    async def _halt(self, turn: Turn, seconds: float) -> None:
        now = self._clock()
        seconds = min(seconds, longest_halt(self._limit))

        def refused(account: Account) -> Account:
            gate = account.gate.refuse(turn, now, halt=seconds, teaches=True)
            return filled(evolve(account, gate=gate), self._limit, now)

        self._slot = None
        self._note(refused)

    def _look(self) -> tuple[Gate, float, float]:
        now = self._clock()
        try:
            account = self._in_file(lambda account: (account, account))
        except _UNUSABLE:
            account = self._known
        level = max(0.0, account.empty_at - now) / self._limit.interval
        if self._slot and self._slot.holds(account.gate, self._limit, now):
            level = max(0.0, level - 1)  # it is for the head of the queue
        return account.gate, level, now


def _boot() -> str:
    """Return what changes when the machine starts anew; where nothing tells, its times do."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


# --- The file -------------------------------------------------------------------------------------

_APPLICATION_ID = 0x504C4142  # marks the file as ours, so that no other database is taken for it
_VERSION = 1
_GATE = [each.name for each in fields(Gate)]
_CREATE = f"CREATE TABLE budget (account TEXT PRIMARY KEY, boot, empty_at, {', '.join(_GATE)})"
_READ = f"SELECT boot, empty_at, {', '.join(_GATE)} FROM budget WHERE account = ?"
_WRITE = f"INSERT OR REPLACE INTO budget VALUES (?, ?, ?{', ?' * len(_GATE)})"


class _File:
    """One row of an SQLite file.

    A rollback journal, because SQLite before 3.51.3 can spoil a WAL file that two processes write;
    no syncs, because what a power failure takes away is of no use after it.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.path = path.absolute()
        self.is_new = False
        """Whether the file is another than before."""
        self._name = name
        self._connection: sqlite3.Connection | None = None
        self._finalizer: weakref.finalize[..., _File] | None = None
        self._opened: tuple[int, ...] = ()

    def check(self) -> None:
        """Make the file, or raise ConfigurationError."""
        try:
            with closing(self._connected()):
                pass
        except sqlite3.Error as failure:
            if failure.sqlite_errorcode not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise ConfigurationError(
                    f"{self.path} cannot hold a call budget ({failure}); name a file of its own "
                    "in a directory that can be written to"
                ) from failure

    def close(self) -> None:
        if self._finalizer:
            self._finalizer()
        self._connection = None

    @contextmanager
    def transaction(self) -> Iterator[tuple[Account | None, Callable[[Account], None]]]:
        """Give the account as it is kept, and what keeps another; nobody comes between."""
        connection = self._current()
        connection.execute("BEGIN IMMEDIATE")
        try:
            row = connection.execute(_READ, (self._name,)).fetchone()
            yield row and self._account(row), partial(self._keep, connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        self.is_new = False

    def _account(self, row: tuple[Any, ...]) -> Account:
        boot, empty_at, *gate = row
        learned = _GATE.index("learned")
        numbers = [empty_at, *gate[:learned], *gate[learned + 1 :], gate[learned] or 0]
        if not isinstance(boot, str) or not all(isinstance(each, int | float) for each in numbers):
            raise ConfigurationError(f"{self.path} was changed by something else; delete it")
        return Account(boot=boot, empty_at=empty_at, gate=_gate(tuple(gate)))

    def _keep(self, connection: sqlite3.Connection, account: Account) -> None:
        gate = astuple(account.gate)
        connection.execute(_WRITE, (self._name, account.boot, account.empty_at, *gate))

    def _current(self) -> sqlite3.Connection:
        """Return a connection to the file that has the name now, opened by this very process."""
        if self._connection and self._opened == self._identity():
            return self._connection
        forked = bool(self._opened) and self._opened[0] != os.getpid()
        if forked and self._finalizer:
            self._finalizer.detach()  # a connection from before a fork is the parent's to close
        is_new = self._connection is not None and not forked
        self.close()
        self._connection = connection = self._connected()
        self._finalizer = weakref.finalize(self, connection.close)
        self._opened, self.is_new = self._identity(), self.is_new or is_new
        return connection

    def _identity(self) -> tuple[int, ...]:
        """Tell which process asks and which file has the name, if one has."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return (os.getpid(),)
        return os.getpid(), found.st_dev, found.st_ino

    def _connected(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=_LOCK_WAIT, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("BEGIN IMMEDIATE")
            self._make(connection)
            connection.execute("COMMIT")
        except BaseException:
            connection.close()
            raise
        return connection

    def _make(self, connection: sqlite3.Connection) -> None:
        """Make the table in an empty file; take no other file than one made so."""
        if not connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
            connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {_VERSION}")
            connection.execute(_CREATE)
        marks = [
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("application_id", "user_version")
        ]
        if marks != [_APPLICATION_ID, _VERSION]:
            raise ConfigurationError(
                f"{self.path} is no call budget of this version of the package; name another file"
            )


def _gate(columns: tuple[Any, ...]) -> Gate:
    return Gate(**dict(zip(_GATE, columns, strict=True)))
