"""Storms of log lines."""

import logging

import pytest

from planado_async.webhooks.bounded_log import BoundedLog


def test_lines_of_one_kind_come_every_ten_seconds(caplog: pytest.LogCaptureFixture) -> None:
    """A storm makes a line per kind and ten seconds, with the number left out."""
    now = [0.0]
    bounded = BoundedLog(clock=lambda: now[0])
    for _ in range(50):
        bounded.warning("answered 401", "no")
        bounded.warning("answered 413", "big")
        now[0] += 0.1
    assert len(caplog.records) == 2
    now[0] = 10.0
    bounded.warning("answered 401", "no")
    assert "49 more" in caplog.records[-1].getMessage()
    assert len(caplog.records) == 3


def test_lines_go_to_the_log_of_their_part(caplog: pytest.LogCaptureFixture) -> None:
    """Each part of the package gives its own log; where it gives none it is that of webhooks."""
    BoundedLog(logging.getLogger("planado_async.sync")).warning("kind", "why")
    BoundedLog().warning("kind", "why")
    names = [record.name for record in caplog.records]
    assert names == ["planado_async.sync", "planado_async.webhooks"]
