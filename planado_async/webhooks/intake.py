"""What a webhook request is answered, whatever server it came through.

    405  not a POST              401  no valid secret        413  the body is too large
    400  the request is broken   408  the body is too slow   503  it could not be stored
    204  it is on disk: a new event, a repeat, or a body that is no event, kept as a dead letter

A request with the right secret and an unusable body gets a 204 because Planado would otherwise
repeat it for a week, and then suspend the webhook; nothing of that would mend it.

The adapters for aiohttp and ASGI hand on headers and a way to read the body, and send the answer.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TypeAlias

import attrs

from planado_async.core.errors import BadSecretError, BodyTooLargeError, ConfigurationError
from planado_async.core.secret import Secret
from planado_async.webhooks import events
from planado_async.webhooks.bounded_log import BoundedLog, log
from planado_async.webhooks.inbox import Delivery, Inbox, State, key_of

Secrets: TypeAlias = str | Secret | Iterable[str | Secret] | None
Read: TypeAlias = Callable[[], Awaitable[bytes]]
"""Returns the next bytes of a body, none at its end; raises whatever its server raises."""

MAX_BODY = 262_144
"""Bytes a body may have, decompressed; real ones have a few thousand."""
BODY_WITHIN = 10.0
"""Seconds a body may take to come: Planado waits no longer for an answer."""
RETRY_AFTER = 30
"""Seconds a 503 asks the sender to wait."""
_LONGEST_LENGTH = 20
"""Digits of a Content-Length; no server takes more than 2^64."""

_HOW_TO_GIVE = (
    "Give the webhook's secret, as set in Planado, as the argument `secret` or in the variable "
    "PLANADO_WEBHOOK_SECRET; or pass insecure=True to do without."
)


class _UnreadableError(Exception):
    """The body could not be read to its end."""


class _SlowError(Exception):
    """The body did not come in time."""


_STATUSES: Mapping[type[Exception], int] = {
    BadSecretError: 401,
    BodyTooLargeError: 413,
    _UnreadableError: 400,
    _SlowError: 408,
}


@attrs.frozen
class Answer:
    """What to answer a request; an answer has no body.

    `closes` says to end the connection: what follows on it is not to be trusted as a request.
    `hopeless` says that nothing useful will come of the body, so it should not be waited for.
    """

    status: int
    retry_after: int | None = None
    closes: bool = False
    hopeless: bool = False


class Intake:
    """Checks requests and stores what they bring.

    `secrets` are all valid at once, so a secret can be changed without losing events. Without one
    every request would be believed; that needs `insecure=True`, else ConfigurationError is raised.
    `max_body` is in bytes.
    """

    def __init__(
        self, inbox: Inbox, *, secrets: Secrets, max_body: int = MAX_BODY, insecure: bool = False
    ) -> None:
        self._inbox = inbox
        self._secrets = checked_secrets(secrets, insecure=insecure)
        self._max_body = checked_max_body(max_body)
        self._log = BoundedLog()

    def refusal(self, headers: events.Headers) -> Answer | None:
        """Return the answer to a request without a valid secret, before its body is asked for."""
        try:
            self._verify(headers)
        except BadSecretError as error:
            return self._refuse(error)
        return None

    async def answer(self, headers: events.Headers, read: Read) -> Answer:
        """Answer one POST; whatever it holds, the answer is one of those listed above."""
        try:
            self._verify(headers)
            body = await _body(read, declared_length(headers), self._max_body)
        except (BadSecretError, BodyTooLargeError, _UnreadableError, _SlowError) as error:
            return self._refuse(error)
        return await self._store(headers, body)

    def _verify(self, headers: events.Headers) -> None:
        if self._secrets:
            events.verify(headers, self._secrets)

    async def _store(self, headers: events.Headers, body: bytes) -> Answer:
        delivery = delivery_of(headers, body, self._inbox.now())
        if delivery.state is State.DEAD:
            self._log.warning("webhook kept as a dead letter", delivery.error)
        try:
            await self._inbox.put(delivery)
        except Exception as error:  # whatever went wrong, Planado should send it again
            self._log.warning("webhook answered 503", error)
            return Answer(503, retry_after=RETRY_AFTER)
        return Answer(204)

    def _refuse(self, error: Exception) -> Answer:
        status = _STATUSES[type(error)]
        self._log.warning(f"webhook answered {status}", error)
        hopeless = isinstance(error, _UnreadableError | _SlowError)
        return Answer(status, closes=True, hopeless=hopeless)


def delivery_of(headers: events.Headers, body: bytes, received_at: float) -> Delivery:
    """Return what an inbox keeps of a request with the right secret, dead if it is not an event."""
    found = events.scan(body)
    return Delivery(
        event_uuid=found.event_uuid or key_of(body),
        event_type=found.event_type,
        entity_type=found.entity_type,
        entity_uuid=found.entity_uuid,
        version=found.version,
        attempt=events.attempt_of(headers),
        received_at=received_at,
        body=body,
        state=State.DEAD if found.problem else State.WAITING,
        error=found.problem,
    )


def declared_length(headers: events.Headers) -> int:
    """Return how many bytes the body is said to have, 0 if nothing useful is said."""
    given = events.values(headers, b"content-length")
    if len(given) == 1 and given[0].isdigit() and len(given[0]) <= _LONGEST_LENGTH:
        return int(given[0])
    return 0


async def _body(read: Read, declared: int, limit: int) -> bytes:
    """Return the body; stop reading where it exceeds `limit`."""
    if declared > limit:
        raise BodyTooLargeError(f"a body of {declared} bytes, more than {limit}")
    in_time = asyncio.timeout(BODY_WITHIN)
    try:
        async with in_time:
            return await _whole(read, limit)
    except BodyTooLargeError:
        raise
    except Exception as error:  # a broken encoding or line: each server has its names for these
        if in_time.expired():
            raise _SlowError(f"the body took longer than {BODY_WITHIN:.0f} s") from None
        raise _UnreadableError(f"{type(error).__name__}: {error}") from error


async def _whole(read: Read, limit: int) -> bytes:
    body = bytearray()
    while chunk := await read():
        body += chunk
        if len(body) > limit:
            raise BodyTooLargeError(f"a body of more than {limit} bytes")
    return bytes(body)


def checked_secrets(secrets: Secrets, *, insecure: bool) -> tuple[Secret, ...]:
    """Return the secrets given; raise ConfigurationError if there is none to check."""
    # A header cannot carry spaces at its ends, but a variable read from a file may have a newline.
    texts = [text.strip() for text in _texts(secrets)]
    if not all(texts):
        raise ConfigurationError(f"{_HOW_TO_GIVE} It is empty.")
    if not texts and not insecure:
        raise ConfigurationError(f"{_HOW_TO_GIVE} There is none, so anyone could send events.")
    if not texts:
        log.warning("webhooks are accepted without a secret, because of insecure=True")
    return tuple(Secret(text) for text in texts)


def _texts(secrets: object) -> list[str]:
    if secrets is None:
        return []
    if isinstance(secrets, Iterable) and not isinstance(secrets, str | Secret):
        return [_text(one) for one in secrets]
    return [_text(secrets)]


def _text(secret: object) -> str:
    if isinstance(secret, Secret):
        return secret.reveal()
    if not isinstance(secret, str):
        raise ConfigurationError(f"{_HOW_TO_GIVE} It is not text.")
    return secret


def checked_max_body(max_body: int) -> int:
    """Return a bound of bodies; raise ConfigurationError if nothing could be received with it."""
    if type(max_body) is not int or max_body < 1:
        raise ConfigurationError(f"max_body must be an int from 1 on, not {max_body!r}")
    return max_body
