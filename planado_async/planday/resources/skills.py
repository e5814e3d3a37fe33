"""Skills: what people may know (docs: HR, Skills)."""

from builtins import list as List  # noqa: N812  # `list` is the method below
from typing import Any, Unpack

from planado_async.core.convert import decode_all
from planado_async.core.encode import encode
from planado_async.core.errors import UnexpectedResponseError
from planado_async.core.resource import ignored
from planado_async.planday.models.hr import Skill
from planado_async.planday.resources.resource import Resource, id_of
from planado_async.planday.writes.hr import SkillFields
from planado_async.planday.writes.options import CallOptions

_SKILLS = "/hr/v1.0/skills"


class Skills(Resource):
    """The calls under `/hr/v1.0/skills`."""

    async def list(self, **options: Unpack[CallOptions]) -> List[Skill]:
        """Return all skills; they come at once."""
        return await self._all(
            _SKILLS,
            model=Skill,
            given=encode(options, CallOptions),
            read=_skills,
            scope="employee:read skill:read",
        )

    async def create(self, **fields: Unpack[SkillFields]) -> None:
        """Make a skill. Planday does not tell its id: list the skills to learn it.

        Raises:
            OutcomeUnknownError: the answer was lost; the skill may exist.
        """
        await self._create(
            _SKILLS, fields=fields, shape=SkillFields, read=ignored, scope="skill:create"
        )

    async def update(self, skill_id: int, **fields: Unpack[SkillFields]) -> None:
        """Describe a skill anew; give the description also if it stays."""
        await self._put(
            _SKILLS,
            fields=fields,
            shape=SkillFields,
            query=_of(skill_id),
            scope="skill:update",
        )

    async def delete(self, skill_id: int, **options: Unpack[CallOptions]) -> None:
        """Remove a skill, which everybody loses."""
        await self._delete(_SKILLS, given=options, query=_of(skill_id), scope="skill:delete")


def _of(skill_id: int) -> List[tuple[str, str]]:
    """Return the query that names a skill, which stands in no path."""
    return [("skillId", id_of(skill_id))]


def _skills(answer: Any) -> List[Skill]:
    """Read an array that stands alone."""
    if isinstance(answer, List):
        return decode_all(answer, Skill)
    raise UnexpectedResponseError("the answer is not the array of skills")
