//! Lines of files.

use backtrail_flowlogs::DEFAULT;
use backtrail_model::decoded::Ending;

use crate::support::{NODATA, SSH, decode, decode_chunks, decode_declared};

#[test]
fn the_default_format_needs_no_header() {
    let decoded = decode(format!("{SSH}\n{NODATA}\n").as_bytes());
    assert_eq!(decoded.lines, [SSH, NODATA]);
    let row = &decoded.rows[0];
    let expected = [
        ("event_time", "2014-12-14T04:06:50Z"),
        ("event_date", "2014-12-14"),
        ("version", "2"),
        ("account_id", "123456789010"),
        ("interface_id", "eni-1235b8ca123456789"),
        ("srcaddr", "172.31.16.139"),
        ("dstaddr", "172.31.16.21"),
        ("srcport", "20641"),
        ("dstport", "22"),
        ("protocol", "6"),
        ("packets", "20"),
        ("bytes", "4249"),
        ("start", "1418530010"),
        ("end", "1418530070"),
        ("action", "ACCEPT"),
        ("log_status", "OK"),
        ("flow_kind", "vpc"),
        ("flow_log_id", "fl-0a1b"),
        ("file_account_id", "111122223333"),
        ("file_region", "us-east-1"),
        ("format", DEFAULT),
        ("occurrence", "0"),
        ("evidence_id", "e"),
        ("record_index", "0"),
    ];
    let mut expected: Vec<_> = expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    expected.sort();
    assert_eq!(row.clone().into_iter().collect::<Vec<_>>(), expected);
    let nodata = &decoded.rows[1];
    assert_eq!(nodata.get("srcaddr").or(nodata.get("bytes")).or(nodata.get("action")), None, "- is NULL");
    assert_eq!(nodata["log_status"], "NODATA");
    assert_eq!(decoded.summary.shape, "text without a header");
}

