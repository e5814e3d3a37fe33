"""Who may do what: portals, administrators, apps, and the grants, codes and tokens between them.

A portal's list of apps holds those it made and those it connected. Authorise, pressed by an
administrator, makes a grant with a refresh token; out of it come access tokens. What ends a grant
ends it for good, and what came out of it with it, but for one thing: a refresh token that the
client itself has withdrawn leaves the access tokens of before to live out their hour.

Administrators are numbered from 1 in each portal; employees are somebody else's numbers.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from random import Random
from typing import Any
from uuid import UUID

from attrs import evolve
from yarl import URL

from planado_async.emulator.checks import (
    InvalidError,
    Rule,
    Rules,
    listed,
    one_of,
    read,
    text,
    time_zone,
    whole,
)
from planado_async.emulator.clock import Clock
from planado_async.emulator.errors import EmulatorError, invalid
from planado_async.emulator.planday.records import AccessToken, Admin, App, Code, Grant, Portal
from planado_async.emulator.planday.scopes import REST
from planado_async.emulator.planday.settings import PlandaySettings

FIRST_PORTAL_ID = 4001
MOST_REDIRECT_URIS = 3
# In base64url 22 characters, as long as the token in Planday's own example.
REFRESH_TOKEN_BYTES = 16
ACCESS_TOKEN_HEADER = b'{"alg":"RS256","typ":"at+jwt"}'
CHALLENGE_METHODS = ("plain", "S256")
NAME = Rule(text(200, blank=False), required=True)


def _redirect_uri(value: object) -> str:
    address: str = text(2000, blank=False)(value)
    try:
        parsed = URL(address)
    except ValueError:
        raise InvalidError("is no address") from None
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.fragment:
        raise InvalidError("must be an absolute http or https address without a fragment")
    if not (address.isascii() and address.isprintable() and " " not in address):
        raise InvalidError("must be written in plain characters, without blanks")
    return address


PORTAL_RULES: Rules = {
    "name": NAME,
    "company_name": Rule(text(200, blank=False), nullable=True),
    "country": Rule(text(100, blank=False)),
    "time_zone": Rule(time_zone),
}
DEPARTMENTS_RULE = Rule(listed(whole(1)), nullable=True)
ADMIN_RULES: Rules = {
    "name": NAME,
    "email": Rule(text(200, blank=False), nullable=True),
    "department_ids": DEPARTMENTS_RULE,
}
APP_RULES: Rules = {
    "name": NAME,
    "scopes": Rule(listed(one_of(*REST)), required=True),
    "redirect_uris": Rule(listed(_redirect_uri, most=MOST_REDIRECT_URIS)),
}


class Access:
    """What stands in the portals' settings, and what has been handed out because of it.

    Verbs raise EmulatorError: 404 for who or what does not exist, 422 for fields that break their
    rules, 403 and 409 for what the state of things forbids.
    """

    def __init__(
        self, clock: Clock, random: Random, settings: Callable[[], PlandaySettings]
    ) -> None:
        self._clock = clock
        self._settings = settings
        self.random: Random = random
        self.portals: dict[int, Portal] = {}
        self.admins: dict[tuple[int, int], Admin] = {}
        self.apps: dict[str, App] = {}
        self.grants: dict[int, Grant] = {}
        self.connections: set[tuple[str, int]] = set()
        self._codes: dict[str, Code] = {}
        self._tokens: dict[str, AccessToken] = {}
        self._portal_ids = count(FIRST_PORTAL_ID)
        self._grant_ids = count(1)

    # --- Portals and administrators ---------------------------------------------------------------

    def add_portal(
        self,
        name: str,
        *,
        company_name: str | None = None,
        country: str = "Denmark",
        time_zone: str = "Europe/Copenhagen",
    ) -> Portal:
        """Opens a portal; its address comes from its name."""
        given = {"name": name, "company_name": company_name, "country": country}
        values = _checked(PORTAL_RULES, {**given, "time_zone": time_zone})
        values["company_name"] = values["company_name"] or values["name"]
        id_ = next(self._portal_ids)
        address = f"{self._free_label(values['name'], id_)}.planday.com"
        opened_at = self._clock.now()
        portal = Portal(id=id_, address=address, aliases=(address,), opened_at=opened_at, **values)
        self.portals[id_] = portal
        return portal

    def portal(self, portal_id: int) -> Portal:
        """The portal of an id."""
        if portal_id not in self.portals:
            raise EmulatorError(404, f"There is no portal {portal_id}")
        return self.portals[portal_id]

    def add_admin(
        self,
        portal_id: int,
        name: str,
        *,
        email: str | None = None,
        department_ids: Iterable[int] | None = None,
    ) -> Admin:
        """Gives a portal an administrator, of all departments unless some are named."""
        portal = self.portal(portal_id)
        ids = None if department_ids is None else list(department_ids)
        values = _checked(ADMIN_RULES, {"name": name, "email": email, "department_ids": ids})
        id_ = 1 + sum(portal_id == of for of, _ in self.admins)
        values["email"] = values["email"] or f"{_label(values['name'])}@{portal.address}"
        values["department_ids"] = _frozen(values["department_ids"])
        return self._put_admin(Admin(portal_id=portal_id, id=id_, **values))

    def admin(self, portal_id: int, admin_id: int) -> Admin:
        """The administrator of an id."""
        self.portal(portal_id)
        if (portal_id, admin_id) not in self.admins:
            raise EmulatorError(404, f"Portal {portal_id} has no administrator {admin_id}")
        return self.admins[portal_id, admin_id]

    def admins_of(self, portal_id: int) -> list[Admin]:
        """A portal's administrators."""
        self.portal(portal_id)
        return [admin for (of, _), admin in self.admins.items() if of == portal_id]

    def admin_of(self, grant: Grant) -> Admin:
        """The administrator who gave a grant, and whose departments bound it."""
        return self.admins[grant.portal_id, grant.admin_id]

    def deactivate_admin(self, portal_id: int, admin_id: int) -> Admin:
        """Closes an administrator's account; every grant given by it dies for good."""
        admin = self._put_admin(evolve(self.admin(portal_id, admin_id), active=False))
        self._end("deactivated", lambda grant: self.admin_of(grant) is admin)
        return admin

    def reactivate_admin(self, portal_id: int, admin_id: int) -> Admin:
        """Opens an administrator's account again, which brings back no grant."""
        return self._put_admin(evolve(self.admin(portal_id, admin_id), active=True))

    def limit_admin(
        self, portal_id: int, admin_id: int, department_ids: Iterable[int] | None
    ) -> Admin:
        """Sets the departments an administrator sees; None means all."""
        admin = self.admin(portal_id, admin_id)
        ids = None if department_ids is None else list(department_ids)
        values = _checked({"department_ids": DEPARTMENTS_RULE}, {"department_ids": ids})
        return self._put_admin(evolve(admin, department_ids=_frozen(values["department_ids"])))

    # --- Apps -------------------------------------------------------------------------------------

    def create_app(
        self, portal_id: int, name: str, scopes: Iterable[str], redirect_uris: Iterable[str] = ()
    ) -> App:
        """Makes an app of a portal, which stands in its list at once."""
        self.portal(portal_id)
        given = {"name": name, "scopes": list(scopes), "redirect_uris": list(redirect_uris)}
        values = _checked(APP_RULES, given)
        app = App(
            app_id=str(UUID(int=self.random.getrandbits(128), version=4)),
            name=values["name"],
            scopes=frozenset(values["scopes"]),
            redirect_uris=tuple(values["redirect_uris"]),
            owner_portal_id=portal_id,
        )
        self.connections.add((app.app_id, portal_id))
        return self._put_app(app)

    def connect_app(self, portal_id: int, app_id: str) -> App:
        """Puts an app of another portal into a portal's list."""
        self.portal(portal_id)
        app = self.known_app(app_id)
        if app is None:
            raise EmulatorError(404, "There is no app with this App ID")
        if (app.app_id, portal_id) in self.connections:
            raise EmulatorError(409, "The app is in the list already")
        self.connections.add((app.app_id, portal_id))
        return app

    def known_app(self, app_id: str) -> App | None:
        """The app of an App ID, in lower or upper case, unless it has been deleted."""
        app = self.apps.get(app_id.lower())
        return None if app is None or app.deleted else app

    def app_in(self, portal_id: int, app_id: str) -> App:
        """The app of an App ID that stands in a portal's list."""
        self.portal(portal_id)
        app = self.known_app(app_id)
        if app is None or (app.app_id, portal_id) not in self.connections:
            raise EmulatorError(404, f"Portal {portal_id} has no app with this App ID")
        return app

    def apps_in(self, portal_id: int) -> list[App]:
        """A portal's list of apps, in the order they were made."""
        self.portal(portal_id)
        return [app for app in self.apps.values() if (app.app_id, portal_id) in self.connections]

    def rename_app(self, portal_id: int, app_id: str, name: str) -> App:
        """Gives an app another name; only the portal that made it may."""
        app = self.app_in(portal_id, app_id)
        if app.owner_portal_id != portal_id:
            raise EmulatorError(403, "Only the portal that made the app can rename it")
        return self._put_app(evolve(app, **_checked({"name": NAME}, {"name": name})))

    def delete_app(self, portal_id: int, app_id: str) -> App:
        """Deletes an app for good and everywhere; one that is only connected leaves the list."""
        app = self.app_in(portal_id, app_id)
        if app.owner_portal_id == portal_id:
            app = self._put_app(evolve(app, deleted=True))
        left = {
            (of, portal)
            for of, portal in self.connections
            if of == app.app_id and (app.deleted or portal == portal_id)
        }
        self.connections -= left
        self._end("deleted", lambda grant: (grant.app_id, grant.portal_id) in left)
        return app

    # --- Grants -----------------------------------------------------------------------------------

    def authorise(self, portal_id: int, app_id: str, admin_id: int) -> Grant:
        """Lets an app in, with a new refresh token; the grant of before dies."""
        app = self.app_in(portal_id, app_id)
        admin = self.admin(portal_id, admin_id)
        if not admin.active:
            raise EmulatorError(403, "The administrator is deactivated")
        if admin.department_ids is not None:
            raise EmulatorError(403, "The administrator needs access to all departments")
        return self._grant(app, admin)

    def revoke(self, portal_id: int, app_id: str) -> Grant:
        """Takes back what was authorised; it can be authorised again."""
        app = self.app_in(portal_id, app_id)
        grant = self.live_grant(app.app_id, portal_id)
        if grant is None:
            raise EmulatorError(409, "The app is not authorised")
        self._end("revoked", lambda each: _pair(each) == _pair(grant))
        return self.grants[grant.id]

    def live_grant(self, app_id: str, portal_id: int) -> Grant | None:
        """The grant under which an app works in a portal, the newest if there are several."""
        pair = (app_id.lower(), portal_id)
        living = [each for each in self.grants.values() if _pair(each) == pair and not each.revoked]
        return living[-1] if living else None

    def grant_of(self, app_id: str, refresh_token: str) -> Grant | None:
        """The living grant that an app's refresh token stands for."""
        for grant in self.grants.values():
            if grant.refresh_token == refresh_token and grant.app_id == app_id.lower():
                return None if grant.revoked else grant
        return None

    def withdraw(self, app_id: str, refresh_token: str) -> None:
        """Ends a grant as its own app asks; a token that is none is passed over."""
        grant = self.grant_of(app_id, refresh_token)
        if grant is not None:
            self.grants[grant.id] = evolve(grant, ended="withdrawn")

    def rotate(self, grant: Grant) -> Grant:
        """Gives a grant another refresh token; the one of before is dead."""
        self.grants[grant.id] = new = evolve(grant, refresh_token=self._refresh_token())
        return new

    # --- Access tokens ----------------------------------------------------------------------------

    def issue(self, grant: Grant) -> AccessToken:
        """Hands out an access token; those of before live on."""
        now = self._clock.now()
        self._tokens = {key: each for key, each in self._tokens.items() if each.expires_at > now}
        token = AccessToken(
            token=self.opaque_jwt(ACCESS_TOKEN_HEADER),
            grant_id=grant.id,
            expires_at=self._clock.after(self._settings().access_token_for),
        )
        self._tokens[token.token] = token
        return token

    def bearer(self, token: str) -> Grant | None:
        """The grant behind an access token, None if the token lets nobody in (any more)."""
        found = self._tokens.get(token)
        if found is None or found.expires_at <= self._clock.now():
            return None
        grant = self.grants[found.grant_id]
        outlives = grant.ended == "withdrawn" and not self._settings().withdrawal_is_immediate
        alive = self.admin_of(grant).active and self.known_app(grant.app_id) is not None
        return grant if alive and (outlives or not grant.revoked) else None

    def opaque_jwt(self, header: bytes) -> str:
        """What looks like a JWT and can be read by nobody."""
        random = self.random.randbytes
        return ".".join(map(_base64url, (header, random(180), random(64))))

    # --- The code flow ----------------------------------------------------------------------------

    def code(
        self,
        app: App,
        admin: Admin,
        redirect_uri: str,
        *,
        challenge: str | None = None,
        method: str = "plain",
    ) -> Code:
        """Makes the code that an administrator's consent sends back to the app."""
        code = Code(
            code=self._refresh_token(),
            app_id=app.app_id,
            portal_id=admin.portal_id,
            admin_id=admin.id,
            redirect_uri=redirect_uri,
            challenge=challenge,
            method=method,
            expires_at=self._clock.after(self._settings().code_for),
        )
        self._codes[code.code] = code
        return code

    def exchange(
        self, app_id: str, code: str, redirect_uri: str, verifier: str | None = None
    ) -> Grant | None:
        """The grant that a code stands for, made now; None if it stands for none (any more)."""
        app = self.known_app(app_id)
        found = self._codes.get(code)
        if app is None or found is None or found.app_id != app.app_id:
            return None
        del self._codes[code]
        admin = self.admins[found.portal_id, found.admin_id]
        late = found.expires_at <= self._clock.now()
        if late or not admin.active or found.redirect_uri != redirect_uri:
            return None
        if not _proves(found, verifier):
            return None
        self.connections.add((app.app_id, admin.portal_id))
        return self._grant(app, admin)

    # --- Within -----------------------------------------------------------------------------------

    def _grant(self, app: App, admin: Admin) -> Grant:
        if self._settings().replace_grants:
            self._end("replaced", lambda each: _pair(each) == (app.app_id, admin.portal_id))
        grant = Grant(
            id=next(self._grant_ids),
            app_id=app.app_id,
            portal_id=admin.portal_id,
            admin_id=admin.id,
            refresh_token=self._refresh_token(),
            scopes=app.scopes,
            created_at=self._clock.now(),
        )
        self.grants[grant.id] = grant
        return grant

    def _end(self, why: str, chosen: Callable[[Grant], bool]) -> None:
        """Ends the chosen of those that live."""
        for grant in list(self.grants.values()):
            if chosen(grant) and not grant.revoked:
                self.grants[grant.id] = evolve(grant, ended=why)

    def _refresh_token(self) -> str:
        return _base64url(self.random.randbytes(REFRESH_TOKEN_BYTES))

    def _put_admin(self, admin: Admin) -> Admin:
        self.admins[admin.portal_id, admin.id] = admin
        return admin

    def _put_app(self, app: App) -> App:
        self.apps[app.app_id] = app
        return app

    def _free_label(self, name: str, portal_id: int) -> str:
        label = _label(name) or "portal"
        taken = {portal.address.partition(".")[0] for portal in self.portals.values()}
        return f"{label}-{portal_id}" if label in taken else label


def _checked(rules: Rules, given: Mapping[str, Any]) -> dict[str, Any]:
    values, errors = read(rules, given, creating=True)
    if errors:
        raise invalid(errors)
    return values


def _frozen(ids: list[int] | None) -> frozenset[int] | None:
    return None if ids is None else frozenset(ids)


def _pair(grant: Grant) -> tuple[str, int]:
    return grant.app_id, grant.portal_id


def _label(name: str) -> str:
    """A name as the part of an address."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60]


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _proves(code: Code, verifier: str | None) -> bool:
    """Whether whoever brings the code is the one who asked for it."""
    if code.challenge is None:
        return True
    if verifier is None:
        return False
    if code.method == "S256":
        verifier = _base64url(hashlib.sha256(verifier.encode()).digest())
    return verifier == code.challenge
