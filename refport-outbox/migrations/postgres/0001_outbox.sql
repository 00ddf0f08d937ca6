-- What applications write, in the transaction of the order: a row for each event and destination. It is
-- never updated, and stays after its delivery, so that its key is known.
CREATE TABLE refport_outbox_events (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key TEXT NOT NULL,
    destination TEXT NOT NULL,
    payload TEXT NOT NULL,
    -- Milliseconds since 1970, as every time here.
    created_at BIGINT NOT NULL DEFAULT (extract(epoch FROM clock_timestamp()) * 1000)::BIGINT,
    UNIQUE (key, destination)
);

-- How far an event is, the table says in which it has a row, always one of the next four. It moves by a
-- delete and an insert in one statement, which cost less than updates of its own wide row. There are no
-- foreign keys: their checks would cost more than the move.

-- To be delivered, for the first time or again.
CREATE TABLE refport_outbox_waiting (
    event_id BIGINT NOT NULL PRIMARY KEY,
    destination TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    -- What became of the last attempt.
    reason TEXT,
    status BIGINT,
    code TEXT,
    message TEXT
) WITH (
    -- Rows come and go: a vacuum after so many, however long the backlog. Plans are kept, and one that
    -- was made for no rows is bad for many: a small table is not analyzed, and an emptied one not cut.
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 2000,
    autovacuum_analyze_threshold = 2000,
    vacuum_truncate = false
);

CREATE INDEX refport_outbox_due ON refport_outbox_waiting (destination, due_at);

-- In the hands of a worker. They are few, so that the primary key is enough.
CREATE TABLE refport_outbox_leased (
    event_id BIGINT NOT NULL PRIMARY KEY,
    destination TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    -- With the one that the lease is for.
    attempts BIGINT NOT NULL,
    -- Of the claim: who holds an older number can mark nothing.
    fence BIGINT NOT NULL,
    lease_until BIGINT NOT NULL
) WITH (
    -- As those that wait.
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 2000,
    autovacuum_analyze_threshold = 2000,
    vacuum_truncate = false
);

-- The next number of a claim.
CREATE SEQUENCE refport_outbox_fences OWNED BY refport_outbox_leased.fence;

-- Taken by the destination.
CREATE TABLE refport_outbox_delivered (
    event_id BIGINT NOT NULL PRIMARY KEY,
    destination TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    settled_at BIGINT NOT NULL,
    reason TEXT
);

CREATE INDEX refport_outbox_settled ON refport_outbox_delivered (destination, settled_at);

-- Not delivered, and not tried again by itself.
CREATE TABLE refport_outbox_dead (
    event_id BIGINT NOT NULL PRIMARY KEY,
    destination TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    settled_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    reason TEXT,
    status BIGINT,
    code TEXT,
    message TEXT
);

-- Whoever writes an event lets it wait, by any driver. It acts as who inserts, and needs the right to
-- insert into both tables. The table is named with its schema, so that it is found whatever the search
-- path of who inserts; to set a path in each call would cost more than the insert.
DO $outer$
BEGIN
    EXECUTE format($function$
        CREATE FUNCTION refport_outbox_enqueued() RETURNS TRIGGER LANGUAGE plpgsql AS $body$
        BEGIN
            INSERT INTO %I.refport_outbox_waiting (event_id, destination, created_at, due_at)
            VALUES (NEW.id, NEW.destination, NEW.created_at, NEW.created_at);
            RETURN NULL;
        END $body$
    $function$, current_schema());
END $outer$;

CREATE TRIGGER refport_outbox_enqueued AFTER INSERT ON refport_outbox_events
    FOR EACH ROW EXECUTE FUNCTION refport_outbox_enqueued();

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
