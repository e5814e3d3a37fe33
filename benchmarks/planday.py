"""Planday's client: a roster in one page against bare aiohttp, and renewals of one token."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from statistics import median

import aiohttp
import orjson

from benchmarks.peers import process
from benchmarks.report import Row
from benchmarks.shifts_server import SHIFTS
from planado_async.emulator import Emulator
from planado_async.planday import Planday

CALLERS = 200
ROUNDS = 9

_NO_LIMITS = dict.fromkeys(
    ("portal_per_second", "portal_per_minute", "client_per_second", "client_per_minute"), 10**6
)


async def run() -> list[Row]:
    """Measure a listing of 5,000 shifts, and count what 200 callers ask the identity server."""
    return [
        Row("5,000 shifts, typed / bare aiohttp + orjson", await _listing(), 10.0),
        Row("200 callers, token expired: renewals", await _renewals(announced=True), 1),
        Row("200 callers, token refused early: renewals", await _renewals(announced=False), 1),
    ]


async def _listing() -> float:
    with process("benchmarks.shifts_server") as url:
        client = Planday("app", "token", base_url=url, identity_url=url, rate=None)
        async with aiohttp.ClientSession() as session, client as ours:

            async def bare() -> object:
                query = {"limit": str(SHIFTS), "offset": "0"}
                async with session.get(f"{url}/scheduling/v1.0/shifts", params=query) as response:
                    return orjson.loads(await response.read())

            async def typed() -> object:
                return await ours.shifts.list().collect()

            shifts = await ours.shifts.list().collect()  # and has its token from here on
            assert len({shift.id for shift in shifts}) == SHIFTS
            assert all(shift.start_date_time and shift.duration for shift in shifts)
            took = await _medians({"bare": bare, "typed": typed})
    return took["typed"] / took["bare"]


async def _renewals(*, announced: bool) -> float:
    """Return how often a token is asked for when many calls meet one that is good no more.

    `announced`: the server told when it ends; else the client takes it to live for an hour.
    """
    async with Emulator() as emulator:
        planday = emulator.planday
        # A token that lives for a second, and then those that live for an hour.
        planday.settings(**_NO_LIMITS, access_token_for=1, full_refresh_answer=announced)
        client = Planday(
            emulator.planday_app_id,
            emulator.planday_refresh_token,
            base_url=emulator.planday_url,
            identity_url=emulator.identity_url,
            rate=None,
        )
        async with client as ours:
            await ours.portal.info()
            planday.settings(access_token_for=3600)
            await asyncio.sleep(1.1)
            before = planday.counters()["tokens"]["issued"]
            answers = await asyncio.gather(*(ours.portal.info() for _ in range(CALLERS)))
            assert len({answer.id for answer in answers}) == 1
            return float(planday.counters()["tokens"]["issued"] - before)


async def _medians(candidates: dict[str, Callable[[], Awaitable[object]]]) -> dict[str, float]:
    """Return each candidate's median in seconds; they take turns, so noise meets them alike."""
    took: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(ROUNDS):
        for name, candidate in candidates.items():
            began = time.perf_counter()
            await candidate()
            took[name].append(time.perf_counter() - began)
    return {name: median(times) for name, times in took.items()}
