"""What is told of a call, and to whom: nothing in here that a log or a trace must not show.

A call is told by its route, a failure by its class, an answer by its status and the headers listed
here. So names, telephone numbers, addresses, keys and the ids in paths cannot get into it.
"""

import logging
import re
import traceback
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from typing import Literal, Protocol, Self, TypeVar

from attrs import field, frozen

from planado_async.core.errors import REQUEST_ID_HEADER, PlanadoError

SHOWN_HEADERS = (REQUEST_ID_HEADER, "Retry-After")
"""The headers of an answer that are told. Of requests none is, and of bodies nothing."""

_PLAIN = re.compile(r"[\w .,:;=+/-]{1,100}", re.ASCII)  # what a told header may look like

_log = logging.getLogger("planado_async")

T = TypeVar("T")
Kind = Literal["refusal", "retry", "look_up"]


@frozen(kw_only=True)
class Begun:
    """A call that begins."""

    id: str
    """Names this call in the log: eight hexadecimal digits, drawn at random."""
    method: str
    route: str
    """The path with names in place of ids."""
    host: str
    port: int


@frozen(kw_only=True)
class Failed:
    """A try that failed, though the call may go on."""

    kind: Kind
    """The server said "too many calls"; another try follows; what it left behind is looked up."""
    error: str
    """The error's class."""
    attempts: int
    """Tries so far; refusals do not count."""
    retry_after: float | None
    """Seconds the server asked to wait, where it did."""

    @classmethod
    def by(cls, error: PlanadoError, kind: Kind, attempts: int) -> Self:
        """Return what is told of an error."""
        return cls(
            kind=kind, error=type(error).__name__, attempts=attempts, retry_after=error.retry_after
        )


@frozen(kw_only=True)
class Ended:
    """A call that has ended; seconds are floats."""

    error: str | None
    """The error's class, None if all went well."""
    status: int | None
    """Of the last answer, None if there was none."""
    headers: Mapping[str, str] = field(factory=dict)
    """Those of `SHOWN_HEADERS` that the last answer had."""
    attempts: int
    refusals: int
    queued: float
    """Seconds spent waiting for the budget."""
    waited: float
    """Seconds spent waiting for the budget and between tries."""
    seconds: float
    """From beginning to end."""

    def __str__(self) -> str:
        status = () if self.status is None else (f"status {self.status}",)
        return ", ".join(
            [
                self.error or "ok",
                *status,
                f"attempts {self.attempts}",
                f"refusals {self.refusals}",
                f"waited {self.waited:.3f} s",
                f"took {self.seconds:.3f} s",
                *(f"{name}: {value}" for name, value in self.headers.items()),
            ]
        )


class CallObserver(Protocol):
    """Is told what becomes of one call."""

    def failed(self, failed: Failed) -> object:
        """Take note of a try that failed, though the call may go on."""
        ...

    def ended(self, ended: Ended) -> object:
        """Take note of the end; it comes once, before the context is left."""
        ...


class Telemetry(Protocol):
    """Is told of every call; `planado_async.core.otel.OpenTelemetry` is one."""

    def call(self, begun: Begun) -> AbstractContextManager[CallObserver]:
        """Return a context that is entered before a call and left after it, in the same task.

        It is left as if nothing had been raised: an error's text may quote what was sent.
        """
        ...


def shown(headers: Mapping[str, str]) -> dict[str, str]:
    """Return those of an answer's headers that may be told."""
    found = {name: headers[name] for name in SHOWN_HEADERS if name in headers}
    return {name: value for name, value in found.items() if _PLAIN.fullmatch(value)}


class Guard:
    """Tells a telemetry of calls; one that fails is told of no more, and no call fails with it."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry: Telemetry | None = telemetry

    def call(self, begun: Begun) -> "Watch":
        """Return the context around one call."""
        return Watch(self, begun)

    def enter(self, begun: Begun, stack: ExitStack) -> CallObserver | None:
        """Enter the telemetry's own context of a call; `stack` leaves it."""
        telemetry = self._telemetry
        if telemetry is None:
            return None
        return self.tell(lambda: stack.enter_context(telemetry.call(begun)))

    def tell(self, fn: Callable[[], T]) -> T | None:
        """Return what `fn` returns, None if it fails."""
        try:
            return fn()
        except Exception as failure:
            self._give_up(failure)
            return None

    def _give_up(self, failure: Exception) -> None:
        if self._telemetry is not None:
            self._telemetry = None
            # Neither its text nor what was raised before it: that may be an answer quoting names.
            _log.error(
                "telemetry= failed and is told of no more calls; they go on: %s\n%s",
                type(failure).__name__,
                "".join(traceback.format_tb(failure.__traceback__)),
            )


class Watch:
    """The context around one call, in which its observer is told without a risk."""

    def __init__(self, guard: Guard, begun: Begun) -> None:
        self._guard = guard
        self._begun = begun
        self._stack = ExitStack()
        self._observer: CallObserver | None = None

    def __enter__(self) -> Self:
        self._observer = self._guard.enter(self._begun, self._stack)
        return self

    def __exit__(self, *_: object) -> None:
        self._guard.tell(self._stack.close)

    def failed(self, failed: Failed) -> None:
        """Tell of a try that failed, though the call may go on."""
        if observer := self._observer:
            self._guard.tell(lambda: observer.failed(failed))

    def ended(self, ended: Ended) -> None:
        """Tell of the end."""
        if observer := self._observer:
            self._guard.tell(lambda: observer.ended(ended))
