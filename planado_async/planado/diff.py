"""What an update would change: the wanted fields of a write against the record as it was read.

A field is left out only where the record is known to have it already. What the record does not
tell (a webhook's job has no address, a list's no description) or an update would make anew (a
client given with its names) stays in, so at worst a call is spent.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeAlias, Unpack, overload

from attrs import asdict

from planado_async.core.convert import NAIVE_ZONE
from planado_async.core.encode import encode
from planado_async.planado.models import (
    Address,
    Assigned,
    Assignee,
    Client,
    Contact,
    CustomField,
    Job,
    JobItem,
    JobResolution,
    Model,
    Reference,
    Site,
    Worker,
)
from planado_async.planado.writes import (
    ClientUpdate,
    JobUpdate,
    SiteUpdate,
)

Json: TypeAlias = Mapping[str, Any]

_NOTHING: Final = object()
_SHAPES: Mapping[type, Any] = {
    Job: JobUpdate,
    JobItem: JobUpdate,
    Client: ClientUpdate,
    Site: SiteUpdate,
}


@overload
def diff(old: Job | JobItem, /, **wanted: Unpack[JobUpdate]) -> JobUpdate: ...
@overload
def diff(old: Client, /, **wanted: Unpack[ClientUpdate]) -> ClientUpdate: ...
@overload
def diff(old: Site, /, **wanted: Unpack[SiteUpdate]) -> SiteUpdate: ...
def diff(old: Any, /, **wanted: Any) -> Any:
    """Return those of the wanted fields that would change a record: `update(uuid, **diff(old, …))`.

    Values are compared by what they mean: moments as instants, to the second as the API tells them;
    references by the id that is given; assignees, skills and resolutions in any order; an address
    with a part left out as with that part null. Custom and report fields are returned together if
    one of them changes, without those that add a field which is there. What `old` does not tell is
    returned too, and so are options such as `notify_assignees`. Nothing is sent, and `update` with
    no field left costs no call.

    Raises:
        TypeError: an unknown name, a null or a type that the update does not take, or an `old` that
            is no job, client or site.
        ValueError: a value that the update does not take.
    """
    shape = _SHAPES.get(type(old))
    if shape is None:
        raise TypeError(f"diff takes a Job, JobItem, Client or Site, not {type(old).__name__}")
    encoded = encode(wanted, shape)
    left = {name: _left(old, name, given, encoded) for name, given in wanted.items()}
    return {name: value for name, value in left.items() if value is not _NOTHING}


def _left(old: Any, name: str, given: Any, encoded: Json) -> Any:
    """Return what is left to send of one wanted field."""
    if name == "assignee" and "assignees" in encoded:
        return _NOTHING  # the API goes by `assignees` then
    if not _tells(old, name):
        return given  # nor does any record tell of the options of a call
    had, wanted = getattr(old, name), encoded[name]
    if name in ("custom_fields", "report_fields"):
        changing = _changing(had, wanted)
        return [given[number] for number in _sent(changing, wanted)] if changing else _NOTHING
    return _NOTHING if _same(name, had, wanted) else given


def _tells(old: Any, name: str) -> bool:
    """Tell whether a record says what it has; an empty value may stand for one left out."""
    if name == "assignee" and len(old.assignees) > 1:
        return False  # it would become the only one
    value = getattr(old, name, None)
    return value not in (None, ()) or (name in old.raw and hasattr(old, name))


def _same(name: str, had: Any, wanted: Any) -> bool:
    if had is None or wanted is None:
        return _is_void(had) and _is_void(wanted)
    return _SAME[name](had, wanted) if name in _SAME else bool(had == wanted)


def _is_void(value: Any) -> bool:
    """Tell whether a value is null, or an address of which every part is."""
    return _parts(value) in (None, {})


# --- Values of one kind ---------------------------------------------------------------------------


def _same_moment(had: datetime, wanted: str) -> bool:
    return had.replace(microsecond=0) == _moment(wanted).replace(microsecond=0)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=NAIVE_ZONE)


def _same_duration(had: timedelta, wanted: Json) -> bool:
    return had == timedelta(**wanted)


def _same_address(had: Address, wanted: Json) -> bool:
    return bool(_parts(had) == _parts(wanted))


def _same_contacts(had: Sequence[Contact], wanted: Sequence[Json]) -> bool:
    return list(map(_parts, had)) == list(map(_parts, wanted))


def _parts(value: Any) -> Any:
    """Return a part of a record, read or written, without what is null in it."""
    if isinstance(value, Model):
        value = asdict(value, recurse=False, filter=lambda field, _: field.name != "raw")
    if not isinstance(value, Mapping):
        return value
    parts = {name: _parts(part) for name, part in value.items()}
    return {name: part for name, part in parts.items() if part not in (None, {})}


# --- References -----------------------------------------------------------------------------------


def _same_record(had: Reference | JobResolution, wanted: Json) -> bool:
    return all(getattr(had, key) == value for key, value in wanted.items())


def _same_old_record(had: Reference, wanted: Json) -> bool:
    is_new = not wanted.keys() <= {"uuid", "external_id"}
    return not is_new and _same_record(had, wanted)


def _same_records(had: Sequence[Reference | JobResolution], wanted: Sequence[Json]) -> bool:
    named = [_where(each, had) for each in wanted]
    return set(named) == set(range(len(had)))


def _where(reference: Json, records: Sequence[Reference | JobResolution]) -> int:
    """Return the place of the record that a reference names, -1 if it is not there."""
    return next((place for place, each in enumerate(records) if _same_record(each, reference)), -1)


def _same_assignee(had: Assignee, wanted: Json) -> bool:
    ((kind, who),) = wanted.items()
    in_full: Worker | Reference | None = getattr(had, kind)
    has: str | None = in_full.uuid if in_full else getattr(had, f"{kind}_uuid")
    return bool(has == who["uuid"])


def _same_assignees(had: Sequence[Assigned], wanted: Sequence[Json]) -> bool:
    has = {(each.uuid, each.access) for each in had}
    return has == {
        ((each.get("worker") or each["team"])["uuid"], each["access"]) for each in wanted
    }


# --- Custom and report fields ---------------------------------------------------------------------


def _changing(had: Sequence[CustomField], wanted: Sequence[Json]) -> list[int]:
    """Return the numbers of the elements that change something, each on top of those before it."""
    fields = [asdict(each, recurse=False) for each in had]
    changing: list[int] = []
    for number, element in enumerate(wanted):
        key = "uuid" if "uuid" in element else "name"
        named = [field for field in fields if field.get(key) == element[key]]
        if len(named) == 1 and _has(named[0], element):
            continue
        changing.append(number)
        if named:
            named[0].update(element)
        else:
            fields.append(dict(element))
    return changing


def _sent(changing: Sequence[int], wanted: Sequence[Json]) -> list[int]:
    """Return the numbers of the elements to send where some change.

    The others go along, lest the API replaces the list, as some clients have it. One that adds a
    field does not: it would add another.
    """
    adding = {number for number, element in enumerate(wanted) if "field_type" in element}
    return [number for number in range(len(wanted)) if number in changing or number not in adding]


def _has(field: Json, element: Json) -> bool:
    """Tell whether a field has all that an element would write."""
    kind = field.get("data_type")
    return all(_same_value(field.get(key), value, kind) for key, value in element.items())


def _same_value(had: Any, wanted: Any, data_type: str | None) -> bool:
    if isinstance(had, Mapping) and isinstance(wanted, Mapping):  # an entry of a pick list
        return bool(wanted) and wanted.items() <= had.items()
    its, new = _meant(had, data_type), _meant(wanted, data_type)
    return type(its) is type(new) and bool(its == new)  # to Python, True equals 1


def _meant(value: Any, data_type: str | None) -> Any:
    """Return a value in a form that does not depend on how it is written."""
    try:
        match data_type, value:
            case "datetime", str():
                return _moment(value)
            case "decimal" | "money", str() | int() | float():
                number = Decimal(str(value))
                return number if number.is_finite() else value
            case _:
                return value
    except (ValueError, InvalidOperation):
        return value


_SAME: Mapping[str, Callable[[Any, Any], bool]] = {
    "scheduled_at": _same_moment,
    "scheduled_duration": _same_duration,
    "assignee": _same_assignee,
    "assignees": _same_assignees,
    "possible_resolutions": _same_records,
    "skills": _same_records,
    "territory": _same_record,
    "client": _same_old_record,
    "site": _same_old_record,
    "address": _same_address,
    "site_address": _same_address,
    "contacts": _same_contacts,
}
