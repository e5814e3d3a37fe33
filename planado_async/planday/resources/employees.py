"""Employees: who they are, how they come and go, what was changed of them (docs: HR, Employees)."""

from builtins import list as List  # noqa: N812  # `list` is the method below
from collections.abc import Mapping
from typing import Any, Literal, Unpack

from attrs import evolve

from planado_async.core.convert import decode, decode_all
from planado_async.core.encode import encode
from planado_async.core.errors import UnexpectedResponseError
from planado_async.core.pages import Pages
from planado_async.core.resource import ignored, one, split
from planado_async.core.retry import Effect
from planado_async.core.transport import expect
from planado_async.planday.models.hr import (
    CustomField,
    DeactivatedEmployee,
    Employee,
    EmployeeChange,
    EmployeeItem,
    Supervisor,
    TerminationType,
)
from planado_async.planday.resources.resource import Resource, id_of, in_camel_case, query_of
from planado_async.planday.writes.hr import (
    CustomImage,
    DeactivatedListing,
    Deactivation,
    EmployeeCreate,
    EmployeeListing,
    EmployeeRead,
    EmployeeUpdate,
    HistoryListing,
    Reactivation,
    UsernameChange,
    checked_key,
)
from planado_async.planday.writes.options import CallOptions, Listing

_ALL = "/hr/v1.0/employees"
_ONE = f"{_ALL}/{{employeeId}}"
_IMAGE = f"{_ONE}/customfields/{{customField}}/value"


