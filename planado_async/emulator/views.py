"""Records as the JSON of answers and of webhooks."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from attrs import asdict

from planado_async.emulator import clock
from planado_async.emulator.records import (
    Assignee,
    Client,
    Entity,
    Field,
    Happening,
    Job,
    Json,
    Location,
    Named,
    Origin,
    Resolution,
    Site,
    Team,
    Template,
    User,
)
from planado_async.emulator.state import State

STAMPS = ("en_route_at", "started_at", "suspended_at", "finished_at")


def picked(record: object, keys: Iterable[str]) -> Json:
    """The attributes of a record that bear the names of its JSON keys."""
    return {key: getattr(record, key) for key in keys}


def line(record: object, *keys: str) -> Json | None:
    """The same, or null for no record."""
    return None if record is None else picked(record, keys)


def job_item(state: State, job: Job) -> Json:
    """A job as it stands in a list."""
    editor = job.editor
    return {
        "uuid": job.uuid,
        "id": job.id,
        "external_id": job.external_id,
        "external_order_id": job.external_order_id,
        "serial_no": job.serial_no,
        "status": job.status,
        "scheduled_at": _seconds(job.scheduled_at),
        "scheduled_duration": _duration(job.minutes),
        "template_uuid": job.template_uuid,
        "client_uuid": _uuid(state.clients.get(job.client_uuid)),
        "site_uuid": _uuid(state.sites.get(job.site_uuid)),
        "type_uuid": job.type_uuid,
        "assignee": editor and {f"{editor.kind}_uuid": editor.uuid},
        "assignees": [picked(each, ("uuid", "access")) for each in job.assignees],
        "skill_uuids": list(job.skill_uuids),
        "territory_uuid": job.territory_uuid,
        "initial_job_uuid": None,
        "completion_of_uuid": None,
        **_resolution(job, None),
        "version": job.version,
        "created_at": clock.microseconds(job.created_at),
        "updated_at": clock.microseconds(job.updated_at),
    }


def job_detail(state: State, job: Job) -> Json:
    """A job read by itself."""
    ending = state.resolutions.get(job.ending.uuid) if job.ending else None
    return {
        "uuid": job.uuid,
        "id": job.id,
        "business_unit_uuid": state.business_unit_uuid,
        **_job_head(state, job),
        **_timestamps(job),
        "assignee": _assignee(state, job.editor),
        "assignees": [_assignee_line(state, each) for each in job.assignees],
        **_job_place(state, job),
        "address": job.address,
        **_job_lists(state, job),
        "initial_job_uuid": None,
        "completion_of_uuid": None,
        "custom_fields": [field(each) for each in job.custom_fields],
        "report_fields": [field(each) for each in job.report_fields],
        **_resolution(job, ending),
        "total_distance_traveled_m": 0,
        **_versions(job),
        "available_services": [],
        "ordered_services": [],
        "provided_services": [],
        "used_materials": [],
    }


def job_snapshot(state: State, job: Job) -> Json:
    """A job as a webhook tells it: neither address nor assignees nor timestamps."""
    ending = state.resolutions.get(job.ending.uuid) if job.ending else None
    return {
        "uuid": job.uuid,
        **_job_head(state, job),
        "assignee": _assignee(state, job.editor),
        **_job_place(state, job),
        **_job_lists(state, job),
        "custom_fields": [field(each) for each in job.custom_fields],
        "report_fields": [field(each) for each in job.report_fields],
        **_resolution(job, ending),
        **_versions(job),
    }


def client(state: State, client: Client) -> Json:
    """A client; organizations and individuals have different names."""
    return {
        "uuid": client.uuid,
        "external_id": client.external_id,
        "name": client_name(client),
        "organization": client.organization,
        **picked(client, name_keys(client.organization)),
        "site_address": client.site_address,
        "contacts": list(client.contacts),
        "custom_fields": [field(each) for each in client.custom_fields],
        **_versions(client),
    }


def name_keys(organization: bool) -> tuple[str, ...]:
    """The keys that hold a client's own names."""
    return ("organization_name",) if organization else ("first_name", "last_name", "middle_name")


def client_name(client: Client) -> str:
    """A client's name in one piece."""
    return " ".join(filter(None, picked(client, name_keys(client.organization)).values()))


def site(state: State, site: Site) -> Json:
    """A site."""
    return {
        "uuid": site.uuid,
        "external_id": site.external_id,
        "name": site.name,
        "description": site.description,
        "contacts": list(site.contacts),
        "territory": named(state.territories.get(site.territory_uuid)),
        "address": site.address,
        "client": line(state.clients.get(site.client_uuid), "uuid", "external_id"),
        "custom_fields": [field(each) for each in site.custom_fields],
        **_versions(site),
    }


def snapshot(state: State, entity: Entity) -> Json:
    """An entity as a webhook tells it."""
    if isinstance(entity, Job):
        return job_snapshot(state, entity)
    return client(state, entity) if isinstance(entity, Client) else site(state, entity)


