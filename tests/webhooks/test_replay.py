"""Finding deliveries, calling handlers for them again, and dropping the dead ones."""

import asyncio
import base64
import io
import json
import stat
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import attrs
import pytest

from planado_async.core.errors import ConfigurationError, StorageError
from planado_async.webhooks import review
from planado_async.webhooks.events import Event
from planado_async.webhooks.inbox import Order, Route, Routes, State
from planado_async.webhooks.sqlite import SqliteInbox
from planado_async.webhooks.webhooks import Webhooks
from tests.webhooks.making import Clock, delivery
from tests.webhooks.test_inbox import claim, uuids

BOTH: Routes = {"a": Route(("job_*",)), "b": Route(("*",))}


def moment(clock: Clock, **ago: float) -> datetime:
    return datetime.fromtimestamp(clock.now, UTC) - timedelta(**ago)


async def fill(inbox: SqliteInbox, clock: Clock) -> None:
    """Put five events, one an hour: two dead for b, one done, one unwanted, one waiting."""
    kinds = ["job_updated", "site_created", "job_finished", "client_x", "job_updated"]
    for number, kind in enumerate(kinds):
        await inbox.put(
            delivery(f"e{number}", kind, entity=f"j{number % 2}", received_at=clock.now)
        )
        routes = {"b": Route(("job_*", "site_*"))} if number == 3 else BOTH
        for run in await claim(inbox, routes) if number < 4 else []:
            dead = run.handler == "b" and number < 2
            await (inbox.bury(run, "no") if dead else inbox.complete(run))
        clock.now += 3600


async def found(inbox: SqliteInbox, **which: Any) -> list[str]:
    return [one.event_uuid for one in await inbox.deliveries(**which)]


@pytest.fixture
async def filled(inbox: SqliteInbox, clock: Clock) -> SqliteInbox:
    await fill(inbox, clock)
    return inbox


# --- Finding --------------------------------------------------------------------------------------


async def test_what_is_found(filled: SqliteInbox, clock: Clock) -> None:
    """Each key chooses, all of them together, and none of them is everything."""
    everything = ["e0", "e1", "e2", "e3", "e4"]
    table: list[tuple[dict[str, Any], list[str]]] = [
        ({}, everything),
        ({"event_uuid": "e2"}, ["e2"]),
        ({"event_uuid": "none"}, []),
        ({"event_type": "job_*"}, ["e0", "e2", "e4"]),
        ({"event_type": "job_update?"}, ["e0", "e4"]),
        ({"event_type": "JOB_*"}, []),
        ({"entity_uuid": "j1"}, ["e1", "e3"]),
        ({"handler": "a"}, ["e0", "e2"]),
        ({"handler": "b"}, ["e0", "e1", "e2"]),
        ({"state": State.DEAD}, ["e0", "e1"]),
        ({"state": "done"}, ["e2", "e3"]),
        ({"state": State.WAITING}, ["e4"]),
        ({"state": State.CLAIMED}, []),
        ({"state": State.DONE, "handler": "a"}, ["e0", "e2"]),
        ({"state": State.DEAD, "handler": "a"}, []),
        ({"received_after": moment(clock, hours=4)}, ["e1", "e2", "e3", "e4"]),
        ({"received_before": moment(clock, hours=4)}, ["e0"]),
        ({"event_type": "job_*", "state": State.DEAD, "entity_uuid": "j0"}, ["e0"]),
        ({"event_type": None, "handler": None, "state": None}, everything),
    ]
    for which, names in table:
        assert await found(filled, **which) == names, which
    assert len(await claim(filled, BOTH)) == 2
    assert await found(filled, state=State.CLAIMED) == ["e4"]
    assert await found(filled, state=State.CLAIMED, handler="a") == ["e4"]


