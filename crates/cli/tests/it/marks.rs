//! What `actors` marks: what is new against the time before the window, bursts of refused calls, sensitive calls.
//!
//! The incident's answer was worked out from its raw files by a script that knows nothing of this program: the leaked user's own events, and those of the
//! keys that `incident.truth.json` says its calls were issued, before the window and in it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::asked::{TestStore, plain};

const LEAKED: &str = "arn:aws:iam::237269351502:user/build-pipeline";

fn actors(store: &TestStore, window: &[&str]) -> Vec<Value> {
    let answer = store.json(&[&["actors", "--format", "json"], window].concat());
    answer["answer"].as_array().expect("items").clone()
}

fn actor(store: &TestStore, window: &[&str], arn: &str) -> Value {
    actors(store, window).into_iter().find(|a| a["actor"]["arn"] == arn).unwrap_or_else(|| panic!("{arn} is not among the actors"))
}

fn marks<'a>(actor: &'a Value, kind: &str) -> Vec<&'a Value> {
    actor["marks"].as_array().expect("marks").iter().filter(|m| m["kind"] == kind).collect()
}

/// Value and citation of the marks of one kind.
fn cited(actor: &Value, kind: &str) -> Vec<(String, String)> {
    marks(actor, kind).iter().map(|m| (plain(&m["value"]), plain(&m["ref"]))).collect()
}

fn values(actor: &Value, kind: &str) -> BTreeSet<String> {
    cited(actor, kind).into_iter().map(|(value, _)| value).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(value, reference)| ((*value).to_owned(), (*reference).to_owned())).collect()
}

/// The window begins between the one call of the pipeline itself (s3:PutObject at 05:00 from 192.0.2.30 in eu-central-1) and the intruder's first.
const SINCE_SEVEN: [&str; 4] = ["--at", "2025-10-15T14:05:00Z", "--before", "7h"];

/// By hand, from the files: the first twenty of 39 calls that only the intruder made with the leaked user's credentials or those they led to.
const NEW_CALLS: &[(&str, &str)] = &[
    ("sts:GetCallerIdentity", "94e96412-cf2a-4106-985c-601aeaa60bc8"),
    ("iam:ListUsers", "9c78437c-eb94-443d-8ed6-824e8cb43363"),
    ("iam:GetAccountAuthorizationDetails", "bd3e9638-b04c-4eee-a24f-99fd78d6c363"),
    ("iam:ListAttachedUserPolicies", "96eb52e0-ef5f-48c4-a8bf-3c79d8562aee"),
    ("organizations:ListAccounts", "e176e1cc-7711-4bb8-aea1-cc695addd5d0"),
    ("s3:ListBuckets", "6af2fd15-3382-4317-be47-5b73bb4cae52"),
    ("ec2:DescribeInstances", "2425a313-3944-4612-869d-a1e4e4ff6795"),
    ("secretsmanager:ListSecrets", "71a97597-3492-4dfb-8fee-0ee2a350469a"),
    ("sts:AssumeRole", "85825aab-2d8a-45b8-8cf1-73ac57e55d07"),
    ("iam:ListRoles", "08ec5a1d-9cdc-4ac3-83f9-1475521649e3"),
    ("ec2:DescribeSecurityGroups", "26957aab-788a-4468-bbb0-27b3e6a9c7f3"),
    ("ec2:DescribeVpcs", "eb537e0a-9b05-423a-8278-a802f14a5479"),
    ("cloudtrail:DescribeTrails", "7e1f7f66-ebd5-429c-8079-f176e70c98e4"),
    ("cloudtrail:GetTrailStatus", "990abf55-2c24-4528-a28b-d2a2365d34a0"),
    ("guardduty:ListDetectors", "10ac1f60-c98b-457b-90c0-2917c8dd6f75"),
    ("iam:CreateUser", "1ac1db56-fb20-4fd3-9f14-1bf6caf27670"),
    ("iam:AttachUserPolicy", "16a80f79-8b56-4069-8002-a7c3c648f2dd"),
    ("iam:CreateAccessKey", "11e64aad-69ac-44fa-84c8-f644d55ed7f5"),
    ("iam:CreateLoginProfile", "65ba88b3-e592-4f77-af34-503d57481133"),
    ("iam:UpdateAssumeRolePolicy", "55269278-800d-48e6-9ad8-99b201841f1b"),
];

