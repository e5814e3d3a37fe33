"""The inbox from one end to the other: received, dispatched, claimed from, and pruned for long."""

import os
import tempfile
import time
from pathlib import Path
from statistics import quantiles

from benchmarks import inbox_claims, inbox_dispatch, receiver
from benchmarks.inbox_days import DAYS, SETTLED, WARM
from benchmarks.peers import process
from benchmarks.report import Row

EVENTS = 100_000
_WRITES = 300


def _disk(folder: Path) -> str:
    """Return the times the disk takes for a small durable write, on which all others depend."""
    took: list[float] = []
    with (folder / "probe").open("wb", buffering=0) as file:
        for _ in range(_WRITES):
            file.write(b"x" * 4096)
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - began)
    cuts = quantiles(took, n=100)
    return f"fdatasync p50 {cuts[49] * 1e3:.2f} ms, p99 {cuts[98] * 1e3:.2f} ms"


def _load() -> str:
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def _days(folder: Path, events: int) -> list[Row]:
    began = time.perf_counter()
    with process("benchmarks.inbox_days", str(folder / "days.db"), str(events)) as line:
        memory, memory_then, file, file_then = map(float, line.split())
    rate = events / (time.perf_counter() - began)
    print(
        f"{events:,} events in {DAYS} days, put, handled and pruned at {rate:.0f}/s: "
        f"memory {memory:.1f} MB, then {memory_then:.1f}; file {file:.1f} MB, then {file_then:.1f}"
    )
    return [
        Row(f"{events:,} events: memory after {DAYS} days / {WARM}", memory_then / memory, 1.1),
        Row(f"{events:,} events: file after {DAYS} days / {SETTLED}", file_then / file, 1.1),
    ]


async def run(events: int = EVENTS) -> list[Row]:
    """Measure everything on one disk; `events` is how many the hundred days have."""
    # Not where temporary files are: that may be no disk at all.
    with tempfile.TemporaryDirectory(prefix="planado-bench-", dir=os.getcwd()) as name:
        folder = Path(name)
        print(f"{_disk(folder)}; {_load()}")
        rows = [
            *await receiver.run(folder),
            *await inbox_dispatch.run(folder),
            *await inbox_claims.run(folder),
            *_days(folder, events),
        ]
        print(f"{_disk(folder)}; {_load()}")
    return rows
