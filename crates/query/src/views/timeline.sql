-- Everything with a time, from every source, in one shape.
SELECT
  event_time,
  arrow_cast(NULL, 'Timestamp(Microsecond, Some("UTC"))') AS time_end,
  'cloudtrail' AS source,
  CASE
    WHEN class <> 'write' THEN class
    WHEN outcome = 'ok' THEN 'change'
    WHEN outcome = 'unknown' THEN 'write'
    ELSE 'attempt'
  END AS kind,
  actor,
  arn,
  account,
  region,
  outcome,
  service || ':' || event_name || CASE WHEN error_code IS NULL THEN '' ELSE ' (' || error_code || ')' END AS summary,
  ref,
  late
FROM (
  SELECT
    event_time,
    call_class(event_source, event_name, read_only) AS class,
    {actor} AS actor,
    json_get_str(resources, 0, 'ARN') AS arn,
    recipient_account_id AS account,
    aws_region AS region,
    {outcome} AS outcome,
    coalesce(service_of(event_source), '?') AS service,
    coalesce(event_name, '?') AS event_name,
    error_code,
    {ref} AS ref,
    {late} AS late
  FROM cloudtrail
)
