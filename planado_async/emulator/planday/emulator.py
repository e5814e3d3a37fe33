"""Planday's half of the emulator as an object."""

from collections.abc import Iterable
from random import Random
from typing import Any

from attrs import asdict

from planado_async.emulator.clock import Clock
from planado_async.emulator.planday import seed as staff
from planado_async.emulator.planday import settings as switches
from planado_async.emulator.planday.access import Access
from planado_async.emulator.planday.counters import Counters
from planado_async.emulator.planday.data import PortalData
from planado_async.emulator.planday.faults import Faults
from planado_async.emulator.planday.records import Admin, App, Grant, Portal
from planado_async.emulator.planday.scopes import REST
from planado_async.emulator.planday.settings import PlandaySettings
from planado_async.emulator.planday.windows import Windows
from planado_async.emulator.records import Json

APP_NAME = "planado_async"
APP_REDIRECT_URI = "http://127.0.0.1:8765/callback"


class PlandayEmulator:
    """Several portals, who may enter them, and what they hold; `Emulator.planday` is one.

    It starts with one portal, two administrators and an app with every scope that the first of
    them has authorised: `first_grant`. `access` tells all that stands in the portals' settings,
    `in_force` are the settings of the emulator. Verbs raise EmulatorError: 404 for who or what
    does not exist, 422 for fields that break their rules, 403 and 409 for what the state of things
    forbids.
    """

    def __init__(self, clock: Clock, seed: int) -> None:
        self.clock: Clock = clock
        self._seed = seed
        # Not begun anew by a reset, so that no token is ever given twice.
        self._random = Random(f"planday {seed}")
        self._begin()

    def _begin(self) -> None:
        random = Random(self._seed)
        self.in_force: PlandaySettings = PlandaySettings()
        self.access: Access = Access(self.clock, random, lambda: self.in_force)
        self.windows: Windows = Windows()
        self.faults: Faults = Faults(self._random)
        self.counted: Counters = Counters()
        self._data: dict[int, PortalData] = {}
        self._plant()
        self.access.random = self._random

    def _plant(self) -> None:
        portal = self.add_portal("Nordlys Service", company_name="Nordlys Service ApS")
        admin = self.add_admin(portal.id, "Mette Holm")
        self.add_admin(portal.id, "Jens Dahl")
        app = self.create_app(portal.id, APP_NAME, REST, [APP_REDIRECT_URI])
        self.first_grant: Grant = self.authorise(portal.id, app.app_id, admin.id)

    def reset(self) -> None:
        """Begins anew, with the portal, the App ID and the refresh token of the start."""
        self._begin()

    def data(self, portal_id: int) -> PortalData:
        """What a portal holds.

        Staff and roster are made when they are first asked for, since most tests never do, but
        they are those of the moment at which the portal was opened.
        """
        portal = self.access.portal(portal_id)
        if portal_id not in self._data:
            with self.clock.held_at(portal.opened_at):
                data = PortalData(portal, self.clock, Random(f"{self._seed} {portal_id}"))
                staff.plant(data)
            self._data[portal_id] = data
        return self._data[portal_id]

    # --- Portals and administrators ---------------------------------------------------------------

    def add_portal(self, name: str, **details: Any) -> Portal:
        """Opens a portal with staff; `company_name`, `country`, `time_zone` may be given."""
        return self.access.add_portal(name, **details)

    def add_admin(
        self,
        portal_id: int,
        name: str,
        *,
        email: str | None = None,
        department_ids: Iterable[int] | None = None,
    ) -> Admin:
        """Gives a portal an administrator, of all departments unless some are named."""
        return self.access.add_admin(portal_id, name, email=email, department_ids=department_ids)

    def deactivate_admin(self, portal_id: int, admin_id: int) -> Admin:
        """Closes an administrator's account; every grant given by it dies for good."""
        return self.access.deactivate_admin(portal_id, admin_id)

    def reactivate_admin(self, portal_id: int, admin_id: int) -> Admin:
        """Opens an administrator's account again, which brings back no grant."""
        return self.access.reactivate_admin(portal_id, admin_id)

    def limit_admin(
        self, portal_id: int, admin_id: int, department_ids: Iterable[int] | None
    ) -> Admin:
        """Sets the departments an administrator sees; None means all."""
        return self.access.limit_admin(portal_id, admin_id, department_ids)

    # --- Apps and grants --------------------------------------------------------------------------

    def create_app(
        self, portal_id: int, name: str, scopes: Iterable[str], redirect_uris: Iterable[str] = ()
    ) -> App:
        """Makes an app of a portal, which stands in its list at once."""
        return self.access.create_app(portal_id, name, scopes, redirect_uris)

    def connect_app(self, portal_id: int, app_id: str) -> App:
        """Puts an app of another portal into a portal's list."""
        return self.access.connect_app(portal_id, app_id)

    def rename_app(self, portal_id: int, app_id: str, name: str) -> App:
        """Gives an app another name; only the portal that made it may."""
        return self.access.rename_app(portal_id, app_id, name)

    def delete_app(self, portal_id: int, app_id: str) -> App:
        """Deletes an app for good and everywhere; one that is only connected leaves the list."""
        return self.access.delete_app(portal_id, app_id)

    def authorise(self, portal_id: int, app_id: str, admin_id: int) -> Grant:
        """Lets an app in, with a new refresh token; the grant of before dies."""
        return self.access.authorise(portal_id, app_id, admin_id)

    def revoke(self, portal_id: int, app_id: str) -> Grant:
        """Takes back what was authorised; it can be authorised again."""
        return self.access.revoke(portal_id, app_id)

    # --- Settings, faults, counters ---------------------------------------------------------------

    def settings(self, /, **changes: Any) -> Json:
        """Changes settings, if any are given, and tells those in force."""
        self.in_force = switches.changed(self.in_force, changes)
        return {"settings": asdict(self.in_force)}

    def fault(self, kind: str, **details: Any) -> Json:
        """Orders a failure; see `faults` for kinds and details."""
        return self.order_fault({"kind": kind, **details})

    def order_fault(self, body: Json) -> Json:
        """Orders a failure, told as JSON."""
        fault = self.faults.order(body)
        return {"fault": {"number": fault.number, "kind": fault.kind}}

    def ordered_faults(self) -> Json:
        """The failures on order, used up or not."""
        return {"faults": self.faults.view()}

    def cancel_faults(self, number: int | None = None) -> Json:
        """Takes back one order, or all."""
        self.faults.cancel(number)
        return {}

    def counters(self) -> Json:
        """What has happened so far, in numbers."""
        return self.counted.view()
