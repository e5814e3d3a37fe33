"""Sections: the headings under which positions stand (docs: Schedule)."""

from typing import Unpack

from planado_async.core.pages import Pages
from planado_async.planday.models.scheduling import Section
from planado_async.planday.resources.resource import Resource
from planado_async.planday.writes.scheduling import SectionListing


class Sections(Resource):
    """The call under `/scheduling/v1.0/sections`."""

    def list(self, **options: Unpack[SectionListing]) -> Pages[Section]:
        """Walk over the sections, of one department if it is named."""
        return self._list(
            "/scheduling/v1.0/sections",
            model=Section,
            given=options,
            shape=SectionListing,
            scope="shiftposition:read",
        )
