"""A caller of Planday's half."""

from collections.abc import AsyncIterator

import pytest

from planado_async.emulator import Emulator
from tests.emulator.api import caller_session
from tests.emulator.planday.caller import Caller
from tests.emulator.planday.rest_api import Rest


@pytest.fixture
async def caller(emulator: Emulator) -> AsyncIterator[Caller]:
    async with caller_session() as session:
        yield Caller(emulator, session)


@pytest.fixture
async def rest(caller: Caller) -> Rest:
    """Calls with every scope; limits far away."""
    caller.planday.settings(
        portal_per_second=10_000,
        portal_per_minute=100_000,
        client_per_second=10_000,
        client_per_minute=100_000,
    )
    return await Rest.opened(caller, caller.planday.first_grant)
