"""What has to be written so that the hours in Planado show the roster: a pure decision."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import pytest
from attrs import evolve, frozen
from hypothesis import given
from hypothesis import strategies as st

from planado_async.planado import models as planado
from planado_async.planday.models import AbsenceRecord, Shift
from planado_async.sync import (
    Known,
    Place,
    Plan,
    Problem,
    RosterRules,
    Rounding,
    Rule,
    plan,
    rows,
)
from tests.sync.roster_making import (
    ANNA,
    BORIS,
    COPENHAGEN,
    DAY,
    QUARTER,
    Line,
    absence,
    shift,
)

NORTH, REPAIR = Place(territory="North"), Place(territory="North", job_type="Repair")
MONDAY = "2026-03-02"
SPRING, AUTUMN = "2026-03-28", "2026-10-24"  # the evenings before the clocks change

T = TypeVar("T")


def planned(
    shifts: Iterable[Shift],
    line: Line,
    absences: Iterable[AbsenceRecord] = (),
    rules: RosterRules = RosterRules(),  # noqa: B008
    **more: Any,
) -> Plan:
    """Return the plan for Anna alone, whose hours are a line."""
    told = {"people": [ANNA], "zone": COPENHAGEN} | more
    return plan(shifts, absences, {ANNA.user_uuid: line.pieces()}, rules, **told)


def kinds(made: Plan) -> list[tuple[str, bool]]:
    """Return of which kinds the problems are, and whether they are notes."""
    return [(each.kind, each.note) for each in made.problems]


# --- Hours ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rounding", "worked"),
    [
        ("out", ["03-02 07:00-03-02 15:30"]),
        ("in", ["03-02 07:15-03-02 15:15"]),
        ("nearest", ["03-02 07:00-03-02 15:15"]),
    ],
)
def test_a_shift_becomes_working_hours(rounding: Rounding, worked: list[str]) -> None:
    """Its ends are brought to quarter hours as the setting says."""
    line = Line(MONDAY)
    rules = RosterRules(rounding=rounding)
    made = planned([shift("2026-03-02T07:05", "2026-03-02T15:20")], line, rules=rules)
    assert line.apply(made).worked() == worked
    assert made.problems == ()


@pytest.mark.parametrize(
    ("evening", "hours", "worked"),
    [(SPRING, 7, "03-28 22:00-03-29 06:00"), (AUTUMN, 9, "10-24 22:00-10-25 06:00")],
)
def test_a_night_has_the_hours_that_really_pass(evening: str, hours: int, worked: str) -> None:
    """22:00 to 06:00 is 7 hours when the clocks go forward, 9 when they go back, and is noted."""
    line = Line(evening, days=2)
    morning = date.fromisoformat(evening) + DAY
    made = planned([shift(f"{evening}T22:00", f"{morning}T06:00")], line)
    line.apply(made)
    assert line.worked() == [worked]
    assert sum(place is not None for place in line.quarters.values()) == 4 * hours
    assert kinds(made) == [("clock_change", True)]
    assert f"lasts {hours}:00:00" in made.problems[0].text
    # What people read is the clock on the wall, on both days.
    assert [row[3] for row in rows(made)] == ["22:00-24:00", "00:00-06:00"]


def test_an_hour_that_comes_twice_is_told_apart() -> None:
    """Work until the second 02:30 differs from work until the first, though clocks show no more."""
    line = Line("2026-10-25").at("2026-10-25T00:00", "2026-10-25T02:30")
    made = planned([shift("2026-10-24T22:00", "2026-10-25T01:30", zone="UTC")], line)
    (change,) = made.changes
    assert [each.end.isoformat()[-6:] for each in (*change.before, *change.after)] == [
        "+02:00",
        "+01:00",
    ]
    assert len(line.apply(made).worked()) == 1


def test_a_zone_may_differ_from_the_accounts() -> None:
    """A shift told in another zone is at the moment it says, shown on the account's clock."""
    line = Line(MONDAY, zone="Asia/Kolkata")
    night = shift("2026-03-01T16:00", "2026-03-01T23:00", zone="America/New_York")
    made = planned([night], line, zone="America/New_York")
    assert line.apply(made).worked() == ["03-02 02:30-03-02 09:30"]
    assert rows(made) == [("Anna Berg", "Mon 2026-03-02", "free", "02:30-09:30")]


@pytest.mark.parametrize(
    ("start", "end", "worked"),
    [
        ("2026-03-01T22:00", "2026-03-02T06:00", ["03-02 00:00-03-02 06:00"]),
        ("2026-03-02T22:00", "2026-03-03T06:00", ["03-02 22:00-03-03 00:00"]),
        ("2026-03-01T08:00", "2026-03-01T16:00", []),
        ("2026-03-03T00:00", "2026-03-03T08:00", []),
    ],
)
def test_the_window_is_kept(start: str, end: str, worked: list[str]) -> None:
    """Nothing is written outside the days whose hours were read."""
    line = Line(MONDAY)
    made = planned([shift(start, end)], line)
    written = [each for write in made.writes for each in write.stretches]
    assert all(each.start >= min(line.quarters) for each in written)
    assert all(each.end <= max(line.quarters) + QUARTER for each in written)
    assert line.apply(made).worked() == worked


