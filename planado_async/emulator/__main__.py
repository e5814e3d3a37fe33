"""Runs the emulator as a command, until it is told to stop."""

import argparse
import asyncio
import ipaddress
import signal
import sys
from datetime import datetime

import orjson

from planado_async.emulator.emulator import Emulator


def parser() -> argparse.ArgumentParser:
    """What the command line may say."""
    result = argparse.ArgumentParser(
        prog="python -m planado_async.emulator",
        description="Serve a local stand-in for Planado and Planday until SIGTERM.",
    )
    add = result.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=int, default=0, help="port to listen on; 0 takes a free one")
    add("--rate", type=float, default=60, help="calls leaked a minute (default: %(default)s)")
    add("--burst", type=float, default=60, help="calls the bucket holds (default: %(default)s)")
    add("--speed", type=float, default=1, help="emulated seconds in a real one (default: 1)")
    add("--seed", type=int, default=0, help="seed of everything random (default: 0)")
    add("--start", type=moment, help="where the clock begins, such as 2026-02-02T08:00:00+00:00")
    add("--public", action="store_true", help="allow an address other machines can reach")
    return result


def moment(text: str) -> datetime:
    """A date and time with a time zone."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date and time") from None
    if parsed.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} has no time zone")
    return parsed


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def serve(emulator: Emulator) -> None:
    """Serves until SIGTERM or SIGINT, after one line of JSON that says where."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with emulator:
        told = {
            "planado_url": emulator.url,
            "api_key": emulator.api_key,
            "control_url": emulator.control_url,
            "planday_url": emulator.planday_url,
            "identity_url": emulator.identity_url,
            "planday_portal_id": emulator.planday_portal_id,
            "planday_app_id": emulator.planday_app_id,
            "planday_refresh_token": emulator.planday_refresh_token,
            "settings_url": emulator.settings_url,
        }
        sys.stdout.write(orjson.dumps(told).decode() + "\n")
        sys.stdout.flush()
        await stopped.wait()


def main(arguments: list[str] | None = None) -> None:
    """Reads the command line and serves; what cannot be done is said in one line."""
    command = parser()
    given = command.parse_args(arguments)
    if not (given.public or is_loopback(given.host)):
        command.error(f"{given.host} is open to other machines; say --public if that is meant")
    if not 0 <= given.port <= 65535:
        command.error("--port must be between 0 and 65535")
    try:
        emulator = Emulator(
            rate=given.rate,
            burst=given.burst,
            speed=given.speed,
            start=given.start,
            seed=given.seed,
            host=given.host,
            port=given.port,
        )
        asyncio.run(serve(emulator))
    except (ValueError, OSError) as error:
        command.exit(2, f"{command.prog}: error: {error}\n")


if __name__ == "__main__":
    main()
