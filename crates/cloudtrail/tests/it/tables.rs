//! Records that are no events go to their own tables, whatever wrapper they come in.

use backtrail_model::tables::Table;

use crate::make::trail;
use crate::support::decode;

const INSIGHT: &str = r#"{"eventVersion":"1.09","eventTime":"2024-03-01T09:00:00Z","awsRegion":"eu-west-1","eventID":"99999999-0000-4000-8000-000000000001","eventType":"AwsCloudTrailInsight","recipientAccountId":"111122223333","sharedEventID":"88888888-0000-4000-8000-000000000001","insightDetails":{"state":"Start","eventSource":"iam.amazonaws.com","eventName":"ListUsers","insightType":"ApiErrorRateInsight","errorCode":"AccessDenied","insightContext":{"statistics":{"baseline":{"average":0.0020833333},"insight":{"average":6},"insightDuration":1},"attributions":[{"attribute":"errorCode","insight":[{"value":"null","average":6}],"baseline":[]}]}},"eventCategory":"Insight"}"#;
const AGGREGATED: &str = r#"{"eventVersion":"1.0","accountId":"111122223333","eventId":"77777777-0000-4000-8000-000000000001","eventCategory":"Aggregated","eventType":"AwsAggregatedEvent","awsRegion":"eu-west-1","eventSource":"s3.amazonaws.com","timeWindow":{"windowStart":"2024-03-01T09:00:00Z","windowEnd":"2024-03-01T09:05:00Z","windowSize":"PT5M"},"summary":{"primaryDimension":{"dimension":"eventName","statistics":[{"name":"GetObject","value":12}],"aggregationType":"Count"},"details":[]}}"#;

#[test]
fn insights() {
    for text in [
        trail(&[INSIGHT.to_owned()]),
        INSIGHT.to_owned(),
        format!(r#"{{"detail-type":"AWS Insight via CloudTrail","source":"aws.cloudtrail","detail":{INSIGHT}}}"#),
    ] {
        let decoded = decode(text.as_bytes());
        assert_eq!(decoded.counts(), (1, 1, 0, 0));
        assert!(decoded.rows(Table::Cloudtrail).is_empty());
        let row = &decoded.rows(Table::CloudtrailInsights)[0];
        for (column, value) in [
            ("event_time", "2024-03-01T09:00:00Z"),
            ("event_id", "99999999-0000-4000-8000-000000000001"),
            ("aws_region", "eu-west-1"),
            ("recipient_account_id", "111122223333"),
            ("event_type", "AwsCloudTrailInsight"),
            ("event_category", "Insight"),
            ("event_version", "1.09"),
            ("shared_event_id", "88888888-0000-4000-8000-000000000001"),
            ("insight_state", "Start"),
            ("insight_event_source", "iam.amazonaws.com"),
            ("insight_event_name", "ListUsers"),
            ("insight_type", "ApiErrorRateInsight"),
            ("insight_error_code", "AccessDenied"),
            ("raw", INSIGHT),
        ] {
            assert_eq!(row.get(column).map(String::as_str), Some(value), "{column}");
        }
        assert!(row["insight_context"].starts_with(r#"{"statistics":{"baseline":{"average":0.0020833333}"#));
        assert_eq!(row["insight_context"].matches('{').count(), row["insight_context"].matches('}').count());
    }
}

#[test]
fn aggregated_events_also_in_a_bare_list() {
    for text in [trail(&[AGGREGATED.to_owned()]), format!("[{AGGREGATED}]")] {
        let decoded = decode(text.as_bytes());
        assert_eq!(decoded.counts(), (1, 1, 0, 0));
        assert!(decoded.rows(Table::Cloudtrail).is_empty());
        let row = &decoded.rows(Table::CloudtrailAggregated)[0];
        for (column, value) in [
            ("event_time", "2024-03-01T09:00:00Z"),
            ("window_end", "2024-03-01T09:05:00Z"),
            ("window_size", "PT5M"),
            ("event_id", "77777777-0000-4000-8000-000000000001"),
            ("account_id", "111122223333"),
            ("aws_region", "eu-west-1"),
            ("event_source", "s3.amazonaws.com"),
            ("event_type", "AwsAggregatedEvent"),
            ("event_category", "Aggregated"),
            ("event_version", "1.0"),
            ("primary_dimension", "eventName"),
            ("event_date", "2024-03-01"),
            ("raw", AGGREGATED),
        ] {
            assert_eq!(row.get(column).map(String::as_str), Some(value), "{column}");
        }
        assert!(row["summary"].contains("\"GetObject\""));
    }
}

#[test]
fn a_file_may_hold_all_three() {
    let decoded = decode(trail(&[INSIGHT.to_owned(), crate::make::event(1), AGGREGATED.to_owned()]).as_bytes());
    assert_eq!(decoded.counts(), (3, 3, 0, 0));
    let tables = [Table::CloudtrailInsights, Table::Cloudtrail, Table::CloudtrailAggregated];
    for (index, table) in tables.into_iter().enumerate() {
        assert_eq!(decoded.rows(table)[0]["record_index"], index.to_string());
    }
    assert_eq!(decoded.rows(Table::EventOrigins).len(), 3);
}