#[test]
fn what_is_new_for_the_leaked_key_is_told_with_the_event_it_began_with() {
    let store = TestStore::of_fixture("incident");
    let leaked = actor(&store, &SINCE_SEVEN, LEAKED);
    assert_eq!(leaked["compared"]["comparison"], "compared");
    assert_eq!(cited(&leaked, "new_key"), pairs(&[("AKIAZJCGCGXPC6Y7RJK3", "8c9dab5b-1a18-453f-a689-cc4e7aeb0f35")]));
    let roles = [
        ("arn:aws:iam::637949588958:role/ops/platform-admin", "8951ede2-9405-4222-ba24-a77a71626b90"),
        ("arn:aws:iam::879303994099:role/ci/deploy", "973dc8b4-cbb3-4f17-940d-104ff155411b"),
    ];
    assert_eq!(cited(&leaked, "new_role"), pairs(&roles));
    let addresses = [("203.0.113.66", "94e96412-cf2a-4106-985c-601aeaa60bc8"), ("203.0.113.189", "8c9dab5b-1a18-453f-a689-cc4e7aeb0f35")];
    assert_eq!(cited(&leaked, "new_address"), pairs(&addresses));
    let regions = [("us-east-1", "94e96412-cf2a-4106-985c-601aeaa60bc8"), ("eu-west-1", "2425a313-3944-4612-869d-a1e4e4ff6795")];
    assert_eq!(cited(&leaked, "new_region"), pairs(&regions), "eu-central-1 was used before");
    assert_eq!(cited(&leaked, "new_call"), pairs(NEW_CALLS));
    assert_eq!(leaked["mark_counts"]["new_call"], 39);
    assert_eq!(leaked["mark_counts"]["new_user_agent"], 2);
    assert_eq!(marks(&leaked, "new_actor"), Vec::<&Value>::new());
    // From the first record of that account, 2025-10-14T00:56:03Z, to 07:05 of the next day.
    let text = plain(&marks(&leaked, "new_address")[0]["text"]);
    assert_eq!(text, "not seen in the 30 hours of evidence of account 237269351502 before the window");
    assert_eq!(leaked["in_store"]["first_event_time"], "2025-10-15T05:00:12Z");
    let blinded = marks(&leaked, "sensitive_call").into_iter().find(|m| m["value"] == "cloudtrail:StopLogging");
    assert_eq!(blinded.map(|m| plain(&m["ref"])).as_deref(), Some("5c98fcc4-9259-4f67-8392-0bd7b62df78f"));
}

#[test]
fn whoever_the_store_has_not_before_is_new_once() {
    let store = TestStore::of_fixture("incident");
    let leaked = actor(&store, &["--at", "2025-10-15T14:05:00Z"], LEAKED);
    assert_eq!(leaked["compared"]["comparison"], "not_met_before");
    // Its own first call of the window, from its own address: the window cannot know that somebody else holds the key by then.
    assert_eq!(cited(&leaked, "new_actor").len(), 1);
    assert!(cited(&leaked, "new_actor")[0].1.starts_with("306f1b91-"), "{}", leaked["marks"]);
    let kinds: BTreeSet<String> = leaked["marks"].as_array().expect("marks").iter().map(|m| plain(&m["kind"])).collect();
    assert_eq!(kinds, BTreeSet::from(["new_actor".to_owned(), "sensitive_call".to_owned()]), "all of it is new: nothing is said twice");
}

#[test]
fn without_evidence_before_the_window_nothing_is_new_and_that_is_said() {
    let store = TestStore::of_fixture("incident");
    let all = actors(&store, &["--from", "2025-10-14", "--to", "2025-10-16"]);
    assert!(all.len() > 20);
    for actor in &all {
        assert_eq!(actor["compared"]["comparison"], "no_evidence_before", "{}", actor["actor"]["name"]);
        assert!(plain(&actor["compared"]["text"]).starts_with("no evidence before the window to compare with"));
        let kinds: Vec<String> = actor["marks"].as_array().expect("marks").iter().map(|m| plain(&m["kind"])).collect();
        assert!(kinds.iter().all(|kind| !kind.starts_with("new_")), "{kinds:?}");
    }
    let text = store.run(&["actors", "--from", "2025-10-14", "--to", "2025-10-16"]);
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("no evidence before the window to compare with") && !text.contains("NEW "));
    for actor in actors(&store, &[]) {
        assert_eq!(actor["compared"]["comparison"], "no_window");
    }
}

/// Evidence of a test: records, one after the other.
#[derive(Default)]
struct Made {
    lines: String,
    count: usize,
}

/// The account of which there is evidence before, and the one of which there is none.
const KNOWN: &str = "111122223333";
const UNKNOWN: &str = "444455556666";
/// The window of all tests below: the second of May.
const MAY_2: [&str; 4] = ["--from", "2024-05-02", "--to", "2024-05-03"];

