"""From a write's keywords to the API's JSON, checked against the TypedDict that describes it.

A write is said once, as a TypedDict: its keys are the names the API takes, `Required` marks the
mandatory ones, `| None` says that null is allowed, `Annotated[str, MaxLen(500)]` sets a limit. Type
checkers read it for the call, and `encode` reads it here, so nothing the API would refuse for its
form costs a call. A key that is not given is not sent; None is sent as null.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from functools import cache, partial
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    Protocol,
    Required,
    TypeAlias,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from attrs import frozen

Encoder: TypeAlias = Callable[[Any, str], Any]
"""Takes a value and what to call it in an error; returns JSON."""


class Rule(Protocol):
    """A condition on an encoded value, put beside its type with `Annotated`."""

    def check(self, value: Any, at: str) -> None:
        """Raise ValueError, naming `at`, if the value does not hold."""
        ...


@frozen
class MaxLen:
    """At most so many characters, or items."""

    most: int

    def check(self, value: Any, at: str) -> None:
        """Raise ValueError if the value is longer."""
        if len(value) > self.most:
            unit = "characters" if isinstance(value, str) else "items"
            raise ValueError(f"{at} has {len(value)} {unit}; the API takes at most {self.most}")


@frozen
class AtLeast:
    """A number that is not below a bound."""

    least: int

    def check(self, value: float, at: str) -> None:
        """Raise ValueError if the number is smaller."""
        if value < self.least:
            raise ValueError(f"{at} is {value}; it takes at least {self.least}")


@frozen
class MoreThan:
    """A number above a bound."""

    bound: float

    def check(self, value: float, at: str) -> None:
        """Raise ValueError if the number is not above the bound."""
        if value <= self.bound:
            raise ValueError(f"{at} is {value}; it takes more than {self.bound}")


class Aware:
    """An ISO 8601 date-time that says its offset from UTC."""

    def check(self, value: str, at: str) -> None:
        """Raise ValueError if the text is no date-time or leaves its zone open."""
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(f"{at} is {value!r}, not an ISO 8601 date-time") from None
        if moment.tzinfo is None:
            raise ValueError(f"{at} is {value!r}, without a time zone; say which moment it is")


class DecimalText:
    """The text of a finite decimal number."""

    def check(self, value: str, at: str) -> None:
        """Raise ValueError if the text is no such number."""
        try:
            number = Decimal(value)
        except InvalidOperation:
            raise ValueError(f"{at} is {value!r}, not a decimal number") from None
        if not number.is_finite():
            raise ValueError(f"{at} is {value!r}; the API takes finite numbers")


AWARE = Aware()


class OneOf:
    """Exactly one of these keys."""

    def __init__(self, *keys: str) -> None:
        self._keys = keys

    def check(self, value: Mapping[str, Any], at: str) -> None:
        """Raise ValueError unless exactly one of the keys is there."""
        if sum(key in value for key in self._keys) != 1:
            raise ValueError(f"{at} needs exactly one of {', '.join(self._keys)}")


def encode(fields: Mapping[str, Any], shape: Any, *, at: str = "") -> dict[str, Any]:
    """Return `fields` as JSON of the TypedDict `shape`.

    Raises:
        TypeError: an unknown or missing name, a null that is not allowed, a value of a wrong type.
        ValueError: a value beyond a documented limit, a date-time without a zone.
    """
    encoders, required = _members(shape)
    if missing := required - fields.keys():
        raise TypeError(f"{_called(at, shape)} needs {', '.join(sorted(missing))}")
    for name in fields:
        if name not in encoders:
            raise TypeError(_unknown(name, encoders, _called(at, shape)))
    prefix = f"{at}." if at else ""
    return {name: encoders[name](value, prefix + name) for name, value in fields.items()}


def encode_any(value: Any, at: str) -> Any:
    """Return what JSON can say, with date-times, durations and decimals in the API's forms.

    Raises:
        TypeError: a value that JSON has no form for.
        ValueError: a date-time without a zone, a number that is not finite.
    """
    return _json(value, at)


def _called(at: str, shape: Any) -> str:
    return at or str(shape.__name__)


def _unknown(name: str, known: Mapping[str, Any], where: str) -> str:
    near = _nearest(name, known)
    hint = f"did you mean {near!r}?" if near else f"it takes {', '.join(sorted(known))}"
    return f"{where} takes no {name!r}; {hint}"


def _nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the name that was meant: spelt almost alike, holding its main word, or just alike."""
    word = name.removesuffix("_uuid").removesuffix("_id").removesuffix("_name")
    holding = sorted((each for each in known if word and (word in each or each in name)), key=len)
    slips, alike = (get_close_matches(name, known, n=1, cutoff=cutoff) for cutoff in (0.8, 0.7))
    return next(iter([*slips, *holding, *alike]), None)


@cache
def _members(shape: Any) -> tuple[Mapping[str, Encoder], frozenset[str]]:
    hints = get_type_hints(shape, include_extras=True)
    return {name: _encoder(kind) for name, kind in hints.items()}, shape.__required_keys__


