-- An hour, in order: who did what from where.
SELECT event_time, event_id, event_source, event_name, user_identity_arn, source_ip_address, error_code
FROM cloudtrail
WHERE event_time >= '2025-10-12T12:00:00Z' AND event_time < '2025-10-12T13:00:00Z'
ORDER BY event_time, event_id
