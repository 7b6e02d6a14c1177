//! The parsers of texts that evidence holds and people type: they never panic, and what they take apart is what was written.

use backtrail_model::arn::{self, Arn};
use backtrail_model::redact::{redact_json, redact_text};
use backtrail_model::time::{format_date, format_instant, parse_instant, parse_recorded, parse_typed};
use backtrail_model::window::parse_duration;

/// The bytes are a text, as far as they are one.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    arns(&text);
    times(&text);
    secrets(&text);
}

fn arns(text: &str) {
    if let Some(arn) = Arn::parse(text) {
        let parts = [arn.partition(), arn.service(), arn.region(), arn.account(), arn.resource()];
        assert_eq!(format!("arn:{}", parts.join(":")), text, "its parts make the ARN");
        assert!(arn.resource().ends_with(arn.name()) && text.contains(arn.resource_id()));
        assert!(arn.resource_type().is_none_or(|kind| arn.resource().trim_start_matches('/').starts_with(kind)));
        assert!(arn.role_session().is_none_or(|(role, session)| text.contains(role) && text.ends_with(session)));
        assert!(arn.bucket_of_object().is_none_or(|bucket| text.starts_with(bucket)));
        assert!(text.starts_with(arn.canonical()) || text.contains(arn.canonical()));
    }
    for found in arn::scan(text) {
        assert!(text.contains(found.as_str()));
        assert_eq!(Arn::parse(found.as_str()), Some(found));
    }
    assert!(arn::ec2_type_of_id(text).is_none_or(|_| text.contains('-')));
    assert!(arn::partition_of_region(text).starts_with("aws"));
}

fn times(text: &str) {
    for instant in [parse_instant(text), parse_recorded(text), parse_typed(text)].into_iter().flatten() {
        let written = format_instant(instant);
        // Beyond the year 9999 there is no RFC 3339.
        if written.len() <= "2024-03-01T10:00:00.000000Z".len()
            && written.starts_with(|c: char| c.is_ascii_digit())
            && written.ends_with('Z')
        {
            assert_eq!(parse_instant(&written), Some(instant), "{text} is written {written}");
            assert!(written.starts_with(&format_date(instant)));
        }
    }
    if let Ok(length) = parse_duration(text) {
        assert!(length >= 0, "{text} is {length} microseconds");
    }
}

/// What follows any text inside a secret.
const MARK: &str = "hunter2-hunter2";

/// A secret is hidden whatever stands in it and beside it, be that JSON or not.
fn secrets(text: &str) {
    drop((redact_text(text), redact_json(text)));
    let quoted = serde_json::Value::from(format!("{text}{MARK}")).to_string();
    let beside = if serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok() { text } else { "null" };
    for (whole, end) in [(true, "}"), (false, "")] {
        let clean = redact_json(&format!("{{\"beside\":{beside},\"password\":{quoted}{end}"));
        assert!(!clean.contains(MARK), "whole: {whole}: {clean}");
    }
}
