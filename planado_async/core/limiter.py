"""One budget of calls for everybody who shares a client.

The server keeps a leaky bucket: it holds `burst` calls and leaks `calls` every `per` seconds, so a
burst is free and the long-run rate is fixed. `LocalLimiter` keeps the same bucket here, a little
smaller, and asks it for one call at a time on behalf of the first in the queue:

    acquire ─► queues, one a priority, ─► gate, closed for ─► room for a ─► bucket ─► send
               first come first served    all by a refusal    call in flight            │
                         ▲                                                              │
                         └──────────────── in front, if refused ────────────────────────┘

Nothing but the head of the queue waits for the bucket, so nobody overtakes and a waiter that gives
up costs nothing but its place. The clock is the event loop's.
"""

import asyncio
from collections import deque
from typing import Literal, Protocol, TypeAlias, get_args

from aiolimiter import AsyncLimiter
from attrs import field, frozen, validators

from planado_async.core.errors import BudgetWaitError, ConfigurationError

Priority = Literal["interactive", "normal", "background"]
_PRIORITIES: tuple[Priority, ...] = get_args(Priority)
_LOWER_FIRST_EVERY = 10  # one grant in ten goes to a lower class if one waits, so none starves


@frozen
class RateLimit:
    """A leaky bucket: `calls` every `per` seconds in the long run, `burst` at once.

    The default stays five calls below Planado's bucket of 60, which leaves room for a call that
    the network delivers late.
    """

    calls: float = field(default=60, validator=validators.gt(0))
    per: float = field(default=60.0, validator=validators.gt(0))
    burst: float = field(default=55, validator=validators.ge(1))

    @property
    def interval(self) -> float:
        """Seconds in which one call leaks away."""
        return self.per / self.calls


@frozen(kw_only=True)
class Budget:
    """How things stand: what `planado.budget` returns."""

    level: float
    """Calls in the local bucket now; at the limit's `burst` the next one waits."""
    burst: float | None
    """Calls the local bucket holds; None without a local budget."""
    queue_length: int
    """Calls waiting for their turn."""
    in_flight: int
    """Calls sent and not answered yet."""
    eta: float
    """Seconds until a call of priority `normal` made now could begin."""
    refusals: int
    """Refusals by the server so far."""


class Limiter(Protocol):
    """Grants calls. Every try of a call acquires, and releases when it is answered."""

    async def acquire(
        self, priority: Priority = "normal", *, again: bool = False, longest: float | None = None
    ) -> None:
        """Wait for a turn; `again` puts a call that was refused in front of its class.

        Raises:
            BudgetWaitError: the turn comes only after `longest` seconds; said at once.
        """
        ...

    def release(self) -> None:
        """Give back the place in flight that `acquire` took."""
        ...

    async def refused(self, retry_after: float | None) -> None:
        """Halt all callers: the server said "too many calls"."""
        ...

    def eta(self, priority: Priority, *, again: bool = False) -> float:
        """Return the seconds until a call made now, or one that was refused, could begin."""
        ...

    def budget(self) -> Budget:
        """Tell how things stand."""
        ...


_Queue: TypeAlias = deque[asyncio.Future[None]]


