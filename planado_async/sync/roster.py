"""The roster planned in Planday as the working hours in Planado: read both, plan, write."""

from collections import defaultdict
from datetime import date, timedelta
from typing import NamedTuple

from attrs import evolve, frozen

from planado_async.core.bulk import BulkReport
from planado_async.core.errors import AuthenticationError, ConfigurationError, NotFoundError
from planado_async.core.wall_clock import zone_of
from planado_async.planado import models as planado_models
from planado_async.planado.client import Planado
from planado_async.planado.writes import ShiftFields
from planado_async.planday.client import Planday
from planado_async.planday.models import AbsenceRecord, EmployeeItem, Shift
from planado_async.sync.roster_days import between
from planado_async.sync.roster_people import match, unused
from planado_async.sync.roster_plan import (
    APPROVED,
    DAY,
    WEEK,
    Known,
    Person,
    Plan,
    Problem,
    Stretch,
    Timelines,
    Write,
    no_timeline,
    plan,
)
from planado_async.sync.roster_rules import RosterRules
from planado_async.sync.roster_shifts import shifts_between

_MARGIN = timedelta(days=2)
"""Around the days asked for: nights reach over midnight, and the clocks of the two services may be
up to 26 hours apart."""


class _Read(NamedTuple):
    """A week of one person's timeline."""

    person: Person
    after: date
    before: date


@frozen(kw_only=True)
class Applied:
    """What became of a plan: calls made, and those that failed with what to do."""

    written: int = 0
    problems: tuple[Problem, ...] = ()


