"""Fixtures for the tests of bots and services that use this package: see docs/testing.md.

Pytest loads this module in every project that has the package installed, so until a fixture is used
it imports nothing but pytest, and pytest-asyncio where that is installed: of its kind, in strict
mode too, are the asynchronous fixtures.
"""

from collections.abc import AsyncIterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING or find_spec("pytest_asyncio"):
    from pytest_asyncio import fixture as async_fixture
else:
    async_fixture = pytest.fixture  # what is missing is told when it is used

if TYPE_CHECKING:
    from planado_async import Planado
    from planado_async.emulator import Emulator
    from planado_async.planday import Planday
    from planado_async.testing import Deliver, EventFactory


@pytest.fixture
def planado_emulator_options() -> dict[str, Any]:
    """Arguments of the `Emulator`; override it. By default no call is one too many."""
    return {"rate": 60_000, "burst": 10_000}


@pytest.fixture
def planado_client_options() -> dict[str, Any]:
    """Arguments of the `Planado`; override it. By default no call waits for a budget."""
    return {"rate": None}


@pytest.fixture
def planado_webhook_secret() -> str:
    """The secret that `deliver` sends with each event; give it to your `Webhooks`."""
    return "test-secret"


@pytest.fixture
def planado_event() -> "EventFactory":
    """Makes events as Planado sends them: `planado_event("job_finished", external_id="wo-1")`."""
    from planado_async.testing import EventFactory

    return EventFactory()


@pytest.fixture
def _pytest_asyncio(request: pytest.FixtureRequest) -> None:
    """Fail a test that uses an asynchronous fixture where nothing can run it."""
    if not hasattr(request.config.option, "asyncio_mode"):
        pytest.fail(
            "this fixture of planado_async needs the plugin pytest-asyncio: "
            "pip install pytest-asyncio, and do not disable it",
            pytrace=False,
        )


@async_fixture
async def planado_emulator(
    _pytest_asyncio: None, planado_emulator_options: dict[str, Any]
) -> AsyncIterator["Emulator"]:
    """A running emulator of Planado, with an account of its own for each test."""
    from planado_async.emulator import Emulator

    async with Emulator(**planado_emulator_options) as emulator:
        yield emulator


@async_fixture
async def planado_client(
    planado_emulator: "Emulator", planado_client_options: dict[str, Any]
) -> AsyncIterator["Planado"]:
    """An open client of the emulator."""
    from planado_async import Planado

    key, url = planado_emulator.api_key, planado_emulator.url
    async with Planado(key, base_url=url, **planado_client_options) as planado:
        yield planado


@async_fixture
async def planday_client(planado_emulator: "Emulator") -> AsyncIterator["Planday"]:
    """An open client of the emulator's Planday, with a grant of every scope and no limits."""
    from planado_async.planday import Planday

    emulator = planado_emulator
    limits = ("portal_per_second", "portal_per_minute", "client_per_second", "client_per_minute")
    emulator.planday.settings(**dict.fromkeys(limits, 10**6))
    client = Planday(
        emulator.planday_app_id,
        emulator.planday_refresh_token,
        base_url=emulator.planday_url,
        identity_url=emulator.identity_url,
        rate=None,
    )
    async with client as planday:
        yield planday


@async_fixture
async def deliver(_pytest_asyncio: None, planado_webhook_secret: str) -> AsyncIterator["Deliver"]:
    """Sends events to your app as Planado does, and returns the status of its answer."""
    from planado_async.testing import Deliver

    async with Deliver(planado_webhook_secret) as sender:
        yield sender
