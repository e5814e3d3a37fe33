"""Planday's identity host: discovery, sign-in and consent, the token endpoint, revocation.

Refusals have the words of RFC 6749; where Planday says nothing, IdentityServer's habits stand in.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from math import ceil
from urllib.parse import parse_qsl, urlencode

import orjson
from aiohttp import web
from attrs import frozen

from planado_async.emulator.planday import html, pages
from planado_async.emulator.planday.access import CHALLENGE_METHODS
from planado_async.emulator.planday.records import Admin, App, Grant
from planado_async.emulator.planday.scopes import ALWAYS, SUPPORTED
from planado_async.emulator.planday.strike import strike
from planado_async.emulator.planday.world import World
from planado_async.emulator.records import Json

AUTHORIZE = "/connect/authorize"
NOT_KEPT = {"Cache-Control": "no-store, no-cache, max-age=0", "Pragma": "no-cache"}
ID_TOKEN_HEADER = b'{"alg":"RS256","typ":"JWT"}'
# What the pages of sign-in and consent carry along.
CARRIED = (
    "client_id",
    "response_type",
    "redirect_uri",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
)
SAID = {
    "invalid_client": "The App ID is missing, unknown or deleted.",
    "invalid_grant": "The refresh token or code is unknown, used up, revoked or of another app.",
    "invalid_request": "The request is no form sent by POST, or a field of it is missing.",
    "unsupported_grant_type": "The grant type is neither authorization_code nor refresh_token.",
}

Form = Mapping[str, str]
Handler = Callable[[web.Request], Awaitable[web.Response]]


class OAuthError(Exception):
    """What is asked is refused with one of OAuth's words."""

    def __init__(self, error: str, status: int = 400) -> None:
        super().__init__(error, status)
        self.error = error
        self.status = status


def identity_application(world: World, prefix: str) -> web.Application:
    """The application of the host, mounted under a prefix."""
    app = web.Application()

    def add(method: str, path: str, handle: Handler) -> None:
        app.router.add_route(method, path, _failing(world, prefix, handle))

    async def discovery(request: web.Request) -> web.Response:
        return _json(200, described(f"{request.scheme}://{request.host}{prefix}"))

    async def keys(request: web.Request) -> web.Response:
        return _json(200, {"keys": []})

    async def authorize(request: web.Request) -> web.Response:
        if request.method == "GET":  # a link decides nothing; that takes a press of a button
            told = request.query
            fields = {name: told[name] for name in told if name != pages.DECISION}
        else:
            fields = dict(await _form(request) or {})
        return SignIn(world, fields, request.path).answer()

    add("GET", "/.well-known/openid-configuration", discovery)
    add("GET", "/.well-known/openid-configuration/jwks", keys)
    add("GET", AUTHORIZE, authorize)
    add("POST", AUTHORIZE, authorize)
    add("*", "/connect/token", _by_form(world, _token))
    add("*", "/connect/revocation", _by_form(world, _revocation))
    return app


def _failing(world: World, prefix: str, handle: Handler) -> Handler:
    """Lets a call fail where that is on order."""

    async def answer(request: web.Request) -> web.Response:
        path = request.path.removeprefix(prefix)
        return await strike(world, request, path, partial(handle, request))

    return answer


# --- Discovery ------------------------------------------------------------------------------------


def described(issuer: str) -> Json:
    """The discovery document."""
    connect = f"{issuer}/connect"
    return {
        "issuer": issuer,
        "jwks_uri": f"{issuer}/.well-known/openid-configuration/jwks",
        "authorization_endpoint": f"{connect}/authorize",
        "token_endpoint": f"{connect}/token",
        "userinfo_endpoint": f"{connect}/userinfo",
        "end_session_endpoint": f"{connect}/endsession",
        "check_session_iframe": f"{connect}/checksession",
        "revocation_endpoint": f"{connect}/revocation",
        "introspection_endpoint": f"{connect}/introspect",
        "device_authorization_endpoint": f"{connect}/deviceauthorization",
        **CAPABILITIES,
    }


