//! Pivotal calls: those that what comes later depends on, so that questions look them up over all time, whatever their window.
//!
//! They are the calls that change what is logged, those that set up what acts by itself later (functions, instances, tasks, Auto Scaling groups and stacks),
//! those that name what later ones have the id of, and those that issue what is tied to its uses by more than a key and a creation time. They are few among the events of an estate; their records stand together in the table `pivotal_calls`. Unlike the other classes they are
//! found by the event name alone, as delivered, so that a question can narrow by it.

use std::sync::LazyLock;

use super::coverage_names;
use crate::tally::DELETE_OBJECT;

/// Calls about stacks. One that makes a change set names the role, one that carries it out does not.
pub const STACK_CALLS: &[&str] = &["CreateStack", "UpdateStack", "DeleteStack", "CreateChangeSet", "ExecuteChangeSet"];
/// Calls that launch an instance or give it a role.
pub const INSTANCE_CALLS: &[&str] = &["RunInstances", "AssociateIamInstanceProfile", "ReplaceIamInstanceProfileAssociation"];
/// Calls of ECS that start tasks.
pub const TASK_CALLS: &[&str] = &["RunTask", "StartTask"];
/// Calls that make an Auto Scaling group, or change how many instances it is to have and of which kind.
pub const GROUP_CALLS: &[&str] = &["CreateAutoScalingGroup", "UpdateAutoScalingGroup", "SetDesiredCapacity"];
/// Calls that write a function's code or say how it runs; Lambda's records have dates of its API in their names.
pub const FUNCTION_CALLS: &[&str] = &[
    "CreateFunction",
    "CreateFunction20141111",
    "CreateFunction20150331",
    "UpdateFunctionCode",
    "UpdateFunctionCode20150331",
    "UpdateFunctionCode20150331v2",
    "UpdateFunctionConfiguration",
    "UpdateFunctionConfiguration20141111",
    "UpdateFunctionConfiguration20150331",
    "UpdateFunctionConfiguration20150331v2",
];

/// Calls that issue credentials and are few, and tied to their uses by more than a key and a creation time: passwords, keys, sign-ins.
pub const ISSUING_CALLS: &[&str] = &[
    "AssumeRoot",
    "ConsoleLogin",
    "CreateAccessKey",
    "CreateLoginProfile",
    "CreateOAuth2Token",
    "CreateSession",
    "Federate",
    "GetRoleCredentials",
    "SwitchRole",
    "UpdateLoginProfile",
];

/// Calls after which a password that somebody set for a user opens nothing any more: the user has another one, or is gone, or is another user of
/// that name.
pub const PASSWORD_ENDS: &[&str] = &["ChangePassword", "CreateUser", "DeleteLoginProfile", "DeleteUser"];

/// Calls that say what later ones name by an id alone is called.
pub const NAMING_CALLS: &[&str] = &["CreateSecurityGroup"];

/// All of them but those of [`coverage_names`].
const CALLS: [&[&str]; 8] =
    [STACK_CALLS, INSTANCE_CALLS, TASK_CALLS, GROUP_CALLS, FUNCTION_CALLS, ISSUING_CALLS, PASSWORD_ENDS, NAMING_CALLS];

/// Whether a call's record is kept in `pivotal_calls`. [`DELETE_OBJECT`] is not: it is daily business.
#[must_use]
pub fn is_pivotal(event_name: &str) -> bool {
    // By their lengths: every event is asked about, and few names are as long as another.
    static NAMES: LazyLock<Vec<Vec<&str>>> = LazyLock::new(|| {
        let mut by_length: Vec<Vec<&str>> = Vec::new();
        for name in CALLS.into_iter().flatten().copied().chain(coverage_names()).filter(|name| *name != DELETE_OBJECT) {
            by_length.resize(by_length.len().max(name.len() + 1), Vec::new());
            by_length[name.len()].push(name);
        }
        by_length
    });
    NAMES.get(event_name.len()).is_some_and(|names| names.contains(&event_name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_later_events_depend_on() {
        for name in ["StopLogging", "PutBucketLifecycle", "RunInstances", "UpdateFunctionCode20150331v2", "ConsoleLogin"] {
            assert!(is_pivotal(name), "{name}");
        }
        for name in ["DeleteObject", "AssumeRole", "DescribeInstances", "UpdateFunctionCode2", ""] {
            assert!(!is_pivotal(name), "{name}");
        }
    }

    /// Stores say of each piece of evidence by which version of the decoder it was read. Whoever changes the names raises that version, and the
    /// first version that `backtrail_timeline` trusts; this fails to say so.
    #[test]
    fn a_change_of_the_names_is_a_new_version_of_the_decoder() {
        let mut names: Vec<&str> = CALLS.concat();
        names.extend(coverage_names());
        names.sort_unstable();
        let bytes: usize = names.iter().map(|name| name.len()).sum();
        assert_eq!((names.len(), bytes), (105, 2021), "raise VERSION in backtrail_cloudtrail and SINCE in backtrail_timeline's pivotal.rs");
    }
}
