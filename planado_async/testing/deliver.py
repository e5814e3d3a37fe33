"""Sends events to an app under test, as Planado does."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from contextlib import AsyncExitStack
from random import Random
from types import TracebackType
from typing import Any, Protocol, Self, TypeAlias

import aiohttp
import attrs
import orjson
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

Message: TypeAlias = MutableMapping[str, Any]
AsgiApp: TypeAlias = Callable[
    [Any, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]
]
Target: TypeAlias = web.Application | str | URL | AsgiApp

ANSWER_WITHIN = 10.0
"""Seconds that Planado gives a receiver to answer."""


class Deliver:
    """Sends events as Planado does, inside `async with`.

    The target is an aiohttp app, an ASGI app, or the URL of a receiver that runs already. An app is
    started with the first delivery to it and stopped at the end. `secret` goes with each request.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._random = Random(0)
        self._stack = AsyncExitStack()
        self._apps: dict[int, _Receiver] = {}

    async def __call__(
        self,
        target: Target,
        event: Mapping[str, Any] | bytes,
        *,
        path: str = "/planado",
        secret: str | None = None,
        attempt: int = 1,
    ) -> int:
        """Send an event once and return the status of the answer.

        `path` is where the app answers webhooks; a URL says that by itself. `attempt` is the
        number of Planado's try. With `secret=""` none is sent.

        Raises:
            TimeoutError: there is no answer within the ten seconds that Planado waits.
        """
        body = event if isinstance(event, bytes) else orjson.dumps(event)
        headers = {"Content-Type": "application/json", "X-Planado-Delivery-Attempt": str(attempt)}
        if given := self._secret if secret is None else secret:
            headers["X-Planado-Secret"] = given
        receiver = await self._receiver(target)
        async with asyncio.timeout(ANSWER_WITHIN):
            return await receiver.post(path, body, headers)

    async def many(
        self,
        target: Target,
        events: Iterable[Mapping[str, Any] | bytes],
        *,
        path: str = "/planado",
        repeat: int = 1,
        shuffle: bool = False,
    ) -> list[int]:
        """Send events one after the other, each `repeat` times, and return the statuses.

        The repeats have the attempts 2, 3, … `shuffle` mixes them all, in each run the same way.
        """
        given = list(events)
        sent = [(event, attempt) for attempt in range(1, repeat + 1) for event in given]
        if shuffle:
            self._random.shuffle(sent)
        return [
            await self(target, event, path=path, attempt=attempt)  # in this order
            for event, attempt in sent
        ]

    async def _receiver(self, target: Target) -> "_Receiver":
        if isinstance(target, str | URL):
            return _Http(self._session, lambda _: URL(target))
        if id(target) not in self._apps:
            self._apps[id(target)] = await self._start(target)
        return self._apps[id(target)]

    async def _start(self, app: web.Application | AsgiApp) -> "_Receiver":
        if isinstance(app, web.Application):
            server = await self._stack.enter_async_context(TestServer(app, host="127.0.0.1"))
            return _Http(self._session, server.make_url)
        return await self._stack.enter_async_context(_Asgi(app))

    async def __aenter__(self) -> Self:
        session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        self._session = await self._stack.enter_async_context(session)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._apps.clear()
        await self._stack.aclose()


class _Receiver(Protocol):
    """Takes a request and returns the status it is answered with."""

    async def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> int: ...


@attrs.frozen
class _Http:
    """A receiver that is reached over HTTP; `url` tells where a path of it is."""

    session: aiohttp.ClientSession
    url: Callable[[str], URL]

    async def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> int:
        sending = self.session.post(
            self.url(path), data=body, headers=headers, allow_redirects=False
        )
        async with sending as answer:
            return answer.status


class _Asgi:
    """An ASGI app that is called in this process, from its startup to its shutdown."""

    def __init__(self, app: AsgiApp) -> None:
        self._app = app
        self._told: asyncio.Queue[Message] = asyncio.Queue()
        self._heard: asyncio.Queue[Message] = asyncio.Queue()
        self._state: dict[str, Any] = {}

    async def __aenter__(self) -> Self:
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": self._state}
        self._life = asyncio.ensure_future(self._app(scope, self._told.get, self._heard.put))
        try:
            await self._go("startup")
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self._go("shutdown")
        finally:
            await self._end()

    async def _end(self) -> None:
        self._life.cancel()
        await asyncio.gather(self._life, return_exceptions=True)

    async def _go(self, stage: str) -> None:
        """Tell the app of a stage and wait for its word; one that knows no lifespan has ended."""
        self._told.put_nowait({"type": f"lifespan.{stage}"})
        word = asyncio.ensure_future(self._heard.get())
        await asyncio.wait((word, self._life), return_when=asyncio.FIRST_COMPLETED)
        if not word.done():
            word.cancel()
        elif (message := word.result())["type"] == f"lifespan.{stage}.failed":
            raise RuntimeError(f"the app's {stage} failed: {message.get('message', '')}")

    async def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> int:
        request, ended, statuses = [body], asyncio.Event(), list[int]()

        async def receive() -> Message:
            if request:
                return {"type": "http.request", "body": request.pop(), "more_body": False}
            await ended.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])
            elif not message.get("more_body", False):
                ended.set()

        await self._app(self._scope(path, body, headers), receive, send)
        if not statuses:
            raise RuntimeError("the app has returned without an answer")
        return statuses[0]

    def _scope(self, path: str, body: bytes, headers: Mapping[str, str]) -> Message:
        sent = {"Host": "127.0.0.1", "Content-Length": str(len(body)), **headers}
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
            "client": ("127.0.0.1", 0),
            "server": ("127.0.0.1", 80),
            "state": self._state.copy(),
        }
