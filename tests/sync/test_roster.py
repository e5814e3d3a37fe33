"""The roster carried from Planday to Planado, both of them emulated, in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from attrs import asdict, evolve, frozen

from planado_async import (
    ConfigurationError,
    Planado,
    PlanadoError,
    RateLimit,
    UnexpectedResponseError,
)
from planado_async.core.pages import by_offset
from planado_async.emulator import Emulator
from planado_async.emulator.planday import scheduling_records as records
from planado_async.emulator.planday.data import PortalData
from planado_async.planado.resources.users import Users
from planado_async.planday import Planday
from planado_async.planday.models import Shift
from planado_async.sync import (
    Place,
    Plan,
    Roster,
    RosterRules,
    Rule,
    exit_code,
    roster_shifts,
    rows,
)
from tests.planday.conftest import UNLIMITED
from tests.sync.roster_making import COPENHAGEN, DAY

# The staff's own roster lies around this day, and that of these tests far behind it.
START = datetime(2026, 1, 5, 8, tzinfo=UTC)
MONDAY, SUNDAY = date(2026, 3, 23), date(2026, 3, 29)
NORTH, CENTRE, SOUTH = 1001, 1002, 1003  # departments
NOWHERE = 9
SICK = 3001
RULES = RosterRules(
    rules=[
        Rule(department=NORTH, position=4001, place=Place(territory="North", job_type="Repair")),
        Rule(department=NORTH, place=Place(territory="North")),
        Rule(department=CENTRE, place=Place(territory="Centre", job_type="Inspection")),
        Rule(department=SOUTH, place=Place(territory="South")),
    ],
    absent=[SICK],
)
ANNA, BORIS, CHLOE, DANIEL, ELIF, FARID, GRETA = range(10_001, 10_008)
GONE = 10_039
SHIFTS = "/users/{id}/shifts"


class Company:
    """A portal and an account with the same seven people, and a client of each."""

    def __init__(self, emulator: Emulator, planday: Planday, planado: Planado) -> None:
        self.emulator, self.planday, self.planado = emulator, planday, planado
        account = emulator._account
        assert account is not None
        self.state = account.state
        self.portal: PortalData = emulator.planday.data(emulator.planday_portal_id)
        self.users: dict[int, str] = {}
        for user, employee in zip(self.state.users, self.portal.employees, strict=False):
            self.users[employee.id] = user.uuid
            self.change(employee.id, email=user.email.upper())

    def change(self, employee_id: int, **changes: Any) -> None:
        """Change an employee's record."""
        employee = self.portal.employees.get(employee_id)
        assert employee
        self.portal.employees.put(evolve(employee, **changes))

    def shift(self, employee_id: int | None, day: date, hours: str, **fields: Any) -> int:
        """Put a shift on the roster, such as `22:00-06:00`, and return its id."""
        start, _, end = hours.partition("-")
        if hours:
            fields.update(start=time.fromisoformat(start), end=time.fromisoformat(end))
        return self.portal.add_shift(employee_id=employee_id, day=day, **fields).id

    def roster(self, rules: RosterRules = RULES, **options: Any) -> Roster:
        return Roster(self.planday, self.planado, rules, **options)

    async def carry(self, rules: RosterRules = RULES) -> Plan:
        """Plan and apply a week; nothing may fail."""
        roster = self.roster(rules)
        plan = await roster.plan(MONDAY, SUNDAY)
        assert (await roster.apply(plan)).problems == ()
        return plan

    async def hours(self, employee_id: int, first: date = MONDAY, days: int = 7) -> list[str]:
        """Return what Planado shows: the working pieces of each day."""
        pieces = await self.planado.users.shifts(
            self.users[employee_id], after=first, before=first + days * DAY
        )
        return [
            f"{each.time_from:%d %H:%M}-{each.time_to:%H:%M}"
            + (f" {each.territory.name}" if each.territory else "")
            + (f" {each.job_type.code}" if each.job_type else "")
            for each in pieces
            if each.working
        ]

    async def everything(self, first: date = MONDAY, days: int = 7) -> dict[str, Any]:
        """Return each user's days as they came, by uuid and day."""
        told: dict[str, Any] = {}
        for uuid in self.users.values():
            for day in (first + n * DAY for n in range(days)):
                pieces = await self.planado.users.shifts(uuid, after=day, before=day + DAY)
                told[f"{uuid} {day}"] = [each.raw for each in pieces]
        return told

    def calls(self, method: str) -> int:
        """Return how many calls read or wrote timelines so far."""
        return int(self.emulator.counters()["routes"].get(f"{method} {SHIFTS}", 0))