def test_only_differences_are_written() -> None:
    """A shift that moved by an hour changes one hour at each end, and the other days not at all."""
    line = Line(MONDAY, days=3).at("2026-03-02T07:00", "2026-03-02T15:00")
    line.at("2026-03-03T07:00", "2026-03-03T15:00")
    shifts = [
        shift("2026-03-02T08:00", "2026-03-02T16:00"),
        shift("2026-03-03T07:00", "2026-03-03T15:00"),
    ]
    made = planned(shifts, line)
    (write,) = made.writes
    assert [(f"{each.start:%d %H:%M}", f"{each.end:%H:%M}") for each in write.stretches] == [
        ("02 06:00", "07:00"),
        ("02 14:00", "15:00"),
    ]
    assert [each.place is None for each in write.stretches] == [True, False]
    assert rows(made) == [("Anna Berg", "Mon 2026-03-02", "07:00-15:00", "08:00-16:00")]
    assert planned(shifts, line.apply(made)).writes == ()


def test_a_shift_that_is_gone_leaves_free_time() -> None:
    """Hours that no shift covers any more are freed."""
    line = Line(MONDAY).at("2026-03-02T07:00", "2026-03-02T15:00")
    made = planned([], line)
    assert rows(made) == [("Anna Berg", "Mon 2026-03-02", "07:00-15:00", "free")]
    assert line.apply(made).worked() == []


def test_one_whose_timeline_is_not_there_is_left_alone() -> None:
    """Who could not be read is not compared, and the others are."""
    line = Line(MONDAY)
    shifts = [
        shift("2026-03-02T07:00", "2026-03-02T15:00"),
        shift("2026-03-02T07:00", "2026-03-02T15:00", employeeId=2),
    ]
    made = planned(shifts, line, people=[ANNA, BORIS])
    assert [write.person for write in made.writes] == [ANNA]
    assert made.people == 1


@pytest.mark.parametrize("missing", [slice(0, 3), slice(1, 2)])
def test_a_timeline_with_gaps_is_a_problem(missing: slice) -> None:
    """If Planado tells only part of the hours, or none, nothing of that person is changed."""
    pieces = Line(MONDAY).at("2026-03-02T07:00", "2026-03-02T15:00").pieces()
    del pieces[missing]
    made = plan([], [], {ANNA.user_uuid: pieces}, RosterRules(), people=[ANNA], zone=COPENHAGEN)
    assert (made.writes, kinds(made)) == ((), [("no_timeline", False)])


def test_without_timelines_the_days_asked_for_matter() -> None:
    """If nobody's hours could be read, shifts of other days are no problem all the same."""
    problem = Problem(kind="no_match", employee_id=9, text="employee 9 …")
    days = date(2026, 3, 2), date(2026, 3, 2)
    near = shift("2026-03-01T22:00", "2026-03-02T06:00", employeeId=9)
    far = shift("2026-03-01T08:00", "2026-03-01T16:00", employeeId=9)
    told = [
        plan(
            [each],
            [],
            {},
            RosterRules(),
            people=[],
            zone=COPENHAGEN,
            strangers={9: problem},
            days=of,
        )
        for each, of in ((near, days), (far, days), (far, None))
    ]
    assert [each.problems for each in told] == [(problem,), (), (problem,)]


def _in_utc(each: planado.Shift) -> planado.Shift:
    return evolve(
        each, time_from=each.time_from.astimezone(UTC), time_to=each.time_to.astimezone(UTC)
    )


def _as_one(pieces: Sequence[planado.Shift]) -> list[planado.Shift]:
    return [evolve(pieces[0], time_to=pieces[-1].time_to)]


@pytest.mark.parametrize(
    "told", [lambda pieces: [*map(_in_utc, pieces)], _as_one, lambda p: _as_one([*map(_in_utc, p)])]
)
@pytest.mark.parametrize("first", [MONDAY, "2026-03-23"])
def test_days_are_the_accounts_however_they_are_told(
    told: Callable[[list[planado.Shift]], list[planado.Shift]], first: str
) -> None:
    """Told in UTC, or as one piece for all days: a week is one call, a day begins at midnight."""
    days = [date.fromisoformat(first) + n * DAY for n in (0, 2, 6)]
    shifts = [shift(f"{day}T20:00", f"{day + DAY}T04:00", id=n) for n, day in enumerate(days)]
    pieces = told(Line(first, days=7).pieces())
    made = plan(shifts, [], {ANNA.user_uuid: pieces}, RosterRules(), people=[ANNA], zone=COPENHAGEN)
    assert len(made.writes) == 1
    assert [(each[1][-2:], each[3]) for each in rows(made)] == [
        (f"{days[0]:%d}", "20:00-24:00"),
        (f"{days[0] + DAY:%d}", "00:00-04:00"),
        (f"{days[1]:%d}", "20:00-24:00"),
        (f"{days[1] + DAY:%d}", "00:00-04:00"),
        (f"{days[2]:%d}", "20:00-24:00"),
    ]


