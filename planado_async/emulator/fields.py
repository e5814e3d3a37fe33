"""Custom and report fields: what each kind may hold, and how a write changes a record's fields.

A write names the fields it changes, by uuid or else by name, and leaves the others alone. A name
that no field has adds one, and then `field_type` must be told.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from attrs import evolve

from planado_async.emulator.checks import (
    LARGEST,
    Check,
    InvalidError,
    boolean,
    day,
    decimal_text,
    listed,
    mapping,
    moment,
    one_of,
    text,
    whole,
)
from planado_async.emulator.errors import invalid
from planado_async.emulator.records import Field

TEXT_LIMIT = 200
MOST_FILES = 10

# Which kinds of data each kind of field may hold; the first is the default.
DATA_TYPES: Mapping[str, tuple[str, ...]] = {
    "input": ("string", "integer", "decimal", "money", "date", "time", "datetime"),
    "link": ("url",),
    "file": ("attachment",),
    "image": ("attachment",),
    "signature": ("attachment",),
    "checkbox": ("boolean",),
    "action": ("boolean",),
    "dictionary": ("dictionary value",),
    "barcode": ("string",),
}
_FLAGS = ("required", "hidden", "read_only", "value")


def _unchanged(check: Check) -> Check:
    """Checks a value and keeps it as it was written."""

    def keep(value: object) -> object:
        check(value)
        return value

    return keep


def _clock_time(value: object) -> object:
    moment(f"2000-01-01T{value}")
    return value


_VALUES: dict[str, Check] = {
    "string": text(TEXT_LIMIT),
    "url": text(5000),
    "attachment": listed(mapping, most=MOST_FILES),
    "boolean": boolean,
    "integer": whole(-LARGEST, LARGEST),
    "decimal": _unchanged(decimal_text),
    "money": _unchanged(decimal_text),
    "dictionary value": mapping,
    "date": _unchanged(day),
    "time": _clock_time,
    "datetime": _unchanged(moment),
}


def merged(
    fields: Sequence[Field], changes: Iterable[dict[str, Any]], new_uuid: Callable[[], str]
) -> tuple[Field, ...]:
    """The fields after a write."""
    kept = list(fields)
    for change in changes:
        place = _place(kept, change)
        if place is None:
            kept.append(_changed(_added(change, new_uuid), change))
        else:
            kept[place] = _changed(kept[place], change)
    return tuple(kept)


def merged_values(
    record: object, values: Mapping[str, Any], new_uuid: Callable[[], str]
) -> dict[str, tuple[Field, ...]]:
    """The fields of a record after a write, for those of its two lists that the write names."""
    merged_lists: dict[str, tuple[Field, ...]] = {}
    errors: dict[str, list[str]] = {}
    for name in values.keys() & {"custom_fields", "report_fields"}:
        try:
            merged_lists[name] = merged(getattr(record, name), values[name], new_uuid)
        except InvalidError as refused:
            errors[name] = refused.messages
    if errors:
        raise invalid(errors)
    return merged_lists


def copied(fields: Iterable[Field], new_uuid: Callable[[], str]) -> tuple[Field, ...]:
    """A template's fields as a new job's own."""
    return tuple(evolve(each, uuid=new_uuid()) for each in fields)


def _place(fields: Sequence[Field], change: dict[str, Any]) -> int | None:
    if "uuid" in change:
        wanted, key = change["uuid"].lower(), "uuid"
    else:
        wanted, key = change["name"], "name"
    return next((n for n, each in enumerate(fields) if getattr(each, key) == wanted), None)


def _added(change: dict[str, Any], new_uuid: Callable[[], str]) -> Field:
    if "uuid" in change:
        raise InvalidError("must exist")
    if "field_type" not in change:
        raise InvalidError("field_type can't be blank")
    field_type = _named("field_type", change["field_type"], DATA_TYPES)
    allowed = DATA_TYPES[field_type]
    data_type = _named("data_type", change.get("data_type", allowed[0]), allowed)
    return Field(
        uuid=new_uuid(),
        name=change["name"],
        field_type=field_type,
        data_type=data_type,
        value=[] if data_type == "attachment" else None,
    )


def _changed(field: Field, change: dict[str, Any]) -> Field:
    given = {key: change[key] for key in _FLAGS if key in change}
    if given.get("value") is not None:
        try:
            given["value"] = _VALUES[field.data_type](given["value"])
        except InvalidError as refused:
            raise InvalidError(f"{field.name} {refused}") from None
    return evolve(field, **given)


def _named(key: str, given: str, allowed: Iterable[str]) -> str:
    try:
        name: str = one_of(*allowed)(given)
    except InvalidError as refused:
        raise InvalidError(f"{key} {refused}") from None
    return name