@pytest.fixture
async def company() -> AsyncIterator[Company]:
    async with Emulator(rate=600_000, burst=10_000, start=START) as emulator:
        emulator.settings(time_zone=COPENHAGEN)
        emulator.planday.settings(**UNLIMITED)
        planday = Planday(
            emulator.planday_app_id,
            emulator.planday_refresh_token,
            base_url=emulator.planday_url,
            identity_url=emulator.identity_url,
            rate=None,
        )
        async with planday, Planado(emulator.api_key, base_url=emulator.url, rate=None) as planado:
            yield Company(emulator, planday, planado)


def told(plan: Plan) -> list[tuple[str, int | None, bool]]:
    """Return the kind of each problem, whose it is, and whether it is a note."""
    found = [(each.kind, each.employee_id, each.note) for each in plan.problems]
    return sorted(found, key=str)


# --- A week ---------------------------------------------------------------------------------------


async def test_a_week_is_carried_over(company: Company) -> None:
    """Shifts of three departments, nights, two zones, absences: the hours are those expected."""
    for n in range(5):
        company.shift(ANNA, MONDAY + n * DAY, "07:00-15:00", position_id=4001 if n == 2 else None)
    company.shift(BORIS, MONDAY, "08:05-16:10", department_id=CENTRE)
    company.shift(BORIS, MONDAY + DAY, "16:00-08:00", department_id=SOUTH)
    company.shift(CHLOE, date(2026, 3, 22), "22:00-06:00")  # the Sunday before
    company.shift(CHLOE, date(2026, 3, 28), "22:00-06:00")  # the night the clocks change
    company.shift(CHLOE, SUNDAY, "22:00-06:00")
    company.shift(DANIEL, MONDAY, "09:00-17:00", time_zone="Europe/London")
    company.shift(ELIF, MONDAY, "07:00-15:00")
    company.shift(ELIF, MONDAY + DAY, "07:00-15:00", shift_type_id=SICK)
    company.shift(ELIF, MONDAY + 2 * DAY, "07:00-15:00")
    company.portal.add_absence(ELIF, MONDAY)
    plan = await company.carry()
    assert await company.hours(ANNA) == [
        "23 07:00-15:00 North",
        "24 07:00-15:00 North",
        "25 07:00-15:00 North Repair",
        "26 07:00-15:00 North",
        "27 07:00-15:00 North",
    ]
    assert await company.hours(BORIS) == [
        "23 08:00-16:15 Centre Inspection",
        "24 16:00-00:00 South",
        "25 00:00-08:00 South",
    ]
    assert await company.hours(CHLOE) == [
        "23 00:00-06:00 South",
        "28 22:00-00:00 South",
        "29 00:00-06:00 South",
        "29 22:00-00:00 South",
    ]
    assert await company.hours(DANIEL) == ["23 10:00-18:00 North"]
    assert await company.hours(ELIF) == ["25 07:00-15:00 Centre Inspection"]
    assert told(plan) == [("clock_change", CHLOE, True)]
    assert exit_code(plan) == 1


async def test_a_second_run_writes_nothing(company: Company) -> None:
    """What was applied is found as it should be: no call writes, and the exit code is 0."""
    await _some_roster(company)
    assert (await company.carry()).writes
    written = company.calls("PATCH")
    plan = await company.carry()
    assert (plan.changes, plan.writes, exit_code(plan)) == ((), (), 0)
    assert company.calls("PATCH") == written