def test_weeks_are_written_one_by_one() -> None:
    """A change of three weeks is three calls of a week at most, cut where it must be."""
    line = Line(MONDAY, days=21)
    days = [date.fromisoformat(MONDAY) + n * DAY for n in range(21)]
    shifts = [shift(f"{day}T00:00", f"{day + DAY}T00:00") for day in days]
    made = planned(shifts, line)
    spans = [(write.stretches[0].start, write.stretches[-1].end) for write in made.writes]
    assert [end - start for start, end in spans] == [timedelta(days=7)] * 3
    assert len(line.apply(made).worked()) == 1


def test_a_night_over_the_end_of_a_week_is_two_calls() -> None:
    """Weeks are counted from the first day, and end at midnight: no stretch is cut elsewhere."""
    line = Line("2026-03-23", days=14)
    days = [date(2026, 3, 23) + n * DAY for n in range(14)]
    made = planned([shift(f"{day}T22:00", f"{day + DAY}T06:00") for day in days], line)
    one, other = made.writes
    assert (
        one.stretches[-1].end == other.stretches[0].start == datetime(2026, 3, 29, 22, tzinfo=UTC)
    )
    assert (len(one.stretches), len(other.stretches)) == (7, 8)


def test_a_week_of_169_hours_is_two_calls() -> None:
    """All of the week in which the clocks go back is an hour more than Planado takes."""
    days = [date(2026, 10, 19) + n * DAY for n in range(7)]
    work = [shift(f"{day}T00:00", f"{day + DAY}T00:00") for day in days]
    made = planned(work, Line("2026-10-19", days=7))
    spans = [write.stretches[-1].end - write.stretches[0].start for write in made.writes]
    assert spans == [timedelta(hours=168), timedelta(hours=1)]


# --- Places ---------------------------------------------------------------------------------------

RULES = RosterRules(
    rules=[
        Rule(department=1, shift_type=7, place=Place(territory="South")),
        Rule(department=1, employee_group=[20, 21], position=4000, place=REPAIR),
        Rule(department={1, 2}, place=NORTH),
    ]
)


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({}, NORTH),
        ({"departmentId": 2}, NORTH),
        ({"employeeGroupId": 21, "positionId": 4000}, REPAIR),
        ({"employeeGroupId": 22, "positionId": 4000}, NORTH),
        ({"employeeGroupId": 21, "positionId": 4001}, NORTH),
        ({"shiftTypeId": 7, "employeeGroupId": 21, "positionId": 4000}, Place(territory="South")),
    ],
)
def test_the_first_rule_that_fits_says_where(fields: dict[str, Any], place: Place) -> None:
    """Department, group, position and shift type must all fit; the order of the rules decides."""
    line = Line(MONDAY)
    made = planned([shift("2026-03-02T07:00", "2026-03-02T15:00", **fields)], line, rules=RULES)
    line.apply(made)
    assert {each for each in line.quarters.values() if each} == {place}
    assert made.problems == ()


def test_what_a_rule_leaves_to_planado_is_not_written() -> None:
    """A place that names no job type takes any that is there; another territory is a change."""
    line = Line(MONDAY).at("2026-03-02T07:00", "2026-03-02T15:00", REPAIR)
    work = [shift("2026-03-02T07:00", "2026-03-02T15:00")]
    assert planned(work, line, rules=RosterRules(rules=[Rule(place=NORTH)])).writes == ()
    south = RosterRules(rules=[Rule(place=Place(territory="South"))])
    made = planned(work, line, rules=south)
    assert rows(made)[0][2:] == ("07:00-15:00 North Repair", "07:00-15:00 South")


def test_a_department_without_a_rule_is_a_problem() -> None:
    """Its shifts are counted in one line, and their time stays as it is, whatever it is."""
    line = Line(MONDAY, days=3).at("2026-03-02T07:00", "2026-03-02T15:00")
    shifts = [
        shift("2026-03-02T06:00", "2026-03-02T12:00", departmentId=9),
        shift("2026-03-03T07:00", "2026-03-03T15:00", departmentId=9),
        shift("2026-03-04T07:00", "2026-03-04T15:00"),
    ]
    made = planned(shifts, line, rules=RULES)
    assert kinds(made) == [("no_rule", False)]
    assert "department 9: no rule fits 2 shifts" in made.problems[0].text
    assert line.apply(made).worked() == ["03-02 07:00-03-02 12:00", "03-04 07:00-03-04 15:00"]


def test_a_rule_may_name_only_what_planado_has() -> None:
    """Each unknown name is told, used or not; the time of its shifts stays, the others go on."""
    rules = RosterRules(
        rules=[
            Rule(department=2, place=Place(territory="Nord", job_type="Fix")),
            Rule(department=3, place=Place(territory="north")),
            Rule(place=REPAIR),
        ]
    )
    shifts = [
        shift("2026-03-02T07:00", "2026-03-02T15:00", departmentId=2),
        shift("2026-03-02T16:00", "2026-03-02T18:00"),
    ]
    line = Line(MONDAY).at("2026-03-02T08:00", "2026-03-02T09:00")
    known = Known(territories={"North"}, job_types={"Repair"})
    made = planned(shifts, line, rules=rules, known=known)
    assert kinds(made) == [("no_place", False)] * 3
    told = " ".join(each.text for each in made.problems)
    assert "the territory 'Nord', which" in told
    assert "the job type 'Fix', which Planado does not have, so the time of 1 shift stays" in told
    assert "the territory 'north', which Planado does not have, so the time of 0 shifts" in told
    worked = ["03-02 08:00-03-02 09:00", "03-02 16:00-03-02 18:00"]
    assert line.apply(made).worked() == worked


