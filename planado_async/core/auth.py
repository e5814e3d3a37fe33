"""How a request proves who sends it: by a key, or by a token that is renewed as it expires."""

import asyncio
import logging
import math
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Literal, Protocol

from attrs import frozen

from planado_async.core.errors import (
    ConfigurationError,
    PlanadoError,
    ReauthorisationRequiredError,
    own,
)
from planado_async.core.secret import Secret

_EARLY = 60.0  # seconds before its end from which a token is renewed,
_EARLY_SHARE = 0.1  # or this part of a life that is short
_TRY_AGAIN = 5.0  # seconds between two tries to renew that fail
_MENDED_LATELY = 30.0  # seconds for which a refusal does not renew again
_LAST_ANSWER = 10.0  # seconds for which closing waits for a renewal

_log = logging.getLogger("planado_async")

KeyHeader = Literal["X-Planado-API-Key", "Authorization", "X-Planado-Api-Token"]


class Auth(Protocol):
    """Gives the headers that authenticate a request; asked anew for every try.

    A subclass whose headers never change writes `headers` and `hint` alone.
    """

    hint: str
    """What to do when the API says that they are wrong."""

    edition: int = 0
    """Rises when the headers change, so that a late refusal of old ones is known as such."""

    trouble: PlanadoError | None = None
    """What keeps calls waiting in `ready`, while they do."""

    async def ready(self, *, patient: bool = True) -> None:
        """Wait until there are headers that may be right; runs before a call queues for its turn.

        One that is not `patient` waits for no person to do something.

        Raises:
            PlanadoError: there are none, or they cannot be had now.
        """
        return

    def holds(self) -> bool:
        """Tell whether what `headers` returns may still be right when a call's turn has come."""
        return True

    async def headers(self) -> Mapping[str, str]:
        """Return the headers to send."""
        ...

    def refused(self, edition: int) -> bool:
        """Learn that headers of this edition were refused; tell whether others can be had."""
        return False

    async def close(self) -> None:
        """Stop what runs in the background."""
        return


def _is_key(key: object) -> bool:
    """Tell whether this can stand in a header as it is; callers may pass bytes, or a Path."""
    return isinstance(key, str) and key.isascii() and key.isprintable() and key.strip() == key != ""


class ApiKey(Auth):
    """Sends one API key, in the header that the account's edition of the API reads.

    `X-Planado-API-Key` is the default, `Authorization` sends it as a bearer token, and
    `X-Planado-Api-Token` is the name older clients use (docs: Authentication).
    """

    hint = "check api_key= or PLANADO_API_KEY: a key made later in Planado replaces the one before"

    def __init__(self, key: str, header: KeyHeader = "X-Planado-API-Key") -> None:
        if not _is_key(key):
            raise ConfigurationError(
                "the API key is empty or holds characters no key has; copy it from Planado: "
                "Settings / Integrations / API, and pass api_key= or set PLANADO_API_KEY"
            )
        self._key = Secret(key)
        self._header = header

    async def headers(self) -> Mapping[str, str]:
        """Return the one header that carries the key."""
        key = self._key.reveal()
        return {self._header: f"Bearer {key}" if self._header == "Authorization" else key}

    def __repr__(self) -> str:
        return f"ApiKey({self._key!r}, {self._header!r})"


@frozen(kw_only=True)
class AccessToken:
    """What an identity server gives for a while."""

    token: Secret
    lives_for: float
    """Seconds from now, by the server's word."""


