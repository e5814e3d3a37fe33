"""The public names of `planado_async`, which brings them when the first of them is asked for."""

from planado_async.core import __version__
from planado_async.core.auth import ApiKey, Auth
from planado_async.core.bulk import BulkReport, Progress
from planado_async.core.errors import (
    APIError,
    AuthenticationError,
    BadRequestError,
    BadSecretError,
    BodyTooLargeError,
    BudgetWaitError,
    BulkItemCancelledError,
    BulkItemInterruptedError,
    ConfigurationError,
    ConflictError,
    ConnectError,
    DeadlineExceededError,
    EffectError,
    MalformedEventError,
    NameLookupError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    PlanadoError,
    RateLimitError,
    RedirectRefusedError,
    ServerError,
    StorageError,
    TransportError,
    TryTimeoutError,
    UnexpectedResponseError,
    ValidationError,
    WebhookError,
)
from planado_async.core.gate import Turn
from planado_async.core.limiter import Budget, Limiter, LocalLimiter, Priority, RateLimit
from planado_async.core.pages import Pages
from planado_async.core.retry import Retry, RetryPolicy
from planado_async.core.secret import Secret
from planado_async.core.telemetry import Telemetry
from planado_async.planado.client import Planado
from planado_async.planado.diff import diff

__all__ = [
    "APIError",
    "ApiKey",
    "Auth",
    "AuthenticationError",
    "BadRequestError",
    "BadSecretError",
    "BodyTooLargeError",
    "Budget",
    "BudgetWaitError",
    "BulkItemCancelledError",
    "BulkItemInterruptedError",
    "BulkReport",
    "ConfigurationError",
    "ConflictError",
    "ConnectError",
    "DeadlineExceededError",
    "EffectError",
    "Limiter",
    "LocalLimiter",
    "MalformedEventError",
    "NameLookupError",
    "NotFoundError",
    "OutcomeUnknownError",
    "Pages",
    "PermissionDeniedError",
    "Planado",
    "PlanadoError",
    "Priority",
    "Progress",
    "RateLimit",
    "RateLimitError",
    "RedirectRefusedError",
    "Retry",
    "RetryPolicy",
    "Secret",
    "ServerError",
    "StorageError",
    "Telemetry",
    "TransportError",
    "TryTimeoutError",
    "Turn",
    "UnexpectedResponseError",
    "ValidationError",
    "WebhookError",
    "__version__",
    "diff",
]