# --- Which shifts count ---------------------------------------------------------------------------


def test_shifts_that_do_not_count_are_counted() -> None:
    """Drafts, open shifts and other statuses are ignored, by status; the setting says which."""
    line = Line(MONDAY)
    times = ("2026-03-02T07:00", "2026-03-02T15:00")
    shifts = [
        shift(*times, status="Draft"),
        shift(*times, status="Draft", employeeId=None),
        shift(*times, status="Open", employeeId=None),
        shift(*times, status="Assigned", employeeId=None),
        shift(*times, status="ForSale"),
        shift(*times, status=None),
        shift("2026-03-05T07:00", "2026-03-05T15:00", status="ForSale"),  # not in these days
    ]
    made = planned(shifts, line)
    assert made.ignored == {"Draft": 2, "Open": 2, "ForSale": 1, "unknown": 1}
    assert (made.writes, made.problems) == ((), ())
    made = planned(shifts, line, rules=RosterRules(working={"ForSale"}))
    assert made.ignored == {"Draft": 2, "Open": 2, "unknown": 1}
    assert line.apply(made).worked() == ["03-02 07:00-03-02 15:00"]


def test_shifts_of_strangers_are_problems() -> None:
    """An employee who is nobody of Planado's is told once; one of no concern is counted."""
    line = Line(MONDAY)
    times = ("2026-03-02T07:00", "2026-03-02T15:00")
    problem = Problem(kind="no_match", employee_id=7, text="employee 7 …")
    silent = Problem(kind="no_match", employee_id=8, text="employee 8 …")
    shifts = [shift(*times, employeeId=7), shift(*times, employeeId=7), shift(*times, employeeId=9)]
    made = planned(shifts, line, strangers={7: problem, 8: silent})
    assert made.problems == (problem,)
    assert made.ignored == {"of other departments": 1}


# --- Bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "kind"),
    [
        (None, None, "no_times"),
        ("2026-03-02T07:00", None, "no_times"),
        (None, "2026-03-02T07:00", "no_times"),
        ("2026-03-02T07:00", "2026-03-02T07:00", "no_times"),
        ("2026-03-02T07:00", "2026-03-02T06:00", "no_times"),
        ("2026-03-02T07:00", "2026-03-03T07:01", "too_long"),
    ],
)
def test_bad_times_are_a_problem(start: str | None, end: str | None, kind: str) -> None:
    """Such a shift is told with its id; its day stays as it is, but for other shifts on it."""
    line = Line(MONDAY, days=3)
    line.at("2026-03-02T10:00", "2026-03-02T11:00").at("2026-03-04T10:00", "2026-03-04T11:00")
    good = shift("2026-03-02T12:00", "2026-03-02T13:00", id=501)
    made = planned([shift(start, end), good], line)
    assert kinds(made) == [(kind, False)]
    assert (made.problems[0].employee_id, made.problems[0].shift_id) == (1, 500)
    worked = ["03-02 10:00-03-02 11:00", "03-02 12:00-03-02 13:00"]
    assert line.apply(made).worked() == worked


def lost(line: Line, made: Plan) -> list[str]:
    """Return what a plan takes away of hours that are all worked before."""
    line.apply(made)
    free = {at: Place() for at, place in line.quarters.items() if place is None}
    line.quarters = dict.fromkeys(line.quarters) | free
    return line.worked()


NIGHT = (f"{MONDAY}T22:00", f"{MONDAY}T06:00")


@pytest.mark.parametrize(
    ("bad", "first", "until"),
    [
        (shift(NIGHT[0], None), "03-02 00:00", "03-03 22:00"),
        (shift(*NIGHT), "03-02 00:00", "03-03 22:00"),
        (shift(None, NIGHT[1]), "03-01 06:00", "03-03 00:00"),
        (shift(NIGHT[0], None, date=None), "03-02 00:00", "03-03 22:00"),
        (shift(None, NIGHT[1], date=None), "03-01 06:00", "03-03 00:00"),
        (shift(None, None, date=MONDAY), "03-02 00:00", "03-03 00:00"),
        (shift(None, None, date=MONDAY, zone=None), "03-02 00:00", "03-03 00:00"),
        (shift(None, None, date=MONDAY, zone="Nowhere/X"), "03-02 00:00", "03-03 00:00"),
        (shift(None, None, date=MONDAY, zone="America/New_York"), "03-02 06:00", "03-03 06:00"),
        (
            shift(f"{MONDAY}T18:00", None, zone="America/New_York"),
            "03-02 06:00",
            "03-04 00:00",
        ),
    ],
)
def test_all_that_a_bad_shift_may_be_at_stays(bad: Shift, first: str, until: str) -> None:
    """Its day by its own zone, and a day from its start, or up to its end if that is all."""
    line = Line("2026-02-28", days=6).at("2026-02-28T00:00", "2026-03-06T00:00")
    made = planned([bad], line)
    assert kinds(made) == [("no_times", False)]
    assert lost(line, made) == [f"02-28 00:00-{first}", f"{until}-03-06 00:00"]


