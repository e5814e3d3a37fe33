"""From JSON to models: what is taken, what is refused, and what the error says."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from types import NoneType
from typing import Any, cast, get_args, get_origin

import attrs
import pytest
from attrs import field, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from planado_async.core import convert
from planado_async.core.convert import decode, decode_all
from planado_async.core.errors import UnexpectedResponseError
from planado_async.planado import models
from planado_async.planado.models import Model

CANARY = "canary-9d1e"


@frozen(kw_only=True, slots=True)
class Part(Model):
    """A required name."""

    name: str


@frozen(kw_only=True, slots=True)
class Sample(Model):
    """One field of each kind."""

    uuid: str
    text: str | None = None
    whole: int | None = None
    number: float | None = None
    flag: bool | None = None
    money: Decimal | None = None
    moment: datetime | None = None
    span: timedelta | None = None
    tree: Mapping[str, Any] | None = None
    anything: Any = None
    part: Part | None = None
    parts: tuple[Part, ...] = ()
    words: tuple[str, ...] = ()
    spelled: str | None = field(default=None, metadata={"also": ("speled", "spellt")})


@frozen(kw_only=True, slots=True)
class Walled(Model):
    """A time on the wall of the zone beside it."""

    zone: str
    at: datetime | None = field(default=None, metadata={"zone": "zone"})


@pytest.mark.parametrize(
    ("name", "sent", "value"),
    [
        ("text", "", ""),
        ("text", "наряд № 7", "наряд № 7"),
        ("whole", 0, 0),
        ("whole", -7, -7),
        ("whole", 2**63, 2**63),
        ("number", 1, 1.0),
        ("number", 1.5, 1.5),
        ("flag", True, True),
        ("flag", False, False),
        ("money", "1.05", Decimal("1.05")),
        ("money", 7, Decimal(7)),
        ("money", 0.1, Decimal("0.1")),
        ("money", "-0.00", Decimal("-0.00")),
        ("moment", "2021-04-02T16:40:09.118264Z", datetime(2021, 4, 2, 16, 40, 9, 118264, UTC)),
        ("moment", "2026-02-03T08:01:00.120+00:00", datetime(2026, 2, 3, 8, 1, 0, 120000, UTC)),
        (
            "moment",
            "2026-02-03T08:01:00+05:30",
            datetime(2026, 2, 3, 8, 1, tzinfo=timezone(timedelta(hours=5, minutes=30))),
        ),
        ("moment", "2026-02-03T08:01:00", datetime(2026, 2, 3, 8, 1, tzinfo=UTC)),
        ("span", {"minutes": 90}, timedelta(minutes=90)),
        ("span", {"minutes": 0, "more": 1}, timedelta(0)),
        ("tree", {"mobile": {"login": True}}, {"mobile": {"login": True}}),
        ("anything", [1, {"a": None}], [1, {"a": None}]),
        ("part", {"name": "x"}, Part(name="x")),
        ("parts", [{"name": "x"}, {"name": "y"}], (Part(name="x"), Part(name="y"))),
        ("parts", [], ()),
        ("parts", None, ()),
        ("words", ["a", "b"], ("a", "b")),
        ("words", None, ()),
        *[(each.name, None, None) for each in attrs.fields(Sample)[2:12]],
    ],
)
def test_what_has_its_type_is_taken(name: str, sent: Any, value: Any) -> None:
    """A value of the documented JSON type, or null, becomes the Python value."""
    got = getattr(decode({"uuid": "u", name: sent}, Sample), name)
    assert got == value
    assert type(got) is type(value)
    if isinstance(got, datetime):
        assert got.utcoffset() == value.utcoffset()


NOT_TEXT: tuple[Any, ...] = (7, 7.9, True, [], {})
REFUSED: Mapping[str, tuple[Any, ...]] = {
    "text": NOT_TEXT,
    "whole": ("7", 7.9, 7.0, True, False, "false", [], {}),
    "number": ("1.5", True, [], {}, "NaN"),
    "flag": ("false", "true", 0, 1, [], {}),
    "money": ("", "1,5", "NaN", "Infinity", "-Infinity", "sNaN", True, [], {}),
    "moment": ("", "yesterday", 1_700_000_000, 1.5, True, [], {}, "2026-13-01T00:00:00Z"),
    "span": (90, "90", [], {}, {"minutes": "90"}, {"minutes": 1.5}, {"minutes": True}),
    "tree": ("{}", 7, True, []),
    "part": ("x", 7, [], {}, {"name": None}, {"name": 7}),
    "parts": ("x", 7, {}, [None], ["x"], [{}], [{"name": 7}]),
    "words": ("x", 7, {}, [None], [7], [["a"]]),
    "uuid": (None, *NOT_TEXT),
}


def refused_values() -> Iterator[tuple[str, Any]]:
    for name, values in REFUSED.items():
        for value in values:
            yield name, value
    yield "span", {"minutes": 10**30}


@pytest.mark.parametrize(("name", "sent"), list(refused_values()))
def test_what_has_another_type_is_refused(name: str, sent: Any) -> None:
    """Nothing is converted that the API did not send as documented, and the path is named."""
    with pytest.raises(UnexpectedResponseError, match="not the documented shape of Sample") as told:
        decode({"uuid": "u", name: sent}, Sample, at="$.sample")
    assert f"$.sample.{name}" in str(told.value)


@pytest.mark.parametrize("data", [None, [], "x", 7, True])
def test_what_is_no_object_is_refused(data: Any) -> None:
    """A model is read from a JSON object only."""
    with pytest.raises(UnexpectedResponseError, match="expected an object, got "):
        decode(data, Sample)


def test_a_missing_required_field_is_named() -> None:
    """The error says which field is missing, and where."""
    with pytest.raises(
        UnexpectedResponseError, match=r"required field 'uuid' is missing @ \$\.job"
    ):
        decode({}, Sample, at="$.job")


def test_the_error_names_the_path_and_hides_the_value() -> None:
    """Deep inside a list, the place is told and what stands there is not."""
    data = {"uuid": CANARY, "parts": [{"name": CANARY}, {"name": [CANARY]}], "money": CANARY}
    with pytest.raises(UnexpectedResponseError) as caught:
        decode(data, Sample, at="$.jobs[3]")
    assert "expected a string, got an array @ $.jobs[3].parts[1].name" in str(caught.value)
    assert "expected a decimal, got a string @ $.jobs[3].money" in str(caught.value)
    assert CANARY not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("at", "zone"),
    [
        ("0001-01-01T00:00:00", "Europe/Copenhagen"),
        ("9999-12-31T23:59:59", "America/New_York"),
        ("0001-01-01T00:00:00Z", "America/New_York"),
    ],
)
def test_a_time_at_the_edge_of_time_is_no_overflow(at: str, zone: str) -> None:
    """Where it is no moment in its zone, the answer does not fit; alone and in a list."""
    sent = {"zone": zone, "at": at}
    with pytest.raises(UnexpectedResponseError, match="at the edge of time"):
        decode(sent, Walled)
    with pytest.raises(UnexpectedResponseError, match="at the edge of time"):
        decode_all([sent], Walled)


def test_a_list_names_the_item_that_does_not_fit() -> None:
    """Of many records the one is named by its index."""
    with pytest.raises(UnexpectedResponseError, match=r"@ \$\.jobs\[1\]\.text"):
        decode_all([{"uuid": "a"}, {"uuid": "b", "text": 7}], Sample, at="$.jobs")


def test_a_list_is_read_in_order() -> None:
    """Every item becomes a model."""
    assert decode_all([{"uuid": "a"}, {"uuid": "b"}], Sample) == [
        Sample(uuid="a"),
        Sample(uuid="b"),
    ]


def test_raw_is_the_object_as_received() -> None:
    """Unknown keys live on, in the parts too."""
    data = {"uuid": "u", "text": "t", "new": [1, 2.50], "part": {"name": "n", "newer": None}}
    sample = decode(data, Sample)
    assert sample.raw == data
    assert sample.part is not None
    assert sample.part.raw == {"name": "n", "newer": None}


def test_raw_is_left_out_of_comparing_and_printing() -> None:
    """Two models with the same fields are equal, and repr stays short."""
    one, other = decode({"uuid": "u", "new": 1}, Sample), decode({"uuid": "u"}, Sample)
    assert one == other
    assert hash(models.Skill(uuid="u")) == hash(decode({"uuid": "u", "new": 1}, models.Skill))
    assert "new" not in repr(one)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ({"spelled": "a", "speled": "b"}, "a"),
        ({"speled": "b", "spellt": "c"}, "b"),
        ({"spellt": "c"}, "c"),
        ({"spelled": None, "speled": "b"}, "b"),
        ({}, None),
    ],
)
def test_a_field_may_have_a_second_spelling(data: Mapping[str, Any], value: str | None) -> None:
    """The right name wins, another one known helps out."""
    assert decode({"uuid": "u", **data}, Sample).spelled == value


def test_a_second_spelling_is_named_if_it_does_not_fit() -> None:
    """The error names the field's own name."""
    with pytest.raises(UnexpectedResponseError, match=r"a number @ \$\.spelled"):
        decode({"uuid": "u", "speled": 7}, Sample)


