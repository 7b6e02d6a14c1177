//! Evidence that damage, a tool or a spreadsheet left in lines that are no documents: what can be read of it is read.

use backtrail_cloudtrail::Ending;
use backtrail_model::tables::Table;

use crate::make::{base64, cell, event, gzip, lines, quoted, trail};
use crate::support::{Decoded, decode, decode_chunks};

/// What is read must not depend on how the bytes are cut.
fn read(text: &str) -> Decoded {
    let whole = decode(text.as_bytes());
    for size in [1, 7, 1000] {
        if text.len() / size < 20_000 {
            let chunks: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
            assert_eq!(decode_chunks(&chunks, Ending::Complete), whole, "in chunks of {size}: {text}");
        }
    }
    whole
}

fn raws(decoded: &Decoded) -> Vec<&str> {
    decoded.rows(Table::Cloudtrail).iter().map(|row| row["raw"].as_str()).collect()
}

fn routes(decoded: &Decoded) -> Vec<&str> {
    decoded.rows(Table::EventOrigins).iter().map(|row| row["route"].as_str()).collect()
}

#[test]
fn records_behind_the_header_of_a_log_line() {
    let records = [event(0), event(1), event(2)];
    for header in ["<134>Mar  1 00:00:00 host cloudtrail: ", "<134>1 2024-03-01T00:00:00Z host app - - - ", "Mar 11 00:00:00 host ct[1]: "]
    {
        let text: String = records.iter().map(|r| format!("{header}{r}\n")).collect();
        let decoded = read(&text);
        assert_eq!((decoded.counts(), raws(&decoded)), ((3, 3, 0, 0), records.iter().map(String::as_str).collect()), "{header}");
        assert_eq!(routes(&decoded), ["wrapped"; 3]);
    }
}

#[test]
fn what_is_left_of_a_document_without_its_beginning_is_read() {
    let records: Vec<String> = (0..5).map(event).collect();
    let text = trail(&records);
    // Up to the last brace of the first record, which alone is no part of anything.
    for cut in 1..trail(&records[..1]).len() - 3 {
        let decoded = decode(&text.as_bytes()[cut..]);
        let (_, kept, rejected, _) = decoded.counts();
        // The envelope's first bytes may be lost without any record.
        // Cut before a closing quote, what is text and what is not changes places up to the next record but one.
        let least = if text.as_bytes()[cut] == b'"' { 3 } else { 4 };
        assert!((least..=4).contains(&kept) || (kept == 5 && cut <= 12), "cut at {cut}: {:?}", decoded.counts());
        // What is left of the record, and the strings it starts with.
        assert!((i64::from(kept < 5)..=3).contains(&rejected), "cut at {cut}: {rejected}");
    }
    read(&text[40..]);
}

#[test]
fn a_list_that_damage_closed_early_does_not_lose_the_rest_of_its_line() {
    let records: Vec<String> = (0..6).map(event).collect();
    let text = trail(&records);
    for damage in ["]}x", "}]}\"", "]}}x:", "]]x"] {
        let at = text.find(&records[2]).unwrap() + records[2].find("\"eventTime\"").unwrap();
        let decoded = read(&format!("{}{damage}{}", &text[..at], &text[at..]));
        assert_eq!(decoded.counts().1, 5, "{damage}: {:?}", decoded.rejects());
    }
    // Between the records nothing is lost at all.
    let at = text.find(&records[2]).unwrap() - 1;
    let decoded = read(&format!("{}]}}x{}", &text[..at], &text[at..]));
    assert_eq!((decoded.counts().1, decoded.counts().2), (6, 1));
}

#[test]
fn damage_to_an_envelope_costs_none_of_its_records() {
    let text = trail(&[event(0), event(1)]);
    for damaged in [text.replacen("Records\"", "Rec\u{1}ords\"", 1), text.replacen("\"Records\":", "\"Records\"x:", 1)] {
        let decoded = read(&damaged);
        assert_eq!((decoded.counts().1, decoded.counts().2), (2, 1), "{:?}", decoded.rejects());
    }
}

#[test]
fn a_list_of_records_is_one_under_any_name() {
    for name in ["Record,s", "Rec", "cloudtrail"] {
        for text in [
            format!("{{\"{name}\": [\n  {},\n {}\n] }}", event(0), event(1)),
            format!("{{\"x\":1,\"{name}\":[{},{}],\"y\":[1]}}", event(0), event(1)),
        ] {
            assert_eq!(read(&text).counts(), (2, 2, 0, 0), "{text}");
        }
    }
}

#[test]
fn prose_that_quotes_a_record_in_a_line_is_left_alone() {
    let decoded = read(&format!("A call looks like this: {}\nSo much, for [{}].\n", event(0), event(1)));
    assert_eq!((decoded.counts().1, decoded.counts().2), (0, 2));
}

#[test]
fn payloads_in_base64() {
    let records = [event(0), event(1)];
    let packed = base64(&gzip(trail(&records)));
    let wrapped: String = packed.as_bytes().chunks(76).map(|line| format!("{}\r\n", String::from_utf8_lossy(line))).collect();
    let plain = base64(event(0).as_bytes());
    for (text, kept) in [
        (packed.clone(), 2),
        (format!("{packed}\n"), 2),
        (format!("{packed}\n{}\n", base64(&gzip(event(2)))), 3),
        (wrapped, 2),
        (plain, 1),
        (format!("{}\n", &packed[..packed.len() - 8]), 0),
    ] {
        let decoded = read(&text);
        assert_eq!(decoded.counts().1, kept, "{text}");
        assert_eq!(decoded.counts().0 - kept, i64::from(kept == 0), "{text}");
    }
}

