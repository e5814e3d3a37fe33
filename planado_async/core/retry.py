"""Whether a call that failed is tried again: a pure decision."""

import random
from typing import Literal

from attrs import field, frozen, validators

from planado_async.core.errors import (
    BadRequestError,
    BudgetWaitError,
    ConflictError,
    ConnectError,
    PlanadoError,
    RateLimitError,
    UnexpectedResponseError,
    ValidationError,
)

Effect = Literal["read", "repeatable", "recoverable", "once"]
"""What sending a call twice does: nothing, the same as once, or something more.

A `recoverable` call makes a record under an id of the caller's own, which is unique: what became of
the call can be looked up, and the server refuses to do it twice.
"""


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
    in_doubt: bool = False
    """Whether an earlier try may have been carried out."""


@frozen
class Wait:
    """Try again after so many seconds; after a refusal it is the gate that waits."""

    seconds: float


@frozen
class LookUp:
    """See after so many seconds whether it has happened; if not, try `again` or stop."""

    seconds: float = 0.0
    again: bool = False


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


def decide(failure: Failure, policy: RetryPolicy, rng: random.Random) -> Wait | LookUp | Stop:
    """Tell whether to try again.

    | failure                               | read, repeatable | recoverable | once          |
    |---------------------------------------|------------------|-------------|---------------|
    | refusal: 429, or its text under a 2xx | Wait at the gate | the same    | the same      |
    | no connection: nothing was written    | Wait             | Wait        | Wait          |
    | written, but no whole answer; 5xx     | Wait             | LookUp      | Stop(unknown) |
    | a 2xx that is not what it should be   | Stop             | LookUp      | Stop(unknown) |
    | the id it sends is taken              | Stop             | LookUp      | Stop          |
    | anything else                         | Stop             | Stop        | Stop          |

    Waits end with the policy's last attempt; a look-up then decides between done and unknown. A
    `once` call is never written twice, because nothing proves that the first did not happen. A
    `recoverable` call whose earlier try is in doubt stops as unknown, unless the server has refused
    what it says; any other call in doubt does so where the budget does not allow it to be repeated.
    """
    error, last = failure.error, failure.attempt >= policy.attempts
    if isinstance(error, RateLimitError):
        return Wait(0.0) if failure.refusals <= policy.refusals else _stop(failure)
    if failure.effect == "recoverable" and isinstance(error, ConflictError):
        return LookUp()
    if failure.effect == "once" and _is_ambiguous(error):
        return Stop(unknown=True)
    seconds = max(_backoff(failure.attempt, policy, rng), error.retry_after or 0.0)
    if failure.effect == "recoverable" and _is_ambiguous(error):
        return LookUp(seconds, again=not last)
    return Wait(seconds) if error.retryable and not last else _stop(failure)


def _is_ambiguous(error: PlanadoError) -> bool:
    """Tell whether a call that ended so may have been carried out."""
    if isinstance(error, ConnectError | RateLimitError):
        return False
    return error.retryable or isinstance(error, UnexpectedResponseError)


def _stop(failure: Failure) -> Stop:
    """Return the end of a call, which an earlier try may have carried out."""
    match failure.effect:
        case "read":
            return Stop()
        case "recoverable":
            said_no = isinstance(failure.error, BadRequestError | ValidationError)
            return Stop(unknown=failure.in_doubt and not said_no)
        case _:
            return Stop(unknown=failure.in_doubt and isinstance(failure.error, BudgetWaitError))


def _backoff(attempt: int, policy: RetryPolicy, rng: random.Random) -> float:
    # The exponent is bounded: 2.0 ** 1024 overflows.
    longest = min(policy.longest_wait, policy.first_wait * 2.0 ** min(attempt - 1, 60))
    return longest * rng.uniform(0.5, 1.0)