impl Made {
    /// Adds a record; its id tells its place and its call.
    fn call(&mut self, time: &str, account: &str, identity: Value, service: &str, name: &str) -> &mut Self {
        self.record(time, account, identity, service, name, &json!({}))
    }

    fn record(&mut self, time: &str, account: &str, identity: Value, service: &str, name: &str, more: &Value) -> &mut Self {
        self.count += 1;
        let mut record = json!({
            "eventVersion": "1.11", "eventTime": time, "eventSource": format!("{service}.amazonaws.com"), "eventName": name,
            "awsRegion": "eu-west-1", "sourceIPAddress": "198.51.100.7", "userAgent": "aws-cli", "recipientAccountId": account,
            "eventID": format!("00000000-0000-4000-8000-{:012}", self.count), "eventType": "AwsApiCall", "readOnly": true,
            "managementEvent": true, "eventCategory": "Management", "userIdentity": identity,
        });
        for (key, value) in more.as_object().expect("an object") {
            record[key] = value.clone();
        }
        writeln!(self.lines, "{record}").expect("a string");
        self
    }

    /// A call that assumes a role for a session.
    fn assume(&mut self, time: &str, identity: Value, role: &str, session: &str, key: &str) -> &mut Self {
        let answer = json!({
            "credentials": {"accessKeyId": key},
            "assumedRoleUser": {
                "assumedRoleId": format!("AROA{role}:{session}"), "arn": format!("arn:aws:sts::{KNOWN}:assumed-role/{role}/{session}"),
            },
        });
        let request = json!({"roleArn": format!("arn:aws:iam::{KNOWN}:role/{role}"), "roleSessionName": session});
        self.record(time, KNOWN, identity, "sts", "AssumeRole", &json!({"requestParameters": request, "responseElements": answer}))
    }

    fn store(&self) -> TestStore {
        let store = TestStore::new();
        let file = store.scratch().join("made.jsonl");
        std::fs::write(&file, &self.lines).expect("written");
        store.ingest(&file);
        store
    }
}

fn user(name: &str, key: &str) -> Value {
    json!({
        "type": "IAMUser", "principalId": format!("AIDA{name}"), "arn": format!("arn:aws:iam::{KNOWN}:user/{name}"), "accountId": KNOWN,
        "accessKeyId": key, "userName": name,
    })
}

fn session(role: &str, name: &str, key: &str) -> Value {
    json!({
        "type": "AssumedRole", "principalId": format!("AROA{role}:{name}"),
        "arn": format!("arn:aws:sts::{KNOWN}:assumed-role/{role}/{name}"), "accountId": KNOWN, "accessKeyId": key,
        "sessionContext": {"sessionIssuer": {
            "type": "Role", "principalId": format!("AROA{role}"), "arn": format!("arn:aws:iam::{KNOWN}:role/{role}"), "userName": role,
        }},
    })
}

const ALICE_KEY: &str = "AKIAALICEALICEALICE2";
const MALLORY_KEY: &str = "AKIAMALLORYMALLORY22";

fn arn(user: &str) -> String {
    format!("arn:aws:iam::{KNOWN}:user/{user}")
}

#[test]
fn an_account_without_evidence_before_has_nothing_new_though_another_has() {
    let mut made = Made::default();
    made.call("2024-05-01T09:00:00Z", KNOWN, user("ALICE", ALICE_KEY), "ec2", "DescribeVpcs");
    // In the window: something known, something new, and something in the other account, which may have been done there for years.
    made.call("2024-05-02T09:00:00Z", KNOWN, user("ALICE", ALICE_KEY), "ec2", "DescribeVpcs");
    made.call("2024-05-02T09:01:00Z", UNKNOWN, user("ALICE", ALICE_KEY), "ec2", "DescribeHosts");
    made.call("2024-05-02T09:02:00Z", UNKNOWN, user("ALICE", ALICE_KEY), "ec2", "DescribeImages");
    made.call("2024-05-02T09:03:00Z", KNOWN, user("ALICE", ALICE_KEY), "ec2", "DescribeImages");
    let alice = actor(&made.store(), &MAY_2, &arn("ALICE"));
    // Cited where it could be compared.
    assert_eq!(cited(&alice, "new_call"), pairs(&[("ec2:DescribeImages", "00000000-0000-4000-8000-000000000005")]));
    assert_eq!(alice["compared"]["without_evidence"], json!([UNKNOWN]));
    let said = format!("no evidence of account {UNKNOWN} before the window, so nothing there is called new");
    assert!(plain(&alice["compared"]["text"]).ends_with(&said), "{}", alice["compared"]["text"]);
}

