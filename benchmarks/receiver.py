"""The durable receiver against one that keeps nothing, and against a commit for each request."""

import asyncio
import os
import tempfile
import time
import uuid
from pathlib import Path
from statistics import median

import orjson

from benchmarks.peers import JOB, process
from benchmarks.receiver_server import SECRET
from benchmarks.report import Row

CONNECTIONS = 64
SECONDS = 2.0
ROUNDS = 3
_OPEN = b"00000000-0000-0000-0000-000000000000"
_BODY = orjson.dumps(
    {
        "event_uuid": _OPEN.decode(),
        "event_type": "job_updated",
        "context": {"source": "mobile", "happened_at": "2026-02-03T08:01:00.120+00:00"},
        "job": {**JOB, "previous_version": JOB},
    }
)


def _request() -> bytes:
    head = (
        "POST /planado HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"X-Planado-Secret: {SECRET}\r\nX-Planado-Delivery-Attempt: 1\r\n"
        f"Content-Length: {len(_BODY)}\r\n\r\n"
    )
    return head.encode() + _BODY.replace(_OPEN, str(uuid.uuid4()).encode())


async def _send_until(moment: float, port: int) -> int:
    """Send one event after another on one connection; return how many were acknowledged."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    acknowledged = 0
    while time.perf_counter() < moment:
        writer.write(_request())
        answer = await reader.readuntil(b"\r\n\r\n")
        if not answer.startswith(b"HTTP/1.1 204"):
            raise RuntimeError(f"not acknowledged: {answer!r}")
        acknowledged += 1
    writer.close()
    return acknowledged


async def _rate(mode: str, folder: str) -> float:
    """Return acknowledged events a second, over many connections that never pause."""
    with process("benchmarks.receiver_server", mode, folder) as url:
        port = int(url.rsplit(":", 1)[1])
        end = time.perf_counter() + SECONDS
        counts = await asyncio.gather(*(_send_until(end, port) for _ in range(CONNECTIONS)))
        return sum(counts) / SECONDS


def _fdatasync_ms(folder: str) -> float:
    """Return the disk's median time for a small durable write, which the ratios depend on."""
    took: list[float] = []
    with (Path(folder) / "probe").open("wb", buffering=0) as file:
        for _ in range(200):
            file.write(b"x" * 4096)
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - began)
    return median(took) * 1000


async def run() -> list[Row]:
    """Measure the three ways in turns and compare the best of each."""
    with tempfile.TemporaryDirectory(prefix="planado-bench-", dir=os.getcwd()) as folder:
        print(f"fdatasync p50 {_fdatasync_ms(folder):.2f} ms, bodies of {len(_BODY)} bytes")
        best = dict.fromkeys(("durable", "unstored", "single"), 0.0)
        for _ in range(ROUNDS):
            for mode in best:
                best[mode] = max(best[mode], await _rate(mode, folder))
    print(", ".join(f"{mode} {rate:.0f}/s" for mode, rate in best.items()))
    unstored, single = best["durable"] / best["unstored"], best["durable"] / best["single"]
    return [
        Row("durable receiver / without storage", unstored, 0.4, least=True),
        Row("durable receiver / one commit per request", single, 2.5, least=True),
    ]
