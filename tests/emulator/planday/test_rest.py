import asyncio
import contextlib
from random import Random
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planado_async.emulator import EmulatorError
from planado_async.emulator.planday import hr_forms, hr_structure, hr_writes
from planado_async.emulator.planday.calls import Answer, Route, refusal
from planado_async.emulator.planday.faults import Faults
from planado_async.emulator.planday.query import Query
from planado_async.emulator.planday.rest import ROUTES, Router, plain
from tests.emulator.planday.caller import Caller
from tests.emulator.planday.rest_api import Rest

STAFF = "/hr/v1.0/employees"

# --- Paths and queries ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/hr/v1.0/departments",
        "/hr/v1/Departments",
        "/HR/V1.0/DEPARTMENTS/",
        "/hr/v1/departments?LIMIT=2&Offset=1",
        "/hr/v1/departments?unknown=x&fields=name",
    ],
)
async def test_forms_of_a_path(rest: Rest, path: str) -> None:
    """Letter case, the short version, a slash at the end and unknown names in a query are fine."""
    names = [each["name"] for each in await rest.one(path)]
    assert names == (["Centre", "South"] if "LIMIT" in path else ["North", "Centre", "South"])


@pytest.mark.parametrize(
    "pairs",
    [
        [("ids", "1,2")],
        [("IDS", "1"), ("ids", "2")],
        [("ids[]", "1"), ("Ids[]", " 2 ")],
        [("ids", "1,"), ("ids[]", "2")],
    ],
)
def test_forms_of_a_list(pairs: list[tuple[str, str]]) -> None:
    """Lists are joined by commas, repeated, or marked by brackets."""
    assert Query(pairs).numbers("ids") == frozenset({1, 2})


def test_nothing_given() -> None:
    """An empty value is as good as none."""
    query = Query([("ids", ""), ("day", "")])
    assert (query.numbers("ids"), query.day("day"), query.number("more")) == (None, None, None)


@pytest.mark.parametrize("value", ["x", "1.5", "1" * 19, "\u0661", "1,x", "--1"])
def test_numbers_that_are_none(value: str) -> None:
    """What is no number is bad input."""
    with pytest.raises(EmulatorError) as caught:
        Query([("ids", value)]).numbers("ids")
    assert (caught.value.status, caught.value.errors) == (
        400,
        {"ids": ["must be a whole number"]},
    )


def test_a_word_stands_above_a_parameter() -> None:
    """`/deactivated` is the list of those who have left, whatever order the routes stand in."""

    def route(path: str) -> Route:
        return Route("GET", path, None, lambda call: Answer(200))

    for paths in (["/a/{id}", "/a/Word"], ["/a/Word", "/a/{id}"]):
        router = Router([route(path) for path in paths])
        assert router.find("GET", plain("/a/WORD"))[0].path == "/a/Word"
        assert router.find("GET", "/a/7") == (router.find("GET", "/a/8")[0], {"id": "7"})


async def test_unknown_paths_and_methods(rest: Rest) -> None:
    """They are 404 and 405 in problem details."""
    for method, path, status in (
        ("GET", "/hr/v1.0/none", 404),
        ("GET", "/", 404),
        ("GET", "/hr/v2.0/employees", 404),
        ("PATCH", STAFF, 405),
        ("DELETE", f"{STAFF}/10001", 405),
    ):
        reply = await rest.send(method, path)
        assert (reply.status, reply.json["status"]) == (status, status)


@pytest.mark.parametrize("id_", ["x", "%00", "%ff", "1.5", "9" * 19, "%D0%96", "-"])
async def test_odd_ids(rest: Rest, id_: str) -> None:
    """An id that is no number is bad input, or leads nowhere."""
    assert await rest.status("GET", f"{STAFF}/{id_}") in (400, 404)


# --- Order of checks ------------------------------------------------------------------------------


