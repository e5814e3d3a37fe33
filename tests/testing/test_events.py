"""Events made up for tests are like those a server sends."""

import asyncio
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from planado_async import Planado
from planado_async.emulator import Emulator
from planado_async.planado.writes import AddressFields, ByExternalId, ContactFields
from planado_async.testing import EventFactory
from planado_async.webhooks import ClientEvent, JobEvent, SiteEvent
from planado_async.webhooks.events import event_of

CONTACT: ContactFields = {"name": "Ida Holm", "value": "555-0100", "type": "phone"}


async def _drive(planado: Planado, emulator: Emulator) -> None:
    """Let everything happen that an event tells of."""
    user = (await planado.users.list().collect(limit=1))[0].uuid
    place: AddressFields = {"formatted": "Kiln Road 1"}
    await planado.clients.upsert(
        "client-1",
        organization=True,
        organization_name="Blue Kiln",
        site_address=place,
        contacts=[CONTACT],
    )
    await planado.clients.update("client-1", organization_name="Red Kiln")
    owner: ByExternalId = {"external_id": "client-1"}
    await planado.sites.upsert("site-1", name="Boiler house", address=place, client=owner)
    await planado.sites.update("site-1", name="Pump house")
    for order in ("wo-1", "wo-2"):
        uuid = await planado.jobs.create(
            external_id=order,
            template={"name": "Emergency repair"},
            scheduled_at="2026-02-03T09:00:00Z",
            client=owner,
            site={"external_id": "site-1"},
            skills=[{"name": "Gas"}],
            territory={"name": "North"},
            contacts=[CONTACT],
            possible_resolutions=[{"name": "Done"}, {"name": "Nobody at home"}],
        )
        await planado.jobs.update(uuid, assignee={"worker": {"uuid": user}})
    for action in ("en_route", "start", "suspend", "resume"):
        emulator.act("wo-1", action)
    emulator.act("wo-1", "finish", resolution="Done")
    emulator.act("wo-2", "cancel")
    await planado.jobs.delete(uuid)


async def _sent() -> dict[str, Any]:
    """Return the last body of each event type that the emulator sends."""
    bodies: dict[str, Any] = {}

    async def listen(request: web.Request) -> web.Response:
        body = orjson.loads(await request.read())
        bodies[body["event_type"]] = body
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/", listen)
    async with (
        Emulator() as emulator,
        Planado(emulator.api_key, base_url=emulator.url) as planado,
        TestServer(app, host="127.0.0.1") as server,
    ):
        emulator.subscribe(str(server.make_url("/")))
        await _drive(planado, emulator)
        await asyncio.sleep(60)
    return bodies


def _differences(made: Any, sent: Any, path: str) -> Iterator[str]:
    """Tell where two bodies have other keys or other kinds of values; null goes with anything."""
    if isinstance(made, dict) and isinstance(sent, dict):
        if made.keys() != sent.keys():
            yield f"{path}: {made.keys() ^ sent.keys()}"
        for key in made.keys() & sent.keys():
            yield from _differences(made[key], sent[key], f"{path}.{key}")
    elif isinstance(made, list) and isinstance(sent, list):
        if made and sent:
            yield from _differences(made[0], sent[0], f"{path}[]")
    elif made is not None and sent is not None and type(made) is not type(sent):
        yield f"{path}: {made!r} for {sent!r}"


async def test_bodies_are_like_the_emulators() -> None:
    """Every event has the keys and kinds of values that the emulator sends for it."""
    sent = await _sent()
    assert len(sent) == 14
    for event_type, body in sent.items():
        made = EventFactory()(event_type)
        assert list(_differences(made, body, event_type)) == []


async def test_the_comparison_notices() -> None:
    """A key too many and a value of another kind are told."""
    assert list(_differences({"a": 1, "b": 2}, {"a": "1"}, "x")) == ["x: {'b'}", "x.a: 1 for '1'"]


