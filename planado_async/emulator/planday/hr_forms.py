"""What may be written of an employee: fields, their rules, and the portal's records they name."""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from attrs import frozen

from planado_async.emulator.checks import (
    Check,
    InvalidError,
    Rule,
    boolean,
    day,
    listed,
    number,
    one_of,
    read,
    record,
    text,
    whole,
)
from planado_async.emulator.errors import EmulatorError
from planado_async.emulator.planday.calls import Call
from planado_async.emulator.planday.data import PortalData
from planado_async.emulator.planday.hr_views import COUNTRIES, SPECIAL
from planado_async.emulator.planday.people import CustomField
from planado_async.emulator.planday.query import bad_input
from planado_async.emulator.records import Json

ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
LONGEST = 200
COUNTRY_IDS = {id_: code for code, (id_, _) in COUNTRIES.items()}

Known = Callable[[Call], Collection[int]]


def address(value: object) -> str:
    """What has the form of an e-mail address."""
    given: str = text(LONGEST)(value)
    if not ADDRESS.fullmatch(given):
        raise InvalidError("must be an e-mail address")
    return given


def _address_or_nothing(value: object) -> str:
    return "" if value == "" else address(value)


def _phone(value: object) -> str:
    given: str = text(30)(value)
    if not re.fullmatch(r"[\d ]*", given, re.ASCII):
        raise InvalidError("must be a phone number without its prefix")
    return given.replace(" ", "")


def _country(value: object) -> str:
    code = COUNTRY_IDS.get(whole()(value))
    if code is None:
        raise InvalidError("is no country")
    return code


def _bank_account(value: object) -> dict[str, str]:
    names = ("registrationNumber", "accountNumber")
    given = record({name: Rule(text(40)) for name in names})(value)
    return {name: given.get(name, "") for name in names}


@frozen(kw_only=True)
class Field:
    """One field that can be written.

    `attribute` is the record's name for it, `schema` what fielddefinitions say of it. With `known`
    its numbers must be among those; `empty` is what null makes of it.
    """

    attribute: str
    check: Check
    schema: Json
    known: Known | None = None
    empty: Any = None


STRING: Json = {"type": ["string", "null"]}
DATE: Json = {"type": ["string", "null"], "format": "date"}
NUMBER: Json = {"type": ["integer", "null"]}
NUMBERS: Json = {"type": "array", "items": {"type": "integer"}}
CODES: Json = {"type": ["string", "null"], "enum": [*COUNTRIES]}


def _text(attribute: str, limit: int = LONGEST) -> Field:
    return Field(attribute=attribute, check=text(limit), schema=STRING, empty="")


def _one(attribute: str, known: Known) -> Field:
    return Field(attribute=attribute, check=whole(1), schema=NUMBER, known=known)


def _many(attribute: str, known: Known) -> Field:
    numbers = listed(whole(1), most=500)

    def check(value: object) -> tuple[int, ...]:
        return tuple(dict.fromkeys(numbers(value)))

    return Field(attribute=attribute, check=check, schema=NUMBERS, known=known, empty=())


def _named(attribute: str) -> Field:
    return Field(
        attribute=attribute, check=text(LONGEST, blank=False), schema={"type": "string"}, empty=""
    )


def ids(records: Any) -> set[int]:
    """The numbers of some records."""
    return {record.id for record in records}


def standing(call: Call) -> set[int]:
    """The departments that stand and that the administrator sees."""
    seen = (department for department in call.data.departments if call.sees(department.id))
    return {department.id for department in seen if not department.is_deleted}


def _plain_skills(call: Call) -> set[int]:
    """A skill that is limited in time is not given by a plain write."""
    return {skill.id for skill in call.data.skills if not skill.is_time_limited}


FIELDS: Mapping[str, Field] = {
    "firstName": _named("first_name"),
    "lastName": _named("last_name"),
    "userName": Field(attribute="user_name", check=address, schema={"type": "string"}, empty=""),
    "email": Field(attribute="email", check=_address_or_nothing, schema=STRING, empty=""),
    "hiredFrom": Field(attribute="hired_from", check=day, schema=DATE),
    "employeeTypeId": _one("employee_type_id", lambda call: ids(call.data.employee_types)),
    "salaryIdentifier": _text("salary_identifier", 50),
    "departments": _many("departments", standing),
    "primaryDepartmentId": _one("primary_department_id", standing),
    "employeeGroups": _many("employee_groups", lambda call: ids(call.data.employee_groups)),
    "supervisorId": _one("supervisor_id", lambda call: ids(call.data.supervisors)),
    "isSupervisor": Field(
        attribute="is_supervisor", check=boolean, schema={"type": ["boolean", "null"]}
    ),
    "cellPhone": Field(attribute="cell_phone", check=_phone, schema=STRING, empty=""),
    "cellPhoneCountryCode": Field(
        attribute="cell_phone_country_code", check=one_of(*COUNTRIES), schema=CODES, empty="DK"
    ),
    "cellPhoneCountryId": Field(
        attribute="cell_phone_country_code", check=_country, schema=NUMBER, empty="DK"
    ),
    "phone": Field(attribute="phone", check=_phone, schema=STRING, empty=""),
    "phoneCountryCode": Field(
        attribute="phone_country_code", check=one_of(*COUNTRIES), schema=CODES, empty="DK"
    ),
    "phoneCountryId": Field(
        attribute="phone_country_code", check=_country, schema=NUMBER, empty="DK"
    ),
    "street1": _text("street1"),
    "street2": _text("street2"),
    "zip": _text("zip", 20),
    "city": _text("city"),
    "gender": Field(
        attribute="gender",
        check=one_of("Male", "Female"),
        schema={"type": ["string", "null"], "enum": ["Male", "Female"]},
    ),
    "jobTitle": _text("job_title"),
    "skillIds": _many("skill_ids", _plain_skills),
    "bankAccount": Field(
        attribute="bank_account",
        check=_bank_account,
        schema={"$ref": "#/definitions/BankAccount"},
    ),
    "birthDate": Field(attribute="birth_date", check=day, schema=DATE),
    "ssn": _text("ssn", 30),
}
REQUIRED = ("firstName", "lastName", "userName", "departments")
UNIQUE = ("userName", "salaryIdentifier")
SPECIAL_FIELDS = {field: resource for resource, field in SPECIAL.values()}


