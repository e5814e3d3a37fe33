"""What a plan takes: `python -m benchmarks.roster_plan` prints its CPU seconds and its MB.

Both are of a process of its own that decodes what the two services have answered for 500 employees
and four weeks, and plans: everybody's hours are there, and none of them are right.
"""

import resource
import sys
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from time import process_time
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from planado_async.core.convert import decode_all
from planado_async.planado import models as planado
from planado_async.planday.models import AbsenceRecord, Shift
from planado_async.sync import Person, Place, RosterRules, Rule, plan

EMPLOYEES, WEEKS = 500, 4
ZONE = "Europe/Copenhagen"
FIRST, DAY = date(2026, 10, 5), timedelta(days=1)  # with the night in which the clocks go back
HOURS = (("07:00", "15:00"), ("15:00", "23:00"), ("22:05", "06:10"))
RULES = RosterRules(
    rules=[
        Rule(department=1, position=4, place=Place(territory="North", job_type="Repair")),
        *(Rule(department=n, place=Place(territory=f"T{n}")) for n in range(1, 9)),
    ],
    absent=[31],
)


def shifts() -> Iterator[dict[str, Any]]:
    """Tell a shift for each employee on five days of seven, as Planday does."""
    for employee in range(EMPLOYEES):
        for n in range(7 * WEEKS):
            if (employee + n) % 7 >= 5:
                continue
            day, (start, end) = FIRST + n * DAY, HOURS[employee % 3]
            yield {
                "id": 1000 * employee + n,
                "departmentId": 1 + employee % 8,
                "employeeId": employee,
                "employeeGroupId": 20,
                "positionId": n % 7,
                "date": f"{day}",
                "startDateTime": f"{day}T{start}",
                "endDateTime": f"{day + DAY if end < start else day}T{end}",
                "timeZone": ZONE,
                "status": "Assigned",
                "comment": "Bring the spare keys",
                "dateTimeCreated": "2026-09-01T08:00:00Z",
                "dateTimeModified": "2026-09-02T08:00:00Z",
                "skillIds": [],
            }


def absences() -> Iterator[dict[str, Any]]:
    """Tell a day of absence of each tenth employee."""
    for employee in range(0, EMPLOYEES, 10):
        day = FIRST + employee % 28 * DAY
        registrations = [{"date": f"{day}", "account": {"id": 1, "costs": []}}]
        yield {
            "id": employee,
            "employeeId": employee,
            "status": "Approved",
            "registrations": registrations,
        }


def weeks() -> list[dict[str, Any]]:
    """Tell the timeline of somebody who has worked from 6 to 14 each day, three pieces a day."""
    zone = ZoneInfo(ZONE)
    clocks = [time(hour) for hour in (0, 6, 14)]
    days = [FIRST + n * DAY for n in range(7 * WEEKS)]
    begins = [datetime.combine(day, clock, zone) for day in days for clock in clocks]
    ends = [*begins[1:], datetime.combine(days[-1] + DAY, clocks[0], zone)]
    return [
        {
            "time_from": start.isoformat(),
            "time_to": end.isoformat(),
            "working": start.hour == 6,
            "territory": {"uuid": "t", "name": "North"} if start.hour == 6 else None,
            "job_type": None,
        }
        for start, end in zip(begins, ends, strict=True)
    ]


def run() -> None:
    """Plan once, and print CPU seconds and megabytes, the answers themselves included."""
    answers = orjson.dumps([*shifts()]), orjson.dumps([*absences()]), orjson.dumps(weeks())
    before = process_time()
    made = plan(
        decode_all(orjson.loads(answers[0]), Shift),
        decode_all(orjson.loads(answers[1]), AbsenceRecord),
        {f"u-{n}": decode_all(orjson.loads(answers[2]), planado.Shift) for n in range(EMPLOYEES)},
        RULES,
        people=[Person(employee_id=n, user_uuid=f"u-{n}") for n in range(EMPLOYEES)],
        zone=ZONE,
    )
    used = process_time() - before
    # The last week has an hour too many for one call, where its first and last hours change.
    assert len(made.writes) <= EMPLOYEES * (WEEKS + 1)
    assert len(made.changes) > EMPLOYEES * WEEKS * 4
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if sys.platform == "darwin":
        kilobytes //= 1024
    print(used, kilobytes / 1e3)


if __name__ == "__main__":
    run()
