"""Repairs from Planado's log, on the emulator, in virtual time."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import orjson
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from planado_async import ConfigurationError, LocalLimiter, NotFoundError, Planado, ServerError
from planado_async.emulator import Emulator, hooks
from planado_async.emulator.hooks import Hook, Row
from planado_async.sync import Alarm, Missing, Polling, Repair, held
from planado_async.sync.held import IN_MEMORY
from planado_async.webhooks import Change, Dispatcher, JobEvent, SqliteInbox, Webhooks, receiver
from planado_async.webhooks.inbox import KNOWN_FOR, Retention
from tests.webhooks.making import SECRET

START = datetime(2026, 2, 2, 8, tzinfo=UTC)
REQUESTS = "GET /webhooks/{id}/requests"


class Scene:
    """An account with a webhook, its receiver and inbox, and the truth about what was emitted."""

    def __init__(self, emulator: Emulator, planado: Planado, inbox: SqliteInbox, url: str) -> None:
        self.emulator, self.planado, self.inbox = emulator, planado, inbox
        account = emulator._account
        assert account is not None
        self.account = account
        self.webhook = str(emulator.subscribe(url, SECRET)["webhook"]["uuid"])
        self.emitted: dict[str, dict[str, Any]] = {}
        publish = account.state.publish

        def tap(event_type: str, body: dict[str, Any]) -> None:
            self.emitted[body["event_uuid"]] = body
            publish(event_type, body)

        account.state.publish = tap

    @property
    def hook(self) -> Hook:
        return self.account.deliveries.get(self.webhook)

    def repair(self, **options: Any) -> Repair:
        return Repair(self.planado, self.webhook, self.inbox, **options)

    def calls(self, route: str = REQUESTS) -> int:
        return int(self.emulator.counters()["routes"].get(route, 0))

    async def called(self, times: int) -> None:
        """Wait until the log has been asked for so many times, without letting time pass."""
        while self.calls() < times:  # noqa: ASYNC110  # the emulator has no event for it
            await asyncio.sleep(0)

    def drop(self, **details: Any) -> None:
        self.emulator.fault("delivery_drop", **{"count": None, "logged": True} | details)

    def suspend(self) -> None:
        """Suspend the webhook, as a day of failures does."""
        self.hook.fail(self.emulator.now() - timedelta(days=2))
        self.hook.fail(self.emulator.now())
        assert self.hook.suspended

    async def work(self, jobs: int = 8) -> None:
        """Make jobs, a client and a site, and change each a few times."""
        for number in range(jobs):
            uuid = await self.planado.jobs.create()
            for turn in range(number % 4):
                await self.planado.jobs.update(uuid, description=f"{turn}")
        await self.planado.sites.upsert("s", name="1")
        await self.planado.sites.upsert("s", name="2")
        await self.planado.clients.upsert("c", organization=False, first_name="A", last_name="B")

    def change_rows(self, change: Callable[[Row], Row], uuids: Sequence[str] = ()) -> None:
        for row in list(self.hook.log):
            if not uuids or row.entity_uuid in uuids:
                self.hook.log.replace(change(row))

    async def stored(self) -> set[str]:
        return {one.event_uuid for one in await self.inbox.deliveries(limit=100_000)}

    async def unnamed(self, refetch: Sequence[Missing]) -> list[tuple[str, int]]:
        """Return the changes of which neither an event is stored nor the entity is named."""
        named = {one[:2] for one in refetch}
        lost = []
        for event_uuid in self.emitted.keys() - await self.stored():
            change = change_in(self.emitted[event_uuid])
            types = ("job_created", "job_updated", change.event_type)
            twins = await self.inbox.held([change._replace(event_type=one) for one in types])
            if change[1:3] not in named and not twins:
                lost.append((change.event_type, change.version))
        return lost


def change_in(body: dict[str, Any]) -> Change:
    kind = body["event_type"].partition("_")[0]
    return Change(body["event_type"], kind, body[kind]["uuid"], body[kind]["version"])


async def settled() -> None:
    """Let what is on its way arrive, and no longer count as too new."""
    await asyncio.sleep(120)


class open_scene:  # noqa: N801  # used as a function
    """Opens a scene with `async with`."""

    async def __aenter__(self) -> Scene:
        self.emulator = await Emulator(rate=60_000, burst=10_000, start=START).__aenter__()
        self.planado = Planado(self.emulator.api_key, base_url=self.emulator.url, rate=None)
        await self.planado.__aenter__()
        clock = self.emulator
        self.inbox = SqliteInbox(":memory:", clock=lambda: clock.now().timestamp())
        await self.inbox.open()
        app = web.Application()
        app.add_subapp("/planado", receiver(self.inbox, secrets=SECRET))
        self.runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        host, port = self.runner.addresses[0][:2]
        return Scene(self.emulator, self.planado, self.inbox, f"http://{host}:{port}/planado")

    async def __aexit__(self, *_: object) -> None:
        await self.planado.__aexit__(None, None, None)
        await self.emulator.__aexit__(None, None, None)
        await self.runner.cleanup()
        await self.inbox.close()


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with open_scene() as opened:
        yield opened


# --- What is lost comes back, or is named ---------------------------------------------------------


async def test_all_that_the_log_shows_comes_back(scene: Scene) -> None:
    """A third of the deliveries dropped and the webhook suspended: one repair stores them all."""
    scene.drop(probability=0.3)
    await scene.work()
    await settled()
    scene.suspend()
    await scene.work()
    await settled()
    lost = scene.emitted.keys() - await scene.stored()
    assert len(lost) > len(scene.emitted) / 2
    report = await scene.repair()()
    assert await scene.stored() == scene.emitted.keys()
    assert (report.put, report.refetch) == (len(lost), [])
    assert report.read == report.put + report.repeats == len(scene.hook.log)


@pytest.mark.parametrize("suspended", [False, True])
async def test_what_a_silent_log_hides_is_named(scene: Scene, suspended: bool) -> None:
    """With nothing of it in the log, each entity that has lost a version is named by one repair."""
    await scene.repair()()
    await settled()
    scene.emulator.settings(log_deliveries=False)
    scene.drop(probability=0.3, logged=False)
    await scene.work(24)
    await settled()
    if suspended:
        scene.suspend()
        await scene.work(12)
    await settled()
    lost = scene.emitted.keys() - await scene.stored()
    assert len(lost) > 10
    report = await scene.repair()()
    assert await scene.unnamed([]) != []
    assert await scene.unnamed(report.refetch) == []
    hurt = {change_in(scene.emitted[one])[1:3] for one in lost}
    assert {one[:2] for one in report.refetch} <= hurt
    latest = {one.uuid: one.version async for one in scene.planado.jobs.list()}
    assert all((one.version or 9) <= (latest.get(one.uuid) or 9) for one in report.refetch)


async def test_a_restart_in_the_middle_loses_nothing(scene: Scene) -> None:
    """A run that ends on the third page is made again by the next one, which puts only the rest."""
    scene.drop()
    await scene.work(24)
    await settled()
    first = scene.repair()
    await first()
    await scene.work(24)
    await settled()
    before = scene.calls()
    repair = scene.repair(compare_every=None)
    await repair.start()
    await scene.called(before + 2)
    await repair.stop()
    assert await scene.stored() < scene.emitted.keys()
    report = await scene.repair()()
    assert await scene.stored() == scene.emitted.keys()
    assert report.refetch == []


STEP = st.tuples(st.sampled_from(["create", "update", "repair"]), st.integers(0, 2), st.booleans())


@settings(max_examples=15)
@given(steps=st.lists(STEP, max_size=12))
async def test_any_loss_is_healed(steps: list[tuple[str, int, bool]]) -> None:
    """Whatever is lost and whenever repairs run, the last one leaves every event in the inbox."""
    async with open_scene() as scene:
        repair = scene.repair()
        jobs: list[str] = []
        for what, number, lost in steps:
            if lost:
                scene.drop()
            if what == "create" or (what == "update" and not jobs):
                jobs.append(await scene.planado.jobs.create())
            elif what == "update":
                await scene.planado.jobs.update(jobs[number % len(jobs)], description=f"{jobs}")
            else:
                await repair()
            await asyncio.sleep(number * 500)
            scene.emulator.cancel_faults()
        await asyncio.sleep(1)
        report = await repair()
        assert await scene.stored() == scene.emitted.keys()
        assert report.refetch == []


async def test_a_second_run_reads_little_and_puts_nothing(scene: Scene) -> None:
    """What was read is read again only as far as the overlap goes; deliveries count no repeats."""
    await scene.work(24)
    await asyncio.sleep(3600)
    await scene.work(2)
    await settled()
    repair = scene.repair()
    assert (await repair()).read == len(scene.emitted)
    calls = scene.emulator.counters()["calls"]
    report = await repair()
    assert (report.put, report.refetch, report.alarms) == (0, [], [])
    assert 0 < report.read < 10
    assert scene.emulator.counters()["calls"] - calls == 1
    assert all(one.repeats == 0 for one in await scene.inbox.deliveries(limit=1000))


@pytest.mark.parametrize("in_memory", [IN_MEMORY, 1])
async def test_lower_versions_are_put_first(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, in_memory: int
) -> None:
    """Of one job the events enter the inbox in the order of its versions, however many they are."""
    monkeypatch.setattr(held, "IN_MEMORY", in_memory)
    scene.suspend()
    uuid = await scene.planado.jobs.create()
    for number in range(30):
        await scene.planado.jobs.update(uuid, description=f"{number}")
    await scene.repair()()
    versions = [one.version for one in await scene.inbox.deliveries()]
    assert versions == sorted(versions, key=lambda version: version or 0)
    assert len(versions) >= 31
    bodies = {one.event_uuid: orjson.loads(one.body) for one in await scene.inbox.deliveries()}
    assert bodies == scene.emitted


# --- Bodies ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    ["", "?", "[]", '{"event_type":"job_created","job":', '{"event_uuid":7,"event_type":"x"}'],
)
async def test_a_row_without_its_body_names_its_entity(scene: Scene, body: str) -> None:
    """An event whose body is missing or broken is named; one that is here already is not."""
    await scene.planado.jobs.create()
    await settled()
    scene.drop()
    lost = await scene.planado.jobs.create()
    await settled()
    scene.change_rows(lambda row: attrs.evolve(row, http_request_body=body))
    report = await scene.repair(compare_every=None)()
    assert report.refetch == [("job", lost, 1)]
    assert (await scene.inbox.counts()).dead == 0


def nameless(row: Row) -> Row:
    """Return a row whose body lacks the event_uuid."""
    body = orjson.loads(row.http_request_body)
    body.pop("event_uuid", None)
    return attrs.evolve(row, http_request_body=orjson.dumps(body).decode())


async def test_bodies_without_event_uuid_are_told_apart_by_their_change(scene: Scene) -> None:
    """Each change that is not here is put once, by a name that stays; those here are left out."""
    await scene.planado.jobs.create()
    await settled()
    scene.emulator.fault("delivery_repeat", count=1)
    scene.drop()
    scene.emulator.cancel_faults()
    scene.suspend()
    lost = await scene.planado.jobs.create()
    await scene.planado.jobs.update(lost, description="x")
    scene.hook.resume()
    scene.hook.url = "http://127.0.0.1:9/"
    await asyncio.sleep(60)
    assert len(scene.hook.log) > 6
    scene.change_rows(nameless)
    report = await scene.repair()()
    assert (report.put, report.refetch) == (2, [])
    assert len(await scene.stored()) == 3
    assert (await scene.repair(since=START)()).put == 0
    changes = [change_in(body) for body in scene.emitted.values()]
    assert await scene.inbox.held(changes) == set(changes)


async def test_a_row_that_says_nothing_is_told(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """A row with neither a body nor an entity is a warning with its uuid."""
    await scene.planado.jobs.create()
    await settled()
    scene.change_rows(lambda row: attrs.evolve(row, http_request_body="", entity_uuid=""))
    await scene.repair()()
    [row] = scene.hook.log
    assert f"says nothing: {row.uuid}" in caplog.text


# --- What is not known of the log -----------------------------------------------------------------


async def lossy_days(scene: Scene, repair: Repair) -> None:
    """Lose events on three days, with a repair after each."""
    scene.drop(probability=0.5)
    for _ in range(3):
        await scene.work(10)
        await settled()
        await repair()
        assert await scene.stored() == scene.emitted.keys()
        await asyncio.sleep(86_400)


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("newest_first", [False, True])
async def test_the_order_of_the_log_does_not_matter(
    scene: Scene, backwards: bool, newest_first: bool
) -> None:
    """Whichever way the log runs, and whatever is said of it, nothing stays lost."""
    scene.hook.log.newest_first = backwards
    await lossy_days(scene, scene.repair(newest_first=newest_first))


async def test_a_forward_log_is_read_from_where_it_was_left(scene: Scene) -> None:
    """With newest_first=False a second run reads the last row only, from the start if it must."""
    scene.hook.log.newest_first = False
    repair = scene.repair(newest_first=False)
    await scene.work(24)
    await asyncio.sleep(60)
    await scene.planado.jobs.create()
    await settled()
    assert (await repair()).read == len(scene.emitted)
    assert (await repair()).read == 1
    scene.hook.log.remove([*scene.hook.log][-2].uuid)
    scene.drop()
    await scene.planado.jobs.create()
    await repair()
    assert await scene.stored() == scene.emitted.keys()


async def test_a_log_that_does_not_page_is_read(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log that answers everything whatever is asked for is read once in each run."""
    log = scene.hook.log
    monkeypatch.setattr(log, "page", lambda after: list(log)[::-1])
    await lossy_days(scene, scene.repair())


