"""Employee types: how people are employed (docs: HR, Employee types)."""

from builtins import list as List  # noqa: N812  # `list` is the method below
from typing import Unpack

from planado_async.core.encode import encode
from planado_async.planday.models.hr import EmployeeType
from planado_async.planday.resources.resource import Resource
from planado_async.planday.writes.options import CallOptions


class EmployeeTypes(Resource):
    """The call under `/hr/v1.0/employeetypes`."""

    async def list(self, **options: Unpack[CallOptions]) -> List[EmployeeType]:
        """Return all employee types; they come at once."""
        return await self._all(
            "/hr/v1.0/employeetypes",
            model=EmployeeType,
            given=encode(options, CallOptions),
            scope="employeetype:read",
        )
