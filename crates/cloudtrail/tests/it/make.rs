//! Records, and every wrapper they come in (domain.md 1.8), made with the plainest means.

use std::io::Write;

use base64::Engine as _;

/// One event; its id and second follow from `n`.
pub(crate) fn event(n: u32) -> String {
    format!(
        r#"{{"eventVersion":"1.08","userIdentity":{{"type":"IAMUser","principalId":"AIDAEXAMPLE","arn":"arn:aws:iam::111122223333:user/alice","accountId":"111122223333","accessKeyId":"AKIAEXAMPLE","userName":"alice"}},"eventTime":"2024-03-01T{:02}:{:02}:{:02}Z","eventSource":"ec2.amazonaws.com","eventName":"RunInstances","awsRegion":"eu-west-1","sourceIPAddress":"198.51.100.7","userAgent":"aws-cli/2.15.0","requestParameters":null,"responseElements":{{"note":"a \"quoted\" \\ word\u2028\/"}},"requestID":"r{n}","eventID":"{n:08x}-0000-4000-8000-00000000abcd","readOnly":false,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","eventCategory":"Management"}}"#,
        n / 3600 % 24,
        n / 60 % 60,
        n % 60
    )
}

/// A trail's file.
pub(crate) fn trail(records: &[String]) -> String {
    format!("{{\"Records\":[{}]}}", records.join(","))
}

/// A record a line.
pub(crate) fn lines(records: &[String]) -> String {
    records.iter().map(|record| format!("{record}\n")).collect()
}

/// A JSON string of it.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

pub(crate) fn gzip(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes.as_ref()).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

