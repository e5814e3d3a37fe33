"""Positions: the places to fill on a schedule (docs: Schedule)."""

from collections.abc import Mapping
from typing import Any, Unpack

from planado_async.core.encode import encode
from planado_async.core.pages import Pages
from planado_async.core.resource import one, split
from planado_async.planday.models.scheduling import Position
from planado_async.planday.resources.resource import Resource, query_of
from planado_async.planday.writes.options import CallOptions
from planado_async.planday.writes.scheduling import ActiveListing, PositionDelete, PositionFields

_ALL = "/scheduling/v1.0/positions"
_ONE = f"{_ALL}/{{id}}"


class Positions(Resource):
    """The calls under `/scheduling/v1.0/positions`."""

    def list(self, **options: Unpack[ActiveListing]) -> Pages[Position]:
        """Walk over the positions: the active ones, the others, or all."""
        return self._list(
            _ALL, model=Position, given=options, shape=ActiveListing, scope="shiftposition:read"
        )

    async def get(self, id: int, **options: Unpack[CallOptions]) -> Position:
        """Return one position."""
        return await self._get(_ONE, id, model=Position, given=options, scope="shiftposition:read")

    async def create(self, **fields: Unpack[PositionFields]) -> Position:
        """Make a position and return it.

        Raises:
            OutcomeUnknownError: the answer was lost; the position may exist.
        """
        made: Position = await self._create(
            _ALL,
            fields=fields,
            shape=PositionFields,
            read=one("data", Position),
            scope="shiftposition:create",
        )
        return made

    async def update(self, id: int, **fields: Unpack[PositionFields]) -> Position:
        """Write a position anew and return it; what is not given is emptied."""
        written: Position = await self._put(
            _ONE,
            id,
            fields=fields,
            shape=PositionFields,
            read=one("data", Position),
            scope="shiftposition:update",
        )
        return written

    async def delete(self, id: int, **options: Unpack[PositionDelete]) -> None:
        """Delete a position; `delete_option` says what becomes of its shifts.

        Raises:
            ConflictError: it has shifts, and nothing was said about them.
            ValueError: a replacement without `delete_option="ReplacePosition"`, or the other way.
        """
        chosen, given = split(encode(options, PositionDelete))
        _check_replacement(chosen)
        query = query_of(chosen, {})
        await self._delete(_ONE, id, given=given, query=query, scope="shiftposition:delete")


def _check_replacement(chosen: Mapping[str, Any]) -> None:
    replaces = chosen.get("delete_option") == "ReplacePosition"
    if replaces != ("replacement_position_id" in chosen):
        raise ValueError(
            'delete_option="ReplacePosition" and replacement_position_id go together; '
            "give both or neither"
        )
