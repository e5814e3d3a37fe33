"""Where an app's tokens are kept: one grant for each portal that has authorised it.

A store is asked before every renewal, so a token that is put into it is used without a restart.
"""

import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Protocol

import orjson
from attrs import evolve, field, frozen

from planado_async.core.errors import ConfigurationError
from planado_async.core.secret import Secret

DEFAULT_PORTAL = "default"
"""The portal's name where there is only one."""

_log = logging.getLogger("planado_async")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@frozen(kw_only=True)
class Grant:
    """What one portal has granted one app.

    `portal` is any name for it that its users choose, such as its id or the first part of its
    address: it tells the grants of one App ID apart.
    """

    portal: str = field(converter=str)
    app_id: str
    refresh_token: Secret
    """What Planday shows as the token on the app's tile."""
    scopes: tuple[str, ...] = ()
    """What was granted, as far as it has been told."""


class TokenStore(Protocol):
    """Keeps grants by portal and App ID."""

    async def load(self, portal: str, app_id: str) -> Grant | None:
        """Return the grant of a portal, None if there is none.

        Raises:
            ConfigurationError: it cannot be read; says what to do.
        """
        ...

    async def save(self, grant: Grant) -> None:
        """Put a grant in the place of the one its portal has.

        Raises:
            ConfigurationError: it cannot be kept; says what to do.
        """
        ...

    async def portals(self, app_id: str) -> list[str]:
        """Return the portals that have granted this app something, by name."""
        ...


class MemoryTokenStore:
    """Keeps grants as long as the process lives."""

    def __init__(self, *grants: Grant) -> None:
        self._grants = {(grant.portal, grant.app_id): grant for grant in grants}

    async def load(self, portal: str, app_id: str) -> Grant | None:
        """Return the grant of a portal, None if there is none."""
        return self._grants.get((portal, app_id))

    async def save(self, grant: Grant) -> None:
        """Put a grant in the place of the one its portal has."""
        self._grants[grant.portal, grant.app_id] = grant

    async def portals(self, app_id: str) -> list[str]:
        """Return the portals that have granted this app something."""
        return sorted(portal for portal, app in self._grants if app == app_id)


