from typing import Any

import pytest

from tests.emulator.api import Api

PRODUCT_KEYS = [
    "uuid", "name", "description", "category_uuid", "unit_uuid", "currency", "external_id", "gtin",
    "price_default", "archived",
]  # fmt: skip
SERVICE_KEYS = [
    "uuid", "name", "description", "category_uuid", "currency", "external_id", "price_default",
    "archived",
]  # fmt: skip
CATEGORY_KEYS = ["uuid", "name", "description", "external_id", "parent_uuid", "archived"]
UNIT_KEYS = ["uuid", "name", "code", "external_id", "archived"]
TREES = ("/catalog/products/categories", "/catalog/services/categories")


async def all_of(api: Api, path: str, wrapper: str) -> list[Any]:
    return [entry for page in await api.walk(path, wrapper) for entry in page]


@pytest.mark.parametrize(
    ("path", "wrapper", "keys"),
    [
        ("/catalog/products", "products", PRODUCT_KEYS),
        ("/catalog/services", "services", SERVICE_KEYS),
        (TREES[0], "categories", CATEGORY_KEYS),
        (TREES[1], "categories", CATEGORY_KEYS),
        ("/catalog/products/units", "units", UNIT_KEYS),
    ],
)
async def test_list(api: Api, path: str, wrapper: str, keys: list[str]) -> None:
    """Each list has entries from the start, with their keys."""
    entries = await all_of(api, path, wrapper)
    assert len(entries) >= 2
    assert all(list(entry) == keys for entry in entries)


async def test_product(api: Api) -> None:
    """A product comes back with its category and unit by uuid, and the price as a string."""
    category = (await all_of(api, TREES[0], "categories"))[1]
    unit = (await all_of(api, "/catalog/products/units", "units"))[0]
    body = {
        "name": "Filter", "unit": {"name": "piece"}, "category": {"uuid": category["uuid"]},
        "external_id": "f-1", "description": None, "gtin": "123", "price_default": 12.5,
        "currency": "xxx", "archived": True,
    }  # fmt: skip
    uuid = (await api.post("/catalog/products", body))["product_uuid"]
    product = (await all_of(api, "/catalog/products", "products"))[-1]
    assert product == {
        "uuid": uuid, "name": "Filter", "description": None, "category_uuid": category["uuid"],
        "unit_uuid": unit["uuid"], "currency": "eur", "external_id": "f-1", "gtin": "123",
        "price_default": "12.5", "archived": False,
    }  # fmt: skip


async def test_service(api: Api) -> None:
    """A service has neither unit nor gtin; all but its name may be null."""
    body = {"name": "Advice", "category": None, "external_id": None, "price_default": "1.05"}
    uuid = (await api.post("/catalog/services", body))["service_uuid"]
    service = (await all_of(api, "/catalog/services", "services"))[-1]
    assert (service["uuid"], service["price_default"]) == (uuid, "1.05")


@pytest.mark.parametrize(
    ("path", "body", "fields"),
    [
        ("/catalog/products", {}, {"name", "unit"}),
        ("/catalog/products", {"name": "x" * 251, "unit": {"name": "piece"}}, {"name"}),
        ("/catalog/products", {"name": "x", "unit": {"name": "mile"}}, {"unit"}),
        ("/catalog/products", {"name": "x", "unit": None}, {"unit"}),
        (
            "/catalog/products",
            {"name": "x", "unit": {"name": "piece"}, "category": {"name": "Boilers"}},
            {"category"},
        ),
        ("/catalog/services", {"name": "x", "description": "x" * 501}, {"description"}),
        ("/catalog/services", {"name": "x", "price_default": "cheap"}, {"price_default"}),
        ("/catalog/services", {"name": "x", "price_default": 1e300}, {"price_default"}),
        ("/catalog/services", {"name": "x", "category": {"name": "Pumps"}}, {"category"}),
        (TREES[0], {"name": ""}, {"name"}),
        (TREES[1], {"name": "x", "parent": {"name": "Pumps"}}, {"parent"}),
        ("/catalog/products/units", {"name": "x"}, {"code"}),
        ("/catalog/products/units", {"name": "x", "code": "x" * 51}, {"code"}),
        (
            "/catalog/products/units",
            {"name": "x", "code": "x", "external_id": None},
            {"external_id"},
        ),
    ],
)
async def test_wrong_value(api: Api, path: str, body: object, fields: set[str]) -> None:
    """Entries against the rules are refused; the two trees never mix."""
    assert (await api.errors("POST", path, body)).keys() == fields


@pytest.mark.parametrize("tree", TREES)
async def test_category_tree(api: Api, tree: str) -> None:
    """Categories nest three levels deep, and are read by either id."""
    top = (await api.post(tree, {"name": "1", "external_id": "top"}))["category_uuid"]
    middle = await api.post(tree, {"name": "2", "parent": {"external_id": "top"}})
    low = await api.post(tree, {"name": "3", "parent": {"uuid": middle["category_uuid"]}})
    errors = await api.errors("POST", tree, {
        "name": "4", "parent": {"uuid": low["category_uuid"]},
    })  # fmt: skip
    assert errors == {"parent": ["is too deep (maximum is 3 levels)"]}
    category = (await api.get(f"{tree}/top"))["category"]
    assert (category["uuid"], category["parent_uuid"]) == (top, None)
    assert (await api.get(f"{tree}/{middle['category_uuid']}"))["category"]["parent_uuid"] == top
    other = TREES[1 - TREES.index(tree)]
    assert (await api.send("GET", f"{other}/top")).status == 404


async def test_unit(api: Api) -> None:
    """A unit is made, read and changed by either id."""
    path = "/catalog/products/units"
    uuid = (await api.post(path, {"name": "box", "code": "bx", "external_id": "u"}))["unit_uuid"]
    change = {"name": "crate", "external_id": "u", "archived": True}
    assert await api.patch(f"{path}/u", change) == {"unit_uuid": uuid}
    unit = (await api.get(f"{path}/{uuid}"))["unit"]
    assert unit == {
        "uuid": uuid, "name": "crate", "code": "bx", "external_id": "u", "archived": True,
    }  # fmt: skip
    await api.post(path, {"name": "bag", "code": "bg", "external_id": "v"})
    errors = await api.errors("PATCH", f"{path}/u", {"external_id": "v"})
    assert errors == {"external_id": ["is used by another entity"]}
    await api.patch(f"{path}/{uuid}", {"external_id": "w"})
    assert (await api.send("GET", f"{path}/u")).status == 404


@pytest.mark.parametrize("path", ["/catalog/products", "/catalog/services"])
async def test_external_id_is_used_once(api: Api, path: str) -> None:
    """Each kind keeps its external ids unique; names may repeat."""
    body = {"name": "x", "unit": {"name": "piece"}, "external_id": "e"}
    await api.post(path, body)
    assert (await api.errors("POST", path, body)).keys() == {"external_id"}
    await api.post(path, {**body, "external_id": "f"})


async def test_pages(api: Api) -> None:
    """The catalog comes oldest first, 20 a page."""
    for number in range(20):
        await api.post("/catalog/services", {"name": f"service {number}"})
    pages = await api.walk("/catalog/services", "services")
    assert [len(page) for page in pages] == [20, 2]
    assert pages[1][-1]["name"] == "service 19"
