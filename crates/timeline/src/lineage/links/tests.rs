//! The rules one by one, and the promise that nobody is named whom evidence does not support.

use super::*;
use crate::event::Event;
use crate::lineage::made::{ACCOUNT, SECOND, START, by_user, full, leak};
use crate::lineage::{Actors, Origin, OriginKind, Path};
use proptest::prelude::*;
use serde_json::{Value, json};

fn by_session(role: &str, session: &str, key: Option<&str>, created: i64) -> Event<'static> {
    Event {
        user_identity_type: Some("AssumedRole"),
        user_identity_principal_id: Some(leak(format!("AROA{role}:{session}"))),
        user_identity_arn: Some(leak(format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{session}"))),
        user_identity_account_id: Some(ACCOUNT),
        user_identity_access_key_id: key.map(|k| leak(full(k))),
        session_issuer_arn: Some(leak(format!("arn:aws:iam::{ACCOUNT}:role/{role}"))),
        session_issuer_user_name: Some(leak(role)),
        session_creation_date: Some(created),
        recipient_account_id: Some(ACCOUNT),
        aws_region: Some("eu-central-1"),
        ..Event::default()
    }
}

fn assume(caller: Event<'static>, id: &str, at: i64, role: &str, session: &str, key: &str) -> Issued {
    let response = json!({
        "credentials": {"accessKeyId": full(key)},
        "assumedRoleUser": {
            "assumedRoleId": format!("AROA{role}:{session}"),
            "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{session}"),
        },
    });
    let event = Event {
        event_source: Some("sts.amazonaws.com"),
        event_name: Some("AssumeRole"),
        event_id: Some(leak(id)),
        event_time: Some(at),
        response_elements: Some(leak(response.to_string())),
        ..caller
    };
    Issued::of(&event).unwrap()
}

fn sign_in(caller: Event<'static>, id: &str, at: i64, outcome: &str) -> Option<Issued> {
    Issued::of(&Event {
        event_source: Some("signin.amazonaws.com"),
        event_name: Some("ConsoleLogin"),
        event_type: Some("AwsConsoleSignIn"),
        event_id: Some(leak(id)),
        event_time: Some(at),
        response_elements: Some(leak(json!({"ConsoleLogin": outcome}).to_string())),
        ..caller
    })
}

fn names(lineage: &Lineage, holder: &Event<'_>, at: i64) -> Vec<(Strength, String)> {
    let holder = Holder::of(holder);
    lineage.parents(&holder, Some(at)).into_iter().map(|l| (l.strength, l.issued.refs[0].clone())).collect()
}

fn only_path(lineage: &Lineage, holder: &Event<'_>, at: i64) -> Path {
    let mut chain = lineage.chain(&Holder::of(holder), Some(at));
    assert_eq!(chain.paths.len(), 1);
    chain.paths.remove(0)
}

#[test]
fn a_key_leads_to_the_call_that_issued_it_and_on_to_the_user() {
    let lineage = Lineage::new(vec![
        assume(by_session("Ops", "s1", Some("ASIA1"), START), "two", START + 60 * SECOND, "Deploy", "s2", "ASIA2"),
        assume(by_user("alice", Some("AKIA1")), "one", START, "Ops", "s1", "ASIA1"),
    ]);
    let use_of_it = by_session("Deploy", "s2", Some("ASIA2"), START + 60 * SECOND);
    let path = only_path(&lineage, &use_of_it, START + 90 * SECOND);
    assert_eq!(path.steps.iter().map(|s| s.refs[0].as_str()).collect::<Vec<_>>(), ["two", "one"]);
    assert_eq!((path.origin.name.as_str(), path.origin.kind), ("alice", OriginKind::Unknown));
    assert_eq!(path.missing, None);
    // Times of pipelines are not to be relied on; an id that another session had, another day or in another account, is a copy.
    assert_eq!(names(&lineage, &use_of_it, START), [(Strength::Exact, "two".to_owned())]);
    let years_ago = by_session("Deploy", "s2", Some("ASIA2"), START - 365 * MICROS_PER_DAY);
    assert_eq!(names(&lineage, &years_ago, START - 365 * MICROS_PER_DAY), []);
    let elsewhere = Event {
        user_identity_account_id: Some("444455556666"),
        user_identity_arn: None,
        user_identity_principal_id: Some("AROAother:s2"),
        ..use_of_it
    };
    assert_eq!(names(&lineage, &elsewhere, START + 90 * SECOND), []);
}

#[test]
fn without_a_key_the_session_and_its_creation_do_and_two_that_fit_are_both_listed() {
    let one = assume(by_user("alice", Some("AKIA1")), "one", START, "Ops", "shared", "ASIA1");
    let two = assume(by_user("bob", Some("AKIA2")), "two", START + SECOND / 2, "Ops", "shared", "ASIA2");
    let later = assume(by_user("carol", Some("AKIA3")), "later", START + 5 * SECOND, "Ops", "shared", "ASIA3");
    let lineage = Lineage::new(vec![one, two, later]);
    let keyless = by_session("Ops", "shared", None, START);
    assert_eq!(names(&lineage, &keyless, START + SECOND), [(Strength::Strong, "one".to_owned()), (Strength::Strong, "two".to_owned())]);
    let chain = lineage.chain(&Holder::of(&keyless), Some(START + SECOND));
    assert_eq!(chain.origin(), None, "alice and bob were in the role at once");
    // The session's name alone joins nothing, nor does a key that another call issued.
    assert_eq!(names(&lineage, &by_session("Ops", "shared", None, START + 60 * SECOND), START + 90 * SECOND), []);
    assert_eq!(names(&lineage, &by_session("Ops", "shared", Some("ASIA9"), START), START + SECOND), []);
    assert_eq!(names(&lineage, &by_session("Ops", "shared", Some("ASIA2"), START), START + SECOND), [(Strength::Exact, "two".to_owned())]);
}

