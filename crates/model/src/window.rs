//! The stretch of time a question is about.

use crate::time::{MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_SECOND, format_instant};

/// A half-open interval `[from, to)` in microseconds UTC, and the instant it was built around, if any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    from: i64,
    to: i64,
    at: Option<i64>,
}

/// Why a window cannot be built.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum WindowError {
    /// The start is not before the end.
    #[error("the window is empty: it starts at {from} and ends at {to}")]
    Empty {
        /// The start asked for, RFC 3339.
        from: String,
        /// The end asked for, RFC 3339.
        to: String,
    },
    /// A duration that is not a number with a unit.
    #[error("`{0}` is not a duration: write a number and a unit, as in 90m, 24h or 7d")]
    Duration(String),
}

impl Window {
    /// From `from` up to, and not including, `to`.
    ///
    /// # Errors
    /// `Empty` where `from` is not before `to`.
    pub fn between(from: i64, to: i64) -> Result<Self, WindowError> {
        if from >= to {
            return Err(WindowError::Empty { from: format_instant(from), to: format_instant(to) });
        }
        Ok(Self { from, to, at: None })
    }

    /// Around an incident instant: `before` and `after` are lengths in microseconds. The instant itself is in the window.
    ///
    /// # Errors
    /// `Empty` where both lengths are negative or out of range.
    pub fn around(at: i64, before: i64, after: i64) -> Result<Self, WindowError> {
        // CloudTrail times are whole seconds: an event stamped with the very second `at` belongs to the window.
        let window = Self::between(at.saturating_sub(before), at.saturating_add(after.max(0)).saturating_add(1))?;
        Ok(Self { at: Some(at), ..window })
    }

    /// First instant inside.
    #[must_use]
    pub fn from(&self) -> i64 {
        self.from
    }

    /// First instant after.
    #[must_use]
    pub fn to(&self) -> i64 {
        self.to
    }

    /// The incident instant, where the window was built around one.
    #[must_use]
    pub fn at(&self) -> Option<i64> {
        self.at
    }

    /// Whether an instant lies inside.
    #[must_use]
    pub fn contains(&self, micros: i64) -> bool {
        self.from <= micros && micros < self.to
    }
}

/// Reads a length of time: a whole number with a unit `s`, `m`, `h`, `d` or `w`, in microseconds.
///
/// # Errors
/// `Duration` with the text given.
pub fn parse_duration(text: &str) -> Result<i64, WindowError> {
    let wrong = || WindowError::Duration(text.to_owned());
    let trimmed = text.trim();
    let unit = trimmed.chars().last().ok_or_else(wrong)?;
    let scale = match unit {
        's' => MICROS_PER_SECOND,
        'm' => 60 * MICROS_PER_SECOND,
        'h' => MICROS_PER_HOUR,
        'd' => MICROS_PER_DAY,
        'w' => 7 * MICROS_PER_DAY,
        _ => return Err(wrong()),
    };
    let number = &trimmed[..trimmed.len() - unit.len_utf8()];
    if !number.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong());
    }
    number.parse::<i64>().ok().and_then(|n| n.checked_mul(scale)).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_incident_second_is_inside() {
        let window = Window::around(1000 * MICROS_PER_SECOND, MICROS_PER_HOUR, 0).unwrap();
        assert!(window.contains(1000 * MICROS_PER_SECOND));
        assert!(!window.contains(1001 * MICROS_PER_SECOND));
        assert_eq!(Window::between(5, 5), Err(WindowError::Empty { from: format_instant(5), to: format_instant(5) }));
    }

    #[test]
    fn durations() {
        assert_eq!(parse_duration("24h"), Ok(MICROS_PER_DAY));
        assert_eq!(parse_duration("90m"), Ok(90 * 60 * MICROS_PER_SECOND));
        for wrong in ["", "h", "-1h", "1.5h", "24", "9999999999999w"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }
}
