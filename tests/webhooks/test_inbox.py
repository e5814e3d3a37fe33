"""The contract of an inbox, kept by every kind of it."""

import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planado_async.core.errors import ConfigurationError
from planado_async.webhooks import statements
from planado_async.webhooks.inbox import (
    ARROWS,
    KNOWN_FOR,
    MAX_CRASHES,
    Change,
    Claim,
    Counts,
    Entity,
    Retention,
    Route,
    Routes,
    Run,
    State,
    VersionGap,
    VersionGaps,
    wanted_by,
)
from planado_async.webhooks.sqlite import SqliteInbox
from tests.webhooks.making import Clock, delivery

ROUTES = {"h": Route(("*",))}
ME = "me"


async def claim(
    inbox: SqliteInbox,
    routes: Routes = ROUTES,
    *,
    limit: int = 100,
    owner: str = ME,
) -> Sequence[Run]:
    """Claim until the answer is whole."""
    runs: list[Run] = []
    found = Claim(more=True)
    while found.more:
        found = await inbox.claim(routes, owner=owner, lease=90.0, limit=limit)
        runs += found.runs
    return runs


async def claim_one(inbox: SqliteInbox, owner: str = ME) -> Run:
    [run] = await claim(inbox, owner=owner)
    return run


def uuids(runs: Sequence[Run]) -> list[str]:
    return [run.delivery.event_uuid for run in runs]


async def state_of(inbox: SqliteInbox, event_uuid: str = "e1") -> State:
    [run] = await inbox.runs(event_uuid)
    return run.state


async def test_put_keeps_the_delivery(inbox: SqliteInbox, clock: Clock) -> None:
    """What was put is found again as it was."""
    one = delivery(version=7, received_at=clock.now)
    assert await inbox.put(one) is True
    assert await inbox.delivery("e1") == attrs.evolve(one, seq=1)
    assert await inbox.counts() == Counts(waiting=1, oldest_waiting_at=clock.now)


async def test_put_again_is_a_repeat(inbox: SqliteInbox) -> None:
    """A delivery of a known event is counted and changes nothing else."""
    await inbox.put(delivery())
    assert await inbox.put(attrs.evolve(delivery(), attempt=3, body=b"other")) is False
    assert await inbox.put(attrs.evolve(delivery(), attempt=2)) is False
    found = await inbox.delivery("e1")
    assert found is not None
    assert (found.repeats, found.attempt, found.body) == (2, 3, delivery().body)
    assert (await inbox.counts()).waiting == 1


async def test_a_repeat_with_another_body_is_told(
    inbox: SqliteInbox, caplog: pytest.LogCaptureFixture
) -> None:
    """A known event whose body differs is logged by its key, without the body."""
    await inbox.put(delivery())
    await inbox.put(delivery())
    assert caplog.records == []
    await inbox.put(attrs.evolve(delivery(), body=b"other"))
    [told] = [record.getMessage() for record in caplog.records]
    assert "another body: e1" in told
    assert "other'" not in told


@pytest.mark.parametrize("before", ["replay", "drop"])
async def test_a_good_body_comes_also_after_a_replay_or_drop(
    inbox: SqliteInbox, before: str
) -> None:
    """What was no event is not run in its place, and does not stand in its way."""
    broken = attrs.evolve(delivery(), event_type="", version=None, body=b"?", state=State.DEAD)
    await inbox.put(broken)
    if before == "replay":
        assert await inbox.replay(ROUTES) == 0
    else:
        assert await inbox.drop() == 1
    assert await inbox.put(attrs.evolve(delivery(), received_at=9e9)) is True
    found = await inbox.delivery("e1")
    assert found is not None
    assert (found.state, found.dropped, found.received_at) == (State.WAITING, False, 9e9)
    assert uuids(await claim(inbox)) == ["e1"]


