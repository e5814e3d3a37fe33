"""/sites: list, read, create, update or upsert, delete."""

from collections.abc import Mapping
from typing import Any

from attrs import evolve

from planado_async.emulator import changes, fields, views
from planado_async.emulator.calls import Answer, Call, Route
from planado_async.emulator.checks import Rule, record, reference, text
from planado_async.emulator.errors import not_found
from planado_async.emulator.filters import between
from planado_async.emulator.forms import Form, one, unused
from planado_async.emulator.ids import looks_like_uuid
from planado_async.emulator.parts import EXTERNAL_ID, address, contacts, field_changes
from planado_async.emulator.records import Origin, Site
from planado_async.emulator.state import State

OWN_RULES = {
    "external_id": Rule(EXTERNAL_ID),
    "name": Rule(text(300, blank=False), required=True),
    "description": Rule(text(1000), nullable=True),
    "contacts": Rule(contacts),
    "address": Rule(address, nullable=True),
    "custom_fields": Rule(field_changes),
}
FORM = Form(
    {**OWN_RULES, "client": Rule(reference("uuid", "external_id"), nullable=True)},
    {"external_id": unused("sites"), "client": one("clients")},
)


def new(value: object) -> dict[str, Any]:
    """The fields of a site that is made along with a job."""
    values: dict[str, Any] = record(OWN_RULES)(value)
    fields.merged((), values.get("custom_fields", ()), str)
    return values


def make(state: State, values: Mapping[str, Any], origin: Origin) -> Site:
    """Adds a site made of checked values."""
    now = state.clock.now()
    blank = Site(uuid=state.ids.new(), name=values["name"], created_at=now, updated_at=now)
    return changes.create(state, state.sites, _applied(state, blank, values), origin)


def _applied(state: State, site: Site, values: Mapping[str, Any]) -> Site:
    own = {**values, **fields.merged_values(site, values, state.ids.new)}
    if "client" in own:
        own["client_uuid"] = own.pop("client")
    changed: Site = evolve(site, **own)
    return changed


def list_sites(call: Call) -> Answer:
    """A page of sites, newest first."""
    page = call.state.sites.page(call.query.get("after"), between(call, "updated_at"))
    return Answer(200, {"sites": [views.site(call.state, each) for each in page]})


def known(state: State, path_id: str) -> Site | None:
    """The site of a path, by either id."""
    return state.sites.get(path_id) or state.sites.find("external_id", path_id)


def find(state: State, path_id: str) -> Site:
    """The site of a path that must be there."""
    site = known(state, path_id)
    if site is None:
        raise not_found()
    return site


def get(call: Call) -> Answer:
    """One site. Read by its external id, it stands under a plural key, as the service's docs do."""
    site = find(call.state, call.id)
    slip = call.state.settings.site_slip and call.id.lower() != site.uuid
    return Answer(200, {"sites" if slip else "site": views.site(call.state, site)})


def create(call: Call) -> Answer:
    """Makes a site."""
    return Answer(201, {"site_uuid": _create(call, call.body).uuid})


def _create(call: Call, body: Mapping[str, Any]) -> Site:
    return make(call.state, FORM.read(call.state, body, creating=True), call.origin)


def update(call: Call) -> Answer:
    """Changes the fields that are named, or makes the site of an unknown external id."""
    site = known(call.state, call.id)
    if site is not None:
        return Answer(200, {"site_uuid": _update(call, site).uuid})
    if looks_like_uuid(call.id):
        raise not_found()
    return Answer(200, {"site_uuid": _create(call, {**call.body, "external_id": call.id}).uuid})


def _update(call: Call, site: Site) -> Site:
    state = call.state
    call.check_version(site.version)
    body = {name: value for name, value in call.body.items() if name != "external_id"}
    values = FORM.read(state, body, creating=False)
    return changes.update(state, state.sites, _applied(state, site, values), call.origin)


def delete(call: Call) -> Answer:
    """Removes a site; jobs that point at it no longer do."""
    state = call.state
    changes.delete(state, state.sites, find(state, call.id), call.origin)
    return Answer(200, {})


ROUTES = [
    Route("GET", "/sites", list_sites),
    Route("POST", "/sites", create),
    Route("GET", "/sites/{id}", get),
    Route("PATCH", "/sites/{id}", update),
    Route("DELETE", "/sites/{id}", delete),
]
