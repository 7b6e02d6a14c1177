//! Lists at their limits: what is kept, and what is said of the rest.

use super::*;

/// Limits that a test reaches: sixty calls, six hours, six attempts.
const FEW: Limits = Limits { calls: (100, 60), hours: (10, 6), attempts: (10, 6) };

/// Marks of so many conversations.
fn marks(limits: Limits, conversations: usize) -> Marks {
    let mut marks = Marks::within(limits);
    marks.current = vec![Current { hour: 0, bytes: 0 }; conversations];
    marks
}

/// What was noted of conversations that called so often each, once a second; the last calls come in first.
fn called(limits: Limits, calls: &[u32]) -> Marks {
    let mut marks = marks(limits, calls.len());
    for (number, count) in (0..).zip(calls) {
        (0..*count).rev().for_each(|start| marks.add_call(number, Call { start, port: 1, lasts: 0, bytes: 1 }));
    }
    marks
}

/// How many calls are kept of each conversation, and the last of them.
fn kept(marks: &Marks, conversations: u32) -> Vec<(usize, Option<u32>)> {
    let of = |number: u32| marks.calls.iter().filter(move |(of, _)| *of == number);
    (0..conversations).map(|number| (of(number).count(), of(number).map(|(_, call)| call.start).max())).collect()
}

fn said(marks: &Marks) -> Vec<String> {
    marks.unweighed().into_iter().map(|said| said.text).collect()
}

fn first_calls(count: usize) -> String {
    format!("Beacons were sought among the first {count} calls of each conversation alone, and their numbers are of those: some have more.")
}

#[test]
fn of_a_conversation_with_very_many_calls_the_first_are_kept_and_that_is_said() {
    let mut all = called(LIMITS, &[4_096]);
    all.settle();
    assert_eq!((kept(&all, 1), said(&all)), (vec![(4_096, Some(4_095))], vec![]));
    let mut more = called(LIMITS, &[4_097]);
    more.settle();
    assert_eq!((kept(&more, 1), said(&more)), (vec![(4_096, Some(4_095))], vec![first_calls(4_096)]));
}

#[test]
fn as_many_calls_of_each_are_kept_as_fit_of_all() {
    let mut fit = called(FEW, &[35, 25]);
    fit.settle();
    assert_eq!((kept(&fit, 2), said(&fit)), (vec![(35, Some(34)), (25, Some(24))], vec![]));
    // 61 of 60: half as many of each, and again, until they fit: 4096, ..., 64, 32.
    for calls in [[36, 25], [200, 25]] {
        let mut cut = called(FEW, &calls);
        cut.settle();
        assert_eq!((kept(&cut, 2), said(&cut)), (vec![(32, Some(31)), (25, Some(24))], vec![first_calls(32)]), "{calls:?}");
    }
}

#[test]
fn where_too_few_calls_of_each_would_fit_no_beacons_are_sought() {
    // Twice 32 do not fit, and 16 are too few for a beacon.
    let mut cut = called(FEW, &[40, 40]);
    cut.settle();
    let text =
        "Beacons were not sought: too many calls go out to external peers. A shorter window or an interface (--arn) makes it few enough.";
    assert_eq!((kept(&cut, 2), said(&cut)), (vec![(0, None), (0, None)], vec![text.to_owned()]));
    cut.add_call(0, Call { start: 0, port: 1, lasts: 0, bytes: 1 });
    assert!(cut.calls.is_empty(), "what is not sought any more takes no room");
}

#[test]
fn hours_of_one_conversation_are_one_entry_each_and_beyond_the_limit_none_is_sought() {
    let mut few = marks(FEW, 1);
    (0..100).for_each(|n| few.add_bytes(0, n % 6, 10));
    few.settle();
    let sums: Vec<(u32, u64)> = few.hours.iter().map(|(_, hour, bytes)| (*hour, *bytes)).collect();
    // A hundred times over six hours: the first four have one more.
    assert_eq!(sums, [(0, 170), (1, 170), (2, 170), (3, 170), (4, 160), (5, 160)]);
    assert_eq!(said(&few), Vec::<String>::new());
    let mut many = marks(FEW, 1);
    (0..100).for_each(|n| many.add_bytes(0, n % 7, 10));
    many.settle();
    let text = "Hours of bulk egress were not sought: traffic goes out to too many external peers. A shorter window or an interface (--arn) makes it few enough.";
    assert_eq!((many.hours.len(), said(&many)), (0, vec![text.to_owned()]));
}

#[test]
fn attempts_of_a_minute_are_one_entry_and_beyond_the_limit_no_scan_is_sought() {
    let attempted = |minutes: u32| {
        let (mut marks, mut slots) = (marks(FEW, 0), Slots::default());
        (0..100).for_each(|n| marks.add_attempt(&mut slots, n % minutes));
        marks.settle();
        (marks.attempts.len(), said(&marks))
    };
    assert_eq!(attempted(6), (6, vec![]));
    let text = "Scans were not sought: too many attempts were refused. A shorter window or an interface (--arn) makes it few enough.";
    assert_eq!(attempted(7), (0, vec![text.to_owned()]));
}

#[test]
fn what_does_not_fit_in_one_list_does_not_fit_in_all_of_them() {
    let whole = |parts: &[&[u32]]| {
        let mut all = Marks::within(FEW);
        parts.iter().for_each(|part| _ = all.append(called(FEW, part)));
        all.settle();
        let conversations = parts.iter().map(|part| part.len()).sum::<usize>();
        (kept(&all, u32::try_from(conversations).unwrap()), said(&all))
    };
    assert_eq!(whole(&[&[36], &[25]]), whole(&[&[36, 25]]));
    assert_eq!(whole(&[&[200], &[25]]).1, [first_calls(32)], "the first list was put in order by itself");
    assert_eq!(whole(&[&[40, 40], &[25]]), whole(&[&[40, 40, 25]]));
    let mut gone = marks(FEW, 1);
    (0..100).for_each(|n| gone.add_bytes(0, n % 7, 10));
    (0..100).for_each(|n| gone.add_attempt(&mut Slots::default(), n));
    let mut all = marks(FEW, 1);
    all.add_bytes(0, 1, 10);
    all.append(gone);
    all.settle();
    assert_eq!((all.hours.len(), all.attempts.len(), said(&all).len()), (0, 0, 2));
}
