"""How a request proves who sends it."""

from collections.abc import Mapping
from typing import Literal, Protocol

from planado_async.core.errors import ConfigurationError
from planado_async.core.secret import Secret

KeyHeader = Literal["X-Planado-API-Key", "Authorization", "X-Planado-Api-Token"]


class Auth(Protocol):
    """Gives the headers that authenticate a request; asked anew for every try."""

    hint: str
    """What to do when the API says that they are wrong."""

    async def headers(self) -> Mapping[str, str]:
        """Return the headers to send."""
        ...


def _is_key(key: object) -> bool:
    """Tell whether this can stand in a header as it is; callers may pass bytes, or a Path."""
    return isinstance(key, str) and key.isascii() and key.isprintable() and key.strip() == key != ""


class ApiKey:
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