async def test_order_of_checks(rest: Rest) -> None:
    """Bearer, X-ClientId, scope, input, existence: the first at fault answers."""
    small = await rest.scoped("department:read")
    path, body = "/hr/v1.0/departments/9", b"{"
    wrong = {"X-ClientId": rest.grant.app_id}
    assert (await small.send("PUT", path, body, headers={"Authorization": "no"})).status == 401
    assert (await small.send("PUT", path, body, headers=wrong)).status == 401
    assert await small.status("PUT", path, body) == 403
    assert await rest.status("PUT", path, body) == 400
    assert await rest.status("PUT", path, {"name": "x"}) == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": ""},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer nobody"},
        {"Authorization": "Basic YTpi"},
        {"X-ClientId": ""},
        {"X-ClientId": "5b4f3d3e-0000-4000-8000-000000000000"},
    ],
)
async def test_unauthorised(rest: Rest, headers: dict[str, str]) -> None:
    """Without a right bearer, or under another App ID, the answer is 401, empty, with limits."""
    reply = await rest.send("GET", STAFF, headers=headers)
    assert (reply.status, reply.raw) == (401, b"")
    assert reply.headers["WWW-Authenticate"] == "Bearer"
    assert "x-ratelimit-remaining" in reply.headers
    assert rest.caller.planday.counters()["unauthorised"] == 1


async def test_client_id_unchecked(rest: Rest) -> None:
    """X-ClientId can be made to mean nothing; its letter case never does."""
    upper = {"X-ClientId": rest.grant.app_id.upper()}
    assert (await rest.send("GET", STAFF, headers=upper)).status == 200
    rest.caller.planday.settings(check_client_id=False)
    assert (await rest.send("GET", STAFF, headers={"X-ClientId": ""})).status == 200


async def test_a_token_of_an_hour(rest: Rest) -> None:
    """An hour later the token is worth nothing."""
    await asyncio.sleep(3599)
    await rest.get(STAFF)
    await asyncio.sleep(1)
    assert await rest.status("GET", STAFF) == 401


async def test_missing_scope(rest: Rest) -> None:
    """It is 403 and empty; with bodies switched on it says why."""
    small = await rest.scoped("department:read")
    assert await small.status("GET", "/hr/v1.0/departments") == 200
    reply = await small.send("GET", STAFF)
    assert (reply.status, reply.raw) == (403, b"")
    rest.caller.planday.settings(empty_refusals=False)
    assert "scope" in (await small.send("GET", STAFF)).json["message"]


# What each route asks for: the method, the path, scopes that are just enough, what lets one in.
TRAPS = [
    ("GET", "/hr/v1.0/departments/1001/employees", ["employee:read"]),
    ("GET", "/hr/v1.0/employeegroups/2001/employees", ["employee:read"]),
    ("GET", "/hr/v1.0/skills", ["employee:read", "skill:read"]),
    ("GET", f"{STAFF}/10001/history", ["employee:history"]),
    ("PUT", f"{STAFF}/deactivate/10001", ["employee:update"]),
    ("PUT", f"{STAFF}/deactivate/10001", ["employee:deactivate"]),
    ("GET", "/hr/v1.0/terminationtypes", ["employee:read"]),
]


@pytest.mark.parametrize(("method", "path", "scopes"), TRAPS)
async def test_scopes(rest: Rest, method: str, path: str, scopes: list[str]) -> None:
    """These scopes are enough, and none of them can be left out."""
    assert await (await rest.scoped(*scopes)).status(method, path) in (200, 204)
    for scope in scopes:
        fewer = await rest.scoped(*(each for each in scopes if each != scope))
        assert await fewer.status(method, path) == 403


# --- Limits ---------------------------------------------------------------------------------------


async def narrow(caller: Caller, **limits: int) -> Rest:
    """Limits of its own; the emulator starts on a whole minute."""
    caller.planday.settings(**limits)
    return await Rest.opened(caller, caller.planday.first_grant)


