"""Pages with which an administrator of Planday connects a portal to a company's service.

    GET  /connect    the page that begins
    POST /connect    302 to the identity server, where the administrator authorises the app
    GET  /callback   back from there: code → tokens → portal → store → what is connected
    POST /token      App ID and token from the app's tile: tokens → portal → store → the same

Whoever reaches these pages can give the service a token, and so a portal to work with: the app they
are mounted in has to let nobody near them who has not signed in there.

A way to Planday that has begun is known by its state, which works once, for ten minutes, and only
in the browser that began it. Such states live in the memory of this process.

Planday tells nothing but a code, and a code works once: from its exchange on, the refresh token is
nowhere else. So it is kept as soon as the portal's name is known, and where that cannot be told, or
the store does not take it under that name, it is set aside under `set-aside-` and the time. Neither
a browser that is closed nor a service that ends interrupts this.
"""

import asyncio
import inspect
import logging
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
from aiohttp import web
from attrs import define, field, frozen
from yarl import URL

from planado_async.core.auth import AccessToken, Auth
from planado_async.core.errors import ConfigurationError, PlanadoError
from planado_async.core.limiter import LocalLimiter
from planado_async.core.resource import ClientOptions
from planado_async.core.retry import RetryPolicy
from planado_async.core.secret import Secret
from planado_async.core.transport import Transport, checked_url
from planado_async.planday import connect_problems as problems
from planado_async.planday.authorisation import checked_token
from planado_async.planday.connect_browsers import Begun, Browsers, challenge_of
from planado_async.planday.connect_pages import (
    Connected,
    Form,
    Problem,
    begin_page,
    connected_page,
    problem_page,
)
from planado_async.planday.identity import CodeExchange, Identity, NoProof, service_url
from planado_async.planday.models.portal import Portal
from planado_async.planday.resources.portal import PortalInfo
from planado_async.planday.tokens import Grant, TokenStore

LONGEST_FORM = 16_384
"""Bytes of a form that are read."""
LAST_ANSWERS = 30.0
"""Seconds that tokens on their way to the store get when the service ends."""

_RETRIES = RetryPolicy(attempts=2, refusals=0)  # somebody is looking at a page that loads
_PORTALS = "https://*.planday.com"  # each portal has such an address, and may sign in there
_FIELDS = 10  # of a form, at most; ours have three
_FORM = "application/x-www-form-urlencoded"
_APP_ID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_SCOPE = re.compile(r"[!#-\[\]-~]+")  # RFC 6749, 3.3

_log = logging.getLogger("planado_async")
_access_log = logging.getLogger("aiohttp.access")


def connect(
    *,
    app_id: str,
    store: TokenStore,
    scopes: Sequence[str],
    public_url: str,
    identity_url: str | None = None,
    base_url: str | None = None,
    name_of: Callable[[Portal], str] = lambda portal: str(portal.id),
    on_connected: Callable[[Grant, Portal], object] | None = None,
    session: aiohttp.ClientSession | None = None,
) -> web.Application:
    """Return an aiohttp sub-app whose pages connect a portal, to be mounted with `add_subapp`.

    The pages let in whoever can reach them. Mount them in an app that makes people sign in first,
    and that lets in only those who may say which portals the service works with.

    Args:
        app_id: the App ID that portals authorise. The app's redirect URLs have to hold
            `public_url` with `/callback` behind it, letter by letter.
        store: where grants are kept.
        scopes: all of the app's scopes; `openid` and `offline_access` are added.
        public_url: where browsers find the sub-app, such as `https://us.example/planday`; plain
            http only on this machine.
        identity_url: PLANDAY_IDENTITY_URL, else Planday's own.
        base_url: PLANDAY_BASE_URL, else Planday's own.
        name_of: gives the name under which a portal's grant is kept, its id unless said otherwise.
            It has to be another one for each portal; two portals may have the same `name`.
        on_connected: called with the grant and the portal once the grant is kept; may be async. If
            it fails, that is logged and shown, and the grant stays.
        session: an aiohttp session to use; it is left open.

    Raises:
        ConfigurationError: an App ID that is none, scopes that are none, or a URL over which
            tokens would be seen.
    """
    public_url = checked_url(public_url, "public_url")
    connecting = _Connecting(
        app_id=_checked_app_id(app_id),
        store=store,
        scopes=_checked_scopes(scopes),
        public_url=public_url,
        identity_url=service_url("identity_url", identity_url),
        base_url=service_url("base_url", base_url),
        name_of=name_of,
        on_connected=on_connected,
        session=session,
        browsers=Browsers(secure=URL(public_url).scheme == "https"),
    )
    app = web.Application()
    app.router.add_get("/connect", connecting.show)
    app.router.add_post("/connect", connecting.begin)
    callback = app.router.add_get("/callback", connecting.come_back, allow_head=False)
    app.router.add_post("/token", connecting.take_token)
    app.cleanup_ctx.append(connecting.open)
    app.cleanup_ctx.append(lambda _: _unlogged(callback))
    return app


