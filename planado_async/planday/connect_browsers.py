"""Which browser is which, and which ways to Planday it has begun."""

import asyncio
import base64
import hashlib
import hmac
import re
from secrets import token_bytes, token_urlsafe

from aiohttp import web
from attrs import frozen

from planado_async.core.secret import Secret

VALID_FOR = 600.0
"""Seconds from the press of the button until the browser has to be back."""
MOST_BEGUN = 1000
"""Ways to Planday that may be open at a time; the oldest is dropped for one more."""

_MARK = re.compile(r"[A-Za-z0-9_-]{43}")  # what `_random` makes


class Browsers:
    """Tells browsers apart by a cookie, and forms shown to one from those of somebody else."""

    def __init__(self, *, secure: bool) -> None:
        self._secure = secure
        # The prefix keeps other hosts of the same domain from setting it.
        self._name = "__Host-planday-connect" if secure else "planday-connect"
        self._key = Secret(token_bytes(32).hex())

    def of(self, request: web.Request) -> Secret | None:
        """Return the mark of the browser that sent a request, None if it has none."""
        mark = Secret(request.cookies.get(self._name, ""))
        return mark if _MARK.fullmatch(mark.reveal()) else None

    def new(self) -> Secret:
        """Return the mark for a browser that has none."""
        return _random()

    def mark(self, response: web.Response, browser: Secret) -> None:
        """Give a browser its mark."""
        response.set_cookie(
            self._name,
            browser.reveal(),
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="Lax",
        )

    def csrf(self, browser: Secret) -> Secret:
        """Return what a form holds that is shown to a browser."""
        key, text = self._key.reveal().encode(), browser.reveal().encode()
        return Secret(hmac.new(key, text, "sha256").hexdigest())


@frozen(kw_only=True)
class _Way:
    browser: Secret
    verifier: Secret
    ends_at: float


class Begun:
    """The ways to Planday that have begun, in this process's memory, by the hash of their state.

    What is looked up is a hash, so the time that takes tells nothing of the states there are.
    """

    def __init__(self) -> None:
        self._ways: dict[bytes, _Way] = {}

    def add(self, browser: Secret) -> tuple[Secret, Secret]:
        """Begin one; return its state, and the verifier that its code is exchanged with."""
        state, verifier = _random(), _random()
        ends_at = _now() + VALID_FOR
        self._ways[_hash(state)] = _Way(browser=browser, verifier=verifier, ends_at=ends_at)
        while len(self._ways) > MOST_BEGUN:
            del self._ways[next(iter(self._ways))]
        return state, verifier

    def take(self, state: Secret, browser: Secret | None) -> Secret | None:
        """End one; return its verifier, None if this browser has no such way open."""
        way = self._ways.pop(_hash(state), None)
        mine = way is not None and browser is not None and way.browser == browser
        return way.verifier if way and mine and _now() < way.ends_at else None


def challenge_of(verifier: Secret) -> str:
    """Return what is told of a verifier beforehand (PKCE, RFC 7636, S256)."""
    return base64.urlsafe_b64encode(_hash(verifier)).decode().rstrip("=")


def _random() -> Secret:
    return Secret(token_urlsafe(32))


def _hash(secret: Secret) -> bytes:
    return hashlib.sha256(secret.reveal().encode("utf-8", "surrogatepass")).digest()


def _now() -> float:
    return asyncio.get_running_loop().time()
