//! Hours without events.

use std::collections::{BTreeMap, BTreeSet};

use backtrail_model::time::{MICROS_PER_HOUR, format_instant};
use serde::Serialize;

use super::Cell;

/// A stretch of whole hours in which an account has no event at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EmptyHours {
    /// Account.
    pub account: String,
    /// First empty instant.
    pub from: String,
    /// First instant after.
    pub to: String,
    /// Its length in hours.
    pub hours: u64,
}

/// Stretches of hours, of those from `first` to `last`, that are not among `seen`: as (first hour, number of hours).
#[must_use]
pub fn empty_hours(seen: &BTreeSet<i64>, first: i64, last: i64) -> Vec<(i64, u64)> {
    let mut stretches = Vec::new();
    let mut next = first;
    // Walks from one seen hour to the next, so that years without evidence cost nothing.
    for hour in seen.range(first..).copied().take_while(|h| *h <= last).chain(std::iter::once(last.saturating_add(1))) {
        if hour > next {
            stretches.push((next, hour.abs_diff(next)));
        }
        next = hour.saturating_add(1);
    }
    stretches
}

/// Empty stretches of each account that has events, within a span of time. Only whole hours of it count: what the rest of an hour holds is
/// not asked here, so nothing may be said of it.
pub(super) fn of_accounts(cells: &[Cell], span: Option<(i64, i64)>) -> Vec<EmptyHours> {
    let Some((from, to)) = span else { return Vec::new() };
    let mut seen: BTreeMap<&str, BTreeSet<i64>> = BTreeMap::new();
    for cell in cells.iter().filter(|cell| !cell.log.tells_of_events()) {
        seen.entry(&cell.account).or_default().insert(cell.hour);
    }
    let first = from.saturating_add(MICROS_PER_HOUR - 1).div_euclid(MICROS_PER_HOUR);
    let last = to.saturating_add(1).div_euclid(MICROS_PER_HOUR) - 1;
    let mut empty = Vec::new();
    for (account, hours) in seen {
        for (hour, length) in empty_hours(&hours, first, last) {
            let end = hour.saturating_add(i64::try_from(length).unwrap_or(i64::MAX));
            empty.push(EmptyHours {
                account: account.to_owned(),
                from: format_instant(hour.saturating_mul(MICROS_PER_HOUR)),
                to: format_instant(end.saturating_mul(MICROS_PER_HOUR)),
                hours: length,
            });
        }
    }
    empty
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn between_first_and_last() {
        assert_eq!(empty_hours(&BTreeSet::from([3, 5, 6]), 2, 8), [(2, 1), (4, 1), (7, 2)]);
        assert_eq!(empty_hours(&BTreeSet::new(), 2, 3), [(2, 2)]);
        assert_eq!(empty_hours(&BTreeSet::from([2, 3]), 2, 3), []);
    }

    proptest! {
        #[test]
        fn every_hour_is_either_seen_or_empty(seen in prop::collection::btree_set(0i64..60, 0..30), first in 0i64..30, length in 0i64..30) {
            let last = first + length;
            let empty: Vec<i64> = empty_hours(&seen, first, last).into_iter().flat_map(|(h, n)| h..h + i64::try_from(n).unwrap()).collect();
            for hour in first..=last {
                prop_assert_eq!(empty.contains(&hour), !seen.contains(&hour));
            }
            prop_assert!(empty.iter().all(|h| (first..=last).contains(h)));
        }
    }
}