def _encoder(kind: Any) -> Encoder:
    """Return the encoder of a type, as its annotation says it."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _ruled(_encoder(arguments[0]), kind.__metadata__)
    if origin in (UnionType, Union):
        return _union(arguments)
    if origin is Literal:
        return partial(_one_of, arguments)
    if origin in (Required, NotRequired):
        return _encoder(arguments[0])
    if origin is Sequence:
        return partial(_sequence, _encoder(arguments[0]))
    if is_typeddict(kind):
        return partial(_object, kind)
    return partial(_plain, kind) if kind in _EXACT else _SCALARS[origin or kind]


def _ruled(encoder: Encoder, rules: tuple[Rule, ...]) -> Encoder:
    def encode_and_check(value: Any, at: str) -> Any:
        encoded = encoder(value, at)
        for rule in rules if encoded is not None else ():
            rule.check(encoded, at)
        return encoded

    return encode_and_check


def _union(kinds: tuple[Any, ...]) -> Encoder:
    """Take the first kind that fits; else say what was wrong with each."""
    encoders = [_encoder(kind) for kind in kinds if kind is not NoneType]
    nullable = NoneType in kinds

    def first_that_fits(value: Any, at: str) -> Any:
        if value is None and nullable:
            return None
        failures: list[Exception] = []
        for encoder in encoders:
            try:
                return encoder(value, at)
            except (TypeError, ValueError) as failure:
                failures.append(failure)
        # A value of a right type that breaks a rule is told by that rule alone.
        close = [failure for failure in failures if isinstance(failure, ValueError)] or failures
        raise type(close[0])("; or ".join(dict.fromkeys(map(str, close))))

    return first_that_fits


def _one_of(allowed: tuple[Any, ...], value: Any, at: str) -> Any:
    if value in allowed:
        return value
    if value is None:
        raise _wrong("one of its words", value, at)
    raise ValueError(f"{at} is {value!r}; the API takes {', '.join(map(repr, allowed))}")


def _sequence(encoder: Encoder, value: Any, at: str) -> list[Any]:
    if isinstance(value, list | tuple):
        items = cast(Sequence[Any], value)
        return [encoder(item, f"{at}[{index}]") for index, item in enumerate(items)]
    raise _wrong("a list", value, at)


def _object(shape: Any, value: Any, at: str) -> dict[str, Any]:
    return encode(_mapping(value, at), shape, at=at)


# --- Values ---------------------------------------------------------------------------------------

_EXACT: Mapping[type, str] = {str: "text", int: "a whole number", bool: "True or False"}


def _wrong(wanted: str, value: Any, at: str) -> TypeError:
    if value is None:
        return TypeError(f"{at} cannot be null; leave it out to keep what is there")
    return TypeError(f"{at} takes {wanted}, not {type(value).__name__}")


def _plain(kind: type, value: Any, at: str) -> Any:
    # bool is an int to Python, so isinstance alone would take True for 1.
    if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    raise _wrong(_EXACT[kind], value, at)


def _number(value: Any, at: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        if math.isfinite(value):
            return value
        raise ValueError(f"{at} is {value}; it takes a finite number")
    raise _wrong("a number", value, at)


def _moment(value: Any, at: str) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise _wrong("an aware datetime or its ISO 8601 text", value, at)


def _day(value: Any, at: str) -> str:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    raise _wrong("a date", value, at)


def _clock(value: Any, at: str) -> str:
    if isinstance(value, time):
        return value.isoformat().removesuffix(":00")
    raise _wrong("a time of the day or its text", value, at)


def _duration(value: Any, at: str) -> dict[str, int]:
    if not isinstance(value, timedelta):
        raise _wrong("a timedelta", value, at)
    minutes, rest = divmod(value, timedelta(minutes=1))
    if rest or minutes < 0:
        raise ValueError(f"{at} is {value}; the API counts in whole minutes")
    return {"minutes": minutes}


def _decimal(value: Any, at: str) -> str:
    if isinstance(value, Decimal):
        return f"{value:f}"
    raise _wrong("a Decimal or its text", value, at)


def _mapping(value: Any, at: str) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return cast(Mapping[str, Any], value)
    raise _wrong("an object (dict)", value, at)


def _json(value: Any, at: str) -> Any:
    """Take anything JSON can say, and the forms above inside it."""
    match value:
        case None | str() | bool():
            return value
        case int() | float():
            return _number(value, at)
        case Mapping():
            return {_plain(str, key, at): _json(item, f"{at}.{key}") for key, item in value.items()}
        case list() | tuple():
            return _sequence(_json, value, at)
        case datetime():
            AWARE.check(value.isoformat(), at)
            return value.isoformat()
        case date():
            return value.isoformat()
        case timedelta():
            return _duration(value, at)
        case Decimal():
            text = _decimal(value, at)
            DecimalText().check(text, at)
            return text
        case _:
            raise _wrong("what JSON can say", value, at)


_SCALARS: Mapping[Any, Encoder] = {
    float: _number,
    datetime: _moment,
    date: _day,
    time: _clock,
    timedelta: _duration,
    Decimal: _decimal,
    Mapping: lambda value, at: _json(_mapping(value, at), at),
    Any: _json,
}
