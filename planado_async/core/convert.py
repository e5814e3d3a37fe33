"""From the API's JSON to models, and the only place where cattrs is set up.

cattrs as it stands is lenient where an API client must not be: it turns None into "None", "false"
into True and 7.9 into 7. The hooks here take a value only if it has the JSON type of its field.
A list that is null counts as empty, and any field but a required one may be null or missing.

A model's field is found under its own name, or in camel case where the model says so, or under
`also`, another spelling in the field's metadata. A moment that is told as the time on a wall has
`zone` there: the key beside it that names the time zone.

Two converters share these hooks. The fast one is a function written out for each model, because a
page of a hundred jobs has thousands of values and a call for each is what costs. When it fails,
cattrs goes over the same data, keeping track of where it is, and its error names the path.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import cache, lru_cache, partial
from types import GenericAlias, NoneType, UnionType
from typing import Any, TypeAlias, TypeVar, cast, get_args, get_origin

import attrs
from cattrs import transform_error
from cattrs.gen import make_dict_structure_fn, override
from cattrs.preconf.orjson import OrjsonConverter, make_converter

from planado_async.core.errors import UnexpectedResponseError
from planado_async.core.model import Model, camel
from planado_async.core.wall_clock import moment_of

NAIVE_ZONE = UTC
"""The zone of a date-time that the API sends without one."""

ModelT = TypeVar("ModelT")


def decode(data: object, model: type[ModelT], *, at: str = "$", zone: str | None = None) -> ModelT:
    """Return `data`, parsed JSON found at the path `at` of an answer, as a `model`.

    `zone` is that of moments which leave it open, where the model says that these are local.

    Raises:
        UnexpectedResponseError: it is not of the documented shape; the message names the path.
    """
    try:
        return cast(ModelT, _reader(cast(Any, model))(data, zone))
    except (TypeError, ValueError) as failure:
        told = _explain(data, model, at, failure)
    # Raised here, not above: a frame behind the failure holds a half-made model, which has no repr.
    raise UnexpectedResponseError(told)


def decode_all(
    items: Sequence[object], model: type[ModelT], *, at: str = "$", zone: str | None = None
) -> list[ModelT]:
    """Return every one of `items` as a `model`, or raise as `decode` does."""
    read = _reader(cast(Any, model))
    try:
        return [read(item, zone) for item in items]
    except (TypeError, ValueError):
        pass  # raised below, for the same reason
    return [decode(item, model, at=f"{at}[{index}]", zone=zone) for index, item in enumerate(items)]


def _explain(data: object, model: type[Any], at: str, failure: Exception) -> str:
    """Say where `data` is not of the documented shape, without showing its values."""
    reasons = [str(failure)]
    try:
        _careful().structure(data, model)
    except Exception as told:
        reasons = transform_error(told, path=at, format_exception=_format)
    return f"not the documented shape of {model.__name__}: {'; '.join(reasons[:5])}"


def _format(failure: BaseException, _: type[Any] | None) -> str:
    if isinstance(failure, KeyError):
        return f"required field {failure.args[0]!r} is missing"
    return str(failure)


class _MismatchError(TypeError):
    """A value that does not have the JSON type of its field."""

    def __init__(self, wanted: str, got: object) -> None:
        super().__init__(f"expected {wanted}, got {_json_name(got)}")


def _json_name(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "an array"
        case Mapping():
            return "an object"
        case _:
            return type(value).__name__


# --- Values ---------------------------------------------------------------------------------------


def _str(value: object, _: Any = None) -> str:
    if type(value) is str:
        return value
    raise _MismatchError("a string", value)


def _int(value: object, _: Any = None) -> int:
    if type(value) is int:
        return value
    raise _MismatchError("an integer", value)


def _float(value: object, _: Any = None) -> float:
    if type(value) is float or type(value) is int:
        return float(value)
    raise _MismatchError("a number", value)


def _bool(value: object, _: Any = None) -> bool:
    if type(value) is bool:
        return value
    raise _MismatchError("a boolean", value)


def _decimal(value: object, _: Any = None) -> Decimal:
    """Read a decimal, which the API documents as a number and sends as a string."""
    if type(value) is str or type(value) is int or type(value) is float:
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            raise _MismatchError("a decimal", value) from None
        if number.is_finite():
            return number
    raise _MismatchError("a decimal", value)


def _datetime(value: object, _: Any = None) -> datetime:
    if type(value) is str:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise _MismatchError("an ISO 8601 date-time", value) from None
        return moment if moment.tzinfo else _zoned(moment)
    raise _MismatchError("an ISO 8601 date-time", value)


def _date(value: object, _: Any = None) -> date:
    """Read a day, which may come with a time behind it."""
    if type(value) is str:
        try:
            return date.fromisoformat(value[:10])
        except ValueError:
            pass
    raise _MismatchError("an ISO 8601 date", value)


def _on_the_wall(value: object, zone: object) -> datetime:
    if type(value) is not str:
        raise _MismatchError("an ISO 8601 date-time", value)
    if type(zone) is not str:
        raise _MismatchError("the name of a time zone beside a date-time", zone)
    return moment_of(value, zone)


def _zoned(moment: datetime) -> datetime:
    return moment.replace(tzinfo=NAIVE_ZONE)


@lru_cache(maxsize=1024)  # most jobs last one of few durations
def _minutes(minutes: int) -> timedelta:
    return timedelta(minutes=minutes)


def _timedelta(value: object, _: Any = None) -> timedelta:
    """Read a duration: `{"minutes": 30}`."""
    if type(value) is dict:
        minutes = cast(dict[str, object], value).get("minutes")
        if type(minutes) is int and abs(minutes) <= 10**9:
            return _minutes(minutes)
    raise _MismatchError('a duration {"minutes": n}', value)


def _mapping(value: object, _: Any = None) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return cast(Mapping[str, Any], value)
    raise _MismatchError("an object", value)


_HOOKS: Mapping[Any, Callable[..., Any]] = {
    str: _str,
    int: _int,
    float: _float,
    bool: _bool,
    Decimal: _decimal,
    datetime: _datetime,
    timedelta: _timedelta,
    date: _date,
}


# --- The fast way: a function written out for each model ------------------------------------------

_Reader: TypeAlias = Callable[..., Any]


@cache
def _reader(model: Any) -> _Reader:
    """Return the function that reads one JSON object as a `model`.

    For `name: str | None` and `events: tuple[Event, ...]` it is, in effect:

        value = get("name")
        if value is not None and type(value) is not str:
            value = hook_name(value)  # which raises
        set_name(new, value)
        value = get("events")
        set_events(new, tuple(map(hook_events, array(value))) if value else nothing(value))
    """
    scope: dict[str, Any] = {
        "model": model,
        "mapping": _mapping,
        "array": _array,
        "nothing": _nothing,
        "moment": datetime.fromisoformat,
        "zoned": _zoned,
        "on_the_wall": _on_the_wall,
    }
    lines = ["def read(data, zone=None):", " if type(data) is not dict: data = mapping(data)"]
    lines += [" get = data.get", " new = model.__new__(model)"]
    for attribute in attrs.fields(model):
        scope[f"set_{attribute.name}"] = getattr(model, attribute.name).__set__
        lines += _written_out(attribute, model, scope)
    lines += [" set_raw(new, data)", " return new"]
    exec("\n".join(lines), scope)  # names come from our own models
    return cast(_Reader, scope["read"])


def keys_of(attribute: "attrs.Attribute[Any]", model: type[Any]) -> tuple[str, ...]:
    """Return the keys under which JSON may have a field, the likeliest first."""
    also: tuple[str, ...] = attribute.metadata.get("also", ())
    return (camel(attribute.name) if _in_camel_case(model) else attribute.name, *also)


def _in_camel_case(model: type[Any]) -> bool:
    return issubclass(model, Model) and model.in_camel_case


def _written_out(
    attribute: "attrs.Attribute[Any]", model: type[Any], scope: dict[str, Any]
) -> list[str]:
    """Return the lines that read one field, and put what they call into `scope`."""
    name, kind = attribute.name, _without_none(attribute.type)
    if name == "raw":
        return []
    lines = [f" value = get({key!r})" for key in keys_of(attribute, model)]
    lines[1:] = [f" if value is None:{line}" for line in lines[1:]]
    if kind in (datetime, date, Decimal) and _in_camel_case(model):
        lines.append(' if value == "": value = None')  # one more way of those APIs to say nothing
    many = get_origin(kind) is tuple
    scope[f"hook_{name}"] = _hook(get_args(kind)[0] if many else kind)
    if many:
        read = f"tuple(map(hook_{name}, array(value))) if value else nothing(value)"
        return [*lines, f" set_{name}(new, {read})"]
    if beside := attribute.metadata.get("zone"):
        read = f"on_the_wall(value, zone or get({beside!r}))"
        return [*lines, f" set_{name}(new, {read} if value else None)"]
    if kind is not Any:
        given = "True" if attribute.default is attrs.NOTHING else "value is not None"
        lines.append(f" if {given}{_in_line(kind, name)}")
    return [*lines, f" set_{name}(new, value)"]


def _in_line(kind: Any, name: str) -> str:
    """Return the rest of a line that reads a value, without a call for the kinds most common."""
    if kind is datetime:
        return " and (value := moment(value)).tzinfo is None: value = zoned(value)"
    right = f" and type(value) is not {kind.__name__}" if kind in (str, int, bool) else ""
    return f"{right}: value = hook_{name}(value)"


def _hook(kind: Any) -> Callable[[Any], Any]:
    if kind in _HOOKS:
        return _HOOKS[kind]
    if attrs.has(kind):
        return _reader(kind)
    return _mapping


def _without_none(kind: Any) -> Any:
    """Return `T` for `T | None`, and any other type as it is."""
    if get_origin(kind) is not UnionType:
        return kind
    (wanted,) = (part for part in get_args(kind) if part is not NoneType)
    return wanted


def _array(value: object) -> list[Any]:
    if type(value) is list:
        return value
    raise _MismatchError("an array", value)


def _nothing(value: object) -> tuple[()]:
    """Read a list that is null or empty."""
    if value is not None:
        _array(value)
    return ()


# --- The careful way: cattrs, which knows where it is ---------------------------------------------


@cache
def _careful() -> OrjsonConverter:
    converter = make_converter(detailed_validation=True)
    for kind, hook in _HOOKS.items():
        converter.register_structure_hook(kind, hook)
    converter.register_structure_hook_func(lambda kind: _made_of(kind, Mapping), _mapping)
    converter.register_structure_hook_factory(
        lambda kind: _made_of(kind, tuple), partial(_many, converter)
    )
    converter.register_structure_hook_factory(attrs.has, partial(_one, converter))
    return converter


def _made_of(kind: Any, origin: Any) -> bool:
    return get_origin(kind) is origin


def _many(converter: OrjsonConverter, kind: Any) -> Callable[[object, Any], tuple[Any, ...]]:
    wanted: Any = GenericAlias(list, get_args(kind)[:1])
    read = _hook(get_args(kind)[0])

    def structure(value: object, _: Any) -> tuple[Any, ...]:
        items = _array(value) if value is not None else []
        return tuple(converter.structure(items[: _first_bad(items, read) + 1], wanted))

    return structure


def _first_bad(items: Sequence[object], read: Callable[[Any], Any]) -> int:
    """Return where the first item is that cannot be read; telling of each would take seconds."""
    for index, item in enumerate(items):
        try:
            read(item)
        except (TypeError, ValueError):
            return index
    return len(items)


def _one(converter: OrjsonConverter, kind: Any) -> Callable[[object, Any], Any]:
    fields = make_dict_structure_fn(kind, converter, raw=override(omit=True))
    spellings = [(each.name, keys_of(each, kind)) for each in attrs.fields(kind)]

    def structure(value: object, _: Any) -> Any:
        data = dict(_mapping(value))
        for name, others in spellings:
            for other in others:
                if data.get(name) is None and other in data:
                    data[name] = data[other]
        return fields(data, kind)

    return structure