@frozen(kw_only=True)
class _Got:
    """Tokens for a portal that is not known yet."""

    app_id: str
    refresh_token: Secret
    scopes: tuple[str, ...]
    access: AccessToken
    nowhere_else: bool
    """Whether the refresh token is lost unless it is kept here."""


@define(kw_only=True, eq=False, repr=False)
class _Connecting:
    """Answers the requests of one sub-app."""

    app_id: str
    store: TokenStore
    scopes: tuple[str, ...]
    public_url: str
    identity_url: str
    base_url: str
    name_of: Callable[[Portal], str]
    on_connected: Callable[[Grant, Portal], object] | None
    session: aiohttp.ClientSession | None
    browsers: Browsers
    begun: Begun = field(init=False, factory=Begun)
    working: set[asyncio.Task[web.Response]] = field(init=False, factory=set)

    async def open(self, app: web.Application) -> AsyncIterator[None]:
        """Have a session while the app runs, and bring tokens to the store before it ends."""
        async with AsyncExitStack() as stack:
            if self.session is None:
                own = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
                self.session = await stack.enter_async_context(own)
            yield
            if self.working:
                _, late = await asyncio.wait(self.working, timeout=LAST_ANSWERS)
                for task in late:
                    task.cancel()
                await asyncio.gather(*late, return_exceptions=True)

    # --- The four requests ------------------------------------------------------------------------

    async def show(self, request: web.Request) -> web.Response:
        """Show the page that begins."""
        return self._begin_page(self.browsers.of(request) or self.browsers.new())

    async def begin(self, request: web.Request) -> web.Response:
        """Send the browser to the identity server."""
        browser, _ = await self._form(request)
        if browser is None:
            return self._problem_page(problems.STALE)
        state, verifier = self.begun.add(browser)
        url = Secret(
            self._identity.authorise_url(
                self.app_id,
                redirect_uri=self._redirect_uri,
                scopes=self.scopes,
                state=state.reveal(),
                challenge=challenge_of(verifier),
            )
        )
        headers = _headers(self.identity_url)
        return web.Response(status=302, headers={**headers, "Location": url.reveal()})

    async def come_back(self, request: web.Request) -> web.Response:
        """Take the browser back with a code, or with the word why there is none."""
        state = Secret(request.query.get("state", ""))
        verifier = self.begun.take(state, self.browsers.of(request))
        if verifier is None:
            return self._problem_page(problems.NOT_BEGUN)
        if "error" in request.query:
            return self._problem_page(problems.ended(request.query["error"]))
        code = Secret(request.query.get("code", ""))
        if not code:
            return self._problem_page(problems.NO_CODE)
        return await self._to_its_end(self._by_code(code, verifier))

    async def take_token(self, request: web.Request) -> web.Response:
        """Check an App ID and a token, and keep them."""
        browser, form = await self._form(request)
        if browser is None:
            return self._problem_page(problems.STALE)
        app_id = form.get("app_id", Secret("")).reveal().strip()
        if not _APP_ID.fullmatch(app_id):
            return self._begin_page(browser, problems.BAD_APP_ID, app_id)
        token = _token_of(form)
        if token is None:
            return self._begin_page(browser, problems.BAD_TOKEN, app_id)
        # The client looks for the App ID as it was given.
        known = self.app_id if app_id.lower() == self.app_id.lower() else app_id
        return await self._to_its_end(self._by_token(browser, known, token))

    # --- From a code or a token to a grant in the store -------------------------------------------

    async def _to_its_end(self, work: Coroutine[Any, Any, web.Response]) -> web.Response:
        """Do something that goes on though nobody waits for the answer any more."""
        task = asyncio.ensure_future(work)
        self.working.add(task)
        task.add_done_callback(self.working.discard)
        return await asyncio.shield(task)

    async def _by_code(self, code: Secret, verifier: Secret) -> web.Response:
        given = CodeExchange(code=code, redirect_uri=self._redirect_uri, verifier=verifier)
        try:
            tokens = await self._identity.exchange(self.app_id, given)
        except PlanadoError as error:
            return self._problem_page(_noted(problems.of_code(error), error))
        if tokens.refresh_token is None:
            return self._problem_page(problems.NO_REFRESH_TOKEN)
        got = _Got(
            app_id=self.app_id,
            refresh_token=tokens.refresh_token,
            scopes=tokens.scopes or self.scopes,  # told only if others (RFC 6749, 5.1)
            access=tokens.access,
            nowhere_else=True,
        )
        return await self._connect(got, self._problem_page)

    async def _by_token(self, browser: Secret, app_id: str, token: Secret) -> web.Response:
        def again(problem: Problem) -> web.Response:
            return self._begin_page(browser, problem, app_id)

        try:
            tokens = await self._identity.refresh(app_id, token)
        except PlanadoError as error:
            return again(_noted(problems.of_token(error), error))
        newest = tokens.refresh_token or token
        got = _Got(
            app_id=app_id,
            refresh_token=newest,
            scopes=tokens.scopes,
            access=tokens.access,
            nowhere_else=newest != token,
        )
        return await self._connect(got, again)

    async def _connect(self, got: _Got, failed: Callable[[Problem], web.Response]) -> web.Response:
        """Learn which portal it is, keep the grant, and tell so."""
        try:
            portal = await self._portal_of(got)
        except PlanadoError as error:
            return failed(await self._not_kept(got, _noted(problems.of_portal(error), error)))
        try:
            grant = _grant(got, self.name_of(portal))
            await self.store.save(grant)
        except Exception as failure:  # whatever it is, the token must not be lost by it
            _log.error("a grant could not be kept: %s", _told(failure))
            return failed(await self._not_kept(got, problems.NOT_STORED))
        _log.info("portal %s is connected", grant.portal)
        return await self._connected(grant, portal)

    async def _portal_of(self, got: _Got) -> Portal:
        transport = self._transport(self.base_url, _Proof(got))
        return await PortalInfo(transport, ClientOptions()).info()

    async def _not_kept(self, got: _Got, problem: Problem) -> Problem:
        """Set a token aside that would be lost, and add to a problem what has become of it."""
        if not got.nowhere_else:
            return problems.nothing_kept(problem)
        name = f"set-aside-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{token_hex(2)}"
        try:
            await self.store.save(_grant(got, name))
        except Exception as failure:
            _log.error("a token is lost: %s", _told(failure))
            return problems.lost(problem)
        _log.error("a token is set aside as portal %s", name)
        return problems.set_aside(problem, name)

    async def _connected(self, grant: Grant, portal: Portal) -> web.Response:
        notes = [] if grant.app_id == self.app_id else [problems.other_app(self.app_id)]
        if not await self._tell(grant, portal):
            notes.append(problems.TOLD_BADLY)
        done = Connected(
            portal=portal,
            grant=grant,
            missing=[each for each in self.scopes if grant.scopes and each not in grant.scopes],
            at=datetime.now(UTC),
            notes=notes,
        )
        return self._page(connected_page(done))

    async def _tell(self, grant: Grant, portal: Portal) -> bool:
        """Tell the service of a portal; say whether it has taken that well."""
        try:
            told = self.on_connected(grant, portal) if self.on_connected else None
            if inspect.isawaitable(told):
                await told
        except Exception:
            _log.exception("on_connected= failed; the grant of portal %s is kept", grant.portal)
            return False
        return True

    # --- What is sent -----------------------------------------------------------------------------

    @property
    def _path(self) -> str:
        return URL(self.public_url).raw_path.rstrip("/")

    @property
    def _redirect_uri(self) -> str:
        return f"{self.public_url}/callback"

    @property
    def _identity(self) -> Identity:
        return Identity(self._transport(self.identity_url, NoProof()))

    def _transport(self, url: str, proof: Auth) -> Transport:
        """Return a transport for one call; a refusal of it halts no other."""
        return Transport(
            base_url=url,
            auth=proof,
            limiter=LocalLimiter(None),
            retries=_RETRIES,
            session=self.session,
        )

    # --- What is answered -------------------------------------------------------------------------

    async def _form(self, request: web.Request) -> tuple[Secret | None, dict[str, Secret]]:
        """Return the browser and what it sent, if it sent a form that was shown to it."""
        browser, form = self.browsers.of(request), await _read(request)
        told = form.get("csrf", Secret(""))
        if browser is None or told != self.browsers.csrf(browser):
            return None, {}
        return browser, form

    def _begin_page(
        self, browser: Secret, problem: Problem | None = None, app_id: str | None = None
    ) -> web.Response:
        form = Form(
            path=self._path,
            csrf=self.browsers.csrf(browser).reveal(),
            app_id=self.app_id if app_id is None else app_id,
            scopes=self.scopes,
        )
        response = self._page(begin_page(form, problem), problem)
        self.browsers.mark(response, browser)
        return response

    def _problem_page(self, problem: Problem) -> web.Response:
        return self._page(problem_page(self._path, problem), problem)

    def _page(self, page: str, problem: Problem | None = None) -> web.Response:
        headers = _headers(self.identity_url)
        if problem and problem.retry_after is not None:
            headers["Retry-After"] = str(problem.retry_after)
        status = problem.status if problem else 200
        return web.Response(text=page, status=status, content_type="text/html", headers=headers)


