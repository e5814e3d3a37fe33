"""Skills: what people may know."""

import pytest

from planado_async.core.errors import NotFoundError, UnexpectedResponseError
from planado_async.core.resource import ClientOptions
from planado_async.core.transport import Transport
from planado_async.emulator import Emulator
from planado_async.emulator.planday.data import PortalData
from planado_async.planday.models import Skill
from planado_async.planday.resources import Skills
from tests.planday.requests import Row, check, check_scope, named, operations

ROWS: list[Row[Skills]] = [
    Row(
        name="list",
        call=lambda skills: skills.list(),
        scope="employee:read skill:read",
        sends="GET /hr/v1.0/skills",
        answer=[{"skillId": 7, "name": "Gas", "isTimeLimited": False}, {"skillId": 8}],
        gives=[Skill(skill_id=7, name="Gas", is_time_limited=False), Skill(skill_id=8)],
    ),
    Row(
        name="list",
        call=lambda skills: skills.list(),
        scope="employee:read skill:read",
        sends="GET /hr/v1.0/skills",
        answer=[],
        gives=[],
    ),
    Row(
        name="create",
        call=lambda skills: skills.create(name="Gas", description="Pipes", is_time_limited=True),
        scope="skill:create",
        sends="POST /hr/v1.0/skills",
        body={"name": "Gas", "description": "Pipes", "isTimeLimited": True},
    ),
    Row(
        name="update",
        call=lambda skills: skills.update(7, name="Gas", is_time_limited=False),
        scope="skill:update",
        sends="PUT /hr/v1.0/skills",
        query={"skillId": "7"},
        body={"name": "Gas", "isTimeLimited": False},
    ),
    Row(
        name="delete",
        call=lambda skills: skills.delete(7),
        scope="skill:delete",
        sends="DELETE /hr/v1.0/skills",
        query={"skillId": "7"},
    ),
]


@pytest.fixture
def skills(transport: Transport) -> Skills:
    return Skills(transport, ClientOptions())


@pytest.mark.parametrize("row", named(ROWS))
async def test_an_operation_sends_exactly_this_request(row: Row[Skills]) -> None:
    """Method, path, query, headers and body are these, and the answer is read."""
    await check(row, Skills)


def test_every_operation_has_a_row() -> None:
    """A method that is added needs a row in the table."""
    assert {row.name for row in ROWS} == operations(Skills)


@pytest.mark.parametrize("row", named(ROWS))
async def test_an_operation_names_the_scopes_it_needs(row: Row[Skills], emulator: Emulator) -> None:
    """Without its scopes the error names them, and with them alone the call goes through."""
    await check_scope(row, Skills, emulator)


async def test_a_skill_is_made_described_anew_and_removed(skills: Skills) -> None:
    """Its id is learnt from the list, since the answer to its making has none."""
    await skills.create(name="Heights", is_time_limited=True)
    (made,) = [each for each in await skills.list() if each.name == "Heights"]
    assert (made.description, made.is_time_limited) == (None, True)
    await skills.update(made.skill_id, name="Heights", description="Ladders", is_time_limited=False)
    (changed,) = [each for each in await skills.list() if each.skill_id == made.skill_id]
    assert (changed.description, changed.is_time_limited) == ("Ladders", False)
    await skills.delete(made.skill_id)
    assert changed not in await skills.list()
    with pytest.raises(NotFoundError):
        await skills.delete(made.skill_id)


async def test_a_skill_that_is_removed_is_lost_by_all(skills: Skills, portal: PortalData) -> None:
    """Nobody has it afterwards."""
    skill = next(each.skill_ids[0] for each in portal.employees if each.skill_ids)
    await skills.delete(skill)
    assert not any(skill in each.skill_ids for each in portal.employees)


async def test_skills_in_another_shape_are_refused() -> None:
    """An object where the array should be raises, rather than being an empty list."""
    row: Row[Skills] = Row(
        name="list",
        call=lambda skills: skills.list(),
        sends="GET /hr/v1.0/skills",
        answer={"data": []},
    )
    with pytest.raises(UnexpectedResponseError, match="not the array of skills"):
        await check(row, Skills)


async def test_a_skill_is_named_by_a_number(skills: Skills, emulator: Emulator) -> None:
    """What is none is refused before anything is sent, though it stands in no path."""
    with pytest.raises(TypeError, match="whole number, not str"):
        await skills.delete("7&skillId=8")  # type: ignore[arg-type]
    assert emulator.planday.counters()["calls"] == 0
