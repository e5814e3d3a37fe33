"""What can be done with deliveries beside dispatching them: find, replay, drop, prune and count.

These are functions on a connection, each short: a walk over many deliveries is made of windows,
with one operation of the inbox for each, so that puts get their turn between them.
"""

import sqlite3
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeAlias

import attrs

from planado_async.core.errors import ConfigurationError
from planado_async.webhooks import lanes
from planado_async.webhooks import statements as sql
from planado_async.webhooks.inbox import (
    KNOWN_FOR,
    Choice,
    Counts,
    Delivery,
    Filter,
    HandlerStats,
    Pruned,
    Retention,
    Routes,
    Run,
    State,
    Stats,
    wanted_by,
)

Row: TypeAlias = dict[str, Any]

EXAMINED = 500
"""Deliveries that one window looks at."""
CHANGED = 100
"""Deliveries that one window of changes looks at."""
UNDONE = (State.WAITING, State.DEAD)
"""States of the deliveries that may have dead runs: another handler's may be open still."""
MINUTES = 5
"""How far back the mean of what was handled goes."""
DELIVERY_COLUMNS = sql.DELIVERY_COLUMNS.split(", ")
_FLAGS = ("unhandled", "dropped", "pruned")


# --- Choosing -------------------------------------------------------------------------------------


@attrs.frozen
class Query:
    """A choice of deliveries as SQL: its condition, what finds a window of it, and its values."""

    condition: str
    window: str
    terms: Row


def query(which: Filter) -> Query:
    """Return the query for a filter; raise ConfigurationError for one that cannot be meant."""
    terms = _terms(which)
    names = [name for name in terms if terms[name] is not None]
    if "state" in terms:
        names, terms = _by_state(names, terms)
    return _query(names, terms)


def queries(which: Choice, within: Sequence[State] | None) -> Sequence[Query]:
    """Return a query for the deliveries in each of these states, or one for all.

    They may have no run of the handler that is named yet.
    """
    terms = _terms(which)
    names = [name for name in terms if name != "handler"]
    if within is None:
        return [_query(names, terms)]
    return [_query([*names, "state"], terms | {"state": state.value}) for state in within]


def _query(names: Sequence[str], terms: Row) -> Query:
    condition = " AND ".join(["1", *(sql.CONDITIONS[name] for name in names)])
    return Query(condition, _window(names), terms)


def _terms(which: Choice | Filter) -> Row:
    known = ", ".join(sorted(Filter.__annotations__))
    for name in which.keys() - Filter.__annotations__.keys():
        raise ConfigurationError(f"deliveries cannot be chosen by {name}, but by {known}")
    return {"handler": None} | {
        name: _moment(name, value) if name.startswith("received") else value
        for name, value in which.items()
        if value is not None
    }


def _by_state(names: list[str], terms: Row) -> tuple[list[str], Row]:
    """Look at the state of the handler's run if there is one, and of runs for those claimed."""
    state = State(terms["state"])
    rest = [name for name in names if name not in ("state", "handler")]
    if state is State.CLAIMED:
        return [*rest, "claimed"], terms
    if terms["handler"] is None:
        return names, terms | {"state": state.value}
    return [*rest, "run_state"], terms | {"run_state": state.value}


def _window(names: Sequence[str]) -> str:
    if "event_uuid" in names:
        return sql.WINDOW_OF_ONE
    return sql.WINDOW_OF_STATE if "state" in names else sql.WINDOW


def _moment(name: str, value: object) -> float:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ConfigurationError(f"{name} must be a datetime with a time zone, not {value!r}")
    return value.timestamp()


@attrs.frozen
class Seen:
    """Deliveries found, and the last `seq` that was looked at; None if that was all there is."""

    found: Sequence[Delivery]
    seq: int | None