async def test_a_change_touches_its_days_alone(company: Company) -> None:
    """A shift moved, one gone and one new: those days change, all others stay byte for byte."""
    moved, gone = await _some_roster(company)
    await company.carry()
    before = await company.everything(MONDAY - DAY, 9)
    company.portal.change_shift(moved, start=time(8), end=time(16))
    company.portal.delete_shift(gone)
    company.shift(FARID, SUNDAY, "23:00-01:00")
    plan = await company.carry()
    after = await company.everything(MONDAY - DAY, 9)
    changed = {key for key, value in after.items() if value != before[key]}
    assert changed == {f"{each.person.user_uuid} {each.day}" for each in plan.changes}
    assert rows(plan) == [
        ("Anna Berg", "Tue 2026-03-24", "07:00-15:00 North", "08:00-16:00 North"),
        ("Boris Orlov", "Thu 2026-03-26", "07:00-15:00 Centre Inspection", "free"),
        (
            "Farid Haddad",
            "Sun 2026-03-29",
            "07:00-15:00 South",
            "07:00-15:00 South, 23:00-24:00 South",
        ),
    ]
    assert len(plan.writes) == 3


async def test_times_outside_the_window_stay(company: Company) -> None:
    """Hours set by hand a day before and a day after are there when the week was carried."""
    user = company.users[ANNA]
    for day in (date(2026, 3, 22), date(2026, 3, 30)):
        at = datetime.combine(day, time(10), UTC)
        piece = {"time_from": at, "time_to": at + timedelta(hours=2), "working": True}
        await company.planado.users.set_shifts(user, [piece])  # type: ignore[list-item]
    company.shift(ANNA, date(2026, 3, 22), "06:00-10:00")
    company.shift(ANNA, SUNDAY, "06:00-10:00")
    before = (
        await company.everything(date(2026, 3, 22), 1),
        await company.everything(SUNDAY + DAY, 1),
    )
    await company.carry()
    after = (
        await company.everything(date(2026, 3, 22), 1),
        await company.everything(SUNDAY + DAY, 1),
    )
    assert after == before
    assert await company.hours(ANNA) == ["29 06:00-10:00 North"]


async def test_a_window_may_end_in_mid_week(company: Company) -> None:
    """Ten days are read and written as a week and three days, and no day more."""
    for n in range(14):
        company.shift(ANNA, MONDAY + n * DAY, "07:00-15:00")
    roster = company.roster()
    await roster.apply(await roster.plan(MONDAY, MONDAY + 9 * DAY))
    assert (company.calls("GET"), company.calls("PATCH")) == (14, 2)
    assert len(await company.hours(ANNA)) == 7
    assert len(await company.hours(ANNA, MONDAY + 7 * DAY)) == 3


async def test_a_call_is_made_for_each_person_and_week(company: Company) -> None:
    """Three weeks of seven people are 21 reads, and a write for each week that changes."""
    company.shift(ANNA, MONDAY, "07:00-15:00")
    company.shift(ANNA, MONDAY + 15 * DAY, "07:00-15:00")
    company.shift(BORIS, MONDAY + 6 * DAY, "22:00-06:00")
    roster = company.roster()
    plan = await roster.plan(MONDAY, MONDAY + 20 * DAY)
    assert (company.calls("GET"), company.calls("PATCH")) == (21, 0)
    applied = await roster.apply(plan)
    # Boris's night is in two weeks.
    assert (applied.written, company.calls("PATCH")) == (4, 4)


async def test_rules_that_name_no_place_ask_for_none(company: Company) -> None:
    """Without territories and job types in the rules neither list is read; hours are plain."""
    company.shift(ANNA, MONDAY, "07:00-15:00")
    await company.carry(RosterRules())
    assert await company.hours(ANNA) == ["23 07:00-15:00"]
    routes = company.emulator.counters()["routes"]
    assert not {"GET /territories", "GET /job_types"} & routes.keys()
    await company.carry()
    assert await company.hours(ANNA) == ["23 07:00-15:00 North"]
    routes = company.emulator.counters()["routes"]
    assert {"GET /territories", "GET /job_types"} <= routes.keys()


