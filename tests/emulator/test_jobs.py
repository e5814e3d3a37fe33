import asyncio
import re
from typing import Any

import pytest

from planado_async.emulator import Emulator
from tests.emulator.api import Api

MICROSECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
GONE = "1eeb37c1-0000-6000-8000-000000000000"

ITEM_KEYS = [
    "uuid", "id", "external_id", "external_order_id", "serial_no", "status", "scheduled_at",
    "scheduled_duration", "template_uuid", "client_uuid", "site_uuid", "type_uuid", "assignee",
    "assignees", "skill_uuids", "territory_uuid", "initial_job_uuid", "completion_of_uuid",
    "version", "created_at", "updated_at",
]  # fmt: skip
DETAIL_KEYS = [
    "uuid", "id", "business_unit_uuid", "external_id", "external_order_id", "serial_no", "status",
    "scheduled_at", "scheduled_duration", "template", "client", "site", "type", "assignee",
    "assignees", "skills", "territory", "description", "address", "contacts",
    "possible_resolutions", "initial_job_uuid", "completion_of_uuid", "custom_fields",
    "report_fields", "total_distance_traveled_m", "version", "created_at", "updated_at",
    "available_services", "ordered_services", "provided_services", "used_materials",
]  # fmt: skip
ADDRESS = {
    "formatted": "Kiln Rd 1",
    "floor": "2",
    "geolocation": {"latitude": 52.5, "longitude": 13.4},
}
FULL_ADDRESS = {
    "formatted": "Kiln Rd 1",
    "entrance_no": None,
    "apartment": None,
    "floor": "2",
    "description": None,
    "geolocation": {"longitude": 13.4, "latitude": 52.5},
}


async def entry(api: Api, kind: str, key: str = "name", value: str | None = None) -> Any:
    """An entry of a directory, the first if none is named."""
    entries = (await api.get(f"/{kind}"))[kind]
    return next(each for each in entries if value is None or each[key] == value)


async def worker(api: Api, email: str = "anna.berg@example.test") -> Any:
    return await entry(api, "users", "email", email)


async def test_bare_job(api: Api) -> None:
    """A job made of nothing has every key, null or empty, and the default type."""
    uuid = await api.job()
    job = await api.detail(uuid)
    assert list(job) == DETAIL_KEYS
    assert job["type"]["code"] == "default"
    assert (job["status"], job["version"], job["serial_no"]) == ("posted", 1, 1)
    assert job["business_unit_uuid"]
    assert job["total_distance_traveled_m"] == 0
    for key in ("assignee", "template", "client", "site", "territory", "address", "description"):
        assert job[key] is None, key
    for key in ("assignees", "skills", "contacts", "custom_fields", "ordered_services"):
        assert job[key] == [], key
    item = (await api.get("/jobs"))["jobs"][0]
    assert list(item) == ITEM_KEYS
    assert MICROSECONDS.fullmatch(item["created_at"])
    assert item["type_uuid"] == job["type"]["uuid"]


