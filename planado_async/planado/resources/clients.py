"""Clients: the customers jobs are done for (docs: Clients)."""

from typing import Unpack

from planado_async.core.encode import encode
from planado_async.core.pages import Pages
from planado_async.planado.models import Client
from planado_async.planado.resources.resource import Resource, between
from planado_async.planado.writes import (
    CallOptions,
    ChangedListing,
    ClientCreate,
    ClientUpdate,
    ClientUpsert,
    OrganizationOrPerson,
    WriteOptions,
)


class Clients(Resource):
    """The calls under `/clients`. A client's `id` is its uuid or its external_id."""

    async def get(self, id: str, **options: Unpack[CallOptions]) -> Client:
        """Return a client (docs: Clients, Get).

        Raises:
            NotFoundError: there is no such client.
        """
        return await self._get("/clients/{id}", id, key="client", model=Client, given=options)

    def list(self, **filters: Unpack[ChangedListing]) -> Pages[Client]:
        """Walk over clients, newest first (docs: Clients, List)."""
        given = encode(filters, ChangedListing)
        query = between("updated", given)
        return self._list(
            "/clients", key="clients", model=Client, given=given, shape=ChangedListing, query=query
        )

    async def create(self, **fields: Unpack[ClientCreate]) -> str:
        """Create a client and return its uuid (docs: Clients, Create).

        With an `external_id` a lost answer is recovered from, as with jobs; where you have an id of
        your own, `upsert` does without that: it can be sent twice.

        Raises:
            ConflictError: the client named by its `uuid` has this external_id; one more call finds
                it.
            OutcomeUnknownError: the answer was lost, and there is no external_id or it could not be
                looked up; the client may exist.
        """
        OrganizationOrPerson().check(fields, "ClientCreate")
        return await self._create(
            "/clients",
            fields=fields,
            shape=ClientCreate,
            answers="client_uuid",
            found_under=("client",),
        )

    async def update(self, id: str, **fields: Unpack[ClientUpdate]) -> str:
        """Change the fields given and return the client's uuid (docs: Clients, Update)."""
        return await self._update(
            "/clients/{id}", id, fields=fields, shape=ClientUpdate, answers="client_uuid"
        )

    async def upsert(self, external_id: str, **fields: Unpack[ClientUpsert]) -> str:
        """Create or change the client with your own id and return its uuid (docs: Clients, Update).

        A client that is new needs `organization` and a name.
        """
        OrganizationOrPerson().check(fields, "ClientUpsert")
        return await self._upsert(
            "/clients/{id}", external_id, fields=fields, shape=ClientUpsert, answers="client_uuid"
        )

    async def delete(self, external_id: str, **options: Unpack[WriteOptions]) -> None:
        """Delete a client, by its external_id.

        Raises:
            NotFoundError: there is no such client.
        """
        await self._delete("/clients/{id}", external_id, given=options)
