"""Brings deliveries out of the inbox to the user's handlers, and stores what became of each.

One loop claims what is due and starts a task for each run; a second one renews the leases while the
process lives. The loop sleeps until the next run is due, and wakes when a delivery is put or a run
ends. Whatever a handler does ends in the inbox: complete, retry, bury, or release when the process
stops before it has finished.
"""

import asyncio
import inspect
import logging
import random
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, TypeAlias, TypeVar, get_args
from uuid import uuid4

import attrs

from planado_async.core.errors import (
    ConfigurationError,
    EffectError,
    MalformedEventError,
    StorageError,
)
from planado_async.webhooks.bounded_log import BoundedLog
from planado_async.webhooks.events import event_of
from planado_async.webhooks.inbox import (
    WEEK,
    Claim,
    Effect,
    Inbox,
    Order,
    Retention,
    Route,
    Routes,
    Run,
    check_positive,
)

log: logging.Logger = logging.getLogger("planado_async.webhooks")

T = TypeVar("T")
Handler: TypeAlias = Callable[[Any], Awaitable[object]] | Callable[[Any, Any], Awaitable[object]]
FetchMissed: TypeAlias = Callable[[], Awaitable[object]]
HandlerT = TypeVar("HandlerT", bound=Handler)

STEPS = (5.0, 30.0, 120.0, 600.0, 1_800.0, 7_200.0, 21_600.0)
"""Seconds between the attempts of a run; after the last attempt it is dead."""
ATTEMPTS = len(STEPS) + 1
JITTER = 0.1
"""The part of a step by which it may be longer or shorter, so that failures do not stay in step."""
LONGEST_REST = 60.0
"""Seconds after which the loop looks again in any case, should the clock have been set."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0
"""Seconds between tries to reach a failing inbox, doubled from the first to the longest."""
LONGEST_GAP = 3_600.0
"""Seconds a handler with order "strict" may wait for missing versions."""
SWEEP_EVERY, SWEEP_PAUSE = 60.0, 0.1
"""Seconds between looks for what may be pruned, and between steps, in which puts get their turn."""
LAST_WORD = 5.0
"""Seconds that cancelled handlers have to end in."""
ERROR_KEPT = 2_000
"""Characters kept of a handler's error: the end of its traceback, which says most."""


class Transaction:
    """What a handler wants to happen together with its completion, in the inbox's own file.

    The statements are executed when the handler has returned, in one savepoint with the mark that
    it is done: all of it is stored, or nothing and the handler is called again. They cannot be
    read through, so that a slow handler never holds up the inbox.
    """

    def __init__(self) -> None:
        self._effects: list[Effect] | None = []

    def execute(self, statement: str, arguments: Sequence[Any] | Mapping[str, Any] = ()) -> None:
        """Add an SQL statement, on tables of your own; the arguments are taken as they are now.

        Raises RuntimeError once the handler has returned.
        """
        if self._effects is None:
            raise RuntimeError("the handler has returned, and its transaction with it")
        if not isinstance(statement, str):
            raise TypeError(f"a statement is a str, not {type(statement).__name__}")
        named = isinstance(arguments, Mapping)
        self._effects.append((statement, dict(arguments) if named else tuple(arguments)))

    def end(self) -> Sequence[Effect]:
        """Return the statements and take no more."""
        effects, self._effects = self._effects or [], None
        return effects


@attrs.frozen
class Failure:
    """Why a run did not succeed; one that is final is not tried again."""

    error: BaseException
    final: bool = False

    def text(self) -> str:
        """Return the last lines of the traceback, as text that can be stored."""
        told = "".join(traceback.format_exception(self.error))[-ERROR_KEPT:]
        return told.encode("utf-8", "backslashreplace").decode()  # it may have lone surrogates


def next_step(attempt: int, rng: random.Random, speed: float = 1.0) -> float | None:
    """Return the seconds to wait after attempt number `attempt` failed, None if it was the last."""
    if attempt > len(STEPS):
        return None
    return STEPS[attempt - 1] * rng.uniform(1 - JITTER, 1 + JITTER) / speed


