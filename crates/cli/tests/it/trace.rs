//! What a trace tells of keys, users and calls: records of one made-up morning, and the answers worked out by hand from what each of them says.

use serde_json::{Value, json};

use crate::asked::{TestStore, list, plain};
use crate::motion::{afternoon, answered, event, session, sign_in, store, user};

const BACKUP: &str = "arn:aws:iam::111122223333:user/backup";
const NEVER_USED: &str = "AKIANEVERUSEDAAAAAAA";
const OTHER: &str = "ASIAOTHERAAAAAAAAAAA";

/// A role's session, and the call by which somebody assumed it.
pub(crate) fn assumed(id: &str, time: &str, by: &Value, role: &str, key: &str) -> (Value, Value) {
    let (principal, arn) = (format!("AROA{role}:s"), format!("arn:aws:sts::111122223333:assumed-role/{role}/s"));
    let call = event(
        id,
        time,
        "sts:AssumeRole",
        by,
        &json!({"roleArn": format!("arn:aws:iam::111122223333:role/{role}"), "roleSessionName": "s"}),
        &json!({"credentials": {"accessKeyId": key}, "assumedRoleUser": {"assumedRoleId": principal, "arn": arn}}),
    );
    let identity = json!({"type": "AssumedRole", "principalId": principal, "arn": arn, "accountId": "111122223333", "accessKeyId": key,
        "sessionContext": {"attributes": {"creationDate": format!("2025-10-15T{time}Z")},
            "sessionIssuer": {"type": "Role", "arn": format!("arn:aws:iam::111122223333:role/{role}"), "userName": role}}});
    (call, identity)
}

/// mallory makes a key for backup that nobody uses, ends an instance, and assumes a role in which a bucket is deleted.
fn morning() -> Vec<Value> {
    let none = json!(null);
    let created = json!({"accessKey": {"userName": "backup", "accessKeyId": NEVER_USED, "status": "Active"}});
    let (assume, session) = assumed("assume", "09:06:00", &user("mallory"), "Other", OTHER);
    vec![
        event("make-key", "09:00:00", "iam:CreateAccessKey", &user("mallory"), &json!({"userName": "backup"}), &created),
        event(
            "end-instance",
            "09:05:00",
            "ec2:TerminateInstances",
            &user("mallory"),
            &json!({"instancesSet": {"items": [{"instanceId": "i-0123456789abcdef0"}]}}),
            &none,
        ),
        assume,
        event("delete-bucket", "09:07:00", "s3:DeleteBucket", &session, &json!({"bucketName": "acme-exports"}), &none),
    ]
}

pub(crate) fn traced(store: &TestStore, subject: &str) -> Value {
    serde_json::from_str(&answered(store, &["trace", subject, "--format", "json"])).expect("JSON")
}

/// The part of a text about what descended.
pub(crate) fn below(text: &str) -> &str {
    text.split("what descended from it").nth(1).and_then(|rest| rest.split("What was not seen").next()).expect("both headings")
}

#[test]
fn a_key_that_was_made_and_never_used_leads_up_to_its_maker_and_down_to_nothing() {
    let store = store(&morning());
    for subject in [NEVER_USED, BACKUP] {
        let trace = traced(&store, subject);
        let [up] = list(&trace["up"]) else { panic!("one way up: {trace}") };
        assert_eq!((plain(&up["principal"]["name"]), plain(&up["principal"]["kind"])), ("backup".to_owned(), "iam_user".to_owned()));
        let path = &up["chain"]["paths"][0];
        let [step] = list(&path["steps"]) else { panic!("one call: {path}") };
        assert_eq!((plain(&step["method"]), plain(&step["caller"]["name"])), ("CreateAccessKey".to_owned(), "mallory".to_owned()));
        assert_eq!((&step["refs"], plain(&path["origin"]["name"])), (&json!(["make-key"]), "mallory".to_owned()));
        let [own] = list(&trace["down"]) else { panic!("the key itself: {trace}") };
        assert_eq!(
            (&own["uses"]["events"], &own["children"]),
            (&json!(0), &json!([])),
            "what mallory did with the key of mallory is none of it"
        );
        let text = answered(&store, &["trace", subject]);
        assert!(text.contains("↑ CreateAccessKey by mallory, 2025-10-15T09:00:00Z"), "{text}");
        assert_eq!(below(&text).trim(), "not used in evidence");
    }
}

