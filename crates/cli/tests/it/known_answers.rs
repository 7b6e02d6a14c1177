//! Questions whose answers were read from real evidence by eye: which call, by whom, with what outcome, and whether it touched the network.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::asked::{TestStore, number, plain, shared};

/// What one of the Stratus Red Team detonations did. The file's name is the technique; each ran in an account of its own.
struct Call {
    account: &'static str,
    technique: &'static str,
    name: &'static str,
    times: usize,
    outcome: &'static str,
    /// Part of the actor's name or ARN.
    by: &'static str,
    change: bool,
    network: bool,
}

/// Shorthand of the table below.
const fn call(
    account: &'static str,
    technique: &'static str,
    name: &'static str,
    times: usize,
    outcome: &'static str,
    by: &'static str,
) -> Call {
    Call { account, technique, name, times, outcome, by, change: false, network: false }
}

impl Call {
    const fn change(self) -> Self {
        Self { change: true, ..self }
    }

    const fn network(self) -> Self {
        Self { change: true, network: true, ..self }
    }
}

/// By hand, from the files. A call that is not listed is not judged.
const CALLS: &[Call] = &[
    call("032092706103", "exfiltration.ec2-security-group-open-port-22-ingress", "AuthorizeSecurityGroupIngress", 1, "ok", "christophe")
        .network(),
    call("498376118699", "defense-evasion.vpc-remove-flow-logs", "DeleteFlowLogs", 1, "ok", "christophe").network(),
    call("294599468799", "execution.ssm-start-session", "StartSession", 3, "ok", "christophe").network(),
    call("294599468799", "execution.ssm-start-session", "DescribeInstanceInformation", 23, "ok", "christophe"),
    call("056392974792", "execution.ssm-send-command", "SendCommand", 1, "ok", "christophe").network(),
    call("572910899909", "lateral-movement.ec2-instance-connect", "SendSSHPublicKey", 3, "ok", "christophe").network(),
    call("143434273843", "defense-evasion.cloudtrail-stop", "StopLogging", 1, "ok", "christophe").change(),
    call("847129010505", "defense-evasion.cloudtrail-delete", "DeleteTrail", 1, "ok", "christophe").change(),
    call("958312252124", "defense-evasion.cloudtrail-event-selectors", "PutEventSelectors", 1, "ok", "christophe").change(),
    call("307578594326", "defense-evasion.organizations-leave", "LeaveOrganization", 1, "denied", "stratus-red-team-leave-org-role"),
    call(
        "457448411975",
        "credential-access.ec2-get-password-data",
        "GetPasswordData",
        30,
        "denied",
        "stratus-red-team-ec2-get-password-data-role",
    ),
    call("900138736586", "execution.ec2-launch-unusual-instances", "RunInstances", 1, "denied", "ec2lui-role"),
    call("321848314756", "discovery.ec2-download-user-data", "DescribeInstanceAttribute", 15, "denied", "get-usr-data-role"),
    call("309303190113", "execution.ec2-user-data", "ModifyInstanceAttribute", 1, "ok", "christophe").change(),
    call("309303190113", "execution.ec2-user-data", "StopInstances", 1, "ok", "christophe").change(),
    call("229654561268", "persistence.iam-create-admin-user", "CreateUser", 1, "ok", "christophe").change(),
    call("229654561268", "persistence.iam-create-admin-user", "AttachUserPolicy", 1, "ok", "christophe").change(),
    call("229654561268", "persistence.iam-create-admin-user", "CreateAccessKey", 1, "ok", "christophe").change(),
    call("070411556318", "persistence.iam-create-user-login-profile", "CreateLoginProfile", 1, "ok", "christophe").change(),
    call("070411556318", "persistence.iam-create-user-login-profile", "DeleteLoginProfile", 1, "failed", "christophe"),
    call("751203476945", "persistence.iam-backdoor-role", "UpdateAssumeRolePolicy", 1, "ok", "christophe").change(),
    call("266106314375", "persistence.lambda-overwrite-code", "UpdateFunctionCode20150331v2", 1, "ok", "christophe").change(),
    call("118238665043", "exfiltration.ec2-share-ami", "ModifyImageAttribute", 1, "ok", "christophe").change(),
    call("903144391865", "credential-access.secretsmanager-retrieve-secrets", "GetSecretValue", 20, "ok", "christophe"),
    call(
        "017622104382",
        "credential-access.ec2-steal-instance-credentials",
        "DescribeInstances",
        1,
        "ok",
        "stratus-red-team-ec2-steal-credentials-role",
    ),
    call("494659789341", "impact.bedrock-invoke-model", "InvokeModel", 1, "ok", "test-role"),
];

