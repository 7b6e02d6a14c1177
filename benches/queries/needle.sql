-- One event by its id, with the record as delivered.
SELECT event_time, event_name, event_source, user_identity_arn, source_ip_address, raw
FROM cloudtrail
WHERE event_id = $event_id
