//! Instants: microseconds since 1970-01-01T00:00:00Z, always UTC.
//!
//! CloudTrail writes RFC 3339 with whole seconds (`2023-07-19T21:11:57Z`); some producers add fractions or an offset,
//! and session creation dates also come in ISO 8601 basic form (`20131102T010628Z`). All are read here.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, SecondsFormat};

/// Microseconds in one second.
pub const MICROS_PER_SECOND: i64 = 1_000_000;
/// Microseconds in one hour.
pub const MICROS_PER_HOUR: i64 = 3_600 * MICROS_PER_SECOND;
/// Microseconds in one day.
pub const MICROS_PER_DAY: i64 = 24 * MICROS_PER_HOUR;
/// 2006-01-01T00:00:00Z, before any AWS service existed: an earlier time in evidence is not a time.
pub const EARLIEST: i64 = 1_136_073_600 * MICROS_PER_SECOND;
/// 9999-12-31T00:00:00Z, the end of an open window.
pub const LATEST: i64 = 253_402_214_400 * MICROS_PER_SECOND;

/// Reads the instants evidence holds: RFC 3339 with any fraction and offset, or ISO 8601 basic form in UTC.
///
/// The common form `YYYY-MM-DDTHH:MM:SSZ` takes a path without allocation. Anything else that is not a date and time is `None`.
#[must_use]
pub fn parse_instant(text: &str) -> Option<i64> {
    parse_plain(text.as_bytes()).or_else(|| parse_other(text.trim()))
}

fn parse_plain(b: &[u8]) -> Option<i64> {
    if b.len() != 20 || b[4] != b'-' || b[7] != b'-' || b[10] != b'T' || b[13] != b':' || b[16] != b':' || b[19] != b'Z' {
        return None;
    }
    let two = |i: usize| -> Option<u32> {
        let (h, l) = (b[i].wrapping_sub(b'0'), b[i + 1].wrapping_sub(b'0'));
        (h < 10 && l < 10).then(|| u32::from(h) * 10 + u32::from(l))
    };
    let year = i32::try_from(two(0)? * 100 + two(2)?).ok()?;
    civil(year, two(5)?, two(8)?, two(11)?, two(14)?, two(17)?)
}

/// Microseconds of a civil UTC date and time, by the days-from-civil algorithm (H. Hinnant, public domain).
fn civil(year: i32, month: u32, day: u32, hour: u32, minute: u32, second: u32) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_in_month = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    // A leap second (60) is read as the first second of the next minute, as POSIX does.
    if day == 0 || day > days_in_month || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let y = i64::from(year) - i64::from(month <= 2);
    let era = y.div_euclid(400);
    let yoe = y - era * 400;
    let mp = (i64::from(month) + 9) % 12;
    let doy = (153 * mp + 2) / 5 + i64::from(day) - 1;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    let days = era * 146_097 + doe - 719_468;
    Some((days * 86_400 + i64::from(hour * 3600 + minute * 60 + second)) * MICROS_PER_SECOND)
}

fn parse_other(text: &str) -> Option<i64> {
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Some(instant.timestamp_micros());
    }
    if let Ok(naive) = NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%SZ") {
        return Some(naive.and_utc().timestamp_micros());
    }
    // An offset without its colon, as log shippers write it.
    if let Ok(instant) = DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z") {
        return Some(instant.timestamp_micros());
    }
    // Athena, Lake and Elasticsearch exports: `2023-07-19 21:11:57.000`, UTC by their documentation.
    let text = text.strip_suffix(" UTC").or_else(|| text.strip_suffix('Z')).unwrap_or(text);
    for form in ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"] {
        if let Ok(naive) = NaiveDateTime::parse_from_str(text, form) {
            return Some(naive.and_utc().timestamp_micros());
        }
    }
    None
}

/// Reads the instants evidence holds, those included that exports turned into a number: seconds, with any fraction, or milliseconds
/// since 1970. Which of them is told by the number of digits: 9 or 10 for seconds between 1973 and 2286, 12 or 13 for milliseconds.
/// So are those of CloudTrail's console, `May 01, 2024, 12:00:00 (UTC+02:00)`.
#[must_use]
pub fn parse_recorded(text: &str) -> Option<i64> {
    parse_instant(text).or_else(|| parse_epoch(text.trim())).or_else(|| parse_console(text.trim()))
}

fn parse_console(text: &str) -> Option<i64> {
    let (local, zone) = text.strip_suffix(')')?.split_once(" (UTC")?;
    let naive =
        ["%B %d, %Y, %H:%M:%S", "%B %d, %Y, %I:%M:%S %p"].iter().find_map(|form| NaiveDateTime::parse_from_str(local, form).ok())?;
    let zone = if zone.is_empty() { "+00:00" } else { zone };
    let ahead = zone.parse::<FixedOffset>().ok()?.local_minus_utc();
    Some(naive.and_utc().timestamp_micros() - i64::from(ahead) * MICROS_PER_SECOND)
}