CAPABILITIES: Json = {
    "frontchannel_logout_supported": True,
    "frontchannel_logout_session_supported": True,
    "backchannel_logout_supported": True,
    "backchannel_logout_session_supported": True,
    "scopes_supported": [*SUPPORTED],
    "claims_supported": [
        "sub",
        "locale",
        "name",
        "email",
        "Culture",
        "Email",
        "FullName",
        "Id",
        "IsSuperUser",
        "MaxAccessPriority",
        "PortalId",
        "PortalCountryId",
        "PortalGuid",
        "PortalName",
        "PortalTimeZoneId",
        "Roles",
        "SecurityContextPortalId",
        "UiCulture",
        "UserName",
        "UserGuid",
        "CurrentUserId",
        "SecurityContextPortalGuid",
        "Region",
        "email_verified",
        ").split(",
    ],
    "grant_types_supported": [
        "authorization_code",
        "client_credentials",
        "refresh_token",
        "implicit",
        "password",
        "urn:ietf:params:oauth:grant-type:device_code",
        "token_exchange",
    ],
    "response_types_supported": [
        "code",
        "token",
        "id_token",
        "id_token token",
        "code id_token",
        "code token",
        "code id_token token",
    ],
    "response_modes_supported": ["form_post", "query", "fragment"],
    "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    "id_token_signing_alg_values_supported": ["RS256"],
    "subject_types_supported": ["public"],
    "code_challenge_methods_supported": ["plain", "S256"],
    "request_parameter_supported": True,
}


# --- Tokens ---------------------------------------------------------------------------------------


def _by_form(world: World, run: Callable[[World, App, Form], web.Response]) -> Handler:
    """Carries out what a known app sends as a form."""

    async def handle(request: web.Request) -> web.Response:
        try:
            if request.method != "POST":
                raise OAuthError("invalid_request", 405)
            form = await _form(request)
            if form is None:
                raise OAuthError("invalid_request")
            app = world.access.known_app(form.get("client_id", ""))
            if app is None:
                raise OAuthError("invalid_client")
            return run(world, app, form)
        except OAuthError as refused:
            return _refused(world, refused)

    return handle


def _token(world: World, app: App, form: Form) -> web.Response:
    grant = _granted(world, app, form)
    world.counted.tokens["issued"] += 1
    return _json(200, _tokens(world, grant, full=_kind(form) == "authorization_code"), NOT_KEPT)


def _granted(world: World, app: App, form: Form) -> Grant:
    """The grant that a code or a refresh token stands for."""
    access = world.access
    kind = _kind(form)
    if kind == "authorization_code":
        code, back_to = _needed(form, "code"), _needed(form, "redirect_uri")
        grant = access.exchange(app.app_id, code, back_to, form.get("code_verifier"))
    elif kind == "refresh_token":
        grant = access.grant_of(app.app_id, _needed(form, "refresh_token"))
        if grant is not None and world.in_force.rotate_refresh_tokens:
            grant = access.rotate(grant)
    else:
        raise OAuthError("unsupported_grant_type")
    if grant is None:
        raise OAuthError("invalid_grant")
    return grant


def _kind(form: Form) -> str:
    return _needed(form, "grant_type")


def _needed(form: Form, name: str) -> str:
    if name not in form:
        raise OAuthError("invalid_request")
    return form[name]


def _tokens(world: World, grant: Grant, *, full: bool) -> Json:
    """The body of a 200; a refresh may be answered with the access token alone."""
    access = world.access
    issued = {"access_token": access.issue(grant).token}
    if not (full or world.in_force.full_refresh_answer):
        return issued
    return {
        "id_token": access.opaque_jwt(ID_TOKEN_HEADER),
        **issued,
        "expires_in": ceil(world.in_force.access_token_for / world.clock.speed),
        "token_type": "Bearer",
        "refresh_token": grant.refresh_token,
        "scope": " ".join(("openid", *sorted(grant.scopes), "offline_access")),
    }


def _revocation(world: World, app: App, form: Form) -> web.Response:
    world.access.withdraw(app.app_id, _needed(form, "token"))
    world.counted.tokens["withdrawn"] += 1
    return web.Response(status=200, headers=NOT_KEPT)


def _refused(world: World, refused: OAuthError) -> web.Response:
    world.counted.tokens[refused.error] += 1
    body = {"error": refused.error}
    if world.in_force.error_description:
        body["error_description"] = SAID[refused.error]
    headers = {**NOT_KEPT, **({"Allow": "POST"} if refused.status == 405 else {})}
    return _json(refused.status, body, headers)