class Roster:
    """Carries the roster from Planday to Planado.

    Both clients are open already and keep to their budgets. Planning reads, applying writes; both
    may be stopped and begun again at any time, for what is there already is not written again.

    Args:
        planday: the portal whose roster it is.
        planado: the account whose timelines it becomes.
        rules: where shifts are worked, which count, who is who.
        absences: whether approved absence takes working time away; it needs the scope absence:read.
    """

    def __init__(
        self,
        planday: Planday,
        planado: Planado,
        rules: RosterRules = RosterRules(),  # noqa: B008  # frozen
        *,
        absences: bool = True,
    ) -> None:
        self._planday = planday
        self._planado = planado
        self._rules = rules
        self._absences = absences

    async def plan(self, from_date: date, to_date: date) -> Plan:
        """Return what is to be written for these days, both included, by Planado's clock.

        It costs a call for each person and week, and few others.

        Raises:
            ValueError: the days are in the wrong order.
            ConfigurationError: Planday does not tell the portal's zone; set it in the rules.
            PlanadoError: the roster, or who is who, cannot be read, or a key is refused.
        """
        if to_date < from_date:
            raise ValueError(f"to_date {to_date} lies before from_date {from_date}")
        first, last = from_date - _MARGIN, to_date + _MARGIN
        zone = self._rules.zone or await self._portal_zone()
        told = await shifts_between(self._planday, first, last)
        absences = await self._away(first, last)
        known = await self._known()
        employees = await self._planday.employees.list().collect()
        people, strangers = await self._match(employees, told.shifts)
        timelines, unread = await self._timelines(people, from_date, to_date, zone)
        made = plan(
            told.shifts,
            absences,
            timelines,
            self._rules,
            people=people,
            zone=zone,
            strangers=strangers,
            known=known,
            unreadable=told.unreadable,
            days=(from_date, to_date),
        )
        apart = (*unread, *told.problems, *unused(employees, self._rules))
        return evolve(made, problems=(*apart, *made.problems))

    async def apply(self, plan: Plan) -> Applied:
        """Write what a plan says, a call for each person and week that changes.

        A call that fails leaves its person for the next time and the others go on. Writing the same
        again does no harm, so after a crash it is enough to plan and apply once more.
        """
        report: BulkReport[Write, None] = await self._planado.bulk(self._write, plan.writes)
        failed = [_failed(each.person, error) for each, error in report.failed]
        if report.pending:
            said = f"{len(report.pending)} calls were not made after that; mend it and run it again"
            failed.append(Problem(kind="failed", text=said))
        return Applied(written=len(report.ok), problems=tuple(failed))

    async def _portal_zone(self) -> str:
        portal = await self._planday.portal.info()
        try:
            return zone_of(portal.time_zone or "").key
        except ValueError:
            raise ConfigurationError(
                f"Planday tells {portal.time_zone!r} as the portal's time zone, which is none "
                "known here; set zone in the roster's rules to its IANA name"
            ) from None

    async def _away(self, first: date, last: date) -> list[AbsenceRecord]:
        if not self._absences:
            return []
        return await self._planday.absence.records(
            start_date=first, end_date=last, statuses=[APPROVED]
        ).collect()

    async def _known(self) -> Known:
        """Return what Planado has, asked for if the rules name any of it."""
        places = [rule.place for rule in self._rules.rules]
        territories, job_types = frozenset[str | None](), frozenset[str | None]()
        if any(place.territory is not None for place in places):
            territories = frozenset([each.name async for each in self._planado.territories.list()])
        if any(place.job_type is not None for place in places):
            job_types = frozenset([each.code async for each in self._planado.job_types.list()])
        return Known(territories=territories, job_types=job_types)

    async def _match(
        self, employees: list[EmployeeItem], shifts: list[Shift]
    ) -> tuple[list[Person], dict[int, Problem]]:
        """Return who is whom, and what is wrong with each of the others."""
        users = await self._planado.users.list().collect()
        people, problems = match(employees, users, self._rules)
        there = self._rules.departments  # whose shifts tell of somebody who is not on the list
        with_shifts = {
            each.employee_id
            for each in shifts
            if each.employee_id is not None and (not there or each.department_id in there)
        }
        gone = with_shifts - {each.id for each in employees}
        return people, {**problems, **{each: _gone(each) for each in gone}}

    async def _timelines(
        self, people: list[Person], from_date: date, to_date: date, zone: str
    ) -> tuple[Timelines, list[Problem]]:
        """Read the timelines, week by week; a person of whom a week is missing is left out."""
        weeks = [
            (day, min(day + WEEK, to_date + DAY))
            for day in (from_date + WEEK * n for n in range((to_date - from_date).days // 7 + 1))
        ]
        reads = [_Read(person, *week) for person in people for week in weeks]
        report = await self._planado.bulk(self._read, reads)
        for _, error in report.failed:
            if isinstance(error, AuthenticationError | ConfigurationError):
                raise error  # it meets all of them
        problems = {read.person: _failed(read.person, error) for read, error in report.failed}
        timelines: dict[str, list[planado_models.Shift]] = defaultdict(list)
        for read, told in sorted(report.ok, key=lambda each: each[0].after):
            pieces = between(told, read.after, read.before, zone)
            if pieces is None:
                problems.setdefault(read.person, no_timeline(read.person))
            else:
                timelines[read.person.user_uuid] += pieces
        for person in problems:
            timelines.pop(person.user_uuid, None)
        return timelines, [*problems.values()]

    async def _read(self, read: _Read) -> list[planado_models.Shift]:
        return await self._planado.users.shifts(
            read.person.user_uuid, after=read.after, before=read.before
        )

    async def _write(self, write: Write) -> None:
        pieces = [_fields(each) for each in write.stretches]
        await self._planado.users.set_shifts(write.person.user_uuid, pieces)


def _fields(stretch: Stretch) -> ShiftFields:
    """Return a stretch as Planado takes it."""
    fields: ShiftFields = {
        "time_from": stretch.start,
        "time_to": stretch.end,
        "working": stretch.place is not None,
    }
    if stretch.place and stretch.place.territory is not None:
        fields["territory"] = {"name": stretch.place.territory}
    if stretch.place and stretch.place.job_type is not None:
        fields["job_type"] = {"code": stretch.place.job_type}
    return fields


def _failed(person: Person, error: Exception) -> Problem:
    if isinstance(error, NotFoundError):
        told = f"Planado has no user {person.user_uuid} any more; give the work to somebody else"
    else:
        told = f"user {person.user_uuid}: {error}"
    return Problem(
        kind="failed",
        employee_id=person.employee_id,
        text=f"employee {person.employee_id}: {told}; the others go on, run it again",
    )


def _gone(employee_id: int) -> Problem:
    return Problem(
        kind="no_match",
        employee_id=employee_id,
        text=f"employee {employee_id} has shifts and is not at work any more, or not to be seen by "
        "the app's administrator; give the shifts to somebody else, or look at who authorised it",
    )
