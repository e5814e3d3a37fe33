"""The portal a token belongs to (docs: Portal)."""

from typing import Unpack

from planado_async.planday.models.portal import Portal
from planado_async.planday.resources.resource import Resource
from planado_async.planday.writes.options import CallOptions


class PortalInfo(Resource):
    """The call under `/portal`."""

    async def info(self, **options: Unpack[CallOptions]) -> Portal:
        """Return the portal that the token opens; any token may ask (docs: Portal, Info)."""
        return await self._get("/portal/v1.0/info", model=Portal, given=options, scope=None)
