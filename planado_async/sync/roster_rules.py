"""What the roster's settings are: who is who, which shifts count, and where they are worked."""

import csv
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from math import ceil, floor
from typing import Any, Literal, TypeAlias

from attrs import field, fields, frozen

from planado_async.core.errors import ConfigurationError
from planado_async.core.wall_clock import zone_of
from planado_async.planday.models import EmployeeItem, Shift

Rounding: TypeAlias = Literal["out", "in", "nearest"]

WORKING = frozenset(
    {
        "Assigned",
        "Approved",
        "OnDuty",
        "PunchclockStarted",
        "PunchclockFinished",
        "PunchclockApproved",
    }
)
"""The statuses of shifts that are worked, unless said otherwise."""

STATUSES = WORKING | {"Open", "Draft", "ForSale", "PendingSwapAcceptance", "PendingApproval"}
"""All statuses that Planday documents."""

_QUARTER = 900  # seconds: the grain of Planado's timelines


@frozen(kw_only=True)
class Place:
    """Where and as what a shift is worked, in Planado's words; None leaves it to Planado."""

    territory: str | None = None
    """The territory's name."""
    job_type: str | None = None
    """The job type's code."""


def _ids(given: Iterable[int] | int) -> frozenset[int]:
    ids = [*given] if isinstance(given, Iterable) else [given]
    if not all(type(each) is int for each in ids):
        raise ConfigurationError(f"{given!r} are no ids of Planday's, which are numbers")
    return frozenset(ids)


def _by_text(given: Mapping[Any, str]) -> dict[str, str]:
    return {str(key).strip(): user.strip().lower() for key, user in given.items()}


@frozen(kw_only=True)
class Rule:
    """Puts the shifts that fit all it names into a place; what it leaves empty fits any."""

    department: frozenset[int] = field(default=frozenset[int](), converter=_ids)
    employee_group: frozenset[int] = field(default=frozenset[int](), converter=_ids)
    position: frozenset[int] = field(default=frozenset[int](), converter=_ids)
    shift_type: frozenset[int] = field(default=frozenset[int](), converter=_ids)
    place: Place = Place()

    def fits(self, shift: Shift) -> bool:
        """Tell whether this rule is about a shift."""
        return (
            (not self.department or shift.department_id in self.department)
            and (not self.employee_group or shift.employee_group_id in self.employee_group)
            and (not self.position or shift.position_id in self.position)
            and (not self.shift_type or shift.shift_type_id in self.shift_type)
        )


def _statuses(given: Iterable[str]) -> frozenset[str]:
    statuses = [*given]
    if not all(isinstance(each, str) for each in statuses):
        raise ConfigurationError(f"working takes names of statuses, not {statuses}")
    return frozenset(statuses)


def _check_rounding(_: object, __: object, rounding: str) -> None:
    if rounding not in [*_ROUNDINGS]:
        raise ConfigurationError(f"rounding takes {', '.join(_ROUNDINGS)}, not {rounding!r}")


def _check_statuses(_: object, __: object, statuses: frozenset[str]) -> None:
    # With a slip here nobody would work any more.
    if not statuses or not statuses <= STATUSES:
        unknown = sorted(statuses - STATUSES) or "none"
        raise ConfigurationError(f"working takes {', '.join(sorted(STATUSES))}, not {unknown}")


def _zone(given: Any) -> str | None:
    if not isinstance(given, str | None):
        raise ConfigurationError(f"zone takes an IANA name, not {given!r}")
    return given


def _check_zone(_: object, __: object, zone: str | None) -> None:
    try:
        zone_of(zone or "UTC")
    except ValueError as error:
        raise ConfigurationError(f"zone: {error}") from None


@frozen(kw_only=True)
class RosterRules:
    """How Planday's shifts become Planado's working hours.

    Raises:
        ConfigurationError: a value that is none; says which are.
    """

    rules: Sequence[Rule] = (Rule(),)
    """The first that fits a shift says where it is worked; one that none fits is a problem."""
    working: frozenset[str] = field(default=WORKING, converter=_statuses, validator=_check_statuses)
    """The statuses of shifts that count; all others are ignored, and counted."""
    absent: frozenset[int] = field(default=frozenset[int](), converter=_ids)
    """Shift types that mean that somebody is away."""
    people: Mapping[str, str] = field(factory=dict, converter=_by_text, repr=False)
    """The user's uuid by an employee's id or salary identifier, for those whom no e-mail address
    tells."""
    departments: frozenset[int] = field(default=frozenset[int](), converter=_ids)
    """Whose hours follow the roster: the employees of these departments, or all if there are none.
    The hours of the others are not touched."""
    rounding: Rounding = field(default="out", validator=_check_rounding)
    """To quarter hours: `out` from the start's down to the end's up, `in` the other way round."""
    zone: str | None = field(default=None, converter=_zone, validator=_check_zone)
    """The IANA zone in which absences are told; the portal's own if not given."""

    def place_of(self, shift: Shift) -> Place | None:
        """Return where a shift is worked, None if no rule says so."""
        return next((rule.place for rule in self.rules if rule.fits(shift)), None)

    def are_about(self, employee: EmployeeItem) -> bool:
        """Tell whether the hours of an employee follow the roster."""
        return not self.departments or not self.departments.isdisjoint(employee.departments)


