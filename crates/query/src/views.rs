//! The views: questions analysts ask of `cloudtrail` most, as SQL beside this file.
//!
//! They read the unredacted table (what became of a call is told from what it answered) and redact what they show.

use backtrail_model::calls::network_services;
use backtrail_model::outcome::NO_ERROR_CODE;

use crate::functions::calls::{ACTOR_ARGUMENTS, OUTCOME_ARGUMENTS};

/// A view.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    pub(crate) name: &'static str,
    template: &'static str,
}

/// Every view, by name.
pub(crate) const ALL: &[View] = &[
    View { name: "assumed_roles", template: include_str!("views/assumed_roles.sql") },
    View { name: "changes", template: include_str!("views/changes.sql") },
    View { name: "denied", template: include_str!("views/denied.sql") },
    View { name: "logins", template: include_str!("views/logins.sql") },
    View { name: "network_changes", template: include_str!("views/network_changes.sql") },
    View { name: "timeline", template: include_str!("views/timeline.sql") },
];

/// What became of a call; not known where whoever exported it did not ask for the error code.
fn outcome() -> String {
    let outcome = format!("outcome({})", OUTCOME_ARGUMENTS.join(", "));
    format!("CASE WHEN unknown_fields LIKE '%{NO_ERROR_CODE}%' AND {outcome} = 'ok' THEN 'unknown' ELSE {outcome} END")
}

/// The event a record updates.
const UPDATES: &str =
    "CASE WHEN json_get_str(addendum, 'reason') = 'UPDATED_DATA' THEN redact_text(json_get_str(addendum, 'originalEventID')) END";

impl View {
    /// What it holds: the comment it begins with.
    pub(crate) fn description(&self) -> &'static str {
        self.template.lines().next().unwrap_or_default().trim_start_matches("-- ")
    }

    /// Its definition. What views share is written once, here.
    pub(crate) fn sql(&self) -> String {
        let sources: Vec<String> = network_services().iter().map(|s| format!("'{s}.amazonaws.com'")).collect();
        self.template
            .replace("{actor}", &format!("actor_name({})", ACTOR_ARGUMENTS.join(", ")))
            .replace("{outcome}", &outcome())
            .replace("{ref}", "coalesce(nullif(event_id, ''), evidence_id || '#' || record_index)")
            .replace("{late}", "coalesce(json_get_str(addendum, 'reason') IN ('DELIVERY_DELAY', 'SERVICE_OUTAGE'), false)")
            .replace("{updates}", UPDATES)
            .replace("{network_sources}", &sources.join(", "))
    }
}
