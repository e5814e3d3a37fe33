"""What writes take: limits, nulls, forms; nothing that is refused spends a call."""

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from functools import reduce
from typing import Any
from zoneinfo import ZoneInfo

import aioresponses
import orjson
import pytest

from planado_async import Planado
from planado_async.planado import DEFAULT_URL

ANSWER = {
    f"{kind}_uuid": "u"
    for kind in ("job", "client", "site", "user", "product", "service", "category", "unit")
}
NOON = datetime(2026, 2, 3, 12, tzinfo=timezone(timedelta(hours=3)))


async def sent(call: Callable[[Planado], Awaitable[Any]]) -> Any:
    """Return the body of the one request a call sends; none may go out if it raises."""
    with aioresponses.aioresponses() as server:
        for method in ("GET", "POST", "PATCH", "DELETE"):
            server.add(re.compile(""), method, body=orjson.dumps(ANSWER), repeat=True)
        async with Planado("key") as planado:
            try:
                await call(planado)
            except (TypeError, ValueError):
                assert not server.requests
                assert planado.budget.level == 0
                raise
            assert len(server.requests) == 1
            ((request,),) = server.requests.values()
            return orjson.loads(request.kwargs["data"] or b"null")


def writing(operation: str, fields: Mapping[str, Any]) -> Callable[[Planado], Awaitable[Any]]:
    """Return the call of an operation such as `jobs.create`."""
    resource, method = operation.split(".")
    ids = () if method == "create" else ("an-id",)

    def call(planado: Planado) -> Awaitable[Any]:
        answer: Awaitable[Any] = getattr(getattr(planado, resource), method)(*ids, **fields)
        return answer

    return call


def nested(path: str, value: Any) -> Any:
    """Return `{"a": [{"b": value}]}` for the path `a[].b`."""

    def wrap(inner: Any, key: str) -> Any:
        inside = {key.removesuffix("[]"): inner}
        return {key.removesuffix("[]"): [inner]} if key.endswith("[]") else inside

    return reduce(wrap, reversed(path.split(".")), value)


# What an operation needs beside the field under test.
NEEDED: Mapping[str, Mapping[str, Any]] = {
    "clients.create": {"organization": False, "first_name": "Jo"},
    "sites.create": {"name": "Kiln"},
    "users.create": {"first_name": "A", "last_name": "B", "email": "a@b", "password": "p"},
    "products.create": {"name": "Pump", "unit": {"uuid": "u"}},
    "services.create": {"name": "Check"},
    "product_categories.create": {"name": "Pumps"},
    "service_categories.create": {"name": "Boilers"},
    "units.create": {"name": "piece", "code": "pcs"},
}

LIMITS = [
    ("jobs.create", "external_id", 500),
    ("jobs.create", "external_order_id", 500),
    ("jobs.create", "description", 15000),
    ("jobs.update", "description", 15000),
    ("jobs.create", "address.formatted", 5000),
    ("jobs.create", "address.apartment", 50),
    ("jobs.create", "address.floor", 50),
    ("jobs.create", "address.entrance_no", 50),
    ("jobs.create", "address.description", 500),
    ("jobs.update", "custom_fields[].value", 200),
    ("jobs.update", "report_fields[].value", 200),
    ("clients.create", "first_name", 50),
    ("clients.create", "last_name", 50),
    ("clients.create", "middle_name", 50),
    ("clients.create", "external_id", 500),
    ("clients.update", "organization_name", 5000),
    ("clients.upsert", "organization_name", 5000),
    ("clients.update", "site_address.formatted", 5000),
    ("clients.update", "custom_fields[].value", 200),
    ("sites.create", "name", 300),
    ("sites.update", "name", 300),
    ("sites.upsert", "description", 1000),
    ("sites.create", "external_id", 500),
    ("sites.update", "address.apartment", 50),
    ("users.create", "password", 128),
    ("products.create", "name", 250),
    ("services.create", "name", 250),
    ("services.create", "description", 500),
    ("product_categories.create", "name", 250),
    ("service_categories.create", "name", 250),
    ("units.create", "name", 250),
    ("units.create", "code", 50),
    ("units.update", "code", 50),
]


