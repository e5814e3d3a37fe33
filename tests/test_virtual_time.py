"""The loop the other tests run on."""

import asyncio
import time

import aiohttp
import aioresponses
import pytest


async def test_an_hour_passes_at_once() -> None:
    """A sleep of an hour ends after an hour of loop time and hardly any real time."""
    loop, began = asyncio.get_running_loop(), time.monotonic()
    start = loop.time()
    await asyncio.sleep(3600)
    assert loop.time() - start == pytest.approx(3600)
    assert time.monotonic() - began < 60


@pytest.mark.real_time
async def test_marked_tests_run_on_an_ordinary_loop() -> None:
    """A marked test has the system's clock."""
    assert abs(asyncio.get_running_loop().time() - time.monotonic()) < 60


async def test_aioresponses_answers() -> None:
    """The stand-in for aiohttp's session works with the installed aiohttp."""
    with aioresponses.aioresponses() as server:
        server.get("https://example.test/", body=b"{}")
        async with aiohttp.ClientSession() as session, session.get("https://example.test/") as got:
            assert await got.read() == b"{}"
