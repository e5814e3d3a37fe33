"""What all models have in common."""

from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar

from attrs import field, frozen


@frozen(kw_only=True, slots=True)
class Model:
    """A JSON object of an API's; `raw` is that object exactly as it was received."""

    in_camel_case: ClassVar[bool] = False
    """Whether the API writes `startDateTime` for what is `start_date_time` here."""

    raw: Mapping[str, Any] = field(factory=dict, eq=False, repr=False)


@cache
def camel(name: str) -> str:
    """Return a name in camel case: `startDateTime` for `start_date_time`."""
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))
