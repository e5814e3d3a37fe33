"""Employee groups: what people do (docs: HR, Employee groups)."""

from builtins import list as List  # noqa: N812  # `list` is the method below
from typing import Unpack

from planado_async.core.pages import Pages
from planado_async.core.resource import one
from planado_async.planday.models.hr import EmployeeGroup
from planado_async.planday.resources.resource import Resource
from planado_async.planday.writes.hr import EmployeeGroupFields
from planado_async.planday.writes.options import CallOptions, Listing

_ALL = "/hr/v1.0/employeegroups"
_ONE = f"{_ALL}/{{id}}"


class EmployeeGroups(Resource):
    """The calls under `/hr/v1.0/employeegroups`."""

    def list(self, **options: Unpack[Listing]) -> Pages[EmployeeGroup]:
        """Walk over the groups of the portal."""
        return self._list(_ALL, model=EmployeeGroup, given=options, scope="employeegroup:read")

    async def get(self, id: int, **options: Unpack[CallOptions]) -> EmployeeGroup:
        """Return one group."""
        return await self._get(
            _ONE, id, model=EmployeeGroup, given=options, scope="employeegroup:read"
        )

    async def create(self, **fields: Unpack[EmployeeGroupFields]) -> EmployeeGroup:
        """Make a group and return it.

        Raises:
            OutcomeUnknownError: the answer was lost; the group may exist.
        """
        made: EmployeeGroup = await self._create(
            _ALL,
            fields=fields,
            shape=EmployeeGroupFields,
            read=one("data", EmployeeGroup),
            scope="employeegroup:create",
        )
        return made

    async def update(self, id: int, **fields: Unpack[EmployeeGroupFields]) -> None:
        """Give a group another name."""
        await self._put(
            _ONE, id, fields=fields, shape=EmployeeGroupFields, scope="employeegroup:update"
        )

    async def delete(self, id: int, **options: Unpack[CallOptions]) -> None:
        """Remove a group.

        Raises:
            ConflictError: somebody is still in it.
        """
        await self._delete(_ONE, id, given=options, scope="employeegroup:delete")

    async def employees(self, id: int, **options: Unpack[CallOptions]) -> List[int]:
        """Return the ids of the employees in a group."""
        return await self._members(f"{_ONE}/employees", id, options)
