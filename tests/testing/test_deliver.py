"""Events are delivered as Planado does it, to apps of every kind."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from planado_async.testing import Deliver, EventFactory
from planado_async.testing.deliver import AsgiApp, Message, Target
from planado_async.webhooks import Event, Webhooks

SECRET = "s3cret"


@pytest.fixture
async def sender() -> AsyncIterator[Deliver]:
    async with Deliver(SECRET) as sender:
        yield sender


@pytest.fixture
def event() -> EventFactory:
    return EventFactory()


def _hooks() -> tuple[Webhooks, list[Event]]:
    hooks, handled = Webhooks(":memory:", secret=SECRET), list[Event]()

    @hooks.on("*")
    async def keep(event: Event) -> None:
        handled.append(event)

    return hooks, handled


def _aiohttp(hooks: Webhooks) -> Target:
    app = web.Application()
    hooks.mount(app, "/planado")
    return app


def _starlette(hooks: Webhooks) -> Target:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, Any]]:
        async with hooks:
            yield {"hooks": hooks}

    app = Starlette(lifespan=lifespan)
    hooks.mount(app, "/planado")
    return app


@pytest.mark.parametrize("app_of", [_aiohttp, _starlette, Webhooks.asgi])
async def test_an_app_is_started_and_stopped(app_of: Any, event: EventFactory) -> None:
    """An app runs from the first delivery to the end, and its answers are returned."""
    hooks, handled = _hooks()
    app = app_of(hooks)
    async with Deliver(SECRET) as sender:
        first = event("job_started")
        assert await sender(app, first) == 204
        await hooks.settled()
        assert await sender(app, first, attempt=2) == 204
        assert await sender(app, event("job_finished"), secret="wrong") == 401
        assert await sender(app, event("job_finished"), secret="") == 401
        assert await sender(app, event("job_finished"), attempt=7) == 204
        assert await sender(app, b"no event") == 204
        await hooks.settled()
        assert (await hooks.inbox.counts()).dead == 1
    assert [(told.event_type, told.attempt) for told in handled] == [
        ("job_started", 1),
        ("job_finished", 7),
    ]
    with pytest.raises(Exception, match="open"):
        await hooks.inbox.counts()


async def test_a_running_service_is_reached_by_its_url(
    sender: Deliver, event: EventFactory
) -> None:
    """A URL, text or not, is posted to as it is, and a redirect is an answer."""

    async def move(_: web.Request) -> web.Response:
        raise web.HTTPFound("/planado")

    hooks, handled = _hooks()
    app = web.Application()
    app.router.add_post("/moved", move)
    hooks.mount(app, "/planado")
    async with TestServer(app, host="127.0.0.1") as server:
        assert await sender(server.make_url("/planado"), event("job_started")) == 204
        assert await sender(str(server.make_url("/moved")), event("job_started")) == 302
        await hooks.settled()
    assert len(handled) == 1


async def test_paths_and_headers(sender: Deliver, event: EventFactory) -> None:
    """The request says what it is, its secret and the number of the attempt, at the path given."""
    seen: list[tuple[str, ...]] = []
    names = ("Content-Type", "X-Planado-Secret", "X-Planado-Delivery-Attempt")

    async def look(request: web.Request) -> web.Response:
        seen.append((request.path, *(request.headers[name] for name in names)))
        return web.Response(status=503)

    app = web.Application()
    app.router.add_post("/{tail:.*}", look)
    assert await sender(app, event("job_started")) == 503
    assert await sender(app, event("job_started"), path="/hooks/a", secret="new", attempt=3) == 503
    json = "application/json"
    assert seen == [("/planado", json, SECRET, "1"), ("/hooks/a", json, "new", "3")]


async def test_many_are_repeated_and_mixed(sender: Deliver, event: EventFactory) -> None:
    """Each event is sent as often as asked, in order or mixed, and handled once all the same."""
    events = [event("job_updated", external_id=f"wo-{n}") for n in range(8)]
    seen: list[tuple[str, str]] = []

    async def look(request: web.Request) -> web.Response:
        attempt = request.headers["X-Planado-Delivery-Attempt"]
        seen.append(((await request.json())["job"]["external_id"], attempt))
        return web.Response(status=202)

    app = web.Application()
    app.router.add_post("/planado", look)
    assert await sender.many(app, iter(events), repeat=2) == [202] * 16
    in_order = [(f"wo-{n}", attempt) for attempt in "12" for n in range(8)]
    assert seen == in_order
    seen.clear()
    await sender.many(app, events, repeat=2, shuffle=True)
    assert seen != in_order
    assert sorted(seen) == sorted(in_order)


async def test_the_first_mix_is_always_the_same(event: EventFactory) -> None:
    """Two senders mix alike, so that a test that fails can be repeated."""
    bodies = [event("job_updated", external_id=f"wo-{n}") for n in range(8)]
    mixes = []
    for _ in range(2):
        hooks, _handled = _hooks()
        async with Deliver(SECRET) as sender:
            await sender.many(_aiohttp(hooks), bodies, shuffle=True)
            stored: Any = hooks.inbox
            mixes.append([told.event_uuid for told in await stored.deliveries()])
    assert mixes[0] == mixes[1] != [body["event_uuid"] for body in bodies]


async def test_an_answer_too_late_is_told(sender: Deliver, event: EventFactory) -> None:
    """Whoever takes longer than Planado waits is told by an error, over HTTP and in process."""

    async def sleep(_: web.Request) -> web.Response:
        await asyncio.sleep(11)
        raise AssertionError

    async def asleep(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(11)

    app = web.Application()
    app.router.add_post("/planado", sleep)
    targets: list[Target] = [app, asleep]
    for target in targets:
        with pytest.raises(TimeoutError):
            await sender(target, event("job_started"))


def _plain(*answers: Message) -> AsgiApp:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        assert (await receive())["body"].startswith(b"{")
        for answer in answers:
            await send(answer)
        if answers:
            assert (await receive())["type"] == "http.disconnect"

    return app


async def test_an_app_without_lifespan_is_served(sender: Deliver, event: EventFactory) -> None:
    """An ASGI app that refuses the lifespan is called all the same; one must answer."""
    start = {"type": "http.response.start", "status": 418}
    more = {"type": "http.response.body", "body": b"a", "more_body": True}
    end = {"type": "http.response.body", "body": b"b"}
    assert await sender(_plain(start, more, end), event("job_started")) == 418
    with pytest.raises(RuntimeError, match="without an answer"):
        await sender(_plain(), event("job_started"))


async def test_what_the_lifespan_gives_is_in_the_requests(
    sender: Deliver, event: EventFactory
) -> None:
    """Each request of an ASGI app has the state that its lifespan has made."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, int]]:
        yield {"status": 202}

    async def answer(request: Request) -> Response:
        return Response(status_code=request.state.status)

    app = Starlette(routes=[Route("/planado", answer, methods=["POST"])], lifespan=lifespan)
    assert await sender(app, event("job_started")) == 202


@pytest.mark.real_time
async def test_an_app_that_cannot_start_is_told(event: EventFactory, tmp_path: Path) -> None:
    """What an ASGI app says of a failed start or end is in the error."""

    @asynccontextmanager
    async def breaks(_: Starlette) -> AsyncIterator[None]:
        yield
        raise OSError("disk full")

    hooks = Webhooks(tmp_path / "missing" / "inbox.db", secret=SECRET)
    async with Deliver(SECRET) as sender:
        with pytest.raises(RuntimeError, match=r"startup failed: .*inbox.db"):
            await sender(hooks.asgi(), event("job_started"))
    with pytest.raises(RuntimeError, match=r"shutdown failed: (.|\n)*disk full"):
        async with Deliver(SECRET) as sender:
            assert await sender(Starlette(lifespan=breaks), event("job_started")) == 404
