//! Shells, tunnels and commands on machines and containers.

use super::{Call, Parameters, Summary, some_of, words};

pub(super) fn tell(service: &str, call: &Call<'_>) -> Option<Summary> {
    match service {
        "ssm" => ssm(call),
        "ec2-instance-connect" => instance_connect(call),
        "ecs" => ecs(call),
        _ => cloudshell(call),
    }
}

fn ssm(call: &Call<'_>) -> Option<Summary> {
    let r = call.request;
    let of = |key: &str| r.text(key).unwrap_or_else(|| "?".to_owned());
    Some(match call.action {
        "StartSession" => session(call),
        // What the session was for, its start tells.
        "ResumeSession" => words("resumed", "resume", format!("session {}", of("sessionId"))),
        "TerminateSession" => words("ended", "end", format!("session {}", of("sessionId"))),
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
        _ => return None,
    })
}

/// A session of Session Manager is a shell, a forwarded port or a command: its document says which.
fn session(call: &Call<'_>) -> Summary {
    let target = call.request.text("target").unwrap_or_else(|| "?".to_owned());
    let given = |key: &str| call.request.get("parameters")?.texts(key, "value").into_iter().next();
    let id = call.response.text("sessionId").map(|s| format!(", session {s}")).unwrap_or_default();
    let port = || given("portNumber");
    match call.request.text("documentName").as_deref() {
        None | Some("SSM-SessionManagerRunShell") => words("opened", "open", format!("a shell on {target}{id}")),
        Some("AWS-StartPortForwardingSessionToRemoteHost") => {
            let [host, port] = [given("host"), port()].map(|told| told.unwrap_or_else(|| "?".to_owned()));
            words("forwarded", "forward", format!("port {port} of {host} through {target}{id}"))
        }
        Some("AWS-StartPortForwardingSession" | "AWS-StartPortForwardingSessionToSocket") => {
            let port = port().map(|port| format!("port {port}")).unwrap_or_else(|| "a port".to_owned());
            words("forwarded", "forward", format!("{port} of {target}{id}"))
        }
        Some("AWS-StartSSHSession") => {
            let port = port().map(|port| format!(", port {port}")).unwrap_or_default();
            words("opened", "open", format!("an SSH connection to {target}{port}{id}"))
        }
        Some("AWS-StartInteractiveCommand" | "AWS-StartNonInteractiveCommand") => {
            let command = given("command").map_or_else(|| "a command".to_owned(), |command| format!("`{command}`"));
            words("ran", "run", format!("{command} on {target}{id}"))
        }
        Some(document) => {
            let with = call.request.get("parameters").map(parameters).unwrap_or_default();
            words("opened", "open", format!("a session of document {document} on {target}{with}{id}"))
        }
    }
}

/// ` (host=db.internal, portNumber=5432)`, where there are any.
fn parameters(given: Parameters<'_>) -> String {
    let Some(object) = given.0.as_object() else { return String::new() };
    let told: Vec<String> = object.keys().map(|key| format!("{key}={}", given.texts(key, "value").join(" "))).collect();
    if told.is_empty() { String::new() } else { format!(" ({})", some_of(&told)) }
}

fn instance_connect(call: &Call<'_>) -> Option<Summary> {
    let r = call.request;
    let instance = || r.text("instanceId").unwrap_or_else(|| "?".to_owned());
    Some(match call.action {
        "SendSSHPublicKey" => {
            let user = r.text("instanceOSUser").map(|user| format!(" for {user}")).unwrap_or_default();
            words("pushed", "push", format!("an SSH key to {}{user}", instance()))
        }
        "SendSerialConsoleSSHPublicKey" => words("pushed", "push", format!("an SSH key to the serial console of {}", instance())),
        "OpenTunnel" => {
            let endpoint = r.text("instanceConnectEndpointId");
            let port = r.text("remotePort").map(|port| format!(", port {port}")).unwrap_or_default();
            let rest = match (r.any(&["privateIpAddress", "instanceId"]), endpoint) {
                (Some(to), Some(endpoint)) => format!("a tunnel to {to}{port} through {endpoint}"),
                (Some(one), None) | (None, Some(one)) => format!("a tunnel to {one}{port}"),
                (None, None) => return None,
            };
            words("opened", "open", rest)
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

/// The shell in the console's browser, which has names of calls that other services have, too.
fn cloudshell(call: &Call<'_>) -> Option<Summary> {
    let id = call.request.text("environmentId").or_else(|| call.response.text("environmentId"));
    let named = id.map(|id| format!(" {id}")).unwrap_or_default();
    let environment = format!("CloudShell environment{named}");
    let path = |what: &str| {
        let path = call.request.any(&["fileDownloadPath", "fileUploadPath", "path"]).map(|path| format!(" {path}")).unwrap_or_default();
        format!("{what}{path}")
    };
    Some(match call.action {
        "CreateEnvironment" => words("created", "create", environment),
        "StartEnvironment" => words("started", "start", environment),
        "StopEnvironment" => words("stopped", "stop", environment),
        "DeleteEnvironment" => words("deleted", "delete", environment),
        "CreateSession" => words("opened", "open", format!("a shell in {environment}")),
        "PutCredentials" => words("gave", "give", format!("the caller's credentials to {environment}")),
        "GetFileDownloadUrls" => words("asked", "ask", path(&format!("to download from {environment}"))),
        "GetFileUploadUrls" => words("asked", "ask", path(&format!("to upload to {environment}"))),
        _ => return None,
    })
}
