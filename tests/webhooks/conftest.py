"""Inboxes for the tests of webhooks."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from planado_async.webhooks.sqlite import SqliteInbox
from tests.webhooks.making import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", pytest.param("file", marks=pytest.mark.real_time)])
async def inbox(
    request: pytest.FixtureRequest, tmp_path: Path, clock: Clock
) -> AsyncIterator[SqliteInbox]:
    """Every kind of inbox there is, open and empty."""
    path = ":memory:" if request.param == "memory" else tmp_path / "inbox.db"
    async with SqliteInbox(path, clock=clock) as opened:
        yield opened
