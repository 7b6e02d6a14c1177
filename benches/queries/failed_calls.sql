-- Who was refused what, most often first.
SELECT user_identity_arn, event_source, event_name, error_code, count(*) AS events
FROM cloudtrail
WHERE error_code IS NOT NULL AND user_identity_arn IS NOT NULL
GROUP BY user_identity_arn, event_source, event_name, error_code
ORDER BY events DESC, user_identity_arn, event_source, event_name, error_code
LIMIT 100
