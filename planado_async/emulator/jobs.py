"""/jobs: list, read, create, update, delete, history and locations."""

from collections.abc import Callable
from typing import Any

from attrs import evolve

from planado_async.emulator import changes, clients, fields, sites, views
from planado_async.emulator.calls import Answer, Call, Route
from planado_async.emulator.checks import (
    InvalidError,
    New,
    Reference,
    Rule,
    existing_or_new,
    listed,
    minutes,
    moment,
    reference,
    text,
)
from planado_async.emulator.errors import invalid, not_found
from planado_async.emulator.filters import between
from planado_async.emulator.forms import (
    Form,
    assignee,
    find_assignee,
    find_assignees,
    many,
    one,
    one_or_new,
    sole_assignee,
    unused,
)
from planado_async.emulator.parts import EXTERNAL_ID, address, contacts, field_changes
from planado_async.emulator.records import Job, Origin
from planado_async.emulator.state import HISTORY_PAGE, State

BY_NAME = reference("uuid", "name")


def find_resolutions(state: State, given: list[Reference]) -> tuple[str, ...]:
    """Resolutions to choose from: at least one good end and one bad."""
    uuids: tuple[str, ...] = many("resolutions")(state, given)
    found = {each.successful for uuid in uuids if (each := state.resolutions.get(uuid))}
    if len(found) < 2:
        raise InvalidError("must hold at least one successful and one unsuccessful")
    return uuids


FORM = Form(
    {
        "template": Rule(BY_NAME),
        "job_type": Rule(reference("code", "uuid")),
        "external_id": Rule(EXTERNAL_ID),
        "external_order_id": Rule(text(500)),
        "description": Rule(text(15000), nullable=True),
        "scheduled_at": Rule(moment, nullable=True),
        "scheduled_duration": Rule(minutes, nullable=True),
        "assignee": Rule(sole_assignee, nullable=True),
        "assignees": Rule(listed(assignee)),
        "possible_resolutions": Rule(listed(BY_NAME)),
        "address": Rule(address),
        "contacts": Rule(contacts),
        "client": Rule(existing_or_new(clients.new), nullable=True),
        "site": Rule(existing_or_new(sites.new), nullable=True),
        "territory": Rule(BY_NAME, nullable=True),
        "skills": Rule(listed(BY_NAME)),
        "custom_fields": Rule(field_changes),
        "report_fields": Rule(field_changes),
    },
    {
        "template": one("templates"),
        "job_type": one("job_types"),
        "external_id": unused("jobs"),
        "assignee": find_assignee,
        "assignees": find_assignees,
        "possible_resolutions": find_resolutions,
        "client": one_or_new("clients"),
        "site": one_or_new("sites"),
        "territory": one("territories"),
        "skills": many("skills"),
    },
)
# Fields whose attribute has another name.
ATTRIBUTES = {
    "template": "template_uuid",
    "job_type": "type_uuid",
    "scheduled_duration": "minutes",
    "assignee": "assignees",
    "possible_resolutions": "resolution_uuids",
    "client": "client_uuid",
    "site": "site_uuid",
    "territory": "territory_uuid",
    "skills": "skill_uuids",
}
# A job keeps these for life; in an update they are passed over like unknown keys.
FOR_LIFE = {"template", "job_type", "external_id", "external_order_id"}
LOCKED = ("possible_resolutions", "assignees", "assignee")
UNBEGUN = {"posted", "scheduled", "published"}


def list_jobs(call: Call) -> Answer:
    """A page of jobs, newest first, filtered by times and by worker."""
    in_time, wanted = between(call, "updated_at", "scheduled_at"), _of_worker(call)
    page = call.state.jobs.page(call.query.get("after"), lambda job: wanted(job) and in_time(job))
    return Answer(200, {"jobs": [views.job_item(call.state, job) for job in page]})


def _of_worker(call: Call) -> Callable[[Job], bool]:
    worker = call.query.get("assignee[worker_uuid]")
    return lambda job: (
        worker is None or (job.editor is not None and job.editor.uuid == worker.lower())
    )


def find(state: State, path_id: str) -> Job:
    """The job of a path that allows both ids."""
    job = state.jobs.get(path_id) or state.jobs.find("external_id", path_id)
    if job is None:
        raise not_found()
    return job


def find_by_uuid(state: State, path_id: str) -> Job:
    """The job of a path that allows its uuid only."""
    job = state.jobs.get(path_id)
    if job is None:
        raise not_found()
    return job


