//! Keys made to stay: a stolen session makes a user with a key and a password, and both are used later.

use anyhow::Result;
use serde_json::{Value, json};

use super::calls::{
    assume_role_for_service, change, console_login, create_access_key, create_login_profile, create_user, get_session_token, read,
};
use super::cast::Cast;
use super::script::{Basis, By, Held, Script};
use super::{GLOBAL, HOME, PRODUCTION};
use crate::generate::estate::User;
use crate::generate::identity::{BROWSER, Identity, SDKS, Session};

const THIEF: &str = "203.0.113.80";
const LATER: &str = "203.0.113.190";

pub(super) fn play<'a>(s: &mut Script<'a>, cast: &'a Cast) -> Result<()> {
    s.scene(
        "persistence",
        "a function's session is stolen; with it the user svc-mirror is made, whose key and password are used from elsewhere",
    );
    let account = &s.estate.accounts[PRODUCTION];
    let function = &account.places[HOME].functions[3];
    let role = s.role_of(PRODUCTION, &account.roles[function.role]);
    let key = s.key(PRODUCTION);
    let lambda = "lambda.amazonaws.com";
    let service = s.service(lambda);
    let workload = s.origin(json!({ "kind": "workload", "name": function.name }), Value::Null);
    let assumed = s
        .call(
            service,
            &By::service(Identity::Service(lambda), lambda),
            "11:20:00",
            (PRODUCTION, HOME),
            &assume_role_for_service(&role, &function.name, &key),
        )?
        .known_as(workload)
        .issuing(Some(&key), Some(role.session_arn(&function.name)));
    let held = s.issued(&assumed, Basis::Exact);
    let session = Session::new(&account.id, role.role, function.name.as_str(), key, assumed.time);
    let own = By::session(&session, &account.places[HOME].addresses[2], SDKS[1]);
    s.call(held, &own, "11:20:02", (PRODUCTION, HOME), &read("dynamodb", "DescribeTable"))?;

    let stolen = By::session(&session, THIEF, SDKS[5]);
    let user = cast.user("svc-mirror");
    s.call(held, &stolen, "11:48:10", (PRODUCTION, GLOBAL), &read("sts", "GetCallerIdentity"))?;
    s.call(held, &stolen, "11:50:31", (PRODUCTION, GLOBAL), &create_user(user))?;
    let arn = format!("arn:aws:iam::{}:user/{}", account.id, user.name);
    let attach =
        change("iam", "AttachUserPolicy", r#"{"userName":"svc-mirror","policyArn":"arn:aws:iam::aws:policy/AdministratorAccess"}"#);
    s.call(held, &stolen, "11:51:02", (PRODUCTION, GLOBAL), &attach)?;
    let made =
        s.call(held, &stolen, "11:51:40", (PRODUCTION, GLOBAL), &create_access_key(user))?.issuing(Some(&user.key), Some(arn.clone()));
    let password = s.call(held, &stolen, "11:52:15", (PRODUCTION, GLOBAL), &create_login_profile(user))?.issuing(None, Some(arn.clone()));

    let with_key = s.issued(&made, Basis::Exact);
    key_is_used(s, with_key, user, &arn)?;
    let with_password = s.issued(&password, Basis::Probable);
    password_is_used(s, with_password, user, &arn)
}

fn key_is_used<'a>(s: &mut Script<'a>, held: Held, user: &'a User, arn: &str) -> Result<()> {
    let account = &s.estate.accounts[PRODUCTION];
    let by = By::user(&account.id, user, SDKS[5]).from(LATER);
    s.call(held, &by, "15:20:00", (PRODUCTION, HOME), &read("s3", "ListBuckets"))?;
    let key = s.key(PRODUCTION);
    let token = s.call(held, &by, "15:22:30", (PRODUCTION, GLOBAL), &get_session_token(&key))?.issuing(Some(&key), Some(arn.to_owned()));
    let with_token = s.issued(&token, Basis::Exact);
    let identity = Identity::UserSession { account: &account.id, user, key, created: token.time, mfa: false, invoked_by: None };
    let by = By::new(identity, LATER, SDKS[5]);
    s.call(with_token, &by, "15:23:11", (PRODUCTION, HOME), &read("secretsmanager", "ListSecrets"))?;
    Ok(())
}

fn password_is_used<'a>(s: &mut Script<'a>, held: Held, user: &'a User, arn: &str) -> Result<()> {
    let account = &s.estate.accounts[PRODUCTION];
    let by = By::new(Identity::SigningIn { account: &account.id, user }, LATER, BROWSER);
    let signed_in = s.call(held, &by, "15:40:00", (PRODUCTION, GLOBAL), &console_login("No"))?.issuing(None, Some(arn.to_owned()));
    let in_console = s.issued(&signed_in, Basis::Probable);
    for (at, call) in [
        ("15:40:20", read("ec2", "DescribeInstances")),
        ("15:44:05", change("ec2", "CreateKeyPair", r#"{"keyName":"mirror","keyType":"ed25519","keyFormat":"pem"}"#)),
    ] {
        let (key, created) = (s.key(PRODUCTION), signed_in.time);
        let identity = Identity::UserSession { account: &account.id, user, key, created, mfa: false, invoked_by: None };
        s.call(in_console, &By::new(identity, LATER, BROWSER).in_console(), at, (PRODUCTION, HOME), &call)?;
    }
    Ok(())
}
