"""Runs an aiohttp app with the time-outs that aiohttp's own server has not got.

A connection that is silent is closed after `idle` seconds, and one that has begun a request and not
finished its headers after `headers` seconds. A body is timed by who reads it; the receiver gives it
ten seconds.

SIGTERM or SIGINT ends it in this order: nothing new is accepted; what still comes on open
connections is answered, and each is closed after its answer; requests that are being answered get
`drain` seconds; then the app cleans up, as with `Webhooks.mount` its handlers have been given their
time for, and the process goes on after `serve`.
"""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias

from aiohttp import web

from planado_async.webhooks.inbox import check_positive

log: logging.Logger = logging.getLogger("planado_async.webhooks")

LAST_REQUESTS = 1.0
"""Seconds in which open connections may still bring a request when the server stops."""
_LOOK_AGAIN = 0.02
"""Seconds between two looks whether connections are still open."""
BACKLOG = 1024
"""Connections that the system keeps until they are accepted."""

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
Address: TypeAlias = Any
"""What a socket calls its address: host and port for most."""


def serve(
    app: web.Application,
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    headers: float = 10.0,
    idle: float = 30.0,
    drain: float = 10.0,
) -> None:
    """Run an aiohttp app until SIGTERM or SIGINT, then let it finish; times are in seconds."""
    asyncio.run(
        _until_signalled(app, host=host, port=port, headers=headers, idle=idle, drain=drain)
    )


async def _until_signalled(app: web.Application, **options: Any) -> None:
    signalled = asyncio.Event()
    with _on_signal(signalled.set):
        async with serving(app, **options) as addresses:
            log.info("serving on %s", addresses)
            await signalled.wait()
            log.info("stopping")


@contextmanager
def _on_signal(act: Callable[[], object]) -> Iterator[None]:
    """Call `act` in the running loop when SIGTERM or SIGINT comes."""
    loop = asyncio.get_running_loop()
    with ExitStack() as after:
        for one in (signal.SIGTERM, signal.SIGINT):
            before = signal.getsignal(one)
            if before is not None:  # else it is not Python's to put back
                after.callback(signal.signal, one, before)
            try:
                loop.add_signal_handler(one, act)
                after.callback(loop.remove_signal_handler, one)
            except NotImplementedError:  # on Windows, and in some loops
                signal.signal(one, lambda *_: loop.call_soon_threadsafe(act))
        yield


@asynccontextmanager
async def serving(
    app: web.Application,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    headers: float = 10.0,
    idle: float = 30.0,
    drain: float = 10.0,
) -> AsyncIterator[Sequence[Address]]:
    """Serve an app while the context lasts; yield the addresses. Port 0 is any free one."""
    check_positive(headers=headers, idle=idle, drain=drain)
    last = _LastAnswers()
    app.middlewares.insert(0, last.middleware)
    runner = web.AppRunner(app, access_log=None, keepalive_timeout=idle, shutdown_timeout=drain)
    await runner.setup()
    try:
        accept = runner.server
        assert accept is not None
        server = await asyncio.get_running_loop().create_server(
            lambda: _Line(accept(), headers), host, port, backlog=BACKLOG
        )
        try:
            yield [socket.getsockname() for socket in server.sockets]
        finally:
            server.close()
            await last.come(accept)
    finally:
        await runner.cleanup()


class _LastAnswers:
    """Lets a server that stops answer what is on its way, and close each connection after it."""

    def __init__(self) -> None:
        self._stopping = False

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer a request; the first of an app's middlewares."""
        line = _line.get()
        line.begin()
        try:
            return self._closing(await handler(request))
        except web.HTTPException as error:
            self._closing(error)
            raise
        finally:
            line.end()

    def _closing(self, response: web.StreamResponse) -> web.StreamResponse:
        if self._stopping:
            response.force_close()
        return response

    async def come(self, server: web.Server) -> None:
        """Wait until all connections are closed, but not for long."""
        self._stopping = True
        time = asyncio.get_running_loop().time
        end = time() + LAST_REQUESTS
        while server.connections and time() < end:  # noqa: ASYNC110  # aiohttp has no event for it
            await asyncio.sleep(_LOOK_AGAIN)


class _Line(asyncio.Protocol):
    """Stands between a connection and aiohttp, and closes it where headers take too long."""

    def __init__(self, handler: asyncio.Protocol, headers_within: float) -> None:
        self._handler = handler
        self._headers_within = headers_within
        self._answering = False
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hand on a new connection."""
        self._transport = transport
        _line.set(self)  # aiohttp starts its task for the connection now, which inherits it
        self._handler.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Hand on what came; where it is the first of a request, the rest is given its time."""
        if not self._answering and self._late is None:
            loop = asyncio.get_running_loop()
            self._late = loop.call_later(self._headers_within, self._transport.close)
        self._handler.data_received(data)

    def begin(self) -> None:
        """Take note that the headers of a request are there."""
        self._answering = True
        self._forget()

    def end(self) -> None:
        """Take note that the request is answered."""
        self._answering = False

    def connection_lost(self, exc: Exception | None) -> None:
        """Hand on the end."""
        self._forget()
        self._handler.connection_lost(exc)

    def _forget(self) -> None:
        if self._late:
            self._late.cancel()
        self._late = None

    def eof_received(self) -> bool | None:
        """Hand it on."""
        return self._handler.eof_received()

    def pause_writing(self) -> None:
        """Hand it on."""
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        """Hand it on."""
        self._handler.resume_writing()


_line: ContextVar[_Line] = ContextVar("planado_line")
"""The connection on which a request came."""
