-- Calls that altered state: not reads, not the issue of a session, carried out. A write that was refused is in `timeline` with kind `attempt`. One row a record: an update of a record names it in `updates`.
SELECT
  event_time,
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
  {ref} AS ref,
  {late} AS late,
  {updates} AS updates
FROM cloudtrail
WHERE read_only IS NOT TRUE
  AND (error_code IS NULL OR lower(error_code) IN ('', 'success'))
  AND call_class(event_source, event_name, read_only) = 'write'
  AND {outcome} = 'ok'
