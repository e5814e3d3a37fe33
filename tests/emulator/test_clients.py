import asyncio

import pytest

from tests.emulator.api import Api

GONE = "1eeb37c1-0000-6000-8000-000000000000"
KILN = {"organization": True, "organization_name": "Blue Kiln"}
JO = {"organization": False, "first_name": "Jo", "last_name": "Smith"}


async def test_organization(api: Api) -> None:
    """An organization has its one name, and none of a person's."""
    body = {
        **KILN,
        "external_id": "crm-1",
        "name": "passed over",
        "first_name": "passed over",
        "site_address": {"formatted": "Kiln Rd 1"},
        "contacts": [{"name": "Jo", "value": "555-0100", "type": "phone"}],
    }
    uuid = (await api.post("/clients", body))["client_uuid"]
    client = (await api.get(f"/clients/{uuid}"))["client"]
    assert client == (await api.get("/clients/crm-1"))["client"]
    assert list(client) == [
        "uuid", "external_id", "name", "organization", "organization_name", "site_address",
        "contacts", "custom_fields", "version", "created_at", "updated_at",
    ]  # fmt: skip
    assert (client["name"], client["organization_name"]) == ("Blue Kiln", "Blue Kiln")
    assert client["site_address"]["formatted"] == "Kiln Rd 1"
    assert client["version"] == 1
    assert (await api.get("/clients"))["clients"] == [client]


async def test_individual(api: Api) -> None:
    """A person has three names, joined into one."""
    uuid = (await api.post("/clients", {**JO, "organization_name": "passed over"}))["client_uuid"]
    client = (await api.get(f"/clients/{uuid}"))["client"]
    assert list(client)[3:8] == [
        "organization", "first_name", "last_name", "middle_name", "site_address",
    ]  # fmt: skip
    assert (client["name"], client["middle_name"], client["site_address"]) == (
        "Jo Smith",
        None,
        None,
    )


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"organization": ["can't be blank"]}),
        ({"organization": "yes"}, {"organization": ["must be true or false"]}),
        ({"organization": None}, {"organization": ["can't be null"]}),
        ({"organization": True}, {"organization_name": ["can't be blank"]}),
        (
            {"organization": True, "organization_name": " "},
            {"organization_name": ["can't be blank"]},
        ),
        (
            {**KILN, "organization_name": "x" * 5001},
            {"organization_name": ["is too long (maximum is 5000 characters)"]},
        ),
        (
            {"organization": False, "last_name": ""},
            {"first_name": ["at least one of first_name, last_name, middle_name must be given"]},
        ),
        (
            {**JO, "middle_name": "x" * 51},
            {"middle_name": ["is too long (maximum is 50 characters)"]},
        ),
        ({**KILN, "contacts": None}, {"contacts": ["can't be null"]}),
        (
            {**KILN, "custom_fields": [{"name": "x"}]},
            {"custom_fields": ["field_type can't be blank"]},
        ),
    ],
)  # fmt: skip
async def test_wrong_value(api: Api, body: object, errors: object) -> None:
    """A client against the rules is refused, by POST and by an upsert alike."""
    assert await api.errors("POST", "/clients", body) == errors
    assert await api.errors("PATCH", "/clients/new", body) == errors
    assert (await api.get("/clients"))["clients"] == []


async def test_external_id_is_used_once(api: Api) -> None:
    """The same external id makes no second client; a site may have it too."""
    await api.post("/clients", {**KILN, "external_id": "x"})
    errors = await api.errors("POST", "/clients", {**JO, "external_id": "x"})
    assert errors == {"external_id": ["is used by another entity"]}
    await api.post("/sites", {"name": "x", "external_id": "x"})


async def test_upsert(api: Api) -> None:
    """A PATCH to an unknown external id makes the client; a second one changes it."""
    made = await api.patch("/clients/crm-1", {**KILN, "external_id": "passed over"})
    again = await api.patch("/clients/crm-1", {"organization_name": "Red Kiln"})
    assert made == again
    client = (await api.get("/clients/crm-1"))["client"]
    assert (client["name"], client["version"]) == ("Red Kiln", 2)


async def test_upsert_limits(api: Api) -> None:
    """An id like a uuid is never taken as a new external id, nor is one that is too long."""
    assert (await api.send("PATCH", f"/clients/{GONE}", KILN)).status == 404
    assert (await api.errors("PATCH", "/clients/" + "x" * 501, KILN)).keys() == {"external_id"}


async def test_update(api: Api) -> None:
    """Only what is named changes; a change of nothing is no version."""
    uuid = (await api.post("/clients", {**JO, "contacts": [{"value": "555"}]}))["client_uuid"]
    await asyncio.sleep(1)
    before = (await api.get(f"/clients/{uuid}"))["client"]
    await api.patch(f"/clients/{uuid}", {"organization": False, "version": 7, "first_name": "Jo"})
    assert (await api.get(f"/clients/{uuid}"))["client"] == before
    await api.patch(f"/clients/{uuid}", {"first_name": None, "external_id": "no"})
    after = (await api.get(f"/clients/{uuid}"))["client"]
    assert (after["name"], after["external_id"], after["version"]) == ("Smith", None, 2)
    assert after["contacts"] == before["contacts"]
    assert after["updated_at"] > before["updated_at"]


async def test_wrong_update(api: Api) -> None:
    """The kind of a client stays, and some name must remain."""
    uuid = (await api.post("/clients", JO))["client_uuid"]
    path = f"/clients/{uuid}"
    assert (await api.errors("PATCH", path, {"organization": True})) == {
        "organization": ["can't be changed"]
    }
    body = {"first_name": "", "last_name": None}
    assert (await api.errors("PATCH", path, body)).keys() == {"first_name"}
    api.emulator.settings(strict_version=True)
    assert (await api.send("PATCH", path, {"version": 4})).status == 409


async def test_list_and_filter(api: Api) -> None:
    """Clients come newest first, 20 a page, filtered by their last change."""
    for number in range(22):
        await api.post("/clients", {**KILN, "external_id": str(number)})
    pages = await api.walk("/clients", "clients")
    assert [len(page) for page in pages] == [20, 2]
    assert pages[0][0]["external_id"] == "21"
    at = pages[0][0]["updated_at"]
    await asyncio.sleep(1)
    await api.patch("/clients/3", {"organization_name": "Red Kiln"})
    changed = (await api.get(f"/clients?updated_at[after]={at}"))["clients"]
    assert [client["external_id"] for client in changed] == ["3"]


async def test_delete(api: Api) -> None:
    """A client is deleted by either id, once."""
    uuid = (await api.post("/clients", {**KILN, "external_id": "x"}))["client_uuid"]
    reply = await api.send("DELETE", "/clients/x")
    assert (reply.status, reply.json) == (200, {})
    for path in (f"/clients/{uuid}", "/clients/x"):
        assert (await api.send("DELETE", path)).status == 404
        assert (await api.send("GET", path)).status == 404
