"""A local stand-in for Planado and Planday over real HTTP, for tests, demos and development.

It imports nothing of the rest of the package, so that the two can disagree.
"""

from planado_async.emulator.emulator import Emulator
from planado_async.emulator.errors import EmulatorError

__all__ = ["Emulator", "EmulatorError"]
