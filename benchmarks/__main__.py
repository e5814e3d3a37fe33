"""Runs every benchmark and prints one table: `python -m benchmarks [name …]`."""

import asyncio
import sys

from benchmarks import budget, client, imports, receiver
from benchmarks.report import shown

ALL = {
    "imports": imports.run,
    "client": client.run,
    "budget": budget.run,
    "receiver": receiver.run,
}


def main() -> None:
    chosen = sys.argv[1:] or list(ALL)
    rows = [row for name in chosen for row in asyncio.run(ALL[name]())]
    print(shown(rows))


if __name__ == "__main__":
    main()
