"""Time and cost: what the shifts of a department cost (docs: Schedule; guide: Time and Cost)."""

from typing import Unpack

from planado_async.core.encode import encode
from planado_async.core.resource import split
from planado_async.planday.models.scheduling import TimeAndCost as Costs
from planado_async.planday.resources.resource import Resource, query_of
from planado_async.planday.writes.scheduling import CostRead


class TimeAndCost(Resource):
    """The call under `/scheduling/v1.0/timeandcost`."""

    async def get(self, department_id: int, **options: Unpack[CostRead]) -> Costs:
        """Return time and cost of the shifts of some days, both ends included.

        Open shifts are left out, and breaks do not count.
        """
        days, given = split(encode(options, CostRead))
        return await self._get(
            "/scheduling/v1.0/timeandcost/{id}",
            department_id,
            model=Costs,
            given=given,
            query=query_of(days, {"from_date": "from", "to_date": "to"}),
            scope="timeandcost:read",
        )
