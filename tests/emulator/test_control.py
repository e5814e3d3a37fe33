import asyncio
from typing import Any

import pytest

from planado_async.emulator import Emulator, EmulatorError
from tests.emulator.api import Api
from tests.emulator.listener import Listener

GONE = "1eeb37c1-0000-6000-8000-000000000000"


async def test_subscriptions(api: Api) -> None:
    """Subscriptions are made, listed, and removed; the API lists them without their state."""
    body = {"url": "http://127.0.0.1:9/", "secret": "s", "event_types": ["job_created"]}
    reply = await api.control("POST", "/webhooks", body)
    assert reply.status == 201
    hook = reply.json["webhook"]
    assert hook.items() >= body.items()
    assert (hook["suspended"], hook["failing_since"], hook["pending"]) == (False, None, 0)
    assert (await api.control("GET", "/webhooks")).json == {"webhooks": [hook]}
    listed = (await api.get("/webhooks"))["webhooks"]
    assert listed == [{"uuid": hook["uuid"], **body}]
    assert (await api.get(f"/webhooks?after={hook['uuid']}"))["webhooks"] == []
    assert (await api.control("DELETE", f"/webhooks/{hook['uuid']}")).json == {}
    assert (await api.control("DELETE", f"/webhooks/{hook['uuid']}")).status == 404
    assert (await api.get("/webhooks"))["webhooks"] == []


async def test_subscribed_to_everything(emulator: Emulator) -> None:
    """Without event types, a subscription is to all of them."""
    types = emulator.subscribe("http://127.0.0.1:9/")["webhook"]["event_types"]
    assert len(types) == len(set(types)) == 16
    assert {"job_created", "job_resumed", "job_canceled", "site_deleted"} <= set(types)
    assert emulator.subscriptions()["webhooks"][0]["secret"] is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "url"),
        ({"url": "ftp://x"}, "url"),
        ({"url": "http://"}, "url"),
        ({"url": "http://[x"}, "url"),
        ({"url": "/hook"}, "url"),
        ({"url": "http://x", "secret": "line\nbreak"}, "secret"),
        ({"url": "http://x", "secret": "тайна"}, "secret"),
        ({"url": "http://x", "event_types": ["job_exploded"]}, "event_types"),
        ({"url": "http://x", "event_types": "job_created"}, "event_types"),
    ],
)
async def test_wrong_subscription(api: Api, body: object, field: str) -> None:
    """A subscription against the rules is refused."""
    reply = await api.control("POST", "/webhooks", body)
    assert (reply.status, reply.json["errors"].keys()) == (422, {field})


async def test_settings(api: Api) -> None:
    """Settings are read and changed one by one."""
    reply = await api.control("PATCH", "/settings", {"strict_version": True, "rate": 90})
    settings = reply.json["settings"]
    assert (settings["strict_version"], settings["rate"], settings["burst"]) == (True, 90, 10_000)
    assert (await api.control("GET", "/settings")).json == {"settings": settings}
    assert api.emulator.settings() == {"settings": settings}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rate", 0),
        ("burst", 0.5),
        ("burst", None),
        ("retry_after", -1),
        ("strict_version", 1),
        ("location_key", "captured"),
        ("time_zone", "Nowhere/Land"),
        ("time_zone", "../../etc/passwd"),
        ("time_zone", ""),
        ("speed", 2),
    ],
)
async def test_wrong_setting(api: Api, name: str, value: object) -> None:
    """A setting that is none, or a value against its rule, is refused."""
    reply = await api.control("PATCH", "/settings", {name: value})
    assert (reply.status, reply.json["errors"].keys()) == (422, {name})


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "kind"),
        ({"kind": "explode"}, "kind"),
        ({"kind": "delay", "seconds": -1}, "seconds"),
        ({"kind": "status", "status": 200}, "status"),
        ({"kind": "status", "count": 0}, "count"),
        ({"kind": "status", "probability": 1.5}, "probability"),
        ({"kind": "status", "method": "FETCH"}, "method"),
        ({"kind": "refuse_429", "retry_after": "a\nb"}, "retry_after"),
        ({"kind": "refuse_429", "retry_after": [1]}, "retry_after"),
        ({"kind": "status", "paths": "*"}, "paths"),
    ],
)
async def test_wrong_fault(api: Api, body: object, field: str) -> None:
    """An order for a failure against the rules is refused, a misspelt part too."""
    reply = await api.control("POST", "/faults", body)
    assert (reply.status, reply.json["errors"].keys()) == (422, {field})
    assert (await api.control("GET", "/faults")).json == {"faults": []}