async def test_every_answer_has_the_limits(caller: Caller) -> None:
    """Good or bad, an answer tells how the windows stand; calls of every kind fill them."""
    rest = await narrow(caller)
    left: list[str] = []
    for method, path, body in (
        ("GET", STAFF, None),
        ("GET", f"{STAFF}/1", None),
        ("POST", STAFF, b"{"),
        ("GET", "/none", None),
        ("PUT", "/hr/v1.0/departments/1001", {"name": "North"}),
    ):
        headers = (await rest.send(method, path, body)).headers
        assert headers["x-ratelimit-limit"] == "20, 20;w=1, 750;w=60, 100;w=1, 2000;w=60"
        left.append(headers["x-ratelimit-remaining"])
    assert left == ["19", "18", "17", "16", "15"]


async def test_refused(caller: Caller) -> None:
    """The call over the limit is 429, empty, told when to come again, and then let in."""
    rest = await narrow(caller, portal_per_minute=3)
    for _ in range(3):
        assert await rest.status("GET", STAFF) == 200
    await asyncio.sleep(20)
    reply = await rest.send("GET", STAFF)
    assert (reply.status, reply.raw) == (429, b"")
    assert reply.headers["x-ratelimit-limit"].startswith("3, 20;w=1, 3;w=60")
    assert reply.headers["x-ratelimit-remaining"] == "0"
    assert "Retry-After" not in reply.headers
    await asyncio.sleep(int(reply.headers["x-ratelimit-reset"]))
    assert await rest.status("GET", STAFF) == 200
    assert caller.planday.counters()["refusals"] == 1


async def test_retry_after(caller: Caller) -> None:
    """Switched on, the header says what x-ratelimit-reset says."""
    rest = await narrow(caller, portal_per_minute=1, retry_after=True)
    await rest.get(STAFF)
    headers = (await rest.send("GET", STAFF)).headers
    assert headers["Retry-After"] == headers["x-ratelimit-reset"]


async def test_strangers_are_not_counted(caller: Caller) -> None:
    """Who brings no good token uses up nobody's limit."""
    rest = await narrow(caller, portal_per_minute=1)
    for _ in range(3):
        assert (await rest.send("GET", STAFF, headers={"Authorization": "no"})).status == 401
    assert await rest.status("GET", STAFF) == 200


# --- Pages ----------------------------------------------------------------------------------------


async def test_pages(rest: Rest) -> None:
    """Pages follow each other without gap or overlap and know the total, to beyond the end."""
    pages = [await rest.get(f"{STAFF}?limit=15&offset={offset}") for offset in (0, 15, 30, 45)]
    assert [len(page["data"]) for page in pages] == [15, 15, 8, 0]
    assert pages[1]["paging"] == {"offset": 15, "limit": 15, "total": 38}
    ids = [each["id"] for page in pages for each in page["data"]]
    assert ids == sorted(set(ids))


@pytest.mark.parametrize(
    ("query", "limit"), [("", 50), ("limit=0", 50), ("limit=7", 7), ("limit=500", 50)]
)
async def test_limit(rest: Rest, query: str, limit: int) -> None:
    """Nought is the default, too much is lowered."""
    for number in range(60):
        await rest.post("/hr/v1.0/employeegroups", {"name": f"Group {number}"})
    page = await rest.get(f"/hr/v1.0/employeegroups?{query}")
    assert (page["paging"]["limit"], len(page["data"])) == (limit, limit)


@pytest.mark.parametrize("query", ["limit=-1", "offset=-1", "limit=x", "offset=1.5"])
async def test_wrong_pages(rest: Rest, query: str) -> None:
    """A limit or offset that is none is bad input."""
    assert await rest.status("GET", f"{STAFF}?{query}") == 400


async def test_list_order(rest: Rest) -> None:
    """Lists come by number, or backwards if set so."""
    up = [each["id"] for each in await rest.one("/hr/v1.0/departments")]
    rest.caller.planday.settings(list_order="descending")
    assert [each["id"] for each in await rest.one("/hr/v1.0/departments")] == up[::-1]


