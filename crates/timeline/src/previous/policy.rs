//! Which version of a managed policy is in force: calls that make a version may put it in force at once, and another call goes back to one.

use serde_json::Value;

use super::property::{Set, Setting};
use crate::summary::body;

/// The property that tells which version is in force, and the one that tells what it allows, as the call that makes the policy names it.
const VERSION: &str = "defaultVersionId";
const DOCUMENT: &str = "policyDocument";

/// What such a call sets, beside what the one rule for all calls tells of it; the properties of which that rule knows less are left out of it.
pub(super) fn in_force(setting: &Setting<'_>) -> Vec<Set> {
    let asked = |key: &str| body(setting.request, "Request").get(key).cloned();
    let answered = |thing: &str, key: &str| body(setting.response, "Response").get(thing)?.get(key).cloned();
    match (setting.action.verb, setting.action.noun) {
        ("Create", "Policy") => answered("policy", VERSION).map(|version| Set::parameter(VERSION, Some(version))).into_iter().collect(),
        ("Create", "PolicyVersion") => {
            let is_meant = |flag: Option<Value>| flag.is_some_and(|flag| flag == true || flag == "true");
            if !is_meant(asked("setAsDefault")) && !is_meant(answered("policyVersion", "isDefaultVersion")) {
                return Vec::new();
            }
            vec![Set::parameter(VERSION, answered("policyVersion", "versionId")), Set::parameter(DOCUMENT, asked(DOCUMENT))]
        }
        // What that version says stands in the call that made it.
        ("Set", "DefaultPolicyVersion") => vec![Set::parameter(VERSION, asked("versionId")), Set::parameter(DOCUMENT, None)],
        _ => Vec::new(),
    }
}
