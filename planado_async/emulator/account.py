"""The one account the emulator keeps: key, budget, records, subscriptions, faults and counters.

Planday's half stands beside it, on the same clock.

Its public methods are the control API. The command's HTTP routes and the methods of `Emulator`
are both no more than doors to them.
"""

from datetime import datetime
from random import Random
from typing import Any

import aiohttp

from planado_async.emulator import (
    changes,
    hooks,
    technicians,
)
from planado_async.emulator import (
    seed as set_up,
)
from planado_async.emulator import (
    settings as switches,
)
from planado_async.emulator.bucket import Bucket
from planado_async.emulator.clock import Clock
from planado_async.emulator.counters import Counters
from planado_async.emulator.deliveries import Deliveries
from planado_async.emulator.faults import Faults
from planado_async.emulator.ids import Ids
from planado_async.emulator.planday.emulator import PlandayEmulator
from planado_async.emulator.records import Json, Origin
from planado_async.emulator.settings import Settings
from planado_async.emulator.state import State

PER_S = 60.0


class Account:
    """What the emulator is at a moment; `reset` brings it back to its beginning."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        settings: Settings,
        speed: float,
        start: datetime | None,
        seed: int,
    ) -> None:
        self._session = session
        self._first_settings = settings
        self._seed = seed
        self._random = Random(seed)
        self.api_key: str = f"{self._random.getrandbits(160):040x}"
        self.clock: Clock = Clock(start, speed)
        # Not begun anew by a reset, so that no uuid is ever given twice.
        self._ids = Ids(self._random, self.clock.now)
        # Deliveries of before a reset, until the last of their tasks has stopped.
        self._stopping: list[Deliveries] = []
        self.planday: PlandayEmulator = PlandayEmulator(self.clock, seed)
        self._begin()

    def _begin(self) -> None:
        settings = self._first_settings
        self.bucket: Bucket = Bucket(settings.burst, settings.rate / PER_S)
        self.counters: Counters = Counters()
        self.faults: Faults = Faults(self._random)
        self.deliveries: Deliveries = Deliveries(
            self._session, self.clock, self._ids, self.faults, self.counters
        )
        self.state: State = State(self.clock, self._ids, settings)
        self.state.publish = self.deliveries.publish
        self.state.pushed = self.counters.count_push
        set_up.plant(self.state, self._seed)

    def reset(self) -> Json:
        """Forgets everything but the clock and the uuids given out, in Planday's half too."""
        self.deliveries.cancel()
        self._stopping = [*filter(lambda old: old.pending, self._stopping), self.deliveries]
        self._begin()
        self.planday.reset()
        return {}

    async def close(self) -> None:
        """Stops everything on its way to webhooks."""
        for deliveries in (*self._stopping, self.deliveries):
            await deliveries.close()

    def subscriptions(self) -> Json:
        """All subscriptions, and whether they are suspended."""
        return {"webhooks": [hooks.control_view(hook) for hook in self.deliveries.hooks]}

    def subscribe(self, body: dict[str, Any]) -> Json:
        """Adds a subscription."""
        return {"webhook": hooks.control_view(self.deliveries.subscribe(body))}

    def unsubscribe(self, uuid: str) -> Json:
        """Removes a subscription."""
        self.deliveries.unsubscribe(uuid)
        return {}

    def resume(self, uuid: str) -> Json:
        """Lets a suspended subscription go on."""
        hook = self.deliveries.get(uuid)
        hook.resume()
        return {"webhook": hooks.control_view(hook)}

    def act(self, job_id: str, body: dict[str, Any]) -> Json:
        """Lets a technician press a button on a job."""
        job = technicians.act(self.state, job_id, body)
        return {"job_uuid": job.uuid, "status": job.status, "version": job.version}

    def order_fault(self, body: dict[str, Any]) -> Json:
        """Orders a failure."""
        fault = self.faults.order(self._ids.new(), body)
        return {"fault": {"uuid": fault.uuid, "kind": fault.kind}}

    def ordered_faults(self) -> Json:
        """The failures on order."""
        return {"faults": self.faults.view()}

    def cancel_faults(self, uuid: str | None = None) -> Json:
        """Takes back one order, or all."""
        self.faults.cancel(uuid)
        return {}

    def count(self) -> Json:
        """All counters, with the bucket's level."""
        view = self.counters.view()
        view["level"] = self.bucket.level(self.clock.elapsed())
        view["highest_level"] = self.bucket.highest
        view["deliveries"]["pending"] = self.deliveries.pending
        return view

    def settings(self) -> Json:
        """The settings in force."""
        return {"settings": switches.view(self.state.settings)}

    def change_settings(self, changes: dict[str, Any]) -> Json:
        """Changes some settings."""
        new = switches.changed(self.state.settings, changes)
        self.state.change(new)
        self.deliveries.writes_log = new.log_deliveries
        self.bucket.change(self.clock.elapsed(), new.burst, new.rate / PER_S)
        return self.settings()

    def time(self) -> Json:
        """The emulated clock."""
        return {
            "now": self.clock.now().isoformat(),
            "started_at": self.clock.start.isoformat(),
            "speed": self.clock.speed,
        }

    def drop_record(self, uuid: str) -> None:
        """Deletes the record a cursor names, as if a dispatcher did it just then."""
        state = self.state
        origin = Origin(source="web", happened_at=state.clock.now())
        if job := state.jobs.get(uuid):
            changes.delete(state, state.jobs, job, origin)
        if client := state.clients.get(uuid):
            changes.delete(state, state.clients, client, origin)
        if site := state.sites.get(uuid):
            changes.delete(state, state.sites, site, origin)
