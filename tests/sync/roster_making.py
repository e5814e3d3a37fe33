"""Makes shifts, absences and people as Planday tells them, and keeps hours as Planado does."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby, islice, pairwise
from typing import Any
from zoneinfo import ZoneInfo

from planado_async.core.convert import decode
from planado_async.planado import models as planado
from planado_async.planday.models import AbsenceRecord, EmployeeItem, Shift
from planado_async.sync import Person, Place, Plan

COPENHAGEN = "Europe/Copenhagen"
DAY, QUARTER = timedelta(days=1), timedelta(minutes=15)

ANNA = Person(employee_id=1, user_uuid="u-1", name="Anna Berg")
BORIS = Person(employee_id=2, user_uuid="u-2", name="Boris Orlov")


def shift(
    start: str | None, end: str | None, *, zone: str | None = COPENHAGEN, **fields: Any
) -> Shift:
    """Return a shift of Anna's in department 1, told by its times on the wall."""
    told = {
        "id": 500,
        "employeeId": 1,
        "departmentId": 1,
        "date": (start or "2026-03-02")[:10],
        "startDateTime": start,
        "endDateTime": end,
        "timeZone": zone,
        "status": "Assigned",
    }
    return decode(told | fields, Shift)


def absence(*days: str, **fields: Any) -> AbsenceRecord:
    """Return an absence of Anna's, its days whole or with hours: `2026-03-02 08:00-12:00`."""
    registrations = [_registration(*each.split()) for each in days]
    told = {"id": 60, "employeeId": 1, "status": "Approved", "registrations": registrations}
    return decode(told | fields, AbsenceRecord)


def _registration(day: str, hours: str = "") -> dict[str, Any]:
    start, _, end = hours.partition("-")
    return {"date": day, "time": {"start": start, "end": end} if hours else None}


def employee(id: int, email: str | None, **fields: Any) -> EmployeeItem:
    return decode({"id": id, "email": email, **fields}, EmployeeItem)


def user(uuid: str, email: str | None) -> planado.User:
    return decode({"uuid": uuid, "email": email}, planado.User)


class Line:
    """One user's hours, kept by the quarter: a place where it is worked, None where it is not."""

    def __init__(self, first: str, days: int = 1, zone: str = COPENHAGEN) -> None:
        self._zone = ZoneInfo(zone)
        begins = date.fromisoformat(first)
        self._midnights = [self._midnight(begins + n * DAY) for n in range(days + 1)]
        self.quarters: dict[datetime, Place | None] = {}
        self.lay(self._midnights[0], self._midnights[-1], None)

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), self._zone).astimezone(UTC)

    def lay(self, start: datetime, end: datetime, place: Place | None) -> None:
        """Write a stretch, as a call to Planado would."""
        at = start.astimezone(UTC)
        while at < end:
            self.quarters[at] = place
            at += QUARTER

    def at(self, start: str, end: str, place: Place | None = Place()) -> "Line":  # noqa: B008
        """Write a stretch by the clock on the wall."""
        first, last = (
            datetime.fromisoformat(each).replace(tzinfo=self._zone) for each in (start, end)
        )
        self.lay(first, last.astimezone(UTC), place)
        return self

    def apply(self, plan: Plan, person: Person = ANNA) -> "Line":
        """Write what a plan says of one person."""
        for write in plan.writes:
            if write.person == person:
                for each in write.stretches:
                    self.lay(*each)
        return self

    def days(self) -> Iterator[tuple[date, list[tuple[datetime, Place | None]]]]:
        """Return the quarters of each day, in order, as they were first laid."""
        quarters = iter(self.quarters.items())
        for begin, end in pairwise(self._midnights):
            yield begin.astimezone(self._zone).date(), [*islice(quarters, (end - begin) // QUARTER)]

    def pieces(self) -> list[planado.Shift]:
        """Return the timeline as Planado tells it: the pieces of each day, without gaps."""
        return [
            _piece(self._zone, [at for at, _ in group], place)
            for _, quarters in self.days()
            for place, group in groupby(quarters, key=lambda each: each[1])
        ]

    def worked(self) -> list[str]:
        """Return what is worked, by the clock on the wall, what touches as one."""
        pieces = [each for each in self.pieces() if each.working]
        told: list[str] = []
        for each in pieces:
            start, end = (f"{moment:%m-%d %H:%M}" for moment in (each.time_from, each.time_to))
            if told and told[-1].endswith(f"-{start}"):
                start = told.pop()[: len(start)]
            told.append(f"{start}-{end}")
        return told


def _piece(zone: ZoneInfo, quarters: Iterable[datetime], place: Place | None) -> planado.Shift:
    quarters = list(quarters)
    told: Mapping[str, Any] = {
        "time_from": quarters[0].astimezone(zone).isoformat(),
        "time_to": (quarters[-1] + QUARTER).astimezone(zone).isoformat(),
        "working": place is not None,
        "territory": place and place.territory and {"uuid": "t", "name": place.territory},
        "job_type": place and place.job_type and {"uuid": "j", "code": place.job_type},
    }
    return decode(told, planado.Shift)
