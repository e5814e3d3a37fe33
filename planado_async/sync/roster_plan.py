"""From a roster to what has to be written: wanted against present, a pure decision.

    shifts ──► by person ──► in quarters ──┐
      │                                    ├──► laid over each other ──► wanted
      └──► those that are a problem ──┐    │                               │
    absences ─────────────────────────┴────┘                               ▼
    timelines ──► present ───────────────────────────────────────► differences, by person

All times inside are UTC. What a timeline does not cover is never touched, nor is the time of a
shift or an absence that is a problem: it stays as it is until somebody has mended that.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import pairwise
from typing import Literal, NamedTuple, TypeAlias

from attrs import field, frozen

from planado_async.core.wall_clock import on_the_wall, zone_of
from planado_async.planado import models as planado
from planado_async.planday.models import AbsenceRecord, Hours, Shift
from planado_async.sync.roster_days import Day, days_of
from planado_async.sync.roster_rules import Place, RosterRules, rounded

LONGEST_SHIFT = timedelta(hours=24)
DAY, WEEK = timedelta(days=1), timedelta(days=7)

APPROVED = "Approved"
OTHERS = "of other departments"
"""Under which `Plan.ignored` counts the shifts of those whose hours do not follow the roster."""

_NEAR = 4 * DAY  # what lies further off does not reach the window, on whatever clock
_BEGIN, _END = (
    each.replace(tzinfo=UTC) for each in (datetime.min + 2 * _NEAR, datetime.max - 2 * _NEAR)
)
_AS_IT_IS = Place(territory="as it is")  # by identity, where nothing may be changed

Kind: TypeAlias = Literal[
    "no_match",
    "ambiguous",
    "no_rule",
    "no_place",
    "no_times",
    "unreadable",
    "too_long",
    "too_short",
    "overlap",
    "clock_change",
    "absence",
    "no_timeline",
    "failed",
]


class Stretch(NamedTuple):
    """A stretch of time, worked at a place, or free where that is None."""

    start: datetime
    end: datetime
    place: Place | None = None


@frozen(kw_only=True)
class Problem:
    """Something a person has to look at; `note` tells that it was dealt with all the same."""

    kind: Kind
    text: str
    """What it is and what to do; it names people by the ids of their records alone."""
    employee_id: int | None = None
    shift_id: int | None = None
    note: bool = False


@frozen(kw_only=True)
class Person:
    """An employee of Planday's who is a user of Planado's."""

    employee_id: int
    user_uuid: str
    name: str = field(default="", repr=False)


@frozen(kw_only=True)
class Known:
    """What Planado has that a rule may name: its territories, and the codes of its job types."""

    territories: Collection[str | None] = ()
    job_types: Collection[str | None] = ()


@frozen(kw_only=True)
class DayChange:
    """What changes for one person on one day; the stretches are on that day's clock."""

    person: Person
    day: date
    before: tuple[Stretch, ...]
    after: tuple[Stretch, ...]


@frozen(kw_only=True)
class Write:
    """One call: stretches of one person's timeline, a week at most."""

    person: Person
    stretches: tuple[Stretch, ...]


@frozen(kw_only=True)
class Plan:
    """What is to be written and why, and what could not be decided."""

    changes: tuple[DayChange, ...] = ()
    writes: tuple[Write, ...] = ()
    problems: tuple[Problem, ...] = ()
    ignored: Mapping[str, int] = field(factory=dict)
    """Shifts that do not count as working, by status."""
    people: int = 0
    """Persons whose timelines were compared."""


Timelines: TypeAlias = Mapping[str, Sequence[planado.Shift]]
"""The pieces of each user's timeline, by uuid, in order of time and without gaps."""