async def test_a_good_body_replaces_an_unusable_one(
    inbox: SqliteInbox, caplog: pytest.LogCaptureFixture
) -> None:
    """An event that came broken and comes again whole is run; broken again it changes nothing."""
    broken = attrs.evolve(
        delivery(), event_type="", version=None, body=b"?", state=State.DEAD, error="no event"
    )
    await inbox.put(broken)
    heard: list[int] = []
    inbox.subscribe(lambda: heard.append(1))
    assert await inbox.put(broken) is False
    assert await inbox.put(attrs.evolve(delivery(version=4), attempt=2)) is True
    assert heard == [1]
    assert await inbox.put(broken) is False
    found = await inbox.delivery("e1")
    assert found == attrs.evolve(delivery(version=4), attempt=2, repeats=3, seq=1)
    run = await claim_one(inbox)
    await inbox.bury(run, "no")
    assert await inbox.put(delivery(version=4)) is False  # dead by its handler, not by its body
    assert (await inbox.counts()).dead == 1


async def test_a_repeat_of_what_is_done_stays_done(inbox: SqliteInbox) -> None:
    """A repeat that comes after the event was handled does not run it again."""
    await inbox.put(delivery())
    await inbox.complete(await claim_one(inbox))
    await inbox.put(delivery())
    assert await claim(inbox) == []
    assert (await inbox.counts()).done == 1


async def test_claim_makes_a_run_for_each_handler(inbox: SqliteInbox) -> None:
    """A delivery is done when every handler's run is, and each of them stands alone."""
    await inbox.put(delivery(event_type="job_finished"))
    routes = {"a": Route(("job_finished",)), "b": Route(("job_*", "*")), "c": Route(("site_*",))}
    a, b = sorted(await claim(inbox, routes), key=lambda run: run.handler)
    assert (a.handler, b.handler, a.attempt, a.owner) == ("a", "b", 1, ME)
    assert a.delivery.body == delivery(event_type="job_finished").body
    await inbox.complete(a)
    assert (await inbox.counts()).waiting == 1
    await inbox.bury(b, "no use")
    assert (await inbox.counts()).dead == 1
    found = await inbox.delivery("e1")
    assert found is not None
    assert found.error == "b: no use"
    assert [run.state for run in await inbox.runs("e1")] == [State.DONE, State.DEAD]


async def test_what_no_handler_wants_is_done_and_counted(inbox: SqliteInbox, clock: Clock) -> None:
    """An event without a handler is done, and counted as unhandled."""
    await inbox.put(delivery(event_type="site_created"))
    assert await claim(inbox, {"h": Route(("job_*",))}) == []
    assert await inbox.counts() == Counts(done=1, unhandled=1)
    found = await inbox.delivery("e1")
    assert found is not None
    assert (found.unhandled, found.settled_at) == (True, clock.now)


async def test_a_lane_has_one_claimed_run(inbox: SqliteInbox) -> None:
    """Of one entity one event at a time is claimed, of different entities all."""
    for number in range(3):
        await inbox.put(delivery(f"a{number}", entity="a", version=number))
        await inbox.put(delivery(f"b{number}", entity="b", version=number))
    assert uuids(await claim(inbox)) == ["a0", "b0"]
    assert await claim(inbox) == []


async def test_a_lane_goes_by_version_then_arrival(inbox: SqliteInbox) -> None:
    """Among those waiting the lowest version comes first, of equal versions the first to arrive."""
    for name, version in [("c", 3), ("a", 2), ("b", 2), ("d", None)]:
        await inbox.put(delivery(name, version=version))
    order = []
    for _ in range(4):
        run = await claim_one(inbox)
        order.append(run.delivery.event_uuid)
        await inbox.complete(run)
    assert order == ["d", "a", "b", "c"]


async def test_a_late_lower_version_goes_first(inbox: SqliteInbox, clock: Clock) -> None:
    """A lower version that comes late overtakes what waits, also for its next attempt."""
    await inbox.put(delivery("v2", version=2))
    run = await claim_one(inbox)
    await inbox.put(delivery("v1", version=1))
    assert await claim(inbox) == []  # what runs is not overtaken
    await inbox.retry(run, clock.now + 30, "no")
    first = await claim_one(inbox)
    assert first.delivery.event_uuid == "v1"
    clock.now += 60
    assert await claim(inbox) == []
    await inbox.complete(first)
    assert uuids(await claim(inbox)) == ["v2"]


