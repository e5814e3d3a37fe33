import asyncio
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import web

from planado_async.emulator import Emulator, hooks
from tests.emulator.api import Api, caller_session
from tests.emulator.listener import Listener

WEEK_S = 7 * 86400
LOG_KEYS = [
    "uuid", "event_type", "entity_type", "entity_uuid", "entity_version", "attempt_no", "status",
    "http_request_body", "http_response_code", "http_response_headers", "http_response_body",
    "send_at", "sent_at", "request_time_ms", "error_type", "error_description",
]  # fmt: skip


def subscribed(api: Api, listener: Listener, **options: Any) -> str:
    return str(api.emulator.subscribe(listener.url, **options)["webhook"]["uuid"])


async def log(api: Api, hook: str) -> list[Any]:
    pages = await api.walk(f"/webhooks/{hook}/requests", "requests")
    return [row for page in pages for row in page]


def hook_state(api: Api) -> Any:
    return api.emulator.subscriptions()["webhooks"][0]


async def until_done(api: Api) -> None:
    """Waits until nothing is on its way any more."""
    for _ in range(10_000):
        if not api.emulator.counters()["deliveries"]["pending"]:
            return
        await asyncio.sleep(60)
    raise AssertionError("still pending")


def test_gaps_sum_to_a_week() -> None:
    """17 retries, each gap twice the one before, a week in all."""
    gaps = [gap for attempt in range(1, 30) if (gap := hooks.gap(attempt)) is not None]
    assert len(gaps) == 17
    assert all(right == 2 * left for left, right in pairwise(gaps))
    assert abs(sum(gaps) - WEEK_S) < 3600


async def test_headers(api: Api, listener: Listener) -> None:
    """A delivery is JSON with its attempt and, if there is one, the secret."""
    subscribed(api, listener, secret="s3cret", event_types=["job_created"])
    await api.job()
    (got,) = await listener.until(1)
    assert got.headers["Content-Type"] == "application/json"
    assert got.headers["X-Planado-Secret"] == "s3cret"
    assert got.attempt == 1
    api.emulator.reset()
    subscribed(api, listener)
    await api.job()
    assert "X-Planado-Secret" not in (await listener.until(2))[1].headers


async def test_only_what_is_subscribed(api: Api, listener: Listener) -> None:
    """Events of other types are not sent; two subscriptions get the same event."""
    subscribed(api, listener, event_types=["job_updated"])
    subscribed(api, listener, event_types=["job_updated", "job_deleted"])
    job = await api.job()
    await api.patch(f"/jobs/{job}", {"description": "x"})
    got = await listener.until(2)
    assert listener.types == ["job_updated", "job_updated"]
    assert got[0].body == got[1].body


@pytest.mark.parametrize("status", [200, 201, 204, 299])
async def test_any_2xx_is_delivered(api: Api, listener: Listener, status: int) -> None:
    """Any 2xx ends a delivery."""
    listener.decide = lambda got: status
    hook = subscribed(api, listener)
    await api.job()
    await listener.until(1)
    await until_done(api)
    (row,) = await log(api, hook)
    assert (row["status"], row["http_response_code"]) == ("sent", status)


@pytest.mark.parametrize("status", [301, 307, 400, 404, 500, 503])
async def test_all_else_is_tried_again(api: Api, listener: Listener, status: int) -> None:
    """Anything but 2xx is tried again; redirects are not followed; the event stays the same."""
    listener.decide = lambda got: status if got.attempt == 1 else 204
    hook = subscribed(api, listener)
    await api.job()
    first, second = await listener.until(2)
    assert (first.attempt, second.attempt) == (1, 2)
    assert first.body == second.body
    assert 4.6 <= second.at - first.at < 5
    await until_done(api)
    later, earlier = await log(api, hook)
    assert (earlier["status"], earlier["http_response_code"]) == ("failed", status)
    assert (later["status"], later["attempt_no"]) == ("sent", 2)


