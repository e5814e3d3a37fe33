"""The receiver for ASGI servers and frameworks: uvicorn, Starlette, FastAPI.

Servers hand on bodies as they were sent, so what is compressed is decompressed here, never more of
it at once than is still allowed.
"""

import zlib
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Protocol, TypeAlias

from planado_async.webhooks import events
from planado_async.webhooks.health import Health
from planado_async.webhooks.inbox import Inbox
from planado_async.webhooks.intake import MAX_BODY, Answer, Intake, Read, Secrets

Message: TypeAlias = MutableMapping[str, Any]
Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Header: TypeAlias = tuple[bytes, bytes]

INFLATED_AT_ONCE = 65_536
"""Bytes that one step of decompressing makes at most."""


class Routed(Protocol):
    """What `Webhooks.mount` needs of an app; those of Starlette and FastAPI have it."""

    def add_route(self, path: str, route: Any, /) -> None:
        """Answer exactly this path."""
        ...

    def mount(self, path: str, app: Any, /) -> None:
        """Answer what is below this path."""
        ...


class Asgi:
    """An ASGI 3 app that answers webhooks at every path it is asked for, and health at one.

    Run by itself, it enters `live` when the server starts and leaves it when the server stops.
    """

    def __init__(
        self,
        intake: Intake,
        *,
        health: tuple[str, Health] | None = None,
        live: AbstractAsyncContextManager[Any] | None = None,
    ) -> None:
        self._intake = intake
        self._health = health
        self._live = live or nullcontext()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or one life of the server."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif self._health and self._health[0] == _path(scope):
            await _answer_health(self._health[1], scope, send)
        elif scope["method"] != "POST":
            await _send(send, 405, [(b"allow", b"POST")])
        else:
            await self._post(scope, receive, send)

    async def _post(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = scope["headers"]
        answer = await self._intake.answer(headers, _decoded(_Body(receive).read, headers))
        await _send(send, answer.status, _headers(answer, scope))

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self._live.__aenter__()
        except Exception as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        try:
            await self._live.__aexit__(None, None, None)
        except Exception as error:
            await send({"type": "lifespan.shutdown.failed", "message": str(error)})
            return
        await send({"type": "lifespan.shutdown.complete"})


def asgi(
    inbox: Inbox,
    *,
    secrets: Secrets,
    max_body: int = MAX_BODY,
    insecure: bool = False,
) -> Asgi:
    """Return an ASGI 3 app that stores webhooks in `inbox`; `receiver` tells of the arguments.

    The inbox must be open while requests arrive.
    """
    return Asgi(Intake(inbox, secrets=secrets, max_body=max_body, insecure=insecure))


class HealthAsgi:
    """An ASGI 3 app that answers questions about health at every path it is asked for."""

    def __init__(self, health: Health) -> None:
        self._health = health

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await _answer_health(self._health, scope, send)


async def _answer_health(health: Health, scope: Scope, send: Send) -> None:
    if scope["method"] not in ("GET", "HEAD"):
        await _send(send, 405, [(b"allow", b"GET, HEAD")])
        return
    report = await health.answer(scope["headers"])
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    body = b"" if scope["method"] == "HEAD" else report.body
    await _send(send, report.status, headers, body)


def _path(scope: Scope) -> str:
    """Return the path below where the app is mounted."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def _headers(answer: Answer, scope: Scope) -> list[Header]:
    headers = []
    if answer.retry_after:
        headers.append((b"retry-after", b"%d" % answer.retry_after))
    if answer.closes and scope["http_version"].startswith("1"):  # later ones have no such header
        headers.append((b"connection", b"close"))
    return headers


async def _send(send: Send, status: int, headers: Sequence[Header], body: bytes = b"") -> None:
    length = [] if status == 204 else [(b"content-length", b"%d" % len(body))]
    start = {"type": "http.response.start", "status": status, "headers": [*headers, *length]}
    await send(start)
    await send({"type": "http.response.body", "body": body})


class _Body:
    """Reads the body of a request piece by piece."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._more = True

    async def read(self) -> bytes:
        while self._more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ConnectionResetError("the sender hung up before the end of the body")
            self._more = message.get("more_body", False)
            if body := message.get("body", b""):
                return bytes(body)
        return b""


def _decoded(read: Read, headers: events.Headers) -> Read:
    """Return a reader of what the body holds, by the encodings aiohttp knows without more."""
    encodings = [value.lower() for value in events.values(headers, b"content-encoding")]
    return _Inflated(read, encodings[0]).read if encodings in ([b"gzip"], [b"deflate"]) else read


class _Inflated:
    """Decompresses a body, in bounded steps.

    `deflate` is zlib's format by the standard, and the bare one from some senders; the first byte
    tells.
    """

    def __init__(self, read: Read, encoding: bytes) -> None:
        self._read = read
        self._encoding = encoding
        self._inflate: Any = None  # zlib has no name for its type

    async def read(self) -> bytes:
        while self._inflate is None or not self._inflate.eof:
            sent = await self._next()
            if self._inflate is None:
                self._inflate = zlib.decompressobj(_window(self._encoding, sent))
            inflated: bytes = self._inflate.decompress(sent, INFLATED_AT_ONCE)
            if inflated:
                return inflated
            if not sent and not self._inflate.eof:
                raise EOFError("the compressed body ends too early")
        if self._inflate.unused_data or await self._read():
            raise ValueError("the compressed body goes on after its end")
        return b""

    async def _next(self) -> bytes:
        if self._inflate and self._inflate.unconsumed_tail:
            rest: bytes = self._inflate.unconsumed_tail
            return rest
        return await self._read()


def _window(encoding: bytes, sent: bytes) -> int:
    """Return zlib's name for the format of a body."""
    if encoding == b"gzip":
        return 16 + zlib.MAX_WBITS
    return zlib.MAX_WBITS if not sent or sent[0] & 0xF == 8 else -zlib.MAX_WBITS
