"""What tests of a bot or service need: events as Planado sends them, and a sender of them.

The fixtures of `planado_async.pytest_plugin` give both; without pytest they are used as they are.
"""

from planado_async.testing.deliver import Deliver
from planado_async.testing.events import EventFactory

__all__ = ["Deliver", "EventFactory"]
