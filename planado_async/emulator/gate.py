"""What stands before every call under /v2.

In this order: the key, the faults that leave no trace in the budget, the budget, all other faults.
A call without the right key has no budget to use, so it is counted apart.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from math import ceil

from aiohttp import web

from planado_async.emulator.account import Account
from planado_async.emulator.errors import EmulatorError
from planado_async.emulator.faults import UNCOUNTED, Fault

REFUSAL = "Rate Limit Exceeded"
# Counted for a call whose line was cut instead of an answer; it never goes over the wire.
CUT = 444

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def pass_through(
    account: Account, request: web.Request, path: str, answer: Handler
) -> web.StreamResponse:
    """Answers a call, or stops it at the gate."""
    if not authorised(request.headers, account.api_key):
        account.counters.unauthorised += 1
        raise EmulatorError(401, "API key is missing or wrong")
    fault = account.faults.for_call(request.method, path, cursor="after" in request.query)
    if fault is not None:
        account.counters.faults[fault.kind] += 1
        if fault.kind in UNCOUNTED:
            return _turned_away(account, request, fault)
    if not account.bucket.offer(account.clock.elapsed()):
        return _refused(account, 429, account.state.settings.retry_after)
    return await (answer(request) if fault is None else _struck(account, request, fault, answer))


def authorised(headers: Mapping[str, str], key: str) -> bool:
    """Whether any of the three headers holds the key."""
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    given = [headers.get("X-Planado-API-Key"), headers.get("X-Planado-Api-Token")]
    if scheme.lower() == "bearer":
        given.append(token.strip())
    return key in given


def _turned_away(account: Account, request: web.Request, fault: Fault) -> web.Response:
    if fault.kind == "cut_before":
        return _cut(request)
    return _refused(account, 429 if fault.kind == "refuse_429" else 200, fault.retry_after)


def _refused(account: Account, status: int, retry_after: float | str | None) -> web.Response:
    account.counters.refused += 1
    headers: dict[str, str] = {}
    if retry_after is not None:
        headers["Retry-After"] = wire_seconds(retry_after, account.clock.speed)
    return web.Response(status=status, text=REFUSAL, headers=headers)


def wire_seconds(retry_after: float | str, speed: float) -> str:
    """A wait in emulated seconds as real ones, rounded up; a text stays as it was ordered."""
    return retry_after if isinstance(retry_after, str) else str(ceil(retry_after / speed))


async def _struck(
    account: Account, request: web.Request, fault: Fault, answer: Handler
) -> web.StreamResponse:
    if fault.kind == "delay":
        await asyncio.sleep(fault.seconds)
    if fault.kind == "delete_cursor":
        account.drop_record(request.query["after"])
    if fault.kind in ("delay", "delete_cursor"):
        return await answer(request)
    if fault.kind == "cut_after" or fault.execute:
        await answer(request)
    if fault.kind == "cut_after":
        return _cut(request)
    status = fault.status if fault.kind == "status" else 200
    return web.Response(status=status, text=fault.text, content_type="text/html")


def _cut(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=CUT)