# --- Refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("api", "keys"),
    [
        ("hr", {"message", "modelState"}),
        ("scheduling", {"type", "title", "status", "detail", "instance"}),
        ("punchclock", {"type", "title", "status", "detail", "instance", "errors"}),
    ],
)
def test_shapes_of_bad_input(api: str, keys: set[str]) -> None:
    """Each API has its own way to say 400."""
    body = refusal(api, EmulatorError(400, "no", {"name": ["is wrong"]}))
    assert body.keys() == keys
    assert "is wrong" in str(body)


def test_shapes_of_other_refusals() -> None:
    """HR says 409 in one message; 404 is told in problem details everywhere."""
    assert refusal("hr", EmulatorError(409, "taken")) == {"message": "taken"}
    for api in ("hr", "scheduling", "punchclock"):
        assert refusal(api, EmulatorError(404, "gone"))["detail"] == "gone"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'"x"', b'{"name": "\\u0000"}', b"\xff"]
)
async def test_unusable_bodies(rest: Rest, body: bytes) -> None:
    """What is no JSON object is bad input."""
    reply = await rest.send("POST", "/hr/v1.0/departments", body)
    assert (reply.status, reply.json.keys()) == (400, {"message"})


async def test_a_body_wrongly_packed(rest: Rest) -> None:
    """A body that cannot be unpacked is bad input."""
    headers = {
        "Authorization": f"Bearer {rest.token}",
        "X-ClientId": rest.grant.app_id,
        "Content-Encoding": "gzip",
    }
    url = f"{rest.caller.emulator.planday_url}/hr/v1.0/departments"
    options = {"data": b"no gzip at all", "headers": headers, "compress": None}
    assert (await rest.caller.send("POST", url, **options)).status == 400


JUNK: list[Any] = [
    None, True, 0, -1, 2**63, 1e308, "", "x", "\u202e", [], [[]], [None], [True], {}, {"id": None},
    "x" * 20_000, "2026-02-30", "9999-12-31", ["1"],
]  # fmt: skip
EMPLOYEE = (*hr_forms.FIELDS, *(f"custom_1111{number}" for number in range(1, 7)))
NAMES = ("name", "number")
# The fields that the body of each write of HR may have.
WRITES: dict[tuple[str, str], tuple[str, ...]] = {
    ("POST", "/hr/v1.0/employees"): EMPLOYEE,
    ("PUT", "/hr/v1.0/employees/10005"): EMPLOYEE,
    ("PUT", "/hr/v1.0/employees/10005/change_username"): ("newUsername",),
    ("PUT", "/hr/v1.0/employees/deactivate/10005"): tuple(hr_writes.DISMISSAL),
    ("PUT", "/hr/v1.0/employees/reactivate/10039"): tuple(hr_writes.RETURN),
    ("POST", "/hr/v1.0/employees/10005/customfields/custom_11116/value"): ("value",),
    ("PUT", "/hr/v1.0/employees/10005/customfields/custom_11116/value"): ("value",),
    ("POST", "/hr/v1.0/departments"): NAMES,
    ("PUT", "/hr/v1.0/departments/1001"): NAMES,
    ("POST", "/hr/v1.0/employeegroups"): NAMES,
    ("PUT", "/hr/v1.0/employeegroups/2001"): NAMES,
    ("POST", "/hr/v1.0/skills"): tuple(hr_structure.SKILL),
    ("PUT", "/hr/v1.0/skills?skillId=401"): tuple(hr_structure.SKILL),
}
ROUTER = Router(ROUTES)


def hr_routes(*methods: str) -> set[str]:
    return {each.path for each in ROUTES if each.method in methods and "/hr/" in each.path}


def test_every_write_is_fed_nonsense() -> None:
    """A write of HR that is added stands in the table below too."""
    fed = {ROUTER.find(method, path.partition("?")[0])[0].path for method, path in WRITES}
    assert fed == hr_routes("POST", "PUT")


@pytest.mark.parametrize(("method", "path"), WRITES)
async def test_wrong_types_everywhere(rest: Rest, method: str, path: str) -> None:
    """Every field of every write takes every kind of value without breaking."""
    base = {"firstName": "A", "lastName": "B", "userName": "a@b.example", "departments": [1001]}
    kept = base if (method, path) == ("POST", STAFF) else {}
    for name in WRITES[method, path]:
        for value in JUNK:
            assert await rest.status(method, path, {**kept, name: value}) < 500, (name, value)
    await rest.get(STAFF)


