"""An emulated portal, and what calls it: a transport, and the groups of calls over it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from planado_async.core.auth import Auth
from planado_async.core.limiter import LocalLimiter
from planado_async.core.retry import RetryPolicy
from planado_async.core.transport import Transport
from planado_async.emulator import Emulator
from planado_async.emulator.planday.data import PortalData
from planado_async.emulator.planday.records import Grant

START = datetime(2026, 2, 2, 8, tzinfo=UTC)
UNLIMITED = dict.fromkeys(
    ("portal_per_second", "portal_per_minute", "client_per_second", "client_per_minute"), 10**6
)


class Granted(Auth):
    """Sends an access token that the emulator has issued."""

    hint = "it holds for an hour"

    def __init__(self, app_id: str, token: str) -> None:
        self._headers = {"Authorization": f"Bearer {token}", "X-ClientId": app_id}

    async def headers(self) -> Mapping[str, str]:
        return self._headers


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """An emulator that starts on a Monday morning and refuses no call for being one too many."""
    async with Emulator(start=START) as running:
        running.planday.settings(**UNLIMITED)
        yield running


@pytest.fixture
def portal(emulator: Emulator) -> PortalData:
    """What the portal holds, behind the calls."""
    return emulator.planday.data(emulator.planday_portal_id)


@asynccontextmanager
async def opened(emulator: Emulator, grant: Grant | None = None) -> AsyncIterator[Transport]:
    """A transport with the access of a grant, or of the one that has every scope."""
    grant = grant or emulator.planday.first_grant
    transport = Transport(
        base_url=emulator.planday_url,
        auth=Granted(grant.app_id, emulator.planday.access.issue(grant).token),
        limiter=LocalLimiter(None),
        retries=RetryPolicy(),
    )
    await transport.open()
    try:
        yield transport
    finally:
        await transport.close()


@pytest.fixture
async def transport(emulator: Emulator) -> AsyncIterator[Transport]:
    """An opened transport that may do everything."""
    async with opened(emulator) as transport:
        yield transport


def limited(emulator: Emulator, *scopes: str) -> Grant:
    """A grant of these scopes alone, by the administrator of the start."""
    planday, first = emulator.planday, emulator.planday.first_grant
    app = planday.create_app(first.portal_id, "narrow", scopes)
    return planday.authorise(first.portal_id, app.app_id, first.admin_id)
