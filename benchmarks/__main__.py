"""Runs every benchmark and prints one table: `python -m benchmarks [--events N] [name …]`."""

import argparse
import asyncio
from functools import partial

from benchmarks import budget, client, imports, inbox, planday, roster
from benchmarks.report import shown

ALL = {
    "imports": imports.run,
    "client": client.run,
    "planday": planday.run,
    "budget": budget.run,
    "inbox": inbox.run,
    "roster": roster.run,
}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(ALL))
    parser.add_argument(
        "--events", type=int, default=inbox.EVENTS, help="how many the inbox keeps for long"
    )
    options = parser.parse_args()
    if unknown := set(options.names) - ALL.keys():
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}: use {', '.join(ALL)}")
    return options


def main() -> None:
    options = _options()
    runs = ALL | {"inbox": partial(inbox.run, options.events)}
    chosen = options.names or list(ALL)
    rows = [row for name in chosen for row in asyncio.run(runs[name]())]
    print(shown(rows))


if __name__ == "__main__":
    main()
