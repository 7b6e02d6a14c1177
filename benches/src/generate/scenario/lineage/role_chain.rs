//! A chain of roles through three accounts, each step recorded by the caller's account and by the role's.

use anyhow::Result;

use super::calls::{change, read};
use super::script::{Basis, By, Script};
use super::{GLOBAL, HOME, PLATFORM, PRODUCTION, STAGING};
use crate::generate::identity::SDKS;

const ADDRESS: &str = "203.0.113.40";

pub(super) fn play(s: &mut Script<'_>) -> Result<()> {
    s.scene("role chain", "build-pipeline of staging assumes platform-admin in platform, and with that session deploy in production");
    s.source_identity = Some("pipeline-77");
    let staging = &s.estate.accounts[STAGING];
    let user = &staging.users[1];
    let own = s.own_key(&staging.id, user);
    let by = By::user(&staging.id, user, SDKS[1]).from(ADDRESS);
    s.call(own, &by, "09:00:05", (STAGING, GLOBAL), &read("sts", "GetCallerIdentity"))?;

    let admin = s.role(PLATFORM, "platform-admin");
    let (assumed, session) = s.assume(own, &by, "09:01:12", STAGING, admin, "build-4711")?;
    let in_platform = s.issued(&assumed, Basis::Exact);
    let in_between = By::session(&session, ADDRESS, SDKS[1]);
    s.call(in_platform, &in_between, "09:02:00", (PLATFORM, HOME), &read("ec2", "DescribeInstances"))?;
    let group = &s.estate.accounts[PLATFORM].places[HOME].groups[1];
    let tag = change(
        "ec2",
        "CreateTags",
        &format!(r#"{{"resourcesSet":{{"items":[{{"resourceId":"{group}"}}]}},"tagSet":{{"items":[{{"key":"owner","value":"build"}}]}}}}"#),
    );
    s.call(in_platform, &in_between, "09:04:31", (PLATFORM, HOME), &tag)?;

    let deploy = s.role(PRODUCTION, "deploy");
    let (assumed, session) = s.assume(in_platform, &in_between, "09:10:30", PLATFORM, deploy, "release")?;
    let in_production = s.issued(&assumed, Basis::Exact);
    let by = By::session(&session, ADDRESS, SDKS[1]);
    let secret = &s.estate.accounts[PRODUCTION].places[HOME].secrets[3];
    let get = read("secretsmanager", "GetSecretValue").request(&format!(r#"{{"secretId":"{secret}"}}"#));
    s.call(in_production, &by, "09:11:00", (PRODUCTION, HOME), &get)?;
    s.call(
        in_production,
        &by,
        "09:15:45",
        (PRODUCTION, HOME),
        &change("lambda", "UpdateFunctionCode20150331v2", r#"{"functionName":"checkout-handler","publish":false}"#),
    )?;
    // The first session goes on while the second is in use.
    s.call(in_platform, &in_between, "09:20:09", (PLATFORM, HOME), &read("ec2", "DescribeVpcs"))?;
    Ok(())
}
