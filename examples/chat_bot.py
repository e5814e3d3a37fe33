"""A dispatchers' bot: it answers questions about jobs and tells the chat what becomes of them.

    PLANADO_API_KEY=… PLANADO_WEBHOOK_SECRET=… python examples/chat_bot.py --port 8080

The chat is the terminal: type `status wo-77`, or `move wo-77 2027-01-04T09:00+01:00`. To put a real
one in its place, write another `Chat` and hand the bot its lines.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Protocol

from aiohttp import web

from planado_async import NotFoundError, Planado, PlanadoError
from planado_async.planado import Job
from planado_async.webhooks import JobEvent, Webhooks

PATIENCE = 3.0
"""Seconds in which somebody who waits at a chat gets an answer."""
HELP = "I know `status ORDER` and `move ORDER TIME`, with a time such as 2027-01-04T09:00+01:00."


class Chat(Protocol):
    """Where the bot speaks."""

    async def post(self, text: str, *, key: str) -> None:
        """Post a message, unless one with this key has been posted.

        A chat that takes an idempotency key with a message, as many do, is given it; for one that
        does not, keep the keys beside your own data. Raise if the message may not be there.
        """
        ...


class Console:
    """The terminal as a chat."""

    def __init__(self) -> None:
        self._posted: set[str] = set()

    async def post(self, text: str, *, key: str) -> None:
        if key not in self._posted:
            self._posted.add(key)
            print(text, flush=True)


class Bot:
    """Answers lines and posts what happens. Its calls go before those of the night's imports."""

    def __init__(self, planado: Planado, chat: Chat) -> None:
        self._planado = planado.with_options(deadline=PATIENCE, priority="interactive")
        self._chat = chat

    async def answer(self, line: str) -> str:
        words = line.split()
        try:
            match words:
                case ["status", order]:
                    return _status(await self._planado.jobs.get(order))
                case ["move", order, at]:
                    await self._planado.jobs.update(order, scheduled_at=datetime.fromisoformat(at))
                    return f"{order} is moved."
                case _:
                    return HELP
        except NotFoundError:
            return f"There is no {words[1]}."
        except ValueError:
            return HELP
        except PlanadoError as error:  # among them that there was no answer in time
            return f"That did not work ({type(error).__name__}); please ask again."

    def listen(self, hooks: Webhooks) -> None:
        """Register what the bot wants to hear of; what was overtaken meanwhile is not told."""
        hooks.on("job_finished", name="tell-finished", order="latest")(self._tell_finished)
        hooks.on("job_updated", name="tell-moved", order="latest")(self._tell_moved)

    async def _tell_finished(self, event: JobEvent) -> None:
        job = event.entity
        ending = job.resolution.name if job.resolution else "no resolution"
        # Should the chat fail, this is called again, with the same run_id: it is told once.
        await self._chat.post(f"{_name(job)} is finished: {ending}.", key=event.run_id)

    async def _tell_moved(self, event: JobEvent) -> None:
        if event.source == "api":
            return  # the echo of the bot's own `move`, or of another program's
        job = event.raw["job"]
        before = job.get("previous_version", {})
        if before.get("scheduled_at") != job.get("scheduled_at"):
            text = f"{_name(event.entity)} was moved to {event.entity.scheduled_at}."
            await self._chat.post(text, key=event.run_id)


def _name(job: Job) -> str:
    return job.external_id or f"Job {job.serial_no}"


def _status(job: Job) -> str:
    when = f", planned for {job.scheduled_at}" if job.scheduled_at else ""
    return f"{_name(job)} is {job.status}{when}."


def service(bot: Bot, inbox: Path | str, *, speed: float = 1.0) -> web.Application:
    """Return the app that receives the bot's webhooks; `speed` is that of a handler's retries."""
    hooks = Webhooks(inbox, speed=speed)
    bot.listen(hooks)
    app = web.Application()
    hooks.mount(app, "/planado")
    return app


async def lines() -> AsyncIterator[str]:
    """Read the terminal without blocking the loop."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    async for line in reader:
        yield line.decode(errors="replace")


async def run(port: int, inbox: Path) -> None:
    async with Planado() as planado:
        bot = Bot(planado, Console())
        runner = web.AppRunner(service(bot, inbox), access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            async for line in lines():
                print(await bot.answer(line), flush=True)
        finally:
            await runner.cleanup()


def main() -> None:
    arguments = argparse.ArgumentParser(description="A dispatchers' bot in the terminal")
    arguments.add_argument("--port", type=int, default=8080)
    arguments.add_argument("--inbox", type=Path, default=Path("inbox.db"))
    given = arguments.parse_args()
    asyncio.run(run(given.port, given.inbox))


if __name__ == "__main__":
    main()