async def test_faults(api: Api) -> None:
    """Failures are ordered, listed, and taken back one by one or all at once."""
    made = [(await api.control("POST", "/faults", {"kind": "status"})).json for _ in range(3)]
    uuid = made[0]["fault"]["uuid"]
    assert made[0]["fault"]["kind"] == "status"
    assert (await api.control("DELETE", f"/faults/{uuid}")).json == {}
    assert (await api.control("DELETE", f"/faults/{uuid}")).status == 404
    assert len((await api.control("GET", "/faults")).json["faults"]) == 2
    assert (await api.control("DELETE", "/faults")).json == {}
    assert api.emulator.faults() == {"faults": []}


async def test_clock(api: Api) -> None:
    """The clock is told with its start and speed."""
    await asyncio.sleep(90)
    assert (await api.control("GET", "/clock")).json == {
        "now": "2026-02-02T08:01:30+00:00",
        "started_at": "2026-02-02T08:00:00+00:00",
        "speed": 1.0,
    }


async def test_counters(api: Api) -> None:
    """The counters have every key from the start."""
    counters = (await api.control("GET", "/counters")).json
    assert counters == api.emulator.counters()
    assert counters == {
        "calls": 0,
        "refusals": 0,
        "unauthorised": 0,
        "routes": {},
        "statuses": {},
        "faults": {},
        "deliveries": {
            "attempts": {},
            "outcomes": {"sent": 0, "failed": 0, "dropped": 0, "repeated": 0, "reordered": 0},
            "pending": 0,
        },
        "pushes": {"sent": 0, "suppressed": 0},
        "events": {},
        "level": 0,
        "highest_level": 0,
    }


async def test_routes_are_counted_by_pattern(api: Api) -> None:
    """Counts do not grow with every id."""
    for _ in range(2):
        await api.detail(await api.job())
    await api.send("GET", "/jobs/none")
    assert api.emulator.counters()["routes"] == {"POST /jobs": 2, "GET /jobs/{id}": 3}
    assert api.emulator.counters()["statuses"] == {"201": 2, "200": 2, "404": 1}


async def test_reset(api: Api, listener: Listener) -> None:
    """A reset leaves nothing but the key, the set-up and the clock; no uuid comes twice."""
    emulator = api.emulator
    users, key = await api.get("/users"), emulator.api_key
    emulator.subscribe(listener.url)
    emulator.settings(strict_version=True)
    listener.decide = lambda got: 500
    job = await api.job(external_id="wo-1")
    await listener.until(1)
    emulator.fault("status", count=None)
    assert (await api.control("POST", "/reset")).json == {}
    counters: Any = emulator.counters()
    assert (counters["calls"], counters["level"], counters["deliveries"]["pending"]) == (0, 0, 0)
    assert emulator.subscriptions() == {"webhooks": []}
    assert emulator.settings()["settings"]["strict_version"] is False
    assert (await api.get("/jobs"))["jobs"] == []
    assert (await api.get("/users"), emulator.api_key) == (users, key)
    assert await api.job(external_id="wo-1") != job
    await asyncio.sleep(60)
    assert len(listener.got) == 1
    emulator.reset()


async def test_unknown_order(api: Api) -> None:
    """Unknown orders and unusable bodies are answered in JSON too."""
    assert (await api.control("GET", "/none")).json == {"message": "Not Found"}
    assert (await api.control("PUT", "/faults")).status == 405
    assert (await api.control("POST", "/faults", b"{")).status == 400
    assert (await api.control("POST", f"/webhooks/{GONE}/resume")).status == 404
    assert (await api.control("POST", f"/jobs/{GONE}/actions", {"action": "start"})).status == 404


async def test_in_process_refusals(emulator: Emulator) -> None:
    """In process, a refused order raises an error with the same answer in it."""
    with pytest.raises(EmulatorError) as caught:
        emulator.fault("explode")
    assert caught.value.status == 422
    with pytest.raises(EmulatorError):
        emulator.unsubscribe(GONE)
    with pytest.raises(EmulatorError):
        emulator.settings(speed=3)
