//! Marks on traffic, held against what the generator says it wrote (`fixtures/flows.truth.json`), and against lines written here.

use serde_json::Value;

use crate::asked::{TestStore, list, number, plain, truth_of};

fn marks(answer: &Value, kind: &str) -> Vec<Value> {
    list(&answer["marks"]).iter().filter(|mark| mark["kind"] == kind).cloned().collect()
}

/// The one mark of a kind.
fn one(answer: &Value, kind: &str) -> Value {
    let all = marks(answer, kind);
    assert_eq!(all.len(), 1, "{kind}: {all:?}");
    all[0].clone()
}

/// An instant as answers write it, of seconds since the epoch, by the database's reckoning.
fn instant(store: &TestStore, seconds: &Value) -> String {
    store.column(&format!("SELECT to_timestamp_seconds({})", number(seconds)))[0].replace('Z', "")
}

#[test]
fn the_scan_the_beacon_and_the_transfer_are_marked_and_nothing_else() {
    let store = TestStore::of_fixture("flows");
    let truth = truth_of("flows");
    let answer = store.json(&["flows", "--format", "json"]);
    assert_eq!(list(&answer["marks"]).len(), 3, "{:#}", answer["marks"]);

    let (scan, told) = (one(&answer, "scan"), &truth["scan"]);
    let arithmetic = &scan["arithmetic"];
    assert_eq!((&scan["peer"], &scan["interface_id"]), (&told["source"], &told["interface"]));
    let busiest =
        told["distinct_ports_per_minute"].as_object().expect("minutes").iter().max_by_key(|(_, ports)| number(ports)).expect("one");
    let shown = &arithmetic["ports_of_one_address"];
    assert_eq!((plain(&shown["minute"]), number(&shown["distinct"])), (busiest.0.clone(), number(busiest.1)));
    assert_eq!(number(&arithmetic["distinct_ports"]), number(&told["distinct_ports"]));
    assert_eq!((number(&arithmetic["rejected"]), number(&arithmetic["accepted"])), (number(&told["distinct_ports"]), 0));
    assert_eq!(number(&arithmetic["addresses"]["distinct"]), 1);

    let (beacon, told) = (one(&answer, "beacon"), &truth["beacon"]);
    let arithmetic = &beacon["arithmetic"];
    assert_eq!((&beacon["interface_id"], &beacon["peer"], &beacon["port"]), (&told["interface"], &told["peer"], &told["port"]));
    // The VPC's flow log has every call, and so has the interface's as long as it was there: whichever is summed.
    let rows = &told["logs"]["fl-0d8a8ba9abb37d2f1"];
    assert_eq!(number(&arithmetic["calls"]), number(&rows["egress"]["rows"]));
    assert_eq!(number(&arithmetic["gaps"]), number(&rows["egress"]["rows"]) - 1);
    assert_eq!(number(&arithmetic["regular_gaps"]), number(&arithmetic["gaps"]));
    let off = (number(&arithmetic["median_gap_seconds"]) - number(&told["period_seconds"])).abs();
    assert!(off <= number(&told["late_by_at_most_seconds"]), "{arithmetic}");
    assert_eq!(number(&arithmetic["median_bytes"]) * number(&rows["egress"]["rows"]), number(&rows["egress"]["bytes"]));
    let first = instant(&store, &rows["first_start"]);
    assert!(plain(&beacon["first_start"]).starts_with(&first), "{first} {beacon}");

    let (bulk, told) = (one(&answer, "bulk_egress"), &truth["bulk"]);
    let arithmetic = &bulk["arithmetic"];
    assert_eq!((&bulk["interface_id"], &bulk["peer"], &bulk["port"]), (&told["interface"], &told["peer"], &told["port"]));
    // The VPC's flow log lost a minute of it; the interface's, which is summed for that hour, did not.
    let own = &told["logs"]["fl-047e4e6771ec2ff35"]["egress"]["bytes"];
    assert_eq!(number(&arithmetic["bytes"]), number(own));
    let external = "dstaddr NOT LIKE '10.%' AND srcaddr LIKE '10.%' AND action = 'ACCEPT'";
    let before = store.row(&format!(
        "SELECT sum(bytes) AS n FROM flows WHERE flow_log_id = 'fl-0d8a8ba9abb37d2f1' AND interface_id = '{}' AND {external}
         AND date_part('hour', event_time) = 9",
        plain(&told["interface"])
    ));
    assert_eq!((plain(&arithmetic["compared_with"]), number(&arithmetic["past_hours"])), ("before".to_owned(), 1));
    assert_eq!(number(&arithmetic["past_most_bytes"]), number(&before["n"]));
    assert_eq!(number(&arithmetic["times"]), number(own) / number(&before["n"]));
}

