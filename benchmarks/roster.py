"""The roster from Planday to Planado: what a plan takes, and how many calls it costs."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from attrs import frozen

from benchmarks.peers import process
from benchmarks.report import Row
from benchmarks.roster_plan import EMPLOYEES, WEEKS
from planado_async import Planado
from planado_async.emulator import Emulator
from planado_async.planday import Planday
from planado_async.sync import Plan, Roster

FIRST, DAY = date(2026, 3, 9), timedelta(days=1)  # the clocks go forward in the third week
LAST = FIRST + (7 * WEEKS - 1) * DAY
# The staff's roster lies around this day.
START = datetime(2026, 3, 23, 6, tzinfo=ZoneInfo("Europe/Copenhagen"))
UNLIMITED = dict.fromkeys(
    ("portal_per_second", "portal_per_minute", "client_per_second", "client_per_minute"), 10**6
)


@frozen
class Calls:
    """Calls of one run to Planado: those that read and wrote timelines, and all others."""

    reads: int
    writes: int
    others: int


class Counted:
    """Counts the emulator's calls while a block runs."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self.calls = Calls(0, 0, 0)

    def _now(self) -> Calls:
        counters = self._emulator.counters()
        reads, writes = (
            counters["routes"].get(f"{method} /users/{{id}}/shifts", 0)
            for method in ("GET", "PATCH")
        )
        return Calls(reads, writes, counters["calls"] - reads - writes)

    @contextmanager
    def run(self) -> Iterator[None]:
        before = self._now()
        yield
        now = self._now()
        self.calls = Calls(
            now.reads - before.reads, now.writes - before.writes, now.others - before.others
        )


async def _move_in(emulator: Emulator, planado: Planado) -> None:
    """Make everybody at work who has an e-mail address a user."""
    emulator.settings(time_zone="Europe/Copenhagen", open_user_creation=True)
    emulator.planday.settings(**UNLIMITED)
    for each in emulator.planday.data(emulator.planday_portal_id).employees:
        if each.email:
            await planado.users.create(
                first_name=each.first_name,
                last_name=each.last_name,
                email=each.email,
                password="a password",
            )


async def _calls() -> tuple[Plan, Calls, Calls]:
    """Carry four weeks of the emulated staff twice; return the plan and the calls of each run."""
    async with Emulator(rate=1e6, burst=100_000, start=START) as emulator:
        planday = Planday(
            emulator.planday_app_id,
            emulator.planday_refresh_token,
            base_url=emulator.planday_url,
            identity_url=emulator.identity_url,
            rate=None,
        )
        planado = Planado(emulator.api_key, base_url=emulator.url, rate=None)
        async with planday, planado:
            await _move_in(emulator, planado)
            roster, counted = Roster(planday, planado), Counted(emulator)
            with counted.run():
                plan = await roster.plan(FIRST, LAST)
                applied = await roster.apply(plan)
            assert not applied.problems
            first = counted.calls
            with counted.run():
                await roster.apply(await roster.plan(FIRST, LAST))
            return plan, first, counted.calls


def _weeks_that_change(plan: Plan) -> int:
    return len({(each.person, (each.day - FIRST).days // 7) for each in plan.changes})


async def run() -> list[Row]:
    """Measure a large plan in a process of its own, and count the calls of a small company."""
    with process("benchmarks.roster_plan") as line:
        seconds, megabytes = map(float, line.split())
    plan, first, second = await _calls()
    people_weeks, changing = WEEKS * plan.people, _weeks_that_change(plan)
    print(
        f"roster of {plan.people} people, {WEEKS} weeks: {first.reads} reads of at most "
        f"{people_weeks}, {first.writes} writes of at most {changing}, {first.others} other calls; "
        f"again: {second.reads} reads, {second.writes} writes, {second.others} others"
    )
    what = f"{EMPLOYEES} employees, {WEEKS} weeks"
    return [
        Row(f"{what}: a plan's CPU seconds", seconds, 2),
        Row(f"{what}: a plan's process, MB", megabytes, 150),
        Row("reads / people and weeks", first.reads / people_weeks, 1),
        Row("writes / people and weeks that change", first.writes / changing, 1),
        Row("the second run: writes", second.writes, 0),
    ]