def filled(operation: str, path: str, value: Any) -> dict[str, Any]:
    field = nested(path, value)
    if path.endswith("_fields[].value"):
        field = {path.partition("[")[0]: [{"name": "Gate code", "value": value}]}
    return {**NEEDED.get(operation, {}), **field}


@pytest.mark.parametrize("letter", ["x", "я", "🔧"])
@pytest.mark.parametrize(("operation", "path", "most"), LIMITS)
async def test_a_text_may_be_as_long_as_documented(
    operation: str, path: str, most: int, letter: str
) -> None:
    """At the limit it is sent whole, one character beyond it is refused with the limit."""
    fields = filled(operation, path, letter * most)
    assert await sent(writing(operation, fields)) == fields
    place = path.replace("[]", "[0]")
    with pytest.raises(ValueError, match=re.escape(f"{place} has {most + 1} characters")):
        await sent(writing(operation, filled(operation, path, letter * (most + 1))))


NULLS = {
    "jobs.create": (
        "description scheduled_at scheduled_duration assignee client site territory",
        "template job_type external_id external_order_id assignees possible_resolutions address "
        "contacts skills custom_fields report_fields",
    ),
    "jobs.update": (
        "description scheduled_at scheduled_duration assignee client site territory "
        "address.apartment address.floor address.entrance_no address.description",
        "assignees possible_resolutions address contacts skills custom_fields report_fields "
        "address.formatted address.geolocation skills[].uuid assignee.worker assignee.team "
        "site.name client.uuid",
    ),
    "clients.create": (
        "last_name middle_name",
        "organization external_id site_address contacts custom_fields",
    ),
    "clients.update": (
        "first_name last_name middle_name",
        "organization_name site_address contacts custom_fields",
    ),
    "clients.upsert": ("first_name", "organization organization_name contacts"),
    "sites.create": ("description address client", "name external_id contacts custom_fields"),
    "sites.update": ("description address client", "name contacts custom_fields"),
    "users.create": (
        "mobile_phone territory",
        "first_name last_name email password skills permissions",
    ),
    "users.update": ("", "permissions"),
    "products.create": (
        "category external_id description gtin price_default",
        "name unit",
    ),
    "services.create": ("category external_id description price_default", "name"),
    "product_categories.create": ("parent external_id description", "name"),
    "units.create": ("", "name code external_id"),
    "units.update": ("", "name code external_id"),
}


@pytest.mark.parametrize(
    ("operation", "path"),
    [(operation, path) for operation, (may, _) in NULLS.items() for path in may.split()],
)
async def test_null_is_sent_where_the_api_takes_it(operation: str, path: str) -> None:
    """None clears the value: it goes out as null, which is not the same as leaving it out."""
    fields = filled(operation, path, None)
    assert await sent(writing(operation, fields)) == fields


@pytest.mark.parametrize(
    ("operation", "path"),
    [(operation, path) for operation, (_, may_not) in NULLS.items() for path in may_not.split()],
)
async def test_null_is_refused_where_the_api_does_not_take_it(operation: str, path: str) -> None:
    """The error says that leaving it out keeps what is there."""
    place = re.escape(path.replace("[]", "[0]"))
    with pytest.raises(TypeError, match=f"{place} cannot be null; leave it out"):
        await sent(writing(operation, filled(operation, path, None)))


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"contacts": [{"type": "phone", "value": None}]}, "contacts[0].value"),
        ({"contacts": [{"type": None, "value": "1"}]}, "contacts[0].type"),
        ({"address": {"geolocation": {"latitude": None, "longitude": 1}}}, "geolocation.latitude"),
    ],
)
async def test_null_is_refused_inside_a_part(fields: dict[str, Any], place: str) -> None:
    """A part whose other fields are right is looked into too."""
    with pytest.raises(TypeError, match=re.escape(f"{place} cannot be null")):
        await sent(writing("jobs.update", fields))


@pytest.mark.parametrize(
    ("operation", "name", "nearest"),
    [
        ("jobs.create", "descripton", "description"),
        ("jobs.create", "type", "job_type"),
        ("jobs.update", "sheduled_at", "scheduled_at"),
        ("jobs.update", "notify_asignees", "notify_assignees"),
        ("clients.create", "organisation", "organization"),
        ("sites.update", "adress", "address"),
        ("units.update", "nmae", "name"),
        ("users.create", "e_mail", "email"),
    ],
)
async def test_an_unknown_keyword_is_told_the_nearest(
    operation: str, name: str, nearest: str
) -> None:
    """The API would pass over it in silence, so it is refused here."""
    with pytest.raises(TypeError, match=f"takes no '{name}'; did you mean '{nearest}'"):
        await sent(writing(operation, {**NEEDED.get(operation, {}), name: "x"}))


