"""The REST application: finds the route of a call, lets it through the gate, answers it.

A call is checked in this order: limits, bearer, X-ClientId, scope, then what its route looks at:
input, existence, rules. Paths are read in any letter case, `v1` as `v1.0`, a slash at the end is
passed over.
"""

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from planado_async.emulator.checks import InvalidError
from planado_async.emulator.errors import EmulatorError
from planado_async.emulator.planday import absence, hr, payroll, portal, punch_clock, scheduling
from planado_async.emulator.planday.calls import Call, Route, refusal
from planado_async.emulator.planday.faults import UNCOUNTED
from planado_async.emulator.planday.query import Query, bad_input, number
from planado_async.emulator.planday.records import Grant
from planado_async.emulator.planday.strike import fault_for, struck, turned_away
from planado_async.emulator.planday.windows import Standing
from planado_async.emulator.planday.world import World

ROUTES: list[Route] = [
    *portal.ROUTES,
    *hr.ROUTES,
    *scheduling.ROUTES,
    *punch_clock.ROUTES,
    *absence.ROUTES,
    *payroll.ROUTES,
]
TEXTS = {401: "Unauthorized", 403: "App is not assigned to the scope", 429: "Too many requests"}


def rest_application(world: World) -> web.Application:
    """The application that answers calls under `/hr`, `/scheduling` and so on."""
    router = Router(ROUTES)

    async def handle(request: web.Request) -> web.Response:
        return await _handle(world, router, request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    return app


class Router:
    """Finds the route of a path; a word stands above a parameter."""

    def __init__(self, routes: list[Route]) -> None:
        self._routes = sorted(
            ((_parts(route.path), route) for route in routes),
            key=lambda entry: [part.startswith("{") for part in entry[0]],
        )

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """The route and the path's parameters, or 404, or 405."""
        given = path.strip("/").split("/")
        fitting = [
            (route, dict(_parameters(parts, given)))
            for parts, route in self._routes
            if _fits(parts, given)
        ]
        if not fitting:
            raise EmulatorError(404, "No such resource")
        chosen = next((entry for entry in fitting if entry[0].method == method), None)
        if chosen is None:
            raise EmulatorError(405, "The resource has no such method")
        return chosen


def _parts(path: str) -> list[str]:
    return [part if part.startswith("{") else part.lower() for part in path.strip("/").split("/")]


def _fits(parts: list[str], given: list[str]) -> bool:
    if len(parts) != len(given):
        return False
    return all(
        part.startswith("{") or part == word for part, word in zip(parts, given, strict=True)
    )


def _parameters(parts: list[str], given: list[str]) -> list[tuple[str, str]]:
    pairs = zip(parts, given, strict=True)
    return [(part.strip("{}"), word) for part, word in pairs if part.startswith("{")]


def plain(path: str) -> str:
    """The path in lower case, without a slash at the end, with the version as `v1.0`."""
    words = path.lower().strip("/").split("/")
    if len(words) > 1 and words[1] == "v1":
        words[1] = "v1.0"
    return "/" + "/".join(words)


async def _handle(world: World, router: Router, request: web.Request) -> web.Response:
    path = plain(request.match_info["path"])
    fault = fault_for(world, request, path)
    if fault is not None and fault.kind in UNCOUNTED:
        return turned_away(world, request, fault)
    grant = world.access.bearer(_token(request.headers))
    now = world.clock.now().timestamp()
    standing = (
        world.windows.stranger(world.in_force, now)
        if grant is None
        else world.windows.offer(grant.portal_id, grant.app_id, world.in_force, now)
    )
    if not standing.accepted:
        return _too_many(world, standing)

    async def answer() -> web.Response:
        return await _answer(world, router, request, path, grant)

    response = await struck(request, fault, answer)
    response.headers.update(standing.headers(world.clock.speed))
    world.counted.statuses[str(response.status)] += 1
    return response


def _token(headers: Mapping[str, str]) -> str:
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _too_many(world: World, standing: Standing) -> web.Response:
    world.counted.refusals += 1
    headers = standing.headers(world.clock.speed)
    if world.in_force.retry_after:
        headers["Retry-After"] = headers["x-ratelimit-reset"]
    return _refused(world, 429, headers)


def _refused(world: World, status: int, headers: Mapping[str, str] | None = None) -> web.Response:
    """The answer of the gate, empty unless it is set otherwise."""
    if world.in_force.empty_refusals:
        return web.Response(status=status, headers=headers)
    return _json(status, {"message": TEXTS[status]}, headers)


async def _answer(
    world: World, router: Router, request: web.Request, path: str, grant: Grant | None
) -> web.Response:
    counters = world.counted
    if grant is None or not _right_client(world, request.headers, grant):
        counters.unauthorised += 1
        return _refused(world, 401, {"WWW-Authenticate": "Bearer"})
    counters.calls += 1
    api = path.split("/")[1]
    try:
        route, params = router.find(request.method, path)
        counters.routes[f"{route.method} {route.path}"] += 1
        if not route.allowed(grant.scopes):
            return _refused(world, 403)
        answer = route.run(await _call(world, request, grant, params))
    except EmulatorError as error:
        return _json(error.status, refusal(api, error))
    return _json(answer.status, answer.body)


def _right_client(world: World, headers: Mapping[str, str], grant: Grant) -> bool:
    told = headers.get("X-ClientId", "").lower()
    return told == grant.app_id or not world.in_force.check_client_id


async def _call(
    world: World, request: web.Request, grant: Grant, params: Mapping[str, str]
) -> Call:
    return Call(
        data=world.data(grant.portal_id),
        grant=grant,
        admin=world.access.admin_of(grant),
        settings=world.in_force,
        ids={name: _id(name, word) for name, word in params.items() if name[-2:] in ("id", "Id")},
        params=params,
        query=Query(request.query.items()),
        raw=await _body(request),
    )


def _id(name: str, word: str) -> int:
    try:
        return number(word)
    except InvalidError as refused:
        raise bad_input({name: refused.messages}) from None


async def _body(request: web.Request) -> bytes:
    try:
        return await request.read()
    except (web.RequestPayloadError, ConnectionError):
        raise EmulatorError(400, "The body cannot be read") from None


def _json(status: int, body: Any, headers: Mapping[str, str] | None = None) -> web.Response:
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
