import asyncio
import gc
import gzip
import logging
import os
import re
import runpy
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from pathlib import Path
from secrets import token_urlsafe
from traceback import TracebackException
from types import FrameType
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port
from attrs import evolve, frozen
from yarl import URL

from planado_async.core.errors import ConfigurationError
from planado_async.core.secret import Secret
from planado_async.emulator import Emulator
from planado_async.emulator.planday.records import App
from planado_async.emulator.planday.records import Grant as Granted
from planado_async.planday import connect_browsers
from planado_async.planday.connect import LAST_ANSWERS, LONGEST_FORM, connect
from planado_async.planday.connect_browsers import VALID_FOR
from planado_async.planday.models.portal import Portal
from planado_async.planday.tokens import FileTokenStore, Grant, MemoryTokenStore, TokenStore
from tests import readme
from tests.canary import Canaries
from tests.emulator.planday.visitor import Read

SCOPES = ("shift:read", "employee:read")
ALL = {*SCOPES, "openid", "offline_access"}
OURS = "planado_async.planday.connect"  # where the names of our modules begin
NO_APP = "1b4e28ba-2fa1-4d3b-a3f5-ef19b5a7633b"
KEPT_BY_NOBODY = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
}


@frozen
class Shown:
    """What a browser is answered."""

    status: int
    headers: Any
    text: str

    @property
    def page(self) -> Read:
        return Read(self.text)

    @property
    def alert(self) -> str:
        (told,) = re.findall(r'<p id="problem" role="alert">(.*?)</p>', self.text, re.S)
        return str(told)

    def told(self, id: str) -> str:
        """What the page of a portal that is connected says under an id."""
        (told,) = re.findall(rf'<dd id="{id}">(.*?)</dd>', self.text, re.S)
        return str(told)


@frozen
class Browser:
    """Follows no redirect, and keeps cookies."""

    session: aiohttp.ClientSession

    async def get(self, url: str | URL, **options: Any) -> Shown:
        return await self._send("GET", url, **options)

    async def post(self, url: str | URL, **form: str) -> Shown:
        return await self._send("POST", url, data=form)

    async def _send(self, method: str, url: str | URL, **options: Any) -> Shown:
        asked = self.session.request(method, url, allow_redirects=False, **options)
        async with asked as answer:
            return Shown(answer.status, answer.headers, await answer.text())


@asynccontextmanager
async def a_browser() -> AsyncIterator[Browser]:
    jar = aiohttp.CookieJar(unsafe=True)  # unsafe: of an address, not of a name
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        yield Browser(session)


@frozen
class Service:
    """A company's service with the pages in it, and an administrator's browser."""

    emulator: Emulator
    app: App
    store: TokenStore
    url: str
    browser: Browser
    runner: web.AppRunner

    async def csrf(self) -> str:
        (csrf, again) = (await self.browser.get(f"{self.url}/connect")).page.values("csrf")
        assert csrf is not None
        assert csrf == again
        return csrf

    async def begin(self) -> URL:
        """Press the button; where that leads to."""
        sent = await self.browser.post(f"{self.url}/connect", csrf=await self.csrf())
        assert (sent.status, sent.text) == (302, "")
        return URL(sent.headers["Location"])

    async def consent(self, asked: URL, decision: str = "authorise") -> URL:
        """Sign in as the portal's first administrator and decide; where that leads to."""
        first = self.emulator.planday.first_grant
        form = {**asked.query, "admin": f"{first.portal_id}.{first.admin_id}", "decision": decision}
        sent = await self.browser.post(asked.with_query(None), **form)
        assert sent.status == 302, sent.text
        return URL(sent.headers["Location"])

    async def connect(self) -> Shown:
        """Go the whole way."""
        return await self.browser.get(await self.consent(await self.begin()))

    async def paste(self, app_id: str, token: str) -> Shown:
        form = {"csrf": await self.csrf(), "app_id": app_id, "token": token}
        return await self.browser.post(f"{self.url}/token", **form)

    def authorised(self) -> Granted:
        """What the administrator has authorised in Planday itself, with a token on the tile."""
        first = self.emulator.planday.first_grant
        return self.emulator.planday.authorise(first.portal_id, self.app.app_id, first.admin_id)

    @property
    def live(self) -> Granted:
        """What is authorised now."""
        first = self.emulator.planday.first_grant
        granted = self.emulator.planday.access.live_grant(self.app.app_id, first.portal_id)
        assert granted is not None
        return granted

    async def grants(self, app_id: str | None = None) -> list[Grant]:
        app_id = app_id or self.app.app_id
        found = [await self.store.load(name, app_id) for name in await self.store.portals(app_id)]
        return [grant for grant in found if grant is not None]


def an_app(emulator: Emulator, url: str) -> App:
    portal_id = emulator.planday_portal_id
    return emulator.planday.create_app(portal_id, "us", SCOPES, [f"{url}/callback"])


