"""Sends webhooks: one task per delivery, which lives through all its attempts."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from itertools import islice
from typing import Any

import aiohttp
import orjson
from attrs import evolve, frozen

from planado_async.emulator import hooks
from planado_async.emulator.clock import Clock
from planado_async.emulator.collection import Collection
from planado_async.emulator.counters import Counters
from planado_async.emulator.errors import not_found
from planado_async.emulator.faults import Fault, Faults
from planado_async.emulator.hooks import Hook, Row
from planado_async.emulator.ids import Ids
from planado_async.emulator.records import Json

# Real seconds: whoever answers works in real time, whatever the emulated clock does.
ANSWER_LIMIT_S = 10.0
BODY_LIMIT = 4096
HEADERS_LIMIT = 50
HOOKS_PAGE = 100


@frozen
class Delivery:
    """One event on its way to one subscription."""

    hook: Hook
    event_type: str
    body: Json
    raw: bytes


class Deliveries:
    """The subscriptions and all that is on its way to them."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        clock: Clock,
        ids: Ids,
        faults: Faults,
        counters: Counters,
    ) -> None:
        self._session = session
        self._clock = clock
        self._ids = ids
        self._faults = faults
        self._counters = counters
        self._tasks: dict[asyncio.Task[None], Hook] = {}
        self.hooks: Collection[Hook] = Collection[Hook](size=HOOKS_PAGE)
        self.writes_log = True

    def subscribe(self, body: dict[str, Any]) -> Hook:
        """Adds a subscription."""
        return self.hooks.add(hooks.subscribe(self._ids.new, body))

    def get(self, uuid: str) -> Hook:
        """A subscription."""
        hook = self.hooks.get(uuid)
        if hook is None:
            raise not_found()
        return hook

    def unsubscribe(self, uuid: str) -> None:
        """Removes a subscription and what is on its way to it."""
        hook = self.get(uuid)
        self.hooks.remove(hook.uuid)
        for task, receiver in self._tasks.items():
            if receiver is hook:
                task.cancel()

    def publish(self, event_type: str, body: Json) -> None:
        """Sends an event to everyone who has subscribed to its type."""
        self._counters.events[event_type] += 1
        raw = orjson.dumps(body)
        for hook in self.hooks:
            if event_type in hook.event_types:
                self._begin(Delivery(hook, event_type, body, raw))

    @property
    def pending(self) -> int:
        """How many deliveries are neither done nor given up."""
        return len(self._tasks)

    def cancel(self) -> None:
        """Gives up everything that is on its way."""
        for task in self._tasks:
            task.cancel()

    async def close(self) -> None:
        """Gives up everything and waits until it has stopped."""
        self.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, delivery: Delivery) -> None:
        task = asyncio.get_running_loop().create_task(self._carry(delivery))
        self._tasks[task] = delivery.hook
        delivery.hook.pending += 1
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task).pending -= 1

    async def _carry(self, delivery: Delivery) -> None:
        fault = self._faults.for_delivery(delivery.event_type)
        if fault is None:
            return await self._deliver(delivery)
        self._counters.faults[fault.kind] += 1
        if fault.kind == "delivery_drop":
            return self._drop(delivery, fault)
        if fault.kind == "delivery_reorder":
            self._counters.outcomes["reordered"] += 1
            await self._hold(delivery.hook, fault)
            return await self._deliver(delivery)
        await self._deliver(delivery)
        self._counters.outcomes["repeated"] += 1
        return await self._deliver(delivery)

    def _drop(self, delivery: Delivery, fault: Fault) -> None:
        self._counters.outcomes["dropped"] += 1
        if fault.logged:
            row = self._plan(delivery, 1)
            self._write(delivery.hook, hooks.failed(row, "connection failure", "dropped on order"))

    def _write(self, hook: Hook, row: Row) -> None:
        if self.writes_log:
            hook.write(row)

    async def _hold(self, hook: Hook, fault: Fault) -> None:
        """Waits until another delivery has overtaken, or for the fault's seconds."""
        overtaken = asyncio.get_running_loop().create_future()
        hook.held.append(overtaken)
        with suppress(TimeoutError):
            await asyncio.wait_for(overtaken, fault.seconds / self._clock.speed)

    async def _deliver(self, delivery: Delivery) -> None:
        """Tries until an attempt succeeds or none is left."""
        attempt, wait = 1, 0.0
        while True:
            row = self._plan(delivery, attempt, wait)
            await self._clock.sleep(wait)
            row = await self._attempt(delivery, row)
            if row.status == "sent":
                return
            next_gap = hooks.gap(attempt)
            if next_gap is None:
                return
            attempt, wait = attempt + 1, next_gap

    def _plan(self, delivery: Delivery, attempt: int, wait: float = 0.0) -> Row:
        at = self._clock.after(wait)
        raw = delivery.raw.decode()
        row = hooks.plan(self._ids.new(), delivery.event_type, delivery.body, raw, attempt, at)
        self._write(delivery.hook, row)
        return row

    async def _attempt(self, delivery: Delivery, row: Row) -> Row:
        """Makes one attempt when the subscription is open and has a slot."""
        hook = delivery.hook
        while True:
            await hook.open.wait()
            async with hook.slots:
                if not hook.suspended:
                    row = await self._post(delivery, row)
                    break
        self._write(hook, row)
        self._counters.attempts[str(row.attempt_no)] += 1
        self._counters.outcomes[row.status] += 1
        if row.status == "sent":
            hook.succeed()
        else:
            hook.fail(self._clock.now())
        return row

    async def _post(self, delivery: Delivery, row: Row) -> Row:
        loop = asyncio.get_running_loop()
        began_at = loop.time()
        row = evolve(row, sent_at=self._clock.now())
        try:
            row = await self._answered(delivery, row)
        except TimeoutError:
            row = hooks.failed(row, "timeout", f"no answer within {ANSWER_LIMIT_S:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            row = hooks.failed(row, "connection failure", str(error) or type(error).__name__)
        return evolve(row, request_time_ms=round((loop.time() - began_at) * 1000))

    async def _answered(self, delivery: Delivery, row: Row) -> Row:
        """The row of an attempt that was answered, one way or another."""
        async with self._session.post(
            delivery.hook.url,
            data=delivery.raw,
            headers=headers(delivery.hook, row.attempt_no),
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=ANSWER_LIMIT_S),
        ) as answer:
            start = await answer.content.read(BODY_LIMIT)
            return evolve(
                row,
                status="sent" if 200 <= answer.status < 300 else "failed",
                http_response_code=answer.status,
                http_response_headers=_plain(answer.headers),
                http_response_body=start.decode(errors="replace"),
            )


def _plain(received: Mapping[str, str]) -> dict[str, str]:
    """The first headers of an answer; their names come as a kind of string JSON does not take."""
    pairs = islice(received.items(), HEADERS_LIMIT)
    return {str(name): value for name, value in pairs}


def headers(hook: Hook, attempt: int) -> dict[str, str]:
    """The headers of one attempt."""
    told = {"Content-Type": "application/json", "X-Planado-Delivery-Attempt": str(attempt)}
    return told if hook.secret is None else {**told, "X-Planado-Secret": hook.secret}
