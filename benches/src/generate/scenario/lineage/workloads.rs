//! Programs with a role: a pod that shows its cluster's token, and a virtual machine whose credentials are taken elsewhere.

use anyhow::Result;
use serde_json::{Value, json};

use super::calls::{assume_role_for_service, assume_role_with_web_identity, change, read};
use super::cast::Cast;
use super::script::{Basis, By, Done, Held, Script};
use super::{GLOBAL, HOME, PLATFORM, PRODUCTION};
use crate::generate::catalogue::call;
use crate::generate::identity::{Identity, SDKS, Session, TERRAFORM};

const SUBJECT: &str = "system:serviceaccount:payments:checkout";
const INSTANCE: &str = "i-0b7c3d52e91a64f08";

pub(super) fn play<'a>(s: &mut Script<'a>, cast: &'a Cast) -> Result<()> {
    pod(s, cast)?;
    machine(s)
}

fn pod<'a>(s: &mut Script<'a>, cast: &'a Cast) -> Result<()> {
    s.scene("service account", "the pods of payments:checkout exchange their cluster's token for a session, and again an hour later");
    let provider = cast.cluster.as_str();
    let role = s.role_of(PRODUCTION, cast.role("checkout-pod"));
    let token = s.origin(json!({ "kind": "workload", "name": "payments:checkout" }), Value::Null);
    let address = &role.account.places[HOME].addresses[1];
    for (at, first, second, name) in [
        ("08:10:00", "08:10:03", "08:40:12", "botocore-session-1762848600"),
        ("09:08:00", "09:08:02", "09:31:40", "botocore-session-1762852080"),
    ] {
        let key = s.key(PRODUCTION);
        let shown = By::new(Identity::Web { provider, audience: "sts.amazonaws.com", subject: SUBJECT }, address, SDKS[5]);
        let exchange = assume_role_with_web_identity(&role, name, &key, provider, SUBJECT);
        let done = s.call(token, &shown, at, (PRODUCTION, HOME), &exchange)?.issuing(Some(&key), Some(role.session_arn(name)));
        let held = s.issued(&done, Basis::Exact);
        let mut session = Session::new(&role.account.id, role.role, name, key, done.time);
        session.web_provider = Some(provider);
        let by = By::session(&session, address, SDKS[5]);
        let table = &role.account.places[HOME].tables[0];
        s.call(held, &by, first, (PRODUCTION, HOME), &read("dynamodb", "DescribeTable").request(&format!(r#"{{"tableName":"{table}"}}"#)))?;
        let send = call("sqs", "SendMessage", 0, &[]).writes().data().request(r#"{"queueUrl":"checkout-queue"}"#);
        s.call(held, &by, second, (PRODUCTION, HOME), &send)?;
    }
    Ok(())
}

fn machine(s: &mut Script<'_>) -> Result<()> {
    s.scene("instance profile", "terraform starts a machine; EC2 gives it sessions of its role, one of which is used from outside");
    let account = &s.estate.accounts[PLATFORM];
    let user = &account.users[0];
    let own = s.own_key(&account.id, user);
    let run = change("ec2", "RunInstances", r#"{"instancesSet":{"items":[{"imageId":"ami-0aa11bb22cc33dd44","minCount":1,"maxCount":1}]},"instanceType":"m7i.large","iamInstanceProfile":{"name":"node-instance"}}"#)
        .response(&format!(r#"{{"requestId":"<guid>","ownerId":"<account>","instancesSet":{{"items":[{{"instanceId":"{INSTANCE}","imageId":"ami-0aa11bb22cc33dd44","currentState":{{"code":0,"name":"pending"}},"privateIpAddress":"10.10.7.21"}}]}}}}"#));
    let started = s.call(own, &By::user(&account.id, user, TERRAFORM), "07:30:10", (PLATFORM, HOME), &run)?;

    let machine = s.origin(json!({ "kind": "workload", "name": INSTANCE }), Value::Null);
    let first = sessions(s, machine, "07:31:00", &["07:31:20", "08:02:45"])?;
    let second = sessions(s, machine, "12:31:00", &["12:40:00"])?;
    s.context("started the instance with the role's profile", &started, &first.0);
    s.context("started the instance with the role's profile", &started, &second.0);
    // Somebody has taken the second key along.
    let held = s.issued(&second.0, Basis::Exact);
    let outside = By::session(&second.1, "203.0.113.77", SDKS[5]);
    s.call(held, &outside, "12:55:03", (PLATFORM, GLOBAL), &read("sts", "GetCallerIdentity"))?;
    s.call(held, &outside, "12:55:40", (PLATFORM, HOME), &read("s3", "ListBuckets"))?;
    Ok(())
}

/// EC2 assumes the role for the machine, which then makes some calls.
fn sessions<'a>(s: &mut Script<'a>, machine: Held, at: &str, uses: &[&str]) -> Result<(Done, Session<'a>)> {
    let role = s.role(PLATFORM, "node-instance");
    let key = s.key(PLATFORM);
    let ec2 = "ec2.amazonaws.com";
    let service = s.service(ec2);
    let assume = assume_role_for_service(&role, INSTANCE, &key);
    let done = s
        .call(service, &By::service(Identity::Service(ec2), ec2), at, (PLATFORM, HOME), &assume)?
        .known_as(machine)
        .issuing(Some(&key), Some(role.session_arn(INSTANCE)));
    let held = s.issued(&done, Basis::Exact);
    let mut session = Session::new(&role.account.id, role.role, INSTANCE, key, done.time);
    session.from_instance = true;
    let by = By::session(&session, "10.10.7.21", SDKS[2]);
    for at in uses {
        s.call(held, &by, at, (PLATFORM, HOME), &change("ssm", "UpdateInstanceInformation", "{}"))?;
    }
    Ok((done, session))
}
