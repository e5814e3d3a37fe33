"""Whatever it is fed, the emulator answers in JSON with a status below 500."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planado_async.emulator import EmulatorError, clients, jobs, shifts, sites, technicians, users
from planado_async.emulator.calls import parse
from planado_async.emulator.forms import Form
from planado_async.emulator.server import ROUTES
from tests.emulator.api import Api

GONE = "1eeb37c1-0000-6000-8000-000000000000"
VALUES: list[Any] = [
    None, True, 0, -1, 2**64 - 1, 1e308, "", "x", "\u202e", [], [[]], [None], {}, {"uuid": None},
    {"uuid": []}, {"uuid": GONE}, {"name": {}}, {"minutes": None}, {"worker": []}, [{"worker": {}}],
    {"": ""}, "x" * 20_000,
]  # fmt: skip
NAMES = sorted(
    set().union(*(form.rules for form in (jobs.FORM, clients.FORM, sites.FORM, users.FORM)))
    | {"shifts", "geometry", "unit", "category", "parent", "limit", "version"}
)
WRITES = sorted({(r.method, r.path) for r in ROUTES if r.method in ("POST", "PATCH")})


@pytest.mark.parametrize(("method", "path"), WRITES)
async def test_wrong_types_everywhere(api: Api, method: str, path: str) -> None:
    """Every field of every write takes every kind of value without breaking."""
    api.emulator.settings(open_user_creation=True)
    known = (await api.get("/users"))["users"][0]["uuid"]
    path = path.replace("{id}", known if path.startswith("/users") else "new")
    for name in NAMES:
        for value in VALUES:
            reply = await api.send(method, path, {name: value})
            assert reply.status < 500, (name, value)
            assert reply.status == 204 or isinstance(reply.json, dict)


@pytest.mark.parametrize("path", sorted({r.path for r in ROUTES if r.method == "GET"}))
@pytest.mark.parametrize(
    "id_", ["%00", "%ff", "%2E%2E", "%D0%96", "x" * 2000, GONE, "%F0%9F%92%A9", "%2F", "%25"]
)
async def test_odd_ids(api: Api, path: str, id_: str) -> None:
    """An odd id is an unknown one."""
    if "{id}" not in path:
        pytest.skip("no id in this path")
    reply = await api.send("GET", path.replace("{id}", id_))
    assert reply.status in (404, 422)
    assert "message" in reply.json


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=10,
)


class _NoState:
    """Knows no record at all."""

    def collection(self, kind: str) -> Any:
        return self

    def find(self, key: str, value: str) -> None:
        return None

    def __getattr__(self, name: str) -> Any:
        return self

    def get(self, uuid: str) -> None:
        return None


@pytest.mark.parametrize(
    "form",
    [jobs.FORM, clients.FORM, sites.FORM, users.FORM, users.SEARCH, shifts.FORM],
    ids=["job", "client", "site", "user", "search", "shifts"],
)
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None
)
@given(data=st.data())
def test_forms_refuse_or_accept(form: Form, data: st.DataObject) -> None:
    """A form answers any JSON with values or with its one error."""
    names = st.sampled_from(sorted(form.rules))
    body = data.draw(st.dictionaries(names, JSON, max_size=5))
    state: Any = _NoState()
    try:
        assert form.read(state, body, creating=False).keys() <= form.rules.keys()
    except EmulatorError as error:
        assert error.status == 422
        assert error.body["errors"].keys() <= form.rules.keys()


@settings(max_examples=300)
@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_parse_gives_an_object_or_one_error(raw: bytes) -> None:
    """Any bytes are an object or a 400."""
    try:
        assert isinstance(parse(raw), dict)
    except EmulatorError as error:
        assert error.status == 400


@settings(max_examples=200)
@given(st.dictionaries(st.sampled_from(sorted(technicians.RULES)), JSON))
def test_actions_refuse_or_fail(body: dict[str, Any]) -> None:
    """Any order for a technician on an unknown job is one error."""
    state: Any = _NoState()
    with pytest.raises(EmulatorError):
        technicians.act(state, "none", body)
