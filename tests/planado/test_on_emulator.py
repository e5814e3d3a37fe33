"""Every operation against the emulated account, over a real socket."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from planado_async import (
    AuthenticationError,
    ConflictError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    Planado,
    RateLimit,
    UnexpectedResponseError,
    ValidationError,
)
from planado_async.emulator import Emulator
from planado_async.planado.models import Client, Job, Model, User
from tests.planado.conftest import START

TOMORROW = START + timedelta(days=1)
MOSCOW = timezone(timedelta(hours=3))


async def worker(planado: Planado, number: int = 0) -> User:
    """Return a user who works in the field."""
    users = await planado.users.list().collect()
    return [each for each in users if each.permissions and each.permissions["mobile"]["login"]][
        number
    ]


async def published(planado: Planado, **fields: Any) -> str:
    """Make a job that a technician can begin."""
    who = await worker(planado)
    return await planado.jobs.create(
        scheduled_at=TOMORROW, assignee={"worker": {"uuid": who.uuid}}, **fields
    )


# --- Jobs -----------------------------------------------------------------------------------------


async def test_a_job_comes_back_as_it_was_made(planado: Planado) -> None:
    """Every field that was written is read again, as dates, durations and parts."""
    who = await worker(planado)
    client = await planado.clients.create(organization=True, organization_name="Blue Kiln")
    uuid = await planado.jobs.create(
        external_id="wo-77",
        external_order_id="order-7",
        description="Протечка",
        job_type={"code": "Repair"},
        scheduled_at=datetime(2026, 2, 3, 12, 30, tzinfo=MOSCOW),
        scheduled_duration=timedelta(minutes=90),
        assignees=[{"worker": {"uuid": who.uuid}, "access": "edit"}],
        possible_resolutions=[{"name": "Done"}, {"name": "Nobody at home"}],
        address={
            "formatted": "Kiln Rd 1",
            "floor": "2",
            "geolocation": {"latitude": 1.5, "longitude": 2.5},
        },
        contacts=[{"name": "Jo", "value": "555-0100", "type": "phone"}],
        client={"uuid": client},
        site={"name": "Kiln", "external_id": "site-1"},
        territory={"name": "North"},
        skills=[{"name": "Gas"}],
        custom_fields=[
            {"name": "Gate code", "field_type": "input", "data_type": "string", "value": "12"}
        ],
    )
    job = await planado.jobs.get("wo-77")
    assert (job.uuid, job.external_order_id) == (uuid, "order-7")
    assert (job.description, job.status, job.version) == ("Протечка", "published", 1)
    assert job.scheduled_at == datetime(2026, 2, 3, 9, 30, tzinfo=UTC)
    assert job.scheduled_duration == timedelta(minutes=90)
    assert job.type is not None
    assert job.type.code == "Repair"
    assert job.assignee is not None
    assert job.assignee.worker is not None
    assert job.assignee.worker.email == who.email
    assert [(each.uuid, each.access) for each in job.assignees] == [(who.uuid, "edit")]
    assert [each.name for each in job.possible_resolutions] == ["Done", "Nobody at home"]
    assert job.address is not None
    assert (job.address.formatted, job.address.floor, job.address.apartment) == (
        "Kiln Rd 1",
        "2",
        None,
    )
    assert job.address.geolocation is not None
    assert (job.address.geolocation.latitude, job.address.geolocation.longitude) == (1.5, 2.5)
    assert [(each.name, each.value) for each in job.contacts] == [("Jo", "555-0100")]
    assert job.client is not None
    assert job.client.uuid == client
    assert job.site is not None
    assert job.site.external_id == "site-1"
    assert job.territory is not None
    assert job.territory.name == "North"
    assert [each.name for each in job.skills] == ["Gas"]
    assert [(each.name, each.value) for each in job.custom_fields] == [("Gate code", "12")]
    assert job.created_at == job.updated_at
    assert (job.timestamps, job.resolution, job.report_fields) == (None, None, ())
    assert job.raw["ordered_services"] == []


async def test_raw_is_exactly_what_was_received(planado: Planado, emulator: Emulator) -> None:
    """Key by key the same object that the server sent, at every depth."""
    await published(planado, external_id="wo-1", contacts=[{"value": "1", "type": "phone"}])
    job = await planado.jobs.get("wo-1")
    headers = {"X-Planado-API-Key": emulator.api_key}
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{emulator.url}/jobs/wo-1", headers=headers) as answer,
    ):
        sent = (await answer.json())["job"]
    assert job.raw == sent
    assert list(job.raw) == list(sent)
    assert job.contacts[0].raw == sent["contacts"][0]
    assert job.assignee is not None
    assert job.assignee.raw == sent["assignee"]


async def test_a_key_left_out_is_kept_and_null_clears(planado: Planado) -> None:
    """An update changes what is named and nothing else."""
    uuid = await published(planado, description="pump", scheduled_duration=timedelta(hours=1))
    assert await planado.jobs.update(uuid, scheduled_duration=None) == uuid
    job = await planado.jobs.get(uuid)
    assert (job.description, job.scheduled_duration, job.version) == ("pump", None, 2)
    await planado.jobs.update(uuid, description=None, assignee=None, scheduled_at=None)
    job = await planado.jobs.get(uuid)
    assert (job.description, job.assignee, job.status, job.version) == (None, None, "posted", 3)


async def test_an_empty_update_costs_no_call(planado: Planado, emulator: Emulator) -> None:
    """The emulator counts none, and the version stays."""
    uuid = await planado.jobs.create()
    calls = emulator.counters()["calls"]
    assert await planado.jobs.update(uuid) == uuid
    assert emulator.counters()["calls"] == calls


async def test_a_deleted_job_is_gone(planado: Planado) -> None:
    """Reading and deleting it again are a NotFoundError that names the call."""
    uuid = await planado.jobs.create()
    await planado.jobs.delete(uuid)
    for call in (planado.jobs.get, planado.jobs.delete):
        with pytest.raises(NotFoundError, match="404") as caught:
            await call(uuid)
        assert caught.value.status == 404


@pytest.mark.parametrize("id", ["a/b", "a b", "наряд-7", "50%", "a?b#c", "...", "%2F", "a+b&c=d"])
async def test_any_external_id_reaches_its_record(planado: Planado, id: str) -> None:
    """Slashes, dots, spaces and Cyrillic come through whole."""
    uuid = await planado.jobs.create(external_id=id)
    assert (await planado.jobs.get(id)).uuid == uuid
    assert await planado.jobs.update(id, description="found") == uuid
    site = await planado.sites.upsert(id, name="Kiln")
    assert (await planado.sites.get(id)).uuid == site
    await planado.jobs.delete(uuid)
    with pytest.raises(NotFoundError):
        await planado.jobs.get(id)


async def test_jobs_are_listed_newest_first_over_several_pages(planado: Planado) -> None:
    """Every job comes once, with the fields a list has."""
    made = [await planado.jobs.create(external_id=f"wo-{number}") for number in range(45)]
    pages = planado.jobs.list()
    sizes = [len(page) async for page in pages.pages()]
    assert sizes == [20, 20, 5]
    listed = await planado.jobs.list().collect()
    assert [each.uuid for each in listed] == made[::-1]
    assert (listed[0].external_id, listed[0].version, listed[0].skill_uuids) == ("wo-44", 1, ())
    assert [each.uuid for each in await planado.jobs.list(after=made[2]).collect()] == made[1::-1]


async def test_jobs_are_filtered(planado: Planado) -> None:
    """By change, by schedule and by worker."""
    who = await worker(planado)
    early = await planado.jobs.create(scheduled_at=START)
    await asyncio.sleep(1.0)
    late = await published(planado)
    since = (await planado.jobs.get(early)).updated_at
    listed = planado.jobs.list

    async def found(**filters: Any) -> list[str]:
        return [each.uuid async for each in listed(**filters)]

    assert await found(scheduled_after=START) == [late]
    assert await found(scheduled_before=TOMORROW) == [early]
    assert await found(worker_uuid=who.uuid) == [late]
    assert await found(updated_after=since) == [late]
    assert await found(updated_before=since) == []
    assert await found(updated_after=since, scheduled_before=TOMORROW) == []


async def test_a_technicians_day_is_seen(planado: Planado, emulator: Emulator) -> None:
    """Status, timestamps, resolution, history and positions follow what was pressed."""
    uuid = await published(planado)
    for action in ("en_route", "start", "suspend", "resume"):
        emulator.act(uuid, action)
    emulator.act(uuid, "finish", resolution="Done with remarks", comment="new seal")
    job = await planado.jobs.get(uuid)
    assert (job.status, job.version) == ("finished", 6)
    assert job.timestamps is not None
    assert job.timestamps.started_at is not None
    assert job.resolution is not None
    assert (job.resolution.name, job.resolution.successful) == ("Done with remarks", True)
    assert job.resolution.comment == "new seal"
    (item,) = await planado.jobs.list().collect()
    assert item.resolution is not None
    assert item.resolution.comment == "new seal"
    events = await planado.jobs.history(uuid).collect()
    assert [each.version for each in events] == [1, 2, 3, 4, 5, 6]
    assert events[0].type == "job_created"
    assert events[0].context is not None
    assert (events[0].context.source, events[0].context.device_uuid) == ("api", None)
    assert events[1].context is not None
    assert events[1].context.user_email == (await worker(planado)).email


async def test_history_goes_over_several_pages(planado: Planado) -> None:
    """It pages by version, oldest first, and goes on behind any of them."""
    uuid = await planado.jobs.create()
    for number in range(44):
        await planado.jobs.update(uuid, description=str(number))
    pages = planado.jobs.history(uuid)
    assert [len(page) async for page in pages.pages()] == [20, 20, 5]
    assert pages.cursor == "45"
    assert [each.version for each in await planado.jobs.history(uuid, after="43").collect()] == [
        44,
        45,
    ]


@pytest.mark.parametrize("spelling", ["captured_at", "catured_at"])
async def test_positions_are_read_in_either_spelling(
    planado: Planado, emulator: Emulator, spelling: str
) -> None:
    """The documentation's slip is understood, over several pages."""
    emulator.settings(location_key=spelling)
    uuid = await published(planado)
    emulator.act(uuid, "start")
    for _ in range(60):
        emulator.act(uuid, "suspend")
        emulator.act(uuid, "resume")
    pages = planado.jobs.locations(uuid)
    found = [each async for page in pages.pages() for each in page]
    assert len(found) == 121
    assert all(each.captured_at and each.captured_at.tzinfo for each in found)
    assert found[0].accuracy_m == 12.0
    assert found[0].events[0].job_uuid == uuid
    assert spelling in found[0].raw


