//! What the command line prints of logs and of queries: CloudWatch Logs events, and rows whose cells are objects.

use backtrail_model::tables::Table;

use crate::make::{event, quoted};
use crate::support::{Decoded, decode, decode_chunks};

fn routes(decoded: &Decoded) -> Vec<&str> {
    decoded.rows(Table::EventOrigins).iter().map(|row| row["route"].as_str()).collect()
}

#[test]
fn events_of_a_log_group_came_by_cloudwatch_logs() {
    let [a, b] = [event(0), event(1)];
    let filter = |e: &str| format!(r#"{{"logStreamName":"s","timestamp":1,"message":{},"ingestionTime":2,"eventId":"3"}}"#, quoted(e));
    let get = |e: &str| format!(r#"{{"timestamp":1,"message":{},"ingestionTime":2}}"#, quoted(e));
    for (what, text) in [
        ("filter-log-events", format!(r#"{{"events":[{},{}],"searchedLogStreams":[]}}"#, filter(&a), filter(&b))),
        ("get-log-events", format!(r#"{{"events":[{},{}],"nextForwardToken":"f/1","nextBackwardToken":"b/1"}}"#, get(&a), get(&b))),
        ("one a line", format!("{}\n{}\n", filter(&a), filter(&b))),
    ] {
        let decoded = decode(text.as_bytes());
        assert_eq!(decoded.counts(), (2, 2, 0, 0), "{what}");
        assert_eq!(routes(&decoded), ["cloudwatch_logs"; 2], "{what}");
        for (row, raw) in decoded.rows(Table::Cloudtrail).iter().zip([&a, &b]) {
            assert_eq!((&row["raw"], row["raw_form"].as_str()), (raw, "unescaped"), "{what}");
        }
    }
    // A message that nobody says came through CloudWatch Logs is still of no stated route.
    let other = decode(format!(r#"{{"events":[{{"message":{}}}]}}"#, quoted(&a)).as_bytes());
    assert_eq!(routes(&other), ["record"]);
    // Lines of another log group are no broken records.
    let lines = decode(br#"{"events":[{"timestamp":1,"message":"START RequestId: 1","ingestionTime":2}]}"#);
    assert_eq!((lines.counts(), lines.summary.foreign.is_some()), ((1, 0, 0, 1), true));
}

/// Cells as CloudTrail Lake gives them, one object a column.
fn lake_row(cells: &[(&str, &str)]) -> String {
    let cells: Vec<String> = cells.iter().map(|(name, value)| format!(r#"{{"{name}":{value}}}"#)).collect();
    format!("[{}]", cells.join(","))
}

/// Cells as CloudWatch Logs Insights gives them.
fn insights_row(cells: &[(&str, &str)]) -> String {
    let cells: Vec<String> = cells.iter().map(|(name, value)| format!(r#"{{"field":"{name}","value":{value}}}"#)).collect();
    format!("[{}]", cells.join(","))
}

const CALL: &[(&str, &str)] = &[
    ("eventID", "\"id-1\""),
    ("eventTime", "\"2024-03-01 09:00:00.000\""),
    ("eventName", "\"RunInstances\""),
    ("eventSource", "\"ec2.amazonaws.com\""),
    ("awsRegion", "\"eu-west-1\""),
    ("errorCode", "null"),
    ("readOnly", "\"false\""),
];

#[test]
fn rows_of_cells_are_read_as_rows_of_a_table() {
    let lake = [CALL, &[("userIdentity", r#""{type=IAMUser, arn=arn:aws:iam::111122223333:user/alice}""#)]].concat();
    let insights = [
        CALL,
        &[("userIdentity.arn", "\"arn:aws:iam::111122223333:user/alice\""), ("userIdentity.type", "\"IAMUser\""), ("@ptr", "\"C\"")],
    ]
    .concat();
    for (what, text, route) in [
        ("lake", format!(r#"{{"QueryStatus":"FINISHED","QueryResultRows":[{}],"NextToken":"x"}}"#, lake_row(&lake)), "lake"),
        ("lake, two columns swapped", format!(r#"{{"QueryResultRows":[[],{}]}}"#, lake_row(&lake)), "lake"),
        ("insights", format!(r#"{{"results":[{}],"status":"Complete"}}"#, insights_row(&insights)), "cloudwatch_logs"),
    ] {
        let decoded = decode(text.as_bytes());
        let row = &decoded.rows(Table::Cloudtrail)[0];
        for (column, value) in [
            ("raw_form", "projected"),
            ("event_time", "2024-03-01T09:00:00Z"),
            ("event_id", "id-1"),
            ("event_name", "RunInstances"),
            ("read_only", "false"),
            ("user_identity_type", "IAMUser"),
            ("user_identity_arn", "arn:aws:iam::111122223333:user/alice"),
        ] {
            assert_eq!(row.get(column).map(String::as_str), Some(value), "{column} of {what}");
        }
        assert_eq!(row.get("error_code"), None, "{what}");
        assert_eq!((decoded.counts().1, decoded.counts().2, routes(&decoded)), (1, 0, vec![route]), "{what}");
    }
}

#[test]
fn rows_that_hold_the_record_give_it_as_it_was() {
    let (a, b) = (event(0), event(1));
    let (qa, qb) = (quoted(&a), quoted(&b));
    let lake = |q: &str| lake_row(&[("eventTime", "\"x\""), ("eventJson", q)]);
    let insights = |q: &str| insights_row(&[("@timestamp", "\"2024-03-01 09:00:00.000\""), ("@message", q), ("@ptr", "\"C\"")]);
    for (text, route) in [
        (format!(r#"{{"QueryResultRows":[{},{}]}}"#, lake(&qa), lake(&qb)), "lake"),
        (format!(r#"{{"results":[{},{}],"statistics":{{"recordsMatched":2.0}}}}"#, insights(&qa), insights(&qb)), "cloudwatch_logs"),
    ] {
        let decoded = decode(text.as_bytes());
        assert_eq!((decoded.counts(), routes(&decoded)), ((2, 2, 0, 0), vec![route; 2]), "{text}");
        let raws: Vec<&String> = decoded.rows(Table::Cloudtrail).iter().map(|row| &row["raw"]).collect();
        assert_eq!(raws, [&a, &b]);
    }
}

#[test]
fn a_row_of_no_event_and_a_list_of_carriers_are_no_rows() {
    let counted = format!(r#"{{"QueryResultRows":[{}]}}"#, lake_row(&[("eventName", "\"RunInstances\""), ("n", "\"3\"")]));
    assert_eq!(decode(counted.as_bytes()).counts(), (2, 0, 2, 0));
    // The same key twice: two carriers in a list, not two columns of a row.
    let (a, b) = (quoted(&event(0)), quoted(&event(1)));
    let carriers = decode(format!(r#"{{"results":[[{{"message":{a}}},{{"message":{b}}}]]}}"#).as_bytes());
    assert_eq!(carriers.counts(), (2, 2, 0, 0));
    let records = decode(format!("[[{},{}],[{}]]", event(0), event(1), event(2)).as_bytes());
    assert_eq!(records.counts(), (3, 3, 0, 0));
}

#[test]
fn where_the_bytes_are_cut_makes_no_difference_to_rows() {
    let rows = format!(r#"{{"QueryResultRows":[{},{}]}}"#, lake_row(CALL), lake_row(&[("eventJson", &quoted(&event(1)))]));
    let whole = decode(rows.as_bytes());
    assert_eq!(whole.counts(), (2, 2, 0, 0));
    for at in 1..rows.len() {
        let (head, tail) = rows.as_bytes().split_at(at);
        assert_eq!(decode_chunks(&[head, tail], backtrail_cloudtrail::Ending::Complete), whole, "{at}");
    }
    // A table that ends inside a row loses that row and says so.
    let cut = decode(&rows.as_bytes()[..rows.len() - 40]);
    assert_eq!(cut.counts().1, 1);
    assert!(cut.summary.broken_off.is_some());
}
