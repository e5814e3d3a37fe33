"""Which webhooks a change fires, and what they say."""

from datetime import datetime

from planado_async.emulator import views
from planado_async.emulator.records import Client, Entity, Job, Json, Origin, Site
from planado_async.emulator.state import State

KINDS: dict[type[Entity], str] = {Job: "job", Client: "client", Site: "site"}

# Statuses whose beginning fires a webhook of its own, besides job_created or job_updated.
STATUS_EVENTS = {
    "published": "job_published",
    "en_route": "job_en_route",
    "started": "job_started",
    "suspended": "job_suspended",
    "finished": "job_finished",
    "canceled": "job_canceled",
}
EVENT_TYPES = (
    *(f"{kind}_{verb}" for kind in KINDS.values() for verb in ("created", "updated", "deleted")),
    *STATUS_EVENTS.values(),
    "job_resumed",
)


def event_types(before: Entity | None, after: Entity | None) -> list[str]:
    """The types of event of a change; None stands for not there yet, or not any more."""
    entity = after or before
    if entity is None:
        return []
    verb = "created" if before is None else "deleted" if after is None else "updated"
    types = [f"{KINDS[type(entity)]}_{verb}"]
    if isinstance(after, Job):
        types += _status_events(before.status if isinstance(before, Job) else None, after.status)
    return types


def _status_events(before: str | None, after: str) -> list[str]:
    if (before, after) == ("suspended", "started"):
        return ["job_resumed"]
    return [STATUS_EVENTS[after]] if before != after and after in STATUS_EVENTS else []


def body(
    state: State, event_type: str, before: Entity | None, after: Entity, origin: Origin
) -> Json:
    """The body of one event. Its uuid is its own; retries and other subscriptions repeat it."""
    entity = views.snapshot(state, after)
    if before is not None:
        entity["previous_version"] = views.snapshot(state, before)
    return {
        "event_uuid": state.ids.new(),
        "event_type": event_type,
        "context": views.context(origin, _now(state)),
        KINDS[type(after)]: entity,
    }


def _now(state: State) -> datetime:
    return state.clock.now()