@asynccontextmanager
async def serving(
    emulator: Emulator, *, cancels: bool = False, mounted: str = "/planday", **options: Any
) -> AsyncIterator[Service]:
    url = f"http://127.0.0.1:{unused_port()}/planday"
    app = an_app(emulator, url)
    given = {
        "app_id": app.app_id,
        "store": MemoryTokenStore(),
        "scopes": SCOPES,
        "public_url": url,
        "identity_url": emulator.identity_url,
        "base_url": emulator.planday_url,
        **options,
    }
    parent = web.Application()
    parent.add_subapp(mounted, connect(**given))
    runner = web.AppRunner(parent, handler_cancellation=cancels, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", URL(url).port).start()
    async with a_browser() as browser:
        yield Service(emulator, app, given["store"], url, browser, runner)
    await runner.cleanup()


@pytest.fixture
async def service(emulator: Emulator) -> AsyncIterator[Service]:
    async with serving(emulator) as service:
        yield service


def exchanged(service: Service) -> dict[str, int]:
    """What the identity server was asked, by its answers."""
    told: dict[str, int] = service.emulator.planday.counters()["tokens"]
    return told


class Broken(MemoryTokenStore):
    """Cannot keep what is named in `refuses`, or anything."""

    def __init__(self, refuses: str, failure: Callable[[], Exception]) -> None:
        super().__init__()
        self._refuses, self._failure = refuses, failure

    async def save(self, grant: Grant) -> None:
        if re.fullmatch(self._refuses, grant.portal):
            raise self._failure()
        await super().save(grant)


# --- By sign-in -----------------------------------------------------------------------------------


async def test_a_portal_is_connected(service: Service) -> None:
    """The administrator authorises, and the grant is in the store under the portal's id."""
    shown = await service.connect()
    assert shown.status == 200, shown.text
    (grant,) = await service.grants()
    portal = service.emulator.planday.access.portals[service.emulator.planday_portal_id]
    assert grant.refresh_token.reveal() == service.live.refresh_token
    assert (grant.portal, {*grant.scopes}) == (str(portal.id), ALL)
    assert exchanged(service) == {"issued": 1}


async def test_what_is_connected_is_told(service: Service) -> None:
    """Portal, App ID, scopes and the time stand there; of the token, its last four characters."""
    shown = await service.connect()
    token = service.live.refresh_token
    assert shown.told("portal-name") == "Nordlys Service"
    assert shown.told("portal-id") == str(service.emulator.planday_portal_id)
    assert shown.told("app-id") == service.app.app_id
    assert {*re.findall(r"<li>(.*?)</li>", shown.told("granted"))} == ALL
    assert shown.told("missing") == "none"
    assert shown.told("token") == f"…{token[-4:]}"
    assert token[-5:] not in shown.text
    at = datetime.strptime(shown.told("time"), "%Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC)
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=5)


async def test_what_the_button_asks_for(service: Service) -> None:
    """The browser is sent to the identity server with all it needs and nothing it must not see."""
    asked, again = await service.begin(), await service.begin()
    assert str(asked.with_query(None)) == f"{service.emulator.identity_url}/connect/authorize"
    query = dict(asked.query)
    state, challenge = query.pop("state"), query.pop("code_challenge")
    assert query == {
        "client_id": service.app.app_id,
        "response_type": "code",
        "redirect_uri": f"{service.url}/callback",
        "scope": "openid offline_access shift:read employee:read",
        "code_challenge_method": "S256",
    }
    assert len(state) == len(challenge) == 43
    assert challenge != connect_browsers.challenge_of(Secret(state)), "the state is the verifier"
    assert (state, challenge) != (again.query["state"], again.query["code_challenge"])


def test_the_challenge_is_that_of_the_standard() -> None:
    """RFC 7636, appendix B."""
    verifier = Secret("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
    challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    assert connect_browsers.challenge_of(verifier) == challenge


async def test_the_code_is_no_use_to_others(service: Service) -> None:
    """Whoever sees a code on its way cannot exchange it: the verifier stays with the service."""
    back = await service.consent(await service.begin())
    form = {
        "client_id": service.app.app_id,
        "grant_type": "authorization_code",
        "code": back.query["code"],
        "redirect_uri": f"{service.url}/callback",
    }
    sent = await service.browser.post(f"{service.emulator.identity_url}/connect/token", **form)
    assert (sent.status, "invalid_grant" in sent.text) == (400, True)


async def test_scopes_that_were_not_granted_are_told(service: Service) -> None:
    """What the app has been given is compared with what was asked for."""
    back = await service.consent(await service.begin())
    fewer = evolve(service.app, scopes=frozenset({"shift:read"}))
    service.emulator.planday.access.apps[fewer.app_id] = fewer
    shown = await service.browser.get(back)
    (grant,) = await service.grants()
    assert re.findall(r"<li>(.*?)</li>", shown.told("missing")) == ["employee:read"]
    assert {*grant.scopes} == ALL - {"employee:read"}


def answer_tokens(service: Service, **told: Any) -> None:
    """Let the identity server answer once with tokens that it has not given itself."""
    planday = service.emulator.planday
    planday.settings(check_client_id=False)
    access = planday.access.issue(planday.first_grant).token
    body = orjson.dumps({"access_token": access, **told}).decode()
    planday.fault("not_json", path="/connect/token", body=body)


async def test_scopes_that_are_not_told_are_those_asked_for(service: Service) -> None:
    """An answer without scopes grants all that was asked for (RFC 6749, 5.1)."""
    answer_tokens(service, refresh_token="r" * 22)
    shown = await service.connect()
    (grant,) = await service.grants()
    assert (grant.scopes, shown.told("missing")) == (SCOPES, "none")


async def test_the_end_of_a_short_token(service: Service) -> None:
    """Of a token that four characters would give away, none is shown."""
    answer_tokens(service, refresh_token="q7z81xk")
    shown = await service.connect()
    assert (shown.told("token"), "81xk" in shown.text) == ("…", False)


async def test_a_token_that_does_not_last(service: Service) -> None:
    """Without a refresh token nothing is kept, and the page says what else can be done."""
    answer_tokens(service)
    shown = await service.connect()
    assert (shown.status, "Settings / Integrations" in shown.alert) == (502, True)
    assert await service.grants() == []


# --- The way back ---------------------------------------------------------------------------------


async def refused(service: Service, back: URL, browser: Browser | None = None) -> Shown:
    """Come back, and expect that nothing comes of it."""
    before = exchanged(service)
    shown = await (browser or service.browser).get(back)
    assert shown.status == 400
    assert shown.alert
    assert 'href="/planday/connect"' in shown.text
    assert exchanged(service) == before
    return shown


async def test_an_unknown_state(service: Service) -> None:
    """A code that nobody here has asked for is not exchanged, whether or not a state is told."""
    back = await service.consent(await service.begin())
    await refused(service, back.update_query(state="x" * 43))
    await refused(service, back.without_query_params("state"))
    await refused(service, back.update_query(state=""))
    await refused(service, URL(f"{service.url}/callback"))
    assert await service.grants() == []


async def test_a_state_works_once(service: Service) -> None:
    """Loading the page again changes nothing, and says that all may be well."""
    back = await service.consent(await service.begin())
    assert (await service.browser.get(back)).status == 200
    kept = await service.grants()
    assert "all is well" in (await refused(service, back)).alert
    assert await service.grants() == kept


async def test_a_state_works_once_at_a_time(service: Service) -> None:
    """Of two requests at once, one is let in."""
    back = await service.consent(await service.begin())
    shown = await asyncio.gather(service.browser.get(back), service.browser.get(back))
    assert sorted(each.status for each in shown) == [200, 400]


@pytest.mark.parametrize(("waits", "status"), [(VALID_FOR - 1, 200), (VALID_FOR + 1, 400)])
async def test_a_state_works_for_ten_minutes(service: Service, waits: float, status: int) -> None:
    """Who comes back later begins again."""
    asked = await service.begin()
    await asyncio.sleep(waits)
    back = await service.consent(asked)
    assert (await service.browser.get(back)).status == status
    assert len(await service.grants()) == (status == 200)
    assert VALID_FOR == 600


async def test_a_state_works_in_its_browser(service: Service) -> None:
    """An address that was sent to somebody else connects nothing there, and then nowhere."""
    back = await service.consent(await service.begin())
    async with a_browser() as stranger:
        await refused(service, back, stranger)
        back = await service.consent(await service.begin())
        await stranger.get(f"{service.url}/connect")
        await refused(service, back, stranger)
    await refused(service, back)
    assert await service.grants() == []


async def test_the_oldest_state_is_dropped(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So many are kept and no more, and the newest of them work."""
    monkeypatch.setattr(connect_browsers, "MOST_BEGUN", 3)
    first, second, *_ = [await service.begin() for _ in range(4)]
    await refused(service, await service.consent(first))
    assert (await service.browser.get(await service.consent(second))).status == 200


async def test_several_pages_may_be_open(service: Service) -> None:
    """A second press of the button, in the same browser, leaves the first one valid."""
    first, second = await service.begin(), await service.begin()
    assert (await service.browser.get(await service.consent(second))).status == 200
    assert (await service.browser.get(await service.consent(first))).status == 200


@pytest.mark.parametrize(
    ("error", "says"),
    [
        ("access_denied", "chose to cancel"),
        ("invalid_scope", "all scopes of the app"),
        ("<script>alert(1)</script>", "Planday ended the sign-in"),
        ("", "Planday ended the sign-in"),
    ],
)
async def test_coming_back_with_an_error(service: Service, error: str, says: str) -> None:
    """It says what that means, and quotes nothing; a code beside it is not exchanged."""
    back = (await service.consent(await service.begin())).update_query(
        error=error, error_description="Call 555-0199"
    )
    shown = await refused(service, back)
    assert says in shown.alert
    assert "<script" not in shown.text
    assert "555" not in shown.text
    await refused(service, back.without_query_params("error"))  # the state is used up


async def test_consent_refused(service: Service) -> None:
    """Who presses Cancel at Planday is told that nothing was authorised."""
    shown = await refused(service, await service.consent(await service.begin(), "cancel"))
    assert "chose to cancel" in shown.alert


async def test_scopes_that_are_not_the_apps(emulator: Emulator) -> None:
    """What the identity server says to other scopes is told."""
    async with serving(emulator, scopes=("shift:read",)) as service:
        back = await service.browser.get(await service.begin())
        assert back.status == 302
        assert (
            "all scopes of the app" in (await refused(service, URL(back.headers["Location"]))).alert
        )


async def test_coming_back_without_a_code(service: Service) -> None:
    """It says so, and the state is used up."""
    back = await service.consent(await service.begin())
    for without in (back.without_query_params("code"), back):
        await refused(service, without)
    assert await service.grants() == []


async def test_head_exchanges_nothing(service: Service) -> None:
    """What only looks whether an address is there uses up neither state nor code."""
    back = await service.consent(await service.begin())
    assert (await service.browser._send("HEAD", back)).status == 405
    assert (await service.browser.get(back)).status == 200


async def test_a_code_that_is_too_old(service: Service) -> None:
    """Planday refuses it; nothing is kept, and the page says to begin again."""
    back = await service.consent(await service.begin())
    await asyncio.sleep(301)
    shown = await service.browser.get(back)
    assert (shown.status, exchanged(service)) == (400, {"invalid_grant": 1})
    assert "Begin again" in shown.alert
    assert "Nothing was kept" in shown.alert


async def test_an_app_that_was_deleted(service: Service) -> None:
    """Planday knows it no more, which the page says."""
    back = await service.consent(await service.begin())
    service.emulator.planday.delete_app(service.emulator.planday_portal_id, service.app.app_id)
    shown = await service.browser.get(back)
    assert (shown.status, "does not know this App ID" in shown.text) == (400, True)


OUT_OF_ORDER: dict[str, tuple[dict[str, Any], int]] = {
    "a line that breaks": ({"kind": "cut_before"}, 502),
    "an error of the server": ({"kind": "status", "status": 503}, 502),
    "no JSON": ({"kind": "not_json"}, 502),
    "too many calls": ({"kind": "refuse_429", "seconds": 7}, 503),
}


@pytest.mark.parametrize("case", OUT_OF_ORDER)
async def test_an_identity_server_out_of_order(service: Service, case: str) -> None:
    """The page says when to try again; the code was sent once."""
    fault, status = OUT_OF_ORDER[case]
    service.emulator.planday.order_fault({**fault, "path": "/connect/token", "count": None})
    shown = await service.connect()
    assert (shown.status, await service.grants()) == (status, [])
    assert int(shown.headers["Retry-After"]) == (7 if status == 503 else 30)
    assert "Nothing was kept" in shown.alert
    assert sum(service.emulator.planday.counters()["faults"].values()) == 1


async def test_no_identity_server_at_all(emulator: Emulator) -> None:
    """Where nobody listens, the page says so within a moment."""
    nowhere = f"http://127.0.0.1:{unused_port()}"
    async with serving(emulator, identity_url=nowhere) as service:
        asked = await service.begin()
        back = URL(f"{service.url}/callback").with_query(state=asked.query["state"], code="c")
        shown = await service.browser.get(back)
    assert (shown.status, shown.headers["Retry-After"]) == (503, "30")


# --- A token that nobody else has -----------------------------------------------------------------

INFO = "/portal/v1.0/info"


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ({"kind": "status", "status": 500}, 503),
        ({"kind": "status", "status": 401}, 400),
        ({"kind": "not_json"}, 502),
        ({"kind": "not_json", "body": '{"data": {"name": "without an id"}}'}, 502),
        ({"kind": "refuse_429"}, 503),
        ({"kind": "cut_before"}, 503),
    ],
)
async def test_a_portal_that_does_not_tell_its_name(
    service: Service, fault: dict[str, Any], status: int
) -> None:
    """The new token, which has replaced the one before, is set aside under a name that is told."""
    service.emulator.planday.order_fault({**fault, "path": INFO, "count": None})
    shown = await service.connect()
    (grant,) = await service.grants()
    assert shown.status == status
    assert ("Retry-After" in shown.headers) == (status > 500)
    assert re.fullmatch(r"set-aside-\d{8}T\d{6}Z-[0-9a-f]{4}", grant.portal)
    assert f"under the name {grant.portal}" in shown.alert
    assert grant.refresh_token.reveal() == service.live.refresh_token
    assert {*grant.scopes} == ALL
    service.emulator.planday.cancel_faults()
    assert (await service.connect()).status == 200
    assert {each.portal for each in await service.grants()} == {
        grant.portal,
        str(service.emulator.planday_portal_id),
    }


def no_name(portal: Portal) -> str:
    raise LookupError(portal.name)


@pytest.mark.parametrize(
    "name_of", [no_name, lambda portal: "../elsewhere", lambda portal: "", lambda portal: "a/b"]
)
async def test_a_name_that_cannot_be(
    emulator: Emulator, tmp_path: Path, name_of: Callable[[Portal], str]
) -> None:
    """The token is set aside where its name is none, or the store does not take it."""
    async with serving(emulator, store=FileTokenStore(tmp_path), name_of=name_of) as service:
        shown = await service.connect()
        (grant,) = await service.grants()
        assert grant.refresh_token.reveal() == service.live.refresh_token
    assert (shown.status, grant.portal in shown.alert) == (500, True)
    assert len(os.listdir(tmp_path)) == 1


async def test_a_name_of_its_own(emulator: Emulator, tmp_path: Path) -> None:
    """The grant is kept under the name that `name_of` gives, in a file too."""
    named: dict[str, Any] = {"store": FileTokenStore(tmp_path), "name_of": lambda portal: "acme"}
    async with serving(emulator, **named) as service:
        shown = await service.connect()
        (grant,) = await service.grants()
    assert (shown.status, shown.told("kept-as"), grant.portal) == (200, "acme", "acme")


@pytest.mark.parametrize("failure", [ConfigurationError, OSError, RuntimeError])
async def test_a_store_that_fails_once(emulator: Emulator, failure: type[Exception]) -> None:
    """What it does not take under the portal's name is set aside."""
    store = Broken(r"\d+", lambda: failure("disk full"))
    async with serving(emulator, store=store) as service:
        shown = await service.connect()
        (grant,) = await service.grants()
        assert grant.refresh_token.reveal() == service.live.refresh_token
    assert (shown.status, "not lost" in shown.alert) == (500, True)
    assert "disk full" not in shown.text


async def test_a_store_that_takes_nothing(
    emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    """The page and the log say that the token is lost, and what to do."""
    store = Broken(".*", lambda: ConfigurationError("/tokens cannot be written"))
    async with serving(emulator, store=store) as service:
        shown = await service.connect()
        assert await service.grants() == []
    assert (shown.status, "connect the portal again" in shown.alert) == (500, True)
    assert "a token is lost: /tokens cannot be written" in caplog.text


async def test_a_token_that_is_lost_altogether(emulator: Emulator) -> None:
    """Where neither portal nor store answers, it does not help to try again in a moment."""
    emulator.planday.fault("status", path=INFO, status=500, count=None)
    store = Broken(".*", lambda: OSError("disk full"))
    async with serving(emulator, store=store) as service:
        shown = await service.connect()
    assert (shown.status, "Retry-After" in shown.headers) == (500, False)
    assert "could not be set aside either" in shown.alert


@pytest.mark.parametrize("ends", ["the browser", "the service"])
async def test_what_has_begun_is_brought_to_its_end(emulator: Emulator, ends: str) -> None:
    """A token that is on its way to the store gets there, whoever goes away meanwhile."""
    async with serving(emulator, cancels=True) as service:
        back = await service.consent(await service.begin())
        emulator.planday.fault("delay", path=INFO, seconds=5)
        asking = asyncio.create_task(service.browser.get(back))
        while not exchanged(service):  # noqa: ASYNC110  # the emulator has no event for it
            await asyncio.sleep(0.01)
        if ends == "the browser":
            asking.cancel()
        else:
            await service.runner.cleanup()
        with suppress(asyncio.CancelledError, aiohttp.ClientError):
            await asking
        assert await service.grants() == [] or ends == "the service"
        await asyncio.sleep(6)
        (grant,) = await service.grants()
        assert grant.portal == str(emulator.planday_portal_id)


# --- What the service is told ---------------------------------------------------------------------


@pytest.mark.parametrize("waits", [True, False])
async def test_the_service_is_told(emulator: Emulator, waits: bool) -> None:
    """`on_connected` gets grant and portal after the store has the grant; it may be async."""
    told: list[tuple[Grant, Portal, Grant | None]] = []
    store = MemoryTokenStore()

    async def look(grant: Grant, portal: Portal) -> None:
        told.append((grant, portal, await store.load(grant.portal, grant.app_id)))

    def tell(grant: Grant, portal: Portal) -> None:
        told.append((grant, portal, store._grants.get((grant.portal, grant.app_id))))

    async with serving(emulator, store=store, on_connected=look if waits else tell) as service:
        shown = await service.connect()
    ((grant, portal, kept),) = told
    assert (grant, portal.id, shown.status) == (kept, emulator.planday_portal_id, 200)
    assert "failed" not in shown.text


async def test_a_service_that_fails_to_note(
    emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    """The grant stays; the page says what has failed and the log why."""

    async def fail(grant: Grant, portal: Portal) -> None:
        raise LookupError(f"no customer for {grant}")

    async with serving(emulator, on_connected=fail) as service:
        shown = await service.connect()
        (grant,) = await service.grants()
        assert grant.refresh_token.reveal() == service.live.refresh_token
    assert shown.status == 200
    assert "failed to take note" in shown.page.text
    assert "no customer for Grant(" in caplog.text
    assert "fail(" in caplog.text or "in fail" in caplog.text


async def test_a_service_that_never_has_noted_it(emulator: Emulator) -> None:
    """It holds up neither the grant nor, for more than half a minute, the end."""
    told = asyncio.Event()

    async def never(grant: Grant, portal: Portal) -> None:
        told.set()
        await asyncio.Event().wait()

    async with serving(emulator, on_connected=never, cancels=True) as service:
        back = await service.consent(await service.begin())
        asking = asyncio.create_task(service.browser.get(back))
        await told.wait()
        assert len(await service.grants()) == 1
        began = asyncio.get_running_loop().time()
        await service.runner.cleanup()
        assert asyncio.get_running_loop().time() - began < LAST_ANSWERS + 5
        with suppress(aiohttp.ClientError):
            await asking


# --- By App ID and token --------------------------------------------------------------------------


async def test_a_token_is_taken(service: Service) -> None:
    """App ID and token from the tile are checked and kept, with blanks around them or not."""
    granted = service.authorised()
    shown = await service.paste(f"  {service.app.app_id.upper()} ", f" {granted.refresh_token}\n")
    assert shown.status == 200, shown.text
    (grant,) = await service.grants()
    assert grant.refresh_token.reveal() == granted.refresh_token
    assert (grant.portal, {*grant.scopes}) == (shown.told("portal-id"), ALL)
    assert shown.told("token") == f"…{granted.refresh_token[-4:]}"
    assert 'class="note"' not in shown.text


async def test_a_token_of_the_customers_own_app(service: Service) -> None:
    """Its grant is kept under that App ID, with a word on what to do about it."""
    first = service.emulator.planday.first_grant
    shown = await service.paste(first.app_id, first.refresh_token)
    (grant,) = await service.grants(first.app_id)
    assert (shown.status, grant.app_id, shown.told("app-id")) == (200, first.app_id, first.app_id)
    assert service.app.app_id in shown.text
    assert await service.grants() == []


async def test_scopes_that_a_refresh_does_not_tell(service: Service) -> None:
    """Nothing is said of scopes that nobody has told."""
    service.emulator.planday.settings(full_refresh_answer=False)
    shown = await service.paste(service.app.app_id, service.authorised().refresh_token)
    (grant,) = await service.grants()
    assert (grant.scopes, shown.told("granted"), shown.told("missing")) == (
        (),
        "(not told)",
        "none",
    )


async def test_a_token_that_planday_replaces(service: Service) -> None:
    """Where the check itself brings another token, that one is kept."""
    service.emulator.planday.settings(rotate_refresh_tokens=True)
    pasted = service.authorised().refresh_token
    assert (await service.paste(service.app.app_id, pasted)).status == 200
    (grant,) = await service.grants()
    assert grant.refresh_token.reveal() == service.live.refresh_token != pasted


TOKEN = "x" * 22
NO_TOKENS: dict[str, tuple[str, str, str]] = {
    "no App ID": ("planado", TOKEN, "This is no App ID"),
    "an App ID left out": ("", TOKEN, "This is no App ID"),
    "an App ID in braces": (f"{{{NO_APP}}}", TOKEN, "This is no App ID"),
    "an unknown App ID": (NO_APP, TOKEN, "does not know this App ID"),
    "no token": ("OURS", "", "This is no token"),
    "a token with a blank": ("OURS", "ab cd", "This is no token"),
    "a token with an accent": ("OURS", "äbcd", "This is no token"),
    "an unknown token": ("OURS", TOKEN, "does not take this token"),
    "a token of another app": ("OURS", "FIRST", "does not take this token"),
    "a revoked token": ("OURS", "REVOKED", "does not take this token"),
}


@pytest.mark.parametrize("case", NO_TOKENS)
async def test_what_is_no_token(service: Service, case: str) -> None:
    """Each says what is wrong and is asked for again; the App ID stays, the token does not."""
    app_id, token, says = NO_TOKENS[case]
    planday = service.emulator.planday
    revoked = service.authorised().refresh_token
    planday.revoke(service.emulator.planday_portal_id, service.app.app_id)
    app_id = app_id.replace("OURS", service.app.app_id)
    token = {"FIRST": planday.first_grant.refresh_token, "REVOKED": revoked}.get(token, token)
    shown = await service.paste(app_id, token)
    assert (shown.status, says in shown.alert) == (400, True), shown.alert
    assert shown.page.values("app_id") == [app_id]
    assert shown.page.values("token") == [None]
    assert not token or token not in shown.text
    assert await service.grants() == await service.grants(planday.first_grant.app_id) == []


@pytest.mark.parametrize("path", ["/connect/token", INFO])
@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ({"kind": "status", "status": 500}, 503),
        ({"kind": "cut_before"}, 503),
        ({"kind": "refuse_429"}, 503),
        ({"kind": "not_json"}, 502),
    ],
)
async def test_planday_out_of_order(
    service: Service, path: str, fault: dict[str, Any], status: int
) -> None:
    """The page says when to try again; nothing is kept, as the token is on the tile."""
    service.emulator.planday.order_fault({**fault, "path": path, "count": None})
    shown = await service.paste(service.app.app_id, service.authorised().refresh_token)
    assert (shown.status, await service.grants()) == (status, [])
    assert int(shown.headers["Retry-After"]) > 0
    assert "Nothing was kept" in shown.alert


async def test_a_passing_failure_is_not_seen(service: Service) -> None:
    """One failed try of either call is made good by another."""
    for path in ("/connect/token", INFO):
        service.emulator.planday.fault("status", path=path, status=502)
    shown = await service.paste(service.app.app_id, service.authorised().refresh_token)
    assert shown.status == 200


async def test_a_replaced_token_is_set_aside(service: Service) -> None:
    """Where the check has replaced the token on the tile, the new one is not lost."""
    service.emulator.planday.settings(rotate_refresh_tokens=True)
    service.emulator.planday.fault("status", path=INFO, status=500, count=None)
    shown = await service.paste(service.app.app_id, service.authorised().refresh_token)
    (grant,) = await service.grants()
    assert grant.refresh_token.reveal() == service.live.refresh_token
    assert (shown.status, grant.portal in shown.alert) == (503, True)


async def test_a_store_that_does_not_take_a_pasted_token(emulator: Emulator) -> None:
    """Nothing is set aside, as the token is on the tile."""
    store = Broken(r"\d+", lambda: ConfigurationError("disk full"))
    async with serving(emulator, store=store) as service:
        shown = await service.paste(service.app.app_id, service.authorised().refresh_token)
        assert (shown.status, await service.grants()) == (500, [])
    assert "could not be kept" in shown.alert


# --- Forms of somebody else -----------------------------------------------------------------------


@pytest.mark.parametrize("path", ["connect", "token"])
async def test_forms_of_somebody_else(service: Service, path: str) -> None:
    """A form without the browser's cookie, or that was shown to another one, does nothing."""
    url, granted = f"{service.url}/{path}", service.authorised()
    fields = {"app_id": service.app.app_id, "token": granted.refresh_token}
    async with a_browser() as stranger:
        own = await service.csrf()
        sent = [
            await stranger.post(url, csrf=own, **fields),
            await service.browser.post(url, **fields),
            await service.browser.post(url, csrf="", **fields),
            await service.browser.post(url, csrf=own[:-1], **fields),
        ]
        await stranger.get(f"{service.url}/connect")
        sent.append(await stranger.post(url, csrf=own, **fields))
    for each in sent:
        assert (each.status, "Location" in each.headers) == (403, False)
        assert each.alert
    assert (exchanged(service), await service.grants()) == ({}, [])


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (b"csrf=CSRF&token=" + b"x" * LONGEST_FORM, "application/x-www-form-urlencoded"),
        (b"csrf=CSRF" + b"&a=b" * 20, "application/x-www-form-urlencoded"),
        (b"csrf=CSRF", "text/plain"),
        (b'{"csrf": "CSRF"}', "application/json"),
        (b"\xff\xfe=%ff", "application/x-www-form-urlencoded"),
        (b"", "application/x-www-form-urlencoded"),
    ],
)
@pytest.mark.parametrize("told", [True, False])
async def test_what_is_no_form(
    service: Service, data: bytes, content_type: str, told: bool
) -> None:
    """It is refused, whether or not its length was told beforehand."""

    async def pieces() -> AsyncIterator[bytes]:
        yield data.replace(b"CSRF", csrf.encode())

    csrf = await service.csrf()
    sent = data.replace(b"CSRF", csrf.encode()) if told else pieces()
    headers = {"Content-Type": content_type}
    for path in ("connect", "token"):
        url = f"{service.url}/{path}"
        sent = data.replace(b"CSRF", csrf.encode()) if told else pieces()
        assert (await service.browser._send("POST", url, data=sent, headers=headers)).status == 403


@pytest.mark.parametrize("size", [None, 20_000, 8_000_000])
async def test_a_form_that_is_packed(service: Service, size: int | None) -> None:
    """What cannot be unpacked is no form, and nor is what unpacks to too much."""
    csrf = await service.csrf()
    data = gzip.compress(f"csrf={csrf}&a={'x' * size}".encode()) if size else b"no gzip"
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Content-Encoding": "gzip"}
    with suppress(aiohttp.ServerDisconnectedError):  # as aiohttp goes on to read what is broken
        url = f"{service.url}/connect"
        sent = await service.browser._send("POST", url, data=data, headers=headers)
        assert sent.status == 403
    assert (await service.browser.get(f"{service.url}/connect")).status == 200


# --- Headers, cookies, escapes --------------------------------------------------------------------


async def test_headers(service: Service) -> None:
    """No page is kept, framed or referred to, and its forms lead here and to Planday alone."""
    granted = service.authorised()
    pages = [
        await service.browser.get(f"{service.url}/connect"),
        await service.browser.post(f"{service.url}/connect", csrf=await service.csrf()),
        await service.browser.post(f"{service.url}/connect"),
        await service.browser.get(f"{service.url}/callback"),
        await service.paste("x", "y"),
        await service.paste(service.app.app_id, granted.refresh_token),
    ]
    assert [each.status for each in pages] == [200, 302, 403, 400, 400, 200]
    origin = URL(service.emulator.identity_url).origin()
    for each in pages:
        assert {name: each.headers[name] for name in KEPT_BY_NOBODY} == KEPT_BY_NOBODY
        policy = dict(rule.strip().split(" ", 1) for rule in policy_of(each).split(";"))
        assert policy["default-src"] == "'none'"
        assert policy["style-src"] == "'unsafe-inline'"
        assert policy["form-action"] == f"'self' {origin}"
        assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert "script-src" not in policy


def policy_of(shown: Shown) -> str:
    return str(shown.headers["Content-Security-Policy"])


async def test_forms_may_lead_to_a_portal_of_planday(emulator: Emulator) -> None:
    """Planday itself may send the browser to sign in at the portal's own address."""
    async with serving(emulator, identity_url=None) as service:
        policy = policy_of(await service.browser.get(f"{service.url}/connect"))
    assert policy.endswith("form-action 'self' https://id.planday.com https://*.planday.com")


@pytest.mark.parametrize(
    ("public_url", "name", "secure"),
    [
        ("https://us.example/planday", "__Host-planday-connect", True),
        ("HTTPS://us.example", "__Host-planday-connect", True),
        ("http://localhost:8080/planday", "planday-connect", False),
        ("http://127.0.0.1:8080", "planday-connect", False),
    ],
)
async def test_the_cookie(emulator: Emulator, public_url: str, name: str, secure: bool) -> None:
    """No script, no other site and, but on this machine, no plain connection gets to see it."""
    async with serving(emulator, public_url=public_url) as service:
        told = await service.browser.get(f"{service.url}/connect")
    (morsel,) = SimpleCookie(told.headers["Set-Cookie"]).values()
    assert (morsel.key, morsel["path"], morsel["domain"]) == (name, "/", "")
    assert (morsel["httponly"], morsel["samesite"], bool(morsel["secure"])) == (True, "Lax", secure)


async def test_the_cookie_is_given_once(service: Service) -> None:
    """A browser keeps its mark, and one that is none of ours is replaced."""
    url = f"{service.url}/connect"
    shown = [await service.browser.get(url), await service.browser.get(url)]
    async with a_browser() as stranger:
        shown.append(await stranger.get(url, headers={"Cookie": "planday-connect=guess"}))
    marks = [SimpleCookie(each.headers["Set-Cookie"])["planday-connect"].value for each in shown]
    assert marks[0] == marks[1] != marks[2] != "guess"


async def test_everything_is_escaped(service: Service) -> None:
    """What a portal is called, or somebody has typed, is text and not HTML."""
    evil = "\"><script>alert('x')</script>&amp;"
    planday = service.emulator.planday
    portal = planday.add_portal(evil, company_name="Evil")
    admin = planday.add_admin(portal.id, "Eve")
    planday.connect_app(portal.id, service.app.app_id)
    granted = planday.authorise(portal.id, service.app.app_id, admin.id)
    shown = [
        await service.paste(evil, "x"),
        await service.paste(service.app.app_id, granted.refresh_token),
    ]
    assert shown[0].page.values("app_id") == [evil]
    assert evil in shown[1].page.text
    for each in shown:
        assert "script" not in each.page.tags
        assert {"onclick", "onload", "style"}.isdisjoint(each.page.attributes)


@pytest.mark.parametrize(
    ("public_url", "path"),
    [
        ("https://us.example/apps/planday", "/apps/planday"),
        ("https://us.example/apps/planday/", "/apps/planday"),
        ("https://us.example", ""),
        ("https://us.example/", ""),
    ],
)
async def test_forms_are_sent_where_browsers_find_the_pages(
    emulator: Emulator, public_url: str, path: str
) -> None:
    """Behind a proxy the path is the public one, not the one that the sub-app is mounted at."""
    async with serving(emulator, public_url=public_url, mounted="/inner") as service:
        inner = f"{URL(service.url).origin()}/inner"
        page = (await service.browser.get(f"{inner}/connect")).page
        failed = (await service.browser.get(f"{inner}/callback")).page
    assert page.paths == {f"{path}/connect", f"{path}/token", "data:,"}
    assert failed.paths == {f"{path}/connect", "data:,"}


async def test_fields_have_captions(service: Service) -> None:
    """Every field that can be seen has a label of its own, and the page a language and a width."""
    shown = await service.browser.get(f"{service.url}/connect")
    seen = [each["id"] for each in shown.page.inputs if each.get("type") != "hidden"]
    assert seen == re.findall(r'<label for="([\w-]+)">', shown.text) == ["app-id", "token"]
    assert '<html lang="en">' in shown.text
    assert "width=device-width" in shown.text
    assert shown.page.values("app_id") == [service.app.app_id]


# --- How it is set up -----------------------------------------------------------------------------

GIVEN: dict[str, Any] = {
    "app_id": NO_APP,
    "store": MemoryTokenStore(),
    "scopes": SCOPES,
    "public_url": "https://us.example/planday",
}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"public_url": "http://us.example/planday"}, "public_url"),
        ({"public_url": "http://127.0.0.1.us.example"}, "public_url"),
        ({"public_url": "us.example/planday"}, "public_url"),
        ({"public_url": "https://us.example/planday?a=b"}, "public_url"),
        ({"public_url": "https://me:secret@us.example"}, "public_url"),
        ({"identity_url": "http://id.example"}, "identity_url"),
        ({"base_url": "http://api.example"}, "base_url"),
        ({"app_id": "planado"}, "app_id"),
        ({"app_id": ""}, "app_id"),
        ({"scopes": "shift:read"}, "scopes"),
        ({"scopes": ()}, "scopes"),
        ({"scopes": ("shift:read employee:read",)}, "scopes"),
    ],
)
def test_what_cannot_be_set_up(wrong: dict[str, Any], says: str) -> None:
    """It is said at once, by the name of the argument."""
    assert isinstance(connect(**GIVEN), web.Application)
    with pytest.raises(ConfigurationError, match=says):
        connect(**{**GIVEN, **wrong})


