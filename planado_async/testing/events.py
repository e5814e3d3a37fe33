"""Events as Planado sends them (docs: Webhooks), made up."""

from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID, uuid5

import attrs

from planado_async.planado.models import Client, Job, Site

Json: TypeAlias = dict[str, Any]

START = datetime(2026, 2, 3, 8, tzinfo=UTC)
"""When the records were created; each event happens a minute after the one before."""

_NAMESPACE = UUID("6d1f3c62-0e57-5b0a-9c55-7f3a0b8f4c11")
_MODELS: Mapping[str, type] = {"job": Job, "client": Client, "site": Site}
# The status a job was in, and the one it is in after an event; other events leave it as it is.
_STATUSES: Mapping[str, tuple[str, str]] = {
    "published": ("scheduled", "published"),
    "en_route": ("published", "en_route"),
    "started": ("published", "started"),
    "suspended": ("started", "suspended"),
    "resumed": ("suspended", "started"),
    "finished": ("started", "finished"),
    "canceled": ("published", "canceled"),
}
_PRESSED = ("en_route", "started", "suspended", "resumed", "finished")
"""What technicians do on their phones."""


class EventFactory:
    """Makes the bodies of events; the same calls with the same seed make the same bodies."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._made = 0
        self._records: dict[str, dict[int, Json]] = {}  # by uuid and version

    def __call__(
        self,
        event_type: str,
        *,
        version: int | None = None,
        source: str | None = None,
        event_uuid: str | None = None,
        **fields: Any,
    ) -> Json:
        """Return the body of an event of a job, client or site.

        `fields` are those of the record, such as `external_id="wo-1"`. Events of the same
        `external_id` tell of the same record, each as the events before have left it, and count its
        versions on unless `version` is given. `source` is `mobile` for what technicians do and
        `web` for the rest; a change by API says `api`.

        Raises:
            ValueError: an event type that is none of a job, client or site.
            TypeError: a field that the record has not got.
        """
        kind, _, verb = event_type.partition("_")
        if kind not in _MODELS or not verb:
            raise ValueError(f"{event_type!r} does not begin with job_, client_ or site_")
        _check_fields(kind, fields)
        self._made += 1
        entity = self._entity(kind, verb, version, fields)
        return {
            "event_uuid": event_uuid or self._uuid(f"event/{self._made}"),
            "event_type": event_type,
            "context": self._context(source or ("mobile" if verb in _PRESSED else "web")),
            kind: entity,
        }

    def _entity(self, kind: str, verb: str, version: int | None, fields: Json) -> Json:
        """Return the record after the event, with the version before where Planado sends it."""
        fresh = self._fresh(kind, fields)
        known = self._records.setdefault(fresh["uuid"], {})
        version = version or max(known, default=0 if verb == "created" else 1) + 1
        before = _latest(known, version - 1) or fresh | _status_before(verb)
        before = known.setdefault(version - 1, _ended(before, {}) | {"version": version - 1})
        told = known.get(version, before) | _status_after(verb) | fields
        entity = _ended(told, fields) | {"version": version, "updated_at": self._now("Z")}
        known[version] = entity
        if verb not in ("created", "deleted"):
            entity = entity | {"previous_version": before}
        return deepcopy(entity)

    def _fresh(self, kind: str, fields: Json) -> Json:
        """Return a record that no event has told of yet."""
        external_id = fields.get("external_id", f"{'wo' if kind == 'job' else kind}-1")
        uuid = fields.get("uuid") or self._uuid(f"{kind}/{external_id}")
        record: Json = {"uuid": uuid, "external_id": external_id}
        record |= {"job": self._job, "client": _client, "site": self._site}[kind]()
        return record | {"version": 1, "created_at": _iso(START, "Z"), "updated_at": None}

    def _job(self) -> Json:
        resolutions = (("Done", True), ("Nobody at home", False))
        return {
            "external_order_id": None,
            "serial_no": 12,
            "status": "published",
            "scheduled_at": "2026-02-03T09:00:00Z",
            "scheduled_duration": {"minutes": 60},
            "template": self._named("Emergency repair"),
            "client": self._reference("client"),
            "site": self._reference("site"),
            "type": {"uuid": self._uuid("Repair"), "id": 1002, "code": "Repair"},
            "assignee": {"worker": self._worker()},
            "skills": [self._named("Gas")],
            "territory": self._named("North"),
            "description": "Boiler loses pressure",
            "contacts": [{"name": "Ida Holm", "value": "555-0100", "type": "phone"}],
            "possible_resolutions": [
                {**self._named(name), "id": 1006 + n, "name": name, "successful": good}
                for n, (name, good) in enumerate(resolutions)
            ],
            "custom_fields": [self._field("Gate code", "4711")],
            "report_fields": [self._field("What was broken", None)],
        }

    def _site(self) -> Json:
        return {
            "name": "Boiler house",
            "description": None,
            "contacts": [],
            "territory": self._named("North"),
            "address": _address("Kiln Road 1"),
            "client": self._reference("client"),
            "custom_fields": [],
        }

    def _context(self, source: str) -> Json:
        happened = START + timedelta(minutes=self._made)
        worker = self._worker() if source == "mobile" else {}
        return {
            "source": source,
            "happened_at": _iso(happened, "+00:00", "milliseconds"),
            "created_at": _iso(happened + timedelta(seconds=1), "+00:00", "milliseconds"),
            "user_uuid": worker.get("uuid"),
            "user_email": worker.get("email"),
            "device_uuid": self._uuid("device") if worker else None,
        }

    def _worker(self) -> Json:
        return {"uuid": self._uuid("worker"), "email": "anna.berg@example.test", "id": 1010}

    def _named(self, name: str) -> Json:
        return {"uuid": self._uuid(name), "name": name}

    def _reference(self, kind: str) -> Json:
        return {"uuid": self._uuid(f"{kind}/{kind}-1"), "external_id": f"{kind}-1"}

    def _field(self, name: str, value: object) -> Json:
        switches = {"required": False, "hidden": False, "read_only": False}
        kind = {"field_type": "input", "data_type": "string"}
        return {**self._named(name), **kind, **switches, "value": value}

    def _uuid(self, name: str) -> str:
        return str(uuid5(_NAMESPACE, f"{self._seed}/{name}"))

    def _now(self, zone: str) -> str:
        return _iso(START + timedelta(minutes=self._made), zone)


def _check_fields(kind: str, fields: Json) -> None:
    known = {each.name for each in attrs.fields(_MODELS[kind])} - {"raw"}
    if unknown := sorted(fields.keys() - known):
        raise TypeError(f"a {kind} has no {', '.join(unknown)}; it has {', '.join(sorted(known))}")


def _latest(known: Mapping[int, Json], version: int) -> Json | None:
    """Return the record at that version, or the nearest one below that was told."""
    return known.get(max((each for each in known if each <= version), default=0))


def _status_before(verb: str) -> Json:
    return {"status": _STATUSES[verb][0]} if verb in _STATUSES else {}


def _status_after(verb: str) -> Json:
    return {"status": _STATUSES[verb][1]} if verb in _STATUSES else {}


def _ended(record: Json, fields: Json) -> Json:
    """Return a job with a resolution if it is finished and without if not; others as they are."""
    if "resolution" in fields or "status" not in record:
        return record
    rest = {key: value for key, value in record.items() if key != "resolution"}
    if record["status"] != "finished":
        return rest
    done = record.get("resolution") or {**record["possible_resolutions"][0], "comment": None}
    return {**rest, "resolution": done}


def _client() -> Json:
    return {
        "name": "Blue Kiln",
        "organization": True,
        "organization_name": "Blue Kiln",
        "site_address": _address("Kiln Road 1"),
        "contacts": [{"name": "Ida Holm", "value": "555-0100", "type": "phone"}],
        "custom_fields": [],
    }


def _address(formatted: str) -> Json:
    parts = dict.fromkeys(("entrance_no", "apartment", "floor", "description"))
    return {"formatted": formatted, **parts, "geolocation": None}


def _iso(moment: datetime, zone: str, timespec: str = "microseconds") -> str:
    return moment.replace(tzinfo=None).isoformat(timespec=timespec) + zone
