"""From a write's keywords to JSON, checked against the TypedDict that describes it."""

import re
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Annotated, Any, Literal, NotRequired, Required, TypedDict
from zoneinfo import ZoneInfo

import pytest

from planado_async.core.encode import AWARE, DecimalText, MaxLen, OneOf, encode


class Inner(TypedDict, total=False):
    name: Required[Annotated[str, MaxLen(3)]]
    count: int


class Loose(TypedDict):
    must: str
    may: NotRequired[str]


class Shape(TypedDict, total=False):
    text: str
    nullable: str | None
    short: Annotated[str, MaxLen(5)] | None
    whole: int
    number: float
    flag: bool
    colour: Literal["red", "green"]
    moment: Annotated[datetime | str, AWARE] | None
    day: date
    span: timedelta
    money: Annotated[Decimal | str, DecimalText()]
    inner: Inner
    inners: Sequence[Inner]
    few: Annotated[Sequence[int], MaxLen(2)]
    either: Annotated[Mapping[str, Any], OneOf("a", "b")]
    inner_or_text: Inner | str
    tree: Mapping[str, Any]
    anything: Any


class NoOffset(tzinfo):
    """A time zone that does not know its offset."""

    def utcoffset(self, moment: datetime | None) -> None:
        return None

    def dst(self, moment: datetime | None) -> None:
        return None

    def tzname(self, moment: datetime | None) -> None:
        return None


MOMENT = datetime(2026, 3, 29, 8, 30, tzinfo=ZoneInfo("Europe/Berlin"))
OFFSET = timezone(timedelta(hours=-3, minutes=-30))


@pytest.mark.parametrize(
    ("name", "given", "sent"),
    [
        ("text", "наряд", "наряд"),
        ("text", "", ""),
        ("nullable", None, None),
        ("short", "12345", "12345"),
        ("short", "яяяяя", "яяяяя"),
        ("whole", -7, -7),
        ("number", 1, 1),
        ("number", 1.5, 1.5),
        ("flag", False, False),
        ("colour", "green", "green"),
        ("moment", MOMENT, "2026-03-29T08:30:00+02:00"),
        ("moment", MOMENT.astimezone(OFFSET), "2026-03-29T03:00:00-03:30"),
        ("moment", "2026-03-29T08:30:00Z", "2026-03-29T08:30:00Z"),
        ("moment", None, None),
        ("day", date(2026, 3, 29), "2026-03-29"),
        ("span", timedelta(hours=1, minutes=30), {"minutes": 90}),
        ("span", timedelta(0), {"minutes": 0}),
        ("money", Decimal("1.050"), "1.050"),
        ("money", Decimal("1E+3"), "1000"),
        ("money", "-2.5", "-2.5"),
        ("inner", {"name": "abc"}, {"name": "abc"}),
        (
            "inners",
            [{"name": "a"}, {"name": "b", "count": 1}],
            [{"name": "a"}, {"name": "b", "count": 1}],
        ),
        ("inners", (), []),
        ("few", (1, 2), [1, 2]),
        ("either", {"a": 1, "c": 2}, {"a": 1, "c": 2}),
        ("inner_or_text", {"name": "a"}, {"name": "a"}),
        ("inner_or_text", "a", "a"),
        ("tree", OrderedDict(a={"b": [True, None]}), {"a": {"b": [True, None]}}),
        ("anything", None, None),
        ("anything", [1, 2.5, "x", (True,)], [1, 2.5, "x", [True]]),
        ("anything", MOMENT, "2026-03-29T08:30:00+02:00"),
        ("anything", {"day": date(2026, 3, 29)}, {"day": "2026-03-29"}),
        ("anything", [timedelta(minutes=5), Decimal("0.5")], [{"minutes": 5}, "0.5"]),
    ],
)
def test_what_fits_is_taken(name: str, given: Any, sent: Any) -> None:
    """A value of the type said becomes the API's JSON."""
    assert encode({name: given}, Shape) == {name: sent}


