"""One call to the API, read and ready to be carried out, and its answer."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, cast

import orjson
from attrs import frozen

from planado_async.emulator.checks import InvalidError, moment
from planado_async.emulator.deliveries import Deliveries
from planado_async.emulator.errors import EmulatorError, invalid
from planado_async.emulator.records import Json, Origin
from planado_async.emulator.state import State

# Deeper nesting than any body needs; a writer of JSON gives up at a few hundred levels.
DEPTH = 64


@frozen(kw_only=True)
class Call:
    """A call that has passed the gate."""

    state: State
    deliveries: Deliveries
    params: Mapping[str, str]
    query: Mapping[str, str]
    body: Json
    trigger_webhooks: bool = False
    notify_assignees: bool = True

    @property
    def id(self) -> str:
        """The id in the path."""
        return self.params["id"]

    @property
    def origin(self) -> Origin:
        """Says that a change came through the API."""
        return Origin(
            source="api",
            happened_at=self.state.clock.now(),
            trigger_webhooks=self.trigger_webhooks,
            notify_assignees=self.notify_assignees,
        )

    def moment(self, name: str) -> datetime | None:
        """A moment in the query, None if it is not given."""
        if name not in self.query:
            return None
        try:
            given: datetime = moment(self.query[name])
        except InvalidError as refused:
            raise invalid({name: refused.messages}) from None
        return given

    def check_version(self, current: int) -> None:
        """In strict mode, refuses a write that was made from another version."""
        given = self.body.get("version", current)
        if self.state.settings.strict_version and given != current:
            raise EmulatorError(409, f"Version is {current}")


@frozen
class Answer:
    """What a call is answered with."""

    status: int
    body: Json | None = None


@frozen
class Route:
    """Where a call is carried out."""

    method: str
    path: str
    run: Callable[[Call], Answer]


def parse(raw: bytes) -> Json:
    """A body as a JSON object, whatever content type it came with."""
    try:
        body: Any = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise EmulatorError(400, "Request body is not JSON") from None
    if not isinstance(body, dict):
        raise EmulatorError(400, "Request body must be a JSON object")
    found = cast(Json, body)
    _refuse_oddities(found)
    return found


def _refuse_oddities(body: Json) -> None:
    """Refuses what JSON allows but no database or writer would take."""
    layer: list[Any] = [body]
    for _ in range(DEPTH):
        inner: list[Any] = []
        for value in layer:
            if isinstance(value, dict):
                inner += [*value, *value.values()]
            elif isinstance(value, list):
                inner += value
            elif isinstance(value, str) and "\0" in value:
                raise EmulatorError(400, "Request body holds a NUL character")
        if not inner:
            return
        layer = inner
    raise EmulatorError(400, "Request body is nested too deeply")