async def test_entities_of_two_kinds_with_one_uuid_are_two(inbox: SqliteInbox) -> None:
    """A job and a client that share an id do not wait for each other."""
    await inbox.put(delivery("e1", "job_updated", entity="x"))
    await inbox.put(delivery("e2", "client_updated", entity="x"))
    assert uuids(await claim(inbox)) == ["e1", "e2"]


async def test_events_without_entity_do_not_wait(inbox: SqliteInbox) -> None:
    """Events that name no entity are claimed side by side."""
    for name in ("e1", "e2"):
        await inbox.put(attrs.evolve(delivery(name), entity_type=None, entity_uuid=None))
    assert uuids(await claim(inbox)) == ["e1", "e2"]


async def test_retry_waits_and_holds_its_lane(inbox: SqliteInbox, clock: Clock) -> None:
    """A run waits for its time, and later events of its entity wait behind it."""
    await inbox.put(delivery("v1", version=1))
    await inbox.put(delivery("v2", version=2))
    await inbox.retry(await claim_one(inbox), clock.now + 30, "no luck")
    found = await inbox.claim(ROUTES, owner=ME, lease=90.0, limit=10)
    assert found == Claim(runs=[], due_at=clock.now + 30)
    [waiting] = await inbox.runs("v1")
    assert (waiting.error, waiting.state) == ("no luck", State.WAITING)
    clock.now += 30
    run = await claim_one(inbox)
    assert (run.delivery.event_uuid, run.attempt) == ("v1", 2)


async def test_a_dead_run_lets_its_lane_go_on(inbox: SqliteInbox) -> None:
    """What is dead does not block later events of its entity."""
    await inbox.put(delivery("v1", version=1))
    await inbox.put(delivery("v2", version=2))
    await inbox.bury(await claim_one(inbox), "no")
    assert uuids(await claim(inbox)) == ["v2"]


async def test_release_does_not_count_the_attempt(inbox: SqliteInbox) -> None:
    """A run given back is due at once, with the same attempt number."""
    await inbox.put(delivery())
    assert await inbox.release(await claim_one(inbox)) is True
    assert (await claim_one(inbox)).attempt == 1


@pytest.mark.parametrize("verb", sorted({verb for _, verb in ARROWS}))
@pytest.mark.parametrize("start", list(State))
async def test_every_arrow_of_the_table(
    inbox: SqliteInbox, clock: Clock, start: State, verb: str
) -> None:
    """Each verb leads from each state where the table says, and elsewhere changes nothing."""
    await inbox.put(delivery())
    run = await claim_one(inbox)
    ways: dict[str, Callable[[], Awaitable[object]]] = {
        State.WAITING: lambda: inbox.release(run),
        State.CLAIMED: lambda: inbox.renew(ME, 90.0),
        State.DONE: lambda: inbox.complete(run),
        State.DEAD: lambda: inbox.bury(run, "x"),
    }
    await ways[start]()
    assert await state_of(inbox) is start
    verbs: dict[str, Callable[[], Awaitable[object]]] = {
        "claim": lambda: claim(inbox),
        "complete": lambda: inbox.complete(run),
        "retry": lambda: inbox.retry(run, clock.now + 5, "x"),
        "release": lambda: inbox.release(run),
        "bury": lambda: inbox.bury(run, "x"),
        "replay": lambda: inbox.replay(ROUTES, done=True),
        "drop": inbox.drop,
    }
    moved = await verbs[verb]()
    assert bool(moved) is ((start, verb) in ARROWS)
    assert await state_of(inbox) is ARROWS.get((start, verb), start)


async def test_a_claim_that_passed_to_another_cannot_be_ended(
    inbox: SqliteInbox, clock: Clock
) -> None:
    """When a lease has run out another owner may claim, and the first one's end has no effect."""
    await inbox.put(delivery())
    late = await claim_one(inbox, "a")
    assert await claim(inbox, owner="b") == []
    clock.now += 91
    assert await claim(inbox, owner="a") == []  # it holds it still
    run = await claim_one(inbox, "b")
    assert run.attempt == 2
    assert await inbox.complete(late) is False
    assert await inbox.complete(run) is True


