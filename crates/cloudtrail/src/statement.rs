//! What a copy of an event states, and which copies state less than others (docs/architecture.md, "How duplicates are settled").
//!
//! A record states each of its fields, and of those it does not have that there is nothing to say: but of one that was omitted it
//! states nothing, nor of one CloudTrail may omit where it is not there. An extract, the cells of a table, states its cells that
//! are not empty, and nothing of the rest. A copy is covered by another that states all of it, and more.
//!
//! Covering is an order: what is covered by a copy is covered by whatever covers that one. So the copies left over are the same
//! whatever the order in which they are compared. And a copy that contradicts another is never covered by it.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use backtrail_model::time::parse_recorded;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::canonical::{OMITTABLE, canonical, stated};

mod cell;

use cell::{says, says_nothing};

/// What an extract's statement begins with; a record's is a JSON object.
const EXTRACT: u8 = b'x';

/// The fields of a record (domain.md 1.2, 1.3, 1.7).
const FIELDS: [&str; 34] = [
    "eventVersion",
    "userIdentity",
    "eventTime",
    "eventSource",
    "eventName",
    "awsRegion",
    "sourceIPAddress",
    "userAgent",
    "errorCode",
    "errorMessage",
    "requestParameters",
    "responseElements",
    "additionalEventData",
    "requestID",
    "eventID",
    "readOnly",
    "resources",
    "apiVersion",
    "eventType",
    "recipientAccountId",
    "sharedEventID",
    "vpcEndpointId",
    "serviceEventDetails",
    "managementEvent",
    "eventCategory",
    "addendum",
    "sessionCredentialFromConsole",
    "edgeDeviceDetails",
    "tlsDetails",
    "vpcEndpointAccountId",
    "eventContext",
    "insightDetails",
    "timeWindow",
    "summary",
];

/// Other names that tables have for them.
const ALIASES: [(&str, &str); 4] =
    [("eventdatetime", "eventTime"), ("sourceip", "sourceIPAddress"), ("requestuseragent", "userAgent"), ("userid", "userIdentity")];

/// What a copy states, given its raw text and whether that is an extract: the same bytes wherever the same is stated.
/// `None` where `raw` is no JSON object.
#[must_use]
pub fn statement(raw: &str, is_extract: bool) -> Option<Vec<u8>> {
    if !is_extract {
        return stated(raw).filter(|form| form.starts_with(b"{"));
    }
    let cells: Map<String, Value> = serde_json::from_str(raw).ok()?;
    let mut stated = Map::new();
    for (column, cell) in cells {
        let field = field_of(&column);
        if field == Some("eventContext") || says_nothing(&cell) {
            continue;
        }
        let cell = if field == Some("eventTime") { instant(&cell).map_or(cell, Value::from) } else { cell };
        let name = field.filter(|field| !stated.contains_key(*field)).map_or(column, str::to_owned);
        stated.insert(name, cell);
    }
    let mut form = vec![EXTRACT];
    form.extend(canonical(&Value::Object(stated).to_string())?);
    Some(form)
}

/// The field a column of that name holds: spelling, spaces and underscores do not matter.
fn field_of(column: &str) -> Option<&'static str> {
    if column.contains('.') {
        return None;
    }
    let name: String = column.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    let alias = ALIASES.iter().find(|(alias, _)| *alias == name).map(|(_, field)| *field);
    alias.or_else(|| FIELDS.iter().find(|field| field.eq_ignore_ascii_case(&name)).copied())
}

fn instant(value: &Value) -> Option<i64> {
    parse_recorded(value.as_str()?)
}

