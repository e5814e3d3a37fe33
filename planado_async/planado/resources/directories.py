"""Directories: the lists an account is set up with (docs: Teams, Territories, Job types, …)."""

from typing import Unpack

from planado_async.core.pages import Pages
from planado_async.planado.models import (
    Dictionary,
    DictionaryValue,
    JobType,
    Resolution,
    Skill,
    Team,
    Template,
    Territory,
)
from planado_async.planado.resources.resource import Resource
from planado_async.planado.writes import CallOptions, Listing


class Teams(Resource):
    """The calls under `/teams`."""

    def list(self, **options: Unpack[Listing]) -> Pages[Team]:
        """Walk over the teams (docs: Teams)."""
        return self._list("/teams", key="teams", model=Team, given=options, whole=True)


class Territories(Resource):
    """The calls under `/territories`."""

    def list(self, **options: Unpack[Listing]) -> Pages[Territory]:
        """Walk over the territories (docs: Territories)."""
        return self._list(
            "/territories",
            key="territories",
            model=Territory,
            given=options,
            whole=True,
        )


class Skills(Resource):
    """The calls under `/skills`."""

    def list(self, **options: Unpack[Listing]) -> Pages[Skill]:
        """Walk over the skills (docs: Skills)."""
        return self._list("/skills", key="skills", model=Skill, given=options, whole=True)


class JobTypes(Resource):
    """The calls under `/job_types`."""

    def list(self, **options: Unpack[Listing]) -> Pages[JobType]:
        """Walk over the job types (docs: Job types)."""
        return self._list("/job_types", key="job_types", model=JobType, given=options, whole=True)


class Resolutions(Resource):
    """The calls under `/resolutions`."""

    def list(self, **options: Unpack[Listing]) -> Pages[Resolution]:
        """Walk over the ways a job can end (docs: Resolutions)."""
        return self._list(
            "/resolutions",
            key="resolutions",
            model=Resolution,
            given=options,
            whole=True,
        )


class Templates(Resource):
    """The calls under `/templates`."""

    async def get(self, uuid: str, **options: Unpack[CallOptions]) -> Template:
        """Return a template.

        Raises:
            NotFoundError: there is no such template.
        """
        return await self._get(
            "/templates/{id}", uuid, key="template", model=Template, given=options
        )

    def list(self, **options: Unpack[Listing]) -> Pages[Template]:
        """Walk over the job templates, oldest first (docs: Templates)."""
        return self._list("/templates", key="templates", model=Template, given=options, whole=True)


class Dictionaries(Resource):
    """The calls under `/dictionaries`."""

    def list(self, **options: Unpack[Listing]) -> Pages[Dictionary]:
        """Walk over the pick lists (docs: Dictionaries)."""
        return self._list(
            "/dictionaries",
            key="dictionaries",
            model=Dictionary,
            given=options,
            whole=True,
        )

    def values(self, uuid: str, **options: Unpack[Listing]) -> Pages[DictionaryValue]:
        """Walk over the entries of a pick list (docs: Dictionaries, Values)."""
        return self._list(
            "/dictionaries/{id}/values",
            uuid,
            key="values",
            model=DictionaryValue,
            given=options,
            whole=True,
        )
