//! What calls are said to have done, case by case.

use backtrail_model::outcome::classify;
use serde_json::json;

use super::*;

/// The line for a call, and its rules.
fn told(source: &str, name: &str, request: Value, response: Value, error: Option<&str>) -> (String, Vec<Rule>) {
    let event = Event { event_source: Some(source), event_name: Some(name), error_code: error, ..Event::default() };
    let summary = Summary::of(&event, &request, &response);
    (summary.line(&event, classify(&event.facts())), summary.rules)
}

fn line(source: &str, name: &str, request: Value) -> String {
    told(source, name, request, Value::Null, None).0
}

fn ingress() -> Value {
    json!({"groupId": "sg-1", "ipPermissions": {"items": [
        {"fromPort": 22, "toPort": 22, "ipProtocol": "tcp", "groups": {}, "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]}, "ipv6Ranges": {}, "prefixListIds": {}},
        {"ipProtocol": "-1", "groups": {"items": [{"groupId": "sg-2"}]}, "ipRanges": {}}]}})
}

#[test]
fn security_groups_to_the_rule() {
    let (text, rules) = told("ec2.amazonaws.com", "AuthorizeSecurityGroupIngress", ingress(), Value::Null, None);
    assert_eq!(text, "opened tcp/22 from 0.0.0.0/0, all traffic from sg-2 on sg-1");
    assert_eq!(rules.iter().map(|r| r.public).collect::<Vec<_>>(), [true, false]);
    let (text, _) =
        told("ec2.amazonaws.com", "AuthorizeSecurityGroupIngress", ingress(), Value::Null, Some("Client.UnauthorizedOperation"));
    assert_eq!(text, "tried to open tcp/22 from 0.0.0.0/0, all traffic from sg-2 on sg-1 (Client.UnauthorizedOperation)");
    // As a real record has it: flat parameters, a block that is everywhere although it does not look it.
    let flat = json!({"cidrIp": "208.236.235.254/0", "fromPort": 22, "groupId": "sg-003dc7f1f1c686164", "ipPermissions": {}, "ipProtocol": "tcp", "toPort": 22});
    let (text, rules) = told("ec2.amazonaws.com", "AuthorizeSecurityGroupIngress", flat, Value::Null, None);
    assert_eq!(text, "opened tcp/22 from 208.236.235.254/0 on sg-003dc7f1f1c686164");
    assert!(rules[0].public);
    assert_eq!(
        line(
            "ec2.amazonaws.com",
            "RevokeSecurityGroupEgress",
            json!({"groupId": "sg-1", "ipPermissions": {"items": [{"ipProtocol": "udp", "fromPort": 1, "toPort": 9, "ipRanges": {"items": [{"cidrIp": "10.0.0.0/8"}]}}]}})
        ),
        "closed udp/1-9 to 10.0.0.0/8 on sg-1"
    );
}

#[test]
fn acls_routes_and_gateways() {
    let entry = json!({"aclProtocol": "17", "cidrBlock": "0.0.0.0/0", "egress": false, "networkAclId": "acl-5fb85d36", "portRange": {"from": 53, "to": 53}, "ruleAction": "allow", "ruleNumber": 100});
    assert_eq!(
        line("ec2.amazonaws.com", "CreateNetworkAclEntry", entry),
        "allowed ingress udp/53 from 0.0.0.0/0, rule 100 on acl-5fb85d36"
    );
    let route = json!({"destinationCidrBlock": "0.0.0.0/0", "gatewayId": "igw-1", "routeTableId": "rtb-1"});
    assert_eq!(line("ec2.amazonaws.com", "CreateRoute", route), "routed 0.0.0.0/0 to igw-1 in rtb-1");
    assert_eq!(
        line("ec2.amazonaws.com", "AttachInternetGateway", json!({"internetGatewayId": "igw-1", "vpcId": "vpc-1"})),
        "attached internet gateway igw-1 to vpc-1"
    );
    let flow_logs = json!({"DeleteFlowLogsRequest": {"FlowLogId": {"content": "fl-1", "tag": 1}}});
    assert_eq!(line("ec2.amazonaws.com", "DeleteFlowLogs", flow_logs), "deleted flow logs fl-1");
}

#[test]
fn identities() {
    assert_eq!(
        line(
            "iam.amazonaws.com",
            "AttachUserPolicy",
            json!({"userName": "eve", "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"})
        ),
        "attached AdministratorAccess to user eve"
    );
    let (text, _) = told(
        "iam.amazonaws.com",
        "CreateAccessKey",
        json!({"userName": "eve"}),
        json!({"accessKey": {"accessKeyId": "AKIAEXAMPLE", "status": "Active", "userName": "eve"}}),
        None,
    );
    assert_eq!(text, "created access key AKIAEXAMPLE for user eve");
    let document = r#"{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    assert_eq!(
        line("iam.amazonaws.com", "PutUserPolicy", json!({"userName": "eve", "policyName": "p", "policyDocument": document})),
        "wrote inline policy p of user eve, which allows everything"
    );
    let (text, _) = told(
        "sts.amazonaws.com",
        "AssumeRole",
        json!({"roleArn": "arn:aws:iam::1:role/Admin", "roleSessionName": "s"}),
        json!({"credentials": {"accessKeyId": "ASIAEXAMPLE"}}),
        None,
    );
    assert_eq!(text, "assumed role arn:aws:iam::1:role/Admin as s, key ASIAEXAMPLE");
}