class RefreshToken(Auth):
    """Sends an access token, renewed shortly before it expires and when it is refused.

    `renew` runs once, however many calls wait for it. Where it raises
    `ReauthorisationRequiredError`, calls fail with that, or wait for `replaced`, which returns
    when `renew` may find what it needs, and so a call goes on that has waited over a weekend.

    Args:
        renew: asks the identity server for an access token.
        replaced: returns when there is another token for `renew` to try.
        patience: seconds that a call waits for that; 0 to fail at once, None to wait for ever.
        headers: sent with every call beside the token.
        hint: what to do when a token that was just renewed is refused.
    """

    def __init__(
        self,
        renew: Callable[[], Awaitable[AccessToken]],
        *,
        replaced: Callable[[], Awaitable[None]],
        patience: float | None = 0.0,
        headers: Mapping[str, str] | None = None,
        hint: str = "authorise the app again",
    ) -> None:
        self.hint = hint
        self.edition: int = 0
        self._renew = renew
        self._replaced = replaced
        self._patience = patience
        self._headers = dict(headers or {})
        self._loop: asyncio.AbstractEventLoop | None = None
        self._begin_anew()

    def _begin_anew(self) -> None:
        """Forget what belongs to an event loop: its clock and its tasks."""
        self._token: Secret | None = None
        self._good_until = 0.0
        self._renewed_from = 0.0  # renewing is tried from here on
        self.trouble: PlanadoError | None = None
        self._mended_at = -math.inf  # when a refusal led to a renewal
        self._failed: tuple[float, PlanadoError] | None = None  # not tried again until then
        self._shared: dict[str, asyncio.Task[None]] = {}
        self._closing = False

    async def ready(self, *, patient: bool = True) -> None:
        """Renew the token if there is none that holds; before that is so, calls do not wait."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop = loop
            self._begin_anew()
        patience = self._patience if patient else 0.0
        ends_at = None if patience is None else _now() + patience
        while not self.holds():
            try:
                await self._once("renew", self._renewal)
            except ReauthorisationRequiredError as trouble:
                if ends_at is not None and _now() >= ends_at:
                    raise
                self.trouble = trouble
                await self._another(ends_at)
        if _now() >= self._renewed_from and "renew" not in self._shared:
            self._start("renew", self._early)

    def holds(self) -> bool:
        """Tell whether there is a token that is good still, as far as known."""
        return self._token is not None and _now() < self._good_until

    async def headers(self) -> Mapping[str, str]:
        """Return the header with the token, and those that go with it."""
        token = self._token.reveal() if self._token else ""
        return {"Authorization": f"Bearer {token}", **self._headers}

    def refused(self, edition: int) -> bool:
        """Renew before the next call, unless that has happened since.

        Where it has just helped nothing, it is not done again for a while: the token is not what is
        wrong then, and each call would renew it.
        """
        if edition != self.edition or self._token is None:
            return True
        if _now() < self._mended_at + _MENDED_LATELY:
            return False
        self._mended_at = _now()
        self._token = None
        return True

    def mended(self) -> None:
        """Renew at once when next asked, though it has failed just now."""
        self._failed = None

    async def close(self) -> None:
        """Stop waiting; let a renewal end, whose answer may be all there is of a new grant."""
        tasks, self._closing = dict(self._shared), True
        if replaced := tasks.get("replaced"):
            replaced.cancel()
        try:
            if tasks:
                await asyncio.wait(tasks.values(), timeout=_LAST_ANSWER)
            for task in tasks.values():
                task.cancel()
            await asyncio.gather(*tasks.values(), return_exceptions=True)
        finally:
            self._closing = False

    async def _another(self, ends_at: float | None) -> None:
        """Wait until there is another token to renew with, but no longer than patience says."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(ends_at):
                await self._once("replaced", self._replaced)

    async def _early(self) -> None:
        """Renew a token that holds still; where that fails, it is tried again in a while."""
        self._renewed_from = min(self._good_until, _now() + _TRY_AGAIN)
        try:
            await self._renewal()
        except PlanadoError as failure:
            _log.warning("the token could not be renewed yet: %s", type(failure).__name__)

    async def _renewal(self) -> None:
        if self._failed and _now() < self._failed[0]:
            raise own(self._failed[1])
        try:
            got = await self._renew()
        except ReauthorisationRequiredError:
            raise  # who asks again is answered without asking the server
        except PlanadoError as failure:
            self._failed = _now() + _TRY_AGAIN, failure
            raise
        # Not all processes at one moment: where tokens rotate, they would be in each other's way.
        early = min(_EARLY, got.lives_for * _EARLY_SHARE) * random.uniform(0.5, 1.0)
        self._good_until = _now() + got.lives_for
        self._renewed_from = self._good_until - early
        self._token = got.token
        self._failed = self.trouble = None
        self.edition += 1

    async def _once(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Run something for all who ask for it meanwhile; nobody who gives up ends it."""
        try:
            await asyncio.shield(self._shared.get(name) or self._start(name, run))
        except PlanadoError as failure:
            raise own(failure) from failure  # each caller's: it is told where it went wrong

    def _start(self, name: str, run: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        if self._closing:
            raise ConfigurationError("the client was closed while the call waited")
        self._shared[name] = task = asyncio.ensure_future(run())
        task.add_done_callback(lambda _: self._shared.pop(name, None))
        task.add_done_callback(_noticed)
        return task


def _noticed(task: "asyncio.Task[None]") -> None:
    """Keep asyncio from telling of a failure whose callers have all given up."""
    if not task.cancelled():
        task.exception()


def _now() -> float:
    return asyncio.get_running_loop().time()
