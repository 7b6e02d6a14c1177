-- Roles assumed through STS: who asked, for which role, and what was issued.
SELECT
  event_time,
  event_name,
  {actor} AS actor,
  user_identity_arn AS actor_arn,
  user_identity_access_key_id AS access_key_id,
  json_get_str(request_parameters, 'roleArn') AS role_arn,
  json_get_str(request_parameters, 'roleSessionName') AS session_name,
  json_get_str(request_parameters, 'sourceIdentity') AS source_identity,
  json_get_str(response_elements, 'credentials', 'accessKeyId') AS issued_access_key_id,
  json_get_str(response_elements, 'assumedRoleUser', 'assumedRoleId') AS assumed_role_id,
  json_get_str(response_elements, 'assumedRoleUser', 'arn') AS assumed_role_arn,
  source_ip_address,
  recipient_account_id AS account,
  aws_region AS region,
  {outcome} AS outcome,
  {ref} AS ref
FROM cloudtrail
WHERE event_source = 'sts.amazonaws.com'
  AND event_name IN ('AssumeRole', 'AssumeRoleWithSAML', 'AssumeRoleWithWebIdentity', 'AssumeRoot')
