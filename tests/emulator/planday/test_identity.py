import asyncio
import re
from collections.abc import Callable
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from attrs import frozen

from planado_async.emulator import Emulator
from planado_async.emulator.planday.emulator import PlandayEmulator
from planado_async.emulator.planday.records import App, Grant
from tests.emulator.api import Reply, caller_session
from tests.emulator.planday.caller import Caller

HERE = "http://127.0.0.1:1/callback?from=planday"
HOUR = 3600.0
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.fixture
def planday(caller: Caller) -> PlandayEmulator:
    return caller.planday


@pytest.fixture
def grant(planday: PlandayEmulator) -> Grant:
    return planday.first_grant


def kept(headers: Any) -> bool:
    """Whether somebody on the way may keep the answer."""
    return "no-store" not in headers.get("Cache-Control", "")


# --- Discovery ------------------------------------------------------------------------------------


async def test_discovery(caller: Caller) -> None:
    """The document names this server's own addresses, and all 79 scopes."""
    reply = await caller.identity("GET", "/.well-known/openid-configuration")
    told = reply.json
    base = caller.emulator.identity_url
    assert (reply.status, told["issuer"]) == (200, base)
    assert told["token_endpoint"] == f"{base}/connect/token"
    assert all(
        value.startswith(f"{base}/") for name, value in told.items() if name.endswith("_endpoint")
    )
    assert len({*told["scopes_supported"]}) == 79
    assert told["code_challenge_methods_supported"] == ["plain", "S256"]
    keys = await caller.send("GET", told["jwks_uri"])
    assert keys.json == {"keys": []}


# --- The refresh grant ----------------------------------------------------------------------------


async def test_refresh(caller: Caller, grant: Grant) -> None:
    """A refresh is answered with all six keys, the refresh token unchanged, and kept by nobody."""
    reply = await caller.refresh(grant.app_id, grant.refresh_token)
    assert (reply.status, kept(reply.headers)) == (200, False)
    told = reply.json
    assert told.keys() == {
        "id_token",
        "access_token",
        "expires_in",
        "token_type",
        "refresh_token",
        "scope",
    }
    assert (told["expires_in"], told["token_type"]) == (3600, "Bearer")
    assert told["refresh_token"] == grant.refresh_token
    assert {*told["scope"].split()} == grant.scopes | {"openid", "offline_access"}
    assert (await caller.info(grant.app_id, told["access_token"])).status == 200


async def test_refresh_in_the_minimal_form(caller: Caller, grant: Grant) -> None:
    """With `full_refresh_answer` off, a refresh gives an access token that works, and no more."""
    caller.planday.settings(full_refresh_answer=False)
    told = (await caller.refresh(grant.app_id, grant.refresh_token)).json
    assert told.keys() == {"access_token"}
    assert (await caller.info(grant.app_id, told["access_token"])).status == 200


async def test_rotation(caller: Caller, grant: Grant) -> None:
    """With `rotate_refresh_tokens`, each refresh gives a new token and the one before is dead."""
    caller.planday.settings(rotate_refresh_tokens=True)
    new = (await caller.refresh(grant.app_id, grant.refresh_token)).json["refresh_token"]
    assert new != grant.refresh_token
    assert (await caller.refresh(grant.app_id, grant.refresh_token)).status == 400
    assert (await caller.refresh(grant.app_id, new)).status == 200


async def test_refresh_as_multipart(caller: Caller, grant: Grant) -> None:
    """A form may come in parts."""
    form = aiohttp.FormData(default_to_multipart=True)
    form.add_field("client_id", grant.app_id)
    form.add_field("grant_type", "refresh_token")
    form.add_field("refresh_token", grant.refresh_token)
    assert (await caller.identity("POST", "/connect/token", data=form)).status == 200


async def test_lifetimes_on_the_wire_are_real_seconds() -> None:
    """`expires_in` is divided by the emulator's speed and rounded up."""
    async with Emulator(speed=1000) as emulator, caller_session() as session:
        caller = Caller(emulator, session)
        grant = emulator.planday.first_grant
        assert (await caller.refresh(grant.app_id, grant.refresh_token)).json["expires_in"] == 4