def window(
    chosen: Query, after: int, examined: int, limit: int, connection: sqlite3.Connection
) -> Seen:
    """Return up to `limit` that fit among the next deliveries, in order of arrival."""
    terms = chosen.terms | {"after": after, "examined": examined, "limit": limit}
    row = connection.execute(chosen.window, terms).fetchone()
    if row is None or row[0] is None:
        return Seen([], None)
    statement = f"{sql.PAGE} AND {chosen.condition} ORDER BY seq LIMIT :limit"  # of constants only
    rows = connection.execute(statement, terms | {"upto": row[0]})
    found = [delivery_of(one) for one in rows]
    return Seen(found, found[-1].seq if len(found) == limit else row[0])


def delivery_of(row: Sequence[Any]) -> Delivery:
    """Return the delivery in a row of `DELIVERY_COLUMNS`."""
    values: Row = dict(zip(DELIVERY_COLUMNS, row, strict=True))
    values |= {name: bool(values[name]) for name in _FLAGS}
    values["state"] = State(values["state"])
    return Delivery(**values)


def find(connection: sqlite3.Connection, event_uuid: str) -> Delivery | None:
    """Return the delivery of that key, or None."""
    row = connection.execute(sql.DELIVERY, (event_uuid,)).fetchone()
    return delivery_of(row) if row else None


def runs(connection: sqlite3.Connection, event_uuid: str) -> list[Run]:
    """Return the runs of a delivery, by handler."""
    delivery = find(connection, event_uuid)
    if delivery is None:
        return []
    return [_run(delivery, row) for row in connection.execute(sql.RUNS, (event_uuid,))]


def _run(delivery: Delivery, row: Sequence[Any]) -> Run:
    handler, attempts, crashes, state, due_at, owner, error, stale, dropped = row
    return Run(
        delivery=delivery,
        handler=handler,
        attempt=attempts,
        crashes=crashes,
        state=State.CLAIMED if owner else State(state),
        due_at=due_at,
        owner=owner,
        error=error,
        stale=bool(stale),
        dropped=bool(dropped),
    )


# --- Replaying and dropping -----------------------------------------------------------------------

ChangeOne: TypeAlias = Callable[[sqlite3.Connection, Row, Delivery], int]


@attrs.frozen
class Changed:
    """How many runs a window has changed, and the last `seq` it looked at."""

    runs: int
    seq: int | None


def change(
    change_one: ChangeOne, chosen: Query, after: int, now: float, connection: sqlite3.Connection
) -> Changed:
    """Replay or drop what fits among the next deliveries."""
    seen = window(chosen, after, CHANGED, CHANGED, connection)
    count = 0
    for delivery in seen.found:
        if not delivery.pruned:
            terms = chosen.terms | {"event_uuid": delivery.event_uuid, "now": now}
            count += change_one(connection, terms, delivery)
    return Changed(count, seen.seq)


def replay(routes: Routes, *, done: bool) -> ChangeOne:
    """Return what lets the runs of one delivery wait again."""

    def replay_one(connection: sqlite3.Connection, terms: Row, delivery: Delivery) -> int:
        bare = not connection.execute(sql.HAS_RUNS, (delivery.event_uuid,)).fetchone()
        if bare and (delivery.state is State.WAITING or not delivery.event_type):
            return 0  # it gets its runs by itself, or is no event and waits for a better body
        again = connection.execute(sql.REPLAY_RUNS, terms | {"done": done}).fetchall()
        for handler, entity in again:
            lanes.elect(connection, {"handler": handler, "entity": entity})
        new = _add_runs(connection, delivery, terms, routes) if bare or done else 0
        if again or new:
            connection.execute(sql.SETTLE, terms)
        return len(again) + new

    return replay_one


def _add_runs(
    connection: sqlite3.Connection, delivery: Delivery, terms: Row, routes: Routes
) -> int:
    named = terms["handler"]
    wanted = [name for name in wanted_by(routes, delivery.event_type) if named in (None, name)]
    run = terms | {
        "entity": _lane_of(delivery),
        "version": delivery.version or 0,
        "seq": delivery.seq,
        "replayed": 1,
    }
    return sum(lanes.add(connection, run | {"handler": name}) for name in wanted)