def test_at_most_five_reasons_are_told() -> None:
    """An answer of quite another shape does not fill the log."""
    data = {name: object() for name in REFUSED}
    with pytest.raises(UnexpectedResponseError) as caught:
        decode(data, Sample)
    assert str(caught.value).count("@") == 5


def test_what_is_not_json_is_named_by_its_type() -> None:
    """A value that no JSON has is refused as well."""
    with pytest.raises(UnexpectedResponseError, match="expected a string, got bytes"):
        decode({"uuid": b"u"}, Sample)


# --- Two readers, one meaning ---------------------------------------------------------------------

EVERY_MODEL = sorted(
    (
        each
        for each in vars(models).values()
        if isinstance(each, type) and issubclass(each, Model) and each is not Model
    ),
    key=lambda each: each.__name__,
)
NASTY = [None, True, 0, 7.9, "", "7", "false", "NaN", [], [None], {}, {"minutes": 5}, {"uuid": "u"}]
FITTING: Mapping[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=5),
    int: st.integers(-(2**63), 2**63),
    float: st.floats(allow_nan=False, allow_infinity=False) | st.integers(-9, 9),
    bool: st.booleans(),
    Decimal: st.decimals(allow_nan=False, places=2).map(str) | st.integers(-9, 9),
    datetime: st.datetimes().map(datetime.isoformat)
    | st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat),
    timedelta: st.fixed_dictionaries({"minutes": st.integers(-(10**9), 10**9)}),
}


