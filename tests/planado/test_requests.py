"""Every operation and the one request it sends."""

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import aioresponses
import orjson
import pytest
from attrs import field, frozen

from planado_async import ApiKey, Planado
from planado_async.core.transport import USER_AGENT
from planado_async.planado import models as m
from planado_async.planado.resources import Resource

KEY = "key-of-the-account"
ID, QUOTED = "наряд 7/ä.b", "%D0%BD%D0%B0%D1%80%D1%8F%D0%B4%207%2F%C3%A4.b"
UUID = "5f0c1d2e-0000-6000-8000-000000000001"
NOON = datetime(2026, 2, 3, 12, 0, tzinfo=timezone(timedelta(hours=3)))
LATER = NOON + timedelta(hours=1)
NOON_TEXT, LATER_TEXT = "2026-02-03T12:00:00+03:00", "2026-02-03T13:00:00+03:00"
UTC_NOON = "2026-02-03T09:00:00Z"


@frozen(kw_only=True)
class Row:
    """One operation: how it is called, what it sends, what it makes of the answer."""

    name: str
    call: Callable[[Planado], Awaitable[Any]]
    sends: str
    query: Mapping[str, str] = field(factory=dict)
    body: Any = None
    answer: Any = None
    gives: Any = None
    headers: Mapping[str, str] = field(factory=dict)


def listing(
    operation: str,
    path: str,
    item: m.Model,
    /,
    *,
    key: str | None = None,
    ids: tuple[str, ...] = (),
    **extra: Any,
) -> Row:
    """Return the row of a listing, whose first page is enough."""
    resource, method = operation.split(".")
    sent = {"uuid": UUID, "unknown": [1]}

    def call(planado: Planado) -> Awaitable[Any]:
        pages = getattr(getattr(planado, resource), method)(*ids, after="cur/sor")
        collected: Awaitable[Any] = pages.collect(limit=1)
        return collected

    return Row(
        name=operation,
        call=call,
        sends=f"GET {path}",
        query={"after": "cur/sor"},
        answer={key or resource: [{**sent, **extra}]},
        gives=[item],
    )


