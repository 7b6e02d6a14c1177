//! Users, roles, policies, keys and sessions.

use super::{Call, Summary, short_name, words};

pub(super) fn iam(call: &Call<'_>) -> Option<Summary> {
    let r = call.request;
    let of = |key: &str| r.text(key).unwrap_or_else(|| "?".to_owned());
    let policy = || short_name(&r.any(&["policyArn", "policyName"]).unwrap_or_else(|| "a policy".to_owned())).to_owned();
    // Without a user name these calls act on the caller.
    let nobody = if call.lacks_request { "a user" } else { "the caller" };
    let user = || r.text("userName").map_or_else(|| nobody.to_owned(), |name| format!("user {name}"));
    let holder = || {
        [("userName", "user"), ("roleName", "role"), ("groupName", "group")]
            .iter()
            .find_map(|(key, kind)| r.text(key).map(|name| format!("{kind} {name}")))
            .unwrap_or_else(|| "?".to_owned())
    };
    Some(match call.action {
        "CreateUser" => words("created", "create", format!("user {}", of("userName"))),
        "DeleteUser" => words("deleted", "delete", format!("user {}", of("userName"))),
        "CreateRole" => words("created", "create", format!("role {}", of("roleName"))),
        "DeleteRole" => words("deleted", "delete", format!("role {}", of("roleName"))),
        "CreateAccessKey" => {
            let key = call.response.get("accessKey").and_then(|k| k.text("accessKeyId")).map(|k| format!(" {k}")).unwrap_or_default();
            words("created", "create", format!("access key{key} for {}", user()))
        }
        "DeleteAccessKey" => words("deleted", "delete", format!("access key {} of {}", of("accessKeyId"), user())),
        "UpdateAccessKey" => words("set", "set", format!("access key {} of {} to {}", of("accessKeyId"), user(), of("status"))),
        "CreateLoginProfile" => words("gave", "give", format!("{} a console password", user())),
        "UpdateLoginProfile" => words("changed", "change", format!("the console password of {}", user())),
        "DeleteLoginProfile" => words("removed", "remove", format!("the console password of {}", user())),
        "AttachUserPolicy" | "AttachRolePolicy" | "AttachGroupPolicy" => {
            words("attached", "attach", format!("{} to {}", policy(), holder()))
        }
        "DetachUserPolicy" | "DetachRolePolicy" | "DetachGroupPolicy" => {
            words("detached", "detach", format!("{} from {}", policy(), holder()))
        }
        "PutUserPolicy" | "PutRolePolicy" | "PutGroupPolicy" => {
            words("wrote", "write", format!("inline policy {} of {}{}", policy(), holder(), all_powerful(call, "policyDocument")))
        }
        "DeleteUserPolicy" | "DeleteRolePolicy" | "DeleteGroupPolicy" => {
            words("deleted", "delete", format!("inline policy {} of {}", policy(), holder()))
        }
        "PutUserPermissionsBoundary" | "PutRolePermissionsBoundary" => {
            words("set", "set", format!("the permissions boundary of {}", holder()))
        }
        "DeleteUserPermissionsBoundary" | "DeleteRolePermissionsBoundary" => {
            words("removed", "remove", format!("the permissions boundary of {}", holder()))
        }
        "CreatePolicy" => words("created", "create", format!("policy {}{}", policy(), all_powerful(call, "policyDocument"))),
        "CreatePolicyVersion" => policy_version(call, &policy()),
        "SetDefaultPolicyVersion" => words("set", "set", format!("policy {} to version {}", policy(), of("versionId"))),
        "UpdateAssumeRolePolicy" => words("changed", "change", format!("who may assume role {}", of("roleName"))),
        "AddUserToGroup" => words("added", "add", format!("user {} to group {}", of("userName"), of("groupName"))),
        "RemoveUserFromGroup" => words("removed", "remove", format!("user {} from group {}", of("userName"), of("groupName"))),
        "AddRoleToInstanceProfile" => {
            words("put", "put", format!("role {} into instance profile {}", of("roleName"), of("instanceProfileName")))
        }
        "DeactivateMFADevice" => words("turned off", "turn off", format!("multi-factor authentication of {}", user())),
        "EnableMFADevice" => words("turned on", "turn on", format!("multi-factor authentication of {}", user())),
        "CreateSAMLProvider" | "CreateOpenIDConnectProvider" => {
            words("added", "add", format!("identity provider {}", r.any(&["name", "url"]).unwrap_or_else(|| "?".to_owned())))
        }
        "UpdateSAMLProvider" => words("changed", "change", format!("identity provider {}", short_name(&of("sAMLProviderArn")))),
        "CreateServiceLinkedRole" => words("created", "create", format!("the service-linked role of {}", of("aWSServiceName"))),
        "UpdateAccountPasswordPolicy" => words("changed", "change", "the account's password policy"),
        _ => return None,
    })
}