def get(call: Call) -> Answer:
    """One job."""
    job = find(call.state, call.id)
    return Answer(200, {"job": views.job_detail(call.state, job)})


def create(call: Call) -> Answer:
    """Makes a job."""
    state = call.state
    values = FORM.read(state, call.body, creating=True)
    now = state.clock.now()
    default = state.job_types.find("code", "default")
    blank = Job(
        uuid=state.ids.new(),
        id=next(state.numbers),
        serial_no=next(state.serials),
        type_uuid=default.uuid if default else "",
        created_at=now,
        updated_at=now,
    )
    job = _applied(state, _from_template(state, blank, values), values, call.origin)
    if "template" in values and state.settings.template_oddity:
        job = evolve(job, description=None, contacts=())
    changes.create(state, state.jobs, job, call.origin)
    return Answer(201, {"job_uuid": job.uuid})


def _from_template(state: State, job: Job, values: dict[str, Any]) -> Job:
    template = state.templates.get(values.get("template"))
    if template is None:
        return job
    return evolve(
        job,
        type_uuid=template.type_uuid,
        description=template.description,
        minutes=template.minutes,
        assignees=(template.assignee,) if template.assignee else (),
        custom_fields=fields.copied(template.custom_fields, state.ids.new),
        report_fields=fields.copied(template.report_fields, state.ids.new),
    )


def update(call: Call) -> Answer:
    """Changes the fields that are named."""
    state = call.state
    job = find(state, call.id)
    call.check_version(job.version)
    body = {name: value for name, value in call.body.items() if name not in FOR_LIFE}
    values = FORM.read(state, body, creating=False)
    _refuse_locked(job, values)
    changes.update(state, state.jobs, _applied(state, job, values, call.origin), call.origin)
    return Answer(200, {"job_uuid": job.uuid})


def _refuse_locked(job: Job, values: dict[str, Any]) -> None:
    if job.status in UNBEGUN or job.status == "en_route":
        return
    errors = {
        name: ["can't be changed once the job is started"]
        for name in LOCKED
        if name in values and getattr(job, ATTRIBUTES.get(name, name)) != (values[name] or ())
    }
    if errors:
        raise invalid(errors)


def _applied(state: State, job: Job, values: dict[str, Any], origin: Origin) -> Job:
    """The job with the values of a write in it, and the status that follows from them."""
    values = {**values, **fields.merged_values(job, values, state.ids.new)}
    if "assignees" in values:
        values.pop("assignee", None)
    elif "assignee" in values:
        values["assignee"] = values["assignee"] or ()
    if isinstance(new := values.get("client"), New):
        values["client"] = clients.make(state, new.fields, origin).uuid
    if isinstance(new := values.get("site"), New):
        values["site"] = sites.make(state, new.fields, origin).uuid
    named = {ATTRIBUTES.get(name, name): value for name, value in values.items()}
    return with_status(evolve(job, **named))


def with_status(job: Job) -> Job:
    """Until a technician begins, the status follows from time and assignee."""
    if job.status not in UNBEGUN:
        return job
    if job.scheduled_at is None:
        return evolve(job, status="posted")
    return evolve(job, status="published" if job.editor else "scheduled")


def delete(call: Call) -> Answer:
    """Removes a job for good."""
    state = call.state
    changes.delete(state, state.jobs, find_by_uuid(state, call.id), call.origin)
    return Answer(200, {})


def history(call: Call) -> Answer:
    """A page of a job's history, oldest first, behind the version `after`."""
    job = find_by_uuid(call.state, call.id)
    after = call.query.get("after", "0")
    events = call.state.histories[job.uuid] if after.isdecimal() and len(after) < 10 else []
    page = [each for each in events if each.version > int(after)][:HISTORY_PAGE]
    return Answer(200, {"events": [views.happening(each) for each in page]})


def locations(call: Call) -> Answer:
    """A page of where a job's technicians were, in the order of upload."""
    job = find_by_uuid(call.state, call.id)
    known = call.state.locations.get(job.uuid)
    page = known.page(call.query.get("after")) if known else []
    return Answer(200, {"locations": [views.location(call.state, each) for each in page]})


ROUTES = [
    Route("GET", "/jobs", list_jobs),
    Route("POST", "/jobs", create),
    Route("GET", "/jobs/{id}", get),
    Route("PATCH", "/jobs/{id}", update),
    Route("DELETE", "/jobs/{id}", delete),
    Route("GET", "/jobs/{id}/history", history),
    Route("GET", "/jobs/{id}/locations", locations),
]
