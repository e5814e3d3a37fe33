"""What the tests of webhooks make things with."""

import asyncio
from typing import Any

import orjson

from planado_async.webhooks.inbox import Delivery
from planado_async.webhooks.intake import delivery_of

SECRET = "s3cret"
HEADERS = ((b"X-Planado-Secret", SECRET.encode()), (b"X-Planado-Delivery-Attempt", b"1"))


class Clock:
    """Epoch seconds that stand still until a test moves them."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


class LoopClock:
    """Epoch seconds that go with the loop, so that virtual time moves them."""

    def __call__(self) -> float:
        return 1_700_000_000.0 + asyncio.get_running_loop().time()


def body(
    event_uuid: str = "e1",
    event_type: str = "job_updated",
    *,
    entity: str = "j1",
    version: int | None = 1,
    **more: Any,
) -> bytes:
    """Return the body of a webhook; `more` goes into the entity."""
    kind = event_type.partition("_")[0]
    snapshot = {"uuid": entity, "version": version} | more
    context = {"source": "mobile", "happened_at": "2026-02-03T08:01:00.120+00:00"}
    return orjson.dumps(
        {"event_uuid": event_uuid, "event_type": event_type, "context": context, kind: snapshot}
    )


def delivery(
    event_uuid: str = "e1",
    event_type: str = "job_updated",
    *,
    entity: str = "j1",
    version: int | None = 1,
    received_at: float = 0.0,
) -> Delivery:
    """Return a delivery as the receiver makes it."""
    made = body(event_uuid, event_type, entity=entity, version=version)
    return delivery_of(HEADERS, made, received_at)
