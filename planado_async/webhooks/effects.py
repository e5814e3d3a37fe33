"""Executes what handlers left in their transactions: statements on tables of their own.

SQLite asks an authorizer about every table that a statement touches, also by way of a trigger or a
view. Reads are allowed, and lead nowhere. Denied is what changes the inbox's own tables, what would
hide them (temporary tables come first wherever a name is looked up), and what begins or ends a
transaction or sets how the connection works.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from planado_async.core.errors import EffectError
from planado_async.webhooks import statements as sql
from planado_async.webhooks.inbox import Effect

SHOWN = 80
"""Characters of a statement that its error shows."""

_DISK_TROUBLE = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_BUSY)
_PRIMARY = 0xFF
"""The bits of an error code that tell its kind; the rest says more of it."""
_NEVER = (
    sqlite3.SQLITE_TRANSACTION,
    sqlite3.SQLITE_SAVEPOINT,
    sqlite3.SQLITE_ATTACH,
    sqlite3.SQLITE_DETACH,
    sqlite3.SQLITE_PRAGMA,
    sqlite3.SQLITE_ANALYZE,  # would change how the inbox finds its rows
    sqlite3.SQLITE_CREATE_TEMP_INDEX,
    sqlite3.SQLITE_CREATE_TEMP_TABLE,
    sqlite3.SQLITE_CREATE_TEMP_TRIGGER,
    sqlite3.SQLITE_CREATE_TEMP_VIEW,
)
_NAMES_TABLE_FIRST = (
    sqlite3.SQLITE_INSERT,
    sqlite3.SQLITE_UPDATE,
    sqlite3.SQLITE_DELETE,
    sqlite3.SQLITE_DROP_TABLE,
)
_NAMES_TABLE = (
    sqlite3.SQLITE_ALTER_TABLE,
    sqlite3.SQLITE_CREATE_INDEX,
    sqlite3.SQLITE_DROP_INDEX,
    sqlite3.SQLITE_CREATE_TRIGGER,
    sqlite3.SQLITE_DROP_TRIGGER,
)


def execute(connection: sqlite3.Connection, effects: Sequence[Effect]) -> None:
    """Execute a handler's statements; raise EffectError unless the disk is to blame."""
    if not effects:
        return  # a change of the authorizer makes SQLite prepare all statements anew
    connection.set_authorizer(_theirs_only)
    try:
        for effect in effects:
            _execute(connection, *effect)
    finally:
        connection.set_authorizer(None)


def _execute(
    connection: sqlite3.Connection, statement: str, arguments: Sequence[Any] | Mapping[str, Any]
) -> None:
    try:
        connection.execute(statement, arguments)
    except Exception as error:  # sqlite3 raises a good many more than its own
        if _is_disk_trouble(connection, error):
            raise
        raise EffectError(f"{statement.strip()[:SHOWN]!r} failed: {error}") from error


def _is_disk_trouble(connection: sqlite3.Connection, error: Exception) -> bool:
    kind = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
    return kind in _DISK_TROUBLE and not (
        kind == sqlite3.SQLITE_FULL and _out_of_numbers(connection)
    )


def _out_of_numbers(connection: sqlite3.Connection) -> bool:
    """Tell whether a table has used up its AUTOINCREMENT, which SQLite calls a full disk, too.

    Should the disk be full besides, the next attempt of the run cannot be stored either, and the
    whole is tried again.
    """
    try:
        return connection.execute(sql.EXHAUSTED).fetchone() is not None
    except sqlite3.OperationalError:  # no table has AUTOINCREMENT
        return False


def _theirs_only(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    table = first if action in _NAMES_TABLE_FIRST else second if action in _NAMES_TABLE else None
    return sqlite3.SQLITE_DENY if action in _NEVER or table in sql.TABLES else sqlite3.SQLITE_OK
