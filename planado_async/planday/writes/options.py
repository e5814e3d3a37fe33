"""Options of calls and listings, and the kinds of values that the filters of many have."""

from collections.abc import Sized
from datetime import date, datetime
from typing import Annotated, TypeAlias

from planado_async.core.encode import AWARE
from planado_async.core.resource import CallOptions as CallOptions

Day: TypeAlias = date  # the name of a field hides that of its type
Moment: TypeAlias = Annotated[datetime, AWARE]


class Listing(CallOptions, total=False):
    """Where a listing begins."""

    after: str | None
    """The `cursor` of a listing that stopped: how many records lie before."""


class NotEmpty:
    """A list that names one at least; Planday would read none as all."""

    def check(self, value: Sized, at: str) -> None:
        """Raise ValueError if the list is empty."""
        if not value:
            raise ValueError(f"{at} is empty; leave it out to mean all")
