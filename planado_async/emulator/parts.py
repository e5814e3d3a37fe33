"""Rules of the records that jobs, clients and sites share: addresses, contacts, field elements."""

from typing import Any

from planado_async.emulator.checks import (
    Check,
    InvalidError,
    Rule,
    boolean,
    listed,
    number,
    record,
    text,
)

EXTERNAL_ID = text(500, blank=False)

_GEOLOCATION = record(
    {
        "latitude": Rule(number(-90, 90), required=True),
        "longitude": Rule(number(-180, 180), required=True),
    }
)
_ADDRESS = record(
    {
        "formatted": Rule(text(5000)),
        "entrance_no": Rule(text(50), nullable=True),
        "apartment": Rule(text(50), nullable=True),
        "floor": Rule(text(50), nullable=True),
        "description": Rule(text(500), nullable=True),
        "geolocation": Rule(_GEOLOCATION),
    }
)
_CONTACT = record(
    {
        "name": Rule(text(500), nullable=True),
        "value": Rule(text(500, blank=False), required=True),
        "type": Rule(text(50, blank=False)),
    }
)
_FIELD = record(
    {
        "uuid": Rule(text(blank=False)),
        "name": Rule(text(500, blank=False)),
        "field_type": Rule(text(50)),
        "data_type": Rule(text(50)),
        "required": Rule(boolean),
        "hidden": Rule(boolean),
        "read_only": Rule(boolean),
        "value": Rule(lambda value: value, nullable=True),
    }
)


def address(value: object) -> dict[str, Any]:
    """An address with every key in its place, those not given being null."""
    given = _ADDRESS(value)
    place = given.get("geolocation")
    return {
        "formatted": given.get("formatted"),
        "entrance_no": given.get("entrance_no"),
        "apartment": given.get("apartment"),
        "floor": given.get("floor"),
        "description": given.get("description"),
        "geolocation": place and {"longitude": place["longitude"], "latitude": place["latitude"]},
    }


def contact(value: object) -> dict[str, Any]:
    """A way to reach someone; a phone, if not said otherwise."""
    given = _CONTACT(value)
    return {
        "name": given.get("name"),
        "value": given["value"],
        "type": given.get("type", "phone"),
    }


def contacts(value: object) -> tuple[dict[str, Any], ...]:
    """Contacts."""
    return tuple(listed(contact)(value))


def field_change(value: object) -> dict[str, Any]:
    """What to do to one custom or report field."""
    given: dict[str, Any] = _FIELD(value)
    if not given.keys() & {"uuid", "name"}:
        raise InvalidError("either uuid or name must be given")
    return given


field_changes: Check = listed(field_change)
