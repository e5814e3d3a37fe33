"""What a reading of the log holds until all of it is there."""

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from planado_async.planado.models import WebhookRequest
from planado_async.sync.delivery_log import Reading, entry_of
from planado_async.sync.held import IN_MEMORY, Held
from tests.webhooks.making import body, delivery

EVENTS = 4_000
BODY = 10_000  # bytes of each, so that all are five times what memory is for
PER_EVENT = 1_000  # bytes that an event takes without its body


def row(number: int) -> WebhookRequest:
    """Return a row of the log with a large body."""
    sent = body(f"e{number}", entity=f"j{number}", description="x" * BODY).decode()
    return WebhookRequest(uuid=f"r{number}", attempt_no=2, http_request_body=sent)


def test_bodies_are_not_held_in_memory() -> None:
    """A reading takes no more than is set aside for bodies, and a little for each event."""
    tracemalloc.start()
    with Held() as held:
        reading = Reading(held=held)
        for number in range(EVENTS):
            reading.take(entry_of(row(number), 0.0), {f"e{number}"})
        grown = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert len(reading.wanted) == EVENTS
        assert grown < IN_MEMORY + EVENTS * PER_EVENT < EVENTS * BODY / 2
        last = held.delivery(reading.wanted["e3999"], 0.0)
    assert last == entry_of(row(3999), 0.0).delivery


@given(st.lists(st.tuples(st.sampled_from([None, 0, 1, 7]), st.integers(1, 9)), max_size=9))
def test_what_is_held_comes_back(kept: list[tuple[int | None, int]]) -> None:
    """Deliveries come back as they were, in between keeping more, and sort by version, stably."""
    made = [delivery(f"e{number}", version=version) for number, (version, _) in enumerate(kept)]
    with Held() as held:
        places = [held.keep(one) for one in made]
        assert [held.delivery(place, 0.0) for place in reversed(places)] == made[::-1]
        again = [held.delivery(held.keep(one), 0.0) for one in made]
        ordered = [held.delivery(place, 0.0) for place in sorted(places)]
    assert again == made
    assert ordered == sorted(made, key=lambda one: one.version or 0)
