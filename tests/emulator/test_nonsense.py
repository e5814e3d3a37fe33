"""Whatever it is fed, the emulator answers in JSON with a status below 500."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planado_async.emulator import (
    EmulatorError,
    catalog,
    clients,
    jobs,
    shifts,
    sites,
    technicians,
    users,
)
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
FORMS = {
    ("POST", "/jobs"): jobs.FORM,
    ("PATCH", "/jobs/{id}"): jobs.FORM,
    ("POST", "/clients"): clients.FORM,
    ("PATCH", "/clients/{id}"): clients.FORM,
    ("POST", "/sites"): sites.FORM,
    ("PATCH", "/sites/{id}"): sites.FORM,
    ("POST", "/users"): users.FORM,
    ("POST", "/users/geo/search"): users.SEARCH,
    ("PATCH", "/users/{id}"): users.FORM,
    ("PATCH", "/users/{id}/shifts"): shifts.FORM,
    ("POST", "/catalog/products"): catalog.PRODUCT,
    ("POST", "/catalog/services"): catalog.SERVICE,
    ("POST", "/catalog/products/categories"): catalog.category_form("product_categories"),
    ("POST", "/catalog/services/categories"): catalog.category_form("service_categories"),
    ("POST", "/catalog/products/units"): catalog.UNIT,
    ("PATCH", "/catalog/products/units/{id}"): catalog.UNIT,
}


def test_every_write_is_in_the_table() -> None:
    """A write that is added is fed nonsense too."""
    assert FORMS.keys() == {(r.method, r.path) for r in ROUTES if r.method in ("POST", "PATCH")}


@pytest.mark.parametrize(("method", "path"), FORMS)
async def test_wrong_types_everywhere(api: Api, method: str, path: str) -> None:
    """Every field of every write takes every kind of value without breaking."""
    api.emulator.settings(open_user_creation=True, strict_version=True)
    user = (await api.get("/users"))["users"][0]["uuid"]
    unit = (await api.get("/catalog/products/units"))["units"][0]["uuid"]
    known = {"jobs": await api.job(), "users": user, "catalog": unit}.get(path.split("/")[1], "new")
    for name in (*FORMS[method, path].rules, "version"):
        for value in VALUES:
            reply = await api.send(method, path.replace("{id}", known), {name: value})
            assert reply.status < 500, (name, value)
            assert reply.status == 204 or isinstance(reply.json, dict)


@pytest.mark.parametrize(
    "path", sorted({r.path for r in ROUTES if r.method == "GET" and "{id}" in r.path})
)
@pytest.mark.parametrize(
    "id_", ["%00", "%ff", "%2E%2E", "%D0%96", "x" * 2000, GONE, "%F0%9F%92%A9", "%2F", "%25"]
)
async def test_odd_ids(api: Api, path: str, id_: str) -> None:
    """An odd id is an unknown one."""
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


def outcome(act: Callable[[], Any]) -> tuple[Any, EmulatorError | None]:
    """What came of it: a value, or the one error there is."""
    try:
        return act(), None
    except EmulatorError as error:
        return None, error


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
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(data=st.data())
def test_forms_refuse_or_accept(form: Form, data: st.DataObject) -> None:
    """A form answers any JSON with values or with its one error."""
    names = st.sampled_from(sorted(form.rules))
    body = data.draw(st.dictionaries(names, JSON, max_size=5))
    state: Any = _NoState()
    found, error = outcome(lambda: form.read(state, body, creating=False))
    if error is not None:
        assert error.status == 422
        found = error.body["errors"]
    assert found.keys() <= form.rules.keys()


@settings(max_examples=300)
@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_parse_gives_an_object_or_one_error(raw: bytes) -> None:
    """Any bytes are an object or a 400."""
    found, error = outcome(lambda: parse(raw))
    assert isinstance(found, dict) if error is None else error.status == 400


@settings(max_examples=200)
@given(st.dictionaries(st.sampled_from(sorted(technicians.RULES)), JSON))
def test_actions_refuse_or_fail(body: dict[str, Any]) -> None:
    """Any order for a technician on an unknown job is one error."""
    state: Any = _NoState()
    with pytest.raises(EmulatorError):
        technicians.act(state, "none", body)
