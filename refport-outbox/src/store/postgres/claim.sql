WITH due AS (SELECT unnest(ARRAY(SELECT ctid FROM refport_outbox_waiting
        WHERE destination = $1 AND due_at <= $2
        ORDER BY due_at LIMIT (SELECT $3::bigint) FOR UPDATE SKIP LOCKED)) AS place),
    taken AS (DELETE FROM refport_outbox_waiting AS w USING due
        WHERE w.ctid = place AND place > '(0,0)'
        RETURNING event_id, destination, created_at, due_at, attempts),
    leased AS (INSERT INTO refport_outbox_leased
            (event_id, destination, created_at, due_at, attempts, fence, lease_until)
        SELECT event_id, destination, created_at, due_at, attempts + 1,
            (SELECT nextval('refport_outbox_fences')), $4 FROM taken
        RETURNING event_id, fence, attempts, due_at)
SELECT event_id, fence, payload, attempts, due_at, created_at
FROM leased JOIN refport_outbox_events ON id = event_id
