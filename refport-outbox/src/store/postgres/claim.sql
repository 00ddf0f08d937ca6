WITH due AS (SELECT id FROM refport_outbox_events
    WHERE destination = $1 AND state = 0 AND due_at <= $2
    ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
UPDATE refport_outbox_events AS e
SET state = 1, attempts = attempts + 1, fence = fence + 1, lease_until = $4
FROM due WHERE e.id = due.id
RETURNING e.id, fence, payload, attempts, due_at
