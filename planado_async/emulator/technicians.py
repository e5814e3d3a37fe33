"""Technicians: what they press in the mobile app, which no public endpoint does.

Each action leads a job from some statuses into another:

    published ─en_route→ en_route ─start→ started ─suspend→ suspended
        └────────────────start──────────────↑ └──────resume─────┘
    en_route, started, suspended ─finish→ finished
    everything but finished and canceled ─cancel→ canceled
"""

from collections.abc import Mapping
from typing import Any

from attrs import evolve, frozen

from planado_async.emulator import changes
from planado_async.emulator.checks import Rule, one_of, read, text
from planado_async.emulator.collection import Collection
from planado_async.emulator.errors import Errors, invalid, not_found
from planado_async.emulator.records import (
    Ending,
    Happening,
    Job,
    Json,
    Location,
    Origin,
    Position,
    Resolution,
    User,
)
from planado_async.emulator.state import LOCATIONS_PAGE, State


@frozen
class Action:
    """The statuses an action starts from, and the one it leads to."""

    sources: tuple[str, ...]
    target: str


ACTIONS = {
    "en_route": Action(("published",), "en_route"),
    "start": Action(("published", "en_route"), "started"),
    "suspend": Action(("started",), "suspended"),
    "resume": Action(("suspended",), "started"),
    "finish": Action(("en_route", "started", "suspended"), "finished"),
    "cancel": Action(
        ("posted", "scheduled", "published", "en_route", "started", "suspended"), "canceled"
    ),
}
# Which of a job's timestamps the entry into a status sets.
STAMPED = {
    "en_route": "en_route_at",
    "started": "started_at",
    "suspended": "suspended_at",
    "finished": "finished_at",
}
RULES = {
    "action": Rule(one_of(*ACTIONS), required=True),
    "resolution": Rule(text(blank=False), nullable=True),
    "comment": Rule(text(5000), nullable=True),
    "user": Rule(text(blank=False), nullable=True),
}
# Where a technician is when nothing says where the work is.
HEADQUARTERS = {"latitude": 52.5200, "longitude": 13.4050}
ACCURACY_M = 12.0


def act(state: State, job_id: str, body: Mapping[str, Any]) -> Job:
    """Lets a technician press a button on a job; answers the job's next version."""
    job = state.jobs.get(job_id) or state.jobs.find("external_id", job_id)
    if job is None:
        raise not_found()
    values, errors = read(RULES, body, creating=True)
    if errors:
        raise invalid(errors)
    action = ACTIONS[values["action"]]
    if job.status not in action.sources:
        raise invalid({"action": [f"can't be done while the job is {job.status}"]})
    ending = _ending(state, job, values) if action.target == "finished" else job.ending
    user = _technician(state, job, values.get("user"))
    return _entered(state, job, action.target, ending, user)


def _entered(state: State, job: Job, status: str, ending: Ending | None, user: User | None) -> Job:
    now = state.clock.now()
    stamp = {STAMPED[status]: now} if status in STAMPED else {}
    next_job = evolve(job, status=status, ending=ending, entered={**job.entered, **stamp})
    origin = Origin(source="mobile" if user else "web", happened_at=now, user=user)
    next_job = changes.update(state, state.jobs, next_job, origin)
    if user is not None:
        _locate(state, next_job, user, state.histories[job.uuid][-1])
    return next_job


def _technician(state: State, job: Job, named: str | None) -> User | None:
    """Who acts: the one named, else the job's worker, else the first of its team."""
    if named is not None:
        user = state.users.get(named) or state.users.find("email", named)
        if user is None:
            raise invalid({"user": ["must exist"]})
        return user
    editor = job.editor
    if editor is None:
        return None
    if editor.kind == "worker":
        return state.users.get(editor.uuid)
    team = state.teams.get(editor.uuid)
    return state.users.get(team.member_uuids[0]) if team and team.member_uuids else None


def _ending(state: State, job: Job, values: Mapping[str, Any]) -> Ending:
    """How the job is finished: as named, else with the first good resolution it allows."""
    allowed = [each for each in state.resolutions if each.uuid in job.resolution_uuids]
    choice = allowed or list(state.resolutions)
    named, comment = values.get("resolution"), values.get("comment")
    found = next((each for each in choice if _is_meant(each, named)), None)
    if found is None:
        raise invalid({"resolution": ["is none of the job's possible resolutions"]})
    if errors := _comment_faults(found, comment):
        raise invalid(errors)
    return Ending(uuid=found.uuid, comment=comment)


def _is_meant(resolution: Resolution, named: str | None) -> bool:
    return resolution.successful if named is None else named in (resolution.uuid, resolution.name)


def _comment_faults(resolution: Resolution, comment: str | None) -> Errors:
    if comment and not resolution.has_comment:
        return {"comment": [f"is not part of the resolution {resolution.name}"]}
    if resolution.comment_required and not (comment or "").strip():
        return {"comment": ["can't be blank"]}
    return {}


def _locate(state: State, job: Job, user: User, happening: Happening) -> None:
    """Notes where the technician was when it happened."""
    place = _place(state, job)
    now = happening.origin.happened_at
    state.positions[user.uuid] = Position(at=now, **place)
    event = {
        "uuid": happening.uuid,
        "type": happening.type,
        "job_uuid": job.uuid,
        "job_version": job.version,
    }
    location = Location(
        uuid=state.ids.new(),
        user_uuid=user.uuid,
        accuracy_m=ACCURACY_M,
        uploaded_at=now,
        captured_at=now,
        events=(event,),
        **place,
    )
    known = state.locations.setdefault(job.uuid, Collection[Location](size=LOCATIONS_PAGE))
    known.add(location)


def _place(state: State, job: Job) -> Json:
    """Where the work is: by the job, else by its site, else by its client."""
    site, client = state.sites.get(job.site_uuid), state.clients.get(job.client_uuid)
    addresses = (job.address, site and site.address, client and client.site_address)
    known = (address["geolocation"] for address in addresses if address)
    return next((place for place in known if place), HEADQUARTERS)