FORM = {"client_id": "APP", "grant_type": "refresh_token", "refresh_token": "TOKEN"}
CODE = {"client_id": "APP", "grant_type": "authorization_code", "redirect_uri": HERE}
REFUSED: dict[str, tuple[dict[str, str], str]] = {
    "unknown token": ({**FORM, "refresh_token": "x"}, "invalid_grant"),
    "unknown app": ({**FORM, "client_id": "x"}, "invalid_client"),
    "no client_id": ({**FORM, "client_id": ""}, "invalid_client"),
    "no grant_type": ({**FORM, "grant_type": ""}, "invalid_request"),
    "no refresh_token": ({**FORM, "refresh_token": ""}, "invalid_request"),
    "another grant type": ({**FORM, "grant_type": "password"}, "unsupported_grant_type"),
    "no code": (CODE, "invalid_request"),
    "no redirect_uri": ({**CODE, "redirect_uri": "", "code": "x"}, "invalid_request"),
    "unknown code": ({**CODE, "code": "x"}, "invalid_grant"),
    "nothing": ({}, "invalid_client"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_refused_tokens(caller: Caller, grant: Grant, case: str) -> None:
    """What is wrong with a form is told in one word under 400, and counted by it."""
    form, error = REFUSED[case]
    filled = {"APP": grant.app_id, "TOKEN": grant.refresh_token}
    reply = await caller.token(**{name: filled.get(value, value) for name, value in form.items()})
    assert (reply.status, reply.json) == (400, {"error": error})
    assert not kept(reply.headers)
    assert caller.planday.counters()["tokens"] == {error: 1}


async def test_error_description(caller: Caller) -> None:
    """With `error_description` a refusal says what is wrong."""
    caller.planday.settings(error_description=True)
    told = (await caller.token(client_id="x")).json
    assert told["error"] == "invalid_client"
    assert "App ID" in told["error_description"]


@pytest.mark.parametrize("path", ["/connect/token", "/connect/revocation"])
async def test_only_forms_are_taken(caller: Caller, path: str) -> None:
    """JSON, a broken form and no body are refused under 400, another method under 405."""
    sent: list[dict[str, Any]] = [
        {"json": FORM},
        {},
        {"data": b"\xff\xfe", "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
        {"data": b"x", "headers": {"Content-Type": "multipart/form-data"}},
        {"data": b"x", "headers": {"Content-Type": "multipart/form-data; boundary=y"}},
        {
            "data": b'--y\r\nContent-Disposition: form-data; name="a"\r\n'
            b"Content-Type: text/plain; charset=nonsense\r\n\r\nx\r\n--y--\r\n",
            "headers": {"Content-Type": "multipart/form-data; boundary=y"},
        },
    ]
    for options in sent:
        reply = await caller.identity("POST", path, **options)
        assert reply.status == 400, options
        assert reply.json["error"] in ("invalid_request", "invalid_client")
    reply = await caller.identity("GET", path)
    assert (reply.status, reply.json) == (405, {"error": "invalid_request"})
    assert reply.headers["Allow"] == "POST"


async def test_faults_strike_the_token_endpoint(caller: Caller, grant: Grant) -> None:
    """A failure on order for `/connect/token` strikes there, once."""
    caller.planday.fault("status", path="/connect/token", status=503)
    assert (await caller.refresh(grant.app_id, grant.refresh_token)).status == 503
    assert (await caller.refresh(grant.app_id, grant.refresh_token)).status == 200
    assert caller.planday.counters()["faults"] == {"status": 1}


async def test_a_fault_cuts_the_line_before_a_token_is_made(caller: Caller, grant: Grant) -> None:
    """A line cut before the call leaves the refresh token as it was, even where it rotates."""
    caller.planday.settings(rotate_refresh_tokens=True)
    caller.planday.fault("cut_before", path="/connect/*")
    with pytest.raises(aiohttp.ClientError):
        await caller.refresh(grant.app_id, grant.refresh_token)
    assert caller.planday.counters()["tokens"] == {}
    assert (await caller.refresh(grant.app_id, grant.refresh_token)).status == 200


# --- What ends access -----------------------------------------------------------------------------


@frozen
class Scene:
    """An app that works in a portal, and what may happen to it."""

    caller: Caller
    grant: Grant

    @property
    def planday(self) -> PlandayEmulator:
        return self.caller.planday

    async def nothing(self) -> None:
        pass

    async def an_hour(self) -> None:
        await asyncio.sleep(HOUR)

    async def deactivated(self) -> None:
        self.planday.deactivate_admin(self.grant.portal_id, self.grant.admin_id)

    async def authorised_again(self) -> None:
        self.planday.authorise(self.grant.portal_id, self.grant.app_id, self.grant.admin_id)

    async def authorised_by_another(self) -> None:
        self.planday.authorise(self.grant.portal_id, self.grant.app_id, 2)

    async def revoked(self) -> None:
        self.planday.revoke(self.grant.portal_id, self.grant.app_id)

    async def withdrawn(self) -> None:
        form = {"client_id": self.grant.app_id, "token": self.grant.refresh_token}
        reply = await self.caller.identity("POST", "/connect/revocation", data=form)
        assert (reply.status, reply.raw) == (200, b"")

    async def deleted(self) -> None:
        self.planday.delete_app(self.grant.portal_id, self.grant.app_id)

    async def limited(self) -> None:
        self.planday.limit_admin(self.grant.portal_id, self.grant.admin_id, [1])

    async def reactivated(self) -> None:
        await self.deactivated()
        self.planday.reactivate_admin(self.grant.portal_id, self.grant.admin_id)


# What happens, the word with which a refresh is refused then, and the API's status for a token of
# before.
EVENTS = [
    (Scene.nothing, None, 200),
    (Scene.an_hour, None, 401),
    (Scene.deactivated, "invalid_grant", 401),
    (Scene.authorised_again, "invalid_grant", 401),
    (Scene.authorised_by_another, "invalid_grant", 401),
    (Scene.revoked, "invalid_grant", 401),
    (Scene.withdrawn, "invalid_grant", 200),
    (Scene.deleted, "invalid_client", 401),
    (Scene.limited, None, 200),
    (Scene.reactivated, "invalid_grant", 401),
]


@pytest.mark.parametrize(("event", "error", "status"), EVENTS)
async def test_events(
    caller: Caller, grant: Grant, event: Callable[[Scene], Any], error: str | None, status: int
) -> None:
    """Each event ends, or does not end, the refresh token and the access tokens of before."""
    access_token = await caller.access_token(grant)
    await event(Scene(caller, grant))
    reply = await caller.refresh(grant.app_id, grant.refresh_token)
    assert reply.status == (200 if error is None else 400)
    assert reply.json.get("error") == error
    assert (await caller.info(grant.app_id, access_token)).status == status


async def test_a_minute_before_the_hour(caller: Caller, grant: Grant) -> None:
    """An access token works until its hour is over."""
    access_token = await caller.access_token(grant)
    await asyncio.sleep(HOUR - 60)
    assert (await caller.info(grant.app_id, access_token)).status == 200


@pytest.mark.parametrize("event", [Scene.deactivated, Scene.authorised_again, Scene.revoked])
async def test_a_new_token_works_after_all(
    caller: Caller, grant: Grant, event: Callable[[Scene], Any]
) -> None:
    """Whoever is authorised again, by another administrator, works with the new token."""
    await event(Scene(caller, grant))
    new = caller.planday.authorise(grant.portal_id, grant.app_id, 2)
    access_token = await caller.access_token(new)
    assert (await caller.info(grant.app_id, access_token)).status == 200


async def test_withdrawal_may_end_access_at_once(caller: Caller, grant: Grant) -> None:
    """With `withdrawal_is_immediate`, access tokens die with the refresh token."""
    caller.planday.settings(withdrawal_is_immediate=True)
    access_token = await caller.access_token(grant)
    await Scene(caller, grant).withdrawn()
    assert (await caller.info(grant.app_id, access_token)).status == 401


async def test_a_withdrawn_grant_dies_with_its_admin(caller: Caller, grant: Grant) -> None:
    """What outlives a withdrawal ends with the account of who gave it."""
    access_token = await caller.access_token(grant)
    await Scene(caller, grant).withdrawn()
    await Scene(caller, grant).deactivated()
    assert (await caller.info(grant.app_id, access_token)).status == 401


async def test_revocation_endpoint(caller: Caller, grant: Grant) -> None:
    """An unknown token is taken too; a form without a token or with an unknown app is refused."""

    async def withdraw(**form: str) -> Reply:
        return await caller.identity("POST", "/connect/revocation", data=form)

    assert (await withdraw(client_id=grant.app_id, token="x")).status == 200
    assert (await withdraw(client_id=grant.app_id)).json == {"error": "invalid_request"}
    assert (await withdraw(client_id="x", token=grant.refresh_token)).json == {
        "error": "invalid_client"
    }
    assert (await caller.refresh(grant.app_id, grant.refresh_token)).status == 200
    counted = caller.planday.counters()["tokens"]
    assert counted == {"withdrawn": 1, "invalid_request": 1, "invalid_client": 1, "issued": 1}


# --- The code flow --------------------------------------------------------------------------------


@pytest.fixture
def app(planday: PlandayEmulator, grant: Grant) -> App:
    """An integrator's app, not yet in the portal's list."""
    other = planday.add_portal("Integrator")
    return planday.create_app(other.id, "Roster", ["shift:read", "employee:read"], [HERE])


def asked(app: App, **changes: str) -> dict[str, str]:
    """What an app sends the browser with."""
    return {
        "client_id": app.app_id,
        "response_type": "code",
        "redirect_uri": HERE,
        "scope": "openid employee:read shift:read offline_access",
        "state": "a&b=c",
        **changes,
    }


def hidden(page: str) -> dict[str, str]:
    """The fields that a page carries along."""
    fields = re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', page)
    return {name: unescape(value) for name, value in fields}


def sent_back(reply: Reply) -> dict[str, str]:
    """What the app is told."""
    assert reply.status == 302, reply.raw
    assert not kept(reply.headers)
    address = reply.headers["Location"]
    assert address.startswith(HERE + "&")
    told = {name: value for name, [value] in parse_qs(urlsplit(address).query).items()}
    del told["from"]
    return told


async def authorize(caller: Caller, fields: dict[str, str], method: str = "GET") -> Reply:
    name = "params" if method == "GET" else "data"
    return await caller.identity(method, "/connect/authorize", **{name: fields})


async def consented(caller: Caller, fields: dict[str, str]) -> dict[str, str]:
    """Goes from page to page as the first portal's first administrator, and authorises."""
    first = caller.planday.first_grant
    page = (await authorize(caller, fields)).raw.decode()
    picked = {**hidden(page), "admin": f"{first.portal_id}.{first.admin_id}"}
    reply = await authorize(caller, picked, "POST")
    assert reply.status == 200, reply.raw
    page = reply.raw.decode()
    return sent_back(
        await authorize(caller, {**hidden(page), "decision": "authorise"}, method="POST")
    )


async def exchange(caller: Caller, app: App, **fields: str) -> Reply:
    form = {"client_id": app.app_id, "grant_type": "authorization_code", "redirect_uri": HERE}
    return await caller.token(**{**form, **fields})


@pytest.mark.parametrize("secret", [{}, {"code_challenge": CHALLENGE}])
async def test_code_flow(caller: Caller, app: App, secret: dict[str, str]) -> None:
    """Sign-in, consent and exchange give tokens for the portal of who consented."""
    method = {"code_challenge_method": "S256"} if secret else {}
    told = await consented(caller, asked(app, **secret, **method))
    assert told.keys() == {"code", "state"}
    assert told["state"] == "a&b=c"
    proof = {"code_verifier": VERIFIER} if secret else {}
    reply = await exchange(caller, app, code=told["code"], **proof)
    assert reply.status == 200
    assert reply.json["scope"] == "openid employee:read shift:read offline_access"
    portal = (await caller.info(app.app_id, reply.json["access_token"])).json["data"]
    assert portal["id"] == caller.planday.first_grant.portal_id
    assert (await caller.refresh(app.app_id, reply.json["refresh_token"])).status == 200


async def test_a_code_answer_is_always_full(caller: Caller, app: App) -> None:
    """The switch of refresh answers leaves the code's answer as it is."""
    caller.planday.settings(full_refresh_answer=False)
    told = await consented(caller, asked(app))
    assert len((await exchange(caller, app, code=told["code"])).json) == 6


@pytest.mark.parametrize("fields", [{}, {"code_verifier": "wrong"}])
async def test_a_challenge_asks_for_its_verifier(
    caller: Caller, app: App, fields: dict[str, str]
) -> None:
    """Whoever cannot prove that the code is his gets nothing, now and later."""
    asking = asked(app, code_challenge=CHALLENGE, code_challenge_method="S256")
    code = (await consented(caller, asking))["code"]
    for proof in (fields, {"code_verifier": VERIFIER}):
        reply = await exchange(caller, app, code=code, **proof)
        assert (reply.status, reply.json) == (400, {"error": "invalid_grant"})


async def test_a_code_is_used_once(caller: Caller, app: App) -> None:
    """A second exchange of one code is refused."""
    code = (await consented(caller, asked(app)))["code"]
    assert (await exchange(caller, app, code=code)).status == 200
    assert (await exchange(caller, app, code=code)).json == {"error": "invalid_grant"}


async def test_consent_refused(caller: Caller, app: App) -> None:
    """Who presses Cancel sends the app away with access_denied."""
    first = caller.planday.first_grant
    pick = f"{first.portal_id}.{first.admin_id}"
    fields = {**asked(app), "admin": pick, "decision": "cancel"}
    assert sent_back(await authorize(caller, fields, "POST")) == {
        "error": "access_denied",
        "state": "a&b=c",
    }


SENT_BACK = [
    ({"response_type": "token"}, "unsupported_response_type"),
    ({"response_type": ""}, "unsupported_response_type"),
    ({"scope": "openid shift:read offline_access"}, "invalid_scope"),
    ({"scope": "employee:read shift:read"}, "invalid_scope"),
    ({"scope": "openid employee:read shift:read offline_access nonsense"}, "invalid_scope"),
    ({"scope": ""}, "invalid_scope"),
    ({"code_challenge_method": "S512"}, "invalid_request"),
]


@pytest.mark.parametrize(("changes", "error"), SENT_BACK)
async def test_what_is_told_to_the_app(
    caller: Caller, app: App, changes: dict[str, str], error: str
) -> None:
    """An error of a known app is told to it, with the state."""
    reply = await authorize(caller, asked(app, **changes))
    assert sent_back(reply) == {"error": error, "state": "a&b=c"}


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "x"},
        {"client_id": ""},
        {"redirect_uri": HERE + "/"},
        {"redirect_uri": "http://elsewhere.test/"},
        {"redirect_uri": ""},
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_what_is_told_to_nobody(
    caller: Caller, app: App, changes: dict[str, str], method: str
) -> None:
    """An unknown app or address shows a page under 400 and sends nobody anywhere."""
    reply = await authorize(caller, asked(app, **changes), method)
    assert reply.status == 400
    assert "Location" not in reply.headers
    assert reply.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("pick", ["", "x", "1.1", "{portal}.9", "{portal}.2", "{portal}"])
async def test_sign_in_of_nobody(caller: Caller, app: App, pick: str) -> None:
    """An account that is unknown or deactivated is asked to sign in again."""
    portal_id = caller.planday.first_grant.portal_id
    caller.planday.deactivate_admin(portal_id, 2)
    fields = {**asked(app), "admin": pick.format(portal=portal_id), "decision": "authorise"}
    reply = await authorize(caller, fields, "POST")
    assert reply.status == 200
    page = reply.raw.decode()
    assert "Sign in" in page
    assert hidden(page) == asked(app)
    assert f'value="{portal_id}.1"' in page
    assert f'value="{portal_id}.2"' not in page


async def test_without_a_state(caller: Caller, app: App) -> None:
    """An app that sends no state gets none back."""
    fields = asked(app)
    del fields["state"]
    assert (await consented(caller, fields)).keys() == {"code"}


# --- Nonsense -------------------------------------------------------------------------------------

NONSENSE = ["\0", "x" * 5000, "æøå 🦊", "%", "&=;", "<script>", "\r\nX: y", "\udcff"]


@pytest.mark.parametrize("path", ["/connect/token", "/connect/revocation", "/connect/authorize"])
@pytest.mark.parametrize("value", NONSENSE, ids=repr)
async def test_nonsense_in_every_field(caller: Caller, app: App, path: str, value: str) -> None:
    """Nonsense in any field is refused, or carried along; it never breaks the host."""
    good = {
        **asked(app),
        "grant_type": "authorization_code",
        "refresh_token": "x",
        "token": "x",
        "code": "x",
        "code_challenge": "x",
        "code_verifier": "x",
        "admin": "x",
        "decision": "x",
    }
    raw = value.encode("utf-8", "surrogateescape")
    for name in good:
        fields = {key: each.encode() for key, each in good.items()} | {name: raw}
        reply = await caller.identity("POST", path, data=_form(fields), headers=FORM_TYPE)
        assert reply.status < 500, name
        assert b"<script>" not in reply.raw


FORM_TYPE = {"Content-Type": "application/x-www-form-urlencoded"}


def _form(fields: dict[str, bytes]) -> bytes:
    return "&".join(
        f"{name}={''.join(f'%{byte:02x}' for byte in value)}" for name, value in fields.items()
    ).encode()
