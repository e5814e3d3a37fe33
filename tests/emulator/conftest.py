"""A running emulator, a caller, and a receiver of webhooks."""

import logging
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest

from planado_async.emulator import Emulator
from tests.emulator.api import Api, caller_session
from tests.emulator.listener import Listener

START = datetime(2026, 2, 2, 8, tzinfo=UTC)


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    async with Emulator(rate=60_000, burst=10_000, start=START) as running:
        yield running


@pytest.fixture
async def api(emulator: Emulator) -> AsyncIterator[Api]:
    async with caller_session() as session:
        yield Api(emulator, session)


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    async with Listener() as running:
        yield running


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing the emulator is fed may end in a traceback, not even in its log."""
    yield
    logged = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert logged == []
