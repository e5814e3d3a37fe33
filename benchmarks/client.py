"""The client against bare aiohttp and against aiohttp with pydantic models."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import aiohttp
import orjson
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

from benchmarks.peers import JOB_ITEM, PAGE, fastest, process
from benchmarks.report import Row
from planado_async import Planado


class _Peer(BaseModel):
    """Gives what our models give: unknown keys kept, date-times aware, durations as timedelta."""

    model_config = ConfigDict(extra="allow", frozen=True)


def _from_minutes(value: Any) -> Any:
    return timedelta(minutes=value["minutes"]) if isinstance(value, dict) else value


def _with_zone(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


_Aware = Annotated[datetime, AfterValidator(_with_zone)]


class _Assignee(_Peer):
    worker_uuid: str | None = None
    team_uuid: str | None = None


class _Assigned(_Peer):
    uuid: str | None = None
    access: str | None = None


class _Resolution(_Peer):
    uuid: str | None = None
    comment: str | None = None


class _JobItem(_Peer):
    uuid: str
    id: int | None = None
    external_id: str | None = None
    external_order_id: str | None = None
    serial_no: int | None = None
    status: str | None = None
    scheduled_at: _Aware | None = None
    scheduled_duration: Annotated[timedelta | None, BeforeValidator(_from_minutes)] = None
    template_uuid: str | None = None
    client_uuid: str | None = None
    site_uuid: str | None = None
    type_uuid: str | None = None
    assignee: _Assignee | None = None
    assignees: tuple[_Assigned, ...] = ()
    skill_uuids: tuple[str, ...] = ()
    territory_uuid: str | None = None
    initial_job_uuid: str | None = None
    completion_of_uuid: str | None = None
    resolution: _Resolution | None = None
    version: int | None = None
    created_at: _Aware | None = None
    updated_at: _Aware | None = None


class _Page(_Peer):
    jobs: list[_JobItem]


async def run() -> list[Row]:
    """Measure one call and one page of a hundred typed jobs."""
    with process("benchmarks.jobs_server") as origin:
        url = f"{origin}/v2"
        async with (
            aiohttp.ClientSession() as session,
            Planado("k", base_url=url, rate=None) as ours,
        ):

            async def read(path: str) -> bytes:
                async with session.get(url + path, headers={"X-Planado-API-Key": "k"}) as response:
                    return await response.read()

            async def bare() -> object:
                return orjson.loads(await read("/jobs/wo-77"))

            async def get() -> object:
                return await ours.jobs.get("wo-77")

            async def page() -> object:
                return await ours.jobs.list().collect(limit=PAGE)

            async def pydantic() -> object:
                return _Page.model_validate_json(await read("/jobs"))

            items = await ours.jobs.list().collect(limit=PAGE)
            assert (await read("/jobs")).count(b'"uuid"') == 2 * len(items)
            assert dict(items[0].raw, serial_no=12) == JOB_ITEM
            took = await fastest(
                {"bare": bare, "get": get, "page": page, "pydantic": pydantic}, calls=100, rounds=9
            )
    return [
        Row("one call: jobs.get / bare aiohttp + orjson", took["get"] / took["bare"], 1.5),
        Row("a page of 100 typed jobs / bare call of one", took["page"] / took["bare"], 6.0),
        Row("a page of 100 typed jobs / pydantic v2", took["page"] / took["pydantic"], 1.0),
    ]