class _Proof(Auth):
    """Sends the access token of a portal."""

    hint = "the token was given just now"

    def __init__(self, got: _Got) -> None:
        self._got = got

    async def headers(self) -> Mapping[str, str]:
        token = self._got.access.token.reveal()
        return {"Authorization": f"Bearer {token}", "X-ClientId": self._got.app_id}


def _grant(got: _Got, name: str) -> Grant:
    return Grant(portal=name, app_id=got.app_id, refresh_token=got.refresh_token, scopes=got.scopes)


def _noted(problem: Problem, error: PlanadoError) -> Problem:
    """Log an error by its kind alone: its text may be what a server has quoted."""
    _log.warning("a portal could not be connected: %s", type(error).__name__)
    return problem


def _told(failure: Exception) -> str:
    """Return what a log may show of a store's failure; ours name what to mend, others anything."""
    return str(failure) if isinstance(failure, PlanadoError) else type(failure).__name__


# --- Requests and answers -------------------------------------------------------------------------


async def _read(request: web.Request) -> dict[str, Secret]:
    """Return the fields of a form; none if it is no form, broken or too long."""
    if request.content_type != _FORM or (request.content_length or 0) > LONGEST_FORM:
        return {}
    try:
        return _fields(await request.read())
    except (web.HTTPException, web.RequestPayloadError, ConnectionError, ValueError):
        return {}


