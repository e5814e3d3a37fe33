"""Subscriptions, their delivery logs, and when what is sent again.

A delivery is tried at once and then 17 times more, each gap twice the one before; the gaps add up
to a week. A subscription that has seen nothing but failure for a day is suspended: its deliveries
wait until it is resumed.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from attrs import define, evolve, field, frozen
from yarl import URL

from planado_async.emulator import clock
from planado_async.emulator.checks import InvalidError, Rule, listed, one_of, read, text
from planado_async.emulator.collection import Collection
from planado_async.emulator.errors import invalid
from planado_async.emulator.events import EVENT_TYPES
from planado_async.emulator.records import Json

RETRIES = 17
FIRST_GAP_S = 4.61
PATIENCE = timedelta(hours=24)
IN_FLIGHT = 8
LOG_PAGE = 20
# The oldest rows go when the log is longer than this.
LOG_ROWS = 20_000


@frozen(kw_only=True)
class Row:
    """One attempt of a delivery, planned or made."""

    uuid: str
    event_type: str
    entity_type: str
    entity_uuid: str
    entity_version: int
    attempt_no: int
    status: str = "planned"
    http_request_body: str
    http_response_code: int | None = None
    http_response_headers: dict[str, str] | None = None
    http_response_body: str | None = None
    send_at: datetime
    sent_at: datetime | None = None
    request_time_ms: int | None = None
    error_type: str | None = None
    error_description: str | None = None


@define(kw_only=True)
class Hook:
    """A subscription."""

    uuid: str
    url: str
    secret: str | None
    event_types: tuple[str, ...]
    failing_since: datetime | None = None
    pending: int = 0
    log: Collection[Row] = field(
        factory=lambda: Collection[Row](size=LOG_PAGE, newest_first=True), init=False
    )
    open: asyncio.Event = field(factory=asyncio.Event, init=False)
    slots: asyncio.Semaphore = field(factory=lambda: asyncio.Semaphore(IN_FLIGHT), init=False)
    held: list[asyncio.Future[None]] = field(factory=list[asyncio.Future[None]], init=False)

    def __attrs_post_init__(self) -> None:
        """A new subscription is open."""
        self.open.set()

    @property
    def suspended(self) -> bool:
        """Whether its deliveries wait."""
        return not self.open.is_set()

    def write(self, row: Row) -> None:
        """Keeps a row of the log, in the place of the one it was planned as."""
        if self.log.get(row.uuid) is not None:
            self.log.replace(row)
            return
        self.log.add(row)
        if len(self.log) > LOG_ROWS:
            self.log.remove(next(iter(self.log)).uuid)

    def succeed(self) -> None:
        """Notes an answer of 2xx, and lets go what was held back to be overtaken."""
        self.failing_since = None
        for waiting in self.held:
            if not waiting.done():
                waiting.set_result(None)
        self.held.clear()

    def fail(self, now: datetime) -> None:
        """Notes a failure; a day of nothing else suspends the subscription."""
        self.failing_since = self.failing_since or now
        if now - self.failing_since >= PATIENCE:
            self.open.clear()

    def resume(self) -> None:
        """Opens the subscription again, with its failures forgotten."""
        self.failing_since = None
        self.open.set()


def gap(attempt: int) -> float | None:
    """Emulated seconds between a failed attempt and the next; None after the last."""
    return FIRST_GAP_S * 2 ** (attempt - 1) if attempt <= RETRIES else None


def plan(uuid: str, event_type: str, body: Json, raw: str, attempt: int, at: datetime) -> Row:
    """The row of an attempt that is still to be made."""
    kind = event_type.partition("_")[0]
    return Row(
        uuid=uuid,
        event_type=event_type,
        entity_type=kind,
        entity_uuid=body[kind]["uuid"],
        entity_version=body[kind]["version"],
        attempt_no=attempt,
        http_request_body=raw,
        send_at=at,
    )


def failed(row: Row, error_type: str, description: str) -> Row:
    """The row of an attempt that got no answer."""
    return evolve(row, status="failed", error_type=error_type, error_description=description)


def _url(value: object) -> str:
    given: str = text(2000)(value)
    try:
        url = URL(given)
    except ValueError:
        raise InvalidError("is no URL") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise InvalidError("must be an http or https URL")
    return given


def _secret(value: object) -> str:
    given: str = text(500)(value)
    if not (given.isascii() and given.isprintable()):
        raise InvalidError("must be printable ASCII, for it goes into a header")
    return given


RULES = {
    "url": Rule(_url, required=True),
    "secret": Rule(_secret, nullable=True),
    "event_types": Rule(listed(one_of(*EVENT_TYPES)), nullable=True),
}


def subscribe(new_uuid: Callable[[], str], body: dict[str, Any]) -> Hook:
    """A new subscription; without event types, to all of them."""
    values, errors = read(RULES, body, creating=True)
    if errors:
        raise invalid(errors)
    types = values.get("event_types")
    return Hook(
        uuid=new_uuid(),
        url=values["url"],
        secret=values.get("secret"),
        event_types=EVENT_TYPES if types is None else tuple(types),
    )


def view(hook: Hook) -> Json:
    """A subscription as the API lists it."""
    return {
        "uuid": hook.uuid,
        "url": hook.url,
        "event_types": list(hook.event_types),
        "secret": hook.secret,
    }


def control_view(hook: Hook) -> Json:
    """A subscription as the control API lists it."""
    since = hook.failing_since
    return {
        **view(hook),
        "suspended": hook.suspended,
        "failing_since": since and clock.event_time(since),
        "pending": hook.pending,
    }


def row_view(row: Row) -> Json:
    """A row of the delivery log."""
    return {
        "uuid": row.uuid,
        "event_type": row.event_type,
        "entity_type": row.entity_type,
        "entity_uuid": row.entity_uuid,
        "entity_version": row.entity_version,
        "attempt_no": row.attempt_no,
        "status": row.status,
        "http_request_body": row.http_request_body,
        "http_response_code": row.http_response_code,
        "http_response_headers": row.http_response_headers,
        "http_response_body": row.http_response_body,
        "send_at": clock.log_time(row.send_at),
        "sent_at": row.sent_at and clock.log_time(row.sent_at),
        "request_time_ms": row.request_time_ms,
        "error_type": row.error_type,
        "error_description": row.error_description,
    }
