"""Carries out failures on order around the answering of a call."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from aiohttp import web

from planado_async.emulator.planday.faults import PAGING, UNCOUNTED, Fault
from planado_async.emulator.planday.world import World

# Counted for a call whose line was cut instead of an answer; it never goes over the wire.
CUT = 444

Answering = Callable[[], Awaitable[web.Response]]


def fault_for(world: World, request: web.Request, path: str) -> Fault | None:
    """The fault that strikes a call, counted."""
    fault = world.faults.for_call(request.method, path)
    if fault is not None:
        world.counted.faults[fault.kind] += 1
    return fault


async def strike(world: World, request: web.Request, path: str, answer: Answering) -> web.Response:
    """The answer of a call that has no limits, as the fault on order for it leaves it."""
    fault = fault_for(world, request, path)
    if fault is not None and fault.kind in UNCOUNTED:
        return turned_away(world, request, fault)
    return await struck(request, fault, answer)


def turned_away(world: World, request: web.Request, fault: Fault) -> web.Response:
    """The answer of a fault that strikes before the call is counted in the windows."""
    if fault.kind == "cut_before":
        return _cut(request)
    world.counted.refusals += 1
    if not fault.headers:
        return web.Response(status=429)
    standing = world.windows.spent(world.in_force, fault.seconds)
    return web.Response(status=429, headers=standing.headers(world.clock.speed))


async def struck(request: web.Request, fault: Fault | None, answer: Answering) -> web.Response:
    """The answer of a call, as a fault of any other kind leaves it."""
    if fault is None:
        return await answer()
    if fault.kind == "delay":
        await asyncio.sleep(fault.seconds)
        return await answer()
    if fault.kind in PAGING:
        return _bent(fault, await answer())
    if fault.kind == "cut_after" or fault.execute:
        await answer()
    if fault.kind == "cut_after":
        return _cut(request)
    status = fault.status if fault.kind == "status" else 200
    return web.Response(status=status, text=fault.text, content_type="text/html")


def _bent(fault: Fault, response: web.Response) -> web.Response:
    """The answer with its paging spoilt; one without paging stays as it is."""
    body: Any = orjson.loads(response.body) if isinstance(response.body, bytes) else None
    if isinstance(body, dict) and "paging" in body:
        if fault.kind == "no_paging":
            body["paging"] = None
        elif fault.kind == "no_total":
            del body["paging"]["total"]
        else:
            body["paging"]["total"] = fault.total
        response.body = orjson.dumps(body)
    return response


def _cut(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=CUT)
