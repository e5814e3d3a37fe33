"""/clients: list, read, create, update or upsert, delete."""

from collections.abc import Mapping
from typing import Any

from attrs import evolve

from planado_async.emulator import changes, fields, views
from planado_async.emulator.calls import Answer, Call, Route
from planado_async.emulator.checks import InvalidError, Rule, boolean, record, text
from planado_async.emulator.errors import Errors, invalid, not_found
from planado_async.emulator.filters import between
from planado_async.emulator.forms import Form, unused
from planado_async.emulator.ids import looks_like_uuid
from planado_async.emulator.parts import EXTERNAL_ID, address, contacts, field_changes
from planado_async.emulator.records import Client, Origin
from planado_async.emulator.state import State

RULES = {
    "external_id": Rule(EXTERNAL_ID),
    "organization": Rule(boolean, required=True),
    "organization_name": Rule(text(5000)),
    "first_name": Rule(text(50), nullable=True),
    "last_name": Rule(text(50), nullable=True),
    "middle_name": Rule(text(50), nullable=True),
    "site_address": Rule(address, nullable=True),
    "contacts": Rule(contacts),
    "custom_fields": Rule(field_changes),
}
FORM = Form(RULES, {"external_id": unused("clients")})


def new(value: object) -> dict[str, Any]:
    """The fields of a client that is made along with a job."""
    values: dict[str, Any] = record(RULES)(value)
    if faults := name_faults(values["organization"], values):
        raise InvalidError(*(f"{name} {said}" for name, says in faults.items() for said in says))
    fields.merged((), values.get("custom_fields", ()), str)
    return values


def name_faults(organization: bool, names: Mapping[str, Any]) -> Errors:
    """What is missing: an organization's name, or any name of a person."""
    keys = views.name_keys(organization)
    if any((names.get(key) or "").strip() for key in keys):
        return {}
    if organization:
        return {"organization_name": ["can't be blank"]}
    return {keys[0]: [f"at least one of {', '.join(keys)} must be given"]}


def make(state: State, values: Mapping[str, Any], origin: Origin) -> Client:
    """Adds a client made of checked values."""
    now = state.clock.now()
    blank = Client(
        uuid=state.ids.new(), organization=values["organization"], created_at=now, updated_at=now
    )
    return changes.create(state, state.clients, _applied(state, blank, values), origin)


def _applied(state: State, client: Client, values: Mapping[str, Any]) -> Client:
    """The client with the values in it; names of the other kind of client are passed over."""
    foreign = views.name_keys(not client.organization)
    own = {name: value for name, value in values.items() if name not in foreign}
    own |= fields.merged_values(client, own, state.ids.new)
    changed: Client = evolve(client, **own)
    return changed


def list_clients(call: Call) -> Answer:
    """A page of clients, newest first."""
    page = call.state.clients.page(call.query.get("after"), between(call, "updated_at"))
    return Answer(200, {"clients": [views.client(call.state, each) for each in page]})


def known(state: State, path_id: str) -> Client | None:
    """The client of a path, by either id."""
    return state.clients.get(path_id) or state.clients.find("external_id", path_id)


def find(state: State, path_id: str) -> Client:
    """The client of a path that must be there."""
    client = known(state, path_id)
    if client is None:
        raise not_found()
    return client


def get(call: Call) -> Answer:
    """One client."""
    return Answer(200, {"client": views.client(call.state, find(call.state, call.id))})


def create(call: Call) -> Answer:
    """Makes a client."""
    return Answer(201, {"client_uuid": _create(call, call.body).uuid})


def _create(call: Call, body: Mapping[str, Any]) -> Client:
    values = FORM.read(call.state, body, creating=True)
    if faults := name_faults(values["organization"], values):
        raise invalid(faults)
    return make(call.state, values, call.origin)


def update(call: Call) -> Answer:
    """Changes the fields that are named, or makes the client of an unknown external id."""
    client = known(call.state, call.id)
    if client is not None:
        return Answer(200, {"client_uuid": _update(call, client).uuid})
    if looks_like_uuid(call.id):
        raise not_found()
    return Answer(200, {"client_uuid": _create(call, {**call.body, "external_id": call.id}).uuid})


def _update(call: Call, client: Client) -> Client:
    state = call.state
    call.check_version(client.version)
    body = {name: value for name, value in call.body.items() if name != "external_id"}
    values = FORM.read(state, body, creating=False)
    if values.pop("organization", client.organization) != client.organization:
        raise invalid({"organization": ["can't be changed"]})
    changed = _applied(state, client, values)
    if faults := name_faults(changed.organization, _names(changed)):
        raise invalid(faults)
    return changes.update(state, state.clients, changed, call.origin)


def _names(client: Client) -> dict[str, Any]:
    return views.picked(client, views.name_keys(client.organization))


def delete(call: Call) -> Answer:
    """Removes a client; records that point at it no longer do."""
    state = call.state
    changes.delete(state, state.clients, find(state, call.id), call.origin)
    return Answer(200, {})


ROUTES = [
    Route("GET", "/clients", list_clients),
    Route("POST", "/clients", create),
    Route("GET", "/clients/{id}", get),
    Route("PATCH", "/clients/{id}", update),
    Route("DELETE", "/clients/{id}", delete),
]
