from typing import Any

import pytest

from tests.emulator.api import Api
from tests.emulator.planday.caller import Caller

HERE = "http://127.0.0.1:1/callback"


@pytest.fixture
def portal(caller: Caller) -> str:
    """The path of the first portal's orders."""
    return f"/planday/portals/{caller.emulator.planday_portal_id}"


async def ordered(api: Api, method: str, path: str, body: object = None, status: int = 200) -> Any:
    """What an order that must succeed answers."""
    reply = await api.control(method, path, body)
    assert reply.status == status, reply.raw
    return reply.json


async def test_portals_and_administrators(api: Api, caller: Caller) -> None:
    """They are added, listed, limited, deactivated and reactivated."""
    told = {"name": "Sund", "country": "Sweden", "time_zone": "Europe/Stockholm"}
    added = (await ordered(api, "POST", "/planday/portals", told, 201))["portal"]
    assert added == {
        **told,
        "id": added["id"],
        "company_name": "Sund",
        "address": "sund.planday.com",
        "aliases": ["sund.planday.com"],
        "opened_at": caller.emulator.now().isoformat(),
    }
    assert (await ordered(api, "GET", "/planday/portals"))["portals"][1] == added
    admins = f"/planday/portals/{added['id']}/admins"
    admin = await ordered(api, "POST", admins, {"name": "Ann", "department_ids": [2, 1]}, 201)
    assert admin["admin"] == {
        "portal_id": added["id"],
        "id": 1,
        "name": "Ann",
        "email": "ann@sund.planday.com",
        "active": True,
        "department_ids": [1, 2],
    }
    limited = await ordered(api, "PATCH", f"{admins}/1", {"department_ids": None})
    assert limited["admin"]["department_ids"] is None
    assert not (await ordered(api, "POST", f"{admins}/1/deactivate"))["admin"]["active"]
    assert (await ordered(api, "GET", admins))["admins"] == [
        {**limited["admin"], "active": False},
    ]
    assert (await ordered(api, "POST", f"{admins}/1/reactivate"))["admin"]["active"]


async def test_apps_and_grants(api: Api, caller: Caller, portal: str) -> None:
    """Apps are created, connected, authorised, revoked, renamed and deleted; tiles show tokens."""
    body = {"name": "x", "scopes": ["shift:read", "employee:read"], "redirect_uris": [HERE]}
    app = (await ordered(api, "POST", f"{portal}/apps", body, 201))["app"]
    assert (app["scopes"], app["redirect_uris"]) == (["employee:read", "shift:read"], [HERE])
    path = f"{portal}/apps/{app['app_id']}"
    grant = (await ordered(api, "POST", f"{path}/authorise", {"admin_id": 2}, 201))["grant"]
    assert grant["created_at"] == caller.emulator.now().isoformat()
    assert (await caller.refresh(app["app_id"], grant["refresh_token"])).status == 200
    first, tile = (await ordered(api, "GET", f"{portal}/apps"))["apps"]
    assert first["refresh_token"] == caller.emulator.planday_refresh_token
    assert tile == {**app, "refresh_token": grant["refresh_token"]}
    assert (await ordered(api, "POST", f"{path}/revoke"))["grant"]["ended"] == "revoked"
    assert (await ordered(api, "GET", f"{portal}/apps"))["apps"][1]["refresh_token"] is None
    assert (await ordered(api, "PATCH", path, {"name": "y"}))["app"]["name"] == "y"
    assert (await ordered(api, "DELETE", path))["app"]["deleted"]
    assert len((await ordered(api, "GET", f"{portal}/apps"))["apps"]) == 1


async def test_connect(api: Api, caller: Caller) -> None:
    """A second portal connects the app and gets a token of its own."""
    other = (await ordered(api, "POST", "/planday/portals", {"name": "Sund"}, 201))["portal"]
    path = f"/planday/portals/{other['id']}"
    app_id = caller.emulator.planday_app_id
    await ordered(api, "POST", f"{path}/admins", {"name": "Ann"}, 201)
    assert (await ordered(api, "POST", f"{path}/connect", {"app_id": app_id}))["app"]
    order = f"{path}/apps/{app_id}/authorise"
    token = (await ordered(api, "POST", order, {"admin_id": 1}, 201))["grant"]["refresh_token"]
    assert token != caller.emulator.planday_refresh_token
    [tile] = (await ordered(api, "GET", f"{path}/apps"))["apps"]
    assert tile["refresh_token"] == token
    access_token = (await caller.refresh(app_id, token)).json["access_token"]
    assert (await caller.info(app_id, access_token)).json["data"]["id"] == other["id"]