#[test]
fn a_user_is_told_with_the_key_that_was_used_and_with_one_that_was_not() {
    let mut records = morning();
    records.push(event("own-key", "09:30:00", "ec2:StopInstances", &user("backup"), &json!({}), &json!(null)));
    let trace = traced(&store(&records), BACKUP);
    let ways: Vec<(String, usize)> = list(&trace["up"])
        .iter()
        .map(|up| (plain(&up["principal"]["access_key_id"]), list(&up["chain"]["paths"][0]["steps"]).len()))
        .collect();
    assert_eq!(ways, [("AKIABACKUPAAAAAAAAAA".to_owned(), 0), (NEVER_USED.to_owned(), 1)]);
    assert_eq!(trace["down"][0]["uses"]["events"], 1);
}

#[test]
fn below_a_call_is_what_it_issued_and_nothing_else_of_its_caller() {
    let store = store(&morning());
    let made = |trace: &Value| {
        let [issued] = list(&trace["down"]) else { panic!("one set of credentials: {trace}") };
        let made = list(&issued["uses"]["made"]).iter().map(|made| plain(&made["ref"])).collect::<Vec<_>>();
        (plain(&issued["method"]), plain(&issued["access_key_id"]), plain(&issued["refs"][0]), made)
    };
    let expected = |method: &str, key: &str, call: &str, made: &[&str]| {
        (method.to_owned(), key.to_owned(), call.to_owned(), made.iter().map(|m| (*m).to_owned()).collect::<Vec<_>>())
    };
    let (assume, key) = (traced(&store, "assume"), traced(&store, "make-key"));
    assert_eq!(made(&assume), expected("AssumeRole", OTHER, "assume", &["delete-bucket"]));
    assert_eq!(made(&key), expected("CreateAccessKey", NEVER_USED, "make-key", &[]));
    for trace in [&assume, &key] {
        assert_eq!((plain(&trace["taken_for"]), plain(&trace["up"][0]["principal"]["name"])), ("event".to_owned(), "mallory".to_owned()));
    }
    let text = answered(&store, &["trace", "assume"]);
    assert!(below(&text).contains("└─ AssumeRole 2025-10-15T09:06:00Z") && below(&text).contains("deleted bucket acme-exports"), "{text}");
    assert!(!text.contains("CreateAccessKey") && !text.contains("i-0123456789abcdef0"), "{text}");
    for (format, caller, issued) in [
        ("dot", "n1 -> n0 [label=\"made this call\"];", "n0 -> n2 [label=\"AssumeRole assume\"];"),
        ("mermaid", "n1 -->|\"made this call\"| n0", "n0 -->|\"AssumeRole assume\"| n2"),
    ] {
        let graph = answered(&store, &["trace", "assume", "--format", format]);
        assert!(graph.contains(caller) && graph.contains(issued) && graph.contains(OTHER) && !graph.contains(NEVER_USED), "{graph}");
    }
}

#[test]
fn what_no_call_issued_and_nothing_was_set_in_motion_by_is_said() {
    let mut records = morning();
    let mut refused = assumed("refused", "09:10:00", &user("mallory"), "Admin", "ASIAREFUSEDAAAAAAAAA").0;
    (refused["errorCode"], refused["responseElements"]) = (json!("AccessDenied"), json!(null));
    records.push(refused);
    let store = store(&records);
    for call in ["refused", "end-instance", "delete-bucket"] {
        assert_eq!(traced(&store, call)["down"], json!([]), "{call}");
        let text = answered(&store, &["trace", call]);
        assert!(below(&text).trim().starts_with("nothing in evidence: no credentials are known that this call issued"), "{text}");
    }
    // Up it goes as for every other event.
    let up = &traced(&store, "delete-bucket")["up"][0];
    assert_eq!((plain(&up["principal"]["name"]), &up["chain"]["paths"][0]["steps"][0]["refs"]), ("Other/s".to_owned(), &json!(["assume"])));
}