class Employees(Resource):
    """The calls under `/hr/v1.0/employees`."""

    def list(self, **filters: Unpack[EmployeeListing]) -> Pages[EmployeeItem]:
        """Walk over those at work, also if they will leave later (docs: HR, Employees).

        There is no filter by department or group: `departments.employees` tells who is in one.
        Fields named by `special` whose scopes the app lacks are None.
        """
        return self._list(
            _ALL, model=EmployeeItem, given=filters, shape=EmployeeListing, scope="employee:read"
        )

    def deactivated(self, **filters: Unpack[DeactivatedListing]) -> Pages[DeactivatedEmployee]:
        """Walk over those who have left (docs: HR, Deactivated employees)."""
        return self._list(
            f"{_ALL}/deactivated",
            model=DeactivatedEmployee,
            given=filters,
            shape=DeactivatedListing,
            scope="employee:read",
        )

    async def get(self, id: int, **options: Unpack[EmployeeRead]) -> Employee:
        """Return one employee in full, also one who has left (docs: HR, Employee by id).

        Fields named by `special` whose scopes the app lacks are None.

        Raises:
            NotFoundError: nobody has this id, or the app's administrator does not see them.
        """
        wanted, given = split(encode(options, EmployeeRead))
        employee: Employee = await self._send(
            "GET",
            _ONE,
            id_of(id),
            effect="read",
            given=given,
            read=_an_employee,
            query=query_of(wanted, {}),
            scope="employee:read",
        )
        return employee

    async def create(self, **fields: Unpack[EmployeeCreate]) -> Employee:
        """Take somebody on and return them in full (docs: HR, Create employee).

        What else the portal requires is told by `field_definitions(type="Post")`.

        Raises:
            BadRequestError: a field is missing or wrong; the message names it.
            ConflictError: somebody has that user name already.
            OutcomeUnknownError: the answer was lost; the employee may exist.
        """
        body, given = split(encode(fields, EmployeeCreate))
        employee: Employee = await self._send(
            "POST",
            _ALL,
            effect="once",
            given=given,
            read=_an_employee,
            body=_written(body),
            scope="employee:create",
        )
        return employee

    async def update(self, id: int, **fields: Unpack[EmployeeUpdate]) -> None:
        """Change what is given of an employee (docs: HR, Update employee).

        The user name is changed by `change_username`.

        Raises:
            ValueError: nothing is given but nulls, which Planday refuses.
            BadRequestError: a field is wrong, or one that the portal requires is still empty.
        """
        body, given = split(encode(fields, EmployeeUpdate))
        switches = {"use_validation": body.pop("use_validation", None)}
        await self._send(
            "PUT",
            _ONE,
            id_of(id),
            effect="repeatable",
            given=given,
            read=ignored,
            body=_with_a_value(_written(body)),
            query=query_of(switches, {}),
            scope="employee:update",
        )

    async def change_username(
        self, id: int, new_username: str, **options: Unpack[CallOptions]
    ) -> None:
        """Change what an employee logs in by (docs: HR, Change username).

        Raises:
            ConflictError: somebody else has that user name.
        """
        await self._put(
            f"{_ONE}/change_username",
            id,
            fields={"new_username": new_username, **options},
            shape=UsernameChange,
            scope="employee:update",
        )

    async def deactivate(self, id: int, **fields: Unpack[Deactivation]) -> None:
        """Dismiss an employee, at once or from a day on (docs: HR, Deactivate employee).

        Raises:
            ConflictError: they have left already.
            OutcomeUnknownError: the answer was lost; they may have left.
        """
        await self._move("deactivate", id, fields, Deactivation)

    async def reactivate(self, id: int, **fields: Unpack[Reactivation]) -> None:
        """Take an employee back at once (docs: HR, Reactivate employee).

        Raises:
            ConflictError: they have not left.
            OutcomeUnknownError: the answer was lost; they may be back.
        """
        await self._move("reactivate", id, fields, Reactivation)

    async def _move(self, verb: str, id: int, fields: Mapping[str, Any], shape: Any) -> None:
        """Let somebody go or come back: once, for a second time would be refused as a conflict."""
        body, given = split(encode(fields, shape))
        await self._send(
            "PUT",
            f"{_ALL}/{verb}/{{employeeId}}",
            id_of(id),
            effect="once",
            given=given,
            read=ignored,
            body=in_camel_case(body),
            scope="employee:update",
        )

    def supervisors(self, **options: Unpack[Listing]) -> Pages[Supervisor]:
        """Walk over those whom employees answer to (docs: HR, Supervisors)."""
        return self._list(
            f"{_ALL}/supervisors", model=Supervisor, given=options, scope="employee:read"
        )

    async def field_definitions(
        self, type: Literal["Post", "Put"], **options: Unpack[CallOptions]
    ) -> Mapping[str, Any]:
        """Return the JSON Schema of a new employee (`Post`) or a change (`Put`).

        Beside `properties`, which name the portal's own fields, it tells `required` (which may be
        missing), `readOnly` and `unique` (docs: HR, Field definitions).
        """
        definitions: Mapping[str, Any] = await self._send(
            "GET",
            f"{_ALL}/fielddefinitions",
            effect="read",
            given=encode(options, CallOptions),
            read=lambda answer: expect(answer, "data", dict),
            query=[("type", type)],
            scope="employee:read",
        )
        return definitions

    def history(self, id: int, **filters: Unpack[HistoryListing]) -> Pages[EmployeeChange]:
        """Walk over what was changed of an employee (docs: HR, Employee history)."""
        return self._list(
            f"{_ONE}/history",
            id,
            model=EmployeeChange,
            given=filters,
            shape=HistoryListing,
            scope="employee:history",
        )

    async def custom_field(self, id: int, field: str, **options: Unpack[CallOptions]) -> str:
        """Return the image in a portal's own field, `custom_<n>`, as a data URI.

        The values of all other kinds are in `get`'s `custom_fields` (docs: HR, Custom fields).

        Raises:
            NotFoundError: there is no image in it.
        """
        image: str = await self._send(
            "GET",
            _IMAGE,
            id_of(id),
            checked_key(field, "field"),
            effect="read",
            given=encode(options, CallOptions),
            read=_text,
            answers=(str,),
            scope="employee:read",
        )
        return image

    async def add_custom_field(
        self, id: int, field: str, image: str, **options: Unpack[CallOptions]
    ) -> None:
        """Put an image, a data URI, into a portal's own field that has none.

        Raises:
            OutcomeUnknownError: the answer was lost; the image may be there.
        """
        await self._put_image("POST", id, field, {"image": image, **options}, "once")

    async def set_custom_field(
        self, id: int, field: str, image: str, **options: Unpack[CallOptions]
    ) -> None:
        """Put an image, a data URI, in the place of the one in a portal's own field."""
        await self._put_image("PUT", id, field, {"image": image, **options}, "repeatable")

    async def _put_image(
        self, method: str, id: int, field: str, given: Mapping[str, Any], effect: Effect
    ) -> None:
        body, options = split(encode(given, CustomImage))
        await self._send(
            method,
            _IMAGE,
            id_of(id),
            checked_key(field, "field"),
            effect=effect,
            given=options,
            read=ignored,
            body=body["image"],
            answers=(str,),
            scope="employee:create" if method == "POST" else "employee:update",
        )

    async def delete_custom_field(
        self, id: int, field: str, **options: Unpack[CallOptions]
    ) -> None:
        """Take the image out of a portal's own field."""
        await self._send(
            "DELETE",
            _IMAGE,
            id_of(id),
            checked_key(field, "field"),
            effect="repeatable",
            given=encode(options, CallOptions),
            read=ignored,
            answers=(bool,),
            scope="employee:update",
        )

    async def termination_types(self, **options: Unpack[CallOptions]) -> List[TerminationType]:
        """Return the reasons to leave, which `deactivate` takes (docs: HR, Termination types)."""
        return await self._all(
            "/hr/v1.0/terminationtypes",
            model=TerminationType,
            given=encode(options, CallOptions),
            read=_termination_types,
            scope="employee:read",
        )


def _text(answer: Any) -> str:
    """Read an answer that is one text."""
    if isinstance(answer, str):
        return answer
    raise UnexpectedResponseError("the answer is no text")


def _an_employee(answer: Any) -> Employee:
    """Read one employee, the portal's own fields from among the others."""
    employee = one("data", Employee)(answer)
    custom = {
        key: decode(value, CustomField, at=f"$.data.{key}")
        for key, value in employee.raw.items()
        if key.startswith("custom_")
    }
    return evolve(employee, custom_fields=custom)


def _written(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a write in the API's words, with the portal's own among them."""
    plain = {name: value for name, value in body.items() if name != "custom_fields"}
    return {**in_camel_case(plain), **body.get("custom_fields", {})}


def _with_a_value(body: dict[str, Any]) -> dict[str, Any]:
    """Return a change, or raise ValueError if it gives nothing but nulls."""
    if any(value is not None for value in body.values()):
        return body
    raise ValueError(
        "Planday refuses a change that gives no value but null; "
        "give one more field, such as first_name as it is"
    )


def _termination_types(answer: Any) -> List[TerminationType]:
    """Read a list whose documentation leaves open whether it stands under `data`."""
    items = answer if isinstance(answer, List) else expect(answer, "data", List)
    return decode_all(items, TerminationType)
