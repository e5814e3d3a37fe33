"""Changes of jobs, clients and sites: each counts a version, keeps history and fires webhooks."""

from typing import TypeVar

from attrs import evolve, fields

from planado_async.emulator import events
from planado_async.emulator.collection import Collection
from planado_async.emulator.records import Client, Entity, Happening, Job, Json, Origin, Site
from planado_async.emulator.state import State

E = TypeVar("E", Job, Client, Site)

_NAMES = sorted({each.name for each in fields(Job)} - {"version", "updated_at"})


def create(state: State, records: Collection[E], entity: E, origin: Origin) -> E:
    """Adds an entity, whose version is 1."""
    records.add(entity)
    _record(state, None, entity, origin)
    return entity


def update(state: State, records: Collection[E], entity: E, origin: Origin) -> E:
    """Replaces an entity by its next version; where nothing differs, nothing happens."""
    before = records.get(entity.uuid)
    if before is None or before == entity:
        return entity
    after = evolve(entity, version=before.version + 1, updated_at=state.clock.now())
    records.replace(after)
    _record(state, before, after, origin)
    return after


def delete(state: State, records: Collection[E], entity: E, origin: Origin) -> None:
    """Removes an entity. The webhook tells it as it was, with the next version."""
    records.remove(entity.uuid)
    state.histories.pop(entity.uuid, None)
    state.locations.pop(entity.uuid, None)
    gone = evolve(entity, version=entity.version + 1, updated_at=state.clock.now())
    _publish(state, events.event_types(entity, None), None, gone, origin)


def _record(state: State, before: Entity | None, after: Entity, origin: Origin) -> None:
    if isinstance(after, Job):
        _chronicle(state, before, after, origin)
    _publish(state, events.event_types(before, after), before, after, origin)


def _chronicle(state: State, before: Entity | None, after: Job, origin: Origin) -> None:
    """Adds to a job's history, and tells its assignees' phones."""
    earlier = before if isinstance(before, Job) else None
    history = state.histories.setdefault(after.uuid, [])
    history.append(_happening(state, earlier, after, origin))
    if after.assignees:
        state.pushed(origin.notify_assignees)


def _publish(
    state: State, types: list[str], before: Entity | None, after: Entity, origin: Origin
) -> None:
    if state.settings.require_trigger_header and not origin.trigger_webhooks:
        return
    for event_type in types:
        state.publish(event_type, events.body(state, event_type, before, after, origin))


def _happening(state: State, before: Job | None, after: Job, origin: Origin) -> Happening:
    """The one history entry of a version. What a payload holds is known to depend on its type."""
    kind, payload = _told(before, after)
    return Happening(
        uuid=state.ids.new(), version=after.version, type=kind, payload=payload, origin=origin
    )


def _told(before: Job | None, after: Job) -> tuple[str, Json]:
    if before is None:
        return "job_created", {"status": after.status}
    if before.status != after.status:
        return "status_updated", {"from": before.status, "to": after.status}
    return "field_updated", {"fields": [name for name in _NAMES if _differs(name, before, after)]}


def _differs(name: str, before: Job, after: Job) -> bool:
    differs: bool = getattr(before, name) != getattr(after, name)
    return differs
