import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from planado_async.emulator import Emulator
from planado_async.emulator.gate import wire_seconds
from tests.emulator.api import Api, caller_session


@pytest.fixture
async def narrow() -> AsyncIterator[Api]:
    """An account of 60 calls a minute that holds 5, at 20 times the speed."""
    async with Emulator(rate=60, burst=5, speed=20) as running, caller_session() as session:
        yield Api(running, session)


async def statuses(api: Api, count: int) -> list[int]:
    return [(await api.send("GET", "/skills")).status for _ in range(count)]


async def test_refuses_over_the_budget(narrow: Api) -> None:
    """The burst passes; the next call is refused in plain text, without the header."""
    assert await statuses(narrow, 5) == [200] * 5
    reply = await narrow.send("GET", "/skills")
    assert (reply.status, reply.raw) == (429, b"Rate Limit Exceeded")
    assert reply.headers["Content-Type"].startswith("text/plain")
    assert "Retry-After" not in reply.headers


async def test_leaks_with_the_speed(narrow: Api) -> None:
    """At speed 20, a call's room is back after a twentieth of a second; refusals cost nothing."""
    assert await statuses(narrow, 9) == [200] * 5 + [429] * 4
    await asyncio.sleep(0.049)
    assert await statuses(narrow, 1) == [429]
    await asyncio.sleep(0.002)
    assert await statuses(narrow, 2) == [200, 429]


async def test_every_call_counts(narrow: Api) -> None:
    """Unknown paths and bad bodies use the budget up; the control API never does."""
    for method, path, body in (
        ("GET", "/none", None),
        ("DELETE", "/skills", None),
        ("POST", "/jobs", b"{"),
        ("POST", "/jobs", {"description": 1}),
        ("GET", "/jobs/none", None),
    ):
        assert (await narrow.send(method, path, body)).status < 429
    for _ in range(10):
        assert (await narrow.control("GET", "/counters")).status == 200
    assert await statuses(narrow, 1) == [429]
    counters = narrow.emulator.counters()
    assert (counters["calls"], counters["refusals"]) == (5, 1)
    assert counters["highest_level"] == counters["level"] == 5
    assert counters["statuses"] == {"404": 2, "405": 1, "400": 1, "422": 1, "429": 1}


async def test_retry_after(narrow: Api) -> None:
    """The header is real seconds: the emulated ones, divided by the speed, rounded up."""
    narrow.emulator.settings(retry_after=30)
    await statuses(narrow, 5)
    assert (await narrow.send("GET", "/skills")).headers["Retry-After"] == "2"
    assert wire_seconds(60, 1) == "60"
    assert wire_seconds("Thu, 01 Jan 2026 00:00:00 GMT", 20) == "Thu, 01 Jan 2026 00:00:00 GMT"


async def test_budget_can_be_changed(narrow: Api) -> None:
    """Another burst counts at once; what is in the bucket stays."""
    await statuses(narrow, 5)
    narrow.emulator.settings(burst=7)
    assert await statuses(narrow, 3) == [200, 200, 429]


@pytest.mark.parametrize(
    ("kind", "retry_after", "status", "header"),
    [
        ("refuse_429", None, 429, None),
        ("refuse_429", 40, 429, "2"),
        ("refuse_429", -1, 429, "0"),
        ("refuse_429", "nonsense", 429, "nonsense"),
        ("refuse_200", 20, 200, "1"),
    ],
)
async def test_refusal_on_order(
    narrow: Api, kind: str, retry_after: object, status: int, header: str | None
) -> None:
    """A refusal can be ordered, under 200 as well; it leaves the bucket as it is."""
    narrow.emulator.fault(kind, retry_after=retry_after)
    reply = await narrow.send("POST", "/jobs", {})
    assert (reply.status, reply.raw) == (status, b"Rate Limit Exceeded")
    assert reply.headers.get("Retry-After") == header
    assert narrow.emulator.counters()["level"] == 0
    assert (await narrow.get("/jobs"))["jobs"] == []


