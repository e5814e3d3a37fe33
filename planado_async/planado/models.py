"""What Planado sends, as frozen data.

Field names are the API's own. Only what identifies a record is required: every other field may be
missing from an answer and is then None or an empty tuple. `raw` is the JSON object exactly as it
was received, so a key this package does not know yet is there. Date-times are aware, durations are
`timedelta`, decimals `Decimal`; a status or type not seen before stays the string it is. Models can
be members of sets: fields whose JSON may be an object or list count for equality, not for the hash.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from attrs import field, frozen

from planado_async.core.model import Model as Model

# --- Parts shared by several records (docs: Common records) ---------------------------------------


@frozen(kw_only=True, slots=True)
class Reference(Model):
    """Another record, by its id and what tells it apart: a name, a code or an external_id."""

    uuid: str
    name: str | None = None
    code: str | None = None
    external_id: str | None = None


@frozen(kw_only=True, slots=True)
class Geolocation(Model):
    """A place on earth, in degrees."""

    latitude: float | None = None
    longitude: float | None = None


@frozen(kw_only=True, slots=True)
class Address(Model):
    """A postal address."""

    formatted: str | None = None
    entrance_no: str | None = None
    apartment: str | None = None
    floor: str | None = None
    description: str | None = None
    geolocation: Geolocation | None = None


@frozen(kw_only=True, slots=True)
class Contact(Model):
    """A way to reach somebody; `type` is `phone` or `email`."""

    name: str | None = None
    value: str | None = None
    type: str | None = None


@frozen(kw_only=True, slots=True)
class CustomField(Model):
    """A custom or report field; the JSON type of `value` follows `data_type`."""

    uuid: str | None = None
    name: str | None = None
    field_type: str | None = None
    data_type: str | None = None
    required: bool | None = None
    hidden: bool | None = None
    read_only: bool | None = None
    value: Any = field(default=None, hash=False)


@frozen(kw_only=True, slots=True)
class Worker(Model):
    """A user as a job names them."""

    uuid: str
    email: str | None = None
    name: str | None = None


@frozen(kw_only=True, slots=True)
class Assignee(Model):
    """Who a job is given to: one worker or one team."""

    worker: Worker | None = None
    team: Reference | None = None
    worker_uuid: str | None = None
    team_uuid: str | None = None


@frozen(kw_only=True, slots=True)
class Assigned(Model):
    """One of several assignees; `access` is `edit` or `view`."""

    uuid: str | None = None
    access: str | None = None
    email: str | None = None
    name: str | None = None
    permanent: bool | None = None


@frozen(kw_only=True, slots=True)
class JobResolution(Model):
    """How a finished job ended."""

    uuid: str | None = None
    name: str | None = None
    successful: bool | None = None
    comment: str | None = None


@frozen(kw_only=True, slots=True)
class JobTimestamps(Model):
    """When a job last entered each of the states a technician moves it through."""

    en_route_at: datetime | None = None
    started_at: datetime | None = None
    suspended_at: datetime | None = None
    finished_at: datetime | None = None


# --- Jobs (docs: Jobs) ----------------------------------------------------------------------------


@frozen(kw_only=True, slots=True)
class JobItem(Model):
    """A job as a list gives it: without description, address, contacts and custom fields."""

    uuid: str
    id: int | None = None
    external_id: str | None = None
    external_order_id: str | None = None
    serial_no: int | None = None
    status: str | None = None
    scheduled_at: datetime | None = None
    scheduled_duration: timedelta | None = None
    template_uuid: str | None = None
    client_uuid: str | None = None
    site_uuid: str | None = None
    type_uuid: str | None = None
    assignee: Assignee | None = None
    assignees: tuple[Assigned, ...] = ()
    skill_uuids: tuple[str, ...] = ()
    territory_uuid: str | None = None
    initial_job_uuid: str | None = None
    completion_of_uuid: str | None = None
    resolution: JobResolution | None = None
    version: int | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


@frozen(kw_only=True, slots=True)
class Job(Model):
    """A job in full, as `jobs.get` and webhooks give it."""

    uuid: str
    id: int | None = None
    business_unit_uuid: str | None = None
    external_id: str | None = None
    external_order_id: str | None = None
    serial_no: int | None = None
    status: str | None = None
    scheduled_at: datetime | None = None
    scheduled_duration: timedelta | None = None
    template: Reference | None = None
    client: Reference | None = None
    site: Reference | None = None
    type: Reference | None = None
    timestamps: JobTimestamps | None = None
    assignee: Assignee | None = None
    assignees: tuple[Assigned, ...] = ()
    skills: tuple[Reference, ...] = ()
    territory: Reference | None = None
    description: str | None = None
    address: Address | None = None
    contacts: tuple[Contact, ...] = ()
    possible_resolutions: tuple[JobResolution, ...] = ()
    initial_job_uuid: str | None = None
    completion_of_uuid: str | None = None
    custom_fields: tuple[CustomField, ...] = ()
    report_fields: tuple[CustomField, ...] = ()
    resolution: JobResolution | None = None
    total_distance_traveled_m: float | None = None
    version: int | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


@frozen(kw_only=True, slots=True)
class Context(Model):
    """Who changed a record, from where and when."""

    source: str | None = None
    happened_at: datetime | None = None
    created_at: datetime | None = None
    user_uuid: str | None = None
    user_email: str | None = None
    device_uuid: str | None = None


@frozen(kw_only=True, slots=True)
class HistoryEvent(Model):
    """One version of a job; what `payload` holds depends on `type`."""

    version: int
    uuid: str | None = None
    type: str | None = None
    payload: Any = field(default=None, hash=False)
    context: Context | None = None


@frozen(kw_only=True, slots=True)
class LocationEvent(Model):
    """Something that happened to a job, this one or another, at a location."""

    uuid: str | None = None
    type: str | None = None
    job_uuid: str | None = None
    job_version: int | None = None


@frozen(kw_only=True, slots=True)
class Location(Model):
    """Where a technician's phone was; degrees and metres."""

    uuid: str
    user_uuid: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    accuracy_m: float | None = None
    captured_at: datetime | None = field(default=None, metadata={"also": ("catured_at",)})
    uploaded_at: datetime | None = None
    events: tuple[LocationEvent, ...] = ()


