"""The server that gives up on slow connections, and ends in good order."""

import asyncio
import logging
import math
import os
import signal
import threading
from collections.abc import AsyncIterator, Iterator

import pytest
from aiohttp import web

from planado_async.core.errors import ConfigurationError
from planado_async.webhooks import serve
from planado_async.webhooks.server import LAST_REQUESTS, serving
from tests.readme import free_port

REQUEST = b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n"


def slow_app(seconds: float = 0.0) -> web.Application:
    """Return an app whose /slow takes its time, and whose /gone raises."""

    async def slow(_: web.Request) -> web.Response:
        await asyncio.sleep(seconds)
        return web.Response(text="done")

    async def gone(_: web.Request) -> web.Response:
        await asyncio.sleep(seconds)
        raise web.HTTPGone

    app = web.Application()
    app.router.add_get("/slow", slow)
    app.router.add_get("/gone", gone)
    return app


def now() -> float:
    return asyncio.get_running_loop().time()


async def closed_after(port: int, sent: bytes, drip: bytes = b"") -> tuple[float, bytes]:
    """Send bytes and then a drop each second; return when the server closes, and what it said."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = now()
    writer.write(sent)

    async def dripping() -> None:
        while drip:
            await asyncio.sleep(1.0)
            writer.write(drip)

    task = asyncio.create_task(dripping())
    said = await reader.read()
    task.cancel()
    writer.close()
    return now() - began, said


@pytest.mark.parametrize(
    ("sent", "drip", "after"),
    [
        (b"", b"", 30.0),
        (b"G", b"", 10.0),
        (b"GET / HTTP/1.1\r\n", b"X", 10.0),
        (b"GET / HTTP/1.1\r\n", b"X: y\r\n", 10.0),
        (REQUEST % b"slow", b"", 32.0),
        (REQUEST % b"slow" + b"GET", b"", 32.0),
        (REQUEST % b"slow", b"\r", 12.0),
        (REQUEST % b"none", b"", 30.0),
    ],
)
async def test_slow_connections_are_closed(sent: bytes, drip: bytes, after: float) -> None:
    """Silence ends after 30 s, headers have 10 s, and an answer may take its time."""
    async with serving(slow_app(2.0)) as addresses:
        took, said = await closed_after(addresses[0][1], sent, drip)
    assert took == pytest.approx(after, abs=1.1)
    assert said.count(b"HTTP/1.1 200") == sent.count(b"/slow")


async def test_a_slow_answer_is_waited_for() -> None:
    """Neither limit counts while a request is being answered, and each request has them anew."""
    async with serving(slow_app(100.0)) as addresses:
        reader, writer = await asyncio.open_connection("127.0.0.1", addresses[0][1])
        for path, pause, status in [(b"slow", 15.0, b"200"), (b"none", 15.0, b"404")] * 2:
            request = REQUEST % path
            writer.write(request[:9])
            await asyncio.sleep(9.0)
            writer.write(request[9:])
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.split()[1] == status
            await reader.readexactly(int(head.split(b"Content-Length: ")[1].split()[0]))
            await asyncio.sleep(pause)
        writer.close()


async def test_what_comes_early_waits_for_its_turn() -> None:
    """The beginning of a request that comes during an answer is held against nobody."""
    async with serving(slow_app(100.0)) as addresses:
        reader, writer = await asyncio.open_connection("127.0.0.1", addresses[0][1])
        writer.write(REQUEST % b"slow")
        await asyncio.sleep(1.0)
        writer.write((REQUEST % b"slow")[:9])
        for _ in range(2):
            assert (await reader.readuntil(b"\r\n\r\n")).split()[1] == b"200"
            assert await reader.readexactly(4) == b"done"
            writer.write((REQUEST % b"slow")[9:])
        writer.close()


@pytest.mark.parametrize("path", [b"slow", b"gone"])
async def test_what_is_on_its_way_is_answered(path: bytes) -> None:
    """A server that stops answers what it has and what still comes, then closes each line."""
    async with serving(slow_app(5.0)) as addresses:
        port = addresses[0][1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        idle_reader, idle_writer = await asyncio.open_connection("127.0.0.1", port)
        late_reader, late_writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST % path)
        await asyncio.sleep(1.0)
        asyncio.get_running_loop().call_later(LAST_REQUESTS / 2, late_writer.write, REQUEST % path)
        began = now()
    assert 5.0 < now() - began < 7.0
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    assert (await idle_reader.read()) == b""
    for one in (reader, late_reader):
        said = await one.read()
        assert said.startswith((b"HTTP/1.1 200", b"HTTP/1.1 410"))
        assert b"Connection: close" in said
    for each in (writer, idle_writer, late_writer):
        each.close()


async def test_what_takes_too_long_is_given_up() -> None:
    """A request that is not answered within the drain is cut off, and the app cleans up."""
    cleaned: list[float] = []

    async def clean(_: web.Application) -> AsyncIterator[None]:
        yield
        cleaned.append(now())

    app = slow_app(1e6)
    app.cleanup_ctx.append(clean)
    async with serving(app, drain=4.0) as addresses:
        reader, writer = await asyncio.open_connection("127.0.0.1", addresses[0][1])
        writer.write(REQUEST % b"slow")
        await asyncio.sleep(1.0)
        began = now()
    assert cleaned == [pytest.approx(began + LAST_REQUESTS + 2 * 4.0, abs=1.0)]
    assert await reader.read() == b""
    writer.close()


@pytest.mark.parametrize("wrong", [{"headers": 0}, {"idle": -1.0}, {"drain": math.inf}])
async def test_a_limit_that_is_none_is_refused(wrong: dict[str, float]) -> None:
    """Times are finite and above zero."""
    with pytest.raises(ConfigurationError, match="above 0"):
        async with serving(web.Application(), **wrong):  # type: ignore[arg-type]
            pass


@pytest.fixture(params=["watched by the loop", "not watched by the loop"])
def signals(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let loops watch for signals, or not, as on Windows."""

    def unable(*_: object) -> None:
        raise NotImplementedError

    if request.param.startswith("not"):
        monkeypatch.setattr(asyncio.SelectorEventLoop, "add_signal_handler", unable)


@pytest.fixture(params=[signal.default_int_handler, signal.SIG_IGN])
def interrupt(request: pytest.FixtureRequest) -> Iterator[None]:
    """Handle SIGINT as an ordinary process does, or as one that a shell runs in the background."""
    before = signal.signal(signal.SIGINT, request.param)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.real_time
@pytest.mark.usefixtures("signals", "interrupt")
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it(stop: signal.Signals, caplog: pytest.LogCaptureFixture) -> None:
    """`serve` returns after SIGTERM or SIGINT, its app cleaned up and signals as they were."""
    before = [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)]
    seen: list[str] = []

    async def live(_: web.Application) -> AsyncIterator[None]:
        seen.append("started")
        threading.Timer(0.1, os.kill, (os.getpid(), stop)).start()
        yield
        seen.append("cleaned up")

    app = web.Application()
    app.cleanup_ctx.append(live)
    with caplog.at_level(logging.INFO):
        serve(app, port=free_port())
    assert seen == ["started", "cleaned up"]
    assert "serving on" in caplog.text
    assert [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)] == before
