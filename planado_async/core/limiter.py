"""One budget of calls for everybody who shares a client.

The server keeps a leaky bucket: it holds `burst` calls and leaks `calls` every `per` seconds, so a
burst is free and the long-run rate is fixed. A limiter keeps the same bucket here, a little
smaller, and asks it for one call at a time on behalf of the first in the queue:

    acquire ─► queues, one a priority, ─► room for a ─► gate, closed for ─► bucket ─► send
               first come first served    call in flight  all by a refusal              │
                         ▲                                                              │
                         └──────────────── in front, if refused ────────────────────────┘

Nothing but the head of the queue asks for a turn, so nobody overtakes and a waiter that gives up
costs nothing but its place. `QueuedLimiter` is what all limiters share; where the calls are counted
is a subclass's matter. The clock is the event loop's.
"""

import asyncio
import math
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from typing import Literal, Protocol, TypeAlias, get_args

from aiolimiter import AsyncLimiter
from attrs import evolve, field, frozen, validators

from planado_async.core.errors import BudgetWaitError, ConfigurationError
from planado_async.core.gate import MARGIN, Gate, Turn

Priority = Literal["interactive", "normal", "background"]
_PRIORITIES: tuple[Priority, ...] = get_args(Priority)
_LOWER_FIRST_EVERY = 10  # one grant in ten goes to a lower class if one waits, so none starves


@frozen
class RateLimit:
    """A leaky bucket: `calls` every `per` seconds in the long run, `burst` at once.

    The default stays five calls below Planado's bucket of 60, which leaves room for a call that
    the network delivers late.
    """

    calls: float = field(default=60.0, validator=[validators.gt(0), validators.lt(math.inf)])
    per: float = field(default=60.0, validator=[validators.gt(0), validators.lt(math.inf)])
    burst: float = field(default=55.0, validator=[validators.ge(1), validators.lt(math.inf)])

    @property
    def interval(self) -> float:
        """Seconds in which one call leaks away: a slot."""
        return self.per / self.calls


@frozen(kw_only=True)
class Budget:
    """How things stand: what `planado.budget` returns."""

    level: float
    """Calls in the local bucket now; at `burst` the next one waits. A refusal fills it further."""
    burst: float | None
    """Calls the local bucket may hold now; None without a local budget."""
    queue_length: int
    """Calls waiting for their turn in this process."""
    in_flight: int
    """Calls sent by this process and not answered yet."""
    eta: float
    """Seconds until a call of priority `normal` made now could begin."""
    refusals: int
    """Refusals by the server so far."""
    learned_burst: float | None = None
    """The smaller burst that refusals have taught, None if none did lately."""


class Limiter(Protocol):
    """Grants calls. Every try of a call acquires a turn, and releases it when it is answered."""

    async def acquire(
        self, priority: Priority = "normal", *, again: bool = False, longest: float | None = None
    ) -> Turn:
        """Wait for a turn; `again` puts a call that was refused in front of its class.

        Raises:
            BudgetWaitError: the turn comes only after `longest` seconds; said at once.
        """
        ...

    def release(self, turn: Turn, *, answered: bool) -> None:
        """Give a turn back, and say whether the server answered with anything but a refusal."""
        ...

    async def refused(self, turn: Turn, retry_after: float | None) -> None:
        """Halt all callers: the server said "too many calls". The turn is still to be released."""
        ...

    def heed(self, turn: Turn, headers: Mapping[str, str]) -> None:
        """Take note of what an answer's headers say of the budget, before it is released."""
        ...

    def eta(self, priority: Priority, *, again: bool = False) -> float:
        """Return the seconds until a call made now, or one that was refused, could begin."""
        ...

    def budget(self) -> Budget:
        """Tell how things stand."""
        ...


_Queue: TypeAlias = OrderedDict[asyncio.Future[Turn], None]  # whoever gives up is out at once


