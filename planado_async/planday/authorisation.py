"""One portal's grant, and how access tokens are had from it.

    no grant, or one found bad ──► ReauthorisationRequiredError, without asking the identity server
             ▲        │
             │        └─ another token in the store, or ten minutes later ─► it is tried
    refused 4xx │
             │
    grant ─► renew ─► access token; another refresh token is saved before it is used

An administrator who leaves takes the grant along: then another one has to authorise the app again,
and the new token has to reach the store. Nobody asks the identity server in the meantime but once
in ten minutes, in case it was wrong.
"""

import asyncio
import logging
from collections.abc import Awaitable
from contextlib import suppress
from typing import TypeVar

from attrs import frozen

from planado_async.core.auth import AccessToken
from planado_async.core.errors import (
    APIError,
    ConfigurationError,
    PlanadoError,
    ReauthorisationRequiredError,
    UnexpectedResponseError,
    own,
)
from planado_async.core.secret import Secret
from planado_async.planday.identity import Identity, reason_of
from planado_async.planday.tokens import Grant, TokenStore, with_token

T = TypeVar("T")

LOOK_AGAIN = 5.0
"""Seconds between two looks into the store while calls wait for another token."""
DOUBT_AFTER = 600.0
"""Seconds after which a token that was refused is tried once more."""

_SETTLES = 1.0  # seconds in which another process has written what it was given
_FINAL = ("invalid_grant", "invalid_client", "unauthorized_client")  # RFC 6749, 5.2

_log = logging.getLogger("planado_async")


@frozen(kw_only=True)
class _Refused:
    """A token that the identity server would not take."""

    token: Secret
    at: float
    error: PlanadoError


@frozen(kw_only=True)
class _Unsaved:
    """A grant that the store has not taken yet, and the token there it is to replace."""

    grant: Grant
    before: Secret


