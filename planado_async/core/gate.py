"""What a refusal teaches, and when calls may go on: pure decisions.

    open ──refusal──► closed ──in time──► proving: one call goes out, a probe ──answered──► open
                        ▲                                │
                        └────────────refused─────────────┘

All times are seconds of one clock, all levels calls in the bucket.
"""

from math import floor, inf

from attrs import evolve, field, frozen

MARGIN = 5.0
"""Calls by which the server's bucket is taken to be larger than what is put in: room for calls that
the network delivers late. A bucket found full is full by its own size, so the margin comes back."""

TELLS_FROM = 8
"""Calls that must have been accepted before a refusal for it to tell the size of the bucket. Fewer
say that it was full before, as after a restart."""

LEARNED_FOR = 4 * 3600.0
"""Seconds for which a learned burst holds: it may come from somebody else's calls with this key."""


@frozen(kw_only=True)
class Turn:
    """The right to send one call, given back with `release`."""

    level: float = 0.0
    """Calls in the bucket before this one."""
    probe: bool = False
    """Whether all others wait to see if this one is refused."""


@frozen(kw_only=True)
class Gate:
    """What the refusals so far have taught."""

    closed_until: float = 0.0
    proving: bool = field(default=False, converter=bool)
    probe_until: float = 0.0
    """A probe is out; should its sender have died, the next one goes at this time."""
    refusals: int = 0
    learned: float | None = None
    learned_at: float = 0.0
    refused: int = 0
    """Calls refused since the gate closed, the probe not among them."""
    lowest: float = 0.0
    """The lowest level that one of them found, and the highest."""
    highest: float = 0.0
    teaches: bool = field(default=False, converter=bool)
    """Whether it may have been the size of the bucket that stopped the calls."""

    def halt(self, now: float) -> float:
        """Return the seconds for which nobody may send."""
        return max(0.0, self.closed_until - now)

    def wait(self, now: float) -> float:
        """Return the seconds after which to look again, 0 if a call may go."""
        awaited = self.probe_until - now if self.proving else 0.0
        return max(self.halt(now), awaited)

    def learned_burst(self, now: float) -> float | None:
        """Return the burst that refusals have taught, None if none did lately."""
        return None if now >= self.learned_at + LEARNED_FOR else self.learned

    def burst(self, setting: float, now: float) -> float:
        """Return how many calls the bucket may hold."""
        learned = self.learned_burst(now)
        return setting if learned is None else min(setting, learned)

    def sent(self, now: float, lease: float) -> "Gate":
        """Let a call out, as a probe if a refusal has to be cleared up."""
        return evolve(self, probe_until=now + lease) if self.proving else self

    def paused(self, now: float, seconds: float) -> "Gate":
        """Close for a while though nothing was refused."""
        return evolve(self, closed_until=max(self.closed_until, now + seconds))

    def released(self, turn: Turn, now: float, *, answered: bool) -> "Gate":
        """Take a call back. Only an answer to the probe opens; without one, another follows."""
        if not turn.probe:
            return self
        gate = evolve(self, probe_until=0.0)
        return evolve(gate, proving=False)._taught(now) if self.proving and answered else gate

    def refuse(self, turn: Turn, now: float, *, halt: float, teaches: bool) -> "Gate":
        """Close for `halt` seconds; `teaches` says that there is a bucket to learn about."""
        known = (
            self
            if self.proving
            else evolve(self, refused=0, highest=0.0, lowest=inf, teaches=teaches)
        )
        gate = evolve(
            known,
            closed_until=max(self.closed_until, now + halt),
            proving=True,
            refusals=self.refusals + 1,
        )
        if turn.probe:  # the bucket has had time to leak, so it is not its size
            return evolve(gate, probe_until=0.0, teaches=False)
        return evolve(
            gate,
            refused=known.refused + 1,
            lowest=min(known.lowest, turn.level),
            highest=max(known.highest, turn.level),
        )

    def _taught(self, now: float) -> "Gate":
        """Learn what the bucket holds: the calls that were in it before the first one refused."""
        accepted = self.highest + 1 - self.refused
        if not self.teaches or accepted < TELLS_FROM:
            return self
        known, found = self.learned_burst(now), max(1.0, floor(self.lowest) - MARGIN)
        learned = found if known is None else min(known, found)
        return evolve(self, learned=learned, learned_at=now)
