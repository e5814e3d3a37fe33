"""Heals an inbox: puts into it what Planado's own log of deliveries has and the inbox has not.

A run of the repair

1. reads the log back to where the last run ended, and puts the events that the inbox lacks, through
   the same door as the receiver, the lowest version of an entity first;
2. asks the inbox for versions that are missing between those it has;
3. now and then compares the listings of what was changed with the versions the inbox has seen, for
   a log that is silent or too short;
4. names what none of these could bring back, and only then notes how far it has come.

So a run that ends halfway is made again, and puts nothing twice. The notes are kept in the inbox.
"""

import asyncio
import logging
import math
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, ClassVar, Literal, TypeAlias

import attrs
import orjson

from planado_async.core.errors import ConfigurationError
from planado_async.planado.client import Planado
from planado_async.planado.models import WebhookRequest
from planado_async.sync.delivery_log import Reading, RowState, Walk, entry_of, latest
from planado_async.sync.held import Held, Place
from planado_async.sync.listings import Comparison, Missing, Window, compare, sends
from planado_async.webhooks.bounded_log import BoundedLog
from planado_async.webhooks.inbox import Inbox, check_positive

log: logging.Logger = logging.getLogger("planado_async.sync")

Kind: TypeAlias = Literal["attempts", "failed", "failures", "refetch", "suspended"]

PUT_AT_ONCE = 256
"""Puts that are asked for together, so that they share a commit."""
QUIET = timedelta(minutes=15)
"""After this time without any attempt a webhook looks suspended, if records change meanwhile."""
MANY_ATTEMPTS = 3
"""The number of an attempt from which on a rise of it is alarming."""
SHOWN = 5
"""Entities that a log line names."""


@attrs.frozen(kw_only=True)
class Alarm:
    """What somebody should know of.

    `kind` is "attempts" (Planado needs more and more of them), "failures" (`count` attempts were
    in vain), "suspended" (the webhook looks switched off), "refetch" (`count` entities have lost an
    event for good) or "failed" (the repair itself). `text` says it in a sentence, without personal
    data.
    """

    kind: Kind
    count: int
    text: str


@attrs.frozen(kw_only=True)
class RepairReport:
    """What a run has done.

    `read` rows of the log were read; `put` events were new to the inbox, `repeats` rows were about
    an event that it had, or that another row was about. `refetch` names what has to be fetched anew
    because an event was lost. `short` is whether the log did not go back to where the last run had
    ended.
    """

    read: int = 0
    put: int = 0
    repeats: int = 0
    refetch: Sequence[Missing] = ()
    suspended: bool = False
    short: bool = False
    alarms: Sequence[Alarm] = ()


@attrs.frozen(kw_only=True)
class _Mark:
    """How far repairs have come: in the log, in the listings and in the inbox."""

    until: datetime | None = None
    cursor: str | None = None
    """The row of the log before the last one that was read."""
    sent: datetime | None = None
    """When the log's last attempt was made."""
    compared: datetime | None = None
    """The last change of a record that was compared."""
    seq: int = 0
    """The last delivery below which gaps were looked for."""


