"""Holds the events that a reading of the log has found until all of them are there.

They are put with the lowest versions first, and where the newest rows of the log come first, what
is to be put first comes last. So nothing can be put page by page; but a first reading may go back a
month, and bodies are large. From `IN_MEMORY` on they are in a temporary file without a name.
"""

from io import SEEK_END
from tempfile import SpooledTemporaryFile
from typing import NamedTuple, Self

from planado_async.webhooks.events import ATTEMPT_HEADER
from planado_async.webhooks.inbox import Delivery
from planado_async.webhooks.intake import delivery_of

IN_MEMORY = 8 * 2**20
"""Bytes of bodies from which on they are in a file: two thousand events."""


class Place(NamedTuple):
    """Where a body is held; places sort by version, then as they were read."""

    version: int
    begin: int
    size: int
    attempt: int


class Held:
    """Holds the bodies of deliveries, inside `with`."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115  # see __exit__

    def keep(self, delivery: Delivery) -> Place:
        """Hold a delivery; return its place."""
        begin = self._file.seek(0, SEEK_END)
        size = self._file.write(delivery.body)
        return Place(delivery.version or 0, begin, size, delivery.attempt)

    def delivery(self, place: Place, received_at: float) -> Delivery:
        """Return the delivery that is held at a place."""
        self._file.seek(place.begin)
        return delivery_from(self._file.read(place.size), place.attempt, received_at)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def delivery_from(body: bytes, attempt: int, received_at: float) -> Delivery:
    """Return what an inbox keeps of a body that the log shows."""
    return delivery_of([(ATTEMPT_HEADER, b"%d" % attempt)], body, received_at)