class QueuedLimiter(ABC):
    """The queues and the calls in flight of one process.

    It serves one event loop at a time. A subclass counts the calls and keeps the gate.
    """

    def __init__(self, rate: RateLimit | None, *, in_flight: int) -> None:
        if in_flight < 1:
            raise ValueError(f"in_flight is {in_flight}; at least one call must be allowed")
        self._rate = rate
        self._most_in_flight = in_flight
        self._granted = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._begin_anew()

    def _begin_anew(self) -> None:
        """Forget what belongs to an event loop: who waits, who is in flight."""
        self._in_flight = 0
        self._queues: dict[Priority, _Queue] = {each: OrderedDict() for each in _PRIORITIES}
        self._refused: dict[Priority, _Queue] = {each: OrderedDict() for each in _PRIORITIES}
        self._changed = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None

    @property
    def rate(self) -> RateLimit | None:
        """What it keeps to, None if it counts nothing."""
        return self._rate

    # --- What a subclass says ---------------------------------------------------------------------

    @abstractmethod
    async def _ask(self) -> Turn | float:
        """Count a call and return its turn, or the seconds after which to ask again.

        It never suspends, so between two callers nothing changes.
        """

    @abstractmethod
    def _returned(self, turn: Turn, *, answered: bool) -> None:
        """Learn that a call is over."""

    @abstractmethod
    async def _halt(self, turn: Turn, seconds: float) -> None:
        """Take the bucket as full and close the gate: a call was refused."""

    @abstractmethod
    def _look(self) -> tuple[Gate, float, float]:
        """Return the gate, the level and the clock's time."""

    # --- What callers use -------------------------------------------------------------------------

    async def acquire(
        self, priority: Priority = "normal", *, again: bool = False, longest: float | None = None
    ) -> Turn:
        """Wait for a turn: see `Limiter.acquire`."""
        await self._enter_loop()
        # Before anything is asked for: a call that gives up at once takes nothing from the others.
        if longest is not None and (eta := self.eta(priority, again=again)) > longest:
            raise too_late(eta, longest)
        if not self._queued() and self._in_flight < self._most_in_flight:
            turn = await self._ask()
            if isinstance(turn, Turn):
                self._begin_call()
                return turn
        return await self._wait((self._refused if again else self._queues)[priority])

    def release(self, turn: Turn, *, answered: bool) -> None:
        """Give a turn back: see `Limiter.release`."""
        self._in_flight -= 1
        self._returned(turn, answered=answered)
        self._changed.set()

    def heed(  # noqa: B027  # nothing to do is an answer
        self, turn: Turn, headers: Mapping[str, str]
    ) -> None:
        """Take note of nothing: Planado's answers tell no more than that a call is refused."""

    async def refused(self, turn: Turn, retry_after: float | None) -> None:
        """Take the bucket as full and halt everybody, for two slots if nothing else is said.

        Less than a slot makes no sense: until one call has leaked away, every call is refused.
        """
        slot = self._rate.interval if self._rate else 1.0
        seconds = 2 * slot if retry_after is None else max(slot, retry_after)
        await self._halt(turn, seconds)
        self._changed.set()

    def eta(self, priority: Priority, *, again: bool = False) -> float:
        """Return the seconds until a call of this priority made now could begin."""
        gate, level, now = self._look()
        if self._rate is None:
            return gate.halt(now)
        ahead = self._ahead(priority, again=again)
        room = gate.burst(self._rate.burst, now)
        if gate.proving and not ahead and gate.probe_until <= now:
            room += MARGIN  # it will be the probe
        return max(gate.halt(now), (level + ahead + 1 - room) * self._rate.interval)

    def budget(self) -> Budget:
        """Tell how things stand."""
        gate, level, now = self._look()
        return Budget(
            level=level,
            burst=gate.burst(self._rate.burst, now) if self._rate else None,
            queue_length=self._queued(),
            in_flight=self._in_flight,
            eta=self.eta("normal"),
            refusals=gate.refusals,
            learned_burst=gate.learned_burst(now),
        )

    # --- The queues -------------------------------------------------------------------------------

    async def _enter_loop(self) -> None:
        loop = asyncio.get_running_loop()
        if self._loop is loop:
            return
        busy = self._queued() or self._in_flight
        if self._loop and (self._loop.is_running() or (busy and not self._loop.is_closed())):
            raise ConfigurationError(
                "the client is in use in another event loop; open one for each loop"
            )
        self._loop = loop
        self._begin_anew()

    def _begin_call(self) -> None:
        self._in_flight += 1
        self._granted += 1

    def _queued(self) -> int:
        return sum(map(len, [*self._refused.values(), *self._queues.values()]))

    def _ahead(self, priority: Priority, *, again: bool) -> int:
        """Estimate how many calls go before a new one of this priority."""
        length = {each: len(self._refused[each]) + len(self._queues[each]) for each in _PRIORITIES}
        own = len(self._refused[priority]) if again else length[priority]
        place = _PRIORITIES.index(priority)
        better = sum(length[each] for each in _PRIORITIES[:place])
        lower = sum(length[each] for each in _PRIORITIES[place + 1 :])
        if not place:
            return own + min(lower, own // (_LOWER_FIRST_EVERY - 1))
        # Of each round of grants the lower classes share one, until the better are served.
        sharing = sum(each == priority or length[each] > 0 for each in _PRIORITIES[1:])
        a_round = _LOWER_FIRST_EVERY * sharing
        until_served = better * _LOWER_FIRST_EVERY / (_LOWER_FIRST_EVERY - 1)
        left = own + 1 - until_served / a_round
        if left <= 0:
            return (own + 1) * a_round - 1
        return int(until_served + left + min(lower, left / a_round)) - 1

    async def _wait(self, queue: _Queue) -> Turn:
        waiter: asyncio.Future[Turn] = asyncio.get_running_loop().create_future()
        queue[waiter] = None
        if self._pump is None or self._pump.done():
            self._pump = asyncio.create_task(self._grant_turns(), name="planado_async limiter")
            self._pump.add_done_callback(self._pump_ended)
        try:
            return await waiter
        except asyncio.CancelledError:
            self._give_up(waiter, queue)
            raise

    def _give_up(self, waiter: asyncio.Future[Turn], queue: _Queue) -> None:
        if waiter.done() and not waiter.cancelled():
            # The turn came together with the cancellation.
            self.release(waiter.result(), answered=False)
        queue.pop(waiter, None)
        if not self._queued() and self._pump:
            self._pump.cancel()
            self._pump = None  # it is not done yet, and would not serve who comes now

    def _pump_ended(self, pump: asyncio.Task[None]) -> None:
        """Let nobody wait for a pump that has failed."""
        if not pump.cancelled() and (failure := pump.exception()):
            while waiter := self._next_in_line():
                waiter.set_exception(failure)

    async def _grant_turns(self) -> None:
        """Grant turns, one after another, until nobody waits."""
        while self._queued():
            self._changed.clear()
            if self._in_flight >= self._most_in_flight:
                await self._changed.wait()
            elif not isinstance(answer := await self._ask(), Turn):
                await self._changed_within(answer)
            else:
                self._grant(answer)

    def _grant(self, turn: Turn) -> None:
        self._begin_call()
        if waiter := self._next_in_line():
            waiter.set_result(turn)
        else:  # whoever waited gave up in this moment
            self.release(turn, answered=False)

    async def _changed_within(self, seconds: float) -> None:
        """Sleep, or wake up when a call is released or refused."""
        with suppress(TimeoutError):
            async with asyncio.timeout(None if seconds == math.inf else seconds):
                await self._changed.wait()

    def _next_in_line(self) -> asyncio.Future[Turn] | None:
        for priority in self._order():
            for queue in (self._refused[priority], self._queues[priority]):
                while queue:
                    waiter, _ = queue.popitem(last=False)
                    if not waiter.done():  # else its caller has just given up
                        return waiter
        return None

    def _order(self) -> tuple[Priority, ...]:
        """Return the classes in the order in which they are served this time."""
        rounds, turn = divmod(self._granted, _LOWER_FIRST_EVERY)
        if turn != _LOWER_FIRST_EVERY - 1:
            return _PRIORITIES
        best, *lower = _PRIORITIES
        first = rounds % len(lower)  # the lower classes take turns too
        return (*lower[first:], *lower[:first], best)


def too_late(eta: float, longest: float) -> BudgetWaitError:
    """Return the error of a call whose turn comes only after its deadline."""
    return BudgetWaitError(
        f"the call budget allows this call in {eta:.1f} s, its deadline is in {longest:.1f} s; "
        "raise the deadline or the priority, or send less",
        eta=eta,
    )


class LocalLimiter(QueuedLimiter):
    """The budget of one process; `rate=None` counts nothing and still halts on a refusal.

    It serves one event loop at a time. In the next one it goes on with the level it had. With
    `learns=False` a refusal teaches nothing of the bucket's size, for a server that counts
    otherwise.
    """

    def __init__(
        self, rate: RateLimit | None = RateLimit(), *, in_flight: int = 8, learns: bool = True
    ) -> None:
        self._learns = learns and rate is not None
        self._gate = Gate()
        self._empty_at = 0.0  # when the bucket will be empty if nothing more is put in
        super().__init__(rate, in_flight=in_flight)

    def _begin_anew(self) -> None:
        super()._begin_anew()
        self._bucket: AsyncLimiter | None = None
        self._gate = evolve(self._gate, probe_until=0.0)

    async def _ask(self) -> Turn | float:
        now, probe = _now(), self._gate.proving
        if (wait := self._gate.wait(now)) > 0:
            return wait
        if self._rate is None:
            self._gate = self._gate.sent(now, math.inf)
            return Turn(probe=probe)
        bucket = await self._filled(self._rate, now)
        if not bucket.has_capacity(1 if probe else 1 + MARGIN):
            # The floor keeps a rounding error from turning this into a busy loop.
            over = self._level(now) + (1 if probe else 1 + MARGIN) - bucket.max_rate
            return max(over, 1e-6) * self._rate.interval
        turn = Turn(level=self._level(now), probe=probe)
        await bucket.acquire()
        self._empty_at = max(self._empty_at, now) + self._rate.interval
        self._gate = self._gate.sent(now, math.inf)
        return turn

    def _returned(self, turn: Turn, *, answered: bool) -> None:
        learned, now = self._gate.learned, _now()
        self._gate = self._gate.released(turn, now, answered=answered)
        if self._gate.learned != learned:
            self._fill(now)

    async def _halt(self, turn: Turn, seconds: float) -> None:
        now = _now()
        self._gate = self._gate.refuse(turn, now, halt=seconds, teaches=self._learns)
        self._fill(now)

    def pause(self, seconds: float) -> None:
        """Halt everybody for a while, without a refusal."""
        self._gate = self._gate.paused(_now(), seconds)
        self._changed.set()

    def _fill(self, now: float) -> None:
        """Take the bucket as full, by the size the server's has."""
        if self._rate:
            burst = self._gate.burst(self._rate.burst, now)
            self._empty_at = now + (burst + MARGIN) * self._rate.interval
            self._bucket = None

    def _look(self) -> tuple[Gate, float, float]:
        now = _now()
        return self._gate, self._level(now), now

    def _level(self, now: float) -> float:
        return max(0.0, self._empty_at - now) / self._rate.interval if self._rate else 0.0

    async def _filled(self, rate: RateLimit, now: float) -> AsyncLimiter:
        """Return the bucket, made anew at its level if there is none of the right size.

        It is the server's as far as known, so the last `MARGIN` calls of it are left alone.
        """
        size = self._gate.burst(rate.burst, now) + MARGIN
        if self._bucket is None or self._bucket.max_rate != size:
            # The clock of the next event loop may begin anew; a bucket is never more than full.
            self._empty_at = min(self._empty_at, now + size * rate.interval)
            # aiolimiter leaks its capacity in one period, so the period is stretched to the size.
            self._bucket = AsyncLimiter(size, size * rate.interval)
            await self._bucket.acquire(min(self._level(now), size))  # empty as it is: no wait
        return self._bucket


def _now() -> float:
    return asyncio.get_running_loop().time()