def plan(
    shifts: Iterable[Shift],
    absences: Iterable[AbsenceRecord],
    timelines: Timelines,
    rules: RosterRules,
    *,
    people: Sequence[Person],
    zone: str,
    strangers: Mapping[int, Problem] | None = None,
    known: Known | None = None,
    unreadable: Mapping[int, str] | None = None,
    days: tuple[date, date] | None = None,
) -> Plan:
    """Return what has to change so that the timelines show the roster.

    `people` are those whose timelines are wanted as the roster says, free where it says nothing;
    one without a timeline here is left alone. `strangers` are employees who are nobody of
    Planado's, each with the problem to tell if there is a shift of theirs. `zone` is the portal's
    (IANA), in which absences are told. `known` is what rules may name, anything if not given.
    `unreadable` is why shifts, by their ids, could be read in part only. `days`, both included, are
    those that matter where no timeline tells it.

    Raises:
        ValueError: the zone is not known here.
    """
    zone_of(zone)  # refused here, not at the first who is absent
    compared = [each for each in people if each.user_uuid in timelines]
    duties = _Duties(
        rules,
        zone,
        window=_window(timelines.values()) or _asked(days, zone),
        people={each.employee_id for each in people},
        strangers=strangers or {},
        known=known,
        unreadable=unreadable or {},
    )
    for shift in shifts:
        duties.add(shift)
    for absence in absences:
        duties.add_absence(absence)
    plans = [_plan_of(each, timelines[each.user_uuid], duties, zone) for each in compared]
    return Plan(
        changes=tuple(change for each in plans for change in each.changes),
        writes=tuple(write for each in plans for write in each.writes),
        problems=(*duties.problems(), *(problem for each in plans for problem in each.problems)),
        ignored=dict(duties.ignored),
        people=len(compared),
    )


def _plan_of(
    person: Person, timeline: Sequence[planado.Shift], duties: "_Duties", zone: str
) -> Plan:
    """Return what one person's part of a plan is."""
    before = _present(timeline)
    if not before or any(one.end != other.start for one, other in pairwise(before)):
        return Plan(problems=(no_timeline(person),))
    parts = [*_compared(before, duties.wanted(person, Stretch(before[0].start, before[-1].end)))]
    after = [*_joined(part for part, _ in parts)]
    different = _joined(part for part, is_new in parts if is_new)
    days = [*days_of(timeline, zone)]
    return Plan(
        changes=tuple(_day_changes(person, before, after, days)),
        writes=tuple(Write(person=person, stretches=each) for each in _calls(different, days)),
    )


def no_timeline(person: Person) -> Problem:
    """Return what is wrong where hours are missing in a timeline."""
    return Problem(
        kind="no_timeline",
        employee_id=person.employee_id,
        text=f"employee {person.employee_id}: Planado does not tell all hours of the user "
        f"{person.user_uuid}, so nothing of theirs is changed; look at them in Planado",
    )


# --- What is wanted -------------------------------------------------------------------------------


class _Work(NamedTuple):
    """A shift that is worked, at its own times."""

    start: datetime
    end: datetime
    place: Place
    shift: Shift


@frozen
class _Duty:
    """What one employee is to do: of two things at a time, what stands first here is done."""

    held: list[Stretch] = field(factory=list)
    """Days of absences that are a problem."""
    away: list[Stretch] = field(factory=list)
    work: list[_Work] = field(factory=list)
    unclear: list[Stretch] = field(factory=list)
    """Of shifts that are a problem."""