#[test]
fn shells_sharing_and_policies() {
    let command = json!({"instanceIds": ["i-1"], "documentName": "AWS-RunShellScript", "parameters": {"commands": ["id", "ls"]}});
    assert_eq!(line("ssm.amazonaws.com", "SendCommand", command), "ran AWS-RunShellScript on i-1: id; ls");
    let share = json!({"snapshotId": "snap-1", "createVolumePermission": {"add": {"items": [{"userId": "012345678912"}]}}});
    assert_eq!(line("ec2.amazonaws.com", "ModifySnapshotAttribute", share), "shared snapshot snap-1 with 012345678912");
    let policy = json!({"bucketName": "b", "bucketPolicy": {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "s3:GetObject"}]}});
    assert_eq!(line("s3.amazonaws.com", "PutBucketPolicy", policy), "wrote the policy of bucket b, which lets anyone in");
    assert_eq!(line("cloudtrail.amazonaws.com", "StopLogging", json!({"name": "arn:aws:cloudtrail:r:1:trail/main"})), "stopped trail main");
}

#[test]
fn calls_without_words_name_their_parameters() {
    let request = json!({"clientToken": "x", "size": 3, "volumeId": "vol-1", "nested": {"a": 1}, "groupNames": ["a", "b"]});
    assert_eq!(line("ec2.amazonaws.com", "ModifyVolume", request), "ModifyVolume: volumeId=vol-1, groupNames=a, b, size=3");
    assert_eq!(line("ec2.amazonaws.com", "DescribeRegions", Value::Null), "DescribeRegions");
    let (text, _) = told("sqs.amazonaws.com", "PurgeQueue", json!({"queueUrl": "q"}), Value::Null, Some("AccessDenied"));
    assert_eq!(text, "tried PurgeQueue: queueUrl=q (AccessDenied)");
}

#[test]
fn odd_parameters_do_no_harm() {
    for request in
        [json!("a string"), json!([1, 2]), json!({"ipPermissions": "x"}), json!({"ipPermissions": {"items": {"ipRanges": 3}}}), json!(null)]
    {
        for (source, name) in [
            ("ec2.amazonaws.com", "AuthorizeSecurityGroupIngress"),
            ("ec2.amazonaws.com", "ModifySecurityGroupRules"),
            ("ec2.amazonaws.com", "CreateRoute"),
            ("route53.amazonaws.com", "ChangeResourceRecordSets"),
            ("iam.amazonaws.com", "PutUserPolicy"),
            ("s3.amazonaws.com", "PutBucketLifecycle"),
            ("ssm.amazonaws.com", "SendCommand"),
        ] {
            assert!(!line(source, name, request.clone()).is_empty());
        }
    }
}