async def test_an_unknown_status_is_kept(planado: Planado, emulator: Emulator) -> None:
    """A word that is not documented stays the word it is."""
    uuid = await planado.jobs.create()
    emulator.act(uuid, "cancel")
    assert (await planado.jobs.get(uuid)).status == "canceled"


# --- Errors ---------------------------------------------------------------------------------------


async def test_what_the_api_refuses_is_told_in_its_own_words(planado: Planado) -> None:
    """str() shows message and fields, `details` holds them."""
    with pytest.raises(ValidationError, match="422: Cannot process request; ") as caught:
        await planado.jobs.create(template={"name": "No such template"})
    assert "template" in str(caught.value)
    assert list(caught.value.details["errors"]) == ["template"]
    assert "POST /jobs" in caught.value.__notes__


async def test_an_external_id_that_is_taken_is_a_conflict(planado: Planado) -> None:
    """The API's words are shown."""
    await planado.jobs.create(external_id="wo-1")
    with pytest.raises(ConflictError, match="external_id: is used by another entity"):
        await planado.jobs.create(external_id="wo-1")


async def test_a_stale_version_is_a_conflict(planado: Planado, emulator: Emulator) -> None:
    """A 409 is told as one."""
    emulator.settings(strict_version=True)
    uuid = await planado.jobs.create()
    with pytest.raises(ConflictError, match="409"):
        await planado.request("PATCH", f"/jobs/{uuid}", body={"version": 7, "description": "x"})


