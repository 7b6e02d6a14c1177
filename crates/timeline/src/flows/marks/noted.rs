//! What is noted of records while they are summed.

use super::super::records::Records;
use super::super::row::Row;
use super::super::sums::{Action, Key, Way};
use super::super::texts::is_outside;
use super::thresholds::{ATTEMPT_PACKET_BYTES, ATTEMPT_PACKETS, BEACON_CALLS};
use crate::coverage::{NotSeen, NotSeenKind, say};

#[cfg(test)]
mod tests;

const TCP: i32 = 6;
const UDP: i32 = 17;
const SYN: i32 = 2;
/// SYN and RST: whoever got an answer and wanted no more.
const SYN_RST: i32 = 6;
const SECONDS_PER_HOUR: u32 = 3_600;
const SECONDS_PER_MINUTE: u32 = 60;

/// A key without a number.
const NONE: u32 = u32::MAX;

/// Calls kept of one conversation at first: the earliest. As many are kept of each as fit.
const CALLS_OF_ONE: usize = 4_096;

/// How long the lists grow before they are put in order, and how long they may be then.
#[derive(Debug, Clone, Copy)]
struct Limits {
    calls: (usize, usize),
    hours: (usize, usize),
    attempts: (usize, usize),
}

/// 16 bytes a call or hour, 8 an attempt.
const LIMITS: Limits = Limits { calls: (8_000_000, 6_000_000), hours: (4_000_000, 3_000_000), attempts: (8_000_000, 6_000_000) };

/// What a sum has in the lists.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Slots {
    /// Whether it was asked if it goes out to an external peer.
    is_asked: bool,
    /// Its number among those that do.
    outward: u32,
    /// Its number among those that are attempts.
    attempt: u32,
    /// Whether its source is the one that calls.
    pub(super) is_calling: bool,
}

impl Default for Slots {
    fn default() -> Self {
        Self { is_asked: false, outward: NONE, attempt: NONE, is_calling: false }
    }
}

impl Slots {
    /// Moves its numbers on.
    pub(in super::super) fn shift(&mut self, outward: u32, attempt: u32) {
        let moved = |number: u32, by: u32| if number == NONE { NONE } else { number.saturating_add(by) };
        (self.outward, self.attempt) = (moved(self.outward, outward), moved(self.attempt, attempt));
    }

    pub(super) fn outward(&self) -> Option<usize> {
        (self.outward != NONE).then_some(self.outward as usize)
    }

    pub(super) fn attempt(&self) -> Option<usize> {
        (self.attempt != NONE).then_some(self.attempt as usize)
    }
}

/// A record of somebody who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Call {
    /// Seconds since the epoch.
    pub(super) start: u32,
    /// The caller's port.
    pub(super) port: u16,
    /// Seconds.
    pub(super) lasts: u16,
    pub(super) bytes: u32,
}

/// The bytes of the hour that a sum's records are of just now.
#[derive(Debug, Clone, Copy)]
struct Current {
    hour: u32,
    bytes: u64,
}

/// What was noted.
#[derive(Debug)]
pub(in super::super) struct Marks {
    current: Vec<Current>,
    attempts_of: u32,
    /// By the number of what goes out.
    pub(super) calls: Vec<(u32, Call)>,
    /// By the number of what goes out: hour, bytes.
    pub(super) hours: Vec<(u32, u32, u64)>,
    /// By the number of what is attempted: minute.
    pub(super) attempts: Vec<(u32, u32)>,
    /// Calls kept of each.
    calls_of_one: usize,
    /// Whether any conversation has more.
    are_calls_cut: bool,
    are_hours_kept: bool,
    are_attempts_kept: bool,
    limits: Limits,
}

impl Default for Marks {
    fn default() -> Self {
        Self::within(LIMITS)
    }
}

impl Marks {
    fn within(limits: Limits) -> Self {
        Self {
            current: Vec::new(),
            attempts_of: 0,
            calls: Vec::new(),
            hours: Vec::new(),
            attempts: Vec::new(),
            calls_of_one: CALLS_OF_ONE,
            are_calls_cut: false,
            are_hours_kept: true,
            are_attempts_kept: true,
            limits,
        }
    }

