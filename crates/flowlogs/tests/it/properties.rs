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
