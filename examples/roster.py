"""The roster planned in Planday as the working hours in Planado.

    python examples/roster.py --dry-run

Plans the week in which the clocks go back, for a made-up company of 40 whose Planday and Planado
are both emulated here, and shows what would change. Without --dry-run it is written as well.

For the services themselves, with PLANDAY_REFRESH_TOKEN and PLANADO_API_KEY in the environment:

    python examples/roster.py --planday-app-id … --rules rules.toml --people people.csv
                              --from 2026-10-19 --to 2026-10-25 --dry-run

It ends with 0 if there is nothing to do, 1 if there are changes, 3 if somebody has to look.
"""

import argparse
import asyncio
import json
import sys
import tomllib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from attrs import evolve

from planado_async import ConfigurationError, Planado, PlanadoError, RateLimit
from planado_async.emulator import Emulator
from planado_async.emulator.planday.data import PortalData
from planado_async.planday import Planday
from planado_async.sync import (
    COLUMNS,
    PROBLEMS,
    Applied,
    Plan,
    Roster,
    RosterRules,
    as_json,
    as_text,
    exit_code,
    people_from,
    rows,
    rules_from,
    summary,
)


class Services(NamedTuple):
    """Both services, and how the roster of one becomes the hours of the other."""

    planday: Planday
    planado: Planado
    rules: RosterRules


# --- The made-up company --------------------------------------------------------------------------

SPEED = 30  # emulated seconds in a real one
START = datetime(2026, 10, 12, 6, tzinfo=UTC)
WEEK = date(2026, 10, 19), date(2026, 10, 25)
DAY = timedelta(days=1)
NORTH, CENTRE, SOUTH, OFFICE = 1001, 1002, 1003, 1004
TRAINING = 3003
RULES = f"""
absent = [3001, 3002]  # the shift types Sick and Holiday

[[rules]]
shift_type = {TRAINING}
department = [{NORTH}, {CENTRE}, {SOUTH}]
job_type = "Training"  # which this account does not have

[[rules]]
department = {NORTH}
territory = "North"

[[rules]]
department = {CENTRE}
territory = "Centre"
job_type = "Inspection"

[[rules]]
department = {SOUTH}
territory = "South"
"""


@asynccontextmanager
async def made_up() -> AsyncIterator[Services]:
    """Emulate both services, with the same people in both."""
    async with Emulator(speed=SPEED, start=START) as emulator:
        emulator.settings(time_zone="Europe/Copenhagen", open_user_creation=True)
        portal = emulator.planday.data(emulator.planday_portal_id)
        disturb(portal)
        planday = Planday(
            emulator.planday_app_id,
            emulator.planday_refresh_token,
            base_url=emulator.planday_url,
            identity_url=emulator.identity_url,
        )
        rate = RateLimit(60, per=60.0 / SPEED, burst=55)
        planado = Planado(emulator.api_key, base_url=emulator.url, rate=rate)
        async with planday, planado:
            await move_in(portal, planado)
            yield Services(planday, planado, rules_from(tomllib.loads(RULES)))


async def move_in(portal: PortalData, planado: Planado) -> None:
    """Make everybody on the staff who has an e-mail address a user of Planado's."""
    for email, each in {each.email: each for each in portal.employees if each.email}.items():
        await planado.users.create(
            first_name=each.first_name, last_name=each.last_name, email=email, password="a password"
        )


