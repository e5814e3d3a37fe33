"""What the HTTP side needs to know of Planday as it stands; `PlandayEmulator` is one."""

from typing import Protocol

from planado_async.emulator.clock import Clock
from planado_async.emulator.planday.access import Access
from planado_async.emulator.planday.counters import Counters
from planado_async.emulator.planday.data import PortalData
from planado_async.emulator.planday.faults import Faults
from planado_async.emulator.planday.settings import PlandaySettings
from planado_async.emulator.planday.windows import Windows


class World(Protocol):
    """Who may do what, what each portal holds, limits, faults and counts. A reset changes all."""

    @property
    def clock(self) -> Clock:
        """The emulated clock."""
        ...

    @property
    def in_force(self) -> PlandaySettings:
        """The settings."""
        ...

    @property
    def access(self) -> Access:
        """Who may do what."""
        ...

    @property
    def windows(self) -> Windows:
        """The limits of calls."""
        ...

    @property
    def faults(self) -> Faults:
        """The failures on order."""
        ...

    @property
    def counted(self) -> Counters:
        """What has happened so far."""
        ...

    def data(self, portal_id: int) -> PortalData:
        """What a portal holds."""
        ...
