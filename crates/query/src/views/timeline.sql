-- Everything with a time, from every source, in one shape. Traffic has a row for each flow record: where several flow logs cover an interface, each has its own record of the same traffic, which `flow_log` tells apart. Answers sum one of them for an interface and an hour; docs/guide/analysts.md says how a query does.
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
  late,
  arrow_cast(NULL, 'Utf8View') AS interface_id,
  arrow_cast(NULL, 'Utf8View') AS flow_log
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
UNION ALL
-- Traffic, a row for each record: a filter on the time reaches the files, which it could not where a flow log had to be chosen first. Nothing that
-- is evidence is left out. Either time is up to 60 s off.
SELECT
  event_time,
  CASE WHEN "end" BETWEEN 0 AND 4102444800
    THEN arrow_cast(arrow_cast("end", 'Timestamp(Second, None)'), 'Timestamp(Microsecond, Some("UTC"))') END,
  'flow_logs',
  'traffic',
  NULL,
  NULL,
  account_id,
  coalesce(region, file_region),
  NULL,
  coalesce(action, '?') || ' ' || coalesce(interface_id, resource_id, tgw_attachment_id, '-') || ': '
    || coalesce(pkt_srcaddr, srcaddr, '-') || coalesce(':' || srcport, '') || ' > '
    || coalesce(pkt_dstaddr, dstaddr, '-') || coalesce(':' || dstport, '')
    || coalesce(' protocol ' || protocol, '') || coalesce(', ' || bytes || ' bytes', ''),
  evidence_id || '#' || record_index,
  false,
  coalesce(interface_id, resource_id, tgw_attachment_id, '-'),
  coalesce(flow_log_id, log_group, 'unknown')
FROM flows
WHERE log_status = 'OK'
