"""Whether a call is tried again."""

import random

import pytest

from planado_async.core.errors import (
    ConfigurationError,
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
from planado_async.core.retry import Effect, Failure, RetryPolicy, Stop, Wait, decide

POLICY = RetryPolicy(attempts=3, first_wait=2.0, longest_wait=5.0, refusals=4)


def after(
    error: PlanadoError, effect: Effect, attempt: int = 1, refusals: int = 0, seed: int = 0
) -> Wait | Stop:
    failure = Failure(error=error, effect=effect, attempt=attempt, refusals=refusals)
    return decide(failure, POLICY, random.Random(seed))


def refused_connection(by_certificate: bool = False) -> ConnectError:
    error = ConnectError("no connection")
    error.retryable = not by_certificate
    return error


@pytest.mark.parametrize("effect", ["read", "repeatable", "once"])
@pytest.mark.parametrize(
    ("error", "verdicts"),
    [
        (RateLimitError("429", status=429), (Wait, Wait, Wait)),
        (refused_connection(), (Wait, Wait, Wait)),
        (refused_connection(by_certificate=True), (Stop, Stop, Stop)),
        (TryTimeoutError("slow"), (Wait, Wait, "unknown")),
        (TransportError("cut"), (Wait, Wait, "unknown")),
        (ServerError("503", status=503), (Wait, Wait, "unknown")),
        (RedirectRefusedError("302"), (Stop, Stop, Stop)),
        (NotFoundError("404", status=404), (Stop, Stop, Stop)),
        (ValidationError("422", status=422), (Stop, Stop, Stop)),
        (UnexpectedResponseError("html"), (Stop, Stop, "unknown")),
        (ConfigurationError("closed"), (Stop, Stop, Stop)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_table(error: PlanadoError, verdicts: tuple[object, ...], effect: Effect) -> None:
    """Each failure of each kind of call ends as the table says."""
    wanted = verdicts[("read", "repeatable", "once").index(effect)]
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


@pytest.mark.parametrize("effect", ["read", "repeatable", "once"])
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
