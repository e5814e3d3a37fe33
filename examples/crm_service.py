"""A receiving service: an aiohttp app with the webhook receiver mounted, and a small CRM behind it.

    PLANADO_WEBHOOK_SECRET=… python examples/crm_service.py --port 8080 --folder data

Every event becomes a row of `crm.db`, written in the same transaction as the state of the order, so
a handler that is called twice for an event changes nothing the second time.
"""

import argparse
import asyncio
import json
import sqlite3
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from planado_async.webhooks import Event, Webhooks

SCHEMA = """
CREATE TABLE IF NOT EXISTS handled (event_uuid TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS orders (
    external_id TEXT PRIMARY KEY, status TEXT, version INTEGER, changed_at TEXT, outcome TEXT
);
"""
UPSERT = """
INSERT INTO orders VALUES (:external_id, :status, :version, :changed_at, :outcome)
ON CONFLICT (external_id) DO UPDATE SET
    status = excluded.status, version = excluded.version,
    changed_at = excluded.changed_at, outcome = excluded.outcome
WHERE excluded.version >= orders.version
"""


class Crm:
    """The service's own records; `record` waits for the disk, so it is for threads to call."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, check_same_thread=False)
        self._db.executescript(SCHEMA)
        self._lock = threading.Lock()

    def record(self, event: Event) -> None:
        with self._lock, self._db:
            new = self._db.execute(
                "INSERT OR IGNORE INTO handled VALUES (?)", (event.event_uuid,)
            ).rowcount
            if new and event.entity_type == "job" and event.event_type != "job_deleted":
                self._db.execute(UPSERT, _order(event))

    def close(self) -> None:
        with self._lock:
            self._db.close()


def _order(event: Event) -> dict[str, object]:
    job = event.raw["job"]
    return {
        "external_id": job["external_id"],
        "status": job["status"],
        "version": job["version"],
        "changed_at": event.context.happened_at.isoformat() if event.context.happened_at else None,
        "outcome": (job.get("resolution") or {}).get("name"),
    }


def service(folder: Path, *, speed: float = 1.0) -> web.Application:
    """Return the app; what it measured is in `acks.jsonl` of the folder when it has stopped."""
    hooks = Webhooks(folder / "inbox.db", speed=speed)
    crm = Crm(folder / "crm.db")
    acks: list[float] = []

    @hooks.on("*", name="crm")
    async def record(event: Event) -> None:
        await asyncio.to_thread(crm.record, event)

    @web.middleware
    async def measure(request: web.Request, handler: object) -> web.StreamResponse:
        began = time.perf_counter()
        response: web.StreamResponse = await handler(request)  # type: ignore[operator]
        acks.append(time.perf_counter() - began)
        return response

    async def write_down(_: web.Application) -> AsyncIterator[None]:
        yield
        with (folder / "acks.jsonl").open("a") as file:
            file.write(json.dumps(acks) + "\n")
        crm.close()

    app = web.Application(middlewares=[measure])
    app.cleanup_ctx.append(write_down)
    hooks.mount(app, "/planado")  # last, so that it stops before what its handlers need is closed
    return app


def main() -> None:
    arguments = argparse.ArgumentParser(description="A receiving service with a small CRM")
    arguments.add_argument("--port", type=int, default=8080)
    arguments.add_argument("--folder", type=Path, default=Path())
    arguments.add_argument("--speed", type=float, default=1.0, help="of the retries of handlers")
    given = arguments.parse_args()
    app = service(given.folder, speed=given.speed)
    web.run_app(app, host="127.0.0.1", port=given.port, print=lambda *_: None, access_log=None)


if __name__ == "__main__":
    main()
