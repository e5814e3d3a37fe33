"""How bulk jobs are written; only type-checked, never run."""

# An expected error that vanished is itself an error, to both checkers.
# pyright: reportUnnecessaryTypeIgnoreComment=true

from collections.abc import AsyncIterator
from pathlib import Path
from typing import assert_type

from planado_async import BulkReport, Planado, Progress
from planado_async.planado import Client, Job, JobItem


async def resumed(planado: Planado, uuids: list[str]) -> None:
    report = BulkReport[str, Client]()
    assert_type(
        await planado.bulk(
            planado.clients.get,
            uuids,
            key=str,
            concurrency=4,
            on_progress=told,
            report=report,
            checkpoint=Path("checkpoint"),
            repeat_interrupted=True,
        ),
        BulkReport[str, Client],
    )
    for item, value in report.skipped:
        assert_type(item, str)
        assert_type(value, str | int | float | bool | None)
    await planado.bulk(planado.jobs.get, uuids, report=report)  # type: ignore[arg-type]
    await planado.bulk(planado.jobs.get, uuids, key=len)  # type: ignore[arg-type]
    await planado.bulk(planado.jobs.get, uuids, checkpoint=3)  # type: ignore[arg-type]
    report.ok = []  # type: ignore[misc]


def told(progress: Progress) -> None:
    assert_type(progress.skipped, int)
    assert_type(progress.eta, float)


async def details(planado: Planado, one_by_one: AsyncIterator[JobItem]) -> None:
    report = await planado.jobs.details(planado.jobs.list(), known={"u": 3}, on_progress=told)
    assert_type(report, BulkReport[JobItem, Job])
    await planado.jobs.details(one_by_one)
    await planado.jobs.details([JobItem(uuid="u")], concurrency=2)
    await planado.jobs.details(["u"])  # type: ignore[list-item]
    await planado.jobs.details(planado.sites.list())  # type: ignore[arg-type]