async def test_full_job(api: Api) -> None:
    """Everything that is written comes back, in a list in short and by itself in full."""
    anna, north = await worker(api), await entry(api, "territories")
    gas, template = await entry(api, "skills"), await entry(api, "templates")
    client = (await api.post("/clients", {"organization": False, "first_name": "Jo"}))[
        "client_uuid"
    ]
    site = (await api.post("/sites", {"name": "Kiln", "external_id": "s-1"}))["site_uuid"]
    uuid = await api.job(
        external_id="wo-77",
        external_order_id="order",
        description="Fix it",
        template={"name": template["name"]},
        job_type={"code": "Repair"},
        scheduled_at="2026-02-03T09:00:00.5+01:00",
        scheduled_duration={"minutes": 30},
        assignee={"worker": {"uuid": anna["uuid"]}},
        territory={"name": north["name"]},
        skills=[{"uuid": gas["uuid"]}],
        client={"uuid": client},
        site={"external_id": "s-1"},
        address=ADDRESS,
        contacts=[{"name": "Jo", "value": "555-0100", "type": "phone"}, {"value": "a@b.test"}],
        possible_resolutions=[{"name": "Done"}, {"name": "Nobody at home"}],
    )
    job = await api.detail("wo-77")
    assert job["uuid"] == uuid
    assert job["status"] == "published"
    assert job["scheduled_at"] == "2026-02-03T08:00:00Z"
    assert job["scheduled_duration"] == {"minutes": 30}
    assert job["template"] == {"uuid": template["uuid"], "name": template["name"]}
    assert job["type"]["code"] == "Repair"
    assert job["client"] == {"uuid": client, "external_id": None}
    assert job["site"] == {"uuid": site, "external_id": "s-1"}
    assert job["territory"] == north
    assert job["skills"] == [gas]
    assert job["address"] == FULL_ADDRESS
    assert job["contacts"][1] == {"name": None, "value": "a@b.test", "type": "phone"}
    assert [each["name"] for each in job["possible_resolutions"]] == ["Done", "Nobody at home"]
    assert job["assignee"] == {
        "worker": {"uuid": anna["uuid"], "email": anna["email"], "id": anna["id"]}
    }
    assert job["assignees"] == [
        {
            "uuid": anna["uuid"],
            "email": anna["email"],
            "id": anna["id"],
            "access": "edit",
            "permanent": False,
            "name": "Anna Berg",
        }
    ]
    item = (await api.get("/jobs"))["jobs"][0]
    assert item["assignee"] == {"worker_uuid": anna["uuid"]}
    assert item["assignees"] == [{"uuid": anna["uuid"], "access": "edit"}]
    assert (item["client_uuid"], item["site_uuid"]) == (client, site)
    assert (item["territory_uuid"], item["skill_uuids"]) == (north["uuid"], [gas["uuid"]])
    assert (item["external_order_id"], item["template_uuid"]) == ("order", template["uuid"])


async def test_team_and_viewers(api: Api) -> None:
    """`assignees` wins over `assignee`; a team stands under its own word."""
    team, anna = await entry(api, "teams"), await worker(api)
    uuid = await api.job(
        assignee={"worker": {"uuid": anna["uuid"]}},
        assignees=[
            {"team": {"uuid": team["uuid"]}, "access": "edit"},
            {"worker": {"uuid": anna["uuid"]}, "access": "view"},
        ],
    )
    job = await api.detail(uuid)
    assert job["assignee"] == {"team": {"uuid": team["uuid"], "name": team["name"]}}
    lines = [(each["name"], each["email"], each["access"]) for each in job["assignees"]]
    assert lines == [(team["name"], None, "edit"), ("Anna Berg", anna["email"], "view")]
    item = (await api.get("/jobs"))["jobs"][0]
    assert item["assignee"] == {"team_uuid": team["uuid"]}


async def test_status_follows_time_and_assignee(api: Api) -> None:
    """Until a technician begins, time and assignee decide the status."""
    who, at = {"worker": {"uuid": (await worker(api))["uuid"]}}, "2026-02-03T08:00:00Z"
    uuid = await api.job()
    seen = []
    for change in (
        {"scheduled_at": at},
        {"assignee": who},
        {"scheduled_at": None},
        {"scheduled_at": at},
        {"assignee": None},
        {"scheduled_at": None},
    ):
        await api.patch(f"/jobs/{uuid}", change)
        seen.append((await api.detail(uuid))["status"])
    assert seen == ["scheduled", "published", "posted", "published", "scheduled", "posted"]


async def test_update_changes_what_it_names(api: Api) -> None:
    """A missing key stays, null clears, and what a job keeps for life is passed over."""
    uuid = await api.job(external_id="a", description="old", scheduled_duration={"minutes": 5})
    answer = await api.patch(
        "/jobs/a",
        {
            "description": None,
            "external_id": "b",
            "external_order_id": "c",
            "template": {"name": "Boiler service"},
            "job_type": {"code": "Repair"},
            "template_uuid": 7,
            "version": 99,
        },
    )
    assert answer == {"job_uuid": uuid}
    job = await api.detail("a")
    assert (job["description"], job["external_order_id"], job["template"]) == (None, None, None)
    assert job["type"]["code"] == "default"
    assert job["scheduled_duration"] == {"minutes": 5}
    assert job["version"] == 2


