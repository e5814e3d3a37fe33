"""Jobs: work orders and what becomes of them (docs: Jobs)."""

from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Unpack
from uuid import uuid4

from planado_async.core.bulk import BulkReport, Progress, bulk, check
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

    async def details(
        self,
        items: Iterable[JobItem] | AsyncIterable[JobItem],
        *,
        known: Mapping[str, int] | None = None,
        concurrency: int = 8,
        on_progress: Callable[[Progress], object] | None = None,
    ) -> BulkReport[JobItem, Job]:
        """Get the jobs of a list in full, without those whose version is known already.

        `items` is a listing, such as `planado.jobs.list(updated_after=...)`, or any other source of
        JobItems. It is walked to its end first; if that fails, no job is got and a listing begins
        again where it began. `known` maps uuids to the versions that the caller has: those items
        stand in `skipped` and cost no call. A job deleted meanwhile is a NotFoundError in `failed`.

        Raises:
            ValueError: `concurrency` is below 1.
            TypeError: `on_progress` is an `async def`.
        """
        check(concurrency, on_progress)  # before the listing costs calls
        versions = known or {}

        async def get(item: JobItem) -> Job:
            return await self.get(item.uuid)

        def is_known(item: JobItem) -> bool:
            return item.version is not None and item.version == versions.get(item.uuid)

        return await bulk(
            get,
            await _all_of(items),
            key=attrgetter("uuid"),
            concurrency=concurrency,
            on_progress=on_progress,
            skip=is_known,
        )

    async def create(self, **fields: Unpack[JobCreate]) -> str:
        """Create a job and return its uuid (docs: Jobs, Create).

        With an `external_id` a lost answer is recovered from: the job is looked up, and created
        again if it is not there. `safe=True` makes an `external_id` where none is given.

        Raises:
            ConflictError: the job named by its `uuid` has this external_id; one more call finds it.
            ValidationError: the API refuses a value.
            OutcomeUnknownError: the answer was lost and the job could not be looked up; it may
                exist.
        """
        encoded = encode(fields, JobCreate)
        if encoded.pop("safe", False) and not encoded.get("external_id"):
            encoded["external_id"] = str(uuid4())
        return await self._post("/jobs", encoded, "job_uuid", found_under=("job",))

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


async def _all_of(items: Iterable[JobItem] | AsyncIterable[JobItem]) -> Sequence[JobItem]:
    if isinstance(items, Pages):
        return await items.collect()
    if isinstance(items, AsyncIterable):
        return [item async for item in items]
    return [*items]
