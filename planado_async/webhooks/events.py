"""What a webhook request says: its proof of origin, its key, and the event in it.

Everything here is pure and works on header pairs and bytes, so every web framework can use it.
Headers are pairs of bytes as received, names in any case: `request.raw_headers` in aiohttp,
`scope["headers"]` in ASGI.

A body is read twice. `scan` takes from it only what storing needs and never raises, because a
request with the right secret is kept whatever is in it. `parse` decodes the whole and raises
MalformedEventError, and nothing else, when that is not possible.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import attrs
import orjson

from planado_async.core.convert import decode
from planado_async.core.errors import BadSecretError, MalformedEventError, UnexpectedResponseError
from planado_async.core.secret import Secret
from planado_async.planado.models import Client, Context, Job, Site

Headers: TypeAlias = Iterable[tuple[bytes, bytes]]
Entity: TypeAlias = Job | Client | Site

SECRET_HEADER = b"x-planado-secret"
ATTEMPT_HEADER = b"x-planado-delivery-attempt"

MAX_DEPTH = 64
"""Levels of objects and arrays in a body; a real one has fewer than ten."""
MAX_CONTAINERS = 10_000
"""Objects and arrays in a body; ten thousand take a few milliseconds to read and decode.

They are counted by their brackets, those in texts too. A real body has some forty, one for each 80
bytes, so that a full 256 KiB would have 3,300; and its longest text, a job's description, has
15,000 characters, few of which are brackets.
"""
MAX_VERSION = 2**63 - 1
"""The largest integer every store can hold."""
MAX_NAME = 255
"""Characters of an event_uuid, event_type or entity uuid."""

_CONTROL = re.compile(
    r"[\x00-\x1f\x7f]"
)  # PostgreSQL cannot store NUL; logs should not show the rest
_MAX_ATTEMPT = 1_000_000


@attrs.frozen(kw_only=True)
class Scan:
    """Holds what storing needs to know of a body; `problem` says why it is not an event."""

    event_uuid: str | None = None
    event_type: str = ""
    entity_type: str | None = None
    entity_uuid: str | None = None
    version: int | None = None
    problem: str | None = None


@attrs.frozen(kw_only=True)
class Event:
    """What Planado says happened.

    `attempt` is the number of Planado's try to deliver it, from 1. `version` counts the changes of
    the entity. `entity` is the record after the change, or None if it is of a kind this package
    does not know. `run_id` is the same whenever this event comes to this handler: an idempotency
    key. `gap` is the first and last version that a handler with order "strict" waited for in vain.
    `raw` is the body's JSON exactly as received, with `previous_version` inside the entity where
    Planado sends it.
    """

    event_uuid: str
    event_type: str
    entity_type: str | None
    entity_uuid: str | None
    version: int | None
    context: Context
    source: str | None
    entity: Entity | None
    attempt: int
    run_id: str = ""
    gap: tuple[int, int] | None = None
    raw: dict[str, Any] = attrs.field(eq=False, repr=False)


@attrs.frozen(kw_only=True)
class JobEvent(Event):
    """Says what happened to a job."""

    entity: Job


@attrs.frozen(kw_only=True)
class ClientEvent(Event):
    """Says what happened to a client."""

    entity: Client


@attrs.frozen(kw_only=True)
class SiteEvent(Event):
    """Says what happened to a site."""

    entity: Site


_KINDS: Mapping[str, tuple[type[Entity], type[Event]]] = {
    "job": (Job, JobEvent),
    "client": (Client, ClientEvent),
    "site": (Site, SiteEvent),
}


def verify(headers: Headers, secrets: Sequence[Secret]) -> None:
    """Raise BadSecretError unless the request carries exactly one secret, and one of `secrets`."""
    given = values(headers, SECRET_HEADER)
    if len(given) != 1:
        raise BadSecretError(f"{len(given)} X-Planado-Secret headers instead of one")
    # Every secret is compared, so the time taken does not tell which of them is near.
    if not sum([secret.matches(given[0]) for secret in secrets]):
        raise BadSecretError("the X-Planado-Secret header holds no secret that is valid here")


def values(headers: Headers, name: bytes) -> list[bytes]:
    """Return the values of all headers of that name, given in lower case."""
    return [value for key, value in headers if key.lower() == name]


def attempt_of(headers: Headers) -> int:
    """Return the number of Planado's try, 1 if the header is missing or no use."""
    given = values(headers, ATTEMPT_HEADER)
    if len(given) == 1 and given[0].isdigit() and len(given[0]) <= len(str(_MAX_ATTEMPT)):
        return min(max(int(given[0]), 1), _MAX_ATTEMPT)
    return 1