async def test_an_earlier_attempt_cannot_end_a_later_one(inbox: SqliteInbox, clock: Clock) -> None:
    """What is left of a first attempt has no effect on the second one of the same owner."""
    await inbox.put(delivery())
    first = await claim_one(inbox)
    await inbox.retry(first, clock.now, "no")
    second = await claim_one(inbox)
    assert await inbox.complete(first) is False
    assert await inbox.complete(second) is True


async def test_renew_holds_the_lease(inbox: SqliteInbox, clock: Clock) -> None:
    """A renewed claim is not handed to another when its first lease would have ended."""
    await inbox.put(delivery())
    await claim_one(inbox, "a")
    clock.now += 60
    assert await inbox.renew("a", 90.0) == 1
    assert await inbox.renew("b", 90.0) == 0
    clock.now += 60
    assert await claim(inbox, owner="b") == []


async def test_claim_takes_the_longest_due_up_to_its_limit(
    inbox: SqliteInbox, clock: Clock
) -> None:
    """The limit goes over all handlers, and of what is due the first to arrive comes first."""
    routes = {"a": Route(("*",)), "b": Route(("*",))}
    for number in range(4):
        await inbox.put(delivery(f"e{3 - number}", entity=f"j{number}"))
        assert await claim(inbox, routes, limit=0) == []
        clock.now += 1
    runs = await claim(inbox, routes, limit=3)
    assert sorted(uuids(runs)) == ["e2", "e3", "e3"]
    for run in runs:
        await inbox.retry(run, clock.now + 5, "no")
    clock.now += 5
    assert sorted(uuids(await claim(inbox, routes, limit=4))) == ["e2", "e2", "e3", "e3"]


async def test_the_clock_set_back_holds_up_no_first_try(inbox: SqliteInbox, clock: Clock) -> None:
    """What was never tried, was given back or is suspected is due at any time of the clock."""
    for number in range(4):
        await inbox.put(delivery(f"e{number}", entity=f"j{number}"))
    runs = await claim(inbox, limit=3)
    await inbox.release(runs[0])
    await inbox.bury(runs[1], "no")
    await inbox.replay(ROUTES)
    clock.now -= 1e6
    await inbox.recover("next")
    claimed: list[Run] = []
    for _ in range(4):
        claimed += await claim(inbox, owner="next")
        await inbox.complete(claimed[-1])
    assert uuids(claimed) == ["e2", "e0", "e1", "e3"]


async def test_what_waits_for_too_long_is_made_due(inbox: SqliteInbox, clock: Clock) -> None:
    """What waits beyond a horizon, as when the clock was set back, is due; other runs are not."""
    for number in range(3):
        await inbox.put(delivery(f"e{number}", entity=f"j{number}"))
    far, near, _ = await claim(inbox)
    await inbox.retry(far, clock.now + 1001, "no")
    await inbox.retry(near, clock.now + 1000, "no")
    assert await inbox.hasten(ROUTES, 1000.0) == 1
    assert await inbox.hasten(ROUTES, 1000.0) == 0
    await inbox.renew(ME, 5000.0)
    assert await inbox.hasten(ROUTES, 1000.0) == 0
    assert uuids(await claim(inbox)) == ["e0"]


async def test_runs_of_a_handler_that_is_gone_wait(inbox: SqliteInbox) -> None:
    """A run whose handler is not registered any more waits, and blocks no other handler."""
    await inbox.put(delivery("e1"))
    await claim(inbox, {"old": Route(("*",))}, limit=0)
    await inbox.put(delivery("e2"))
    assert uuids(await claim(inbox, {"new": Route(("*",))})) == ["e2"]
    assert uuids(await claim(inbox, {"old": Route(("*",))})) == ["e1"]


