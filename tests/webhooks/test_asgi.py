"""The receiver under ASGI: by itself, mounted, and what only an ASGI server can bring.

What it answers is tested with the receiver for aiohttp.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from planado_async.core.errors import ConfigurationError
from planado_async.webhooks import Event, SqliteInbox, Webhooks, asgi
from planado_async.webhooks.asgi import INFLATED_AT_ONCE, Asgi
from tests.webhooks.making import SECRET, body
from tests.webhooks.serving import GOOD, on_uvicorn

HEADERS = [(b"x-planado-secret", SECRET.encode())]


class Heard:
    """Webhooks with one handler, and what it was called for."""

    def __init__(self, inbox: str | Path = ":memory:") -> None:
        self.hooks = Webhooks(inbox, secret=SECRET)
        self.events: asyncio.Queue[str] = asyncio.Queue()

        @self.hooks.on("*", name="hear")
        async def hear(event: Event) -> None:
            await self.events.put(event.event_uuid)


Framework = Callable[..., Any]


@pytest.fixture(params=[Starlette, FastAPI])
def framework(request: pytest.FixtureRequest) -> Framework:
    """The frameworks that a user may have."""
    made: Framework = request.param
    return made


def with_hooks(framework: Framework, hooks: Webhooks, **options: Any) -> Any:
    """Return an app that runs hooks in its lifespan, and answers /other by itself."""

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        async with hooks:
            yield

    app = framework(lifespan=lifespan)

    async def other(_: Any) -> PlainTextResponse:
        return PlainTextResponse("other")

    hooks.mount(app, "/planado", **options)
    app.add_route("/other", other)
    return app


async def test_mounted_it_stores_and_handles(framework: Framework) -> None:
    """In an app of Starlette or FastAPI both forms of the path answer, and the app its own."""
    heard = Heard()
    async with on_uvicorn(with_hooks(framework, heard.hooks)) as client:
        assert await client.post(body("e1"), path="/planado") == 204
        assert await client.post(body("e2"), path="/planado/") == 204
        assert await client.post(body("e3"), {}, path="/planado") == 401
        async with asyncio.timeout(60):
            assert {await heard.events.get(), await heard.events.get()} == {"e1", "e2"}
        async with client.session.put("/planado") as response:
            assert response.status == 405
        async with client.session.get("/other") as response:
            assert (response.status, await response.text()) == (200, "other")
        async with client.session.get("/elsewhere") as response:
            assert response.status == 404


async def test_it_can_be_mounted_by_hand(framework: Framework) -> None:
    """The framework's own `mount` works too, for the path that ends in a slash."""
    heard = Heard()
    app = framework()
    app.mount("/planado", heard.hooks.asgi(health="/health"))
    async with heard.hooks, on_uvicorn(app) as client:
        assert await client.post(body(), path="/planado/") == 204
        async with client.session.get("/planado/health") as response:
            assert (response.status, await response.json()) == (200, {"status": "ok"})


async def test_routes_of_starlette_take_it() -> None:
    """The app is a route's endpoint, in a router within a router."""
    heard = Heard()
    inner = [Route("/planado", heard.hooks.asgi())]
    app = Starlette(routes=[Mount("/hooks", routes=inner)])
    async with heard.hooks, on_uvicorn(app) as client:
        assert await client.post(body(), path="/hooks/planado") == 204


async def test_an_app_that_does_not_run_the_hooks_stores_nothing(framework: Framework) -> None:
    """Where the lifespan was forgotten each event is answered 503, so that none is lost."""
    app = framework()
    Heard().hooks.mount(app, "/planado")
    async with on_uvicorn(app) as client:
        assert await client.post(body()) == 503


@pytest.mark.real_time
async def test_by_itself_it_starts_and_ends_with_the_server(tmp_path: Path) -> None:
    """A server that runs it alone opens the inbox and lets it go when it stops."""
    for life in range(2):
        heard = Heard(tmp_path / "inbox.db")
        async with on_uvicorn(heard.hooks.asgi()) as client:
            assert await client.post(body(f"e{life}"), path="/anything") == 204
            assert await asyncio.wait_for(heard.events.get(), 30) == f"e{life}"


async def life(app: Asgi) -> list[dict[str, Any]]:
    """Start and stop an app as a server does; return what it said."""
    said: list[dict[str, Any]] = []
    told = iter(["lifespan.startup", "lifespan.shutdown"])

    async def receive() -> dict[str, Any]:
        return {"type": next(told)}

    async def send(message: Any) -> None:
        said.append(dict(message))

    await app({"type": "lifespan"}, receive, send)
    return said


async def test_a_start_that_fails_is_told_to_the_server(tmp_path: Path) -> None:
    """An inbox that cannot be opened keeps the server from starting, with the reason."""
    hooks = Webhooks(tmp_path / "nowhere" / "inbox.db", secret=SECRET)
    [failed] = await life(hooks.asgi())
    assert failed["type"] == "lifespan.startup.failed"
    assert "inbox.db" in failed["message"]


async def test_an_end_that_fails_is_told_to_the_server() -> None:
    """An inbox that cannot be closed is told, and not taken for a server without lifespan."""

    class Stuck(SqliteInbox):
        async def close(self) -> None:
            raise OSError("stuck")

    class Owner(Webhooks):
        async def __aexit__(self, *_: object) -> None:
            await self.inbox.close()

    told = await life(Owner(Stuck(":memory:"), secret=SECRET).asgi())
    assert told[-1] == {"type": "lifespan.shutdown.failed", "message": "stuck"}