def test_what_is_not_given_is_not_sent() -> None:
    """A missing key stays missing, null stays null."""
    assert encode({}, Shape) == {}
    assert encode({"nullable": None}, Shape) == {"nullable": None}


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("text", None, "text cannot be null; leave it out"),
        ("text", 7, "text takes text, not int"),
        ("text", b"x", "text takes text, not bytes"),
        ("nullable", 7, "nullable takes text, not int"),
        ("whole", True, "whole takes a whole number, not bool"),
        ("whole", 7.0, "whole takes a whole number, not float"),
        ("whole", "7", "whole takes a whole number, not str"),
        ("number", True, "number takes a number, not bool"),
        ("number", "1", "number takes a number, not str"),
        ("flag", 1, "flag takes True or False, not int"),
        ("flag", "false", "flag takes True or False, not str"),
        (
            "moment",
            date(2026, 3, 29),
            "moment takes an aware datetime or its ISO 8601 text, not date",
        ),
        ("moment", 1_700_000_000, "moment takes an aware datetime"),
        ("colour", None, "colour cannot be null"),
        ("day", MOMENT, "day takes a date, not datetime"),
        ("day", "2026-03-29", "day takes a date, not str"),
        ("span", 90, "span takes a timedelta, not int"),
        ("money", 1.05, "money takes a Decimal or its text, not float"),
        ("inner", "x", "inner takes an object (dict), not str"),
        ("inner", {"count": 1}, "inner needs name"),
        ("inner", {"name": "a", "cuont": 1}, "inner takes no 'cuont'; did you mean 'count'?"),
        ("inner", {"name": None}, "inner.name cannot be null"),
        ("inners", {"name": "a"}, "inners takes a list, not dict"),
        ("inners", "abc", "inners takes a list, not str"),
        ("inners", deque(), "inners takes a list, not deque"),
        ("inners", [{"name": "a"}, {"name": 7}], "inners[1].name takes text, not int"),
        ("tree", [], "tree takes an object (dict), not list"),
        ("tree", {7: 1}, "tree takes text, not int"),
        ("anything", {1, 2}, "anything takes what JSON can say, not set"),
        ("anything", [object()], "anything[0] takes what JSON can say, not object"),
        ("anything", {"a": [b"x"]}, "anything.a[0] takes what JSON can say, not bytes"),
        (
            "inner_or_text",
            7,
            "inner_or_text takes an object (dict), not int; or inner_or_text takes text",
        ),
    ],
)
def test_a_wrong_type_is_a_type_error_that_names_the_place(
    name: str, given: Any, told: str
) -> None:
    """Nothing is converted in silence; the error tells where and what it takes."""
    with pytest.raises(TypeError, match=re.escape(told)):
        encode({name: given}, Shape)


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("short", "123456", "short has 6 characters; the API takes at most 5"),
        ("few", [1, 2, 3], "few has 3 items; the API takes at most 2"),
        ("number", float("nan"), "number is nan; it takes a finite number"),
        ("number", float("-inf"), "number is -inf"),
        ("anything", [float("inf")], "anything[0] is inf"),
        ("colour", "blue", "colour is 'blue'; the API takes 'red', 'green'"),
        ("moment", datetime(2026, 3, 29), "moment is '2026-03-29T00:00:00', without a time zone"),
        ("moment", datetime(2026, 3, 29, tzinfo=NoOffset()), "without a time zone"),
        ("moment", "2026-03-29T08:30:00", "without a time zone; say which moment it is"),
        ("moment", "2026-03-29", "without a time zone"),
        ("moment", "tomorrow", "moment is 'tomorrow', not an ISO 8601 date-time"),
        (
            "anything",
            {"at": datetime(2026, 3, 29)},
            "anything.at is '2026-03-29T00:00:00', without",
        ),
        ("span", timedelta(seconds=30), "span is 0:00:30; the API counts in whole minutes"),
        ("span", timedelta(minutes=-1), "the API counts in whole minutes"),
        ("money", Decimal("NaN"), "money is 'NaN'; the API takes finite numbers"),
        ("money", Decimal("sNaN"), "finite numbers"),
        ("money", "Infinity", "money is 'Infinity'; the API takes finite numbers"),
        ("money", "1,05", "money is '1,05', not a decimal number"),
        ("money", "", "not a decimal number"),
        ("anything", Decimal("NaN"), "finite numbers"),
        ("inner", {"name": "abcd"}, "inner.name has 4 characters; the API takes at most 3"),
        ("inner_or_text", {"name": "abcd"}, "inner_or_text.name has 4 characters"),
        ("either", {}, "either needs exactly one of a, b"),
        ("either", {"a": 1, "b": 2}, "either needs exactly one of a, b"),
    ],
)
def test_a_broken_rule_is_a_value_error_that_names_the_place(
    name: str, given: Any, told: str
) -> None:
    """A value of the right type beyond a limit is refused with the limit."""
    with pytest.raises(ValueError, match=re.escape(told)):
        encode({name: given}, Shape)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("txet", "Shape takes no 'txet'; did you mean 'text'?"),
        ("Moment", "did you mean 'moment'?"),
        ("zzzzzzzzzz", "Shape takes no 'zzzzzzzzzz'; it takes anything, colour, day, either, few"),
    ],
)
def test_an_unknown_name_is_told_the_nearest(name: str, told: str) -> None:
    """A slip of the pen is named with what was probably meant."""
    with pytest.raises(TypeError, match=re.escape(told)):
        encode({name: 1}, Shape)


def test_a_missing_name_is_told() -> None:
    """A required name that is not given is named, an optional one is not."""
    with pytest.raises(TypeError, match=r"^Loose needs must$"):
        encode({}, Loose)
    assert encode({"must": "x"}, Loose) == {"must": "x"}
    assert encode({"must": "x", "may": "y"}, Loose) == {"must": "x", "may": "y"}


def test_names_are_told_below_the_place_given() -> None:
    """With a place in front, every error begins there."""
    with pytest.raises(TypeError, match=r"^row 7\.text takes text"):
        encode({"text": 1}, Shape, at="row 7")


def test_what_was_given_is_not_changed() -> None:
    """The caller's own objects stay as they are."""
    given = {"inners": [{"name": "a"}], "tree": {"at": datetime(2026, 1, 1, tzinfo=UTC)}}
    encode(given, Shape)
    assert given == {"inners": [{"name": "a"}], "tree": {"at": datetime(2026, 1, 1, tzinfo=UTC)}}
