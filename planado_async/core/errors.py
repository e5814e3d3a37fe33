"""Every error this package raises, and how an answer becomes one.

::

    PlanadoError                      .retryable .retry_after .attempts .waited
    ├─ ConfigurationError             names the variable or argument to set
    ├─ TransportError
    │   ├─ ConnectError               no connection: the request was never written
    │   ├─ TryTimeoutError            one try took longer than its timeout
    │   └─ RedirectRefusedError       the server pointed elsewhere; nothing was followed
    ├─ DeadlineExceededError          the whole call took longer than its deadline
    ├─ BudgetWaitError                the deadline cannot be met, said before waiting
    ├─ APIError                       .status .details .request_id
    │   ├─ BadRequestError            400
    │   ├─ AuthenticationError        401
    │   ├─ PermissionDeniedError      403
    │   │   └─ ScopeError             the app's token was not granted what the call needs
    │   ├─ NotFoundError              404
    │   ├─ ConflictError              409, or 422 over an id that is taken
    │   ├─ ValidationError            422
    │   ├─ RateLimitError             429, or the text of a refusal under a 2xx
    │   └─ ServerError                5xx
    ├─ UnexpectedResponseError        not JSON, or not the documented shape
    ├─ OutcomeUnknownError            a write that may or may not have happened
    ├─ NameLookupError                no record of this name, or several
    ├─ ReauthorisationRequiredError   no token is good any more; says who must click what
    ├─ BulkItemCancelledError         cancelled on its way, in a bulk job
    ├─ BulkItemInterruptedError       begun by an earlier bulk job, its end unknown
    └─ WebhookError
        ├─ BadSecretError
        ├─ BodyTooLargeError
        ├─ MalformedEventError
        ├─ EffectError                a statement that a handler left cannot be executed
        └─ StorageError               the inbox's store failed; nothing was changed
"""

import copyreg
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from functools import partial
from typing import Any, TypeVar

import orjson

REFUSAL_TEXT = b"rate limit"
"""What the body of a refusal contains, in lower case."""

TAKEN_TEXT = "is used by another entity"
"""What the API says under a field whose value another record already has."""

REQUEST_ID_HEADER = "X-Request-Id"
"""Where an answer may name itself for support; the API documents none, this is the usual name."""

_SHOWN = 500  # characters of a body that is not JSON kept in an error
_DEEPEST = 32  # levels of JSON kept in an error; repr and pickle fail at some hundred


class PlanadoError(Exception):
    """The root of the tree; catch it to catch everything this package raises."""

    retryable: bool = False
    """Whether the same call may succeed later, as far as the error itself can tell."""
    retry_after: float | None = None
    """Seconds the server asked to wait, where it did."""
    attempts: int = 0
    """Tries made, the failing one included; 0 if none was begun."""
    waited: float = 0.0
    """Seconds the call spent waiting for its turn and between tries."""

    def __reduce__(self) -> tuple[Any, ...]:
        # The default would call __init__ with the message alone and miss its keywords.
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]


ErrorT = TypeVar("ErrorT", bound=PlanadoError)


def own(error: ErrorT) -> ErrorT:
    """Return a copy of an error that many calls share, for one of them to raise and to add to."""
    copied = copy(error)
    copied.__notes__ = [*getattr(error, "__notes__", ())]
    return copied


class ConfigurationError(PlanadoError):
    """Something is missing or wrong in how the client or receiver was set up."""


class TransportError(PlanadoError):
    """The connection failed before a whole answer arrived."""

    retryable = True


class ConnectError(TransportError):
    """No connection could be made; the request was not written."""


class TryTimeoutError(TransportError):
    """One try took longer than `timeout` seconds."""


class RedirectRefusedError(TransportError):
    """The server answered with a redirect; none is followed, it would carry the key along."""

    retryable = False


class DeadlineExceededError(PlanadoError):
    """The deadline of the whole call passed."""


class BudgetWaitError(PlanadoError):
    """The call budget is free again only after the deadline of this call.

    `eta` is the number of seconds until the call could have begun.
    """

    def __init__(self, message: str, *, eta: float) -> None:
        super().__init__(message)
        self.eta = eta


