//! What holds for every input: how it is cut changes nothing, wrappers change nothing of a record, nothing panics, nothing is lost.

use backtrail_cloudtrail::{Ending, canonical};
use backtrail_model::tables::Table;
use proptest::prelude::*;

use crate::make::{EXACT, UNESCAPED, event, quoted, trail};
use crate::support::{Decoded, decode, decode_chunks};

/// JSON of any kind, as text with any white space.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|b| b.to_string()),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(|f| format!("{f:e}")),
        text().prop_map(|t| quoted(&t)),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[ {} ]", items.join(" ,"))),
            proptest::collection::vec((text(), inner), 0..4).prop_map(|members| {
                let members: Vec<String> = members.into_iter().map(|(k, v)| format!("{}:\t{v}", quoted(&k))).collect();
                format!("{{{}\n}}", members.join(","))
            }),
        ]
    })
}

/// Text with what readers stumble over.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("a".to_owned()),
        Just("\"".to_owned()),
        Just("\\".to_owned()),
        Just("\\\"".to_owned()),
        Just("{[".to_owned()),
        Just("]}".to_owned()),
        Just("\n".to_owned()),
        Just("\u{1}".to_owned()),
        Just("\u{2028}".to_owned()),
        Just("\u{1f600}".to_owned()),
        Just("{\"eventVersion\":\"1.08\"".to_owned()),
        any::<char>().prop_map(String::from),
    ];
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

/// A record with surprises in its fields.
fn record() -> impl Strategy<Value = String> {
    (0..1000_u32, json(), json(), text(), any::<bool>()).prop_map(|(n, parameters, extra, agent, has_id)| {
        let record = event(n)
            .replacen("\"requestParameters\":null", &format!("\"requestParameters\":{parameters},\"extra\":{extra}"), 1)
            .replacen("\"aws-cli/2.15.0\"", &quoted(&agent), 1);
        if has_id { record } else { record.replacen("\"eventID\"", "\"anotherID\"", 1) }
    })
}

/// What wrappers must not change of a record.
fn essence(decoded: &Decoded) -> Vec<(String, String, String)> {
    let column = |row: &crate::support::Row, name: &str| row[name].clone();
    let rows = decoded.rows(Table::Cloudtrail).iter();
    rows.map(|row| (column(row, "raw"), column(row, "record_sha256"), column(row, "dedupe_key"))).collect()
}

/// Pieces of documents, in an order nobody would write.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        4 => proptest::sample::select(vec![
            "{", "}", "[", "]", ",", ":", "\"", "\\", "\n", " ", "\u{feff}", "\u{1e}", "\0", "null", "true", "-", "1e5", "\"a\":", "\"Records\":[",
            "\"Events\":[", "\"hits\":{\"hits\":[", "\"logEvents\":[", "\"detail\":", "\"message\":", "\"CloudTrailEvent\":\"", "\"_source\":{",
            "{\"eventVersion\":\"1.08\",", "\"eventName\":\"x\",\"eventSource\":\"y\"", "2024-03-01T00:00:00Z ", "{\"index\":{}}\n",
            "eventID,eventName,eventSource,userIdentity\n", "eventJson\n", "{type=", "\"H4sIAAAAAAAA\"", "\\ud83d", "\\u", "\"userIdentity\":{\"sessionContext\":{",
        ]).prop_map(|w| w.as_bytes().to_vec()),
        2 => (0..9_u32).prop_map(|n| event(n).into_bytes()),
        1 => (0..9_u32, 0..600_usize).prop_map(|(n, cut)| event(n).into_bytes()[..cut.min(event(n).len())].to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..12),
    ];
    proptest::collection::vec(word, 0..14).prop_map(|words| words.concat())
}

/// Cuts bytes at these places.
fn cut<'a>(bytes: &'a [u8], at: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = at.iter().map(|index| index.index(bytes.len() + 1)).chain([0, bytes.len()]).collect();
    places.sort_unstable();
    places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_wrapper_gives_the_same_bytes_and_the_same_identity(records in proptest::collection::vec(record(), 1..4)) {
        let expected = essence(&decode(trail(&records).as_bytes()));
        prop_assert_eq!(expected.len(), records.len());
        for ((raw, _, _), record) in expected.iter().zip(&records) {
            prop_assert_eq!(raw, record);
        }
        for wrapper in EXACT.iter().chain(UNESCAPED) {
            // A record that holds line feeds is no line.
            if wrapper.name.contains("CloudWatch Logs export") && records.iter().any(|r| r.contains('\n')) {
                continue;
            }
            prop_assert_eq!(&essence(&decode((wrapper.wrap)(&records).as_bytes())), &expected, "{}", wrapper.name);
        }
    }

    #[test]
    fn cuts_change_nothing_where_everything_is_in_order(
        records in proptest::collection::vec(record(), 0..5),
        wrapper in 0..EXACT.len() + UNESCAPED.len(),
        at in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let wrapper = EXACT.iter().chain(UNESCAPED).nth(wrapper).expect("one of them");
        let text = (wrapper.wrap)(&records);
        let pieces = cut(text.as_bytes(), &at);
        prop_assert_eq!(decode(text.as_bytes()), decode_chunks(&pieces, Ending::Complete), "{}", wrapper.name);
    }

    #[test]
    fn cuts_change_nothing_where_nothing_is_in_order(bytes in soup(), at in proptest::collection::vec(any::<prop::sample::Index>(), 0..12)) {
        // The kit checks the accounting of each.
        for ending in [Ending::Complete, Ending::Truncated] {
            let whole = decode_chunks(&[&bytes], ending);
            prop_assert_eq!(&whole, &decode_chunks(&cut(&bytes, &at), ending));
        }
        let bytewise: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(decode(&bytes), decode_chunks(&bytewise, Ending::Complete));
    }

    #[test]
    fn long_documents_may_be_cut_and_damaged_anywhere(
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        at in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
        length in any::<prop::sample::Index>(),
    ) {
        // More than the decoder looks at in one go, so that cuts reach its windows.
        let mut bytes = trail(&(0..600).map(event).collect::<Vec<_>>()).into_bytes();
        for (place, byte) in &damage {
            let place = place.index(bytes.len());
            bytes[place] = *byte;
        }
        bytes.truncate(length.index(bytes.len() * 2));
        prop_assert_eq!(decode(&bytes), decode_chunks(&cut(&bytes, &at), Ending::Complete));
    }

    #[test]
    fn the_canonical_form_is_its_own_and_says_the_same(value in json()) {
        // A number alone is nobody's record: what ends it is left to what stands around it.
        let text = format!("[{value}]");
        let Some(form) = canonical(&text) else { return Err(TestCaseError::fail(format!("{text} has none"))) };
        let form = String::from_utf8(form).expect("UTF-8");
        prop_assert_eq!(canonical(&form).map(|f| String::from_utf8(f).expect("UTF-8")), Some(form.clone()), "of {}", text);
        // Read by another parser: the same value, but for a key that was left out and numbers' notation.
        let (ours, theirs): (serde_json::Value, serde_json::Value) =
            (serde_json::from_str(&form).expect("JSON"), serde_json::from_str(&text).expect("JSON"));
        if !text.contains("eventContext") && !text.contains("omitted") && !text.contains('e') {
            prop_assert_eq!(ours, theirs);
        }
    }
}