#[test]
fn below_a_call_that_set_something_up_is_what_acted_because_of_it() {
    let store = store(&afternoon());
    for (call, part, began, did) in [
        ("create-stack", "set_in_motion", "begin-stack", "by-stack"),
        ("launch", "launched", "begin-instance", "by-instance"),
        ("write", "code_last_set", "begin-function", "by-function"),
    ] {
        let trace = traced(&store, call);
        let [session] = list(&trace["down"]) else { panic!("one session: {trace}") };
        let by = &session["set_in_motion_by"][0];
        assert_eq!((plain(&by["part"]).as_str(), &by["refs"], &session["refs"]), (part, &json!([call]), &json!([began])));
        assert_eq!((&session["uses"]["events"], &session["uses"]["made"][0]["ref"]), (&json!(1), &json!(did)));
    }
}

#[test]
fn what_was_done_after_a_sign_in_with_a_password_hangs_below_whoever_set_it() {
    let none = json!(null);
    let signed_in = sign_in("10:01:00", "svc");
    let mut console = user("svc");
    console["accessKeyId"] = json!("ASIASVCAAAAAAAAAAAAA");
    console["sessionContext"] = json!({"attributes": {"creationDate": "2025-10-15T10:01:00Z", "mfaAuthenticated": "false"}});
    let (mut assume, session) = assumed("assume", "10:03:00", &console, "Admin", "ASIAADMINAAAAAAAAAAA");
    assume["sessionCredentialFromConsole"] = json!("true");
    let mut records = morning();
    records.extend([
        event(
            "password",
            "10:00:00",
            "iam:CreateLoginProfile",
            &user("mallory"),
            &json!({"userName": "svc"}),
            &json!({"loginProfile": {"userName": "svc"}}),
        ),
        signed_in,
        assume,
        event("delete-backups", "10:04:00", "s3:DeleteBucket", &session, &json!({"bucketName": "acme-backups"}), &none),
    ]);
    let store = store(&records);
    let child = |node: &Value, method: &str| {
        list(&node["children"]).iter().find(|node| node["method"] == method).cloned().unwrap_or_else(|| panic!("no {method}: {node}"))
    };
    let by_key = traced(&store, "AKIAMALLORYAAAAAAAAA");
    for password in [child(&by_key["down"][0], "CreateLoginProfile"), traced(&store, "password")["down"][0].clone()] {
        let admin = child(&child(&password, "ConsoleLogin"), "AssumeRole");
        assert_eq!((&admin["refs"], &admin["uses"]["made"][0]["ref"]), (&json!(["assume"]), &json!("delete-backups")));
    }
    let named = store.json(&["changes", "--actor", "mallory", "--format", "json"]);
    assert!(list(&named["answer"]).iter().any(|item| item["refs"][0] == "delete-backups"), "{named}");
}