#[test]
fn temporary_keys_are_not_new_and_long_term_ones_are() {
    let mut made = Made::default();
    made.call("2024-05-01T09:00:00Z", KNOWN, user("ALICE", ALICE_KEY), "ec2", "DescribeVpcs");
    for (minute, key) in [ALICE_KEY, "AKIAALICEALICEALICE3", "ASIAALICEALICEALICE4"].into_iter().enumerate() {
        made.call(&format!("2024-05-02T09:0{minute}:00Z"), KNOWN, user("ALICE", key), "ec2", "DescribeVpcs");
    }
    let store = made.store();
    let new: BTreeSet<String> = actors(&store, &MAY_2).iter().flat_map(|a| values(a, "new_key")).collect();
    assert_eq!(new, BTreeSet::from(["AKIAALICEALICEALICE3".to_owned()]));
}

#[test]
fn sessions_of_other_names_that_an_actor_opened_before_count_and_a_session_name_that_another_used_does_not() {
    let mut made = Made::default();
    made.assume("2024-05-01T09:00:00Z", user("ALICE", ALICE_KEY), "DEPLOY", "nightly", "ASIAALICEDAYONE22222");
    made.call("2024-05-01T09:01:00Z", KNOWN, session("DEPLOY", "nightly", "ASIAALICEDAYONE22222"), "ecs", "UpdateService");
    made.call("2024-05-01T09:02:00Z", KNOWN, user("MALLORY", MALLORY_KEY), "s3", "ListBuckets");
    // The next day: the pipeline under another name, and somebody else under the pipeline's.
    made.assume("2024-05-02T09:00:00Z", user("ALICE", ALICE_KEY), "DEPLOY", "run-2", "ASIAALICEDAYTWO22222");
    made.call("2024-05-02T09:01:00Z", KNOWN, session("DEPLOY", "run-2", "ASIAALICEDAYTWO22222"), "ecs", "UpdateService");
    made.assume("2024-05-02T09:02:00Z", user("MALLORY", MALLORY_KEY), "DEPLOY", "nightly", "ASIAMALLORYTWO222222");
    made.call("2024-05-02T09:03:00Z", KNOWN, session("DEPLOY", "nightly", "ASIAMALLORYTWO222222"), "ecs", "UpdateService");
    let store = made.store();
    let (alice, mallory) = (actor(&store, &MAY_2, &arn("ALICE")), actor(&store, &MAY_2, &arn("MALLORY")));
    assert_eq!((values(&alice, "new_call"), values(&alice, "new_role")), Default::default(), "it did the same the day before");
    assert_eq!(values(&mallory, "new_call"), BTreeSet::from(["ecs:UpdateService".to_owned(), "sts:AssumeRole".to_owned()]));
    assert_eq!(values(&mallory, "new_role"), BTreeSet::from([format!("arn:aws:iam::{KNOWN}:role/DEPLOY")]));
}

#[test]
fn a_workload_is_its_role_whatever_its_session_is_named() {
    let instance = |name: &str, key: &str| {
        let mut identity = session("WEB", name, key);
        identity["sessionContext"]["ec2RoleDelivery"] = json!("2.0");
        identity
    };
    let mut made = Made::default();
    made.call("2024-05-01T09:00:00Z", KNOWN, instance("i-0000000000000001", "ASIAWEBDAYONE2222222"), "s3", "GetObject");
    made.call("2024-05-02T09:00:00Z", KNOWN, instance("i-0000000000000002", "ASIAWEBDAYTWO2222222"), "s3", "GetObject");
    made.call("2024-05-02T09:01:00Z", KNOWN, instance("i-0000000000000002", "ASIAWEBDAYTWO2222222"), "iam", "ListUsers");
    // No call that opened these is in evidence: of the same name, then of the same role.
    made.call("2024-05-01T09:00:00Z", KNOWN, session("TASK", "0a", "ASIATASKDAYONE222222"), "s3", "GetObject");
    made.call("2024-05-02T09:00:00Z", KNOWN, session("TASK", "0b", "ASIATASKDAYTWO222222"), "s3", "GetObject");
    let all = actors(&made.store(), &MAY_2);
    assert_eq!(all.len(), 2);
    let new: Vec<BTreeSet<String>> = all.iter().map(|a| values(a, "new_call")).filter(|v| !v.is_empty()).collect();
    assert_eq!(new, [BTreeSet::from(["iam:ListUsers".to_owned()])]);
    assert!(all.iter().all(|a| a["compared"]["comparison"] == "compared"), "{all:?}");
    assert!(all.iter().any(|a| plain(&a["compared"]["text"]).contains("none of this session's name was met")), "{all:?}");
}

