"""Compares what the listings say was changed with what an inbox has seen."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, TypeAlias

import attrs

from planado_async.planado.client import Planado
from planado_async.planado.models import Client, JobItem, Site
from planado_async.sync.delivery_log import latest
from planado_async.webhooks.inbox import Entity, Inbox

Record: TypeAlias = JobItem | Client | Site


class Missing(NamedTuple):
    """An entity to fetch anew, for an event of it up to this version was lost."""

    entity_type: str
    uuid: str
    version: int | None = None


@attrs.frozen(kw_only=True)
class Window:
    """What a comparison is about: changes of these event types after `since`.

    What was changed after `horizon` is left for the next one: its event may be on its way.
    """

    event_types: Collection[str]
    since: datetime
    horizon: datetime


@attrs.define(kw_only=True)
class Comparison:
    """What a comparison has found so far.

    `newest` is the last change that was compared, `missed_at` the last of those that were missed.
    """

    newest: datetime
    missing: list[Missing] = attrs.field(factory=list)
    missed_at: datetime | None = None


def sends(event_types: Collection[str], kind: str, verb: str) -> bool:
    """Tell whether a webhook of these types sends such an event; one that names none sends all."""
    return not event_types or f"{kind}_{verb}" in event_types


async def compare(planado: Planado, inbox: Inbox, window: Window) -> Comparison:
    """Walk over what was changed and return what the inbox has not seen.

    A kind whose webhook does not send every update is left out.
    """
    comparison = Comparison(newest=window.since)
    async for kind, page in _changed(planado, window):
        versions = await inbox.versions([Entity(kind, record.uuid) for record in page])
        _compare_page(kind, page, versions, window, comparison)
    return comparison


async def _changed(planado: Planado, window: Window) -> AsyncIterator[tuple[str, Sequence[Record]]]:
    if sends(window.event_types, "job", "updated"):
        async for jobs in planado.jobs.list(updated_after=window.since).pages():
            yield "job", jobs
    if sends(window.event_types, "client", "updated"):
        async for clients in planado.clients.list(updated_after=window.since).pages():
            yield "client", clients
    if sends(window.event_types, "site", "updated"):
        async for sites in planado.sites.list(updated_after=window.since).pages():
            yield "site", sites


def _compare_page(
    kind: str,
    page: Sequence[Record],
    versions: Mapping[Entity, tuple[int, int]],
    window: Window,
    comparison: Comparison,
) -> None:
    for record in page:
        known = versions.get(Entity(kind, record.uuid))
        if is_missed(kind, record, known, window):
            comparison.missing.append(Missing(kind, record.uuid, record.version))
            comparison.missed_at = latest(record.updated_at, comparison.missed_at)
        if record.updated_at and record.updated_at <= window.horizon:
            comparison.newest = max(comparison.newest, record.updated_at)


def is_missed(kind: str, record: Record, known: tuple[int, int] | None, window: Window) -> bool:
    """Tell whether an inbox lacks the last event of a record, or the first one of a new record.

    `known` is the lowest and the highest version that it has seen.
    """
    version = record.version or 1
    settled = record.updated_at is None or record.updated_at <= window.horizon
    if settled and (known is None or version > known[1]):
        return sends(window.event_types, kind, "created" if version == 1 else "updated")
    is_new = record.created_at and window.since < record.created_at <= window.horizon
    begins_later = bool(is_new) and known is not None and known[0] > 1
    return begins_later and sends(window.event_types, kind, "created")
