//! Which parts of a call failed, by what its response says of each.

use backtrail_model::outcome::failed_entries;
use serde_json::Value;

use super::{Parameters, body, some_of};

/// `: fl-0bbb with InvalidFlowLogId.NotFound`; nothing where the response does not name them.
pub(super) fn which(response: &Value) -> String {
    let told: Vec<String> = failed_entries(body(response, "Response")).into_iter().filter_map(|entry| named(Parameters(entry))).collect();
    if told.is_empty() { String::new() } else { format!(": {}", some_of(&told)) }
}

fn named(entry: Parameters<'_>) -> Option<String> {
    let name = entry.plain().or_else(|| identifier(entry))?;
    let code = |holder: Parameters<'_>| holder.any(&["code", "errorCode", "failureCode"]);
    let code = entry.get("error").and_then(code).or_else(|| code(entry));
    Some(code.map_or(name.clone(), |code| format!("{name} with {code}")))
}

/// The parameter that names a thing: services call it by many names.
fn identifier(entry: Parameters<'_>) -> Option<String> {
    let is_name = |key: &str| {
        let key = key.to_ascii_lowercase();
        ["id", "arn", "name", "key", "identifier"].iter().any(|end| key.ends_with(end))
    };
    entry.0.as_object()?.keys().filter(|key| is_name(key)).find_map(|key| entry.text(key))
}
