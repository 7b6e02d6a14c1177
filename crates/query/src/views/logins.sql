-- Sign-ins to the console and to Identity Center, whatever became of them.
SELECT
  event_time,
  event_name,
  {actor} AS actor,
  user_identity_type,
  user_identity_arn AS actor_arn,
  source_ip_address,
  redact_text(user_agent) AS user_agent,
  json_get_str(additional_event_data, 'MFAUsed') AS mfa_used,
  recipient_account_id AS account,
  aws_region AS region,
  {outcome} AS outcome,
  redact_text(error_message) AS error_message,
  {ref} AS ref
FROM cloudtrail
WHERE event_type = 'AwsConsoleSignIn'
  OR event_source = 'signin.amazonaws.com'
  OR (event_source = 'sso.amazonaws.com' AND event_name IN ('Authenticate', 'Federate'))