class Repair:
    """Heals `inbox` from the delivery log of one webhook, at the start, on a timer, and when asked.

    Use it with `async with`, and `await repair()` to ask for a run: whoever asks during a run gets
    the next one, shared by all who ask meanwhile. It fits `Webhooks(repair=…)`. The client and the
    inbox are open as long as it is. Its calls have the priority "background".

    Args:
        planado: the client.
        webhook_uuid: which webhook; `planado.webhooks.list()` tells.
        inbox: where its events go; one inbox may have several repairs, one for each webhook.
        every: seconds between runs; by default 300, for `Polling` 30.
        compare_every: seconds between comparisons with the listings of jobs, clients and sites, of
            which the first run makes one; None for none.
        settle: seconds that an event may take after its change before it counts as missed.
        since: where the first run begins, in the log and in the listings; by default with the
            oldest row of the log. Later ones go on where the last one ended.
        newest_first: False for a log that is known to run forwards, so that only its end is read.
            True is right for any: one that runs forwards is then read as a whole each time.
        on_alarm: called with each `Alarm`, besides a log line and `alarms`.
        on_refetch: awaited with what has to be fetched anew. If it fails, so does the run, and the
            next one names the same again.

    Raises:
        ConfigurationError: a time that is no number above 0, or `since` without a time zone.
    """

    EVERY: ClassVar[float] = 300.0
    """Seconds between runs where nothing else is said."""

    def __init__(
        self,
        planado: Planado,
        webhook_uuid: str,
        inbox: Inbox,
        *,
        every: float | None = None,
        compare_every: float | None = 900.0,
        settle: float = 60.0,
        since: datetime | None = None,
        newest_first: bool = True,
        on_alarm: Callable[[Alarm], object] | None = None,
        on_refetch: Callable[[Sequence[Missing]], Awaitable[object]] | None = None,
    ) -> None:
        every = self.EVERY if every is None else every
        check_positive(every=every, settle=settle)
        if compare_every is not None:
            check_positive(compare_every=compare_every)
        if since is not None and since.tzinfo is None:
            raise ConfigurationError("since must have a time zone: datetime(…, tzinfo=UTC)")
        self._planado = planado.with_options(priority="background")
        self._webhook_uuid = webhook_uuid
        self._inbox = inbox
        self._every = every
        self._compare_every = compare_every
        self._settle = timedelta(seconds=settle)
        self._since = since
        self._newest_first = newest_first
        self._on_alarm = on_alarm
        self._on_refetch = on_refetch
        self.alarms: Counter[Kind] = Counter()
        """How many alarms there were, by kind."""
        self._log = BoundedLog(log)
        self._timer: asyncio.Task[None] | None = None
        self._running: asyncio.Task[RepairReport] | None = None
        self._next: asyncio.Task[RepairReport] | None = None
        self._compare_at = -math.inf
        self._event_types: Collection[str] | None = None
        self._known_rows: Collection[RowState] = ()
        self._attempts = 0

    async def __call__(self) -> RepairReport:
        """Make a run, or wait for the next one that others have asked for.

        Raises:
            PlanadoError: the API or the inbox could not be used; the next run does it all again.
        """
        if self._next is None:
            self._next = asyncio.create_task(self._in_turn(self._running), name="planado-repair")
        return await asyncio.shield(self._next)

    async def __aenter__(self) -> "Repair":
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Begin to repair, at once and then on the timer."""
        if self._timer is None:
            self._timer = asyncio.create_task(self._tend(), name="planado-repair-timer")

    async def stop(self) -> None:
        """End the timer and whatever runs; the next start goes on from the last run that ended."""
        all_there_may_be: list[asyncio.Task[Any] | None] = [self._timer, self._next, self._running]
        tasks = list(filter(None, all_there_may_be))
        self._timer = self._next = self._running = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def missed(self, since: datetime) -> Sequence[Missing]:
        """Return what was changed after `since` without an event of it in the inbox.

        Jobs, clients and sites are compared, each if the webhook sends all their updates. What was
        changed in the last `settle` seconds is left out, for its event may be on its way. Costs one
        call for the webhook and one for each page of what was changed, and for the end of each of
        the three listings.
        """
        return (await self._compare(since)).missing

    async def _tend(self) -> None:
        while True:
            try:
                await self()
            except Exception:
                log.debug("the next repair is in %s s", self._every)  # what failed was told
            await asyncio.sleep(self._every)

    async def _in_turn(self, before: asyncio.Task[RepairReport] | None) -> RepairReport:
        """Run once the run before this one has ended."""
        if before:
            await asyncio.wait({before})
        self._running, self._next = self._next, None
        try:
            return await self._run()
        except Exception as error:
            text = f"a repair failed, and will be made again: {type(error).__name__}: {error}"
            self._tell(Alarm(kind="failed", count=1, text=text))
            raise

    async def _run(self) -> RepairReport:
        mark = await self._recall()
        walk = self._walk(mark)
        with Held() as held:
            reading = await self._read(walk, mark.cursor, held)
            put, lost = await self._store(reading)
        since = mark.compared or self._since or walk.oldest or self._now()
        compared = await self._compare_if_due(since, walk.short)
        gaps, seq = await self._gaps(mark.seq)
        after = _Mark(
            until=walk.newest,
            cursor=walk.cursor or mark.cursor,
            sent=latest(reading.sent, mark.sent),
            compared=compared.newest,
            seq=seq,
        )
        report = RepairReport(
            read=reading.read,
            put=put,
            repeats=reading.repeats,
            refetch=_one_of_each([*lost, *gaps, *compared.missing]),
            suspended=bool(reading.overdue) or self._looks_quiet(compared.missed_at, after.sent),
            short=walk.short,
        )
        report = attrs.evolve(report, alarms=self._alarms(reading, report))
        await self._deliver(report)
        await self._inbox.remember(self._note, orjson.dumps(attrs.asdict(after)))
        self._known_rows, self._attempts = reading.states, reading.attempts
        return report

    def _walk(self, mark: _Mark) -> Walk:
        backwards = None if self._newest_first else False
        return Walk(now=self._now(), until=mark.until, floor=self._since, backwards=backwards)

    # --- The log ----------------------------------------------------------------------------------

    async def _read(self, walk: Walk, cursor: str | None, held: Held) -> Reading:
        reading = Reading(held=held)
        async for page in self._pages(None if self._newest_first else cursor):
            rows = walk.take(page)
            await self._sift(rows, reading)
            if walk.ended:
                break
        return reading

    async def _pages(self, cursor: str | None) -> AsyncIterator[list[WebhookRequest]]:
        """Walk over the log from behind a row, or from its beginning if that row is gone."""
        deliveries = self._planado.webhooks.deliveries
        if cursor:
            found = False
            async for page in deliveries(self._webhook_uuid, after=cursor).pages():
                found = True
                yield page
            if found:  # there is at least the last row that was read
                return
        async for page in deliveries(self._webhook_uuid).pages():
            yield page

    async def _sift(self, rows: Sequence[WebhookRequest], reading: Reading) -> None:
        """Add rows to a reading, sorted by whether the inbox lacks their events."""
        entries = [entry_of(row, self._inbox.now()) for row in rows]
        found = {entry.delivery.event_uuid for entry in entries if entry.delivery}
        lacking = await self._inbox.lacking(found)
        for entry in entries:
            reading.note(entry.row, self._now(), self._known_rows)
            reading.take(entry, lacking)
            if not (entry.change or entry.delivery):
                self._log.warning("a row of the delivery log says nothing", entry.row.uuid)

    async def _store(self, reading: Reading) -> tuple[int, list[Missing]]:
        """Put what was read; return how much was new, and what cannot be put."""
        put = await self._put(reading.held, reading.wanted.values())
        made_up = reading.made_up
        known = await self._inbox.held(made_up.keys())
        unknown = (made_up[change] for change in made_up.keys() - known)
        put += await self._put(reading.held, unknown)
        reading.repeats += len(known)
        lost = reading.bodiless - await self._inbox.held(reading.bodiless)
        return put, [Missing(one.entity_type, one.entity_uuid, one.version) for one in lost]

    async def _put(self, held: Held, places: Iterable[Place]) -> int:
        """Put what is held, the lowest versions first; return how much was new."""
        ordered = sorted(places)
        new = 0
        for first in range(0, len(ordered), PUT_AT_ONCE):
            some, now = ordered[first : first + PUT_AT_ONCE], self._inbox.now()
            puts = (self._inbox.put(held.delivery(place, now)) for place in some)
            new += sum(await asyncio.gather(*puts))
        return new

    # --- The inbox and the listings ---------------------------------------------------------------

    async def _gaps(self, seq: int) -> tuple[list[Missing], int]:
        """Return what is missing between versions that arrived after `seq`, and the last `seq`."""
        found: list[Missing] = []
        more = True
        while more:
            gaps = await self._inbox.gaps(seq)
            found += [Missing(*gap.entity, gap.last) for gap in gaps.found]
            seq, more = gaps.seq, gaps.more
        types = self._event_types or ()
        return [one for one in found if sends(types, one.entity_type, "updated")], seq

    async def _compare_if_due(self, since: datetime, short: bool) -> Comparison:
        now = asyncio.get_running_loop().time()
        if self._compare_every is not None and (short or now >= self._compare_at):
            compared = await self._compare(since)
            self._compare_at = now + self._compare_every
            return compared
        if self._event_types is None:
            self._event_types = await self._look_up_event_types()
        return Comparison(newest=since)

    async def _compare(self, since: datetime) -> Comparison:
        self._event_types = types = await self._look_up_event_types()
        window = Window(event_types=types, since=since, horizon=self._now() - self._settle)
        return await compare(self._planado, self._inbox, window)

    async def _look_up_event_types(self) -> Collection[str]:
        """Return which events the webhook sends: of others none can be missed."""
        async for webhook in self._planado.webhooks.list():
            if webhook.uuid == self._webhook_uuid:
                return webhook.event_types
        raise ConfigurationError(
            f"the account has no webhook {self._webhook_uuid!r}: planado.webhooks.list() tells "
            "which there are"
        )

    # --- What is told -----------------------------------------------------------------------------

    def _looks_quiet(self, missed_at: datetime | None, sent: datetime | None) -> bool:
        """Tell whether records change of which nothing is sent."""
        if missed_at is None or sent is None:
            return missed_at is not None
        return missed_at > sent and self._now() - sent > QUIET

    def _alarms(self, reading: Reading, report: RepairReport) -> list[Alarm]:
        alarms: list[Alarm] = []

        def alarm(kind: Kind, count: int, text: str) -> None:
            alarms.append(Alarm(kind=kind, count=count, text=text))

        if reading.failures:
            alarm("failures", reading.failures, f"{reading.failures} deliveries were in vain")
        if reading.attempts > max(self._attempts, MANY_ATTEMPTS - 1):
            text = f"a delivery is at its attempt {reading.attempts}"
            alarm("attempts", reading.attempts, text)
        if report.suspended:
            text = f"the webhook {self._webhook_uuid} looks suspended: see to it in Planado"
            alarm("suspended", max(reading.overdue, 1), text)
        if report.refetch:
            alarm("refetch", len(report.refetch), _told(report.refetch))
        return alarms

    async def _deliver(self, report: RepairReport) -> None:
        """Tell everybody of a report, and see that what was lost is heard of."""
        for alarm in report.alarms:
            self._tell(alarm)
        if report.refetch and self._on_refetch:
            await self._on_refetch(report.refetch)

    def _tell(self, alarm: Alarm) -> None:
        self.alarms[alarm.kind] += 1
        self._log.warning(f"repair, {alarm.kind}", alarm.text)
        if self._on_alarm is None:
            return
        try:
            self._on_alarm(alarm)
        except Exception:
            log.exception("on_alarm failed")

    # --- What is kept -----------------------------------------------------------------------------

    @property
    def _note(self) -> str:
        return f"repair:{self._webhook_uuid}"

    async def _recall(self) -> _Mark:
        note = orjson.loads(await self._inbox.recall(self._note) or b"{}")
        moments = {
            name: datetime.fromisoformat(note[name])
            for name in ("until", "sent", "compared")
            if note.get(name)
        }
        return _Mark(**(note | moments))

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._inbox.now(), UTC)


class Polling(Repair):
    """Brings a webhook's events from its log into `inbox`, where no request from outside comes in.

    It is a `Repair` that reads often, and as durable: what happens while it is not running is read
    after the next start, as far back as the log goes.
    """

    EVERY: ClassVar[float] = 30.0


def _one_of_each(missing: Iterable[Missing]) -> list[Missing]:
    """Return each entity once, with the highest of its versions."""
    ordered = sorted(missing, key=lambda one: one.version or 0)
    return list({one[:2]: one for one in ordered}.values())


def _told(missing: Sequence[Missing]) -> str:
    named = ", ".join(f"{one.entity_type} {one.uuid}" for one in missing[:SHOWN])
    others = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
    return f"an event of each of these is lost, so fetch them anew: {named}{others}"
