"""In which order the events of one entity come to a handler, and which are passed over."""

import asyncio
import random
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from planado_async.core.errors import ConfigurationError
from planado_async.webhooks import statements
from planado_async.webhooks.dispatcher import Dispatcher
from planado_async.webhooks.events import Event
from planado_async.webhooks.inbox import (
    Await,
    Claim,
    Go,
    Order,
    Place,
    Route,
    Routes,
    Run,
    Stale,
    State,
    judge,
)
from planado_async.webhooks.sqlite import SqliteInbox
from tests.webhooks.making import Clock, LoopClock, delivery

ME = "me"
NOW = 1_000.0
STRICT: Routes = {"h": Route(("*",), "strict", 60.0)}
LATEST: Routes = {"h": Route(("*",), "latest")}


# --- What the order makes of a place --------------------------------------------------------------


def at(version: int, behind: int, **more: Any) -> Place:
    return Place(version=version, behind=behind, **more)


@pytest.mark.parametrize(
    ("place", "every", "latest", "strict"),
    [
        (at(1, 0), Go(), Go(), Go()),
        (at(2, 3), Go(), Stale(), Stale()),
        (at(3, 3), Go(), Go(), Go()),
        (at(4, 3), Go(), Go(), Go()),
        (at(5, 3), Go(), Go(), Await(NOW + 60)),
        (at(3, 0), Go(), Go(), Await(NOW + 60)),
        (at(0, 3), Go(), Go(), Go()),
        (at(2, 3, replayed=True), Go(), Go(), Go()),
        (at(9, 3, replayed=True), Go(), Go(), Go()),
        (at(5, 3, gap_until=NOW + 1), Go(), Go(), Await(NOW + 1)),
        (at(5, 3, gap_until=NOW), Go(), Go(), Go(gap=(4, 4))),
        (at(9, 3, gap_until=NOW - 1), Go(), Go(), Go(gap=(4, 8))),
        (at(9, 3, gap_until=NOW + 999), Go(), Go(), Await(NOW + 60)),
        (at(4, 3, gap_until=NOW - 1), Go(), Go(), Go()),
        (at(2, 3, gap_until=NOW - 1), Go(), Stale(), Stale()),
    ],
)
def test_each_order_judges_by_the_place(
    place: Place, every: object, latest: object, strict: object
) -> None:
    """What is behind, next or further on is claimed, passed over or awaited as the order says."""
    orders: Sequence[Order] = ("every", "latest", "strict")
    found = [judge(place, Route(("*",), order, 60.0), NOW) for order in orders]
    assert found == [every, latest, strict]


# --- In the inbox ---------------------------------------------------------------------------------


async def put(inbox: SqliteInbox, *versions: int, kind: str = "job_updated") -> None:
    """Put an event for each version, called by kind and number."""
    for version in versions:
        name = f"v{version}" if kind == "job_updated" else f"{kind}{version}"
        await inbox.put(delivery(name, kind, version=version))


async def claim(inbox: SqliteInbox, routes: Routes, owner: str = ME) -> Sequence[Run]:
    runs: list[Run] = []
    found = Claim(more=True)
    while found.more:
        found = await inbox.claim(routes, owner=owner, lease=90.0, limit=100)
        runs += found.runs
    return runs


async def handle_all(inbox: SqliteInbox, routes: Routes) -> list[str]:
    """Claim and complete what is due until nothing is, and return it in order."""
    handled = []
    while runs := await claim(inbox, routes):
        for run in runs:
            handled.append(run.delivery.event_uuid)
            assert await inbox.complete(run)
    return handled


async def stale(inbox: SqliteInbox, event_uuid: str) -> bool:
    [run] = await inbox.runs(event_uuid)
    return run.stale


async def test_latest_passes_over_what_is_behind(inbox: SqliteInbox) -> None:
    """A version below the highest handled is done and marked stale, without a run."""
    await put(inbox, 1, 5)
    assert await handle_all(inbox, LATEST) == ["v1", "v5"]
    await put(inbox, 3, 4, 6)
    assert await handle_all(inbox, LATEST) == ["v6"]
    assert [await stale(inbox, f"v{n}") for n in (1, 3, 4, 5, 6)] == [
        False,
        True,
        True,
        False,
        False,
    ]
    counts = await inbox.counts()
    assert (counts.waiting, counts.done) == (0, 5)


