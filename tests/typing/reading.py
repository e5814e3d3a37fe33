"""How calls that read are written; only type-checked, never run."""

# An expected error that vanished is itself an error, to both checkers.
# pyright: reportUnnecessaryTypeIgnoreComment=true

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, assert_type

from planado_async import BulkReport, Pages, Planado
from planado_async.planado import (
    Assignee,
    Category,
    Client,
    Contact,
    HistoryEvent,
    Job,
    JobItem,
    Location,
    NearbyUser,
    Product,
    Reference,
    Shift,
    Site,
    Skill,
    Template,
    Unit,
    Webhook,
    WebhookRequest,
)


async def jobs(planado: Planado, since: datetime) -> None:
    job = await planado.jobs.get("wo-77", deadline=3.0, priority="interactive")
    assert_type(job, Job)
    assert_type(job.uuid, str)
    assert_type(job.status, str | None)
    assert_type(job.scheduled_at, datetime | None)
    assert_type(job.scheduled_duration, timedelta | None)
    assert_type(job.assignee, Assignee | None)
    assert_type(job.client, Reference | None)
    assert_type(job.contacts, tuple[Contact, ...])
    assert_type(job.raw, Mapping[str, Any])

    pages = planado.jobs.list(updated_after=since, worker_uuid="w")
    assert_type(pages, Pages[JobItem])
    assert_type(pages.cursor, str | None)
    async for item in pages:
        assert_type(item, JobItem)
    async for page in pages.pages():
        assert_type(page, list[JobItem])
    assert_type(await pages.collect(limit=5), list[JobItem])
    assert_type(planado.jobs.history("u", after="7"), Pages[HistoryEvent])
    assert_type(planado.jobs.locations("u"), Pages[Location])

    planado.jobs.list(updated_after=20260203)  # type: ignore[arg-type]
    planado.jobs.list(updated_since=since)  # type: ignore[call-arg]
    await planado.jobs.get("u", notify_assignees=False)  # type: ignore[call-arg]
    await planado.jobs.get("u", priority="urgent")  # type: ignore[arg-type]
    await planado.jobs.get(77)  # type: ignore[arg-type]
    job.status = "started"  # type: ignore[misc]
    job.new_key  # type: ignore[attr-defined]  # noqa: B018


async def others(planado: Planado, day: date) -> None:
    assert_type(await planado.clients.get("crm-1"), Client)
    assert_type(planado.clients.list(), Pages[Client])
    assert_type(await planado.sites.get("site-1"), Site)
    assert_type(await planado.users.shifts("u", after=day, before=day), list[Shift])
    nearby = planado.users.search_nearby(latitude=1, longitude=2.5, radius_m=100)
    assert_type(nearby, Pages[NearbyUser])
    assert_type(planado.skills.list(), Pages[Skill])
    assert_type(await planado.templates.get("t"), Template)
    assert_type(await planado.service_categories.get("c"), Category)
    assert_type(await planado.units.get("u"), Unit)
    product, *_ = await planado.products.list().collect()
    assert_type(product, Product)
    assert_type(product.price_default, Decimal | None)
    assert_type(planado.webhooks.list(), Pages[Webhook])
    assert_type(planado.webhooks.deliveries("w"), Pages[WebhookRequest])

    await planado.users.shifts("u", after=day)  # type: ignore[call-arg]
    planado.users.search_nearby(latitude=1, longitude=2)  # type: ignore[call-arg]


async def in_bulk(planado: Planado, uuids: list[str]) -> None:
    report = await planado.bulk(planado.clients.get, uuids)
    assert_type(report, BulkReport[str, Client])
    for uuid, client in report.ok:
        assert_type(uuid, str)
        assert_type(client, Client)
    for _, error in report.failed:
        assert_type(error, Exception)


async def options(planado: Planado) -> None:
    quick = planado.with_options(deadline=3.0, priority="interactive", notify_assignees=False)
    assert_type(quick, Planado)
    async with quick as opened:
        assert_type(opened, Planado)
    assert_type(planado.budget.eta, float)
    assert_type(planado.budget.burst, float | None)
    planado.with_options(dedline=3.0)  # type: ignore[call-arg]
