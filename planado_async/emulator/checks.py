"""What a field may hold. A check is a function: it returns the value in its clean form or raises.

Checks know nothing of what the emulator remembers; `forms` joins the two.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from attrs import field, frozen

Check = Callable[[object], Any]

# Beyond these years, adding a time zone or a duration could leave the calendar.
FIRST_YEAR, LAST_YEAR = 1900, 2200
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?", re.ASCII)
DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
DECIMAL = re.compile(r"-?\d{1,20}(\.\d{1,20})?", re.ASCII)
LARGEST = 2**31 - 1


class InvalidError(ValueError):
    """The value breaks a rule; `messages` say which."""

    def __init__(self, *messages: str) -> None:
        super().__init__(*messages)
        self.messages: list[str] = list(messages)


@frozen
class Rule:
    """What one field of a body may hold. `required` counts at creation only."""

    check: Check
    required: bool = field(default=False, kw_only=True)
    nullable: bool = field(default=False, kw_only=True)

    def read(self, value: object) -> Any:
        """The clean value, None only where null is allowed."""
        if value is not None:
            return self.check(value)
        if not self.nullable:
            raise InvalidError("can't be null")
        return None


Rules = Mapping[str, Rule]


@frozen
class Reference:
    """Points at a record by one of its keys."""

    key: str
    value: str


@frozen
class New:
    """The fields of a record that is still to be made."""

    fields: dict[str, Any]


def read(
    rules: Rules, body: Mapping[str, Any], *, creating: bool
) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """Sorts a body into clean values and errors; keys without a rule are passed over."""
    values: dict[str, Any] = {}
    errors: dict[str, list[str]] = {}
    for name, rule in rules.items():
        try:
            if name in body:
                values[name] = rule.read(body[name])
            elif creating and rule.required:
                raise InvalidError("can't be blank")
        except InvalidError as refused:
            errors[name] = refused.messages
    return values, errors


def text(limit: int | None = None, *, blank: bool = True) -> Check:
    """A string of at most `limit` characters."""

    def check(value: object) -> str:
        if not isinstance(value, str):
            raise InvalidError("must be a string")
        if not blank and not value.strip():
            raise InvalidError("can't be blank")
        if limit is not None and len(value) > limit:
            raise InvalidError(f"is too long (maximum is {limit} characters)")
        return value

    return check


def boolean(value: object) -> bool:
    """True or false, nothing that merely looks like them."""
    if not isinstance(value, bool):
        raise InvalidError("must be true or false")
    return value


def whole(lowest: int = 0, highest: int = LARGEST) -> Check:
    """An integer between two bounds, both allowed."""

    def check(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise InvalidError("must be an integer")
        if not lowest <= value <= highest:
            raise InvalidError(f"must be between {lowest} and {highest}")
        return value

    return check


def number(lowest: float, highest: float) -> Check:
    """A number between two bounds, both allowed."""

    def check(value: object) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise InvalidError("must be a number")
        if not lowest <= value <= highest:
            raise InvalidError(f"must be between {lowest} and {highest}")
        return float(value)

    return check


def decimal_text(value: object) -> str:
    """A decimal number as a string, whichever way it was sent."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = format(Decimal(str(value)), "f")
    if not isinstance(value, str) or not DECIMAL.fullmatch(value):
        raise InvalidError("must be a decimal number")
    return value


def one_of(*names: str) -> Check:
    """One of a few words."""

    def check(value: object) -> str:
        if not isinstance(value, str) or value not in names:
            raise InvalidError(f"must be one of: {', '.join(names)}")
        return value

    return check


def moment(value: object) -> datetime:
    """A date and time in UTC; one without an offset is taken as UTC."""
    if not isinstance(value, str) or not MOMENT.fullmatch(value):
        raise InvalidError("must be an ISO 8601 date and time")
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        raise InvalidError("is no date and time of the calendar") from None
    if not FIRST_YEAR < parsed.year < LAST_YEAR:
        raise InvalidError("is out of range")
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)


def day(value: object) -> date:
    """A date."""
    if not isinstance(value, str) or not DAY.fullmatch(value):
        raise InvalidError("must be a date like 2026-01-31")
    try:
        parsed = date.fromisoformat(value)
    except ValueError:
        raise InvalidError("is no date of the calendar") from None
    if not FIRST_YEAR < parsed.year < LAST_YEAR:
        raise InvalidError("is out of range")
    return parsed


def time_zone(value: object) -> str:
    """The name of a time zone."""
    name: str = text(blank=False)(value)
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        if name != "UTC":
            raise InvalidError("is no known time zone") from None
    return name


def mapping(value: object) -> dict[str, Any]:
    """A JSON object."""
    if not isinstance(value, dict):
        raise InvalidError("must be an object")
    return cast(dict[str, Any], value)


def listed(check: Check, *, most: int | None = None) -> Check:
    """A list, every element of which passes `check`."""

    def check_all(value: object) -> list[Any]:
        if not isinstance(value, list):
            raise InvalidError("must be an array")
        elements = cast(list[object], value)
        if most is not None and len(elements) > most:
            raise InvalidError(f"is too long (maximum is {most} elements)")
        return [check(element) for element in elements]

    return check_all


def record(rules: Rules) -> Check:
    """An object whose keys follow `rules`; its errors are told in one list."""

    def check(value: object) -> dict[str, Any]:
        values, errors = read(rules, mapping(value), creating=True)
        if errors:
            raise InvalidError(
                *(f"{name} {said}" for name, says in errors.items() for said in says)
            )
        return values

    return check


def reference(*keys: str) -> Check:
    """An object that holds exactly one of `keys`."""

    def check(value: object) -> Reference:
        given = [key for key in keys if key in mapping(value)]
        if len(given) != 1:
            raise InvalidError(f"exactly one of {', '.join(keys)} must be given")
        return Reference(given[0], text(blank=False)(mapping(value)[given[0]]))

    return check


def existing_or_new(check_new: Check) -> Check:
    """Either a reference by `uuid` or `external_id`, or the fields of a new record.

    A new record may carry its `external_id`; so the two are told apart by the other keys.
    """
    existing = reference("uuid", "external_id")

    def check(value: object) -> Reference | New:
        given = set(mapping(value))
        if "uuid" in given or given <= {"external_id"}:
            found: Reference = existing(value)
            return found
        return New(check_new(value))

    return check


def minutes(value: object) -> int:
    """A duration, `{"minutes": N}`, as its number."""
    given = mapping(value)
    if "minutes" not in given:
        raise InvalidError("minutes can't be blank")
    number_of: int = whole()(given["minutes"])
    return number_of
