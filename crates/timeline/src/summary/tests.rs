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

/// An event of one account, told with its rules.
fn told_in(account: &str, source: &str, name: &str, request: Value, response: Value) -> (String, Vec<Rule>) {
    let (asked, answered) = (request.to_string(), response.to_string());
    let event = Event {
        event_source: Some(source),
        event_name: Some(name),
        recipient_account_id: Some(account),
        request_parameters: Some(&asked),
        response_elements: Some(&answered),
        ..Event::default()
    };
    let summary = Summary::of(&event, &request, &response);
    (summary.line(&event, classify(&event.facts())), summary.rules)
}

#[test]
fn no_rule_that_is_wide_open_hides_behind_others() {
    let permission = |blocks: &[String]| {
        let ranges: Vec<Value> = blocks.iter().map(|block| json!({"cidrIp": block})).collect();
        json!({"groupId": "sg-1", "ipPermissions": {"items": [{"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "ipRanges": {"items": ranges}}]}})
    };
    let opened = |blocks: &[String]| line("ec2.amazonaws.com", "AuthorizeSecurityGroupIngress", permission(blocks));
    let inner: Vec<String> = (0..NAMED).map(|n| format!("10.0.{n}.0/24")).collect();
    assert_eq!(opened(&inner[..5]).matches("tcp/22 from").count(), 5, "as many as there is room for");
    for wide in ["0.0.0.0/0", "128.0.0.0/1"] {
        let told = opened(&[inner.clone(), vec![wide.to_owned()]].concat());
        assert!(told.starts_with(&format!("opened tcp/22 from {wide}, tcp/22 from 10.0.0.0/24")), "{told}");
        assert!(told.ends_with("tcp/22 from 10.0.18.0/24 and 1 more on sg-1"), "{told}");
    }
    let everywhere = opened(&vec!["0.0.0.0/0".to_owned(); NAMED + 5]);
    assert_eq!((everywhere.matches("0.0.0.0/0").count(), everywhere.contains("more")), (NAMED + 5, false));
    let changes: Vec<Value> = (0..7).map(|n| json!({"action": "UPSERT", "resourceRecordSet": {"name": format!("h{n}"), "type": "A", "resourceRecords": [{"value": "203.0.113.77"}]}})).collect();
    let told =
        line("route53.amazonaws.com", "ChangeResourceRecordSets", json!({"hostedZoneId": "Z1", "changeBatch": {"changes": changes}}));
    assert!((0..7).all(|n| told.contains(&format!("UPSERT A h{n} = 203.0.113.77"))), "{told}");
    let shared: Vec<Value> = (0..NAMED).map(|n| json!({"userId": format!("{n:012}")})).chain([json!({"group": "all"})]).collect();
    let share = json!({"snapshotId": "snap-1", "createVolumePermission": {"add": {"items": shared}}});
    let told = line("ec2.amazonaws.com", "ModifySnapshotAttribute", share);
    assert!(told.starts_with("shared snapshot snap-1 with all, 000000000000"), "{told}");
}

#[test]
fn what_was_closed_by_its_id_is_told_where_the_answer_has_it() {
    let request = json!({"groupId": "sg-1", "securityGroupRuleIds": {"items": [{"securityGroupRuleId": "sgr-1"}, {"securityGroupRuleId": "sgr-2"}]}, "ipPermissions": {}});
    let rule = json!({"securityGroupRuleId": "sgr-1", "groupId": "sg-1", "isEgress": false, "ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "cidrIpv4": "0.0.0.0/0"});
    let closed = |response: Value| told("ec2.amazonaws.com", "RevokeSecurityGroupIngress", request.clone(), response, None).0;
    let answer = json!({"_return": true, "revokedSecurityGroupRuleSet": {"items": [rule]}});
    assert_eq!(closed(answer), "closed tcp/22 from 0.0.0.0/0 (sgr-1), rule sgr-2 on sg-1");
    assert_eq!(closed(json!({"_return": true})), "removed rule sgr-1, rule sgr-2 of sg-1");
}

#[test]
fn prefix_lists_to_the_block() {
    let told = |name: &str, request: Value, response: Value| told("ec2.amazonaws.com", name, request, response, None);
    let made = json!({"CreateManagedPrefixListRequest": {"PrefixListName": "x", "MaxEntries": 5, "AddressFamily": "IPv4", "Entry": {"tag": 1, "Cidr": "0.0.0.0/0"}}});
    let answer = json!({"CreateManagedPrefixListResponse": {"prefixList": {"prefixListId": "pl-1"}}});
    let (text, rules) = told("CreateManagedPrefixList", made, answer);
    assert_eq!(text, "created prefix list pl-1 (x) of 0.0.0.0/0");
    let rule = &rules[0];
    assert_eq!((rule.words().as_str(), rule.public, rule.target.as_deref()), ("list 0.0.0.0/0", true, Some("pl-1")));
    let changed = json!({"ModifyManagedPrefixListRequest": {"PrefixListId": "pl-1", "CurrentVersion": 1,
        "AddEntry": [{"tag": 1, "Cidr": "203.0.113.0/24"}, {"tag": 2, "Cidr": "::/0"}], "RemoveEntry": {"tag": 1, "Cidr": "10.0.0.0/8"}}});
    let (text, rules) = told("ModifyManagedPrefixList", changed, Value::Null);
    assert_eq!(text, "added ::/0, 203.0.113.0/24 to prefix list pl-1, and removed 10.0.0.0/8");
    assert_eq!(rules.iter().map(Rule::words).collect::<Vec<_>>(), ["remove 10.0.0.0/8", "list 203.0.113.0/24", "list ::/0"]);
    let gone = json!({"DeleteManagedPrefixListRequest": {"PrefixListId": "pl-1"}});
    assert_eq!(told("DeleteManagedPrefixList", gone, Value::Null).0, "deleted prefix list pl-1");
}

#[test]
fn a_group_of_another_account_is_told_as_such() {
    let from = |owner: &str| {
        let request = json!({"groupId": "sg-1", "ipPermissions": {"items": [
            {"ipProtocol": "tcp", "fromPort": 3306, "toPort": 3306, "groups": {"items": [{"userId": owner, "groupId": "sg-2"}]}}]}});
        told_in("111122223333", "ec2.amazonaws.com", "AuthorizeSecurityGroupIngress", request, Value::Null)
    };
    let (text, rules) = from("444455556666");
    assert_eq!(text, "opened tcp/3306 from sg-2 of account 444455556666 on sg-1");
    assert_eq!((rules[0].peer.as_deref(), rules[0].peer_account.as_deref()), (Some("sg-2"), Some("444455556666")));
    let (text, rules) = from("111122223333");
    assert_eq!((text.as_str(), rules[0].peer_account.as_deref()), ("opened tcp/3306 from sg-2 on sg-1", None));
}

#[test]
fn icmp_is_told_by_type_and_code() {
    let opened = |protocol: &str, kind: i64, code: i64| {
        let permission =
            json!({"ipProtocol": protocol, "fromPort": kind, "toPort": code, "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]}});
        line("ec2.amazonaws.com", "AuthorizeSecurityGroupIngress", json!({"groupId": "sg-1", "ipPermissions": {"items": [permission]}}))
    };
    assert_eq!(opened("icmp", 8, -1), "opened icmp echo request (type 8) from 0.0.0.0/0 on sg-1");
    assert_eq!(opened("icmp", 3, 4), "opened icmp destination unreachable (type 3 code 4) from 0.0.0.0/0 on sg-1");
    assert_eq!(opened("1", 42, 0), "opened icmp type 42 code 0 from 0.0.0.0/0 on sg-1");
    assert_eq!(opened("icmp", -1, -1), "opened icmp from 0.0.0.0/0 on sg-1");
    assert_eq!(opened("icmpv6", 128, -1), "opened icmpv6 echo request (type 128) from 0.0.0.0/0 on sg-1");
    let entry = json!({"networkAclId": "acl-1", "ruleNumber": 100, "egress": true, "ruleAction": "allow", "icmpTypeCode": {"code": -1, "type": 8},
        "portRange": {}, "aclProtocol": "1", "cidrBlock": "0.0.0.0/0"});
    assert_eq!(
        line("ec2.amazonaws.com", "CreateNetworkAclEntry", entry),
        "allowed egress icmp echo request (type 8) to 0.0.0.0/0, rule 100 on acl-1"
    );
}

#[test]
fn what_was_not_there_was_not_closed() {
    let permissions = |blocks: &[&str]| {
        let ranges: Vec<Value> = blocks.iter().map(|block| json!({"cidrIp": block})).collect();
        json!({"items": [{"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "ipRanges": {"items": ranges}}]})
    };
    let revoked = |asked: &[&str], unknown: &[&str]| {
        let request = json!({"groupId": "sg-1", "ipPermissions": permissions(asked)});
        let response = json!({"_return": true, "unknownIpPermissionSet": permissions(unknown)});
        told_in("1", "ec2.amazonaws.com", "RevokeSecurityGroupIngress", request, response)
    };
    let (text, _) = revoked(&["0.0.0.0/0"], &["0.0.0.0/0"]);
    assert_eq!(text, "tried to close tcp/22 from 0.0.0.0/0 on sg-1, which had no such rule");
    let (text, rules) = revoked(&["10.0.0.0/8", "0.0.0.0/0"], &["0.0.0.0/0"]);
    assert_eq!(text, "closed tcp/22 from 10.0.0.0/8 on sg-1, not tcp/22 from 0.0.0.0/0: there was no such rule");
    assert_eq!(rules.iter().map(|rule| rule.peer.as_deref()).collect::<Vec<_>>(), [Some("10.0.0.0/8")]);
}

#[test]
fn managed_services_to_the_rule() {
    let ports = |cidrs: Value| json!({"fromPort": 22, "toPort": 22, "protocol": "tcp", "cidrs": cidrs});
    let told = |name: &str, request: Value| told("lightsail.amazonaws.com", name, request, Value::Null, None);
    let (text, rules) = told("OpenInstancePublicPorts", json!({"instanceName": "ls", "portInfo": ports(json!(["0.0.0.0/0"]))}));
    assert_eq!(text, "opened tcp/22 from 0.0.0.0/0 on instance ls");
    assert_eq!((rules.len(), rules[0].action, rules[0].public, rules[0].target.as_deref()), (1, "open", true, Some("ls")));
    let (text, rules) = told("PutInstancePublicPorts", json!({"instanceName": "ls", "portInfos": [ports(json!(["203.0.113.0/24"]))]}));
    assert_eq!(text, "opened tcp/22 from 203.0.113.0/24 on instance ls, and nothing else");
    assert_eq!(rules.iter().map(Rule::words).collect::<Vec<_>>(), ["close ingress all else", "open ingress tcp/22 from 203.0.113.0/24"]);
    let (text, _) = told("CloseInstancePublicPorts", json!({"instanceName": "ls", "portInfo": ports(Value::Null)}));
    assert_eq!(text, "closed tcp/22 from addresses that the call does not name on instance ls");
    let config = |config: Value| line("eks.amazonaws.com", "UpdateClusterConfig", json!({"name": "k", "resourcesVpcConfig": config}));
    assert_eq!(
        config(json!({"endpointPublicAccess": true, "publicAccessCidrs": ["0.0.0.0/0"]})),
        "opened the public API endpoint of cluster k to 0.0.0.0/0"
    );
    assert_eq!(config(json!({"endpointPublicAccess": false})), "closed the public API endpoint of cluster k");
    assert_eq!(config(json!({"subnetIds": ["subnet-1"]})), "UpdateClusterConfig: name=k");
}

#[test]
fn what_the_record_does_not_say_was_done_is_not_told_as_done() {
    let line = |message: &str| {
        let event = Event {
            event_source: Some("s3.amazonaws.com"),
            event_name: Some("PutBucketAcl"),
            error_message: Some(message),
            ..Event::default()
        };
        Summary::of(&event, &json!({"bucketName": "z"}), &Value::Null).line(&event, classify(&event.facts()))
    };
    assert_eq!(line("something"), "tried to set the ACL of bucket z (outcome not known)");
    assert_eq!(line("User: x is not authorized to perform: y"), "tried to set the ACL of bucket z");
}

#[test]
fn rules_have_a_place_and_what_has_none_is_compared_whole() {
    let rule = |peer: &str, ports: &str| Rule {
        action: "open",
        direction: Some("ingress"),
        protocol: Some("tcp".to_owned()),
        ports: Some(ports.to_owned()),
        peer: Some(peer.to_owned()),
        ..Rule::default()
    };
    assert_eq!(rule("208.236.235.254/0", "22").is_at_place_of(&rule("0.0.0.0/0", "22")), Some(true), "EC2 keeps blocks without host bits");
    assert_eq!(rule("0.0.0.0/0", "22").is_at_place_of(&rule("0.0.0.0/0", "80")), Some(false));
    let by_id = |id: &str| Rule { action: "close", direction: Some("ingress"), id: Some(id.to_owned()), ..Rule::default() };
    let known = Rule { id: Some("sgr-1".to_owned()), ..rule("0.0.0.0/0", "22") };
    assert_eq!(by_id("sgr-1").is_at_place_of(&known), Some(true));
    assert_eq!(by_id("sgr-2").is_at_place_of(&known), Some(false));
    assert_eq!(by_id("sgr-2").is_at_place_of(&rule("0.0.0.0/0", "22")), None, "whose id is not known may be meant");
    let entry = |number, direction| Rule { action: "allow", direction: Some(direction), number: Some(number), ..rule("0.0.0.0/0", "22") };
    let gone = Rule { action: "remove", direction: Some("ingress"), number: Some(100), ..Rule::default() };
    assert_eq!(gone.is_at_place_of(&entry(100, "ingress")), Some(true));
    assert_eq!(gone.is_at_place_of(&entry(100, "egress")), Some(false));
    assert_eq!(gone.is_at_place_of(&entry(200, "ingress")), Some(false));
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
    let (text, rules) =
        told("ec2.amazonaws.com", "DeleteRoute", json!({"destinationCidrBlock": "10.0.0.0/8", "routeTableId": "rtb-1"}), Value::Null, None);
    assert_eq!((text.as_str(), rules[0].words().as_str()), ("removed the route 10.0.0.0/8 in rtb-1", "remove 10.0.0.0/8"));
    let entry = json!({"networkAclId": "acl-1", "ruleNumber": 100, "egress": false});
    let (text, rules) = told("ec2.amazonaws.com", "DeleteNetworkAclEntry", entry, Value::Null, None);
    assert_eq!((text.as_str(), rules[0].words().as_str()), ("removed ingress, rule 100 of acl-1", "remove ingress rule 100"));
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
fn sessions_are_told_by_their_document() {
    let started = |document: Option<&str>, parameters: Value| {
        let request = json!({"target": "i-1", "documentName": document, "parameters": parameters});
        told("ssm.amazonaws.com", "StartSession", request, json!({"sessionId": "alice-1"}), None).0
    };
    assert_eq!(started(None, Value::Null), "opened a shell on i-1, session alice-1");
    let remote = json!({"host": ["db.internal"], "portNumber": ["5432"], "localPortNumber": ["15432"]});
    assert_eq!(
        started(Some("AWS-StartPortForwardingSessionToRemoteHost"), remote),
        "forwarded port 5432 of db.internal through i-1, session alice-1"
    );
    assert_eq!(
        started(Some("AWS-StartPortForwardingSession"), json!({"portNumber": ["3389"]})),
        "forwarded port 3389 of i-1, session alice-1"
    );
    assert_eq!(
        started(Some("AWS-StartSSHSession"), json!({"portNumber": ["22"]})),
        "opened an SSH connection to i-1, port 22, session alice-1"
    );
    assert_eq!(started(Some("AWS-StartInteractiveCommand"), json!({"command": ["id"]})), "ran `id` on i-1, session alice-1");
    assert_eq!(started(Some("Own"), json!({"a": ["1", "2"]})), "opened a session of document Own on i-1 (a=1 2), session alice-1");
    let tunnel = json!({"instanceConnectEndpointId": "eice-1", "remotePort": "22", "privateIpAddress": "10.0.0.5"});
    assert_eq!(line("ec2-instance-connect.amazonaws.com", "OpenTunnel", tunnel), "opened a tunnel to 10.0.0.5, port 22 through eice-1");
    let cloudshell = |name: &str, request: Value| line("cloudshell.amazonaws.com", name, request);
    assert_eq!(cloudshell("CreateEnvironment", json!({})), "created CloudShell environment");
    assert_eq!(cloudshell("CreateSession", json!({"environmentId": "x"})), "opened a shell in CloudShell environment x");
}

#[test]
fn launches_that_ask_for_a_public_address_say_so() {
    let launched = |asked: Value| {
        let request =
            json!({"instanceType": "t3.micro", "networkInterfaceSet": {"items": [{"deviceIndex": 0, "associatePublicIpAddress": asked}]}});
        told("ec2.amazonaws.com", "RunInstances", request, json!({"instancesSet": {"items": [{"instanceId": "i-1"}]}}), None).0
    };
    assert_eq!(launched(json!(true)), "launched i-1 (t3.micro), asking for a public address");
    assert_eq!(launched(json!(false)), "launched i-1 (t3.micro)");
}

#[test]
fn parts_that_failed_are_named() {
    let request = json!({"DeleteFlowLogsRequest": {"FlowLogId": [{"tag": 1, "content": "fl-1"}, {"tag": 2, "content": "fl-2"}]}});
    let failure = json!({"error": {"code": "InvalidFlowLogId.NotFound", "message": "x"}, "resourceId": "fl-2"});
    let response = json!({"DeleteFlowLogsResponse": {"unsuccessful": {"item": failure}}});
    let (text, _) = told_in("1", "ec2.amazonaws.com", "DeleteFlowLogs", request, response);
    assert_eq!(text, "deleted flow logs fl-1, fl-2 (1 of its parts failed: fl-2 with InvalidFlowLogId.NotFound)");
}

#[test]
fn a_version_of_a_policy_is_in_force_only_as_its_default() {
    let version = |default: Value| {
        let request = json!({"policyArn": "arn:aws:iam::1:policy/Dev", "policyDocument": "{}", "setAsDefault": default});
        let response = json!({"policyVersion": {"versionId": "v2", "isDefaultVersion": default}});
        told("iam.amazonaws.com", "CreatePolicyVersion", request, response, None).0
    };
    assert_eq!(version(json!(true)), "changed policy Dev to version v2");
    assert_eq!(version(json!(false)), "added version v2 to policy Dev, not as its default");
}

#[test]
fn records_without_values_are_told_without() {
    let changes = json!([{"action": "DELETE", "resourceRecordSet": {"name": "old.example.com.", "type": "CNAME"}}]);
    let request = json!({"hostedZoneId": "Z1", "changeBatch": {"changes": changes}});
    let (text, rules) = told("route53.amazonaws.com", "ChangeResourceRecordSets", request, Value::Null, None);
    assert_eq!(text, "changed records of Z1: DELETE CNAME old.example.com.");
    assert_eq!((rules[0].words().as_str(), rules[0].peer.as_deref()), ("remove CNAME old.example.com.", None));
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

#[test]
fn parts_of_a_network_by_their_ids() {
    let ec2 = |name: &str, request: Value| line("ec2.amazonaws.com", name, request);
    assert_eq!(ec2("DeleteVpc", json!({"vpcId": "vpc-1"})), "deleted VPC vpc-1");
    assert_eq!(ec2("ReleaseAddress", json!({"allocationId": "eipalloc-1"})), "released public address eipalloc-1");
    assert_eq!(
        ec2("AttachNetworkInterface", json!({"networkInterfaceId": "eni-1", "instanceId": "i-1", "deviceIndex": 1})),
        "attached network interface eni-1 to i-1"
    );
    let created = json!({"subnetId": "subnet-1", "groupSet": {"items": [{"groupId": "sg-1"}]}});
    let answer = json!({"networkInterface": {"networkInterfaceId": "eni-1"}});
    assert_eq!(
        told("ec2.amazonaws.com", "CreateNetworkInterface", created, answer, None).0,
        "created network interface eni-1 in subnet-1 behind sg-1"
    );
    assert_eq!(ec2("AssociateRouteTable", json!({"routeTableId": "rtb-1", "subnetId": "subnet-1"})), "gave route table rtb-1 to subnet-1");
    let endpoints = json!({"DeleteVpcEndpointsRequest": {"VpcEndpointId": {"content": "vpce-1", "tag": 1}}});
    assert_eq!(ec2("DeleteVpcEndpoints", endpoints), "deleted endpoints vpce-1");
    assert_eq!(
        ec2("ModifySubnetAttribute", json!({"subnetId": "subnet-1", "mapPublicIpOnLaunch": {"value": true}})),
        "turned on mapPublicIpOnLaunch of subnet-1"
    );
    let refused = told(
        "ec2.amazonaws.com",
        "ModifyVpcAttribute",
        json!({"vpcId": "vpc-1", "enableDnsSupport": {"value": false}}),
        Value::Null,
        Some("AccessDenied"),
    );
    assert_eq!(refused.0, "tried to turn off enableDnsSupport of vpc-1 (AccessDenied)");
}
