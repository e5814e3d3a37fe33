"""How calls that write are written; only type-checked, never run."""

# An expected error that vanished is itself an error, to both checkers.
# pyright: reportUnnecessaryTypeIgnoreComment=true

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import assert_type

from planado_async import Planado

NOON = datetime(2026, 2, 3, 12, tzinfo=UTC)


async def right(planado: Planado) -> None:
    uuid = await planado.jobs.create(
        description="pump",
        job_type={"code": "Repair"},
        external_id="wo-77",
        scheduled_at=NOON,
        scheduled_duration=timedelta(minutes=90),
        assignees=[
            {"worker": {"uuid": "w"}, "access": "edit"},
            {"team": {"uuid": "t"}, "access": "view"},
        ],
        address={"formatted": "Kiln Rd 1", "floor": None},
        client={"organization": True, "organization_name": "Blue Kiln"},
        site={"external_id": "site-1"},
        custom_fields=[{"name": "Gate code", "value": 12}],
        notify_assignees=False,
        deadline=None,
    )
    assert_type(uuid, str)
    assert_type(await planado.jobs.create(safe=True), str)
    await planado.jobs.update(uuid, description=None, scheduled_at="2026-02-03T12:00:00Z")
    await planado.jobs.update(uuid, scheduled_duration={"minutes": 5}, assignee=None, client=None)
    assert_type(await planado.jobs.delete(uuid, trigger_webhooks=True), None)
    await planado.clients.create(organization=False, first_name="Jo")
    await planado.clients.upsert("crm-1", contacts=[{"value": "1", "type": "phone"}])
    await planado.sites.upsert("site-1", name="Kiln", address={"apartment": "5"})
    await planado.products.create(name="x", unit={"name": "piece"}, price_default=Decimal("1.05"))
    await planado.services.create(name="x", price_default="1.05", category=None)
    await planado.units.update("u", code="pcs")
    await planado.users.set_shifts("u", [{"time_from": NOON, "time_to": NOON, "working": False}])


async def unknown_keywords(planado: Planado) -> None:
    await planado.jobs.create(descripton="x")  # type: ignore[call-arg]
    await planado.jobs.update("u", external_id="x")  # type: ignore[call-arg]
    await planado.jobs.update("u", template={"name": "x"})  # type: ignore[call-arg]
    await planado.jobs.update("u", safe=True)  # type: ignore[call-arg]
    await planado.clients.create(organization=True, safe=True)  # type: ignore[call-arg]
    planado.with_options(safe=True)  # type: ignore[call-arg]
    await planado.clients.update("u", organization=True)  # type: ignore[call-arg]
    await planado.jobs.create(job_type={"name": "x"})  # type: ignore[typeddict-unknown-key]


async def nulls_that_are_not_allowed(planado: Planado) -> None:
    await planado.jobs.create(external_id=None)  # type: ignore[arg-type]
    await planado.jobs.create(safe=None)  # type: ignore[arg-type]
    await planado.jobs.update("u", contacts=None)  # type: ignore[arg-type]
    await planado.jobs.update("u", address=None)  # type: ignore[arg-type]
    await planado.sites.update("u", name=None)  # type: ignore[arg-type]
    await planado.units.update("u", external_id=None)  # type: ignore[arg-type]


async def wrong_types(planado: Planado) -> None:
    await planado.jobs.create(description=7)  # type: ignore[arg-type]
    await planado.jobs.create(scheduled_at=date(2026, 2, 3))  # type: ignore[arg-type]
    await planado.jobs.create(scheduled_duration=30)  # type: ignore[arg-type]
    await planado.services.create(name="x", price_default=1.05)  # type: ignore[arg-type]
    await planado.jobs.update("u", notify_assignees="false")  # type: ignore[arg-type]
    await planado.jobs.update(
        "u",
        assignees=[{"worker": {"uuid": "w"}, "access": "own"}],  # type: ignore[typeddict-item]
    )


async def missing_required(planado: Planado) -> None:
    await planado.clients.create(first_name="Jo")  # type: ignore[call-arg]
    await planado.sites.create()  # type: ignore[call-arg]
    await planado.products.create(name="x")  # type: ignore[call-arg]
    await planado.units.create(name="x")  # type: ignore[call-arg]
    await planado.users.set_shifts(
        "u",
        [{"time_from": NOON}],  # type: ignore[typeddict-item]
    )
