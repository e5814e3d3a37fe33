from hypothesis import given
from hypothesis import strategies as st

from planado_async.emulator.bucket import Bucket


def test_holds_its_capacity_and_no_more() -> None:
    """So many calls pass at once; the next is refused."""
    bucket = Bucket(capacity=60, leak=1)
    assert [bucket.offer(0) for _ in range(61)] == [True] * 60 + [False]


def test_refused_call_does_not_fill_it() -> None:
    """Whoever hammers a full bucket is not kept out any longer for it."""
    bucket = Bucket(capacity=2, leak=1)
    assert [bucket.offer(0) for _ in range(50)].count(True) == 2
    assert bucket.level(0) == 2
    assert bucket.offer(1)


def test_leaks() -> None:
    """It leaks all the while and never below empty."""
    bucket = Bucket(capacity=10, leak=2)
    bucket.offer(0)
    assert bucket.level(0.25) == 0.5
    assert bucket.level(100) == 0
    assert bucket.highest == 1


def test_change_keeps_what_is_in() -> None:
    """Another size and leak count from now on only."""
    bucket = Bucket(capacity=10, leak=1)
    for _ in range(4):
        bucket.offer(0)
    bucket.change(2, capacity=3, leak=0.5)
    assert bucket.level(2) == 2
    assert bucket.level(4) == 1
    assert bucket.offer(4)
    assert bucket.offer(4)
    assert not bucket.offer(4)


@given(st.lists(st.floats(0, 5), max_size=200))
def test_never_more_than_burst_plus_leak(gaps: list[float]) -> None:
    """In any span, no more calls pass than its capacity and what leaked meanwhile."""
    bucket, now, passed = Bucket(capacity=5, leak=1), 0.0, 0
    for gap in gaps:
        now += gap
        passed += bucket.offer(now)
    assert passed <= 5 + now + 1e-6
    assert bucket.highest <= 5 + 1e-6
