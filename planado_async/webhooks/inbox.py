"""What an inbox keeps and what can be asked of it.

A **delivery** is one stored webhook. For each handler that wants it there is one **run**, made when
the delivery is first looked at for dispatch. The states below are those of a run; a delivery is
waiting until none of its runs is open, then dead if one of them is dead, else done.

    waiting ─claim→ claimed ─complete→ done          claimed = waiting, with an owner and a due
       ↑               ├─retry────→ waiting          time ahead: a lease that ran out needs no
       │               ├─release──→ waiting          janitor; release gives back unfinished and
       └─lease ran out─┤                             does not count the attempt
                       └─bury─────→ dead ─replay→ waiting
                                         ─drop→ done, marked dropped
    done ─replay→ waiting                            with all attempts before it, like the dead

A lease that ran out lets *other* owners claim the run. Whoever holds it does not get it again: to
its owner it is running, however long it takes, and only its end, or the next start with `recover`,
moves it on. So within one process a lease mends nothing; `handler_timeout` bounds the handlers.

What is done long enough is **pruned**: its body and its runs are gone, but its key is known for
`KNOWN_FOR` seconds after it was received, so that a repeat is still a repeat. What is dead stays
until somebody replays or drops it.

The runs of one handler and one entity form a **lane**. In a lane one run at a time may be claimed:
its head, the one of the lowest (version, arrival) among those waiting. The others wait behind it,
also while it waits for its next attempt. Only a retry waits for a time of the clock; what was not
tried yet, or was given back, is due at any time, so that a clock that is set holds nothing up.

After a crash the runs that were claimed are **suspects**: one of them may have killed the process.
They are claimed one at a time, with nothing beside them. So when a process dies with exactly one
run claimed, the crash counts against that run, and `MAX_CRASHES` of them bury it.

A lane remembers the highest version that is **behind** it: handled, or dead. What the order of a
handler makes of a run whose version is known, and which nobody has replayed:

    order    below what is behind   next (the same, or one more)   further on: versions are missing
    every    claimed                claimed                        claimed
    latest   done, marked stale     claimed                        claimed
    strict   done, marked stale     claimed                        waits for `gap_timeout`, then
                                                                   claimed with its gap
"""

import hashlib
import math
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias, TypedDict, Unpack

import attrs

from planado_async.core.errors import ConfigurationError

MAX_CRASHES = 3
"""Deaths of the process that bury the run that was alone when they happened."""


class State(StrEnum):
    """Names where a run or a delivery stands."""

    WAITING = "waiting"
    CLAIMED = "claimed"  # stored as waiting, with an owner
    DONE = "done"
    DEAD = "dead"


ARROWS: Mapping[tuple[State, str], State] = {
    (State.WAITING, "claim"): State.CLAIMED,
    (State.CLAIMED, "complete"): State.DONE,
    (State.CLAIMED, "retry"): State.WAITING,
    (State.CLAIMED, "release"): State.WAITING,
    (State.CLAIMED, "bury"): State.DEAD,
    (State.DEAD, "replay"): State.WAITING,
    (State.DONE, "replay"): State.WAITING,
    (State.DEAD, "drop"): State.DONE,
}
"""Which verb leads from where to where; every other pair changes nothing."""

WEEK = 7 * 86_400.0
"""Seconds for which what is done is kept in full, unless somebody says otherwise."""
KNOWN_FOR = 30 * 86_400.0
"""Seconds for which the key of a delivery is known at least, so that a repeat is dropped."""

Order = Literal["latest", "every", "strict"]
Gap: TypeAlias = tuple[int, int]
"""The first and the last version that are missing."""
Effect: TypeAlias = tuple[str, Sequence[Any] | Mapping[str, Any]]
"""An SQL statement and its arguments."""


@attrs.frozen
class Route:
    """What a handler wants: patterns of event types, their order, and its patience in seconds."""

    patterns: tuple[str, ...]
    order: Order = "every"
    gap_timeout: float = 60.0


Routes: TypeAlias = Mapping[str, Route]
"""What each handler wants, by the handler's name."""