async def test_hours_may_be_an_absence_or_a_part_of_it(company: Company) -> None:
    """Absence of some hours leaves the rest of a shift; with `absences=False` none is asked."""
    company.shift(ANNA, MONDAY, "07:00-15:00")
    record = company.portal.add_absence(ANNA, MONDAY)
    (day,) = record.registrations
    part = evolve(day, start=time(12), end=time(13))
    company.portal.absences.records.put(evolve(record, registrations=(part,)))
    await company.carry()
    assert await company.hours(ANNA) == ["23 07:00-12:00 North", "23 13:00-15:00 North"]
    roster = company.roster(absences=False)
    company.emulator.planday.fault("status", path="/absence/*", status=403, count=None)
    await roster.apply(await roster.plan(MONDAY, SUNDAY))
    assert await company.hours(ANNA) == [
        "23 07:00-12:00 North",
        "23 12:00-13:00 North",
        "23 13:00-15:00 North",
    ]


@pytest.mark.parametrize("account", ["UTC", "America/New_York", "Australia/Lord_Howe"])
async def test_the_account_may_have_another_clock(company: Company, account: str) -> None:
    """Whatever zone Planado tells its days in, a night has its moments, and all is settled."""
    company.emulator.settings(time_zone=account)
    company.shift(ANNA, date(2026, 3, 25), "22:00-06:00")
    company.shift(ANNA, date(2026, 3, 28), "22:00-06:00")
    await company.carry()
    pieces = await company.planado.users.shifts(
        company.users[ANNA], after=MONDAY, before=MONDAY + 7 * DAY
    )
    worked = [(each.time_from, each.time_to) for each in pieces if each.working]
    assert worked[0][0] == datetime(2026, 3, 25, 21, tzinfo=UTC)
    assert sum((end - start for start, end in worked), timedelta()) == timedelta(hours=15)
    assert (await company.carry()).writes == ()


# --- Stopped and begun again ----------------------------------------------------------------------


async def _some_roster(company: Company) -> tuple[int, int]:
    """Put two weeks of shifts on the roster; return one of Anna's Tuesday and one of Boris's."""
    ids = {
        (employee, n): company.shift(employee, MONDAY + n * DAY, "07:00-15:00")
        for employee in company.users
        for n in range(7)
        if (employee - ANNA + n) % 7 < 5
    }
    return ids[ANNA, 1], ids[BORIS, 3]


@pytest.mark.parametrize("after", [1, 3, 5])
async def test_killed_in_the_middle_it_goes_on(company: Company, after: int) -> None:
    """Cancelled after some calls and run again, it ends the same and repeats no finished call."""
    await _some_roster(company)
    plan = await company.roster().plan(MONDAY, SUNDAY)
    company.emulator.fault("delay", method="PATCH", count=None, seconds=1.0)
    slow = Planado(
        company.emulator.api_key,
        base_url=company.emulator.url,
        rate=RateLimit(60, per=60.0, burst=1),
        in_flight=1,
    )
    async with slow:
        task = asyncio.create_task(Roster(company.planday, slow, RULES).apply(plan))
        while company.calls("PATCH") < after:  # noqa: ASYNC110  # the emulator has no event for it
            await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    company.emulator.cancel_faults()
    done = company.calls("PATCH")
    assert done < len(plan.writes)
    rest = await company.carry()
    assert len(rest.writes) == len(plan.writes) - done
    whole = await company.everything()
    await company.roster().apply(plan)  # once more, as if nothing had been written
    assert await company.everything() == whole
    assert (await company.carry()).writes == ()


async def test_a_lost_answer_does_no_harm(company: Company) -> None:
    """A write whose answer is lost is sent again, and the hours are as they should be."""
    company.shift(ANNA, MONDAY, "07:00-15:00")
    company.emulator.fault("cut_after", method="PATCH")
    await company.carry()
    assert company.calls("PATCH") == 2
    assert await company.hours(ANNA) == ["23 07:00-15:00 North"]