async def test_a_closed_call_is_a_matter_of_permission(
    planado: Planado, emulator: Emulator
) -> None:
    """Creating users is open only if support opens it."""
    user: dict[str, Any] = {"first_name": "A", "last_name": "B", "email": "a@b.test"}
    with pytest.raises(PermissionDeniedError, match="403"):
        await planado.users.create(**user, password="secret-1")
    emulator.settings(open_user_creation=True)
    uuid = await planado.users.create(**user, password="secret-1", territory={"name": "North"})
    assert uuid in [each.uuid async for each in planado.users.list()]


async def test_a_wrong_key(emulator: Emulator) -> None:
    """It is told as one, with what to check."""
    async with Planado("wrong", base_url=emulator.url) as planado:
        with pytest.raises(AuthenticationError, match=r"401: .*PLANADO_API_KEY"):
            await planado.jobs.list().collect()


async def test_a_locked_field_of_a_started_job(planado: Planado, emulator: Emulator) -> None:
    """The assignee cannot change any more."""
    uuid = await published(planado)
    emulator.act(uuid, "start")
    with pytest.raises(ValidationError, match="assignee"):
        await planado.jobs.update(uuid, assignee=None)


@pytest.mark.parametrize("kind", ["refuse_429", "refuse_200"])
async def test_a_refusal_is_waited_out(planado: Planado, emulator: Emulator, kind: str) -> None:
    """Either form of a refusal leads to one job, made once."""
    emulator.fault(kind, count=3, retry_after=5)
    uuid = await planado.jobs.create()
    assert [each.uuid async for each in planado.jobs.list()] == [uuid]
    assert planado.budget.refusals == emulator.counters()["refusals"] == 3


