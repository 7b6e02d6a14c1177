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

/// Results of Athena as `aws athena get-query-results` prints them.
fn athena(rows: &[&[Option<&str>]]) -> String {
    let cell = |value: &Option<&str>| value.map_or_else(|| "{}".to_owned(), |v| format!(r#"{{"VarCharValue":{}}}"#, quoted(v)));
    let row = |cells: &&[Option<&str>]| format!(r#"{{"Data":[{}]}}"#, cells.iter().map(cell).collect::<Vec<_>>().join(","));
    let rows: Vec<String> = rows.iter().map(row).collect();
    let column = r#"{"CatalogName":"hive","Name":"eventid","Label":"eventid","Type":"varchar","Nullable":"UNKNOWN"}"#;
    format!(r#"{{"UpdateCount":0,"ResultSet":{{"Rows":[{}],"ResultSetMetadata":{{"ColumnInfo":[{column}]}}}}}}"#, rows.join(","))
}

#[test]
fn the_first_row_of_athenas_results_names_the_columns() {
    let header = ["eventid", "eventtime", "eventname", "eventsource", "errorcode", "useridentity"].map(Some);
    let identity = "{type=IAMUser, principalid=AIDA1, arn=arn:aws:iam::111122223333:user/alice}";
    let call = [Some("id-1"), Some("2024-03-01T09:00:00Z"), Some("RunInstances"), Some("ec2.amazonaws.com"), None, Some(identity)];
    let text = athena(&[&header, &call, &call[..5]]);
    let decoded = decode(text.as_bytes());
    // The third row lacks a cell.
    assert_eq!((decoded.counts(), routes(&decoded)), ((2, 1, 1, 0), vec!["lake"]));
    let row = &decoded.rows(Table::Cloudtrail)[0];
    for (column, value) in [
        ("raw_form", "projected"),
        ("event_id", "id-1"),
        ("event_time", "2024-03-01T09:00:00Z"),
        ("event_name", "RunInstances"),
        ("user_identity_type", "IAMUser"),
        ("user_identity_arn", "arn:aws:iam::111122223333:user/alice"),
    ] {
        assert_eq!(row.get(column).map(String::as_str), Some(value), "{column}");
    }
    assert_eq!(row.get("error_code"), None);
    for at in 1..text.len() {
        let (head, tail) = text.as_bytes().split_at(at);
        assert_eq!(decode_chunks(&[head, tail], backtrail_cloudtrail::Ending::Complete), decoded, "{at}");
    }
    // Of another table nobody knows what a cell is.
    let other = athena(&[&[Some("srcaddr"), Some("dstaddr"), Some("bytes")], &[Some("10.0.0.1"), None, Some("7")]]);
    assert_eq!((decode(other.as_bytes()).counts().0, decode(other.as_bytes()).counts().1), (2, 0));
    // A page behind the first has no header: what the columns are called stands behind the rows.
    let names = header.map(|name| format!(r#"{{"Name":"{}","Type":"varchar"}}"#, name.unwrap())).join(",");
    let second = athena(&[&call, &call])
        .replace(r#"{"CatalogName":"hive","Name":"eventid","Label":"eventid","Type":"varchar","Nullable":"UNKNOWN"}"#, &names);
    let page = decode(second.as_bytes());
    assert_eq!(page.counts(), (2, 2, 0, 0), "{second}");
    assert_eq!(page.rows(Table::Cloudtrail)[0]["event_name"], "RunInstances");
    for at in 1..second.len() {
        let (head, tail) = second.as_bytes().split_at(at);
        assert_eq!(decode_chunks(&[head, tail], backtrail_cloudtrail::Ending::Complete), page, "{at}");
    }
    // The record itself in a cell is that record.
    let whole = athena(&[&[Some("eventjson")], &[Some(&event(0))]]);
    assert_eq!(decode(whole.as_bytes()).rows(Table::Cloudtrail)[0]["raw"], event(0));
}

#[test]
fn what_nobody_asked_for_is_not_known() {
    let unknown = |header: &str, row: &str| {
        let decoded = decode(format!("{header}\n{row}\n").as_bytes());
        let rows = decoded.rows(Table::Cloudtrail);
        assert_eq!(rows.len(), 1, "{header}");
        let tied = !decoded.rows(Table::EventArns).is_empty();
        (rows[0].get("unknown_fields").cloned().unwrap_or_default(), tied)
    };
    let (names, values) = (
        "eventID,eventTime,eventName,eventSource,userIdentity.arn",
        "1,2024-03-01 09:00:00.000,CreateAccessKey,iam.amazonaws.com,arn:aws:iam::111122223333:user/alice",
    );
    let with = |name: &str, value: &str| unknown(&format!("{names},{name}"), &format!("{values},{value}"));
    assert_eq!(unknown(names, values), (r#"["(no errorCode)","(no requestParameters)"]"#.to_owned(), false));
    assert_eq!(with("errorCode", "AccessDenied"), (r#"["(no requestParameters)"]"#.to_owned(), false));
    assert_eq!(with("requestParameters", ""), (r#"["(no errorCode)"]"#.to_owned(), true), "without a user the key is the caller's");
    assert!(!with("requestParameters.userName", "bob").1, "of a part of them nobody makes the whole");
}

#[test]
fn what_powershell_and_excel_write_before_a_header_is_no_record() {
    for lead in ["#TYPE System.Management.Automation.PSCustomObject\r\n", "sep=,\n"] {
        let text = format!(
            "{lead}eventID,eventTime,eventName,eventSource,errorCode\n1,2024-03-01T09:00:00Z,RunInstances,ec2.amazonaws.com,None\n"
        );
        let decoded = decode(text.as_bytes());
        assert_eq!(decoded.counts(), (1, 1, 0, 0), "{lead}");
        assert_eq!(decoded.rows(Table::Cloudtrail)[0].get("error_code"), None);
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
