//! What touched a thing: `--arn` finds the events whose records name it, and those that name it in another way.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::asked::{TestStore, list, number};

/// Citations of a timeline over all evidence.
fn touched(store: &TestStore, arn: &str) -> BTreeSet<String> {
    let output = store.run(&["timeline", "--arn", arn, "--from", "2025-10-01", "--to", "2025-11-01", "--format", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let items = answer["answer"].as_array().expect("items").iter();
    items.flat_map(|item| item["refs"].as_array().expect("refs").iter().map(|r| r.as_str().expect("an id").to_owned())).collect()
}

/// Ids of the records that a text stands in: another way to the same answer.
fn grepped(store: &TestStore, condition: &str) -> BTreeSet<String> {
    store
        .column(&format!("SELECT coalesce(event_id, evidence_id || '#' || record_index) FROM cloudtrail WHERE {condition}"))
        .into_iter()
        .collect()
}

#[test]
fn an_id_a_beginning_an_arn_and_a_name_find_what_the_records_say() {
    let store = TestStore::of_fixture("incident");
    for (typed, condition) in [
        ("sg-0c0235982a1088002", "raw LIKE '%sg-0c0235982a1088002%'"),
        ("sg-0c02359*", "raw LIKE '%sg-0c02359%'"),
        ("i-0c5eae1359424450f", "raw LIKE '%i-0c5eae1359424450f%'"),
        ("svc-backup-sync", "raw LIKE '%svc-backup-sync%'"),
        // The role by its whole name, by its name in requests, by the sessions of it: with or without its path.
        ("arn:aws:iam::637949588958:role/platform-admin", "raw LIKE '%platform-admin%' AND raw LIKE '%637949588958%'"),
        ("arn:aws:s3:::acme-shop-production-customer-invoices-994099", "raw LIKE '%acme-shop-production-customer-invoices-994099%'"),
        ("arn:aws:s3:::acme-shop-production-customer-inv*", "raw LIKE '%acme-shop-production-customer-inv%'"),
    ] {
        let expected = grepped(&store, condition);
        assert!(expected.len() >= 3, "{typed}: the fixture has too little of it");
        assert_eq!(touched(&store, typed), expected, "{typed}");
    }
}

#[test]
fn a_name_without_the_arn_is_the_arns() {
    let store = TestStore::new();
    let file = store.scratch().join("records.json");
    let record = |id: u32, name: &str, region: &str, request: Value| {
        json!({"eventVersion": "1.08", "eventTime": format!("2025-10-14T10:00:{id:02}Z"), "eventID": format!("00000000-0000-4000-8000-{id:012}"),
            "eventSource": "iam.amazonaws.com", "eventName": name, "awsRegion": region, "recipientAccountId": "111122223333",
            "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/alice"}, "requestParameters": request})
    };
    let records = [
        record(
            1,
            "AttachRolePolicy",
            "us-east-1",
            json!({"roleName": "Admin", "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}),
        ),
        record(2, "DeleteUser", "us-east-1", json!({"userName": "Admin"})),
        record(
            3,
            "AttachRolePolicy",
            "cn-north-1",
            json!({"roleName": "Admin", "policyArn": "arn:aws-cn:iam::aws:policy/AdministratorAccess"}),
        ),
    ];
    std::fs::write(&file, json!({"Records": records}).to_string()).expect("written");
    store.ingest(&file);
    let ids = |numbers: &[u32]| numbers.iter().map(|n| format!("00000000-0000-4000-8000-{n:012}")).collect::<BTreeSet<_>>();
    assert_eq!(touched(&store, "arn:aws:iam::111122223333:role/ops/Admin"), ids(&[1]));
    assert_eq!(touched(&store, "arn:aws:iam::111122223333:user/Admin"), ids(&[2]));
    assert_eq!(touched(&store, "arn:aws-cn:iam::111122223333:role/Admin"), ids(&[3]));
    assert_eq!(touched(&store, "Admin"), ids(&[1, 2, 3]));
    assert_eq!(touched(&store, "arn:aws:iam::111122223333:user/alice"), ids(&[1, 2, 3]), "who calls is touched, too");
}

#[test]
fn each_row_leads_to_its_event() {
    let store = TestStore::of_fixture("incident");
    let joined = "FROM event_arns a JOIN cloudtrail c USING (evidence_id, record_index)";
    let opened = store.column(&format!(
        "SELECT c.event_name || ' ' || a.part || ' ' || a.basis {joined} WHERE a.name = 'sg-0c0235982a1088002' ORDER BY c.event_time"
    ));
    assert_eq!(
        opened,
        [
            "AuthorizeSecurityGroupIngress target rule",
            "AuthorizeSecurityGroupIngress target rule",
            "RunInstances related rule",
            "RevokeSecurityGroupIngress target rule"
        ]
    );
    // Every shown copy has its rows: a store that was told twice of an event ties it once.
    let rows = store
        .row(&format!("SELECT count(*) AS n, count(DISTINCT c.event_id || a.arn) AS distinct_n {joined} WHERE c.event_id IS NOT NULL"));
    assert_eq!(number(&rows["n"]), number(&rows["distinct_n"]));
}

/// Changes by rank: the citations of each.
fn ranked(store: &TestStore, arguments: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
    let at = ["changes", "--at", "2025-10-15T14:05:00Z", "--format", "json"];
    let output = store.run(&[&at[..], arguments].concat());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let mut ranked: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut last = 0;
    for item in answer["answer"].as_array().expect("items") {
        let rank = item["relation"]["rank"].as_str().expect("a rank");
        let place = RANKS.iter().position(|r| *r == rank).expect("a known rank");
        assert!(place >= last, "nearest first");
        last = place;
        assert!(!item["relation"]["why"].as_str().expect("a reason").is_empty());
        ranked.entry(rank.to_owned()).or_default().insert(item["refs"][0].as_str().expect("an id").to_owned());
    }
    ranked
}

const RANKS: [&str; 5] = ["direct", "same_lineage", "same_neighbourhood", "same_session_or_address", "same_window"];

/// By hand, from the story of the fixture: the intruder opened the group and launched the instance; maria.weber, who did not touch the address,
/// terminated the instance and closed the group.
#[test]
fn changes_are_ranked_by_how_they_relate() {
    let store = TestStore::of_fixture("incident");
    let group = ranked(&store, &["--arn", "sg-0c0235982a1088002"]);
    let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<_>>();
    let (try_run, opened, launched, closed) = (
        "2ef02894-1ac7-4b9a-b3ae-b0030b25ff48",
        "efab501f-a4c5-43e8-97b5-1a384380ed4f",
        "ef5899f0-f70c-44f0-bab0-95dd7c7f975d",
        "4dd8703b-0a17-4bad-a0c8-9755bc47492a",
    );
    assert_eq!(group["direct"], ids(&[try_run, opened, launched, closed]));
    let (created_user, stopped_trail, terminated) =
        ("1ac1db56-fb20-4fd3-9f14-1bf6caf27670", "5c98fcc4-9259-4f67-8392-0bd7b62df78f", "89637888-b51a-4df6-a35f-ef891221b6ea");
    assert!(group["same_lineage"].is_superset(&ids(&[created_user, stopped_trail, terminated])), "intruder and responder both changed it");

    let address = ranked(&store, &["--arn", "eipalloc-09e6d1109f2c3e08e"]);
    assert_eq!(address["direct"].len(), 2, "allocated and associated");
    assert!(address["same_lineage"].is_superset(&ids(&[created_user, opened, launched])));
    assert_eq!(address["same_neighbourhood"], ids(&[terminated, closed]), "its instance, and that instance's group");

    let everything: usize = address.values().map(BTreeSet::len).sum();
    assert_eq!(everything, group.values().map(BTreeSet::len).sum::<usize>(), "every change of the window has a rank");

    // Which changes are told is another matter than how each relates to the anchor.
    for filter in [["--source", "iam"], ["--region", "us-east-1"], ["--outcome", "ok"]] {
        let some = ranked(&store, &[&["--arn", "sg-0c0235982a1088002"], &filter[..]].concat());
        assert!(some.values().map(BTreeSet::len).sum::<usize>() > 0, "{filter:?}");
        for (rank, ids) in &some {
            assert!(ids.is_subset(&group[rank]), "{filter:?}: {rank}");
        }
    }

    // Asked about an address on the internet, what the intruder did from the other one is of the same lineage.
    let second = ranked(&store, &["--ip", "203.0.113.189"]);
    assert!(second["same_lineage"].is_superset(&ids(&[created_user, opened])));
    assert!(!second["same_lineage"].contains(terminated));
}

#[test]
fn a_person_is_told_the_related_ones_under_their_resource() {
    let store = TestStore::of_fixture("incident");
    let output = store.run(&["changes", "--at", "2025-10-15T14:05:00Z", "--arn", "sg-0c0235982a1088002"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let at = |needle: &str| text.find(needle).unwrap_or_else(|| panic!("{needle}\n{text}"));
    assert!(at("── direct ──") < at("security-group/sg-0c0235982a1088002"));
    assert!(at("related: target arn:aws:ec2:") < at("── same lineage ──"));
    assert!(!text.contains("── same window ──") && text.contains("--limit and --format json show others"));
}

#[test]
fn a_record_that_is_no_text_of_its_own_is_found_and_told_beside_those_that_are() {
    let store = TestStore::new();
    let header =
        "eventVersion,userIdentity,eventTime,eventSource,eventName,awsRegion,recipientAccountId,eventID,readOnly,requestParameters";
    let identity = "{type=IAMUser, principalid=AIDAEXAMPLE, arn=arn:aws:iam::111122223333:user/alice}";
    let row = format!(
        "1.08,\"{identity}\",2025-10-14 09:00:00.000,ec2.amazonaws.com,DeleteSecurityGroup,eu-west-1,111122223333,lake,false,\"{{\"\"groupId\"\":\"\"sg-0123456789abcdef0\"\"}}\""
    );
    std::fs::write(store.scratch().join("lake.csv"), format!("{header}\n{row}\n")).expect("a written file");
    let exact = json!({"eventVersion": "1.08", "eventTime": "2025-10-14T08:00:00Z", "eventID": "exact", "eventSource": "ec2.amazonaws.com",
        "eventName": "CreateTags", "awsRegion": "eu-west-1", "recipientAccountId": "111122223333", "readOnly": false,
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/alice", "principalId": "AIDAEXAMPLE"},
        "requestParameters": {"resourcesSet": {"items": [{"resourceId": "sg-0123456789abcdef0"}]}}});
    std::fs::write(store.scratch().join("exact.json"), exact.to_string()).expect("a written file");
    store.ingest(&store.scratch());
    assert_eq!(store.column("SELECT raw_form FROM cloudtrail ORDER BY event_time"), ["exact", "projected"]);
    let answer =
        store.json(&["timeline", "--arn", "sg-0123456789abcdef0", "--from", "2025-10-01", "--to", "2025-11-01", "--format", "json"]);
    let told: Vec<(&str, &str)> = list(&answer["answer"])
        .iter()
        .map(|item| (item["refs"][0].as_str().unwrap_or_default(), item["event_name"].as_str().unwrap_or_default()))
        .collect();
    assert_eq!(told, [("exact", "CreateTags"), ("lake", "DeleteSecurityGroup")]);
    assert!(list(&answer["answer"]).iter().all(|item| item["principal"]["arn"] == "arn:aws:iam::111122223333:user/alice"), "{answer}");
}

#[test]
fn a_session_token_inside_a_name_is_shown_nowhere_but_in_raw() {
    let store = TestStore::new();
    let token = |start: &str| format!("{start}{}", "Ab1+".repeat(40));
    let tokens = [token("FwoGZXIvYXdzEBYaD"), token("AQoDYXdzEJr")];
    let event = serde_json::json!({
        "eventVersion": "1.08", "eventID": "token-0001", "eventTime": "2025-03-01T10:00:00Z", "eventSource": "s3.amazonaws.com",
        "eventName": "GetObject", "awsRegion": "eu-west-1", "recipientAccountId": "111122223333", "errorCode": "X",
        "errorMessage": format!("bad token {}", tokens[1]), "resources": [{"ARN": format!("arn:aws:s3:::b/{}", tokens[0])}]
    });
    std::fs::write(store.scratch().join("a.json"), serde_json::json!({"Records": [event]}).to_string()).expect("written");
    store.ingest(&store.scratch());
    assert_eq!(store.column("SELECT arn FROM event_arns ORDER BY 1"), ["arn:aws:s3:::b", "arn:aws:s3:::b/[redacted]"]);
    for arguments in [
        &["timeline", "--format", "json"][..],
        &["timeline"],
        &["actors", "--format", "json"],
        &["show", "token-0001"],
        &["sql", "SELECT error_message, resources, request_parameters FROM cloudtrail"],
        &["sql", "SELECT * FROM event_arns"],
    ] {
        let output = store.run(arguments);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(tokens.iter().all(|token| !text.contains(&token[..24])), "{arguments:?}: {text}");
    }
    assert!(store.column("SELECT raw FROM cloudtrail")[0].contains(&tokens[0]), "`raw` reveals");
}
