-- What applications write, in the transaction of the order: a row for each event and destination.
-- Workers empty it into the next table. One b-tree, so that a row costs the caller one page.
CREATE TABLE refport_outbox_events (
    key TEXT NOT NULL,
    destination TEXT NOT NULL,
    payload TEXT NOT NULL,
    -- Milliseconds since 1970, as every time here.
    created_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    PRIMARY KEY (key, destination)
) STRICT, WITHOUT ROWID;

-- What workers have taken in. A row stays after its delivery, so that its key is known.
CREATE TABLE refport_outbox_deliveries (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    destination TEXT NOT NULL,
    payload TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    -- 0 waiting, 1 leased, 2 delivered, 3 dead
    state INTEGER NOT NULL DEFAULT 0 CHECK (state BETWEEN 0 AND 3),
    due_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    -- Grows with every lease: who holds an older number can mark nothing.
    fence INTEGER NOT NULL DEFAULT 0,
    lease_until INTEGER,
    settled_at INTEGER,
    -- What became of the last attempt.
    reason TEXT,
    status INTEGER,
    code TEXT,
    message TEXT,
    UNIQUE (key, destination)
) STRICT;

-- What is delivered is in none of the first three, so that they stay small. `created_at` is for the age
-- of the oldest.
CREATE INDEX refport_outbox_waiting ON refport_outbox_deliveries (destination, due_at, created_at) WHERE state = 0;
CREATE INDEX refport_outbox_leased ON refport_outbox_deliveries (destination, lease_until, created_at) WHERE state = 1;
CREATE INDEX refport_outbox_dead ON refport_outbox_deliveries (destination, id, created_at) WHERE state = 3;
CREATE INDEX refport_outbox_delivered ON refport_outbox_deliveries (destination, settled_at) WHERE state = 2;

-- The destinations that workers hold back, and why.
CREATE TABLE refport_outbox_pauses (
    destination TEXT NOT NULL PRIMARY KEY,
    since INTEGER NOT NULL,
    until INTEGER NOT NULL,
    reason TEXT NOT NULL,
    status INTEGER,
    code TEXT,
    message TEXT
) STRICT, WITHOUT ROWID;
