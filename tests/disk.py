"""How long this machine takes to put something on disk: the measure for every time of a commit."""

import os
import tempfile
from statistics import quantiles
from time import perf_counter

from attrs import frozen

_WRITES = 300
_WRITTEN = b"x" * 4096


@frozen
class Sync:
    """Times of fdatasync after a write of 4 KiB, in milliseconds."""

    p50: float
    p99: float

    def __str__(self) -> str:
        return f"p50 {self.p50:.2f} ms, p99 {self.p99:.2f} ms"


def fdatasync() -> Sync:
    """Measure it in the folder where tests keep their files."""
    with tempfile.NamedTemporaryFile() as file:
        times = [_written(file.fileno()) for _ in range(_WRITES)]
    cuts = quantiles(times, n=100)
    return Sync(cuts[49] * 1e3, cuts[98] * 1e3)


def _written(file: int) -> float:
    os.write(file, _WRITTEN)
    began = perf_counter()
    os.fdatasync(file)
    return perf_counter() - began