def read_only(call: Call, *, creating: bool) -> list[str]:
    """Fields that are told of but refused."""
    if not creating:
        return ["userName"]
    return [] if call.settings.supervisor_on_creation else ["supervisorId"]


def _withheld(call: Call, *, creating: bool) -> list[str]:
    """Special fields for which the app has no scope; they are not even told of."""
    verb = "create" if creating else "update"
    return [name for name, of in SPECIAL_FIELDS.items() if not call.allows(f"{of}:{verb}")]


def fields(call: Call, *, creating: bool) -> dict[str, Field]:
    """The fields this app may write of this portal's employees."""
    others = (*read_only(call, creating=creating), *_withheld(call, creating=creating))
    return {name: field for name, field in FIELDS.items() if name not in others}


@frozen
class Written:
    """The clean values of a body, by the record's own names, and those of custom fields."""

    values: dict[str, Any]
    custom: dict[str, Any]


def written(call: Call, *, creating: bool) -> Written:
    """Reads the body of a write, or answers 400 with every field at fault."""
    body = call.body
    if not creating and not any(value is not None for value in body.values()):
        raise EmulatorError(400, "At least one field must have a value")
    withheld = _withheld(call, creating=creating)
    if call.settings.special == "refused" and not body.keys().isdisjoint(withheld):
        raise EmulatorError(403, "App is not assigned to the scope")
    allowed = fields(call, creating=creating)
    rules = {name: Rule(_checked(call, field), nullable=True) for name, field in allowed.items()}
    values, errors = read(rules, body, creating=creating)
    errors |= {n: ["is read only"] for n in read_only(call, creating=creating) if n in body}
    own = {key: Rule(_custom(custom), nullable=True) for key, custom in _own(call.data).items()}
    custom, custom_errors = read(own, body, creating=creating)
    if errors or custom_errors:
        raise bad_input({**errors, **custom_errors})
    clean = {
        allowed[name].attribute: allowed[name].empty if value is None else value
        for name, value in values.items()
    }
    return Written(clean, custom)


def _checked(call: Call, field: Field) -> Check:
    """The field's check, after which the numbers it names must be known."""

    def check(value: object) -> Any:
        clean = field.check(value)
        if field.known is not None:
            named = clean if isinstance(clean, tuple) else (clean,)
            known = field.known(call)
            if unknown := [id_ for id_ in named if id_ not in known]:
                raise InvalidError(*(f"{id_} is unknown" for id_ in unknown))
        return clean

    return check


def _own(data: PortalData) -> dict[str, CustomField]:
    """Custom fields that a plain write sets; images have calls of their own."""
    return {key: custom for key, custom in data.custom_fields.items() if custom.kind != "Image"}


def _custom(custom: CustomField) -> Check:
    checks: dict[str, Check] = {
        "Text": text(1000),
        "Numeric": number(-1e12, 1e12),
        "Boolean": boolean,
        "Date": lambda value: day(value).isoformat(),
        "Dropdown": one_of(*custom.options),
    }
    return checks[custom.kind]


# --- The portal's own description of all this -----------------------------------------------------

KINDS: Mapping[str, Json] = {
    "Text": STRING,
    "Numeric": {"type": ["number", "null"]},
    "Boolean": {"type": ["boolean", "null"]},
    "Date": DATE,
    "Dropdown": STRING,
    "Image": STRING,
}


def definitions(call: Call, *, creating: bool) -> Json:
    """The JSON Schema of the body; `required` is left out if nothing is."""
    usual = REQUIRED if creating else ()
    required = [*dict.fromkeys((*usual, *call.data.required_fields))]
    return {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "type": "object",
        **({"required": required} if required else {}),
        "properties": {**_properties(call, creating), **_custom_properties(call.data)},
        "definitions": {
            "BankAccount": {
                "type": ["object", "null"],
                "properties": {"registrationNumber": STRING, "accountNumber": STRING},
            }
        },
        "portalId": call.data.portal.id,
        "readOnly": read_only(call, creating=creating),
        "unique": [*UNIQUE],
    }


def _properties(call: Call, creating: bool) -> Json:
    withheld = _withheld(call, creating=creating)
    return {name: field.schema for name, field in FIELDS.items() if name not in withheld}


def _custom_properties(data: PortalData) -> Json:
    return {
        key: {
            **KINDS[custom.kind],
            "description": custom.name,
            **({"enum": [*custom.options]} if custom.options else {}),
        }
        for key, custom in data.custom_fields.items()
    }
