"""How fast events that wait come through a handler that does nothing, until they are done."""

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import UUID, uuid4

from attrs import frozen

from benchmarks.report import Row
from planado_async.webhooks import Delivery, Dispatcher, Event, SqliteInbox, Transaction
from planado_async.webhooks.inbox import Order
from planado_async.webhooks.intake import delivery_of
from tests.reliability.sender import FILLING
from tests.webhooks.making import HEADERS, body

EVENTS = 5_000
ROUNDS = 3
EACH = 5  # events of one job
AT_ONCE = 1_000
_TABLE = "CREATE TABLE handled (event_uuid TEXT PRIMARY KEY)"
_EFFECT = "INSERT INTO handled VALUES (?)"


@frozen
class Way:
    """How the handler is registered."""

    order: Order
    transactional: bool = False


WAYS = {
    'order="every"': Way("every"),
    'order="latest"': Way("latest"),
    "in a transaction": Way("every", transactional=True),
}


@frozen
class Speed:
    """How many events a second were handled, and the microseconds of CPU that each took."""

    rate: float
    cpu: float


class Handled:
    """A handler that only counts, and what waits for it."""

    def __init__(self) -> None:
        self._left = 0
        self._all = asyncio.Event()

    def expect(self, events: int) -> None:
        self._left += events
        self._all.clear()

    async def wait(self) -> None:
        """Return when all that is expected was handled, a moment before that is stored."""
        await self._all.wait()

    async def count(self, event: Event) -> None:
        self._left -= 1
        if not self._left:
            self._all.set()

    async def count_and_store(self, event: Event, transaction: Transaction) -> None:
        transaction.execute(_EFFECT, (event.event_uuid,))
        await self.count(event)


def event(number: int, received_at: float) -> Delivery:
    """Return an event with a body of 1.6 kB; those of one job come one after another."""
    job, version = divmod(number, EACH)
    told = body(str(uuid4()), entity=str(UUID(int=job)), version=version + 1, description=FILLING)
    return delivery_of(HEADERS, told, received_at)


def thousands(numbers: range) -> Iterator[range]:
    """Yield the numbers by the thousand."""
    for first in range(0, len(numbers), AT_ONCE):
        yield numbers[first : first + AT_ONCE]


async def put(inbox: SqliteInbox, numbers: range) -> None:
    """Put events, all at once."""
    await asyncio.gather(*(inbox.put(event(number, inbox.now())) for number in numbers))


async def _measured(way: Way, path: Path) -> Speed:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(_TABLE)
    async with SqliteInbox(path) as inbox:
        for numbers in thousands(range(EVENTS)):
            await put(inbox, numbers)
        speed = await _dispatched(way, inbox)
        assert (await inbox.counts()).done == EVENTS
    return speed


async def _dispatched(way: Way, inbox: SqliteInbox) -> Speed:
    handled, dispatcher = Handled(), Dispatcher(inbox)
    handled.expect(EVENTS)
    handler = handled.count_and_store if way.transactional else handled.count
    dispatcher.on("*", order=way.order)(handler)
    began, used = time.perf_counter(), time.process_time()
    async with dispatcher:
        await handled.wait()
    took, used = time.perf_counter() - began, time.process_time() - used
    return Speed(EVENTS / took, used / EVENTS * 1e6)


async def run(folder: Path) -> list[Row]:
    """Measure the ways in turns and take the best of each."""
    best = dict.fromkeys(WAYS, Speed(0.0, 0.0))
    for turn in range(ROUNDS):
        for number, (name, way) in enumerate(WAYS.items()):
            speed = await _measured(way, folder / f"dispatch-{turn}-{number}.db")
            best[name] = max(best[name], speed, key=lambda each: each.rate)
    told = (f"{name} {each.rate:.0f}/s ({each.cpu:.0f} µs CPU)" for name, each in best.items())
    print(f"dispatch of {EVENTS:,} events: {', '.join(told)}")
    return [
        Row(f"dispatch, {name}: events/s", best[name].rate, 2_000, least=True)
        for name, way in WAYS.items()
        if not way.transactional
    ]
