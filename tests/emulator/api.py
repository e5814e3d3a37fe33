"""A bare caller of the emulator: no client of ours between the test and the wire."""

from io import BytesIO
from typing import Any

import aiohttp
import orjson
from attrs import frozen
from yarl import URL

from planado_async.emulator import Emulator


def caller_session() -> aiohttp.ClientSession:
    """A session that keeps no lines open, whose upkeep would wake virtual time every 15 s."""
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))


@frozen
class Reply:
    """An answer as it came."""

    status: int
    headers: Any
    raw: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.raw)


@frozen
class Api:
    """Calls the emulator with its key."""

    emulator: Emulator
    session: aiohttp.ClientSession

    async def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: dict[str, str] | None = None,
        key: str | None = None,
        base: str | None = None,
    ) -> Reply:
        """Sends bytes as they are and anything else as JSON."""
        data = body if isinstance(body, bytes | BytesIO | None) else orjson.dumps(body)
        told = {"X-Planado-API-Key": key or self.emulator.api_key, **(headers or {})}
        url = URL((base or self.emulator.url) + path, encoded=True)
        async with self.session.request(method, url, data=data, headers=told) as answer:
            return Reply(answer.status, answer.headers, await answer.read())

    async def control(self, method: str, path: str, body: object = None) -> Reply:
        return await self.send(method, path, body, base=self.emulator.control_url)

    async def get(self, path: str) -> Any:
        """What a call that must succeed answers."""
        reply = await self.send("GET", path)
        assert reply.status == 200, reply.raw
        return reply.json

    async def post(self, path: str, body: object, **options: Any) -> Any:
        reply = await self.send("POST", path, body, **options)
        assert reply.status == 201, reply.raw
        return reply.json

    async def patch(self, path: str, body: object, **options: Any) -> Any:
        reply = await self.send("PATCH", path, body, **options)
        assert reply.status == 200, reply.raw
        return reply.json

    async def job(self, **body: Any) -> str:
        """Makes a job; answers its uuid."""
        return str((await self.post("/jobs", body))["job_uuid"])

    async def detail(self, job: str) -> Any:
        return (await self.get(f"/jobs/{job}"))["job"]

    async def errors(self, method: str, path: str, body: object) -> Any:
        """The errors of a call that must break a rule; they are lists of strings by field."""
        reply = await self.send(method, path, body)
        assert reply.status == 422, reply.raw
        assert reply.json["message"] == "Cannot process request"
        errors = reply.json["errors"]
        assert all(isinstance(text, str) for says in errors.values() for text in says)
        return errors

    async def walk(self, path: str, wrapper: str, **query: str) -> list[list[Any]]:
        """All pages of a list."""
        pages: list[list[Any]] = []
        after: dict[str, str] = {}
        while True:
            page = (await self.get(str(URL(path).with_query({**query, **after}))))[wrapper]
            if not page:
                return pages
            pages.append(page)
            after = {"after": page[-1]["uuid"]}
