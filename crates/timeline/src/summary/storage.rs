//! Buckets, objects, keys and secrets.

use super::{Call, Summary, days, words};

pub(super) fn tell(service: &str, call: &Call<'_>) -> Option<Summary> {
    match service {
        "s3" => s3(call),
        "kms" => kms(call),
        _ => secret(call),
    }
}

fn s3(call: &Call<'_>) -> Option<Summary> {
    let r = call.request;
    let bucket = r.text("bucketName").unwrap_or_else(|| "?".to_owned());
    let object = || format!("s3://{bucket}/{}", r.text("key").unwrap_or_default());
    Some(match call.action {
        "CreateBucket" => words("created", "create", format!("bucket {bucket}")),
        "DeleteBucket" => words("deleted", "delete", format!("bucket {bucket}")),
        "PutBucketPolicy" => {
            let open = if lets_anyone(call) { ", which lets anyone in" } else { "" };
            words("wrote", "write", format!("the policy of bucket {bucket}{open}"))
        }
        "DeleteBucketPolicy" => words("deleted", "delete", format!("the policy of bucket {bucket}")),
        "PutBucketAcl" => {
            let acl = r.text("x-amz-acl").map(|a| format!(" to {a}")).unwrap_or_default();
            words("set", "set", format!("the ACL of bucket {bucket}{acl}"))
        }
        "PutBucketPublicAccessBlock" => words("changed", "change", format!("the public access block of bucket {bucket}")),
        "DeleteBucketPublicAccessBlock" => words("removed", "remove", format!("the public access block of bucket {bucket}")),
        "PutBucketLifecycle" | "PutBucketLifecycleConfiguration" => {
            let rules = r.get("LifecycleConfiguration").map(|c| c.list("Rule")).unwrap_or_default();
            let after = rules.iter().find_map(|rule| rule.get("Expiration")?.text("Days"));
            let days = after.map(|d| format!(": objects expire after {}", days(&d)));
            words("changed", "change", format!("the lifecycle of bucket {bucket}{}", days.unwrap_or_default()))
        }
        "PutBucketVersioning" => {
            let status = r.get("VersioningConfiguration").and_then(|v| v.text("Status")).map(|s| format!(" to {s}")).unwrap_or_default();
            words("set", "set", format!("versioning of bucket {bucket}{status}"))
        }
        "DeleteBucketEncryption" => words("removed", "remove", format!("the encryption of bucket {bucket}")),
        "PutBucketEncryption" => words("set", "set", format!("the encryption of bucket {bucket}")),
        "PutBucketReplication" => words("set", "set", format!("replication of bucket {bucket}")),
        "PutBucketLogging" => words("changed", "change", format!("access logging of bucket {bucket}")),
        "GetObject" => words("read", "read", object()),
        "PutObject" => words("wrote", "write", object()),
        "DeleteObject" => words("deleted", "delete", object()),
        "DeleteObjects" => words("deleted", "delete", format!("objects of bucket {bucket}")),
        "CopyObject" => {
            let from = r.text("x-amz-copy-source").map(|s| format!(" from {s}")).unwrap_or_default();
            words("copied", "copy", format!("{}{from}", object()))
        }
        _ => return None,
    })
}

/// Whether a bucket policy names everyone as principal.
fn lets_anyone(call: &Call<'_>) -> bool {
    let policy = call.request.get("bucketPolicy").or_else(|| call.request.get("policy"));
    let Some(policy) = policy else { return false };
    let statements = policy.list("Statement");
    statements.iter().any(|s| {
        let everyone =
            s.get("Principal").is_some_and(|p| p.0 == "*" || p.get("AWS").is_some_and(|a| a.members().iter().any(|m| m.0 == "*")));
        everyone && s.text("Effect").as_deref() == Some("Allow")
    })
}

fn kms(call: &Call<'_>) -> Option<Summary> {
    let r = call.request;
    let key = r.text("keyId").unwrap_or_else(|| "?".to_owned());
    Some(match call.action {
        "ScheduleKeyDeletion" => {
            let days = r.text("pendingWindowInDays").map(|d| format!(" in {}", days(&d))).unwrap_or_default();
            words("scheduled", "schedule", format!("deletion of key {key}{days}"))
        }
        "DisableKey" => words("disabled", "disable", format!("key {key}")),
        "PutKeyPolicy" => words("wrote", "write", format!("the policy of key {key}")),
        "CreateGrant" => {
            let to = r.text("granteePrincipal").map(|p| format!(" to {p}")).unwrap_or_default();
            words("granted", "grant", format!("use of key {key}{to}"))
        }
        _ => return None,
    })
}

fn secret(call: &Call<'_>) -> Option<Summary> {
    let name = call.request.any(&["secretId", "name"]).unwrap_or_else(|| "?".to_owned());
    Some(match call.action {
        "GetSecretValue" => words("read", "read", format!("secret {name}")),
        "PutSecretValue" | "UpdateSecret" => words("changed", "change", format!("secret {name}")),
        "CreateSecret" => words("created", "create", format!("secret {name}")),
        "DeleteSecret" => words("deleted", "delete", format!("secret {name}")),
        "PutResourcePolicy" => words("wrote", "write", format!("the policy of secret {name}")),
        _ => return None,
    })
}
