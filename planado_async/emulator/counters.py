"""What has happened so far, in numbers."""

from collections import Counter
from typing import Any

from attrs import define, field

Tally = Counter[str]


@define
class Counters:
    """Counts of calls, refusals, deliveries, pushes and events.

    `calls` are those that were let through and answered, `refused` those answered as one too
    many. `routes` and `statuses` count answered calls; `attempts` counts sent deliveries by their
    attempt's number, `outcomes` by how they ended.
    """

    calls: int = 0
    refused: int = 0
    unauthorised: int = 0
    routes: Tally = field(factory=Counter[str])
    statuses: Tally = field(factory=Counter[str])
    faults: Tally = field(factory=Counter[str])
    attempts: Tally = field(factory=Counter[str])
    outcomes: Tally = field(factory=Counter[str])
    pushes: Tally = field(factory=Counter[str])
    events: Tally = field(factory=Counter[str])

    def count_push(self, sent: bool) -> None:
        """Counts a push to the assignees' phones, or one that was asked not to be sent."""
        self.pushes["sent" if sent else "suppressed"] += 1

    def view(self) -> dict[str, Any]:
        """The counts as JSON; what is always there is there even at nought."""
        return {
            "calls": self.calls,
            "refusals": self.refused,
            "unauthorised": self.unauthorised,
            "routes": dict(self.routes),
            "statuses": dict(self.statuses),
            "faults": dict(self.faults),
            "deliveries": {
                "attempts": dict(self.attempts),
                "outcomes": {
                    **dict.fromkeys(("sent", "failed", "dropped", "repeated", "reordered"), 0),
                    **self.outcomes,
                },
            },
            "pushes": {"sent": 0, "suppressed": 0, **self.pushes},
            "events": dict(self.events),
        }
