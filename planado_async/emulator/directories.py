"""The lists of the account's set-up, templates among them, which the API only reads."""

from collections.abc import Callable
from typing import Any

from planado_async.emulator import views
from planado_async.emulator.calls import Answer, Call, Route
from planado_async.emulator.errors import not_found
from planado_async.emulator.records import Json
from planado_async.emulator.state import State

View = Callable[[State, Any], Json]


def keys(*names: str) -> View:
    """A view that shows these attributes."""
    return lambda state, record: views.picked(record, names)


RESOLUTION = keys("uuid", "id", "name", "successful", "has_comment", "comment_required")
VIEWS: dict[str, View] = {
    "teams": views.team,
    "territories": keys("uuid", "name"),
    "skills": keys("uuid", "name"),
    "job_types": keys("uuid", "id", "code"),
    "resolutions": RESOLUTION,
    "dictionaries": keys("uuid", "name"),
    "templates": views.template,
}


def listing(kind: str, view: View, wrapper: str | None = None) -> Callable[[Call], Answer]:
    """The call that lists all records of a kind, oldest first, page by page."""

    def run(call: Call) -> Answer:
        page = call.state.collection(kind).page(call.query.get("after"))
        return Answer(200, {wrapper or kind: [view(call.state, each) for each in page]})

    return run


def get_template(call: Call) -> Answer:
    """One template."""
    template = call.state.templates.get(call.id)
    if template is None:
        raise not_found()
    return Answer(200, {"template": views.template(call.state, template)})


def list_values(call: Call) -> Answer:
    """A page of a dictionary's values."""
    values = call.state.values.get(call.id.lower())
    if values is None:
        raise not_found()
    page = values.page(call.query.get("after"))
    return Answer(200, {"values": [views.named(each) for each in page]})


ROUTES = [
    *(Route("GET", f"/{kind}", listing(kind, view)) for kind, view in VIEWS.items()),
    Route("GET", "/templates/{id}", get_template),
    Route("GET", "/dictionaries/{id}/values", list_values),
]
