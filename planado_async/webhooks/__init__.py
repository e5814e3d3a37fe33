"""The durable webhook receiver: stores first, answers fast, and brings events to your handlers."""

from planado_async.core.errors import StorageError
from planado_async.webhooks.dispatcher import Dispatcher
from planado_async.webhooks.events import ClientEvent, Event, JobEvent, SiteEvent
from planado_async.webhooks.inbox import (
    Claim,
    Counts,
    Delivery,
    Inbox,
    Recovery,
    Run,
    State,
)
from planado_async.webhooks.receiver import receiver
from planado_async.webhooks.sqlite import SqliteInbox
from planado_async.webhooks.webhooks import Check, Webhooks, webhooks_key

__all__ = [
    "Check",
    "Claim",
    "ClientEvent",
    "Counts",
    "Delivery",
    "Dispatcher",
    "Event",
    "Inbox",
    "JobEvent",
    "Recovery",
    "Run",
    "SiteEvent",
    "SqliteInbox",
    "State",
    "StorageError",
    "Webhooks",
    "receiver",
    "webhooks_key",
]
