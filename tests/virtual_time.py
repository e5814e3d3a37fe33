"""An event loop whose clock jumps to the next timer when nothing else is left to do.

Client, server and limiter run over real loopback sockets while hours pass in milliseconds. Before a
jump the loop listens to its sockets for a moment of real time, so an answer on its way is not
overtaken by a timer. Threads are not seen: a test that needs them is marked `real_time`.
"""

import asyncio
import selectors
from typing import Any

_LISTEN = 0.002  # real seconds given to the sockets before the clock jumps


class _JumpingSelector(selectors.DefaultSelector):
    """Advances `loop` by the time it would have waited."""

    loop: "VirtualTimeLoop"

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        ready = super().select(min(timeout, _LISTEN))
        if not ready:
            self.loop.advance(timeout)
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """A selector loop that starts at 1,000 s and moves only by jumps."""

    def __init__(self) -> None:
        selector = _JumpingSelector()
        selector.loop = self
        self._now = 1000.0
        super().__init__(selector)

    def time(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += seconds