async def test_a_large_backlog_is_planned_in_parts(inbox: SqliteInbox) -> None:
    """Claims make runs in bounded parts, and hand out none before the lowest version is known."""
    for number in range(600):
        await inbox.put(delivery(f"e{number}", version=1000 - number))
    answers = [await inbox.claim(ROUTES, owner=ME, lease=90.0, limit=5) for _ in range(3)]
    assert [answer.more for answer in answers] == [True, True, False]
    assert [uuids(answer.runs) for answer in answers] == [[], [], ["e599"]]


async def test_the_next_due_is_the_soonest_of_all_handlers(
    inbox: SqliteInbox, clock: Clock
) -> None:
    """Whichever handler waits for the shortest time says when to ask again."""
    routes = {"a": Route(("*",)), "b": Route(("*",)), "c": Route(("*",))}
    await inbox.put(delivery())
    for run, wait in zip(await claim(inbox, routes), (50, 30, 40), strict=True):
        await inbox.retry(run, clock.now + wait, "no")
    found = await inbox.claim(routes, owner=ME, lease=90.0, limit=10)
    assert found.due_at == clock.now + 30


async def test_the_first_suspect_is_the_first_to_arrive(inbox: SqliteInbox) -> None:
    """Suspects of several handlers go in order of arrival."""
    routes = {"a": Route(("job_*",)), "b": Route(("site_*",)), "c": Route(("client_*",))}
    for name, kind in [("e1", "site_x"), ("e2", "job_x"), ("e3", "client_x")]:
        await inbox.put(delivery(name, kind))
    await claim(inbox, routes, owner="dead")
    await inbox.recover(ME)
    order = []
    for _ in range(3):
        [run] = await claim(inbox, routes)
        order.append(run.delivery.event_uuid)
        await inbox.complete(run)
    assert order == ["e1", "e2", "e3"]


async def crash(inbox: SqliteInbox, life: int) -> list[str]:
    """Claim in one life of the process, end it, and return what the next one claims first."""
    await inbox.recover(f"life{life}")
    return uuids(await claim(inbox, owner=f"life{life}"))


async def test_suspects_run_one_at_a_time_and_alone(inbox: SqliteInbox) -> None:
    """After a crash what was open is claimed one by one, and nothing beside it."""
    for number in range(3):
        await inbox.put(delivery(f"e{number}", entity=f"j{number}"))
    assert len(await claim(inbox, owner="dead")) == 3
    await inbox.put(delivery("new", entity="j9"))
    recovery = await inbox.recover(ME)
    assert (recovery.released, recovery.buried) == (3, [])
    for _ in range(3):
        run = await claim_one(inbox)
        assert (run.attempt, run.delivery.event_uuid[0]) == (1, "e")
        assert await claim(inbox) == []
        await inbox.complete(run)
    assert uuids(await claim(inbox)) == ["new"]


async def test_a_suspect_is_not_overtaken(inbox: SqliteInbox) -> None:
    """A lower version that comes late does not go before a run that a crash interrupted."""
    await inbox.put(delivery("v2", version=2))
    await claim_one(inbox, "dead")
    await inbox.put(delivery("v1", version=1))
    await inbox.recover(ME)
    run = await claim_one(inbox)
    assert run.delivery.event_uuid == "v2"
    await inbox.complete(run)
    assert uuids(await claim(inbox)) == ["v1"]


async def test_a_run_that_was_alone_in_three_crashes_is_buried(inbox: SqliteInbox) -> None:
    """Only a crash with one run open counts, and the third one sets that run aside."""
    await inbox.put(delivery("bad", entity="j1", version=1))
    await inbox.put(delivery("good", entity="j2"))
    await inbox.put(delivery("after", entity="j1", version=2))
    assert await crash(inbox, 0) == ["bad", "good"]  # nobody knows which of the two it was
    assert [await crash(inbox, life) for life in (1, 2, 3)] == [["bad"]] * MAX_CRASHES
    recovery = await inbox.recover(ME)
    assert (recovery.released, recovery.buried) == (0, ["bad"])
    assert await state_of(inbox, "bad") is State.DEAD
    [run] = await inbox.runs("bad")
    assert run.crashes == MAX_CRASHES
    assert run.error is not None
    assert (await inbox.counts()).dead == 1
    assert uuids(await claim(inbox)) == ["good"]
    [good] = [run for run in await inbox.runs("good") if run.owner]
    await inbox.complete(attrs.evolve(good, owner=ME))
    assert uuids(await claim(inbox)) == ["after"]