async def test_a_week_of_retries(api: Api, listener: Listener) -> None:
    """18 attempts over a week, if something else gets through meanwhile; then it is given up."""
    listener.decide = lambda got: 500 if got.type == "job_created" else 204
    hook = subscribed(api, listener, event_types=["job_created", "site_updated"])
    await api.post("/sites", {"name": "0", "external_id": "s"})
    await api.job()
    for hour in range(1, 7 * 24 + 2):
        await asyncio.sleep(3600)
        await api.patch("/sites/s", {"name": str(hour)})
    await until_done(api)
    failing = [got for got in listener.got if got.type == "job_created"]
    assert [got.attempt for got in failing] == list(range(1, 19))
    assert abs(failing[-1].at - failing[0].at - WEEK_S) < 3600
    assert not hook_state(api)["suspended"]
    rows = [row for row in await log(api, hook) if row["event_type"] == "job_created"]
    assert [row["attempt_no"] for row in rows] == list(range(18, 0, -1))
    assert {row["status"] for row in rows} == {"failed"}
    counters = api.emulator.counters()["deliveries"]
    assert counters["attempts"]["18"] == 1
    assert counters["outcomes"]["failed"] == 18


async def test_suspension_after_a_day_of_failure(api: Api, listener: Listener) -> None:
    """After 24 hours of nothing but failure nothing is sent until it is resumed."""
    listener.decide = lambda got: 500
    hook = subscribed(api, listener, event_types=["job_created"])
    await api.job()
    await listener.until(1)
    await asyncio.sleep(23 * 3600)
    assert hook_state(api)["failing_since"] == "2026-02-02T08:00:00.000+00:00"
    assert not hook_state(api)["suspended"]
    await asyncio.sleep(48 * 3600)
    assert hook_state(api)["suspended"]
    sent = len(listener.got)
    assert sent == 16
    await api.job()
    await asyncio.sleep(WEEK_S)
    assert len(listener.got) == sent
    assert hook_state(api)["pending"] == 2
    listener.decide = lambda got: 204
    resumed = await api.control("POST", f"/webhooks/{hook}/resume")
    assert resumed.json["webhook"]["suspended"] is False
    await until_done(api)
    assert {got.attempt for got in listener.got[sent:]} == {17, 1}
    assert hook_state(api)["failing_since"] is None


async def test_never_suspended_by_count(api: Api, listener: Listener) -> None:
    """Hundreds of failures within a day suspend nothing."""
    listener.decide = lambda got: 500
    subscribed(api, listener, event_types=["job_created"])
    for _ in range(100):
        await api.job()
    await asyncio.sleep(600)
    assert len(listener.got) > 500
    assert not hook_state(api)["suspended"]


async def test_a_success_starts_the_day_anew(api: Api, listener: Listener) -> None:
    """One success in between, and the day of failures is counted from after it."""
    listener.decide = lambda got: 204 if got.type == "site_created" else 500
    subscribed(api, listener, event_types=["job_created", "site_created"])
    await api.job()
    await asyncio.sleep(20 * 3600)
    await api.post("/sites", {"name": "x"})
    await asyncio.sleep(20 * 3600)
    assert not hook_state(api)["suspended"]


async def test_ten_seconds_to_answer(api: Api, listener: Listener) -> None:
    """Whoever has not answered after 10 real seconds has failed, at any speed."""
    async with Emulator(speed=30) as fast, caller_session() as session:
        swift = Api(fast, session)
        listener.decide = lambda got: None if got.attempt == 1 else 204
        hook = subscribed(swift, listener)
        await swift.job()
        first, second = await listener.until(2)
        assert 9.9 <= second.at - first.at < 10.5
        await until_done(swift)
        row = (await log(swift, hook))[1]
        assert (row["status"], row["error_type"]) == ("failed", "timeout")
        assert 9_900 <= row["request_time_ms"] < 10_400
        assert row["http_response_code"] is None