ROWS = [
    # --- Jobs ---
    Row(
        name="jobs.get",
        call=lambda planado: planado.jobs.get(ID),
        sends=f"GET /jobs/{QUOTED}",
        answer={
            "job": {"uuid": UUID, "status": "brand_new", "scheduled_duration": {"minutes": 30}}
        },
        gives=m.Job(uuid=UUID, status="brand_new", scheduled_duration=timedelta(minutes=30)),
    ),
    Row(
        name="jobs.list",
        call=lambda planado: planado.jobs.list(
            updated_after=NOON,
            updated_before=LATER,
            scheduled_after=NOON,
            scheduled_before=LATER,
            worker_uuid="w-1",
            after="cur/sor",
        ).collect(limit=1),
        sends="GET /jobs",
        query={
            "updated_at[after]": NOON_TEXT,
            "updated_at[before]": LATER_TEXT,
            "scheduled_at[after]": NOON_TEXT,
            "scheduled_at[before]": LATER_TEXT,
            "assignee[worker_uuid]": "w-1",
            "after": "cur/sor",
        },
        answer={"jobs": [{"uuid": UUID, "assignee": {"worker_uuid": "w-1"}, "skill_uuids": ["s"]}]},
        gives=[m.JobItem(uuid=UUID, assignee=m.Assignee(worker_uuid="w-1"), skill_uuids=("s",))],
    ),
    Row(
        name="jobs.list",
        call=lambda planado: planado.jobs.list().collect(limit=1),
        sends="GET /jobs",
        answer={"jobs": []},
        gives=[],
    ),
    Row(
        name="jobs.create",
        call=lambda planado: planado.jobs.create(
            template={"name": "Boiler"},
            job_type={"code": "Repair"},
            external_id="wo-77",
            external_order_id="o-7",
            description=None,
            scheduled_at=NOON,
            scheduled_duration=timedelta(minutes=90),
            assignee={"worker": {"uuid": "w"}},
            assignees=[{"team": {"uuid": "t"}, "access": "edit"}],
            possible_resolutions=[{"name": "Done"}, {"uuid": "r"}],
            address={
                "formatted": "Kiln Rd 1",
                "floor": None,
                "geolocation": {"latitude": 1, "longitude": 2.5},
            },
            contacts=[{"name": "Jo", "value": "555-0100", "type": "phone"}],
            client={"organization": True, "organization_name": "Blue Kiln", "external_id": "crm-1"},
            site={"name": "Kiln", "client": {"external_id": "crm-1"}},
            territory=None,
            skills=[{"uuid": "s"}],
            custom_fields=[{"name": "Gate code", "value": "12"}],
            report_fields=[{"uuid": "f", "required": True}],
            notify_assignees=False,
            trigger_webhooks=True,
        ),
        sends="POST /jobs",
        headers={"X-Planado-Notify-Assignees": "false", "X-Planado-Trigger-Webhooks": "true"},
        body={
            "template": {"name": "Boiler"},
            "job_type": {"code": "Repair"},
            "external_id": "wo-77",
            "external_order_id": "o-7",
            "description": None,
            "scheduled_at": NOON_TEXT,
            "scheduled_duration": {"minutes": 90},
            "assignee": {"worker": {"uuid": "w"}},
            "assignees": [{"team": {"uuid": "t"}, "access": "edit"}],
            "possible_resolutions": [{"name": "Done"}, {"uuid": "r"}],
            "address": {
                "formatted": "Kiln Rd 1",
                "floor": None,
                "geolocation": {"latitude": 1, "longitude": 2.5},
            },
            "contacts": [{"name": "Jo", "value": "555-0100", "type": "phone"}],
            "client": {
                "organization": True,
                "organization_name": "Blue Kiln",
                "external_id": "crm-1",
            },
            "site": {"name": "Kiln", "client": {"external_id": "crm-1"}},
            "territory": None,
            "skills": [{"uuid": "s"}],
            "custom_fields": [{"name": "Gate code", "value": "12"}],
            "report_fields": [{"uuid": "f", "required": True}],
        },
        answer={"job_uuid": UUID},
        gives=UUID,
    ),
    Row(
        name="jobs.create",
        call=lambda planado: planado.jobs.create(),
        sends="POST /jobs",
        body={},
        answer={"job_uuid": UUID},
        gives=UUID,
    ),
    Row(
        name="jobs.update",
        call=lambda planado: planado.jobs.update(ID, description=None, scheduled_at=UTC_NOON),
        sends=f"PATCH /jobs/{QUOTED}",
        body={"description": None, "scheduled_at": UTC_NOON},
        answer={"job_uuid": UUID},
        gives=UUID,
    ),
    Row(
        name="jobs.delete",
        call=lambda planado: planado.jobs.delete(ID, notify_assignees=False),
        sends=f"DELETE /jobs/{QUOTED}",
        headers={"X-Planado-Notify-Assignees": "false"},
        answer={},
    ),
    Row(
        name="jobs.history",
        call=lambda planado: planado.jobs.history(ID, after="7").collect(limit=1),
        sends=f"GET /jobs/{QUOTED}/history",
        query={"after": "7"},
        answer={"events": [{"version": 8, "payload": {"status": "started"}, "type": "brand_new"}]},
        gives=[m.HistoryEvent(version=8, payload={"status": "started"}, type="brand_new")],
    ),
    Row(
        name="jobs.locations",
        call=lambda planado: planado.jobs.locations(ID).collect(limit=1),
        sends=f"GET /jobs/{QUOTED}/locations",
        answer={
            "locations": [
                {"uuid": UUID, "accuracy_m": 12, "catured_at": UTC_NOON, "events": [{"type": "x"}]}
            ]
        },
        gives=[
            m.Location(
                uuid=UUID,
                accuracy_m=12.0,
                captured_at=datetime(2026, 2, 3, 9, tzinfo=UTC),
                events=(m.LocationEvent(type="x"),),
            )
        ],
    ),
    # --- Clients and sites ---
    Row(
        name="clients.get",
        call=lambda planado: planado.clients.get(ID),
        sends=f"GET /clients/{QUOTED}",
        answer={"client": {"uuid": UUID, "organization": True, "contacts": [{"value": "1"}]}},
        gives=m.Client(uuid=UUID, organization=True, contacts=(m.Contact(value="1"),)),
    ),
    Row(
        name="clients.list",
        call=lambda planado: planado.clients.list(updated_after=NOON, updated_before=LATER).collect(
            limit=1
        ),
        sends="GET /clients",
        query={"updated_at[after]": NOON_TEXT, "updated_at[before]": LATER_TEXT},
        answer={"clients": [{"uuid": UUID}]},
        gives=[m.Client(uuid=UUID)],
    ),
    Row(
        name="clients.create",
        call=lambda planado: planado.clients.create(
            organization=False, first_name="Jo", last_name=None, trigger_webhooks=False
        ),
        sends="POST /clients",
        headers={"X-Planado-Trigger-Webhooks": "false"},
        body={"organization": False, "first_name": "Jo", "last_name": None},
        answer={"client_uuid": UUID},
        gives=UUID,
    ),
    Row(
        name="clients.update",
        call=lambda planado: planado.clients.update(
            ID, site_address={"geolocation": {"latitude": 1.5, "longitude": 2.5}}
        ),
        sends=f"PATCH /clients/{QUOTED}",
        body={"site_address": {"geolocation": {"latitude": 1.5, "longitude": 2.5}}},
        answer={"client_uuid": UUID},
        gives=UUID,
    ),
    Row(
        name="clients.upsert",
        call=lambda planado: planado.clients.upsert(ID, organization=True, organization_name="B"),
        sends=f"PATCH /clients/{QUOTED}",
        body={"organization": True, "organization_name": "B"},
        answer={"client_uuid": UUID},
        gives=UUID,
    ),
    Row(
        name="clients.delete",
        call=lambda planado: planado.clients.delete(ID),
        sends=f"DELETE /clients/{QUOTED}",
        answer={},
    ),
    Row(
        name="sites.get",
        call=lambda planado: planado.sites.get(ID),
        sends=f"GET /sites/{QUOTED}",
        answer={"site": {"uuid": UUID, "territory": {"uuid": "t", "name": "North"}}},
        gives=m.Site(uuid=UUID, territory=m.Reference(uuid="t", name="North")),
    ),
    Row(
        name="sites.get",
        call=lambda planado: planado.sites.get(ID),
        sends=f"GET /sites/{QUOTED}",
        answer={"sites": {"uuid": UUID}},
        gives=m.Site(uuid=UUID),
    ),
    Row(
        name="sites.list",
        call=lambda planado: planado.sites.list(updated_before=NOON, after="s").collect(limit=1),
        sends="GET /sites",
        query={"updated_at[before]": NOON_TEXT, "after": "s"},
        answer={"sites": [{"uuid": UUID}]},
        gives=[m.Site(uuid=UUID)],
    ),
    Row(
        name="sites.create",
        call=lambda planado: planado.sites.create(name="Kiln", external_id="s-1", client=None),
        sends="POST /sites",
        body={"name": "Kiln", "external_id": "s-1", "client": None},
        answer={"site_uuid": UUID},
        gives=UUID,
    ),
    Row(
        name="sites.update",
        call=lambda planado: planado.sites.update(ID, address=None, description="x"),
        sends=f"PATCH /sites/{QUOTED}",
        body={"address": None, "description": "x"},
        answer={"site_uuid": UUID},
        gives=UUID,
    ),
    Row(
        name="sites.upsert",
        call=lambda planado: planado.sites.upsert(ID, name="Kiln", client={"uuid": "c"}),
        sends=f"PATCH /sites/{QUOTED}",
        body={"name": "Kiln", "client": {"uuid": "c"}},
        answer={"site_uuid": UUID},
        gives=UUID,
    ),
    # --- Users ---
    listing(
        "users.list",
        "/users",
        m.User(uuid=UUID, permissions={"mobile": {}}),
        permissions={"mobile": {}},
    ),
    Row(
        name="users.create",
        call=lambda planado: planado.users.create(
            first_name="Anna",
            last_name="Berg",
            email="anna@example.test",
            password="p" * 128,
            mobile_phone=None,
            territory={"name": "North"},
            skills=[{"name": "Gas"}],
            permissions={"mobile": {"login": True}},
        ),
        sends="POST /users",
        body={
            "first_name": "Anna",
            "last_name": "Berg",
            "email": "anna@example.test",
            "password": "p" * 128,
            "mobile_phone": None,
            "territory": {"name": "North"},
            "skills": [{"name": "Gas"}],
            "permissions": {"mobile": {"login": True}},
        },
        answer={"user_uuid": UUID},
        gives=UUID,
    ),
    Row(
        name="users.update",
        call=lambda planado: planado.users.update(ID, permissions={"mobile": {"login": False}}),
        sends=f"PATCH /users/{QUOTED}",
        body={"permissions": {"mobile": {"login": False}}},
        answer={"user_uuid": UUID},
        gives=UUID,
    ),
    Row(
        name="users.shifts",
        call=lambda planado: planado.users.shifts(
            ID, after=date(2026, 2, 2), before=date(2026, 2, 9)
        ),
        sends=f"GET /users/{QUOTED}/shifts",
        query={"after": "2026-02-02", "before": "2026-02-09"},
        answer={
            "timeline": [
                {"time_from": NOON_TEXT, "time_to": LATER_TEXT, "working": True, "territory": None}
            ]
        },
        gives=[m.Shift(time_from=NOON, time_to=LATER, working=True)],
    ),
    Row(
        name="users.set_shifts",
        call=lambda planado: planado.users.set_shifts(
            ID,
            [
                {"time_from": NOON, "time_to": LATER_TEXT, "working": False},
                {
                    "time_from": LATER,
                    "time_to": LATER + timedelta(minutes=15),
                    "job_type": {"code": "Repair"},
                    "territory": {"uuid": "t"},
                },
            ],
        ),
        sends=f"PATCH /users/{QUOTED}/shifts",
        body={
            "shifts": [
                {"time_from": NOON_TEXT, "time_to": LATER_TEXT, "working": False},
                {
                    "time_from": LATER_TEXT,
                    "time_to": "2026-02-03T13:15:00+03:00",
                    "job_type": {"code": "Repair"},
                    "territory": {"uuid": "t"},
                },
            ]
        },
    ),
    Row(
        name="users.search_nearby",
        call=lambda planado: planado.users.search_nearby(
            latitude=52.5,
            longitude=13,
            radius_m=500,
            seen_within=timedelta(hours=1),
            page_size=7,
            territory={"name": "North"},
            skills=[{"uuid": "s"}],
        ).collect(limit=1),
        sends="POST /users/geo/search",
        body={
            "geometry": {
                "type": "circle",
                "center": {"latitude": 52.5, "longitude": 13},
                "radius_m": 500,
            },
            "recency_cut_off_min": 60,
            "territory": {"name": "North"},
            "skills": [{"uuid": "s"}],
            "limit": 7,
            "offset": 0,
        },
        answer={"users": [{"user_uuid": UUID, "latitude": 52.5}]},
        gives=[m.NearbyUser(user_uuid=UUID, latitude=52.5)],
    ),
    Row(
        name="users.search_nearby",
        call=lambda planado: planado.users.search_nearby(
            latitude=0.0, longitude=0.0, radius_m=1.5
        ).collect(limit=1),
        sends="POST /users/geo/search",
        body={
            "geometry": {
                "type": "circle",
                "center": {"latitude": 0.0, "longitude": 0.0},
                "radius_m": 1.5,
            },
            "limit": 100,
            "offset": 0,
        },
        answer={"users": []},
        gives=[],
    ),
    # --- Directories ---
    listing("teams.list", "/teams", m.Team(uuid=UUID, name="A"), name="A", territory=None),
    listing("territories.list", "/territories", m.Territory(uuid=UUID)),
    listing("skills.list", "/skills", m.Skill(uuid=UUID)),
    listing("job_types.list", "/job_types", m.JobType(uuid=UUID, code="default"), code="default"),
    listing(
        "resolutions.list",
        "/resolutions",
        m.Resolution(uuid=UUID, successful=True),
        successful=True,
    ),
    listing("templates.list", "/templates", m.Template(uuid=UUID)),
    Row(
        name="templates.get",
        call=lambda planado: planado.templates.get(ID),
        sends=f"GET /templates/{QUOTED}",
        answer={"template": {"uuid": UUID, "assignee": {"team": {"uuid": "t"}}}},
        gives=m.Template(uuid=UUID, assignee=m.Assignee(team=m.Reference(uuid="t"))),
    ),
    listing("dictionaries.list", "/dictionaries", m.Dictionary(uuid=UUID)),
    listing(
        "dictionaries.values",
        f"/dictionaries/{QUOTED}/values",
        m.DictionaryValue(uuid=UUID, name="Arden"),
        key="values",
        ids=(ID,),
        name="Arden",
    ),
    # --- Catalog ---
    listing(
        "products.list",
        "/catalog/products",
        m.Product(uuid=UUID, price_default=Decimal("1.05")),
        price_default="1.05",
    ),
    Row(
        name="products.create",
        call=lambda planado: planado.products.create(
            name="Pump",
            unit={"name": "piece"},
            category={"external_id": "c"},
            external_id=None,
            description=None,
            gtin="4006381333931",
            price_default=Decimal("1.050"),
        ),
        sends="POST /catalog/products",
        body={
            "name": "Pump",
            "unit": {"name": "piece"},
            "category": {"external_id": "c"},
            "external_id": None,
            "description": None,
            "gtin": "4006381333931",
            "price_default": "1.050",
        },
        answer={"product_uuid": UUID},
        gives=UUID,
    ),
    listing(
        "services.list", "/catalog/services", m.Service(uuid=UUID, archived=True), archived=True
    ),
    Row(
        name="services.create",
        call=lambda planado: planado.services.create(
            name="Check", category=None, price_default="7"
        ),
        sends="POST /catalog/services",
        body={"name": "Check", "category": None, "price_default": "7"},
        answer={"service_uuid": UUID},
        gives=UUID,
    ),
    *(
        row
        for kind in ("product", "service")
        for row in (
            Row(
                name=f"{kind}_categories.get",
                call=lambda planado, kind=kind: getattr(planado, f"{kind}_categories").get(ID),  # type: ignore[misc]
                sends=f"GET /catalog/{kind}s/categories/{QUOTED}",
                answer={"category": {"uuid": UUID, "parent_uuid": None}},
                gives=m.Category(uuid=UUID),
            ),
            listing(
                f"{kind}_categories.list",
                f"/catalog/{kind}s/categories",
                m.Category(uuid=UUID, name="Pumps"),
                key="categories",
                name="Pumps",
            ),
            Row(
                name=f"{kind}_categories.create",
                call=lambda planado, kind=kind: getattr(planado, f"{kind}_categories").create(  # type: ignore[misc]
                    name="Pumps", parent={"uuid": "p"}, description="x"
                ),
                sends=f"POST /catalog/{kind}s/categories",
                body={"name": "Pumps", "parent": {"uuid": "p"}, "description": "x"},
                answer={"category_uuid": UUID},
                gives=UUID,
            ),
        )
    ),
    Row(
        name="units.get",
        call=lambda planado: planado.units.get(ID),
        sends=f"GET /catalog/products/units/{QUOTED}",
        answer={"unit": {"uuid": UUID, "code": "pcs"}},
        gives=m.Unit(uuid=UUID, code="pcs"),
    ),
    listing("units.list", "/catalog/products/units", m.Unit(uuid=UUID)),
    Row(
        name="units.create",
        call=lambda planado: planado.units.create(name="piece", code="pcs", external_id="u-1"),
        sends="POST /catalog/products/units",
        body={"name": "piece", "code": "pcs", "external_id": "u-1"},
        answer={"unit_uuid": UUID},
        gives=UUID,
    ),
    Row(
        name="units.update",
        call=lambda planado: planado.units.update(ID, code="pc"),
        sends=f"PATCH /catalog/products/units/{QUOTED}",
        body={"code": "pc"},
        answer={"unit_uuid": UUID},
        gives=UUID,
    ),
    # --- Webhooks ---
    listing(
        "webhooks.list",
        "/webhooks",
        m.Webhook(uuid=UUID, event_types=("job_updated",), secret="s"),
        event_types=["job_updated"],
        secret="s",
    ),
    listing(
        "webhooks.deliveries",
        f"/webhooks/{QUOTED}/requests",
        m.WebhookRequest(uuid=UUID, attempt_no=1, http_response_headers={"a": "b"}),
        key="requests",
        ids=(ID,),
        attempt_no=1,
        http_response_headers={"a": "b"},
    ),
    # --- What has no method yet ---
    Row(
        name="request",
        call=lambda planado: planado.request(
            "patch",
            "/users/a%2Fb/shifts/2026-02-03",
            query={"dry[run]": "a&b"},
            body={"at": NOON, "price": Decimal("1.5"), "none": None},
            trigger_webhooks=True,
        ),
        sends="PATCH /users/a%2Fb/shifts/2026-02-03",
        query={"dry[run]": "a&b"},
        headers={"X-Planado-Trigger-Webhooks": "true"},
        body={"at": NOON_TEXT, "price": "1.5", "none": None},
        answer={"anything": [1]},
        gives={"anything": [1]},
    ),
    Row(
        name="request",
        call=lambda planado: planado.request("GET", "/custom_fields"),
        sends="GET /custom_fields",
        answer=[1, 2],
        gives=[1, 2],
    ),
]