@attrs.frozen(kw_only=True)
class Place:
    """Where a run stands in its lane; versions are 0 where they are not known."""

    version: int
    behind: int
    """The highest version that is behind the lane."""
    replayed: bool = False
    gap_until: float | None = None
    """When the wait for missing versions ends, if it has begun."""


@attrs.frozen
class Go:
    """Claim the run."""

    gap: Gap | None = None


@attrs.frozen
class Stale:
    """Pass it over: it would bring back what is no longer so."""


@attrs.frozen
class Await:
    """Let it wait for what is missing, until then at most."""

    until: float


def judge(place: Place, route: Route, now: float) -> Go | Stale | Await:
    """Return what the order of a handler makes of a run whose turn it is."""
    if route.order == "every" or place.replayed or not place.version:
        return Go()
    if place.version < place.behind:
        return Stale()
    if route.order == "latest" or place.version <= place.behind + 1:
        return Go()
    latest = now + route.gap_timeout
    until = latest if place.gap_until is None else min(place.gap_until, latest)
    if until > now:
        return Await(until)
    return Go(gap=(place.behind + 1, place.version - 1))


@attrs.frozen(kw_only=True)
class Delivery:
    """One webhook as received, with what its inbox knows about it.

    `event_uuid` is the key: the event's own, or `sha256:…` of a body that has none. `attempt` is
    the highest number of Planado's tries seen, `repeats` how many more of them arrived. `error` is
    why it is dead: what is wrong with the body, or the handler's name and its error. Moments are
    epoch seconds. `seq` counts arrivals. `unhandled`: no handler wanted it. `dropped`: it was dead
    for some handler and somebody has dropped it. `pruned`: its body and its runs are gone.
    """

    event_uuid: str
    event_type: str = ""
    entity_type: str | None = None
    entity_uuid: str | None = None
    version: int | None = None
    attempt: int = 1
    received_at: float
    body: bytes = attrs.field(repr=False)
    state: State = State.WAITING
    error: str | None = None
    repeats: int = 0
    unhandled: bool = False
    dropped: bool = False
    pruned: bool = False
    settled_at: float | None = None
    seq: int = 0


@attrs.frozen(kw_only=True)
class Run:
    """One delivery on its way through one handler; `attempt` is the number of this try, from 1.

    `stale` is one that was passed over, because a later version was behind its lane already. `gap`
    is what a strict handler waited for in vain. `dropped` is one that was dead until somebody
    dropped it.
    """

    delivery: Delivery
    handler: str
    attempt: int
    crashes: int = 0
    state: State = State.CLAIMED
    due_at: float = 0.0
    owner: str | None = None
    error: str | None = None
    stale: bool = False
    dropped: bool = False
    gap: Gap | None = None


@attrs.frozen(kw_only=True)
class Claim:
    """What a claim brought: runs to make now, and when to ask again.

    `due_at` is the moment the next run is due, None if none waits. `more` means that the answer is
    not the whole yet and the question should be put again at once.
    """

    runs: Sequence[Run] = ()
    due_at: float | None = None
    more: bool = False


@attrs.frozen(kw_only=True)
class Recovery:
    """What an earlier process left: claims made to wait again, the keys of the buried, open runs.

    `waiting` is the number of open runs by the name of their handler.
    """

    released: int = 0
    buried: Sequence[str] = ()
    waiting: Mapping[str, int] = {}


@attrs.frozen(kw_only=True)
class Counts:
    """How many deliveries are in which state; `waiting` includes the claimed.

    `claimed` counts runs. `unhandled` are those of the done that no handler wanted, `dropped` those
    that somebody dropped when they were dead. Counted is what the inbox keeps: of the done those
    of the last `KNOWN_FOR` seconds. `oldest_waiting_at` is when the oldest waiting delivery was
    received, in epoch seconds.
    """

    waiting: int = 0
    claimed: int = 0
    done: int = 0
    dead: int = 0
    unhandled: int = 0
    dropped: int = 0
    oldest_waiting_at: float | None = None


@attrs.frozen(kw_only=True)
class HandlerStats:
    """How many runs of one handler are in which state; `waiting` includes the claimed."""

    waiting: int = 0
    claimed: int = 0
    dead: int = 0
    stale: int = 0


