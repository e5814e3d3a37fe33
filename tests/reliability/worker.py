"""A program that makes jobs until it is told to stop: `python -m tests.reliability.worker`.

    python -m tests.reliability.worker NAME BUDGET JOURNAL CALLS_A_MINUTE

Its journal tells of each job, in lines of their own: `sent MARK` before, `made MARK` or
`failed MARK ERROR` after. The key and the URL are in the environment.
"""

import asyncio
import signal
import sys
from itertools import count
from pathlib import Path

from planado_async import Planado, PlanadoError, RateLimit
from planado_async.core.limiter_sqlite import SqliteLimiter

CALLERS = 5  # so that some are always waiting
BURST = 55


async def main(name: str, budget: str, journal: Path, calls: float) -> None:
    """Make jobs, as many as the budget allows; SIGTERM ends it when the calls out are answered."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    numbers = count()
    limiter = SqliteLimiter(budget, RateLimit(calls, per=60.0, burst=BURST))
    with journal.open("a", buffering=1) as lines:  # what is written stays, however this ends
        async with Planado(limiter=limiter) as planado:

            async def caller() -> None:
                while not stopped.is_set():
                    mark = f"{name}-{next(numbers)}"
                    lines.write(f"sent {mark}\n")
                    try:
                        await planado.jobs.create(external_order_id=mark)
                        lines.write(f"made {mark}\n")
                    except PlanadoError as error:
                        lines.write(f"failed {mark} {error!r}\n")

            await asyncio.gather(*(caller() for _ in range(CALLERS)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), float(sys.argv[4])))