@pytest.mark.parametrize("kind", ["cut_before", "cut_after", "status"])
async def test_a_create_is_never_made_twice(
    planado: Planado, emulator: Emulator, kind: str
) -> None:
    """Without an id of its own, a broken line leaves the outcome open, and says what was sent."""
    emulator.fault(kind)
    with pytest.raises(OutcomeUnknownError) as caught:
        await planado.jobs.create(description="pump")
    assert caught.value.sent == {"description": "pump"}
    made = await planado.jobs.list().collect()
    assert len(made) == (1 if kind == "cut_after" else 0)


@pytest.mark.parametrize("kind", ["cut_before", "cut_after", "status"])
async def test_an_upsert_and_a_removal_survive_a_broken_line(
    planado: Planado, emulator: Emulator, kind: str
) -> None:
    """Both may be sent again, and end as if nothing had been."""
    emulator.fault(kind, method="PATCH")
    await planado.sites.upsert("site-1", name="Kiln")
    assert [each.name async for each in planado.sites.list()] == ["Kiln"]
    uuid = await planado.jobs.create()
    emulator.fault(kind, method="DELETE")
    await planado.jobs.delete(uuid)
    assert await planado.jobs.list().collect() == []


async def test_a_page_of_html_is_never_data(planado: Planado, emulator: Emulator) -> None:
    """A proxy's page under 200 ends a listing with an error, not with a shorter list."""
    for _ in range(25):
        await planado.jobs.create()
    pages = planado.jobs.list()
    got = list[str]()
    emulator.fault("not_json", method="GET", path="/jobs")
    with pytest.raises(UnexpectedResponseError):
        got += [each.uuid async for each in pages]
    got += [each.uuid async for each in pages]
    assert len(set(got)) == 25


