"""Storms of log lines."""

import pytest

from planado_async.webhooks.bounded_log import BoundedLog


def test_lines_of_one_kind_come_every_ten_seconds(caplog: pytest.LogCaptureFixture) -> None:
    """A storm makes a line per kind and ten seconds, with the number left out."""
    now = [0.0]
    bounded = BoundedLog(lambda: now[0])
    for _ in range(50):
        bounded.warning("answered 401", "no")
        bounded.warning("answered 413", "big")
        now[0] += 0.1
    assert len(caplog.records) == 2
    now[0] = 10.0
    bounded.warning("answered 401", "no")
    assert "49 more" in caplog.records[-1].getMessage()
    assert len(caplog.records) == 3
