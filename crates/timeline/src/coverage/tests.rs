//! What is said of gaps, over small stores made by hand.

use super::*;
use crate::coverage::cells::Far;
use backtrail_model::evidence::MORE_PAGES_FOLLOW;
use backtrail_model::time::{MICROS_PER_HOUR, parse_typed};

fn at(text: &str) -> i64 {
    parse_typed(text).unwrap()
}

fn cell(account: &str, region: &str, log: LogKind, time: &str) -> Cell {
    let time = at(time);
    Cell {
        account: account.to_owned(),
        region: region.to_owned(),
        log,
        hour: time / MICROS_PER_HOUR,
        events: 1,
        conflicts: 0,
        first: time,
        last: time,
    }
}

fn ledger(first: &str, last: &str) -> Ledger {
    Ledger { pieces: 1, first: Some(at(first)), last: Some(at(last)), ..Ledger::default() }
}

fn not_seen(window: Option<&Window>, (inside, beside): (&[Cell], &[Cell]), ledger: &Ledger) -> Vec<(NotSeenKind, String)> {
    let cells = Cells { inside: inside.to_vec(), beside: beside.to_vec(), ..Cells::default() };
    let coverage = Coverage::from_parts(window, cells, LogChanges::default(), ledger, 0);
    coverage.not_seen.into_iter().map(|n| (n.kind, n.text)).filter(|(k, _)| *k != NotSeenKind::LogNotPresent).collect()
}

#[test]
fn a_window_beyond_the_evidence_says_so() {
    let window = Window::between(at("2024-05-01 10:00"), at("2024-05-01 14:00")).unwrap();
    let outside = not_seen(Some(&window), (&[], &[]), &ledger("2024-04-01 00:00", "2024-04-02 00:00"));
    assert_eq!(
        outside,
        [(
            NotSeenKind::WindowBeyondEvidence,
            "The window lies outside the evidence: evidence reaches from 2024-04-01T00:00:00Z to 2024-04-02T00:00:00Z.".to_owned()
        )]
    );
    let cells: Vec<Cell> = ["2024-05-01 11:30", "2024-05-01 12:10"].iter().map(|t| cell("1", "r", LogKind::Management, t)).collect();
    let partly = not_seen(Some(&window), (&cells, &[]), &ledger("2024-05-01 11:30", "2024-05-01 12:10"));
    assert_eq!(
        partly,
        [
            (
                NotSeenKind::WindowBeyondEvidence,
                "Nothing before 2024-05-01T11:30:00Z is in evidence: the window's first 1 h 30 min are not covered.".to_owned()
            ),
            (
                NotSeenKind::WindowBeyondEvidence,
                "Nothing after 2024-05-01T12:10:00Z is in evidence: the window's last 1 h 49 min are not covered.".to_owned()
            ),
        ]
    );
}

#[test]
fn a_window_that_ends_within_the_second_of_the_last_event_is_covered() {
    let (first, last) = ("2024-05-01 11:30", "2024-05-01 12:10");
    let cells: Vec<Cell> = [first, last].iter().map(|t| cell("1", "r", LogKind::Management, t)).collect();
    let said = |to: i64| not_seen(Some(&Window::between(at(first), to).unwrap()), (&cells, &[]), &ledger(first, last)).len();
    let second = 1_000_000;
    assert_eq!((said(at(last) + second), said(at(last) + 2 * second)), (0, 1));
}

#[test]
fn accounts_regions_and_hours_that_are_missing() {
    let window = Window::between(at("2024-05-01 10:00"), at("2024-05-01 13:00")).unwrap();
    let cells = [cell("1", "r", LogKind::Management, "2024-05-01 10:30"), cell("1", "r", LogKind::Management, "2024-05-01 12:30")];
    let beside = [cell("1", "s", LogKind::Management, "2024-05-01 14:30"), cell("2", "r", LogKind::Management, "2024-05-01 09:30")];
    let said = not_seen(Some(&window), (&cells, &beside), &ledger("2024-05-01 09:30", "2024-05-01 14:30"));
    assert_eq!(
        said,
        [
            (NotSeenKind::AccountsWithoutEvents, "No event in the window from account 2, which has events within a day of it.".to_owned()),
            (
                NotSeenKind::RegionsWithoutEvents,
                "Account 1: no event in the window from region s, which has events within a day of it.".to_owned()
            ),
            (NotSeenKind::EmptyHours, "Account 1: 1 hour without any event: 2024-05-01T11:00:00Z to 2024-05-01T12:00:00Z.".to_owned()),
        ]
    );
}

#[test]
fn accounts_whose_events_are_far_from_the_window() {
    let window = Window::between(at("2024-05-10 10:00"), at("2024-05-10 11:00")).unwrap();
    let far = |before, after| Far { before, after };
    let accounts =
        [("2", far(true, true)), ("3", far(true, false)), ("4", far(false, true)), ("5", far(true, true)), ("6", far(true, true))];
    let cells = Cells {
        inside: vec![cell("5", "r", LogKind::Management, "2024-05-10 10:30")],
        beside: vec![cell("6", "r", LogKind::Management, "2024-05-10 09:30")],
        far: accounts.into_iter().map(|(account, far)| (account.to_owned(), far)).collect(),
    };
    let coverage = Coverage::from_parts(Some(&window), cells, LogChanges::default(), &ledger("2024-05-01", "2024-05-20"), 0);
    let said = coverage.not_seen.iter().filter(|n| n.kind == NotSeenKind::AccountsWithoutEvents).map(|n| n.text.as_str());
    assert_eq!(
        said.collect::<Vec<_>>(),
        [
            "No event in the window from account 6, which has events within a day of it.",
            "No event in the window from account 2, which has events before and after it.",
            "No event in the window from account 3, whose events all come before it.",
            "No event in the window from account 4, whose events all come after it.",
        ]
    );
}