async def test_latest_runs_each_event_of_one_version(inbox: SqliteInbox) -> None:
    """A change that sends two types of event under one version runs both, before and after."""
    await put(inbox, 5)
    await put(inbox, 5, kind="job_started")
    assert await handle_all(inbox, LATEST) == ["v5", "job_started5"]
    await put(inbox, 5, kind="job_finished")
    assert await handle_all(inbox, LATEST) == ["job_finished5"]


async def test_latest_looks_at_each_entity_and_handler_alone(inbox: SqliteInbox) -> None:
    """What is behind one entity or one handler says nothing of another."""
    await inbox.put(delivery("high", entity="a", version=9))
    assert await handle_all(inbox, LATEST) == ["high"]
    await inbox.put(delivery("low", entity="b", version=1))
    assert await handle_all(inbox, LATEST) == ["low"]
    await inbox.put(delivery("late", entity="a", version=1))
    two = {**LATEST, "new": Route(("*",), "latest")}
    assert [(run.handler, run.delivery.event_uuid) for run in await claim(inbox, two)] == [
        ("new", "late")
    ]


async def test_two_handlers_of_one_event_keep_their_orders(inbox: SqliteInbox) -> None:
    """Of the same late event one handler makes a run and the other one none; both are done."""
    routes: Routes = {**LATEST, "all": Route(("*",), "every")}
    await put(inbox, 2)
    await handle_all(inbox, routes)
    await put(inbox, 1)
    [run] = await claim(inbox, routes)
    assert run.handler == "all"
    await inbox.complete(run)
    assert [(run.handler, run.stale) for run in await inbox.runs("v1")] == [
        ("all", False),
        ("h", True),
    ]
    assert (await inbox.counts()).done == 2


async def test_strict_waits_and_then_tells_the_gap(inbox: SqliteInbox, clock: Clock) -> None:
    """What is missing is waited for until the patience ends; then the run names it."""
    await put(inbox, 1, 4)
    assert await handle_all(inbox, STRICT) == ["v1"]
    found = await inbox.claim(STRICT, owner=ME, lease=90.0, limit=10)
    assert found == Claim(runs=[], due_at=clock.now + 60)
    clock.now += 59.9
    assert await claim(inbox, STRICT) == []
    clock.now += 0.1
    [run] = await claim(inbox, STRICT)
    assert (run.delivery.event_uuid, run.gap, run.attempt) == ("v4", (2, 3), 1)


async def test_what_was_missing_comes_in_time(inbox: SqliteInbox, clock: Clock) -> None:
    """A missing version that comes while it is waited for goes first, and no gap is told."""
    await put(inbox, 1, 3)
    assert await handle_all(inbox, STRICT) == ["v1"]
    clock.now += 30
    await put(inbox, 2)
    runs: list[Run] = []
    while found := await claim(inbox, STRICT):
        runs += found
        await inbox.complete(found[0])
    assert [(run.delivery.event_uuid, run.gap) for run in runs] == [("v2", None), ("v3", None)]


async def test_a_part_of_what_is_missing_does_not_begin_the_wait_anew(
    inbox: SqliteInbox, clock: Clock
) -> None:
    """One that waits already waits no longer because some of the missing came."""
    await put(inbox, 1, 5)
    assert await handle_all(inbox, STRICT) == ["v1"]
    clock.now += 30
    await put(inbox, 2)
    assert await handle_all(inbox, STRICT) == ["v2"]
    clock.now += 30
    [run] = await claim(inbox, STRICT)
    assert (run.delivery.event_uuid, run.gap) == ("v5", (3, 4))


async def test_what_comes_after_its_gap_is_stale(inbox: SqliteInbox, clock: Clock) -> None:
    """A version that comes when the handler went on without it is passed over and marked."""
    await put(inbox, 1, 3)
    await handle_all(inbox, STRICT)
    clock.now += 60
    assert await handle_all(inbox, STRICT) == ["v3"]
    await put(inbox, 2, 4)
    assert await handle_all(inbox, STRICT) == ["v4"]
    assert await stale(inbox, "v2")


async def test_a_retry_keeps_its_time_and_its_gap(inbox: SqliteInbox, clock: Clock) -> None:
    """A run that failed over its gap waits for its attempt, whatever goes before it meanwhile."""
    await put(inbox, 1, 4)
    await handle_all(inbox, STRICT)
    clock.now += 60
    [run] = await claim(inbox, STRICT)
    await inbox.retry(run, clock.now + 30, "no")
    await put(inbox, 2)
    assert await handle_all(inbox, STRICT) == ["v2"]
    clock.now += 29
    assert await claim(inbox, STRICT) == []
    clock.now += 1
    [run] = await claim(inbox, STRICT)
    assert (run.delivery.event_uuid, run.gap, run.attempt) == ("v4", (3, 3), 2)