def named(rows: list[Row]) -> list[Any]:
    return [pytest.param(row, id=f"{row.name}-{number}") for number, row in enumerate(rows)]


@pytest.mark.parametrize("row", named(ROWS))
async def test_an_operation_sends_exactly_this_request(row: Row) -> None:
    """Method, path as on the wire, query, headers and body are these, and the answer is read."""
    method, path = row.sends.split(" ", 1)
    with aioresponses.aioresponses() as server:
        add_answer(server, method, row.answer)
        async with Planado(KEY) as planado:
            assert await row.call(planado) == row.gives
    ((sent_method, url), (request,)) = next(iter(server.requests.items()))
    assert len(server.requests) == 1
    assert (sent_method, url.raw_path) == (method, f"/v2{path}")
    assert str(url.origin()) == "https://api.planadoapp.com"
    assert dict(url.query) == row.query
    assert len(url.query) == len(row.query)
    body = request.kwargs["data"]
    assert (body if body is None else orjson.loads(body)) == row.body
    common = {
        "Accept": "application/json",
        "User-Agent": USER_AGENT,
        "X-Planado-API-Key": KEY,
        **({} if body is None else {"Content-Type": "application/json"}),
    }
    assert request.kwargs["headers"] == {**common, **row.headers}
    assert request.kwargs["allow_redirects"] is False
    assert request.kwargs["timeout"].total == 30.0


