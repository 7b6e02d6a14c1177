//! Classes of API calls, as data: which read, which issue credentials, which command the network, which blind the logs.
//!
//! A class is looked up by event source and event name. Names are compared without the API version some services append
//! (`CreateFunction20150331`); sources with or without `.amazonaws.com`.

mod coverage;
mod network;
mod pivotal;
mod sensitive;

pub use coverage::{CoverageCall, Effect, Log, affects_coverage, bucket_call, coverage_names, recording_names};
pub use network::{NetworkClass, network_class, network_command, network_services};
pub use pivotal::{
    FUNCTION_CALLS, GROUP_CALLS, INSTANCE_CALLS, ISSUING_CALLS, NAMING_CALLS, PASSWORD_ENDS, STACK_CALLS, TASK_CALLS, is_pivotal,
};
pub use sensitive::is_sensitive;

use crate::outcome::{Facts, Outcome};

/// `ec2` of `ec2.amazonaws.com`; other texts unchanged.
#[must_use]
pub fn service_of(event_source: &str) -> &str {
    event_source.strip_suffix(".amazonaws.com.cn").or_else(|| event_source.strip_suffix(".amazonaws.com")).unwrap_or(event_source)
}

/// The API action without the version suffix some services append: `20150331`, `20150331v2`, `2020_05_31`.
#[must_use]
pub fn action_name(event_name: &str) -> &str {
    // Nearly all names end with a letter.
    if !event_name.ends_with(|c: char| c.is_ascii_digit()) {
        return event_name;
    }
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let cut = |len: usize| event_name.len().checked_sub(len).filter(|at| *at > 0).and_then(|at| event_name.split_at_checked(at));
    if let Some((name, date)) = cut(10) {
        let b = date.as_bytes();
        if b[4] == b'_' && b[7] == b'_' && digits(&date[..4]) && digits(&date[5..7]) && digits(&date[8..]) {
            return name;
        }
    }
    // `v2`, after the date.
    let dated = match event_name.rsplit_once('v') {
        Some((dated, version)) if digits(version) => dated,
        _ => event_name,
    };
    match dated.len().checked_sub(8).filter(|at| *at > 0).and_then(|at| dated.split_at_checked(at)) {
        Some((name, date)) if digits(date) && !name.ends_with(|c: char| c.is_ascii_digit()) => name,
        _ => event_name,
    }
}

/// First words of actions that only read, for records that do not carry `readOnly` (older than eventVersion 1.01, sign-in).
const READ_VERBS: &[&str] = &[
    "BatchGet", "Check", "Describe", "Estimate", "Get", "Head", "List", "Lookup", "Preview", "Query", "Scan", "Search", "Simulate", "Test",
    "Validate",
];

/// Actions that only read although their first word does not say so.
const READS: &[(&str, &str)] = &[
    ("kms", "Decrypt"),
    ("kms", "Encrypt"),
    ("kms", "GenerateDataKey"),
    ("kms", "GenerateDataKeyPair"),
    ("kms", "GenerateDataKeyPairWithoutPlaintext"),
    ("kms", "GenerateDataKeyWithoutPlaintext"),
    ("kms", "GenerateMac"),
    ("kms", "GenerateRandom"),
    ("kms", "ReEncrypt"),
    ("kms", "Sign"),
    ("kms", "Verify"),
    ("kms", "VerifyMac"),
    ("logs", "FilterLogEvents"),
    ("s3", "SelectObjectContent"),
];

/// Calls that issue temporary credentials or open a console session. CloudTrail marks most of them `readOnly`; they are
/// neither reads nor changes of configuration: they are how a session came to be.
const ISSUANCES: &[(&str, &str)] = &[
    ("cognito-identity", "GetCredentialsForIdentity"),
    ("cognito-identity", "GetOpenIdToken"),
    ("cognito-identity", "GetOpenIdTokenForDeveloperIdentity"),
    ("eks-auth", "AssumeRoleForPodIdentity"),
    ("redshift", "GetClusterCredentials"),
    ("redshift", "GetClusterCredentialsWithIAM"),
    ("rolesanywhere", "CreateSession"),
    ("signin", "ConsoleLogin"),
    ("signin", "CreateOAuth2Token"),
    ("signin", "ExternalIdPDirectoryLogin"),
    ("signin", "GetSigninToken"),
    ("signin", "RenewRole"),
    ("signin", "SwitchRole"),
    ("signin", "UserAuthentication"),
    ("signin", "CheckMfa"),
    ("signin", "CredentialChallenge"),
    ("signin", "CredentialVerification"),
    ("sso", "Authenticate"),
    ("sso", "CreateToken"),
    ("sso", "Federate"),
    ("sso", "GetRoleCredentials"),
    ("sts", "AssumeRole"),
    ("sts", "AssumeRoleWithSAML"),
    ("sts", "AssumeRoleWithWebIdentity"),
    ("sts", "AssumeRoot"),
    ("sts", "GetDelegatedAccessToken"),
    ("sts", "GetFederationToken"),
    ("sts", "GetServiceBearerToken"),
    ("sts", "GetSessionToken"),
    ("sts", "GetWebIdentityToken"),
];