def json_for(kind: Any, nasty: st.SearchStrategy[bool]) -> st.SearchStrategy[Any]:
    """Return JSON that fits a field's type, now and then something else."""
    return nasty.flatmap(lambda other: st.sampled_from(NASTY) if other else fitting(kind, nasty))


def fitting(kind: Any, nasty: st.SearchStrategy[bool]) -> st.SearchStrategy[Any]:
    options = [part for part in get_args(kind) if part is not NoneType]
    if kind in FITTING:
        return FITTING[kind]
    if get_origin(kind) is tuple:
        return st.lists(json_for(options[0], nasty), max_size=2)
    if attrs.has(kind):
        return objects(kind, nasty)
    if options and NoneType in get_args(kind):
        return json_for(options[0], nasty)
    return st.dictionaries(st.text(max_size=3), st.integers(), max_size=2)


def objects(model: Any, nasty: st.SearchStrategy[bool]) -> st.SearchStrategy[Any]:
    """Return objects for a model, with any of the optional fields and a key it does not know."""
    kinds = {each.name: each for each in attrs.fields(model) if each.name != "raw"}
    required = {
        name: json_for(each.type, nasty)
        for name, each in kinds.items()
        if each.default is attrs.NOTHING
    }
    optional = {
        key: json_for(each.type, nasty)
        for name, each in kinds.items()
        for key in (name, *each.metadata.get("also", ()))
        if name not in required
    }
    return st.fixed_dictionaries(required, optional={**optional, "unknown": st.just([1])})


@pytest.mark.parametrize("model", EVERY_MODEL, ids=lambda model: model.__name__)
@given(data=st.data())
@settings(max_examples=50)
def test_the_fast_reader_means_what_the_careful_one_means(
    model: type[Any], data: st.DataObject
) -> None:
    """On any JSON both give the same model, or both refuse it."""
    sent = data.draw(objects(model, st.integers(0, 19).map(lambda number: number == 0)))
    assert outcome(lambda: convert._reader(cast(Any, model))(sent)) == outcome(
        lambda: convert._careful().structure(sent, model)
    )


def outcome(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except Exception:
        return "refused"


@pytest.mark.parametrize("model", EVERY_MODEL, ids=lambda model: model.__name__)
def test_a_model_needs_only_what_identifies_it(model: type[Any]) -> None:
    """With the required fields alone, and null in all others, a record can be read."""
    wanted = {
        each.name: {int: 1, datetime: "2026-02-03T08:00:00Z"}.get(each.type, "u")
        for each in attrs.fields(model)
        if each.default is attrs.NOTHING
    }
    nulls = {each.name: None for each in attrs.fields(model) if each.name not in (*wanted, "raw")}
    assert decode(wanted, model) == decode({**nulls, **wanted}, model)
    assert len(wanted) <= 2


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=5))
def test_anything_else_is_refused_cleanly(data: Any) -> None:
    """Whatever the API sends in place of a record, the error is our own."""
    with pytest.raises(UnexpectedResponseError):
        decode(data, models.Job)


def _all_models(of: type[Model] = Model) -> list[type[Model]]:
    return [each for kind in of.__subclasses__() for each in (kind, *_all_models(kind))]


@pytest.mark.parametrize(
    "model",
    [each for each in _all_models() if each.__module__ == models.__name__],
    ids=lambda model: model.__name__,
)
def test_a_model_with_objects_in_it_can_be_in_a_set(model: type[Model]) -> None:
    """Whatever JSON a field of an open kind holds, equal models have equal hashes."""
    open_kinds = [each.name for each in attrs.fields(model) if "Any" in str(each.type)]
    required: dict[str, Any] = {
        each.name: "x" for each in attrs.fields(model) if each.default is attrs.NOTHING
    }
    sent = {**required, **{name: {"a": [1]} for name in open_kinds if name != "raw"}}
    assert hash(model(**sent)) == hash(model(**sent))
    assert model(**sent) == model(**sent)
