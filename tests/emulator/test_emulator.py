import asyncio
import operator
from collections.abc import Callable
from datetime import datetime
from typing import Any

import aiohttp
import pytest

from planado_async.emulator import Emulator
from tests.emulator.api import Api, caller_session
from tests.emulator.listener import Listener


@pytest.mark.parametrize(
    "options",
    [
        {"rate": 0},
        {"rate": -1},
        {"burst": 0},
        {"speed": 0},
        {"speed": float("nan")},
        {"speed": float("inf")},
        {"rate": float("nan")},
        {"start": datetime(2026, 2, 2)},
    ],
)
def test_figures_that_make_no_sense(options: dict[str, Any]) -> None:
    """They are refused before anything starts."""
    with pytest.raises(ValueError, match=next(iter(options))):
        Emulator(**options)


@pytest.mark.parametrize("name", ["url", "api_key", "now", "counters"])
def test_not_running(name: str) -> None:
    """What only a running emulator knows is refused with a hint."""
    ask: Callable[[Emulator], Any] = operator.attrgetter(name)
    if name in ("now", "counters"):
        ask = operator.methodcaller(name)
    with pytest.raises(RuntimeError, match="async with"):
        ask(Emulator())


async def test_urls(emulator: Emulator) -> None:
    """Both bases are told, on a port of its own."""
    assert emulator.url.startswith("http://127.0.0.1:")
    assert emulator.url.endswith("/v2")
    assert emulator.control_url == emulator.url.removesuffix("/v2") + "/_emulator"


async def test_other_addresses() -> None:
    """An IPv6 address stands in brackets."""
    async with Emulator(host="::1") as emulator, caller_session() as session:
        assert emulator.url.startswith("http://[::1]:")
        assert (await Api(emulator, session).get("/jobs")) == {"jobs": []}


async def test_port_in_use(emulator: Emulator) -> None:
    """A port in use is an OSError and leaves nothing open."""
    port = int(emulator.url.removesuffix("/v2").rsplit(":", 1)[1])
    with pytest.raises(OSError, match="in use"):
        async with Emulator(port=port):
            pass


async def test_two_side_by_side(emulator: Emulator, api: Api) -> None:
    """Two emulators know nothing of each other."""
    async with Emulator(seed=1) as other, caller_session() as session:
        await api.job()
        assert (await Api(other, session).get("/jobs")) == {"jobs": []}
        assert (await api.send("GET", "/jobs", key=other.api_key)).status == 401


async def test_stops_in_the_middle(listener: Listener) -> None:
    """Stopping gives up deliveries, waits and slow calls, and leaves no task behind."""
    before = asyncio.all_tasks()
    listener.decide = lambda got: 500
    async with caller_session() as session:
        async with Emulator() as emulator:
            api = Api(emulator, session)
            emulator.subscribe(listener.url)
            await api.job()
            await listener.until(1)
            emulator.reset()
            emulator.subscribe(listener.url)
            await api.job()
            emulator.fault("delay", seconds=3600)
            slow = asyncio.ensure_future(api.send("GET", "/jobs"))
            await asyncio.sleep(1)
        with pytest.raises(aiohttp.ClientError):
            await slow
    await asyncio.sleep(1)
    assert {task for task in asyncio.all_tasks() - before if "Listener" not in repr(task)} == set()


async def test_a_stopped_emulator_has_no_address() -> None:
    """Asking for its URL afterwards says that it is not running."""
    async with Emulator() as emulator:
        assert emulator.url
    with pytest.raises(RuntimeError, match="not running"):
        _ = emulator.url


async def test_settled_waits_for_the_webhooks(emulator: Emulator, api: Api) -> None:
    """It returns when nothing is on its way, attempts after failures included, or tells in time."""
    async with Listener() as listener:
        emulator.subscribe(listener.url, event_types=["job_created"])
        await emulator.settled(timeout=0)
        listener.decide = lambda got: 204 if got.attempt == 2 else 500
        await api.job()
        with pytest.raises(TimeoutError, match="1 webhooks are still on their way after 2 s"):
            await emulator.settled(timeout=2)
        assert [got.attempt for got in listener.got] == [1]
        await emulator.settled()
        assert [got.attempt for got in listener.got] == [1, 2]