#[test]
fn every_mark_cites_a_record_of_what_it_tells() {
    let store = TestStore::of_fixture("flows");
    let answer = store.json(&["flows", "--format", "json"]);
    for mark in list(&answer["marks"]) {
        let shown = store.json(&["show", &plain(&mark["ref"]), "--format", "json"]);
        let [record] = list(&shown["answer"]) else { panic!("one record: {shown}") };
        let ends = ["srcaddr", "dstaddr"].map(|end| plain(&record["record"][end]));
        assert!(ends.contains(&plain(&mark["peer"])), "{mark} {record}");
    }
    let text = String::from_utf8_lossy(&store.run(&["flows"]).stdout).into_owned();
    let (marks, not_seen) = (text.find("Marks (").expect("marks"), text.find("What was not seen").expect("the end"));
    assert!(marks < not_seen);
    for kind in ["scan: 192.0.2.200", "beacon: eni-", "bulk egress: eni-"] {
        assert!(text[marks..not_seen].contains(kind), "{kind}: {text}");
    }
}

/// The past of a transfer at the beginning of a window lies before the window, where there is evidence of it.
#[test]
fn a_short_window_is_compared_with_the_evidence_before_it() {
    let store = TestStore::of_fixture("flows");
    let whole = one(&store.json(&["flows", "--format", "json"]), "bulk_egress");
    let window = ["flows", "--from", "2025-11-19T10:00:00Z", "--to", "2025-11-19T11:00:00Z", "--format", "json"];
    let hour = one(&store.json(&window), "bulk_egress");
    assert_eq!(hour["arithmetic"], whole["arithmetic"]);
}

#[test]
fn what_filters_leave_out_is_not_compared_with() {
    let store = TestStore::of_fixture("flows");
    let peer = plain(&truth_of("flows")["bulk"]["peer"]);
    let answer = store.json(&["flows", "--ip", &peer, "--format", "json"]);
    assert!(list(&answer["marks"]).is_empty(), "{}", answer["marks"]);
    let said: Vec<&Value> = list(&answer["coverage"]["not_seen"]).iter().filter(|n| n["kind"] == "not_weighed").collect();
    assert_eq!(said.len(), 1);
    let beacon = plain(&truth_of("flows")["beacon"]["peer"]);
    assert_eq!(marks(&store.json(&["flows", "--ip", &beacon, "--format", "json"]), "beacon").len(), 1);
}

/// A store of lines in the default format (version 2), of one interface with the address 10.0.0.5.
fn store_of(lines: impl IntoIterator<Item = String>) -> TestStore {
    let store = TestStore::new();
    let header =
        "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status tcp-flags";
    let text: String = std::iter::once(header.to_owned()).chain(lines).map(|line| line + "\n").collect();
    let file = store.scratch().join("flows.log");
    std::fs::write(&file, text).expect("a file");
    store.ingest(&file);
    store
}

const NOON: i64 = 1_763_553_600;

/// A line: who, to whom, ports, packets, bytes, when, how long, what became of it, flags.
fn line(ends: (&str, u16, &str, u16), sizes: (i64, i64), (start, lasts): (i64, i64), action: &str, flags: &str) -> String {
    let ((from, port, to, other), (packets, bytes), end) = (ends, sizes, start + lasts);
    format!("2 111122223333 eni-1 {from} {to} {port} {other} 6 {packets} {bytes} {start} {end} {action} OK {flags}")
}

/// What is regular only because flow logs cut it, what comes late, and what is inside are no marks.
#[test]
fn ordinary_traffic_has_no_marks() {
    let own = "10.0.0.5";
    let minutes = |n: i64| NOON + n * 60;
    // A download over one connection, cut every minute; late packets of closed connections, refused; a database inside, asked every half minute; and
    // a mirror that is asked every six minutes for something else.
    let open = (0..55)
        .map(|n| line((own, 50_000, "198.51.100.1", 443), (40, 4_000), (minutes(n) + 2, 56), "ACCEPT", if n == 0 { "2" } else { "0" }));
    let late = (0..55_u16).map(|n| line(("198.51.100.2", 443, own, 40_000 + n), (1, 40), (minutes(3), 1), "REJECT", "1"));
    let inside = (0..100).map(|n| line((own, 41_000 + n as u16, "10.0.0.9", 5432), (9, 900), (NOON + n * 30, 2), "ACCEPT", "3"));
    let mirror =
        (0..30).map(|n| line((own, 42_000 + n as u16, "198.51.100.3", 443), (9, 900 + 400 * (n % 7)), (minutes(n * 6), 2), "ACCEPT", "3"));
    // And a hundred long connections to as many addresses, begun within one minute.
    let begun = (0..100).map(|n| {
        line((own, 43_000 + n as u16, &format!("198.51.100.{}", 100 + n), 443), (30, 9_000), (minutes(9) + n / 2, 5), "ACCEPT", "2")
    });
    let store = store_of(open.chain(late).chain(inside).chain(mirror).chain(begun));
    let answer = store.json(&["flows", "--format", "json"]);
    assert!(list(&answer["marks"]).is_empty(), "{:#}", answer["marks"]);
}