@pytest.mark.parametrize(
    ("event_type", "kind"),
    [
        ("job_finished", JobEvent),
        ("job_anything_new", JobEvent),
        ("client_updated", ClientEvent),
        ("site_created", SiteEvent),
    ],
)
def test_a_receiver_can_read_them(event_type: str, kind: type) -> None:
    """What is made is an event of its kind to the package."""
    event = event_of(orjson.dumps(EventFactory()(event_type)), 1)
    assert type(event) is kind
    assert event.event_type == event_type


def test_the_same_in_every_test() -> None:
    """Equal seeds make equal events, other seeds others; no two events have the same uuid."""
    one, same, other = (EventFactory(seed) for seed in (1, 1, 2))
    first, second = one("job_started"), one("job_started")
    assert (first, second) == (same("job_started"), same("job_started"))
    assert first["event_uuid"] != second["event_uuid"]
    assert first["job"]["uuid"] == second["job"]["uuid"]
    assert other("job_started")["job"]["uuid"] != first["job"]["uuid"]


def test_events_of_a_record_go_on() -> None:
    """Each event has the next version, keeps what was told, and brings the version before."""
    event = EventFactory()
    created = event("job_created", external_id="wo-7", description="Leak", status="scheduled")
    started = event("job_started", external_id="wo-7")
    finished = event("job_finished", external_id="wo-7", source="web")
    assert [told["job"]["version"] for told in (created, started, finished)] == [1, 2, 3]
    assert "previous_version" not in created["job"]
    before = finished["job"]["previous_version"]
    assert (before["version"], before["status"], before["description"]) == (2, "started", "Leak")
    assert "resolution" not in before
    assert "previous_version" not in before
    assert finished["job"]["resolution"]["name"] == "Done"
    assert started["job"]["previous_version"]["status"] == "scheduled"
    assert (started["context"]["source"], finished["context"]["source"]) == ("mobile", "web")
    assert event("job_updated", external_id="wo-7")["job"]["status"] == "finished"
    assert event("job_updated", external_id="wo-8")["job"]["description"] != "Leak"


def test_any_version_can_be_told() -> None:
    """A version may be left out or come again: the same one is the same record."""
    event = EventFactory()
    late = event("job_finished", version=5, description="Leak")
    again = event("job_updated", version=5)
    early = event("job_started", version=3)
    assert again["job"] == late["job"] | {"updated_at": again["job"]["updated_at"]}
    assert late["job"]["previous_version"]["version"] == 4
    assert (early["job"]["status"], early["job"]["previous_version"]["version"]) == ("started", 2)
    assert early["job"]["description"] != "Leak"
    assert event("job_updated")["job"]["version"] == 6


def test_a_body_is_the_callers() -> None:
    """A body that a test changes changes no later one."""
    event = EventFactory()
    event("job_updated")["job"]["type"]["code"] = "Broken"
    assert event("job_updated")["job"]["type"]["code"] == "Repair"


def test_an_echo_has_no_user() -> None:
    """A change by API is told without user and device; given uuids are taken."""
    made = EventFactory()("job_updated", source="api", event_uuid="e1", uuid="j1", status="started")
    assert made["event_uuid"] == "e1"
    assert (made["job"]["uuid"], made["job"]["status"]) == ("j1", "started")
    assert made["context"]["source"] == "api"
    assert made["context"]["user_email"] is None
    assert made["context"]["device_uuid"] is None


def test_a_status_says_whether_there_is_a_resolution() -> None:
    """A job told as finished has a resolution, the one given or the first that is possible."""
    event = EventFactory()
    assert event("job_updated", status="finished")["job"]["resolution"]["successful"] is True
    given = event("job_finished", resolution={"name": "Nobody at home"})
    assert given["job"]["resolution"] == {"name": "Nobody at home"}
    assert "resolution" not in event("job_started")["job"]


def test_slips_are_told() -> None:
    """An event of something else and a field that is none are refused, naming what there is."""
    event = EventFactory()
    with pytest.raises(ValueError, match="job_, client_ or site_"):
        event("user_created")
    with pytest.raises(ValueError, match="job_, client_ or site_"):
        event("job")
    with pytest.raises(TypeError, match=r"no exernal_id; it has .*external_id"):
        event("job_updated", exernal_id="wo-1")
