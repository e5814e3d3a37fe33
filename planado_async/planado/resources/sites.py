"""Sites: the places where jobs are done (docs: Sites)."""

from datetime import datetime
from typing import Unpack

from planado_async.core.convert import decode
from planado_async.core.encode import encode
from planado_async.core.pages import Pages
from planado_async.core.transport import expect
from planado_async.planado.models import Site
from planado_async.planado.resources.resource import Resource, between
from planado_async.planado.writes import CallOptions, SiteCreate, SiteUpdate


class Sites(Resource):
    """The calls under `/sites`. A site's `id` is its uuid or its external_id."""

    async def get(self, id: str, **options: Unpack[CallOptions]) -> Site:
        """Return a site (docs: Sites, Get).

        Raises:
            NotFoundError: there is no such site.
        """
        given = encode(options, CallOptions)
        answer = await self._send("GET", "/sites/{id}", id, effect="read", given=given)
        # A site read by its external_id has been documented under the plural key.
        key = "sites" if isinstance(answer, dict) and "sites" in answer else "site"
        return decode(expect(answer, key, dict), Site, at=f"$.{key}")

    def list(
        self,
        *,
        updated_after: datetime | None = None,
        updated_before: datetime | None = None,
        after: str | None = None,
        **options: Unpack[CallOptions],
    ) -> Pages[Site]:
        """Walk over sites, newest first (docs: Sites, List).

        Date-times are aware and lie outside the range themselves. `after` is the uuid of a site
        behind which to go on.
        """
        query = between("updated_at", updated_after, updated_before)
        return self._list(
            "/sites", key="sites", model=Site, given=options, after=after, query=query
        )

    async def create(self, **fields: Unpack[SiteCreate]) -> str:
        """Create a site and return its uuid (docs: Sites, Create).

        `upsert` is the safer way wherever you have an id of your own: it can be sent twice.

        Raises:
            ConflictError: another site has this external_id.
            OutcomeUnknownError: the answer was lost; the site may exist.
        """
        return await self._create("/sites", fields=fields, shape=SiteCreate, answers="site_uuid")

    async def update(self, id: str, **fields: Unpack[SiteUpdate]) -> str:
        """Change the fields given and return the site's uuid (docs: Sites, Update)."""
        return await self._update(
            "/sites/{id}", id, fields=fields, shape=SiteUpdate, answers="site_uuid"
        )

    async def upsert(self, external_id: str, **fields: Unpack[SiteUpdate]) -> str:
        """Create or change the site with your own id and return its uuid (docs: Sites, Update).

        A site that is new needs a name.
        """
        return await self._patch(
            "/sites/{id}", external_id, fields=fields, shape=SiteUpdate, answers="site_uuid"
        )
