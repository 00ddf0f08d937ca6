-- What applications write, in the transaction of the order, and what workers deliver: a row for each
-- event and destination. It stays after its delivery, so that its key is known.
CREATE TABLE refport_outbox_events (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key TEXT NOT NULL,
    destination TEXT NOT NULL,
    payload TEXT NOT NULL,
    -- Milliseconds since 1970, as every time here.
    created_at BIGINT NOT NULL DEFAULT (extract(epoch FROM clock_timestamp()) * 1000)::BIGINT,
    -- 0 waiting, 1 leased, 2 delivered, 3 dead
    state BIGINT NOT NULL DEFAULT 0 CHECK (state BETWEEN 0 AND 3),
    due_at BIGINT NOT NULL DEFAULT (extract(epoch FROM clock_timestamp()) * 1000)::BIGINT,
    attempts BIGINT NOT NULL DEFAULT 0,
    -- Grows with every lease: who holds an older number can mark nothing.
    fence BIGINT NOT NULL DEFAULT 0,
    lease_until BIGINT,
    settled_at BIGINT,
    -- What became of the last attempt.
    reason TEXT,
    status BIGINT,
    code TEXT,
    message TEXT,
    UNIQUE (key, destination)
) WITH (
    -- Every row is updated twice, soon after it is written: room beside it, and a vacuum in time.
    fillfactor = 70,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_analyze_scale_factor = 0.02
);

-- What is delivered is in none of the first three, so that they stay small. `created_at` is for the age
-- of the oldest.
CREATE INDEX refport_outbox_waiting ON refport_outbox_events (destination, due_at, created_at) WHERE state = 0;
CREATE INDEX refport_outbox_leased ON refport_outbox_events (destination, lease_until, created_at) WHERE state = 1;
CREATE INDEX refport_outbox_dead ON refport_outbox_events (destination, id, created_at) WHERE state = 3;
CREATE INDEX refport_outbox_delivered ON refport_outbox_events (destination, settled_at) WHERE state = 2;

-- The destinations that workers hold back, and why.
CREATE TABLE refport_outbox_pauses (
    destination TEXT NOT NULL PRIMARY KEY,
    since BIGINT NOT NULL,
    until BIGINT NOT NULL,
    reason TEXT NOT NULL,
    status BIGINT,
    code TEXT,
    message TEXT
);
