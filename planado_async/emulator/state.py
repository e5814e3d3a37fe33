"""What the emulator remembers of one account, apart from subscriptions and counters."""

from collections.abc import Callable
from itertools import count
from typing import Any

from attrs import evolve

from planado_async.emulator.clock import Clock
from planado_async.emulator.collection import Collection
from planado_async.emulator.ids import Ids
from planado_async.emulator.records import (
    CatalogItem,
    Category,
    Client,
    Happening,
    Job,
    JobType,
    Json,
    Location,
    Named,
    Position,
    Resolution,
    Shift,
    Site,
    Team,
    Template,
    Unit,
    User,
)
from planado_async.emulator.settings import Settings

# Entries on a page; what grows with the work comes in short pages, a set-up in long ones.
HISTORY_PAGE = 20
LOCATIONS_PAGE = 100
VALUES_PAGE = 100


class State:
    """The records of the account, empty but for what `seed` puts in."""

    def __init__(self, clock: Clock, ids: Ids, settings: Settings) -> None:
        self.clock = clock
        self.ids = ids
        self.settings: Settings = settings
        self.jobs: Collection[Job] = Collection[Job]("external_id", size=20, newest_first=True)
        self.clients: Collection[Client] = Collection[Client](
            "external_id", size=20, newest_first=True
        )
        self.sites: Collection[Site] = Collection[Site]("external_id", size=20, newest_first=True)
        self.templates: Collection[Template] = Collection[Template]("name", size=20)
        self.job_types: Collection[JobType] = Collection[JobType]("code", size=100)
        self.users: Collection[User] = Collection[User]("email", size=100)
        self.teams: Collection[Team] = Collection[Team](size=100)
        self.territories: Collection[Named] = Collection[Named]("name", size=100)
        self.skills: Collection[Named] = Collection[Named]("name", size=20)
        self.resolutions: Collection[Resolution] = Collection[Resolution]("name", size=100)
        self.dictionaries: Collection[Named] = Collection[Named]("name", size=100)
        self.values: dict[str, Collection[Named]] = {}
        self.products: Collection[CatalogItem] = Collection[CatalogItem](
            "external_id", "name", size=20
        )
        self.services: Collection[CatalogItem] = Collection[CatalogItem](
            "external_id", "name", size=20
        )
        self.product_categories: Collection[Category] = Collection[Category](
            "external_id", "name", size=20
        )
        self.service_categories: Collection[Category] = Collection[Category](
            "external_id", "name", size=20
        )
        self.units: Collection[Unit] = Collection[Unit]("external_id", "name", size=20)
        self.histories: dict[str, list[Happening]] = {}
        self.locations: dict[str, Collection[Location]] = {}
        self.positions: dict[str, Position] = {}
        self.shifts: dict[str, list[Shift]] = {}
        self.business_unit_uuid = ""
        self.currency = "eur"
        self.publish: Callable[[str, Json], None] = lambda event_type, body: None
        self.pushed: Callable[[bool], None] = lambda sent: None
        # The integer ids beside the uuids, and the jobs' own count.
        self.numbers: count[int] = count(1001)
        self.serials: count[int] = count(1)

    def change(self, settings: Settings) -> None:
        """Puts other settings in force."""
        self.settings = settings

    def collection(self, kind: str) -> Collection[Any]:
        """The records of a kind, by its name in the plural."""
        records: Collection[Any] = getattr(self, kind)
        return records

    def put_user(self, user: User, **changes: Any) -> User:
        """Replaces a user by a changed one."""
        return self.users.replace(evolve(user, **changes))
