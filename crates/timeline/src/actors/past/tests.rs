//! Whom rows belong to: looked up once, or one by one.

use std::sync::Arc;

use arrow_array::{ArrayRef, DictionaryArray, StringArray, StringViewArray, TimestampMicrosecondArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, UInt32Type};
use proptest::prelude::*;

use super::*;

/// What one row names its principal with: places in short lists, the first of each being nothing.
type Row = (usize, usize, usize, usize, Option<i64>, Option<i64>);

const IDS: [Option<&str>; 5] = [None, Some("AIDAALICE"), Some("AROADEPLOYMENT:session-of-alice"), Some("AROADEPLOYMENT:b"), Some("")];
const ARNS: [Option<&str>; 3] = [None, Some("arn:aws:iam::111122223333:user/alice"), Some("AIDAALICE")];
const KEYS: [Option<&str>; 4] = [None, Some("ASIAALICE5555555555A"), Some("ASIABOB555555555555B"), Some("")];
const SERVICES: [Option<&str>; 3] = [None, Some("ec2.amazonaws.com"), Some("autoscaling.amazonaws.com")];

/// As the engine gives a column of few values, views of a dictionary; or as row groups are read, keys into it.
fn column<'v>(values: impl Iterator<Item = Option<&'v str>>, is_coded: bool) -> ArrayRef {
    let dictionary: DictionaryArray<UInt32Type> = values.collect();
    if is_coded { Arc::new(dictionary) } else { cast(&dictionary, &DataType::Utf8View).unwrap() }
}

fn batch(rows: &[Row], is_coded: bool) -> RecordBatch {
    let times = |time: fn(&Row) -> Option<i64>| -> ArrayRef {
        Arc::new(rows.iter().map(time).map(|t| t.map(|t| t * 1_000_000)).collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
    };
    RecordBatch::try_from_iter_with_nullable([
        (NAMES[0], column(rows.iter().map(|row| IDS[row.0]), is_coded), true),
        (NAMES[1], column(rows.iter().map(|row| ARNS[row.1]), is_coded), true),
        (NAMES[2], column(rows.iter().map(|row| KEYS[row.2]), is_coded), true),
        (NAMES[3], column(rows.iter().map(|row| SERVICES[row.3]), is_coded), true),
        (BEGUN, times(|row| row.4), true),
        ("event_time", times(|row| row.5), true),
    ])
    .unwrap()
}

fn sought(begun: &[(usize, Option<i64>)]) -> Sought {
    let mut sought = Sought::default();
    for (subject, (id, at)) in begun.iter().enumerate() {
        let name = [IDS[1], IDS[2], IDS[3], ARNS[1]][*id].unwrap();
        sought.add_id(name.to_owned(), at.map(|at| at..=at + 1), subject);
    }
    (100..102).for_each(|subject| sought.add_key("ASIAALICE5555555555A".to_owned(), subject));
    sought.add_role("AROADEPLOYMENT".to_owned(), 102);
    sought.add_service("ec2.amazonaws.com".to_owned(), 103);
    sought
}

proptest! {
    #[test]
    fn a_row_belongs_to_the_same_whether_or_not_another_like_it_was_met(
        rows in proptest::collection::vec((0..5_usize, 0..3_usize, 0..4_usize, 0..3_usize, proptest::option::of(0..4_i64), proptest::option::of(0..4_i64)), 1..80),
        begun in proptest::collection::vec((0..4_usize, proptest::option::of(0..4_i64)), 0..6),
        is_coded in any::<bool>(),
    ) {
        let (batch, sought) = (batch(&rows, is_coded), sought(&begun));
        let names = Names::of(&batch, CLOUDTRAIL).unwrap();
        let mut met = Met::default();
        for row in 0..rows.len() {
            let mut one_by_one = Vec::new();
            sought.each(&names, row, &mut |subject| one_by_one.push(subject));
            prop_assert_eq!(met.of(&sought, &names, row), one_by_one.as_slice(), "row {} of {:?}", row, rows);
        }
    }
}

#[test]
fn calls_of_nobody_are_not_held_and_too_many_are_none() {
    let rows: Vec<Row> = vec![(1, 0, 1, 0, None, Some(1)), (0, 0, 0, 1, None, Some(2)), (4, 1, 0, 0, None, Some(3))];
    let mut calls = Calls::default();
    calls.keep(&batch(&rows, false), 3).unwrap();
    assert_eq!((calls.rows, calls.are_too_many), (2, false), "the second row names a service alone");
    calls.keep(&batch(&rows, false), 3).unwrap();
    assert!(calls.are_too_many && calls.batches.is_empty());
    calls.keep(&batch(&rows, false), 3).unwrap();
    assert!(calls.are_too_many && calls.batches.is_empty(), "a part of them would be taken for all");
}

#[test]
fn texts_of_other_layouts_are_looked_up_one_by_one() {
    let plain = StringArray::from(vec![Some("AIDAALICE")]);
    assert_eq!(Text::Plain(&plain).view(0), None);
    let views = StringViewArray::from(vec![Some("AIDAALICE"), None, Some("")]);
    let view = |row| Text::View(&views).view(row);
    assert!(view(0).is_some_and(|view| view != 0) && view(1) == Some(0) && view(2) == Some(0));
}

#[test]
fn what_threads_met_of_a_subject_is_put_together() {
    let asked = Subject { open: [(); ASPECTS].map(|()| ["a", "b", "c"].map(str::to_owned).into()), ..Subject::default() };
    let (mut one, mut other) = (asked.clone(), asked.clone());
    one.close(Aspect::Region, || Some("a"));
    (one.was_met, one.span) = (true, Some((5, 9)));
    other.close(Aspect::Region, || Some("b"));
    other.span = Some((2, 7));
    let mut all = asked;
    [one, other].iter().for_each(|met| all.join(met));
    assert_eq!((all.was_met, all.span), (true, Some((2, 9))));
    assert_eq!(all.open[Aspect::Region as usize], HashSet::from(["c".to_owned()]), "what any of them met");
    assert_eq!(all.open[Aspect::Call as usize].len(), 3);
}
