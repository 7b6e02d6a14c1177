//! Events counted without their records, and told of where they were chosen, held against the same events taken whole.

use proptest::prelude::*;

use super::*;

/// An event: the second in which it was, its name, its id, and whether it failed.
type Told = (Option<i64>, usize, u8, bool);

const NAMES: [(&str, &str); 5] = [
    ("iam.amazonaws.com", "CreateUser"),
    ("iam.amazonaws.com", "CreateAccessKey"),
    ("ec2.amazonaws.com", "RunInstances"),
    ("ec2.amazonaws.com", "DescribeInstances"),
    ("sts.amazonaws.com", "AssumeRole"),
];
const KEY: &str = r#"{"accessKey": {"userName": "ann", "status": "Active", "accessKeyId": "AKIAIOSFODNN7EXAMPLE"}}"#;

fn each(events: &[Told], take: &mut dyn FnMut(usize, &Event<'_>)) {
    for (at, (time, named, id, is_refused)) in events.iter().enumerate() {
        let ((source, name), id, address) = (NAMES[*named], format!("id-{id}"), format!("192.0.2.{}", id % 3));
        let event = Event {
            event_time: *time,
            event_id: Some(&id),
            event_source: Some(source),
            event_name: Some(name),
            response_elements: (name == "CreateAccessKey").then_some(KEY),
            error_code: is_refused.then_some("AccessDenied"),
            source_ip_address: Some(&address),
            evidence_id: Some("e"),
            record_index: Some(at as i64),
            ..Event::default()
        };
        take(at, &event);
    }
}

fn taken(events: &[Told]) -> Uses {
    let mut counted = Counted::default();
    each(events, &mut |_, event| counted.take(Strength::Exact, event));
    counted.finish()
}

/// What comes of telling of those that were chosen, and how many they were.
fn chosen(events: &[Told]) -> (Uses, usize) {
    let mut counted = Counted::default();
    each(events, &mut |at, event| {
        let without_record = Event { event_id: None, evidence_id: None, ..*event };
        counted.take_narrow(Strength::Exact, &without_record, (0, at));
    });
    let told: HashSet<At> = counted.chosen.all().collect();
    each(events, &mut |at, event| {
        if told.contains(&(0, at)) {
            counted.tell(event);
        }
    });
    (counted.finish(), told.len())
}

proptest! {
    #[test]
    fn what_is_chosen_tells_the_same(
        events in prop::collection::vec((prop::option::weighted(0.9, 0..40i64), 0..NAMES.len(), any::<u8>(), prop::bool::weighted(0.2)), 0..200),
    ) {
        prop_assert_eq!(chosen(&events).0, taken(&events));
    }
}

#[test]
fn of_many_changes_the_first_are_told_and_all_of_the_last_of_their_times() {
    // 49 of one second each, then 30 of one second, then others; the last of them is an end.
    let times = (0..49).chain([49; 30]).chain(50..500);
    let events: Vec<Told> = times.enumerate().map(|(at, time)| (Some(time), 0, (at % 251) as u8, false)).collect();
    let (uses, told) = chosen(&events);
    assert_eq!((uses.made.len(), told), (50, 49 + 30 + 1));
    assert_eq!(uses, taken(&events));
    // What reads is told of at its ends alone, what may have issued something wherever it is.
    let reads: Vec<Told> = (0..100).map(|at| (Some(at), 3, 0, false)).collect();
    assert_eq!(chosen(&reads).1, 2);
    let keys: Vec<Told> = (0..100).map(|at| (Some(at), 1, 0, false)).collect();
    assert_eq!(chosen(&keys).1, 100);
}