# --- Clients and sites (docs: Clients, Sites) -----------------------------------------------------


@frozen(kw_only=True, slots=True)
class Client(Model):
    """A customer: an organization, or an individual."""

    uuid: str
    external_id: str | None = None
    name: str | None = None
    organization: bool | None = None
    organization_name: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    middle_name: str | None = None
    site_address: Address | None = None
    contacts: tuple[Contact, ...] = ()
    custom_fields: tuple[CustomField, ...] = ()
    version: int | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


@frozen(kw_only=True, slots=True)
class Site(Model):
    """A place where jobs are done."""

    uuid: str
    external_id: str | None = None
    name: str | None = None
    description: str | None = None
    contacts: tuple[Contact, ...] = ()
    territory: Reference | None = None
    address: Address | None = None
    client: Reference | None = None
    custom_fields: tuple[CustomField, ...] = ()
    version: int | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


# --- People (docs: Users, Teams, Territories, Skills) ---------------------------------------------


@frozen(kw_only=True, slots=True)
class User(Model):
    """A person of the account; `permissions` is the tree as the API sends it."""

    uuid: str
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    mobile_phone: str | None = None
    territory: Reference | None = None
    skills: tuple[Reference, ...] = ()
    permissions: Mapping[str, Any] | None = field(default=None, hash=False)


@frozen(kw_only=True, slots=True)
class Shift(Model):
    """A piece of a user's timeline; pieces follow each other without gaps."""

    time_from: datetime
    time_to: datetime
    working: bool | None = None
    territory: Reference | None = None
    job_type: Reference | None = None


@frozen(kw_only=True, slots=True)
class NearbyUser(Model):
    """Where a user was last seen; degrees."""

    user_uuid: str
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    actual_at: datetime | None = None
    latitude: float | None = None
    longitude: float | None = None


