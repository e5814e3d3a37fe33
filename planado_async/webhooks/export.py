"""Deliveries as JSON lines, for a look with other tools or to be kept elsewhere."""

import asyncio
import base64
import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeAlias, Unpack

import attrs
import orjson

from planado_async.webhooks.inbox import Delivery, Filter, Run

Target: TypeAlias = str | Path | BinaryIO

PAGE = 50
"""Deliveries held in memory at once, each with its body."""
_OF_A_RUN = ("handler", "state", "attempt", "crashes", "due_at", "error", "stale", "dropped")


class Source(Protocol):
    """Lists deliveries and their runs; every inbox does."""

    async def deliveries(
        self, *, after: int = 0, limit: int = 100, **which: Unpack[Filter]
    ) -> Sequence[Delivery]:
        """Return a page of deliveries."""
        ...

    async def runs(self, event_uuid: str) -> Sequence[Run]:
        """Return the runs of a delivery."""
        ...


async def export(source: Source, target: Target, **which: Unpack[Filter]) -> int:
    """Write a line for each delivery to a path or a binary file; return how many.

    A file at that path is replaced. A new one can be read by its owner only: bodies name people.
    """
    with ExitStack() as stack:
        file = stack.enter_context(_opened(target)) if isinstance(target, str | Path) else target
        count, after = 0, 0
        while page := await source.deliveries(after=after, limit=PAGE, **which):
            lines = [line(one, await source.runs(one.event_uuid)) for one in page]
            await asyncio.to_thread(file.write, b"".join(lines))
            count, after = count + len(page), page[-1].seq
    return count


def _opened(path: str | Path) -> BinaryIO:
    return open(path, "wb", opener=lambda name, flags: os.open(name, flags, 0o600))


def line(delivery: Delivery, runs: Sequence[Run]) -> bytes:
    """Return a delivery and its runs as one line; the body is `body` or, in base64, `body_base64`.

    Moments are epoch seconds.
    """
    told: dict[str, Any] = attrs.asdict(delivery, filter=lambda field, _: field.name != "body")
    told |= _body(delivery.body)
    told["runs"] = [{name: getattr(run, name) for name in _OF_A_RUN} for run in runs]
    return orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE)


def _body(body: bytes) -> dict[str, str]:
    try:
        return {"body": body.decode("utf-8")}
    except UnicodeDecodeError:
        return {"body_base64": base64.b64encode(body).decode("ascii")}
