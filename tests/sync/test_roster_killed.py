"""The roster's process killed with -9 in the middle of writing, and begun again."""

import asyncio
import os
import sys
from asyncio.subprocess import Process
from datetime import timedelta

import pytest

from tests.sync.carry import RULES
from tests.sync.roster_making import DAY
from tests.sync.test_roster import MONDAY, SUNDAY, Company, company

__all__ = ["company"]  # the fixture

pytestmark = pytest.mark.real_time

SLOW = 0.1  # seconds that each write takes, so that the kill falls between two


async def begun(company: Company) -> Process:
    """Start a process that carries the week over."""
    emulator = company.emulator
    services = {
        "PLANADO_API_KEY": emulator.api_key,
        "PLANADO_BASE_URL": emulator.url,
        "PLANDAY_APP_ID": emulator.planday_app_id,
        "PLANDAY_REFRESH_TOKEN": emulator.planday_refresh_token,
        "PLANDAY_BASE_URL": emulator.planday_url,
        "PLANDAY_IDENTITY_URL": emulator.identity_url,
    }
    days = MONDAY.isoformat(), SUNDAY.isoformat()
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.sync.carry", *days), env={**os.environ, **services}
    )


@pytest.mark.parametrize("after", [1, 4])
async def test_a_kill_leaves_what_the_next_run_finishes(company: Company, after: int) -> None:
    """Some of the writes are made, the next process makes the others, and a third one none."""
    for employee in company.users:
        for n in range(5):
            company.shift(employee, MONDAY + n * DAY, "07:00-15:00")
    company.emulator.fault("delay", method="PATCH", seconds=SLOW, count=None)
    process = await begun(company)
    async with asyncio.timeout(60):
        while company.calls("PATCH") < after:  # noqa: ASYNC110  # another process's doing
            await asyncio.sleep(SLOW / 10)
    process.kill()
    await process.wait()
    await asyncio.sleep(2 * SLOW)  # what was on the wire
    done = company.calls("PATCH")
    assert after <= done < len(company.users)

    second = await begun(company)
    async with asyncio.timeout(60):
        assert await second.wait() == 0
    written = company.calls("PATCH")
    assert written <= len(company.users) + 1  # the one that the kill has cut may come again
    for employee in company.users:
        hours = [f"{MONDAY + timedelta(days=n):%d} 07:00-15:00 North" for n in range(5)]
        assert await company.hours(employee) == hours
    third = await begun(company)
    async with asyncio.timeout(60):
        assert await third.wait() == 0
    assert company.calls("PATCH") == written
    assert (await company.roster(RULES).plan(MONDAY, SUNDAY)).writes == ()
