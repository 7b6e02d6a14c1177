//! Calls that change what the logs will show: they explain a gap, or cause one (domain reference 1.3).

use super::{action_name, service_of};

/// The log a call acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Log {
    /// A CloudTrail trail or event data store.
    CloudTrail,
    /// VPC or Transit Gateway flow logs.
    FlowLogs,
    /// Route 53 Resolver query logs.
    DnsLogs,
    /// AWS Config.
    Config,
    /// GuardDuty or Security Hub.
    Findings,
    /// CloudWatch Logs.
    CloudWatchLogs,
    /// A bucket, which may hold any of them.
    Bucket,
}

impl Log {
    /// Its word in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CloudTrail => "cloudtrail",
            Self::FlowLogs => "flow_logs",
            Self::DnsLogs => "dns_logs",
            Self::Config => "config",
            Self::Findings => "findings",
            Self::CloudWatchLogs => "cloudwatch_logs",
            Self::Bucket => "bucket",
        }
    }
}

/// What a call does to a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Effect {
    /// Nothing is written from here on.
    Stops,
    /// What is written, or where to, is altered: parts may be missing from here on.
    Alters,
    /// What was written may be gone.
    Destroys,
    /// Writing begins, or begins again.
    Starts,
}

impl Effect {
    /// Its word in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stops => "stops",
            Self::Alters => "alters",
            Self::Destroys => "destroys",
            Self::Starts => "starts",
        }
    }
}

/// What a call does to which log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CoverageCall {
    /// The log.
    pub log: Log,
    /// What it does to it.
    pub effect: Effect,
}

use Effect::{Alters, Destroys, Starts, Stops};
use Log::{Bucket, CloudTrail, CloudWatchLogs, Config, DnsLogs, Findings, FlowLogs};

const CALLS: &[(&str, &str, Log, Effect)] = &[
    ("cloudtrail", "CreateEventDataStore", CloudTrail, Starts),
    ("cloudtrail", "CreateTrail", CloudTrail, Starts),
    ("cloudtrail", "DeleteEventDataStore", CloudTrail, Destroys),
    ("cloudtrail", "DeleteTrail", CloudTrail, Stops),
    ("cloudtrail", "DeregisterOrganizationDelegatedAdmin", CloudTrail, Alters),
    ("cloudtrail", "PutEventConfiguration", CloudTrail, Alters),
    ("cloudtrail", "PutEventSelectors", CloudTrail, Alters),
    ("cloudtrail", "PutInsightSelectors", CloudTrail, Alters),
    ("cloudtrail", "RestoreEventDataStore", CloudTrail, Starts),
    ("cloudtrail", "StartEventDataStoreIngestion", CloudTrail, Starts),
    ("cloudtrail", "StartLogging", CloudTrail, Starts),
    ("cloudtrail", "StopEventDataStoreIngestion", CloudTrail, Stops),
    ("cloudtrail", "StopLogging", CloudTrail, Stops),
    ("cloudtrail", "UpdateEventDataStore", CloudTrail, Alters),
    ("cloudtrail", "UpdateTrail", CloudTrail, Alters),
    ("config", "DeleteConfigurationRecorder", Config, Stops),
    ("config", "DeleteDeliveryChannel", Config, Stops),
    ("config", "PutConfigurationRecorder", Config, Alters),
    ("config", "PutDeliveryChannel", Config, Alters),
    ("config", "PutRetentionConfiguration", Config, Destroys),
    ("config", "StartConfigurationRecorder", Config, Starts),
    ("config", "StopConfigurationRecorder", Config, Stops),
    ("ec2", "CreateFlowLogs", FlowLogs, Starts),
    ("ec2", "DeleteFlowLogs", FlowLogs, Stops),
    ("guardduty", "CreateDetector", Findings, Starts),
    ("guardduty", "CreateFilter", Findings, Alters),
    ("guardduty", "CreateIPSet", Findings, Alters),
    ("guardduty", "DeleteDetector", Findings, Stops),
    ("guardduty", "DeletePublishingDestination", Findings, Stops),
    ("guardduty", "DisassociateFromAdministratorAccount", Findings, Alters),
    ("guardduty", "DisassociateFromMasterAccount", Findings, Alters),
    ("guardduty", "DisassociateMembers", Findings, Alters),
    ("guardduty", "StopMonitoringMembers", Findings, Stops),
    ("guardduty", "UpdateDetector", Findings, Alters),
    ("guardduty", "UpdateIPSet", Findings, Alters),
    ("logs", "AssociateKmsKey", CloudWatchLogs, Alters),
    ("logs", "DeleteDestination", CloudWatchLogs, Stops),
    ("logs", "DeleteLogGroup", CloudWatchLogs, Destroys),
    ("logs", "DeleteLogStream", CloudWatchLogs, Destroys),
    ("logs", "DeleteSubscriptionFilter", CloudWatchLogs, Stops),
    ("logs", "PutRetentionPolicy", CloudWatchLogs, Destroys),
    ("organizations", "LeaveOrganization", CloudTrail, Stops),
    ("organizations", "RemoveAccountFromOrganization", CloudTrail, Stops),
    ("route53", "CreateQueryLoggingConfig", DnsLogs, Starts),
    ("route53", "DeleteQueryLoggingConfig", DnsLogs, Stops),
    ("route53resolver", "AssociateResolverQueryLogConfig", DnsLogs, Starts),
    ("route53resolver", "DeleteResolverQueryLogConfig", DnsLogs, Stops),
    ("route53resolver", "DisassociateResolverQueryLogConfig", DnsLogs, Stops),
    ("securityhub", "BatchDisableStandards", Findings, Alters),
    ("securityhub", "DisableSecurityHub", Findings, Stops),
    ("securitylake", "DeleteAwsLogSource", CloudTrail, Stops),
    ("securitylake", "DeleteDataLake", CloudTrail, Stops),
];

