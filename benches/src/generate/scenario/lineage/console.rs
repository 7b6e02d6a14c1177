//! The console: somebody signs in, and switches to a role of another account. Each call is signed with a key of its own.

use anyhow::Result;
use serde_json::{Value, json};

use super::calls::{assume_role, change, console_login, read, switch_role};
use super::cast::Cast;
use super::script::{Basis, By, Script};
use super::{GLOBAL, HOME, PLATFORM, PRODUCTION};
use crate::generate::identity::{BROWSER, Identity, Session};

const INTERNAL: &str = "AWS Internal";

pub(super) fn play<'a>(s: &mut Script<'a>, cast: &'a Cast) -> Result<()> {
    s.scene("console", "clara.ops signs in to the console of platform and switches to platform-admin of production");
    let (platform, user) = (&s.estate.accounts[PLATFORM], cast.user("clara.ops"));
    let arn = format!("arn:aws:iam::{}:user/{}", platform.id, user.name);
    let person = s.origin(json!({ "kind": "human", "name": user.name, "arn": arn }), Value::Null);
    let by = By::new(Identity::SigningIn { account: &platform.id, user }, &user.address, BROWSER);
    let signed_in = s.call(person, &by, "11:00:00", (PLATFORM, GLOBAL), &console_login("Yes"))?.issuing(None, Some(arn.clone()));
    let in_console = s.issued(&signed_in, Basis::Probable);
    let session = |key: String, invoked_by: Option<&'a str>| Identity::UserSession {
        account: &platform.id,
        user,
        key,
        created: signed_in.time,
        mfa: true,
        invoked_by,
    };
    for (at, call) in [("11:00:12", read("ec2", "DescribeInstances")), ("11:03:30", read("iam", "ListRoles"))] {
        let by = By::new(session(s.key(PLATFORM), None), &user.address, BROWSER).in_console();
        s.call(in_console, &by, at, (PLATFORM, if call.source == "iam" { GLOBAL } else { HOME }), &call)?;
    }

    // The console assumes the role for whoever is signed in, and tells the role's account of the switch.
    let role = s.role(PRODUCTION, "platform-admin");
    let logged = s.key(PRODUCTION);
    let by = By::new(session(s.key(PLATFORM), Some(INTERNAL)), INTERNAL, INTERNAL);
    let assume = assume_role(&role, &user.name, &logged, "");
    let assumed = s
        .call_across(in_console, &by, "11:15:40", (PLATFORM, GLOBAL), PRODUCTION, &assume)?
        .issuing(Some(&logged), Some(role.session_arn(&user.name)));
    let switched = Session::new(&role.account.id, role.role, user.name.as_str(), logged, assumed.time);
    let at_switch = s.issued(&assumed, Basis::Probable);
    let by = By::new(Identity::RoleSigningIn(switched.clone()), &user.address, BROWSER);
    s.call(at_switch, &by, "11:15:40", (PRODUCTION, GLOBAL), &switch_role(&arn))?;
    let held = s.issued(&assumed, Basis::Strong);
    let group = &role.account.places[HOME].groups[2];
    for (at, call) in [
        ("11:16:01", read("ec2", "DescribeSecurityGroups")),
        (
            "11:18:22",
            change(
                "ec2",
                "CreateTags",
                &format!(
                    r#"{{"resourcesSet":{{"items":[{{"resourceId":"{group}"}}]}},"tagSet":{{"items":[{{"key":"checked","value":"yes"}}]}}}}"#
                ),
            ),
        ),
    ] {
        let session = Session { key: s.key(PRODUCTION), mfa: true, ..switched.clone() };
        s.call(held, &By::session(&session, &user.address, BROWSER).in_console(), at, (PRODUCTION, HOME), &call)?;
    }
    Ok(())
}
