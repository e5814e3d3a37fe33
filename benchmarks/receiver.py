"""The durable receiver against storing nothing, against a commit for each request, and at rates."""

import asyncio
import time
import uuid
from pathlib import Path

import orjson

from benchmarks.peers import JOB, process
from benchmarks.receiver_server import SECRET
from benchmarks.report import Row
from tests.reliability.sender import sent

CONNECTIONS = 64
SECONDS = 2.0
ROUNDS = 3
OPEN_RATES = (500, 2_000)
OPEN_SECONDS = 5.0
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


async def _opened(folder: Path, rate: int) -> Row:
    """Send at a rate that does not wait for answers; return how many were not acknowledged."""
    with process("benchmarks.receiver_server", "durable", str(folder)) as url:
        load = await sent("open", int(url.rpartition(":")[2]), "event", rate, OPEN_SECONDS)
    print(f"{rate:,} events/s that do not wait: p50 {load.p50:.1f} ms, p99 {load.p99:.1f} ms")
    missing = load.all - load.statuses.get("204", 0)
    return Row(f"{rate:,} events/s for {OPEN_SECONDS:.0f} s: not acknowledged", missing, 0)


async def run(folder: Path) -> list[Row]:
    """Measure the three ways in turns and compare the best of each; then send at fixed rates."""
    best = dict.fromkeys(("durable", "unstored", "single"), 0.0)
    for _ in range(ROUNDS):
        for mode in best:
            best[mode] = max(best[mode], await _rate(mode, str(folder)))
    rates = ", ".join(f"{mode} {rate:.0f}/s" for mode, rate in best.items())
    print(f"{CONNECTIONS} connections, bodies of {len(_BODY)} bytes: {rates}")
    unstored, single = best["durable"] / best["unstored"], best["durable"] / best["single"]
    return [
        Row("durable receiver / without storage", unstored, 0.4, least=True),
        Row("durable receiver / one commit per request", single, 2.5, least=True),
        *[await _opened(folder, rate) for rate in OPEN_RATES],
    ]