class Authorisation:
    """Gets access tokens for one portal; what `RefreshToken` renews with and waits for."""

    def __init__(self, app_id: str, portal: str, *, identity: Identity, store: TokenStore) -> None:
        self.app_id = app_id
        self.portal = portal
        self.scopes: tuple[str, ...] = ()
        """Those granted, by the last answer that told."""
        self._identity = identity
        self._store = store
        self._refused: _Refused | None = None
        self._unsaved: _Unsaved | None = None
        self._saved: asyncio.Event | None = None  # of who waits in `replaced`

    async def renew(self) -> AccessToken:
        """Return a new access token.

        Raises:
            ReauthorisationRequiredError: there is no token, or none that is good.
            ConfigurationError: the App ID is not known, or the store is out of order.
            UnexpectedResponseError: a 4xx that says nothing of the token.
            PlanadoError: the identity server could not be asked.
        """
        while True:
            grant = await self._load()
            if grant is None:
                raise self._required("has no token for it here", ())
            if known := self._known_as_bad(grant):
                raise own(known)
            try:
                token = await self._renewed(grant)
            except APIError as error:
                if error.retryable:
                    raise
                if reason_of(error) not in _FINAL:
                    raise _without_reason(error) from error
                token = None
                await self._doubt(grant, error)
            if token is not None:
                return token
            # Round again: there is another token now, or this one is known as bad.

    async def _doubt(self, grant: Grant, error: APIError) -> None:
        """Take a token as bad, unless another process puts in the one it was given just now."""
        await asyncio.sleep(_SETTLES)
        now = await self._load()
        if now is not None and now.refresh_token == grant.refresh_token:
            self._refused = _Refused(
                token=grant.refresh_token, at=_now(), error=self._explained(grant, error)
            )

    async def replaced(self) -> None:
        """Return when the store holds a token that has not been refused lately."""
        warned = False
        self._saved = asyncio.Event()
        while True:
            self._saved.clear()
            try:
                grant = await self._load()
                if grant is not None and not self._known_as_bad(grant):
                    return
            except PlanadoError as failure:
                if not warned:
                    _log.warning("portal %s: still looking for a token: %s", self.portal, failure)
                warned = True
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_AGAIN):
                    await self._saved.wait()

    async def put(self, refresh_token: str, scopes: tuple[str, ...] = ()) -> None:
        """Keep a new refresh token, which those who wait then go on with."""
        grant = Grant(
            portal=self.portal,
            app_id=self.app_id,
            refresh_token=Secret(checked_token(refresh_token)),
            scopes=scopes or self.scopes,
        )
        await self._save(grant)
        self._refused = self._unsaved = None
        if self._saved:
            self._saved.set()

    async def _renewed(self, grant: Grant) -> AccessToken | None:
        """Return an access token, None if somebody has put in another grant meanwhile."""
        tokens = await self._identity.refresh(self.app_id, grant.refresh_token)
        self.scopes = tokens.scopes or grant.scopes or self.scopes
        self._refused = None
        if tokens.refresh_token is not None and tokens.refresh_token != grant.refresh_token:
            rotated = with_token(grant, tokens.refresh_token, tokens.scopes)
            if not await self._keep(rotated, instead_of=grant):
                return None
        _log.info("portal %s: the access token was renewed", self.portal)
        return tokens.access

    async def _load(self) -> Grant | None:
        """Return the grant, the newest one where the store could not keep it."""
        grant, unsaved = await self._stored(), self._unsaved
        if unsaved is None:
            return grant
        if grant is None or grant.refresh_token != unsaved.before:
            self._unsaved = None  # somebody has put in another
            return grant
        await self._hold(unsaved)
        return unsaved.grant

    async def _keep(self, grant: Grant, *, instead_of: Grant) -> bool:
        """Save a rotated grant, but not over one that somebody has put in meanwhile."""
        before = self._unsaved.before if self._unsaved else instead_of.refresh_token
        with suppress(PlanadoError):  # where it cannot be read, it can hardly be written
            stored = await self._stored()
            if stored is None or stored.refresh_token != before:
                return False
        await self._hold(_Unsaved(grant=grant, before=before))
        return True

    async def _hold(self, unsaved: _Unsaved) -> None:
        """Save a grant, or hold it in memory until that can be done."""
        try:
            await self._save(unsaved.grant)
            self._unsaved = None
        except PlanadoError as failure:
            _log.error("portal %s: a new token lives in memory alone: %s", self.portal, failure)
            self._unsaved = unsaved

    async def _stored(self) -> Grant | None:
        """Read the store, a second time if the first one fails: somebody may be writing there."""
        try:
            return await _of_the_store(self._store.load(self.portal, self.app_id))
        except PlanadoError:
            await asyncio.sleep(_SETTLES)
        return await _of_the_store(self._store.load(self.portal, self.app_id))

    async def _save(self, grant: Grant) -> None:
        await _of_the_store(self._store.save(grant))

    def _known_as_bad(self, grant: Grant) -> PlanadoError | None:
        bad = self._refused
        if bad is None or bad.token != grant.refresh_token or _now() > bad.at + DOUBT_AFTER:
            return None
        return bad.error

    def _explained(self, grant: Grant, error: APIError) -> PlanadoError:
        _log.error("portal %s: the token was refused: %s", self.portal, error)
        if reason_of(error) in ("invalid_client", "unauthorized_client"):
            return ConfigurationError(
                f"Planday does not know the App ID {self.app_id!r} of portal {self.portal!r} "
                f"({error}): check app_id= (PLANDAY_APP_ID). If the app was deleted, make another "
                "(Settings / Integrations / API Access), authorise it, use its App ID and token"
            )
        return self._required(f"no longer takes its token ({error})", grant.scopes)

    def _required(self, why: str, scopes: tuple[str, ...]) -> ReauthorisationRequiredError:
        known = scopes or self.scopes
        return ReauthorisationRequiredError(
            f"Planday's portal {self.portal!r} {why}: in that portal, as an administrator with "
            "access to all departments, open Settings / Integrations / API Access, press Authorise "
            f"on the app {self.app_id}, confirm its scopes, and put the new token from its tile "
            "into the token store (planday.reauthorise(token), its file, or the connect page)",
            portal=self.portal,
            app_id=self.app_id,
            scopes=known,
        )


def _without_reason(error: APIError) -> UnexpectedResponseError:
    """Return a refusal that blames no token; its 404 must not look like that of a record."""
    return UnexpectedResponseError(
        f"the identity server did not renew the token, which may be good ({error}): look whether "
        "identity_url= is right, and at what answers on the way there"
    )


def checked_token(token: object) -> str:
    """Return a refresh token without the blanks around it, or raise ConfigurationError."""
    told = token.strip() if isinstance(token, str) else ""
    if not told or not told.isascii() or not told.isprintable() or " " in told:
        raise ConfigurationError(
            "the token is empty or holds characters that no token has; copy it whole from the "
            "app's tile in Planday: Settings / Integrations / API Access"
        )
    return told


async def _of_the_store(answer: Awaitable[T]) -> T:
    """Wait for a store, whose own errors may hold what it was given."""
    try:
        return await answer
    except PlanadoError:
        raise
    except Exception as failure:
        told = type(failure).__name__
    raise ConfigurationError(f"the token store failed ({told}); look at what keeps its grants")


def _now() -> float:
    return asyncio.get_running_loop().time()