async def test_a_read_that_fails_leaves_its_person_out(company: Company) -> None:
    """If a week of somebody cannot be read, nothing of theirs is written; the others go on."""
    company.shift(ANNA, MONDAY, "07:00-15:00")
    company.shift(ANNA, MONDAY + 7 * DAY, "07:00-15:00")
    company.shift(BORIS, MONDAY, "07:00-15:00")
    path = f"/users/{company.users[ANNA]}/shifts"
    company.emulator.fault("status", method="GET", path=path, status=400, count=1)
    roster = company.roster()
    plan = await roster.plan(MONDAY, SUNDAY + 7 * DAY)
    assert told(plan) == [("failed", ANNA, False)]
    assert exit_code(plan) == 3
    assert (await roster.apply(plan)).written == 1
    assert (await company.hours(ANNA), len(await company.hours(BORIS))) == ([], 1)
    assert len((await company.carry()).writes) == 1


async def test_without_a_key_nothing_is_planned(company: Company) -> None:
    """A key that is refused would meet every read, so it is raised at once."""
    company.emulator.fault("status", method="GET", path="/users/*", status=401, count=None)
    with pytest.raises(PlanadoError):
        await company.roster().plan(MONDAY, SUNDAY)
    assert company.calls("GET") <= 8


async def test_a_key_withdrawn_meanwhile_ends_the_writing(company: Company) -> None:
    """Calls that were not made any more are told, and come with the next run."""
    await _some_roster(company)
    roster = company.roster()
    plan = await roster.plan(MONDAY, SUNDAY)
    company.emulator.fault("status", method="PATCH", status=401, count=None)
    applied = await roster.apply(evolve(plan, writes=plan.writes * 3))
    assert applied.written == 0
    assert "calls were not made after that" in applied.problems[-1].text
    assert exit_code(plan, applied.problems) == 3


# --- Bad input ------------------------------------------------------------------------------------


@frozen(kw_only=True)
class TooLong(records.Shift):
    """A shift that ends a day later than it should."""

    @property
    def ends_at(self) -> datetime | None:
        ends_at = super().ends_at
        return ends_at and ends_at + DAY


async def test_what_is_wrong_is_told_and_the_others_go_on(company: Company) -> None:
    """Each ill gets a line that says what to do, and everybody else's hours are written."""
    company.change(BORIS, email="")
    company.change(CHLOE, email="daniel.weiss@example.test")
    company.shift(BORIS, MONDAY, "07:00-15:00")
    company.shift(CHLOE, MONDAY, "07:00-15:00")
    company.shift(DANIEL, MONDAY, "07:00-15:00")
    company.shift(GONE, MONDAY, "07:00-15:00")  # who has left
    company.shift(ANNA, MONDAY, "07:00-15:00")
    company.shift(ELIF, MONDAY, "07:00-15:00", department_id=NORTH)
    company.shift(ELIF, MONDAY, "14:00-18:00", department_id=SOUTH)
    company.shift(FARID, MONDAY, "")
    company.shift(FARID, MONDAY + DAY, "07:00-15:00", department_id=NOWHERE)
    long = company.portal.roster.shift(company.shift(FARID, MONDAY + 2 * DAY, "07:00-15:00"))
    company.portal.roster.shifts.put(TooLong(**asdict(long, recurse=False)))
    company.shift(FARID, date(2026, 3, 28), "22:00-06:00")
    company.shift(FARID, SUNDAY + 9 * DAY, "")  # not in these days
    company.shift(GRETA, MONDAY, "07:00-15:00", department_id=CENTRE)
    company.shift(GRETA, MONDAY + DAY, "07:00-15:00", status="Draft")
    company.shift(None, MONDAY, "07:00-15:00")
    rules = RosterRules(
        rules=[
            Rule(department=CENTRE, place=Place(territory="Center", job_type="Inspektion")),
            Rule(department=[NORTH, SOUTH], place=Place(territory="South")),
        ]
    )
    plan = await company.carry(rules)
    assert told(plan) == sorted(
        [
            ("no_match", BORIS, False),
            ("ambiguous", CHLOE, False),
            ("ambiguous", DANIEL, False),
            ("no_match", GONE, False),
            ("overlap", ELIF, True),
            ("no_times", FARID, False),
            ("too_long", FARID, False),
            ("clock_change", FARID, True),
            ("no_rule", None, False),
            ("no_place", None, False),
            ("no_place", None, False),
        ],
        key=str,
    )
    assert plan.ignored == {"Draft": 1, "Open": 1}
    assert exit_code(plan) == 3
    lines = "\n".join(each.text for each in plan.problems)
    for said in (
        f"employee {BORIS} has no e-mail address; mend the addresses, or say who it is",
        f"employee {CHLOE} shares the e-mail address with another employee",
        f"employee {GONE} has shifts and is not at work any more",
        "has no times; give it a start and an end",
        "lasts 1 day, 8:00:00, more than a day; mend it",
        "shows 8:00:00 on the clock and lasts 7:00:00",
        "department 9: no rule fits 1 shift of it, whose time stays as it is; add a rule",
        "the territory 'Center', which Planado does not have",
        "the job type 'Inspektion', which Planado does not have, so the time of 1 shift",
    ):
        assert said in lines, said
    assert not any(name in lines for name in ("Boris", "Chloe", "@"))
    assert await company.hours(ANNA) == ["23 07:00-15:00 South"]
    assert await company.hours(ELIF) == ["23 07:00-18:00 South"]
    assert await company.hours(FARID) == ["28 22:00-00:00 South", "29 00:00-06:00 South"]
    for silent in (BORIS, CHLOE, DANIEL, GRETA):
        assert await company.hours(silent) == []
    assert (await company.carry(rules)).writes == ()


