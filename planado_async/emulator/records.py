"""What the emulator remembers: frozen records, replaced whole when they change."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from attrs import frozen

Json = dict[str, Any]


@frozen(kw_only=True)
class Named:
    """A directory's entry that is only a name: a territory, a skill, a dictionary or its value."""

    uuid: str
    name: str


@frozen(kw_only=True)
class JobType:
    """A kind of job; the code `default` is the one a job gets when none is named."""

    uuid: str
    id: int
    code: str


@frozen(kw_only=True)
class Resolution:
    """How a job can end."""

    uuid: str
    id: int
    name: str
    successful: bool
    has_comment: bool = False
    comment_required: bool = False


@frozen(kw_only=True)
class Team:
    """Several users who take jobs together."""

    uuid: str
    name: str
    territory_uuid: str | None = None
    member_uuids: tuple[str, ...] = ()


@frozen(kw_only=True)
class User:
    """Someone of the account: a field worker or a dispatcher."""

    uuid: str
    id: int
    first_name: str
    last_name: str
    email: str
    mobile_phone: str | None = None
    territory_uuid: str | None = None
    skill_uuids: tuple[str, ...] = ()
    permissions: Json
    device_uuid: str


@frozen(kw_only=True)
class Position:
    """Where a user was last seen."""

    at: datetime
    latitude: float
    longitude: float


@frozen(kw_only=True)
class Shift:
    """A span of a user's working hours, or of hours off."""

    time_from: datetime
    time_to: datetime
    working: bool
    territory_uuid: str | None = None
    type_uuid: str | None = None


@frozen(kw_only=True)
class CatalogItem:
    """A product or a service; a service has neither unit nor gtin."""

    uuid: str
    name: str
    description: str | None = None
    category_uuid: str | None = None
    unit_uuid: str | None = None
    currency: str
    external_id: str | None = None
    gtin: str | None = None
    price_default: str | None = None
    archived: bool = False


@frozen(kw_only=True)
class Category:
    """A node of the product tree or of the service tree."""

    uuid: str
    name: str
    description: str | None = None
    external_id: str | None = None
    parent_uuid: str | None = None
    archived: bool = False


@frozen(kw_only=True)
class Unit:
    """A unit of measure of products."""

    uuid: str
    name: str
    code: str
    external_id: str | None = None
    archived: bool = False


@frozen(kw_only=True)
class Field:
    """A custom field or a report field."""

    uuid: str
    name: str
    field_type: str
    data_type: str
    required: bool = False
    hidden: bool = False
    read_only: bool = False
    value: Any = None


@frozen(kw_only=True)
class Assignee:
    """A worker or a team on a job. Exactly one of a job's assignees may edit it."""

    kind: str
    uuid: str
    access: str = "edit"


@frozen(kw_only=True)
class Template:
    """What a new job starts from."""

    uuid: str
    name: str
    type_uuid: str
    description: str | None = None
    minutes: int | None = None
    assignee: Assignee | None = None
    custom_fields: tuple[Field, ...] = ()
    report_fields: tuple[Field, ...] = ()
    created_at: datetime
    updated_at: datetime


@frozen(kw_only=True)
class Ending:
    """The resolution a job was finished with."""

    uuid: str
    comment: str | None = None


@frozen(kw_only=True)
class Job:
    """One version of a job."""

    uuid: str
    id: int
    serial_no: int
    external_id: str | None = None
    external_order_id: str | None = None
    status: str = "posted"
    scheduled_at: datetime | None = None
    minutes: int | None = None
    template_uuid: str | None = None
    type_uuid: str
    client_uuid: str | None = None
    site_uuid: str | None = None
    assignees: tuple[Assignee, ...] = ()
    skill_uuids: tuple[str, ...] = ()
    territory_uuid: str | None = None
    description: str | None = None
    address: Json | None = None
    contacts: tuple[Json, ...] = ()
    resolution_uuids: tuple[str, ...] = ()
    custom_fields: tuple[Field, ...] = ()
    report_fields: tuple[Field, ...] = ()
    entered: Mapping[str, datetime] = {}
    ending: Ending | None = None
    version: int = 1
    created_at: datetime
    updated_at: datetime

    @property
    def editor(self) -> Assignee | None:
        """The one assignee who may edit the job."""
        return next((one for one in self.assignees if one.access == "edit"), None)


@frozen(kw_only=True)
class Client:
    """One version of a client."""

    uuid: str
    external_id: str | None = None
    organization: bool
    organization_name: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    middle_name: str | None = None
    site_address: Json | None = None
    contacts: tuple[Json, ...] = ()
    custom_fields: tuple[Field, ...] = ()
    version: int = 1
    created_at: datetime
    updated_at: datetime


@frozen(kw_only=True)
class Site:
    """One version of a site."""

    uuid: str
    external_id: str | None = None
    name: str
    description: str | None = None
    contacts: tuple[Json, ...] = ()
    territory_uuid: str | None = None
    address: Json | None = None
    client_uuid: str | None = None
    custom_fields: tuple[Field, ...] = ()
    version: int = 1
    created_at: datetime
    updated_at: datetime


Entity = Job | Client | Site


@frozen(kw_only=True)
class Origin:
    """Who made a change, by what, and how loudly it was asked to be told."""

    source: str
    happened_at: datetime
    user: User | None = None
    trigger_webhooks: bool = True
    notify_assignees: bool = True


@frozen(kw_only=True)
class Happening:
    """One entry of a job's history; there is one for each of its versions."""

    uuid: str
    version: int
    type: str
    payload: Json
    origin: Origin


@frozen(kw_only=True)
class Location:
    """A position a technician's phone has sent, with what was done there."""

    uuid: str
    user_uuid: str
    accuracy_m: float
    longitude: float
    latitude: float
    uploaded_at: datetime
    captured_at: datetime
    events: tuple[Json, ...] = ()
