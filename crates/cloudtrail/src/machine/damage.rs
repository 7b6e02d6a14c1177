//! Damage: what is broken or cut short is skipped up to the next record, and rejected.

use super::{Carrier, Frame, Line, MAX_RECORD, Machine, Step, first_key};
use crate::output::Output;
use crate::skip::{FIRST_KEYS, Goal, Skip, Skipped};
use crate::walk::Stop;

impl Machine {
    /// The walk over the item at `pos` did not come to its end. A list that is not to be gone into is gone on from.
    pub(super) fn stopped(
        &mut self,
        stop: Stop,
        window: &[u8],
        pos: usize,
        eof: bool,
        carrier: Option<Carrier<'_>>,
        out: &mut Output,
    ) -> Step {
        match stop {
            Stop::Incomplete => self.cut_short(window, pos, eof, carrier, out),
            Stop::Broken { at, what } => self.broken(window, pos, at, what),
            Stop::Container { at, .. } => Step::To(at),
        }
    }

    /// The window, or the evidence, ends inside an item.
    fn cut_short(&mut self, window: &[u8], pos: usize, eof: bool, carrier: Option<Carrier<'_>>, out: &mut Output) -> Step {
        let too_large = window.len() - pos >= MAX_RECORD;
        if !too_large && !eof {
            return Step::More;
        }
        // Something in it was never closed, or it is only begun: in the first case the next record is in there.
        let goal = self.resync_goal(window, pos, None);
        if goal.is_found_in(&window[pos + 1..window.len().min(pos + MAX_RECORD)]) {
            return self.begin_skip(pos, goal, "a string or bracket in it is never closed".to_owned());
        }
        if too_large {
            return self.begin_skip(pos, Goal::Value, "larger than 64 MiB".to_owned());
        }
        let reject = out.make_reject(self.place(window, pos..window.len(), carrier), "the document ends inside this record".to_owned());
        if carrier.is_some() {
            out.push_reject(reject);
        } else {
            self.unfinished = Some(reject);
        }
        Step::To(window.len())
    }

    /// Something is wrong with the item at `pos`: everything up to the next record is rejected.
    pub(super) fn broken(&mut self, window: &[u8], pos: usize, at: usize, what: &str) -> Step {
        let goal = self.resync_goal(window, pos, Some(at));
        self.begin_skip(pos, goal, format!("{what} at byte {} of the record", at - pos))
    }

    /// How the next record is known: from what the broken one looks like, or those before it; else by what records start with.
    fn resync_goal(&self, window: &[u8], pos: usize, at: Option<usize>) -> Goal {
        let own = first_key(window, &self.fields).unwrap_or_default();
        if self.stack.is_empty() {
            let any = at.is_some_and(|at| memchr::memchr(b'\n', &window[pos..at]).is_none());
            return Goal::Lines { any, first_key: own.to_vec() };
        }
        let mut first_keys: Vec<Vec<u8>> = [own, &self.usual_key].into_iter().filter(|key| !key.is_empty()).map(<[u8]>::to_vec).collect();
        let as_text = first_keys.is_empty();
        if as_text {
            first_keys.extend(FIRST_KEYS.map(<[u8]>::to_vec));
        }
        Goal::Record { first_keys, as_text }
    }

    pub(crate) fn begin_skip(&mut self, pos: usize, goal: Goal, reason: String) -> Step {
        self.skip = Some(Box::new(Skip::new(goal, reason)));
        // What is skipped is not walked: quotes and backslashes in it must not count for what follows.
        self.in_sync = false;
        Step::To(pos)
    }

    pub(super) fn go_on_skipping(
        &mut self,
        mut skip: Box<Skip>,
        window: &[u8],
        pos: usize,
        eof: bool,
        carrier: Option<Carrier<'_>>,
        out: &mut Output,
    ) -> Step {
        skip.begin_at(self.offset + pos as u64);
        match skip.go_on(&window[pos..], eof) {
            Skipped::All(used) => {
                self.skip = Some(skip);
                // What is not used up is held back until more follows it.
                if used == 0 { Step::More } else { Step::To(pos + used) }
            }
            Skipped::Until(used) => {
                self.value_ended();
                if window[..pos + used].ends_with(b"\n") {
                    self.line = Line::Fresh;
                }
                if let Some(Frame::List { at_start, .. }) = self.stack.last_mut() {
                    *at_start = true;
                }
                out.push_reject(skip.into_reject(carrier.map(|c| c.place)));
                Step::To(pos + used)
            }
            Skipped::ToEnd => {
                let closers: Vec<u8> = self.stack.iter().rev().map(|f| if matches!(f, Frame::List { .. }) { b']' } else { b'}' }).collect();
                if skip.give_back(&closers) {
                    self.stack.clear();
                }
                out.push_reject(skip.into_reject(carrier.map(|c| c.place)));
                Step::To(window.len())
            }
        }
    }
}
