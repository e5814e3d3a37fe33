"""The account's set-up at the start: a small heating and plumbing company.

Everything here has the same uuids for the same seed, whenever the emulator starts.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from random import Random

from planado_async.emulator.collection import Collection
from planado_async.emulator.ids import Ids
from planado_async.emulator.records import (
    CatalogItem,
    Category,
    Field,
    JobType,
    Json,
    Named,
    Resolution,
    Team,
    Template,
    Unit,
    User,
)
from planado_async.emulator.state import VALUES_PAGE, State

SET_UP_AT = datetime(2024, 1, 15, 8, tzinfo=UTC)

JOB_TYPES = ("default", "Repair", "Inspection", "Installation", "Meter reading")
TERRITORIES = ("North", "Centre", "South")
SKILLS = ("Gas", "Electrical", "Plumbing", "Work at height")
DICTIONARIES: Mapping[str, tuple[str, ...]] = {
    "Boiler make": ("Arden", "Korbel", "Norvik", "Thermia"),
    "Reason for delay": ("Traffic", "Parts missing", "Access refused"),
}
# name, successful, has_comment, comment_required
RESOLUTIONS = (
    ("Done", True, False, False),
    ("Done with remarks", True, True, False),
    ("Nobody at home", False, False, False),
    ("Cannot be repaired", False, True, True),
)
# first name, last name, territory, skills
WORKERS = (
    ("Anna", "Berg", "North", ("Gas", "Plumbing")),
    ("Boris", "Orlov", "North", ("Electrical",)),
    ("Chloe", "Martin", "Centre", ("Gas", "Electrical")),
    ("Daniel", "Weiss", "Centre", ("Plumbing",)),
    ("Elif", "Kaya", "South", ("Gas", "Work at height")),
    ("Farid", "Haddad", "South", ("Plumbing", "Electrical")),
)
DISPATCHER = ("Greta", "Lund")
# name, territory, how many workers from the start of the list
TEAMS = (("Boiler team", "North", (0, 1)), ("Roof team", "South", (4, 5)))
UNITS = (("piece", "pcs"), ("metre", "m"), ("litre", "l"))
PRODUCT_CATEGORIES: Mapping[str, tuple[str, ...]] = {
    "Spare parts": ("Pumps", "Valves"),
    "Consumables": (),
}
SERVICE_CATEGORIES: Mapping[str, tuple[str, ...]] = {"Maintenance": ("Boilers",), "Call-out": ()}
# name, category, unit, price
PRODUCTS = (
    ("Circulation pump", "Pumps", "piece", "189.00"),
    ("Safety valve", "Valves", "piece", "24.50"),
    ("Copper pipe 15 mm", "Consumables", "metre", "6.20"),
)
# name, category, price
SERVICES = (
    ("Boiler service", "Boilers", "95.00"),
    ("Call-out", "Call-out", "40.00"),
)
# name, job type, description, minutes, custom fields, report fields; a field is name, field_type,
# data_type, value
FieldSeed = tuple[str, str, str, object]
TEMPLATES: tuple[
    tuple[str, str, str | None, int, tuple[FieldSeed, ...], tuple[FieldSeed, ...]], ...
] = (
    (
        "Boiler service",
        "Inspection",
        "Yearly service of a gas boiler",
        90,
        (
            ("Boiler make", "dictionary", "dictionary value", None),
            ("Gate code", "input", "string", None),
        ),
        (("Pressure", "input", "decimal", None), ("Photos", "image", "attachment", [])),
    ),
    (
        "Emergency repair",
        "Repair",
        None,
        60,
        (("Gate code", "input", "string", None), ("Customer waits", "checkbox", "boolean", False)),
        (("What was broken", "input", "string", None),),
    ),
)  # fmt: skip


def plant(state: State, seed: int) -> None:
    """Puts the set-up into an empty state."""
    random = Random(f"{seed}/set-up")
    ids = Ids(random, lambda: SET_UP_AT)
    state.business_unit_uuid = ids.new()
    _plant_directories(state, ids)
    _plant_people(state, ids)
    _plant_templates(state, ids)
    _plant_catalog(state, ids)


def _plant_directories(state: State, ids: Ids) -> None:
    for code in JOB_TYPES:
        state.job_types.add(JobType(uuid=ids.new(), id=next(state.numbers), code=code))
    for name in TERRITORIES:
        state.territories.add(Named(uuid=ids.new(), name=name))
    for name in SKILLS:
        state.skills.add(Named(uuid=ids.new(), name=name))
    for name, successful, has_comment, comment_required in RESOLUTIONS:
        state.resolutions.add(
            Resolution(
                uuid=ids.new(),
                id=next(state.numbers),
                name=name,
                successful=successful,
                has_comment=has_comment,
                comment_required=comment_required,
            )
        )
    for name, values in DICTIONARIES.items():
        dictionary = state.dictionaries.add(Named(uuid=ids.new(), name=name))
        state.values[dictionary.uuid] = entries = Collection[Named]("name", size=VALUES_PAGE)
        for value in values:
            entries.add(Named(uuid=ids.new(), name=value))


def _plant_people(state: State, ids: Ids) -> None:
    workers = [_user(state, ids, *worker) for worker in WORKERS]
    _user(state, ids, *DISPATCHER)
    for name, territory, members in TEAMS:
        state.teams.add(
            Team(
                uuid=ids.new(),
                name=name,
                territory_uuid=_named(state.territories, territory),
                member_uuids=tuple(workers[n].uuid for n in members),
            )
        )


def _user(
    state: State,
    ids: Ids,
    first_name: str,
    last_name: str,
    territory: str | None = None,
    skills: tuple[str, ...] = (),
) -> User:
    """Adds a user; whoever has a territory works in the field."""
    return state.users.add(
        User(
            uuid=ids.new(),
            id=next(state.numbers),
            first_name=first_name,
            last_name=last_name,
            email=f"{first_name}.{last_name}@example.test".lower(),
            territory_uuid=territory and _named(state.territories, territory),
            skill_uuids=tuple(_named(state.skills, skill) for skill in skills),
            permissions=permissions(in_field=territory is not None),
            device_uuid=ids.new(),
        )
    )


def permissions(in_field: bool) -> Json:
    """The permissions of a field worker, or of a dispatcher."""
    return {
        "mobile": {
            "login": in_field,
            "jobs": {"view": in_field, "complete": in_field, "create": False},
        },
        "web": {"login": not in_field},
    }


def _plant_templates(state: State, ids: Ids) -> None:
    for name, code, description, minutes, custom_fields, report_fields in TEMPLATES:
        kind = state.job_types.find("code", code)
        state.templates.add(
            Template(
                uuid=ids.new(),
                name=name,
                type_uuid=kind.uuid if kind else "",
                description=description,
                minutes=minutes,
                custom_fields=tuple(_field(ids, *each) for each in custom_fields),
                report_fields=tuple(_field(ids, *each) for each in report_fields),
                created_at=SET_UP_AT,
                updated_at=SET_UP_AT,
            )
        )


def _field(ids: Ids, name: str, field_type: str, data_type: str, value: object) -> Field:
    return Field(uuid=ids.new(), name=name, field_type=field_type, data_type=data_type, value=value)


def _plant_catalog(state: State, ids: Ids) -> None:
    for name, code in UNITS:
        state.units.add(Unit(uuid=ids.new(), name=name, code=code))
    _plant_tree(state.product_categories, PRODUCT_CATEGORIES, ids)
    _plant_tree(state.service_categories, SERVICE_CATEGORIES, ids)
    for name, category, unit, price in PRODUCTS:
        state.products.add(
            CatalogItem(
                uuid=ids.new(),
                name=name,
                category_uuid=_named(state.product_categories, category),
                unit_uuid=_named(state.units, unit),
                currency=state.currency,
                price_default=price,
            )
        )
    for name, category, price in SERVICES:
        state.services.add(
            CatalogItem(
                uuid=ids.new(),
                name=name,
                category_uuid=_named(state.service_categories, category),
                currency=state.currency,
                price_default=price,
            )
        )


def _plant_tree(tree: Collection[Category], names: Mapping[str, tuple[str, ...]], ids: Ids) -> None:
    for name, children in names.items():
        parent = tree.add(Category(uuid=ids.new(), name=name))
        for child in children:
            tree.add(Category(uuid=ids.new(), name=child, parent_uuid=parent.uuid))


def _named(records: Collection[Named] | Collection[Category] | Collection[Unit], name: str) -> str:
    record = records.find("name", name)
    if record is None:
        raise LookupError(name)
    return record.uuid
