"""Answers webhooks: bounds the body, checks the secret, stores, and only then acknowledges.

    405  not a POST              401  no valid secret        413  the body is too large
    400  the request is broken   503  it could not be stored
    204  it is on disk: a new event, a repeat, or a body that is no event, kept as a dead letter

A request with the right secret and an unusable body gets a 204 because Planado would otherwise
repeat it for a week, and then suspend the webhook; nothing of that would mend it.
"""

import logging
from collections.abc import Iterable

from aiohttp import HttpVersion11, web
from aiohttp.http_exceptions import BadHttpMessage

from planado_async.core.errors import BadSecretError, BodyTooLargeError, ConfigurationError
from planado_async.core.secret import Secret
from planado_async.webhooks import events
from planado_async.webhooks.bounded_log import BoundedLog
from planado_async.webhooks.inbox import Delivery, Inbox, State, key_of

log: logging.Logger = logging.getLogger("planado_async.webhooks")

MAX_BODY = 262_144
"""Bytes a body may have, decompressed; real ones have a few thousand."""
RETRY_AFTER = "30"
"""Seconds a 503 asks the sender to wait."""


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
    receive = _Receiver(
        inbox, checked_secrets(secrets, insecure=insecure), checked_max_body(max_body)
    )
    app = web.Application()
    for path in ("", "/"):  # mounted at /planado these are /planado and /planado/
        app.router.add_post(path, receive.answer, expect_handler=receive.expect)
    logging.getLogger("aiohttp.server").addFilter(_without_headers)  # once, however often called
    return app


def _without_headers(record: logging.LogRecord) -> bool:
    """Take the traceback of a broken request out of aiohttp's log: it quotes the broken line.

    That line may be the one with the secret.
    """
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, BadHttpMessage):
        record.exc_info = None
        record.msg = f"{record.msg}: {type(error).__name__}"
    return True


def checked_secrets(
    secrets: str | Secret | Iterable[str | Secret] | None, *, insecure: bool
) -> tuple[Secret, ...]:
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
        self._log = BoundedLog()

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one request; whatever it holds, the answer is one of those listed above."""
        try:
            self._verify(request)
            body = await _read(request, self._max_body)
        except BadSecretError as error:
            return self._refuse(401, error)
        except BodyTooLargeError as error:
            return self._refuse(413, error)
        except _UnreadableError as error:
            request.content.feed_eof()  # else aiohttp reads on, and logs the same error as its own
            return self._refuse(400, error)
        return await self._store(request, body)

    async def expect(self, request: web.Request) -> web.Response | None:
        """Check the secret of a request with an Expect header, before its body is sent."""
        try:
            self._verify(request)
        except BadSecretError as error:
            return self._refuse(401, error)
        asks = request.headers["Expect"].lower() == "100-continue"
        if asks and request.version >= HttpVersion11:  # 1.0 knows no such answer
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0  # the answer itself has not begun
        return None

    def _verify(self, request: web.Request) -> None:
        if self._secrets:
            events.verify(request.raw_headers, self._secrets)

    async def _store(self, request: web.Request, body: bytes) -> web.Response:
        delivery = delivery_of(request.raw_headers, body, self._inbox.now())
        if delivery.state is State.DEAD:
            self._log.warning("webhook kept as a dead letter", delivery.error)
        try:
            await self._inbox.put(delivery)
        except Exception as error:  # whatever went wrong, Planado should send it again
            return self._refuse(503, error)
        return web.Response(status=204)

    def _refuse(self, status: int, error: Exception) -> web.Response:
        self._log.warning(f"webhook answered {status}", error)
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
