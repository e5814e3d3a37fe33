"""A line to a server that takes its time with each call, and notes when calls come and end."""

import asyncio
import math
from collections.abc import Callable
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp import web
from attrs import define

_PASSED_ON = ("Content-Type", "Retry-After")


@define
class Passing:
    """A call that goes over the line; times are seconds of the event loop."""

    began: float
    ended: float = math.inf
    """When its answer left the server."""
    refused: bool = False


class SlowLine:
    """Forwards what comes to `url`, each call after the seconds that `delay` tells.

    The delay is before the server, so that is who sees late calls, in another order.
    """

    def __init__(self, server_url: str, delay: Callable[[], float]) -> None:
        self._server_url = server_url
        self._delay = delay
        self.calls: list[Passing] = []
        self.url = ""

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._pass)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v2"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._runner.cleanup()
        await self._session.close()

    async def _pass(self, request: web.Request) -> web.Response:
        call = Passing(began=asyncio.get_running_loop().time())
        self.calls.append(call)
        body = await request.read()
        await asyncio.sleep(self._delay())
        async with self._session.request(
            request.method,
            self._server_url + request.path_qs.removeprefix("/v2"),
            headers={name: request.headers[name] for name in _headers_of(request)},
            data=body,
        ) as answer:
            content = await answer.read()
            call.refused = answer.status == 429 or content == b"Rate Limit Exceeded"
            call.ended = asyncio.get_running_loop().time()
            headers = {name: answer.headers[name] for name in _PASSED_ON if name in answer.headers}
            return web.Response(status=answer.status, body=content, headers=headers)


def _headers_of(request: web.Request) -> list[str]:
    return [name for name in ("X-Planado-API-Key", "Content-Type") if name in request.headers]
