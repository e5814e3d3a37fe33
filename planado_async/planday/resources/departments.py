"""Departments: the places people work at (docs: HR, Departments)."""

from builtins import list as List  # noqa: N812  # `list` is the method below
from typing import Unpack

from planado_async.core.encode import encode
from planado_async.core.pages import Pages
from planado_async.core.resource import one, split
from planado_async.planday.models.hr import Department
from planado_async.planday.resources.resource import Resource, query_of
from planado_async.planday.writes.hr import DepartmentFields, DepartmentRead
from planado_async.planday.writes.options import CallOptions, Listing

_ALL = "/hr/v1.0/departments"
_ONE = f"{_ALL}/{{id}}"


class Departments(Resource):
    """The calls under `/hr/v1.0/departments`."""

    def list(self, **options: Unpack[Listing]) -> Pages[Department]:
        """Walk over the departments that the app's administrator sees."""
        return self._list(_ALL, model=Department, given=options, scope="department:read")

    async def get(self, id: int, **options: Unpack[DepartmentRead]) -> Department:
        """Return one department, with `include_deleted=True` also one that was deleted."""
        wanted, given = split(encode(options, DepartmentRead))
        return await self._get(
            _ONE,
            id,
            model=Department,
            given=given,
            query=query_of(wanted, {}),
            scope="department:read",
        )

    async def create(self, **fields: Unpack[DepartmentFields]) -> Department:
        """Open a department and return it.

        Raises:
            OutcomeUnknownError: the answer was lost; the department may exist.
        """
        made: Department = await self._create(
            _ALL,
            fields=fields,
            shape=DepartmentFields,
            read=one("data", Department),
            scope="department:create",
        )
        return made

    async def update(self, id: int, **fields: Unpack[DepartmentFields]) -> None:
        """Give a department this name and number; give the number also if it stays."""
        await self._put(_ONE, id, fields=fields, shape=DepartmentFields, scope="department:update")

    async def delete(self, id: int, **options: Unpack[CallOptions]) -> None:
        """Close a department.

        Raises:
            ConflictError: somebody is still in it.
        """
        await self._delete(_ONE, id, given=options, scope="department:delete")

    async def employees(self, id: int, **options: Unpack[CallOptions]) -> List[int]:
        """Return the ids of the employees of a department."""
        return await self._members(f"{_ONE}/employees", id, options)
