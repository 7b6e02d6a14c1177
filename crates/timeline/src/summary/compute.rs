//! Machines, functions and databases.

use super::{Call, Parameters, Summary, some_beside, some_of, words};

pub(super) fn tell(service: &str, call: &Call<'_>) -> Option<Summary> {
    match service {
        "lambda" => lambda(call),
        "rds" => rds(call),
        _ => organizations(call),
    }
}

pub(super) fn ec2(call: &Call<'_>) -> Option<Summary> {
    let r = call.request;
    let of = |key: &str| r.text(key).unwrap_or_else(|| "?".to_owned());
    let instances = || some_of(&r.texts("instancesSet", "instanceId"));
    Some(match call.action {
        "RunInstances" => {
            let ids = call.response.texts("instancesSet", "instanceId");
            let kind = r.text("instanceType").map(|t| format!(" ({t})")).unwrap_or_default();
            let what = if ids.is_empty() { "instances".to_owned() } else { some_of(&ids) };
            let public = if asks_for_address(r) { ", asking for a public address" } else { "" };
            words("launched", "launch", format!("{what}{kind}{public}"))
        }
        "StartInstances" => words("started", "start", instances()),
        "StopInstances" => words("stopped", "stop", instances()),
        "RebootInstances" => words("rebooted", "reboot", instances()),
        "TerminateInstances" => words("terminated", "terminate", instances()),
        "ModifySnapshotAttribute" => shared(call, "snapshot", &of("snapshotId"), "createVolumePermission")?,
        "ModifyImageAttribute" => shared(call, "image", &of("imageId"), "launchPermission")?,
        "ModifyInstanceAttribute" if r.get("userData").is_some() => {
            words("changed", "change", format!("the start-up script of {}", of("instanceId")))
        }
        "CreateKeyPair" | "ImportKeyPair" => words("added", "add", format!("key pair {}", of("keyName"))),
        "AssociateIamInstanceProfile" | "ReplaceIamInstanceProfileAssociation" => {
            let profile =
                r.get("iamInstanceProfile").and_then(|p| p.any(&["name", "arn"])).unwrap_or_else(|| "an instance profile".to_owned());
            let target = r.any(&["instanceId", "associationId"]).unwrap_or_else(|| "?".to_owned());
            words("gave", "give", format!("{profile} to {target}"))
        }
        "CreateSnapshot" => words("copied", "copy", format!("volume {} to a snapshot", of("volumeId"))),
        "DeleteSnapshot" => words("deleted", "delete", format!("snapshot {}", of("snapshotId"))),
        "DisableEbsEncryptionByDefault" => words("turned off", "turn off", "encryption of volumes by default"),
        "EnableSerialConsoleAccess" => words("enabled", "enable", "serial console access"),
        "GetPasswordData" => words("read", "read", format!("the administrator password of {}", of("instanceId"))),
        _ => return None,
    })
}

/// Whether a launch asks for a public address itself, whatever the subnet gives.
fn asks_for_address(request: Parameters<'_>) -> bool {
    let interfaces = request.list("networkInterfaceSet");
    interfaces.iter().any(|interface| interface.text("associatePublicIpAddress").as_deref() == Some("true"))
}

/// Snapshots and images made available to other accounts.
fn shared(call: &Call<'_>, what: &str, id: &str, permission: &str) -> Option<Summary> {
    let permission = call.request.get(permission)?;
    let parties = |list: &str| {
        let members = permission.list(list);
        members.iter().filter_map(|m| m.any(&["userId", "group", "organizationArn", "organizationalUnitArn"])).collect::<Vec<_>>()
    };
    let (added, removed) = (parties("add"), parties("remove"));
    if added.is_empty() && removed.is_empty() {
        return None;
    }
    Some(if added.is_empty() {
        words("unshared", "unshare", format!("{what} {id} with {}", everyone_first(removed)))
    } else {
        words("shared", "share", format!("{what} {id} with {}", everyone_first(added)))
    })
}

/// Those that something is shared with: that it is everyone is never left out.
fn everyone_first(parties: Vec<String>) -> String {
    let (everyone, others): (Vec<String>, Vec<String>) = parties.into_iter().partition(|party| party == "all");
    some_beside(&everyone, &others)
}

