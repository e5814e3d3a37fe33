"""Jobs: work orders and what becomes of them (docs: Jobs)."""

from typing import Unpack

from planado_async.core.encode import encode
from planado_async.core.pages import Pages
from planado_async.planado.models import HistoryEvent, Job, JobItem, Location
from planado_async.planado.resources.resource import Resource, between
from planado_async.planado.writes import (
    CallOptions,
    JobCreate,
    JobListing,
    JobUpdate,
    Listing,
    WriteOptions,
)


class Jobs(Resource):
    """The calls under `/jobs`. A job's `id` is its uuid or, where it says so, its external_id."""

    async def get(self, id: str, **options: Unpack[CallOptions]) -> Job:
        """Return a job in full, by its uuid or external_id (docs: Jobs, Get).

        Raises:
            NotFoundError: there is no such job.
        """
        return await self._get("/jobs/{id}", id, key="job", model=Job, given=options)

    def list(self, **filters: Unpack[JobListing]) -> Pages[JobItem]:
        """Walk over jobs, newest first (docs: Jobs, List).

        A list leaves out description, address, contacts and custom fields: `get` has them.
        """
        given = encode(filters, JobListing)
        query = [*between("updated", given), *between("scheduled", given)]
        if (worker_uuid := given.get("worker_uuid")) is not None:
            query.append(("assignee[worker_uuid]", worker_uuid))
        return self._list(
            "/jobs", key="jobs", model=JobItem, given=given, shape=JobListing, query=query
        )

    async def create(self, **fields: Unpack[JobCreate]) -> str:
        """Create a job and return its uuid (docs: Jobs, Create).

        Raises:
            ConflictError: another job has this external_id.
            ValidationError: the API refuses a value.
            OutcomeUnknownError: the answer was lost; the job may exist.
        """
        return await self._create("/jobs", fields=fields, shape=JobCreate, answers="job_uuid")

    async def update(self, id: str, **fields: Unpack[JobUpdate]) -> str:
        """Change the fields given and return the job's uuid (docs: Jobs, Update).

        `id` may be the external_id. Without any field there is nothing to do: no call is spent and
        `id` is returned.

        Raises:
            ValidationError: the API refuses a value, or a change that a started job forbids.
            OutcomeUnknownError: the answer was lost after fields were added.
        """
        return await self._update(
            "/jobs/{id}", id, fields=fields, shape=JobUpdate, answers="job_uuid"
        )

    async def delete(self, id: str, **options: Unpack[WriteOptions]) -> None:
        """Delete a job, by its uuid.

        Raises:
            NotFoundError: there is no such job.
        """
        await self._delete("/jobs/{id}", id, given=options)

    def history(self, id: str, **options: Unpack[Listing]) -> Pages[HistoryEvent]:
        """Walk over the versions of a job, oldest first; `after` is a version (docs: History)."""
        return self._list(
            "/jobs/{id}/history",
            id,
            key="events",
            model=HistoryEvent,
            given=options,
            cursor_of=lambda event: str(event.version),
        )

    def locations(self, id: str, **options: Unpack[Listing]) -> Pages[Location]:
        """Walk over where the technicians' phones were, in order of upload (docs: Locations)."""
        return self._list(
            "/jobs/{id}/locations", id, key="locations", model=Location, given=options
        )
