//! What holds of every layout and every cut.

use backtrail_flowlogs::DEFAULT;
use backtrail_model::decoded::Ending;
use backtrail_model::tables::FLOW_FIELDS;
use proptest::prelude::*;
use proptest::sample::{Index, subsequence};

use crate::support::{SSH, decode, decode_chunks};

/// Names of fields as headers have them, in any order, some or all.
fn header() -> impl Strategy<Value = Vec<String>> {
    let names: Vec<String> = FLOW_FIELDS.iter().map(|c| c.name.replace('_', "-")).collect();
    let count = names.len();
    subsequence(names, 4..=count).prop_shuffle()
}

/// A word that a field may have.
fn word(name: &str) -> BoxedStrategy<String> {
    let column = FLOW_FIELDS.iter().find(|c| c.name == name.replace('-', "_")).map(|c| c.kind);
    match column {
        Some(backtrail_model::tables::Kind::Int) => prop_oneof![(0..=i32::MAX).prop_map(|n| n.to_string()), Just("-".to_owned())].boxed(),
        Some(backtrail_model::tables::Kind::Long) => prop_oneof![(0..=i64::MAX).prop_map(|n| n.to_string()), Just("-".to_owned())].boxed(),
        _ => prop_oneof!["[!-~]{1,20}", Just("-".to_owned()), Just("größe".to_owned())].boxed(),
    }
}

fn records() -> impl Strategy<Value = (Vec<String>, Vec<Vec<String>>)> {
    header().prop_flat_map(|header| {
        let row: Vec<_> = header.iter().map(|name| word(name)).collect();
        (Just(header), prop::collection::vec(row, 1..5))
    })
}

/// A line of a file in the default format, mostly as nearly all are.
fn line() -> impl Strategy<Value = String> {
    let usual = (0u8..4, 0u8..4, 0u32..70_000, prop_oneof![Just(0u64), 1u64..2_000, any::<u64>().prop_map(|n| n >> 1)], 0i64..200).prop_map(
        |(source, interface, port, bytes, second)| {
            let (start, end) = (1_700_000_000 + second, 1_700_000_060 + second);
            format!("2 111122223333 eni-{interface}0a1b2c3d4e5f607 10.0.0.{source} 2001:db8::{source} {port} 443 6 7 {bytes} {start} {end} ACCEPT OK")
        },
    );
    let odd = prop::sample::select(vec![
        "2 111122223333 eni-00a1b2c3d4e5f6071 - - - - - - - 1700000000 1700000060 - NODATA",
        "2 111122223333 eni-00a1b2c3d4e5f6071 10.0.0.1 10.0.0.2 007 443 6 7 8 1700000000 1700000060 ACCEPT OK",
        "2 111122223333 eni-00a1b2c3d4e5f6071 10.0.0.1 10.0.0.2 99999999999 443 6 7 8 1700000000 1700000060 ACCEPT OK",
        "2 111122223333 eni-00a1b2c3d4e5f6071 10.0.0.1 10.0.0.2 22 443 6 seven 8 1700000000 1700000060 ACCEPT OK",
        "2 111122223333 eni-00a1b2c3d4e5f6071 10.0.0.1 10.0.0.2 22 443 6 7 8 1 1700000060 ACCEPT OK",
        "2 111122223333  eni-00a1b2c3d4e5f6071 10.0.0.1 10.0.0.2 22 443 6 7 8 1700000000 1700000060 ACCEPT OK",
        "2 111122223333 größe 10.0.0.1 10.0.0.2 22 443 6 7 8 1700000000 1700000060 ACCEPT OK\r",
        "2 111122223333 eni-00a1b2c3d4e5f6071",
        "start end bytes",
        DEFAULT,
        "",
    ]);
    prop_oneof![40 => usual, 1 => odd.prop_map(str::to_owned)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn lines_taken_together_are_those_taken_one_by_one(lines in prop::collection::vec(line(), 0..500)) {
        let text = format!("{DEFAULT}\n{}\n", lines.join("\n"));
        // No part holds a whole line, so that each is put together and taken by itself.
        let mut parts: Vec<&[u8]> = Vec::new();
        for line in text.as_bytes().split_inclusive(|byte| *byte == b'\n') {
            let (begin, end) = line.split_at(line.len() / 2);
            parts.extend([begin, end]);
        }
        let (one_by_one, together) = (decode_chunks(&parts, Ending::Complete, &[]), decode(text.as_bytes()));
        prop_assert_eq!(&one_by_one.summary, &together.summary);
        for (row, other) in one_by_one.rows.iter().zip(&together.rows) {
            prop_assert_eq!(row, other);
        }
        prop_assert_eq!(&one_by_one.rejects, &together.rejects);
        prop_assert_eq!(one_by_one, together);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn every_permutation_of_a_header_puts_each_value_into_its_column((header, rows) in records()) {
        let lines: Vec<String> = rows.iter().map(|row| row.join(" ")).collect();
        let text = format!("{}\n{}\n", header.join(" "), lines.join("\n"));
        let decoded = decode(text.as_bytes());
        prop_assert_eq!(decoded.rows.len(), rows.len());
        prop_assert_eq!(&decoded.lines, &lines, "rows give back their lines");
        for (row, values) in decoded.rows.iter().zip(&rows) {
            prop_assert_eq!(row.get("raw"), None);
            for (name, value) in header.iter().zip(values) {
                let expected = (value != "-").then_some(value);
                prop_assert_eq!(row.get(&name.replace('-', "_")), expected, "{}", name);
            }
            for column in FLOW_FIELDS.iter().filter(|c| !header.contains(&c.name.replace('_', "-"))) {
                prop_assert_eq!(row.get(column.name), None, "nobody delivered {}", column.name);
            }
        }
    }

    #[test]
    fn cuts_change_nothing(text in prop::collection::vec(prop_oneof![
        Just(SSH.to_owned()), Just(DEFAULT.to_owned()), Just(format!("2014-12-14T04:06:50.000Z {SSH}")), Just(String::new()),
        Just(format!("{{\"message\":\"{SSH}\"}}")), Just("[{\"logEvents\": [".to_owned()), ".{0,40}", Just("start end bytes\t version".to_owned()),
    ], 0..8), cuts in prop::collection::vec(any::<Index>(), 0..6)) {
        let text = text.join("\n");
        let bytes = text.as_bytes();
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).chain([0, bytes.len()]).collect();
        places.sort_unstable();
        let chunks: Vec<&[u8]> = places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        prop_assert_eq!(decode_chunks(&chunks, Ending::Complete, &[]), decode(bytes));
    }

    #[test]
    fn nothing_is_lost_whatever_the_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400), json in any::<bool>()) {
        let bytes = if json { [b"{\"message\":\"", bytes.as_slice()].concat() } else { bytes };
        // What `support` asserts of counts and rows is the property.
        decode(&bytes);
    }
}