def disturb(portal: PortalData) -> None:
    """Put into the roster what goes wrong in real ones."""
    monday = WEEK[0]
    for shift in portal.roster.shifts:
        if shift.department_id == SOUTH:  # which lies in another zone
            portal.roster.shifts.put(evolve(shift, time_zone="Europe/London"))
    anna, boris, chloe, daniel, elif_, *_ = portal.employees
    portal.employees.put(evolve(chloe, email=elif_.email))
    for start, end in ((time(7), time(15)), (time(14), time(16))):
        portal.add_shift(employee_id=anna.id, day=monday, start=start, end=end)
    portal.add_shift(employee_id=anna.id, day=monday + 2 * DAY)  # without times
    portal.add_shift(
        employee_id=boris.id, department_id=OFFICE, day=monday, start=time(8), end=time(12)
    )
    portal.add_shift(employee_id=daniel.id, day=WEEK[1] - DAY, start=time(22), end=time(6))
    portal.add_absence(daniel.id, monday, monday + 2 * DAY)


# --- The services themselves ----------------------------------------------------------------------


@asynccontextmanager
async def real(given: argparse.Namespace) -> AsyncIterator[Services]:
    """Open both services; tokens and keys come from the environment."""
    rules = rules_from(
        settings_in(given.rules) if given.rules else {},
        people_from(given.people) if given.people else None,
    )
    async with Planday(given.planday_app_id) as planday, Planado() as planado:
        yield Services(planday, planado, rules)


def settings_in(path: Path) -> dict[str, Any]:
    """Return what a TOML file says; a mark at its begin, as some editors make, does no harm."""
    try:
        return tomllib.loads(path.read_text("utf-8-sig"))
    except ValueError as error:
        raise ConfigurationError(f"{path}: no TOML file in UTF-8: {error}") from None


# --- The command ----------------------------------------------------------------------------------


async def run(given: argparse.Namespace) -> int:
    """Plan, show, and write unless it is a rehearsal; return the exit code."""
    async with real(given) if given.planday_app_id else made_up() as services:
        roster = Roster(*services)
        plan = await roster.plan(given.first, given.last)
        if not given.json:
            show(plan)
        applied = Applied() if given.dry_run else await roster.apply(plan)
    if given.json:
        failed = as_json(Plan(problems=applied.problems))["problems"]
        print(json.dumps({**as_json(plan), "written": applied.written, "failed": failed}, indent=2))
    else:
        print(f"written: {applied.written}", *(each.text for each in applied.problems), sep="\n")
    return exit_code(plan, applied.problems)


def show(plan: Plan) -> None:
    """Print a plan as a table, and what is to be known about it."""
    try:
        from rich.console import Console
        from rich.table import Table
    except ImportError:  # the extra [cli] brings it
        print(as_text(plan))
        return
    table = Table(*COLUMNS)
    for row in rows(plan):
        table.add_row(*row)
    console = Console(markup=False, highlight=False)
    if plan.changes:
        console.print(table)
    for line in summary(plan):
        console.print(line, soft_wrap=True)


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Planday's roster as the working hours in Planado")
    parser.add_argument("--planday-app-id", help="for the services themselves, not emulated ones")
    parser.add_argument("--rules", type=Path, help="a TOML file; see docs/roster.md")
    parser.add_argument("--people", type=Path, help="a CSV file with the columns employee and user")
    parser.add_argument("--from", dest="first", type=date.fromisoformat, help="the first day")
    parser.add_argument("--to", dest="last", type=date.fromisoformat, help="the last day")
    parser.add_argument("--dry-run", action="store_true", help="show the plan and write nothing")
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    given = parser.parse_args(arguments)
    if given.planday_app_id and not (given.first and given.last):
        parser.error("--from and --to are needed")
    if not given.planday_app_id and (given.rules or given.people):
        parser.error("--rules and --people belong to a --planday-app-id; the emulated has its own")
    given.first, given.last = given.first or WEEK[0], given.last or WEEK[1]
    if given.last < given.first:
        parser.error(f"--to {given.last} lies before --from {given.first}")
    return given


def main() -> None:
    try:
        sys.exit(asyncio.run(run(options())))
    except (PlanadoError, OSError, ValueError) as error:  # not 1, which means changes
        print(f"problem: {error}", file=sys.stderr)
        sys.exit(PROBLEMS)


if __name__ == "__main__":
    main()
