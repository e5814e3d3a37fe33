"""Deliveries that come twice and out of order, to handlers that fail now and then."""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Callable

from aiohttp import web

from planado_async import Planado
from planado_async.emulator import Emulator
from planado_async.webhooks import Event, SqliteInbox, Webhooks
from tests.webhooks.making import SECRET, LoopClock

EVENTS = 5_000
CHANGES = 25  # events of each job


class Ledger:
    """What a handler has seen; it fails one time in twenty."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._running: set[str | None] = set()
        self.handled: Counter[str] = Counter()
        self.versions: dict[str | None, list[int]] = defaultdict(list)
        self.failures = 0
        self.overlaps = 0

    async def __call__(self, event: Event) -> None:
        self.overlaps += event.entity_uuid in self._running
        self._running.add(event.entity_uuid)
        await asyncio.sleep(self._rng.uniform(0, 0.2))
        self._running.discard(event.entity_uuid)
        if self._rng.random() < 0.05:
            self.failures += 1
            raise RuntimeError("now and then")
        self.handled[event.event_uuid] += 1
        self.versions[event.entity_uuid].append(event.version or 0)


async def change_jobs(planado: Planado, jobs: int) -> None:
    async def change(number: int) -> None:
        uuid = await planado.jobs.create(external_id=f"wo-{number}")
        for turn in range(CHANGES - 1):
            await asyncio.sleep(0.5)
            await planado.jobs.update(uuid, description=f"{turn}")

    for number in range(jobs):  # one by one, so that a job's events overtake each other
        await change(number)


async def test_repeats_and_disorder_lose_and_double_nothing(
    scaled: Callable[[int], int], figures: Callable[..., None]
) -> None:
    """Every event is done or dead, handled once, one at a time; `latest` never goes back."""
    rng = random.Random(7)
    every, latest = Ledger(rng), Ledger(rng)
    inbox = SqliteInbox(":memory:", clock=LoopClock())
    hooks = Webhooks(inbox, secret=SECRET)
    hooks.on("*", name="every")(every)
    hooks.on("*", name="latest", order="latest")(latest)
    app = web.Application()
    hooks.mount(app, "/planado")
    runner = web.AppRunner(app, access_log=None)
    async with inbox, Emulator(rate=600_000, burst=100_000, seed=7) as emulator:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        emulator.subscribe(f"http://127.0.0.1:{runner.addresses[0][1]}/planado", SECRET)
        emulator.fault("delivery_repeat", count=None, probability=0.2)
        emulator.fault("delivery_reorder", count=None, probability=0.2)
        async with Planado(emulator.api_key, base_url=emulator.url, rate=None) as planado:
            await change_jobs(planado, scaled(EVENTS) // CHANGES)
        await emulator.settled(86_400)
        await hooks.settled(7 * 86_400)
        counts, stats = await inbox.counts(), await hooks.stats()
        emitted = sum(emulator.counters()["events"].values())
        outcomes = emulator.counters()["deliveries"]["outcomes"]
        await runner.cleanup()
    figures(
        events=emitted,
        repeated=outcomes["repeated"],
        reordered=outcomes["reordered"],
        failures=every.failures + latest.failures,
        dead=counts.dead,
        stale=stats.stale,
    )
    assert min(outcomes["repeated"], outcomes["reordered"], every.failures, stats.stale) > 0
    assert (counts.done + counts.dead, counts.waiting) == (emitted, 0)
    assert emitted >= scaled(EVENTS)
    assert every.overlaps == latest.overlaps == 0
    assert set(every.handled.values()) == set(latest.handled.values()) == {1}
    assert len(every.handled) >= emitted - counts.dead
    assert len(latest.handled) + stats.stale >= emitted - counts.dead
    assert all(versions == sorted(versions) for versions in latest.versions.values())
    assert any(versions != sorted(versions) for versions in every.versions.values())