class _Duties:
    """Sorts shifts and absences by person, and gathers what is wrong with them."""

    def __init__(
        self,
        rules: RosterRules,
        zone: str,
        *,
        window: Stretch,
        people: Set[int],
        strangers: Mapping[int, Problem],
        known: Known | None,
        unreadable: Mapping[int, str],
    ) -> None:
        self.ignored: Counter[str] = Counter()
        self._rules = rules
        self._zone = zone
        self._window = window
        self._people = people
        self._strangers = strangers
        self._unreadable = unreadable
        self._duties: dict[int, _Duty] = defaultdict(_Duty)
        self._problems: list[Problem] = []
        self._without_rule: Counter[int | None] = Counter()
        self._without_place: Counter[tuple[str, str]] = Counter(
            dict.fromkeys(_unknown(rules, known) if known else (), 0)
        )

    def add(self, shift: Shift) -> None:
        """Take a shift, if some of it may lie in the window."""
        spans = self._spans(shift)
        if spans and not any(_meet(each, self._window) for each in spans):
            return
        if shift.employee_id is None or shift.status not in self._rules.working:
            self.ignored[_status(shift)] += 1
        elif shift.employee_id in self._people:
            self._sort(shift, spans, self._duties[shift.employee_id])
        elif shift.employee_id in self._strangers:
            self._problems.append(self._strangers[shift.employee_id])
        else:
            self.ignored[OTHERS] += 1

    def _sort(self, shift: Shift, spans: list[Stretch], duty: _Duty) -> None:
        place = None
        if wrong := self._wrong(shift):
            self._problems.append(wrong)
        elif shift.shift_type_id in self._rules.absent:
            duty.away.extend(map(_in_quarters, spans))
            return
        else:
            place = self._place_of(shift)
        if place:
            duty.work.extend(_Work(each.start, each.end, place, shift) for each in spans)
            self._problems += _clock_change(shift)
        else:
            duty.unclear.extend(map(_as_it_is, spans))

    def _wrong(self, shift: Shift) -> Problem | None:
        if why := self._unreadable.get(shift.id):
            said = f"cannot be read: {why}. Its days stay as they are; mend it in Planday"
            return _of(shift, "unreadable", said)
        return _wrong(shift)

    def _spans(self, shift: Shift) -> list[Stretch]:
        """Return the time of a shift, or all that it may be at if it has no good times."""
        if shift.id in self._unreadable:
            return [_on_any_clock(self._near(shift.date))] if shift.date else []
        start, end = shift.start_date_time, shift.end_date_time
        if start and end and start.astimezone(UTC) < end.astimezone(UTC):
            return [Stretch(self._near_moment(start), self._near_moment(end))]
        spans: list[Stretch] = []
        told = [shift.date, *(each.date() for each in (start, end) if each)]
        if day := next(filter(None, told), None):
            spans.append(_day(self._near(day), _known_zone(shift.time_zone) or self._zone))
        if start:
            start = self._near_moment(start)
            spans.append(Stretch(start, start + LONGEST_SHIFT))
        elif end:
            end = self._near_moment(end)
            spans.append(Stretch(end - LONGEST_SHIFT, end))
        return spans

    def _near(self, day: date) -> date:
        """Return a day, or the nearest one of those that matter: all others are the same."""
        first, last = (self._window.start - _NEAR).date(), (self._window.end + _NEAR).date()
        return min(max(day, first), last)

    def _near_moment(self, moment: datetime) -> datetime:
        first, last = self._window.start - _NEAR, self._window.end + _NEAR
        return min(max(moment.astimezone(UTC), first), last)

    def _place_of(self, shift: Shift) -> Place | None:
        """Return where a shift is worked, None where the rules do not say it well."""
        place = self._rules.place_of(shift)
        if place is None:
            self._without_rule[shift.department_id] += 1
            return None
        if unknown := [each for each in _named(place) if each in self._without_place]:
            self._without_place.update(unknown)
            return None
        return place

    def add_absence(self, absence: AbsenceRecord) -> None:
        """Take an absence, if it was approved."""
        employee_id = absence.employee_id
        if absence.status != APPROVED or employee_id is None or employee_id not in self._people:
            return
        duty = self._duties[employee_id]
        days = [
            (self._near(first), self._near(last), hours)
            for first, last, hours in _days_away(absence)
        ]
        try:
            duty.away.extend([_in_quarters(_hours_away(*each, self._zone)) for each in days])
        except ValueError:
            whole = ((min(each[:2]), max(each[:2])) for each in days)
            duty.held.extend(_as_it_is(_hours_away(*each, None, self._zone)) for each in whole)
            days = []
        if not days:
            self._problems.append(_of_absence(absence))

    def wanted(self, person: Person, window: Stretch) -> list[Stretch]:
        """Return the whole window as it is to be."""
        duty = self._duties[person.employee_id]
        layers = [*duty.held, *duty.away, *self._in_order(duty.work), *duty.unclear]
        return [*_filled(_laid(layers), window)]

    def _in_order(self, work: list[_Work]) -> Iterator[Stretch]:
        """Return shifts as stretches in quarters, the one that began first before the others."""
        last: _Work | None = None
        work = sorted(work, key=lambda each: (each.start, each.end, each.shift.id))
        runs = _runs(work)
        for each in work:
            if last and each.start < last.end:
                self._problems.append(_overlap(last, each))
            if last is None or each.end > last.end:
                last = each
            (run,) = (run for run in runs[each.place] if run.start <= each.start <= run.end)
            first, end = self._rounded(each, run)
            if first < end:
                yield Stretch(first, end, each.place)
            else:
                self._problems.append(_of(each.shift, "too_short", _TOO_SHORT, note=True))

    def _rounded(self, each: _Work, run: Stretch) -> tuple[datetime, datetime]:
        """Return a shift in quarters; the rounding is of all that is worked there without pause."""
        first, end = rounded(run.start, run.end, self._rules.rounding)
        start, stop = rounded(each.start, each.end, "out")
        return max(first, start), min(end, stop)

    def problems(self) -> Iterator[Problem]:
        """Return each problem once, those of the rules last."""
        yield from dict.fromkeys(self._problems)
        for department, count in self._without_rule.items():
            yield Problem(
                kind="no_rule",
                text=f"department {department}: no rule fits {_shifts(count)} of it, whose time "
                "stays as it is; add a rule for it, or one without conditions at the end",
            )
        for (kind, name), count in self._without_place.items():
            yield Problem(
                kind="no_place",
                text=f"a rule names the {kind} {name!r}, which Planado does not have, so the time "
                f"of {_shifts(count)} stays as it is; add it in Planado, or mend the rule",
            )


