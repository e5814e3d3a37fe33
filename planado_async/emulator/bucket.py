"""The call budget: a leaky bucket. Every accepted call adds one; the bucket leaks all the while."""

# Sums of float leaks miss whole numbers by a hair; a call must not be refused for that.
ROUNDING = 1e-9


class Bucket:
    """One key's budget. Times are seconds of any clock that only moves forward."""

    def __init__(self, capacity: float, leak: float) -> None:
        self.capacity: float = capacity
        self.leak: float = leak
        self.highest: float = 0.0
        self._level = 0.0
        self._at = 0.0

    def level(self, now: float) -> float:
        """How full the bucket is at `now`."""
        return max(0.0, self._level - (now - self._at) * self.leak)

    def offer(self, now: float) -> bool:
        """Takes one call in, or refuses it and stays as it is."""
        level = self.level(now) + 1
        if level > self.capacity + ROUNDING:
            return False
        self._level, self._at = level, now
        self.highest = max(self.highest, level)
        return True

    def change(self, now: float, capacity: float, leak: float) -> None:
        """Gives the bucket another size and leak; what is in it stays."""
        self._level, self._at = self.level(now), now
        self.capacity, self.leak = capacity, leak
