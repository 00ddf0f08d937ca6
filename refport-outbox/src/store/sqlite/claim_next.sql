SELECT group_concat(octet_length(key)), CAST(group_concat(key, '') AS BLOB), group_concat(created_at),
    group_concat(octet_length(payload)), CAST(group_concat(payload, '') AS BLOB)
FROM (SELECT key, created_at, payload FROM refport_outbox_events
    WHERE destination = ?1 AND key > ?2 AND key NOT IN (
        SELECT k.value FROM refport_outbox_leases AS l, json_each(l.keys) AS k
        WHERE l.destination = ?1 AND l.last_key > ?2)
    AND created_at NOT BETWEEN ?4 + 1 AND ?5
    ORDER BY key LIMIT ?3 + 0)