@pytest.mark.parametrize(
    ("operation", "name"),
    [
        ("jobs.update", "template"),
        ("jobs.update", "job_type"),
        ("jobs.update", "external_id"),
        ("jobs.update", "external_order_id"),
        ("jobs.update", "version"),
        ("clients.update", "organization"),
        ("clients.update", "external_id"),
        ("clients.create", "name"),
        ("sites.create", "territory"),
        ("products.create", "currency"),
        ("products.create", "notify_assignees"),
    ],
)
async def test_what_cannot_be_written_is_no_keyword(operation: str, name: str) -> None:
    """Fields that the API never changes are refused, not passed over."""
    with pytest.raises(TypeError, match=f"takes no '{name}'"):
        await sent(writing(operation, {**NEEDED.get(operation, {}), name: "x"}))


@pytest.mark.parametrize(
    ("operation", "missing"),
    [
        ("clients.create", "organization"),
        ("sites.create", "name"),
        ("users.create", "email, first_name, last_name, password"),
        ("products.create", "name, unit"),
        ("services.create", "name"),
        ("product_categories.create", "name"),
        ("units.create", "code, name"),
    ],
)
async def test_what_is_required_is_asked_for(operation: str, missing: str) -> None:
    """A create without its required fields names them all."""
    with pytest.raises(TypeError, match=f"needs {missing}$"):
        await sent(writing(operation, {}))


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("template", "uuid, name"),
        ("job_type", "uuid, code"),
        ("territory", "uuid, name"),
        ("client", "uuid, external_id"),
        ("site", "uuid, external_id"),
        ("skills[]", "uuid, name"),
        ("possible_resolutions[]", "uuid, name"),
        ("assignee", "worker, team"),
    ],
)
async def test_a_reference_needs_exactly_one_key(path: str, keys: str) -> None:
    """None of them and two of them are refused, each alone is sent."""
    first, second = keys.split(", ")
    inner: Any = {"uuid": "x"} if path == "assignee" else "x"
    for one in (first, second):
        fields = nested(path, {one: inner})
        assert await sent(writing("jobs.create", fields)) == fields
    place = re.escape(path.replace("[]", "[0]"))
    for both in ({}, {first: inner, second: inner}):
        with pytest.raises(ValueError, match=f"{place} needs exactly one of {keys}"):
            await sent(writing("jobs.create", nested(path, both)))


@pytest.mark.parametrize("path", ["custom_fields[]", "report_fields[]"])
async def test_a_field_is_named_by_uuid_or_name_or_both(path: str) -> None:
    """A field is sent back as it was read; one without any name is refused."""
    for named in ({"uuid": "x"}, {"name": "x"}, {"uuid": "x", "name": "x"}):
        fields = nested(path, {**named, "value": 1})
        assert await sent(writing("jobs.create", fields)) == fields
    with pytest.raises(ValueError, match="needs uuid or name"):
        await sent(writing("jobs.create", nested(path, {"value": 1})))


@pytest.mark.parametrize("keys", [("uuid", "name"), ("uuid", "external_id"), ()])
async def test_a_catalog_reference_needs_exactly_one_key(keys: tuple[str, ...]) -> None:
    """A unit or category is named by uuid, external_id or name."""
    unit = dict.fromkeys(keys, "x")
    with pytest.raises(ValueError, match="unit needs exactly one of uuid, external_id, name"):
        await sent(writing("products.create", {"name": "Pump", "unit": unit}))


@pytest.mark.parametrize(
    "accesses", [(), ("view",), ("view", "view"), ("edit", "edit"), ("edit", "view", "edit")]
)
async def test_exactly_one_assignee_may_edit(accesses: tuple[str, ...]) -> None:
    """A list with no editor or with several is refused."""
    assignees = [{"worker": {"uuid": "w"}, "access": access} for access in accesses]
    editors = accesses.count("edit")
    with pytest.raises(ValueError, match=f"assignees has {editors} assignees with access 'edit'"):
        await sent(writing("jobs.update", {"assignees": assignees}))