WINDOW = ("createdFrom", "modifiedTo", "special", "includeSecurityGroups", "searchQuery")
QUERIES: dict[str, tuple[str, ...]] = {
    "/hr/v1.0/employees": WINDOW,
    "/hr/v1.0/employees/deactivated": (*WINDOW, "deactivatedFrom", "deactivatedTo"),
    "/hr/v1.0/employees/10005": ("special",),
    "/hr/v1.0/employees/10005/history": ("startDateTime", "endDateTime"),
    "/hr/v1.0/employees/fielddefinitions": ("type",),
    "/hr/v1.0/departments": ("limit", "offset"),
    "/hr/v1.0/departments/1001": ("includeDeleted",),
}
ODD = (
    "", "x", "-1", "9" * 30, "2026-02-30T00:00:00Z", "0001-01-01T00:00:00Z", "%00", "%F0%9F%92%A9",
    "2199-12-31T23:59:59-23:59", "a,b,,",
)  # fmt: skip


@pytest.mark.parametrize("path", QUERIES)
async def test_wrong_queries_everywhere(rest: Rest, path: str) -> None:
    """Every name of a query takes every kind of value without breaking."""
    for name in QUERIES[path]:
        for value in ODD:
            assert await rest.status("GET", f"{path}?{name}={value}") < 500, (name, value)


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_query_is_read_or_refused(name: str, value: str) -> None:
    """Any text in a query is a value or bad input."""
    query = Query([(name, value)])
    for read in (query.number, query.numbers, query.day, query.moment, query.texts, query.text):
        with contextlib.suppress(EmulatorError):
            read(name)


# --- Failures on order ----------------------------------------------------------------------------


async def test_server_errors(rest: Rest) -> None:
    """A page of HTML, with the call carried out only if ordered so."""
    planday = rest.caller.planday
    planday.fault("status")
    reply = await rest.send("POST", "/hr/v1.0/departments", {"name": "East"})
    assert (reply.status, reply.headers["Content-Type"]) == (500, "text/html; charset=utf-8")
    assert b"<h1>500</h1>" in reply.raw
    assert "x-ratelimit-remaining" in reply.headers
    planday.fault("status", status=503, execute=True, body="busy")
    reply = await rest.send("POST", "/hr/v1.0/departments", {"name": "West"})
    assert (reply.status, reply.raw) == (503, b"busy")
    names = [each["name"] for each in await rest.one("/hr/v1.0/departments")]
    assert names[3:] == ["West"]


async def test_not_json(rest: Rest) -> None:
    """A page where JSON belongs, under 200."""
    rest.caller.planday.fault("not_json")
    reply = await rest.send("GET", STAFF)
    assert (reply.status, reply.raw[:6]) == (200, b"<html>")


async def test_delay(rest: Rest) -> None:
    """The answer comes so many seconds later."""
    rest.caller.planday.fault("delay", seconds=30)
    before = asyncio.get_running_loop().time()
    await rest.get(STAFF)
    assert asyncio.get_running_loop().time() - before == pytest.approx(30, abs=1)


@pytest.mark.parametrize(("kind", "made"), [("cut_before", 0), ("cut_after", 1)])
async def test_cut(rest: Rest, kind: str, made: int) -> None:
    """The line is cut before the call is carried out, or after."""
    rest.caller.planday.fault(kind, method="POST", path="/HR/v1.0/departments")
    with pytest.raises(aiohttp.ClientConnectionError):
        await rest.post("/hr/v1.0/departments", {"name": "East"})
    assert len(await rest.one("/hr/v1.0/departments")) == 3 + made


