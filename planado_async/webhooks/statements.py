"""The SQL of SqliteInbox: its schema by migrations, and one named statement for each thing it does.

`runs.head` marks the one run of a lane that may be claimed; the unique index `runs_head` keeps it
one. A claim therefore walks `runs_due`, finds only runs it may take, and costs the same whatever
waits behind them. `deliveries.planned` says that the runs of a delivery have been made, and
`runs.revived` that somebody has replayed one. `planado_inbox_counts` is kept by triggers: to count
what waits would hold up the puts behind it, the longer the more waits.
"""

TABLES = (
    "deliveries",
    "runs",
    "lanes",
    "planado_inbox_counts",
    "planado_inbox_migrations",
    "planado_inbox_notes",
)
"""What is the inbox's own in the file."""

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
    (
        """
        ALTER TABLE runs ADD COLUMN stale INTEGER NOT NULL DEFAULT 0""",
        """
        ALTER TABLE runs ADD COLUMN revived INTEGER NOT NULL DEFAULT 0""",
        """
        ALTER TABLE runs ADD COLUMN gap_until REAL""",
        """
        CREATE TABLE lanes (
            handler TEXT NOT NULL,
            entity TEXT NOT NULL,
            version INTEGER NOT NULL,
            PRIMARY KEY (handler, entity)
        ) WITHOUT ROWID""",
        """
        INSERT INTO lanes
        SELECT handler, entity, max(version) FROM runs
        WHERE state <> 'waiting' AND version > 0 GROUP BY handler, entity""",
    ),
    (
        """
        CREATE INDEX deliveries_entity ON deliveries (entity_type, entity_uuid, version)""",
        """
        CREATE TABLE planado_inbox_notes (
            name TEXT PRIMARY KEY,
            note BLOB NOT NULL
        ) WITHOUT ROWID""",
    ),
    (
        """
        ALTER TABLE deliveries ADD COLUMN dropped INTEGER NOT NULL DEFAULT 0""",
        """
        ALTER TABLE deliveries ADD COLUMN pruned INTEGER NOT NULL DEFAULT 0""",
        """
        ALTER TABLE runs ADD COLUMN dropped INTEGER NOT NULL DEFAULT 0""",
        """
        UPDATE deliveries SET settled_at = received_at
        WHERE state = 'dead' AND settled_at IS NULL""",
        """
        CREATE INDEX deliveries_settled ON deliveries (state, settled_at)
            WHERE pruned = 0 AND settled_at IS NOT NULL""",
        """
        CREATE INDEX deliveries_pruned ON deliveries (received_at) WHERE pruned = 1""",
        """
        CREATE INDEX deliveries_dropped ON deliveries (seq) WHERE dropped = 1""",
        """
        CREATE INDEX runs_dead ON runs (handler) WHERE state = 'dead'""",
        """
        CREATE INDEX runs_stale ON runs (handler) WHERE stale = 1""",
    ),
    (
        """
        CREATE TABLE planado_inbox_counts (
            state TEXT PRIMARY KEY,
            number INTEGER NOT NULL
        ) WITHOUT ROWID""",
        """
        INSERT INTO planado_inbox_counts
        SELECT column1, (SELECT count(*) FROM deliveries WHERE state = column1)
        FROM (VALUES ('waiting'), ('done'), ('dead'))""",
        """
        CREATE TRIGGER planado_inbox_came AFTER INSERT ON deliveries BEGIN
            UPDATE planado_inbox_counts SET number = number + 1 WHERE state = new.state;
        END""",
        """
        CREATE TRIGGER planado_inbox_moved AFTER UPDATE OF state ON deliveries
        WHEN new.state <> old.state BEGIN
            UPDATE planado_inbox_counts SET number = number - 1 WHERE state = old.state;
            UPDATE planado_inbox_counts SET number = number + 1 WHERE state = new.state;
        END""",
        """
        CREATE TRIGGER planado_inbox_went AFTER DELETE ON deliveries BEGIN
            UPDATE planado_inbox_counts SET number = number - 1 WHERE state = old.state;
        END""",
    ),
)

