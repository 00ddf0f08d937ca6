WITH best AS (SELECT event_id FROM (SELECT event_id, reason, due_at FROM refport_outbox_waiting
            WHERE destination = $1 AND due_at <= $2 ORDER BY due_at LIMIT (SELECT 1000)) AS due
        JOIN refport_outbox_events ON id = event_id
        ORDER BY $5 AND key NOT LIKE 'sale:%', reason IS NOT NULL, due_at LIMIT $3),
    locked AS (SELECT event_id AS id FROM refport_outbox_waiting
        WHERE event_id IN (SELECT event_id FROM best) FOR UPDATE SKIP LOCKED),
    taken AS (DELETE FROM refport_outbox_waiting USING locked WHERE event_id = locked.id
        RETURNING event_id, destination, created_at, due_at, attempts),
    leased AS (INSERT INTO refport_outbox_leased
            (event_id, destination, created_at, due_at, attempts, fence, lease_until)
        SELECT event_id, destination, created_at, due_at, attempts + 1,
            (SELECT nextval('refport_outbox_fences')), $4 FROM taken
        RETURNING event_id, fence, attempts, due_at)
SELECT event_id, fence, payload, attempts, due_at, created_at
FROM leased JOIN refport_outbox_events ON id = event_id
