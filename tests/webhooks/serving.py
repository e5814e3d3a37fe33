"""Serves what receives webhooks on 127.0.0.1, by each of the servers it is made for."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Any, Literal, TypeAlias

import aiohttp
import attrs
import uvicorn
from aiohttp import web

from planado_async.webhooks import asgi, receiver
from planado_async.webhooks.inbox import Inbox
from planado_async.webhooks.server import serving
from tests.webhooks.making import SECRET

GOOD = {"X-Planado-Secret": SECRET}
Http: TypeAlias = Literal["h11", "httptools"]


@attrs.frozen
class Client:
    """Sends requests to one server."""

    port: int
    session: aiohttp.ClientSession

    async def post(
        self, data: object, headers: Mapping[str, str] = GOOD, path: str = "/planado"
    ) -> int:
        """Return the status of the answer to a POST, which has no body."""
        # A redirect is no answer: a webhook need not follow it.
        async with self.session.post(
            path, data=data, headers=headers, allow_redirects=False
        ) as response:
            assert await response.read() == b""
            return response.status

    async def raw(self, sent: bytes, *, end: bool = False) -> bytes:
        """Send bytes as they are, and return all that comes back until the server closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(sent)
        if end:
            writer.write_eof()
        async with asyncio.timeout(30):
            answer = await reader.read()
        writer.close()
        return answer


@asynccontextmanager
async def client_of(port: int) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        yield Client(port, session)


@asynccontextmanager
async def on_aiohttp(app: web.Application) -> AsyncIterator[Client]:
    """Serve an aiohttp app."""
    async with serving(app) as addresses, client_of(addresses[0][1]) as client:
        yield client


@asynccontextmanager
async def on_uvicorn(app: Any, http: Http = "h11") -> AsyncIterator[Client]:
    """Serve an ASGI app."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, http=http, ws="none", log_config=None, access_log=False)
    server = _Uvicorn(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not task.done():  # noqa: ASYNC110  # it has no event for it
        await asyncio.sleep(0.005)
    try:
        async with client_of(listener.getsockname()[1]) as client:
            yield client
    finally:
        server.should_exit = True
        await task


class _Uvicorn(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to pytest."""
        yield


Serve: TypeAlias = Callable[..., AbstractAsyncContextManager[Client]]


@asynccontextmanager
async def aiohttp_receiver(inbox: Inbox, **options: Any) -> AsyncIterator[Client]:
    """Serve the receiver for aiohttp at /planado."""
    app = web.Application()
    app.add_subapp("/planado", receiver(inbox, **{"secrets": SECRET} | options))
    async with on_aiohttp(app) as client:
        yield client


def asgi_receiver(http: Http) -> Serve:
    """Return what serves the receiver for ASGI with one of uvicorn's parsers."""

    def serve(inbox: Inbox, **options: Any) -> AbstractAsyncContextManager[Client]:
        return on_uvicorn(asgi(inbox, **{"secrets": SECRET} | options), http)

    return serve


RECEIVERS: Mapping[str, Serve] = {
    "aiohttp": aiohttp_receiver,
    "asgi-h11": asgi_receiver("h11"),
    "asgi-httptools": asgi_receiver("httptools"),
}