class Dispatcher:
    """Calls handlers for what `inbox` holds, from `start` to `stop` or inside `async with`.

    At most `concurrency` handlers run at once; each has `handler_timeout` seconds. A claim holds
    for `lease` seconds and is renewed while the process lives. A lease that ran out is for other
    owners: what this one has claimed it does not claim again before the run has ended. `stop` waits
    `drain` seconds for running handlers. `speed` divides the times between attempts; a demo that
    plays a day in an hour sets it. `repair` fetches what the inbox may have missed; it is asked
    when versions are missing for a handler with order "strict". What is done is pruned after
    `keep_done` seconds, and what is dead dropped after `keep_dead`; None keeps it.
    """

    def __init__(
        self,
        inbox: Inbox,
        *,
        repair: FetchMissed | None = None,
        concurrency: int = 32,
        handler_timeout: float = 60.0,
        lease: float = 90.0,
        drain: float = 10.0,
        speed: float = 1.0,
        keep_done: float | None = WEEK,
        keep_dead: float | None = None,
        rng: random.Random | None = None,
    ) -> None:
        if type(concurrency) is not int or concurrency < 1:
            raise ConfigurationError(f"concurrency must be an int from 1 on, not {concurrency!r}")
        check_positive(handler_timeout=handler_timeout, lease=lease, speed=speed)
        if drain != 0:
            check_positive(drain=drain)
        kept = {"keep_done": keep_done, "keep_dead": keep_dead}
        check_positive(**{name: span for name, span in kept.items() if span is not None})
        self._retention = Retention(done_for=keep_done, dead_for=keep_dead)
        self._inbox = inbox
        self._repair = repair
        self._repaired: set[str] = set()  # runs whose gap was there before the last repair
        self._concurrency = concurrency
        self._handler_timeout = handler_timeout
        self._lease = lease
        self._drain = drain
        self._speed = speed
        self._rng = rng or random.Random()
        self._handlers: dict[str, Handler] = {}
        self._transactional: set[str] = set()  # handlers that take a transaction
        self._routes: dict[str, Route] = {}
        self._owner = ""
        self._running: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._stopping = False
        self._log = BoundedLog()
        self._loops: list[asyncio.Task[None]] = []
        self._unsubscribe: Callable[[], None] = _nothing

    @property
    def routes(self) -> Routes:
        """What each handler was registered for, by its name."""
        return self._routes

    def on(
        self,
        pattern: str,
        *,
        name: str | None = None,
        order: Order = "every",
        gap_timeout: float = 60.0,
    ) -> Callable[[HandlerT], HandlerT]:
        """Register an async function for the event types that match `pattern`.

        A pattern is a type (`job_finished`) or has wildcards (`job_*`, `*`). `name` is what the
        inbox knows the handler by, module and function name by default; to rename it is to make a
        new handler. A handler that takes two arguments gets a `Transaction` as the second.

        Of one job, client or site a handler gets one event at a time, the lowest version of those
        waiting first. `order="every"`: each event once. `"latest"`: but none whose version is below
        one that was handled. `"strict"`: nor any before the versions that are missing have come;
        after `gap_timeout` seconds a repair is asked for, then the handler goes on with the event's
        `gap` set.
        """
        _check_pattern(pattern)
        if order not in get_args(Order):
            raise ConfigurationError(f'order must be "every", "latest" or "strict", not {order!r}')
        check_positive(gap_timeout=gap_timeout)
        if gap_timeout > LONGEST_GAP:
            raise ConfigurationError(f"gap_timeout may be {LONGEST_GAP:.0f} s at most")

        def register(handler: HandlerT) -> HandlerT:
            self._register(
                Route((pattern,), order, gap_timeout), name or _name_of(handler), handler
            )
            return handler

        return register

    def _register(self, route: Route, name: str, handler: Handler) -> None:
        if not _is_async(handler):
            raise ConfigurationError(f"the handler {name} is not an async function: use async def")
        if self._loops:  # what was planned before would not have it
            raise ConfigurationError(
                f"the handler {name} comes too late: register before the start"
            )
        transactional = _takes_transaction(name, handler)
        # == because a bound method is a new object each time it is named.
        if self._handlers.setdefault(name, handler) != handler:
            raise ConfigurationError(f"two handlers are called {name}: give one on(..., name=…)")
        if transactional:
            self._transactional.add(name)
        before = self._routes.get(name, attrs.evolve(route, patterns=()))
        if attrs.evolve(before, patterns=()) != attrs.evolve(route, patterns=()):
            raise ConfigurationError(f"the handler {name} is registered with two orders")
        self._routes[name] = attrs.evolve(route, patterns=(*before.patterns, *route.patterns))

    async def __aenter__(self) -> "Dispatcher":
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
        """Begin to dispatch; the inbox must be open.

        Raises ConfigurationError if another Dispatcher has been started on the inbox.
        """
        if self._loops:
            return
        wake = asyncio.Event()  # new because it belongs to the loop it was first waited in
        self._unsubscribe = self._inbox.subscribe(wake.set)
        self._wake = wake
        self._stopping = False
        self._owner = uuid4().hex  # new for each start, so that what the last one left is found
        self._loops = [
            asyncio.create_task(self._dispatch(), name="planado-dispatch"),
            asyncio.create_task(self._tend(), name="planado-tend"),
            asyncio.create_task(self._sweep(), name="planado-sweep"),
        ]

    async def stop(self) -> None:
        """Stop claiming, wait for running handlers up to `drain` seconds, then give them back."""
        if not self._loops:
            return
        loops, self._loops = self._loops, []
        self._stopping = True
        self._wake.set()
        try:
            await self._wind_down(*loops)
        finally:
            self._unsubscribe()

    async def _wind_down(self, dispatch: asyncio.Task[None], *others: asyncio.Task[None]) -> None:
        end = asyncio.get_running_loop().time() + self._drain
        # Not cancelled at once: a claim on its way would be left without anyone to run it.
        try:
            await _ended({dispatch}, self._drain)
            await _ended(self._running, end - asyncio.get_running_loop().time())
        finally:  # also if the stop itself is cancelled
            await self._give_up({dispatch, *others} | self._running)
            await self._let_go()

    async def _let_go(self) -> None:
        """Give back what a claim has brought that nobody runs, lest it looks like a crash."""
        try:
            await self._inbox.release_all(self._owner)
        except Exception as error:  # the next start finds it
            self._log.warning("claims could not be given back", error, _place(error))

    async def _give_up(self, tasks: set[asyncio.Task[None]]) -> None:
        for task in tasks:
            task.cancel()
        await _ended(tasks, LAST_WORD)
        for task in self._running:
            log.error("handler %s does not end although it was cancelled", task.get_name())

    async def _dispatch(self) -> None:
        await self._persist(self._recover, "look for what an earlier process left")
        await self._persist(self._hasten, "look for what waits too long")
        while not self._stopping:
            self._wake.clear()
            claim = await self._persist(self._claim, "claim")
            for run in claim.runs:
                self._begin(run)
            if not claim.more:
                await self._rest(claim.due_at)

    async def _recover(self) -> None:
        recovery = await self._inbox.recover(self._owner)
        if recovery.released:
            log.warning("%d runs were open when the process ended", recovery.released)
        for event_uuid in recovery.buried:
            log.error("event %s is set aside: the process died each time it ran", event_uuid)
        gone = {name: count for name, count in recovery.waiting.items() if name not in self.routes}
        if gone:
            log.warning("%s; register them again by these names: on(…, name=…)", _told(gone))

    async def _claim(self) -> Claim:
        free = self._concurrency - len(self._running)
        if free <= 0:
            return Claim()  # a run that ends wakes the loop
        return await self._inbox.claim(
            self._routes, owner=self._owner, lease=self._lease, limit=free
        )

    async def _rest(self, due_at: float | None) -> None:
        """Sleep until the next run is due or something happens."""
        full = len(self._running) >= self._concurrency
        rest = LONGEST_REST if due_at is None or full else due_at - self._inbox.now()
        try:
            async with asyncio.timeout(min(max(rest, 0.0), LONGEST_REST)):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _tend(self) -> None:
        """Renew the leases of what runs, and see that nothing waits because the clock was set."""
        while True:
            await asyncio.sleep(self._lease / 3)
            if self._running:
                await self._persist(
                    lambda: self._inbox.renew(self._owner, self._lease), "renew leases"
                )
            await self._persist(self._hasten, "look for what waits too long")

    async def _hasten(self) -> None:
        hastened = await self._inbox.hasten(self._routes, STEPS[-1] * (1 + JITTER) / self._speed)
        if hastened:
            log.warning("%d runs are due now: the clock has been set back", hastened)
            self._wake.set()

    async def _sweep(self) -> None:
        """Prune in small steps what is settled long enough."""
        while True:
            pruned = await self._persist(lambda: self._inbox.prune(self._retention), "prune")
            if pruned.dropped:
                log.warning("%d dead letters were kept long enough and dropped", pruned.dropped)
            await asyncio.sleep(SWEEP_PAUSE if pruned.more else SWEEP_EVERY)

    def _begin(self, run: Run) -> None:
        name = f"{run.handler} on {run.delivery.event_uuid}"
        task = asyncio.create_task(self._run(run), name=name)
        self._running.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._wake.set()
        if not task.cancelled() and (error := task.exception()):
            log.error("the run of %s broke", task.get_name(), exc_info=error)

    async def _run(self, run: Run) -> None:
        transaction = Transaction()
        try:
            if await self._repaired_first(run):  # what was missing may have come, and goes before
                await self._persist(lambda: self._inbox.release(run), "give a run back")
                return
            failure = await self._call(run, transaction)
            effects = transaction.end()
            await self._persist(lambda: self._settle(run, failure, effects), "store an outcome")
        except asyncio.CancelledError:
            await self._give_back(run)
            raise

    async def _repaired_first(self, run: Run) -> bool:
        """Ask once for what is missing before a run, if anybody can be asked."""
        run_id = _run_id(run)
        asked = run.attempt > 1 or run_id in self._repaired
        if run.gap is None or self._repair is None or asked:
            self._repaired.discard(run_id)
            return False
        self._repaired.add(run_id)
        try:
            async with asyncio.timeout(self._handler_timeout):
                await self._repair()
        except Exception as error:
            self._log.warning("a repair failed", error, error)
        return True

    async def _call(self, run: Run, transaction: Transaction) -> Failure | None:
        """Call the handler; return why it failed, if it did."""
        limit = asyncio.timeout(self._handler_timeout)
        try:
            event = event_of(run.delivery.body, run.delivery.attempt)
            event = attrs.evolve(event, run_id=_run_id(run), gap=run.gap)
            handler = self._handlers[run.handler]
            more = (transaction,) if run.handler in self._transactional else ()
            async with limit:
                await handler(event, *more)
        except MalformedEventError as error:
            return Failure(error, final=True)
        except asyncio.CancelledError as error:
            if _is_cancelled():
                raise
            return Failure(error)  # the handler's own affair
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a group of cancellations, say: it ends as any other
            if limit.expired():
                return Failure(TimeoutError(f"it took longer than {self._handler_timeout} s"))
            return Failure(error)
        return None

    async def _settle(self, run: Run, failure: Failure | None, effects: Sequence[Effect]) -> None:
        if failure is None:
            try:
                await self._inbox.complete(run, effects)
            except EffectError as error:
                failure = Failure(error)
            else:
                return
        step = None if failure.final else next_step(run.attempt, self._rng, self._speed)
        if step is None:
            await self._inbox.bury(run, failure.text())
        else:
            await self._inbox.retry(run, self._inbox.now() + step, failure.text())
        _report(run, failure, step)

    async def _give_back(self, run: Run) -> None:
        try:
            await self._inbox.release(run)
        except Exception as error:  # the next start finds it
            reason = f"event {run.delivery.event_uuid}: {error}"
            self._log.warning("a run could not be given back", reason, _place(error))

    async def _persist(self, operation: Callable[[], Awaitable[T]], what: str) -> T:
        """Return what the operation returns, trying until the inbox can do it."""
        pause = FIRST_PAUSE
        while True:
            try:
                return await operation()
            except Exception as error:
                self._log.warning(f"could not {what}, trying again", error, _place(error))
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)


