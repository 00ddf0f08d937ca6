-- What applications write, in the transaction of the order: a row for each event and destination. It
-- stays here until its first attempt has ended. One b-tree, so that a row costs the caller one page.
CREATE TABLE refport_outbox_events (
    key TEXT NOT NULL CHECK (key <> ''),
    destination TEXT NOT NULL,
    payload TEXT NOT NULL,
    -- Milliseconds since 1970, as every time here.
    created_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    PRIMARY KEY (destination, key)
) STRICT, WITHOUT ROWID;

-- Which of them workers have: a row for each time that one took some. To take an event is to write its
-- key here, and to give it up is to move it to the next table, so that it is written once.
CREATE TABLE refport_outbox_leases (
    -- The number of its last event there. Never used again: who holds a lease that is gone can mark
    -- nothing.
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    destination TEXT NOT NULL,
    lease_until INTEGER NOT NULL,
    -- A JSON array, and the greatest in it.
    keys TEXT NOT NULL,
    last_key TEXT NOT NULL
) STRICT;

-- What was tried once. A row stays after its delivery, so that its key is known.
CREATE TABLE refport_outbox_deliveries (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    destination TEXT NOT NULL,
    payload TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    -- 0 waiting, 1 leased, 2 delivered, 3 dead
    state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 3),
    due_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    -- Grows with every lease: who holds an older number can mark nothing.
    fence INTEGER NOT NULL,
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

-- An event that has moved on is known, whoever writes it again.
CREATE TRIGGER refport_outbox_known BEFORE INSERT ON refport_outbox_events
WHEN EXISTS (SELECT 1 FROM refport_outbox_deliveries WHERE key = NEW.key AND destination = NEW.destination)
BEGIN
    SELECT RAISE(IGNORE);
END;

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
