"""Shift types: the kinds of shifts, absence among them (docs: Schedule)."""

from typing import Unpack

from planado_async.core.pages import Pages
from planado_async.planday.models.scheduling import ShiftType
from planado_async.planday.resources.resource import Resource, the_number
from planado_async.planday.writes.scheduling import ActiveListing, ShiftTypeFields

_ALL = "/scheduling/v1.0/shifttypes"


class ShiftTypes(Resource):
    """The calls under `/scheduling/v1.0/shifttypes`."""

    def list(self, **options: Unpack[ActiveListing]) -> Pages[ShiftType]:
        """Walk over the shift types: the active ones, the others, or all."""
        return self._list(
            _ALL, model=ShiftType, given=options, shape=ActiveListing, scope="shifttype:read"
        )

    async def create(self, **fields: Unpack[ShiftTypeFields]) -> int:
        """Make a shift type and return its id.

        Raises:
            OutcomeUnknownError: the answer was lost; the shift type may exist.
        """
        made: int = await self._create(
            _ALL,
            fields=fields,
            shape=ShiftTypeFields,
            read=the_number("id"),  # the one answer that `data` is not wrapped around
            scope="shifttype:create",
        )
        return made

    async def update(self, id: int, **fields: Unpack[ShiftTypeFields]) -> None:
        """Write a shift type anew; give also what is to stay."""
        await self._put(
            f"{_ALL}/{{id}}", id, fields=fields, shape=ShiftTypeFields, scope="shifttype:update"
        )