def add_answer(server: aioresponses.aioresponses, method: str, answer: Any) -> None:
    status, body = (204, b"") if answer is None else (200, orjson.dumps(answer))
    server.add(re.compile(""), method, status=status, body=body)


@pytest.mark.parametrize("row", named([row for row in ROWS if row.answer not in (None, [1, 2])]))
async def test_what_is_received_is_kept_as_it_is(row: Row) -> None:
    """Every model carries the JSON object it was read from."""
    method, _ = row.sends.split(" ", 1)
    with aioresponses.aioresponses() as server:
        add_answer(server, method, row.answer)
        async with Planado(KEY) as planado:
            given = await row.call(planado)
    items = given if isinstance(given, list) else [given]
    for item in items:
        if isinstance(item, m.Model):
            (sent,) = row.answer.values()
            assert item.raw == (sent[0] if isinstance(sent, list) else sent)


@pytest.mark.parametrize(
    ("header", "value"),
    [("Authorization", f"Bearer {KEY}"), ("X-Planado-Api-Token", KEY), ("X-Planado-API-Key", KEY)],
)
async def test_the_key_goes_out_in_the_form_asked_for(header: Any, value: str) -> None:
    """Two other forms of the key's header take the place of the usual one."""
    with aioresponses.aioresponses() as server:
        add_answer(server, "GET", {"job": {"uuid": UUID}})
        async with Planado(auth=ApiKey(KEY, header)) as planado:
            await planado.jobs.get(UUID)
    ((request,),) = server.requests.values()
    assert [item for item in request.kwargs["headers"].items() if KEY in item[1]] == [
        (header, value)
    ]


MADE_OF_OTHERS = {"details", "find", "find_value"}  # each has tests of its own


def test_every_operation_has_a_row() -> None:
    """A method that is added to a resource needs a row in the table."""
    planado = Planado(KEY)
    operations = {
        f"{resource}.{method}"
        for resource, group in vars(planado).items()
        if isinstance(group, Resource)
        for method, _ in inspect.getmembers(group, callable)
        if not method.startswith("_") and method not in MADE_OF_OTHERS
    }
    assert {row.name for row in ROWS} == operations | {"request"}