async def test_nobody_there(api: Api, unused_tcp_port: int) -> None:
    """A refused connection is a failure with its description."""
    hook = api.emulator.subscribe(f"http://127.0.0.1:{unused_tcp_port}/")["webhook"]["uuid"]
    await api.job()
    await asyncio.sleep(1)
    planned, failed = await log(api, hook)
    assert (failed["status"], failed["error_type"]) == ("failed", "connection failure")
    assert failed["error_description"]
    assert (planned["status"], planned["attempt_no"], planned["sent_at"]) == ("planned", 2, None)


async def test_log(api: Api, listener: Listener) -> None:
    """A row tells all of an attempt, in whole seconds, newest first."""
    listener.decide = lambda got: 200
    hook = subscribed(api, listener, event_types=["job_created", "job_updated"])
    job = await api.job(external_id="wo-1")
    await until_done(api)
    await api.patch(f"/jobs/{job}", {"description": "x"})
    await until_done(api)
    later, row = await log(api, hook)
    assert list(row) == LOG_KEYS
    assert (row["event_type"], row["entity_type"], row["entity_uuid"]) == (
        "job_created",
        "job",
        job,
    )
    assert (row["entity_version"], later["entity_version"]) == (1, 2)
    assert row["http_request_body"].startswith('{"event_uuid":"')
    assert row["http_response_body"] == "said"
    assert row["http_response_headers"]["Content-Type"] == "text/plain; charset=utf-8"
    assert row["send_at"] == "2026-02-02T08:00:00+00:00"
    assert row["error_type"] is None
    assert (await api.send("GET", "/webhooks/none/requests")).status == 404


async def test_log_pages(api: Api, listener: Listener) -> None:
    """The log comes 20 rows a page."""
    hook = subscribed(api, listener, event_types=["job_created"])
    for _ in range(25):
        await api.job()
    await until_done(api)
    pages = await api.walk(f"/webhooks/{hook}/requests", "requests")
    assert [len(page) for page in pages] == [20, 5]