def test_days_at_the_edge_of_time_do_no_harm() -> None:
    """A slip in a year is a day that is not asked for, or one that lasts; the others go on."""
    work = shift(f"{MONDAY}T07:00", f"{MONDAY}T15:00")
    slips = [
        shift(None, None, date="0001-01-01", id=501),
        shift(None, None, date="9999-12-31", id=502),
        shift("0001-01-01T00:00", None, zone="UTC", id=503),
        shift("9999-12-31T23:59", None, zone="UTC", id=504),
        shift(None, "0001-01-01T00:00", zone="UTC", date=None, id=505),
        shift(f"{MONDAY}T16:00", "9999-12-31T23:59", zone="UTC", id=506),
    ]
    away = [absence("9999-12-31"), absence("0001-01-01", "9999-12-31 12:00-08:00")]
    line = Line(MONDAY)
    made = planned([work, *slips], line, away)
    assert kinds(made) == [("too_long", False)]
    assert line.apply(made).worked() == ["03-02 07:00-03-02 15:00"]


def test_what_cannot_be_read_stays_on_all_clocks() -> None:
    """A shift of which only the day is known may be on it, or the night after it, anywhere."""
    line = Line("2026-02-28", days=6).at("2026-02-28T00:00", "2026-03-06T00:00")
    made = planned([shift(None, None, date=MONDAY)], line, unreadable={500: "why"})
    assert kinds(made) == [("unreadable", False)]
    assert "shift 500 of employee 1 cannot be read: why. Its days stay" in made.problems[0].text
    assert lost(line, made) == ["02-28 00:00-03-01 11:00", "03-04 13:00-03-06 00:00"]


@pytest.mark.parametrize("zone", ["UTC", COPENHAGEN, "Asia/Kolkata"])
@pytest.mark.parametrize("day", ["0001-01-01", "2020-01-01", "2030-01-01", "9999-12-31"])
def test_what_cannot_be_read_far_off_is_of_no_concern(day: str, zone: str) -> None:
    """Such a shift in another year is no problem of these days."""
    made = planned([shift(None, None, date=day)], Line(MONDAY, 1, zone), unreadable={500: "why"})
    assert made.problems == ()


def test_a_draft_that_cannot_be_read_is_a_draft() -> None:
    """What does not count is no problem, whatever is wrong with it."""
    draft = shift(None, None, date=MONDAY, status="Draft")
    made = planned([draft], Line(MONDAY), unreadable={500: "why"})
    assert (made.problems, made.ignored) == ((), {"Draft": 1})


def test_a_shift_of_a_whole_day_is_good() -> None:
    """24 hours by the clock are allowed, also where 25 pass."""
    line = Line(AUTUMN, days=3)
    made = planned([shift("2026-10-24T08:00", "2026-10-25T08:00")], line)
    assert kinds(made) == [("clock_change", True)]
    assert sum(place is not None for place in line.apply(made).quarters.values()) == 4 * 25


def test_a_shift_without_any_day_is_told() -> None:
    """Where Planday does not even say the day, nothing can be kept, and it is told all the same."""
    made = planned([shift(None, None, date=None)], Line(MONDAY))
    assert (kinds(made), made.writes) == ([("no_times", False)], ())


def test_a_shift_that_rounding_swallows_is_noted() -> None:
    """Rounded inward, ten minutes may leave nothing."""
    short = shift("2026-03-02T07:05", "2026-03-02T07:20")
    made = planned([short], Line(MONDAY), rules=RosterRules(rounding="in"))
    assert (kinds(made), made.writes) == ([("too_short", True)], ())


def test_shifts_that_touch_are_rounded_as_one() -> None:
    """Rounded inward, no quarter is lost between two shifts at one place; at two places it is."""
    shifts = [
        shift("2026-03-02T07:05", "2026-03-02T12:07"),
        shift("2026-03-02T12:07", "2026-03-02T12:10", id=501),
        shift("2026-03-02T12:10", "2026-03-02T16:10", id=502),
        shift("2026-03-02T16:10", "2026-03-02T18:00", id=503, departmentId=2),
    ]
    rules = RosterRules(rounding="in", rules=[Rule(department=1, place=NORTH), Rule(place=REPAIR)])
    made = planned(shifts, Line(MONDAY), rules=rules)
    assert rows(made)[0][3] == "07:15-16:00 North, 16:15-18:00 North Repair"
    assert made.problems == ()