/// A cell of a CSV file.
pub(crate) fn cell(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// A wrapper: what it is called, what it makes of records, and how the rows must say it.
pub(crate) struct Wrapper {
    pub(crate) name: &'static str,
    pub(crate) wrap: fn(&[String]) -> String,
    pub(crate) route: &'static str,
    pub(crate) raw_form: &'static str,
}

fn each(records: &[String], one: impl Fn(&str) -> String) -> Vec<String> {
    records.iter().map(|record| one(record)).collect()
}

fn log_events(records: &[String]) -> String {
    let events = each(records, |r| format!("{{\"id\":\"3\",\"timestamp\":1709251200000,\"message\":{}}}", quoted(r)));
    format!(
        "{{\"messageType\":\"DATA_MESSAGE\",\"owner\":\"111122223333\",\"logGroup\":\"trail\",\"logStream\":\"111122223333_CloudTrail_eu-west-1\",\"subscriptionFilters\":[\"all\"],\"logEvents\":[{}]}}",
        events.join(",")
    )
}

fn lookup_event(record: &str) -> String {
    format!(
        "{{\"EventId\":\"x\",\"EventName\":\"RunInstances\",\"ReadOnly\":\"false\",\"EventTime\":1709251200.0,\"EventSource\":\"ec2.amazonaws.com\",\"Username\":\"alice\",\"Resources\":[{{\"ResourceType\":\"AWS::EC2::Instance\",\"ResourceName\":\"i-1\"}}],\"CloudTrailEvent\":{}}}",
        quoted(record)
    )
}

fn envelope(record: &str) -> String {
    format!(
        "{{\"version\":\"0\",\"id\":\"e\",\"detail-type\":\"AWS API Call via CloudTrail\",\"source\":\"aws.ec2\",\"account\":\"111122223333\",\"time\":\"2024-03-01T00:00:00Z\",\"region\":\"eu-west-1\",\"resources\":[],\"detail\":{record}}}"
    )
}

/// Every wrapper whose records are exact.
pub(crate) const EXACT: &[Wrapper] = &[
    Wrapper { name: "trail file", wrap: trail, route: "trail_file", raw_form: "exact" },
    Wrapper {
        name: "trail file, spaced",
        wrap: |r| format!("{{ \"Records\" : [\r\n\t{}\n] }}\n", r.join(" ,\n ")),
        route: "trail_file",
        raw_form: "exact",
    },
    Wrapper { name: "bare array", wrap: |r| format!("[{}]", r.join(",")), route: "record", raw_form: "exact" },
    Wrapper { name: "JSON Lines", wrap: lines, route: "record", raw_form: "exact" },
    Wrapper { name: "JSON Lines, CRLF", wrap: |r| r.join("\r\n"), route: "record", raw_form: "exact" },
    Wrapper { name: "concatenated", wrap: |r| r.concat(), route: "record", raw_form: "exact" },
    Wrapper { name: "JSON text sequence", wrap: |r| each(r, |r| format!("\u{1e}{r}\n")).concat(), route: "record", raw_form: "exact" },
    Wrapper {
        name: "trail files, one a line",
        wrap: |r| lines(&each(r, |r| trail(&[r.to_owned()]))),
        route: "trail_file",
        raw_form: "exact",
    },
    Wrapper {
        name: "CloudWatch Logs export",
        wrap: |r| lines(&each(r, |r| format!("2024-03-01T00:00:00.000Z {r}"))),
        route: "cloudwatch_logs",
        raw_form: "exact",
    },
    Wrapper { name: "EventBridge, one a line", wrap: |r| lines(&each(r, envelope)), route: "eventbridge", raw_form: "exact" },
    Wrapper { name: "EventBridge, array", wrap: |r| format!("[{}]", each(r, envelope).join(",")), route: "eventbridge", raw_form: "exact" },
    Wrapper {
        name: "Elasticsearch search result",
        wrap: |r| {
            let hits = each(r, |r| format!("{{\"_index\":\"ct\",\"_id\":\"1\",\"_score\":1.0,\"_source\":{r}}}"));
            format!(
                "{{\"took\":3,\"timed_out\":false,\"hits\":{{\"total\":{{\"value\":9}},\"max_score\":1.0,\"hits\":[{}]}}}}",
                hits.join(",")
            )
        },
        route: "wrapped",
        raw_form: "exact",
    },
    Wrapper {
        name: "trail file indexed whole",
        wrap: |r| format!("{{\"_index\":\"ct\",\"_id\":\"1\",\"_source\":{}}}", trail(r)),
        route: "wrapped",
        raw_form: "exact",
    },
    Wrapper {
        name: "trail file in a message",
        wrap: |r| format!("{{\"time\":1,\"message\":{{\"note\":[1], \"Records\":[{}]}}}}", r.join(",")),
        route: "trail_file",
        raw_form: "exact",
    },
    Wrapper {
        name: "Elasticsearch dump",
        wrap: |r| lines(&each(r, |r| format!("{{\"_index\":\"ct\",\"_type\":\"_doc\",\"_id\":\"1\",\"_source\":{r}}}"))),
        route: "wrapped",
        raw_form: "exact",
    },
];

/// Every wrapper that holds its records as strings.
pub(crate) const UNESCAPED: &[Wrapper] = &[
    Wrapper {
        name: "LookupEvents",
        wrap: |r| format!("{{\"Events\":[{}]}}", each(r, lookup_event).join(",")),
        route: "lookup_events",
        raw_form: "unescaped",
    },
    Wrapper { name: "LookupEvents, one a line", wrap: |r| lines(&each(r, lookup_event)), route: "lookup_events", raw_form: "unescaped" },
    Wrapper { name: "CloudWatch Logs subscription", wrap: log_events, route: "cloudwatch_logs", raw_form: "unescaped" },
    Wrapper {
        name: "CloudWatch Logs subscription in Lambda's event",
        wrap: |r| format!("{{\"awslogs\":{{\"data\":\"{}\"}}}}", base64(&gzip(log_events(r)))),
        route: "cloudwatch_logs",
        raw_form: "unescaped",
    },
    Wrapper {
        name: "CloudWatch Logs Insights result",
        wrap: |r| lines(&each(r, |r| format!("{{\"@timestamp\":\"2024-03-01 00:00:00.000\",\"@message\":{}}}", quoted(r)))),
        route: "cloudwatch_logs",
        raw_form: "unescaped",
    },
    Wrapper {
        name: "Lake results with the record",
        wrap: |r| format!("eventID,eventJson\n{}", each(r, |r| format!("x,{}\n", cell(r))).concat()),
        route: "lake",
        raw_form: "unescaped",
    },
    Wrapper {
        name: "Filebeat's event.original",
        wrap: |r| {
            let hits = each(r, |r| format!("{{\"_source\":{{\"@timestamp\":\"2024-03-01\",\"event\":{{\"original\":{}}}}}}}", quoted(r)));
            format!("{{\"hits\":{{\"hits\":[{}]}}}}", hits.join(","))
        },
        route: "wrapped",
        raw_form: "unescaped",
    },
    Wrapper {
        name: "Splunk export",
        wrap: |r| lines(&each(r, |r| format!("{{\"preview\":false,\"result\":{{\"_raw\":{}}}}}", quoted(r)))),
        route: "wrapped",
        raw_form: "unescaped",
    },
    Wrapper {
        name: "SQS message of an SNS notification of an EventBridge event",
        wrap: |r| {
            let body = |r: &str| format!("{{\"Type\":\"Notification\",\"Message\":{}}}", quoted(&envelope(r)));
            let messages = each(r, |r| format!("{{\"MessageId\":\"m\",\"Body\":{}}}", quoted(&body(r))));
            format!("{{\"Messages\":[{}]}}", messages.join(","))
        },
        route: "eventbridge",
        raw_form: "unescaped",
    },
];