async def test_one_editor_beside_viewers() -> None:
    """One edits and any number may look on."""
    fields = {
        "assignees": [
            {"worker": {"uuid": "a"}, "access": "view"},
            {"team": {"uuid": "b"}, "access": "edit"},
            {"worker": {"uuid": "c"}, "access": "view"},
        ]
    }
    assert await sent(writing("jobs.update", fields)) == fields


@pytest.mark.parametrize(
    ("assignees", "kind", "told"),
    [
        ([{"worker": {"uuid": "a"}}], TypeError, "assignees[0] needs access"),
        ([{"access": "edit"}], ValueError, "assignees[0] needs exactly one of worker, team"),
        ([{"worker": {"uuid": "a"}, "access": "own"}], ValueError, "takes 'edit', 'view'"),
        ([{"uuid": "a", "access": "edit"}], TypeError, "assignees[0] takes no 'uuid'"),
        ([{"worker": {}, "access": "edit"}], TypeError, "assignees[0].worker needs uuid"),
    ],
)
async def test_an_assignee_of_another_shape(
    assignees: Any, kind: type[Exception], told: str
) -> None:
    """The place and what is wrong there are named."""
    with pytest.raises(kind, match=re.escape(told)):
        await sent(writing("jobs.update", {"assignees": assignees}))


# --- Clients --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"organization": True}, "needs organization_name"),
        ({"organization": True, "organization_name": ""}, "needs organization_name"),
        (
            {"organization": True, "organization_name": "B", "last_name": "x"},
            "which has no last_name",
        ),
        ({"organization": False}, "needs a first, middle or last name"),
        ({"organization": False, "first_name": "", "last_name": None}, "needs a first, middle"),
        (
            {"organization": False, "first_name": "Jo", "organization_name": "B"},
            "who has no organization_name",
        ),
    ],
)
@pytest.mark.parametrize("operation", ["clients.create", "clients.upsert", "jobs.create"])
async def test_an_organization_or_a_person(
    operation: str, fields: dict[str, Any], told: str
) -> None:
    """The two kinds of clients have different names, inside a job too."""
    given = {"client": fields} if operation == "jobs.create" else fields
    with pytest.raises(ValueError, match=told):
        await sent(writing(operation, given))


@pytest.mark.parametrize("name", ["first_name", "middle_name", "last_name"])
async def test_one_name_is_enough_for_a_person(name: str) -> None:
    """Any of the three will do."""
    fields = {"organization": False, name: "Jo"}
    assert await sent(writing("clients.create", fields)) == fields


async def test_an_upsert_may_leave_the_kind_open() -> None:
    """Who exists already is one or the other."""
    fields = {"contacts": [{"value": "555-0100", "type": "phone"}]}
    assert await sent(writing("clients.upsert", fields)) == fields


@pytest.mark.parametrize(
    ("client", "told"),
    [
        ({"external_id": "x", "first_name": "Jo"}, "client takes no 'first_name'"),
        ({"organization": "yes"}, "client.organization takes True or False"),
        ("an-id", "client takes an object (dict), not str"),
    ],
)
async def test_a_client_inside_a_job_of_another_shape(client: Any, told: str) -> None:
    """Neither an existing one nor a new one."""
    with pytest.raises(TypeError, match=re.escape(told)):
        await sent(writing("jobs.create", {"client": client}))


@pytest.mark.parametrize(
    "fields",
    [
        {"client": {"external_id": "c", "organization": False, "first_name": "Jo"}},
        {"site": {"external_id": "s", "name": "Kiln", "address": {"formatted": "Kiln Rd 1"}}},
        {"client": {"uuid": "c"}, "site": {"external_id": "s"}},
        {"address": {"geolocation": {"latitude": 1.5, "longitude": 2}}},
        {"address": {}},
    ],
)
async def test_existing_and_new_records_inside_a_job(fields: dict[str, Any]) -> None:
    """A job may bring its client and site along."""
    assert await sent(writing("jobs.create", fields)) == fields


