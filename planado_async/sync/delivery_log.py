"""What Planado's log of deliveries says, and how far it has to be read.

The documentation leaves much open: in which order the rows come, for how long they are kept, and
whether each attempt has a row. So nothing here leans on it:

- A row counts from the moment it is there, sent or not: its body is the event.
- A row is never taken for new by its place or uuid but by whether the inbox has its event.
- Rows written after a reading have a `send_at` after it. So a reading goes back to where the last
  one ended, less `OVERLAP`, and stops there, if the log has shown by its first row that it runs
  backwards. One that runs forwards is read to its end.
- A log that does not go back so far has lost rows; that is said, and a comparison with the listings
  takes their place.
"""

from collections import deque
from collections.abc import Collection, Iterable, Set
from datetime import datetime, timedelta
from typing import TypeAlias
from uuid import NAMESPACE_URL, uuid5

import attrs
import orjson

from planado_async.core.errors import MalformedEventError
from planado_async.planado.models import WebhookRequest
from planado_async.sync.held import Held, Place, delivery_from
from planado_async.webhooks.events import load
from planado_async.webhooks.inbox import KNOWN_FOR, Change, Delivery, State

RowState: TypeAlias = tuple[str, bool, bool]
"""The uuid of a row, whether it was sent, and whether in vain."""

OVERLAP = timedelta(minutes=10)
"""How much of the log is read again: clocks differ, and a row may be written after a later one."""
LATE = timedelta(minutes=5)
"""After this time a delivery that was not sent when it should have been is overdue; less than
`OVERLAP`, so that such a row is read again."""


@attrs.frozen(kw_only=True)
class Entry:
    """What a row of the log says.

    `delivery` is what its body holds, None if that is missing or no event. `made_up` is one whose
    body lacks the `event_uuid` only, so that it was named after its change.
    """

    row: WebhookRequest
    change: Change | None
    delivery: Delivery | None
    made_up: bool = False


def entry_of(row: WebhookRequest, received_at: float) -> Entry:
    """Return what a row says; `received_at` is when its event counts as received."""
    change = change_of(row)
    body = (row.http_request_body or "").encode()
    attempt = row.attempt_no or 1
    delivery = delivery_from(body, attempt, received_at)
    if delivery.state is State.WAITING:
        return Entry(row=row, change=change, delivery=delivery)
    named = delivery_from(_named(body, change), attempt, received_at)
    usable = named.state is State.WAITING
    return Entry(row=row, change=change, delivery=named if usable else None, made_up=usable)


def _named(body: bytes, change: Change | None) -> bytes:
    """Return a body that lacks its event_uuid with one that is the same for the same change."""
    try:
        raw = load(body)
    except MalformedEventError:
        return body
    if change is None or raw.get("event_uuid") is not None:
        return body
    event_uuid = uuid5(NAMESPACE_URL, "planado:" + orjson.dumps([*change]).decode())
    return orjson.dumps({**raw, "event_uuid": str(event_uuid)})


def change_of(row: WebhookRequest) -> Change | None:
    """Return the change that a row tells of, None if it does not say of which."""
    if row.event_type and row.entity_type and row.entity_uuid and row.entity_version is not None:
        return Change(row.event_type, row.entity_type, row.entity_uuid, row.entity_version)
    return None


def failed(row: WebhookRequest) -> bool:
    """Tell whether an attempt was made in vain, whatever its status is called."""
    code = row.http_response_code
    return bool(row.error_type) or (code is not None and not 200 <= code < 300)


def overdue(row: WebhookRequest, now: datetime) -> bool:
    """Tell whether an attempt should have been made long ago."""
    if row.sent_at or row.send_at is None or failed(row):
        return False
    return row.send_at < now - LATE


