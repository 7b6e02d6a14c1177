//! The first and the last of some events: by time, then by citation; those without a time come last, as everywhere.

/// When and where something was met.
pub(crate) type Met = (Option<i64>, String);

/// What meetings are ordered by.
pub(crate) fn order(met: &Met) -> (bool, Option<i64>, &str) {
    let (is_undated, time) = at(met.0);
    (is_undated, time, &met.1)
}

fn at(time: Option<i64>) -> (bool, Option<i64>) {
    (time.is_none(), time)
}

/// A meeting at a time, where it comes before the first so far: cited only where it may.
pub(crate) fn earlier(first: Option<&Met>, time: Option<i64>, cited: impl FnOnce() -> String) -> Option<Met> {
    if first.is_some_and(|first| at(first.0) < at(time)) {
        return None;
    }
    let met = (time, cited());
    first.is_none_or(|first| order(&met) < order(first)).then_some(met)
}

/// The stretch of time that holds some instants; `None` where there are none.
pub(crate) fn stretch(times: impl IntoIterator<Item = i64>) -> Option<(i64, i64)> {
    times.into_iter().fold(None, widened)
}

/// A stretch of time that holds another instant, too.
pub(crate) fn widened(stretch: Option<(i64, i64)>, time: i64) -> Option<(i64, i64)> {
    Some(stretch.map_or((time, time), |(first, last)| (first.min(time), last.max(time))))
}

/// The first and the last so far, whatever the order in which they come.
#[derive(Debug, Default)]
pub(crate) struct Ends {
    first: Option<Met>,
    last: Option<Met>,
}

impl Ends {
    pub(crate) fn take(&mut self, met: Met) {
        if self.first.as_ref().is_none_or(|f| order(&met) < order(f)) {
            self.first = Some(met.clone());
        }
        if self.last.as_ref().is_none_or(|l| order(&met) > order(l)) {
            self.last = Some(met);
        }
    }

    /// The same of something that is only cited where it may be an end.
    pub(crate) fn take_at(&mut self, time: Option<i64>, cited: impl FnOnce() -> String) {
        let is_between =
            self.first.as_ref().is_some_and(|first| at(first.0) < at(time)) && self.last.as_ref().is_some_and(|last| at(time) < at(last.0));
        if !is_between {
            self.take((time, cited()));
        }
    }

    /// Their times; `None` where nothing was met.
    pub(crate) fn times(&self) -> Option<(Option<i64>, Option<i64>)> {
        Some((self.first.as_ref()?.0, self.last.as_ref()?.0))
    }

    /// Their citations, one where they are the same.
    pub(crate) fn refs(self) -> Vec<String> {
        let mut refs: Vec<String> = [self.first, self.last].into_iter().flatten().map(|(_, reference)| reference).collect();
        refs.dedup();
        refs
    }
}
