"""Whether a call that failed is tried again: a pure decision."""

import random
from typing import Literal

from attrs import field, frozen, validators

from planado_async.core.errors import (
    ConnectError,
    PlanadoError,
    RateLimitError,
    UnexpectedResponseError,
)

Effect = Literal["read", "repeatable", "once"]
"""What sending a call twice does: nothing, the same as once, or something more."""


@frozen(kw_only=True)
class RetryPolicy:
    """How often and how long. Seconds are before jitter, which takes up to half of them away."""

    attempts: int = field(default=5, validator=validators.ge(1))
    """Tries of one call; refusals do not count."""
    first_wait: float = field(default=0.5, validator=validators.ge(0))
    longest_wait: float = field(default=30.0, validator=validators.ge(0))
    refusals: int = field(default=1000, validator=validators.ge(0))
    """Refusals after which a call gives up, so that none waits for ever."""


@frozen(kw_only=True)
class Failure:
    """What went wrong with one try."""

    error: PlanadoError
    effect: Effect
    attempt: int
    refusals: int = 0


@frozen
class Wait:
    """Try again after so many seconds; after a refusal it is the gate that waits."""

    seconds: float


@frozen
class Stop:
    """Raise; if `unknown`, as an outcome that nobody can tell."""

    unknown: bool = False


@frozen(kw_only=True)
class Retry:
    """What an `on_retry` observer is told: which call is tried again, when and why."""

    method: str
    route: str
    attempt: int
    seconds: float
    error: PlanadoError


def decide(failure: Failure, policy: RetryPolicy, rng: random.Random) -> Wait | Stop:
    """Tell whether to try again.

    | failure                               | read, repeatable | once            |
    |---------------------------------------|------------------|-----------------|
    | refusal: 429, or its text under a 2xx | Wait at the gate | Wait at the gate|
    | no connection: nothing was written    | Wait             | Wait            |
    | written, but no whole answer; 5xx     | Wait             | Stop(unknown)   |
    | a 2xx that is not what it should be   | Stop             | Stop(unknown)   |
    | anything else                         | Stop             | Stop            |

    Waits end with the policy's last attempt. A `once` call is never written twice, because nothing
    proves that the first did not happen.
    """
    error = failure.error
    if isinstance(error, RateLimitError):
        return Wait(0.0) if failure.refusals <= policy.refusals else Stop()
    if isinstance(error, UnexpectedResponseError):
        return Stop(unknown=failure.effect == "once")
    if not error.retryable:
        return Stop()
    if failure.effect == "once" and not isinstance(error, ConnectError):
        return Stop(unknown=True)
    if failure.attempt >= policy.attempts:
        return Stop()
    return Wait(max(_backoff(failure.attempt, policy, rng), error.retry_after or 0.0))


def _backoff(attempt: int, policy: RetryPolicy, rng: random.Random) -> float:
    # The exponent is bounded: 2.0 ** 1024 overflows.
    longest = min(policy.longest_wait, policy.first_wait * 2.0 ** min(attempt - 1, 60))
    return longest * rng.uniform(0.5, 1.0)
