"""What Planado takes: the keywords of every write, with the limits the API documents.

A key that is not given is not sent, so the API keeps what it has; None is sent as null, which
clears the value, and is accepted only where the API says so. Date-times carry their offset,
durations are whole minutes, decimals travel as text.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, Required, TypeAlias, TypedDict

from planado_async.core.encode import AWARE, AtLeast, DecimalText, MaxLen, OneOf
from planado_async.core.resource import CallOptions as CallOptions

# --- Options of a call, taken beside its fields ---------------------------------------------------


class WriteOptions(CallOptions, total=False):
    """Options of writes."""

    notify_assignees: bool | None
    """False: the assignees' phones stay quiet. None: as the API does by itself."""
    trigger_webhooks: bool | None
    """True: ask for webhooks of this change. None: as the API does by itself."""


# --- Values ---------------------------------------------------------------------------------------


class Minutes(TypedDict):
    """A duration in JSON's own form."""

    minutes: Annotated[int, AtLeast(0)]


Moment: TypeAlias = Annotated[datetime | str, AWARE]
Duration: TypeAlias = timedelta | Minutes
Money: TypeAlias = Annotated[Decimal | str, DecimalText()]

# --- Filters of listings --------------------------------------------------------------------------


class Listing(CallOptions, total=False):
    """Where a listing begins."""

    after: str | None
    """The uuid of the item behind which to go on."""


class ChangedListing(Listing, total=False):
    """A listing by when a record was last changed; both ends lie outside the range."""

    updated_after: Moment | None
    updated_before: Moment | None


class JobListing(ChangedListing, total=False):
    """A listing of jobs; both ends lie outside the ranges."""

    scheduled_after: Moment | None
    scheduled_before: Moment | None
    worker_uuid: str | None
    """The user the jobs are given to."""


# --- References -----------------------------------------------------------------------------------


class ByName(TypedDict, total=False):
    """A record by its uuid or its name."""

    uuid: str
    name: str


class ByCode(TypedDict, total=False):
    """A job type by its uuid or its code."""

    uuid: str
    code: str


class ByExternalId(TypedDict, total=False):
    """A record by its uuid or the caller's own id."""

    uuid: str
    external_id: str


class ByAnyId(TypedDict, total=False):
    """A category or unit by its uuid, the caller's own id, or its name."""

    uuid: str
    external_id: str
    name: str


NameRef: TypeAlias = Annotated[ByName, OneOf("uuid", "name")]
CodeRef: TypeAlias = Annotated[ByCode, OneOf("uuid", "code")]
ExistingRef: TypeAlias = Annotated[ByExternalId, OneOf("uuid", "external_id")]
CatalogRef: TypeAlias = Annotated[ByAnyId, OneOf("uuid", "external_id", "name")]


class ByUuid(TypedDict):
    """A worker or team by its uuid."""

    uuid: str


class WorkerOrTeam(TypedDict, total=False):
    """Who a job is given to."""

    worker: ByUuid
    team: ByUuid


class WorkerOrTeamWithAccess(WorkerOrTeam, total=False):
    """One of several who a job is given to."""

    access: Required[Literal["edit", "view"]]


AssigneeRef: TypeAlias = Annotated[WorkerOrTeam, OneOf("worker", "team")]


class OneEditor:
    """Exactly one of the assignees may edit the job."""

    def check(self, value: Sequence[Mapping[str, Any]], at: str) -> None:
        """Raise ValueError unless one assignee has `edit` access."""
        editors = sum(each["access"] == "edit" for each in value)
        if editors != 1:
            raise ValueError(f"{at} has {editors} assignees with access 'edit'; one is needed")


AssigneeRefs: TypeAlias = Annotated[
    Sequence[Annotated[WorkerOrTeamWithAccess, OneOf("worker", "team")]], OneEditor()
]

# --- Parts ----------------------------------------------------------------------------------------

Short: TypeAlias = Annotated[str, MaxLen(50)]
OwnId: TypeAlias = Annotated[str, MaxLen(500)]


