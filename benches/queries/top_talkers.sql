-- The addresses most calls came from.
SELECT source_ip_address, count(*) AS events, min(event_time) AS first_seen, max(event_time) AS last_seen
FROM cloudtrail
GROUP BY source_ip_address
ORDER BY events DESC, source_ip_address
LIMIT 50
