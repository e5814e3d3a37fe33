"""Pages, and what they say of themselves: nothing of it may end a listing early, or break it."""

from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from planado_async.core.resource import ClientOptions
from planado_async.planday.models import Department
from planado_async.planday.resources import Departments, Shifts
from planado_async.planday.resources.resource import a_page
from tests.core.wire import Answer, Wire, opened


def page(first: int, count: int, paging: Any) -> Answer:
    """An answer with some departments, or what passes for shifts."""
    data = [{"id": number, "name": "x"} for number in range(first, first + count)]
    return Answer(body=orjson.dumps({"paging": paging, "data": data}))


@pytest.mark.parametrize(
    "paging", ["x", [1], 5, True, None, {}, {"total": None}, {"total": "9", "limit": []}]
)
async def test_paging_that_makes_no_sense_says_nothing(paging: Any) -> None:
    """Whatever stands there, the walk goes on until a page is empty."""
    wire = Wire(page(1, 50, paging), page(51, 7, paging), page(58, 0, paging))
    async with wire, opened(wire.url) as transport:
        listed = await Departments(transport, ClientOptions()).list().collect()
    assert [each.id for each in listed] == [*range(1, 58)]


@pytest.mark.parametrize("paging", [{"total": -5, "limit": -1}, {"total": 10**18, "limit": 0}])
def test_numbers_that_make_no_sense_cut_nothing_off(paging: Mapping[str, int]) -> None:
    """A page with records is no last one for them."""
    read = a_page({"data": [{"id": 1, "name": "x"}] * 50, "paging": paging}, Department, 50)
    assert type(read) is list


async def test_a_server_that_grants_fewer_than_asked_for_is_read_to_the_end() -> None:
    """Asked for 5000 and given 1000 without a word on pages, the walk goes on behind those."""
    wire = Wire(page(1, 1000, None), page(1001, 1000, None), page(2001, 3, None), page(0, 0, None))
    async with wire, opened(wire.url) as transport:
        listed = await Shifts(transport, ClientOptions()).list().collect()
    assert [each.id for each in listed] == [*range(1, 2004)]
    asked = [each.path.partition("?")[2] for each in wire.asked]
    assert asked == [f"limit=5000&offset={offset}" for offset in (0, 1000, 2000, 2003)]
