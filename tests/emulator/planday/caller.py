"""A bare caller of Planday's half: no client of ours between the test and the wire."""

from typing import Any

import aiohttp
from attrs import frozen
from yarl import URL

from planado_async.emulator import Emulator
from planado_async.emulator.planday.emulator import PlandayEmulator
from planado_async.emulator.planday.records import Grant
from tests.emulator.api import Reply


@frozen
class Caller:
    """Calls the identity host and the APIs."""

    emulator: Emulator
    session: aiohttp.ClientSession

    @property
    def planday(self) -> PlandayEmulator:
        return self.emulator.planday

    async def send(self, method: str, url: str | URL, **options: Any) -> Reply:
        """Sends what aiohttp's options say, and follows no redirect."""
        async with self.session.request(method, url, allow_redirects=False, **options) as answer:
            return Reply(answer.status, answer.headers, await answer.read())

    async def identity(self, method: str, path: str, **options: Any) -> Reply:
        return await self.send(method, self.emulator.identity_url + path, **options)

    async def token(self, **form: str) -> Reply:
        return await self.identity("POST", "/connect/token", data=form)

    async def refresh(self, app_id: str, refresh_token: str) -> Reply:
        return await self.token(
            client_id=app_id, grant_type="refresh_token", refresh_token=refresh_token
        )

    async def access_token(self, grant: Grant) -> str:
        """What a refresh that must succeed gives."""
        reply = await self.refresh(grant.app_id, grant.refresh_token)
        assert reply.status == 200, reply.raw
        return str(reply.json["access_token"])

    async def info(self, app_id: str, access_token: str) -> Reply:
        """The portal of a token, for which it needs no scope."""
        headers = {"Authorization": f"Bearer {access_token}", "X-ClientId": app_id}
        url = f"{self.emulator.planday_url}/portal/v1.0/info"
        return await self.send("GET", url, headers=headers)
