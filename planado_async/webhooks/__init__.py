"""The durable webhook receiver: stores first, answers fast, and brings events to your handlers."""

from planado_async.core.errors import StorageError
from planado_async.webhooks.asgi import asgi
from planado_async.webhooks.dispatcher import Dispatcher, Transaction
from planado_async.webhooks.events import ClientEvent, Event, JobEvent, SiteEvent
from planado_async.webhooks.inbox import (
    Change,
    Choice,
    Claim,
    Counts,
    Delivery,
    Entity,
    Filter,
    HandlerStats,
    Inbox,
    Pruned,
    Recovery,
    Retention,
    Run,
    State,
    Stats,
    VersionGap,
    VersionGaps,
    Vitals,
)
from planado_async.webhooks.receiver import receiver
from planado_async.webhooks.server import serve
from planado_async.webhooks.sqlite import SqliteInbox
from planado_async.webhooks.webhooks import Check, Webhooks, webhooks_key

__all__ = [
    "Change",
    "Check",
    "Choice",
    "Claim",
    "ClientEvent",
    "Counts",
    "Delivery",
    "Dispatcher",
    "Entity",
    "Event",
    "Filter",
    "HandlerStats",
    "Inbox",
    "JobEvent",
    "Pruned",
    "Recovery",
    "Retention",
    "Run",
    "SiteEvent",
    "SqliteInbox",
    "State",
    "Stats",
    "StorageError",
    "Transaction",
    "VersionGap",
    "VersionGaps",
    "Vitals",
    "Webhooks",
    "asgi",
    "receiver",
    "serve",
    "webhooks_key",
]
