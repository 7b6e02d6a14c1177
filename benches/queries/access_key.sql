-- What one access key was used for.
SELECT event_source, event_name, aws_region, count(*) AS events, min(event_time) AS first_seen, max(event_time) AS last_seen,
       count(DISTINCT source_ip_address) AS addresses
FROM cloudtrail
WHERE user_identity_access_key_id = $key
GROUP BY event_source, event_name, aws_region
ORDER BY events DESC, event_source, event_name, aws_region