/// alice and bob assume one role under one name in the same second; what is done in the console may be either's.
fn shared() -> Vec<Value> {
    let none = json!(null);
    let (by_alice, session) = assumed("by-alice", "09:00:00", &user("alice"), "Shared", "ASIAALICESAAAAAAAAAA");
    let (by_bob, _) = assumed("by-bob", "09:00:00", &user("bob"), "Shared", "ASIABOBSAAAAAAAAAAAA");
    let with_key = |key: &str| {
        let mut own = session.clone();
        own["accessKeyId"] = json!(key);
        own
    };
    let deleted = |id: &str, time: &str, key: &str| event(id, time, "s3:DeleteBucket", &with_key(key), &json!({"bucketName": id}), &none);
    let console = |mut event: Value| {
        event["sessionCredentialFromConsole"] = json!("true");
        event
    };
    let onward = assumed("onward", "09:04:00", &with_key("ASIACONSOLEAAAAAAAAA"), "Onward", "ASIAONWARDAAAAAAAAAA").0;
    vec![
        by_alice,
        by_bob,
        deleted("of-alice", "09:01:00", "ASIAALICESAAAAAAAAAA"),
        deleted("of-bob", "09:02:00", "ASIABOBSAAAAAAAAAAAA"),
        console(deleted("of-either", "09:03:00", "ASIACONSOLEAAAAAAAAA")),
        console(onward),
        // No call in evidence issued this key, and the session of that name issued others.
        deleted("of-nobody", "09:05:00", "ASIANOBODYAAAAAAAAAA"),
    ]
}

#[test]
fn what_fits_two_sessions_is_told_apart_with_whose_else_it_may_be() {
    let store = store(&shared());
    let refs = |made: &Value| list(made).iter().map(|made| plain(&made["ref"])).collect::<Vec<_>>();
    for (user, key, own, other, others_key) in [
        ("AKIAALICEAAAAAAAAAAA", "ASIAALICESAAAAAAAAAA", "of-alice", "by-bob", "bob"),
        ("AKIABOBAAAAAAAAAAAAA", "ASIABOBSAAAAAAAAAAAA", "of-bob", "by-alice", "alice"),
    ] {
        let (above, itself) = (traced(&store, user), traced(&store, key));
        let [session] = list(&above["down"][0]["children"]) else { panic!("one session: {above}") };
        for node in [session, &itself["down"][0]] {
            assert_eq!((refs(&node["uses"]["made"]), &node["uses"]["strengths"]), (vec![own.to_owned()], &json!({"exact": 1})), "{node}");
            let [shared] = list(&node["shared_uses"]) else { panic!("what may be another's: {node}") };
            // The call that opens the next session is one of the two.
            assert_eq!((refs(&shared["uses"]["made"]), &shared["uses"]["events"]), (vec!["of-either".to_owned()], &json!(2)));
            assert_eq!((plain(&shared["strength"]), &shared["others"][0]["refs"]), ("strong".to_owned(), &json!([other])));
            assert_eq!(plain(&shared["others"][0]["caller"]), others_key);
            let [onward] = list(&node["children"]) else { panic!("one session further: {node}") };
            assert_eq!((&onward["refs"], &onward["others"][0]["refs"]), (&json!(["onward"]), &json!([other])));
        }
        let text = answered(&store, &["trace", user]);
        let line = "perhaps another's: 2 events (2 ok; strong, unique id of the session and its creation time), 2025-10-15T09:03:00Z";
        let whose = format!("or with what AssumeRole by {others_key} issued, 2025-10-15T09:00:00Z [{other}]");
        assert!(text.contains(line) && text.contains(&whose) && !text.contains("of-nobody"), "{text}");
        for format in ["dot", "mermaid"] {
            let graph = answered(&store, &["trace", user, "--format", format]);
            assert!(graph.contains("perhaps another's: 2 events (strong, unique id of the session and its creation time)"), "{graph}");
            assert!(graph.contains(&format!("or with what AssumeRole by {others_key} issued")), "{graph}");
        }
    }
    // By the session's name both are asked for, and nothing is another's.
    let both = traced(&store, "arn:aws:sts::111122223333:assumed-role/Shared/s");
    assert_eq!(refs(&both["down"][0]["uses"]["made"]), ["of-alice", "of-bob", "of-either", "of-nobody"]);
    assert_eq!(both["down"][0]["shared_uses"], Value::Null);
}

