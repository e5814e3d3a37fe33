"""What importing the package costs, against importing aiohttp."""

import subprocess
import sys

from benchmarks.report import Row

_TIMED = "import time; began = time.perf_counter(); {}; print(time.perf_counter() - began)"


_OURS, _THEIRS = "from planado_async import Planado", "import aiohttp"


def _seconds(module: str) -> float:
    done = subprocess.run(
        [sys.executable, "-c", _TIMED.format(module)], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


async def run() -> list[Row]:
    """Measure both in turns, each in a fresh process, and compare the best."""
    took = {_OURS: float("inf"), _THEIRS: float("inf")}
    for _ in range(9):
        for module in took:
            took[module] = min(took[module], _seconds(module))
    return [Row("import planado_async / aiohttp", took[_OURS] / took[_THEIRS], 1.5)]
