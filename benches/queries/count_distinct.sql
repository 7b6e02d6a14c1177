-- How many of each there are.
SELECT count(DISTINCT user_identity_arn) AS principals, count(DISTINCT source_ip_address) AS addresses,
       count(DISTINCT user_identity_access_key_id) AS keys, count(DISTINCT event_name) AS calls
FROM cloudtrail
