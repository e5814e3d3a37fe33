"""The query of a call: names in any letter case, lists joined by commas, repeated, or with `[]`."""

import re
from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import TypeVar

from planado_async.emulator.checks import InvalidError, day, moment
from planado_async.emulator.errors import EmulatorError

# Ids are 64 bits wide; a longer number is none.
NUMBER = re.compile(r"-?\d{1,18}", re.ASCII)
T = TypeVar("T")

FLAGS = {"true": True, "false": False}


class Query:
    """What the query says. Names it does not know are passed over.

    A value of the wrong form is answered 400 when it is asked for.
    """

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            self._values.setdefault(name.lower().removesuffix("[]"), []).append(value)

    def text(self, name: str) -> str | None:
        """The first value, None if it is not given or empty."""
        return next(iter(self._values.get(name.lower(), [])), None) or None

    def texts(self, name: str) -> list[str]:
        """All values of a list, empty if none are given."""
        given = ",".join(self._values.get(name.lower(), []))
        return [value.strip() for value in given.split(",") if value.strip()]

    def number(self, name: str) -> int | None:
        """A whole number, None if it is not given."""
        return self._read(name, number)

    def numbers(self, name: str) -> frozenset[int] | None:
        """The whole numbers of a list, None if none are given."""
        values = self.texts(name)
        return frozenset(_checked(name, number, value) for value in values) if values else None

    def day(self, name: str) -> date | None:
        """A date, None if it is not given."""
        return self._read(name, day)

    def moment(self, name: str) -> datetime | None:
        """A moment in UTC, None if it is not given; one without an offset is taken as UTC."""
        return self._read(name, moment)

    def flag(self, name: str, default: bool) -> bool:
        """True or false."""
        found = self._read(name, _flag)
        return default if found is None else found

    def choice(self, name: str, *names: str) -> str | None:
        """One of a few words in any letter case, None if it is not given."""
        return self._read(name, _one_of(names))

    def _read(self, name: str, check: Callable[[object], T]) -> T | None:
        value = self.text(name)
        return None if value is None else _checked(name, check, value)


def required(name: str, value: T | None) -> T:
    """The value, which must have been given."""
    if value is None:
        raise bad_input({name: [f"The {name} field is required."]})
    return value


def bad_input(errors: dict[str, list[str]]) -> EmulatorError:
    """The answer to input that breaks its rules."""
    return EmulatorError(400, "One or more validation errors occurred.", errors)


def number(value: object) -> int:
    """A whole number out of text."""
    if not isinstance(value, str) or not NUMBER.fullmatch(value):
        raise InvalidError("must be a whole number")
    return int(value)


def _flag(value: object) -> bool:
    found = FLAGS.get(str(value).lower())
    if found is None:
        raise InvalidError("must be true or false")
    return found


def _one_of(names: tuple[str, ...]) -> Callable[[object], str]:
    def check(value: object) -> str:
        found = next((name for name in names if name.lower() == str(value).lower()), None)
        if found is None:
            raise InvalidError(f"must be one of: {', '.join(names)}")
        return found

    return check


def _checked(name: str, check: Callable[[object], T], value: str) -> T:
    try:
        return check(value)
    except InvalidError as refused:
        raise bad_input({name: refused.messages}) from None