/// Of the different statements of one event, those covered by another one.
#[must_use]
pub fn covered(statements: &[&[u8]]) -> Vec<bool> {
    let mut covered = vec![false; statements.len()];
    let (mut records, mut extracts) = (Vec::new(), Vec::new());
    for (number, form) in statements.iter().enumerate() {
        match form.split_first() {
            Some((&EXTRACT, cells)) => extracts.extend(Members::of(number, cells)),
            _ => records.extend(Members::of(number, form)),
        }
    }
    within(&records, Sort::Record, &mut covered);
    within(&extracts, Sort::Extract, &mut covered);
    if records.is_empty() {
        return covered;
    }
    let records: Vec<Map<String, Value>> = records.iter().filter_map(|r| serde_json::from_slice(statements[r.number]).ok()).collect();
    for extract in extracts {
        let Ok(cells) = serde_json::from_slice::<Map<String, Value>>(&statements[extract.number][1..]) else { continue };
        covered[extract.number] |= records.iter().any(|record| covers(record, &cells));
    }
    covered
}

/// A statement taken apart: the canonical text of each member.
struct Members<'a> {
    number: usize,
    members: BTreeMap<String, &'a str>,
}

impl<'a> Members<'a> {
    fn of(number: usize, form: &'a [u8]) -> Option<Self> {
        let members: BTreeMap<String, &RawValue> = serde_json::from_slice(form).ok()?;
        Some(Self { number, members: members.into_iter().map(|(name, value)| (name, value.get())).collect() })
    }

    /// What it states of some fields.
    fn cut(&self, sort: Sort, extent: &Extent<'_>) -> Vec<(&str, &str)> {
        self.members.iter().filter(|(name, _)| sort.has(extent, name)).map(|(name, value)| (name.as_str(), *value)).collect()
    }
}

/// What a statement is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Record,
    Extract,
}

/// The fields a statement is about: of an extract those it has, of a record all but these.
type Extent<'a> = BTreeSet<&'a str>;

impl Sort {
    fn extent<'a>(self, one: &'a Members<'_>) -> Extent<'a> {
        if self == Self::Extract {
            return one.members.keys().map(String::as_str).collect();
        }
        let omitted = one.members.iter().filter(|(_, value)| **value == "null").map(|(name, _)| name.as_str());
        omitted.chain(OMITTABLE.into_iter().filter(|name| !one.members.contains_key(*name))).collect()
    }

    /// Whether the first is about all that the second is about.
    fn contains(self, first: &Extent<'_>, second: &Extent<'_>) -> bool {
        if self == Self::Extract { first.is_superset(second) } else { first.is_subset(second) }
    }

    fn has(self, extent: &Extent<'_>, field: &str) -> bool {
        extent.contains(field) == (self == Self::Extract)
    }
}