#[test]
fn a_sign_in_above_is_not_told_below_as_well() {
    let identity = |key: Option<&str>| {
        let mut identity = assumed("none", "09:00:00", &json!({}), "Desk", key.unwrap_or_default()).1;
        if key.is_none() {
            identity.as_object_mut().expect("an object").remove("accessKeyId");
        }
        identity
    };
    let none = json!(null);
    let mut login = event("login", "09:00:01", "signin:ConsoleLogin", &identity(None), &none, &json!({"ConsoleLogin": "Success"}));
    login["eventType"] = json!("AwsConsoleSignIn");
    let mut used =
        event("used", "09:05:00", "s3:DeleteBucket", &identity(Some("ASIADESKAAAAAAAAAAAA")), &json!({"bucketName": "b"}), &none);
    used["sessionCredentialFromConsole"] = json!("true");
    let store = store(&[login, used]);
    let trace = traced(&store, "ASIADESKAAAAAAAAAAAA");
    assert_eq!(trace["up"][0]["chain"]["paths"][0]["steps"][0]["refs"], json!(["login"]));
    let own = &trace["down"][0];
    assert_eq!((&own["children"], &own["uses"]["events"], &own["uses"]["made"][0]["ref"]), (&json!([]), &json!(1), &json!("used")));
    // The sign-in itself leads to nothing above, which is said, and down to what was done in the console.
    let trace = traced(&store, "login");
    assert_eq!(
        (&trace["up"][0]["chain"]["paths"][0]["steps"], trace["up"][0]["chain"]["paths"][0]["missing"].is_null()),
        (&json!([]), false)
    );
    assert_eq!(trace["down"][0]["uses"]["made"][0]["ref"], "used");
}

#[test]
fn a_graph_says_what_the_tree_says() {
    let store = store(&afternoon());
    let mut records = morning();
    let mut missing = event(
        "missing",
        "09:20:00",
        "s3:DeleteBucket",
        &assumed("no", "09:15:00", &json!({}), "Lost", "ASIALOSTAAAAAAAAAAAA").1,
        &json!({}),
        &json!(null),
    );
    missing["userIdentity"]["sessionContext"]["sourceIdentity"] = json!("zoe");
    records.push(missing);
    let lost = self::store(&records);
    for format in ["dot", "mermaid"] {
        let graph = answered(&lost, &["trace", "missing", "--format", format]);
        for said in [
            "origin: Lost/s",
            "unknown: no call that issued the session is in evidence",
            "source identity zoe",
            "missing: no call that issued key",
        ] {
            assert!(graph.contains(said), "{said}: {graph}");
        }
        let graph = answered(&lost, &["trace", "AKIAMALLORYAAAAAAAAA", "--format", format]);
        assert!(graph.contains("terminated i-0123456789abcdef0") && graph.contains("deleted bucket acme-exports"), "{graph}");
        let graph = answered(&store, &["trace", "by-stack", "--format", format]);
        assert!(graph.contains("set in motion by alice"), "{graph}");
    }
}

