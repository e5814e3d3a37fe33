"""The portal a token belongs to (docs: Portal)."""

from attrs import frozen

from planado_async.planday.models.model import PlandayModel


@frozen(kw_only=True, slots=True)
class ChildPortal(PlandayModel):
    """A portal below another one."""

    id: int
    name: str | None = None
    aliases: tuple[str, ...] = ()


@frozen(kw_only=True, slots=True)
class Portal(PlandayModel):
    """A portal; its `id` is the only number of Planday's that is unique everywhere.

    `time_zone` is the one in which its people read a clock; `aliases` are its addresses.
    """

    id: int
    name: str | None = None
    company_name: str | None = None
    country: str | None = None
    time_zone: str | None = None
    max_departments: int | None = None
    aliases: tuple[str, ...] = ()
    portals: tuple[ChildPortal, ...] = ()
