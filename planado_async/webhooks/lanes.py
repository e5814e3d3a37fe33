"""Lanes of runs in an SQLite inbox: adding to one, and finding its head."""

import sqlite3
from typing import Any

from planado_async.webhooks import statements as sql


def add(connection: sqlite3.Connection, run: dict[str, Any]) -> bool:
    """Make a run, at the head of its lane if it belongs there; return False if it is made."""
    made = connection.execute(sql.PLAN, run).fetchone()
    if made and not made[0]:
        elect(connection, run)
    return made is not None


def elect(connection: sqlite3.Connection, lane: dict[str, Any]) -> None:
    """Make the lowest of the waiting the head of its lane, unless the head is claimed."""
    connection.execute(sql.DEMOTE, lane)
    connection.execute(sql.PROMOTE, lane)
