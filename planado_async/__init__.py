"""Asyncio client, durable webhook receiver and local emulator for the Planado API."""

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
    ConfigurationError,
    ConflictError,
    ConnectError,
    DeadlineExceededError,
    MalformedEventError,
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
from planado_async.core.limiter import Budget, Limiter, LocalLimiter, Priority, RateLimit
from planado_async.core.pages import Pages
from planado_async.core.retry import Retry, RetryPolicy
from planado_async.core.secret import Secret
from planado_async.planado.client import Planado

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
    "BulkReport",
    "ConfigurationError",
    "ConflictError",
    "ConnectError",
    "DeadlineExceededError",
    "Limiter",
    "LocalLimiter",
    "MalformedEventError",
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
    "TransportError",
    "TryTimeoutError",
    "UnexpectedResponseError",
    "ValidationError",
    "WebhookError",
    "__version__",
]