class APIError(PlanadoError):
    """The API answered with a status that is not a success.

    `details` is what its body said: parsed JSON, else text, else None.
    """

    def __init__(
        self, message: str, *, status: int, details: Any = None, request_id: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.details = details
        self.request_id = request_id


class BadRequestError(APIError):
    """400: the request was malformed."""


class AuthenticationError(APIError):
    """401: the key is missing, wrong, or was replaced by a newer one."""


class PermissionDeniedError(APIError):
    """403: the key is right but may not do this."""


class ScopeError(PermissionDeniedError):
    """403: the app was not granted `scope`, which this call needs.

    An app's scopes are fixed when it is made, so more of them means a new app.
    """

    scope: str = ""


class NotFoundError(APIError):
    """404: nothing has this id."""


class ConflictError(APIError):
    """409, or a 422 saying that a unique value belongs to another record."""

    uuid: str | None = None
    """The record that has the external_id of a create already, where it could be looked up."""


class ValidationError(APIError):
    """422: the API refused the values sent."""


class RateLimitError(APIError):
    """The API refused the call because the account's budget is spent."""

    retryable = True


class ServerError(APIError):
    """5xx: the server failed."""

    retryable = True


class UnexpectedResponseError(PlanadoError):
    """The answer is not JSON or not of the documented shape; the message names the path in it."""


class OutcomeUnknownError(PlanadoError):
    """A write was sent and its answer never came, so it may or may not have happened.

    `method` and `path` say what was sent, `sent` is its JSON body. The cause is the failure.
    """

    def __init__(self, message: str, *, method: str, path: str, sent: Any = None) -> None:
        super().__init__(message)
        self.method = method
        self.path = path
        self.sent = sent


class NameLookupError(PlanadoError):
    """A list has no record of this name, or several.

    `nearest` holds the names that may have been meant, `uuids` the records that share the name.
    """

    def __init__(
        self, message: str, *, nearest: Sequence[str] = (), uuids: Sequence[str] = ()
    ) -> None:
        super().__init__(message)
        self.nearest: tuple[str, ...] = tuple(nearest)
        self.uuids: tuple[str, ...] = tuple(uuids)


class ReauthorisationRequiredError(PlanadoError):
    """An app's token is no longer good, so an administrator of the portal must authorise it again.

    `portal` and `app_id` say which app of which portal, `scopes` what it had been granted last.
    """

    def __init__(
        self, message: str, *, portal: str, app_id: str, scopes: Sequence[str] = ()
    ) -> None:
        super().__init__(message)
        self.portal = portal
        self.app_id = app_id
        self.scopes: tuple[str, ...] = tuple(scopes)


class BulkItemCancelledError(PlanadoError):
    """The call for one item was cancelled while under way: it may or may not have happened."""


class BulkItemInterruptedError(PlanadoError):
    """An earlier job began the call for this item and its end is unknown; it was not repeated."""


class WebhookError(PlanadoError):
    """A webhook request that is not a usable event."""


class BadSecretError(WebhookError):
    """The request carries no secret that is valid here."""


class BodyTooLargeError(WebhookError):
    """The body is larger than the receiver takes."""


class MalformedEventError(WebhookError):
    """The body is not an event: not JSON, or without the fields every event has."""


class EffectError(WebhookError):
    """A statement that a handler left for its transaction is wrong, or not for it to execute."""


class StorageError(WebhookError):
    """The inbox could not read or write its store; what was asked for did not happen."""

    retryable = True


_BY_STATUS: Mapping[int, type[APIError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    422: ValidationError,
    429: RateLimitError,
}

_MAX_RETRY_AFTER = 3600.0
LONGEST_HALT = 120.0
"""Seconds: no longer wait that a server asks for is honoured."""


def error_for(status: int, headers: Mapping[str, str], body: bytes) -> PlanadoError:
    """Return the error that stands for an answer which is not usable data."""
    if 300 <= status < 400:
        target = headers.get("Location", "nowhere")[:_SHOWN]
        return RedirectRefusedError(f"{status}: redirects to {target!r}, which is not followed")
    if 200 <= status < 300 and not is_refusal(status, body):
        return UnexpectedResponseError(f"{status}: the body is not a JSON object: {_text(body)!r}")
    details = details_of(body)
    kind = _kind(status, body, details)
    error = kind(
        _message(status, details),
        status=status,
        details=details,
        request_id=headers.get(REQUEST_ID_HEADER),
    )
    error.retry_after = retry_after_of(headers, refused=kind is RateLimitError)
    return error


def scope_error(error: PermissionDeniedError, scope: str) -> ScopeError:
    """Return a refusal of what the app may not do as an error that names the scope it lacks."""
    lacking = ScopeError(
        f"{error}; this call needs the scope {scope!r}. An app's scopes are fixed when it is made: "
        "make one that has it (Settings / Integrations / API Access), authorise it and use its "
        "App ID and token",
        status=error.status,
        details=error.details,
        request_id=error.request_id,
    )
    lacking.scope = scope
    return lacking


def is_refusal(status: int, body: bytes) -> bool:
    """Tell whether an answer says "too many calls": a 429, or its text under a 2xx.

    Only a body that is no JSON object or array counts as text: a description may speak of limits.
    """
    if status == 429:
        return True
    start = body[:_SHOWN].lstrip()
    return (
        200 <= status < 300 and not start.startswith((b"{", b"[")) and REFUSAL_TEXT in start.lower()
    )


def retry_after_of(headers: Mapping[str, str], *, refused: bool = False) -> float | None:
    """Return the seconds a server asks to wait, at most 120, or None if it says nothing of use.

    A call that was refused may also wait for the window of the limit to end, which some servers
    tell with every answer.
    """
    asked = seconds_of(headers.get("Retry-After"))
    return seconds_of(headers.get("x-ratelimit-reset")) if asked is None and refused else asked


def seconds_of(told: str | None) -> float | None:
    """Return the seconds a header tells, at most 120, or None if it tells none that can be."""
    try:
        seconds = float(told or "")
    except ValueError:
        return None
    return min(seconds, LONGEST_HALT) if 0 <= seconds <= _MAX_RETRY_AFTER else None


_LEAD = ("message", "detail", "error_message")  # said before the rest, without its name
_NAME = ("key", "property_name")  # names what an explanation beside it is about
_EXPLAIN = (
    *("message", "detail", "errors", "details"),
    *("modelState", "ModelState", "error", "error_description"),
)


def details_of(body: bytes) -> Any:
    """Return what an error's body says: those of its keys that explain it, else all of it."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _text(body) or None
    if _is_too_deep(parsed):
        return _text(body)
    if not isinstance(parsed, dict):
        return parsed
    found = {key: parsed[key] for key in _EXPLAIN if parsed.get(key)}
    return found or parsed.get("title") or parsed or None


def _is_too_deep(value: Any, levels: int = _DEEPEST) -> bool:
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return not levels or any(_is_too_deep(each, levels - 1) for each in inner)


def _kind(status: int, body: bytes, details: Any) -> type[APIError]:
    if is_refusal(status, body):
        return RateLimitError
    if status == 422 and TAKEN_TEXT in _told(details):
        return ConflictError
    if status >= 500:
        return ServerError
    return _BY_STATUS.get(status, APIError)


def _message(status: int, details: Any) -> str:
    told = _told(details)
    return f"{status}: {told}" if told else f"{status}, with no details"


def _told(details: Any, depth: int = 4) -> str:
    """Return details as one line: `Cannot process request; external_id: is used by …`."""
    told = partial(_told, depth=depth - 1)
    match details:
        case None:
            return ""
        case str():
            return details
        case Mapping() if depth:
            return _told_of(details, told)
        case Sequence() if depth:
            return ", ".join(map(told, details))
        case _:
            return str(details)[:_SHOWN]


def _told_of(details: Mapping[str, Any], told: Callable[[Any], str]) -> str:
    """Return an object as one line: a lead and all that follows, or each value with its name."""
    name = next((str(details[key]) for key in _NAME if details.get(key)), "")
    lead = next((key for key in _LEAD if details.get(key)), None)
    if lead is None:
        each = ((key, told(value)) for key, value in details.items())
        return "; ".join(text if key == "error" else f"{key}: {text}" for key, text in each if text)
    rest = (told(value) for key, value in details.items() if key not in (lead, *_NAME))
    said = "; ".join(filter(None, [told(details[lead]), *rest]))
    return f"{name}: {said}" if name else said


def _text(body: bytes) -> str:
    return body[:_SHOWN].decode("utf-8", "replace").strip()
