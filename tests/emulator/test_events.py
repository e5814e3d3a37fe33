import asyncio
from typing import Any

import pytest

from tests.emulator.api import Api
from tests.emulator.listener import Got, Listener

JOB_KEYS = [
    "uuid", "external_id", "external_order_id", "serial_no", "status", "scheduled_at",
    "scheduled_duration", "template", "client", "site", "type", "assignee", "skills", "territory",
    "description", "contacts", "possible_resolutions", "custom_fields", "report_fields", "version",
    "created_at", "updated_at",
]  # fmt: skip


async def published(api: Api) -> str:
    anna = (await api.get("/users"))["users"][0]["uuid"]
    assignee = {"worker": {"uuid": anna}}
    return await api.job(scheduled_at="2026-02-02T08:00:00Z", assignee=assignee)


async def test_life_of_a_job(api: Api, listener: Listener) -> None:
    """A change of status fires the update and the status event, both of one version."""
    api.emulator.subscribe(listener.url)
    job = await api.job()
    anna = (await api.get("/users"))["users"][0]["uuid"]
    change = {"scheduled_at": "2026-02-02T08:00:00Z", "assignee": {"worker": {"uuid": anna}}}
    await api.patch(f"/jobs/{job}", change)
    for action in ("en_route", "start", "suspend", "resume", "finish"):
        api.emulator.act(job, action)
    await api.send("DELETE", f"/jobs/{job}")
    got = await listener.until(14)
    seen = sorted((each.body["job"]["version"], each.type) for each in got)
    assert seen == [
        (1, "job_created"),
        (2, "job_published"), (2, "job_updated"),
        (3, "job_en_route"), (3, "job_updated"),
        (4, "job_started"), (4, "job_updated"),
        (5, "job_suspended"), (5, "job_updated"),
        (6, "job_resumed"), (6, "job_updated"),
        (7, "job_finished"), (7, "job_updated"),
        (8, "job_deleted"),
    ]  # fmt: skip
    assert len({each.body["event_uuid"] for each in got}) == 14
    assert api.emulator.counters()["events"]["job_updated"] == 6


async def test_published_and_cancelled(api: Api, listener: Listener) -> None:
    """A job may be published from the start; a cancelled one says so."""
    api.emulator.subscribe(listener.url)
    api.emulator.act(await published(api), "cancel")
    got = await listener.until(4)
    assert sorted(each.type for each in got) == [
        "job_canceled", "job_created", "job_published", "job_updated",
    ]  # fmt: skip


async def test_body_of_a_job(api: Api, listener: Listener) -> None:
    """The body holds who and what, the job without address and timestamps, and what it was."""
    job = await published(api)
    api.emulator.subscribe(listener.url, event_types=["job_started"])
    api.emulator.act(job, "start")
    (got,) = await listener.until(1)
    assert list(got.body) == ["event_uuid", "event_type", "context", "job"]
    assert list(got.body["job"]) == [*JOB_KEYS, "previous_version"]
    assert list(got.body["job"]["previous_version"]) == JOB_KEYS
    assert got.body["job"]["previous_version"]["status"] == "published"
    assert (got.body["job"]["status"], got.body["job"]["version"]) == ("started", 2)
    context = got.body["context"]
    assert list(context) == [
        "source", "happened_at", "created_at", "user_uuid", "user_email", "device_uuid",
    ]  # fmt: skip
    assert (context["source"], context["user_email"]) == ("mobile", "anna.berg@example.test")
    assert context["happened_at"] == "2026-02-02T08:00:00.000+00:00"


async def test_created_has_no_previous_version(api: Api, listener: Listener) -> None:
    """Only updates tell what was before; a finished job tells its resolution."""
    api.emulator.subscribe(listener.url, event_types=["job_created", "job_finished", "job_deleted"])
    job = await published(api)
    api.emulator.act(job, "start")
    api.emulator.act(job, "finish", resolution="Done")
    await api.send("DELETE", f"/jobs/{job}")
    got = {each.type: each.body for each in await listener.until(3)}
    assert "previous_version" not in got["job_created"]["job"]
    assert "previous_version" not in got["job_deleted"]["job"]
    assert "resolution" not in got["job_created"]["job"]
    assert got["job_finished"]["job"]["resolution"]["name"] == "Done"
    assert got["job_created"]["context"]["user_uuid"] is None


@pytest.mark.parametrize(
    ("kind", "body", "change"),
    [
        ("client", {"organization": True, "organization_name": "x"}, {"organization_name": "y"}),
        ("site", {"name": "x"}, {"name": "y"}),
    ],
)
async def test_clients_and_sites(
    api: Api, listener: Listener, kind: str, body: object, change: object
) -> None:
    """Clients and sites fire alike, with the entity as one reads it."""
    api.emulator.subscribe(listener.url)
    uuid = (await api.post(f"/{kind}s", body))[f"{kind}_uuid"]
    read = (await api.get(f"/{kind}s/{uuid}"))[kind]
    await api.patch(f"/{kind}s/{uuid}", change)
    await api.send("DELETE", f"/{kind}s/{uuid}")
    got: dict[str, Got] = {each.type: each for each in await listener.until(3)}
    assert got[f"{kind}_created"].body[kind] == read
    assert got[f"{kind}_updated"].body[kind]["previous_version"] == read
    assert got[f"{kind}_updated"].body[kind]["name"] == "y"
    assert got[f"{kind}_deleted"].body[kind]["version"] == 3


async def test_change_of_nothing_fires_nothing(api: Api, listener: Listener) -> None:
    """Where no version is counted, no webhook is sent."""
    job = await api.job()
    api.emulator.subscribe(listener.url)
    await api.patch(f"/jobs/{job}", {"description": None})
    await asyncio.sleep(10)
    assert listener.got == []


async def test_header_that_fires(api: Api, listener: Listener) -> None:
    """If the header is required, changes by API without it are silent; technicians never are."""
    api.emulator.settings(require_trigger_header=True)
    api.emulator.subscribe(listener.url)
    header: Any = {"X-Planado-Trigger-Webhooks": "true"}
    anna = (await api.get("/users"))["users"][0]["uuid"]
    job = await api.job()
    change = {"scheduled_at": "2026-02-02T08:00:00Z", "assignee": {"worker": {"uuid": anna}}}
    await api.patch(f"/jobs/{job}", change)
    await api.patch(f"/jobs/{job}", {"description": "x"}, headers=header)
    api.emulator.act(job, "start")
    got = await listener.until(3)
    assert sorted(each.type for each in got) == ["job_started", "job_updated", "job_updated"]