async def test_a_listing_goes_on_after_a_failure(planado: Planado, emulator: Emulator) -> None:
    """What was got before the failure is kept, and nothing is lost or doubled."""
    made = [await planado.jobs.create() for _ in range(45)]
    pages, got = planado.jobs.list(), list[str]()
    with pytest.raises(UnexpectedResponseError) as caught:  # noqa: PT012  # a walk is a block
        async for each in pages:
            got.append(each.uuid)
            if len(got) == 20:
                emulator.fault("not_json", method="GET", path="/jobs")
    assert f"the listing stopped at after={got[-1]!r}" in " ".join(caught.value.__notes__)
    got += [each.uuid async for each in planado.jobs.list(after=pages.cursor)]
    assert got == made[::-1]


# --- Clients and sites ----------------------------------------------------------------------------


async def test_clients_of_both_kinds(planado: Planado) -> None:
    """An organization and a person have different names, and one place for both."""
    await planado.clients.create(
        organization=True,
        organization_name="Blue Kiln",
        external_id="crm-1",
        site_address={"formatted": "Kiln Rd 1"},
        contacts=[{"value": "jo@example.test", "type": "email"}],
    )
    await planado.clients.create(organization=False, first_name="Jo", last_name="Ahn")
    person, organization = await planado.clients.list().collect()
    assert (person.name, person.organization, person.organization_name) == ("Jo Ahn", False, None)
    assert (organization.name, organization.organization) == ("Blue Kiln", True)
    assert organization.site_address is not None
    assert organization.site_address.formatted == "Kiln Rd 1"
    assert organization == await planado.clients.get("crm-1")


async def test_an_upsert_makes_and_changes_a_client(planado: Planado) -> None:
    """The first makes it, the second changes what it names."""
    uuid = await planado.clients.upsert("crm-1", organization=False, first_name="Jo")
    assert await planado.clients.upsert("crm-1", last_name="Ahn") == uuid
    assert await planado.clients.update(uuid, first_name=None) == uuid
    client = await planado.clients.get(uuid)
    assert (client.first_name, client.last_name, client.version) == (None, "Ahn", 3)
    await planado.clients.delete("crm-1")
    with pytest.raises(NotFoundError):
        await planado.clients.get(uuid)


@pytest.mark.parametrize("slip", [True, False])
async def test_a_site_is_read_under_either_key(
    planado: Planado, emulator: Emulator, slip: bool
) -> None:
    """By external_id it may come under the plural key."""
    emulator.settings(site_slip=slip)
    client = await planado.clients.create(organization=False, first_name="Jo")
    uuid = await planado.sites.create(
        name="Kiln", external_id="site-1", client={"uuid": client}, address={"formatted": "x"}
    )
    by_own_id, by_uuid = await planado.sites.get("site-1"), await planado.sites.get(uuid)
    assert by_own_id == by_uuid
    assert by_uuid.client is not None
    assert by_uuid.client.uuid == client
    await planado.sites.update(uuid, client=None, description="behind the gate")
    changed = await planado.sites.get(uuid)
    assert (changed.client, changed.description, changed.name) == (None, "behind the gate", "Kiln")


async def test_sites_are_listed_over_several_pages_and_filtered(planado: Planado) -> None:
    """Newest first; the ends of a range are not in it."""
    made = list[str]()
    for number in range(41):
        made.append(await planado.sites.create(name=f"Site {number}"))
        await asyncio.sleep(1.0)
    listed = await planado.sites.list().collect()
    assert [each.uuid for each in listed] == made[::-1]
    middle = listed[20].updated_at
    newer = [each.uuid async for each in planado.sites.list(updated_after=middle)]
    older = [each.uuid async for each in planado.sites.list(updated_before=middle)]
    assert [*newer, made[20], *older] == made[::-1]


async def test_clients_are_filtered(planado: Planado) -> None:
    """By the time of their last change."""
    first = await planado.clients.create(organization=False, first_name="A")
    await asyncio.sleep(1.0)
    await planado.clients.create(organization=False, first_name="B")
    at = (await planado.clients.get(first)).updated_at
    assert [each.name async for each in planado.clients.list(updated_after=at)] == ["B"]


# --- Users ----------------------------------------------------------------------------------------


