"""An emulated account and a client that is connected to it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from planado_async import Planado
from planado_async.emulator import Emulator

START = datetime(2026, 2, 2, 8, tzinfo=UTC)


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    async with Emulator(rate=60_000, burst=10_000, start=START) as running:
        yield running


@pytest.fixture
async def planado(emulator: Emulator) -> AsyncIterator[Planado]:
    async with Planado(emulator.api_key, base_url=emulator.url, rate=None) as client:
        yield client
