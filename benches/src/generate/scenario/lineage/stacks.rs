//! CloudFormation works for somebody: with the caller's own credentials, which it forwards, or with a role that was given to the stack.

use anyhow::Result;

use super::calls::{assume_role_for_service, change, create_stack};
use super::cast::Cast;
use super::script::{Basis, By, Script};
use super::{HOME, PLATFORM};
use crate::generate::identity::{Identity, SDKS, Session};

const SERVICE: &str = "cloudformation.amazonaws.com";

pub(super) fn play<'a>(s: &mut Script<'a>, cast: &'a Cast) -> Result<()> {
    forwarded_session(s, cast)?;
    forwarded_key(s, cast)?;
    service_role(s, cast)
}

fn bucket(name: &str) -> crate::generate::catalogue::Call {
    change("s3", "CreateBucket", &format!(r#"{{"bucketName":"{name}","Host":"{name}.s3.eu-central-1.amazonaws.com"}}"#))
}

/// What the service does has the session's id and creation, and a key of its own.
fn forwarded_session<'a>(s: &mut Script<'a>, cast: &'a Cast) -> Result<()> {
    s.scene("stack with the caller's session", "anna.berg assumes release and makes a stack; CloudFormation acts with her session");
    let (platform, user) = (&s.estate.accounts[PLATFORM], cast.user("anna.berg"));
    let own = s.own_key(&platform.id, user);
    let role = s.role_of(PLATFORM, cast.role("release"));
    let (assumed, session) = s.assume(own, &By::user(&platform.id, user, SDKS[1]), "12:00:00", PLATFORM, role, "anna")?;
    let held = s.issued(&assumed, Basis::Exact);
    let by = By::session(&session, &user.address, SDKS[1]);
    s.call(held, &by, "12:01:10", (PLATFORM, HOME), &create_stack("queues", None))?;
    let forwarded = s.issued(&assumed, Basis::Strong);
    let key = s.key(PLATFORM);
    let session = Session { key, invoked_by: Some(SERVICE), ..session };
    let by = By::service(Identity::Role(session), SERVICE);
    s.call(forwarded, &by, "12:01:14", (PLATFORM, HOME), &change("sqs", "CreateQueue", r#"{"queueName":"orders-dead"}"#))?;
    s.call(forwarded, &by, "12:01:20", (PLATFORM, HOME), &bucket("acme-orders-dead"))?;
    Ok(())
}

/// A long-lived key is forwarded as a session that no call issued: nothing is missing.
fn forwarded_key<'a>(s: &mut Script<'a>, cast: &'a Cast) -> Result<()> {
    s.scene("stack with the caller's key", "release-bot makes a stack with its own key; CloudFormation acts for it");
    let (platform, user) = (&s.estate.accounts[PLATFORM], cast.user("release-bot"));
    let own = s.own_key(&platform.id, user);
    let asked = s.call(own, &By::user(&platform.id, user, SDKS[1]), "12:10:00", (PLATFORM, HOME), &create_stack("topics", None))?;
    let (key, created) = (s.key(PLATFORM), asked.time);
    let identity = Identity::UserSession { account: &platform.id, user, key, created, mfa: false, invoked_by: Some(SERVICE) };
    s.call(own, &By::service(identity, SERVICE), "12:10:05", (PLATFORM, HOME), &change("sns", "CreateTopic", r#"{"name":"orders"}"#))?;
    Ok(())
}

fn service_role<'a>(s: &mut Script<'a>, cast: &'a Cast) -> Result<()> {
    s.scene("stack with a role", "ben.okoye makes a stack and gives it stack-service; CloudFormation assumes that role by itself");
    let (platform, user) = (&s.estate.accounts[PLATFORM], cast.user("ben.okoye"));
    let own = s.own_key(&platform.id, user);
    let role = s.role_of(PLATFORM, cast.role("stack-service"));
    let asked = s.call(own, &By::user(&platform.id, user, SDKS[1]), "12:20:00", (PLATFORM, HOME), &create_stack("tables", Some(&role)))?;
    let service = s.service(SERVICE);
    let (key, session) = (s.key(PLATFORM), "AWSCloudFormation");
    let assume = assume_role_for_service(&role, session, &key);
    let by = By::service(Identity::Service(SERVICE), SERVICE);
    let assumed = s.call(service, &by, "12:20:03", (PLATFORM, HOME), &assume)?.issuing(Some(&key), Some(role.session_arn(session)));
    s.context("made the stack and gave it the role", &asked, &assumed);
    let held = s.issued(&assumed, Basis::Exact);
    let mut session = Session::new(&platform.id, role.role, session, key, assumed.time);
    session.invoked_by = Some(SERVICE);
    let by = By::service(Identity::Role(session), SERVICE);
    s.call(held, &by, "12:20:06", (PLATFORM, HOME), &change("dynamodb", "CreateTable", r#"{"tableName":"orders-archive"}"#))?;
    s.call(held, &by, "12:20:11", (PLATFORM, HOME), &bucket("acme-orders-archive"))?;
    Ok(())
}
