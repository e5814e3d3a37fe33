"""The receiver for aiohttp: a sub-app that hands requests to an `Intake` and sends its answers."""

import logging
from functools import partial

from aiohttp import HttpVersion11, web
from aiohttp.http_exceptions import BadHttpMessage

from planado_async.webhooks.health import Health
from planado_async.webhooks.inbox import Inbox
from planado_async.webhooks.intake import MAX_BODY, Answer, Intake, Secrets

PIECE = 65_536
"""Bytes of a body taken at once."""


def receiver(
    inbox: Inbox,
    *,
    secrets: Secrets,
    max_body: int = MAX_BODY,
    insecure: bool = False,
) -> web.Application:
    """Return an aiohttp sub-app that stores webhooks in `inbox`, to be mounted with `add_subapp`.

    `secrets` are all valid at once, so a secret can be changed without losing events. Without one
    every request would be believed; that needs `insecure=True`, else ConfigurationError is raised.
    `max_body` is in bytes. The inbox must be open while requests arrive.
    """
    receive = _Receiver(Intake(inbox, secrets=secrets, max_body=max_body, insecure=insecure))
    app = web.Application()
    for path in ("", "/"):  # mounted at /planado these are /planado and /planado/
        app.router.add_post(path, receive.answer, expect_handler=receive.expect)
    logging.getLogger("aiohttp.server").addFilter(_without_headers)  # once, however often called
    return app


def add_health(app: web.Application, path: str, health: Health) -> None:
    """Answer questions about health at a path of an aiohttp app."""

    async def answer(request: web.Request) -> web.Response:
        report = await health.answer(request.raw_headers)
        return web.Response(
            status=report.status,
            body=report.body,
            content_type="application/json",
            headers={"Cache-Control": "no-store"},
        )

    app.router.add_get(path, answer)


def _without_headers(record: logging.LogRecord) -> bool:
    """Take the traceback of a broken request out of aiohttp's log: it quotes the broken line.

    That line may be the one with the secret.
    """
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, BadHttpMessage):
        record.exc_info = None
        record.msg = f"{record.msg}: {type(error).__name__}"
    return True


class _Receiver:
    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one request."""
        read = partial(request.content.read, PIECE)  # readany() copies all that has been inflated
        answer = await self._intake.answer(request.raw_headers, read)
        if answer.hopeless or (answer.closes and "Content-Encoding" in request.headers):
            # Else aiohttp reads on: into an error that it logs, or all of what may be a bomb.
            request.content.feed_eof()
        return _response(answer)

    async def expect(self, request: web.Request) -> web.Response | None:
        """Check the secret of a request with an Expect header, before its body is sent."""
        if refusal := self._intake.refusal(request.raw_headers):
            return _response(refusal)
        asks = request.headers["Expect"].lower() == "100-continue"
        if asks and request.version >= HttpVersion11:  # 1.0 knows no such answer
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0  # the answer itself has not begun
        return None


def _response(answer: Answer) -> web.Response:
    headers = {"Retry-After": str(answer.retry_after)} if answer.retry_after else None
    response = web.Response(status=answer.status, headers=headers)
    if answer.closes:
        response.force_close()
    return response
