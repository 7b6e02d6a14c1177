//! Buckets, objects, keys and secrets.

use super::{Call, Summary, days, words};
use crate::policy::Policy;

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
        "CreateBucket" => words("created", "create", format!("bucket {bucket}{}", acl(call, " with the ACL "))),
        "DeleteBucket" => words("deleted", "delete", format!("bucket {bucket}")),
        "PutBucketPolicy" => words("wrote", "write", format!("the policy of bucket {bucket}{}", lets_anyone(call))),
        "DeleteBucketPolicy" => words("deleted", "delete", format!("the policy of bucket {bucket}")),
        "PutBucketAcl" => words("set", "set", format!("the ACL of bucket {bucket}{}", acl(call, " to "))),
        "PutObjectAcl" => words("set", "set", format!("the ACL of {}{}", object(), acl(call, " to "))),
        "PutBucketPublicAccessBlock" => {
            let block = r.get("PublicAccessBlockConfiguration");
            let is_off = |flag: &&str| block.and_then(|block| block.text(flag)).as_deref() == Some("false");
            let off: Vec<&str> = ACCESS_BLOCKS.into_iter().filter(is_off).collect();
            let off = if off.is_empty() { String::new() } else { format!(": off are {}", off.join(", ")) };
            words("changed", "change", format!("the public access block of bucket {bucket}{off}"))
        }
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
fn lets_anyone(call: &Call<'_>) -> &'static str {
    let Some(policy) = Policy::put_by(call.request.0) else { return "" };
    let open: Vec<_> = policy.statements().filter(|s| s.allows() && s.is_for_everyone()).collect();
    // Whom a condition lets in, a network or an organization, is for the reader to judge.
    match open.iter().any(|s| !s.has_condition()) {
        true => ", which lets anyone in",
        false if !open.is_empty() => ", which lets in anyone who fulfils its conditions",
        false => "",
    }
}

/// The four parts of a public access block.
const ACCESS_BLOCKS: [&str; 4] = ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"];

/// The ready-made ACL a call names; of one written out, whether it lets in everybody (Amazon S3 user guide, "predefined groups").
fn acl(call: &Call<'_>, lead: &str) -> String {
    if let Some(named) = call.request.text("x-amz-acl") {
        return format!("{lead}{named}");
    }
    let text = call.request.0.to_string();
    match ["groups/global/AllUsers", "groups/global/AuthenticatedUsers"].map(|group| text.contains(group)) {
        [true, _] => ", which lets anyone in".to_owned(),
        [false, true] => ", which lets in everybody with an account of AWS".to_owned(),
        [false, false] => String::new(),
    }
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
