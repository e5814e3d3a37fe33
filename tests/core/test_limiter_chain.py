"""Several budgets at once: windows of one's own and windows that are shared."""

import asyncio
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planado_async.core.errors import BudgetWaitError
from planado_async.core.limiter import LocalLimiter, Priority, RateLimit
from planado_async.core.limiter_chain import Allowance, ChainedLimiter, Window, in_window

TOLD = "{nearest}, 20;w=1, 750;w=60, 100;w=1, 2000;w=60"


def link(limit: float = 10, window: float = 1.0) -> LocalLimiter:
    """Return a link that lets `limit` calls through in a window."""
    return LocalLimiter(in_window(limit, window), in_flight=1000, learns=False)


def four() -> tuple[list[LocalLimiter], ChainedLimiter]:
    """Return the links of a portal and its App ID, in the server's order, and their chain."""
    links = [link(), link(750, 60.0), link(100), link(2000, 60.0)]
    return links, ChainedLimiter(*links[:2], shared=links[2:], in_flight=1000)


async def sent_at(
    limiter: ChainedLimiter, count: int, priority: Priority = "normal"
) -> list[float]:
    """Send calls that are answered at once, and return when each went out."""
    loop = asyncio.get_running_loop()

    async def one() -> float:
        turn = await limiter.acquire(priority)
        at = loop.time()
        limiter.release(turn, answered=True)
        return at

    return sorted(await asyncio.gather(*(one() for _ in range(count))))


def most_within(moments: list[float], window: float) -> int:
    """Return the greatest number of moments in any window, its end left out."""
    return max(
        sum(begin <= moment < begin + window - 1e-9 for moment in moments) for begin in moments
    )


@given(limit=st.floats(2, 5000), window=st.sampled_from([1.0, 10.0, 60.0]))
def test_a_window_is_never_overrun(limit: float, window: float) -> None:
    """What is free at once and what leaks in the window together stay within the limit."""
    rate = in_window(limit, window)
    assert rate.burst + rate.calls / rate.per * window <= limit + 1e-6


@pytest.mark.parametrize("limit", [1, 0, -3, float("nan")])
def test_a_window_of_one_call_is_refused(limit: float) -> None:
    """A burst of one would leave nothing to leak; the error says what to give instead."""
    with pytest.raises(ValueError, match="more than 1, or a longer window"):
        in_window(limit, 1.0)


async def test_every_window_holds_and_the_tightest_is_spent() -> None:
    """Neither the second's nor the minute's limit is overrun, and little of it is left unused."""
    chain = ChainedLimiter(link(10, 1.0), link(120, 60.0), in_flight=1000)
    moments = await sent_at(chain, 300)
    assert most_within(moments, 1.0) <= 10
    assert most_within(moments, 60.0) <= 120
    assert most_within(moments, 60.0) >= 115


async def test_links_that_are_shared_hold_for_all_chains_together() -> None:
    """Three portals with one App ID keep to its limit together, and each gets its part."""
    shared = link(20, 1.0)
    chains = [ChainedLimiter(link(10, 1.0), shared=[shared]) for _ in range(3)]
    spent = await asyncio.gather(*(sent_at(chain, 100) for chain in chains))
    moments = sorted(moment for each in spent for moment in each)
    assert most_within(moments, 1.0) <= 20
    ends = [each[-1] for each in spent]
    assert max(ends) - min(ends) < 2.0


async def test_a_caller_that_gives_up_in_the_second_link_leaves_the_first() -> None:
    """Cancelled while it waits for the shared link, a call holds no place in its own."""
    own, shared = link(10, 200.0), LocalLimiter(RateLimit(1, per=100.0, burst=1))
    chain = ChainedLimiter(own, shared=[shared], in_flight=1)
    chain.release(await chain.acquire(), answered=True)
    waiting = asyncio.create_task(chain.acquire())
    await asyncio.sleep(50.0)
    assert (own.budget().in_flight, shared.budget().in_flight) == (1, 0)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert (own.budget().in_flight, shared.budget().in_flight, shared.budget().queue_length) == (
        0,
        0,
        0,
    )


async def test_a_deadline_is_refused_before_a_link_is_asked() -> None:
    """A call whose turn in any link comes too late takes nothing from the others."""
    own, shared = link(), LocalLimiter(RateLimit(1, per=100.0, burst=1))
    chain = ChainedLimiter(own, shared=[shared])
    chain.release(await chain.acquire(), answered=True)
    await asyncio.sleep(2.0)
    with pytest.raises(BudgetWaitError) as caught:
        await chain.acquire(longest=10.0)
    assert caught.value.eta == pytest.approx(98.0, abs=1.0)
    assert (own.budget().level, own.budget().in_flight) == (0.0, 0)


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({}, Allowance(remaining=None, reset=None, window=None)),
        (
            {
                "x-ratelimit-limit": TOLD.format(nearest=2000),
                "x-ratelimit-remaining": "0",
                "x-ratelimit-reset": "33",
            },
            Allowance(remaining=0.0, reset=33.0, window=Window(60.0, shared=True)),
        ),
        (
            {"x-ratelimit-limit": TOLD.format(nearest=20), "x-ratelimit-remaining": "7"},
            Allowance(remaining=7.0, reset=None, window=Window(1.0, shared=False)),
        ),
        ({"x-ratelimit-limit": "5"}, Allowance(remaining=None, reset=None, window=None)),
        (
            {"x-ratelimit-limit": "9, 9;w=1, 9;w=60", "x-ratelimit-reset": "soon"},
            Allowance(remaining=None, reset=None, window=None),
        ),
        ({"x-ratelimit-remaining": "-1"}, Allowance(remaining=None, reset=None, window=None)),
    ],
)
def test_what_headers_say(headers: Mapping[str, str], said: Allowance) -> None:
    """The window named is found among the policies; what makes no sense says nothing."""
    assert Allowance.told(headers) == said


