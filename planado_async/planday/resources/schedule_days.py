"""Schedule days: what is noted about a day of a department (docs: Schedule)."""

from typing import Unpack

from planado_async.core.pages import Pages
from planado_async.planday.models.scheduling import ScheduleDay
from planado_async.planday.resources.resource import Resource
from planado_async.planday.writes.scheduling import ScheduleDayFields, ScheduleDayListing

_ALL = "/scheduling/v1.0/scheduleDay"


class ScheduleDays(Resource):
    """The calls under `/scheduling/v1.0/scheduleDay`."""

    def list(self, **options: Unpack[ScheduleDayListing]) -> Pages[ScheduleDay]:
        """Walk over the days of a department: titles, holidays, locks."""
        return self._list(
            _ALL,
            model=ScheduleDay,
            given=options,
            shape=ScheduleDayListing,
            names={"from_date": "from", "to_date": "to"},
            scope="shift:read",
        )

    async def set(self, **fields: Unpack[ScheduleDayFields]) -> None:
        """Note something about a day of a department, or hide the day.

        No call locks a day; only people do.
        """
        await self._put(_ALL, fields=fields, shape=ScheduleDayFields, scope="shift:update")