# --- Forms ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "form"),
    [
        (NOON, "2026-02-03T12:00:00+03:00"),
        (NOON.astimezone(UTC), "2026-02-03T09:00:00+00:00"),
        ("2026-02-03T09:00:00Z", "2026-02-03T09:00:00Z"),
        ("2026-02-03T09:00:00.000+03:00", "2026-02-03T09:00:00.000+03:00"),
    ],
)
async def test_moments_carry_their_offset(given: Any, form: str) -> None:
    """An aware datetime or its text is sent with its offset."""
    assert await sent(writing("jobs.update", {"scheduled_at": given})) == {"scheduled_at": form}


@pytest.mark.parametrize(
    "naive", [datetime(2026, 2, 3, 12), "2026-02-03T12:00:00", "2026-02-03", "20260203T120000"]
)
async def test_naive_moments_are_refused(naive: Any) -> None:
    """Nobody knows which moment they mean, as an object or as text."""
    with pytest.raises(ValueError, match=r"scheduled_at .* without a time zone"):
        await sent(writing("jobs.create", {"scheduled_at": naive}))
    shifts = [{"time_from": NOON, "time_to": naive}]
    with pytest.raises(ValueError, match=r"time_to .* without a time zone"):
        await sent(lambda planado: planado.users.set_shifts("u", shifts))  # type: ignore[arg-type]


@pytest.mark.parametrize("filter_", ["updated_after", "updated_before", "scheduled_after"])
def test_a_naive_filter_is_refused(filter_: str) -> None:
    """So are the ends of a range."""
    with pytest.raises(ValueError, match=f"{filter_} .* without a time zone"):
        Planado("key").jobs.list(**{filter_: datetime(2026, 2, 3)})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "form"),
    [
        (timedelta(hours=2), {"minutes": 120}),
        ({"minutes": 45}, {"minutes": 45}),
    ],
)
async def test_durations_are_minutes(given: Any, form: Any) -> None:
    """A timedelta or the API's own object is sent as whole minutes."""
    fields = {"scheduled_duration": given}
    assert await sent(writing("jobs.update", fields)) == {"scheduled_duration": form}


@pytest.mark.parametrize(
    "duration", [timedelta(seconds=90), timedelta(minutes=-5), 30, "30", {"minutes": 1.5}, {}]
)
async def test_durations_of_another_kind_are_refused(duration: Any) -> None:
    """Seconds, negative spans and bare numbers are not taken."""
    with pytest.raises((TypeError, ValueError), match="scheduled_duration"):
        await sent(writing("jobs.update", {"scheduled_duration": duration}))


@pytest.mark.parametrize(
    ("given", "form"), [(Decimal("1.050"), "1.050"), ("7", "7"), (Decimal("1E2"), "100")]
)
async def test_decimals_are_text(given: Any, form: str) -> None:
    """A price goes out with every digit it has."""
    body = await sent(writing("services.create", {"name": "x", "price_default": given}))
    assert body["price_default"] == form


@pytest.mark.parametrize("price", [1.05, 7, Decimal("NaN"), "Infinity", "1,05", "cheap", True])
async def test_prices_of_another_kind_are_refused(price: Any) -> None:
    """A float has lost digits already; what is not finite is no price."""
    with pytest.raises((TypeError, ValueError), match="price_default"):
        await sent(writing("services.create", {"name": "x", "price_default": price}))


@pytest.mark.parametrize(
    "value", [None, True, 7, "x" * 200, [1], {"uuid": "v"}, Decimal("1.5"), NOON, NOON.date()]
)
async def test_a_field_takes_any_value(value: Any) -> None:
    """The JSON type follows the field's data type, so all are let through."""
    body = await sent(writing("jobs.update", {"custom_fields": [{"uuid": "f", "value": value}]}))
    assert list(body["custom_fields"][0]) == ["uuid", "value"]


# --- Shifts ---------------------------------------------------------------------------------------


def piece(begin: float, end: float, **more: Any) -> dict[str, Any]:
    """Return a piece of the timeline, in hours after noon."""
    hour = timedelta(hours=1)
    return {"time_from": NOON + begin * hour, "time_to": NOON + end * hour, **more}


async def set_shifts(*pieces: Any) -> Any:
    return await sent(lambda planado: planado.users.set_shifts("u", list(pieces)))