@pytest.mark.parametrize(("nearest", "halted"), [(20, 0), (750, 1), (100, 2), (2000, 3)])
async def test_a_window_that_is_spent_halts_its_link(nearest: int, halted: int) -> None:
    """With nothing remaining, the link that the answer names waits for the reset, no other."""
    links, chain = four()
    turn = await chain.acquire()
    headers = {
        "x-ratelimit-limit": TOLD.format(nearest=nearest),
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": "33",
    }
    chain.heed(turn, headers)
    chain.release(turn, answered=True)
    waits = [each.eta("normal") > 30 for each in links]
    assert waits == [index == halted for index in range(4)]
    assert chain.eta("normal") == pytest.approx(33.0, abs=1.0)
    assert chain.budget().refusals == 0


@pytest.mark.parametrize(
    ("headers", "halted"),
    [
        ({"x-ratelimit-limit": TOLD.format(nearest=750)}, [False, True, False, False]),
        ({}, [True] * 4),
    ],
)
async def test_a_refusal_halts_the_link_it_names(
    headers: Mapping[str, str], halted: list[bool]
) -> None:
    """Where the answer does not say which window is spent, all links halt."""
    links, chain = four()
    turn = await chain.acquire()
    chain.heed(turn, headers)
    await chain.refused(turn, 60.0)
    chain.release(turn, answered=False)
    assert [each.eta("normal") > 50 for each in links] == halted
    assert chain.budget().refusals == 1


async def test_a_refusal_teaches_a_window_nothing() -> None:
    """After a refusal the burst is what it was: a window is no bucket whose size can be learned."""
    own = link(100, 60.0)
    chain = ChainedLimiter(own, in_flight=1000)
    turns = [await chain.acquire() for _ in range(10)]
    await chain.refused(turns[-1], 1.0)
    for turn in turns:
        chain.release(turn, answered=turn is not turns[-1])
    probe = await chain.acquire()
    chain.release(probe, answered=True)
    assert (own.budget().burst, own.budget().learned_burst) == (10.0, None)


async def test_interactive_calls_go_first_in_every_link() -> None:
    """A call of a better class overtakes those that wait."""
    chain = ChainedLimiter(link(10, 1.0), link(100, 60.0))
    background = asyncio.create_task(sent_at(chain, 100, "background"))
    await asyncio.sleep(20.0)
    began = asyncio.get_running_loop().time()
    (at,) = await sent_at(chain, 1, "interactive")
    assert at - began < 2.0
    background.cancel()
    await asyncio.wait([background])


async def test_a_chain_without_windows_halts_for_itself_alone() -> None:
    """Without budgets of its own, a chain still waits when its portal's window is spent."""
    shared = link(100)
    spent, other = ChainedLimiter(shared=[shared]), ChainedLimiter(shared=[shared])
    turn = await spent.acquire()
    headers = {
        "x-ratelimit-limit": TOLD.format(nearest=750),
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": "33",
    }
    spent.heed(turn, headers)
    spent.release(turn, answered=True)
    assert spent.eta("normal") == pytest.approx(33.0, abs=1.0)
    assert other.eta("normal") < 1.0


@pytest.mark.parametrize("order", [(10, 1.0, 750, 60.0), (750, 60.0, 10, 1.0)])
async def test_the_order_of_windows_does_not_matter(order: tuple[float, ...]) -> None:
    """A window is known by its length, and by whose calls it counts."""
    own = [link(order[0], order[1]), link(order[2], order[3])]
    chain = ChainedLimiter(*own)
    turn = await chain.acquire()
    headers = {
        "x-ratelimit-limit": TOLD.format(nearest=750),
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": "33",
    }
    chain.heed(turn, headers)
    chain.release(turn, answered=True)
    halted = [each.rate.per for each in own if each.rate and each.eta("normal") > 30]
    assert halted == [60.0]


async def test_what_has_waited_together_does_not_leave_together() -> None:
    """After a minute that was spent, neither a portal's second nor the App ID's is overrun."""
    shared = [link(100), link(2000, 60.0)]
    chains = [ChainedLimiter(link(10), link(750, 60.0), shared=shared) for _ in range(20)]
    first = await chains[0].acquire()
    headers = {
        "x-ratelimit-limit": TOLD.format(nearest=2000),
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": "33",
    }
    chains[0].heed(first, headers)
    chains[0].release(first, answered=True)
    spent = await asyncio.gather(*(sent_at(chain, 30) for chain in chains))
    assert max(most_within(each, 1.0) for each in spent) <= 10
    assert most_within(sorted(moment for each in spent for moment in each), 1.0) <= 100


async def test_no_more_are_in_flight_than_allowed() -> None:
    """The chain's limit holds, whatever its links would allow."""
    chain = ChainedLimiter(link(1000), in_flight=3)
    turns = [await chain.acquire() for _ in range(3)]
    waiting = asyncio.create_task(chain.acquire())
    await asyncio.sleep(10.0)
    assert (waiting.done(), chain.budget().in_flight) == (False, 3)
    chain.release(turns[0], answered=True)
    chain.release(await waiting, answered=True)


async def test_the_budget_told_is_that_of_ones_own_window() -> None:
    """While nothing waits, it is the first one given, and not the door that counts nothing."""
    chain = ChainedLimiter(link(20), link(750, 60.0), shared=[link(100)])
    assert (chain.budget().burst, chain.budget().refusals) == (2.0, 0)