/// A new version of a policy, which changes what the policy allows only where it becomes its default.
fn policy_version(call: &Call<'_>, policy: &str) -> Summary {
    let answered = call.response.get("policyVersion");
    let version = answered.and_then(|v| v.text("versionId")).map_or_else(|| "a new version".to_owned(), |id| format!("version {id}"));
    let is_default = call.request.text("setAsDefault").or_else(|| answered?.text("isDefaultVersion")).as_deref() == Some("true");
    let power = all_powerful(call, "policyDocument");
    if is_default {
        words("changed", "change", format!("policy {policy} to {version}{power}"))
    } else {
        words("added", "add", format!("{version} to policy {policy}, not as its default{power}"))
    }
}

/// Says so where a policy allows everything.
fn all_powerful(call: &Call<'_>, key: &str) -> &'static str {
    let Some(document) = call.request.get(key).and_then(|d| d.0.as_str()) else { return "" };
    let Ok(policy) = serde_json::from_str::<serde_json::Value>(document) else { return "" };
    let statements = match policy.get("Statement") {
        Some(serde_json::Value::Array(statements)) => statements.iter().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    };
    let has = |value: Option<&serde_json::Value>| match value {
        Some(serde_json::Value::String(text)) => text == "*",
        Some(serde_json::Value::Array(items)) => items.iter().any(|v| v == "*"),
        _ => false,
    };
    let allows_all =
        statements.iter().any(|s| s.get("Effect").is_some_and(|e| e == "Allow") && has(s.get("Action")) && has(s.get("Resource")));
    if allows_all { ", which allows everything" } else { "" }
}

pub(super) fn session(call: &Call<'_>) -> Option<Summary> {
    let r = call.request;
    let key = || {
        let key = call.response.get("credentials").and_then(|c| c.text("accessKeyId"));
        key.map(|k| format!(", key {k}")).unwrap_or_default()
    };
    Some(match call.action {
        "AssumeRole" | "AssumeRoleWithSAML" | "AssumeRoleWithWebIdentity" => {
            let role = r.text("roleArn").unwrap_or_else(|| "a role".to_owned());
            let session = r.text("roleSessionName").map(|s| format!(" as {s}")).unwrap_or_default();
            words("assumed", "assume", format!("role {role}{session}{}", key()))
        }
        "AssumeRoot" => {
            let target = r.text("targetPrincipal").unwrap_or_else(|| "an account".to_owned());
            words("became", "become", format!("root of {target}{}", key()))
        }
        "GetSessionToken" => words("got", "get", format!("session credentials{}", key())),
        "GetFederationToken" => {
            words("got", "get", format!("credentials for federated user {}{}", r.text("name").unwrap_or_else(|| "?".to_owned()), key()))
        }
        "ConsoleLogin" => {
            let factor = match call.mfa {
                Some(true) => " with MFA",
                Some(false) => " without MFA",
                None => "",
            };
            words("signed in", "sign in", format!("to the console{factor}"))
        }
        "SwitchRole" => words("switched", "switch", "role in the console"),
        _ => return None,
    })
}
