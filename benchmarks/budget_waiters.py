"""What calls that wait cost: `python -m benchmarks.budget_waiters URL KEY`.

It prints how many MB Python allocates for them, and what percentage of a core they take.
"""

import asyncio
import sys
import time
import tracemalloc

from planado_async import Planado

WAITERS = 10_000
BURST = 55
SECONDS = 5.0


async def run(url: str, key: str) -> None:
    """Let calls queue for the budget, and watch memory and CPU for some seconds."""
    async with Planado(key, base_url=url) as planado:
        await asyncio.gather(*(planado.request("GET", "/skills") for _ in range(BURST)))
        tracemalloc.start()
        waiting = [
            asyncio.create_task(planado.request("GET", "/skills")) for _ in range(WAITERS + 10)
        ]
        await asyncio.sleep(1)
        assert planado.budget.queue_length >= WAITERS
        megabytes = tracemalloc.get_traced_memory()[0] / 1e6
        tracemalloc.stop()
        began, used = time.perf_counter(), time.process_time()
        await asyncio.sleep(SECONDS)
        share = (time.process_time() - used) / (time.perf_counter() - began)
        print(megabytes, 100 * share, flush=True)
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1:]))