async def test_a_suspect_that_ends_by_itself_is_acquitted(inbox: SqliteInbox, clock: Clock) -> None:
    """A run that fails without killing the process begins to count its crashes anew."""
    await inbox.put(delivery())
    await crash(inbox, 0)
    await inbox.recover(ME)
    run = await claim_one(inbox)
    assert run.crashes == 1
    await inbox.retry(run, clock.now, "no")
    assert (await claim_one(inbox)).crashes == 0


async def test_recover_leaves_own_claims(inbox: SqliteInbox) -> None:
    """What the owner itself has claimed is not suspected."""
    await inbox.put(delivery())
    run = await claim_one(inbox)
    assert (await inbox.recover(ME)).released == 0
    assert await inbox.complete(run) is True


async def test_subscribers_hear_of_new_deliveries_only(inbox: SqliteInbox) -> None:
    """Who subscribed is woken by a new delivery and by a replayed one, not by a repeat."""
    heard: list[int] = []
    unsubscribe = inbox.subscribe(lambda: heard.append(1))
    await inbox.put(delivery())
    await inbox.put(delivery())
    assert len(heard) == 1
    await inbox.bury(await claim_one(inbox), "no")
    await inbox.replay(ROUTES)
    assert len(heard) == 2
    unsubscribe()
    await inbox.put(delivery("e2"))
    assert len(heard) == 2


async def test_one_may_subscribe_at_a_time(inbox: SqliteInbox) -> None:
    """A second subscriber is told to use the first; when that has left, another may come."""
    unsubscribe = inbox.subscribe(lambda: None)
    with pytest.raises(ConfigurationError, match="already"):
        inbox.subscribe(lambda: None)
    unsubscribe()
    inbox.subscribe(lambda: None)


async def test_a_suspect_of_another_owner_is_not_claimed_twice(
    inbox: SqliteInbox, clock: Clock
) -> None:
    """While its lease holds, a claimed suspect and those behind it stay where they are."""
    for number in range(2):
        await inbox.put(delivery(f"e{number}", entity=f"j{number}"))
    await claim(inbox, owner="dead")
    await inbox.recover("a")
    await claim_one(inbox, "a")
    assert await claim(inbox, owner="b") == []
    clock.now += 91
    await claim_one(inbox, "b")


async def test_deliveries_are_listed_by_state_and_page(inbox: SqliteInbox) -> None:
    """Deliveries are listed in order of arrival, of one state if asked, on from the last one."""
    for number in range(4):
        await inbox.put(delivery(f"e{number}"))
    await inbox.bury(await claim_one(inbox), "no")
    found = await inbox.deliveries(limit=2)
    assert [one.event_uuid for one in found] == ["e0", "e1"]
    rest = await inbox.deliveries(after=found[-1].seq)
    assert [one.event_uuid for one in rest] == ["e2", "e3"]
    dead = await inbox.deliveries(state=State.DEAD)
    assert [(one.event_uuid, one.state) for one in dead] == [("e0", State.DEAD)]
    assert await inbox.delivery("none") is None
    assert await inbox.runs("none") == []


def test_patterns() -> None:
    """A handler's patterns are exact names or have wildcards, and case counts."""
    routes = {
        "a": Route(("job_finished",)),
        "b": Route(("job_*",)),
        "c": Route(("*",)),
        "d": Route(("JOB_*", "site_*")),
    }
    assert wanted_by(routes, "job_finished") == ["a", "b", "c"]
    assert wanted_by(routes, "site_created") == ["c", "d"]


