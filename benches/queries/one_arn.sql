-- Everything one principal did, in order.
SELECT event_time, event_id, event_source, event_name, aws_region, source_ip_address, error_code
FROM cloudtrail
WHERE user_identity_arn = $arn
ORDER BY event_time, event_id
