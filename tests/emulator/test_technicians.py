from typing import Any

import pytest

from planado_async.emulator import Emulator, EmulatorError
from planado_async.emulator.technicians import ACTIONS
from tests.emulator.api import Api

STATUSES = (
    "posted", "scheduled", "published", "en_route", "started", "suspended", "finished", "canceled",
)  # fmt: skip
# How to bring a published job into a status.
WAYS: dict[str, list[str]] = {
    "published": [],
    "en_route": ["en_route"],
    "started": ["start"],
    "suspended": ["start", "suspend"],
    "finished": ["start", "finish"],
    "canceled": ["cancel"],
}
ALLOWED = {
    ("published", "en_route"): "en_route",
    ("published", "start"): "started",
    ("en_route", "start"): "started",
    ("started", "suspend"): "suspended",
    ("suspended", "resume"): "started",
    ("en_route", "finish"): "finished",
    ("started", "finish"): "finished",
    ("suspended", "finish"): "finished",
    **{(status, "cancel"): "canceled" for status in STATUSES[:6]},
}


async def published(api: Api, **more: Any) -> str:
    """A job that Anna may begin."""
    anna = (await api.get("/users"))["users"][0]["uuid"]
    assignee = {"worker": {"uuid": anna}}
    return await api.job(scheduled_at="2026-02-02T08:00:00Z", assignee=assignee, **more)


async def in_status(api: Api, status: str) -> str:
    if status == "posted":
        return await api.job()
    if status == "scheduled":
        return await api.job(scheduled_at="2026-02-02T08:00:00Z")
    job = await published(api)
    for action in WAYS[status]:
        api.emulator.act(job, action)
    return job


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("action", ACTIONS)
async def test_transition(api: Api, status: str, action: str) -> None:
    """An action leads where the table says, or is refused and changes nothing."""
    job = await in_status(api, status)
    before = await api.detail(job)
    assert before["status"] == status
    reply = await api.control("POST", f"/jobs/{job}/actions", {"action": action})
    target = ALLOWED.get((status, action))
    if target is None:
        assert reply.status == 422
        text = f"can't be done while the job is {status}"
        assert reply.json["errors"] == {"action": [text]}
        assert await api.detail(job) == before
    else:
        assert reply.status == 200
        version = before["version"] + 1
        assert reply.json == {"job_uuid": job, "status": target, "version": version}
        assert (await api.detail(job))["status"] == target


async def test_timestamps_appear_with_the_first_entry(api: Api) -> None:
    """The latest entry into each status is kept; before the first, there is no key at all."""
    job = await published(api)
    assert "timestamps" not in await api.detail(job)
    api.emulator.act(job, "en_route")
    detail = await api.detail(job)
    place = list(detail).index("timestamps")
    assert list(detail)[place - 1 : place + 2] == ["type", "timestamps", "assignee"]
    assert detail["timestamps"] == {
        "en_route_at": "2026-02-02T08:00:00.000Z",
        "started_at": None,
        "suspended_at": None,
        "finished_at": None,
    }
    for action in ("start", "suspend", "resume", "finish"):
        api.emulator.act(job, action)
    assert all((await api.detail(job))["timestamps"].values())


async def test_resolution(api: Api) -> None:
    """Finished with a resolution and a comment, the job tells both."""
    job = await published(api)
    api.emulator.act(job, "start")
    assert "resolution" not in await api.detail(job)
    api.emulator.act(job, "finish", resolution="Done with remarks", comment="Tap drips")
    told = (await api.detail(job))["resolution"]
    assert list(told) == ["uuid", "id", "name", "successful", "comment"]
    assert (told["name"], told["successful"], told["comment"]) == (
        "Done with remarks", True, "Tap drips",
    )  # fmt: skip
    item = (await api.get("/jobs"))["jobs"][0]
    assert item["resolution"] == {"uuid": told["uuid"], "comment": "Tap drips"}


async def test_default_resolution(api: Api) -> None:
    """Without a word, the first good one among the possible is taken."""
    possible = [{"name": "Nobody at home"}, {"name": "Done with remarks"}]
    job = await published(api, possible_resolutions=possible)
    api.emulator.act(job, "start")
    api.emulator.act(job, "finish")
    assert (await api.detail(job))["resolution"]["name"] == "Done with remarks"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"action": "finish", "resolution": "Done"}, "resolution"),
        ({"action": "finish", "resolution": "Cannot be repaired"}, "comment"),
        ({"action": "finish", "resolution": "Nobody at home", "comment": "x"}, "comment"),
        ({"action": "finish", "user": "nobody@example.test"}, "user"),
        ({"action": "explode"}, "action"),
        ({}, "action"),
        ({"action": "finish", "comment": 1}, "comment"),
    ],
)
async def test_wrong_action(api: Api, body: object, field: str) -> None:
    """A finish against the job's or the resolution's rules is refused."""
    possible = [{"name": n} for n in ("Nobody at home", "Done with remarks", "Cannot be repaired")]
    job = await published(api, possible_resolutions=possible)
    api.emulator.act(job, "start")
    reply = await api.control("POST", f"/jobs/{job}/actions", body)
    assert (reply.status, reply.json["errors"].keys()) == (422, {field})
    assert (await api.detail(job))["status"] == "started"


