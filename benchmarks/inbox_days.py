"""A hundred days of events, handled and pruned: `python -m benchmarks.inbox_days FILE EVENTS`.

Days pass as fast as their events are handled. Printed are MB: the memory of the process after a
tenth of the days and at the end, and the file after forty, when the first keys have been forgotten,
and at the end.
"""

import asyncio
import os
import sys

from benchmarks.inbox_dispatch import Handled, put, thousands
from planado_async.webhooks import Dispatcher, Retention, SqliteInbox
from planado_async.webhooks.inbox import WEEK
from tests.reliability.service import resident
from tests.webhooks.making import Clock

DAYS = 100
WARM, SETTLED = 10, 40  # days after which memory, and the file, have the size they are to keep
_DAY = 86_400.0
_RETENTION = Retention(done_for=WEEK)


async def _day(inbox: SqliteInbox, handled: Handled, numbers: range) -> None:
    """Put the events of a day, see them handled, and prune what is old."""
    for some in thousands(numbers):
        handled.expect(len(some))
        await put(inbox, some)
        await handled.wait()
    while (await inbox.prune(_RETENTION)).more:
        pass


async def run(path: str, events: int) -> None:
    """Let the days pass, and take down the sizes at the end of each."""
    clock, handled, per_day = Clock(), Handled(), events // DAYS
    memory: list[float] = []
    file: list[float] = []
    async with SqliteInbox(path, clock=clock) as inbox:
        dispatcher = Dispatcher(inbox)
        dispatcher.on("*")(handled.count)
        async with dispatcher:
            for day in range(DAYS):
                await _day(inbox, handled, range(day * per_day, (day + 1) * per_day))
                memory.append(resident() / 2**20)
                file.append(os.stat(path).st_size / 2**20)
                clock.now += _DAY
        counts = await inbox.counts()
        assert (counts.waiting, counts.dead) == (0, 0)
    print(memory[WARM - 1], memory[-1], file[SETTLED - 1], file[-1], flush=True)


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], int(sys.argv[2])))
