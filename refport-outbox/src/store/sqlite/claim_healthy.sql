UPDATE refport_outbox_deliveries
SET state = 1, attempts = attempts + 1, fence = fence + 1, lease_until = ?4
WHERE id IN (SELECT id FROM (SELECT id, key, reason, due_at FROM refport_outbox_deliveries
        WHERE destination = ?1 AND state = 0 AND due_at <= ?2 ORDER BY due_at LIMIT 1000)
    WHERE substr(key, 1, length(?5)) = ?5 ORDER BY reason IS NOT NULL, due_at LIMIT ?3 + 0)
RETURNING id, fence, payload, attempts, due_at, created_at