#[test]
fn the_header_is_the_schema_and_an_unknown_field_shifts_nothing() {
    let text = "interface-id future-field end start bytes srcaddr\neni-1 x7 1418530070 1418530010 12 2001:db8::1\neni-1 - 1418530071 1418530011 13 10.0.0.1\n";
    let decoded = decode(text.as_bytes());
    assert_eq!(decoded.column("bytes"), ["12", "13"]);
    assert_eq!(decoded.column("srcaddr"), ["2001:db8::1", "10.0.0.1"]);
    assert_eq!(decoded.column("extra"), [r#"{"future-field":"x7"}"#, ""]);
    assert_eq!(decoded.lines, text.lines().skip(1).collect::<Vec<_>>());
    assert_eq!(decoded.summary.remarks, ["the field future-field is not known: kept in extra"], "said once");
}

#[test]
fn transit_gateway_records_stand_in_the_same_table() {
    let text = "version resource-type account-id tgw-id tgw-attachment-id srcaddr dstaddr srcport dstport protocol packets bytes start end log-status packets-lost-no-route tcp-flags\n\
                6 TransitGateway 123456789010 tgw-1 tgw-attach-2 10.0.0.1 10.1.0.1 443 50000 6 5 500 1418530010 1418530070 OK 3 24\n";
    let decoded = decode(text.as_bytes());
    assert_eq!(decoded.column("flow_kind"), ["tgw"]);
    assert_eq!(decoded.column("packets_lost_no_route"), ["3"]);
    assert_eq!(decoded.column("tgw_attachment_id"), ["tgw-attach-2"]);
}

#[test]
fn what_cannot_be_read_is_rejected_line_by_line_with_its_number() {
    let bad_port = SSH.replace("20641", "http");
    let large = SSH.replace("20641", "4294967296");
    let short = SSH.replace(" OK", "");
    let text = format!("{SSH}\n{bad_port}\n\n{large}\n{short}\n{SSH}");
    let decoded = decode(text.as_bytes());
    assert_eq!(decoded.lines, [SSH, SSH]);
    assert_eq!(
        decoded.reasons(),
        [
            "line 2: srcport is \"http\", which is no number",
            "line 4: srcport is \"4294967296\", which is too large",
            "line 5: 13 fields where the layout has 14",
        ]
    );
    assert_eq!(decoded.rejects[0]["byte_offset"], (SSH.len() + 1).to_string());
    assert_eq!(decoded.column("record_index"), ["0", "4"], "rejected ones count");
}

#[test]
fn what_columns_would_not_give_back_is_kept_as_it_stands() {
    for odd in [SSH.replace("ACCEPT OK", "ACCEPT  OK"), SSH.replace("20641", "020641"), format!("{SSH} "), SSH.replace(' ', "\t")] {
        let decoded = decode(format!("{DEFAULT}\n{odd}\n").as_bytes());
        assert_eq!(decoded.lines, [odd.as_str()]);
        assert_eq!(decoded.column("raw"), [odd.as_str()]);
        assert_eq!(decoded.column("srcport"), ["20641"]);
    }
    let windows = decode(format!("{DEFAULT}\r\n{SSH}\r\n").as_bytes());
    assert_eq!((windows.lines, windows.rows[0].get("raw")), (vec![SSH.to_owned()], None), "the end of a line is no part of it");
}

#[test]
fn headers_of_joined_files_change_the_layout() {
    let text = format!("{DEFAULT}\n{SSH}\nbytes start end interface-id\n7 1418530010 1418530070 eni-9\n{DEFAULT}\n{NODATA}\n");
    let decoded = decode(text.as_bytes());
    assert_eq!(decoded.lines, [SSH, "7 1418530010 1418530070 eni-9", NODATA]);
    assert_eq!(decoded.summary.counts.read, 3, "headers are no records");
}

#[test]
fn a_layout_nobody_declared_is_refused_as_a_whole_and_read_once_declared() {
    let text = "ACCEPT eni-1 10.0.0.1 443 1418530010\nREJECT eni-2 10.0.0.2 22 1418530011\n";
    let refused = decode(text.as_bytes());
    assert_eq!(refused.summary.counts.read, 0);
    assert!(refused.summary.refused.is_some_and(|why| why.contains("--flow-format '${version} ${account-id} ...'")));
    let layout = "${action} ${interface-id} ${srcaddr} ${dstport} ${start}";
    // Of several layouts the one that fits.
    let decoded = decode_declared(text.as_bytes(), &["${interface-id} ${action} ${srcaddr} ${dstport} ${start}", layout]);
    assert_eq!(decoded.column("dstport"), ["443", "22"]);
    assert_eq!(decoded.lines, text.lines().collect::<Vec<_>>());
    assert_eq!(decoded.summary.refused, None);
}

#[test]
fn lines_before_the_first_record_are_not_lost() {
    let decoded = decode(format!("# from the bucket\n{SSH}\n").as_bytes());
    assert_eq!(decoded.lines, [SSH]);
    assert_eq!(decoded.reasons(), ["line 1: neither a header nor a record of a known layout"]);
}

#[test]
fn exports_of_cloudwatch_logs_put_a_time_before_each_line() {
    let decoded = decode(format!("2014-12-14T04:06:50.000Z {SSH}\n2015-05-10T18:01:16.000Z {NODATA}\n\nno time\n").as_bytes());
    assert_eq!(decoded.lines, [SSH, NODATA]);
    assert_eq!(decoded.reasons(), ["line 4: no time stands before the record"]);
    assert_eq!(decoded.summary.shape, "CloudWatch Logs export");
}

#[test]
fn times_out_of_range_are_none() {
    for start in ["0", "1418530010000", "4102444800"] {
        let decoded = decode(SSH.replace("1418530010", start).as_bytes());
        assert_eq!(decoded.column("event_date"), ["unknown"], "{start}");
        assert_eq!(decoded.column("start"), [start]);
    }
}

#[test]
fn half_a_line_before_a_break_is_no_record() {
    let cut = &SSH[..SSH.len() - 3];
    let decoded = decode_chunks(&[format!("{SSH}\n{cut}").as_bytes()], Ending::Truncated, &[]);
    assert_eq!(decoded.lines, [SSH]);
    assert_eq!(decoded.reasons(), ["the evidence breaks off inside this line"]);
}

#[test]
fn a_line_without_end_is_one_reject() {
    let long = "x".repeat(3 << 20);
    let decoded = decode(format!("{SSH}\n{long}\n{SSH}\n").as_bytes());
    assert_eq!(decoded.lines, [SSH, SSH]);
    assert_eq!(decoded.rejects[0]["length"], (3 << 20).to_string());
}

#[test]
fn bytes_that_are_no_text_cost_their_line() {
    let mut bytes = format!("{DEFAULT}\n").into_bytes();
    bytes.extend(SSH.bytes().map(|b| if b == b'A' { 0xff } else { b }));
    bytes.extend(format!("\n{SSH}\n").bytes());
    let decoded = decode(&bytes);
    assert_eq!(decoded.lines, [SSH]);
    assert_eq!(decoded.reasons(), ["line 2: it is no UTF-8"]);
}