#[test]
fn each_detonation_is_answered_as_its_file_name_says() {
    let Some(path) = shared("cloudtrail/stratus_detonation") else { return };
    let store = TestStore::new();
    store.ingest(&path);
    let [timeline, changes, network] = ["timeline", "changes", "network"].map(|question| Answer::of(&store, question));
    let mut events: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for row in store.rows("SELECT recipient_account_id AS account, event_name AS name, event_id AS id FROM cloudtrail") {
        events.entry((plain(&row["account"]), plain(&row["name"]))).or_default().push(plain(&row["id"]));
    }
    let mut wrong = Vec::new();
    for expected in CALLS {
        let ids = events.get(&(expected.account.to_owned(), expected.name.to_owned())).cloned().unwrap_or_default();
        let mut say = |what: String| wrong.push(format!("{} {}: {what}", expected.technique, expected.name));
        if ids.len() != expected.times {
            say(format!("expected {} times, found {}", expected.times, ids.len()));
        }
        for id in ids {
            match timeline.item(&id) {
                None => say(format!("{id} is not in the timeline")),
                Some(item) => {
                    if plain(&item["outcome"]) != expected.outcome {
                        say(format!("expected {}, found {}", expected.outcome, item["outcome"]));
                    }
                    if !item["actor"].to_string().contains(expected.by) {
                        say(format!("expected an actor with {}, found {}", expected.by, item["actor"]));
                    }
                }
            }
            // An attempt may stand among the changes, as an attempt.
            let done = |answer: &Answer| answer.item(&id).is_some_and(|item| plain(&item["outcome"]) == "ok");
            if done(&changes) != expected.change {
                say(format!("expected to be {}a change", if expected.change { "" } else { "not " }));
            }
            if done(&network) != expected.network {
                say(format!("expected to be {}a network command", if expected.network { "" } else { "not " }));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// A question's answer over all evidence.
struct Answer {
    items: Vec<Value>,
}

impl Answer {
    fn of(store: &TestStore, question: &str) -> Self {
        let output = store.run(&[question, "--format", "json"]);
        assert!(matches!(output.status.code(), Some(0 | 3)), "{question}: {}", String::from_utf8_lossy(&output.stderr));
        let answer: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
        for key in ["question", "window", "answer", "coverage", "evidence_set"] {
            assert!(answer.get(key).is_some(), "{question} has no {key}");
        }
        Self { items: answer["answer"].as_array().expect("an array").clone() }
    }

    /// The item that cites this event.
    fn item(&self, event_id: &str) -> Option<&Value> {
        self.items.iter().find(|item| item["refs"].to_string().contains(event_id))
    }
}

#[test]
fn outcomes_of_every_call_of_the_catalogue() {
    // 314 events: 165 AccessDenied, 43 Client.UnauthorizedOperation and one UnauthorizedException were refused; 39 more carry another
    // code (17 NoSuchBucket, 22 of 13 kinds), none of them a throttle or a dry run; 66 carry none.
    let Some(path) = shared("cloudtrail/traildiscover") else { return };
    let store = TestStore::new();
    store.ingest(&path);
    let timeline = Answer::of(&store, "timeline");
    let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
    for item in &timeline.items {
        *outcomes.entry(plain(&item["outcome"])).or_default() += 1;
    }
    let expected = BTreeMap::from([("denied".to_owned(), 209), ("failed".to_owned(), 39), ("ok".to_owned(), 66)]);
    assert_eq!(outcomes, expected);
}

#[test]
fn the_exfiltrating_session_is_found_by_its_key() {
    // Session ASIA5FLZVX4OPVKKVBMX lists buckets and objects and fetches two: 2 ListBuckets, 7 ListObjects, 2 GetObject.
    let Some(path) = shared("cloudtrail/otrf/ec2_proxy_s3_exfiltration_2020-09-14011940.json") else { return };
    let by_hand: Vec<(String, usize)> = calls_of(&std::fs::read_to_string(&path).expect("the file"), "ASIA5FLZVX4OPVKKVBMX");
    assert_eq!(by_hand, [("GetObject".to_owned(), 2), ("ListBuckets".to_owned(), 2), ("ListObjects".to_owned(), 7)]);
    let store = TestStore::new();
    store.ingest(&path);
    let rows = store.rows(
        "SELECT event_name, count(*) AS n FROM cloudtrail WHERE user_identity_access_key_id = 'ASIA5FLZVX4OPVKKVBMX' GROUP BY event_name ORDER BY event_name",
    );
    let found: Vec<(String, usize)> =
        rows.iter().map(|row| (plain(&row["event_name"]), usize::try_from(number(&row["n"])).expect("a count"))).collect();
    assert_eq!(found, by_hand);
}

/// Calls of a key in a file of JSON lines, by looking at the lines alone.
fn calls_of(lines: &str, key: &str) -> Vec<(String, usize)> {
    let mut calls: BTreeMap<String, usize> = BTreeMap::new();
    for line in lines.lines() {
        let record: Value = serde_json::from_str(line).expect("a JSON line");
        if record["userIdentity"]["accessKeyId"] == key {
            *calls.entry(plain(&record["eventName"])).or_default() += 1;
        }
    }
    calls.into_iter().collect()
}

/// Event id, column and what stands in the documented example of that version: read by hand.
const COLUMNS: &[(&str, &str, &str)] = &[
    ("5989cc55-f752-468f-b669-f8abbeb008ba", "event_version", "1.05"),
    ("5989cc55-f752-468f-b669-f8abbeb008ba", "CAST(event_time AS BIGINT)", "1540126754000000"),
    ("5989cc55-f752-468f-b669-f8abbeb008ba", "user_identity_invoked_by", "signin.amazonaws.com"),
    ("5989cc55-f752-468f-b669-f8abbeb008ba", "vpc_endpoint_id", "vpce-aabbccdd00112233"),
    ("5989cc55-f752-468f-b669-f8abbeb008ba", "session_mfa_authenticated", "false"),
    ("BEXAMPLE-1234-5678-abcd-EXAMPLE00011", "shared_event_id", "CEXAMPLE-1234-5678-abcd-EXAMPLE00099"),
    ("BEXAMPLE-1234-5678-abcd-EXAMPLE00011", "session_issuer_arn", "arn:aws:iam::111122223333:role/AppRole"),
    ("BEXAMPLE-1234-5678-abcd-EXAMPLE00011", "session_issuer_principal_id", "AROAI3FHNTUD3XMDE2RFF"),
    ("BEXAMPLE-1234-5678-abcd-EXAMPLE00011", "management_event", "false"),
    ("BEXAMPLE-1234-5678-abcd-EXAMPLE00011", "event_category", "Management"),
    ("AEXAMPLE-f1d4-4e5a-a32c-EXAMPLE5c0de", "user_identity_user_name", "Mary"),
    ("AEXAMPLE-f1d4-4e5a-a32c-EXAMPLE5c0de", "CAST(session_creation_date AS BIGINT)", "1689801117000000"),
    ("AEXAMPLE-f1d4-4e5a-a32c-EXAMPLE5c0de", "request_parameters ->> 'userName'", "Richard"),
    ("eae87c48-d421-4626-94f5-EXAMPLEac994", "event_name", "StartLogging"),
    ("eae87c48-d421-4626-94f5-EXAMPLEac994", "tls_details ->> 'cipherSuite'", "TLS_AES_128_GCM_SHA256"),
    ("eae87c48-d421-4626-94f5-EXAMPLEac994", "user_identity_principal_id", "EXAMPLE6E4XEGITWATV6R"),
    ("BEXAMPLE-1234-5678-abcd-EXAMPLE00002", "addendum ->> 'reason'", "UPDATED_DATA"),
    ("BEXAMPLE-1234-5678-abcd-EXAMPLE00002", "aws_region", "ap-southeast-2"),
    ("BEXAMPLE-1234-5678-abcd-EXAMPLE00002", "read_only", "true"),
    ("CEXAMPLE-1234-5678-abcd-EXAMPLE00003", "user_identity_invoked_by_delegate_account_id", "444455556666"),
    ("CEXAMPLE-1234-5678-abcd-EXAMPLE00003", "event_context IS NOT NULL", "true"),
    ("CEXAMPLE-1234-5678-abcd-EXAMPLE00003", "event_category", "Data"),
    ("IDCEXAMPLE-1234-5678-abcd-EXAMPLE00002", "user_identity_on_behalf_of_user_id", "e0b4f9c0-1234-5678-abcd-ef0123456789"),
    (
        "IDCEXAMPLE-1234-5678-abcd-EXAMPLE00002",
        "user_identity_on_behalf_of_identity_store_arn",
        "arn:aws:identitystore::111122223333:identitystore/d-1234567890",
    ),
    ("IDCEXAMPLE-1234-5678-abcd-EXAMPLE00002", "user_identity_credential_id", "ACCAQOALEXAMPLECREDENTIAL"),
    ("IDCEXAMPLE-1234-5678-abcd-EXAMPLE00002", "session_assumed_root", "true"),
    ("IDCEXAMPLE-1234-5678-abcd-EXAMPLE00002", "user_identity_in_scope_of ->> 'issuerType'", "AWS::Lambda::Function"),
    ("FEDEXAMPLE-1234-5678-abcd-EXAMPLE00004", "session_source_identity", "john.doe@example.com"),
    ("FEDEXAMPLE-1234-5678-abcd-EXAMPLE00004", "session_ec2_role_delivery", "2.0"),
    ("FEDEXAMPLE-1234-5678-abcd-EXAMPLE00004", "user_identity_identity_provider", "https://accounts.google.com"),
    ("FEDEXAMPLE-1234-5678-abcd-EXAMPLE00004", "session_web_id_federation_data ->> 'federatedProvider'", "https://accounts.google.com"),
];

#[test]
fn columns_of_the_documented_examples_of_each_version() {
    let Some(path) = shared("cloudtrail/umccr/test_input/examples") else { return };
    let store = TestStore::new();
    store.ingest(&path);
    let mut ids: Vec<&str> = COLUMNS.iter().map(|(id, _, _)| *id).collect();
    ids.dedup();
    let mut wrong = Vec::new();
    for id in ids {
        let wanted: Vec<_> = COLUMNS.iter().filter(|(of, _, _)| *of == id).collect();
        let list: Vec<String> = wanted.iter().enumerate().map(|(n, (_, expression, _))| format!("{expression} AS c{n}")).collect();
        let row = store.row(&format!("SELECT {} FROM cloudtrail WHERE event_id = '{id}'", list.join(", ")));
        for (n, (_, expression, value)) in wanted.iter().enumerate() {
            let found = plain(&row[format!("c{n}").as_str()]);
            if found != *value {
                wrong.push(format!("{id} {expression}: expected {value}, found {found}"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    // Version 1.0 knew no event id: its row is found by what it says.
    let row = store.row(
        "SELECT event_id IS NULL AS without_id, CAST(event_time AS BIGINT) AS t, user_identity_arn AS arn, source_ip_address AS ip FROM cloudtrail WHERE event_version = '1.0'",
    );
    let expected = serde_json::json!({"without_id": true, "t": 1_394_140_974_000_000_i64, "arn": "arn:aws:iam::123456789012:user/Alice", "ip": "205.251.233.176"});
    assert_eq!(row, expected);
    let versions = store.column("SELECT DISTINCT event_version FROM cloudtrail ORDER BY 1");
    assert_eq!(versions, ["1.0", "1.01", "1.02", "1.03", "1.04", "1.05", "1.06", "1.07", "1.08", "1.09", "1.10", "1.11"]);
}

#[test]
fn showing_a_record_redacts_its_secrets_unless_raw_is_asked() {
    // The AssumeRole example of version 1.08 carries a session token; it was replaced in the published copy, so one is put back.
    let Some(path) = shared("cloudtrail/umccr/test_input/examples/1_08.json") else { return };
    let secret = "FwoGZXIvYXdzEBAaDEXAMPLETOKENEXAMPLETOKENEXAMPLETOKEN";
    let store = TestStore::new();
    let copy = store.scratch().join("1_08.json");
    let text = std::fs::read_to_string(path)
        .expect("the example")
        .replace("\"sessionToken\": \"REDACTED\"", &format!("\"sessionToken\": \"{secret}\""));
    assert!(text.contains(secret), "the example has a token");
    std::fs::write(&copy, text).expect("a copy");
    store.ingest(&copy);
    let id = "BEXAMPLE-f1d4-4e5a-a32c-EXAMPLE6d1ef";
    let shown = store.run(&["show", id]);
    assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
    assert!(String::from_utf8_lossy(&shown.stdout).contains("arn:aws:iam::999999999999:role/CrossAccountRole"));
    assert!(!String::from_utf8_lossy(&shown.stdout).contains(secret), "the token is printed");
    let raw = store.run(&["show", id, "--raw"]);
    assert!(String::from_utf8_lossy(&raw.stdout).contains(secret), "--raw is the record as delivered");
    for question in ["timeline", "changes", "actors", "network"] {
        let output = store.run(&[question, "--format", "json"]);
        assert!(!String::from_utf8_lossy(&output.stdout).contains(secret), "{question} prints the token");
    }
}

#[test]
fn answers_do_not_depend_on_the_order_of_input_or_the_number_of_threads() {
    let Some(path) = shared("cloudtrail/umccr/test_input") else { return };
    let Some(more) = shared("cloudtrail/opensearch") else { return };
    let inputs: Vec<String> =
        ["AWSLogs", "examples"].iter().map(|name| path.join(name).to_str().expect("a UTF-8 path").to_owned()).collect();
    let more = more.to_str().expect("a UTF-8 path");
    let runs: [Vec<Vec<&str>>; 3] = [
        vec![vec![&inputs[0], &inputs[1], more]],
        vec![vec![more, &inputs[1], &inputs[0], "--threads", "1"]],
        vec![vec![&inputs[1], "--threads", "4"], vec![more], vec![&inputs[0], &inputs[1]]],
    ];
    let mut answers: Vec<Vec<String>> = Vec::new();
    for run in runs {
        let store = TestStore::new();
        for arguments in run {
            let output = store.run(&[&["ingest"], &arguments[..]].concat());
            assert!(matches!(output.status.code(), Some(0 | 3)), "{}", String::from_utf8_lossy(&output.stderr));
        }
        let said = ["timeline", "changes", "actors", "network", "coverage"].map(|question| {
            let output = store.run(&[question, "--format", "json"]);
            String::from_utf8(output.stdout).expect("UTF-8")
        });
        answers.push(said.to_vec());
    }
    for other in &answers[1..] {
        for (one, two) in answers[0].iter().zip(other) {
            let at = one.bytes().zip(two.bytes()).position(|(a, b)| a != b);
            let around = |text: &str| at.map(|at| text.chars().skip(at.saturating_sub(60)).take(160).collect::<String>());
            assert!(one == two, "answers differ at {at:?}:\n{:?}\n{:?}", around(one), around(two));
        }
    }
}
