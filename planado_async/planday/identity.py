"""Planday's identity server: what a token is had from (docs: Authorization; OAuth 2.0, RFC 6749).

It is given no secret but the token or code it is asked about, and it tells a bad one by a 4xx.
"""

import os
from collections.abc import Mapping
from typing import Any, Literal

from attrs import frozen
from yarl import URL

from planado_async.core.auth import AccessToken, Auth
from planado_async.core.errors import APIError, UnexpectedResponseError
from planado_async.core.secret import Secret
from planado_async.core.transport import Call, Transport, checked_url

PLANDAY_URL = "https://openapi.planday.com"
IDENTITY_URL = "https://id.planday.com"
_SERVICES = {
    "base_url": ("PLANDAY_BASE_URL", PLANDAY_URL),
    "identity_url": ("PLANDAY_IDENTITY_URL", IDENTITY_URL),
}
ALWAYS = ("openid", "offline_access")
"""Scopes without which no token is given that lasts."""
_LIVES_FOR = 3600.0  # seconds, where an answer leaves it out
_SHORTEST = 1.0  # of less, nothing would be left for a call


class NoProof(Auth):
    """Proves nothing: what the identity server is asked about is in the form."""

    hint = "the identity server asks for a proof that Planday's apps do not have"

    async def headers(self) -> Mapping[str, str]:
        """Return no headers."""
        return {}


def service_url(name: Literal["base_url", "identity_url"], given: str | None) -> str:
    """Return a service's URL: the one given, that of its variable, or Planday's own."""
    variable, usual = _SERVICES[name]
    url = os.environ.get(variable) or usual if given is None else given
    return checked_url(url, f"{name} ({variable})")


@frozen(kw_only=True)
class Tokens:
    """What the identity server answers: an access token, and perhaps another refresh token."""

    access: AccessToken
    refresh_token: Secret | None
    scopes: tuple[str, ...]


@frozen(kw_only=True)
class CodeExchange:
    """What an authorisation code is exchanged with."""

    code: Secret
    redirect_uri: str
    verifier: Secret


class Identity:
    """The calls of the identity server."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def refresh(self, app_id: str, refresh_token: Secret) -> Tokens:
        """Return a new access token (docs: Authorization, Refresh token).

        Raises:
            APIError: 4xx: the token, or the App ID, is good no more.
            TransportError, ServerError: it could not be asked; the token may well be good.
        """
        return await self._token(
            client_id=app_id,
            grant_type="refresh_token",
            refresh_token=refresh_token,
        )

    async def exchange(self, app_id: str, given: CodeExchange) -> Tokens:
        """Return the tokens for a code (docs: Authorization flow). A code works once.

        Raises:
            APIError: 4xx: the code is used, has expired, or is not this app's.
            OutcomeUnknownError: the answer was lost, and the code is used up.
        """
        return await self._token(
            client_id=app_id,
            grant_type="authorization_code",
            code=given.code,
            redirect_uri=given.redirect_uri,
            code_verifier=given.verifier,
        )

    async def revoke(self, app_id: str, refresh_token: Secret) -> None:
        """Make a refresh token good for nothing (docs: Authorization, Revoke)."""
        form: dict[str, str | Secret] = {"client_id": app_id, "token": refresh_token}
        await self._transport.send(
            Call(
                method="POST",
                route="/connect/revocation",
                path="/connect/revocation",
                effect="repeatable",
                form=form,
                read=lambda _: None,
            )
        )

    def authorise_url(
        self, app_id: str, *, redirect_uri: str, scopes: tuple[str, ...], state: str, challenge: str
    ) -> str:
        """Return where a browser is sent to ask an administrator for a grant."""
        query = {
            "client_id": app_id,
            "response_type": "code",
            "redirect_uri": redirect_uri,
            "scope": " ".join(dict.fromkeys((*ALWAYS, *scopes))),
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return str(URL(f"{self._transport.base_url}/connect/authorize").with_query(query))

    async def _token(self, **form: str | Secret) -> Tokens:
        # A lost answer to a code means that the code is gone; a refresh may be asked for again.
        once = "code" in form
        tokens: Tokens = await self._transport.send(
            Call(
                method="POST",
                route="/connect/token",
                path="/connect/token",
                effect="once" if once else "repeatable",
                form=form,
                read=_tokens,
            )
        )
        return tokens


def reason_of(error: APIError) -> str:
    """Return the word by which the identity server says what is wrong, such as `invalid_grant`."""
    details = error.details
    return str(details.get("error", "")) if isinstance(details, dict) else ""


def _tokens(answer: Any) -> Tokens:
    """Read an answer of the token endpoint; only the access token must be there."""
    told = answer if isinstance(answer, dict) else {}
    access, refresh, scope = (told.get(key) for key in ("access_token", "refresh_token", "scope"))
    if not (isinstance(access, str) and access.isascii() and access.isprintable() and access):
        raise UnexpectedResponseError("the identity server's answer has no access_token")
    lives_for = told.get("expires_in")
    return Tokens(
        access=AccessToken(
            token=Secret(access),
            lives_for=max(_SHORTEST, float(lives_for))
            if isinstance(lives_for, int | float) and not isinstance(lives_for, bool)
            else _LIVES_FOR,
        ),
        refresh_token=Secret(refresh) if isinstance(refresh, str) and refresh else None,
        scopes=tuple(scope.split()) if isinstance(scope, str) else (),
    )
