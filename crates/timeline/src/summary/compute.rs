//! Machines, containers, functions, databases, and the shells opened on them.

use super::{Call, Parameters, Summary, some_of, words};

pub(super) fn tell(service: &str, call: &Call<'_>) -> Option<Summary> {
    match service {
        "ssm" => ssm(call),
        "ec2-instance-connect" => instance_connect(call),
        "ecs" => ecs(call),
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
            words("launched", "launch", format!("{what}{kind}"))
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
        words("unshared", "unshare", format!("{what} {id} with {}", some_of(&removed)))
    } else {
        words("shared", "share", format!("{what} {id} with {}", some_of(&added)))
    })
}

fn ssm(call: &Call<'_>) -> Option<Summary> {
    let r = call.request;
    let of = |key: &str| r.text(key).unwrap_or_else(|| "?".to_owned());
    Some(match call.action {
        "StartSession" => {
            let id = call.response.text("sessionId").map(|s| format!(", session {s}")).unwrap_or_default();
            words("opened", "open", format!("a shell on {}{id}", of("target")))
        }
        "ResumeSession" => words("resumed", "resume", format!("shell session {}", of("sessionId"))),
        "TerminateSession" => words("ended", "end", format!("shell session {}", of("sessionId"))),
        "SendCommand" => {
            let mut on = r.texts("instanceIds", "instanceId");
            on.extend(
                r.list("targets").into_iter().filter_map(|t| Some(format!("{}={}", t.text("key")?, some_of(&t.texts("values", "value"))))),
            );
            let commands = r.get("parameters").map(|p| p.texts("commands", "command")).unwrap_or_default();
            let what = if commands.is_empty() { String::new() } else { format!(": {}", commands.join("; ")) };
            let on = if on.is_empty() { String::new() } else { format!(" on {}", some_of(&on)) };
            words("ran", "run", format!("{}{on}{what}", of("documentName")))
        }
        "StartAutomationExecution" => words("started", "start", format!("automation {}", of("documentName"))),
        "PutParameter" => words("wrote", "write", format!("parameter {}", of("name"))),
        "DeleteParameter" => words("deleted", "delete", format!("parameter {}", of("name"))),
        _ => return None,
    })
}

fn instance_connect(call: &Call<'_>) -> Option<Summary> {
    let of = |key: &str| call.request.text(key).unwrap_or_else(|| "?".to_owned());
    Some(match call.action {
        "SendSSHPublicKey" => words("pushed", "push", format!("an SSH key to {} for {}", of("instanceId"), of("instanceOSUser"))),
        "SendSerialConsoleSSHPublicKey" => words("pushed", "push", format!("an SSH key to the serial console of {}", of("instanceId"))),
        "OpenTunnel" => {
            words("opened", "open", format!("a tunnel to {}", call.request.any(&["privateIpAddress", "instanceConnectEndpointId"])?))
        }
        _ => return None,
    })
}

fn ecs(call: &Call<'_>) -> Option<Summary> {
    let of = |key: &str| call.request.text(key).unwrap_or_else(|| "?".to_owned());
    Some(match call.action {
        "ExecuteCommand" => {
            let container = call.request.text("container").map(|c| format!(" ({c})")).unwrap_or_default();
            words("ran", "run", format!("`{}` in task {}{container}", of("command"), of("task")))
        }
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
            words("shared", "share", format!("database snapshot {name} with {}", some_of(&with)))
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
