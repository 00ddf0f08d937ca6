UPDATE refport_outbox_deliveries
SET state = 1, attempts = attempts + 1, fence = fence + 1, lease_until = ?4
WHERE id IN (SELECT id FROM refport_outbox_deliveries
    WHERE destination = ?1 AND state = 0 AND due_at <= ?2 ORDER BY due_at LIMIT ?3 + 0)
RETURNING id, fence, payload, attempts, due_at, created_at