/// Finds what is covered among statements of one sort. Those that are about the same fields contradict each other; so each such group is
/// compared with those that are about more, cut down to its fields.
fn within(all: &[Members<'_>], sort: Sort, covered: &mut [bool]) {
    let mut groups: BTreeMap<Extent<'_>, Vec<&Members<'_>>> = BTreeMap::new();
    for one in all {
        groups.entry(sort.extent(one)).or_default().push(one);
    }
    for (extent, group) in &groups {
        let fuller = groups.iter().filter(|(other, _)| *other != extent && sort.contains(other, extent));
        let stated: HashSet<Vec<(&str, &str)>> = fuller.flat_map(|(_, others)| others.iter().map(|one| one.cut(sort, extent))).collect();
        for one in group {
            covered[one.number] |= stated.contains(&one.cut(sort, extent));
        }
    }
}

/// Whether a record states whatever the cells of an extract do. A column that no record has a field for is the table's own.
fn covers(record: &Map<String, Value>, cells: &Map<String, Value>) -> bool {
    cells.iter().all(|(column, cell)| {
        let root = column.split('.').next().unwrap_or_default();
        let value = match field_of(root) {
            Some(root) if root.len() < column.len() => {
                column.split('.').skip(1).try_fold(record.get(root), |value, key| Some(cell::member(value?.as_object()?, key))).flatten()
            }
            Some(field) => record.get(field),
            None if !record.contains_key(column) => return true,
            None => record.get(column),
        };
        match (value, cell.as_i64()) {
            (None | Some(Value::Null), _) => false,
            (Some(value), Some(time)) if column == "eventTime" => instant(value) == Some(time),
            (Some(value), _) => says(value, cell),
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRAIL: &str = r#"{"eventID":"e","eventTime":"2026-03-01T00:00:00Z","eventName":"PutX","readOnly":false,"requestParameters":{"b":[1,{"c":"d"}],"a":"x"}}"#;

    /// Which of these copies are covered; an extract's text begins with `x`.
    fn hidden(copies: &[&str]) -> Vec<bool> {
        let forms: Vec<Vec<u8>> = copies
            .iter()
            .map(|copy| match copy.strip_prefix('x') {
                Some(cells) => statement(cells, true).unwrap(),
                None => statement(copy, false).unwrap(),
            })
            .collect();
        covered(&forms.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    #[test]
    fn a_record_in_which_something_was_omitted_is_covered_by_one_that_has_it() {
        for omitted in [r#""requestParameters":{"omitted":true,"originalSize":120000},"#, r#""requestParameters":null,"#, ""] {
            let copy = format!(r#"{{{omitted}"eventID":"e","eventTime":"2026-03-01T00:00:00Z","eventName":"PutX","readOnly":false}}"#);
            assert_eq!(hidden(&[&copy, TRAIL]), [true, false], "{omitted}");
            let other = TRAIL.replace("PutX", "PutY");
            assert_eq!(hidden(&[&copy, &other]), [false, false], "{omitted}");
            let third = TRAIL.replace("\"x\"", "\"y\"");
            assert_eq!(hidden(&[TRAIL, &copy, &third]), [false, true, false], "it fits both, and says nothing that they do not: {omitted}");
        }
        // A record that says it has no error contradicts one that has.
        let failed = TRAIL.replace("{\"eventID\"", "{\"errorCode\":\"AccessDenied\",\"eventID\"");
        assert_eq!(hidden(&[TRAIL, &failed]), [false, false]);
        let omitted = TRAIL.replace("{\"eventID\"", "{\"errorCode\":{\"omitted\":true},\"eventID\"");
        assert_eq!(hidden(&[TRAIL, &failed, &omitted]), [false, false, true]);
    }

    #[test]
    fn an_extract_is_covered_by_the_record_whose_cells_it_has() {
        let same = r#"x{"eventid":"e","event_time":"2026-03-01 00:00:00.000","readonly":"False","errorcode":"","requestParameters":"{a=x, b=[1, {c=d}]}","dt":"2026/03/01"}"#;
        assert_eq!(hidden(&[same, TRAIL]), [true, false]);
        for (from, to) in [
            ("2026-03-01 00:00:00", "2026-03-01 00:00:01"),
            ("False", "True"),
            ("a=x", "a=y"),
            (r#""errorcode":"""#, r#""errorcode":"Denied""#),
        ] {
            assert_eq!(hidden(&[&same.replace(from, to), TRAIL]), [false, false], "{to}");
        }
        for (cell, is_covered) in [
            (r#""requestParameters.a":"x""#, true),
            (r#""requestParameters.a":"y""#, false),
            (r#""requestParameters.z":"x""#, false),
            (r#""requestParameters":{"A":"x"}"#, true),
            (r#""requestParameters":"{'a': 'x', 'z': None}""#, true),
            (r#""requestParameters":{"omitted":true}"#, true),
            (r#""requestParameters":"{omitted=true, originalsize=120000}""#, true),
            (r#""responseElements":"{a=b}""#, false),
            (r#""eventContext":"{a=b}""#, true),
        ] {
            assert_eq!(hidden(&[&format!(r#"x{{"eventID":"e",{cell}}}"#), TRAIL]), [is_covered, false], "{cell}");
        }
    }

    #[test]
    fn of_two_extracts_the_one_with_more_columns_covers_the_other_if_they_agree() {
        let [few, more, other] = [
            r#"x{"eventID":"e","awsRegion":"r"}"#,
            r#"x{"awsregion":"r","eventName":"PutX","eventid":"e"}"#,
            r#"x{"eventID":"e","userAgent":"a"}"#,
        ];
        assert_eq!(hidden(&[few, more]), [true, false]);
        assert_eq!(hidden(&[more, other]), [false, false], "neither says what the other does");
        assert_eq!(hidden(&[few, &more.replace("\"r\"", "\"s\"")]), [false, false]);
    }

    /// What is stated of a field: a value, that there is none, nothing.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Told {
        Value(u8),
        Nothing,
        Open,
    }

    /// A copy that states, of a field that may be omitted and of two others, one of two values, nothing in each way it can be written, or leaves it open.
    fn copies() -> impl Strategy<Value = Vec<(String, [Told; 3])>> {
        let field = prop::sample::select(vec!["1", "2", "null", "absent", r#"{"omitted":true}"#]);
        let copy = ([field.clone(), field.clone(), field], any::<bool>()).prop_map(|(values, is_extract)| {
            let mut members = vec![r#""eventID":"e""#.to_owned()];
            let mut told = [Told::Open; 3];
            for (i, (name, value)) in ["requestParameters", "userAgent", "errorCode"].into_iter().zip(values).enumerate() {
                if value != "absent" {
                    let text = matches!(value, "1" | "2");
                    members.push(if text { format!("{name:?}:{value:?}") } else { format!("{name:?}:{value}") });
                }
                told[i] = match value {
                    "1" | "2" => Told::Value(value.as_bytes()[0]),
                    "null" | "absent" if i > 0 && !is_extract => Told::Nothing,
                    _ => Told::Open,
                };
            }
            (format!("{}{{{}}}", if is_extract { "x" } else { "" }, members.join(",")), told)
        });
        proptest::collection::vec(copy, 1..9)
    }

    /// The copies left over of some, in whichever order they came.
    fn left(copies: &[&(String, [Told; 3])]) -> BTreeSet<Vec<u8>> {
        let form = |copy: &&(String, [Told; 3])| {
            let text = copy.0.as_str();
            text.strip_prefix('x').map_or_else(|| statement(text, false), |cells| statement(cells, true)).unwrap()
        };
        let forms: BTreeSet<Vec<u8>> = copies.iter().map(form).collect();
        let covered = covered(&forms.iter().map(Vec::as_slice).collect::<Vec<_>>());
        forms.into_iter().zip(covered).filter(|(_, is_covered)| !is_covered).map(|(form, _)| form).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]
        #[test]
        fn what_is_left_is_the_same_whatever_was_left_out_before(copies in copies(), cut in 0usize..9) {
            let all: Vec<_> = copies.iter().collect();
            let (first, second) = all.split_at(cut.min(all.len()));
            let kept_by = |some: &[&(String, [Told; 3])]| {
                let kept = left(some);
                all.iter().copied().filter(|c| some.contains(c)).filter(|c| left(&[c]).is_subset(&kept)).collect::<Vec<_>>()
            };
            let step_by_step: Vec<_> = kept_by(first).into_iter().chain(second.iter().copied()).collect();
            prop_assert_eq!(left(&step_by_step), left(&all));
        }

        #[test]
        fn no_copy_hides_one_that_contradicts_it(copies in copies()) {
            for one in &copies {
                let fits = |other: &&(String, [Told; 3])| one.1.iter().zip(other.1).all(|(a, b)| *a == Told::Open || *a == b);
                let is_covered = left(&[one]).is_disjoint(&left(&copies.iter().collect::<Vec<_>>()));
                let is_record = !one.0.starts_with('x');
                let others = copies.iter().filter(|other| !(is_record && other.0.starts_with('x')));
                let covers = others.filter(fits).any(|other| left(&[other]) != left(&[one]));
                prop_assert_eq!(is_covered, covers, "{}", one.0);
            }
        }
    }
}