async def test_server_error(api: Api) -> None:
    """A 5xx page answers, with the call carried out only if ordered so."""
    api.emulator.fault("status", status=502)
    reply = await api.send("POST", "/jobs", {})
    assert (reply.status, reply.headers["Content-Type"]) == (502, "text/html; charset=utf-8")
    assert b"<h1>502</h1>" in reply.raw
    assert (await api.get("/jobs"))["jobs"] == []
    api.emulator.fault("status", execute=True, body="gone")
    reply = await api.send("POST", "/jobs", {})
    assert (reply.status, reply.raw) == (503, b"gone")
    assert len((await api.get("/jobs"))["jobs"]) == 1


async def test_not_json(api: Api) -> None:
    """A page where JSON belongs, under 200."""
    api.emulator.fault("not_json", execute=True)
    reply = await api.send("POST", "/jobs", {})
    assert (reply.status, reply.raw[:6]) == (200, b"<html>")
    assert len((await api.get("/jobs"))["jobs"]) == 1


async def test_delay(api: Api) -> None:
    """The answer comes so many real seconds later."""
    api.emulator.fault("delay", seconds=7)
    loop = asyncio.get_running_loop()
    began_at = loop.time()
    await api.get("/jobs")
    assert 7 <= loop.time() - began_at < 7.1


@pytest.mark.parametrize(("kind", "made"), [("cut_before", 0), ("cut_after", 1)])
async def test_cut(api: Api, kind: str, made: int) -> None:
    """The line is cut without an answer, before or after the call is carried out."""
    api.emulator.fault(kind, method="POST")
    with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
        await api.send("POST", "/jobs", {})
    assert len((await api.get("/jobs"))["jobs"]) == made
    counters = api.emulator.counters()
    assert counters["calls"] == made + 1
    assert counters["faults"] == {kind: 1}
    assert counters["statuses"] == {"444": 1, "200": 1}


async def test_cursor_deleted_in_mid_listing(api: Api) -> None:
    """The record a cursor names goes just before the page is served, so the page is empty."""
    made = [await api.job() for _ in range(25)]
    api.emulator.fault("delete_cursor", path="/jobs")
    first = (await api.get("/jobs"))["jobs"]
    assert len(first) == 20
    assert (await api.get(f"/jobs?after={first[-1]['uuid']}"))["jobs"] == []
    assert len((await api.get(f"/jobs?after={first[-2]['uuid']}"))["jobs"]) == 5
    assert (await api.send("GET", f"/jobs/{made[5]}")).status == 404


@pytest.mark.parametrize(
    ("kind", "body"),
    [("clients", {"organization": True, "organization_name": "x"}), ("sites", {"name": "x"})],
)
async def test_cursor_deleted_elsewhere(api: Api, kind: str, body: object) -> None:
    """Clients and sites can go the same way; a cursor nobody knows does no harm."""
    await api.post(f"/{kind}", body)
    uuid = (await api.get(f"/{kind}"))[kind][0]["uuid"]
    api.emulator.fault("delete_cursor", count=2)
    assert (await api.get(f"/{kind}?after={uuid}"))[kind] == []
    assert (await api.get(f"/{kind}"))[kind] == []
    assert (await api.get(f"/{kind}?after={uuid}"))[kind] == []


async def test_matching(api: Api) -> None:
    """A fault strikes the method and path it names, as often as it counts."""
    api.emulator.fault("status", method="GET", path="/jobs/*", count=2)
    assert (await api.send("GET", "/jobs")).status == 200
    assert (await api.send("POST", "/jobs", {})).status == 201
    seen = [(await api.send("GET", "/jobs/x")).status for _ in range(3)]
    assert seen == [503, 503, 404]
    (fault,) = api.emulator.faults()["faults"]
    assert (fault["count"], fault["struck"]) == (2, 2)


async def test_probability_and_no_end(api: Api) -> None:
    """Without a count it goes on until taken back; a probability spares the rest."""
    uuid = api.emulator.fault("status", count=None, probability=0.5)["fault"]["uuid"]
    seen = await statuses(api, 200)
    assert 60 < seen.count(503) < 140
    assert api.emulator.cancel_faults(uuid) == {}
    assert await statuses(api, 20) == [200] * 20
    api.emulator.fault("status", probability=0)
    assert await statuses(api, 20) == [200] * 20


async def test_first_order_strikes_first(api: Api) -> None:
    """Faults of the same calls strike in the order they were given."""
    api.emulator.fault("status", status=500)
    api.emulator.fault("status", status=501)
    assert await statuses(api, 3) == [500, 501, 200]
