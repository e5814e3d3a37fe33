"""A process that carries a roster over, to be killed: see `test_roster_killed.py`.

    python -m tests.sync.carry FIRST_DAY LAST_DAY

The addresses and keys of both services are in the environment.
"""

import asyncio
import sys
from datetime import date

from planado_async import Planado
from planado_async.planday import Planday
from planado_async.sync import Place, Roster, RosterRules, Rule

RULES = RosterRules(rules=[Rule(place=Place(territory="North"))])


async def main(first: date, last: date) -> None:
    async with Planday(rate=None) as planday, Planado(rate=None, in_flight=1) as planado:
        roster = Roster(planday, planado, RULES)
        await roster.apply(await roster.plan(first, last))


if __name__ == "__main__":
    asyncio.run(main(*map(date.fromisoformat, sys.argv[1:])))
