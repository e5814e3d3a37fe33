"""Several budgets that every call spends: a second's, a minute's, one's own, those that are shared.

A server that counts in windows (so many calls in each second, in each minute) is kept to by
buckets: one that leaks `calls` every `per` seconds and holds `burst` lets at most `burst + calls /
per * w` through in any `w` seconds, whenever a window of that length begins. `in_window` says so of
one window. A call takes its turn in one link after the other, and the shortest window comes last:
so calls that have waited together for a minute to end go out as the seconds allow.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from itertools import pairwise

from attrs import evolve, field, frozen

from planado_async.core.errors import seconds_of
from planado_async.core.gate import Turn
from planado_async.core.limiter import (
    Budget,
    LocalLimiter,
    Priority,
    RateLimit,
    too_late,
)

_POLICY = re.compile(r"(\d+)\s*;\s*w=(\d+)")


def in_window(limit: float, window: float) -> RateLimit:
    """Return a budget that never sends more than `limit` calls in any `window` seconds.

    One call in ten may go at once, the others evenly.

    Raises:
        ValueError: `limit` is not above 1, so that nothing would be left to go evenly.
    """
    if not limit > 1:
        raise ValueError(f"limit is {limit}; it takes more than 1, or a longer window")
    burst = max(1.0, limit / 10)
    return RateLimit(calls=limit - burst, per=window, burst=burst)


@frozen
class Window:
    """Which calls are counted, and in how many seconds."""

    seconds: float
    shared: bool
    """Whether those of everybody who shares the budget are, or one's own."""


@frozen(kw_only=True)
class Allowance:
    """What the headers of an answer say of the window that is nearest to its end."""

    remaining: float | None
    reset: float | None
    """Seconds until the window ends."""
    window: Window | None
    """Which of the policies it is, None where that cannot be told."""

    @classmethod
    def told(cls, headers: Mapping[str, str]) -> "Allowance":
        """Read `x-ratelimit-limit: 20, 20;w=1, 750;w=60, …` and the two beside it.

        The policies are one's own, in rising order of their windows, then those that are shared.
        """
        nearest, _, told = headers.get("x-ratelimit-limit", "").partition(",")
        policies = [(limit, float(seconds)) for limit, seconds in _POLICY.findall(told)]
        meant = [at for at, (limit, _) in enumerate(policies) if limit == nearest.strip()]
        window = None
        if len(meant) == 1:
            windows = [seconds for _, seconds in policies[: meant[0] + 1]]
            shared = any(later <= earlier for earlier, later in pairwise(windows))
            window = Window(windows[-1], shared)
        return cls(
            remaining=seconds_of(headers.get("x-ratelimit-remaining")),
            reset=seconds_of(headers.get("x-ratelimit-reset")),
            window=window,
        )


@frozen(kw_only=True)
class ChainedTurn(Turn):
    """A turn in every link."""

    turns: Sequence[Turn]
    told: list[Allowance] = field(factory=list)
    """What the answer said, once it has come."""


class ChainedLimiter:
    """Grants a call when every one of its links does: its own, and those that other chains share.

    The longest windows come first, so that what waits for one of these goes on one by one.
    """

    def __init__(
        self, *own: LocalLimiter, shared: Sequence[LocalLimiter] = (), in_flight: int = 8
    ) -> None:
        each = [(link, False) for link in own] + [(link, True) for link in shared]
        windows = {link: Window(link.rate.per, shared) for link, shared in each if link.rate}
        self._windows = windows
        self._door = LocalLimiter(None, in_flight=in_flight)  # counts nothing but who is inside
        by_length = sorted(windows, key=lambda link: (-windows[link].seconds, windows[link].shared))
        self._links = [self._door, *by_length]

    async def acquire(
        self, priority: Priority = "normal", *, again: bool = False, longest: float | None = None
    ) -> Turn:
        """Wait for a turn: see `Limiter.acquire`."""
        if longest is not None and (eta := self.eta(priority, again=again)) > longest:
            raise too_late(eta, longest)
        ends_at = None if longest is None else _now() + longest
        turns: list[Turn] = []
        with ExitStack() as taken:
            for link in self._links:
                left = None if ends_at is None else ends_at - _now()
                turn = await link.acquire(priority, again=again, longest=left)
                taken.callback(link.release, turn, answered=False)
                turns.append(turn)
            taken.pop_all()
        return ChainedTurn(turns=turns)

    def release(self, turn: Turn, *, answered: bool) -> None:
        """Give a turn back: see `Limiter.release`."""
        for link, own in zip(self._links, _chained(turn).turns, strict=True):
            link.release(own, answered=answered)

    def heed(self, turn: Turn, headers: Mapping[str, str]) -> None:
        """Halt the link whose window is spent, by the word of the server, until the next begins."""
        said = Allowance.told(headers)
        _chained(turn).told.append(said)
        if said.remaining == 0 and said.reset is not None:
            for link in self._meant(said):
                link.pause(said.reset)

    async def refused(self, turn: Turn, retry_after: float | None) -> None:
        """Halt the link that the answer named, or all of them: see `Limiter.refused`."""
        chained = _chained(turn)
        meant = self._meant(chained.told[-1] if chained.told else None)
        for link, own in zip(self._links, chained.turns, strict=True):
            if link in meant:
                await link.refused(own, retry_after)

    def eta(self, priority: Priority, *, again: bool = False) -> float:
        """Return the seconds until a call made now, or one that was refused, could begin."""
        return max(link.eta(priority, again=again) for link in self._links)

    def budget(self) -> Budget:
        """Tell how the link stands that grants the next call last; of several, one's own first."""
        budgets = [link.budget() for link in (*self._windows, self._door)]
        return evolve(
            max(budgets, key=lambda each: each.eta),
            queue_length=sum(each.queue_length for each in budgets),
            in_flight=self._door.budget().in_flight,
            refusals=max(each.refusals for each in budgets),
        )

    def _meant(self, said: Allowance | None) -> Sequence[LocalLimiter]:
        """Return the links that an answer speaks of: of this window, else of these calls, else all.

        Where one's own calls are not counted here, it is for this chain alone to wait.
        """
        window = said.window if said else None
        if window is None:
            return self._links
        same = [link for link in self._windows if self._windows[link] == window]
        alike = [link for link in self._windows if self._windows[link].shared == window.shared]
        return same or alike or [self._door]


def _chained(turn: Turn) -> ChainedTurn:
    assert isinstance(turn, ChainedTurn), "a turn of another limiter"
    return turn


def _now() -> float:
    return asyncio.get_running_loop().time()