def test_shifts_over_each_other_are_merged() -> None:
    """At one place they count once; it is noted, unless rounding alone has made it."""
    line = Line(MONDAY)
    shifts = [
        shift("2026-03-02T07:00", "2026-03-02T10:10"),
        shift("2026-03-02T10:10", "2026-03-02T12:00", id=501),
        shift("2026-03-02T11:00", "2026-03-02T15:00", id=502),
    ]
    made = planned(shifts, line)
    assert line.apply(made).worked() == ["03-02 07:00-03-02 15:00"]
    assert kinds(made) == [("overlap", True)]
    assert made.problems[0].shift_id == 502
    assert "begins before shift 501 ends" in made.problems[0].text


def test_a_shift_over_a_long_one_is_noted() -> None:
    """Each shift under a long one is told, also where a short one between them has ended."""
    shifts = [
        shift("2026-03-02T07:00", "2026-03-02T15:00"),
        shift("2026-03-02T08:00", "2026-03-02T09:00", id=501),
        shift("2026-03-02T10:00", "2026-03-02T11:00", id=502),
    ]
    made = planned(shifts, Line(MONDAY))
    assert rows(made)[0][3] == "07:00-15:00"
    assert [each.shift_id for each in made.problems] == [501, 502]
    assert all("begins before shift 500 ends" in each.text for each in made.problems)


def test_shifts_over_each_other_at_two_places_are_a_problem() -> None:
    """The one that began first goes on to its end, and somebody has to look."""
    line = Line(MONDAY)
    rules = RosterRules(rules=[Rule(department=1, place=NORTH), Rule(place=REPAIR)])
    shifts = [
        shift("2026-03-02T09:00", "2026-03-02T15:00", id=501, departmentId=2),
        shift("2026-03-02T07:00", "2026-03-02T10:00"),
        shift("2026-03-02T14:00", "2026-03-02T14:30", id=502),
    ]
    made = planned(shifts, line, rules=rules)
    assert kinds(made) == [("overlap", False)] * 2
    assert rows(made)[0][3] == "07:00-10:00 North, 10:00-15:00 North Repair"


# --- Absence --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("away", "worked"),
    [
        (absence(MONDAY), ["03-03 07:00-03-03 15:00"]),
        (
            absence(f"{MONDAY} 08:05-10:00"),
            ["03-02 07:00-03-02 08:00", "03-02 10:00-03-02 15:00", "03-03 07:00-03-03 15:00"],
        ),
        (absence(f"{MONDAY} 14:00-09:00"), ["03-02 07:00-03-02 14:00", "03-03 09:00-03-03 15:00"]),
        (absence(absencePeriod={"start": MONDAY, "end": "2026-03-03"}), []),
        (absence(absencePeriod={"start": "2020-01-01"}), []),
        (
            absence("2026-03-03", absencePeriod={"start": MONDAY, "end": "2026-03-03"}),
            ["03-02 07:00-03-02 15:00"],
        ),
        (
            absence(MONDAY, status="Declined"),
            ["03-02 07:00-03-02 15:00", "03-03 07:00-03-03 15:00"],
        ),
        (absence(MONDAY, employeeId=2), ["03-02 07:00-03-02 15:00", "03-03 07:00-03-03 15:00"]),
    ],
)
def test_absence_takes_working_time_away(away: AbsenceRecord, worked: list[str]) -> None:
    """Approved days or hours, or a period of which no day is told, are free; in whole quarters."""
    line = Line(MONDAY, days=2)
    shifts = [
        shift("2026-03-02T07:00", "2026-03-02T15:00"),
        shift("2026-03-03T07:00", "2026-03-03T15:00"),
    ]
    made = planned(shifts, line, [away])
    assert line.apply(made).worked() == worked
    assert made.problems == ()


def test_a_shift_type_may_mean_absence() -> None:
    """A shift of such a type takes time away from the others and needs no rule."""
    line = Line(MONDAY)
    shifts = [
        shift("2026-03-02T07:00", "2026-03-02T15:00"),
        shift("2026-03-02T12:00", "2026-03-02T15:00", shiftTypeId=31, departmentId=9),
    ]
    rules = RosterRules(rules=[Rule(department=1)], absent={31})
    made = planned(shifts, line, rules=rules)
    assert line.apply(made).worked() == ["03-02 07:00-03-02 12:00"]
    assert made.problems == ()


@pytest.mark.parametrize(
    "away",
    [
        absence(f"{MONDAY} 8-10"),
        absence(f"{MONDAY} 25:00-26:00"),
        absence(f"{MONDAY} 24:30-"),
        absence(absencePeriod={"start": MONDAY, "end": "2026-02-01"}),
        absence(absencePeriod={"start": MONDAY, "end": "0001-01-01"}),
    ],
)
def test_an_absence_that_cannot_be_read_is_a_problem(away: AbsenceRecord) -> None:
    """Its days stay as they are, for nobody knows whether the shift is worked; the others go on."""
    line = Line(MONDAY, days=2).at("2026-03-02T06:00", "2026-03-02T08:00")
    shifts = [
        shift("2026-03-02T07:00", "2026-03-02T15:00"),
        shift("2026-03-03T07:00", "2026-03-03T15:00"),
    ]
    made = planned(shifts, line, [away])
    assert kinds(made) == [("absence", False)]
    assert line.apply(made).worked() == ["03-02 06:00-03-02 08:00", "03-03 07:00-03-03 15:00"]