async def test_permissions_of_a_user(planado: Planado) -> None:
    """The tree is written and read as the API has it."""
    who = await worker(planado)
    tree = {"mobile": {"login": False, "jobs": {"view": True, "complete": False, "create": True}}}
    assert await planado.users.update(who.uuid, permissions=tree) == who.uuid
    users = {each.uuid: each async for each in planado.users.list()}
    permissions = users[who.uuid].permissions
    assert permissions is not None
    assert permissions["mobile"] == tree["mobile"]


async def test_shifts_are_written_and_read(planado: Planado) -> None:
    """The timeline has no gaps; working pieces carry territory and job type."""
    who = await worker(planado)
    begin = datetime(2026, 2, 3, 9, 0, tzinfo=MOSCOW)
    await planado.users.set_shifts(
        who.uuid,
        [
            {
                "time_from": begin,
                "time_to": begin + timedelta(hours=8),
                "territory": {"name": "North"},
                "job_type": {"code": "Repair"},
            }
        ],
    )
    pieces = await planado.users.shifts(who.uuid, after=date(2026, 2, 3), before=date(2026, 2, 5))
    working = [each for each in pieces if each.working]
    assert [(each.time_from, each.time_to) for each in working] == [
        (begin, begin + timedelta(hours=8))
    ]
    assert working[0].territory is not None
    assert working[0].territory.name == "North"
    assert working[0].job_type is not None
    assert working[0].job_type.code == "Repair"
    ends = [each.time_to for each in pieces][:-1]
    assert ends == [each.time_from for each in pieces][1:]


async def test_users_nearby(planado: Planado, emulator: Emulator) -> None:
    """Whoever pressed a button inside the circle is found, page by page."""
    for number in range(3):
        who = await worker(planado, number)
        uuid = await planado.jobs.create(
            scheduled_at=TOMORROW,
            assignee={"worker": {"uuid": who.uuid}},
            address={"geolocation": {"latitude": 10.0 + number, "longitude": 20.0}},
        )
        emulator.act(uuid, "start")
    nearby = planado.users.search_nearby
    close = await nearby(latitude=10.0, longitude=20.0, radius_m=1000).collect()
    assert [each.user_uuid for each in close] == [(await worker(planado)).uuid]
    assert (close[0].latitude, close[0].longitude) == (10.0, 20.0)
    assert close[0].actual_at is not None
    wide = nearby(latitude=11.0, longitude=20.0, radius_m=200_000, page_size=2)
    assert [len(page) async for page in wide.pages()] == [2, 1]
    old = nearby(latitude=10.0, longitude=20.0, radius_m=1000, skills=[{"name": "Electrical"}])
    assert await old.collect() == []


# --- Directories and catalog ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("resource", "names"),
    [
        ("teams", ["Boiler team", "Roof team"]),
        ("territories", ["North", "Centre", "South"]),
        ("skills", ["Gas", "Electrical", "Plumbing", "Work at height"]),
        ("resolutions", ["Done", "Done with remarks", "Nobody at home", "Cannot be repaired"]),
        ("dictionaries", ["Boiler make", "Reason for delay"]),
        ("templates", ["Boiler service", "Emergency repair"]),
        ("units", ["piece", "metre", "litre"]),
        ("product_categories", ["Spare parts", "Pumps", "Valves", "Consumables"]),
        ("service_categories", ["Maintenance", "Boilers", "Call-out"]),
        ("products", ["Circulation pump", "Safety valve", "Copper pipe 15 mm"]),
        ("services", ["Boiler service", "Call-out"]),
    ],
)
async def test_a_directory_is_listed(planado: Planado, resource: str, names: list[str]) -> None:
    """What the account is set up with comes once, and can be gone on with."""
    pages = getattr(planado, resource).list()
    first, *others = await pages.collect()
    assert sorted(each.name for each in (first, *others)) == sorted(names)
    assert await pages.collect() == []
    assert await getattr(planado, resource).list(after=first.uuid).collect() == others