async def test_log_is_bounded(
    api: Api, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest rows go."""
    monkeypatch.setattr(hooks, "LOG_ROWS", 3)
    hook = subscribed(api, listener, event_types=["job_created"])
    jobs = [await api.job() for _ in range(5)]
    await until_done(api)
    assert {row["entity_uuid"] for row in await log(api, hook)} == set(jobs[2:])


async def test_speed_shortens_the_gaps(listener: Listener) -> None:
    """At speed 20 the first retry comes after a twentieth of its gap."""
    async with Emulator(speed=20) as fast, caller_session() as session:
        api = Api(fast, session)
        listener.decide = lambda got: 500 if got.attempt < 3 else 204
        subscribed(api, listener)
        await api.job()
        first, second, third = await listener.until(3)
        assert 4.6 / 20 <= second.at - first.at < 4.61 / 20 + 0.2
        assert 9.2 / 20 <= third.at - second.at < 9.22 / 20 + 0.2


async def test_bounded_concurrency(api: Api, listener: Listener) -> None:
    """At most eight deliveries are on the wire to one subscription."""
    listener.decide = lambda got: None if got.attempt == 1 else 204
    subscribed(api, listener, event_types=["job_created"])
    for _ in range(20):
        await api.job()
    await asyncio.sleep(5)
    assert (len(listener.got), listener.most_working) == (8, 8)
    await listener.until(40)


async def test_suspended_while_waiting_for_a_slot(api: Api, listener: Listener) -> None:
    """Whoever waited for a slot when the subscription was suspended stays where it is."""
    listener.decide = lambda got: None
    subscribed(api, listener, event_types=["job_created"])
    for _ in range(12):
        await api.job()
    await asyncio.sleep(1)
    assert len(listener.got) == 8
    account = api.emulator._account
    assert account is not None
    (hook,) = account.deliveries.hooks
    hook.failing_since = account.clock.now() - timedelta(hours=30)
    await asyncio.sleep(3600)
    assert len(listener.got) == 8
    assert hook_state(api)["suspended"]


async def test_unsubscribed(api: Api, listener: Listener) -> None:
    """What is on its way to a removed subscription is given up, nothing else."""
    listener.decide = lambda got: 500 if got.attempt == 1 else 204
    kept, gone = subscribed(api, listener), subscribed(api, listener)
    await api.job()
    await listener.until(2)
    api.emulator.unsubscribe(gone)
    await until_done(api)
    assert len(listener.got) == 3
    assert hook_state(api)["uuid"] == kept


@pytest.mark.parametrize(("logged", "rows"), [(True, 1), (False, 0)])
async def test_dropped(api: Api, listener: Listener, logged: bool, rows: int) -> None:
    """A dropped delivery never comes; the log shows it or keeps silent, as ordered."""
    hook = subscribed(api, listener)
    api.emulator.fault("delivery_drop", logged=logged)
    job = await api.job()
    await asyncio.sleep(WEEK_S)
    assert listener.got == []
    found = await log(api, hook)
    assert len(found) == rows
    for row in found:
        assert (row["status"], row["entity_uuid"], row["attempt_no"]) == ("failed", job, 1)
        assert row["http_request_body"]
    await api.job()
    await listener.until(1)
    assert api.emulator.counters()["deliveries"]["outcomes"]["dropped"] == 1


async def test_a_silent_log(api: Api, listener: Listener) -> None:
    """With `log_deliveries` off all is delivered and nothing is written down, until it is on."""
    hook = subscribed(api, listener)
    api.emulator.settings(log_deliveries=False)
    await api.job()
    await until_done(api)
    assert (listener.types, await log(api, hook)) == (["job_created"], [])
    api.emulator.settings(log_deliveries=True)
    await api.job()
    await until_done(api)
    assert len(await log(api, hook)) == 1


async def test_repeated(api: Api, listener: Listener) -> None:
    """A repeated delivery comes twice, the same each time."""
    subscribed(api, listener)
    api.emulator.fault("delivery_repeat", event_type="job_*")
    await api.post("/sites", {"name": "x"})
    await api.job()
    await until_done(api)
    assert sorted(listener.types) == ["job_created", "job_created", "site_created"]
    first, second = (got for got in listener.got if got.type == "job_created")
    assert (first.body, first.attempt) == (second.body, second.attempt)
    assert api.emulator.counters()["deliveries"]["outcomes"]["repeated"] == 1


async def test_reordered(api: Api, listener: Listener) -> None:
    """A reordered delivery is overtaken by the next one."""
    subscribed(api, listener)
    api.emulator.fault("delivery_reorder", event_type="job_created", seconds=3600)
    job = await api.job()
    await asyncio.sleep(60)
    await api.patch(f"/jobs/{job}", {"description": "x"})
    await until_done(api)
    assert listener.types == ["job_updated", "job_created"]
    assert [got.body["job"]["version"] for got in listener.got] == [2, 1]


async def test_reordered_with_nothing_behind(api: Api, listener: Listener) -> None:
    """Where nothing overtakes it, a held delivery goes after the ordered seconds."""
    subscribed(api, listener)
    api.emulator.fault("delivery_reorder", seconds=30)
    began_at = asyncio.get_running_loop().time()
    await api.job()
    (got,) = await listener.until(1)
    assert 29.9 <= got.at - began_at < 31
    await api.job()
    await listener.until(2)


async def test_long_answers_are_cut(api: Api) -> None:
    """The log keeps the start of an answer; the rest is not read."""
    async with Big() as big:
        hook = api.emulator.subscribe(big.url)["webhook"]["uuid"]
        await api.job()
        await until_done(api)
        (row,) = await log(api, hook)
        assert row["status"] == "sent"
        assert len(row["http_response_body"]) == 4096
        assert len(row["http_response_headers"]) == 50
        datetime.fromisoformat(row["sent_at"])


class Big(Listener):
    """Answers with far too much of everything."""

    async def _take(self, request: web.Request) -> web.Response:
        headers = {f"X-Header-{number}": "x" for number in range(80)}
        return web.Response(status=200, text="x" * 1_000_000, headers=headers)
