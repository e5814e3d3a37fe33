"""Shifts of which not all can be read."""

from typing import Any

import pytest

from planado_async.planday.models import Shift
from planado_async.sync.roster_shifts import read_apart
from tests.sync.roster_making import shift

GOOD: dict[str, Any] = {**shift("2026-03-02T22:00", "2026-03-03T06:00").raw}


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ({"timeZone": None}, "time zone beside a date-time, got null"),
        ({"timeZone": "Nowhere/X"}, "'Nowhere/X' is no time zone known here"),
        ({"endDateTime": "6 o'clock"}, "got a string @ $.end_date_time"),
        ({"departmentId": "North"}, "got a string @ $.department_id"),
        ({"timeZone": None, "date": None}, "got null"),
        ({"timeZone": None, "date": "yesterday"}, "an ISO 8601 date, got a string"),
    ],
)
def test_a_shift_that_cannot_be_read_keeps_its_day(bad: dict[str, Any], why: str) -> None:
    """The others are as they are; of that one there is whose it is, and when it begins."""
    told = read_apart([GOOD | {"id": 1}, GOOD | bad, GOOD | {"id": 2}])
    assert [each.id for each in told.shifts] == [1, 500, 2]
    assert told.shifts[0].end_date_time
    found: Shift = told.shifts[1]
    assert (found.employee_id, str(found.date), found.status) == (1, "2026-03-02", "Assigned")
    assert (found.start_date_time, found.end_date_time) == (None, None)
    assert [*told.unreadable] == [500]
    assert why in told.unreadable[500]
    assert told.problems == ()


@pytest.mark.parametrize("bad", [{"id": None}, {"id": "x"}, {"employeeId": "1"}, {"status": 5}])
def test_a_shift_of_nobody_known_is_told(bad: dict[str, Any]) -> None:
    """If it cannot be read whose it is, or whether it counts, that is a problem by itself."""
    told = read_apart([GOOD | bad, GOOD])
    assert ([each.id for each in told.shifts], told.unreadable) == ([500], {})
    (problem,) = told.problems
    assert (problem.kind, problem.note) == ("unreadable", False)
    assert "cannot be read, nor whose it is: not the documented shape" in problem.text


def test_without_any_day_there_is_none() -> None:
    """A shift that tells neither day nor times is told all the same."""
    bad = {"timeZone": 5, "date": None, "startDateTime": "soon", "endDateTime": None}
    told = read_apart([GOOD | bad])
    assert (told.shifts[0].date, [*told.unreadable]) == (None, [500])
