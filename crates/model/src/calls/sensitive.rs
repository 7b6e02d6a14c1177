//! Calls a responder looks at first: they give power away, open doors, blind the logs, read secrets or destroy.
//!
//! Only an order of reading rests on this list; nothing is left out of an answer for not being on it.

use super::{Effect, NetworkClass, affects_coverage, is_write, listed, network_command, service_of};
use crate::outcome::Facts;

/// Services whose every write deals with who may do what.
const IDENTITY: &[&str] = &["iam", "identitystore", "organizations", "rolesanywhere", "sso", "sso-directory"];

/// Single calls.
const SENSITIVE: &[(&str, &str)] = &[
    ("account", "EnableRegion"),
    ("bedrock", "PutModelInvocationLoggingConfiguration"),
    ("ec2", "CreateKeyPair"),
    ("ec2", "DeleteSnapshot"),
    ("ec2", "DisableEbsEncryptionByDefault"),
    ("ec2", "GetPasswordData"),
    ("ec2", "ImportKeyPair"),
    ("ec2", "ModifyImageAttribute"),
    ("ec2", "ModifyInstanceAttribute"),
    ("ec2", "ModifyInstanceMetadataOptions"),
    ("ec2", "ModifySnapshotAttribute"),
    ("ecr", "SetRepositoryPolicy"),
    ("kms", "DisableKey"),
    ("kms", "PutKeyPolicy"),
    ("kms", "ScheduleKeyDeletion"),
    ("lambda", "AddPermission"),
    ("lambda", "CreateFunctionUrlConfig"),
    ("lambda", "UpdateFunctionCode"),
    ("rds", "DeleteDBCluster"),
    ("rds", "DeleteDBInstance"),
    ("rds", "ModifyDBClusterSnapshotAttribute"),
    ("rds", "ModifyDBSnapshotAttribute"),
    ("s3", "DeleteBucketPolicy"),
    ("s3", "DeletePublicAccessBlock"),
    ("s3", "PutAccountPublicAccessBlock"),
    ("s3", "PutBucketAcl"),
    ("s3", "PutBucketPolicy"),
    ("s3", "PutBucketPublicAccessBlock"),
    ("s3", "PutBucketReplication"),
    ("s3", "PutBucketVersioning"),
    ("secretsmanager", "BatchGetSecretValue"),
    ("secretsmanager", "DeleteSecret"),
    ("secretsmanager", "GetSecretValue"),
    ("secretsmanager", "PutResourcePolicy"),
    ("signin", "ConsoleLogin"),
    ("sts", "AssumeRoot"),
    ("sts", "GetFederationToken"),
    ("sts", "GetSessionToken"),
];

/// Whether a responder looks at such a call first, whatever became of it.
#[must_use]
pub fn is_sensitive(facts: &Facts<'_>) -> bool {
    use NetworkClass as N;
    let (source, name) = (facts.event_source.unwrap_or_default(), facts.event_name.unwrap_or_default());
    let opens = matches!(
        network_command(facts),
        Some(
            N::RemoteShell
                | N::SecurityGroup
                | N::NetworkAcl
                | N::PublicAccess
                | N::Route
                | N::Gateway
                | N::Peering
                | N::Vpn
                | N::Firewall
                | N::Mirroring
                | N::FlowLogs
        )
    );
    opens
        || listed(SENSITIVE, source, name)
        || affects_coverage(source, name).is_some_and(|call| call.effect != Effect::Starts)
        || (IDENTITY.contains(&service_of(source)) && is_write(facts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_at_first() {
        let sensitive = |source, name, read_only| {
            is_sensitive(&Facts { event_source: Some(source), event_name: Some(name), read_only, ..Facts::default() })
        };
        for (source, name, read_only) in [
            ("iam.amazonaws.com", "CreateAccessKey", Some(false)),
            ("cloudtrail.amazonaws.com", "StopLogging", Some(false)),
            ("ec2.amazonaws.com", "AuthorizeSecurityGroupIngress", Some(false)),
            ("ssm.amazonaws.com", "StartSession", Some(false)),
            ("secretsmanager.amazonaws.com", "GetSecretValue", Some(true)),
        ] {
            assert!(sensitive(source, name, read_only), "{name}");
        }
        for (source, name, read_only) in [
            ("iam.amazonaws.com", "ListUsers", Some(true)),
            ("s3.amazonaws.com", "PutObject", Some(false)),
            ("sts.amazonaws.com", "AssumeRole", Some(true)),
            ("cloudtrail.amazonaws.com", "StartLogging", Some(false)),
        ] {
            assert!(!sensitive(source, name, read_only), "{name}");
        }
        assert!(SENSITIVE.is_sorted());
    }
}
