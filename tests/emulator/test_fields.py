from typing import Any

import pytest

from tests.emulator.api import Api

GONE = "1eeb37c1-0000-6000-8000-000000000000"
KEYS = ["uuid", "name", "field_type", "data_type", "required", "hidden", "read_only", "value"]


async def fields(api: Api, job: str, kind: str = "custom_fields") -> list[Any]:
    found: list[Any] = (await api.detail(job))[kind]
    return found


async def test_merge_by_uuid_then_by_name(api: Api) -> None:
    """A write changes the fields it names and leaves the others alone."""
    job = await api.job(template={"name": "Boiler service"})
    make, gate = await fields(api, job)
    assert list(gate) == KEYS
    await api.patch(f"/jobs/{job}", {"custom_fields": [{"uuid": gate["uuid"], "value": "1234"}]})
    await api.patch(
        f"/jobs/{job}", {"custom_fields": [{"name": "Gate code", "required": True, "hidden": True}]}
    )
    assert await fields(api, job) == [
        make,
        {**gate, "value": "1234", "required": True, "hidden": True},
    ]


async def test_add_a_field(api: Api) -> None:
    """A new name with a field type adds a field, of that type's first kind of data."""
    job = await api.job(
        report_fields=[
            {"name": "Seen", "field_type": "checkbox"},
            {"name": "Photos", "field_type": "image"},
            {"name": "Count", "field_type": "input", "data_type": "integer", "value": 3},
        ]
    )
    added = await fields(api, job, "report_fields")
    assert [each["data_type"] for each in added] == ["boolean", "attachment", "integer"]
    assert [each["value"] for each in added] == [None, [], 3]
    await api.patch(f"/jobs/{job}", {"report_fields": [{"name": "Seen", "read_only": True}]})
    assert (await fields(api, job, "report_fields"))[0]["read_only"] is True


VALUES = [
    ("input", "string", "x" * 200, "x" * 201),
    ("link", "url", "https://a.test", 5),
    ("file", "attachment", [{"url": "x"}], [{}] * 11),
    ("image", "attachment", [], ["x"]),
    ("checkbox", "boolean", True, 1),
    ("action", "boolean", None, "yes"),
    ("input", "integer", -3, 3.5),
    ("input", "decimal", "1.05", "1,05"),
    ("input", "decimal", 1.5, True),
    ("input", "money", 12, "12 EUR"),
    ("dictionary", "dictionary value", {"uuid": GONE, "name": "x"}, "x"),
    ("input", "date", "2026-02-28", "2026-02-30"),
    ("input", "time", "08:30", "25:00"),
    ("input", "datetime", "2026-02-28T10:00:00Z", "2026-02-28"),
    ("barcode", "string", "4006381333931", 4006381333931),
]


@pytest.mark.parametrize(("field_type", "data_type", "good", "bad"), VALUES)
async def test_value_follows_the_kind_of_data(
    api: Api, field_type: str, data_type: str, good: object, bad: object
) -> None:
    """A fitting value comes back as it was sent; another is refused with the field's name."""
    new = {"name": "It", "field_type": field_type, "data_type": data_type}
    job = await api.job(custom_fields=[{**new, "value": good}])
    assert (await fields(api, job))[0]["value"] == good
    errors = await api.errors("POST", "/jobs", {"custom_fields": [{**new, "value": bad}]})
    assert errors["custom_fields"][0].startswith("It ")
    await api.patch(f"/jobs/{job}", {"custom_fields": [{"name": "It", "value": None}]})
    assert (await fields(api, job))[0]["value"] is None


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"uuid": GONE, "value": 1}, "must exist"),
        ({"name": "New"}, "field_type can't be blank"),
        ({"name": "New", "field_type": "colour"}, "field_type must be one of: "),
        (
            {"name": "New", "field_type": "link", "data_type": "string"},
            "data_type must be one of: url",
        ),
        ({"name": "New", "field_type": "link", "hidden": "no"}, "hidden must be true or false"),
    ],
)
async def test_wrong_change(api: Api, change: object, text: str) -> None:
    """A change that fits no field is refused."""
    errors = await api.errors("POST", "/jobs", {"custom_fields": [change]})
    assert errors["custom_fields"][0].startswith(text)


async def test_both_lists_are_checked(api: Api) -> None:
    """Faults in custom and report fields are told together."""
    wrong = [{"name": "New"}]
    errors = await api.errors("POST", "/jobs", {"custom_fields": wrong, "report_fields": wrong})
    assert errors.keys() == {"custom_fields", "report_fields"}