async def test_an_app_of_parts_lives_without_hooks() -> None:
    """`asgi` of an inbox leaves its opening to the caller."""
    async with SqliteInbox(":memory:") as inbox:
        told = await life(asgi(inbox, secrets=SECRET))
        assert [one["type"] for one in told] == [
            "lifespan.startup.complete",
            "lifespan.shutdown.complete",
        ]
        assert (await inbox.counts()).waiting == 0  # still open


async def answered(
    inbox: SqliteInbox, *pieces: bytes, headers: Any = (), version: str = "1.1"
) -> dict[str, Any]:
    """Send the pieces of a body as one POST, and return the start of the answer."""
    left = list(pieces)
    said: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not left:
            return {"type": "http.disconnect"}
        piece = left.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(left)}

    async def send(message: Any) -> None:
        said.append(dict(message))

    scope = {"type": "http", "method": "POST", "path": "/", "http_version": version}
    app = asgi(inbox, secrets=SECRET)
    await app(scope | {"headers": [*HEADERS, *headers]}, receive, send)
    return said[0]


@pytest.fixture
async def stored() -> AsyncIterator[SqliteInbox]:
    async with SqliteInbox(":memory:") as opened:
        yield opened


async def test_pieces_make_one_body(stored: SqliteInbox) -> None:
    """A body comes in pieces, some of them empty, and is stored whole."""
    sent = body()
    assert (await answered(stored, sent[:9], b"", sent[9:], b""))["status"] == 204
    [found] = await stored.deliveries()
    assert found.body == sent


async def test_a_sender_that_hangs_up_is_not_stored(stored: SqliteInbox) -> None:
    """A body that breaks off is no delivery."""
    assert (await answered(stored))["status"] == 400
    assert await stored.deliveries() == []


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def gzipped(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


PACKED = [
    ("gzip", gzipped),
    ("GZIP", gzipped),
    ("deflate", zlib.compress),
    ("deflate", raw_deflate),
]


@pytest.mark.parametrize(("encoding", "pack"), PACKED)
@pytest.mark.parametrize("size", [0, INFLATED_AT_ONCE, 3 * INFLATED_AT_ONCE])
async def test_compressed_bodies_come_out_whole(
    stored: SqliteInbox, encoding: str, pack: Callable[[bytes], bytes], size: int
) -> None:
    """Each encoding is undone, in one piece or byte by byte, however much comes out at once."""
    sent = body(description="x" * size)
    packed = pack(sent)
    headers = [(b"content-encoding", encoding.encode())]
    for pieces in ([packed], [packed[n : n + 1] for n in range(len(packed))]):
        assert (await answered(stored, *pieces, headers=headers))["status"] == 204
    [found] = await stored.deliveries()
    assert (found.body, found.repeats) == (sent, 1)


@pytest.mark.parametrize(
    "sent", [gzipped(body())[:-9], gzipped(body()) + b"x", b"", b"\x1f\x8b", b"{}"]
)
async def test_a_compressed_body_that_is_none_is_refused(stored: SqliteInbox, sent: bytes) -> None:
    """What ends too early, goes on after its end, or is not compressed at all is answered 400."""
    headers = [(b"content-encoding", b"gzip")]
    assert (await answered(stored, sent, headers=headers))["status"] == 400
    assert (await answered(stored, sent, b"x", headers=headers))["status"] == 400
    assert await stored.deliveries() == []


async def test_an_unknown_encoding_is_kept_as_it_came(stored: SqliteInbox) -> None:
    """A body in an encoding that nobody here knows is a dead letter."""
    headers = [(b"content-encoding", b"br")]
    assert (await answered(stored, b"\x0b\x02\x80", headers=headers))["status"] == 204
    assert (await stored.counts()).dead == 1


@pytest.mark.parametrize(("version", "closes"), [("1.0", True), ("1.1", True), ("2", False)])
async def test_a_refusal_ends_the_connection(
    stored: SqliteInbox, version: str, closes: bool
) -> None:
    """HTTP/1 is told to close after a refusal; later versions have no such header."""
    start = await answered(stored, b"x" * 300_000, version=version)
    assert start["status"] == 413
    assert ((b"connection", b"close") in start["headers"]) is closes


async def test_a_websocket_is_turned_away(stored: SqliteInbox) -> None:
    """Whoever opens a websocket here is refused before it is accepted."""
    said = []

    async def send(message: Any) -> None:
        said.append(message["type"])

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    await asgi(stored, secrets=SECRET)({"type": "websocket"}, receive, send)
    assert said == ["websocket.close"]


@pytest.mark.parametrize("path", ["", "/", "planado"])
def test_a_path_that_leads_nowhere_is_refused(path: str, framework: Framework) -> None:
    """A mount needs a path of its own."""
    hooks = Webhooks(":memory:", secret=SECRET)
    with pytest.raises(ConfigurationError, match="mount"):
        hooks.mount(framework(), path)
    with pytest.raises(ConfigurationError, match="health"):
        hooks.mount(framework(), "/planado", health=path)


async def test_good_headers_are_the_senders(framework: Framework) -> None:
    """Middlewares and routes of the framework take nothing from the request."""
    heard = Heard()
    async with on_uvicorn(with_hooks(framework, heard.hooks), "httptools") as client:
        assert await client.post(body(), GOOD | {"X-Planado-Delivery-Attempt": "3"}) == 204
        inbox = heard.hooks.inbox
        assert isinstance(inbox, SqliteInbox)
        [found] = await inbox.deliveries()
        assert found.attempt == 3