@pytest.mark.parametrize("routes", [STRICT, LATEST])
async def test_a_dead_letter_passes_the_lane(inbox: SqliteInbox, routes: Routes) -> None:
    """What is dead counts as behind: the next goes on without a gap, and before it is stale."""
    await put(inbox, 1, 2, 3)
    assert await inbox.complete((await claim(inbox, routes))[0])
    assert await inbox.bury((await claim(inbox, routes))[0], "no")
    [run] = await claim(inbox, routes)
    assert (run.delivery.event_uuid, run.gap) == ("v3", None)
    await inbox.release(run)
    await inbox.put(delivery("late", version=1))
    assert await handle_all(inbox, routes) == ["v3"]
    assert await stale(inbox, "late")


@pytest.mark.parametrize("routes", [STRICT, LATEST])
async def test_what_is_replayed_runs_whatever_its_version(
    inbox: SqliteInbox, routes: Routes
) -> None:
    """A dead letter that somebody replayed runs although later versions were handled."""
    await put(inbox, 1, 2)
    await inbox.bury((await claim(inbox, routes))[0], "no")
    assert await handle_all(inbox, routes) == ["v2"]
    assert await inbox.replay(routes) == 1
    assert await handle_all(inbox, routes) == ["v1"]
    await put(inbox, 3)
    assert await handle_all(inbox, routes) == ["v3"]
    await inbox.put(delivery("late", version=2))
    assert await handle_all(inbox, routes) == []


async def test_a_suspect_keeps_to_its_order(inbox: SqliteInbox, clock: Clock) -> None:
    """A run open in a crash is judged anew when its turn comes, and holds up no one behind it."""
    await put(inbox, 1, 3)
    await handle_all(inbox, STRICT)
    clock.now += 60
    [run] = await claim(inbox, STRICT, "dead")
    assert run.gap == (2, 2)
    await inbox.recover(ME)
    await inbox.put(delivery("other", entity="j2", version=1))
    [again] = await claim(inbox, STRICT)
    assert (again.delivery.event_uuid, again.gap, again.attempt) == ("v3", (2, 2), 1)
    await inbox.complete(again)
    assert await handle_all(inbox, STRICT) == ["other"]


async def test_a_suspect_that_has_become_stale_is_passed_over(inbox: SqliteInbox) -> None:
    """A handler whose order was changed passes over an open run of before, and goes on."""
    every: Routes = {"h": Route(("*",))}
    await put(inbox, 5)
    await handle_all(inbox, every)
    await put(inbox, 3)
    assert len(await claim(inbox, every, "dead")) == 1
    await inbox.recover(ME)
    await inbox.put(delivery("other", entity="j2"))
    assert await handle_all(inbox, LATEST) == ["other"]
    assert await stale(inbox, "v3")


@pytest.mark.parametrize("back", [100.0, 3_600.0, 1e6])
async def test_the_clock_set_back_prolongs_no_patience(
    inbox: SqliteInbox, clock: Clock, back: float
) -> None:
    """However far the clock is set back, a gap is waited for no longer than the patience."""
    await put(inbox, 1, 3)
    await handle_all(inbox, STRICT)
    clock.now -= back
    assert await inbox.hasten(STRICT, 25_000.0) == 1
    assert await claim(inbox, STRICT) == []
    assert await inbox.hasten(STRICT, 25_000.0) == 0
    clock.now += 60
    [run] = await claim(inbox, STRICT)
    assert run.gap == (2, 2)


async def test_a_patience_longer_than_the_steps_is_not_taken_for_a_clock_set_back(
    inbox: SqliteInbox,
) -> None:
    """With steps made short by `speed`, a gap's wait is left alone."""
    await put(inbox, 3)
    assert await claim(inbox, STRICT) == []
    assert await inbox.hasten(STRICT, 10.0) == 0


# --- Through the dispatcher -----------------------------------------------------------------------


