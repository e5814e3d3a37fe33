"""/catalog: products and services, a tree of categories for each, and units of products."""

from collections.abc import Callable
from typing import Any

from attrs import evolve

from planado_async.emulator import views
from planado_async.emulator.calls import Answer, Call, Route
from planado_async.emulator.checks import (
    InvalidError,
    Reference,
    Rule,
    boolean,
    decimal_text,
    reference,
    text,
)
from planado_async.emulator.directories import keys, listing
from planado_async.emulator.errors import not_found
from planado_async.emulator.forms import Find, Form, one, unused
from planado_async.emulator.parts import EXTERNAL_ID
from planado_async.emulator.records import CatalogItem, Category, Unit
from planado_async.emulator.state import State

TREE_DEPTH = 3
NAME = Rule(text(250, blank=False), required=True)
BY_ANY = reference("uuid", "external_id", "name")

PRODUCT_KEYS = (
    "uuid", "name", "description", "category_uuid", "unit_uuid", "currency", "external_id",
    "gtin", "price_default", "archived",
)  # fmt: skip
SERVICE_KEYS = tuple(key for key in PRODUCT_KEYS if key not in ("unit_uuid", "gtin"))
CATEGORY_KEYS = ("uuid", "name", "description", "external_id", "parent_uuid", "archived")
UNIT_KEYS = ("uuid", "name", "code", "external_id", "archived")

PRODUCT = Form(
    {
        "name": NAME,
        "unit": Rule(BY_ANY, required=True),
        "category": Rule(BY_ANY, nullable=True),
        "external_id": Rule(EXTERNAL_ID, nullable=True),
        "description": Rule(text(5000), nullable=True),
        "gtin": Rule(text(50), nullable=True),
        "price_default": Rule(decimal_text, nullable=True),
    },
    {
        "unit": one("units"),
        "category": one("product_categories"),
        "external_id": unused("products"),
    },
)
SERVICE = Form(
    {
        "name": NAME,
        "category": Rule(BY_ANY, nullable=True),
        "external_id": Rule(EXTERNAL_ID, nullable=True),
        "description": Rule(text(500), nullable=True),
        "price_default": Rule(decimal_text, nullable=True),
    },
    {"category": one("service_categories"), "external_id": unused("services")},
)
UNIT = Form(
    {
        "name": NAME,
        "code": Rule(text(50, blank=False), required=True),
        "external_id": Rule(EXTERNAL_ID),
        "archived": Rule(boolean),
    },
    {"external_id": unused("units")},
)


def parent_in(kind: str) -> Find:
    """Turns a reference to a parent into its uuid, unless the tree would grow too deep."""
    find_parent = one(kind)

    def find(state: State, given: Reference) -> str:
        uuid: str = find_parent(state, given)
        depth, above = 1, state.collection(kind).get(uuid)
        while above is not None:
            depth, above = depth + 1, state.collection(kind).get(above.parent_uuid)
        if depth > TREE_DEPTH:
            raise InvalidError(f"is too deep (maximum is {TREE_DEPTH} levels)")
        return uuid

    return find


def category_form(kind: str) -> Form:
    """The form of one of the two trees."""
    return Form(
        {
            "name": NAME,
            "parent": Rule(BY_ANY, nullable=True),
            "external_id": Rule(EXTERNAL_ID, nullable=True),
            "description": Rule(text(5000), nullable=True),
        },
        {"parent": parent_in(kind), "external_id": unused(kind)},
    )


def create_item(kind: str, form: Form, answer_key: str) -> Callable[[Call], Answer]:
    """The call that makes a product or a service."""

    def run(call: Call) -> Answer:
        state = call.state
        values = _with_uuids(form.read(state, call.body, creating=True), "unit", "category")
        item = CatalogItem(uuid=state.ids.new(), currency=state.currency, **values)
        return Answer(201, {answer_key: state.collection(kind).add(item).uuid})

    return run


def create_category(kind: str) -> Callable[[Call], Answer]:
    """The call that makes a category in one of the two trees."""
    form = category_form(kind)

    def run(call: Call) -> Answer:
        state = call.state
        values = _with_uuids(form.read(state, call.body, creating=True), "parent")
        category = Category(uuid=state.ids.new(), **values)
        return Answer(201, {"category_uuid": state.collection(kind).add(category).uuid})

    return run


def get(kind: str, wrapper: str, shown: tuple[str, ...]) -> Callable[[Call], Answer]:
    """The call that reads one record by either id."""

    def run(call: Call) -> Answer:
        return Answer(200, {wrapper: views.picked(find(call.state, kind, call.id), shown)})

    return run


def find(state: State, kind: str, path_id: str) -> Any:
    """The record of a path, by either id."""
    records = state.collection(kind)
    record = records.get(path_id) or records.find("external_id", path_id)
    if record is None:
        raise not_found()
    return record


def create_unit(call: Call) -> Answer:
    """Makes a unit."""
    values = UNIT.read(call.state, call.body, creating=True)
    unit = call.state.units.add(Unit(uuid=call.state.ids.new(), **values))
    return Answer(201, {"unit_uuid": unit.uuid})


def update_unit(call: Call) -> Answer:
    """Changes the fields of a unit that are named."""
    unit: Unit = find(call.state, "units", call.id)
    body = dict(call.body)
    if body.get("external_id") == unit.external_id is not None:
        del body["external_id"]  # its own: not used by another
    values = UNIT.read(call.state, body, creating=False)
    return Answer(200, {"unit_uuid": call.state.units.replace(evolve(unit, **values)).uuid})


def _with_uuids(values: dict[str, Any], *names: str) -> dict[str, Any]:
    return {f"{name}_uuid" if name in names else name: value for name, value in values.items()}


def _tree(path: str, kind: str) -> list[Route]:
    return [
        Route("GET", path, listing(kind, keys(*CATEGORY_KEYS), "categories")),
        Route("POST", path, create_category(kind)),
        Route("GET", f"{path}/{{id}}", get(kind, "category", CATEGORY_KEYS)),
    ]


ROUTES = [
    Route("GET", "/catalog/products", listing("products", keys(*PRODUCT_KEYS))),
    Route("POST", "/catalog/products", create_item("products", PRODUCT, "product_uuid")),
    Route("GET", "/catalog/services", listing("services", keys(*SERVICE_KEYS))),
    Route("POST", "/catalog/services", create_item("services", SERVICE, "service_uuid")),
    *_tree("/catalog/products/categories", "product_categories"),
    *_tree("/catalog/services/categories", "service_categories"),
    Route("GET", "/catalog/products/units", listing("units", keys(*UNIT_KEYS))),
    Route("POST", "/catalog/products/units", create_unit),
    Route("GET", "/catalog/products/units/{id}", get("units", "unit", UNIT_KEYS)),
    Route("PATCH", "/catalog/products/units/{id}", update_unit),
]
