//! Nesting, repetition and size end no process, and cost what their bytes cost.

use backtrail_cloudtrail::canonical;
use backtrail_model::tables::Table;

use crate::make::{base64, event, gzip, lines, quoted};
use crate::support::decode;

/// An event whose request parameters nest so deep.
fn nested(levels: usize) -> String {
    let (open, close) = ("[".repeat(levels), "]".repeat(levels));
    event(1).replacen("\"requestParameters\":null", &format!("\"requestParameters\":{open}1{close}"), 1)
}

#[test]
fn what_a_service_might_nest_is_kept_and_what_only_an_attacker_would_is_rejected_alone() {
    // The record is a level itself.
    for (levels, kept) in [(63, 3), (64, 3), (127, 3), (128, 3), (129, 3), (200, 3), (1023, 3), (1024, 2), (100_000, 2)] {
        let records = [event(0), nested(levels), event(2)];
        let decoded = decode(format!("{{\"Records\":[{}]}}", records.join(",")).as_bytes());
        assert_eq!(decoded.counts(), (3, kept, 3 - kept, 0), "{levels} levels");
        if kept == 3 {
            let row = &decoded.rows(Table::Cloudtrail)[1];
            assert_eq!(row["raw"], records[1]);
            assert_eq!(row["request_parameters"].len(), 2 * levels + 1);
        } else {
            let reason = &decoded.rejects()[0]["reason"];
            assert!(reason.contains("nested deeper than 1024 levels"), "{reason}");
        }
    }
}

#[test]
fn brackets_of_both_kinds_close_as_they_were_opened_at_any_depth() {
    // Objects and arrays in a pattern that no word of bits repeats.
    let mut kinds = (0..1000_u32).map(|n| (n * n + n / 7) % 3 == 0).collect::<Vec<_>>();
    let text = |kinds: &[bool]| {
        let open: String = kinds.iter().map(|is_array| if *is_array { "[" } else { "{\"k\":" }).collect();
        let close: String = kinds.iter().rev().map(|is_array| if *is_array { "]" } else { "}" }).collect();
        (open, close)
    };
    let (open, close) = text(&kinds);
    let good = event(1).replacen("\"requestParameters\":null", &format!("\"requestParameters\":{open}null{close}"), 1);
    assert_eq!(decode(good.as_bytes()).counts(), (1, 1, 0, 0));
    for wrong in [0, 63, 64, 127, 128, 129, 500, 999] {
        kinds[wrong] = !kinds[wrong];
        let (_, close) = text(&kinds);
        kinds[wrong] = !kinds[wrong];
        let bad = event(1).replacen("\"requestParameters\":null", &format!("\"requestParameters\":{open}null{close}"), 1);
        assert_eq!(decode(bad.as_bytes()).counts(), (1, 0, 1, 0), "level {wrong}");
    }
}

#[test]
fn the_canonical_form_of_deep_records_is_found_on_a_small_stack() {
    let object = |levels: usize| format!("{}1{}", "{\"b\":1,\"a\":".repeat(levels), "}".repeat(levels));
    let expected = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), ",\"b\":1}".repeat(levels));
    let found = std::thread::Builder::new().stack_size(2 << 20).spawn(move || {
        for levels in [1, 128, 129, 1024] {
            let form = canonical(&object(levels)).map(|form| String::from_utf8(form).unwrap());
            assert_eq!(form, Some(expected(levels)), "{levels} levels");
        }
        assert_eq!(canonical(&object(1025)), None);
        // A record without an id is named by its canonical form.
        let deep = nested(200).replacen("\"eventID\"", "\"noID\"", 1);
        assert_eq!(decode(deep.as_bytes()).counts(), (1, 1, 0, 0));
    });
    found.unwrap().join().unwrap();
}

#[test]
fn many_members_cost_no_more_than_their_bytes() {
    // A square of this would be 10^10 comparisons.
    let count = 100_000;
    let members: Vec<String> = (0..count).rev().map(|n| format!("\"{n:06}\":{n}")).collect();
    let form = canonical(&format!("{{{}}}", members.join(","))).unwrap();
    let sorted: Vec<String> = members.into_iter().rev().collect();
    assert_eq!(String::from_utf8(form).unwrap(), format!("{{{}}}", sorted.join(",")));
    // The same key each time: the last one counts.
    let repeated: Vec<String> = (0..count).map(|n| format!("\"k\":{n}")).collect();
    assert_eq!(canonical(&format!("{{{}}}", repeated.join(","))).unwrap(), format!("{{\"k\":{}}}", count - 1).as_bytes());
}

#[test]
fn structures_in_the_cells_of_a_table_may_nest_as_deep_as_they_like() {
    for open in ["{a=", "{'a': ", "{sessioncontext=", "{=", "{"] {
        let cell = format!("{{type=IAMUser, {}", open.repeat(200_000));
        let table = format!("eventID,eventName,eventSource,userIdentity\ne-1,RunInstances,ec2.amazonaws.com,\"{cell}\"\n");
        let decoded = decode(table.as_bytes());
        assert_eq!(decoded.counts(), (1, 1, 0, 0), "{open}");
        assert_eq!(decoded.rows(Table::Cloudtrail)[0]["user_identity_type"], "IAMUser", "{open}");
    }
}

#[test]
fn what_is_packed_into_itself_is_unpacked_a_few_times_only() {
    let packed = |times: usize| (0..times).fold(event(1), |inner, _| quoted(&base64(&gzip(inner))));
    for (times, counts) in [(1, (1, 1, 0, 0)), (4, (1, 1, 0, 0)), (30, (1, 0, 1, 0))] {
        assert_eq!(decode(packed(times).as_bytes()).counts(), counts, "{times} times");
        assert_eq!(decode(lines(&[event(0), packed(times)]).as_bytes()).counts().0, 2, "{times} times");
    }
    // Quotes around quotes.
    let quotes = |times: usize| (0..times).fold(event(1), |inner, _| quoted(&inner));
    assert_eq!(decode(quotes(3).as_bytes()).counts(), (1, 1, 0, 0));
    assert_eq!(decode(quotes(12).as_bytes()).counts(), (1, 0, 1, 0));
}
