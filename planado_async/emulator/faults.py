"""Failures on order: which calls or deliveries they strike, how often, and what they need to know.

A fault strikes the calls that match its method and path (a glob over what follows /v2), or the
deliveries whose event type matches its glob, each with its probability, until its count is used up.
Among several, the one ordered first strikes.
"""

from fnmatch import fnmatchcase
from random import Random
from typing import Any

from attrs import asdict, define, field

from planado_async.emulator.checks import (
    Check,
    InvalidError,
    Rule,
    boolean,
    number,
    one_of,
    read,
    text,
    whole,
)
from planado_async.emulator.errors import invalid, not_found
from planado_async.emulator.records import Json

# Struck before the call is counted in the budget, so it leaves no trace there.
UNCOUNTED = ("refuse_429", "refuse_200", "cut_before")
CALL_KINDS = (*UNCOUNTED, "status", "delay", "cut_after", "not_json", "delete_cursor")
DELIVERY_KINDS = ("delivery_drop", "delivery_repeat", "delivery_reorder")
PAGE = "<html><body><h1>{status}</h1><p>Something went wrong.</p></body></html>"


@define(kw_only=True)
class Fault:
    """A failure on order. `struck` counts how often it has happened."""

    uuid: str
    kind: str
    count: int | None = 1
    probability: float = 1.0
    method: str | None = None
    path: str = "*"
    event_type: str = "*"
    status: int = 503
    body: str | None = None
    seconds: float = 1.0
    execute: bool = False
    retry_after: float | str | None = None
    logged: bool = True
    struck: int = field(default=0, init=False)

    @property
    def text(self) -> str:
        """The page that an answer of the kinds `status` and `not_json` shows."""
        return PAGE.format(status=self.status) if self.body is None else self.body

    def fits_call(self, method: str, path: str, cursor: bool) -> bool:
        """Whether it is meant for a call."""
        return (
            self.kind in CALL_KINDS
            and (cursor or self.kind != "delete_cursor")
            and self.method in (None, method)
            and fnmatchcase(path, self.path)
        )

    def fits_delivery(self, event_type: str) -> bool:
        """Whether it is meant for a delivery."""
        return self.kind in DELIVERY_KINDS and fnmatchcase(event_type, self.event_type)

    def strikes(self, random: Random) -> bool:
        """Whether it happens this time; if so, it is used up by one."""
        if self.struck == self.count or random.random() >= self.probability:
            return False
        self.struck += 1
        return True


def _retry_after(value: object) -> float | str:
    check: Check = text(100) if isinstance(value, str) else number(-1e9, 1e9)
    given: float | str = check(value)
    if isinstance(given, str) and not (given.isascii() and given.isprintable()):
        raise InvalidError("must be printable")
    return given


RULES = {
    "kind": Rule(one_of(*CALL_KINDS, *DELIVERY_KINDS), required=True),
    "count": Rule(whole(1), nullable=True),
    "probability": Rule(number(0, 1)),
    "method": Rule(one_of("GET", "POST", "PATCH", "DELETE"), nullable=True),
    "path": Rule(text(500)),
    "event_type": Rule(text(100)),
    "status": Rule(whole(400, 599)),
    "body": Rule(text(100_000), nullable=True),
    "seconds": Rule(number(0, 1e6)),
    "execute": Rule(boolean),
    "retry_after": Rule(_retry_after, nullable=True),
    "logged": Rule(boolean),
}


class Faults:
    """The failures that are on order."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._faults: dict[str, Fault] = {}

    def order(self, uuid: str, body: dict[str, Any]) -> Fault:
        """Takes an order for a failure."""
        values, errors = read(RULES, body, creating=True)
        errors |= {name: ["is no part of a fault"] for name in body if name not in RULES}
        if errors:
            raise invalid(errors)
        self._faults[uuid] = fault = Fault(uuid=uuid, **values)
        return fault

    def cancel(self, uuid: str | None = None) -> None:
        """Takes back one order, or all."""
        if uuid is None:
            self._faults.clear()
        elif self._faults.pop(uuid, None) is None:
            raise not_found()

    def for_call(self, method: str, path: str, *, cursor: bool) -> Fault | None:
        """The fault that strikes a call; `cursor` says whether it asks for a further page."""
        fitting = (each for each in self._faults.values() if each.fits_call(method, path, cursor))
        return next((each for each in fitting if each.strikes(self._random)), None)

    def for_delivery(self, event_type: str) -> Fault | None:
        """The fault that strikes a delivery."""
        fitting = (each for each in self._faults.values() if each.fits_delivery(event_type))
        return next((each for each in fitting if each.strikes(self._random)), None)

    def view(self) -> list[Json]:
        """The orders as JSON."""
        return [asdict(each) for each in self._faults.values()]
