//! Time as text, in the notations CloudTrail uses. Seconds since 1970, UTC.

pub(crate) const HOUR: i64 = 3600;
pub(crate) const DAY: i64 = 86_400;
/// CloudTrail delivers about every five minutes.
pub(crate) const SLOT: i64 = 300;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// An instant, taken apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Civil {
    pub(crate) year: i64,
    pub(crate) month: i64,
    pub(crate) day: i64,
    pub(crate) hour: i64,
    pub(crate) minute: i64,
    pub(crate) second: i64,
}

/// Days to year, month and day (Howard Hinnant's algorithm, Gregorian calendar).
pub(crate) fn civil(seconds: i64) -> Civil {
    let (days, rest) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    Civil { year, month, day, hour: rest / HOUR, minute: rest / 60 % 60, second: rest % 60 }
}

/// `2025-10-15` to seconds; `None` where it is not a date.
pub(crate) fn parse_date(text: &str) -> Option<i64> {
    let date = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(date.and_hms_opt(0, 0, 0)?.and_utc().timestamp())
}

/// `2025-10-15T14:05:00Z`.
pub(crate) fn push_iso(out: &mut Vec<u8>, seconds: i64) {
    let c = civil(seconds);
    push_padded(out, c.year, 4);
    for (mark, number) in [(b'-', c.month), (b'-', c.day), (b'T', c.hour), (b':', c.minute), (b':', c.second)] {
        out.push(mark);
        push_padded(out, number, 2);
    }
    out.push(b'Z');
}

/// `2025-10-15T14:05:00Z`.
pub(crate) fn iso(seconds: i64) -> String {
    let mut out = Vec::with_capacity(20);
    push_iso(&mut out, seconds);
    String::from_utf8_lossy(&out).into_owned()
}

/// `Oct 15, 2025, 2:05:00 PM`, as in `credentials.expiration`.
pub(crate) fn push_locale(out: &mut Vec<u8>, seconds: i64) {
    let c = civil(seconds);
    let hour = if c.hour % 12 == 0 { 12 } else { c.hour % 12 };
    let half = if c.hour < 12 { "AM" } else { "PM" };
    let month = MONTHS[(c.month - 1) as usize];
    out.extend_from_slice(format!("{month} {}, {}, {hour}:{:02}:{:02} {half}", c.day, c.year, c.minute, c.second).as_bytes());
}

/// `20251015T1405Z`, as in file names.
pub(crate) fn compact(seconds: i64) -> String {
    let c = civil(seconds);
    format!("{:04}{:02}{:02}T{:02}{:02}Z", c.year, c.month, c.day, c.hour, c.minute)
}

/// `2025/10/15`, as in keys.
pub(crate) fn path_date(seconds: i64) -> String {
    let c = civil(seconds);
    format!("{:04}/{:02}/{:02}", c.year, c.month, c.day)
}

fn push_padded(out: &mut Vec<u8>, number: i64, digits: u32) {
    for place in (0..digits).rev() {
        out.push(b'0' + (number / 10_i64.pow(place) % 10) as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_chrono() {
        for seconds in [0, 951_782_399, 951_782_400, 1_709_164_800, 1_760_537_100, 4_102_444_799] {
            let expected = chrono::DateTime::from_timestamp(seconds, 0).unwrap();
            assert_eq!(iso(seconds), expected.format("%Y-%m-%dT%H:%M:%SZ").to_string());
            let mut locale = Vec::new();
            push_locale(&mut locale, seconds);
            assert_eq!(String::from_utf8(locale).unwrap(), expected.format("%b %-d, %Y, %-I:%M:%S %p").to_string());
        }
    }
}