def test_a_period_told_backwards_stays_as_a_whole() -> None:
    """From the 5th to the 2nd: whatever is meant, it is no day before and none after these."""
    line = Line("2026-03-01", days=6).at("2026-03-01T00:00", "2026-03-07T00:00")
    made = planned([], line, [absence(absencePeriod={"start": "2026-03-05", "end": MONDAY})])
    assert kinds(made) == [("absence", False)]
    assert lost(line, made) == ["03-01 00:00-03-02 00:00", "03-06 00:00-03-07 00:00"]


def test_hours_with_a_zone_are_on_the_wall() -> None:
    """Hours of an absence are the portal's; a zone behind them changes nothing."""
    line = Line(MONDAY)
    away = absence(registrations=[{"date": MONDAY, "time": {"start": "12:00Z", "end": None}}])
    made = planned([shift("2026-03-02T07:00", "2026-03-02T15:00")], line, [away])
    assert line.apply(made).worked() == ["03-02 07:00-03-02 12:00"]
    assert made.problems == ()


def test_an_absence_without_days_is_told() -> None:
    """An approved absence that says nothing of its time is a problem, not nothing."""
    assert kinds(planned([], Line(MONDAY), [absence()])) == [("absence", False)]


def test_an_unknown_zone_is_refused() -> None:
    """A zone that is none is an error of the caller's, not free time for everybody."""
    with pytest.raises(ValueError, match="no time zone known here"):
        planned([], Line(MONDAY), zone="Romance Standard Time")


# --- Whatever comes -------------------------------------------------------------------------------

