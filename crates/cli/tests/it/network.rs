//! `network`: what is one depends on more than the record itself.

use serde_json::{Value, json};

use crate::asked::{TestStore, list, plain};

fn call(id: &str, time: &str, (source, name): (&str, &str), request: Value) -> Value {
    json!({"eventVersion": "1.08", "eventTime": format!("2025-03-01T{time}Z"), "eventSource": format!("{source}.amazonaws.com"), "eventName": name,
        "eventID": id, "awsRegion": "us-east-1", "recipientAccountId": "111122223333", "readOnly": false, "eventType": "AwsApiCall",
        "eventCategory": "Management", "managementEvent": true, "sourceIPAddress": "198.51.100.7", "requestParameters": request,
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/eve", "accountId": "111122223333", "principalId": "AIDAEVE",
            "userName": "eve"}})
}

/// Deleting the group that flow logs go to hides the network, whenever they were started; deleting any other group is no network command.
#[test]
fn what_is_done_to_the_groups_of_flow_logs_is_a_network_command() {
    let started =
        json!({"CreateFlowLogsRequest": {"ResourceId": {"tag": 1, "content": "vpc-0aaaaaaaaaaaaaaa1"}, "LogGroupName": "vpc-flow"}});
    let calls = [
        call("started", "00:00:00", ("ec2", "CreateFlowLogs"), started),
        call("cut", "12:01:00", ("logs", "PutRetentionPolicy"), json!({"logGroupName": "vpc-flow", "retentionInDays": 1})),
        call("gone", "12:02:00", ("logs", "DeleteLogGroup"), json!({"logGroupName": "vpc-flow"})),
        call("other", "12:03:00", ("logs", "DeleteLogGroup"), json!({"logGroupName": "app"})),
    ];
    let store = TestStore::new();
    let evidence = store.scratch().join("calls.json");
    std::fs::write(&evidence, json!({"Records": calls}).to_string()).expect("written");
    store.ingest(&evidence);
    let answer = store.json(&["network", "--from", "2025-03-01T12:00:00Z", "--to", "2025-03-01T13:00:00Z", "--format", "json"]);
    let told: Vec<[String; 3]> =
        list(&answer["answer"]).iter().map(|item| [&item["refs"][0], &item["network_class"], &item["summary"]].map(plain)).collect();
    assert_eq!(
        told,
        [
            ["cut", "flow_logs", "set retention of log group vpc-flow to 1 day, where flow or DNS logs go by [started]"],
            ["gone", "flow_logs", "deleted log group vpc-flow, where flow or DNS logs go by [started]"],
        ]
    );
}
