"""The SQL of SqliteInbox: its schema by migrations, and one named statement for each thing it does.

`runs.head` marks the one run of a lane that may be claimed; the unique index `runs_head` keeps it
one. A claim therefore walks `runs_due`, finds only runs it may take, and costs the same whatever
waits behind them. `deliveries.planned` says that the runs of a delivery have been made.
"""

MIGRATIONS_TABLE = """
CREATE TABLE IF NOT EXISTS planado_inbox_migrations (
    version INTEGER PRIMARY KEY,
    applied_at REAL NOT NULL
)"""
SCHEMA_VERSION = "SELECT max(version) FROM planado_inbox_migrations"
MIGRATED = "INSERT INTO planado_inbox_migrations VALUES (?, ?)"

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE deliveries (
            seq INTEGER PRIMARY KEY,
            event_uuid TEXT NOT NULL UNIQUE,
            event_type TEXT NOT NULL,
            entity_type TEXT,
            entity_uuid TEXT,
            version INTEGER,
            attempt INTEGER NOT NULL,
            received_at REAL NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('waiting', 'done', 'dead')),
            planned INTEGER NOT NULL DEFAULT 0,
            unhandled INTEGER NOT NULL DEFAULT 0,
            repeats INTEGER NOT NULL DEFAULT 0,
            settled_at REAL,
            error TEXT,
            sha256 BLOB NOT NULL,
            body BLOB NOT NULL
        )""",
        """
        CREATE INDEX deliveries_state ON deliveries (state, seq)""",
        """
        CREATE INDEX deliveries_unplanned ON deliveries (seq)
            WHERE planned = 0 AND state = 'waiting'""",
        """
        CREATE INDEX deliveries_unhandled ON deliveries (event_type) WHERE unhandled = 1""",
        """
        CREATE TABLE runs (
            event_uuid TEXT NOT NULL,
            handler TEXT NOT NULL,
            entity TEXT NOT NULL,
            version INTEGER NOT NULL,
            seq INTEGER NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('waiting', 'done', 'dead')),
            head INTEGER NOT NULL DEFAULT 0,
            owner TEXT,
            due_at REAL NOT NULL,
            attempts INTEGER NOT NULL DEFAULT 0,
            crashes INTEGER NOT NULL DEFAULT 0,
            suspect INTEGER NOT NULL DEFAULT 0,
            error TEXT,
            PRIMARY KEY (event_uuid, handler)
        ) WITHOUT ROWID""",
        """
        CREATE UNIQUE INDEX runs_head ON runs (handler, entity)
            WHERE state = 'waiting' AND head = 1""",
        """
        CREATE INDEX runs_due ON runs (handler, due_at, seq)
            WHERE state = 'waiting' AND head = 1""",
        """
        CREATE INDEX runs_lane ON runs (handler, entity, version, seq) WHERE state = 'waiting'""",
        """
        CREATE INDEX runs_claimed ON runs (owner) WHERE owner IS NOT NULL""",
        """
        CREATE INDEX runs_suspect ON runs (handler, due_at, seq)
            WHERE state = 'waiting' AND suspect = 1""",
    ),
)

PUT = """
INSERT INTO deliveries (
    event_uuid, event_type, entity_type, entity_uuid, version, attempt, received_at,
    state, error, sha256, body
) VALUES (
    :event_uuid, :event_type, :entity_type, :entity_uuid, :version, :attempt, :received_at,
    :state, :error, :sha256, :body
)
ON CONFLICT (event_uuid) DO UPDATE SET
    event_type = excluded.event_type, entity_type = excluded.entity_type,
    entity_uuid = excluded.entity_uuid, version = excluded.version,
    attempt = max(attempt, excluded.attempt), repeats = repeats + 1,
    state = 'waiting', error = NULL, sha256 = excluded.sha256, body = excluded.body
WHERE state = 'dead' AND planned = 0 AND excluded.state = 'waiting'"""  # was no event, is one now

REPEAT = """
UPDATE deliveries SET repeats = repeats + 1, attempt = max(attempt, :attempt)
WHERE event_uuid = :event_uuid
RETURNING sha256 = :sha256"""

UNPLANNED = """
SELECT seq, event_uuid, event_type, coalesce(entity_type || ':' || entity_uuid, event_uuid),
    coalesce(version, 0)
FROM deliveries INDEXED BY deliveries_unplanned
WHERE planned = 0 AND state = 'waiting'
ORDER BY seq LIMIT ?"""  # left to itself SQLite would walk all that wait

PLAN = """
INSERT INTO runs (event_uuid, handler, entity, version, seq, state, due_at, head)
VALUES (
    :event_uuid, :handler, :entity, :version, :seq, 'waiting', 0,
    NOT EXISTS (
        SELECT 1 FROM runs WHERE handler = :handler AND entity = :entity AND state = 'waiting'
    )
)
ON CONFLICT DO NOTHING
RETURNING head"""

PLANNED = "UPDATE deliveries SET planned = 1 WHERE seq = ?"

UNHANDLED = """
UPDATE deliveries SET planned = 1, unhandled = 1, state = 'done', settled_at = :now
WHERE seq = :seq"""

_FIRST = """(
    SELECT event_uuid FROM runs
    WHERE handler = :handler AND entity = :entity AND state = 'waiting'
    ORDER BY version, seq LIMIT 1
)"""

DEMOTE = f"""
UPDATE runs SET head = 0
WHERE handler = :handler AND entity = :entity AND state = 'waiting' AND head = 1
    AND owner IS NULL AND suspect = 0 AND event_uuid <> {_FIRST}"""  # what was begun stays

PROMOTE = f"""
UPDATE runs SET head = 1
WHERE handler = :handler AND event_uuid = {_FIRST}
    AND NOT EXISTS (
        SELECT 1 FROM runs
        WHERE handler = :handler AND entity = :entity AND state = 'waiting' AND head = 1
    )"""

DUE = """
SELECT seq, event_uuid, handler FROM runs
WHERE handler = :handler AND state = 'waiting' AND head = 1 AND due_at > :above AND due_at <= :upto
    AND (owner IS NULL OR owner <> :owner)