@attrs.frozen(kw_only=True)
class Stats(Counts):
    """How an inbox is doing: its counts and more, all but `handlers` of deliveries.

    `stale` counts runs that were passed over and are not pruned yet. `oldest_waiting_for` is the
    age in seconds of the oldest delivery that waits, None if none does. `handled_per_minute` is a
    mean over the last five minutes. `handlers` has those that have runs to tell of, by name.
    """

    stale: int = 0
    oldest_waiting_for: float | None = None
    handled_per_minute: float = 0.0
    handlers: Mapping[str, HandlerStats] = {}


class Choice(TypedDict, total=False):
    """Which deliveries are meant: those that all of the given keys fit."""

    event_uuid: str
    event_type: str
    """A type, or a pattern with `*` and `?`."""
    entity_uuid: str
    handler: str
    """The name of a handler that has a run of it."""
    received_after: datetime
    """An aware moment, which belongs to what is meant."""
    received_before: datetime
    """An aware moment, which does not belong to it any more."""


class Filter(Choice, total=False):
    """Which deliveries are meant, and where they stand: with `handler`, where its run does."""

    state: State


@attrs.frozen(kw_only=True)
class Retention:
    """For how many seconds what is settled is kept in full; None is for ever.

    `dead_for` ends in a drop. A key is known for `KNOWN_FOR` seconds in any case.
    """

    done_for: float | None
    dead_for: float | None = None


@attrs.frozen(kw_only=True)
class Pruned:
    """What one step of pruning did; `more` means that another step would find more to do."""

    emptied: int = 0
    dropped: int = 0
    forgotten: int = 0
    more: bool = False


@attrs.frozen(kw_only=True)
class Vitals:
    """How an inbox that has just stored something is doing: deliveries by state.

    `oldest_waiting_at` is when the oldest waiting delivery was received, in epoch seconds.
    """

    waiting: int = 0
    dead: int = 0
    oldest_waiting_at: float | None = None


class Entity(NamedTuple):
    """A job, client or site, by its type and uuid."""

    entity_type: str
    entity_uuid: str


class Change(NamedTuple):
    """What an event tells of: no two events tell of the same, whatever their `event_uuid`."""

    event_type: str
    entity_type: str
    entity_uuid: str
    version: int


@attrs.frozen(kw_only=True)
class VersionGap:
    """Versions of an entity, from the first to the last, of which an inbox has no event."""

    entity: Entity
    first: int
    last: int


@attrs.frozen(kw_only=True)
class VersionGaps:
    """The gaps below the versions that have arrived up to `seq`, and whether more have."""

    found: Sequence[VersionGap] = ()
    seq: int = 0
    more: bool = False


