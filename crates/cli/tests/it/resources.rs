//! What touched a thing: `--arn` finds the events whose records name it, and those that name it in another way.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::asked::{TestStore, number};
use crate::kit::workspace;

fn fixture() -> TestStore {
    let store = TestStore::new();
    store.ingest(&workspace("fixtures/incident"));
    store
}

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
    let store = fixture();
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
    let store = fixture();
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