ORDER BY due_at, seq LIMIT :limit"""

HASTEN = """
UPDATE runs SET due_at = 0
WHERE handler = :handler AND state = 'waiting' AND head = 1 AND due_at > :horizon
    AND owner IS NULL"""

NEXT_DUE = """
SELECT due_at FROM runs
WHERE handler = ? AND state = 'waiting' AND head = 1 AND (owner IS NULL OR owner <> ?)
ORDER BY due_at LIMIT 1"""

SUSPECTS = """
SELECT due_at, seq, event_uuid, handler FROM runs
WHERE handler = ? AND state = 'waiting' AND suspect = 1
ORDER BY due_at, seq LIMIT 1"""

ANY_CLAIMED = """
SELECT 1 FROM runs WHERE owner IS NOT NULL AND (owner = :owner OR due_at > :now) LIMIT 1"""

CLAIM = """
UPDATE runs SET owner = :owner, due_at = :until, attempts = attempts + 1
WHERE event_uuid = :event_uuid AND handler = :handler AND state = 'waiting' AND head = 1
    AND due_at <= :now AND (owner IS NULL OR owner <> :owner)
RETURNING attempts, crashes"""

_HELD = """
WHERE event_uuid = :event_uuid AND handler = :handler AND state = 'waiting' AND owner = :owner
    AND attempts = :attempt
RETURNING entity"""

COMPLETE = f"""
UPDATE runs SET state = 'done', head = 0, owner = NULL, suspect = 0, error = NULL {_HELD}"""

RETRY = f"""
UPDATE runs SET due_at = :at, error = :error, owner = NULL, suspect = 0, crashes = 0 {_HELD}"""

RELEASE = f"""
UPDATE runs SET due_at = 0, attempts = attempts - 1, owner = NULL, suspect = 0 {_HELD}"""

BURY = f"""
UPDATE runs SET state = 'dead', error = :error, head = 0, owner = NULL, suspect = 0 {_HELD}"""

SETTLE = """
UPDATE deliveries SET settled_at = :now, state = CASE
    WHEN EXISTS (SELECT 1 FROM runs WHERE event_uuid = :event_uuid AND state = 'dead')
    THEN 'dead' ELSE 'done' END,
    error = (
        SELECT handler || ': ' || error FROM runs
        WHERE event_uuid = :event_uuid AND state = 'dead' ORDER BY handler LIMIT 1
    )
WHERE event_uuid = :event_uuid AND state = 'waiting'
    AND NOT EXISTS (SELECT 1 FROM runs WHERE event_uuid = :event_uuid AND state = 'waiting')"""

RENEW = "UPDATE runs SET due_at = :until WHERE owner = :owner AND state = 'waiting'"

LEFT_CLAIMED = """
SELECT event_uuid, handler, entity FROM runs WHERE owner IS NOT NULL AND owner <> ?"""

OPEN_RUNS = """
SELECT handler, count(*) FROM runs INDEXED BY runs_lane WHERE state = 'waiting' GROUP BY handler"""

SUSPECT = """
UPDATE runs SET owner = NULL, suspect = 1, due_at = 0, attempts = attempts - 1,
    crashes = crashes + :counted
WHERE event_uuid = :event_uuid AND handler = :handler
RETURNING crashes"""

BURY_SUSPECT = """
UPDATE runs SET state = 'dead', error = :error, head = 0, suspect = 0
WHERE event_uuid = :event_uuid AND handler = :handler"""

REVIVE = """
UPDATE deliveries SET state = 'waiting', settled_at = NULL, error = NULL
WHERE event_uuid = ? AND state = 'dead'"""

REVIVE_RUNS = """
UPDATE runs SET state = 'waiting', attempts = 0, crashes = 0, due_at = 0
WHERE event_uuid = ? AND state = 'dead'
RETURNING handler, entity"""

DELIVERY_COLUMNS = (
    "event_uuid, event_type, entity_type, entity_uuid, version, attempt, received_at, body, "
    "state, error, repeats, unhandled, settled_at, seq"
)
_DELIVERY = f"SELECT {DELIVERY_COLUMNS} FROM deliveries"

DELIVERY = f"{_DELIVERY} WHERE event_uuid = ?"
DELIVERIES = f"{_DELIVERY} WHERE seq > :after ORDER BY seq LIMIT :limit"
DELIVERIES_IN_STATE = f"""{_DELIVERY} WHERE state = :state AND seq > :after
ORDER BY seq LIMIT :limit"""

RUNS = """
SELECT handler, attempts, crashes, state, due_at, owner, error FROM runs
WHERE event_uuid = ? ORDER BY handler"""

COUNT = "SELECT state, count(*) FROM deliveries GROUP BY state"
COUNT_CLAIMED = "SELECT count(*) FROM runs WHERE owner IS NOT NULL"
COUNT_UNHANDLED = "SELECT count(*) FROM deliveries WHERE unhandled = 1"
OLDEST_WAITING = """
SELECT received_at FROM deliveries WHERE state = 'waiting' ORDER BY seq LIMIT 1"""