class Watched:
    """A handler that keeps what it got, and a repair that is counted."""

    def __init__(self, inbox: SqliteInbox, *missing: int, broken: bool = False) -> None:
        self.inbox = inbox
        self.missing = missing
        self.broken = broken
        self.asked_at: list[float] = []
        self.got: list[tuple[str, tuple[int, int] | None]] = []
        self.got_at: list[float] = []
        self.fail = 0

    async def repair(self) -> None:
        self.asked_at.append(now())
        await asyncio.sleep(1)
        if self.broken:
            raise OSError("log out of reach")
        await put(self.inbox, *self.missing)

    async def handle(self, event: Event) -> None:
        self.got.append((event.event_uuid, event.gap))
        self.got_at.append(now())
        if len(self.got) <= self.fail:
            raise ValueError

    def dispatcher(self, order: Order = "strict", **options: Any) -> Dispatcher:
        made = Dispatcher(self.inbox, rng=random.Random(1), **options)
        made.on("*", name="h", order=order, gap_timeout=60.0)(self.handle)
        return made


def now() -> float:
    return asyncio.get_running_loop().time()


@pytest.fixture
async def timed() -> Any:
    async with SqliteInbox(":memory:", clock=LoopClock()) as opened:
        yield opened


async def test_a_repair_brings_what_is_missing(timed: SqliteInbox) -> None:
    """When the patience has ended a repair is asked for, and what it brings goes first."""
    watched = Watched(timed, 1, 2)
    await put(timed, 3)
    async with watched.dispatcher(repair=watched.repair):
        began = now()
        await asyncio.sleep(100)
    assert watched.got == [("v1", None), ("v2", None), ("v3", None)]
    assert [at - began for at in watched.asked_at] == [pytest.approx(60, abs=0.1)]
    assert watched.got_at[0] - began == pytest.approx(61, abs=0.1)


@pytest.mark.parametrize("broken", [False, True])
async def test_a_repair_that_brings_nothing_is_asked_once(
    timed: SqliteInbox, caplog: pytest.LogCaptureFixture, broken: bool
) -> None:
    """After one repair in vain the handler goes on with the gap, its further attempts too."""
    watched = Watched(timed, broken=broken)
    watched.fail = 2
    await put(timed, 3)
    async with watched.dispatcher(repair=watched.repair):
        await asyncio.sleep(200)
        [run] = await timed.runs("v3")
    assert watched.got == [("v3", (1, 2))] * 3
    assert len(watched.asked_at) == 1
    assert (run.attempt, run.state) == (3, State.DONE)
    assert ("a repair failed" in caplog.text) is broken


async def test_a_repair_that_hangs_is_given_up(timed: SqliteInbox) -> None:
    """A repair has as long as a handler has, and then the event goes on without it."""

    async def hang() -> None:
        await asyncio.Event().wait()

    watched = Watched(timed)
    await put(timed, 3)
    async with watched.dispatcher(repair=hang, handler_timeout=20.0):
        await asyncio.sleep(79)
        assert watched.got == []
        await asyncio.sleep(2)
    assert watched.got == [("v3", (1, 2))]


async def test_without_a_repair_the_gap_is_told_in_time(timed: SqliteInbox) -> None:
    """Nobody to ask, the handler goes on when the patience has ended."""
    watched = Watched(timed)
    await put(timed, 1, 3)
    async with watched.dispatcher():
        began = now()
        await asyncio.sleep(100)
    assert watched.got == [("v1", None), ("v3", (2, 2))]
    assert watched.got_at[1] - began == pytest.approx(60, abs=0.1)


async def test_a_gap_that_closes_is_not_slept_over(timed: SqliteInbox) -> None:
    """What is missing and comes while it is waited for is handled at once, with what waited."""
    watched = Watched(timed)
    await put(timed, 1, 3)
    async with watched.dispatcher():
        await asyncio.sleep(10)
        began = now()
        await put(timed, 2)
        await asyncio.sleep(1)
        assert watched.got == [("v1", None), ("v2", None), ("v3", None)]
        assert watched.got_at[-1] - began < 0.1


async def test_latest_and_every_do_not_wait_for_gaps(timed: SqliteInbox) -> None:
    """Without the strict order nothing waits, nobody is asked and no gap is told."""
    both: Sequence[tuple[Order, str]] = (("latest", "j1"), ("every", "j2"))
    for order, name in both:
        watched = Watched(timed)
        await timed.put(delivery(name, entity=name, version=7))
        async with watched.dispatcher(order, repair=watched.repair):
            await asyncio.sleep(1)
        assert watched.got[-1] == (name, None)
        assert watched.asked_at == []


async def test_one_entitys_gap_holds_up_no_other(timed: SqliteInbox) -> None:
    """While one entity waits for a missing version, others go on."""
    watched = Watched(timed)
    await put(timed, 3)
    await timed.put(delivery("other", entity="j2", version=1))
    async with watched.dispatcher():
        await asyncio.sleep(1)
        assert watched.got == [("other", None)]