async def test_a_log_with_one_row_for_each_event_is_read(scene: Scene) -> None:
    """Where a later attempt takes the place of the one before, no event is missed or told twice."""
    scene.drop(probability=0.5)
    await scene.work()
    await settled()
    seen: set[str] = set()
    for row in list(scene.hook.log):
        if row.http_request_body in seen:
            scene.hook.log.remove(row.uuid)
        seen.add(row.http_request_body)
    await scene.repair()()
    assert await scene.stored() == scene.emitted.keys()


async def test_a_log_that_is_too_short_is_made_up_for(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When rows are gone that no run has seen, the listings are compared at once."""
    await scene.planado.jobs.create()
    repair = scene.repair()
    await settled()
    assert not (await repair()).short
    monkeypatch.setattr(hooks, "LOG_ROWS", 3)
    scene.drop()
    jobs = [await scene.planado.jobs.create() for _ in range(5)]
    await settled()
    report = await repair()
    assert report.short
    assert {one.uuid for one in report.refetch} == set(jobs[:2])
    assert await scene.unnamed(report.refetch) == []
    assert not (await repair()).short


@pytest.mark.parametrize("ahead", [0, 3600, 86_400 * 400])
async def test_the_rows_of_retries_hide_nothing(scene: Scene, ahead: float) -> None:
    """Rows of attempts to come stand in front with a later time, and what is behind is found.

    So it is after a run that took place while the machine's clock was ahead.
    """
    repair = scene.repair()
    scene.hook.url, url = "http://127.0.0.1:9/", scene.hook.url
    await scene.planado.jobs.create()
    await asyncio.sleep(7200)
    clock = scene.inbox._clock
    scene.inbox._clock = lambda: clock() + ahead
    await repair()
    scene.inbox._clock = clock
    scene.hook.url = url
    scene.drop()
    for _ in range(30):
        await scene.planado.jobs.create()
        await asyncio.sleep(60)
    await repair()
    assert await scene.stored() == scene.emitted.keys()


# --- Runs -----------------------------------------------------------------------------------------


async def test_who_asks_during_a_run_shares_the_next(scene: Scene) -> None:
    """Fifty ask at once, and fifty during that run: two runs are made, one after the other."""
    repair = scene.repair(compare_every=None)
    await scene.planado.jobs.create()
    first = [asyncio.create_task(repair()) for _ in range(50)]
    await scene.called(1)
    second = [asyncio.create_task(repair()) for _ in range(50)]
    reports = await asyncio.gather(*first, *second)
    assert len({id(report) for report in reports[:50]}) == 1
    assert len({id(report) for report in reports}) == 2
    assert scene.calls() == 4  # a page and its end, twice


async def test_runs_follow_each_other(scene: Scene) -> None:
    """A run that was asked for during another begins when that one has ended."""
    repair = scene.repair(compare_every=None)
    await scene.planado.jobs.create()
    await settled()
    scene.emulator.fault("delay", seconds=5, count=None, path="/webhooks/*")
    first = asyncio.create_task(repair())
    await asyncio.sleep(6)
    second = asyncio.create_task(repair())
    await first
    began_at = asyncio.get_running_loop().time()
    await second
    assert asyncio.get_running_loop().time() - began_at >= 10  # two calls


async def test_a_caller_that_gives_up_leaves_the_run_to_the_others(scene: Scene) -> None:
    """Cancelling one who waits for a run does not end it."""
    scene.drop()
    await scene.planado.jobs.create()
    repair = scene.repair()
    gone, stays = asyncio.create_task(repair()), asyncio.create_task(repair())
    await asyncio.sleep(0)
    gone.cancel()
    assert (await stays).put == 1
    assert gone.cancelled()


async def test_the_timer_repairs_until_it_is_stopped(scene: Scene) -> None:
    """Inside `async with` a run is made at once and every five minutes, and none afterwards."""
    scene.drop()
    before = asyncio.all_tasks()
    async with scene.repair() as repair:
        await repair.start()  # it has begun
        await scene.planado.jobs.create()
        await asyncio.sleep(1)
        assert len(await scene.stored()) <= 1
        await scene.planado.jobs.create()
        await asyncio.sleep(310)
        assert len(await scene.stored()) == 2
        assert scene.calls() <= 4  # a page and its end, twice
    calls = scene.emulator.counters()["calls"]
    await asyncio.sleep(3600)
    assert scene.emulator.counters()["calls"] == calls
    assert {task for task in asyncio.all_tasks() - before if "repair" in task.get_name()} == set()


async def test_errors_of_the_api_wait_for_the_next_turn(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """A failing API is told and asked again at the next turn; who asked gets the error."""
    scene.drop()
    await scene.planado.jobs.create()
    scene.emulator.fault("status", count=None, path="/webhooks*")
    repair = scene.repair()
    async with repair:
        with pytest.raises(ServerError):
            await repair()
        await asyncio.sleep(1000)
        assert repair.alarms["failed"] >= 3
        assert await scene.stored() == set()
        scene.emulator.cancel_faults()
        await asyncio.sleep(300)
        assert await scene.stored() == scene.emitted.keys()
    assert caplog.text.count("a repair failed, and will be made again: ServerError") == 1


async def test_a_run_that_is_stopped_on_its_way_leaves_nothing_behind(scene: Scene) -> None:
    """`stop` ends a run in the middle of a call, and whoever waits for it is cancelled."""
    scene.emulator.fault("delay", seconds=20, count=None)
    repair = scene.repair()
    await repair.start()
    asked = asyncio.create_task(repair())
    await asyncio.sleep(5)
    began_at = asyncio.get_running_loop().time()
    await repair.stop()
    assert asyncio.get_running_loop().time() - began_at < 1
    await asyncio.wait({asked})
    assert asked.cancelled()


class Asked(LocalLimiter):
    """A limiter that remembers how it was asked."""

    def __init__(self) -> None:
        super().__init__(None)
        self.priorities: list[str] = []

    async def acquire(self, priority: Any = "normal", **options: Any) -> Any:
        self.priorities.append(priority)
        return await super().acquire(priority, **options)


async def test_all_calls_are_of_the_background(scene: Scene) -> None:
    """Log, webhooks and listings are asked for with the priority "background"."""
    scene.drop()
    await scene.work()
    await settled()
    limiter = Asked()
    url = scene.emulator.url
    async with Planado(scene.emulator.api_key, base_url=url, limiter=limiter) as planado:
        repair = Repair(planado, scene.webhook, scene.inbox)
        await repair()
        await repair.missed(START)
    assert set(limiter.priorities) == {"background"}
    assert len(limiter.priorities) > 8


@pytest.mark.parametrize("options", [{"every": 0}, {"settle": -1}, {"compare_every": 0}])
def test_times_that_make_no_sense_are_refused(options: dict[str, float]) -> None:
    """A time that is no number above 0 is refused by its name."""
    planado, inbox = Planado("k"), SqliteInbox(":memory:")
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        Repair(planado, "w", inbox, **options)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="since"):
        Repair(planado, "w", inbox, since=datetime(2026, 1, 1))


async def test_a_webhook_that_is_not_there_is_told(scene: Scene) -> None:
    """A uuid that is none of the account's is an error that says so."""
    with pytest.raises(NotFoundError):
        await Repair(scene.planado, "none", scene.inbox)()
    with pytest.raises(ConfigurationError, match="no webhook 'none'"):
        await Repair(scene.planado, "none", scene.inbox).missed(START)


# --- Alarms ---------------------------------------------------------------------------------------


@pytest.fixture
def heard() -> list[Alarm]:
    return []


def kinds(heard: Sequence[Alarm]) -> list[tuple[str, int]]:
    return [(alarm.kind, alarm.count) for alarm in heard]


async def test_failures_and_rising_attempts_alarm(scene: Scene, heard: list[Alarm]) -> None:
    """Attempts in vain are told once each, and so is an attempt number that has not been yet."""
    repair = scene.repair(on_alarm=heard.append)
    await scene.planado.jobs.create()
    await settled()
    report = await repair()
    assert (report.alarms, report.suspended) == ([], False)
    scene.hook.url = "http://127.0.0.1:9/"
    await scene.planado.jobs.create()
    await asyncio.sleep(40)
    await repair()
    assert kinds(heard) == [("failures", 4), ("attempts", 5)]
    await repair()
    assert len(heard) == 2
    await asyncio.sleep(40)
    await repair()
    assert kinds(heard[2:]) == [("failures", 1), ("attempts", 6)]
    await scene.planado.jobs.create()
    await asyncio.sleep(40)
    await repair()
    assert kinds(heard[4:]) == [("failures", 4)]  # at its fifth attempt, which is no rise
    assert repair.alarms == {"failures": 3, "attempts": 2}


async def test_a_suspended_webhook_alarms_by_what_it_holds_back(
    scene: Scene, heard: list[Alarm]
) -> None:
    """Deliveries that should have gone out long ago make the webhook look suspended."""
    repair = scene.repair(on_alarm=heard.append)
    scene.suspend()
    await scene.planado.jobs.create()
    assert not (await repair()).suspended
    await asyncio.sleep(400)
    report = await repair()
    assert report.suspended
    assert kinds(heard) == [("suspended", 1)]
    assert scene.webhook in heard[0].text
    scene.emulator.resume(scene.webhook)
    await settled()
    assert not (await repair()).suspended


async def test_a_suspended_webhook_alarms_by_its_silence(scene: Scene) -> None:
    """Records that change without any attempt make the webhook look suspended."""
    repair = scene.repair()
    await scene.planado.jobs.create()
    await settled()
    assert not (await repair()).suspended
    scene.emulator.settings(log_deliveries=False)
    scene.suspend()
    await asyncio.sleep(1000)
    assert not (await repair()).suspended  # nothing was changed
    lost = await scene.planado.jobs.create()
    await asyncio.sleep(1000)
    report = await repair()
    assert report.suspended
    assert report.refetch == [("job", lost, 1)]


async def test_a_single_loss_is_no_suspension(scene: Scene) -> None:
    """A webhook that has sent something a moment ago does not look suspended for what it lost."""
    repair = scene.repair(compare_every=1.0)
    await scene.planado.jobs.create()
    await asyncio.sleep(2)
    scene.drop(logged=False)
    lost = await scene.planado.jobs.create()
    await settled()
    report = await repair()
    assert (report.refetch, report.suspended) == ([("job", lost, 1)], False)


async def test_alarms_are_logged_and_survive_their_listener(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """A listener that fails is told of in the log, and the run goes on; no name is in the text."""

    def fail(alarm: Alarm) -> None:
        raise ValueError("no")

    repair = scene.repair(on_alarm=fail)
    await repair()
    await settled()
    scene.drop(logged=False)
    lost = await scene.planado.clients.upsert(
        "c", organization=False, first_name="Ada", last_name="Byron"
    )
    await asyncio.sleep(1000)
    report = await repair()
    assert kinds(report.alarms) == [("suspended", 1), ("refetch", 1)]
    assert f"fetch them anew: client {lost}" in caplog.text
    assert "on_alarm failed" in caplog.text
    assert "Ada" not in caplog.text
    warnings = [one.name for one in caplog.records if one.levelno == logging.WARNING]
    assert warnings == ["planado_async.sync"] * 2


async def test_what_is_lost_is_named_until_it_is_heard(scene: Scene) -> None:
    """A run whose `on_refetch` fails names the same the next time; one that is heard does not."""
    heard: list[Sequence[Missing]] = []

    async def refetch(missing: Sequence[Missing]) -> None:
        heard.append(missing)
        if len(heard) == 1:
            raise OSError("the database is gone")

    repair = scene.repair(on_refetch=refetch, compare_every=1.0)
    await repair()
    await settled()
    scene.drop(logged=False)
    lost = await scene.planado.jobs.create()
    await settled()
    with pytest.raises(OSError, match="gone"):
        await repair()
    await repair()
    await settled()
    await repair()
    assert heard == [[("job", lost, 1)]] * 2


# --- Listings -------------------------------------------------------------------------------------


async def test_missed_compares_versions(scene: Scene) -> None:
    """What changed is named with its version if the inbox has not seen that; new changes wait."""
    kept, lost, behind = [await scene.planado.jobs.create() for _ in range(3)]
    await settled()
    since = scene.emulator.now()
    await scene.planado.jobs.update(kept, description="1")
    await settled()
    scene.drop(logged=False)
    await scene.planado.jobs.update(lost, description="1")
    await scene.planado.jobs.update(behind, description="1")
    await scene.planado.jobs.update(behind, description="2")
    await scene.planado.sites.upsert("s", name="x")
    site = (await scene.planado.sites.get("s")).uuid
    repair = scene.repair()
    assert await repair.missed(since) == []
    await settled()
    calls = scene.emulator.counters()["calls"]
    missed = await repair.missed(since)
    assert sorted(missed) == sorted([("job", lost, 2), ("job", behind, 3), ("site", site, 1)])
    assert scene.emulator.counters()["calls"] - calls == 6  # webhook, three listings, two ends
    assert await repair.missed(scene.emulator.now()) == []


async def test_missed_finds_a_lost_beginning(scene: Scene) -> None:
    """A new record whose first event alone was lost is named."""
    scene.drop(logged=False, event_type="job_created")
    uuid = await scene.planado.jobs.create()
    await scene.planado.jobs.update(uuid, description="x")
    await settled()
    assert await scene.repair().missed(START - timedelta(hours=1)) == [("job", uuid, 2)]
    assert await scene.repair().missed(scene.emulator.now() - timedelta(seconds=119)) == []


async def test_only_what_the_webhook_sends_can_be_missed(scene: Scene) -> None:
    """Changes of kinds and types that are not subscribed to are no loss."""
    scene.hook.event_types = ("job_updated", "client_created")
    await scene.work()
    await settled()
    assert await scene.repair().missed(START - timedelta(hours=1)) == []
    scene.hook.event_types = ("job_finished",)
    assert (await scene.repair(since=START - timedelta(hours=1))()).refetch == []
    scene.hook.event_types = ("job_created", "job_updated")
    missed = await scene.repair().missed(START - timedelta(hours=1))
    assert {one.entity_type for one in missed} == {"job"}


async def test_gaps_are_named_once(scene: Scene) -> None:
    """A version between those in the inbox, of which the log says nothing, names its entity."""
    uuid = await scene.planado.jobs.create()
    repair = scene.repair(compare_every=None)
    scene.drop(logged=False)
    await scene.planado.jobs.update(uuid, description="1")
    await settled()
    scene.emulator.cancel_faults()
    await scene.planado.jobs.update(uuid, description="2")
    await settled()
    assert (await repair()).refetch == [("job", uuid, 2)]
    assert (await repair()).refetch == []


# --- With handlers --------------------------------------------------------------------------------


async def test_a_strict_handler_misses_nothing(scene: Scene) -> None:
    """At a gap the repair is asked for what was lost, and the handler gets it in order, gapless."""
    got: list[tuple[int | None, object]] = []
    hooks = Webhooks(scene.inbox, secret=SECRET, repair=scene.repair())

    @hooks.on("job_*", order="strict", name="strict")
    async def handle(event: JobEvent) -> None:
        got.append((event.version, event.gap))

    async with hooks:
        uuid = await scene.planado.jobs.create()
        await asyncio.sleep(1)
        scene.drop()
        for number in range(3):
            await scene.planado.jobs.update(uuid, description=f"{number}")
        await asyncio.sleep(1)
        scene.emulator.cancel_faults()
        await scene.planado.jobs.update(uuid, description="last")
        await asyncio.sleep(10)
        assert got == [(1, None)]
        assert scene.calls() == 0
        await asyncio.sleep(60)
    assert got == [(version, None) for version in range(1, 6)]


async def test_polling_needs_no_receiver(scene: Scene) -> None:
    """With nobody at the webhook's URL each event reaches its handler within a turn, once."""
    scene.hook.url = "http://127.0.0.1:9/"
    got: list[str] = []
    hooks = Dispatcher(scene.inbox)

    @hooks.on("*", name="all")
    async def handle(event: JobEvent) -> None:
        got.append(event.event_uuid)

    async with hooks, Polling(scene.planado, scene.webhook, scene.inbox):
        await scene.work()
        await asyncio.sleep(31)
        assert sorted(got) == sorted(scene.emitted)
        await scene.work()
        await asyncio.sleep(31)
    assert sorted(got) == sorted(scene.emitted)


@pytest.mark.real_time
async def test_polling_goes_on_after_a_restart(tmp_path: Path) -> None:
    """What happened while nothing ran is there after the next start."""
    async with open_scene() as scene:
        scene.hook.url = "http://127.0.0.1:9/"
        reads = []
        for life in range(3):
            async with SqliteInbox(tmp_path / "inbox.db", clock=scene.inbox._clock) as inbox:
                polling = Polling(scene.planado, scene.webhook, inbox)
                reads.append((await polling()).read)
                async with polling:
                    await scene.planado.jobs.create()
                    await polling()
                stored = {one.event_uuid for one in await inbox.deliveries(limit=1000)}
                assert stored == scene.emitted.keys()
            await scene.planado.jobs.create(external_id=f"while down {life}")
        assert len(scene.emitted) == 6
        assert reads[0] == 0


async def test_what_the_inbox_has_forgotten_is_not_handled_again(scene: Scene) -> None:
    """A log that reaches further back than the inbox remembers is read as far as that."""
    await scene.work()
    await settled()
    await scene.repair()()
    while (await scene.inbox.claim({}, owner="me", lease=90, limit=1)).more:
        pass  # nobody wants them, so they are done
    await asyncio.sleep(KNOWN_FOR + 86_400)
    while (await scene.inbox.prune(Retention(done_for=0.0))).more:
        pass
    left = await scene.stored()
    assert len(left) <= 1 < len(scene.emitted)  # the last one's number must not be given again
    report = await scene.repair()()
    assert (report.put, await scene.stored()) == (0, left)
