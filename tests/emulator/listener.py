"""A receiver of webhooks that keeps what it gets and answers as told."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import orjson
from aiohttp import web
from attrs import frozen

BOUND_S = 30 * 86400


@frozen
class Got:
    """One delivery as it arrived, with the loop's time of arrival."""

    at: float
    headers: Any
    body: Any

    @property
    def attempt(self) -> int:
        return int(self.headers["X-Planado-Delivery-Attempt"])

    @property
    def type(self) -> str:
        return str(self.body["event_type"])


class Listener:
    """Answers 204, or the status that `decide` gives; None keeps the sender waiting."""

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.decide: Callable[[Got], int | None] = lambda got: 204
        self._arrived = asyncio.Event()
        self.working = 0
        self.most_working = 0

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/hook", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
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
        host, port = self._runner.addresses[0]
        return f"http://{host}:{port}/hook"

    @property
    def types(self) -> list[str]:
        return [got.type for got in self.got]

    async def _take(self, request: web.Request) -> web.Response:
        body = orjson.loads(await request.read())
        got = Got(asyncio.get_running_loop().time(), request.headers.copy(), body)
        self.got.append(got)
        self._arrived.set()
        self.working += 1
        self.most_working = max(self.working, self.most_working)
        try:
            await asyncio.sleep(0)
            status = self.decide(got)
            if status is None:
                await asyncio.sleep(3600)
                status = 204
            headers = {"Location": self.url} if 300 <= status < 400 else {}
            return web.Response(
                status=status, text="" if status == 204 else "said", headers=headers
            )
        finally:
            self.working -= 1

    async def until(self, count: int) -> list[Got]:
        """What has arrived, once there is so much of it."""
        try:
            async with asyncio.timeout(BOUND_S):
                while len(self.got) < count:
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            text = f"only {len(self.got)} of {count} arrived: {self.types}"
            raise AssertionError(text) from None
        return self.got
