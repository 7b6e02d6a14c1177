//! What answers tell of callers beside their key, and what of it may reach a terminal: records of a made-up night, the lines written by hand.

use serde_json::{Value, json};

use crate::asked::{TestStore, list, plain};
use crate::motion::{answered, event, sign_in, store, user};

/// A console session of a user, one of a role whose opener declared who it is, and a request to S3 without credentials.
fn night() -> Vec<Value> {
    let none = json!(null);
    let opened = json!({"groupId": "sg-0123456789abcdef0", "ipPermissions": {"items": [
        {"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]}}]}});
    let console = |name: &str, mfa: &str| {
        let mut own = user(name);
        own["accessKeyId"] = json!(format!("ASIA{:A<16}", name.to_uppercase()));
        own["sessionContext"] = json!({"attributes": {"creationDate": "2025-10-15T02:00:00Z", "mfaAuthenticated": mfa}});
        own
    };
    let session = json!({"type": "AssumedRole", "principalId": "AROAPROD:x", "arn": "arn:aws:sts::111122223333:assumed-role/Prod/x",
        "accountId": "111122223333", "accessKeyId": "ASIAPRODAAAAAAAAAAAA", "sessionContext": {
            "sessionIssuer": {"type": "Role", "arn": "arn:aws:iam::111122223333:role/Prod", "userName": "Prod"},
            "attributes": {"creationDate": "2025-10-15T03:00:00Z", "mfaAuthenticated": "false"}, "sourceIdentity": "kim@example.org"}});
    let mut by_gina = event("open-ssh", "02:05:00", "ec2:AuthorizeSecurityGroupIngress", &console("gina", "true"), &opened, &none);
    let mut by_hugo = event("open-too", "02:06:00", "ec2:AuthorizeSecurityGroupIngress", &console("hugo", "false"), &opened, &none);
    (by_gina["sessionCredentialFromConsole"], by_hugo["sessionCredentialFromConsole"]) = (json!("true"), json!("true"));
    let anonymous = json!({"type": "AWSAccount", "principalId": "", "accountId": "ANONYMOUS_PRINCIPAL"});
    vec![
        by_gina,
        by_hugo,
        event("by-prod", "03:05:00", "ec2:DeleteVpc", &session, &json!({"vpcId": "vpc-0123456789abcdef0"}), &none),
        event("anybody", "04:00:00", "s3:PutObject", &anonymous, &json!({"bucketName": "acme-exports", "key": "k"}), &none),
    ]
}

/// The line below the one of an event, which says from where and with what.
fn place(text: &str, event: &str) -> String {
    text.lines().find(|line| line.trim_start().starts_with("eu-west-1") && line.contains(event)).unwrap_or_default().trim().to_owned()
}

#[test]
fn console_mfa_and_source_identity_stand_beside_the_key() {
    let store = store(&night());
    for question in ["network", "changes", "timeline"] {
        let text = answered(&store, &[question]);
        assert_eq!(
            place(&text, "open-ssh"),
            "eu-west-1  111122223333  from 198.51.100.7  console  MFA  key ASIAGINAAAAAAAAAAAAA  open-ssh",
            "{question}"
        );
        assert_eq!(
            place(&text, "open-too"),
            "eu-west-1  111122223333  from 198.51.100.7  console  no MFA  key ASIAHUGOAAAAAAAAAAAA  open-too",
            "{question}"
        );
        // That a role's session had none is said of nearly all of them, whoever opened it.
        assert_eq!(
            place(&text, "by-prod"),
            "eu-west-1  111122223333  from 198.51.100.7  key ASIAPRODAAAAAAAAAAAA  source identity kim@example.org  by-prod",
            "{question}"
        );
    }
    let actors = answered(&store, &["actors"]);
    assert!(actors.contains("    declared source identity kim@example.org (1) [by-prod]\n"), "{actors}");
    let rows = answered(&store, &["timeline", "--format", "csv"]);
    let row = |id: &str| rows.lines().find(|row| row.contains(id)).unwrap_or_default().to_owned();
    assert!(
        rows.lines().next().is_some_and(|names| names.ends_with(",source_identity,from_console,mfa,source_interfaces,time_end")),
        "{rows}"
    );
    assert!(row("open-too").ends_with(",,true,false,,") && row("by-prod").ends_with(",kim@example.org,,false,,"), "{rows}");
}

#[test]
fn a_request_without_credentials_is_anybodys_and_leads_nowhere() {
    let store = store(&night());
    let timeline = store.json(&["timeline", "--format", "json"]);
    let item = list(&timeline["answer"]).iter().find(|item| item["refs"][0] == "anybody").expect("the event");
    let actor = &item["actor"];
    assert_eq!(
        (plain(&actor["kind"]), plain(&actor["name"]), &actor["missing"]),
        ("unknown".to_owned(), "anonymous".to_owned(), &Value::Null)
    );
    assert_eq!((plain(&item["principal"]["kind"]), &item["principal"]["account"]), ("anonymous".to_owned(), &Value::Null));
    for question in ["timeline", "actors", "changes"] {
        let text = answered(&store, &[question]);
        assert!(!text.contains("ANONYMOUS_PRINCIPAL") && !text.contains("the caller's own record"), "{text}");
    }
}

#[test]
fn a_sign_in_and_what_is_done_after_it_are_of_one_kind_of_actor() {
    let none = json!(null);
    let signed_in = sign_in("05:00:00", "svc");
    let mut session = user("svc");
    session["accessKeyId"] = json!("ASIASVCAAAAAAAAAAAAA");
    session["sessionContext"] = json!({"attributes": {"creationDate": "2025-10-15T05:00:00Z", "mfaAuthenticated": "false"}});
    let mut used = event("in-console", "05:05:00", "ec2:DeleteVpc", &session, &json!({"vpcId": "vpc-0123456789abcdef0"}), &none);
    used["sessionCredentialFromConsole"] = json!("true");
    let password = json!({"loginProfile": {"userName": "svc"}});
    let store = store(&[
        event("password", "04:55:00", "iam:CreateLoginProfile", &user("mallory"), &json!({"userName": "svc"}), &password),
        signed_in,
        used,
    ]);
    let timeline = store.json(&["timeline", "--format", "json"]);
    let actors: Vec<(String, String)> =
        list(&timeline["answer"]).iter().map(|item| (plain(&item["actor"]["name"]), plain(&item["actor"]["kind"]))).collect();
    // That svc signed in does not tell what mallory is, who gave svc the password.
    assert_eq!(actors, vec![("mallory".to_owned(), "unknown".to_owned()); 3]);
}

#[test]
fn no_cell_of_a_file_commands_a_terminal() {
    let mut record = event("evil", "06:00:00", "ec2:DeleteVpc", &user("mallory"), &json!({"vpcId": "vpc-0123456789abcdef0"}), &json!(null));
    record["userAgent"] = json!("\u{1b}[2J\u{1b}]0;title\u{7}clear\r");
    let store: TestStore = store(&[record]);
    for arguments in [
        &["timeline"][..],
        &["changes"],
        &["network"],
        &["actors"],
        &["sql", "SELECT user_agent, chr(27) AS esc, 'two' || chr(10) || 'lines' AS two FROM cloudtrail"],
    ] {
        let text = answered(&store, &[arguments, &["--format", "csv"]].concat());
        assert!(!text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')), "{arguments:?}: {text:?}");
    }
    let rows = answered(&store, &["sql", "SELECT user_agent, 'two' || chr(10) || 'lines' AS two FROM cloudtrail", "--format", "csv"]);
    assert_eq!(rows, "user_agent,two\n\\u{1b}[2J\\u{1b}]0;title\\u{7}clear\\r,\"two\nlines\"\n");
}

#[test]
fn what_no_event_has_is_said_with_what_events_have() {
    let store = store(&night());
    for (option, value, said) in [
        ("--source", "S3", "No event in the store is of the service S3. The nearest that evidence has: s3."),
        ("--account", "nope", "No event in the store is of the account nope. An account id is 12 digits. Evidence has 111122223333."),
        ("--region", "EU-WEST-1", "No event in the store is of the region EU-WEST-1. The nearest that evidence has: eu-west-1."),
        (
            "--actor",
            "GINA",
            "No evidence in the store names GINA as who called. The nearest that evidence names: arn:aws:iam::111122223333:user/gina, gina.",
        ),
        (
            "--arn",
            "PROD",
            "No evidence in the store names PROD. The nearest that evidence names: Prod, arn:aws:iam::111122223333:role/Prod.",
        ),
    ] {
        for question in ["timeline", "actors", "changes", "network"] {
            let text = answered(&store, &[question, option, value]);
            assert!(text.lines().any(|line| line.trim() == said), "{question}: {text}");
        }
    }
    // An account and a service that events have, though not together, are known.
    let text = answered(&store, &["timeline", "--source", "iam", "--account", "111122223333"]);
    assert!(text.contains("of the service iam") && !text.contains("of the account"), "{text}");
}