ZONES = ("Europe/Copenhagen", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC")
FIRST = ("2026-03-27", "2026-03-29", "2026-10-24", "2026-03-07", "2026-10-31", "2026-04-04")
PLACES = (NORTH, REPAIR, Place(territory="South"))


@frozen(kw_only=True)
class Case:
    """A company of one: what is rostered, what was there, and how it is to be read."""

    shifts: Sequence[Shift]
    absences: Sequence[AbsenceRecord]
    line: Callable[[], Line]
    rules: RosterRules
    zone: str

    def planned(self, line: Line) -> Plan:
        return planned(self.shifts, line, self.absences, self.rules, zone=self.zone)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draw shifts with all their ills, absences, and hours that were there before."""
    first, days = date.fromisoformat(draw(st.sampled_from(FIRST))), draw(st.integers(1, 10))
    rules = RosterRules(
        rules=[Rule(department=n, place=place) for n, place in enumerate(PLACES, 1)],
        absent=[31],
        rounding=draw(st.sampled_from(["out", "in"])),
    )
    zone = draw(st.sampled_from(ZONES))
    day = st.integers(-2, days + 1).map(lambda n: first + n * DAY)
    minute = st.integers(0, 24 * 60 - 1)
    shifts = draw(
        st.lists(st.builds(_a_shift, day, minute, st.integers(-5, 1500), _KINDS), max_size=9)
    )
    absences = draw(st.lists(st.builds(_an_absence, day, minute, minute), max_size=2))
    was = draw(
        st.lists(st.tuples(st.integers(0, 96 * days), st.integers(1, 60), _PLACES), max_size=6)
    )

    account = draw(st.sampled_from(ZONES))

    def line() -> Line:
        made = Line(str(first), days, account)
        begin, end = min(made.quarters), max(made.quarters) + QUARTER
        for at, length, place in was:
            start = min(begin + at * QUARTER, end)
            made.lay(start, min(start + length * QUARTER, end), place)
        return made

    return Case(shifts=shifts, absences=absences, line=line, rules=rules, zone=zone)


_PLACES = st.sampled_from([*PLACES, None])
_KINDS = st.fixed_dictionaries(
    {
        "id": st.integers(1, 999),
        "departmentId": st.sampled_from([1, 2, 3, 9]),
        "employeeId": st.sampled_from([1, 1, 1, 2, None]),
        "shiftTypeId": st.sampled_from([None, None, 31]),
        "status": st.sampled_from(["Assigned", "Assigned", "Draft"]),
        "zone": st.sampled_from(ZONES),
    }
)


def _a_shift(day: date, minute: int, length: int, fields: dict[str, Any]) -> Shift:
    start = datetime.combine(day, time()) + timedelta(minutes=minute)
    end = start + timedelta(minutes=length)
    told = None if length == 0 else start.isoformat(timespec="minutes")
    until = None if length == -1 else end.isoformat(timespec="minutes")
    return shift(told, until, **{**fields, "date": str(day)})


def _an_absence(day: date, start: int, end: int) -> AbsenceRecord:
    hours = "-".join(f"{each // 60:02}:{each % 60:02}" for each in (start, end))
    return absence(f"{day} {hours}" if start % 3 else str(day))


class Oracle:
    """Says for each quarter hour what may be there, by looking at it alone."""

    def __init__(self, case: Case) -> None:
        self._zone = ZoneInfo(case.zone)
        self._inward = case.rules.rounding == "in"
        self._work: list[tuple[datetime, datetime, Place]] = []
        self._away = [self._hours(each) for each in case.absences]
        self._unclear: list[tuple[datetime, datetime]] = []
        for each in case.shifts:
            if each.employee_id == 1 and each.status == "Assigned":
                self._sort(each, case.rules.place_of(each))

    def _sort(self, each: Shift, place: Place | None) -> None:
        start, end = each.start_date_time, each.end_date_time
        if not start or not end or start.timestamp() >= end.timestamp():
            assert each.date
            assert each.time_zone
            there = ZoneInfo(each.time_zone)
            day = (each.date, time()), (each.date + DAY, time())
            self._unclear.append(self._on_the_wall(*day, there))
            if start:
                self._unclear.append((start.astimezone(UTC), start.astimezone(UTC) + DAY))
            elif end:
                self._unclear.append((end.astimezone(UTC) - DAY, end.astimezone(UTC)))
            return
        span = start.astimezone(UTC), end.astimezone(UTC)
        if end.replace(tzinfo=None) - start.replace(tzinfo=None) > timedelta(hours=24):
            self._unclear.append(span)
        elif each.shift_type_id == 31:
            self._away.append(span)
        elif place is None:
            self._unclear.append(span)
        else:
            self._work.append((*span, place))

    def allowed(self, at: datetime, was: Place | None) -> set[Place | None]:
        """Return what may be at a quarter hour where this was before."""
        end = at + QUARTER
        if any(begin < end and stop > at for begin, stop in self._away):
            return {None}
        places = {place for begin, stop, place in self._work if begin < end and stop > at}
        if self._inward:
            places = {place for place in places if self._is_full(at, place)}
        if places:  # what is at North as well leaves the job type to Planado
            return (
                {*places, was}
                if was and was.territory == "North" and NORTH in places
                else {*places}
            )
        return {was} if any(begin < end and stop > at for begin, stop in self._unclear) else {None}

    def _is_full(self, at: datetime, place: Place) -> bool:
        """Tell whether each minute of a quarter hour is worked at a place."""
        minutes = [at + n * timedelta(minutes=1) for n in range(15)]
        there = [each for each in self._work if each[2] == place]
        return all(any(begin <= each < stop for begin, stop, _ in there) for each in minutes)

    def _hours(self, each: AbsenceRecord) -> tuple[datetime, datetime]:
        (told,) = each.registrations
        assert told.date
        begin, end = (
            time.fromisoformat((told.time and value) or "00:00")
            for value in ((told.time and told.time.start), (told.time and told.time.end))
        )
        last = told.date + DAY * (end <= begin)
        return self._on_the_wall((told.date, begin), (last, end), self._zone)

    def _on_the_wall(
        self, start: tuple[date, time], end: tuple[date, time], zone: ZoneInfo
    ) -> tuple[datetime, datetime]:
        begin, stop = (datetime.combine(*each, zone) for each in (start, end))
        return begin.astimezone(UTC), stop.astimezone(UTC)


@given(cases())
def test_each_quarter_is_what_the_roster_says(case: Case) -> None:
    """No minute works that no shift covers, none covered is lost, none unclear is touched."""
    before, after, oracle = case.line(), case.line(), Oracle(case)
    after.apply(case.planned(before))
    assert after.quarters.keys() == before.quarters.keys()
    for at, place in after.quarters.items():
        assert place in oracle.allowed(at, before.quarters[at]), at


@given(cases())
def test_an_applied_plan_leaves_nothing_to_do(case: Case) -> None:
    """The next plan is empty, and its days are those that were told to change."""
    line = case.line()
    days = dict(line.days())
    made = case.planned(line)
    line.apply(made)
    changed = {day for day, quarters in line.days() if quarters != days[day]}
    assert changed == {each.day for each in made.changes}
    again = case.planned(line)
    assert (again.writes, again.changes) == ((), ())
    assert sorted(kinds(again)) == sorted(kinds(made))


@given(cases())
def test_calls_are_as_planado_takes_them(case: Case) -> None:
    """Each spans a week at most, in order and on quarter hours; there is one for each week.

    In the week the clocks go back, which is longer, there may be two.
    """
    line = case.line()
    made = case.planned(line)
    for write in made.writes:
        assert write.stretches[-1].end - write.stretches[0].start <= timedelta(days=7)
        moments = [moment for each in write.stretches for moment in each[:2]]
        assert moments == sorted(moments)
        assert all(moment.timestamp() % 900 == 0 for moment in moments)
    days = [day for day, _ in line.days()]
    weeks = {days.index(each.day) // 7 for each in made.changes}
    assert len(made.writes) <= len(weeks) + (len(line.quarters) > 96 * len(days))


@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_the_shifts_does_not_matter(case: Case, random: Any) -> None:
    """Planday documents no order, so no decision hangs on it."""
    shifts = list({each.id: each for each in case.shifts}.values())
    shuffled = random.sample(shifts, len(shifts))
    line = case.line()
    one, other = (planned(each, line, rules=case.rules) for each in (shifts, shuffled))
    assert one.writes == other.writes
