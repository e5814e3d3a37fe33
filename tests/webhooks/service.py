"""A receiving service for `test_kill`: `python -m tests.webhooks.service DB PORTFILE`."""

import asyncio
import sys
from pathlib import Path

from aiohttp import web

from planado_async.webhooks import Event, Webhooks


def tell(port_file: str, port: int) -> None:
    """Write the port in one step, so that nobody reads half of it."""
    made = Path(f"{port_file}.new")
    made.write_text(str(port))
    made.replace(port_file)


async def main(inbox: str, port_file: str) -> None:
    """Serve until killed; the port appears in a file when requests are answered."""
    hooks = Webhooks(inbox, secret="s3cret", concurrency=8)

    @hooks.on("*", name="write")
    async def write(event: Event) -> None:
        await asyncio.sleep(0.001)

    app = web.Application()
    hooks.mount(app, "/planado")
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    tell(port_file, runner.addresses[0][1])
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