_TOO_SHORT = "leaves no whole quarter hour by the rounding, so it is left out"


def _shifts(count: int) -> str:
    return f"{count} shift{'s' * (count != 1)}"


def _named(place: Place) -> Iterator[tuple[str, str]]:
    """Return what a place names, and of which kind it is."""
    if place.territory is not None:
        yield "territory", place.territory
    if place.job_type is not None:
        yield "job type", place.job_type


def _unknown(rules: RosterRules, known: Known) -> Iterator[tuple[str, str]]:
    there = {"territory": known.territories, "job type": known.job_types}
    for rule in rules.rules:
        yield from (each for each in _named(rule.place) if each[1] not in there[each[0]])


def _status(shift: Shift) -> str:
    """Return under which status a shift is counted that does not count as working."""
    if shift.employee_id is None and shift.status != "Draft":
        return "Open"
    return shift.status or "unknown"


def _runs(work: Iterable[_Work]) -> dict[Place, list[Stretch]]:
    """Return by place when it is worked without a pause, of shifts in order of time."""
    there: dict[Place, list[Stretch]] = defaultdict(list)
    for each in work:
        there[each.place].append(Stretch(each.start, each.end))
    return {place: [*_joined(stretches)] for place, stretches in there.items()}


def _known_zone(zone: str | None) -> str | None:
    try:
        return zone and zone_of(zone).key
    except ValueError:
        return None


def _on_any_clock(day: date) -> Stretch:
    """Return a day and the night after it, on whatever clock they are told."""
    midnight = datetime.combine(day, time(), UTC)
    return Stretch(midnight - timedelta(hours=14), midnight + 2 * DAY + timedelta(hours=12))


def _wrong(shift: Shift) -> Problem | None:
    """Return what is wrong with the times of a shift."""
    start, end = shift.start_date_time, shift.end_date_time
    if start is None or end is None:
        return _of(shift, "no_times", "has no times; give it a start and an end")
    if end.astimezone(UTC) <= start.astimezone(UTC):
        return _of(shift, "no_times", "ends when it begins, or before; mend its times")
    if _shown(start, end) > LONGEST_SHIFT:
        return _of(shift, "too_long", f"lasts {_shown(start, end)}, more than a day; mend it")
    return None


def _shown(start: datetime, end: datetime) -> timedelta:
    """Return how much time lies between two moments by the clock on the wall."""
    return end.replace(tzinfo=None) - start.replace(tzinfo=None)


def _clock_change(shift: Shift) -> Iterator[Problem]:
    start, end = shift.start_date_time, shift.end_date_time
    if start and end and (took := shift.duration) != (shown := _shown(start, end)):
        said = f"shows {shown} on the clock and lasts {took}, for the clocks change; {took} count"
        yield _of(shift, "clock_change", said, note=True)


