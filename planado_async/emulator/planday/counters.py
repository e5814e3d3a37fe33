"""What has happened at Planday's half so far, in numbers."""

from collections import Counter
from typing import Any

from attrs import asdict, define, field

Tally = Counter[str]
PLAIN = ("calls", "refusals", "unauthorised")


@define
class Counters:
    """Counts of calls.

    `calls` are REST calls that were let through and answered, `refusals` those answered 429 and
    `unauthorised` those answered 401. `routes` and `statuses` count answered REST calls, by
    `GET /hr/v1.0/employees/{employeeId}` and by number, `faults` the failures on order that have
    struck. `tokens` counts what the identity host answered apps: `issued`, `withdrawn`, or its
    word for an error.
    """

    calls: int = 0
    refusals: int = 0
    unauthorised: int = 0
    routes: Tally = field(factory=Counter[str])
    statuses: Tally = field(factory=Counter[str])
    faults: Tally = field(factory=Counter[str])
    tokens: Tally = field(factory=Counter[str])

    def view(self) -> dict[str, Any]:
        """The counts as JSON."""
        return {name: told if name in PLAIN else dict(told) for name, told in asdict(self).items()}
