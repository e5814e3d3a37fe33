"""What an inbox keeps and what can be asked of it.

A **delivery** is one stored webhook. For each handler that wants it there is one **run**, made when
the delivery is first looked at for dispatch. The states below are those of a run; a delivery is
waiting until none of its runs is open, then dead if one of them is dead, else done.

    waiting ─claim→ claimed ─complete→ done          claimed = waiting, with an owner and a due
       ↑               ├─retry────→ waiting          time ahead: a lease that ran out needs no
       │               ├─release──→ waiting          janitor; release gives back unfinished and
       └─lease ran out─┤                             does not count the attempt
                       └─bury─────→ dead ─revive→ waiting

The runs of one handler and one entity form a **lane**. In a lane one run at a time may be claimed:
its head, the one of the lowest (version, arrival) among those waiting. The others wait behind it,
also while it waits for its next attempt. Only a retry waits for a time of the clock; what was not
tried yet, or was given back, is due at any time, so that a clock that is set holds nothing up.

After a crash the runs that were claimed are **suspects**: one of them may have killed the process.
They are claimed one at a time, with nothing beside them. So when a process dies with exactly one
run claimed, the crash counts against that run, and `MAX_CRASHES` of them bury it.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Protocol, TypeAlias

import attrs

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
    (State.DEAD, "revive"): State.WAITING,
}
"""Which verb leads from where to where; every other pair changes nothing."""

Routes: TypeAlias = Mapping[str, Sequence[str]]
"""The patterns of event types each handler wants, by the handler's name."""


@attrs.frozen(kw_only=True)
class Delivery:
    """One webhook as received, with what its inbox knows about it.

    `event_uuid` is the key: the event's own, or `sha256:…` of a body that has none. `attempt` is
    the highest number of Planado's tries seen, `repeats` how many more of them arrived. `error` is
    why it is dead: what is wrong with the body, or the handler's name and its error. Moments are
    epoch seconds. `seq` counts arrivals.
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
    settled_at: float | None = None
    seq: int = 0


@attrs.frozen(kw_only=True)
class Run:
    """One delivery on its way through one handler; `attempt` is the number of this try, from 1."""

    delivery: Delivery
    handler: str
    attempt: int
    crashes: int = 0
    state: State = State.CLAIMED
    due_at: float = 0.0
    owner: str | None = None
    error: str | None = None


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

    `claimed` counts runs. `unhandled` are those of the done that no handler wanted.
    `oldest_waiting_at` is when the oldest waiting delivery was received, in epoch seconds.
    """

    waiting: int = 0
    claimed: int = 0
    done: int = 0
    dead: int = 0
    unhandled: int = 0
    oldest_waiting_at: float | None = None


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

        Nothing waits for so long unless the clock has been set back.
        """
        ...

    async def claim(self, routes: Routes, *, owner: str, lease: float, limit: int) -> Claim:
        """Lease up to `limit` due runs of these handlers to `owner` for `lease` seconds."""
        ...

    async def renew(self, owner: str, lease: float) -> int:
        """Let all claims of `owner` hold `lease` seconds from now; return how many there are."""
        ...

    async def complete(self, run: Run) -> bool:
        """Mark a claimed run done."""
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

    async def revive(self, event_uuid: str) -> bool:
        """Let a dead delivery wait again, with all its attempts before it."""
        ...

    async def counts(self) -> Counts:
        """Count the deliveries by state."""
        ...


def key_of(body: bytes) -> str:
    """Return the key of a body that names no event: its digest."""
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def wanted_by(routes: Routes, event_type: str) -> list[str]:
    """Return the names of the handlers that want this type of event."""
    return [
        name
        for name, patterns in routes.items()
        if any(fnmatchcase(event_type, pattern) for pattern in patterns)
    ]