def _of(shift: Shift, kind: Kind, said: str, *, note: bool = False) -> Problem:
    return Problem(
        kind=kind,
        employee_id=shift.employee_id,
        shift_id=shift.id,
        text=f"shift {shift.id} of employee {shift.employee_id} {said}",
        note=note,
    )


def _overlap(last: _Work, each: _Work) -> Problem:
    same = each.place == last.place
    done = "they count once" if same else "the one that began first goes on to its end"
    said = f"begins before shift {last.shift.id} ends; {done}. Mend it in Planday if not meant"
    return _of(each.shift, "overlap", said, note=same)


def _days_away(absence: AbsenceRecord) -> Iterator[tuple[date, date, Hours | None]]:
    """Return first and last day of each part of an absence: its days, else its period."""
    dated = [(each.date, each.time) for each in absence.registrations if each.date]
    for day, hours in dated:
        yield day, day, hours
    period = absence.absence_period
    if not dated and period and period.start:
        yield period.start, period.end or date.max, None


def _hours_away(first: date, last: date, hours: Hours | None, zone: str) -> Stretch:
    """Return from when to when somebody is away; an end not later than its begin is next day's.

    Raises:
        ValueError: the times are none, or the last day lies before the first.
    """
    begin, end = (
        time.fromisoformat(told or "00:00").replace(tzinfo=None)  # on the wall, whatever it says
        for told in (hours and hours.start, hours and hours.end)
    )
    if end <= begin:
        last += DAY
    if last < first:
        raise ValueError("the last day lies before the first")
    return _on_the_wall(datetime.combine(first, begin), datetime.combine(last, end), zone)


def _of_absence(absence: AbsenceRecord) -> Problem:
    return Problem(
        kind="absence",
        employee_id=absence.employee_id,
        text=f"absence {absence.id} of employee {absence.employee_id} has no days, or hours that "
        "are none, so these days stay as they are; mend it in Planday",
    )


# --- Stretches ------------------------------------------------------------------------------------


def _day(day: date, zone: str) -> Stretch:
    midnight = datetime.combine(day, time())
    return _on_the_wall(midnight, midnight + DAY, zone)


def _on_the_wall(start: datetime, end: datetime, zone: str) -> Stretch:
    return Stretch(on_the_wall(start, zone).astimezone(UTC), on_the_wall(end, zone).astimezone(UTC))


def _in_quarters(span: Stretch) -> Stretch:
    """Return the quarter hours that hold all of a span."""
    return Stretch(*rounded(span.start, span.end, "out"))


def _as_it_is(span: Stretch) -> Stretch:
    return _in_quarters(span)._replace(place=_AS_IT_IS)


def _meet(one: Stretch, other: Stretch) -> bool:
    return one.start < other.end and other.start < one.end


def _laid(layers: Iterable[Stretch]) -> list[Stretch]:
    """Return stretches in order of time, each only where none before it is."""
    laid: list[Stretch] = []
    for each in layers:
        left = [each]
        for other in laid:
            left = [rest for one in left for rest in _rest(one, other)]
        laid += left
    return sorted(laid, key=lambda each: each.start)


def _rest(each: Stretch, gone: Stretch) -> Iterator[Stretch]:
    """Return what is left of a stretch when another is taken out of it."""
    if not _meet(each, gone):
        yield each
        return
    if each.start < gone.start:
        yield each._replace(end=gone.start)
    if gone.end < each.end:
        yield each._replace(start=gone.end)


def _filled(work: Iterable[Stretch], window: Stretch) -> Iterator[Stretch]:
    """Return the whole window, free where there is no work."""
    at = window.start
    for each in work:
        begin, stop = max(each.start, window.start), min(each.end, window.end)
        if begin >= stop:
            continue
        if at < begin:
            yield Stretch(at, begin)
        yield Stretch(begin, stop, each.place)
        at = stop
    if at < window.end:
        yield Stretch(at, window.end)