def _lane_of(delivery: Delivery) -> str:
    if delivery.entity_type is None or delivery.entity_uuid is None:
        return delivery.event_uuid
    return f"{delivery.entity_type}:{delivery.entity_uuid}"


def drop(connection: sqlite3.Connection, terms: Row, _: object = None) -> int:
    """Set the dead runs of one delivery aside as done, or itself if it never had any."""
    if dropped := connection.execute(sql.DROP_RUNS, terms).rowcount:
        connection.execute(sql.SETTLE, terms)
        return dropped
    return connection.execute(sql.DROP_WITHOUT_RUNS, terms).rowcount


# --- Making room ----------------------------------------------------------------------------------


def prune(connection: sqlite3.Connection, retention: Retention, limit: int, now: float) -> Pruned:
    """Drop what is dead too long, empty what is done long enough, forget what may be forgotten."""
    dropped = _drop_old(connection, retention, limit, now)
    emptied = _empty(connection, retention, limit, now)
    forgotten = connection.execute(sql.FORGET, {"before": now - KNOWN_FOR, "limit": limit}).rowcount
    more = limit in (dropped, emptied, forgotten)
    return Pruned(emptied=emptied, dropped=dropped, forgotten=forgotten, more=more)


def _drop_old(connection: sqlite3.Connection, retention: Retention, limit: int, now: float) -> int:
    if retention.dead_for is None:
        return 0
    terms = {"before": now - retention.dead_for, "limit": limit}
    old = connection.execute(sql.OLD_DEAD, terms).fetchall()
    for (event_uuid,) in old:
        given = {"event_uuid": event_uuid, "handler": None, "now": now}
        drop(connection, given)
    return len(old)


def _empty(connection: sqlite3.Connection, retention: Retention, limit: int, now: float) -> int:
    if retention.done_for is None:
        return 0
    terms = {"before": now - retention.done_for, "limit": limit}
    taken = connection.execute(sql.TAKE_OUT, terms).fetchall()
    connection.executemany(sql.PUT_BACK, taken)
    connection.executemany(sql.PRUNE_RUNS, [row[:1] for row in taken])
    return len(taken)


# --- Counting -------------------------------------------------------------------------------------


def counts(connection: sqlite3.Connection) -> Counts:
    """Count the deliveries by state."""

    def one(statement: str) -> Any:
        row = connection.execute(statement).fetchone()
        return row and row[0]

    return Counts(
        **dict(connection.execute(sql.COUNT)),
        claimed=one(sql.COUNT_CLAIMED),
        unhandled=one(sql.COUNT_UNHANDLED),
        dropped=one(sql.COUNT_DROPPED),
        oldest_waiting_at=one(sql.OLDEST_WAITING),
    )


def stats(connection: sqlite3.Connection, now: float) -> Stats:
    """Count more, by handler too, and look at the last minutes."""
    counted = counts(connection)
    oldest = counted.oldest_waiting_at
    handlers = _by_handler(connection)
    [handled] = connection.execute(sql.COUNT_HANDLED, (now - MINUTES * 60,)).fetchone()
    return Stats(
        **attrs.asdict(counted),
        stale=sum(one.stale for one in handlers.values()),
        oldest_waiting_for=None if oldest is None else max(0.0, now - oldest),
        handled_per_minute=handled / MINUTES,
        handlers=handlers,
    )


def _by_handler(connection: sqlite3.Connection) -> dict[str, HandlerStats]:
    found: dict[str, HandlerStats] = {}
    counted = (
        ("waiting", sql.OPEN_RUNS),
        ("claimed", sql.CLAIMED_RUNS),
        ("dead", sql.DEAD_RUNS),
        ("stale", sql.STALE_RUNS),
    )
    for name, statement in counted:
        for handler, count in connection.execute(statement):
            before = found.get(handler, HandlerStats())
            found[handler] = attrs.evolve(before, **{name: count})
    return dict(sorted(found.items()))