class LocalLimiter:
    """The budget of one process; `rate=None` counts nothing and still halts on a refusal.

    It serves one event loop at a time. In the next one it goes on with the level it had.
    """

    def __init__(self, rate: RateLimit | None = RateLimit(), *, in_flight: int = 8) -> None:
        if in_flight < 1:
            raise ValueError(f"in_flight is {in_flight}; at least one call must be allowed")
        self._rate = rate
        self._most_in_flight = in_flight
        self._empty_at = 0.0  # when the bucket will be empty if nothing more is put in
        self._closed_until = 0.0
        self._granted = 0
        self._refusals = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._begin_anew()

    def _begin_anew(self) -> None:
        """Forget what belongs to an event loop: who waits, who is in flight, the bucket."""
        self._in_flight = 0
        self._queues: dict[Priority, _Queue] = {each: deque() for each in _PRIORITIES}
        self._refused: dict[Priority, _Queue] = {each: deque() for each in _PRIORITIES}
        self._room = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None
        self._bucket: AsyncLimiter | None = None

    async def acquire(
        self, priority: Priority = "normal", *, again: bool = False, longest: float | None = None
    ) -> None:
        """Wait for a turn: see `Limiter.acquire`."""
        await self._enter_loop()
        if not self._queued() and self._free():
            await self._take()
            return
        if longest is not None and (eta := self.eta(priority, again=again)) > longest:
            raise BudgetWaitError(
                f"the call budget allows this call in {eta:.1f} s, its deadline is in "
                f"{longest:.1f} s; raise the deadline or the priority, or send less",
                eta=eta,
            )
        await self._wait((self._refused if again else self._queues)[priority])

    def release(self) -> None:
        """Give back the place in flight."""
        self._in_flight -= 1
        self._room.set()

    async def refused(self, retry_after: float | None) -> None:
        """Take the bucket as full and halt everybody, for two slots if nothing else is said."""
        self._refusals += 1
        slots = 2 * self._rate.interval if self._rate else 2.0
        halt = slots if retry_after is None else retry_after
        self._closed_until = max(self._closed_until, _now() + halt)
        if self._rate:
            await self._fill(self._rate.burst)

    def eta(self, priority: Priority, *, again: bool = False) -> float:
        """Return the seconds until a call of this priority made now could begin."""
        gate = max(0.0, self._closed_until - _now())
        if self._rate is None:
            return gate
        over = self._level() + self._ahead(priority, again=again) + 1 - self._rate.burst
        return max(gate, over * self._rate.interval)

    def budget(self) -> Budget:
        """Tell how things stand."""
        return Budget(
            level=self._level(),
            burst=self._rate.burst if self._rate else None,
            queue_length=self._queued(),
            in_flight=self._in_flight,
            eta=self.eta("normal"),
            refusals=self._refusals,
        )

    def _level(self) -> float:
        return max(0.0, self._empty_at - _now()) / self._rate.interval if self._rate else 0.0

    def _queued(self) -> int:
        return sum(map(len, [*self._refused.values(), *self._queues.values()]))

    def _ahead(self, priority: Priority, *, again: bool) -> int:
        """Count the calls that go before a new one of this priority."""
        better = _PRIORITIES[: _PRIORITIES.index(priority)]
        ahead = sum(len(self._refused[each]) + len(self._queues[each]) for each in better)
        own = 0 if again else len(self._queues[priority])
        return ahead + len(self._refused[priority]) + own

    def _free(self) -> bool:
        """Tell whether a call may begin at once."""
        if self._in_flight >= self._most_in_flight or _now() < self._closed_until:
            return False
        return self._bucket is None or self._bucket.has_capacity()

    async def _enter_loop(self) -> None:
        loop = asyncio.get_running_loop()
        if self._loop is loop:
            return
        if self._loop and self._loop.is_running():
            raise ConfigurationError(
                "the client is in use in another event loop; open one for each loop"
            )
        self._loop = loop
        self._begin_anew()
        await self._fill(self._level())

    async def _fill(self, level: float) -> None:
        """Make the bucket anew, filled to a level; as it is empty before, nothing waits here."""
        if self._rate:
            # aiolimiter leaks its capacity in one period, so the period is stretched to the burst.
            burst, interval = self._rate.burst, self._rate.interval
            self._bucket = AsyncLimiter(burst, burst * interval)
            await self._bucket.acquire(min(level, burst))
            self._empty_at = _now() + level * interval

    async def _take(self) -> None:
        """Put one call into the bucket, once there is capacity, and into flight."""
        if self._bucket and self._rate:
            await self._bucket.acquire()
            self._empty_at = max(self._empty_at, _now()) + self._rate.interval
        self._in_flight += 1
        self._granted += 1

    async def _wait(self, queue: _Queue) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(turn)
        if self._pump is None or self._pump.done():
            self._pump = asyncio.create_task(self._grant_turns(), name="planado_async limiter")
            self._pump.add_done_callback(self._pump_ended)
        try:
            await turn
        except asyncio.CancelledError:
            self._give_up(turn, queue)
            raise

    def _give_up(self, turn: asyncio.Future[None], queue: _Queue) -> None:
        if turn.done() and not turn.cancelled():
            self.release()  # the turn came together with the cancellation
        elif turn in queue:
            queue.remove(turn)
        if not self._queued() and self._pump:
            self._pump.cancel()
            self._pump = None  # it is not done yet, and would not serve who comes now

    def _pump_ended(self, pump: asyncio.Task[None]) -> None:
        """Let nobody wait for a pump that has failed."""
        if not pump.cancelled() and (failure := pump.exception()):
            while turn := self._next_in_line():
                turn.set_exception(failure)

    async def _grant_turns(self) -> None:
        """Grant turns, one after another, until nobody waits."""
        while self._queued():
            if (halt := self._closed_until - _now()) > 0:
                await asyncio.sleep(halt)
            elif self._in_flight >= self._most_in_flight:
                self._room.clear()
                await self._room.wait()
            elif not self._free():
                await self._leak()
            elif turn := self._next_in_line():
                try:
                    await self._take()
                except Exception as failure:
                    turn.set_exception(failure)
                    raise
                turn.set_result(None)

    async def _leak(self) -> None:
        """Sleep until the bucket has room for one call."""
        assert self._rate is not None
        over = self._level() + 1 - self._rate.burst
        # The floor keeps a rounding error from turning this into a busy loop.
        await asyncio.sleep(max(over * self._rate.interval, self._rate.interval * 1e-6))

    def _next_in_line(self) -> asyncio.Future[None] | None:
        for priority in self._order():
            for queue in (self._refused[priority], self._queues[priority]):
                while queue:
                    if not (turn := queue.popleft()).done():  # else its caller has just given up
                        return turn
        return None

    def _order(self) -> tuple[Priority, ...]:
        """Return the classes in the order in which they are served this time."""
        rounds, turn = divmod(self._granted, _LOWER_FIRST_EVERY)
        if turn != _LOWER_FIRST_EVERY - 1:
            return _PRIORITIES
        best, *lower = _PRIORITIES
        first = rounds % len(lower)  # the lower classes take turns too
        return (*lower[first:], *lower[:first], best)


def _now() -> float:
    return asyncio.get_running_loop().time()
