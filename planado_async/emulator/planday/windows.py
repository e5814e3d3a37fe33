"""The limits of calls: fixed windows of a second and a minute, for each portal and for each App ID.

Limits and headers: https://openapi.planday.com/gettingstarted/rate-limiting/
"""

from collections.abc import Iterable
from math import ceil

from attrs import evolve, frozen

from planado_async.emulator.planday.settings import PlandaySettings

SECOND, MINUTE = 1, 60

Key = tuple[str, int | str, int]


@frozen
class Window:
    """How one window stands; `resets_in` is emulated seconds."""

    limit: int
    per: int
    used: int
    resets_in: float

    @property
    def remaining(self) -> int:
        """The calls it still has room for."""
        return max(0, self.limit - self.used)


@frozen
class Standing:
    """How the four windows of a call stand, and whether they have let it in."""

    accepted: bool
    windows: tuple[Window, ...]

    def resets_in(self, speed: float) -> int:
        """Whole real seconds until the window nearest to exhaustion resets."""
        return ceil(self._nearest.resets_in / speed)

    def headers(self, speed: float) -> dict[str, str]:
        """The headers of every answer; they tell of the window nearest to exhaustion."""
        policies = ", ".join(f"{window.limit};w={window.per}" for window in self.windows)
        return {
            "x-ratelimit-limit": f"{self._nearest.limit}, {policies}",
            "x-ratelimit-remaining": str(self._nearest.remaining),
            "x-ratelimit-reset": str(self.resets_in(speed)),
        }

    @property
    def _nearest(self) -> Window:
        return min(self.windows, key=lambda window: window.remaining)


class Windows:
    """Counts the calls of all portals and apps. Times are seconds of the epoch."""

    def __init__(self) -> None:
        # The number of the window last counted in, and the calls in it.
        self._counts: dict[Key, tuple[int, int]] = {}

    def offer(self, portal_id: int, app_id: str, settings: PlandaySettings, now: float) -> Standing:
        """Takes one call in, if all four windows have room for it."""
        keys = _keys(portal_id, app_id)
        before = self._look(keys, settings, now)
        accepted = all(window.remaining for window in before)
        if not accepted and not settings.count_refused:
            return Standing(False, before)
        for key, window in zip(keys, before, strict=True):
            self._counts[key] = (int(now // window.per), window.used + 1)
        return Standing(accepted, self._look(keys, settings, now))

    def stranger(self, settings: PlandaySettings, now: float) -> Standing:
        """How the windows stand for a caller of whom nothing is known: nobody counts him."""
        return Standing(True, self._look(_keys(0, ""), settings, now))

    def spent(self, settings: PlandaySettings, resets_in: float) -> Standing:
        """How the windows stand if a portal's second is used up, and lasts so long still."""
        first, *others = self.stranger(settings, 0.0).windows
        return Standing(False, (evolve(first, used=first.limit, resets_in=resets_in), *others))

    def _look(
        self, keys: Iterable[Key], settings: PlandaySettings, now: float
    ) -> tuple[Window, ...]:
        limits = (
            settings.portal_per_second,
            settings.portal_per_minute,
            settings.client_per_second,
            settings.client_per_minute,
        )
        return tuple(self._one(key, limit, now) for key, limit in zip(keys, limits, strict=True))

    def _one(self, key: Key, limit: int, now: float) -> Window:
        per = key[2]
        number = int(now // per)
        counted_in, used = self._counts.get(key, (number, 0))
        return Window(limit, per, used if counted_in == number else 0, (number + 1) * per - now)


def _keys(portal_id: int, app_id: str) -> tuple[Key, ...]:
    owners: tuple[tuple[str, int | str], ...] = (("portal", portal_id), ("client", app_id))
    return tuple((kind, owner, per) for kind, owner in owners for per in (SECOND, MINUTE))