async def test_pages_go_on_across_windows(
    inbox: SqliteInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However far apart they are, what fits is found, in pages that go on from the last one."""
    monkeypatch.setattr(review, "EXAMINED", 3)
    for number in range(20):
        await inbox.put(delivery(f"e{number}", "job_x" if number % 7 == 0 else "site_x"))
    page = await inbox.deliveries(event_type="job_*", limit=2)
    assert [one.event_uuid for one in page] == ["e0", "e7"]
    assert await found(inbox, event_type="job_*", limit=2, after=page[-1].seq) == ["e14"]


@pytest.mark.parametrize(
    "which",
    [
        {"received_after": datetime(2026, 1, 1)},
        {"received_before": 1_700_000_000.0},
        {"type": "job_*"},
    ],
)
async def test_what_cannot_be_meant_is_refused(inbox: SqliteInbox, which: dict[str, Any]) -> None:
    """A moment without a time zone and an unknown key are named, and nothing is done."""
    for ask in (inbox.deliveries, inbox.drop, inbox.export):
        with pytest.raises(ConfigurationError, match=next(iter(which))):
            await ask(*([io.BytesIO()] if ask == inbox.export else []), **which)


async def test_a_time_zone_is_minded(filled: SqliteInbox, clock: Clock) -> None:
    """The same moment in another time zone chooses the same."""
    there = moment(clock, hours=2).astimezone(timezone(timedelta(hours=5)))
    assert await found(filled, received_after=there) == ["e3", "e4"]


# --- Replaying ------------------------------------------------------------------------------------


async def test_replay_makes_dead_letters_wait_again(filled: SqliteInbox, clock: Clock) -> None:
    """Dead runs alone wait again, with all their attempts; what was done stays so."""
    heard: list[int] = []
    filled.subscribe(lambda: heard.append(1))
    assert await filled.replay(BOTH) == 2
    assert len(heard) == 1
    assert (await filled.counts()).dead == 0
    again = [run for run in await claim(filled, BOTH) if run.delivery.event_uuid != "e4"]
    assert [(run.delivery.event_uuid, run.handler, run.attempt) for run in again] == [
        ("e0", "b", 1),
        ("e1", "b", 1),
    ]
    for run in again:
        await filled.complete(run)
    one = await filled.delivery("e0")
    assert one is not None
    assert (one.state, one.error, one.settled_at) == (State.DONE, None, clock.now)
    assert await filled.replay(BOTH) == 0


async def test_replay_of_what_is_done(filled: SqliteInbox) -> None:
    """With `done` all runs of what is chosen wait again, and late handlers get theirs."""
    assert await filled.replay(BOTH, event_uuid="e2") == 0
    assert await filled.replay(BOTH, done=True, event_uuid="e2") == 2
    late: Routes = {**BOTH, "c": Route(("client_*", "job_*"))}
    assert await filled.replay(late, done=True, handler="c") == 3
    assert [run.handler for run in await filled.runs("e2")] == ["a", "b", "c"]
    runs = await claim(filled, late)
    assert sorted((run.delivery.event_uuid, run.handler) for run in runs) == [
        ("e0", "c"),
        ("e2", "a"),
        ("e2", "b"),
        ("e3", "c"),
    ]  # the others of j0 wait behind these
    counts = await filled.counts()
    assert (counts.unhandled, counts.dead) == (0, 1)


async def test_a_replayed_run_goes_whatever_its_version(inbox: SqliteInbox) -> None:
    """Under `latest` and `strict` a replayed event runs, in its turn, and so does the next one."""
    orders: tuple[Order, ...] = ("latest", "strict")
    for order in orders:
        routes: Routes = {order: Route(("*",), order)}
        for version in (1, 2):
            name = f"{order}{version}"
            await inbox.put(delivery(name, entity=order, version=version))
            [run] = await claim(inbox, routes)
            await inbox.complete(run)
        await inbox.put(delivery(f"{order}late", entity=order, version=1))
        assert await claim(inbox, routes) == []
        assert await inbox.replay(routes, done=True, entity_uuid=order) == 3
        order_of_runs = []
        while runs := await claim(inbox, routes):
            order_of_runs += uuids(runs)
            await inbox.complete(runs[0])
        assert order_of_runs == [f"{order}1", f"{order}late", f"{order}2"]
        assert not any(run.stale for run in await inbox.runs(f"{order}late"))


async def test_replay_leaves_what_runs(inbox: SqliteInbox) -> None:
    """A claimed run is not touched, and a dead one beside it is replayed."""
    await inbox.put(delivery("e1", "job_x"))
    a, b = sorted(await claim(inbox, BOTH), key=lambda run: run.handler)
    await inbox.bury(b, "no")
    assert await inbox.replay(BOTH, done=True) == 1
    assert await inbox.complete(a) is True
    [again] = await claim(inbox, BOTH)
    assert again.handler == "b"
    await inbox.bury(again, "no")
    assert await inbox.replay(BOTH, handler="a") == 0
    assert await inbox.replay(BOTH, handler="b") == 1


async def test_replay_of_what_was_dead_on_arrival(inbox: SqliteInbox) -> None:
    """A body that was no event is offered to the handlers that want it, when replayed."""
    await inbox.put(attrs.evolve(delivery(), state=State.DEAD, error="strange"))
    assert await inbox.replay({"s": Route(("site_*",))}) == 0
    assert (await inbox.counts()).dead == 1
    assert await inbox.replay(BOTH) == 2
    assert len(await claim(inbox, BOTH)) == 2


async def test_many_are_replayed_in_windows(
    inbox: SqliteInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A replay of many is made of short operations, and counts them all once."""
    monkeypatch.setattr(review, "CHANGED", 4)
    one = {"a": Route(("*",))}
    for number in range(11):
        await inbox.put(delivery(f"e{number}", entity=f"j{number}"))
    for run in await claim(inbox, one):
        await inbox.bury(run, "no")
    before = inbox.transactions
    assert await inbox.replay(one) == 11
    assert 3 <= inbox.transactions - before <= 8
    assert len(await claim(inbox, one)) == 11


# --- Dropping -------------------------------------------------------------------------------------


async def test_drop_sets_aside_for_good(filled: SqliteInbox, clock: Clock) -> None:
    """What is dropped is done, says that it was dropped and why it was dead, and is counted."""
    clock.now += 10
    assert await filled.drop(event_type="site_*") == 1
    one = await filled.delivery("e1")
    assert one is not None
    assert (one.state, one.dropped, one.error) == (State.DONE, True, "b: no")
    assert one.settled_at == clock.now
    [run] = await filled.runs("e1")
    assert (run.state, run.dropped, run.error) == (State.DONE, True, "no")
    counts = await filled.counts()
    assert (counts.dead, counts.done, counts.dropped) == (1, 3, 1)
    assert await filled.put(delivery("e1", "site_created")) is False
    assert await filled.drop() == 1
    assert await filled.drop() == 0


async def test_drop_for_one_handler(inbox: SqliteInbox) -> None:
    """Dropped for one handler, a delivery is dead until the other one's run is settled too."""
    await inbox.put(delivery("e1", "job_x"))
    for run in await claim(inbox, BOTH):
        await inbox.bury(run, "no")
    assert await inbox.drop(handler="a") == 1
    one = await inbox.delivery("e1")
    assert one is not None
    assert (one.state, one.error) == (State.DEAD, "b: no")
    assert await inbox.drop(handler="b") == 1
    assert (await inbox.counts()).done == 1


async def test_what_was_dropped_stays_so_when_another_handler_ends(inbox: SqliteInbox) -> None:
    """A delivery dropped while another handler runs still says so, and why, when that is done."""
    await inbox.put(delivery())
    a, b = sorted(await claim(inbox, BOTH), key=lambda run: run.handler)
    await inbox.bury(b, "no")
    assert await inbox.drop() == 1
    open_still = await inbox.delivery("e1")
    assert open_still is not None
    assert (open_still.state, open_still.dropped) == (State.WAITING, True)
    await inbox.complete(a)
    one = await inbox.delivery("e1")
    assert one is not None
    assert (one.state, one.dropped, one.error) == (State.DONE, True, "b: no")


async def test_what_was_dropped_can_be_replayed(inbox: SqliteInbox) -> None:
    """A replay with `done` brings back what was dropped, and it counts as dropped no more."""
    one: Routes = {"a": Route(("*",))}
    await inbox.put(delivery())
    await inbox.put(attrs.evolve(delivery("bad", entity="j2"), state=State.DEAD, error="strange"))
    [run] = await claim(inbox, one)
    await inbox.bury(run, "no")
    assert await inbox.drop() == 2
    assert (await inbox.counts()).dropped == 2
    assert await inbox.replay(one) == 0
    assert await inbox.replay(one, done=True) == 2
    for run in await claim(inbox, one):
        await inbox.complete(run)
    counts = await inbox.counts()
    assert (counts.done, counts.dropped, counts.dead) == (2, 0, 0)


# --- Exporting ------------------------------------------------------------------------------------


async def test_export_writes_a_line_for_each(filled: SqliteInbox, tmp_path: Path) -> None:
    """Each line is a delivery with its body and runs, bytes that are no text in base64."""
    await filled.put(attrs.evolve(delivery("raw"), state=State.DEAD, body=b"\xff", error="no"))
    target = tmp_path / "out.jsonl"
    assert await filled.export(target) == 6
    lines = [json.loads(line) for line in target.read_text("utf-8").splitlines()]
    assert [line["event_uuid"] for line in lines] == ["e0", "e1", "e2", "e3", "e4", "raw"]
    assert lines[0]["body"] == delivery("e0", "job_updated", entity="j0").body.decode()
    assert [(run["handler"], run["state"]) for run in lines[0]["runs"]] == [
        ("a", "done"),
        ("b", "dead"),
    ]
    assert base64.b64decode(lines[-1]["body_base64"]) == b"\xff"
    assert "body" not in lines[-1]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    buffer = io.BytesIO()
    assert await filled.export(buffer, state=State.DEAD, event_type="job_*") == 2
    assert buffer.getvalue().count(b"\n") == 2


async def test_export_goes_page_by_page(
    inbox: SqliteInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than a page is written whole and in order."""
    monkeypatch.setattr("planado_async.webhooks.export.PAGE", 7)
    for number in range(30):
        await inbox.put(delivery(f"e{number}"))
    buffer = io.BytesIO()
    assert await inbox.export(buffer) == 30
    names = [json.loads(line)["event_uuid"] for line in buffer.getvalue().splitlines()]
    assert names == [f"e{number}" for number in range(30)]


# --- Through Webhooks -----------------------------------------------------------------------------


def hooks(path: str | Path = ":memory:") -> tuple[Webhooks, list[str]]:
    """Return hooks with a handler that fails until the list has an entry."""
    made = Webhooks(path, secret="s3cret", speed=1e6)
    got: list[str] = []

    @made.on("job_*", name="bill")
    async def bill(event: Event) -> None:
        if not got:
            raise ValueError("CRM is down")
        got.append(event.event_uuid)

    return made, got


async def test_a_dead_letter_is_replayed_by_the_running_service() -> None:
    """The running object lists, shows, replays and drops; the handler is called at once."""
    running, got = hooks()
    async with running:
        await running.inbox.put(delivery("e1"))
        await running.settled()
        [letter] = await running.deliveries(state=State.DEAD)
        assert "CRM is down" in str(letter.error)
        [run] = await running.runs("e1")
        assert (run.state, run.attempt) == (State.DEAD, 8)
        got.append("now")
        assert await running.replay(handler="bill") == 1
        await running.settled()
        assert got == ["now", "e1"]
        assert await running.replay(done=True, event_type="job_updated") == 1
        await running.settled()
        assert got == ["now", "e1", "e1"]
        assert await running.drop() == 0
        one = await running.delivery("e1")
        assert one is not None
        assert one.body == delivery("e1").body


async def test_a_slip_in_a_replay_is_told() -> None:
    """A handler that is not registered, and a replay of everything, are refused."""
    running, _ = hooks()
    with pytest.raises(StorageError, match="not open"):
        await running.replay()
    async with running:
        with pytest.raises(ConfigurationError, match=r"'bil'; registered are: bill"):
            await running.replay(handler="bil")
        with pytest.raises(ConfigurationError, match="say which"):
            await running.replay(done=True)


@pytest.mark.real_time
async def test_beside_a_running_service_one_may_look(tmp_path: Path) -> None:
    """Read-only, the file is listed and exported; to replay one is sent to the service."""
    running, _ = hooks(tmp_path / "inbox.db")
    async with running, SqliteInbox.open_readonly(tmp_path / "inbox.db") as reader:
        await running.inbox.put(delivery("e1"))
        await asyncio.wait_for(running.settled(), 30)
        assert await found(reader, state=State.DEAD) == ["e1"]
        assert await reader.export(tmp_path / "out.jsonl") == 1
        assert (await reader.stats()).dead == 1
        for ask in (reader.drop(), reader.replay({})):
            with pytest.raises(ConfigurationError, match="goes through the Webhooks that runs"):
                await ask
        with pytest.raises(ConfigurationError, match="Replay and drop go through"):
            await SqliteInbox(tmp_path / "inbox.db").open()


async def test_a_page_reads_no_more_than_it_returns(
    inbox: SqliteInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bodies are large, and puts wait while they are read."""
    for number in range(30):
        await inbox.put(delivery(f"e{number}", entity=f"j{number % 2}"))
    read: list[object] = []

    def delivery_of(row: Any) -> Any:
        read.append(row)
        return whole(row)

    whole = review.delivery_of
    monkeypatch.setattr(review, "delivery_of", delivery_of)
    seqs: list[int] = []
    while page := await inbox.deliveries(after=seqs[-1] if seqs else 0, limit=4, entity_uuid="j1"):
        seqs += [one.seq for one in page]
    assert seqs == list(range(2, 31, 2))
    assert len(read) == 15