#[test]
fn what_names_nothing_to_trace_is_said_with_what_would() {
    let store = store(&morning());
    let refused = |subject: &str| {
        let output = store.run(&["trace", subject]);
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = refused("");
    assert!(code == Some(2) && said.contains("is no access key id, no ARN and no event id"), "{said}");
    let (code, said) = refused("arn:aws:iam::111122223333:role/Other");
    assert!(
        code == Some(2) && said.contains("trace one of them") && said.contains("arn:aws:sts::111122223333:assumed-role/Other/s"),
        "{said}"
    );
    let (code, said) = refused("arn:aws:iam::111122223333:role/Unmet");
    assert!(code == Some(1) && said.contains("no event in the store was made with"), "{said}");
}

#[test]
fn the_root_users_own_key_leads_through_no_user_of_that_name() {
    let root = |key: &str| json!({"type": "Root", "principalId": "111122223333", "arn": "arn:aws:iam::111122223333:root", "accountId": "111122223333", "accessKeyId": key});
    let created = json!({"accessKey": {"userName": "root", "accessKeyId": "AKIAROOTSECONDAAAAAA"}});
    let store = store(&[
        event("make", "09:00:00", "iam:CreateAccessKey", &root("AKIAROOTFIRSTAAAAAAA"), &json!(null), &created),
        event("use", "09:05:00", "s3:DeleteBucket", &root("AKIAROOTSECONDAAAAAA"), &json!({"bucketName": "b"}), &json!(null)),
    ]);
    let timeline = store.json(&["timeline", "--at", "2025-10-15T10:00:00Z", "--format", "json"]);
    for item in list(&timeline["answer"]) {
        assert_eq!((plain(&item["actor"]["name"]), &item["actor"]["via"]), ("root of 111122223333".to_owned(), &json!([])), "{item}");
    }
    let trace = traced(&store, "arn:aws:iam::111122223333:root");
    let (root, second) = (&trace["down"][0], &trace["down"][0]["children"][0]);
    assert_eq!((&root["uses"]["refs"], &second["refs"], &second["uses"]["refs"]), (&json!(["make"]), &json!(["make"]), &json!(["use"])));
}

#[test]
fn what_acted_because_of_a_call_that_may_be_anothers_is_told_so() {
    let mut records = shared();
    let (began, instance) =
        session("ec2.amazonaws.com", "arn:aws:iam::111122223333:role/Web", "i-0123456789abcdef0", "09:20:00", "begin-instance");
    let launched = json!({"instancesSet": {"items": [{"instanceId": "i-0123456789abcdef0"}]}});
    let mut launch = event("launch", "09:10:00", "ec2:RunInstances", &records[4]["userIdentity"], &json!({}), &launched);
    launch["sessionCredentialFromConsole"] = json!("true");
    records.extend([
        launch,
        began,
        event("by-instance", "09:21:00", "s3:CreateBucket", &instance, &json!({"bucketName": "b"}), &json!(null)),
    ]);
    let trace = traced(&store(&records), "AKIAALICEAAAAAAAAAAA");
    let below = list(&trace["down"][0]["children"][0]["children"]);
    let acted =
        below.iter().find(|node| node["refs"] == json!(["begin-instance"])).unwrap_or_else(|| panic!("the instance's session: {trace}"));
    assert_eq!((&acted["set_in_motion_by"][0]["refs"], &acted["others"][0]["refs"]), (&json!(["launch"]), &json!(["by-bob"])));
    assert_eq!(acted["uses"]["made"][0]["ref"], "by-instance");
}

#[test]
fn a_token_to_sign_in_with_has_its_row_and_whoever_asked_for_it_is_told_once() {
    let (assume, identity) = assumed("assume", "09:00:00", &user("mallory"), "Admin", "ASIAADMINAAAAAAAAAAA");
    let answer = json!({"credentials": {"accessKeyId": "ASIAADMINAAAAAAAAAAA"}, "GetSigninToken": "Success"});
    let mut token = event("token", "09:00:05", "signin:GetSigninToken", &identity, &json!(null), &answer);
    token["eventType"] = json!("AwsConsoleSignIn");
    let store = store(&[assume, token]);
    let rows =
        store.rows("SELECT event_id, issued_access_key_id AS key, issued_arn AS arn FROM credentials WHERE method = 'GetSigninToken'");
    let arn = "arn:aws:sts::111122223333:assumed-role/Admin/s";
    assert_eq!(rows, [json!({"event_id": "token", "key": "ASIAADMINAAAAAAAAAAA", "arn": arn})]);
    for subject in ["ASIAADMINAAAAAAAAAAA", arn] {
        let trace = traced(&store, subject);
        let [up] = list(&trace["up"]) else { panic!("one way up: {trace}") };
        let path = &up["chain"]["paths"][0];
        assert_eq!((&path["steps"][0]["refs"], &path["origin"]["kind"]), (&json!(["assume"]), &json!("unknown")));
        let text = answered(&store, &["trace", subject]);
        assert!(below(&text).contains("what was done in the console bears the unique id of the session above"), "{text}");
    }
}
