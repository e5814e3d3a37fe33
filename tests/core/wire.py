"""A server on 127.0.0.1 that answers as it is told, and a transport to call it with."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Any, Self, cast

from aiohttp import web
from attrs import field, frozen

from planado_async.core.auth import ApiKey
from planado_async.core.limiter import LocalLimiter
from planado_async.core.retry import RetryPolicy
from planado_async.core.transport import Transport

KEY = "canary-4f1d0c"


@frozen(kw_only=True)
class Answer:
    """What the server does with one request."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(factory=dict)
    after: float = 0.0
    """Seconds before it answers."""
    cut: bool = False
    """Whether the line is cut in place of an answer."""


REFUSED = Answer(status=429, body=b"Rate Limit Exceeded")
FAILED = Answer(status=503, body=b"try later")
CUT = Answer(cut=True)


@frozen(kw_only=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float


class Wire:
    """Gives the answers in turn, the last one for ever."""

    def __init__(self, *answers: Answer, port: int = 0) -> None:
        self._answers = answers or (Answer(),)
        self._port = port
        self.asked: list[Asked] = []

    async def __aenter__(self) -> Self:
        self._runner = web.ServerRunner(
            web.Server(self._answer, access_log=None), shutdown_timeout=0.1
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}/v2"

    @property
    def methods(self) -> list[str]:
        return [each.method for each in self.asked]

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        answer = self._answers[min(len(self.asked), len(self._answers) - 1)]
        self.asked.append(
            Asked(
                method=request.method,
                path=request.raw_path,
                headers=dict(request.headers),
                body=await request.read(),
                at=asyncio.get_running_loop().time(),
            )
        )
        await asyncio.sleep(answer.after)
        if answer.cut and request.transport:
            request.transport.abort()
        return web.Response(status=answer.status, body=answer.body, headers=answer.headers)


@asynccontextmanager
async def raw_server(answer: bytes, *, then_spaces: int = 0) -> AsyncIterator[str]:
    """Serve these very bytes, then perhaps a space a second, then hang up; gives the base URL."""
    serving: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(cast("asyncio.Task[None]", asyncio.current_task()))
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            for _ in range(then_spaces):
                await asyncio.sleep(1.0)
                writer.write(b" ")
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v2"
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


@asynccontextmanager
async def opened(url: str, **options: Any) -> AsyncIterator[Transport]:
    """Open a transport without a budget, unless one is given."""
    chosen: dict[str, Any] = {
        "auth": ApiKey(KEY),
        "limiter": LocalLimiter(None),
        "retries": RetryPolicy(),
        "rng": random.Random(1),
        **options,
    }
    transport = Transport(base_url=url, **chosen)
    await transport.open()
    try:
        yield transport
    finally:
        await transport.close()
