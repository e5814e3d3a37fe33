"""Failures of Planday's half on order: which calls they strike, how often, and how.

A fault strikes the calls that match its method and path, until its count is used up. The path is
a glob over `/hr/v1.0/employees` and the like, in lower case, or `/connect/token`. Among several,
the one ordered first strikes.
"""

from fnmatch import fnmatchcase
from random import Random
from typing import Any

from attrs import asdict, define, field

from planado_async.emulator.checks import Rule, boolean, number, one_of, read, text, whole
from planado_async.emulator.errors import invalid, not_found
from planado_async.emulator.records import Json

# Struck before the call is counted in the windows, so it leaves no trace there.
UNCOUNTED = ("refuse_429", "cut_before")
PAGING = ("no_total", "no_paging", "wrong_total")
KINDS = (*UNCOUNTED, *PAGING, "status", "not_json", "delay", "cut_after")
PAGE = "<html><body><h1>{status}</h1><p>Server error</p></body></html>"


@define(kw_only=True)
class Fault:
    """A failure on order. `struck` counts how often it has happened.

    `body` and `status` are of the kinds `status` and `not_json` (an HTML page under 200), which
    carry the call out if `execute` is true. `seconds`: real ones of `delay`, emulated ones until
    the reset that `refuse_429` tells if `headers` is true. `total` is what `wrong_total` claims.
    """

    number: int
    kind: str
    count: int | None = 1
    probability: float = 1.0
    method: str | None = None
    path: str = "*"
    status: int = 500
    body: str | None = None
    seconds: float = 1.0
    execute: bool = False
    headers: bool = True
    total: int = 0
    struck: int = field(default=0, init=False)

    @property
    def text(self) -> str:
        """The page it shows."""
        return PAGE.format(status=self.status) if self.body is None else self.body

    def fits(self, method: str, path: str) -> bool:
        """Whether it is meant for a call."""
        return self.method in (None, method) and fnmatchcase(path, self.path.lower())

    def strikes(self, random: Random) -> bool:
        """Whether it happens this time; if so, it is used up by one."""
        if self.struck == self.count or random.random() >= self.probability:
            return False
        self.struck += 1
        return True


RULES = {
    "kind": Rule(one_of(*KINDS), required=True),
    "count": Rule(whole(1), nullable=True),
    "probability": Rule(number(0, 1)),
    "method": Rule(one_of("GET", "POST", "PUT", "DELETE"), nullable=True),
    "path": Rule(text(500)),
    "status": Rule(whole(400, 599)),
    "body": Rule(text(100_000), nullable=True),
    "seconds": Rule(number(0, 1e6)),
    "execute": Rule(boolean),
    "headers": Rule(boolean),
    "total": Rule(whole()),
}


class Faults:
    """The failures that are on order."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._faults: dict[int, Fault] = {}
        self._last = 0

    def order(self, body: dict[str, Any]) -> Fault:
        """Takes an order for a failure."""
        values, errors = read(RULES, body, creating=True)
        errors |= {name: ["is no part of a fault"] for name in body if name not in RULES}
        if errors:
            raise invalid(errors)
        self._last += 1
        self._faults[self._last] = fault = Fault(number=self._last, **values)
        return fault

    def cancel(self, number: int | None = None) -> None:
        """Takes back one order, or all."""
        if number is None:
            self._faults.clear()
        elif self._faults.pop(number, None) is None:
            raise not_found()

    def for_call(self, method: str, path: str) -> Fault | None:
        """The fault that strikes a call."""
        fitting = (fault for fault in self._faults.values() if fault.fits(method, path))
        return next((fault for fault in fitting if fault.strikes(self._random)), None)

    def view(self) -> list[Json]:
        """The orders as JSON."""
        return [asdict(fault) for fault in self._faults.values()]