class GeolocationFields(TypedDict):
    """A place in degrees."""

    latitude: float
    longitude: float


class AddressFields(TypedDict, total=False):
    """An address (docs: Common records)."""

    formatted: Annotated[str, MaxLen(5000)]
    apartment: Short | None
    floor: Short | None
    entrance_no: Short | None
    description: Annotated[str, MaxLen(500)] | None
    geolocation: GeolocationFields


class ContactFields(TypedDict, total=False):
    """A way to reach somebody; the API knows the types `phone` and `email`."""

    name: str | None
    value: Required[str]
    type: Required[str]


class ShortText:
    """The text of a custom field has at most 200 characters; a link may have more."""

    def check(self, value: Mapping[str, Any], at: str) -> None:
        """Raise ValueError if the value is a longer text."""
        text = value.get("value")
        if isinstance(text, str) and not text.startswith(("http://", "https://")):
            MaxLen(200).check(text, f"{at}.value")


class FieldFields(TypedDict, total=False):
    """A custom or report field to set, add, require, hide or lock (docs: Managing fields)."""

    uuid: str
    name: str
    value: Any
    field_type: str
    data_type: str
    required: bool
    hidden: bool
    read_only: bool


class Named:
    """A field is named by its uuid, its name, or both as the API sends them."""

    def check(self, value: Mapping[str, Any], at: str) -> None:
        """Raise ValueError if neither is there."""
        if not value.keys() & {"uuid", "name"}:
            raise ValueError(f"{at} needs uuid or name")


FieldWrite: TypeAlias = Annotated[FieldFields, Named(), ShortText()]

# --- Clients and sites ----------------------------------------------------------------------------


class OrganizationOrPerson:
    """An organization has a name of its own, an individual at least one of three names."""

    def check(self, value: Mapping[str, Any], at: str) -> None:
        """Raise ValueError if the names do not fit `organization`, where that is given."""
        person = [key for key in ("first_name", "last_name", "middle_name") if value.get(key)]
        match value.get("organization"):
            case True if person:
                raise ValueError(f"{at} is an organization, which has no {person[0]}")
            case True if not value.get("organization_name"):
                raise ValueError(f"{at} is an organization and needs organization_name")
            case False if "organization_name" in value:
                raise ValueError(f"{at} is an individual, who has no organization_name")
            case False if not person:
                raise ValueError(f"{at} is an individual and needs a first, middle or last name")
            case _:
                pass


class ClientParts(TypedDict, total=False):
    """Fields of a client that are written in the same way everywhere (docs: Clients)."""

    organization_name: Annotated[str, MaxLen(5000)]
    first_name: Short | None
    last_name: Short | None
    middle_name: Short | None
    site_address: AddressFields
    contacts: Sequence[ContactFields]
    custom_fields: Sequence[FieldWrite]


class ClientUpdate(ClientParts, WriteOptions, total=False):
    """Fields of a client that can be changed."""


class ClientUpsert(ClientUpdate, total=False):
    """Fields of a client that is created if its external_id is new."""

    organization: bool


class NewClient(ClientParts, total=False):
    """A client that does not exist yet."""

    organization: Required[bool]
    external_id: OwnId


class ClientCreate(NewClient, WriteOptions, total=False):
    """Fields of a new client."""


class SiteParts(TypedDict, total=False):
    """Fields of a site that are written in the same way everywhere (docs: Sites)."""

    description: Annotated[str, MaxLen(1000)] | None
    contacts: Sequence[ContactFields]
    address: AddressFields | None
    client: ExistingRef | None
    custom_fields: Sequence[FieldWrite]


class SiteUpdate(SiteParts, WriteOptions, total=False):
    """Fields of a site that can be changed, or of one that is created by an upsert."""

    name: Annotated[str, MaxLen(300)]


class NewSite(SiteParts, total=False):
    """A site that does not exist yet."""

    name: Required[Annotated[str, MaxLen(300)]]
    external_id: OwnId


class SiteCreate(NewSite, WriteOptions, total=False):
    """Fields of a new site."""