class FileTokenStore:
    """Keeps each grant in a file of its own, `{portal}@{app_id}.json` in a directory.

    Only its owner may read it, and it is replaced whole, so that no reader sees half of it. It
    holds `refresh_token` and `scopes`; a person may write it as well, with the token alone.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self._directory = Path(directory)

    async def load(self, portal: str, app_id: str) -> Grant | None:
        """Return the grant in the file, None if there is no such file.

        Raises:
            ConfigurationError: the file cannot be read, or holds something else.
        """
        path = self._path(portal, app_id)
        try:
            return _grant(portal, app_id, orjson.loads(path.read_bytes()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as failure:
            told = type(failure).__name__ if isinstance(failure, ValueError) else failure.strerror
        # Raised here, not above: the failure of a parser holds the text, and with it the token.
        raise ConfigurationError(
            f'{path} cannot be read ({told}); it takes {{"refresh_token": "…"}}, with the token '
            "from the app's tile in Planday"
        )

    async def save(self, grant: Grant) -> None:
        """Replace the file of a grant.

        Raises:
            ConfigurationError: the directory cannot be written to.
        """
        path = self._path(grant.portal, grant.app_id)
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            _replace(path, grant)
            return
        except OSError as failure:
            told = failure.strerror
        # Raised here, not above: the frames behind the failure hold the token.
        raise ConfigurationError(
            f"{path} cannot be written ({told}), so a new token would be lost; let this process "
            "write there"
        )

    async def portals(self, app_id: str) -> list[str]:
        """Return the portals that have a file of this app."""
        ending = f"@{_named(app_id, 'an App ID')}.json"
        files = self._directory.glob(f"*{ending}") if self._directory.is_dir() else ()
        return sorted(file.name.removesuffix(ending) for file in files)

    def _path(self, portal: str, app_id: str) -> Path:
        name = f"{_named(portal, 'a portal')}@{_named(app_id, 'an App ID')}.json"
        return self._directory / name


class EnvironmentTokenStore:
    """Reads tokens from environment variables, and keeps new ones as long as the process lives.

    The token of portal `acme` is `PLANDAY_REFRESH_TOKEN_ACME`; that of a single portal without a
    name, `PLANDAY_REFRESH_TOKEN`.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._environment = environment
        self._kept: dict[tuple[str, str], tuple[str, Grant]] = {}

    async def load(self, portal: str, app_id: str) -> Grant | None:
        """Return the token of a portal: one saved here, unless the variable has changed since."""
        told = self._environment.get(_variable(portal), "").strip()
        before, kept = self._kept.get((portal, app_id), (told, None))
        if kept and before == told:
            return kept
        return Grant(portal=portal, app_id=app_id, refresh_token=Secret(told)) if told else None

    async def save(self, grant: Grant) -> None:
        """Keep a grant in memory: no process can set the variables that it will be started with."""
        _log.warning(
            "the token of portal %s lives in memory alone; set %s to it before the next start, or "
            "use FileTokenStore",
            grant.portal,
            _variable(grant.portal),
        )
        told = self._environment.get(_variable(grant.portal), "").strip()
        self._kept[grant.portal, grant.app_id] = told, grant

    async def portals(self, app_id: str) -> list[str]:
        """Return the portals that a variable, or a grant saved since, names."""
        set_now = {name for name, value in self._environment.items() if value.strip()}
        named = {
            name.removeprefix(f"{_VARIABLE}_").lower()
            for name in set_now
            if name.startswith(f"{_VARIABLE}_") and name != f"{_VARIABLE}_{DEFAULT_PORTAL.upper()}"
        } | ({DEFAULT_PORTAL} if _VARIABLE in set_now else set())
        return sorted(named | {portal for portal, app in self._kept if app == app_id})


_VARIABLE = "PLANDAY_REFRESH_TOKEN"


def _variable(portal: str) -> str:
    ending = re.sub(r"\W", "_", portal).upper()
    return _VARIABLE if portal == DEFAULT_PORTAL else f"{_VARIABLE}_{ending}"


def _grant(portal: str, app_id: str, kept: Any) -> Grant:
    """Read a grant, or raise ValueError."""
    told = kept if isinstance(kept, dict) else {}
    token, scopes = told.get("refresh_token"), told.get("scopes", ())
    if not (isinstance(token, str) and token.strip() and isinstance(scopes, list | tuple)):
        raise ValueError
    return Grant(
        portal=portal,
        app_id=app_id,
        refresh_token=Secret(token.strip()),
        scopes=tuple(map(str, scopes)),
    )


def _named(name: str, what: str) -> str:
    """Return a name that can stand in a file's name."""
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"{name!r} cannot name {what} here; take letters, digits, . _ -")
    return name


def _replace(path: Path, grant: Grant) -> None:
    """Replace a file whole, readable for its owner alone, and wait until that is on disk."""
    kept = {"refresh_token": grant.refresh_token.reveal(), "scopes": grant.scopes}
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as new:
        try:
            new.write(orjson.dumps(kept, option=orjson.OPT_INDENT_2))
            new.flush()
            os.fsync(new.fileno())
            Path(new.name).replace(path)
            _sync(path.parent)
        except BaseException:
            Path(new.name).unlink(missing_ok=True)
            raise


def _sync(directory: Path) -> None:
    """Wait until the names in a directory are on disk, where that can be asked for."""
    if os.name != "posix":  # pragma: no cover
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def with_token(grant: Grant, token: Secret, scopes: tuple[str, ...] = ()) -> Grant:
    """Return a grant with another token, and the scopes told with it, if any."""
    return evolve(grant, refresh_token=token, scopes=scopes or grant.scopes)