async def test_job_types_have_codes(planado: Planado) -> None:
    """One of them is the default."""
    assert "default" in [each.code async for each in planado.job_types.list()]


async def test_a_template_by_itself(planado: Planado) -> None:
    """It is the same as in the list."""
    template, *_ = await planado.templates.list().collect()
    assert await planado.templates.get(template.uuid) == template
    assert template.scheduled_duration == timedelta(minutes=90)
    with pytest.raises(NotFoundError):
        await planado.templates.get("no-such-template")


async def test_values_of_a_dictionary(planado: Planado) -> None:
    """A pick list has its entries."""
    dictionary, *_ = await planado.dictionaries.list().collect()
    values = await planado.dictionaries.values(dictionary.uuid).collect()
    assert {"Arden", "Thermia"} <= {each.name for each in values}


async def test_a_teams_territory(planado: Planado) -> None:
    """A part of a directory's entry is a part of the model."""
    team, *_ = await planado.teams.list().collect()
    assert team.territory is not None
    assert team.territory.name in ("North", "South")


async def test_products_and_services_are_made(planado: Planado) -> None:
    """Prices go there and come back as decimals, digit by digit."""
    product = await planado.products.create(
        name="Seal",
        unit={"name": "piece"},
        category={"name": "Pumps"},
        external_id="p-1",
        gtin="4006381333931",
        price_default=Decimal("1.050"),
    )
    service = await planado.services.create(name="Look", category=None, price_default="7.10")
    products = {each.uuid: each async for each in planado.products.list()}
    services = {each.uuid: each async for each in planado.services.list()}
    made = products[product]
    assert (made.price_default, made.gtin, made.archived) == (
        Decimal("1.050"),
        "4006381333931",
        False,
    )
    assert made.raw["price_default"] == "1.050"
    assert services[service].price_default == Decimal("7.10")
    assert services[service].category_uuid is None


@pytest.mark.parametrize("tree", ["product_categories", "service_categories"])
async def test_categories_form_two_trees(planado: Planado, tree: str) -> None:
    """A category is read by either id, in its own tree only."""
    categories = getattr(planado, tree)
    top = await categories.create(name="Top", external_id="top")
    child = await categories.create(name="Child", parent={"external_id": "top"})
    assert (await categories.get("top")).uuid == top
    assert (await categories.get(child)).parent_uuid == top
    other = ({"product_categories", "service_categories"} - {tree}).pop()
    with pytest.raises(NotFoundError):
        await getattr(planado, other).get(child)


async def test_units_are_made_and_changed(planado: Planado) -> None:
    """A unit is read by either id."""
    uuid = await planado.units.create(name="hour", code="h", external_id="u-1")
    assert await planado.units.update("u-1", code="hr") == uuid
    assert (await planado.units.get("u-1")).code == "hr"
    assert (await planado.units.get(uuid)).name == "hour"


# --- Webhooks and switches ------------------------------------------------------------------------