async def test_the_clock_set_back_while_a_gap_is_waited_for(timed: SqliteInbox) -> None:
    """Set back by an hour, the clock makes the wait longer by one look at most."""
    jump = 3_600.0
    timed._clock = lambda: LoopClock()() + jump
    watched = Watched(timed)
    await put(timed, 3)
    async with watched.dispatcher():
        await asyncio.sleep(1)
        jump = 0.0
        await asyncio.sleep(30 + 60 + 1)
    assert watched.got == [("v3", (1, 2))]


async def test_a_run_is_known_by_the_same_id_each_time(timed: SqliteInbox) -> None:
    """All attempts of one run have one `run_id`, and no other run has it."""
    ids: list[tuple[str, str]] = []

    async def handle(event: Event) -> None:
        ids.append((event.event_uuid, event.run_id))
        if len(ids) == 1:
            raise ValueError

    hooks = Dispatcher(timed)
    hooks.on("*", name="a")(handle)
    await put(timed, 1, 2)
    async with hooks:
        await asyncio.sleep(10)
    assert ids == [("v1", "a:v1"), ("v1", "a:v1"), ("v2", "a:v2")]


def test_two_orders_of_one_handler_are_refused() -> None:
    """A handler has one order and one patience, whatever number of patterns."""

    async def handle(event: Event) -> None: ...

    hooks = Dispatcher(SqliteInbox(":memory:"))
    hooks.on("job_*", order="strict", gap_timeout=5.0)(handle)
    hooks.on("site_*", order="strict", gap_timeout=5.0)(handle)
    patient: dict[str, Any] = {"order": "strict", "gap_timeout": 6.0}
    others: Sequence[dict[str, Any]] = ({"order": "latest"}, patient)
    for options in others:
        with pytest.raises(ConfigurationError, match="two orders"):
            hooks.on("client_*", **options)(handle)
    [route] = hooks.routes.values()
    assert route == Route(("job_*", "site_*"), "strict", 5.0)


@pytest.mark.parametrize("gap_timeout", [0, -1.0, 3_601, float("nan"), "60"])
def test_a_patience_that_could_not_work_is_refused(gap_timeout: Any) -> None:
    """The wait for a gap is above zero and an hour at most."""
    with pytest.raises(ConfigurationError, match="gap_timeout"):
        Dispatcher(SqliteInbox(":memory:")).on("*", order="strict", gap_timeout=gap_timeout)


# --- From the schema before -----------------------------------------------------------------------


def old_file(path: Path) -> None:
    """Make a file of the first schema: v2 done, v3 dead and v1 waiting for h."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(statements.MIGRATIONS_TABLE)
    for step in statements.MIGRATIONS[0]:
        connection.execute(step)
    connection.execute(statements.MIGRATED, (1, 0.0))
    rows = [("v2", 2, "done"), ("v3", 3, "dead"), ("v1", 1, "waiting")]
    for seq, (name, version, state) in enumerate(rows, start=1):
        one = delivery(name, version=version)
        connection.execute(
            "INSERT INTO deliveries (seq, event_uuid, event_type, entity_type, entity_uuid,"
            " version, attempt, received_at, state, planned, sha256, body)"
            " VALUES (?, ?, 'job_updated', 'job', 'j1', ?, 1, 0.0, ?, 1, x'00', ?)",
            (seq, name, version, state, one.body),
        )
        connection.execute(
            "INSERT INTO runs (event_uuid, handler, entity, version, seq, state, head, due_at)"
            " VALUES (?, 'h', 'job:j1', ?, ?, ?, ?, 0.0)",
            (name, version, seq, state, state == "waiting"),
        )
    connection.close()


@pytest.mark.real_time
@pytest.mark.parametrize(("order", "handled"), [("every", ["v1", "v4"]), ("latest", ["v4"])])
async def test_a_file_of_the_first_schema_knows_what_is_behind(
    tmp_path: Path, order: Order, handled: list[str]
) -> None:
    """An older file is brought up, and what was done or dead in it is behind its lanes."""
    old_file(tmp_path / "inbox.db")
    async with SqliteInbox(tmp_path / "inbox.db", clock=Clock()) as inbox:
        await put(inbox, 4)
        assert await handle_all(inbox, {"h": Route(("*",), order)}) == handled
        assert await inbox.replay({"h": Route(("*",), order)}) == 1
        assert await handle_all(inbox, {"h": Route(("*",), order)}) == ["v3"]
