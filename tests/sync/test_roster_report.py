"""A plan for people and for machines."""

import json
from datetime import UTC, date, datetime

import pytest

from planado_async.sync import (
    DayChange,
    Place,
    Plan,
    Problem,
    Stretch,
    Write,
    as_json,
    as_text,
    exit_code,
    rows,
)
from tests.sync.roster_making import ANNA, COPENHAGEN, Line, shift
from tests.sync.test_roster_plan import planned

PROBLEM = Problem(kind="no_times", employee_id=1, shift_id=500, text="shift 500 has no times; mend")
NOTE = Problem(kind="overlap", employee_id=1, text="they count once", note=True)
WRITE = Write(person=ANNA, stretches=())


@pytest.mark.parametrize(
    ("plan", "applied", "code"),
    [
        (Plan(), (), 0),
        (Plan(problems=(NOTE,)), (), 0),
        (Plan(writes=(WRITE,)), (), 1),
        (Plan(writes=(WRITE,), problems=(NOTE,)), (), 1),
        (Plan(writes=(WRITE,)), (PROBLEM,), 3),
        (Plan(problems=(PROBLEM,)), (), 3),
        (Plan(writes=(WRITE,), problems=(NOTE, PROBLEM)), (), 3),
    ],
)
def test_the_exit_code_says_what_there_is_to_do(
    plan: Plan, applied: tuple[Problem, ...], code: int
) -> None:
    """0 is nothing, 1 changes, 3 problems; a note is none."""
    assert exit_code(plan, applied) == code


def test_the_table_is_for_reading() -> None:
    """A row for each person and day, then what was left out, then what somebody has to look at."""
    line = Line("2026-03-02", days=2).at(
        "2026-03-02T07:00", "2026-03-02T15:00", Place(territory="N")
    )
    shifts = [
        shift("2026-03-02T16:00", "2026-03-03T00:00"),
        shift("2026-03-03T07:00", "2026-03-03T07:00", id=501),
        shift("2026-03-03T07:00", "2026-03-03T09:00", status="Draft"),
    ]
    assert as_text(planned(shifts, line)) == (
        "Person     Day             Before         After\n"
        "Anna Berg  Mon 2026-03-02  07:00-15:00 N  16:00-24:00\n"
        "\n"
        "people: 1, days that change: 1, calls: 1\n"
        "shifts that do not count as working: 1 Draft\n"
        "problem: shift 501 of employee 1 ends when it begins, or before; mend its times"
    )


def test_an_empty_plan_is_a_line() -> None:
    """With nothing to change there is no table; a note is told as one."""
    assert as_text(Plan(people=7)) == "people: 7, days that change: 0, calls: 0"
    assert as_text(Plan(problems=(NOTE,))).endswith("note: they count once")


def test_a_person_without_a_name_is_a_number() -> None:
    """Where Planday tells no name, the id stands."""
    nameless = DayChange(
        person=type(ANNA)(employee_id=7, user_uuid="u"),
        day=date(2026, 3, 2),
        before=(),
        after=(Stretch(_at(22), _at(23), Place(job_type="Repair")),),
    )
    assert rows(Plan(changes=(nameless,))) == [
        ("7", "Mon 2026-03-02", "free", "22:00-23:00 Repair")
    ]


def _at(hour: int) -> datetime:
    return datetime(2026, 3, 2, hour, tzinfo=UTC)


def test_machines_read_json() -> None:
    """All of the plan can be written as JSON: moments with their offsets, over the clock change."""
    line = Line("2026-03-28", days=2)
    plan = planned([shift("2026-03-28T22:00", "2026-03-29T06:00")], line)
    told = json.loads(json.dumps(as_json(plan)))
    assert told == {
        "people": 1,
        "calls": 1,
        "ignored": {},
        "changes": [
            {
                "employee_id": 1,
                "user_uuid": "u-1",
                "name": "Anna Berg",
                "day": "2026-03-28",
                "before": [],
                "after": [
                    {
                        "from": "2026-03-28T22:00:00+01:00",
                        "to": "2026-03-29T00:00:00+01:00",
                        "territory": None,
                        "job_type": None,
                    }
                ],
            },
            {
                "employee_id": 1,
                "user_uuid": "u-1",
                "name": "Anna Berg",
                "day": "2026-03-29",
                "before": [],
                "after": [
                    {
                        "from": "2026-03-29T00:00:00+01:00",
                        "to": "2026-03-29T06:00:00+02:00",
                        "territory": None,
                        "job_type": None,
                    }
                ],
            },
        ],
        "problems": [
            {
                "kind": "clock_change",
                "text": "shift 500 of employee 1 shows 8:00:00 on the clock and lasts 7:00:00, for "
                "the clocks change; 7:00:00 count",
                "employee_id": 1,
                "shift_id": 500,
                "note": True,
            }
        ],
    }
    assert plan.changes[0].after[0].start.tzinfo is not None
    assert COPENHAGEN in str(plan.changes[0].after[0].start.tzinfo)