STEP = st.one_of(
    st.tuples(st.just("put"), st.integers(0, 9), st.integers(0, 2), st.integers(1, 3)),
    st.tuples(st.sampled_from(["complete", "retry", "bury", "release"]), st.integers(0, 9)),
    st.tuples(st.sampled_from(["wait", "crash", "replay", "drop"]), st.integers(0, 9)),
)


@settings(max_examples=150)
@given(steps=st.lists(STEP, max_size=40))
async def test_any_history_ends_with_each_run_done_once(steps: list[tuple[int, ...]]) -> None:
    """After any puts, repeats, ends and crashes, draining leaves each event done once or dead."""
    async with SqliteInbox(":memory:", clock=(clock := Clock())) as inbox:
        story = Story(inbox, clock)
        for step in steps:
            await story.tell(*step)
            assert await inbox._write(counted) == await inbox._write(counted_anew)
        await story.drain()
        counts = await inbox.counts()
        assert (counts.waiting, counts.claimed) == (0, 0)
        assert counts.done + counts.dead == len(story.put)
        assert all(times == 1 for times in story.done.values())


def counted(connection: sqlite3.Connection) -> dict[str, int]:
    return dict(connection.execute(statements.COUNT))


def counted_anew(connection: sqlite3.Connection) -> dict[str, int]:
    found = connection.execute("SELECT state, count(*) FROM deliveries GROUP BY state")
    return {"waiting": 0, "done": 0, "dead": 0} | dict(found)


class Story:
    """Drives an inbox through steps and checks what must hold after each."""

    def __init__(self, inbox: SqliteInbox, clock: Clock) -> None:
        self.inbox = inbox
        self.clock = clock
        self.life = 0
        self.held: list[Run] = []
        self.put: set[str] = set()
        self.done: Counter[str] = Counter()

    async def tell(self, what: object, *numbers: int) -> None:
        number = numbers[0]
        if what == "put":
            name = f"e{number}"
            new = await self.inbox.put(delivery(name, entity=f"j{numbers[1]}", version=numbers[2]))
            assert new is (name not in self.put)
            self.put.add(name)
        elif what == "wait":
            self.clock.now += number * 10
            await self.renew_and_claim()
        elif what == "crash":
            self.held.clear()
            self.life += 1
            await self.inbox.recover(self.owner)
            await self.renew_and_claim()
        elif what == "replay":
            await self.inbox.replay(ROUTES, event_uuid=f"e{number}")
        elif what == "drop":
            await self.inbox.drop(event_uuid=f"e{number}")
        elif self.held:
            await self.end(str(what), self.held.pop(number % len(self.held)))

    @property
    def owner(self) -> str:
        return f"life{self.life}"

    async def end(self, what: str, run: Run) -> None:
        assert await {
            "complete": lambda: self.inbox.complete(run),
            "retry": lambda: self.inbox.retry(run, self.clock.now + 5, "x"),
            "bury": lambda: self.inbox.bury(run, "x"),
            "release": lambda: self.inbox.release(run),
        }[what]()
        self.done[run.delivery.event_uuid] += what == "complete"
        if what == "complete":
            return
        self.done.pop(run.delivery.event_uuid)

    async def renew_and_claim(self) -> None:
        await self.inbox.renew(self.owner, 90.0)
        self.held += await claim(self.inbox, owner=self.owner)
        lanes = [(run.delivery.entity_type, run.delivery.entity_uuid) for run in self.held]
        assert len(set(lanes)) == len(lanes)

    async def drain(self) -> None:
        for _ in range(60):
            self.clock.now += 100
            await self.renew_and_claim()
            while self.held:
                await self.end("complete", self.held.pop())


async def test_lacking_is_what_a_put_would_store(inbox: SqliteInbox) -> None:
    """Events that are not here are lacking, and one whose body was no event; a dead run is not."""
    await inbox.put(delivery("here"))
    await inbox.bury(await claim_one(inbox), "no")
    await inbox.put(attrs.evolve(delivery("broken"), state=State.DEAD, error="no event"))
    lacking = await inbox.lacking(["here", "broken", "new"])
    assert lacking == {"broken", "new"}
    assert {await inbox.put(delivery(one)) for one in lacking} == {True}
    assert await inbox.put(delivery("here")) is False


