"""One process of a job: `python -m benchmarks.budget_worker WAY URL KEY FILE`.

It says `ready`, and then, for each line with a number of calls, makes them, eight at once, and
prints how many got no answer. Every way is set up as its documentation has it, a limiter with the
server's rate. A retry has ten attempts: stamina's default, more than the three of aiohttp-retry.
"""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import aiohttp
import stamina
from aiohttp_retry import ExponentialRetry, RetryClient
from aiolimiter import AsyncLimiter
from pyrate_limiter import Limiter, limiter_factory
from pyrate_limiter.extras.aiohttp_limiter import RateLimitedSession

from planado_async import Planado, PlanadoError, RateLimit
from planado_async.core.limiter_sqlite import SqliteLimiter

SPEED = 30  # emulated seconds in a real one; all seconds below are emulated ones
MINUTE = 60 / SPEED
RATE = RateLimit(60, MINUTE)  # with the client's own burst of 55
IN_FLIGHT = 8
PATH = "/skills"

_ATTEMPTS = 10
_MILLISECONDS = round(MINUTE * 1000)
_SLACK_MS = round(50 / SPEED)  # what pyrate-limiter adds to each wait, its default

Call = Callable[[], Awaitable[object]]


@asynccontextmanager
async def _ours(url: str, key: str, file: str) -> AsyncIterator[Call]:
    async with Planado(key, base_url=url, rate=RATE) as planado:
        yield lambda: planado.request("GET", PATH)


@asynccontextmanager
async def _ours_shared(url: str, key: str, file: str) -> AsyncIterator[Call]:
    async with Planado(key, base_url=url, limiter=SqliteLimiter(file, RATE)) as planado:
        yield lambda: planado.request("GET", PATH)


@asynccontextmanager
async def _bare(url: str, key: str) -> AsyncIterator[Call]:
    async with aiohttp.ClientSession(headers=_header(key), raise_for_status=True) as session:

        async def call() -> object:
            async with session.get(url + PATH) as response:
                return await response.read()

        yield call


@asynccontextmanager
async def _aiolimiter(url: str, key: str, file: str) -> AsyncIterator[Call]:
    async with _bare(url, key) as get:
        yield _limited(get)


@asynccontextmanager
async def _stamina(url: str, key: str, file: str) -> AsyncIterator[Call]:
    async with _bare(url, key) as get:
        yield _retried(get)


@asynccontextmanager
async def _aiolimiter_stamina(url: str, key: str, file: str) -> AsyncIterator[Call]:
    async with _bare(url, key) as get:
        yield _retried(_limited(get))


@asynccontextmanager
async def _aiohttp_retry(url: str, key: str, file: str) -> AsyncIterator[Call]:
    options = ExponentialRetry(
        _ATTEMPTS, start_timeout=0.1 / SPEED, max_timeout=30 / SPEED, statuses={429}
    )
    async with RetryClient(
        retry_options=options, raise_for_status=True, headers=_header(key)
    ) as client:

        async def call() -> object:
            async with client.get(url + PATH) as response:
                return await response.read()

        yield call


@asynccontextmanager
async def _pyrate(url: str, key: str, file: str) -> AsyncIterator[Call]:
    limiter = limiter_factory.create_token_bucket_limiter(60, _MILLISECONDS, buffer_ms=_SLACK_MS)
    async with _through(limiter, url, key) as call:
        yield call


@asynccontextmanager
async def _pyrate_shared(url: str, key: str, file: str) -> AsyncIterator[Call]:
    limiter = limiter_factory.create_sqlite_limiter(
        60, _MILLISECONDS, db_path=file, use_file_lock=True, buffer_ms=_SLACK_MS
    )
    async with _through(limiter, url, key) as call:
        yield call


@asynccontextmanager
async def _through(limiter: Limiter, url: str, key: str) -> AsyncIterator[Call]:
    with limiter:
        async with RateLimitedSession(
            limiter, headers=_header(key), raise_for_status=True
        ) as session:

            async def call() -> object:
                async with await session.get(url + PATH) as response:
                    return await response.read()

            yield call


def _header(key: str) -> dict[str, str]:
    return {"X-Planado-API-Key": key}


def _limited(call: Call) -> Call:
    limiter = AsyncLimiter(60, MINUTE)

    async def limited() -> object:
        async with limiter:
            return await call()

    return limited


def _retried(call: Call) -> Call:
    retrying = stamina.AsyncRetryingCaller(
        _ATTEMPTS,
        timeout=45 / SPEED,
        wait_initial=0.1 / SPEED,
        wait_max=5 / SPEED,
        wait_jitter=1 / SPEED,
    ).on(lambda error: isinstance(error, aiohttp.ClientResponseError) and error.status == 429)
    return lambda: retrying(call)


WAYS: dict[str, Callable[[str, str, str], AbstractAsyncContextManager[Call]]] = {
    "planado_async": _ours,
    "planado_async, shared file": _ours_shared,
    "aiolimiter": _aiolimiter,
    "stamina": _stamina,
    "aiolimiter + stamina": _aiolimiter_stamina,
    "aiohttp-retry": _aiohttp_retry,
    "pyrate-limiter": _pyrate,
    "pyrate-limiter, shared file": _pyrate_shared,
}


async def _lost(call: Call, calls: int) -> int:
    """Make the calls and return how many were given up."""
    room = asyncio.Semaphore(IN_FLIGHT)

    async def is_lost() -> bool:
        async with room:
            try:
                await call()
            except (aiohttp.ClientResponseError, PlanadoError):
                return True
            return False

    return sum(await asyncio.gather(*(is_lost() for _ in range(calls))))


async def run(way: str, url: str, key: str, file: str) -> None:
    logging.disable()  # most ways tell of every refusal
    async with WAYS[way](url, key, file) as call:
        print("ready", flush=True)
        while calls := await asyncio.to_thread(sys.stdin.readline):
            print(await _lost(call, int(calls)), flush=True)


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1:]))