class Inbox(Protocol):
    """Keeps deliveries from the moment they are acknowledged until they are done or dead.

    Every method that changes something has changed it durably when it returns, and raises
    StorageError if it could not. The verbs that end a claim return whether the claim still held.
    """

    async def open(self) -> None:
        """Make the store ready; raise ConfigurationError if it cannot be used."""
        ...

    async def close(self) -> None:
        """Finish what was asked and let the store go."""
        ...

    def now(self) -> float:
        """Return the epoch seconds this inbox counts by."""
        ...

    def subscribe(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Call `wake` when there is something new to claim; the returned function ends that.

        One may subscribe at a time: runs are made for the handlers of whoever claims first, so a
        second one raises ConfigurationError.
        """
        ...

    async def put(self, delivery: Delivery) -> bool:
        """Store a delivery; return False for one that is here already, which is counted.

        A waiting delivery replaces a dead letter of its key whose body was no event.
        """
        ...

    async def recover(self, owner: str) -> Recovery:
        """Make suspects of the runs that owners other than `owner` left claimed."""
        ...

    async def hasten(self, routes: Routes, horizon: float) -> int:
        """Make due what waits for more than `horizon` seconds yet; return how many runs.

        For missing versions the `gap_timeout` of the handler is what nothing waits longer than,
        unless the clock has been set back.
        """
        ...

    async def claim(self, routes: Routes, *, owner: str, lease: float, limit: int) -> Claim:
        """Lease up to `limit` due runs of these handlers to `owner` for `lease` seconds.

        Due are those, too, whose lease to another owner has run out, but none that `owner` holds.
        """
        ...

    async def renew(self, owner: str, lease: float) -> int:
        """Let all claims of `owner` hold `lease` seconds from now; return how many there are."""
        ...

    async def complete(self, run: Run, effects: Sequence[Effect] = ()) -> bool:
        """Mark a claimed run done and execute the effects, both or neither.

        Raises:
            EffectError: a statement is wrong, or touches what is the inbox's own.
        """
        ...

    async def retry(self, run: Run, at: float, error: str) -> bool:
        """Let a claimed run wait until `at` for its next attempt."""
        ...

    async def bury(self, run: Run, error: str) -> bool:
        """Set a claimed run aside as dead."""
        ...

    async def release(self, run: Run) -> bool:
        """Give a claimed run back as if it had not been begun."""
        ...

    async def release_all(self, owner: str) -> int:
        """Give back all runs that `owner` holds as if they had not been begun; return how many."""
        ...

    async def deliveries(
        self, *, after: int = 0, limit: int = 100, **which: Unpack[Filter]
    ) -> Sequence[Delivery]:
        """Return up to `limit` deliveries whose `seq` is above `after`, in order of arrival."""
        ...

    async def delivery(self, event_uuid: str) -> Delivery | None:
        """Return the delivery of that key, or None."""
        ...

    async def runs(self, event_uuid: str) -> Sequence[Run]:
        """Return the runs of a delivery, by handler."""
        ...

    async def replay(self, routes: Routes, *, done: bool = False, **which: Unpack[Choice]) -> int:
        """Let dead runs wait again, with `done` also those that are done; return how many.

        They have all their attempts before them, and run whatever their version. With `done`, and
        for a delivery without any run, those of `routes` that want it and have none get one.
        """
        ...

    async def drop(self, **which: Unpack[Choice]) -> int:
        """Set dead runs aside for good, as done and dropped; return how many."""
        ...

    async def prune(self, retention: Retention, *, limit: int = 100) -> Pruned:
        """Make room in one short transaction: at most `limit` deliveries of each kind."""
        ...

    async def counts(self) -> Counts:
        """Count the deliveries by state."""
        ...

    async def stats(self) -> Stats:
        """Count more, by handler too, and look at the last minutes."""
        ...

    async def vitals(self) -> Vitals:
        """Store something, to know that it can be done, and count what is to be watched."""
        ...

    async def lacking(self, event_uuids: Collection[str]) -> Set[str]:
        """Return which of these events a put would store."""
        ...

    async def held(self, changes: Collection[Change]) -> Set[Change]:
        """Return of which of these changes there is an event here."""
        ...

    async def versions(self, entities: Collection[Entity]) -> Mapping[Entity, tuple[int, int]]:
        """Return the lowest and the highest version of each entity of which an event is here."""
        ...

    async def gaps(self, after: int, limit: int = 1000) -> VersionGaps:
        """Return the versions that are missing right below those whose `seq` is above `after`.

        Below the lowest version that is here nothing counts as missing; nor is anything right
        above one received more than `KNOWN_FOR` seconds ago, which others may have been forgotten.
        """
        ...

    async def recall(self, name: str) -> bytes | None:
        """Return what was last remembered by that name."""
        ...

    async def remember(self, name: str, note: bytes) -> None:
        """Keep a note by a name, in place of the one before."""
        ...


def key_of(body: bytes) -> str:
    """Return the key of a body that names no event: its digest."""
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def wanted_by(routes: Routes, event_type: str) -> list[str]:
    """Return the names of the handlers that want this type of event."""
    return [
        name
        for name, route in routes.items()
        if any(fnmatchcase(event_type, pattern) for pattern in route.patterns)
    ]


def check_positive(**given: object) -> None:
    """Raise ConfigurationError for a setting that is no finite number above 0."""
    for name, value in given.items():
        if not isinstance(value, int | float) or not 0 < value < math.inf:
            raise ConfigurationError(f"{name} must be a finite number above 0, not {value!r}")
