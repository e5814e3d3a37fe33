"""Calls of Planday's REST APIs, with the token of a grant."""

from typing import Any

import orjson
from attrs import frozen

from planado_async.emulator.planday.data import PortalData
from planado_async.emulator.planday.records import Grant
from tests.emulator.api import Reply
from tests.emulator.planday.caller import Caller


@frozen
class Rest:
    """Calls as one app in one portal."""

    caller: Caller
    grant: Grant
    token: str

    @classmethod
    async def opened(cls, caller: Caller, grant: Grant) -> "Rest":
        return cls(caller, grant, await caller.access_token(grant))

    @property
    def data(self) -> PortalData:
        return self.caller.planday.data(self.grant.portal_id)

    async def scoped(self, *scopes: str, admin_id: int = 1) -> "Rest":
        """The same portal under a new app that has these scopes only."""
        planday, portal_id = self.caller.planday, self.grant.portal_id
        app = planday.create_app(portal_id, "small", scopes)
        grant = planday.authorise(portal_id, app.app_id, admin_id)
        return await Rest.opened(self.caller, grant)

    async def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """Sends bytes as they are and anything else as JSON."""
        told = {"Authorization": f"Bearer {self.token}", "X-ClientId": self.grant.app_id}
        data = body if isinstance(body, bytes | None) else orjson.dumps(body)
        url = self.caller.emulator.planday_url + path
        return await self.caller.send(method, url, data=data, headers={**told, **(headers or {})})

    async def get(self, path: str) -> Any:
        """What a call that must succeed answers."""
        reply = await self.send("GET", path)
        assert reply.status == 200, reply.raw
        return reply.json

    async def one(self, path: str) -> Any:
        """What stands in `data`."""
        return (await self.get(path))["data"]

    async def post(self, path: str, body: object) -> Any:
        reply = await self.send("POST", path, body)
        assert reply.status == 200, reply.raw
        return reply.json["data"]

    async def done(self, method: str, path: str, body: object = None) -> None:
        """A call that must be answered 204."""
        reply = await self.send(method, path, body)
        assert (reply.status, reply.raw) == (204, b"")

    async def status(self, method: str, path: str, body: object = None) -> int:
        return (await self.send(method, path, body)).status