PUT = """
INSERT INTO deliveries (
    event_uuid, event_type, entity_type, entity_uuid, version, attempt, received_at,
    state, settled_at, error, sha256, body
) VALUES (
    :event_uuid, :event_type, :entity_type, :entity_uuid, :version, :attempt, :received_at,
    :state, CASE :state WHEN 'dead' THEN :received_at END, :error, :sha256, :body
)
ON CONFLICT (event_uuid) DO UPDATE SET
    event_type = excluded.event_type, entity_type = excluded.entity_type,
    entity_uuid = excluded.entity_uuid, version = excluded.version,
    attempt = max(attempt, excluded.attempt), repeats = repeats + 1,
    received_at = excluded.received_at, state = 'waiting', settled_at = NULL, error = NULL,
    dropped = 0, pruned = 0, sha256 = excluded.sha256, body = excluded.body
WHERE (state = 'dead' OR dropped = 1) AND planned = 0
    AND excluded.state = 'waiting'"""  # was no event, is one now

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
INSERT INTO runs (event_uuid, handler, entity, version, seq, state, due_at, revived, head)
VALUES (
    :event_uuid, :handler, :entity, :version, :seq, 'waiting', 0, :replayed,
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
UPDATE runs SET head = 1,
    due_at = CASE WHEN gap_until IS NULL OR attempts > 0 THEN due_at ELSE 0 END
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
WHERE handler = :handler AND state = 'waiting' AND head = 1 AND due_at > min(:horizon, :patience)
    AND due_at > CASE WHEN attempts = 0 THEN :patience ELSE :horizon END AND owner IS NULL"""

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

LANE = """
SELECT runs.entity, runs.version, runs.revived, runs.gap_until, lanes.version
FROM runs LEFT JOIN lanes USING (handler, entity)
WHERE event_uuid = :event_uuid AND handler = :handler"""

PASS = """
INSERT INTO lanes SELECT handler, entity, version FROM runs
WHERE event_uuid = :event_uuid AND handler = :handler AND version > 0
ON CONFLICT DO UPDATE SET version = max(version, excluded.version)"""

MARK_STALE = """
UPDATE runs SET state = 'done', stale = 1, head = 0, suspect = 0
WHERE event_uuid = :event_uuid AND handler = :handler"""

AWAIT_GAP = """
UPDATE runs SET gap_until = :gap_until, due_at = :gap_until, suspect = 0
WHERE event_uuid = :event_uuid AND handler = :handler"""

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

RELEASE_ALL = """
UPDATE runs SET due_at = 0, attempts = attempts - 1, owner = NULL, suspect = 0
WHERE owner = ? AND state = 'waiting'
RETURNING handler, entity"""

BURY = f"""
UPDATE runs SET state = 'dead', error = :error, head = 0, owner = NULL, suspect = 0 {_HELD}"""

IS_OPEN = "SELECT 1 FROM runs WHERE event_uuid = :event_uuid AND state = 'waiting' LIMIT 1"

SETTLE = """
UPDATE deliveries SET planned = 1, unhandled = 0,
    state = CASE
        WHEN EXISTS (SELECT 1 FROM runs WHERE event_uuid = :event_uuid AND state = 'waiting')
        THEN 'waiting'
        WHEN EXISTS (SELECT 1 FROM runs WHERE event_uuid = :event_uuid AND state = 'dead')
        THEN 'dead' ELSE 'done' END,
    dropped = EXISTS (SELECT 1 FROM runs WHERE event_uuid = :event_uuid AND dropped = 1),
    settled_at = CASE
        WHEN EXISTS (SELECT 1 FROM runs WHERE event_uuid = :event_uuid AND state = 'waiting')
        THEN NULL ELSE :now END,
    error = coalesce((
        SELECT handler || ': ' || error FROM runs
        WHERE event_uuid = :event_uuid AND state = 'dead' ORDER BY handler LIMIT 1
    ), (
        SELECT handler || ': ' || error FROM runs
        WHERE event_uuid = :event_uuid AND dropped = 1 ORDER BY handler LIMIT 1
    ))
WHERE event_uuid = :event_uuid"""

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

DELIVERY_COLUMNS = (
    "event_uuid, event_type, entity_type, entity_uuid, version, attempt, received_at, body, "
    "state, error, repeats, unhandled, dropped, pruned, settled_at, seq"
)
_DELIVERY = f"SELECT {DELIVERY_COLUMNS} FROM deliveries"

DELIVERY = f"{_DELIVERY} WHERE event_uuid = ?"

_RUN_OF_IT = "SELECT 1 FROM runs WHERE runs.event_uuid = deliveries.event_uuid"
CONDITIONS = {
    "event_uuid": "event_uuid = :event_uuid",
    "event_type": "event_type GLOB :event_type",
    "entity_uuid": "entity_uuid = :entity_uuid",
    "received_after": "received_at >= :received_after",
    "received_before": "received_at < :received_before",
    "state": "state = :state",
    "handler": f"EXISTS ({_RUN_OF_IT} AND handler = :handler)",
    "run_state": f"""EXISTS (
        {_RUN_OF_IT} AND state = :run_state AND handler = coalesce(:handler, handler)
    )""",
    "claimed": f"""EXISTS (
        {_RUN_OF_IT} AND owner IS NOT NULL AND handler = coalesce(:handler, handler)
    )""",
}
"""What deliveries can be chosen by."""

PAGE = f"{_DELIVERY} WHERE seq > :after AND seq <= :upto"
WINDOW = """
SELECT max(seq) FROM (
    SELECT seq FROM deliveries WHERE seq > :after ORDER BY seq LIMIT :examined
)"""
WINDOW_OF_ONE = "SELECT seq FROM deliveries WHERE event_uuid = :event_uuid AND seq > :after"
WINDOW_OF_STATE = """
SELECT max(seq) FROM (
    SELECT seq FROM deliveries INDEXED BY deliveries_state
    WHERE state = :state AND seq > :after ORDER BY seq LIMIT :examined
)"""

RUNS = """
SELECT handler, attempts, crashes, state, due_at, owner, error, stale, dropped FROM runs
WHERE event_uuid = ? ORDER BY handler"""

REPLAY_RUNS = """
UPDATE runs SET state = 'waiting', attempts = 0, crashes = 0, due_at = 0, revived = 1,
    stale = 0, dropped = 0, gap_until = NULL, error = NULL
WHERE event_uuid = :event_uuid AND handler = coalesce(:handler, handler)
    AND (state = 'dead' OR (state = 'done' AND :done))
RETURNING handler, entity"""

HAS_RUNS = "SELECT 1 FROM runs WHERE event_uuid = ? LIMIT 1"

DROP_RUNS = """
UPDATE runs SET state = 'done', dropped = 1
WHERE event_uuid = :event_uuid AND handler = coalesce(:handler, handler) AND state = 'dead'"""

DROP_WITHOUT_RUNS = """
UPDATE deliveries SET state = 'done', dropped = 1, settled_at = :now
WHERE event_uuid = :event_uuid AND :handler IS NULL AND state = 'dead' AND planned = 0"""

_KEPT = (
    "event_uuid, seq, event_type, entity_type, entity_uuid, version, attempt, received_at, state, "
    "planned, unhandled, repeats, settled_at, error, sha256, dropped"
)
TAKE_OUT = f"""
DELETE FROM deliveries WHERE seq IN (
    SELECT seq FROM deliveries INDEXED BY deliveries_settled
    WHERE state = 'done' AND pruned = 0 AND settled_at < :before ORDER BY settled_at LIMIT :limit
)
RETURNING {_KEPT}"""
PUT_BACK = f"""
INSERT INTO deliveries ({_KEPT}, body, pruned)
VALUES ({", ".join("?" for _ in _KEPT.split(", "))}, x'', 1)"""
"""What is emptied is taken out and put back: in its place it would leave its pages in use."""

PRUNE_RUNS = "DELETE FROM runs WHERE event_uuid = ?"

OLD_DEAD = """
SELECT event_uuid FROM deliveries INDEXED BY deliveries_settled
WHERE state = 'dead' AND pruned = 0 AND settled_at < :before ORDER BY settled_at LIMIT :limit"""

FORGET = """
DELETE FROM deliveries WHERE seq IN (
    SELECT seq FROM deliveries INDEXED BY deliveries_pruned
    WHERE pruned = 1 AND received_at < :before AND seq < (SELECT max(seq) FROM deliveries)
    ORDER BY received_at LIMIT :limit
)"""
"""The last one stays: SQLite would give its `seq` to the next."""

COUNT = "SELECT state, number FROM planado_inbox_counts"
COUNT_CLAIMED = "SELECT count(*) FROM runs WHERE owner IS NOT NULL"
COUNT_UNHANDLED = "SELECT count(*) FROM deliveries WHERE unhandled = 1"
COUNT_DROPPED = "SELECT count(*) FROM deliveries INDEXED BY deliveries_dropped WHERE dropped = 1"
COUNT_HANDLED = """
SELECT count(*) FROM deliveries INDEXED BY deliveries_settled
WHERE state = 'done' AND pruned = 0 AND settled_at > ?"""
CLAIMED_RUNS = "SELECT handler, count(*) FROM runs WHERE owner IS NOT NULL GROUP BY handler"
DEAD_RUNS = """
SELECT handler, count(*) FROM runs INDEXED BY runs_dead WHERE state = 'dead' GROUP BY handler"""
STALE_RUNS = """
SELECT handler, count(*) FROM runs INDEXED BY runs_stale WHERE stale = 1 GROUP BY handler"""
OLDEST_WAITING = """
SELECT received_at FROM deliveries WHERE state = 'waiting' ORDER BY seq LIMIT 1"""

SIGN_OF_LIFE = """
INSERT INTO planado_inbox_migrations VALUES (0, ?)
ON CONFLICT (version) DO UPDATE SET applied_at = excluded.applied_at"""  # no migration is number 0

STORED = """
SELECT 1 FROM deliveries
WHERE event_uuid = ? AND (planned = 1 OR (state <> 'dead' AND dropped = 0))"""

HELD = """
SELECT 1 FROM deliveries
WHERE entity_type = :entity_type AND entity_uuid = :entity_uuid AND version = :version
    AND event_type = :event_type AND (planned = 1 OR (state <> 'dead' AND dropped = 0))
LIMIT 1"""

LOWEST = "SELECT min(version) FROM deliveries WHERE entity_type = ? AND entity_uuid = ?"
HIGHEST = "SELECT max(version) FROM deliveries WHERE entity_type = ? AND entity_uuid = ?"

ARRIVED = """
SELECT seq, entity_type, entity_uuid, version, (
    SELECT max(version) FROM deliveries AS other
    WHERE other.entity_type = deliveries.entity_type
        AND other.entity_uuid = deliveries.entity_uuid AND other.version < deliveries.version
        AND other.received_at >= :known_since
) FROM deliveries WHERE seq > :after ORDER BY seq LIMIT :limit"""

EXHAUSTED = "SELECT 1 FROM sqlite_sequence WHERE seq = 9223372036854775807 LIMIT 1"
"""Whether an AUTOINCREMENT of the file has given its last number."""

RECALL = "SELECT note FROM planado_inbox_notes WHERE name = ?"
REMEMBER = """
INSERT INTO planado_inbox_notes VALUES (:name, :note)
ON CONFLICT (name) DO UPDATE SET note = excluded.note"""