#[test]
fn nothing_is_said_of_an_hour_that_is_not_whole_in_the_window() {
    // The account has an event at 13:30: "no event from 13:00 to 14:00" would be wrong, though the window has none after 13:00.
    let cells = [cell("1", "r", LogKind::Management, "2024-05-01 10:30"), cell("1", "r", LogKind::Management, "2024-05-01 12:30")];
    let beside = [cell("1", "r", LogKind::Management, "2024-05-01 13:30")];
    let ledger = ledger("2024-05-01 09:30", "2024-05-01 14:30");
    let said = |from, to| not_seen(Some(&Window::between(at(from), at(to)).unwrap()), (&cells, &beside), &ledger);
    let empty = (NotSeenKind::EmptyHours, "Account 1: 1 hour without any event: 2024-05-01T11:00:00Z to 2024-05-01T12:00:00Z.".to_owned());
    assert_eq!(said("2024-05-01 10:10", "2024-05-01 13:05"), [empty]);
    assert_eq!(said("2024-05-01 11:10", "2024-05-01 12:40"), []);
}

#[test]
fn a_busy_region_that_goes_silent_in_all_accounts() {
    let hour = |account: &str, region: &str, hour: u32| cell(account, region, LogKind::Management, &format!("2024-05-01 {hour:02}:30"));
    let mut cells: Vec<Cell> = (10..20).map(|h| hour("1", "r", h)).collect();
    // Two accounts in region s: each alone has hours without it, both together only 15 and 16.
    cells.extend((10..15).map(|h| hour("1", "s", h)));
    cells.extend((12..20).filter(|h| !(15..17).contains(h)).map(|h| hour("2", "s", h)));
    cells.push(hour("2", "r", 10));
    cells.extend((11..20).map(|h| hour("2", "t", h)));
    let said: Vec<String> =
        not_seen(None, (&cells, &[]), &ledger("2024-05-01 10:30", "2024-05-01 19:30")).into_iter().map(|(_, t)| t).collect();
    assert_eq!(
        said,
        [
            "Region s: no event of any account in 2 hours in which other regions have events, beginning 2024-05-01T15:00:00Z, 2024-05-01T16:00:00Z."
        ]
    );
}

#[test]
fn sums_by_account_region_and_log() {
    let cells = [
        cell("1", "r", LogKind::Data, "2024-05-01 10:30"),
        cell("1", "r", LogKind::Data, "2024-05-01 13:30"),
        cell("1", "r", LogKind::Management, "2024-05-01 10:30"),
    ];
    let sums = seen(&cells);
    assert_eq!(sums.len(), 2);
    assert_eq!((sums[0].source, sums[0].events, sums[0].hours, sums[0].empty_hours), (LogKind::Management, 1, 1, 0));
    assert_eq!((sums[1].source, sums[1].events, sums[1].hours, sums[1].empty_hours), (LogKind::Data, 2, 2, 2));
}

#[test]
fn evidence_that_says_there_is_more_is_told_of_and_is_no_fault() {
    let page = Broken {
        evidence_id: "e".to_owned(),
        origin: Some("page.json".to_owned()),
        fate: "kept".to_owned(),
        reason: Some(MORE_PAGES_FOLLOW.to_owned()),
        records_rejected: 0,
        first_event_time: None,
        last_event_time: None,
        span: None,
    };
    let ledger = Ledger { broken: vec![page], ..ledger("2024-04-01", "2024-06-01") };
    let window = Window::between(at("2024-05-01 09:00"), at("2024-05-01 11:00")).unwrap();
    let coverage = Coverage::from_parts(Some(&window), Cells::default(), LogChanges::default(), &ledger, 0);
    assert!(!coverage.incomplete);
    let said = "page.json: a page of a longer listing: its NextToken says that more pages follow.";
    assert!(coverage.not_seen.iter().any(|n| n.text == said), "{:?}", coverage.not_seen);
}

#[test]
fn broken_evidence_makes_the_answer_incomplete_only_where_it_may_matter() {
    let broken = Broken {
        evidence_id: "e".to_owned(),
        origin: Some("a.json.gz".to_owned()),
        fate: "partial".to_owned(),
        reason: Some("gzip stream ends early".to_owned()),
        records_rejected: 0,
        first_event_time: None,
        last_event_time: None,
        span: Some((at("2024-05-01 10:00"), at("2024-05-01 10:05"))),
    };
    let ledger = Ledger { broken: vec![broken], ..ledger("2024-04-01", "2024-06-01") };
    let near = Window::between(at("2024-05-01 09:00"), at("2024-05-01 11:00")).unwrap();
    let far = Window::between(at("2024-05-20"), at("2024-05-21")).unwrap();
    let coverage = |w| Coverage::from_parts(Some(w), Cells::default(), LogChanges::default(), &ledger, 0);
    assert!(coverage(&near).incomplete && !coverage(&far).incomplete);
    assert_eq!(coverage(&near).not_seen[0].text, "a.json.gz was read only in part: gzip stream ends early.");
}