async def test_a_user_deleted_before_the_writing_is_told(company: Company) -> None:
    """Their call fails with what to do, the others are written; the next plan tells it as well."""
    company.shift(ANNA, MONDAY, "07:00-15:00")
    company.shift(BORIS, MONDAY, "07:00-15:00")
    roster = company.roster()
    plan = await roster.plan(MONDAY, SUNDAY)
    company.state.users.remove(company.users[ANNA])
    applied = await roster.apply(plan)
    (problem,) = applied.problems
    assert (applied.written, problem.kind, problem.employee_id) == (1, "failed", ANNA)
    assert f"Planado has no user {company.users[ANNA]} any more; give the work" in problem.text
    assert exit_code(plan, applied.problems) == 3
    assert await company.hours(BORIS) == ["23 07:00-15:00 Centre Inspection"]
    again = await roster.plan(MONDAY, SUNDAY)
    assert (told(again), again.writes) == ([("no_match", ANNA, False)], ())


async def test_a_territory_deleted_before_the_writing_is_told(company: Company) -> None:
    """A call that Planado refuses says why, and the others are made."""
    company.shift(ANNA, MONDAY, "07:00-15:00")
    company.shift(BORIS, MONDAY, "07:00-15:00")
    roster = company.roster()
    plan = await roster.plan(MONDAY, SUNDAY)
    north = company.state.territories.find("name", "North")
    assert north
    company.state.territories.remove(north.uuid)
    applied = await roster.apply(plan)
    assert [each.employee_id for each in applied.problems] == [ANNA]
    assert "shifts: must exist; the others go on, run it again" in applied.problems[0].text
    assert applied.written == 1


async def test_people_may_be_told_by_a_list(company: Company) -> None:
    """An employee without an address is the user whom the list names by salary identifier."""
    company.change(ANNA, email="")
    company.shift(ANNA, MONDAY, "07:00-15:00")
    await company.carry(evolve(RULES, people={"S1001": company.users[ANNA]}))
    assert await company.hours(ANNA) == ["23 07:00-15:00 North"]


async def test_those_of_other_departments_are_not_read(company: Company) -> None:
    """Where the rules are about one department, the hours of all others stay."""
    company.shift(ANNA, MONDAY, "07:00-15:00")
    company.shift(BORIS, MONDAY, "07:00-15:00")
    plan = await company.carry(evolve(RULES, departments=[NORTH]))
    assert company.calls("GET") == 3  # Anna, Daniel, Greta
    assert (plan.people, plan.ignored) == (3, {"of other departments": 1})
    assert await company.hours(BORIS) == []


