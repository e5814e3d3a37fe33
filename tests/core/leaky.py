"""Callers of a limiter, and the leaky bucket of the server they call, in virtual time."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from random import Random
from typing import Any

from planado_async.core.gate import Turn
from planado_async.core.limiter import Limiter
from tests.virtual_time import VirtualTimeLoop


def now() -> float:
    return asyncio.get_running_loop().time()


def in_virtual_time(main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run a coroutine for tests that are not async, such as those of hypothesis."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main())


async def settle() -> None:
    """Let everything run that can without time passing."""
    for _ in range(20):
        await asyncio.sleep(0)


async def call(
    limiter: Limiter, log: list[Any], name: Any = None, *, lasts: float = 0.0, **how: Any
) -> None:
    """Make one call that notes when it began."""
    turn = await limiter.acquire(**how)
    log.append(now() if name is None else name)
    if lasts:
        await asyncio.sleep(lasts)
    limiter.release(turn, answered=True)


def begin(*calls: Coroutine[Any, Any, None]) -> "asyncio.Future[list[None]]":
    return asyncio.gather(*calls)


async def refused(limiter: Limiter, retry_after: float | None = None, **how: Any) -> Turn:
    """Make one call that the server refuses at once."""
    turn = await limiter.acquire(**how)
    await limiter.refused(turn, retry_after)
    limiter.release(turn, answered=False)
    return turn


async def lost(limiter: Limiter, log: list[float] | None = None) -> Turn:
    """Make one call that is cut off at once."""
    turn = await limiter.acquire()
    if log is not None:
        log.append(now())
    limiter.release(turn, answered=False)
    return turn


def highest(moments: Sequence[float], interval: float) -> float:
    """Return how full a leaky bucket becomes that gets a call at each of these moments.

    It is b exactly if no window of t seconds holds more than b + t / interval calls.
    """
    level, before, most = 0.0, 0.0, 0.0
    for moment in sorted(moments):
        level = max(0.0, level - (moment - before) / interval) + 1
        before, most = moment, max(most, level)
    return most


# --- The server -----------------------------------------------------------------------------------

Delay = Callable[[Random, float], float]
"""Seconds that a message takes which is sent at the given time."""

DELAYS: dict[str, Delay] = {
    "none": lambda _rng, _at: 0.0,
    "constant": lambda _rng, _at: 0.3,
    "uniform": lambda rng, _at: rng.uniform(0, 1),
    "exponential": lambda rng, _at: min(2.0, rng.expovariate(1 / 0.4)),
    "bursts": lambda _rng, at: 1.5 - at % 1.5,
    "reordering": lambda rng, _at: rng.choice([0.01, 1.5]),
}


class Server:
    """A leaky bucket of `size` calls; a call that finds it full is refused and not counted."""

    def __init__(
        self,
        size: float,
        *,
        level: float = 0.0,
        delay: str = "none",
        interval: float = 1.0,
        retry_after: float | None = None,
    ) -> None:
        self.size = size
        self.served: list[float] = []
        self.refused: list[float] = []
        self.deaf_until = 0.0
        """All calls are refused before this time, whatever the bucket holds."""
        self._interval = interval
        self._empty_at = now() + level * interval
        self._delay = DELAYS[delay]
        self._retry_after = retry_after
        self._rng = Random(1)

    async def called(self, limiter: Limiter) -> None:
        """Be called by one caller, again and again until the call is served."""
        again = False
        while not await self._tried(limiter, again):
            again = True

    async def _tried(self, limiter: Limiter, again: bool) -> bool:
        turn = await limiter.acquire(again=again)
        served = False
        try:
            await asyncio.sleep(self._delay(self._rng, now()))
            served = self._takes()
            await asyncio.sleep(self._delay(self._rng, now()))
            if not served:
                await limiter.refused(turn, self._retry_after)
        finally:
            limiter.release(turn, answered=served)
        return served

    def _takes(self) -> bool:
        empty_at = max(self._empty_at, now()) + self._interval
        full = empty_at - now() > self.size * self._interval + 1e-6
        if full or now() < self.deaf_until:
            self.refused.append(now())
            return False
        self._empty_at = empty_at
        self.served.append(now())
        return True


async def serve(limiter: Limiter, server: Server, calls: int) -> float:
    """Bring all calls through at once, and return the seconds it took."""
    began = now()
    await asyncio.gather(*(server.called(limiter) for _ in range(calls)))
    return now() - began