#[test]
fn a_missing_link_is_named_with_what_would_fill_it() {
    let path = only_path(&Lineage::default(), &by_session("Ops", "alice@example.org", Some("ASIA1"), START), START + SECOND);
    assert_eq!(path.origin.kind, OriginKind::Unknown);
    let missing = path.missing.unwrap();
    assert_eq!((missing.account.as_deref(), missing.access_key_id.as_deref()), (Some(ACCOUNT), Some(full("ASIA1").as_str())));
    assert!(missing.text.contains("role/Ops") && missing.text.contains("2025-10-09T08:53:20Z"), "{}", missing.text);
    // A user with a key of its own lacks nothing.
    assert_eq!(only_path(&Lineage::default(), &by_user("alice", Some("AKIA1")), START).missing, None);
}

#[test]
fn console_sessions_lead_to_their_sign_in_and_a_failed_one_to_nothing() {
    let sign_ins = [
        sign_in(by_user("alice", None), "morning", START, "Success"),
        sign_in(by_user("alice", None), "failed", START + 60 * SECOND, "Failure"),
    ];
    assert!(sign_ins[1].is_none());
    let lineage = Lineage::new(sign_ins.into_iter().flatten().collect());
    let console = |created| Event {
        session_creation_date: Some(created),
        session_credential_from_console: Some(true),
        ..by_user("alice", Some("ASIAC"))
    };
    assert_eq!(names(&lineage, &console(START + SECOND), START + 9 * SECOND), [(Strength::Probable, "morning".to_owned())]);
    let path = only_path(&lineage, &console(START + SECOND), START + 9 * SECOND);
    assert_eq!((path.origin.kind, path.origin.basis), (OriginKind::Human, "signed in to the console"));
    // It keeps the creation it began with: one that was created hours later began with another sign-in.
    assert_eq!(names(&lineage, &console(START + 2 * 3600 * SECOND), START + 2 * 3600 * SECOND), []);
    let again = Event { user_identity_principal_id: Some("AIDAother"), ..console(START) };
    assert_eq!(names(&lineage, &again, START + SECOND), [], "a name is given again, a unique id is not");
    // Another user of that name, made anew, is somebody else.
    let other = Event {
        user_identity_principal_id: Some("AIDAother"),
        user_identity_arn: Some("arn:aws:iam::111122223333:user/eve"),
        ..console(START)
    };
    assert_eq!(names(&lineage, &other, START + SECOND), []);
}

#[test]
fn a_role_that_signs_in_leads_to_what_issued_its_session_a_moment_before() {
    let switch = |at| Event {
        user_identity_type: Some("AssumedRole"),
        user_identity_principal_id: Some("AROAOps:alice"),
        user_identity_arn: Some("arn:aws:sts::111122223333:assumed-role/Ops/alice"),
        event_type: Some("AwsConsoleSignIn"),
        event_time: Some(at),
        ..Event::default()
    };
    let lineage = Lineage::new(vec![
        assume(by_user("alice", Some("AKIA1")), "first", START, "Ops", "alice", "ASIA1"),
        assume(by_user("bob", Some("AKIA2")), "second", START + 4 * SECOND, "Ops", "alice", "ASIA2"),
    ]);
    assert_eq!(names(&lineage, &switch(START + SECOND), START + SECOND), [(Strength::Probable, "first".to_owned())]);
    let both = [(Strength::Probable, "first".to_owned()), (Strength::Probable, "second".to_owned())];
    assert_eq!(names(&lineage, &switch(START + 5 * SECOND), START + 5 * SECOND), both, "being the later one proves nothing");
    assert_eq!(names(&lineage, &switch(START + 60 * SECOND), START + 60 * SECOND), []);
    // Another role's session of that name is somebody else, and a call that is no sign-in has a creation or nothing.
    let other = Event { user_identity_principal_id: Some("AROADev:alice"), ..switch(START) };
    assert_eq!(names(&lineage, &other, START), []);
    let call = Event { event_type: Some("AwsApiCall"), ..switch(START) };
    assert_eq!(names(&lineage, &call, START), []);
}

