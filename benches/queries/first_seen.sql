-- Pairs of principal and address that were not there before the last day.
SELECT user_identity_arn, source_ip_address, min(event_time) AS first_seen, count(*) AS events
FROM cloudtrail
WHERE user_identity_arn IS NOT NULL
GROUP BY user_identity_arn, source_ip_address
HAVING min(event_time) >= '2025-10-14T00:00:00Z'
ORDER BY first_seen, user_identity_arn, source_ip_address
LIMIT 200
