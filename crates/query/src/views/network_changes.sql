-- Network commands that were carried out: calls that change reachability or open a remote shell, with their class.
SELECT
  event_time,
  network_class(event_source, event_name, read_only, request_parameters) AS network_class,
  event_source,
  event_name,
  {actor} AS actor,
  user_identity_arn AS actor_arn,
  user_identity_access_key_id AS access_key_id,
  source_ip_address,
  recipient_account_id AS account,
  aws_region AS region,
  {outcome} AS outcome,
  redact_json(request_parameters) AS request_parameters,
  redact_json(response_elements) AS response_elements,
  {ref} AS ref
FROM cloudtrail
WHERE (error_code IS NULL OR error_code = '')
  AND event_source IN ({network_sources})
  AND network_class(event_source, event_name, read_only, request_parameters) IS NOT NULL
  AND {outcome} = 'ok'
