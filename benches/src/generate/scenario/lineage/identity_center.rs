//! Identity Center: the portal's call in the directory's account, the session in the member's, whose key is not the one it is used with.

use anyhow::Result;
use serde_json::{Value, json};

use super::calls::{RoleAt, assume_role_with_saml, change, console_login, portal, read};
use super::script::{Basis, By, Done, Held, Script};
use super::{DIRECTORY, GLOBAL, HOME, PRODUCTION};
use crate::generate::estate::Person;
use crate::generate::identity::{BROWSER, CLI, Identity, SDKS, Session};
use crate::generate::random::Random;

const PERMISSION_SET: &str = "PowerUserAccess";

pub(super) fn play(s: &mut Script<'_>) -> Result<()> {
    s.scene("identity center", "jonas.keller gets a session in production, first for the command line, then for the console");
    let estate = s.estate;
    let person = &estate.accounts[PRODUCTION].people[1];
    // The portal's own records have the user's id alone; the assertion that follows has the name.
    let [id, them] = [&person.user_id, &person.name]
        .map(|name| s.origin(json!({ "kind": "human", "name": name, "principal_id": person.user_id }), Value::Null));
    let them = Somebody { person, id, them };
    command_line(s, them)?;
    console(s, them)
}

/// A person, as the portal knows them and as they are known in the end.
#[derive(Debug, Clone, Copy)]
struct Somebody<'a> {
    person: &'a Person,
    id: Held,
    them: Held,
}

/// The portal's call, and Identity Center's assertion a second later: the session it makes, with a key that will be another.
fn federate<'a>(
    s: &mut Script<'a>,
    Somebody { person, id, them }: Somebody<'a>,
    method: &'static str,
    (at, then): (&str, &str),
) -> Result<(Done, Session<'a>)> {
    let estate = s.estate;
    let account = &estate.accounts[PRODUCTION];
    let role = RoleAt { index: PRODUCTION, account, role: &person.role };
    let by = By::new(Identity::Portal { person, estate }, &person.address, if method == "Federate" { BROWSER } else { CLI });
    let asked = s.call(id, &by, at, (DIRECTORY, HOME), &portal(method, PERMISSION_SET, &account.id))?.known_as(them);
    let asserted = s.issued(&asked, Basis::Probable);
    let provider = Random::seeded(&[0x5a31]).text(|r, o| r.push_base64(o, 27)) + "=";
    let logged = s.key(PRODUCTION);
    let by = By::new(Identity::Saml { provider: provider.clone(), user: &person.name }, &account.places[HOME].addresses[0], SDKS[6]);
    let call = assume_role_with_saml(&role, person, &provider, &logged);
    let assumed = s.call(asserted, &by, then, (PRODUCTION, HOME), &call)?.issuing(Some(&logged), Some(role.session_arn(&person.name)));
    let mut session = Session::new(&account.id, &person.role, person.name.as_str(), s.key(PRODUCTION), assumed.time);
    session.on_behalf_of = Some((person, estate));
    Ok((assumed, session))
}

fn command_line<'a>(s: &mut Script<'a>, them: Somebody<'a>) -> Result<()> {
    let person = them.person;
    let (assumed, session) = federate(s, them, "GetRoleCredentials", ("10:00:01", "10:00:02"))?;
    let held = s.issued(&assumed, Basis::Strong);
    let by = By::session(&session, &person.address, CLI);
    s.call(held, &by, "10:00:04", (PRODUCTION, GLOBAL), &read("sts", "GetCallerIdentity"))?;
    s.call(held, &by, "10:02:40", (PRODUCTION, HOME), &read("ec2", "DescribeInstances"))?;
    let queue = &s.estate.accounts[PRODUCTION].places[HOME].queues[2];
    s.call(held, &by, "10:05:17", (PRODUCTION, HOME), &change("sqs", "CreateQueue", &format!(r#"{{"queueName":"{queue}-copy"}}"#)))?;
    Ok(())
}

/// The console signs each call with a key of its own.
fn console<'a>(s: &mut Script<'a>, them: Somebody<'a>) -> Result<()> {
    let person = them.person;
    let (assumed, session) = federate(s, them, "Federate", ("10:30:00", "10:30:01"))?;
    let signed_in = s.issued(&assumed, Basis::Probable);
    let by = By::new(Identity::RoleSigningIn(session.clone()), &person.address, BROWSER);
    s.call(signed_in, &by, "10:30:02", (PRODUCTION, HOME), &console_login("No"))?;
    let held = s.issued(&assumed, Basis::Strong);
    for (at, call) in [
        ("10:30:09", read("ec2", "DescribeRegions")),
        ("10:33:51", read("rds", "DescribeDBInstances")),
        ("10:36:20", change("logs", "PutRetentionPolicy", r#"{"logGroupName":"/aws/lambda/checkout-handler","retentionInDays":1}"#)),
    ] {
        let session = Session { key: s.key(PRODUCTION), ..session.clone() };
        s.call(held, &By::session(&session, &person.address, BROWSER).in_console(), at, (PRODUCTION, HOME), &call)?;
    }
    Ok(())
}
