"""What all models of Planday have in common."""

from typing import ClassVar

from attrs import frozen

from planado_async.core.model import Model


@frozen(kw_only=True, slots=True)
class PlandayModel(Model):
    """A JSON object of Planday's."""

    in_camel_case: ClassVar[bool] = True