@pytest.fixture
async def receiver() -> AsyncIterator[str]:
    """A place for webhooks that takes everything."""

    async def take(request: web.BaseRequest) -> web.Response:
        return web.Response(status=204)

    runner = web.ServerRunner(web.Server(take, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


async def delivered(emulator: Emulator) -> None:
    """Wait until no delivery is on its way."""
    async with asyncio.timeout(60):
        while emulator.counters()["deliveries"]["pending"]:  # noqa: ASYNC110  # it has no event
            await asyncio.sleep(0.05)


async def test_subscriptions_and_their_log(
    planado: Planado, emulator: Emulator, receiver: str
) -> None:
    """The log tells each attempt, over several pages; repr hides the secret."""
    emulator.subscribe(receiver, secret="canary-55", event_types=["job_updated", "job_created"])
    (hook,) = await planado.webhooks.list().collect()
    assert (hook.url, hook.secret) == (receiver, "canary-55")
    assert set(hook.event_types) == {"job_updated", "job_created"}
    assert "canary-55" not in repr(hook)
    uuid = await planado.jobs.create()
    for number in range(30):
        await planado.jobs.update(uuid, description=str(number))
    await delivered(emulator)
    rows = await planado.webhooks.deliveries(hook.uuid).collect()
    assert sorted(each.entity_version or 0 for each in rows) == list(range(1, 32))
    assert {(each.entity_uuid, each.attempt_no, each.http_response_code) for each in rows} == {
        (uuid, 1, 204)
    }
    assert rows[0].send_at is not None
    assert "version" in (rows[0].http_request_body or "")


async def test_the_switches_have_their_effect(planado: Planado, emulator: Emulator) -> None:
    """No push with notify_assignees=False, per call and by with_options."""
    uuid = await published(planado)
    before = emulator.counters()["pushes"]["sent"]
    await planado.jobs.update(uuid, description="quiet", notify_assignees=False)
    await planado.with_options(notify_assignees=False).jobs.update(uuid, description="quieter")
    pushes = emulator.counters()["pushes"]
    assert (pushes["sent"], pushes["suppressed"]) == (before, 2)
    await planado.jobs.update(uuid, description="loud")
    assert emulator.counters()["pushes"]["sent"] == before + 1


async def test_the_trigger_has_its_effect(
    planado: Planado, emulator: Emulator, receiver: str
) -> None:
    """Where the API wants the header, only calls with it fire webhooks."""
    emulator.settings(require_trigger_header=True)
    emulator.subscribe(receiver)
    uuid = await planado.jobs.create()
    await planado.jobs.update(uuid, description="x", trigger_webhooks=True)
    await delivered(emulator)
    (hook,) = await planado.webhooks.list().collect()
    rows = await planado.webhooks.deliveries(hook.uuid).collect()
    assert {each.entity_version for each in rows} == {2}


async def test_what_has_no_method_yet_can_be_reached(planado: Planado) -> None:
    """A bare request gives the JSON."""
    answer = await planado.request("GET", "/skills", query={"after": "nobody"})
    assert answer == {"skills": []}


# --- The budget -----------------------------------------------------------------------------------


async def test_the_budget_is_never_overrun() -> None:
    """A busy hour within the default budget meets no refusal."""
    async with (
        Emulator(rate=60, burst=60, start=START) as emulator,
        Planado(emulator.api_key, base_url=emulator.url) as planado,
    ):
        report = await planado.bulk(
            lambda number: planado.jobs.create(external_id=f"wo-{number}"), range(150)
        )
        assert not report.failed
        counted = emulator.counters()
    assert (counted["refusals"], counted["calls"]) == (0, 150)
    assert counted["highest_level"] <= 56


async def test_a_budget_larger_than_the_servers_recovers() -> None:
    """Refusals cost time and nothing else."""
    async with (
        Emulator(rate=60, burst=10, start=START) as emulator,
        Planado(emulator.api_key, base_url=emulator.url, rate=RateLimit(120, burst=30)) as planado,
    ):
        report = await planado.bulk(
            lambda number: planado.jobs.create(external_id=f"wo-{number}"), range(60)
        )
        assert (len(report.ok), report.failed) == (60, [])
        assert len(await planado.jobs.list().collect()) == 60
        assert emulator.counters()["refusals"] == planado.budget.refusals > 0


def test_models_are_what_calls_return() -> None:
    """Records are frozen."""
    job = Job(uuid="u")
    assert isinstance(job, Model)
    with pytest.raises(AttributeError):
        job.uuid = "v"  # type: ignore[misc]
    assert Client(uuid="u") == Client(uuid="u", raw={"uuid": "u"})


async def test_a_listing_is_whole_though_its_cursor_is_deleted(
    planado: Planado, emulator: Emulator
) -> None:
    """A job deleted between two pages takes no other with it."""
    emulator.settings(rate=1e6, burst=1e6)
    uuids = [await planado.jobs.create() for _ in range(45)]
    emulator.fault("delete_cursor", method="GET", path="/jobs", count=1)
    assert {job.uuid async for job in planado.jobs.list()} == set(uuids)
    assert len(await planado.jobs.list().collect()) == 44
