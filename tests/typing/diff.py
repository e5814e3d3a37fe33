"""How names are looked up and differences sent; only type-checked, never run."""

# An expected error that vanished is itself an error, to both checkers.
# pyright: reportUnnecessaryTypeIgnoreComment=true

from datetime import UTC, datetime
from typing import assert_type

from planado_async import Planado, diff
from planado_async.planado import (
    Client,
    Dictionary,
    DictionaryValue,
    Job,
    JobItem,
    JobType,
    Resolution,
    Site,
    Skill,
    Team,
    Template,
    Territory,
)
from planado_async.planado.writes import ClientUpdate, JobUpdate, SiteUpdate

NOON = datetime(2026, 2, 3, 12, tzinfo=UTC)


async def found(planado: Planado) -> None:
    assert_type(await planado.skills.find("Gas"), Skill)
    assert_type(await planado.teams.find("Roofs", deadline=3.0), Team)
    assert_type(await planado.territories.find("North", priority="interactive"), Territory)
    assert_type(await planado.resolutions.find("Done", timeout=5), Resolution)
    assert_type(await planado.templates.find("Service"), Template)
    assert_type(await planado.job_types.find("Repair"), JobType)
    pick_list = await planado.dictionaries.find("Make")
    assert_type(pick_list, Dictionary)
    assert_type(await planado.dictionaries.find_value(pick_list.uuid, "Korbel"), DictionaryValue)


async def not_found(planado: Planado) -> None:
    await planado.skills.find(7)  # type: ignore[arg-type]
    await planado.skills.find("Gas", after="u")  # type: ignore[call-arg]
    await planado.users.find("Anna")  # type: ignore[attr-defined]
    Planado("key", directory_ttl="5 min")  # type: ignore[arg-type]


async def sent(planado: Planado, job: Job, item: JobItem, client: Client, site: Site) -> None:
    changes = diff(job, description=None, scheduled_at=NOON, notify_assignees=False)
    assert_type(changes, JobUpdate)
    assert_type(diff(item, scheduled_at=NOON), JobUpdate)
    assert_type(diff(client, first_name="Jo"), ClientUpdate)
    assert_type(diff(site, name="Kiln"), SiteUpdate)
    await planado.jobs.update(job.uuid, **changes)
    await planado.clients.update(client.uuid, **diff(client, contacts=[]))
    await planado.sites.update(site.uuid, **diff(site, client={"external_id": "crm-1"}))


def refused(job: Job, client: Client, skill: Skill) -> None:
    diff(job, external_id="wo-77")  # type: ignore[call-overload]
    diff(job, contacts=None)  # type: ignore[call-overload]
    diff(client, description="pump")  # type: ignore[call-overload]
    diff(skill, name="Gas")  # type: ignore[call-overload]
