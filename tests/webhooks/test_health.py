"""What is told of the receiver's health, to whom, and that it is true."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from pathlib import Path
from typing import Any, TypeAlias

import orjson
import pytest
from aiohttp import web
from fastapi import FastAPI

from planado_async.core.errors import StorageError
from planado_async.core.secret import Secret
from planado_async.webhooks import Event, SqliteInbox, Vitals, Webhooks
from planado_async.webhooks.asgi import HealthAsgi
from planado_async.webhooks.health import FRESH_FOR, PATIENCE, Health, report
from tests.webhooks.making import SECRET, LoopClock, body, delivery
from tests.webhooks.serving import GOOD, Client, on_aiohttp, on_uvicorn

Mounted: TypeAlias = Callable[[Webhooks], AbstractAsyncContextManager[Client]]


@asynccontextmanager
async def in_aiohttp(hooks: Webhooks) -> AsyncIterator[Client]:
    app = web.Application()
    hooks.mount(app, "/planado", health="/health")
    async with on_aiohttp(app) as client:
        yield client


@asynccontextmanager
async def in_fastapi(hooks: Webhooks) -> AsyncIterator[Client]:
    app = FastAPI()
    hooks.mount(app, "/planado", health="/health")
    async with hooks, on_uvicorn(app) as client:
        yield client


@asynccontextmanager
async def by_itself(hooks: Webhooks) -> AsyncIterator[Client]:
    async with on_uvicorn(hooks.asgi(health="/health")) as client:
        yield client


@pytest.fixture(params=[in_aiohttp, in_fastapi, by_itself])
def mounted(request: pytest.FixtureRequest) -> Mounted:
    """Each way to have the receiver answer questions about its health."""
    made: Mounted = request.param
    return made


async def ask(client: Client, **headers: str) -> tuple[int, Any]:
    async with client.session.get("/health", headers=headers) as response:
        assert response.headers["Cache-Control"] == "no-store"
        assert response.content_type == "application/json"
        return response.status, orjson.loads(await response.read())


async def test_the_numbers_are_for_those_who_know_the_secret(mounted: Mounted) -> None:
    """Anybody learns that all is well; how much waits and is dead is told for the secret."""
    hooks = Webhooks(SqliteInbox(":memory:", clock=LoopClock()), secret=SECRET)

    @hooks.on("*", name="never")
    async def never(event: Event) -> None:
        await asyncio.Event().wait()

    assert isinstance(hooks.inbox, SqliteInbox)
    async with hooks.inbox, mounted(hooks) as client:
        assert await client.post(b"no event") == 204
        assert await client.post(body("e1")) == 204
        await asyncio.sleep(7.0)
        assert await client.post(body("e2")) == 204
        assert await ask(client) == (200, {"status": "ok"})
        assert await ask(client, **{"X-Planado-Secret": "guessed"}) == (200, {"status": "ok"})
        status, told = await ask(client, **GOOD)
        assert 7.0 <= told.pop("oldest_waiting_for") < 60.0
        assert (status, told) == (200, {"status": "ok", "waiting": 2, "dead": 1})


async def test_only_questions_are_answered(mounted: Mounted) -> None:
    """HEAD is answered without a body, and what is no question with 405."""
    async with mounted(Webhooks(":memory:", secret=SECRET)) as client:
        async with client.session.head("/health") as response:
            assert (response.status, await response.read()) == (200, b"")
        async with client.session.post("/health", headers=GOOD) as response:
            assert response.status == 405


async def test_an_answer_to_head_has_no_body_of_ours() -> None:
    """An ASGI server may send whatever it is given, so it is given nothing."""
    said: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        said.append(dict(message))

    async def receive() -> Any:
        raise AssertionError

    health = HealthAsgi(Health(Doctored(), []))
    await health({"type": "http", "method": "HEAD", "path": "/", "headers": []}, receive, send)
    assert (said[0]["status"], said[1]["body"]) == (200, b"")


async def test_without_a_secret_all_is_told(mounted: Mounted) -> None:
    """With insecure=True there is nobody to keep the numbers from."""
    async with mounted(Webhooks(":memory:", insecure=True)) as client:
        assert (await ask(client))[1]["waiting"] == 0


async def test_hooks_that_do_not_run_are_not_well() -> None:
    """An app that has forgotten to run the hooks is told so by its health, too."""
    app = FastAPI()
    Webhooks(":memory:", secret=SECRET).mount(app, "/planado", health="/health")
    async with on_uvicorn(app) as client:
        assert await ask(client, **GOOD) == (503, {"status": "failing"})


def test_a_clock_set_back_makes_nobody_older() -> None:
    """An age is never below zero."""
    told = orjson.loads(report(Vitals(oldest_waiting_at=10.0), 5.0, in_full=True).body)
    assert told["oldest_waiting_for"] == 0.0


class Doctored(SqliteInbox):
    """An inbox that is as well as it is told to be."""

    def __init__(self) -> None:
        super().__init__(":memory:")
        self.asked = 0
        self.error: Exception | None = None
        self.hangs = False

    async def vitals(self) -> Vitals:
        self.asked += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.error:
            raise self.error
        return Vitals()


async def test_asking_often_costs_little() -> None:
    """The inbox is asked once in a while, however often health is; what is told is no older."""
    inbox = Doctored()
    health = Health(inbox, [Secret(SECRET)])
    for _ in range(100):
        assert (await health.answer(())).status == 200
    assert inbox.asked == 1
    inbox.error = StorageError("disk full: /var/inbox.db")
    await asyncio.sleep(FRESH_FOR)
    for _ in range(100):
        failing = await health.answer(())
        assert (failing.status, failing.body) == (503, b'{"status":"failing"}')
    assert inbox.asked == 2
    inbox.error = None
    await asyncio.sleep(FRESH_FOR)
    assert (await health.answer(())).status == 200


async def test_an_inbox_that_hangs_is_not_well() -> None:
    """The answer comes though the inbox gives none."""
    inbox = Doctored()
    inbox.hangs = True
    began = asyncio.get_running_loop().time()
    assert (await Health(inbox, []).answer(())).status == 503
    assert asyncio.get_running_loop().time() - began == pytest.approx(PATIENCE, abs=0.1)


async def test_vitals_count(inbox: SqliteInbox) -> None:
    """An inbox tells what waits, since when, and what is dead; also after it was opened again."""
    assert await inbox.vitals() == Vitals()
    for number in range(3):
        await inbox.put(delivery(f"e{number}", received_at=5.0 + number))
    await inbox.put(delivery("no event", event_type=""))
    assert await inbox.vitals() == Vitals(waiting=3, dead=1, oldest_waiting_at=5.0)
    assert await inbox.vitals() == Vitals(waiting=3, dead=1, oldest_waiting_at=5.0)


@pytest.mark.real_time
async def test_vitals_are_a_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that can be read and not written is not well, and is again when it can."""
    monkeypatch.setattr("planado_async.webhooks.sqlite.BUSY_FOR", 0.05)
    path = tmp_path / "inbox.db"
    async with SqliteInbox(path) as inbox:
        journal = path.with_name("inbox.db-wal")
        before = journal.read_bytes()
        await inbox.vitals()
        assert journal.read_bytes() != before
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StorageError, match="locked"):
                await inbox.vitals()
        assert await inbox.vitals() == Vitals()
    async with SqliteInbox(path) as again:
        assert await again.vitals() == Vitals()
