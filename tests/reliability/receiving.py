"""A receiving service: `python -m tests.reliability.receiving DB PORT`.

Each event that begins with `slow` has a handler that does not end.
"""

import asyncio
import sys

from aiohttp import web

from planado_async.webhooks import Event, Webhooks, serve
from tests.webhooks.making import SECRET

DRAIN = 2.0


def main(inbox: str, port: int) -> None:
    """Serve until a signal."""
    hooks = Webhooks(inbox, secret=SECRET, concurrency=8, drain=DRAIN)

    @hooks.on("*", name="work")
    async def work(event: Event) -> None:
        await asyncio.sleep(1e6 if event.event_uuid.startswith("slow") else 0.002)

    app = web.Application()
    hooks.mount(app, "/planado", health="/health")
    serve(app, port=port)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
