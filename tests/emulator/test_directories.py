import pytest

from tests.emulator.api import Api

KEYS = {
    "teams": ["uuid", "name", "territory"],
    "territories": ["uuid", "name"],
    "skills": ["uuid", "name"],
    "job_types": ["uuid", "id", "code"],
    "resolutions": ["uuid", "id", "name", "successful", "has_comment", "comment_required"],
    "dictionaries": ["uuid", "name"],
    "templates": [
        "uuid", "name", "type_uuid", "description", "scheduled_duration", "assignee", "created_at",
        "updated_at",
    ],
}  # fmt: skip


@pytest.mark.parametrize("kind", KEYS)
async def test_list(api: Api, kind: str) -> None:
    """Each list has its keys, and goes on behind an item."""
    entries = (await api.get(f"/{kind}"))[kind]
    assert len(entries) >= 2
    assert all(list(entry) == KEYS[kind] for entry in entries)
    rest = (await api.get(f"/{kind}?after={entries[0]['uuid']}"))[kind]
    assert rest == entries[1:]
    assert (await api.get(f"/{kind}?after={entries[-1]['uuid']}"))[kind] == []


async def test_seed_is_fit_for_work(api: Api) -> None:
    """There is a default job type, a good and a bad resolution, and a team in a territory."""
    types = (await api.get("/job_types"))["job_types"]
    assert {"default", "Repair", "Inspection", "Installation"} <= {each["code"] for each in types}
    resolutions = (await api.get("/resolutions"))["resolutions"]
    assert {each["successful"] for each in resolutions} == {True, False}
    assert all(each["has_comment"] or not each["comment_required"] for each in resolutions)
    team = (await api.get("/teams"))["teams"][0]
    assert team["territory"] in (await api.get("/territories"))["territories"]
    for kind in ("jobs", "clients", "sites"):
        assert (await api.get(f"/{kind}"))[kind] == []


async def test_template(api: Api) -> None:
    """A template is read by its uuid, in the same shape."""
    template = (await api.get("/templates"))["templates"][0]
    assert (await api.get(f"/templates/{template['uuid']}"))["template"] == template
    assert template["scheduled_duration"] == {"minutes": 90}
    assert (await api.send("GET", "/templates/none")).status == 404


async def test_dictionary_values(api: Api) -> None:
    """A dictionary's values stand under it."""
    dictionary = (await api.get("/dictionaries"))["dictionaries"][0]
    values = (await api.get(f"/dictionaries/{dictionary['uuid']}/values"))["values"]
    assert [list(value) for value in values] == [["uuid", "name"]] * 4
    assert (await api.send("GET", "/dictionaries/none/values")).status == 404