def _fields(body: bytes) -> dict[str, Secret]:
    """Read a form, or raise ValueError."""
    if len(body) > LONGEST_FORM:  # its length was not told, or it was packed
        raise ValueError
    text = body.decode(errors="replace")
    return {name: Secret(value) for name, value in parse_qsl(text, max_num_fields=_FIELDS)}


def _token_of(form: Mapping[str, Secret]) -> Secret | None:
    try:
        return Secret(checked_token(form.get("token", Secret("")).reveal()))
    except ConfigurationError:
        return None


def _headers(identity_url: str) -> dict[str, str]:
    """Return what keeps pages from being kept, framed, or sending forms elsewhere.

    A browser holds `form-action` against each redirect that follows a form.
    """
    identity = URL(identity_url)
    targets = ["'self'", str(identity.origin())]
    if (identity.host or "").endswith(".planday.com"):
        targets.append(_PORTALS)
    return {
        "Cache-Control": "no-store",
        "Content-Security-Policy": (
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
            f"frame-ancestors 'none'; form-action {' '.join(targets)}"
        ),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }


async def _unlogged(route: web.AbstractRoute) -> AsyncIterator[None]:
    """Keep what stands behind the path of a route out of aiohttp's access log."""

    def cut(record: logging.LogRecord) -> bool:
        assert route.resource is not None
        path = re.escape(route.resource.canonical)
        for name in ("msg", "first_request_line"):
            if isinstance(line := getattr(record, name, None), str):
                setattr(record, name, re.sub(rf"({path})\?\S*", r"\1?…", line))
        return True

    _access_log.addFilter(cut)
    yield
    _access_log.removeFilter(cut)


# --- What is given --------------------------------------------------------------------------------


def _checked_app_id(app_id: str) -> str:
    if not _APP_ID.fullmatch(app_id):
        raise ConfigurationError(
            f"app_id={app_id!r} is no App ID; copy it from the app's tile in Planday "
            "(Settings / Integrations / API Access)"
        )
    return app_id


def _checked_scopes(scopes: Sequence[str]) -> tuple[str, ...]:
    if isinstance(scopes, str) or not scopes or not all(map(_SCOPE.fullmatch, scopes)):
        raise ConfigurationError("scopes= takes all scopes of the app, such as ('shift:read',)")
    return tuple(scopes)