fn listed(table: &[(&str, &str)], source: &str, name: &str) -> bool {
    let (service, action) = (service_of(source), action_name(name));
    table.iter().any(|(s, a)| *s == service && *a == action)
}

/// Whether the name alone says that the action only reads.
#[must_use]
pub fn reads_by_name(source: &str, name: &str) -> bool {
    let starts = |verb: &&str| name.strip_prefix(*verb).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_lowercase()));
    READ_VERBS.iter().any(starts) || listed(READS, source, name)
}

/// Whether the call issues temporary credentials or opens a console session.
#[must_use]
pub fn issues_credentials(source: &str, name: &str) -> bool {
    listed(ISSUANCES, source, name)
}

/// Whether the call only read: what `readOnly` says, else what the name says. Issuing credentials is never a read.
#[must_use]
pub fn is_read_only(facts: &Facts<'_>) -> bool {
    let (source, name) = (facts.event_source.unwrap_or_default(), facts.event_name.unwrap_or_default());
    // A call without a name may have altered anything.
    facts.read_only.unwrap_or_else(|| reads_by_name(source, name)) && !issues_credentials(source, name)
}

/// Whether the call meant to alter state: neither a read nor the issue of a session, whatever became of it.
#[must_use]
pub fn is_write(facts: &Facts<'_>) -> bool {
    !is_read_only(facts) && !issues_credentials(facts.event_source.unwrap_or_default(), facts.event_name.unwrap_or_default())
}

/// Whether the call altered state (design: *change*): a write that was carried out. A write that was not is an *attempt*.
#[must_use]
pub fn is_change(facts: &Facts<'_>, outcome: Outcome) -> bool {
    is_write(facts) && outcome == Outcome::Ok
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::classify;

    #[test]
    fn version_suffixes() {
        for (event, action) in [
            ("CreateFunction20150331", "CreateFunction"),
            ("UpdateFunctionCode20150331v2", "UpdateFunctionCode"),
            ("CreateDistribution2020_05_31", "CreateDistribution"),
            ("PutObject", "PutObject"),
            ("20150331", "20150331"),
            ("CreateV2", "CreateV2"),
            ("Ünïcödé20150331", "Ünïcödé"),
            ("AssumeRoleWithSAML", "AssumeRoleWithSAML"),
        ] {
            assert_eq!(action_name(event), action, "{event}");
        }
    }

    fn facts(source: &'static str, name: &'static str, read_only: Option<bool>) -> Facts<'static> {
        Facts { event_source: Some(source), event_name: Some(name), read_only, ..Facts::default() }
    }

    #[test]
    fn what_reads() {
        for (source, name) in [("ec2", "DescribeInstances"), ("s3", "HeadObject"), ("kms", "Decrypt"), ("lambda", "GetFunction20150331v2")]
        {
            assert!(is_read_only(&facts(source, name, None)), "{name}");
        }
        for (source, name) in [("ec2", "Getaway"), ("ec2", "RunInstances"), ("license-manager", "CheckoutLicense"), ("ec2", "")] {
            assert!(!is_read_only(&facts(source, name, None)), "{name}");
        }
        assert!(!is_read_only(&facts("ec2", "DescribeInstances", Some(false))), "what the record says goes first");
        assert!(is_read_only(&facts("ec2", "RunInstances", Some(true))));
    }

    #[test]
    fn issuing_credentials_is_neither_a_read_nor_a_change() {
        for (source, name) in
            [("sts.amazonaws.com", "AssumeRole"), ("sts.amazonaws.com", "GetSessionToken"), ("sso.amazonaws.com", "GetRoleCredentials")]
        {
            let f = facts(source, name, Some(true));
            assert!(!is_read_only(&f) && !is_write(&f), "{name}");
        }
        assert!(is_read_only(&facts("sts.amazonaws.com", "GetCallerIdentity", Some(true))));
    }

    #[test]
    fn a_denied_write_is_no_change() {
        let mut f = facts("ec2.amazonaws.com", "RunInstances", Some(false));
        assert!(is_change(&f, classify(&f)));
        f.error_code = Some("Client.UnauthorizedOperation");
        assert!(is_write(&f) && !is_change(&f, classify(&f)));
    }

    #[test]
    fn tables_are_free_of_repetition() {
        for table in [READS, ISSUANCES] {
            let mut sorted = table.to_vec();
            sorted.sort_unstable();
            sorted.dedup();
            assert_eq!(sorted.len(), table.len());
        }
    }
}