fn parse_epoch(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let micros_of_one = match whole.len() {
        9 | 10 => MICROS_PER_SECOND,
        12 | 13 => 1_000,
        _ => return None,
    };
    if !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part = fraction.bytes().fold((0, micros_of_one), |(sum, unit), b| (sum + i64::from(b - b'0') * (unit / 10), unit / 10)).0;
    Some(whole.parse::<i64>().ok()? * micros_of_one + part)
}

/// Reads what a person types for a time: RFC 3339, `YYYY-MM-DDTHH:MM[:SS]` or `YYYY-MM-DD HH:MM[:SS]` (UTC), or a date (its midnight UTC).
#[must_use]
pub fn parse_typed(text: &str) -> Option<i64> {
    let text = text.trim();
    parse_instant(text).or_else(|| {
        let bare = text.strip_suffix('Z').unwrap_or(text);
        for form in ["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"] {
            if let Ok(naive) = NaiveDateTime::parse_from_str(bare, form) {
                return Some(naive.and_utc().timestamp_micros());
            }
        }
        let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
        Some(date.and_hms_opt(0, 0, 0)?.and_utc().timestamp_micros())
    })
}

/// Writes an instant as RFC 3339 in UTC: whole seconds where it has no fraction, else microseconds.
#[must_use]
pub fn format_instant(micros: i64) -> String {
    let form = if micros.rem_euclid(MICROS_PER_SECOND) == 0 { SecondsFormat::Secs } else { SecondsFormat::Micros };
    DateTime::from_timestamp_micros(micros).map_or_else(|| format!("{micros} us"), |t| t.to_rfc3339_opts(form, true))
}

/// The UTC date of an instant as `YYYY-MM-DD`: the partition value of every event table.
#[must_use]
pub fn format_date(micros: i64) -> String {
    DateTime::from_timestamp_micros(micros).map_or_else(|| "unknown".to_owned(), |t| t.format("%Y-%m-%d").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_the_console_writes_them() {
        let noon = parse_instant("2024-05-01T12:00:00Z");
        for text in [
            "May 01, 2024, 12:00:00 (UTC)",
            "May 1, 2024, 12:00:00 (UTC)",
            "May 01, 2024, 14:00:00 (UTC+02:00)",
            "May 01, 2024, 08:00:00 (UTC-04:00)",
            "May 01, 2024, 12:00:00 PM (UTC)",
        ] {
            assert_eq!(parse_recorded(text), noon, "{text}");
        }
        // Without a zone nobody knows when it was.
        for text in ["May 01, 2024, 12:00:00", "May 32, 2024, 12:00:00 (UTC)", "May 01, 2024, 12:00:00 (CEST)", "May 01, 2024 (UTC)"] {
            assert_eq!(parse_recorded(text), None, "{text}");
        }
    }

    #[test]
    fn reads_every_notation_evidence_uses() {
        let expected = 1_689_801_117 * MICROS_PER_SECOND; // date -u -d 2023-07-19T21:11:57Z +%s
        for text in
            ["2023-07-19T21:11:57Z", "2023-07-19T23:11:57+02:00", "20230719T211157Z", "2023-07-19 21:11:57.000", "2023-07-19T21:11:57.000Z"]
        {
            assert_eq!(parse_instant(text), Some(expected), "{text}");
        }
        assert_eq!(parse_instant("2023-07-19T23:11:57+0200"), Some(expected));
        assert_eq!(parse_instant("2023-07-19T21:11:57.25Z"), Some(expected + 250_000));
        for text in ["1689801117", "1689801117.0", "1689801117000", "2023-07-19T21:11:57Z"] {
            assert_eq!(parse_recorded(text), Some(expected), "{text}");
        }
        assert_eq!(parse_recorded("1689801117.25"), Some(expected + 250_000));
        assert_eq!(parse_recorded("1689801117.1234567"), Some(expected + 123_456));
        for text in ["", "1", "20230719", "1689801117,0", "168980111x", "-1689801117", "1689801117000000000"] {
            assert_eq!(parse_recorded(text), None, "{text}");
        }
        assert_eq!(parse_instant("1689801117"), None, "a person does not type it");
        assert_eq!(parse_instant("2023-02-29T00:00:00Z"), None);
        assert_eq!(parse_instant("yesterday"), None);
        assert_eq!(parse_typed("2023-07-19"), Some(1_689_724_800 * MICROS_PER_SECOND));
        assert_eq!(parse_typed("2023-07-19 21:11"), Some(expected - 57 * MICROS_PER_SECOND));
    }

    proptest::proptest! {
        #[test]
        fn the_fast_path_agrees_with_chrono(secs in 0i64..7_258_118_400) {
            let text = format_instant(secs * MICROS_PER_SECOND);
            proptest::prop_assert_eq!(parse_instant(&text), Some(secs * MICROS_PER_SECOND));
            proptest::prop_assert_eq!(parse_other(&text), Some(secs * MICROS_PER_SECOND));
        }
    }
}
