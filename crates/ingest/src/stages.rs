//! Where the time of an ingest goes: thread seconds by stage.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A part of the way from file to table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Reading, hashing, inflating.
    Acquire,
    /// Cutting into records, hashing these, filling columns.
    Decode,
    /// Sorting, encoding, compressing, writing.
    Keep,
    /// Settling duplicates, committing.
    Commit,
}

impl Stage {
    const ALL: [Self; 4] = [Self::Acquire, Self::Decode, Self::Keep, Self::Commit];

    fn name(self) -> &'static str {
        match self {
            Self::Acquire => "acquire",
            Self::Decode => "decode",
            Self::Keep => "keep",
            Self::Commit => "commit",
        }
    }
}

/// Nanoseconds of all threads, by stage.
#[derive(Debug, Default)]
pub(crate) struct Stages {
    nanos: [AtomicU64; Stage::ALL.len()],
}

thread_local! {
    /// What this thread is at, and since when.
    static CURRENT: Cell<Option<(Stage, Instant)>> = const { Cell::new(None) };
}

impl Stages {
    /// Does work of a stage. A stage inside another takes its time from it.
    pub(crate) fn within<T>(&self, stage: Stage, work: impl FnOnce() -> T) -> T {
        let outer = self.switch(Some(stage));
        let _back = Back { stages: self, outer };
        work()
    }

    /// Books the time since the last switch, and says what it was for.
    fn switch(&self, to: Option<Stage>) -> Option<Stage> {
        let now = Instant::now();
        let before = CURRENT.replace(to.map(|stage| (stage, now)));
        before.map(|(stage, since)| {
            let nanos = u64::try_from(now.duration_since(since).as_nanos()).unwrap_or(u64::MAX);
            self.nanos[stage as usize].fetch_add(nanos, Ordering::Relaxed);
            stage
        })
    }

    /// Books time that was measured elsewhere.
    pub(crate) fn add(&self, stage: Stage, time: Duration) {
        self.nanos[stage as usize].fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Thread seconds of each stage.
    #[expect(clippy::cast_precision_loss, reason = "a figure for reading")]
    pub(crate) fn seconds(&self) -> Vec<(&'static str, f64)> {
        Stage::ALL.iter().map(|s| (s.name(), self.nanos[*s as usize].load(Ordering::Relaxed) as f64 / 1e9)).collect()
    }
}

/// Goes back to the outer stage, a panic included.
struct Back<'s> {
    stages: &'s Stages,
    outer: Option<Stage>,
}

impl Drop for Back<'_> {
    fn drop(&mut self) {
        self.stages.switch(self.outer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inner_stage_takes_its_time_from_the_outer_one() {
        let stages = Stages::default();
        let began = Instant::now();
        stages.within(Stage::Decode, || stages.within(Stage::Keep, || std::hint::black_box((0..1_000).sum::<u64>())));
        let all = began.elapsed().as_secs_f64();
        let booked: f64 = stages.seconds().iter().map(|(_, s)| s).sum();
        assert!(booked > 0.0 && booked <= all);
        assert_eq!(stages.seconds()[0], ("acquire", 0.0));
    }
}
