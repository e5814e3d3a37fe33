"""Directories: the lists an account is set up with (docs: Teams, Territories, Job types, …)."""

from functools import partial
from typing import Unpack

from planado_async.core.pages import Pages
from planado_async.core.transport import Transport, path_of
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
from planado_async.planado.resources.directory import Directory, Kept
from planado_async.planado.resources.resource import ClientOptions
from planado_async.planado.writes import CallOptions, Listing

_VALUES = "/dictionaries/{id}/values"


class Teams(Directory[Team]):
    """The calls under `/teams`."""

    _record = "team"

    def list(self, **options: Unpack[Listing]) -> Pages[Team]:
        """Walk over the teams (docs: Teams)."""
        return self._list("/teams", key="teams", model=Team, given=options, whole=True)


class Territories(Directory[Territory]):
    """The calls under `/territories`."""

    _record = "territory"

    def list(self, **options: Unpack[Listing]) -> Pages[Territory]:
        """Walk over the territories (docs: Territories)."""
        return self._list(
            "/territories",
            key="territories",
            model=Territory,
            given=options,
            whole=True,
        )


class Skills(Directory[Skill]):
    """The calls under `/skills`."""

    _record = "skill"

    def list(self, **options: Unpack[Listing]) -> Pages[Skill]:
        """Walk over the skills (docs: Skills)."""
        return self._list("/skills", key="skills", model=Skill, given=options, whole=True)


class JobTypes(Directory[JobType]):
    """The calls under `/job_types`."""

    _record = "job type"
    _name = "code"

    def list(self, **options: Unpack[Listing]) -> Pages[JobType]:
        """Walk over the job types (docs: Job types)."""
        return self._list("/job_types", key="job_types", model=JobType, given=options, whole=True)


class Resolutions(Directory[Resolution]):
    """The calls under `/resolutions`."""

    _record = "resolution"

    def list(self, **options: Unpack[Listing]) -> Pages[Resolution]:
        """Walk over the ways a job can end (docs: Resolutions)."""
        return self._list(
            "/resolutions",
            key="resolutions",
            model=Resolution,
            given=options,
            whole=True,
        )


class Templates(Directory[Template]):
    """The calls under `/templates`."""

    _record = "template"

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


class Dictionaries(Directory[Dictionary]):
    """The calls under `/dictionaries`."""

    _record = "dictionary"

    def __init__(self, transport: Transport, options: ClientOptions) -> None:
        super().__init__(transport, options)
        self._values: dict[str, Kept[DictionaryValue]] = {}

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
            _VALUES,
            uuid,
            key="values",
            model=DictionaryValue,
            given=options,
            whole=True,
        )

    async def find_value(
        self, dictionary: str, name: str, /, **options: Unpack[CallOptions]
    ) -> DictionaryValue:
        """Return the entry of this name from the pick list with this uuid; see `find`.

        Raises:
            NameLookupError: no entry has this name, or several have.
            NotFoundError: there is no such pick list.
        """
        path_of(_VALUES, dictionary)  # what is no id has no list
        asker = self._asker(partial(self.values, dictionary), options)
        kept = self._values.setdefault(dictionary, Kept("value"))
        try:
            return await kept.find(name, asker)
        finally:
            if not kept.is_of_use():  # else every wrong id would stay
                self._values.pop(dictionary, None)
