//! When passwords that somebody set for a user stopped being that user's: changed by the user, taken away, or the user gone or made anew.
//!
//! A password is joined to a sign-in by the user's name alone. What ended it in between ends the join: whoever set the first password of a new
//! colleague did not sign in as that colleague for ever.

use backtrail_model::arn::partition_of_region;
use backtrail_model::calls::{PASSWORD_ENDS, action_name, service_of};
use backtrail_model::outcome::{Outcome, classify};
use hashbrown::HashMap;

use crate::event::Event;
use crate::item::json;
use crate::lineage::links::without_path;

/// When passwords ended, by the user's ARN without its path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PasswordEnds(HashMap<String, Vec<i64>>);

impl PasswordEnds {
    /// Takes an event, where it is a call that ended one.
    pub(super) fn take(&mut self, event: &Event<'_>) {
        if let Some((user, time)) = ended(event).zip(event.event_time) {
            self.0.entry(user).or_default().push(time);
        }
    }

    /// Whether a user's password that was set then was no longer the same when it was used.
    pub(super) fn is_between(&self, user: &str, set: Option<i64>, used: Option<i64>) -> bool {
        let ends = self.0.get(user).map_or(&[][..], Vec::as_slice);
        set.zip(used).is_some_and(|(set, used)| ends.iter().any(|end| set < *end && *end < used))
    }
}

/// Whose password a call ended: the caller's own, or that of the user it names.
fn ended(event: &Event<'_>) -> Option<String> {
    let action = action_name(event.event_name?);
    if service_of(event.event_source?) != "iam" || !PASSWORD_ENDS.contains(&action) || classify(&event.facts()) != Outcome::Ok {
        return None;
    }
    if action == "ChangePassword" {
        return event.user_identity_arn.filter(|_| event.user_identity_type == Some("IAMUser")).map(without_path);
    }
    let request = json(event.request_parameters);
    let (name, account) = (request.get("userName")?.as_str()?, event.recipient_account_id?);
    Some(format!("arn:{}:iam::{account}:user/{name}", partition_of_region(event.aws_region.unwrap_or_default())))
}