@frozen(kw_only=True, slots=True)
class Team(Model):
    """A team of workers."""

    uuid: str
    name: str | None = None
    territory: Reference | None = None


@frozen(kw_only=True, slots=True)
class Territory(Model):
    """A part of the area an account serves."""

    uuid: str
    name: str | None = None


@frozen(kw_only=True, slots=True)
class Skill(Model):
    """Something a worker can do and a job may ask for."""

    uuid: str
    name: str | None = None


# --- Directories (docs: Job types, Resolutions, Templates, Dictionaries) --------------------------


@frozen(kw_only=True, slots=True)
class JobType(Model):
    """A kind of job; one of them has the code `default`."""

    uuid: str
    code: str | None = None


@frozen(kw_only=True, slots=True)
class Resolution(Model):
    """A way for a job to end."""

    uuid: str
    name: str | None = None
    successful: bool | None = None
    has_comment: bool | None = None
    comment_required: bool | None = None


@frozen(kw_only=True, slots=True)
class Template(Model):
    """What a new job may be copied from."""

    uuid: str
    name: str | None = None
    type_uuid: str | None = None
    description: str | None = None
    scheduled_duration: timedelta | None = None
    assignee: Assignee | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


@frozen(kw_only=True, slots=True)
class Dictionary(Model):
    """A pick list."""

    uuid: str
    name: str | None = None


@frozen(kw_only=True, slots=True)
class DictionaryValue(Model):
    """An entry of a pick list."""

    uuid: str
    name: str | None = None


# --- Catalog (docs: Catalog) ----------------------------------------------------------------------


@frozen(kw_only=True, slots=True)
class Product(Model):
    """Something that is sold or used up; `currency` is ISO 4217 in lower case."""

    uuid: str
    name: str | None = None
    description: str | None = None
    category_uuid: str | None = None
    unit_uuid: str | None = None
    currency: str | None = None
    external_id: str | None = None
    gtin: str | None = None
    price_default: Decimal | None = None
    archived: bool | None = None


@frozen(kw_only=True, slots=True)
class Service(Model):
    """Something that is done for a price; `currency` is ISO 4217 in lower case."""

    uuid: str
    name: str | None = None
    description: str | None = None
    category_uuid: str | None = None
    currency: str | None = None
    external_id: str | None = None
    price_default: Decimal | None = None
    archived: bool | None = None


@frozen(kw_only=True, slots=True)
class Category(Model):
    """A node of the products' or of the services' tree, which never mix."""

    uuid: str
    name: str | None = None
    description: str | None = None
    external_id: str | None = None
    parent_uuid: str | None = None
    archived: bool | None = None


@frozen(kw_only=True, slots=True)
class Unit(Model):
    """What products are counted in."""

    uuid: str
    name: str | None = None
    code: str | None = None
    external_id: str | None = None
    archived: bool | None = None


# --- Webhooks (docs: Webhooks) --------------------------------------------------------------------


def _masked(secret: str | None) -> str:
    return "None" if secret is None else "'***'"


@frozen(kw_only=True, slots=True)
class Webhook(Model):
    """A subscription to events; its secret is left out of repr."""

    uuid: str
    url: str | None = None
    event_types: tuple[str, ...] = ()
    secret: str | None = field(default=None, repr=_masked)


@frozen(kw_only=True, slots=True)
class WebhookRequest(Model):
    """One attempt of Planado's to deliver an event, from its own log."""

    uuid: str
    event_type: str | None = None
    entity_type: str | None = None
    entity_uuid: str | None = None
    entity_version: int | None = None
    attempt_no: int | None = None
    status: str | None = None
    http_request_body: str | None = None
    http_response_code: int | None = None
    http_response_headers: Mapping[str, Any] | None = field(default=None, hash=False)
    http_response_body: str | None = None
    send_at: datetime | None = None
    sent_at: datetime | None = None
    request_time_ms: int | None = None
    error_type: str | None = None
    error_description: str | None = None