async def test_addresses_from_the_environment(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are those the client goes by."""
    monkeypatch.setenv("PLANDAY_IDENTITY_URL", emulator.identity_url)
    monkeypatch.setenv("PLANDAY_BASE_URL", emulator.planday_url)
    async with serving(emulator, identity_url=None, base_url=None) as service:
        assert (await service.connect()).status == 200


async def test_a_session_that_is_given(emulator: Emulator) -> None:
    """It is used, and left open."""
    async with aiohttp.ClientSession() as session:
        async with serving(emulator, session=session) as service:
            assert (await service.connect()).status == 200
        assert not session.closed


async def test_the_page_of_the_docs(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its service lets in whom the sign-in lets in, and nobody else, on each of the addresses."""

    async def may_connect(request: web.Request) -> bool:
        return "session" in request.cookies

    (block,) = readme.blocks("docs/connect.md")
    code = tmp_path / "service.py"
    code.write_text(block, "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PLANDAY_IDENTITY_URL", emulator.identity_url)
    url = "http://127.0.0.1/planday"
    app = runpy.run_path(str(code))["service"](NO_APP, url, may_connect)
    async with TestServer(app, host="127.0.0.1") as server, a_browser() as browser:
        paths = [server.make_url(f"/planday/{each}") for each in ("connect", "callback")]
        assert [(await browser.get(path)).status for path in paths] == [403, 403]
        browser.session.cookie_jar.update_cookies({"session": "mine"}, server.make_url("/"))
        assert [(await browser.get(path)).status for path in paths] == [200, 400]


# --- What never shows -----------------------------------------------------------------------------


class Heard(logging.Handler):
    """Keeps all that is logged, with what those who report it send along.

    That is the locals of every frame of a traceback, and of each of ours that led to the line.
    """

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.told.append(f"{self.format(record)} {vars(record)!r}")
        if record.exc_info and record.exc_info[1]:
            self.told += TracebackException.from_exception(
                record.exc_info[1], capture_locals=True
            ).format()
        frame: FrameType | None = sys._getframe()
        while frame := frame and frame.f_back:
            if str(frame.f_globals["__name__"]).startswith(OURS):
                self.told.append(f"{frame.f_code.co_name}: {frame.f_locals!r}")


@pytest.fixture
def heard() -> Iterator[Heard]:
    heard, root = Heard(), logging.getLogger()
    root.addHandler(heard)
    yield heard
    root.removeHandler(heard)


@pytest.fixture
def verifiers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """All that is drawn by lot: states, verifiers, the marks of browsers."""
    drawn: list[str] = []

    def draw(bytes: int) -> str:
        drawn.append(token_urlsafe(bytes))
        return drawn[-1]

    monkeypatch.setattr(connect_browsers, "token_urlsafe", draw)
    return drawn


async def test_no_log_shows_a_secret(
    emulator: Emulator, heard: Heard, verifiers: list[str]
) -> None:
    """Neither code nor token, state nor verifier, in good days and bad ones, at DEBUG."""
    secrets: list[str] = []

    def fail(grant: Grant, portal: Portal) -> None:
        raise LookupError(f"{grant} {portal.id}")

    async with serving(emulator, on_connected=fail) as service:
        for fault in ({}, {"path": "/connect/token"}, {"path": INFO}):
            if fault:
                emulator.planday.fault("status", status=500, count=None, **fault)
            back = await service.consent(await service.begin())
            secrets += [back.query["code"], back.query["state"]]
            await service.browser.get(back)
            await service.browser.get(back)
            secrets.append(service.authorised().refresh_token)
            await service.paste(service.app.app_id, secrets[-1])
            secrets += [each.refresh_token.reveal() for each in await service.grants()]
            emulator.planday.cancel_faults()
    secrets += [*verifiers, *emulator.planday.access._tokens]
    assert len({*secrets}) > 12
    canaries = Canaries(*secrets)
    assert not canaries.shown_in("\n".join(heard.told))
    assert any("GET /planday/callback?… HTTP/1.1" in line for line in heard.told)
    assert any("on_connected= failed" in line for line in heard.told)
    for frame in ("_by_code", "_by_token", "_connect", "_portal_of", "_tell"):
        assert any(line.startswith(f"{frame}: {{") for line in heard.told)


async def test_others_in_the_access_log_stay_as_they_are(service: Service, heard: Heard) -> None:
    """Only what stands behind the callback's own path is cut, and only while the app runs."""
    await service.browser.get(f"{service.url}/connect?page=1")
    await service.browser.get(f"{URL(service.url).origin()}/other/callback?code=1")
    assert any("GET /planday/connect?page=1 HTTP/1.1" in line for line in heard.told)
    assert any("GET /other/callback?code=1 HTTP/1.1" in line for line in heard.told)
    assert len(logging.getLogger("aiohttp.access").filters) == 1
    await service.runner.cleanup()
    assert logging.getLogger("aiohttp.access").filters == []


async def test_no_repr_shows_a_secret(service: Service, verifiers: list[str]) -> None:
    """What the pages keep in memory, looked at from inside, shows nothing."""
    await service.begin()
    seen = [each for each in gc.get_objects() if str(type(each).__module__).startswith(OURS)]
    assert any(isinstance(each, connect_browsers.Begun) for each in seen)
    shown = "".join(f"{each!r} {getattr(each, '__dict__', '')!r}" for each in seen)
    assert verifiers
    assert not Canaries(*verifiers).shown_in(shown)