def scan(body: bytes) -> Scan:
    """Return what storing needs to know of a body, without decoding its entity."""
    try:
        return _scan(load(body))
    except MalformedEventError as error:
        return Scan(problem=str(error))


def parse(headers: Headers, body: bytes) -> Event:
    """Return the event in a body; raise MalformedEventError if there is none."""
    return event_of(body, attempt_of(headers))


def event_of(body: bytes, attempt: int) -> Event:
    """Return the event in a body that Planado sent as its try number `attempt`."""
    raw = load(body)
    found = _scan(raw)
    if found.problem or found.event_uuid is None:
        raise MalformedEventError(found.problem)
    try:
        return _event(found, raw, attempt)
    except UnexpectedResponseError as error:
        raise MalformedEventError(f"the body is not of the documented shape: {error}") from error


def load(body: bytes) -> dict[str, Any]:
    """Return a body's JSON object, or raise MalformedEventError."""
    containers = body.count(b"{") + body.count(b"[")
    if containers > MAX_CONTAINERS:  # each is an object to make and to walk over
        raise MalformedEventError(f"the body has more than {MAX_CONTAINERS} objects and arrays")
    try:
        # orjson refuses NaN, bad UTF-8, lone surrogates and more than 1,024 levels.
        raw = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedEventError(f"the body is not JSON: {error}") from None
    if not isinstance(raw, dict):
        raise MalformedEventError(f"the body is a JSON {type(raw).__name__}, not an object")
    # Fewer brackets than levels allowed is the usual case, and cheaper to see than to walk.
    if containers > MAX_DEPTH and _deeper(raw, MAX_DEPTH):
        raise MalformedEventError(f"the body is nested deeper than {MAX_DEPTH} levels")
    return raw


def _deeper(value: Any, levels: int) -> bool:
    """Tell whether `value` has more than so many levels of objects and arrays."""
    level = [value]
    for _ in range(levels):
        inside = (node.values() if isinstance(node, dict) else node for node in level)
        level = [item for items in inside for item in items if isinstance(item, dict | list)]
    return bool(level)


def _scan(raw: Mapping[str, Any]) -> Scan:
    event_uuid, event_type = _name(raw.get("event_uuid")), _name(raw.get("event_type"))
    entity_type = _entity_type(event_type or "", raw)
    entity = _object(raw, entity_type)
    version = entity.get("version")
    found = Scan(
        event_uuid=event_uuid,
        event_type=event_type or "",
        entity_type=entity_type,
        entity_uuid=_name(entity.get("uuid")),
        version=version if _is_version(version) else None,
    )
    problem = _problem(found, version)
    return attrs.evolve(found, problem=problem) if problem else found


def _problem(found: Scan, version: Any) -> str | None:
    if found.event_uuid is None:
        return "event_uuid is missing or is not a usable string"
    if not found.event_type:
        return "event_type is missing or is not a usable string"
    if version is not None and found.version is None:
        return f"{found.entity_type}.version is not an integer from 0 to 2^63 - 1"
    return None


def _entity_type(event_type: str, raw: Mapping[str, Any]) -> str | None:
    """Return the key of the entity: the one the event type begins with, else the only object."""
    objects = [key for key, value in raw.items() if isinstance(value, dict) and key != "context"]
    named = [key for key in objects if event_type.startswith(f"{key}_")]
    if named:
        return max(named, key=len)
    prefix, underscore, _ = event_type.partition("_")
    if len(objects) == 1 and prefix not in _KINDS:
        return _name(objects[0])
    return prefix if prefix and underscore else None


def _object(raw: Mapping[str, Any], key: str | None) -> Mapping[str, Any]:
    found = raw.get(key) if key else None
    return found if isinstance(found, dict) else {}


def _name(value: Any) -> str | None:
    """Return a value that can be a key: a string, not too long, without control characters."""
    if isinstance(value, str) and 0 < len(value) <= MAX_NAME and not _CONTROL.search(value):
        return value
    return None


def _is_version(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MAX_VERSION  # a bool is an int, but not this one


def _event(found: Scan, raw: dict[str, Any], attempt: int) -> Event:
    context = decode(_object(raw, "context"), Context)
    data = _object(raw, found.entity_type)
    model, kind = _KINDS.get(found.entity_type or "", (None, Event))
    entity = decode(data, model) if model and data else None
    return (kind if entity else Event)(
        event_uuid=found.event_uuid or "",
        event_type=found.event_type,
        entity_type=found.entity_type,
        entity_uuid=found.entity_uuid,
        version=found.version,
        context=context,
        source=context.source,
        entity=entity,
        attempt=attempt,
        raw=raw,
    )
