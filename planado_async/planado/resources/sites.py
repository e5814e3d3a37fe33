"""Sites: the places where jobs are done (docs: Sites)."""

from typing import Any, Unpack

from planado_async.core.encode import encode
from planado_async.core.pages import Pages
from planado_async.core.resource import one
from planado_async.planado.models import Site
from planado_async.planado.resources.resource import Resource, between, key_of
from planado_async.planado.writes import CallOptions, ChangedListing, SiteCreate, SiteUpdate

_KEYS = ("site", "sites")
"""Where a site comes: one asked for by its external_id is documented under the plural key."""


def _one_site(answer: Any) -> Site:
    """Read a site under either key."""
    return one(key_of(answer, _KEYS), Site)(answer)


class Sites(Resource):
    """The calls under `/sites`. A site's `id` is its uuid or its external_id."""

    async def get(self, id: str, **options: Unpack[CallOptions]) -> Site:
        """Return a site (docs: Sites, Get).

        Raises:
            NotFoundError: there is no such site.
        """
        site: Site = await self._send(
            "GET",
            "/sites/{id}",
            id,
            effect="read",
            given=encode(options, CallOptions),
            read=_one_site,
        )
        return site

    def list(self, **filters: Unpack[ChangedListing]) -> Pages[Site]:
        """Walk over sites, newest first (docs: Sites, List)."""
        given = encode(filters, ChangedListing)
        query = between("updated", given)
        return self._list(
            "/sites", key="sites", model=Site, given=given, shape=ChangedListing, query=query
        )

    async def create(self, **fields: Unpack[SiteCreate]) -> str:
        """Create a site and return its uuid (docs: Sites, Create).

        With an `external_id` a lost answer is recovered from, as with jobs; where you have an id of
        your own, `upsert` does without that: it can be sent twice.

        Raises:
            ConflictError: the site named by its `uuid` has this external_id; one more call finds
                it.
            OutcomeUnknownError: the answer was lost, and there is no external_id or it could not be
                looked up; the site may exist.
        """
        return await self._create(
            "/sites",
            fields=fields,
            shape=SiteCreate,
            answers="site_uuid",
            found_under=_KEYS,
        )

    async def update(self, id: str, **fields: Unpack[SiteUpdate]) -> str:
        """Change the fields given and return the site's uuid (docs: Sites, Update)."""
        return await self._update(
            "/sites/{id}", id, fields=fields, shape=SiteUpdate, answers="site_uuid"
        )

    async def upsert(self, external_id: str, **fields: Unpack[SiteUpdate]) -> str:
        """Create or change the site with your own id and return its uuid (docs: Sites, Update).

        A site that is new needs a name.
        """
        return await self._upsert(
            "/sites/{id}", external_id, fields=fields, shape=SiteUpdate, answers="site_uuid"
        )