@pytest.mark.parametrize(
    "pieces",
    [
        [piece(0, 0.25)],
        [piece(0, 24 * 7)],
        [piece(24 * 6, 24 * 7), piece(0, 8, working=False)],
        [piece(0.5, 0.75), piece(0.75, 1.0)],
    ],
)
async def test_shifts_within_a_week_on_quarter_hours(pieces: Any) -> None:
    """A week exactly is taken, in any order of pieces."""
    assert len((await set_shifts(*pieces))["shifts"]) == len(pieces)


@pytest.mark.parametrize(
    ("pieces", "told"),
    [
        ([], "shifts is empty"),
        ([piece(0, 0)], "shifts[0] ends before it begins, or at once"),
        ([piece(0, 1), piece(3, 2)], "shifts[1] ends before it begins"),
        ([piece(0, 24 * 7 + 0.25)], "the API takes a week at most"),
        ([piece(0, 1), piece(24 * 7, 24 * 7 + 1)], "the API takes a week at most"),
        ([piece(0, 1 / 6)], "shifts[0] is not on quarter hours: 2026-02-03T12:10:00+03:00"),
        ([piece(1 / 3600, 1)], "not on quarter hours"),
        ([piece(0, 1), piece(1 + 1e-9, 2)], "shifts[1] is not on quarter hours"),
    ],
)
async def test_shifts_beyond_a_rule_are_refused(pieces: Any, told: str) -> None:
    """Order, quarters and the week are checked before a call is spent."""
    if pieces and told.startswith("shifts[1] is not"):
        pieces[1]["time_from"] += timedelta(microseconds=1)
    with pytest.raises(ValueError, match=re.escape(told)):
        await set_shifts(*pieces)


@pytest.mark.parametrize("first", [date(2026, 10, 19), date(2027, 3, 22)])
async def test_a_week_in_which_the_clocks_change_is_a_week(first: date) -> None:
    """Seven days from midnight to midnight are taken, though they have 167 or 169 hours."""
    zone = ZoneInfo("Europe/Berlin")
    begin = datetime.combine(first, time(), zone)
    end = datetime.combine(first + timedelta(days=7), time(), zone)
    assert (end.astimezone(UTC) - begin.astimezone(UTC)) != timedelta(days=7)
    assert await set_shifts({"time_from": begin, "time_to": end})
    with pytest.raises(ValueError, match="a week at most"):
        await set_shifts({"time_from": begin, "time_to": end + timedelta(minutes=90)})


async def test_quarter_hours_count_across_offsets() -> None:
    """Two ends with different offsets are compared as moments."""
    with pytest.raises(ValueError, match="ends before it begins"):
        await set_shifts(
            {"time_from": "2026-02-03T12:00:00+00:00", "time_to": "2026-02-03T13:00:00+03:00"}
        )


@pytest.mark.parametrize(
    ("after", "before", "kind", "told"),
    [
        (date(2026, 2, 2), date(2026, 2, 10), ValueError, "a week at most"),
        (date(2026, 2, 2), date(2026, 2, 1), ValueError, "first day first"),
        (NOON, NOON, TypeError, "after takes a date, not datetime"),
        (date(2026, 2, 2), "2026-02-03", TypeError, "before takes a date, not str"),
        (None, date(2026, 2, 2), TypeError, "after cannot be null"),
    ],
)
async def test_a_timeline_is_read_for_a_week_at_most(
    after: Any, before: Any, kind: type[Exception], told: str
) -> None:
    """Two dates, in order, seven days apart at most."""
    with pytest.raises(kind, match=told):
        await sent(lambda planado: planado.users.shifts("u", after=after, before=before))


# --- Searching ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("search", "kind", "told"),
    [
        ({"latitude": 1, "longitude": 2}, TypeError, "needs radius_m"),
        ({"latitude": None, "longitude": 2, "radius_m": 1}, TypeError, "latitude cannot be null"),
        ({"latitude": float("nan"), "longitude": 2, "radius_m": 1}, ValueError, "a finite number"),
        ({"latitude": 1, "longitude": 2, "radius": 1}, TypeError, "needs radius_m"),
    ],
)
def test_a_search_of_another_shape_is_refused(
    search: dict[str, Any], kind: type[Exception], told: str
) -> None:
    """The circle must be whole; it is said at once, not at the first page."""
    with pytest.raises(kind, match=told):
        Planado("key").users.search_nearby(**search)