@attrs.define(kw_only=True)
class Reading:
    """What a reading of the log has found so far.

    `wanted` is what the inbox lacks, by its event_uuid; `made_up` what was named after its change;
    both are `held`. `bodiless` are the changes whose body is no use. `states` are the rows with
    what became of them. `failures` and `attempts` (the highest number of one) tell of rows that are
    not known already.
    """

    held: Held
    read: int = 0
    repeats: int = 0
    wanted: dict[str, Place] = attrs.field(factory=dict)
    made_up: dict[Change, Place] = attrs.field(factory=dict)
    bodiless: set[Change] = attrs.field(factory=set)
    states: set[RowState] = attrs.field(factory=set)
    failures: int = 0
    attempts: int = 0
    overdue: int = 0
    sent: datetime | None = None
    """When the last attempt was made."""

    def note(self, row: WebhookRequest, now: datetime, known: Collection[RowState]) -> None:
        """Count what a row says of the webhook's health."""
        self.read += 1
        self.overdue += overdue(row, now)
        self.sent = latest(row.sent_at, self.sent)
        state = (row.uuid, row.sent_at is not None, failed(row))
        self.states.add(state)
        if state not in known:
            self.failures += failed(row)
            self.attempts = max(self.attempts, row.attempt_no or 1)

    def take(self, entry: Entry, lacking: Set[str]) -> None:
        """Sort an entry by what can be done with it; `lacking` are events the inbox lacks."""
        change, delivery = entry.change, entry.delivery
        if entry.made_up and change and delivery:
            if change not in self.made_up:
                self.made_up[change] = self.held.keep(delivery)
        elif delivery is None:
            self.bodiless |= {change} if change else set()
        elif delivery.event_uuid in lacking - self.wanted.keys():
            self.wanted[delivery.event_uuid] = self.held.keep(delivery)
        else:
            self.repeats += 1


def latest(*moments: datetime | None) -> datetime | None:
    """Return the last of the moments that are known."""
    return max(filter(None, moments), default=None)


def _is_yet_to_come(row: WebhookRequest) -> bool:
    """Tell whether a row is of a retry: it was written long before the time it is for."""
    return row.sent_at is None and (row.attempt_no or 1) > 1


class Walk:
    """Follows a reading of the log and tells which rows concern it, and when it is at its end.

    `until` is where the reading before this one ended, None if there was none; then `floor` is how
    far back this one goes, None for as long as the inbox remembers: what it has forgotten would be
    handled again. `backwards` is whether the log has its newest row
    first, None to go by that row.
    """

    def __init__(
        self,
        *,
        now: datetime,
        until: datetime | None = None,
        floor: datetime | None = None,
        backwards: bool | None = None,
    ) -> None:
        self._now = now
        self._until = until
        known = now - timedelta(seconds=KNOWN_FOR)  # what is older, the inbox may have forgotten
        self._floor = max(until - OVERLAP, known) if until else floor or known
        self._backwards = backwards
        self._first: datetime | None = None
        self._last: datetime | None = None
        self.ended: bool = False
        self.newest = until
        self.oldest: datetime | None = None
        self._last_two: deque[str] = deque(maxlen=2)

    @property
    def cursor(self) -> str | None:
        """Where to go on in a log that runs forwards: the row before the last.

        Behind it there is a row as long as it is there itself. None if the log has not been seen to
        run forwards.
        """
        forwards = self._first and self._last and self._first < self._last
        return self._last_two[0] if forwards else None

    @property
    def short(self) -> bool:
        """Whether rows may be gone that no reading has seen."""
        return bool(self._until and self.oldest and self.oldest > self._until)

    def take(self, page: Iterable[WebhookRequest]) -> list[WebhookRequest]:
        """Return the rows of a page that concern this reading."""
        rows: list[WebhookRequest] = []
        for row in page:
            if not self._is_below(row):
                rows.append(row)
            elif self._backwards:
                self.ended = True
                break
            self._last_two.append(row.uuid)
        return rows

    def _is_below(self, row: WebhookRequest) -> bool:
        at = row.send_at
        if at is None or at > self._now or _is_yet_to_come(row):
            return False
        below = at < self._floor
        if self._backwards is None:
            self._backwards = not below
        self._first, self._last = self._first or at, at
        self.newest = latest(at, self.newest)
        self.oldest = min(at, self.oldest or at)
        return below
