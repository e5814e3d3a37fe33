"""What a claim takes with few events waiting and with many: many jobs, and a few long lanes.

Half a million events are stored by the inbox's own statement in one transaction, and their runs
made by the ten thousand: one by one would take longer than all that is measured.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, closing
from pathlib import Path
from statistics import quantiles
from typing import Any
from uuid import uuid4

from attrs import asdict

from benchmarks.report import Row
from planado_async.webhooks import Delivery, Run, SqliteInbox, sqlite, statements
from planado_async.webhooks.inbox import Route

FEW, MANY = 1_000, 500_000
LANES = 5  # which have half of the events between them; each other event has a job of its own
CLAIMS = 500
LIMIT = 32
_ROUTES = {"handler": Route(("*",))}
_PLANNED_AT_ONCE = 20_000
_QUICKLY = ("PRAGMA synchronous = OFF", "PRAGMA cache_size = -400000")


def _entity(number: int) -> str:
    return f"long-{number // 2 % LANES}" if number % 2 else f"job-{number}"


def _delivery(number: int, entity: str) -> Delivery:
    return Delivery(
        event_uuid=str(uuid4()),
        event_type="job_updated",
        entity_type="job",
        entity_uuid=entity,
        version=number + 1,
        received_at=time.time(),
        body=b"{}",
    )


def _rows(count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        yield asdict(_delivery(number, _entity(number)), recurse=False) | {"sha256": bytes(32)}


class Backlog:
    """An inbox in which there always wait as many events, of the same kinds."""

    def __init__(self, inbox: SqliteInbox, count: int) -> None:
        self._inbox = inbox
        self._count = count
        self._runs: Sequence[Run] = ()
        self.took: list[float] = []

    async def fill(self) -> None:
        """Store the events in one transaction and make their runs."""
        with closing(sqlite.connect(self._inbox.path)) as connection:
            for pragma in _QUICKLY:
                connection.execute(pragma)
            connection.execute("BEGIN")
            connection.executemany(statements.PUT, _rows(self._count))
            connection.execute("COMMIT")
        while (await self._inbox.claim(_ROUTES, owner="us", lease=900.0, limit=0)).more:
            pass

    async def turn(self) -> None:
        """Finish what was claimed, put as many events of its kinds, and time the next claim."""
        await asyncio.gather(*(self._inbox.complete(run) for run in self._runs))
        await asyncio.gather(*(self._inbox.put(self._successor(run)) for run in self._runs))
        began = time.perf_counter()
        claim = await self._inbox.claim(_ROUTES, owner="us", lease=900.0, limit=LIMIT)
        self.took.append(time.perf_counter() - began)
        self._runs = claim.runs
        assert len(self._runs) == LIMIT

    def _successor(self, run: Run) -> Delivery:
        number, self._count = self._count, self._count + 1
        entity = run.delivery.entity_uuid or ""
        return _delivery(number, entity if entity.startswith("long") else f"job-{number}")

    def milliseconds(self, percent: int) -> float:
        """Return a percentile of the times."""
        cuts: list[float] = quantiles(self.took, n=100)
        return cuts[percent - 1] * 1e3


async def run(folder: Path) -> list[Row]:
    """Claim from a long backlog and from a short one in turns, so that noise meets them alike."""
    async with AsyncExitStack() as stack:
        few, many = [await _filled(stack, folder, count) for count in (FEW, MANY)]
        for _ in range(CLAIMS):
            await few.turn()
            await many.turn()
    for count, each in ((FEW, few), (MANY, many)):
        p50, p99 = each.milliseconds(50), each.milliseconds(99)
        print(f"claims of {LIMIT} of {count:,}: p50 {p50:.2f} ms, p99 {p99:.2f} ms")
    ratio = many.milliseconds(99) / few.milliseconds(99)
    return [Row(f"claim p99: {MANY:,} waiting / {FEW:,}", ratio, 5)]


async def _filled(stack: AsyncExitStack, folder: Path, count: int) -> Backlog:
    inbox = await stack.enter_async_context(SqliteInbox(folder / f"claims-{count}.db"))
    backlog = Backlog(inbox, count)
    usual, sqlite.PLANNED_AT_ONCE = sqlite.PLANNED_AT_ONCE, _PLANNED_AT_ONCE
    try:
        await backlog.fill()
    finally:
        sqlite.PLANNED_AT_ONCE = usual
    return backlog