async def _form(request: web.Request) -> Form | None:
    """The fields of a form that hold something; None for what is no form."""
    if request.content_type == "multipart/form-data":
        return await _multipart(request)
    if request.content_type != "application/x-www-form-urlencoded":
        return None
    try:
        raw = (await request.read()).decode()
        return dict(parse_qsl(raw))
    except (web.RequestPayloadError, ConnectionError, ValueError):
        return None


async def _multipart(request: web.Request) -> Form | None:
    try:
        fields = await request.post()
    except (web.RequestPayloadError, ConnectionError, ValueError, LookupError, AssertionError):
        return None
    return {name: value for name, value in fields.items() if value and isinstance(value, str)}


# --- Sign-in and consent --------------------------------------------------------------------------


@frozen
class SignIn:
    """One step of the way from an app to its code; every page carries all fields along."""

    world: World
    fields: Form
    action: str

    def answer(self) -> web.Response:
        """The page to show next, or the way back to the app."""
        app = self.world.access.known_app(self.fields.get("client_id", ""))
        if app is None:
            return self._problem("Unknown app", "No app has this client_id.")
        if self.fields.get("redirect_uri") not in app.redirect_uris:
            return self._problem("Unknown address", "The app has no such redirect_uri.")
        if error := self._error(app):
            return self._back(error=error)
        if pages.PICK not in self.fields:
            return self._sign_in(app)
        admin = self._picked()
        if admin is None:
            return self._sign_in(app, "This account is unknown or deactivated.")
        return self._decided(app, admin)

    def _error(self, app: App) -> str | None:
        """What is wrong with the request, in OAuth's word for it."""
        if self.fields.get("response_type") != "code":
            return "unsupported_response_type"
        if {*self.fields.get("scope", "").split()} != app.scopes | ALWAYS:
            return "invalid_scope"
        if self.fields.get("code_challenge_method", "plain") not in CHALLENGE_METHODS:
            return "invalid_request"
        return None

    def _sign_in(self, app: App, problem: str | None = None) -> web.Response:
        access = self.world.access
        portals = [
            (portal, [admin for admin in access.admins_of(portal.id) if admin.active])
            for portal in access.portals.values()
        ]
        page = pages.sign_in_page(
            app, portals, action=self.action, hidden=self._carried(), problem=problem
        )
        return html.answer(page)

    def _picked(self) -> Admin | None:
        portal, _, number = self.fields[pages.PICK].partition(".")
        for admin in self.world.access.admins.values():
            if (portal, number) == (str(admin.portal_id), str(admin.id)) and admin.active:
                return admin
        return None

    def _decided(self, app: App, admin: Admin) -> web.Response:
        decision = self.fields.get(pages.DECISION)
        if decision == pages.CANCEL:
            return self._back(error="access_denied")
        if decision != pages.AUTHORISE:
            portal = self.world.access.portal(admin.portal_id)
            hidden = {**self._carried(), pages.PICK: self.fields[pages.PICK]}
            return html.answer(
                pages.consent_page(
                    app, portal, admin, sorted(app.scopes), action=self.action, hidden=hidden
                )
            )
        code = self.world.access.code(
            app,
            admin,
            self.fields["redirect_uri"],
            challenge=self.fields.get("code_challenge"),
            method=self.fields.get("code_challenge_method", "plain"),
        )
        return self._back(code=code.code)

    def _carried(self) -> dict[str, str]:
        return {name: self.fields[name] for name in CARRIED if name in self.fields}

    def _back(self, **told: str) -> web.Response:
        """Sends the browser back to the app, with the state it came with."""
        if "state" in self.fields:
            told["state"] = self.fields["state"]
        address = self.fields["redirect_uri"]
        joint = "&" if "?" in address else "?"
        return web.Response(
            status=302, headers={"Location": f"{address}{joint}{urlencode(told)}", **NOT_KEPT}
        )

    def _problem(self, title: str, problem: str) -> web.Response:
        return html.answer(pages.error_page(title, problem), status=400)


def _json(status: int, body: Json, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(
        status=status,
        body=orjson.dumps(body),
        content_type="application/json",
        charset="UTF-8",
        headers=headers,
    )