async def test_a_change_is_held_by_type_entity_and_version(inbox: SqliteInbox) -> None:
    """An event of the same change is found whatever its uuid; none that differs in one thing."""
    await inbox.put(delivery("e1", "job_updated", entity="j1", version=3))
    broken = attrs.evolve(delivery("e2", version=9), state=State.DEAD, error="no event")
    await inbox.put(broken)
    here = Change("job_updated", "job", "j1", 3)
    others = [
        here._replace(event_type="job_started"),
        here._replace(entity_type="site"),
        here._replace(entity_uuid="j2"),
        here._replace(version=4),
        here._replace(version=9),
    ]
    assert await inbox.held([here, *others]) == {here}


async def test_versions_are_the_lowest_and_the_highest(inbox: SqliteInbox) -> None:
    """Entities are told with the ends of their versions, those never seen not at all."""
    for number, version in enumerate((4, 2, None, 7)):
        await inbox.put(delivery(f"e{number}", entity="j1", version=version))
    await inbox.put(delivery("s", "site_updated", entity="s1", version=1))
    asked = [Entity("job", "j1"), Entity("site", "s1"), Entity("site", "j1"), Entity("job", "j2")]
    assert await inbox.versions(asked) == {asked[0]: (2, 7), asked[1]: (1, 1)}


async def test_gaps_are_below_what_has_arrived(inbox: SqliteInbox) -> None:
    """Missing versions are told of what arrived since, step by step, none below the lowest."""
    now = inbox.now()
    for number, version in enumerate((5, 6, 9, None, 5, 10)):
        await inbox.put(delivery(f"e{number}", version=version, received_at=now))
    await inbox.put(delivery("other", entity="j2", version=7, received_at=now))
    gap = VersionGap(entity=Entity("job", "j1"), first=7, last=8)
    assert await inbox.gaps(0) == VersionGaps(found=[gap], seq=7)
    assert await inbox.gaps(0, limit=3) == VersionGaps(found=[gap], seq=3, more=True)
    assert await inbox.gaps(3) == VersionGaps(found=[], seq=7)
    assert await inbox.gaps(7) == VersionGaps(found=[], seq=7)
    for version in (7, 8):
        await inbox.put(delivery(f"v{version}", version=version, received_at=now))
    assert await inbox.gaps(0) == VersionGaps(found=[], seq=9)


async def test_what_was_forgotten_is_no_gap(inbox: SqliteInbox, clock: Clock) -> None:
    """An old dead letter makes no gap of the versions above it, which others had that are gone."""
    for version in (1, 2, 3):
        await inbox.put(delivery(f"v{version}", version=version, received_at=clock.now))
    await inbox.bury(await claim_one(inbox), "no")
    for _ in range(2):
        await inbox.complete(await claim_one(inbox))
    clock.now += KNOWN_FOR
    seq = (await inbox.deliveries())[-1].seq
    await inbox.put(delivery("v5", version=5, received_at=clock.now))
    gap = VersionGap(entity=Entity("job", "j1"), first=4, last=4)
    assert (await inbox.gaps(seq)).found == [gap]
    clock.now += 1
    await inbox.prune(Retention(done_for=0.0))
    assert [one.event_uuid for one in await inbox.deliveries()] == ["v1", "v5"]
    assert (await inbox.gaps(seq)).found == []
    await inbox.put(delivery("v7", version=7, received_at=clock.now))
    assert (await inbox.gaps(seq)).found == [attrs.evolve(gap, first=6, last=6)]


async def test_a_note_replaces_the_one_before(inbox: SqliteInbox) -> None:
    """Notes are kept by their names, the last of each."""
    assert await inbox.recall("a") is None
    for name, note in [("a", b"1"), ("b", b""), ("a", b"2")]:
        await inbox.remember(name, note)
    assert (await inbox.recall("a"), await inbox.recall("b")) == (b"2", b"")
