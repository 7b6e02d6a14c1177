-- Calls refused because of who asked, or of the credentials shown.
SELECT
  event_time,
  event_source,
  event_name,
  error_code,
  redact_text(error_message) AS error_message,
  {actor} AS actor,
  user_identity_arn AS actor_arn,
  user_identity_access_key_id AS access_key_id,
  source_ip_address,
  recipient_account_id AS account,
  aws_region AS region,
  {ref} AS ref
FROM cloudtrail
WHERE (error_code IS NOT NULL OR event_type = 'AwsConsoleSignIn' OR event_source = 'signin.amazonaws.com')
  AND {outcome} = 'denied'