    /// Notes what marks need of a record that is summed under a key.
    pub(in super::super) fn take(&mut self, slots: &mut Slots, key: &Key, row: &Row) {
        let Ok(start) = u32::try_from(row.start) else { return };
        slots.is_calling |= row.is_calling;
        if !slots.is_asked {
            slots.is_asked = true;
            if key.way != Way::In && is_outside(key.destination) {
                slots.outward = number(self.current.len());
                self.current.push(Current { hour: start / SECONDS_PER_HOUR, bytes: 0 });
            }
        }
        if let Some(at) = slots.outward() {
            if row.is_calling && matches!(key.protocol, TCP | UDP) {
                let lasts = row.end.saturating_sub(row.start).max(0);
                let lasts = u16::try_from(lasts).unwrap_or(u16::MAX);
                let call = Call { start, port: row.port, lasts, bytes: u32::try_from(row.bytes).unwrap_or(u32::MAX) };
                self.add_call(slots.outward, call);
            }
            if key.action != Action::Reject {
                self.add_bytes(at, start / SECONDS_PER_HOUR, row.bytes);
            }
        }
        if row.is_attempt {
            self.add_attempt(slots, start / SECONDS_PER_MINUTE);
        }
    }

    fn add_call(&mut self, number: u32, call: Call) {
        if self.calls_of_one >= BEACON_CALLS {
            self.calls.push((number, call));
            if self.calls.len() >= self.limits.calls.0 {
                self.settle_calls();
            }
        }
    }

    fn add_bytes(&mut self, at: usize, hour: u32, bytes: u64) {
        if !self.are_hours_kept {
            return;
        }
        let current = &mut self.current[at];
        if current.hour == hour {
            current.bytes = current.bytes.saturating_add(bytes);
            return;
        }
        let full = std::mem::replace(current, Current { hour, bytes });
        self.hours.push((number(at), full.hour, full.bytes));
        if self.hours.len() >= self.limits.hours.0 {
            self.settle_hours();
        }
    }

    fn add_attempt(&mut self, slots: &mut Slots, minute: u32) {
        if !self.are_attempts_kept {
            return;
        }
        if slots.attempt == NONE {
            slots.attempt = self.attempts_of;
            self.attempts_of = self.attempts_of.saturating_add(1);
        }
        self.attempts.push((slots.attempt, minute));
        if self.attempts.len() >= self.limits.attempts.0 {
            self.settle_attempts();
        }
    }

    /// Takes over what was noted of other sums, and returns what is to be added to their numbers. What does not fit in one list does not fit in all.
    pub(in super::super) fn append(&mut self, other: Self) -> (u32, u32) {
        let (outward, attempts) = (number(self.current.len()), self.attempts_of);
        self.calls_of_one = self.calls_of_one.min(other.calls_of_one);
        self.are_calls_cut |= other.are_calls_cut;
        self.are_hours_kept &= other.are_hours_kept;
        self.are_attempts_kept &= other.are_attempts_kept;
        self.current.extend(other.current);
        self.attempts_of = self.attempts_of.saturating_add(other.attempts_of);
        self.calls.extend(other.calls.into_iter().map(|(number, call)| (number + outward, call)));
        self.hours.extend(other.hours.into_iter().map(|(number, hour, bytes)| (number + outward, hour, bytes)));
        self.attempts.extend(other.attempts.into_iter().map(|(number, minute)| (number + attempts, minute)));
        if self.calls.len() >= self.limits.calls.0 {
            self.settle_calls();
        }
        if self.hours.len() >= self.limits.hours.0 {
            self.settle_hours();
        }
        if self.attempts.len() >= self.limits.attempts.0 {
            self.settle_attempts();
        }
        if self.calls_of_one < BEACON_CALLS {
            self.calls.clear();
        }
        if !self.are_hours_kept {
            self.hours.clear();
        }
        if !self.are_attempts_kept {
            self.attempts.clear();
        }
        (outward, attempts)
    }

