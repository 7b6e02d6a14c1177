//! Links that are not in evidence: the chain ends there, and says what would lead on.

use anyhow::Result;
use serde_json::{Value, json};

use super::calls::{assume_role, assume_role_for_service, change, read};
use super::cast::Cast;
use super::script::{Basis, By, Script};
use super::{GLOBAL, HOME, PLATFORM, PRODUCTION, STAGING};
use crate::generate::clock::iso;
use crate::generate::identity::{Identity, SDKS, Session};
use crate::generate::random::Random;

pub(super) fn play<'a>(s: &mut Script<'a>, cast: &'a Cast) -> Result<()> {
    assumed_unseen(s, cast)?;
    from_outside(s)?;
    machine_unseen(s)?;
    function_named(s)
}

/// The call that issued a session, and everything its maker did, is not there; what the session did is.
fn assumed_unseen<'a>(s: &mut Script<'a>, cast: &'a Cast) -> Result<()> {
    s.scene("missing AssumeRole", "dora.lind assumes platform-admin of platform, which no file holds, and from there deploy of production");
    let (staging, user) = (&s.estate.accounts[STAGING], cast.user("dora.lind"));
    let own = s.own_key(&staging.id, user);
    let admin = s.role(PLATFORM, "platform-admin");
    let (assumed, session) = s.assume(own, &By::user(&staging.id, user, SDKS[1]), "13:30:00", STAGING, admin, "night-shift")?;
    s.leave_out(&assumed);
    let missing =
        json!({ "access_key_id": session.key, "account": admin.account.id, "event_time": iso(assumed.time), "left_out": assumed.id() });
    let origin = json!({ "kind": "unknown", "name": "platform-admin/night-shift", "arn": session.arn() });
    let held = s.origin(origin, missing);
    let by = By::session(&session, &user.address, SDKS[1]);
    s.call(held, &by, "13:32:00", (PLATFORM, HOME), &read("ec2", "DescribeInstances"))?;
    let deploy = s.role(PRODUCTION, "deploy");
    let (assumed, session) = s.assume(held, &by, "13:35:00", PLATFORM, deploy, "night-shift")?;
    let further = s.issued(&assumed, Basis::Exact);
    let change = change("lambda", "UpdateFunctionConfiguration20150331v2", r#"{"functionName":"orders-worker","timeout":900}"#);
    s.call(further, &By::session(&session, &user.address, SDKS[1]), "13:36:40", (PRODUCTION, HOME), &change)?;
    Ok(())
}

/// A caller of an account whose trail nobody handed over: the role's owner knows its unique id alone.
fn from_outside(s: &mut Script<'_>) -> Result<()> {
    s.scene("caller of another organisation", "somebody of an account outside assumes SecurityAudit in production");
    let outside = "999988887777";
    let principal = Random::seeded(&[0x0075]).credential("AIDA", outside, 21);
    let missing = json!({ "access_key_id": null, "account": outside, "event_time": null });
    let held = s.origin(json!({ "kind": "external_account", "principal_id": principal, "account": outside }), missing);
    let by = By::new(Identity::External { account: outside, principal }, "203.0.113.12", SDKS[5]);
    let role = s.role(PRODUCTION, "SecurityAudit");
    let (key, name) = (s.key(PRODUCTION), "quarterly-audit");
    let call = assume_role(&role, name, &key, r#","externalId":"acme-7f31""#);
    let assumed = s.call(held, &by, "13:45:00", (PRODUCTION, GLOBAL), &call)?.issuing(Some(&key), Some(role.session_arn(name)));
    let held = s.issued(&assumed, Basis::Exact);
    let session = Session::new(&role.account.id, role.role, name, key, assumed.time);
    s.call(held, &By::session(&session, "203.0.113.12", SDKS[5]), "13:46:10", (PRODUCTION, GLOBAL), &read("iam", "ListUsers"))?;
    Ok(())
}

/// How its credentials were delivered says what the session is, not who issued it.
fn machine_unseen(s: &mut Script<'_>) -> Result<()> {
    s.scene("missing AssumeRole of an instance", "EC2's call for a machine is not there; ec2RoleDelivery says that it is one");
    let role = s.role(PRODUCTION, "node-instance");
    let (key, instance, ec2) = (s.key(PRODUCTION), "i-04d19e77aa30b2c6f", "ec2.amazonaws.com");
    let service = s.service(ec2);
    let call = assume_role_for_service(&role, instance, &key);
    let assumed = s.call(service, &By::service(Identity::Service(ec2), ec2), "12:05:00", (PRODUCTION, HOME), &call)?;
    s.leave_out(&assumed);
    let missing = json!({ "access_key_id": key, "account": role.account.id, "event_time": iso(assumed.time), "left_out": assumed.id() });
    let held = s.origin(json!({ "kind": "workload", "name": instance }), missing);
    let mut session = Session::new(&role.account.id, role.role, instance, key, assumed.time);
    session.from_instance = true;
    s.call(
        held,
        &By::session(&session, "10.11.3.9", SDKS[2]),
        "12:06:00",
        (PRODUCTION, HOME),
        &change("ssm", "UpdateInstanceInformation", "{}"),
    )?;
    Ok(())
}

/// Newer records name the function themselves: nothing is missing.
fn function_named(s: &mut Script<'_>) -> Result<()> {
    s.scene("function named by CloudTrail", "Lambda's call for a function is not there; inScopeOf names the function");
    let account = &s.estate.accounts[PRODUCTION];
    let (role, function) = (s.role_of(PRODUCTION, &account.roles[4]), "orders-worker");
    let (key, lambda) = (s.key(PRODUCTION), "lambda.amazonaws.com");
    let arn = format!("arn:aws:lambda:eu-central-1:{}:function:{function}", account.id);
    let service = s.service(lambda);
    let call = assume_role_for_service(&role, function, &key);
    let assumed = s.call(service, &By::service(Identity::Service(lambda), lambda), "12:15:00", (PRODUCTION, HOME), &call)?;
    s.leave_out(&assumed);
    let held = s.origin(json!({ "kind": "workload", "name": function, "arn": arn }), Value::Null);
    let mut session = Session::new(&account.id, role.role, function, key, assumed.time);
    session.issued_to = Some(arn);
    let by = By::session(&session, &account.places[HOME].addresses[0], SDKS[1]);
    s.call(held, &by, "12:15:30", (PRODUCTION, HOME), &read("dynamodb", "DescribeTable"))?;
    Ok(())
}
