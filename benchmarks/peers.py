"""What is measured against: a server that answers bytes, and other ways to the same end."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from aiohttp import web

UUID = "1f1e60dd-8f97-6d50-9092-178e0a5d2f34"

JOB_ITEM = {
    "uuid": UUID,
    "id": 1017,
    "external_id": "wo-77",
    "external_order_id": None,
    "serial_no": 12,
    "status": "scheduled",
    "scheduled_at": "2026-02-03T08:00:00Z",
    "scheduled_duration": {"minutes": 30},
    "template_uuid": None,
    "client_uuid": UUID,
    "site_uuid": UUID,
    "type_uuid": UUID,
    "assignee": {"worker_uuid": UUID},
    "assignees": [{"uuid": UUID, "access": "edit"}],
    "skill_uuids": [],
    "territory_uuid": None,
    "initial_job_uuid": None,
    "completion_of_uuid": None,
    "version": 2,
    "created_at": "2026-02-01T10:00:00.000001Z",
    "updated_at": "2026-02-01T10:05:00.000001Z",
}
JOB = {
    **{key: value for key, value in JOB_ITEM.items() if not key.endswith(("_uuid", "_uuids"))},
    "type": {"uuid": UUID, "code": "Repair"},
    "client": {"uuid": UUID, "external_id": "crm-1"},
    "description": "Boiler loses pressure",
    "address": {"formatted": "Am Deich 51", "geolocation": {"latitude": 53.6, "longitude": 9.9}},
    "contacts": [{"name": "Jo", "value": "555-0100", "type": "phone"}],
    "skills": [],
    "custom_fields": [],
}
PAGE = 100


@contextmanager
def process(module: str, *arguments: str) -> Iterator[str]:
    """Run `python -m module` beside us and give the first line it prints; stop it at the end."""
    child = subprocess.Popen(
        [sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    try:
        yield child.stdout.readline().strip()
    finally:
        child.terminate()
        child.wait()
        child.stdout.close()


async def serve(app: web.Application) -> None:
    """Serve an app on a free loopback port, print its URL, and go on until told to stop."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()
    await runner.cleanup()


async def fastest(
    candidates: dict[str, Callable[[], Awaitable[object]]], *, calls: int, rounds: int
) -> dict[str, float]:
    """Return each candidate's best mean in seconds; they take turns, so noise meets them alike."""
    best = dict.fromkeys(candidates, float("inf"))
    for _ in range(rounds):
        for name, candidate in candidates.items():
            began = time.perf_counter()
            for _ in range(calls):
                await candidate()
            best[name] = min(best[name], (time.perf_counter() - began) / calls)
    return best
