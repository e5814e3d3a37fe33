import asyncio

import pytest

from tests.emulator.api import Api

GONE = "1eeb37c1-0000-6000-8000-000000000000"


async def test_shape(api: Api) -> None:
    """A site has every key, null or empty."""
    client = (await api.post("/clients", {"organization": False, "first_name": "Jo"}))[
        "client_uuid"
    ]
    body = {"name": "Works", "client": {"uuid": client}, "territory": {"name": "North"}}
    uuid = (await api.post("/sites", body))["site_uuid"]
    site = (await api.get(f"/sites/{uuid}"))["site"]
    assert list(site) == [
        "uuid", "external_id", "name", "description", "contacts", "territory", "address", "client",
        "custom_fields", "version", "created_at", "updated_at",
    ]  # fmt: skip
    assert site["client"] == {"uuid": client, "external_id": None}
    assert (site["territory"], site["address"], site["contacts"]) == (None, None, [])
    assert (await api.get("/sites"))["sites"] == [site]


async def test_read_by_external_id_is_wrapped_otherwise(api: Api) -> None:
    """The slip of the service's docs: "sites" holds one object, unless it is switched off."""
    uuid = (await api.post("/sites", {"name": "Works", "external_id": "s-1"}))["site_uuid"]
    assert (await api.get("/sites/s-1"))["sites"]["uuid"] == uuid
    assert (await api.get(f"/sites/{uuid.upper()}"))["site"]["uuid"] == uuid
    api.emulator.settings(site_slip=False)
    assert (await api.get("/sites/s-1"))["site"]["uuid"] == uuid


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"name": ["can't be blank"]}),
        ({"name": ""}, {"name": ["can't be blank"]}),
        ({"name": "x" * 301}, {"name": ["is too long (maximum is 300 characters)"]}),
        (
            {"name": "x", "description": "x" * 1001},
            {"description": ["is too long (maximum is 1000 characters)"]},
        ),
        ({"name": "x", "client": {"uuid": GONE}}, {"client": ["must exist"]}),
        ({"name": "x", "custom_fields": [{"uuid": GONE}]}, {"custom_fields": ["must exist"]}),
    ],
)
async def test_wrong_value(api: Api, body: object, errors: object) -> None:
    """A site against the rules is refused, by POST and by an upsert alike."""
    assert await api.errors("POST", "/sites", body) == errors
    assert await api.errors("PATCH", "/sites/new", body) == errors


async def test_upsert_and_update(api: Api) -> None:
    """A PATCH makes the site of an unknown external id, then changes it."""
    address = {"formatted": "Kiln Rd 1"}
    made = await api.patch("/sites/s-1", {"name": "Works", "address": address})
    assert await api.patch("/sites/s-1", {"description": "x", "address": None}) == made
    site = (await api.get("/sites/s-1"))["sites"]
    assert (site["name"], site["description"], site["address"]) == ("Works", "x", None)
    assert site["version"] == 2
    assert (await api.send("PATCH", f"/sites/{GONE}", {"name": "x"})).status == 404
    errors = await api.errors("POST", "/sites", {"name": "x", "external_id": "s-1"})
    assert errors == {"external_id": ["is used by another entity"]}
    api.emulator.settings(strict_version=True)
    assert (await api.send("PATCH", "/sites/s-1", {"version": 1})).status == 409


async def test_custom_fields(api: Api) -> None:
    """A site may have fields of its own."""
    field = {"name": "Gate", "field_type": "input", "value": "12"}
    await api.patch("/sites/s-1", {"name": "Works", "custom_fields": [field]})
    await api.patch("/sites/s-1", {"custom_fields": [{"name": "Gate", "value": "13"}]})
    fields = (await api.get("/sites/s-1"))["sites"]["custom_fields"]
    assert [each["value"] for each in fields] == ["13"]


async def test_list_and_filter(api: Api) -> None:
    """Sites come newest first, 20 a page, filtered by their last change."""
    for number in range(21):
        await api.post("/sites", {"name": "x", "external_id": str(number)})
    pages = await api.walk("/sites", "sites")
    assert [len(page) for page in pages] == [20, 1]
    at = pages[0][0]["updated_at"]
    assert (await api.get(f"/sites?updated_at[after]={at}"))["sites"] == []
    await asyncio.sleep(1)
    await api.patch("/sites/5", {"name": "y"})
    assert len((await api.get(f"/sites?updated_at[after]={at}"))["sites"]) == 1
    assert len(await api.walk("/sites", "sites", **{"updated_at[before]": at})) == 0


async def test_delete(api: Api) -> None:
    """A site is deleted once."""
    uuid = (await api.post("/sites", {"name": "x"}))["site_uuid"]
    reply = await api.send("DELETE", f"/sites/{uuid}")
    assert (reply.status, reply.json) == (200, {})
    assert (await api.send("DELETE", f"/sites/{uuid}")).status == 404
    assert (await api.send("GET", f"/sites/{uuid}")).status == 404