#[test]
fn a_console_session_leads_past_its_sign_in_to_who_set_the_password() {
    let password = Issued::of(&Event {
        event_source: Some("iam.amazonaws.com"),
        event_name: Some("CreateLoginProfile"),
        event_id: Some("password"),
        event_time: Some(START - 60 * SECOND),
        request_parameters: Some(r#"{"userName":"eve"}"#),
        ..by_user("mallory", Some("AKIA1"))
    });
    // As the table of what was issued has it: without event types.
    let signed_in = Issued::of(&Event {
        event_source: Some("signin.amazonaws.com"),
        event_name: Some("ConsoleLogin"),
        event_id: Some("sign-in"),
        event_time: Some(START),
        response_elements: Some(r#"{"ConsoleLogin":"Success"}"#),
        ..by_user("eve", None)
    });
    let lineage = Lineage::new(password.into_iter().chain(signed_in).collect());
    let console =
        Event { session_creation_date: Some(START), session_credential_from_console: Some(true), ..by_user("eve", Some("ASIAC")) };
    let path = only_path(&lineage, &console, START + SECOND);
    assert_eq!(path.steps.iter().map(|s| s.refs[0].as_str()).collect::<Vec<_>>(), ["sign-in", "password"]);
    assert_eq!(path.origin.name, "mallory");
}

#[test]
fn a_password_that_the_user_changed_or_that_was_taken_away_leads_to_nobody() {
    let iam = |name, caller: Event<'static>, id, at, request: &'static str| Event {
        event_source: Some("iam.amazonaws.com"),
        event_name: Some(name),
        event_id: Some(id),
        event_time: Some(at),
        request_parameters: Some(request),
        ..caller
    };
    let eve = r#"{"userName":"eve"}"#;
    let admin = || by_user("admin", Some("AKIA1"));
    let (day, first) = (86_400 * SECOND, START);
    let set = Issued::of(&iam("CreateLoginProfile", admin(), "set", first, eve)).unwrap();
    let signs_in = |at| Event { event_type: Some("AwsConsoleSignIn"), event_time: Some(at), ..by_user("eve", None) };
    let origins = |end: &Event<'_>| {
        let mut ends = PasswordEnds::default();
        ends.take(end);
        let lineage = Lineage::new(vec![set.clone()]).with_password_ends(Arc::new(ends));
        [first + day, first + 9 * day].map(|at| only_path(&lineage, &signs_in(at), at).origin.name)
    };
    let own = Event { request_parameters: None, ..iam("ChangePassword", by_user("eve", Some("ASIAC")), "own", first + 2 * day, eve) };
    assert_eq!(origins(&own), ["admin", "eve"]);
    for name in ["DeleteLoginProfile", "DeleteUser", "CreateUser"] {
        assert_eq!(origins(&iam(name, admin(), "end", first + 2 * day, eve)), ["admin", "eve"], "{name}");
    }
    // Refused, another user's, or before the password was set: nothing ended.
    let end = || iam("DeleteLoginProfile", admin(), "end", first + 2 * day, eve);
    for still in [
        Event { error_code: Some("AccessDenied"), ..end() },
        Event { request_parameters: Some(r#"{"userName":"bob"}"#), ..end() },
        Event { event_time: Some(first - day), ..end() },
    ] {
        assert_eq!(origins(&still), ["admin", "admin"]);
    }
}

#[test]
fn a_password_that_had_to_be_changed_at_the_first_sign_in_leads_to_whoever_set_it_at_that_sign_in_alone() {
    let day = 86_400 * SECOND;
    let set = |reset: &str| Event {
        event_source: Some("iam.amazonaws.com"),
        event_name: Some("CreateLoginProfile"),
        event_id: Some("set"),
        event_time: Some(START),
        request_parameters: Some(leak(format!(r#"{{"userName":"eve"{reset}}}"#))),
        ..by_user("admin", Some("AKIA1"))
    };
    let signs_in = |at, response: &'static str| Event {
        event_type: Some("AwsConsoleSignIn"),
        event_source: Some("signin.amazonaws.com"),
        event_name: Some("ConsoleLogin"),
        event_time: Some(at),
        response_elements: Some(response),
        ..by_user("eve", None)
    };
    let success = r#"{"ConsoleLogin":"Success"}"#;
    let origins = |set: &Event<'_>, first_sign_in: &Event<'_>| {
        let mut ends = PasswordEnds::default();
        ends.take(set);
        ends.take(first_sign_in);
        let lineage = Lineage::new(vec![Issued::of(set).unwrap()]).with_password_ends(Arc::new(ends));
        [START + day, START + 9 * day].map(|at| only_path(&lineage, &signs_in(at, success), at).origin.name)
    };
    let reset = r#","passwordResetRequired":true"#;
    assert_eq!(origins(&set(reset), &signs_in(START + day, success)), ["admin", "eve"]);
    // Nobody got in with it before, or it need not be changed.
    assert_eq!(origins(&set(reset), &signs_in(START + day, r#"{"ConsoleLogin":"Failure"}"#)), ["admin", "admin"]);
    assert_eq!(origins(&set(r#","passwordResetRequired":false"#), &signs_in(START + day, success)), ["admin", "admin"]);
}

#[test]
fn a_session_begun_with_a_second_factor_is_a_persons_also_where_the_call_that_began_it_is_in_evidence() {
    let token = Issued::of(&Event {
        event_source: Some("sts.amazonaws.com"),
        event_name: Some("GetSessionToken"),
        event_id: Some("token"),
        event_time: Some(START),
        request_parameters: Some(r#"{"serialNumber":"arn:aws:iam::111122223333:mfa/alice"}"#),
        response_elements: Some(r#"{"credentials":{"accessKeyId":"ASIAAAAAAAAAAAAAAAA1"}}"#),
        ..by_user("alice", Some("AKIA1"))
    });
    let used = Event {
        user_identity_access_key_id: Some("ASIAAAAAAAAAAAAAAAA1"),
        session_creation_date: Some(START),
        session_mfa_authenticated: Some(true),
        ..by_user("alice", None)
    };
    for lineage in [Lineage::default(), Lineage::new(token.into_iter().collect())] {
        let origin = only_path(&lineage, &used, START + SECOND).origin;
        assert_eq!((origin.kind, origin.basis), (OriginKind::Human, "multi-factor authentication"));
    }
}

#[test]
fn a_switch_of_roles_leads_to_who_switched() {
    let gina = "arn:aws:iam::444455556666:user/ops/gina";
    let by_gina = || Event {
        user_identity_arn: Some(gina),
        user_identity_account_id: Some("444455556666"),
        recipient_account_id: Some("444455556666"),
        ..by_user("gina", None)
    };
    let at = START + 3600 * SECOND;
    let switch = |at| Event {
        event_source: Some("signin.amazonaws.com"),
        event_name: Some("SwitchRole"),
        event_type: Some("AwsConsoleSignIn"),
        event_id: Some("switch"),
        event_time: Some(at),
        response_elements: Some(r#"{"SwitchRole":"Success"}"#),
        additional_event_data: Some(r#"{"SwitchFrom":"arn:aws:iam::444455556666:user/ops/gina"}"#),
        session_creation_date: None,
        session_issuer_arn: None,
        ..by_session("Ops", "gina", None, at)
    };
    let switched = Issued::of(&switch(at)).unwrap();
    let used = Event { session_credential_from_console: Some(true), ..by_session("Ops", "gina", Some("ASIAC"), at) };
    let signed_in = sign_in(by_gina(), "sign-in", START, "Success");
    let found = Lineage::new(signed_in.into_iter().chain([switched.clone()]).collect());
    let cited = |path: &Path| path.steps.iter().map(|s| s.refs[0].clone()).collect::<Vec<_>>();
    let path = only_path(&found, &used, at + SECOND);
    assert_eq!((cited(&path), path.origin.arn.as_deref()), (vec!["switch".to_owned(), "sign-in".to_owned()], Some(gina)));
    assert_eq!(path.steps.iter().map(|s| s.strength).collect::<Vec<_>>(), [Strength::Probable; 2]);
    assert_eq!(Actors::new(Lineage::new(found.issued().to_vec())).of(&used).label(), "gina via Ops");
    // The switch itself is hers, too; and without her sign-in it still says who she is, and what is missing.
    assert_eq!(Actors::new(found).of(&switch(at)).origin.arn.as_deref(), Some(gina));
    let alone = only_path(&Lineage::new(vec![switched]), &used, at + SECOND);
    assert_eq!((cited(&alone), alone.origin.arn.as_deref()), (vec!["switch".to_owned()], Some(gina)));
    assert!(alone.missing.unwrap().text.starts_with("no sign-in"));
}

#[test]
fn what_a_service_forwards_of_a_users_own_key_lacks_nothing() {
    let by =
        |service| Event { user_identity_invoked_by: Some(service), session_creation_date: Some(START), ..by_user("bot", Some("ASIA1")) };
    let missing = |service| only_path(&Lineage::default(), &by(service), START + SECOND).missing;
    assert_eq!(missing("cloudformation.amazonaws.com"), None);
    // The console's own calls belong to a session that began with a sign-in.
    assert!(missing("signin.amazonaws.com").is_some() && missing("AWS Internal").is_some());
}

#[test]
fn the_portal_tells_an_id_and_the_assertion_the_name() {
    let portal = |method, at| {
        Issued::of(&Event {
            event_source: Some("sso.amazonaws.com"),
            event_name: Some(method),
            event_id: Some(method),
            event_time: Some(at),
            user_identity_type: Some("IdentityCenterUser"),
            user_identity_on_behalf_of_user_id: Some("0f1e-user"),
            service_event_details: Some(r#"{"role_name":"Admin","account_id":"111122223333"}"#),
            ..Event::default()
        })
    };
    let assertion = |at| Event {
        event_source: Some("sts.amazonaws.com"),
        event_name: Some("AssumeRoleWithSAML"),
        event_id: Some("assertion"),
        event_time: Some(at),
        user_identity_type: Some("SAMLUser"),
        user_identity_principal_id: Some("q=:alice@example.org"),
        user_identity_user_name: Some("alice@example.org"),
        user_identity_identity_provider: Some("q="),
        recipient_account_id: Some(ACCOUNT),
        request_parameters: Some(r#"{"principalArn":"arn:aws:iam::111122223333:saml-provider/AWSSSO_0f_DO_NOT_DELETE"}"#),
        response_elements: Some(
            r#"{"credentials":{"accessKeyId":"ASIAAAAAAAAAAAAAAAA1"},"assumedRoleUser":{"assumedRoleId":"AROAAWSReservedSSO_Admin_0f:alice@example.org","arn":"arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Admin_0f/alice@example.org"}}"#,
        ),
        ..Event::default()
    };
    for method in ["GetRoleCredentials", "Federate"] {
        let issued = portal(method, START).into_iter().chain(Issued::of(&assertion(START + SECOND))).collect();
        let lineage = Lineage::new(issued);
        let path = only_path(&lineage, &by_session("AWSReservedSSO_Admin_0f", "alice@example.org", Some("ASIA2"), START + SECOND), START);
        assert_eq!(path.steps.iter().map(|s| s.refs[0].as_str()).collect::<Vec<_>>(), ["assertion", method]);
        let Origin { kind, name, principal_id, .. } = path.origin;
        assert_eq!((kind, name.as_str(), principal_id.as_deref()), (OriginKind::Human, "alice@example.org", Some("0f1e-user")));
        // So does the assertion itself.
        let actor = Actors::new(lineage).of(&assertion(START + SECOND));
        assert_eq!((actor.origin.name.as_str(), actor.chain[0].refs[0].as_str()), ("alice@example.org", method));
    }
}

#[test]
fn of_two_users_of_identity_center_at_once_each_is_told_by_what_names_them() {
    let portal = |user: &'static str, name: Option<&'static str>, id| {
        Issued::of(&Event {
            event_source: Some("sso.amazonaws.com"),
            event_name: Some("GetRoleCredentials"),
            event_id: Some(id),
            event_time: Some(START),
            user_identity_type: Some("IdentityCenterUser"),
            user_identity_on_behalf_of_user_id: Some(user),
            user_identity_user_name: name,
            service_event_details: Some(r#"{"role_name":"Admin","account_id":"111122223333"}"#),
            ..Event::default()
        })
    };
    let assertion = Issued::of(&Event {
        event_source: Some("sts.amazonaws.com"),
        event_name: Some("AssumeRoleWithSAML"),
        event_id: Some("assertion"),
        event_time: Some(START),
        user_identity_type: Some("SAMLUser"),
        user_identity_user_name: Some("hank@example.org"),
        user_identity_identity_provider: Some("q="),
        request_parameters: Some(r#"{"principalArn":"arn:aws:iam::111122223333:saml-provider/AWSSSO_0f_DO_NOT_DELETE"}"#),
        response_elements: Some(
            r#"{"credentials":{"accessKeyId":"ASIAAAAAAAAAAAAAAAA1"},"assumedRoleUser":{"assumedRoleId":"AROAAWSReservedSSO_Admin_0f:hank@example.org","arn":"arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Admin_0f/hank@example.org"}}"#,
        ),
        ..Event::default()
    });
    let lineage = |named: bool| {
        let name = |name| Some(name).filter(|_| named);
        let portals = [portal("u-1", name("hank@example.org"), "hank"), portal("u-2", name("ivy@example.org"), "ivy")];
        Lineage::new(portals.into_iter().flatten().chain(assertion.clone()).collect())
    };
    let role = || by_session("AWSReservedSSO_Admin_0f", "hank@example.org", Some("ASIA2"), START);
    let on_behalf = || Event { user_identity_on_behalf_of_user_id: Some("u-1"), ..role() };
    let callers = |lineage: &Lineage, used: &Event<'_>| {
        let chain = lineage.chain(&Holder::of(used), Some(START));
        chain.paths.iter().map(|p| p.steps.last().map(|s| s.refs[0].clone()).unwrap_or_default()).collect::<Vec<_>>()
    };
    // By the user's id in the event itself, by the name in the portal's record; where neither tells, both fit.
    assert_eq!(callers(&lineage(false), &on_behalf()), ["hank"]);
    assert_eq!(callers(&lineage(true), &role()), ["hank"]);
    assert_eq!(callers(&lineage(false), &role()), ["hank", "ivy"]);
}

#[test]
fn two_accounts_records_of_one_call_are_one_and_the_callers_own_names_the_caller() {
    let callers = assume(by_user("alice", Some("AKIA1")), "own", START, "Ops", "s", "ASIA1");
    let owner = Event {
        user_identity_type: Some("AWSAccount"),
        user_identity_principal_id: Some("AIDAalice"),
        user_identity_account_id: Some(ACCOUNT),
        recipient_account_id: Some("444455556666"),
        ..Event::default()
    };
    let owners = Issued { account: Some("444455556666".to_owned()), ..assume(owner, "theirs", START, "Ops", "s", "ASIA1") };
    let lineage = Lineage::new(vec![owners.clone(), callers]);
    assert_eq!(lineage.issued().len(), 1);
    assert_eq!(lineage.issued()[0].refs, ["own", "theirs"]);
    // The other account's record means the same caller: told by the call, or by the user's unique id.
    let theirs = Holder::of(&Event {
        user_identity_type: Some("AWSAccount"),
        user_identity_principal_id: Some("AIDAalice"),
        user_identity_account_id: Some(ACCOUNT),
        ..Event::default()
    });
    assert_eq!(lineage.in_full(theirs.clone(), None).principal.name, "alice");
    assert_eq!(Lineage::default().in_full(theirs.clone(), None), theirs);
    // With the role's account alone, the actor is another account, and what would name it is said.
    let alone = Lineage::new(vec![owners]);
    let path = only_path(&alone, &by_session("Ops", "s", Some("ASIA1"), START), START + SECOND);
    assert_eq!(path.origin.kind, OriginKind::ExternalAccount);
    assert!(path.missing.unwrap().text.contains(ACCOUNT));
}

#[test]
fn a_workload_is_named_by_the_service_that_gave_it_its_role() {
    let service = Event {
        user_identity_type: Some("AWSService"),
        user_identity_invoked_by: Some("ec2.amazonaws.com"),
        recipient_account_id: Some(ACCOUNT),
        aws_region: Some("eu-central-1"),
        ..Event::default()
    };
    let lineage = Lineage::new(vec![assume(service, "profile", START, "Web", "i-0123456789abcdef0", "ASIA1")]);
    let Origin { kind, name, .. } = only_path(&lineage, &by_session("Web", "i-0123456789abcdef0", Some("ASIA1"), START), START).origin;
    assert_eq!((kind, name.as_str()), (OriginKind::Workload, "instance i-0123456789abcdef0"));
}

#[test]
fn credentials_that_say_they_issued_themselves_end_the_chain() {
    let lineage = Lineage::new(vec![assume(by_session("Ops", "s", Some("ASIA1"), START), "loop", START, "Ops", "s", "ASIA1")]);
    let path = only_path(&lineage, &by_session("Ops", "s", Some("ASIA1"), START), START + SECOND);
    assert_eq!(path.steps.len(), 1);
    assert!(path.missing.is_some());
}

/// A sign-in or a switch of roles, as the sign-in service records it.
fn at_sign_in(caller: Event<'static>, name: &'static str, id: &'static str, at: i64) -> Event<'static> {
    Event {
        event_source: Some("signin.amazonaws.com"),
        event_name: Some(name),
        event_type: Some("AwsConsoleSignIn"),
        event_id: Some(id),
        event_time: Some(at),
        response_elements: Some(leak(json!({name: "Success"}).to_string())),
        ..caller
    }
}

fn cited(actor: &crate::lineage::Attribution) -> Vec<String> {
    actor.chain.iter().map(|s| s.refs[0].clone()).collect()
}

#[test]
fn a_sign_in_whose_record_says_its_sessions_creation_is_not_what_it_was_made_with() {
    let arn = Some("arn:aws:signin:eu-central-1:111122223333:session/one");
    for session_sign_in_session_arn in [None, arn] {
        let keyless = Event { session_sign_in_session_arn, ..by_session("Ops", "bob", None, START) };
        let login = at_sign_in(keyless, "ConsoleLogin", "login", START + SECOND);
        let console = Event { session_credential_from_console: Some(true), ..by_session("Ops", "bob", Some("ASIAC"), START) };
        let issued = || Issued::of(&login).unwrap();
        let alone = Actors::new(Lineage::new(vec![issued()]));
        assert_eq!(cited(&alone.of(&login)), [""; 0]);
        assert!(alone.of(&login).missing.is_some());
        assert_eq!(cited(&alone.of(&console)), ["login"]);
        // What opened the role's session is what it was made with, though the sign-in bears the same id and creation.
        let assumed = assume(by_user("bob", Some("AKIA1")), "assume", START, "Ops", "bob", "ASIA1");
        let whole = Actors::new(Lineage::new(vec![issued(), assumed]));
        assert_eq!(cited(&whole.of(&login)), ["assume"]);
    }
}

#[test]
fn of_two_sign_ins_at_once_neither_was_made_with_the_other_and_a_token_for_the_command_line_was() {
    let keyless = || by_session("Ops", "bob", None, START);
    let logins =
        [at_sign_in(keyless(), "ConsoleLogin", "a", START + SECOND), at_sign_in(keyless(), "ConsoleLogin", "b", START + 2 * SECOND)];
    let token = Event { event_type: Some("AwsApiCall"), ..at_sign_in(keyless(), "CreateOAuth2Token", "token", START + 3 * SECOND) };
    let known = logins.iter().chain([&token]).filter_map(Issued::of).collect();
    let actors = Actors::new(Lineage::new(known));
    assert!(logins.iter().all(|login| cited(&actors.of(login)).is_empty()));
    assert_eq!(cited(&actors.of(&token)), ["b"], "the later one, and not itself");
}

#[test]
fn a_switch_of_roles_that_says_its_sessions_creation_leads_to_who_switched() {
    let carol = "arn:aws:iam::111122223333:user/carol";
    let login = at_sign_in(by_user("carol", None), "ConsoleLogin", "login", START);
    let switched = by_session("Ops", "carol", None, START + 300 * SECOND);
    let switch = Event {
        additional_event_data: Some(leak(json!({"SwitchFrom": carol}).to_string())),
        ..at_sign_in(switched, "SwitchRole", "switch", START + 300 * SECOND)
    };
    let used = Event { session_credential_from_console: Some(true), ..by_session("Ops", "carol", Some("ASIAC"), START + 300 * SECOND) };
    let actors = Actors::new(Lineage::new([&login, &switch].into_iter().filter_map(Issued::of).collect()));
    assert_eq!(cited(&actors.of(&used)), ["switch", "login"]);
    // So does the switch itself, whose data a question may not have read.
    for switch in [switch, Event { additional_event_data: None, ..switch }] {
        let actor = actors.of(&switch);
        assert_eq!((cited(&actor), actor.missing.as_ref()), (vec!["login".to_owned()], None));
        assert_eq!(actor.origin.arn.as_deref(), Some(carol));
    }
}

#[test]
fn a_token_to_sign_in_with_makes_nobody_a_person_and_issues_no_session_anew() {
    let session = || by_session("Admin", "s", Some("ASIA1"), START);
    let token = |key: &str| Event {
        response_elements: Some(leak(json!({"GetSigninToken": "Success", "credentials": {"accessKeyId": full(key)}}).to_string())),
        ..at_sign_in(session(), "GetSigninToken", "token", START)
    };
    let assumed = || assume(by_user("mallory", Some("AKIA1")), "assume", START, "Admin", "s", "ASIA1");
    let lineage = Lineage::new(vec![assumed(), Issued::of(&token("ASIA1")).unwrap()]);
    assert_eq!(lineage.issued().len(), 2);
    // The sign-in service names the key that was shown to it.
    assert_eq!(names(&lineage, &session(), START + SECOND), [(Strength::Exact, "assume".to_owned())]);
    let actors = Actors::new(lineage);
    assert_eq!(cited(&actors.of(&token("ASIA1"))), ["assume"]);
    for event in [token("ASIA1"), session()] {
        assert_eq!((actors.of(&event).origin.kind, actors.of(&event).label().as_str()), (OriginKind::Unknown, "mallory via Admin"));
    }
    // Whoever then works in the console is a person.
    let console = Event { session_credential_from_console: Some(true), ..by_session("Admin", "s", Some("ASIAC"), START) };
    assert_eq!(actors.of(&console).origin.kind, OriginKind::Human);
    // A key of its own, it did issue.
    let other = Lineage::new(vec![assumed(), Issued::of(&token("ASIA2")).unwrap()]);
    let path = only_path(&other, &by_session("Admin", "s", Some("ASIA2"), START), START + SECOND);
    assert_eq!(path.steps.iter().map(|s| s.refs[0].as_str()).collect::<Vec<_>>(), ["token", "assume"]);
}

#[test]
fn on_whose_behalf_one_session_of_a_chain_acted_tells_whom_the_portal_was_asked_by() {
    let portal = |user: &'static str| {
        Issued::of(&Event {
            event_source: Some("sso.amazonaws.com"),
            event_name: Some("GetRoleCredentials"),
            event_id: Some(user),
            event_time: Some(START),
            user_identity_type: Some("IdentityCenterUser"),
            user_identity_on_behalf_of_user_id: Some(user),
            service_event_details: Some(r#"{"role_name":"Admin","account_id":"111122223333"}"#),
            ..Event::default()
        })
        .unwrap()
    };
    let mut asserted = assume(by_user("x", None), "assertion", START, "AWSReservedSSO_Admin_0f", "carol", "ASIA1");
    asserted.what.by_identity_center = true;
    asserted.holder =
        Holder::of(&Event { user_identity_type: Some("SAMLUser"), user_identity_user_name: Some("carol"), ..Event::default() });
    let acting = Event {
        user_identity_on_behalf_of_user_id: Some("u-carol"),
        ..by_session("AWSReservedSSO_Admin_0f", "carol", Some("ASIA2"), START)
    };
    let onward = assume(acting, "onward", START + 60 * SECOND, "Zed", "z", "ASIA3");
    let lineage = Lineage::new(vec![portal("u-carol"), portal("u-dave"), asserted, onward]);
    let path = only_path(&lineage, &by_session("Zed", "z", Some("ASIA3"), START + 60 * SECOND), START + 90 * SECOND);
    assert_eq!(path.steps.iter().map(|s| s.refs[0].as_str()).collect::<Vec<_>>(), ["onward", "assertion", "u-carol"]);
}

/// A call of somebody whom AWS has no credentials of.
fn from_outside(service: &'static str, name: &'static str, identity: &'static str, request: &Value, response: &Value) -> Event<'static> {
    Event {
        event_source: Some(service),
        event_name: Some(name),
        event_id: Some("issue"),
        event_time: Some(START),
        user_identity_type: Some(identity),
        recipient_account_id: Some(ACCOUNT),
        request_parameters: Some(leak(request.to_string())),
        response_elements: Some(leak(response.to_string())),
        ..Event::default()
    }
}

/// The origin of a call from outside and of what was done with what it issued, which are one.
#[track_caller]
fn origin_from_outside(call: &Event<'static>, role: &str) -> Origin {
    let actors = Actors::new(Lineage::new(vec![Issued::of(call).unwrap()]));
    let used = actors.of(&by_session(role, "s", Some("ASIA1"), START));
    assert_eq!((cited(&used), used.missing.as_ref()), (vec!["issue".to_owned()], None));
    assert_eq!(used.origin, actors.of(call).origin, "one actor, whether it opens the session or works in it");
    used.origin.clone()
}

#[test]
fn whoever_comes_with_a_certificate_or_as_an_identity_of_cognito_is_named_by_it() {
    let credentials = json!({"accessKeyId": full("ASIA1")});
    let opened = |declared: Value| {
        let assumed = json!({"assumedRoleId": "AROAEdge:s", "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/Edge/s")});
        let response = json!({
            "credentialSet": [{"credentials": credentials, "assumedRoleUser": assumed, "sourceIdentity": declared}],
            "subjectArn": "arn:aws:rolesanywhere:eu-central-1:111122223333:subject/41",
        });
        let request = json!({"trustAnchorArn": "arn:aws:rolesanywhere:eu-central-1:111122223333:trust-anchor/7"});
        origin_from_outside(&from_outside("rolesanywhere.amazonaws.com", "CreateSession", "Unknown", &request, &response), "Edge")
    };
    let host = opened(json!("CN=host1"));
    assert_eq!((host.name.as_str(), host.kind), ("certificate CN=host1 (trust-anchor/7)", OriginKind::Unknown));
    assert_eq!(host.account.as_deref(), Some(ACCOUNT));
    assert_eq!(opened(Value::Null).name, "certificate subject/41 (trust-anchor/7)");
    let identity = json!({"identityId": "eu-central-1:1234"});
    let response = json!({"credentials": credentials, "identityId": "eu-central-1:1234"});
    let guest = from_outside("cognito-identity.amazonaws.com", "GetCredentialsForIdentity", "Unknown", &identity, &response);
    let guest = origin_from_outside(&guest, "Guest");
    assert_eq!((guest.name.as_str(), guest.kind), ("Cognito identity eu-central-1:1234", OriginKind::Unknown));
}

#[test]
fn a_pipeline_and_a_service_account_are_each_one_actor_in_all_their_sessions() {
    for (subject, name) in [
        ("repo:org/app:ref:refs/heads/main", "repo:org/app:ref:refs/heads/main"),
        ("system:serviceaccount:prod:api", "service account prod:api"),
    ] {
        let assumed = json!({"assumedRoleId": "AROADeploy:s", "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/Deploy/s")});
        let response =
            json!({"credentials": {"accessKeyId": full("ASIA1")}, "assumedRoleUser": assumed, "subjectFromWebIdentityToken": subject});
        let call = Event {
            user_identity_principal_id: Some(leak(format!("issuer:sts.amazonaws.com:{subject}"))),
            user_identity_user_name: Some(leak(subject)),
            ..from_outside("sts.amazonaws.com", "AssumeRoleWithWebIdentity", "WebIdentityUser", &json!({}), &response)
        };
        let origin = origin_from_outside(&call, "Deploy");
        assert_eq!((origin.name.as_str(), origin.kind, origin.arn), (name, OriginKind::Workload, None));
        assert_eq!(origin.principal_id, call.user_identity_principal_id.map(str::to_owned));
    }
}

#[test]
fn an_instance_is_one_actor_however_it_is_known() {
    let (id, arn) = ("i-0123456789abcdef0", "arn:aws:ec2:eu-central-1:111122223333:instance/i-0123456789abcdef0");
    let ec2 = Event {
        user_identity_type: Some("AWSService"),
        user_identity_invoked_by: Some("ec2.amazonaws.com"),
        recipient_account_id: Some(ACCOUNT),
        ..Event::default()
    };
    let scope = leak(json!({"issuerType": "AWS::EC2::Instance", "credentialsIssuedTo": arn}).to_string());
    let actors = Actors::new(Lineage::new(vec![assume(ec2, "profile", START, "Web", id, "ASIA1")]));
    let session = |key, created| Event { session_ec2_role_delivery: Some("2.0"), ..by_session("Web", id, Some(key), created) };
    let said = Event { user_identity_in_scope_of: Some(scope), ..session("ASIA1", START) };
    let later = Event { user_identity_in_scope_of: Some(scope), ..session("ASIA2", START + 3600 * SECOND) };
    for (event, expected) in [
        (said, arn),
        (later, arn),
        (session("ASIA3", START + 7200 * SECOND), "arn:aws:sts::111122223333:assumed-role/Web/i-0123456789abcdef0"),
    ] {
        let origin = actors.of(&event).origin.clone();
        assert_eq!(
            (origin.name, origin.principal_id.as_deref(), origin.arn.as_deref()),
            (format!("instance {id}"), Some(id), Some(expected))
        );
    }
}

/// One session of a made-up estate: who assumed it (a user, or an earlier session), when, in which role, under which name.
#[derive(Debug, Clone)]
struct Session {
    parent: Option<usize>,
    user: usize,
    at: i64,
    role: usize,
    name: usize,
    deleted: bool,
}

fn sessions() -> impl Strategy<Value = Vec<Session>> {
    let one = (any::<prop::sample::Index>(), any::<bool>(), 0usize..3, 0i64..3, 0usize..2, 0usize..2, prop::bool::weighted(0.3));
    prop::collection::vec(one, 1..14).prop_map(|all| {
        let mut at = START;
        let mut made: Vec<Session> = Vec::new();
        for (parent, chained, user, wait, role, name, deleted) in all {
            at += wait * SECOND;
            let parent = (chained && !made.is_empty()).then(|| parent.index(made.len()));
            made.push(Session { parent, user, at, role, name, deleted });
        }
        made
    })
}

fn holder_of(all: &[Session], at: usize, with_key: bool) -> Event<'static> {
    let s = &all[at];
    by_session(&format!("role{}", s.role), &format!("name{}", s.name), with_key.then(|| leak(format!("ASIA{at}"))), s.at)
}

fn evidence(all: &[Session]) -> Vec<Issued> {
    let call = |(at, s): (usize, &Session)| {
        let caller = match s.parent {
            Some(parent) => holder_of(all, parent, true),
            None => by_user(&format!("user{}", s.user), Some(&format!("AKIA{}", s.user))),
        };
        assume(caller, &format!("event{at}"), s.at, &format!("role{}", s.role), &format!("name{}", s.name), &format!("ASIA{at}"))
    };
    all.iter().enumerate().filter(|(_, s)| !s.deleted).map(call).collect()
}

/// The calls above a session, nearest first, up to the first that is not in evidence, and who stands there.
fn truth(all: &[Session], at: usize) -> (Vec<String>, String) {
    let (mut steps, mut at) = (Vec::new(), at);
    loop {
        let s = &all[at];
        if s.deleted {
            return (steps, format!("role{}/name{}", s.role, s.name));
        }
        steps.push(format!("event{at}"));
        match s.parent {
            Some(parent) => at = parent,
            None => return (steps, format!("user{}", s.user)),
        }
    }
}

proptest! {
    /// Small names and times that collide on purpose; a third of the calls is lost.
    #[test]
    fn nobody_is_named_whom_the_evidence_does_not_support(all in sessions(), shuffle in any::<prop::sample::Index>()) {
        let mut found = evidence(&all);
        let cut = shuffle.index(found.len() + 1);
        let cut = cut.min(found.len());
        found.rotate_left(cut);
        let lineage = Lineage::new(found);
        for at in 0..all.len() {
            let expected = truth(&all, at);
            // With its key, a use leads exactly where it came from.
            let chain = lineage.chain(&Holder::of(&holder_of(&all, at, true)), Some(all[at].at));
            let told: Vec<_> = chain.paths.iter().map(|p| (p.steps.iter().map(|s| s.refs[0].clone()).collect::<Vec<_>>(), p.origin.name.clone())).collect();
            prop_assert_eq!(&told, std::slice::from_ref(&expected));
            prop_assert_eq!(chain.paths[0].missing.is_some(), expected.1.contains('/'));
            // Without it, every call named is one of the same role, name and second, and the true one is among them.
            let keyless = lineage.chain(&Holder::of(&holder_of(&all, at, false)), Some(all[at].at));
            for path in &keyless.paths {
                if let Some(first) = path.steps.first() {
                    let named: usize = first.refs[0].trim_start_matches("event").parse().unwrap();
                    let same = (all[named].role, all[named].name, all[named].at) == (all[at].role, all[at].name, all[at].at);
                    prop_assert!(same);
                }
            }
            if !all[at].deleted {
                let firsts: Vec<&str> = keyless.paths.iter().filter_map(|p| p.steps.first()).map(|s| s.refs[0].as_str()).collect();
                let own = format!("event{at}");
                prop_assert!(firsts.contains(&own.as_str()) || keyless.paths.len() == 8);
            }
        }
    }
}