async def test_update_of_nothing_is_no_version(api: Api) -> None:
    """What changes nothing counts no version and leaves the time of the last change."""
    uuid = await api.job(description="same")
    before = await api.detail(uuid)
    await asyncio.sleep(5)
    for body in ({}, {"description": "same"}, {"unheard_of": 1}):
        await api.patch(f"/jobs/{uuid}", body)
    assert await api.detail(uuid) == before
    await api.patch(f"/jobs/{uuid}", {"description": "other"})
    after = await api.detail(uuid)
    assert (after["version"], after["created_at"]) == (2, before["created_at"])
    assert after["updated_at"] > before["updated_at"]


async def test_strict_version(api: Api) -> None:
    """In strict mode a write made from another version is answered 409."""
    uuid = await api.job()
    api.emulator.settings(strict_version=True)
    reply = await api.send("PATCH", f"/jobs/{uuid}", {"version": 2, "description": "x"})
    assert (reply.status, reply.json) == (409, {"message": "Version is 1"})
    await api.patch(f"/jobs/{uuid}", {"version": 1, "description": "x"})
    await api.patch(f"/jobs/{uuid}", {"description": "y"})


TOO_LONG = "is too long (maximum is {} characters)"
WRONG = [
    ("description", "x" * 15001, TOO_LONG.format(15000)),
    ("description", 5, "must be a string"),
    ("external_id", "x" * 501, TOO_LONG.format(500)),
    ("external_id", "", "can't be blank"),
    ("external_id", None, "can't be null"),
    ("external_order_id", "x" * 501, TOO_LONG.format(500)),
    ("scheduled_at", "tomorrow", "must be an ISO 8601 date and time"),
    ("scheduled_at", "2026-02-30T10:00:00Z", "is no date and time of the calendar"),
    ("scheduled_at", "0001-01-01T00:00:00+14:00", "is out of range"),
    ("scheduled_at", 1770000000, "must be an ISO 8601 date and time"),
    ("scheduled_duration", 30, "must be an object"),
    ("scheduled_duration", {}, "minutes can't be blank"),
    ("scheduled_duration", {"minutes": "30"}, "must be an integer"),
    ("scheduled_duration", {"minutes": True}, "must be an integer"),
    ("scheduled_duration", {"minutes": -1}, "must be between 0 and 2147483647"),
    ("scheduled_duration", {"minutes": 2**63}, "must be between 0 and 2147483647"),
    ("template", {"name": "none such"}, "must exist"),
    ("template", None, "can't be null"),
    ("template", {"uuid": GONE, "name": "x"}, "exactly one of uuid, name must be given"),
    ("job_type", {}, "exactly one of code, uuid must be given"),
    ("job_type", {"code": 1}, "must be a string"),
    ("job_type", "Repair", "must be an object"),
    ("assignee", {"uuid": GONE}, "either team or worker must present"),
    ("assignee", {"worker": None}, "either team or worker must present"),
    ("assignee", {"worker": {"uuid": GONE}, "team": {"uuid": GONE}},
     "either team or worker must present"),
    ("assignee", {"worker": GONE}, "either team or worker must present"),
    ("assignee", {"worker": {"uuid": GONE}}, "must exist"),
    ("assignee", [], "must be an object"),
    ("assignees", {}, "must be an array"),
    ("assignees", [], "exactly one must have edit access"),
    ("assignees", None, "can't be null"),
    ("assignees", [{"team": {"uuid": GONE}, "access": "own"}], "access must be one of: edit, view"),
    ("assignees", [{"team": {"uuid": GONE}, "access": ["edit"]}],
     "access must be one of: edit, view"),
    ("possible_resolutions", [{"name": "Done"}],
     "must hold at least one successful and one unsuccessful"),
    ("possible_resolutions", [], "must hold at least one successful and one unsuccessful"),
    ("address", None, "can't be null"),
    ("address", {"formatted": "x" * 5001}, "formatted " + TOO_LONG.format(5000)),
    ("address", {"formatted": None}, "formatted can't be null"),
    ("address", {"floor": "x" * 51}, "floor " + TOO_LONG.format(50)),
    ("address", {"apartment": "x" * 51}, "apartment " + TOO_LONG.format(50)),
    ("address", {"entrance_no": "x" * 51}, "entrance_no " + TOO_LONG.format(50)),
    ("address", {"description": "x" * 501}, "description " + TOO_LONG.format(500)),
    ("address", {"geolocation": {"latitude": 1}}, "geolocation longitude can't be blank"),
    ("address", {"geolocation": {"latitude": 91, "longitude": 0}},
     "geolocation latitude must be between -90 and 90"),
    ("address", {"geolocation": {"latitude": "1", "longitude": 0}},
     "geolocation latitude must be a number"),
    ("contacts", [{"name": "x"}], "value can't be blank"),
    ("contacts", {}, "must be an array"),
    ("client", {}, "exactly one of uuid, external_id must be given"),
    ("client", {"uuid": GONE, "external_id": "x"},
     "exactly one of uuid, external_id must be given"),
    ("client", {"external_id": "none such"}, "must exist"),
    ("client", {"organization": True}, "organization_name can't be blank"),
    ("client", {"organization_name": "x"}, "organization can't be blank"),
    ("client", {"organization": True, "organization_name": "x",
                "custom_fields": [{"name": "y"}]}, "field_type can't be blank"),
    ("site", {"description": "x"}, "name can't be blank"),
    ("site", {"name": "x" * 301}, "name " + TOO_LONG.format(300)),
    ("site", {"uuid": GONE}, "must exist"),
    ("territory", {"name": "West"}, "must exist"),
    ("skills", [{"name": "Gas"}, {"name": "Magic"}], "must exist"),
    ("skills", None, "can't be null"),
    ("custom_fields", [{}], "either uuid or name must be given"),
    ("custom_fields", [5], "must be an object"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value", "text"), WRONG, ids=[f"{w[0]}-{n}" for n, w in enumerate(WRONG)]
)
async def test_wrong_value(api: Api, field: str, value: object, text: str) -> None:
    """A value against its rule is answered 422 under its field, and nothing is made."""
    errors = await api.errors("POST", "/jobs", {field: value})
    assert errors == {field: [text]}
    assert (await api.get("/jobs"))["jobs"] == []
    assert (await api.get("/clients"))["clients"] == []


async def test_limits_themselves_are_allowed(api: Api) -> None:
    """A text of exactly the limit passes; characters count, not bytes."""
    await api.job(
        description="я" * 15000,
        external_id="x" * 500,
        address={"formatted": "x" * 5000, "floor": "x" * 50, "description": "x" * 500},
    )


async def test_all_errors_at_once(api: Api) -> None:
    """Every field at fault is named."""
    body = {"description": 1, "territory": {"name": "West"}, "skills": 1}
    assert (await api.errors("POST", "/jobs", body)).keys() == body.keys()


async def test_assignees_name_nobody_twice(api: Api) -> None:
    """Everyone stands once among the assignees, and one of them edits."""
    anna = {"worker": {"uuid": (await worker(api))["uuid"]}}
    boris = {"worker": {"uuid": (await worker(api, "boris.orlov@example.test"))["uuid"]}}
    for given, text in (
        ([anna, {**anna, "access": "view"}], "must not name anyone twice"),
        ([anna, boris], "exactly one must have edit access"),
        ([{**anna, "access": "view"}], "exactly one must have edit access"),
    ):
        assert await api.errors("POST", "/jobs", {"assignees": given}) == {"assignees": [text]}


async def test_external_id_is_used_once(api: Api) -> None:
    """A second job of an external id is refused, a job after its deletion is not."""
    uuid = await api.job(external_id="wo-1")
    errors = await api.errors("POST", "/jobs", {"external_id": "wo-1"})
    assert errors == {"external_id": ["is used by another entity"]}
    await api.send("DELETE", f"/jobs/{uuid}")
    await api.job(external_id="wo-1")


async def test_new_client_and_site_come_with_the_job(api: Api) -> None:
    """A client and a site that are not yet there are made along with the job."""
    uuid = await api.job(
        client={"organization": True, "organization_name": "Blue Kiln", "external_id": "crm-1"},
        site={"name": "Works", "external_id": "s-1"},
    )
    job = await api.detail(uuid)
    assert job["client"]["external_id"] == "crm-1"
    assert job["site"]["external_id"] == "s-1"
    assert (await api.get("/clients/crm-1"))["client"]["name"] == "Blue Kiln"
    errors = await api.errors("POST", "/jobs", {"site": {"name": "Works", "external_id": "s-1"}})
    assert errors == {"site": ["external_id is used by another entity"]}


async def test_template_lends_its_fields(api: Api) -> None:
    """A template's description, duration and fields are copied, with uuids of their own."""
    first = await api.detail(await api.job(template={"name": "Boiler service"}))
    second = await api.detail(await api.job(template={"name": "Boiler service"}, description="x"))
    assert first["description"] == "Yearly service of a gas boiler"
    assert second["description"] == "x"
    assert first["type"]["code"] == "Inspection"
    assert first["scheduled_duration"] == {"minutes": 90}
    names = [each["name"] for each in first["custom_fields"]]
    assert names == ["Boiler make", "Gate code"]
    assert [each["name"] for each in first["report_fields"]] == ["Pressure", "Photos"]
    assert first["custom_fields"][0]["uuid"] != second["custom_fields"][0]["uuid"]


async def test_template_oddity(api: Api) -> None:
    """With the oddity on, a job from a template loses its description and contacts."""
    api.emulator.settings(template_oddity=True)
    contacts = [{"value": "555"}]
    odd = await api.job(template={"name": "Boiler service"}, description="x", contacts=contacts)
    job = await api.detail(odd)
    assert (job["description"], job["contacts"]) == (None, [])
    await api.patch(f"/jobs/{odd}", {"description": "x", "contacts": contacts})
    assert (await api.detail(odd))["description"] == "x"
    assert (await api.detail(await api.job(description="y")))["description"] == "y"


async def test_lists_newest_first_in_pages_of_20(api: Api) -> None:
    """Jobs come newest first, 20 a page, and `after` goes on behind an item."""
    made = [await api.job() for _ in range(45)]
    pages = await api.walk("/jobs", "jobs")
    assert [len(page) for page in pages] == [20, 20, 5]
    assert [job["uuid"] for page in pages for job in page] == made[::-1]


async def test_unknown_cursor(api: Api) -> None:
    """A cursor nobody knows, or whose job is gone, answers an empty list."""
    uuid = await api.job()
    await api.job()
    assert len((await api.get(f"/jobs?after={uuid.upper()}"))["jobs"]) == 0
    await api.send("DELETE", f"/jobs/{uuid}")
    for after in (uuid, GONE, "nonsense"):
        assert (await api.get(f"/jobs?after={after}"))["jobs"] == []


async def test_filters(emulator: Emulator, api: Api) -> None:
    """Times are bounded strictly; a worker's jobs are those he may edit; others are ignored."""
    anna, team = await worker(api), await entry(api, "teams")
    first = await api.job(scheduled_at="2026-02-03T08:00:00Z")
    await asyncio.sleep(60)
    second = await api.job(
        scheduled_at="2026-02-04T08:00:00Z", assignee={"worker": {"uuid": anna["uuid"]}}
    )
    third = await api.job(external_order_id="x", assignee={"team": {"uuid": team["uuid"]}})
    at = (await api.detail(first))["updated_at"]

    async def found(query: str) -> list[str]:
        return [job["uuid"] for job in (await api.get(f"/jobs?{query}"))["jobs"]]

    assert await found(f"updated_at[after]={at}") == [third, second]
    assert await found(f"updated_at[before]={at}") == []
    offset = at.replace("T08", "T09").replace("Z", "%2B01:00")
    assert await found(f"updated_at[after]={offset}") == [third, second]
    assert await found("scheduled_at[after]=2026-02-03T08:00:00Z") == [second]
    assert await found("scheduled_at%5Bbefore%5D=2026-02-04T08:00:00Z") == [first]
    assert await found(
        "scheduled_at[after]=2026-02-01T00:00:00&scheduled_at[before]=2027-01-01T00:00:00Z"
    ) == [second, first]
    assert await found(f"assignee[worker_uuid]={anna['uuid']}") == [second]
    assert await found("external_order_id=x&status[]=posted&limit=1") == [third, second, first]


@pytest.mark.parametrize("value", ["", "yesterday", "2026-02-03", "9" * 5000, "%00", "%ff"])
async def test_filter_nonsense(api: Api, value: str) -> None:
    """A bound that is no moment is answered 422 under its name."""
    errors = await api.errors("GET", f"/jobs?updated_at[after]={value}", None)
    assert errors == {"updated_at[after]": ["must be an ISO 8601 date and time"]}


async def test_delete(api: Api) -> None:
    """A job is deleted by its uuid, once."""
    uuid = await api.job(external_id="wo-1")
    assert (await api.send("DELETE", "/jobs/wo-1")).status == 404
    reply = await api.send("DELETE", f"/jobs/{uuid}")
    assert (reply.status, reply.json) == (200, {})
    for method, path in (
        ("DELETE", f"/jobs/{uuid}"),
        ("GET", f"/jobs/{uuid}"),
        ("PATCH", f"/jobs/{uuid}"),
        ("GET", f"/jobs/{uuid}/history"),
        ("GET", f"/jobs/{uuid}/locations"),
    ):
        reply = await api.send(method, path, {} if method == "PATCH" else None)
        assert (reply.status, reply.json) == (404, {"message": "Not found"})


async def test_history(api: Api) -> None:
    """One event a version, oldest first, 20 a page, going on behind a version."""
    uuid = await api.job()
    for number in range(23):
        await api.patch(f"/jobs/{uuid}", {"description": str(number)})
    await api.patch(f"/jobs/{uuid}", {"scheduled_at": "2026-02-03T08:00:00Z"})
    page = (await api.get(f"/jobs/{uuid}/history"))["events"]
    assert [event["version"] for event in page] == list(range(1, 21))
    assert list(page[0]) == ["version", "uuid", "type", "payload", "context"]
    assert page[0]["type"] == "job_created"
    assert (page[1]["type"], page[1]["payload"]) == ("field_updated", {"fields": ["description"]})
    rest = (await api.get(f"/jobs/{uuid}/history?after=20"))["events"]
    assert [event["version"] for event in rest] == [21, 22, 23, 24, 25]
    assert rest[-1]["type"] == "status_updated"
    assert rest[-1]["payload"] == {"from": "posted", "to": "scheduled"}
    context = page[0]["context"]
    assert (
        context.pop("happened_at") == context.pop("created_at") == "2026-02-02T08:00:00.000+00:00"
    )
    assert context == {
        "source": "api", "user_uuid": None, "user_email": None, "device_uuid": None,
    }  # fmt: skip
    for after in ("25", "x", "-1", "1.5", "", "9" * 5000):
        assert (await api.get(f"/jobs/{uuid}/history?after={after}"))["events"] == []


async def test_client_and_site_that_are_gone(api: Api) -> None:
    """A job points nowhere once its client or site is deleted, and counts no version for it."""
    uuid = await api.job(
        client={"organization": True, "organization_name": "x", "external_id": "c"},
        site={"name": "x", "external_id": "s"},
    )
    await api.send("DELETE", "/clients/c")
    await api.send("DELETE", "/sites/s")
    job, item = await api.detail(uuid), (await api.get("/jobs"))["jobs"][0]
    assert (job["client"], job["site"], job["version"]) == (None, None, 1)
    assert (item["client_uuid"], item["site_uuid"]) == (None, None)


async def test_pushes_are_counted(api: Api) -> None:
    """A change of an assigned job pushes to phones, unless it was asked to be quiet."""
    uuid = await api.job()
    anna = {"assignee": {"worker": {"uuid": (await worker(api))["uuid"]}}}
    await api.patch(f"/jobs/{uuid}", anna)
    quiet = {"X-Planado-Notify-Assignees": "false"}
    await api.patch(f"/jobs/{uuid}", {"description": "x"}, headers=quiet)
    await api.patch(f"/jobs/{uuid}", {"description": "x"})
    assert api.emulator.counters()["pushes"] == {"sent": 1, "suppressed": 1}
