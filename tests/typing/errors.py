"""How errors are handled; only type-checked, never run."""

# An expected error that vanished is itself an error, to both checkers.
# pyright: reportUnnecessaryTypeIgnoreComment=true

from typing import assert_type

from planado_async import (
    APIError,
    BudgetWaitError,
    ConflictError,
    OutcomeUnknownError,
    Planado,
    PlanadoError,
    RateLimit,
    RetryPolicy,
    Secret,
)


async def handled(planado: Planado) -> None:
    try:
        await planado.jobs.get("u")
    except ConflictError as error:
        assert_type(error.uuid, str | None)
    except APIError as error:
        assert_type(error.status, int)
        assert_type(error.request_id, str | None)
    except BudgetWaitError as error:
        assert_type(error.eta, float)
    except OutcomeUnknownError as error:
        assert_type(error.path, str)
    except PlanadoError as error:
        assert_type(error.retryable, bool)
        assert_type(error.retry_after, float | None)
        assert_type(error.attempts, int)
        assert_type(error.waited, float)


def set_up() -> None:
    Planado("k", rate=RateLimit(90, per=60.0, burst=80), retries=RetryPolicy(attempts=3))
    Planado("k", rate=None, deadline=30.0, notify_assignees=False)
    Planado(Secret("k"))  # type: ignore[arg-type]
    Planado("k", "https://api.planadoapp.com/v2")  # type: ignore[call-arg]
    Planado("k", rate=60)  # type: ignore[arg-type]
    RateLimit("60")  # type: ignore[arg-type]
