-- One day by account, region and service.
SELECT recipient_account_id, aws_region, event_source, count(*) AS events, count(error_code) AS errors,
       sum(CASE WHEN read_only THEN 0 ELSE 1 END) AS writes, min(event_time) AS first_seen, max(event_time) AS last_seen
FROM cloudtrail
WHERE event_date = '2025-10-12'
GROUP BY recipient_account_id, aws_region, event_source
ORDER BY recipient_account_id, aws_region, event_source