# --- Jobs -----------------------------------------------------------------------------------------


class JobUpdate(WriteOptions, total=False):
    """Fields of a job that can be changed (docs: Jobs, Update).

    Once a job is started, the API refuses changes of `assignee`, `assignees` and
    `possible_resolutions`.
    """

    description: Annotated[str, MaxLen(15000)] | None
    scheduled_at: Moment | None
    scheduled_duration: Duration | None
    assignee: AssigneeRef | None
    assignees: AssigneeRefs
    possible_resolutions: Sequence[NameRef]
    address: AddressFields
    contacts: Sequence[ContactFields]
    client: ExistingRef | Annotated[NewClient, OrganizationOrPerson()] | None
    site: ExistingRef | NewSite | None
    territory: NameRef | None
    skills: Sequence[NameRef]
    custom_fields: Sequence[FieldWrite]
    report_fields: Sequence[FieldWrite]


class JobCreate(JobUpdate, total=False):
    """Fields of a new job (docs: Jobs, Create); template, type and ids cannot be changed later."""

    template: NameRef
    job_type: CodeRef
    external_id: OwnId
    external_order_id: OwnId
    safe: bool
    """True: make an external_id where none is given, so that a lost answer can be recovered from.
    It is not sent."""


# --- Users ----------------------------------------------------------------------------------------


class UserCreate(CallOptions, total=False):
    """Fields of a new user (docs: Users); the API is closed unless Planado's support opens it."""

    first_name: Required[str]
    last_name: Required[str]
    email: Required[str]
    password: Required[Annotated[str, MaxLen(128)]]
    mobile_phone: str | None
    territory: NameRef | None
    skills: Sequence[NameRef]
    permissions: Mapping[str, Any]


class UserUpdate(CallOptions, total=False):
    """Fields of a user that can be changed."""

    permissions: Mapping[str, Any]


class ShiftFields(TypedDict, total=False):
    """A piece of working or free time; both ends lie on a quarter of an hour."""

    time_from: Required[Moment]
    time_to: Required[Moment]
    working: bool
    job_type: CodeRef
    territory: NameRef


class ShiftsRead(CallOptions, total=False):
    """Which days of a timeline are read (docs: Shifts, Get)."""

    after: Required[date]
    before: Required[date]


class ShiftsWrite(CallOptions, total=False):
    """What a timeline is written with (docs: Shifts, Update)."""

    shifts: Required[Sequence[ShiftFields]]


class NearbySearch(CallOptions, total=False):
    """A search for users inside a circle (docs: Users, Geo search)."""

    latitude: Required[float]
    longitude: Required[float]
    radius_m: Required[float]
    seen_within: timedelta
    """How old a position may be, in whole minutes."""
    page_size: Annotated[int, AtLeast(1)]
    territory: NameRef
    skills: Sequence[NameRef]


# --- Catalog --------------------------------------------------------------------------------------

Name: TypeAlias = Annotated[str, MaxLen(250)]


class ProductCreate(CallOptions, total=False):
    """Fields of a new product (docs: Products)."""

    name: Required[Name]
    unit: Required[CatalogRef]
    category: CatalogRef | None
    external_id: OwnId | None
    description: str | None
    gtin: str | None
    price_default: Money | None


class ServiceCreate(CallOptions, total=False):
    """Fields of a new service (docs: Services)."""

    name: Required[Name]
    category: CatalogRef | None
    external_id: OwnId | None
    description: Annotated[str, MaxLen(500)] | None
    price_default: Money | None


class CategoryCreate(CallOptions, total=False):
    """Fields of a new category; the trees are three levels deep at most (docs: Categories)."""

    name: Required[Name]
    parent: CatalogRef | None
    external_id: OwnId | None
    description: str | None


class UnitUpdate(CallOptions, total=False):
    """Fields of a unit that can be changed (docs: Units)."""

    name: Name
    code: Short
    external_id: OwnId


class UnitCreate(CallOptions, total=False):
    """Fields of a new unit."""

    name: Required[Name]
    code: Required[Short]
    external_id: OwnId