def _nothing() -> None: ...


def _run_id(run: Run) -> str:
    """Return what tells this run from all others, in this process and the next."""
    return f"{run.handler}:{run.delivery.event_uuid}"


def _place(error: Exception) -> Exception | None:
    """Return an error whose traceback is wanted in the log; the store's own says all by itself."""
    return None if isinstance(error, StorageError) else error


def _told(gone: Mapping[str, int]) -> str:
    """Return a sentence on the runs of handlers that are not registered any more."""
    counts = ", ".join(f"{name}: {count}" for name, count in sorted(gone.items()))
    return f"runs wait for handlers that are not registered ({counts})"


def _report(run: Run, failure: Failure, step: float | None) -> None:
    event = run.delivery
    then = "it is a dead letter now" if step is None else f"again in {step:.1f} s"
    log.log(
        logging.ERROR if step is None else logging.WARNING,
        "handler %s failed on %s, event %s, attempt %d of %d; %s",
        *(run.handler, event.event_type, event.event_uuid, run.attempt, ATTEMPTS, then),
        exc_info=failure.error,
    )


async def _ended(tasks: set[asyncio.Task[None]], timeout: float) -> None:
    """Wait until all tasks have ended, at most so many seconds."""
    if tasks:
        await asyncio.wait(tasks, timeout=max(timeout, 0.0))


def _takes_transaction(name: str, handler: Handler) -> bool:
    """Tell whether a handler needs a second argument; refuse one that cannot be called."""
    signature = inspect.signature(handler)
    for given in (("event",), ("event", "transaction")):
        try:
            signature.bind(*given)
        except TypeError:
            continue
        return len(given) == 2
    raise ConfigurationError(
        f"the handler {name} cannot be called: it takes (event), or (event, transaction)"
    )


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _is_async(handler: Handler) -> bool:
    call = getattr(handler, "__call__", None)  # noqa: B004  # its method, for objects that have one
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(call)


def _name_of(handler: Handler) -> str:
    name = getattr(handler, "__qualname__", None)
    if name is None:  # a partial, say; the name of its class would not tell it from others
        raise ConfigurationError(f"{handler!r} has no name of its own: give it one, on(…, name=…)")
    return f"{handler.__module__}.{name}"


def _check_pattern(pattern: object) -> None:
    if not isinstance(pattern, str) or not pattern:
        raise ConfigurationError(
            'on() needs one event type or pattern, as in @hooks.on("job_*"); '
            "for several patterns repeat it"
        )