    /// Puts the lists in order when all records were summed.
    pub(super) fn settle(&mut self) {
        let mut calls_of = vec![0_usize; self.current.len()];
        for (number, _) in &self.calls {
            calls_of[*number as usize] += 1;
        }
        if self.calls.len() > self.limits.calls.1 || calls_of.iter().any(|calls| *calls > self.calls_of_one) {
            self.settle_calls();
        }
        // Where hours are not kept, these are some of the hours that records came of last, and parts of them.
        let current = std::mem::take(&mut self.current).into_iter().enumerate();
        for (at, current) in current.filter(|(_, current)| self.are_hours_kept && current.bytes > 0) {
            self.hours.push((number(at), current.hour, current.bytes));
        }
        self.settle_hours();
        self.settle_attempts();
    }

    /// Keeps as many of the earliest calls of each conversation as fit. However the calls came in, what is left is the same: fewer of each are kept
    /// exactly where so many of all would not fit.
    fn settle_calls(&mut self) {
        self.calls.sort_unstable();
        let (mut most, noted) = (self.calls_of_one, self.calls.len());
        loop {
            let (mut of, mut met) = (NONE, 0);
            self.calls.retain(|(number, _)| {
                met = if *number == of { met + 1 } else { 1 };
                of = *number;
                met <= most
            });
            if self.calls.len() <= self.limits.calls.1 {
                break;
            }
            most /= 2;
            if most < BEACON_CALLS {
                self.calls = Vec::new();
                break;
            }
        }
        self.are_calls_cut |= self.calls.len() < noted;
        self.calls_of_one = most;
    }

    fn settle_hours(&mut self) {
        self.hours.sort_unstable();
        self.hours.dedup_by(|next, kept| {
            let is_same = (next.0, next.1) == (kept.0, kept.1);
            if is_same {
                kept.2 = kept.2.saturating_add(next.2);
            }
            is_same
        });
        if self.hours.len() > self.limits.hours.1 {
            (self.hours, self.are_hours_kept) = (Vec::new(), false);
        }
    }

    fn settle_attempts(&mut self) {
        self.attempts.sort_unstable();
        self.attempts.dedup();
        if self.attempts.len() > self.limits.attempts.1 {
            (self.attempts, self.are_attempts_kept) = (Vec::new(), false);
        }
    }

    /// What did not fit.
    pub(super) fn unweighed(&self) -> Vec<NotSeen> {
        let mut all = Vec::new();
        let mut not_sought = |what: &str, why: &str| {
            let text = format!("{what} were not sought: {why}. A shorter window or an interface (--arn) makes it few enough.");
            all.push(say(NotSeenKind::NotWeighed, text));
        };
        if self.calls_of_one < BEACON_CALLS {
            not_sought("Beacons", "too many calls go out to external peers");
        }
        if !self.are_hours_kept {
            not_sought("Hours of bulk egress", "traffic goes out to too many external peers");
        }
        if !self.are_attempts_kept {
            not_sought("Scans", "too many attempts were refused");
        }
        if self.are_calls_cut && self.calls_of_one >= BEACON_CALLS {
            let text = format!(
                "Beacons were sought among the first {} calls of each conversation alone, and their numbers are of those: some have more.",
                self.calls_of_one
            );
            all.push(say(NotSeenKind::NotWeighed, text));
        }
        all
    }
}

fn number(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(NONE)
}

/// Whether a record is of somebody who knocks: was refused, or was let through and sent no more than that he would like to speak. Where a record has
/// flags and no SYN among them it is of something that began before, or an answer: the latecomers of closed connections are refused, too.
pub(in super::super) fn is_attempt(key: &Key, records: &Records<'_>, row: usize) -> bool {
    let flags = records.int(3, row).filter(|_| key.protocol == TCP);
    match key.action {
        Action::Reject => flags.is_none_or(|flags| flags & SYN == SYN),
        Action::Accept => {
            let (packets, bytes) = (records.long(0, row), records.long(1, row));
            matches!(flags, Some(SYN | SYN_RST)) && packets <= ATTEMPT_PACKETS && bytes <= packets * ATTEMPT_PACKET_BYTES
        }
        Action::None => false,
    }
}
