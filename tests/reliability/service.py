"""A receiving service: `python -m tests.reliability.service INBOX PORTFILE JOURNAL [--option=…]`.

The port appears in PORTFILE when requests are answered. What becomes of an event is told by the
name of its entity: `hung-1`, `slow-1`, `raising-1`, `killing-1`; any other is handled in a
millisecond. JOURNAL gets a line for each time the handler begins: the event, and the epoch seconds.
`GET /vitals` tells of tasks, descriptors and memory.
"""

import argparse
import asyncio
import gc
import logging
import os
import sqlite3
import time
from pathlib import Path

from aiohttp import web

from planado_async.webhooks import Event, Webhooks, sqlite
from planado_async.webhooks.server import serving
from tests.webhooks.making import SECRET

HANDLER = "write"
KILLED = 7  # how a process ends whose handler ended it
LASTS = {"hung": 1e6, "slow": 0.2}
QUICK = 0.001


def handled(hooks: Webhooks, journal: Path) -> None:
    """Register the handler."""
    # A line is one call of the system, so that a kill leaves no half of it.
    lines = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    @hooks.on("*", name=HANDLER)
    async def write(event: Event) -> None:
        os.write(lines, f"{event.event_uuid} {time.time():.6f}\n".encode())
        kind = (event.entity_uuid or "").partition("-")[0]
        if kind == "raising":
            raise RuntimeError("this handler always fails")
        if kind == "killing":
            os._exit(KILLED)
        await asyncio.sleep(LASTS.get(kind, QUICK))


async def vitals(_: web.Request) -> web.Response:
    """Tell what a leak would show in."""
    gc.collect()
    descriptors = len(os.listdir("/proc/self/fd"))
    tasks = len(asyncio.all_tasks())
    return web.json_response({"tasks": tasks, "descriptors": descriptors, "memory": resident()})


def resident() -> int:
    """Return the bytes of memory in use."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def commit_without_waiting() -> None:
    """Take from every connection what makes a commit survive a power cut."""
    original = sqlite.connect

    def connect(path: str, *, readonly: bool = False) -> sqlite3.Connection:
        connection = original(path, readonly=readonly)
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection

    sqlite.connect = connect


def tell(file: Path, port: int) -> None:
    """Write the port in one step, so that nobody reads half of it."""
    made = file.with_suffix(".new")
    made.write_text(str(port))
    made.replace(file)


async def main(options: argparse.Namespace) -> None:
    """Serve until killed."""
    hooks = Webhooks(
        options.inbox,
        secret=SECRET,
        concurrency=options.concurrency,
        handler_timeout=options.handler_timeout,
        speed=options.speed,
    )
    handled(hooks, options.journal)
    app = web.Application()
    app.router.add_get("/vitals", vitals)
    hooks.mount(app, "/planado")
    async with serving(app) as addresses:
        tell(options.port_file, addresses[0][1])
        await asyncio.Event().wait()


def told() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("inbox")
    parser.add_argument("port_file", type=Path)
    parser.add_argument("journal", type=Path)
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--handler-timeout", type=float, default=60.0)
    parser.add_argument("--speed", type=float, default=1.0)
    parser.add_argument("--synchronous", choices=["FULL", "NORMAL"], default="FULL")
    return parser.parse_args()


if __name__ == "__main__":
    logging.basicConfig(format="%(created)f %(levelname)s %(message)s")
    given = told()
    if given.synchronous == "NORMAL":
        commit_without_waiting()
    asyncio.run(main(given))
