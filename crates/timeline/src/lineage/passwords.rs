//! When passwords that somebody set for a user stopped being that user's: changed by the user, taken away, or the user gone or made anew.
//!
//! A password is joined to a sign-in by the user's name alone. What ended it in between ends the join: whoever set the first password of a new
//! colleague did not sign in as that colleague for ever. One that had to be changed at the first sign-in (`passwordResetRequired`) ended with that: nobody
//! gets any further without a new one (IAM API reference, CreateLoginProfile).

use backtrail_model::arn::partition_of_region;
use backtrail_model::calls::{PASSWORD_ENDS, action_name, service_of};
use backtrail_model::issuance::CONSOLE_LOGIN;
use backtrail_model::outcome::{Outcome, classify};
use hashbrown::HashMap;
use serde_json::Value;

use crate::event::Event;
use crate::item::json;
use crate::lineage::links::without_path;

/// Calls from which it is known when passwords ended.
pub(super) fn names() -> Vec<&'static str> {
    [PASSWORD_ENDS, &[CONSOLE_LOGIN], &SETS].concat()
}

const SETS: [&str; 2] = ["CreateLoginProfile", "UpdateLoginProfile"];

/// Times by the user's ARN without its path.
type Times = HashMap<String, Vec<i64>>;

/// When passwords ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PasswordEnds {
    ended: Times,
    /// When one was set that had to be changed at the next sign-in.
    set_for_once: Times,
    signed_in: Times,
}

impl PasswordEnds {
    /// Takes an event, where it is a call that says something of one.
    pub(super) fn take(&mut self, event: &Event<'_>) {
        let (Some((times, user)), Some(time)) = (self.told(event), event.event_time) else { return };
        times.entry(user).or_default().push(time);
    }

    /// What a call says of whose password: the caller's own, or that of the user it names.
    fn told(&mut self, event: &Event<'_>) -> Option<(&mut Times, String)> {
        let (service, action) = (service_of(event.event_source?), action_name(event.event_name?));
        let own = || event.user_identity_arn.filter(|_| event.user_identity_type == Some("IAMUser")).map(without_path);
        if !names().contains(&action) || classify(&event.facts()) != Outcome::Ok {
            return None;
        }
        match (service, action) {
            ("signin", CONSOLE_LOGIN) => Some((&mut self.signed_in, own()?)),
            ("iam", "ChangePassword") => Some((&mut self.ended, own()?)),
            ("iam", _) => {
                let request = json(event.request_parameters);
                let (name, account) = (request.get("userName")?.as_str()?, event.recipient_account_id?);
                let user = format!("arn:{}:iam::{account}:user/{name}", partition_of_region(event.aws_region.unwrap_or_default()));
                match SETS.contains(&action) {
                    true if request.get("passwordResetRequired") == Some(&Value::Bool(true)) => Some((&mut self.set_for_once, user)),
                    true => None,
                    false => Some((&mut self.ended, user)),
                }
            }
            _ => None,
        }
    }

    /// Whether a user's password that was set then was no longer the same when it was used.
    pub(super) fn is_between(&self, user: &str, set: Option<i64>, used: Option<i64>) -> bool {
        let Some((set, used)) = set.zip(used) else { return false };
        let any = |times: &Times, is_it: &dyn Fn(&i64) -> bool| times.get(user).is_some_and(|times| times.iter().any(is_it));
        let lies_between = |time: &i64| set < *time && *time < used;
        any(&self.ended, &lies_between) || (any(&self.set_for_once, &|time| *time == set) && any(&self.signed_in, &lies_between))
    }
}