/// Calls on a bucket that matter where it holds logs. Data events on objects (`DeleteObject`) are in [`bucket_call`] alone.
const BUCKET_CALLS: &[(&str, Effect)] = &[
    ("DeleteBucket", Destroys),
    ("DeleteBucketEncryption", Alters),
    ("DeleteBucketLifecycle", Alters),
    ("DeleteBucketPolicy", Stops),
    ("DeleteObject", Destroys),
    ("DeleteObjects", Destroys),
    ("PutBucketAcl", Alters),
    ("PutBucketEncryption", Alters),
    ("PutBucketLifecycle", Destroys),
    ("PutBucketLifecycleConfiguration", Destroys),
    ("PutBucketObjectLockConfiguration", Alters),
    ("PutBucketPolicy", Alters),
    ("PutBucketReplication", Alters),
    ("PutBucketVersioning", Alters),
    ("PutObjectRetention", Alters),
];

/// What a call does to a log; `None` for calls that leave logs alone, and for calls on buckets, which matter only where the
/// bucket holds logs ([`bucket_call`]).
#[must_use]
pub fn affects_coverage(source: &str, name: &str) -> Option<CoverageCall> {
    let (service, action) = (service_of(source), action_name(name));
    CALLS.iter().find(|(s, a, ..)| *s == service && *a == action).map(|(.., log, effect)| CoverageCall { log: *log, effect: *effect })
}

/// What a call on an S3 bucket does to the logs it may hold.
#[must_use]
pub fn bucket_call(source: &str, name: &str) -> Option<CoverageCall> {
    if service_of(source) != "s3" {
        return None;
    }
    BUCKET_CALLS.iter().find(|(a, _)| *a == name).map(|(_, effect)| CoverageCall { log: Bucket, effect: *effect })
}

/// Event names of [`affects_coverage`] and [`bucket_call`], for a search that narrows by name first.
#[must_use]
pub fn coverage_names() -> Vec<&'static str> {
    let mut names: Vec<_> = CALLS.iter().map(|(_, name, ..)| *name).chain(BUCKET_CALLS.iter().map(|(name, _)| *name)).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Event names of calls after which less of what is done is recorded, until another of them: those on trails, event data stores and the buckets
/// they write to.
#[must_use]
pub fn recording_names() -> Vec<&'static str> {
    let trails = CALLS.iter().filter(|(.., log, _)| *log == CloudTrail).map(|(_, name, ..)| *name);
    let buckets = [
        "DeleteBucket",
        "DeleteBucketLifecycle",
        "DeleteBucketPolicy",
        "PutBucketLifecycle",
        "PutBucketLifecycleConfiguration",
        "PutBucketPolicy",
    ];
    trails.chain(buckets).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calls_that_blind() {
        let effect = |s, n| affects_coverage(s, n).map(|c| (c.log.as_str(), c.effect.as_str()));
        assert_eq!(effect("cloudtrail.amazonaws.com", "StopLogging"), Some(("cloudtrail", "stops")));
        assert_eq!(effect("cloudtrail.amazonaws.com", "PutEventSelectors"), Some(("cloudtrail", "alters")));
        assert_eq!(effect("ec2.amazonaws.com", "DeleteFlowLogs"), Some(("flow_logs", "stops")));
        assert_eq!(effect("ec2.amazonaws.com", "StopLogging"), None);
        assert_eq!(effect("s3.amazonaws.com", "PutBucketLifecycle"), None, "only where the bucket holds logs");
        assert_eq!(bucket_call("s3.amazonaws.com", "PutBucketLifecycle").map(|c| c.effect), Some(Effect::Destroys));
        assert!(coverage_names().contains(&"DeleteTrail"));
        assert!(recording_names().contains(&"StopLogging") && !recording_names().contains(&"DeleteFlowLogs"));
        assert!(recording_names().iter().all(|name| coverage_names().contains(name)));
    }
}
