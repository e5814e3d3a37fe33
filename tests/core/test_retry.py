"""Whether a call is tried again."""

import random

import pytest

from planado_async.core.errors import (
    AuthenticationError,
    BadRequestError,
    BudgetWaitError,
    ConfigurationError,
    ConflictError,
    ConnectError,
    NotFoundError,
    PlanadoError,
    RateLimitError,
    RedirectRefusedError,
    ServerError,
    TransportError,
    TryTimeoutError,
    UnexpectedResponseError,
    ValidationError,
)
from planado_async.core.retry import Effect, Failure, LookUp, RetryPolicy, Stop, Wait, decide

POLICY = RetryPolicy(attempts=3, first_wait=2.0, longest_wait=5.0, refusals=4)


EFFECTS: tuple[Effect, ...] = ("read", "repeatable", "recoverable", "once")


def after(
    error: PlanadoError,
    effect: Effect,
    attempt: int = 1,
    refusals: int = 0,
    *,
    in_doubt: bool = False,
) -> Wait | LookUp | Stop:
    failure = Failure(
        error=error, effect=effect, attempt=attempt, refusals=refusals, in_doubt=in_doubt
    )
    return decide(failure, POLICY, random.Random(0))


def refused_connection(by_certificate: bool = False) -> ConnectError:
    error = ConnectError("no connection")
    error.retryable = not by_certificate
    return error


CUT = TransportError("cut")
TAKEN = ConflictError("422", status=422)
NO_BUDGET = BudgetWaitError("later", eta=60.0)


@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize(
    ("error", "verdicts"),
    [
        (RateLimitError("429", status=429), (Wait, Wait, Wait, Wait)),
        (refused_connection(), (Wait, Wait, Wait, Wait)),
        (refused_connection(by_certificate=True), (Stop, Stop, Stop, Stop)),
        (TryTimeoutError("slow"), (Wait, Wait, LookUp, "unknown")),
        (CUT, (Wait, Wait, LookUp, "unknown")),
        (ServerError("503", status=503), (Wait, Wait, LookUp, "unknown")),
        (UnexpectedResponseError("html"), (Stop, Stop, LookUp, "unknown")),
        (TAKEN, (Stop, Stop, LookUp, Stop)),
        (RedirectRefusedError("302"), (Stop, Stop, Stop, Stop)),
        (NotFoundError("404", status=404), (Stop, Stop, Stop, Stop)),
        (ValidationError("422", status=422), (Stop, Stop, Stop, Stop)),
        (NO_BUDGET, (Stop, Stop, Stop, Stop)),
        (ConfigurationError("closed"), (Stop, Stop, Stop, Stop)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_table(error: PlanadoError, verdicts: tuple[object, ...], effect: Effect) -> None:
    """Each failure of each kind of call ends as the table says."""
    wanted = verdicts[EFFECTS.index(effect)]
    decision = after(error, effect)
    if wanted == "unknown":
        assert decision == Stop(unknown=True)
    else:
        assert type(decision) is wanted
        assert decision != Stop(unknown=True)


@pytest.mark.parametrize("effect", ["read", "repeatable"])
def test_waiting_ends_with_the_last_attempt(effect: Effect) -> None:
    """The last attempt's failure is raised as it is."""
    error = ServerError("500", status=500)
    assert isinstance(after(error, effect, attempt=2), Wait)
    assert after(error, effect, attempt=3) == Stop()


def test_a_create_that_never_connected_is_told_as_it_is() -> None:
    """Nothing was written, so the outcome is known."""
    assert after(refused_connection(), "once", attempt=3) == Stop()


def test_the_last_attempt_is_looked_up_and_not_repeated() -> None:
    """What it has done is told by the look-up, after the same wait as between tries."""
    for attempt, again in [(1, True), (2, True), (3, False)]:
        decision = after(CUT, "recoverable", attempt)
        assert isinstance(decision, LookUp)
        assert decision.again is again
        assert 1.0 <= decision.seconds <= 5.0


def test_an_id_that_is_taken_is_looked_up_at_once() -> None:
    """The record is there, so nothing is waited for and nothing sent again."""
    for attempt in (1, 3):
        assert after(TAKEN, "recoverable", attempt) == LookUp(0.0, again=False)


@pytest.mark.parametrize(
    ("error", "attempt", "refusals", "unknown"),
    [
        (refused_connection(), 3, 0, EFFECTS[2:3]),
        (RateLimitError("429", status=429), 1, 5, EFFECTS[2:3]),
        (AuthenticationError("401", status=401), 2, 0, EFFECTS[2:3]),
        (NO_BUDGET, 2, 0, EFFECTS[1:]),
        (ValidationError("422", status=422), 2, 0, ()),
        (BadRequestError("400", status=400), 2, 0, ()),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_an_earlier_try_may_have_done_stays_in_doubt(
    error: PlanadoError, attempt: int, refusals: int, unknown: tuple[Effect, ...]
) -> None:
    """An end that says nothing about it is unknown; a refusal of the values is one of both."""
    for effect in EFFECTS:
        stop = after(error, effect, attempt, refusals, in_doubt=True)
        assert stop == Stop(unknown=effect in unknown)


@pytest.mark.parametrize("effect", EFFECTS)
def test_refusals_use_no_attempt_and_have_a_bound(effect: Effect) -> None:
    """A refused call waits at the gate, however many attempts it made, until the bound."""
    error = RateLimitError("429", status=429)
    assert after(error, effect, attempt=9, refusals=4) == Wait(0.0)
    assert after(error, effect, refusals=5) == Stop()


@pytest.mark.parametrize(("attempt", "longest"), [(1, 2.0), (2, 4.0), (3, 5.0), (5000, 5.0)])
@pytest.mark.parametrize("seed", range(20))
def test_the_wait_doubles_up_to_a_bound(attempt: int, longest: float, seed: int) -> None:
    """Jitter takes up to half away; no attempt number overflows."""
    policy = RetryPolicy(attempts=9999, first_wait=2.0, longest_wait=5.0)
    failure = Failure(error=TransportError("cut"), effect="read", attempt=attempt)
    decision = decide(failure, policy, random.Random(seed))
    assert isinstance(decision, Wait)
    assert longest / 2 <= decision.seconds <= longest


@pytest.mark.parametrize(("asked", "wait"), [(60.0, 60.0), (0.0, None)])
def test_the_server_may_ask_for_more(asked: float, wait: float | None) -> None:
    """A Retry-After beside a 5xx lengthens the wait and never shortens it."""
    error = ServerError("503", status=503)
    error.retry_after = asked
    decision = after(error, "read")
    assert isinstance(decision, Wait)
    assert decision.seconds == wait if wait else decision.seconds >= 1.0


@pytest.mark.parametrize(
    "nonsense", [{"attempts": 0}, {"first_wait": -1}, {"longest_wait": -1}, {"refusals": -1}]
)
def test_a_policy_of_nonsense_is_refused(nonsense: dict[str, int]) -> None:
    """Figures that make no sense are a ValueError."""
    with pytest.raises(ValueError, match="must be"):
        RetryPolicy(**nonsense)