async def test_history_and_context(api: Api) -> None:
    """What a technician does says so, with user and device."""
    job = await published(api)
    api.emulator.act(job, "start")
    event = (await api.get(f"/jobs/{job}/history"))["events"][-1]
    assert (event["type"], event["payload"]) == (
        "status_updated", {"from": "published", "to": "started"},
    )  # fmt: skip
    context = event["context"]
    assert (context["source"], context["user_email"]) == ("mobile", "anna.berg@example.test")
    assert context["user_uuid"]
    assert context["device_uuid"]


async def test_locations(api: Api) -> None:
    """Each action leaves a position where the work is, naming the event."""
    where = {"latitude": 52.5, "longitude": 13.4}
    job = await published(api, address={"geolocation": where})
    assert (await api.get(f"/jobs/{job}/locations")) == {"locations": []}
    api.emulator.act(job, "start")
    api.emulator.act(job, "suspend")
    first, second = (await api.get(f"/jobs/{job}/locations"))["locations"]
    assert list(first) == [
        "uuid", "user_uuid", "accuracy_m", "longitude", "latitude", "uploaded_at", "captured_at",
        "events",
    ]  # fmt: skip
    assert (first["latitude"], first["longitude"]) == (52.5, 13.4)
    event = (await api.get(f"/jobs/{job}/history"))["events"][1]
    assert first["events"] == [
        {"uuid": event["uuid"], "type": "status_updated", "job_uuid": job, "job_version": 2}
    ]
    rest = (await api.get(f"/jobs/{job}/locations?after={first['uuid']}"))["locations"]
    assert rest == [second]
    api.emulator.settings(location_key="catured_at")
    assert "catured_at" in (await api.get(f"/jobs/{job}/locations"))["locations"][0]


async def test_locations_come_by_the_hundred(api: Api) -> None:
    """A page holds 100 positions, in the order of upload."""
    job = await published(api)
    api.emulator.act(job, "start")
    for _ in range(55):
        api.emulator.act(job, "suspend")
        api.emulator.act(job, "resume")
    pages = await api.walk(f"/jobs/{job}/locations", "locations")
    assert [len(page) for page in pages] == [100, 11]
    versions = [each["events"][0]["job_version"] for page in pages for each in page]
    assert versions == list(range(2, 113))


@pytest.mark.parametrize("where", ["site", "client", None])
async def test_place_of_work(api: Api, where: str | None) -> None:
    """The place is the site's or the client's if the job has none of its own."""
    address = {"geolocation": {"latitude": 1.5, "longitude": 2.5}}
    made: dict[str | None, dict[str, Any]] = {
        "site": {"site": {"name": "Works", "address": address}},
        "client": {
            "client": {"organization": True, "organization_name": "x", "site_address": address}
        },
        None: {"site": {"name": "Works", "address": {"formatted": "somewhere"}}},
    }
    job = await published(api, **made[where])
    api.emulator.act(job, "start")
    (place,) = (await api.get(f"/jobs/{job}/locations"))["locations"]
    expected = (52.52, 13.405) if where is None else (1.5, 2.5)
    assert (place["latitude"], place["longitude"]) == expected


async def test_who_acts(api: Api) -> None:
    """A team's first member acts for it; a job of nobody is cancelled from the office."""
    team = (await api.get("/teams"))["teams"][0]["uuid"]
    job = await api.job(scheduled_at="2026-02-02T08:00:00Z", assignee={"team": {"uuid": team}})
    api.emulator.act(job, "en_route")
    api.emulator.act(job, "start", user="chloe.martin@example.test")
    emails = [
        each["context"]["user_email"] for each in (await api.get(f"/jobs/{job}/history"))["events"]
    ]
    assert emails == [None, "anna.berg@example.test", "chloe.martin@example.test"]
    lone = await api.job(external_id="lone")
    assert api.emulator.act("lone", "cancel")["job_uuid"] == lone
    context = (await api.get(f"/jobs/{lone}/history"))["events"][-1]["context"]
    assert (context["source"], context["user_uuid"]) == ("web", None)
    assert (await api.get(f"/jobs/{lone}/locations"))["locations"] == []


async def test_locked_once_started(api: Api) -> None:
    """A started job keeps its assignees and resolutions; what stays the same is no change."""
    job = await published(api)
    users = (await api.get("/users"))["users"]
    anna, boris = ({"worker": {"uuid": user["uuid"]}} for user in users[:2])
    api.emulator.act(job, "en_route")
    await api.patch(f"/jobs/{job}", {"assignee": boris})
    assert (await api.detail(job))["status"] == "en_route"
    api.emulator.act(job, "start")
    await api.patch(f"/jobs/{job}", {"assignee": boris, "description": "x"})
    possible = [{"name": "Done"}, {"name": "Nobody at home"}]
    for name, value in (
        ("assignee", None),
        ("assignees", [anna]),
        ("possible_resolutions", possible),
    ):
        errors = await api.errors("PATCH", f"/jobs/{job}", {name: value})
        assert errors == {name: ["can't be changed once the job is started"]}
    await api.patch(f"/jobs/{job}", {"scheduled_at": None})
    assert (await api.detail(job))["status"] == "started"


async def test_unknown_job(emulator: Emulator) -> None:
    """In process, a refusal is an error that holds the answer."""
    with pytest.raises(EmulatorError) as caught:
        emulator.act("none", "start")
    assert (caught.value.status, caught.value.body) == (404, {"message": "Not found"})
