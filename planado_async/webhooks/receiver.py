"""Answers webhooks: bounds the body, checks the secret, stores, and only then acknowledges.

    405  not a POST              401  no valid secret        413  the body is too large
    400  the request is broken   503  it could not be stored
    204  it is on disk: a new event, a repeat, or a body that is no event, kept as a dead letter

A request with the right secret and an unusable body gets a 204 because Planado would otherwise
repeat it for a week, and then suspend the webhook; nothing of that would mend it.
"""

import logging
import time
from collections.abc import Callable, Iterable

from aiohttp import web

from planado_async.core.errors import BadSecretError, BodyTooLargeError, ConfigurationError
from planado_async.core.secret import Secret
from planado_async.webhooks import events
from planado_async.webhooks.inbox import Delivery, Inbox, State, key_of

log: logging.Logger = logging.getLogger("planado_async.webhooks")

MAX_BODY = 262_144
"""Bytes a body may have, decompressed; real ones have a few thousand."""
RETRY_AFTER = "30"
"""Seconds a 503 asks the sender to wait."""
LOG_EVERY = 10.0
"""Seconds between two log lines about refusals of one kind."""


def receiver(
    inbox: Inbox,
    *,
    secrets: str | Secret | Iterable[str | Secret] | None,
    max_body: int = MAX_BODY,
    insecure: bool = False,
) -> web.Application:
    """Return an aiohttp sub-app that stores webhooks in `inbox`, to be mounted with `add_subapp`.

    `secrets` are all valid at once, so a secret can be changed without losing events. Without one
    every request would be believed; that needs `insecure=True`, else ConfigurationError is raised.
    `max_body` is in bytes. The inbox must be open while requests arrive.
    """
    receive = _Receiver(inbox, checked_secrets(secrets, insecure=insecure), max_body)
    app = web.Application()
    app.router.add_post("", receive.answer)  # mounted at /planado this is /planado …
    app.router.add_post("/", receive.answer)  # … and this /planado/
    return app


def checked_secrets(
    secrets: str | Secret | Iterable[str | Secret] | None, *, insecure: bool
) -> tuple[Secret, ...]:
    """Return the secrets given; raise ConfigurationError if there is none to check."""
    given = [secrets] if isinstance(secrets, str | Secret) else secrets or ()
    # A header cannot carry spaces at its ends, but a variable read from a file may have a newline.
    texts = [(one.reveal() if isinstance(one, Secret) else one).strip() for one in given]
    if not all(texts):
        raise ConfigurationError(f"{_HOW_TO_GIVE} It is empty.")
    if not texts and not insecure:
        raise ConfigurationError(f"{_HOW_TO_GIVE} There is none, so anyone could send events.")
    if not texts:
        log.warning("webhooks are accepted without a secret, because of insecure=True")
    return tuple(Secret(text) for text in texts)


_HOW_TO_GIVE = (
    "Give the webhook's secret, as set in Planado, as the argument `secret` or in the variable "
    "PLANADO_WEBHOOK_SECRET; or pass insecure=True to do without."
)


class _UnreadableError(Exception):
    """The body could not be read to its end."""


class _Receiver:
    def __init__(self, inbox: Inbox, secrets: tuple[Secret, ...], max_body: int) -> None:
        self._inbox = inbox
        self._secrets = secrets
        self._max_body = max_body
        self._log = RefusalLog()

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one request; whatever it holds, the answer is one of those listed above."""
        try:
            if self._secrets:
                events.verify(request.raw_headers, self._secrets)
            body = await _read(request, self._max_body)
        except BadSecretError as error:
            return self._refuse(401, error)
        except BodyTooLargeError as error:
            return self._refuse(413, error)
        except _UnreadableError as error:
            request.content.feed_eof()  # else aiohttp reads on, and logs the same error as its own
            return self._refuse(400, error)
        return await self._store(request, body)

    async def _store(self, request: web.Request, body: bytes) -> web.Response:
        delivery = delivery_of(request.raw_headers, body, self._inbox.now())
        if delivery.state is State.DEAD:
            self._log.warning("kept as a dead letter", delivery.error)
        try:
            await self._inbox.put(delivery)
        except Exception as error:  # whatever went wrong, Planado should send it again
            return self._refuse(503, error)
        return web.Response(status=204)

    def _refuse(self, status: int, error: Exception) -> web.Response:
        self._log.warning(f"answered {status}", error)
        headers = {"Retry-After": RETRY_AFTER} if status == 503 else None
        response = web.Response(status=status, headers=headers)
        if status != 503:
            response.force_close()  # what follows on this line is not to be trusted as a request
        return response


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


async def _read(request: web.Request, limit: int) -> bytes:
    """Return the body, decompressed; stop reading where it exceeds `limit`."""
    if (request.content_length or 0) > limit:
        raise BodyTooLargeError(f"a body of {request.content_length} bytes, more than {limit}")
    body = bytearray()
    try:
        while chunk := await request.content.readany():
            body += chunk
            if len(body) > limit:
                raise BodyTooLargeError(f"a body of more than {limit} bytes")
    except BodyTooLargeError:
        raise
    except Exception as error:  # a broken encoding or line: aiohttp has a dozen names for these
        raise _UnreadableError(f"{type(error).__name__}: {error}") from error
    return bytes(body)


class RefusalLog:
    """Logs a kind of refusal at most every `LOG_EVERY` seconds, and how many were left out."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next: dict[str, float] = {}
        self._left_out: dict[str, int] = {}

    def warning(self, kind: str, reason: object) -> None:
        """Log a refusal, or count it if its kind was logged a moment ago."""
        now = self._clock()
        if now < self._next.get(kind, now):
            self._left_out[kind] = self._left_out.get(kind, 0) + 1
            return
        self._next[kind] = now + LOG_EVERY
        log.warning("webhook %s: %s%s", kind, reason, _others(self._left_out.pop(kind, 0)))


def _others(count: int) -> str:
    return f" (and {count} more since the last such line)" if count else ""
