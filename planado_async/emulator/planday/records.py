"""Who is who: portals, their administrators, apps, and what these were allowed to do."""

from datetime import datetime

from attrs import frozen


@frozen(kw_only=True)
class Portal:
    """An organisation; its id is the only one that is unique everywhere."""

    id: int
    name: str
    company_name: str
    country: str
    time_zone: str
    address: str
    aliases: tuple[str, ...]
    opened_at: datetime


@frozen(kw_only=True)
class Admin:
    """Someone who may authorise apps; `department_ids` None means all departments."""

    portal_id: int
    id: int
    name: str
    email: str
    active: bool = True
    department_ids: frozenset[int] | None = None


@frozen(kw_only=True)
class App:
    """What an App ID stands for; its scopes never change."""

    app_id: str
    name: str
    scopes: frozenset[str]
    redirect_uris: tuple[str, ...] = ()
    owner_portal_id: int
    deleted: bool = False


@frozen(kw_only=True)
class Grant:
    """One press of Authorise: an administrator lets an app into a portal.

    `ended` is None while it lives, else why it does no more: `revoked` (the button), `withdrawn`
    (the client's own call), `replaced` (authorised again), `deactivated` (the administrator) or
    `deleted` (the app, or its place in the portal's list).
    """

    id: int
    app_id: str
    portal_id: int
    admin_id: int
    refresh_token: str
    scopes: frozenset[str]
    created_at: datetime
    ended: str | None = None

    @property
    def revoked(self) -> bool:
        """Whether its refresh token is dead."""
        return self.ended is not None


@frozen(kw_only=True)
class Code:
    """What the consent page sends back to the app, good once."""

    code: str
    app_id: str
    portal_id: int
    admin_id: int
    redirect_uri: str
    challenge: str | None
    method: str
    expires_at: datetime


@frozen(kw_only=True)
class AccessToken:
    """A bearer of a grant; many may live at once."""

    token: str
    grant_id: int
    expires_at: datetime