def _joined(stretches: Iterable[Stretch]) -> Iterator[Stretch]:
    """Return stretches in order of time, with those as one that touch and are at one place."""
    last: Stretch | None = None
    for each in stretches:
        if last and each.start <= last.end and last.place == each.place:
            last = last._replace(end=max(last.end, each.end))
            continue
        if last:
            yield last
        last = each
    if last:
        yield last


# --- What is there, and what differs --------------------------------------------------------------


def _present(timeline: Sequence[planado.Shift]) -> list[Stretch]:
    return [
        Stretch(
            piece.time_from.astimezone(UTC),
            piece.time_to.astimezone(UTC),
            Place(
                territory=piece.territory.name if piece.territory else None,
                job_type=piece.job_type.code if piece.job_type else None,
            )
            if piece.working
            else None,
        )
        for piece in timeline
    ]


def _window(timelines: Iterable[Sequence[planado.Shift]]) -> Stretch | None:
    """Return the time that all timelines lie in."""
    told = [each for each in timelines if each]
    if not told:
        return None
    start = min(each[0].time_from for each in told)
    return Stretch(start.astimezone(UTC), max(each[-1].time_to for each in told).astimezone(UTC))


def _asked(days: tuple[date, date] | None, zone: str) -> Stretch:
    return _hours_away(*days, None, zone) if days else Stretch(_BEGIN, _END)


def _compared(
    present: Sequence[Stretch], wanted: Sequence[Stretch]
) -> Iterator[tuple[Stretch, bool]]:
    """Return the window as it is to be, each part with whether it has to be written."""
    i = j = 0
    start = present[0].start
    while i < len(present):
        there, each = present[i], wanted[j]
        end = min(there.end, each.end)
        stays = _is(there.place, each.place)
        yield Stretch(start, end, there.place if stays else each.place), not stays
        i += there.end == end
        j += each.end == end
        start = end


def _is(present: Place | None, wanted: Place | None) -> bool:
    """Tell whether a place is the one wanted, which may leave some of it to Planado."""
    if wanted is _AS_IT_IS:
        return True
    if present is None or wanted is None:
        return present is wanted
    return wanted.territory in (None, present.territory) and wanted.job_type in (
        None,
        present.job_type,
    )


def _calls(stretches: Iterable[Stretch], days: Sequence[Day]) -> Iterator[tuple[Stretch, ...]]:
    """Return stretches in groups, cut where a week of the days ends.

    Planado takes no more than 168 hours, and the week in which the clocks go back has one more.
    """
    ends = [each.begin.astimezone(UTC) for each in days[7::7]] + [days[-1].end.astimezone(UTC)]
    group: list[Stretch] = []
    limit = days[0].begin.astimezone(UTC)
    for each in stretches:
        start = each.start
        while start < each.end:
            if start >= limit:
                if group:
                    yield tuple(group)
                group, limit = [], min(start + WEEK, ends[bisect_right(ends, start)])
            end = min(each.end, limit)
            group.append(Stretch(start, end, each.place))
            start = end
    if group:
        yield tuple(group)


# --- For people to read ---------------------------------------------------------------------------


def _day_changes(
    person: Person,
    before: Sequence[Stretch],
    after: Sequence[Stretch],
    days: Iterable[Day],
) -> Iterator[DayChange]:
    """Return the days that are different, each on the clock of the timeline."""
    for each in days:
        was, will = (_worked(stretches, each) for stretches in (before, after))
        if was != will:
            clock = each.begin.tzinfo
            yield DayChange(
                person=person,
                day=each.day,
                before=_shown_on(clock, was),
                after=_shown_on(clock, will),
            )


def _worked(stretches: Iterable[Stretch], day: Day) -> list[Stretch]:
    """Return what is worked on a day, what touches at one place as one."""
    start, end = day.begin.astimezone(UTC), day.end.astimezone(UTC)
    inside = (
        Stretch(max(each.start, start), min(each.end, end), each.place)
        for each in stretches
        if each.place is not None and each.start < end and start < each.end
    )
    return [*_joined(inside)]


def _shown_on(clock: tzinfo | None, stretches: Iterable[Stretch]) -> tuple[Stretch, ...]:
    return tuple(
        Stretch(each.start.astimezone(clock), each.end.astimezone(clock), each.place)
        for each in stretches
    )