#[test]
fn a_sweep_over_many_addresses_names_what_let_it_through() {
    let own = "10.0.0.5";
    let refused = (1..=30).map(|n| line((own, 45_000, &format!("10.0.1.{n}"), 445), (1, 44), (NOON + n, 0), "REJECT", "2"));
    let knocks = (31..=40).map(|n| line((own, 45_000, &format!("10.0.1.{n}"), 445), (2, 84), (NOON + n, 0), "ACCEPT", "6"));
    let store = store_of(refused.chain(knocks));
    let sweep = one(&store.json(&["flows", "--format", "json"]), "scan");
    let arithmetic = &sweep["arithmetic"];
    assert_eq!((plain(&sweep["peer"]), number(&sweep["port"])), (own.to_owned(), 445));
    assert_eq!(
        (number(&arithmetic["addresses"]["distinct"]), plain(&arithmetic["addresses"]["minute"])),
        (40, "2025-11-19T12:00:00Z".to_owned())
    );
    assert_eq!((number(&arithmetic["rejected"]), number(&arithmetic["accepted"])), (30, 10));
    assert_eq!(plain(&list(&arithmetic["accepted_first"])[0]), "10.0.1.31 tcp/445");
    assert_eq!(list(&arithmetic["accepted_refs"]).len(), 5);
}

/// Records that do not say their way, in row groups that the window's beginning cuts: what the interface sent in the day before is told by its own address.
#[test]
fn the_day_before_counts_what_the_interface_itself_sent_to_external_peers() {
    let (own, hour) = ("10.0.0.5", |hours: i64| NOON - hours * 3_600);
    let to =
        |peer: &str, megabytes: i64, at: i64| line((own, 50_000, peer, 443), (900, megabytes * 1_000_000), (at + 30, 50), "ACCEPT", "0");
    let of_others = |line: String| line.replace("eni-1", "eni-2").replace(own, "10.0.0.6");
    let lines = [
        // The transfer, and what else the interface does in that hour.
        to("198.51.100.1", 200, hour(0)),
        line(("10.0.0.9", 41_000, own, 5432), (9, 900), (hour(0), 2), "ACCEPT", "3"),
        // The hour before: seven and three megabytes sent out. What went to somebody inside, came in or was refused does not count.
        to("198.51.100.2", 7, hour(1)),
        to("198.51.100.3", 3, hour(1)),
        to("10.0.0.9", 30, hour(1)),
        line(("198.51.100.4", 443, own, 50_000), (900, 50_000_000), (hour(1), 50), "ACCEPT", "0"),
        line((own, 50_000, "198.51.100.5", 443), (900, 900_000_000), (hour(1), 50), "REJECT", "0"),
        of_others(to("198.51.100.6", 500, hour(1))),
        // Three hours before four; and more than a day before as much as now.
        to("198.51.100.2", 4, hour(3)),
        to("198.51.100.1", 300, hour(25)),
    ];
    let store = store_of(lines);
    let window = ["flows", "--from", "2025-11-19T12:00:00Z", "--to", "2025-11-19T13:00:00Z", "--format", "json"];
    let mark = one(&store.json(&window), "bulk_egress");
    let arithmetic = &mark["arithmetic"];
    assert_eq!((plain(&mark["interface_id"]), number(&arithmetic["bytes"])), ("eni-1".to_owned(), 200_000_000));
    assert_eq!((plain(&arithmetic["compared_with"]), number(&arithmetic["past_hours"])), ("before".to_owned(), 2));
    assert_eq!((plain(&arithmetic["past_from"]), number(&arithmetic["past_most_bytes"])), ("2025-11-19T09:00:00Z".to_owned(), 10_000_000));
    assert_eq!(number(&arithmetic["times"]), 20);
}

/// The same files in another order, on one thread and on several: the same bytes.
#[test]
fn marks_do_not_depend_on_the_order_of_input() {
    let (one, other) = (TestStore::of_fixture("flows"), TestStore::new());
    let mut files = walk(&crate::kit::workspace("fixtures/flows"));
    files.reverse();
    // What comes last is read first, and the rest in a run of its own.
    for part in files.chunks(files.len() / 2 + 1) {
        let arguments: Vec<&str> = std::iter::once("ingest").chain(part.iter().map(|file| file.to_str().expect("a path"))).collect();
        assert!(other.run(&arguments).status.success());
    }
    let marks = |store: &TestStore, threads: &str| store.json(&["flows", "--format", "json", "--threads", threads])["marks"].to_string();
    assert_eq!(marks(&one, "1"), marks(&other, "4"));
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(walk(&path));
        } else if path.to_string_lossy().contains("vpcflowlogs") {
            files.push(path);
        }
    }
    files.sort();
    files
}