async def test_those_gone_of_other_departments_are_of_no_concern(company: Company) -> None:
    """Somebody who has left is a problem only with shifts that the rules are about."""
    company.shift(GONE, MONDAY, "07:00-15:00", department_id=SOUTH)
    plan = await company.carry(evolve(RULES, departments=[NORTH]))
    assert (told(plan), plan.ignored) == ([], {"of other departments": 1})
    plan = await company.carry(evolve(RULES, departments=[SOUTH]))
    assert told(plan) == [("no_match", GONE, False)]


async def test_a_line_that_names_nobody_is_noted(company: Company) -> None:
    """A slip in the people's list is told by the plan, and is no reason to fail."""
    plan = await company.carry(evolve(RULES, people={"S-1": company.users[ANNA]}))
    assert (told(plan), exit_code(plan)) == ([("no_match", None, True)], 0)
    assert "the people's list names 'S-1'" in plan.problems[0].text


@pytest.mark.parametrize("zone", [None, "Nowhere/X"])
async def test_a_shift_that_cannot_be_read_stops_nobody(company: Company, zone: Any) -> None:
    """It is told with its id, its night stays as it is, and all others are carried over."""
    bad = company.shift(BORIS, MONDAY, "22:00-06:00")
    company.shift(ANNA, MONDAY, "07:00-15:00")
    company.shift(BORIS, MONDAY + 4 * DAY, "07:00-15:00")
    await company.carry()
    company.shift(CHLOE, MONDAY, "07:00-15:00")
    shift = company.portal.roster.shift(bad)
    company.portal.roster.shifts.put(evolve(shift, time_zone=zone))
    plan = await company.carry()
    assert told(plan) == [("unreadable", BORIS, False)]
    assert f"shift {bad} of employee {BORIS} cannot be read: " in plan.problems[0].text
    assert [each.person.employee_id for each in plan.writes] == [CHLOE]
    assert await company.hours(BORIS) == [
        "23 22:00-00:00 Centre Inspection",
        "24 00:00-06:00 Centre Inspection",
        "27 07:00-15:00 Centre Inspection",
    ]


async def test_a_listing_that_fails_twice_is_raised(company: Company) -> None:
    """If it is not a shift but the answer that cannot be read, nothing is planned."""
    company.emulator.planday.fault("not_json", path="/scheduling/v1.0/shifts", count=None)
    with pytest.raises(PlanadoError):
        await company.roster().plan(MONDAY, SUNDAY)


async def test_a_listing_read_apart_is_whole(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is walked over page by page, and not taken for whole if shifts went meanwhile."""
    monkeypatch.setattr(roster_shifts, "PAGE", 2)
    ids = [company.shift(each, MONDAY, "07:00-15:00") for each in (ANNA, BORIS, CHLOE, DANIEL)]
    bad = company.portal.roster.shift(company.shift(ELIF, MONDAY, "07:00-15:00"))
    company.portal.roster.shifts.put(evolve(bad, time_zone="Nowhere/X"))
    found = await roster_shifts.shifts_between(company.planday, MONDAY, SUNDAY)
    assert [each.id for each in found.shifts] == [*ids, bad.id]
    request = company.planday.request

    async def removing(*given: Any, **options: Any) -> Any:
        answer = await request(*given, **options)
        if company.portal.roster.shifts.get(ids[0]):
            company.portal.delete_shift(ids[0])
        return answer

    monkeypatch.setattr(company.planday, "request", removing)
    with pytest.raises(UnexpectedResponseError, match="were removed while they were listed"):
        await roster_shifts.shifts_between(company.planday, MONDAY, SUNDAY)


async def test_a_shift_that_comes_twice_is_one(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where pages move while they are read a shift may be on two of them."""
    company.shift(ANNA, MONDAY, "07:00-15:00")
    shifts = await company.planday.shifts.list(from_date=MONDAY, to_date=SUNDAY).collect()

    async def fetch(offset: int) -> list[Shift]:
        return [] if offset else shifts * 2

    monkeypatch.setattr(type(company.planday.shifts), "list", lambda *_, **__: by_offset(fetch))
    assert told(await company.carry()) == []
    assert await company.hours(ANNA) == ["23 07:00-15:00 North"]


@pytest.fixture
def answered(company: Company, monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int, date], None]:
    """Let reads of timelines be answered with days more or less, from a day on."""
    read = Users.shifts

    def answer(earlier: int, later: int, since: date) -> None:
        async def shifts(self: Users, uuid: str, *, after: date, before: date) -> Any:
            if after < since:
                return await read(self, uuid, after=after, before=before)
            first, last = after - earlier * DAY, before + later * DAY
            days = [first + n * DAY for n in range((last - first).days)]
            parts = [await read(self, uuid, after=day, before=day + DAY) for day in days]
            return [piece for part in parts for piece in part]

        monkeypatch.setattr(Users, "shifts", shifts)

    return answer