def template(state: State, template: Template) -> Json:
    """A template; its fields are not told."""
    return {
        "uuid": template.uuid,
        "name": template.name,
        "type_uuid": template.type_uuid,
        "description": template.description,
        "scheduled_duration": _duration(template.minutes),
        "assignee": _assignee(state, template.assignee),
        "created_at": clock.microseconds(template.created_at),
        "updated_at": clock.microseconds(template.updated_at),
    }


def user(user: User) -> Json:
    """A user as it stands in the list."""
    return picked(user, ("uuid", "id", "first_name", "last_name", "email", "permissions"))


def team(state: State, team: Team) -> Json:
    """A team."""
    territory = named(state.territories.get(team.territory_uuid))
    return {"uuid": team.uuid, "name": team.name, "territory": territory}


def named(entry: Named | None) -> Json | None:
    """A directory's entry, or null."""
    return line(entry, "uuid", "name")


def field(field: Field) -> Json:
    """A custom or report field."""
    return asdict(field)


def context(origin: Origin, created_at: datetime) -> Json:
    """Who made a change and when."""
    return {
        "source": origin.source,
        "happened_at": clock.event_time(origin.happened_at),
        "created_at": clock.event_time(created_at),
        "user_uuid": origin.user and origin.user.uuid,
        "user_email": origin.user and origin.user.email,
        "device_uuid": origin.user and origin.user.device_uuid,
    }


def happening(happening: Happening) -> Json:
    """An entry of a job's history."""
    return {
        "version": happening.version,
        "uuid": happening.uuid,
        "type": happening.type,
        "payload": happening.payload,
        "context": context(happening.origin, happening.origin.happened_at),
    }


def location(state: State, location: Location) -> Json:
    """A position of a technician."""
    return {
        "uuid": location.uuid,
        "user_uuid": location.user_uuid,
        "accuracy_m": location.accuracy_m,
        "longitude": location.longitude,
        "latitude": location.latitude,
        "uploaded_at": clock.event_time(location.uploaded_at),
        state.settings.location_key: clock.event_time(location.captured_at),
        "events": list(location.events),
    }


def _job_head(state: State, job: Job) -> Json:
    kind = state.job_types.get(job.type_uuid)
    return {
        "external_id": job.external_id,
        "external_order_id": job.external_order_id,
        "serial_no": job.serial_no,
        "status": job.status,
        "scheduled_at": _seconds(job.scheduled_at),
        "scheduled_duration": _duration(job.minutes),
        "template": line(state.templates.get(job.template_uuid), "uuid", "name"),
        "client": line(state.clients.get(job.client_uuid), "uuid", "external_id"),
        "site": line(state.sites.get(job.site_uuid), "uuid", "external_id"),
        "type": line(kind, "uuid", "id", "code"),
    }


def _job_place(state: State, job: Job) -> Json:
    return {
        "skills": [named(state.skills.get(uuid)) for uuid in job.skill_uuids],
        "territory": named(state.territories.get(job.territory_uuid)),
        "description": job.description,
    }


def _job_lists(state: State, job: Job) -> Json:
    found = (state.resolutions.get(uuid) for uuid in job.resolution_uuids)
    keys = ("uuid", "id", "name", "successful")
    return {
        "contacts": list(job.contacts),
        "possible_resolutions": [picked(each, keys) for each in found if each],
    }


def _versions(entity: Entity) -> Json:
    return {
        "version": entity.version,
        "created_at": clock.microseconds(entity.created_at),
        "updated_at": clock.microseconds(entity.updated_at),
    }


def _timestamps(job: Job) -> Json:
    """The key is missing until a technician has begun."""
    if not job.entered:
        return {}
    told = {key: job.entered.get(key) for key in STAMPS}
    return {"timestamps": {key: at and clock.milliseconds(at) for key, at in told.items()}}


def _resolution(job: Job, known: Resolution | None) -> Json:
    """The key is missing until the job is finished."""
    if job.ending is None:
        return {}
    detail = {} if known is None else picked(known, ("id", "name", "successful"))
    return {"resolution": {"uuid": job.ending.uuid, **detail, "comment": job.ending.comment}}


def _assignee(state: State, who: Assignee | None) -> Json | None:
    if who is None:
        return None
    if who.kind == "team":
        return {"team": line(state.teams.get(who.uuid), "uuid", "name")}
    return {"worker": line(state.users.get(who.uuid), "uuid", "email", "id")}


def _assignee_line(state: State, who: Assignee) -> Json:
    worker, group = state.users.get(who.uuid), state.teams.get(who.uuid)
    name = f"{worker.first_name} {worker.last_name}" if worker else group and group.name
    return {
        "uuid": who.uuid,
        "email": worker and worker.email,
        "id": worker and worker.id,
        "access": who.access,
        "permanent": False,
        "name": name,
    }


def _uuid(record: Client | Site | None) -> str | None:
    return record.uuid if record else None


def _seconds(moment: datetime | None) -> str | None:
    return clock.seconds(moment) if moment else None


def _duration(minutes: int | None) -> dict[str, Any] | None:
    return None if minutes is None else {"minutes": minutes}
