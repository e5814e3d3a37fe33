import pytest

from planado_async.emulator.planday.settings import PlandaySettings
from planado_async.emulator.planday.windows import Windows

SMALL = PlandaySettings(
    portal_per_second=2, portal_per_minute=4, client_per_second=3, client_per_minute=5
)


def offers(windows: Windows, portal: int, app: str, *moments: float) -> list[bool]:
    return [windows.offer(portal, app, SMALL, moment).accepted for moment in moments]


def test_a_second() -> None:
    """A portal's second holds its calls and no more; the next whole second is empty again."""
    assert offers(Windows(), 1, "a", 10.2, 10.6, 10.999, 11.0) == [True, True, False, True]


def test_a_minute() -> None:
    """The minute is fixed too: it ends on the clock's minute, not a minute after the first call."""
    windows = Windows()
    assert offers(windows, 1, "a", 50.0, 51.0, 52.0, 53.0) == [True] * 4
    assert offers(windows, 1, "a", 59.9, 60.0) == [False, True]


def test_an_app_in_several_portals() -> None:
    """What an app may call is shared by all portals it is connected to."""
    windows = Windows()
    assert offers(windows, 1, "a", 10.0, 10.0) == [True, True]
    assert offers(windows, 2, "a", 10.0, 10.0) == [True, False]
    assert offers(windows, 2, "b", 10.0) == [True]


def test_a_portal_under_several_apps() -> None:
    """What a portal lets be called is shared by all apps in it."""
    windows = Windows()
    assert offers(windows, 1, "a", 10.0) + offers(windows, 1, "b", 10.0, 10.0) == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(("count_refused", "then"), [(False, True), (True, False)])
def test_refused_calls(count_refused: bool, then: bool) -> None:
    """A refused call fills no window unless it is set so."""
    settings = PlandaySettings(
        portal_per_second=1, portal_per_minute=3, count_refused=count_refused
    )
    windows = Windows()
    assert [windows.offer(1, "a", settings, 10.0).accepted for _ in range(3)] == [
        True,
        False,
        False,
    ]
    assert windows.offer(1, "a", settings, 11.0).accepted is then


def test_headers() -> None:
    """They tell of the window nearest to exhaustion, then all four limits."""
    windows, settings = Windows(), PlandaySettings()
    first = windows.offer(1, "a", settings, 90.25).headers(1)
    assert first == {
        "x-ratelimit-limit": "20, 20;w=1, 750;w=60, 100;w=1, 2000;w=60",
        "x-ratelimit-remaining": "19",
        "x-ratelimit-reset": "1",
    }
    tight = PlandaySettings(portal_per_minute=2)
    headers = windows.offer(1, "a", tight, 91.25).headers(1)
    assert headers["x-ratelimit-limit"].startswith("2, 20;w=1, 2;w=60")
    assert headers["x-ratelimit-remaining"] == "0"
    assert headers["x-ratelimit-reset"] == "29"


def test_reset_is_real_seconds() -> None:
    """At speed, the time until the reset is divided by it and rounded up."""
    tight = PlandaySettings(portal_per_minute=1)
    standing = Windows().offer(1, "a", tight, 60.5)
    assert standing.headers(20)["x-ratelimit-reset"] == "3"
    assert standing.headers(1)["x-ratelimit-reset"] == "60"


def test_a_lowered_limit() -> None:
    """A limit that is lowered below what was called already leaves nothing, not less."""
    windows = Windows()
    for _ in range(3):
        windows.offer(1, "a", PlandaySettings(), 10.0)
    standing = windows.offer(1, "a", SMALL, 10.0)
    assert not standing.accepted
    assert standing.headers(1)["x-ratelimit-remaining"] == "0"
