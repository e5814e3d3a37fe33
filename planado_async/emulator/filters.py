"""Filters of lists by time: `name[after]` and `name[before]`, both strict, each optional."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from planado_async.emulator.calls import Call

Test = Callable[[Any], bool]


def between(call: Call, *names: str) -> Test:
    """A test of records for all the moments that the query bounds."""
    tests = [test for name in names for test in _bounds(call, name)]
    return lambda record: all(test(record) for test in tests)


def _bounds(call: Call, name: str) -> list[Test]:
    after, before = call.moment(f"{name}[after]"), call.moment(f"{name}[before]")
    return [_test(name, after, before)] if after or before else []


def _test(name: str, after: datetime | None, before: datetime | None) -> Test:
    def test(record: object) -> bool:
        at: datetime | None = getattr(record, name)
        return at is not None and not (after and at <= after) and not (before and at >= before)

    return test
