"""Whether the receiver can do its work: what a load balancer or an orchestrator asks.

    200  what comes can be stored        503  it cannot, or the inbox does not answer

Whoever asks is told that much. The numbers are for those who send the secret, as Planado does:

    {"status": "ok", "waiting": 3, "oldest_waiting_for": 12.5, "dead": 0}

How much waits or is dead does not change the status: neither a restart nor another machine would
mend it, and as long as the inbox can store, Planado should send.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import attrs
import orjson

from planado_async.core.errors import BadSecretError
from planado_async.core.secret import Secret
from planado_async.webhooks import events
from planado_async.webhooks.bounded_log import BoundedLog
from planado_async.webhooks.inbox import Inbox, Vitals

FRESH_FOR = 5.0
"""Seconds that an answer is good for, so that asking often costs no more than asking seldom."""
PATIENCE = 5.0
"""Seconds the inbox has to answer in."""


@attrs.frozen
class Report:
    """What to answer a question about health: a status and a JSON body."""

    status: int
    body: bytes


def report(vitals: Vitals | None, now: float, *, in_full: bool) -> Report:
    """Return the answer; no vitals mean that nothing can be stored."""
    if vitals is None:
        return Report(503, orjson.dumps({"status": "failing"}))
    told: dict[str, Any] = {"status": "ok"}
    if in_full:
        oldest = vitals.oldest_waiting_at
        told |= {
            "waiting": vitals.waiting,
            "oldest_waiting_for": None if oldest is None else max(now - oldest, 0.0),
            "dead": vitals.dead,
        }
    return Report(200, orjson.dumps(told))


class Health:
    """Answers questions about the health of an inbox; without `secrets` it tells all to anybody."""

    def __init__(self, inbox: Inbox, secrets: Sequence[Secret]) -> None:
        self._inbox = inbox
        self._secrets = secrets
        self._log = BoundedLog()
        self._known: Vitals | None = None
        self._known_until = -1.0

    async def answer(self, headers: events.Headers) -> Report:
        """Answer one request; it may be up to `FRESH_FOR` seconds behind."""
        time = asyncio.get_running_loop().time
        if time() >= self._known_until:
            self._known = await self._ask()
            self._known_until = time() + FRESH_FOR
        return report(self._known, self._inbox.now(), in_full=self._is_known(headers))

    async def _ask(self) -> Vitals | None:
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._inbox.vitals()
        except Exception as error:  # whatever it is, the next event could not be stored either
            self._log.warning("the inbox is not well", f"{type(error).__name__}: {error}")
            return None

    def _is_known(self, headers: events.Headers) -> bool:
        if not self._secrets:
            return True
        try:
            events.verify(headers, self._secrets)
        except BadSecretError:
            return False
        return True