#[test]
fn results_of_several_searches_and_of_asynchronous_ones() {
    let records = [event(0), event(1)];
    let hits = |r: &str| format!("{{\"took\":1,\"hits\":{{\"total\":1,\"hits\":[{{\"_index\":\"i\",\"_source\":{r}}}]}}}}");
    for text in [
        format!("{{\"took\":1,\"responses\":[{},{}]}}", hits(&records[0]), hits(&records[1])),
        format!("{{\"isPartial\":false,\"rawResponse\":{}}}\n{{\"rawResponse\":{}}}", hits(&records[0]), hits(&records[1])),
        format!("{{\"id\":\"x\",\"response\":{}}}{{\"response\":{}}}", hits(&records[0]), hits(&records[1])),
        format!("{{\"hits\":{{\"hits\":[{{\"_source\":{{\"event.original\":{}}}}}]}}}}{}", quoted(&records[0]), hits(&records[1])),
        format!("{{\"id\":1,\"result\":{{\"rawResponse\":{}}}}}{}", hits(&records[0]), hits(&records[1])),
    ] {
        let decoded = read(&text);
        assert_eq!(decoded.counts(), (2, 2, 0, 0), "{text}: {:?}", decoded.rejects());
        assert_eq!((raws(&decoded), routes(&decoded)), (records.iter().map(String::as_str).collect(), vec!["wrapped"; 2]));
    }
}

const HEADER: &str = "eventTime,eventID,eventName,eventSource,awsRegion,userIdentity";

fn row(n: u32) -> String {
    let identity = cell(&format!("{{\"type\":\"IAMUser\",\"userName\":\"u{n}\"}}"));
    format!("2024-03-01T00:00:00Z,id-{n},RunInstances,ec2.amazonaws.com,eu-west-1,{identity}\n")
}

fn table(rows: &[String]) -> String {
    format!("{HEADER}\n{}", rows.concat())
}

#[test]
fn tables_with_other_delimiters_and_lines_before_their_header() {
    for delimiter in [";", "\t", "|"] {
        let text = table(&[row(0), row(1)]).replace(",\"\"", "\u{1}").replace(',', delimiter).replace('\u{1}', ",\"\"");
        let decoded = read(&text);
        assert_eq!(decoded.counts(), (2, 2, 0, 0), "{text}");
        assert_eq!(decoded.rows(Table::Cloudtrail)[1]["user_identity_user_name"], "u1");
    }
    let decoded = read(&format!("Query id: 123, took 5s\n\n{}", table(&[row(0), row(1)])));
    assert_eq!(decoded.counts(), (3, 2, 1, 0));
    assert_eq!(decoded.rejects()[0]["bytes"], const_hex::encode("Query id: 123, took 5s"));
}

#[test]
fn a_quote_too_many_or_too_few_costs_its_row_alone() {
    let rows: Vec<String> = (0..100).map(row).collect();
    for (from, to) in
        [("RunInstances", "Run\"Instances,x"), ("RunInstances", "\"RunInstances"), ("\"{\"\"type", "{\"\"type"), ("}\"\n", "}\n")]
    {
        for damaged in [0, 9, 99] {
            let mut rows = rows.clone();
            rows[damaged] = rows[damaged].replacen(from, to, 1);
            let decoded = read(&table(&rows));
            assert_eq!(decoded.counts(), (100, 99, 1, 0), "{from} to {to} in row {damaged}: {:?}", decoded.rejects());
            assert_eq!(decoded.rejects()[0]["record_index"], damaged.to_string());
        }
    }
}

#[test]
fn cells_may_be_broken_into_lines() {
    let broken = row(1).replace(",\"\"userName", ",\r\n  \"\"userName");
    let decoded = read(&table(&[row(0), broken, row(2)]));
    assert_eq!(decoded.counts(), (3, 3, 0, 0));
    assert_eq!(decoded.rows(Table::Cloudtrail)[1]["user_identity_user_name"], "u1");
}

#[test]
fn tables_put_behind_each_other_give_no_event_named_as_a_column() {
    let decoded = read(&[table(&[row(0)]), table(&[row(1)])].concat());
    assert_eq!((decoded.counts(), decoded.rows(Table::Cloudtrail).len()), ((3, 2, 0, 1), 2));
    assert_eq!(decoded.summary.remarks, ["headers inside a table"]);
    // Another table's: its rows are read by its own header, be it longer or in another order.
    let other = "eventSource,eventName,eventID,eventTime,awsRegion,userIdentity\nec2.amazonaws.com,StopInstances,id-9,2024-03-01T00:00:00Z,eu-west-1,\n";
    for other in [other.to_owned(), other.replace("userIdentity\n", "userIdentity,x\n").replace("west-1,\n", "west-1,,\n")] {
        let decoded = read(&format!("{}{other}", table(&[row(0)])));
        assert_eq!(decoded.counts(), (3, 2, 0, 1), "{other}");
        assert_eq!(decoded.rows(Table::Cloudtrail)[1]["event_name"], "StopInstances");
    }
}

#[test]
fn trail_files_and_tables_end_where_they_end() {
    let decoded = read(&format!("{}\n\n\n", lines(&[event(0)])));
    assert_eq!(decoded.counts(), (1, 1, 0, 0));
    let decoded = read(&format!("{}\r\n\n", table(&[row(0)])));
    assert_eq!(decoded.counts(), (1, 1, 0, 0));
}