def rounded(start: datetime, end: datetime, rounding: Rounding) -> tuple[datetime, datetime]:
    """Return two moments in UTC on quarter hours; the second may be no later than the first."""
    first, last = _ROUNDINGS[rounding]
    return _on_quarter(start, first), _on_quarter(end, last)


_ROUNDINGS: Mapping[Rounding, tuple[Callable[[float], int], Callable[[float], int]]] = {
    "out": (floor, ceil),
    "in": (ceil, floor),
    "nearest": (round, round),
}


def _on_quarter(moment: datetime, to_whole: Callable[[float], int]) -> datetime:
    return _EPOCH + timedelta(seconds=_QUARTER * to_whole(moment.timestamp() / _QUARTER))


_EPOCH = datetime.fromisoformat("1970-01-01T00:00+00:00")


# --- From files -----------------------------------------------------------------------------------


def rules_from(settings: Mapping[str, Any], people: Mapping[str, str] | None = None) -> RosterRules:
    """Return the rules that a settings file says, such as TOML's.

        rounding = "out"
        working = ["Assigned", "Approved"]
        absent = [31]
        departments = [1, 2, 3]
        zone = "Europe/Copenhagen"
        [[rules]]
        department = [1, 2]
        territory = "North"
        job_type = "Repair"

    Raises:
        ConfigurationError: a name or value that is none; says which.
    """
    known = _names(RosterRules) - {"people"}
    _refuse_others(settings, known, "the roster's settings")
    given: dict[str, Any] = dict(settings)
    for name in ("rules", "working"):
        if not isinstance(given.get(name, []), list):
            raise ConfigurationError(f"{name} takes a list")
    if "rules" in given:
        given["rules"] = [_rule(each, f"rules[{i}]") for i, each in enumerate(given["rules"])]
    return RosterRules(**given, people=people or {})


def people_from(path: str | os.PathLike[str]) -> dict[str, str]:
    """Return who is who from a CSV file with the columns `employee` and `user`.

    `employee` is Planday's id or salary identifier, `user` Planado's uuid.

    Raises:
        ConfigurationError: a column is missing or comes twice, a row is incomplete or names an
            employee again, or it is no CSV file in UTF-8.
    """
    people: dict[str, str] = {}
    for line, row in _rows(path):
        employee, user = ((row.get(key) or "").strip() for key in _COLUMNS)
        if not employee or not user or employee in people:
            raise ConfigurationError(
                f"{path}: line {line} needs in its columns employee and user an id or salary "
                "identifier that no line before names, and the uuid of a user"
            )
        people[employee] = user
    return people


_COLUMNS = ("employee", "user")


def _rows(path: str | os.PathLike[str]) -> Iterator[tuple[int, dict[str, str | None]]]:
    """Return the rows of a table that are not blank, each with the number of its line."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            columns = [*(rows.fieldnames or ())]
            if any(columns.count(each) != 1 for each in _COLUMNS):
                raise ConfigurationError(
                    f"{path}: the first line names the columns, separated by commas, employee and "
                    f"user once each among them; it has {columns}"
                )
            for row in rows:
                told = {key: row[key] for key in _COLUMNS}
                if any((each or "").strip() for each in told.values()):
                    yield rows.line_num, told
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigurationError(f"{path}: no CSV file in UTF-8: {error}") from None


def _rule(given: Any, at: str) -> Rule:
    if not isinstance(given, Mapping):
        raise ConfigurationError(f"{at} takes names and values, not {given!r}")
    place, criteria = _names(Place), _names(Rule) - {"place"}
    _refuse_others(given, place | criteria, at)
    for name in place & given.keys():
        if not isinstance(given[name], str):
            raise ConfigurationError(f"{at}.{name} takes a name of Planado's, not {given[name]!r}")
    where = Place(**{name: given[name] for name in place & given.keys()})
    try:
        return Rule(**{name: given[name] for name in criteria & given.keys()}, place=where)
    except ConfigurationError as error:
        raise ConfigurationError(f"{at}: {error}") from None


def _names(kind: type[Any]) -> set[str]:
    return {each.name for each in fields(kind)}


def _refuse_others(given: Mapping[str, Any], known: set[str], where: str) -> None:
    if others := given.keys() - known:
        raise ConfigurationError(
            f"{where} takes no {sorted(others)[0]!r}; it takes {', '.join(sorted(known))}"
        )