@pytest.mark.parametrize("page_size", [0, -1])
def test_a_page_of_nothing_is_refused(page_size: int) -> None:
    """It would end the walk before it began."""
    with pytest.raises(ValueError, match="page_size"):
        Planado("key").users.search_nearby(latitude=1, longitude=2, radius_m=3, page_size=page_size)


# --- Ids, options, nothing to do ------------------------------------------------------------------


@pytest.mark.parametrize("id", ["", ".", ".."])
@pytest.mark.parametrize(
    "call",
    [
        lambda planado, given: planado.jobs.get(given),
        lambda planado, given: planado.jobs.update(given, description="x"),
        lambda planado, given: planado.jobs.update(given),
        lambda planado, given: planado.clients.upsert(given, first_name="x"),
        lambda planado, given: planado.jobs.delete(given),
        lambda planado, given: planado.users.shifts(given, after=NOON.date(), before=NOON.date()),
        lambda planado, given: planado.request("GET", f"/jobs/{given}"),
    ],
)
async def test_what_is_no_id_is_refused(call: Any, id: str) -> None:
    """An empty or dotted id would reach another address."""
    with pytest.raises(ValueError, match=r"is no id|is no path"):
        await sent(lambda planado: call(planado, id))


@pytest.mark.parametrize("id", ["", ".", ".."])
def test_a_listing_refuses_what_is_no_id_at_once(id: str) -> None:
    """Not only when it is walked over."""
    planado = Planado("key")
    for listing in (planado.jobs.history, planado.jobs.locations, planado.webhooks.deliveries):
        with pytest.raises(ValueError, match="is no id"):
            listing(id)


@pytest.mark.parametrize(
    ("operation", "option", "kind", "told"),
    [
        ("jobs.get", {"dedline": 3}, TypeError, "did you mean 'deadline'"),
        ("jobs.get", {"notify_assignees": False}, TypeError, "takes no 'notify_assignees'"),
        ("jobs.get", {"priority": "urgent"}, ValueError, "takes 'interactive', 'normal', 'backgr"),
        ("jobs.get", {"timeout": None}, TypeError, "timeout cannot be null"),
        ("jobs.delete", {"deadline": "3"}, TypeError, "deadline takes a number, not str"),
        ("jobs.update", {"notify_assignees": 0}, TypeError, "notify_assignees takes True or False"),
        ("units.get", {"priority": None}, TypeError, "priority cannot be null"),
        ("sites.get", {"nothing": 1}, TypeError, "takes no 'nothing'"),
    ],
)
async def test_options_are_checked_too(
    operation: str, option: dict[str, Any], kind: type[Exception], told: str
) -> None:
    """A slip in an option costs no call either."""
    with pytest.raises(kind, match=told):
        await sent(writing(operation, option))


@pytest.mark.parametrize("operation", ["jobs.update", "clients.update", "sites.update"])
@pytest.mark.parametrize("options", [{}, {"notify_assignees": False, "deadline": 3.0}])
async def test_an_update_of_nothing_costs_no_call(operation: str, options: dict[str, Any]) -> None:
    """The id is given back and nothing is sent."""
    with aioresponses.aioresponses() as server:
        async with Planado("key") as planado:
            assert await writing(operation, options)(planado) == "an-id"
        assert not server.requests


@pytest.mark.parametrize(
    ("upsert", "answers"), [("clients.upsert", "client_uuid"), ("sites.upsert", "site_uuid")]
)
async def test_an_upsert_of_nothing_is_sent(upsert: str, answers: str) -> None:
    """It may be meant to tell whether the record is there, and its answer is the uuid."""
    with aioresponses.aioresponses() as server:
        kind = upsert.split(".")[0]
        server.patch(f"{DEFAULT_URL}/{kind}/an-id", payload={answers: "its-uuid"})
        async with Planado("key") as planado:
            assert await writing(upsert, {})(planado) == "its-uuid"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"at": datetime(2026, 2, 3)}, ValueError),
        ({"x": float("nan")}, ValueError),
        ({"x": {1}}, TypeError),
        ({"x": "\udcff"}, TypeError),
        ({"x": 2**70}, TypeError),
    ],
)
async def test_the_body_of_a_bare_request_is_checked(body: Any, kind: type[Exception]) -> None:
    """What JSON cannot say, or nobody could read, costs no call."""
    with pytest.raises(kind):
        await sent(lambda planado: planado.request("POST", "/x", body=body))