async def test_settings_faults_and_counters(api: Api, caller: Caller) -> None:
    """They are what the object's methods tell."""
    planday = caller.planday
    changed = await ordered(api, "PATCH", "/planday/settings", {"error_description": True})
    assert changed["settings"]["error_description"] is True
    assert await ordered(api, "GET", "/planday/settings") == changed == planday.settings()
    fault = await ordered(api, "POST", "/planday/faults", {"kind": "delay", "seconds": 1}, 201)
    number = fault["fault"]["number"]
    assert await ordered(api, "GET", "/planday/faults") == planday.ordered_faults()
    assert await ordered(api, "DELETE", f"/planday/faults/{number}") == {}
    await ordered(api, "POST", "/planday/faults", {"kind": "delay"}, 201)
    assert await ordered(api, "DELETE", "/planday/faults") == {}
    assert planday.ordered_faults() == {"faults": []}
    await caller.refresh("x", "y")
    assert await ordered(api, "GET", "/planday/counters") == planday.counters()
    assert planday.counters()["tokens"] == {"invalid_client": 1}


async def test_reset_covers_both_halves(api: Api, caller: Caller) -> None:
    """The one reset begins Planday's half anew, too."""
    caller.planday.add_portal("Sund")
    await ordered(api, "POST", "/reset")
    assert len((await ordered(api, "GET", "/planday/portals"))["portals"]) == 1


NONSENSE: list[object] = [None, True, -1, 1.5, "", "x" * 3000, [], [None], {}, {"a": {}}, [[1]]]
ORDERS = [
    ("POST", "/planday/portals", ("name", "company_name", "country", "time_zone")),
    ("POST", "{portal}/admins", ("name", "email", "department_ids")),
    ("PATCH", "{portal}/admins/1", ("department_ids",)),
    ("POST", "{portal}/apps", ("name", "scopes", "redirect_uris")),
    ("POST", "{portal}/connect", ("app_id",)),
    ("PATCH", "{portal}/apps/{app}", ("name",)),
    ("POST", "{portal}/apps/{app}/authorise", ("admin_id",)),
    ("PATCH", "/planday/settings", ("code_for", "list_order", "portal_per_second", "special")),
    ("POST", "/planday/faults", ("kind", "count", "path", "seconds", "status")),
]


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: " ".join(order[:2]))
async def test_nonsense_in_every_field(
    api: Api, caller: Caller, portal: str, order: tuple[str, str, tuple[str, ...]]
) -> None:
    """Nonsense in any field, an unknown field and a body that is no object are refused."""
    method, pattern, names = order
    path = pattern.format(portal=portal, app=caller.emulator.planday_app_id)
    for name in names:
        for value in NONSENSE:
            body: dict[str, object] = {"name": "x", "scopes": [], "kind": "delay", name: value}
            kept = {key: each for key, each in body.items() if key in names}
            assert (await api.control(method, path, kept)).status < 500, (name, value)
    wrongs: list[object] = [{"colour": "red"}, [], "x", None]
    for wrong in wrongs:
        assert (await api.control(method, path, wrong)).status in (400, 422), wrong


async def test_an_unknown_word_is_refused(api: Api) -> None:
    """A word that is no part of an order is told, and nothing is done."""
    reply = await api.control("POST", "/planday/portals", {"name": "x", "colour": "red"})
    assert (reply.status, reply.json["errors"]) == (422, {"colour": ["is no part of this order"]})
    assert len((await ordered(api, "GET", "/planday/portals"))["portals"]) == 1


@pytest.mark.parametrize(
    "given", ["0", "x", "-1", "%D9%A1", "1" * 5000, "%00", "1.0"], ids=lambda given: given[:9]
)
async def test_nonsense_in_the_path(api: Api, portal: str, given: str) -> None:
    """A number that is none is not found."""
    for path in (f"/planday/portals/{given}/apps", f"{portal}/admins/{given}/deactivate"):
        method = "POST" if path.endswith("deactivate") else "GET"
        assert (await api.control(method, path)).status == 404
    for path in (f"/planday/faults/{given}", f"{portal}/apps/{given}"):
        assert (await api.control("DELETE", path)).status == 404
