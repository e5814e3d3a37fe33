"""The emulator's HTTP application: routes under /v2 behind the gate, and the control API.

Planday's half has three applications of its own: its APIs, its identity host and its pages.
"""

from collections.abc import Mapping

import orjson
from aiohttp import web

from planado_async.emulator import (
    catalog,
    clients,
    control,
    directories,
    jobs,
    shifts,
    sites,
    users,
    webhooks,
)
from planado_async.emulator.account import Account
from planado_async.emulator.calls import Call, Route, parse
from planado_async.emulator.control import ControlRoute
from planado_async.emulator.errors import EmulatorError
from planado_async.emulator.gate import Handler, pass_through
from planado_async.emulator.planday import control as planday_control
from planado_async.emulator.planday.identity import identity_application
from planado_async.emulator.planday.rest import rest_application
from planado_async.emulator.planday.visits import routes as pages_application
from planado_async.emulator.records import Json

PREFIXES = ("/v2", "/api/v2")
CONTROL_PREFIX = "/_emulator"
PLANDAY_PREFIX, IDENTITY_PREFIX, PORTAL_PREFIX = "/planday", "/identity", "/portal"
BODY_LIMIT = 4 * 1024 * 1024
WRITES = ("POST", "PATCH")

ROUTES: list[Route] = [
    *jobs.ROUTES,
    *clients.ROUTES,
    *sites.ROUTES,
    *users.ROUTES,
    *shifts.ROUTES,
    *directories.ROUTES,
    *catalog.ROUTES,
    *webhooks.ROUTES,
]


def application(account: Account) -> web.Application:
    """The application that serves an account."""

    @web.middleware
    async def serve(request: web.Request, handler: Handler) -> web.StreamResponse:
        return await _serve(account, request, handler)

    app = web.Application(middlewares=[serve], client_max_size=BODY_LIMIT)
    for route in ROUTES:
        for prefix in PREFIXES:
            app.router.add_route(route.method, prefix + route.path, _api(account, route))
    for order in (*control.ROUTES, *planday_control.ROUTES):
        path = CONTROL_PREFIX + order.path
        app.router.add_route(order.method, path, _control(account, order))
    planday = account.planday
    app.add_subapp(PLANDAY_PREFIX, rest_application(planday))
    app.add_subapp(IDENTITY_PREFIX, identity_application(planday, IDENTITY_PREFIX))
    app.add_subapp(PORTAL_PREFIX, pages_application(planday))
    return app


async def _serve(account: Account, request: web.Request, handler: Handler) -> web.StreamResponse:
    path = _under_prefix(request.path)
    if path is None:
        return await _answered(request, handler)

    async def answer(request: web.Request) -> web.StreamResponse:
        account.counters.calls += 1
        account.counters.routes[_route_name(request)] += 1
        return await _answered(request, handler)

    try:
        response = await pass_through(account, request, path, answer)
    except EmulatorError as error:
        response = json_response(error.status, error.body)
    account.counters.statuses[str(response.status)] += 1
    return response


async def _answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The handler's answer; what goes wrong there is answered in JSON too."""
    try:
        return await handler(request)
    except EmulatorError as error:
        return json_response(error.status, error.body)
    except web.HTTPException as error:
        kept = {name: value for name, value in error.headers.items() if name == "Allow"}
        return json_response(error.status, {"message": error.reason}, kept)


def _under_prefix(path: str) -> str | None:
    for prefix in PREFIXES:
        if path == prefix or path.startswith(prefix + "/"):
            return path.removeprefix(prefix)
    return None


def _route_name(request: web.Request) -> str:
    """The method and the route's pattern, so that counts do not grow with every id."""
    resource = request.match_info.route.resource
    if resource is None:
        return f"{request.method} (unknown)"
    return f"{request.method} {_under_prefix(resource.canonical)}"


def _api(account: Account, route: Route) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        body = await _body(request) if route.method in WRITES else {}
        headers = request.headers
        answer = route.run(
            Call(
                state=account.state,
                deliveries=account.deliveries,
                params=request.match_info,
                query=request.query,
                body=body,
                trigger_webhooks=_says(headers, "X-Planado-Trigger-Webhooks", "true"),
                notify_assignees=not _says(headers, "X-Planado-Notify-Assignees", "false"),
            )
        )
        return json_response(answer.status, answer.body)

    return handle


def _control(account: Account, route: ControlRoute) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        body = await _body(request) if route.has_body else {}
        return json_response(route.status, route.run(account, request.match_info, body))

    return handle


async def _body(request: web.Request) -> Json:
    try:
        raw = await request.read()
    except (web.RequestPayloadError, ConnectionError):
        raise EmulatorError(400, "Request body cannot be read") from None
    return parse(raw)


def _says(headers: Mapping[str, str], name: str, word: str) -> bool:
    return headers.get(name, "").strip().lower() == word


def json_response(
    status: int, body: Json | None, headers: Mapping[str, str] | None = None
) -> web.Response:
    """An answer in JSON, or one without a body."""
    if body is None:
        return web.Response(status=status, headers=headers)
    return web.Response(
        status=status,
        body=orjson.dumps(body),
        content_type="application/json",
        charset="utf-8",
        headers=headers,
    )