@pytest.mark.parametrize(
    ("kind", "paging"),
    [
        ("no_total", {"offset": 0, "limit": 2}),
        ("no_paging", None),
        ("wrong_total", {"offset": 0, "limit": 2, "total": 7}),
    ],
)
async def test_spoilt_paging(rest: Rest, kind: str, paging: object) -> None:
    """A list may come without its total, without paging, or with a total that is wrong."""
    rest.caller.planday.fault(kind, total=7)
    body = await rest.get("/hr/v1.0/departments?limit=2")
    assert (body["paging"], len(body["data"])) == (paging, 2)
    assert (await rest.get("/hr/v1.0/departments?limit=2"))["paging"]["total"] == 3


@pytest.mark.parametrize("kind", ["no_total", "no_paging", "wrong_total"])
@pytest.mark.parametrize("path", ["/hr/v1.0/skills", "/portal/v1.0/info"])
async def test_nothing_to_spoil(rest: Rest, kind: str, path: str) -> None:
    """What has no paging comes as it is."""
    good = await rest.get(path)
    rest.caller.planday.fault(kind)
    assert await rest.get(path) == good


async def test_refusal_on_order(rest: Rest) -> None:
    """A 429 comes with headers or without, and leaves the windows as they are."""
    planday = rest.caller.planday
    planday.settings(portal_per_second=20)
    planday.fault("refuse_429", seconds=7)
    reply = await rest.send("GET", STAFF)
    assert (reply.status, reply.raw) == (429, b"")
    assert reply.headers["x-ratelimit-limit"].startswith("20, 20;w=1")
    assert reply.headers["x-ratelimit-remaining"] == "0"
    assert reply.headers["x-ratelimit-reset"] == "7"
    planday.fault("refuse_429", headers=False)
    reply = await rest.send("GET", STAFF)
    assert (reply.status, "x-ratelimit-reset" in reply.headers) == (429, False)
    assert (await rest.send("GET", STAFF)).headers["x-ratelimit-remaining"] == "19"


async def test_which_calls_are_struck(rest: Rest) -> None:
    """Method, path and count choose; what is used up strikes no more."""
    planday = rest.caller.planday
    planday.fault("status", status=502, count=2, method="GET", path="/hr/v1.0/employees/*")
    assert await rest.status("GET", STAFF) == 200
    assert await rest.status("PUT", f"{STAFF}/10001", {"city": "Skive"}) == 204
    got = [await rest.status("GET", f"{STAFF}/10001") for _ in range(3)]
    assert got == [502, 502, 200]
    assert planday.counters()["faults"] == {"status": 2}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "kind"),
        ({"kind": "explode"}, "kind"),
        ({"kind": "status", "status": 200}, "status"),
        ({"kind": "status", "method": "PATCH"}, "method"),
        ({"kind": "delay", "seconds": -1}, "seconds"),
        ({"kind": "wrong_total", "total": -1}, "total"),
        ({"kind": "delay", "paths": "*"}, "paths"),
    ],
)
def test_wrong_faults(body: dict[str, Any], field: str) -> None:
    """An order for a failure against the rules is refused, a misspelt part too."""
    with pytest.raises(EmulatorError) as caught:
        Faults(Random(0)).order(body)
    assert caught.value.body["errors"].keys() == {field}


@pytest.mark.parametrize(("probability", "most"), [(0, 0), (0.5, 70), (1, 100)])
def test_chance(probability: float, most: int) -> None:
    """A fault strikes as often as its probability says."""
    faults = Faults(Random(0))
    faults.order({"kind": "status", "count": None, "probability": probability})
    struck = sum(faults.for_call("GET", "/hr") is not None for _ in range(100))
    assert most * 0.5 <= struck <= most


async def test_counters(rest: Rest) -> None:
    """Calls that were let in are counted by the pattern of their route, and all by status."""
    for id_ in (10001, 10002, 1):
        await rest.status("GET", f"{STAFF}/{id_}")
    await rest.send("GET", STAFF, headers={"X-ClientId": ""})
    counters = rest.caller.planday.counters()
    assert (counters["calls"], counters["unauthorised"]) == (3, 1)
    assert counters["routes"] == {"GET /hr/v1.0/employees/{employeeId}": 3}
    assert counters["statuses"] == {"200": 2, "404": 1, "401": 1}