/// Automations and parameters; sessions and commands are told in [`super::shell`].
pub(super) fn ssm(call: &Call<'_>) -> Option<Summary> {
    let of = |key: &str| call.request.text(key).unwrap_or_else(|| "?".to_owned());
    Some(match call.action {
        "StartAutomationExecution" => words("started", "start", format!("automation {}", of("documentName"))),
        "PutParameter" => words("wrote", "write", format!("parameter {}", of("name"))),
        "DeleteParameter" => words("deleted", "delete", format!("parameter {}", of("name"))),
        _ => return None,
    })
}

fn lambda(call: &Call<'_>) -> Option<Summary> {
    let r = call.request;
    let function = r.text("functionName").unwrap_or_else(|| "?".to_owned());
    Some(match call.action {
        "CreateFunction" => words("created", "create", format!("function {function}")),
        "UpdateFunctionCode" => words("changed", "change", format!("the code of function {function}")),
        "UpdateFunctionConfiguration" => words("changed", "change", format!("the configuration of function {function}")),
        "DeleteFunction" => words("deleted", "delete", format!("function {function}")),
        "AddPermission" => {
            let who = r.text("principal").unwrap_or_else(|| "?".to_owned());
            words("let", "let", format!("{who} invoke function {function}"))
        }
        "CreateFunctionUrlConfig" => {
            let auth = r.text("authType").map(|a| format!(", authorisation {a}")).unwrap_or_default();
            words("gave", "give", format!("function {function} a public URL{auth}"))
        }
        "Invoke" => words("invoked", "invoke", format!("function {function}")),
        _ => return None,
    })
}

fn rds(call: &Call<'_>) -> Option<Summary> {
    let r = call.request;
    let name = r.any(&["dBInstanceIdentifier", "dBClusterIdentifier", "dBSnapshotIdentifier", "dBClusterSnapshotIdentifier"]);
    let name = name.unwrap_or_else(|| "?".to_owned());
    Some(match call.action {
        "ModifyDBInstance" | "ModifyDBCluster" => {
            let told: Vec<String> = [
                "publiclyAccessible",
                "vpcSecurityGroupIds",
                "masterUserPassword",
                "deletionProtection",
                "dBPortNumber",
                "backupRetentionPeriod",
                "enableIAMDatabaseAuthentication",
            ]
            .iter()
            .filter_map(|key| changed(r, key))
            .collect();
            let what = if told.is_empty() { String::new() } else { format!(": {}", told.join(", ")) };
            words("changed", "change", format!("database {name}{what}"))
        }
        "ModifyDBSnapshotAttribute" | "ModifyDBClusterSnapshotAttribute" => {
            let with = r.texts("valuesToAdd", "value");
            if with.is_empty() {
                return None;
            }
            words("shared", "share", format!("database snapshot {name} with {}", everyone_first(with)))
        }
        "DeleteDBInstance" | "DeleteDBCluster" => words("deleted", "delete", format!("database {name}")),
        "CreateDBInstance" | "CreateDBCluster" => words("created", "create", format!("database {name}")),
        "AuthorizeDBSecurityGroupIngress" => {
            let peer = r.any(&["cIDRIP", "eC2SecurityGroupId", "eC2SecurityGroupName"]).unwrap_or_else(|| "?".to_owned());
            words("opened", "open", format!("database security group {} from {peer}", r.text("dBSecurityGroupName")?))
        }
        "RevokeDBSecurityGroupIngress" => {
            let peer = r.any(&["cIDRIP", "eC2SecurityGroupId", "eC2SecurityGroupName"]).unwrap_or_else(|| "?".to_owned());
            words("closed", "close", format!("database security group {} from {peer}", r.text("dBSecurityGroupName")?))
        }
        _ => return None,
    })
}

/// `key=value`, a list's members joined, a password only named.
fn changed(r: Parameters<'_>, key: &str) -> Option<String> {
    if key == "masterUserPassword" {
        return r.get(key).map(|_| "master password".to_owned());
    }
    let values: Vec<String> = r.list(key).into_iter().filter_map(Parameters::plain).collect();
    (!values.is_empty()).then(|| format!("{key}={}", values.join(" ")))
}

fn organizations(call: &Call<'_>) -> Option<Summary> {
    let r = call.request;
    Some(match call.action {
        "LeaveOrganization" => words("left", "leave", "the organization"),
        "InviteAccountToOrganization" => {
            let who = r.get("target").and_then(|t| t.text("id")).unwrap_or_else(|| "an account".to_owned());
            words("invited", "invite", format!("{who} to the organization"))
        }
        "CreateAccount" => {
            words("created", "create", format!("account {}", r.any(&["accountName", "email"]).unwrap_or_else(|| "?".to_owned())))
        }
        _ => return None,
    })
}