/// dave's assertion, his sign-in with it, and a call he makes in the console, which signs with a key of its own.
fn in_the_console(made: &mut Made, day: u8, role: &str, call: Option<&str>) {
    let (principal, arn) = (format!("AROA{role}:dave"), format!("arn:aws:sts::{KNOWN}:assumed-role/{role}/dave"));
    let at = |time: &str| format!("2024-05-0{day}T{time}Z");
    let asserted = json!({"type": "SAMLUser", "principalId": "abc=:dave", "userName": "dave@example.org", "identityProvider": "abc="});
    let answer = json!({"credentials": {"accessKeyId": format!("ASIADAVE{role}LOGGED{day}")}, "subject": "dave@example.org",
        "assumedRoleUser": {"assumedRoleId": principal, "arn": arn}});
    made.record(&at("09:00:00"), KNOWN, asserted, "sts", "AssumeRoleWithSAML", &json!({"responseElements": answer}));
    // A sign-in says neither the key nor when the session began, nor the role's path.
    let signed_in = json!({"type": "AssumedRole", "principalId": principal, "arn": arn, "accountId": KNOWN});
    let success = json!({"eventType": "AwsConsoleSignIn", "responseElements": {"ConsoleLogin": "Success"}});
    made.record(&at("09:00:01"), KNOWN, signed_in, "signin", "ConsoleLogin", &success);
    if let Some(call) = call {
        let mut own = session(role, "dave", &format!("ASIADAVE{role}CONSOLE{day}"));
        own["sessionContext"]["attributes"] = json!({"creationDate": at("09:00:00"), "mfaAuthenticated": "false"});
        own["sessionContext"]["sessionIssuer"]["arn"] = json!(format!("arn:aws:iam::{KNOWN}:role/people/{role}"));
        made.record(&at("09:05:00"), KNOWN, own, "ec2", call, &json!({"sessionCredentialFromConsole": "true"}));
    }
}

#[test]
fn what_was_done_in_the_console_before_is_not_new_and_a_role_that_was_only_signed_in_with_is_not_either() {
    let mut made = Made::default();
    in_the_console(&mut made, 1, "ADMIN", Some("DescribeVpcs"));
    in_the_console(&mut made, 1, "AUDIT", None);
    // A session of the same name that began at another time is not known to be his.
    made.call("2024-05-01T12:00:00Z", KNOWN, session("ADMIN", "dave", "ASIASOMEBODYELSE2222"), "ec2", "DescribeHosts");
    in_the_console(&mut made, 2, "ADMIN", Some("DescribeVpcs"));
    in_the_console(&mut made, 2, "AUDIT", Some("DescribeHosts"));
    in_the_console(&mut made, 2, "OTHER", None);
    let dave = actors(&made.store(), &MAY_2).into_iter().find(|a| a["actor"]["name"] == "dave@example.org").expect("dave");
    assert_eq!(values(&dave, "new_role"), BTreeSet::from([format!("arn:aws:sts::{KNOWN}:assumed-role/OTHER/dave")]));
    assert_eq!(values(&dave, "new_call"), BTreeSet::from(["ec2:DescribeHosts".to_owned()]));
    assert_eq!(dave["in_store"]["first_event_time"], "2024-05-01T09:00:00Z");
}

#[test]
fn ten_refusals_within_five_minutes_are_a_burst() {
    let mut made = Made::default();
    let refused = json!({"errorCode": "AccessDenied"});
    for second in 0..10 {
        let time = format!("2024-05-02T09:{:02}:00Z", second / 2);
        made.record(&time, KNOWN, user("MALLORY", MALLORY_KEY), "s3", "ListBuckets", &refused);
        // One less, and as fast.
        if second > 0 {
            made.record(&time, KNOWN, user("ALICE", ALICE_KEY), "s3", "ListBuckets", &refused);
        }
    }
    let store = made.store();
    let mallory = actor(&store, &MAY_2, &arn("MALLORY"));
    let burst = marks(&mallory, "denied_burst");
    assert_eq!(burst.len(), 1);
    assert_eq!((plain(&burst[0]["ref"]).as_str(), &burst[0]["events"]), ("00000000-0000-4000-8000-000000000001", &json!(10)));
    assert_eq!(cited(&actor(&store, &MAY_2, &arn("ALICE")), "denied_burst"), []);
}