@pytest.mark.parametrize("more", [(0, 1), (1, 0), (2, 3)])
async def test_what_was_not_asked_is_not_touched(
    company: Company, answered: Callable[[int, int, date], None], more: tuple[int, int]
) -> None:
    """A server that tells more days than were asked for changes nothing."""
    for n in range(-3, 24):
        company.shift(ANNA, MONDAY + n * DAY, "07:00-15:00")
    roster = company.roster()
    answered(*more, MONDAY)
    plan = await roster.plan(MONDAY, SUNDAY + 7 * DAY)
    assert [each.day for each in plan.changes] == [MONDAY + n * DAY for n in range(14)]
    assert (len(plan.writes), plan.problems) == (2, ())


@pytest.mark.parametrize("less", [(0, -7), (0, -1), (-1, 0)])
async def test_a_week_cut_short_is_told(
    company: Company, answered: Callable[[int, int, date], None], less: tuple[int, int]
) -> None:
    """A week answered with nothing, or in part, leaves its person alone, and says so."""
    company.shift(ANNA, MONDAY, "07:00-15:00")
    company.shift(ANNA, MONDAY + 7 * DAY, "07:00-15:00")
    answered(*less, MONDAY + 7 * DAY)
    plan = await company.roster(evolve(RULES, departments=[NORTH])).plan(MONDAY, SUNDAY + 7 * DAY)
    assert told(plan) == [("no_timeline", id_, False) for id_ in (ANNA, DANIEL, GRETA)]
    assert (plan.writes, plan.people) == ((), 0)


async def test_the_portals_zone_must_be_known(company: Company) -> None:
    """Absences are told in it; one that is none is refused, and the rules may say it."""
    company.portal.portal = evolve(company.portal.portal, time_zone="Romance Standard Time")
    company.shift(ANNA, MONDAY, "07:00-15:00", time_zone=COPENHAGEN)
    with pytest.raises(ConfigurationError, match="'Romance Standard Time' as the portal's time"):
        await company.roster().plan(MONDAY, SUNDAY)
    await company.carry(evolve(RULES, zone=COPENHAGEN))
    assert await company.hours(ANNA) == ["23 07:00-15:00 North"]


async def test_days_in_the_wrong_order_are_refused(company: Company) -> None:
    """The first day comes first."""
    with pytest.raises(ValueError, match="lies before from_date"):
        await company.roster().plan(SUNDAY, MONDAY)


async def test_both_budgets_are_kept(company: Company) -> None:
    """With the budgets the clients have by themselves, no call is refused on either side."""
    company.emulator.settings(rate=60, burst=60)
    limits = {"portal_per_second": 20, "portal_per_minute": 750}
    company.emulator.planday.settings(**limits)
    await _some_roster(company)
    planado = Planado(company.emulator.api_key, base_url=company.emulator.url)
    planday = Planday(
        company.emulator.planday_app_id,
        company.emulator.planday_refresh_token,
        base_url=company.emulator.planday_url,
        identity_url=company.emulator.identity_url,
    )
    async with planday, planado:
        roster = Roster(planday, planado, RULES)
        plan = await roster.plan(MONDAY, MONDAY + 69 * DAY)
        assert (await roster.apply(plan)).problems == ()
    assert company.calls("GET") == 70
    assert company.emulator.counters()["refusals"] == 0
    assert company.emulator.planday.counters()["refusals"] == 0
