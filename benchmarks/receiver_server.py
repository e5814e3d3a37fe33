"""The receiver in one of three ways: `python -m benchmarks.receiver_server MODE FOLDER`.

`durable` is the real thing; `single` the same with a commit for each request; `unstored` answers
without keeping anything.
"""

import asyncio
import sys
import time
from pathlib import Path

from aiohttp import web

from benchmarks.peers import serve
from planado_async.webhooks import Delivery, SqliteInbox, receiver, writer

SECRET = "s3cret"


class Unstored(SqliteInbox):
    """Takes deliveries and forgets them."""

    async def put(self, delivery: Delivery) -> bool:
        return True


async def run(mode: str, folder: Path) -> None:
    if mode == "single":
        writer.BATCH = 1
    kind = Unstored if mode == "unstored" else SqliteInbox
    async with kind(folder / f"{mode}-{time.time_ns()}.db") as inbox:
        app = web.Application()
        app.add_subapp("/planado", receiver(inbox, secrets=SECRET))
        await serve(app)


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], Path(sys.argv[2])))
