//! `addendum`: why CloudTrail delivered a record late, or which earlier record this one updates.

use serde::Serialize;
use serde_json::Value;

use backtrail_model::outcome::Outcome;

use crate::event::Event;
use crate::item::json;

/// Reasons for which a record comes later than the minutes CloudTrail usually takes.
const LATE: [&str; 2] = ["DELIVERY_DELAY", "SERVICE_OUTAGE"];

/// What a record says of its own delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Addendum {
    /// `DELIVERY_DELAY`, `SERVICE_OUTAGE` or `UPDATED_DATA`.
    pub reason: Option<String>,
    /// Fields that were missing or wrong in the record this one updates.
    pub updated_fields: Vec<String>,
    /// The event this record updates.
    pub original_event_id: Option<String>,
    /// The request of that event.
    pub original_request_id: Option<String>,
    /// Whether the updated record is in evidence, near this one in time.
    pub original_in_evidence: bool,
}

/// A later record about an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Update {
    /// How it is cited.
    #[serde(rename = "ref")]
    pub reference: String,
    /// Its time.
    pub event_time: Option<String>,
    /// Fields it corrects.
    pub updated_fields: Vec<String>,
    /// Who, as it has it.
    pub actor: String,
    /// What became of the call, as it has it.
    pub outcome: Outcome,
    /// What the call did, as it has it.
    pub summary: String,
}

impl Addendum {
    /// That of an event, without secrets.
    pub(crate) fn of(event: &Event<'_>) -> Option<Self> {
        event.addendum?;
        let value = json(event.addendum);
        let object = value.as_object()?;
        let text = |key: &str| object.get(key).and_then(Value::as_str).filter(|t| !t.is_empty()).map(str::to_owned);
        let fields = match object.get("updatedFields") {
            Some(Value::Array(fields)) => fields.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Some(Value::String(fields)) => fields.split([',', ' ']).filter(|f| !f.is_empty()).map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        Some(Self {
            reason: text("reason"),
            updated_fields: fields,
            original_event_id: text("originalEventID"),
            original_request_id: text("originalRequestID"),
            original_in_evidence: false,
        })
    }

    pub(crate) fn is_late(&self) -> bool {
        self.reason.as_deref().is_some_and(|r| LATE.contains(&r))
    }

    /// The other event this record updates. AWS's own example names itself as its original.
    pub(crate) fn updates<'a>(&'a self, own_id: Option<&str>) -> Option<&'a str> {
        let original = self.original_event_id.as_deref().filter(|o| Some(*o) != own_id)?;
        (self.reason.as_deref() == Some("UPDATED_DATA")).then_some(original)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(addendum: &str) -> Option<Addendum> {
        Addendum::of(&Event { addendum: Some(addendum), ..Event::default() })
    }

    #[test]
    fn fields_are_listed_however_they_are_written() {
        for fields in [r#""a, b""#, r#"["a","b"]"#] {
            let text = format!(r#"{{"reason":"UPDATED_DATA","updatedFields":{fields},"originalEventID":"x"}}"#);
            let found = read(&text).unwrap();
            assert_eq!((found.updated_fields.join("+").as_str(), found.updates(Some("y"))), ("a+b", Some("x")));
            assert_eq!(found.updates(Some("x")), None, "a record is no update of itself");
            assert!(!found.is_late());
        }
    }

    #[test]
    fn only_delays_are_late_and_only_objects_are_read() {
        assert!(read(r#"{"reason":"DELIVERY_DELAY","originalEventID":"x"}"#).is_some_and(|a| a.is_late() && a.updates(None).is_none()));
        assert!(read(r#"{"reason":"SERVICE_OUTAGE"}"#).is_some_and(|a| a.is_late()));
        assert!(["null", "1", "\"UPDATED_DATA\"", "{"].iter().all(|t| read(t).is_none()));
    }
}
