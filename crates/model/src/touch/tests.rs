//! The rules against a record for each call they know, and what makes one thing of several.

use serde_json::{Value, json};

use super::rules::{ANY, RULES, Rule, of, read_rule};
use super::*;

fn tied(call: &Value) -> Vec<Touched> {
    let json = |key: &str| call.get(key).map(Value::to_string);
    let text = |key: &str| call.get(key).and_then(Value::as_str);
    let (resources, request, response) = (json("resources"), json("request"), json("response"));
    let (additional, details) = (json("additional"), json("details"));
    touched(&Call {
        event_source: text("eventSource").unwrap_or_default(),
        event_name: text("eventName").unwrap_or_default(),
        region: text("region").unwrap_or("eu-central-1"),
        account: text("account").unwrap_or("111122223333"),
        caller: text("caller"),
        error_message: text("error"),
        resources: resources.as_deref(),
        request: request.as_deref(),
        response: response.as_deref(),
        additional: additional.as_deref(),
        details: details.as_deref(),
    })
}

fn short(call: &Value) -> Vec<(String, &'static str, &'static str)> {
    tied(call).into_iter().map(|t| (t.arn, t.part.as_str(), t.basis.as_str())).collect()
}

/// Records and ARNs were worked out by `tests/expect/touch_records.py`.
#[test]
fn every_call_of_every_rule() {
    let records: Vec<Value> = include_str!("records.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let calls: usize = RULES.iter().map(|rule| rule.events().count()).sum();
    assert_eq!(records.len(), calls, "a record for each: run tests/expect/touch_records.py");
    for record in &records {
        let arn = record["arn"].as_str().unwrap();
        let found = tied(record);
        let it = found.iter().find(|t| t.arn == arn).unwrap_or_else(|| panic!("{record}\nis not tied to {arn}, but to {found:?}"));
        assert_eq!(it.basis, Basis::Rule, "{record}");
        // Where two rules of a call find the same, the nearer part counts.
        assert!(it.part.as_str() == record["part"] || it.part == Part::Target, "{record} {it:?}");
    }
}

#[test]
fn every_line_of_the_table_is_read() {
    let lines: Vec<&str> = include_str!("rules.txt").lines().filter(|l| !l.is_empty() && !l.starts_with('#')).collect();
    for line in &lines {
        assert!(read_rule(line).is_some(), "{line}");
    }
    assert_eq!((lines.len(), lines.len()), (RULES.len(), rules().count()));
    assert!(rules().any(|r| !r.is_verified) && rules().any(|r| r.is_verified));
}

/// What is looked up is what a search through the whole table finds.
#[test]
fn rules_of_a_call() {
    let calls = [
        ("s3", "GetObject"),
        ("s3", "PutBucketFuture"),
        ("ec2", "CreateTransitGatewayVpcAttachment"),
        ("ec2", "UpdateSecurityGroupRuleDescriptionsIngress"),
        ("ec2", "DescribeInstances"),
        ("sts", "AssumeRole"),
        ("new-service", "Invoke"),
        ("", ""),
    ];
    for (service, action) in calls {
        let fits = |event: &str| event == action;
        let begins = |event: &str| event.strip_suffix('*').is_some_and(|start| action.starts_with(start));
        let exact = RULES.iter().filter(|rule| rule.shown.service == service && rule.events().any(fits));
        let start = RULES.iter().filter(|rule| [service, ANY].contains(&rule.shown.service) && rule.events().any(begins));
        let text = |rule: &Rule| format!("{:?}", rule.shown);
        let expected: Vec<String> = exact.chain(start).map(text).collect();
        let found: Vec<String> = of(service, action).unwrap().rules.iter().map(|rule| text(rule)).collect();
        assert_eq!(found, expected, "{service} {action}");
        assert!(!found.is_empty());
    }
}

#[test]
fn best_known_first_and_each_once() {
    let call = json!({
        "eventSource": "ec2.amazonaws.com", "eventName": "AuthorizeSecurityGroupIngress",
        "resources": [{"ARN": "arn:aws:ec2:eu-central-1:444455556666:vpc/vpc-0683fcf7", "accountId": "444455556666"}],
        "request": {"groupId": "sg-0683fcf7a41c82593", "note": "for i-0683fcf7a41c82593",
            "ipPermissions": {"items": [{"groups": {"items": [{"groupId": "sg-11111111"}]}}]}},
        "response": {"securityGroupRuleSet": {"items": [{"groupId": "sg-0683fcf7a41c82593", "securityGroupRuleId": "sgr-22222222"}]}},
    });
    let ec2 = |id: &str| format!("arn:aws:ec2:eu-central-1:111122223333:{id}");
    assert_eq!(
        short(&call),
        [
            ("arn:aws:ec2:eu-central-1:444455556666:vpc/vpc-0683fcf7".to_owned(), "target", "resources"),
            (ec2("security-group/sg-0683fcf7a41c82593"), "target", "rule"),
            (ec2("security-group-rule/sgr-22222222"), "target", "rule"),
            (ec2("security-group/sg-11111111"), "related", "rule"),
            (ec2("instance/i-0683fcf7a41c82593"), "mentioned", "id_text"),
        ]
    );
    let paths: Vec<String> = tied(&call).into_iter().map(|t| t.path).collect();
    assert_eq!(paths[1], "requestParameters.groupId");
    assert_eq!(paths[3], "requestParameters.ipPermissions.items[].groups.items[].groupId");
}

#[test]
fn partitions_regions_and_accounts() {
    for (region, expected) in
        [("cn-north-1", "arn:aws-cn:s3:::b"), ("us-gov-west-1", "arn:aws-us-gov:s3:::b"), ("eusc-de-east-1", "arn:aws-eusc:s3:::b")]
    {
        let call =
            json!({"eventSource": "s3.amazonaws.com", "eventName": "PutBucketPolicy", "region": region, "request": {"bucketName": "b"}});
        assert_eq!(short(&call), [(expected.to_owned(), "target", "rule")]);
    }
    let call = json!({"eventSource": "iam.amazonaws.com", "eventName": "AttachUserPolicy", "region": "us-gov-west-1",
        "request": {"userName": "u", "policyArn": "arn:aws-us-gov:iam::aws:policy/AdministratorAccess"}});
    let found = tied(&call);
    assert_eq!(found[0].arn, "arn:aws-us-gov:iam::111122223333:user/u");
    assert!(!found[0].owner_is_stated && found[1].owner_is_stated);
    assert_eq!((found[1].arn.as_str(), found[1].part), ("arn:aws-us-gov:iam::aws:policy/AdministratorAccess", Part::Related));
}

#[test]
fn what_a_thing_implies() {
    let object = json!({"eventSource": "s3.amazonaws.com", "eventName": "GetObject", "request": {"bucketName": "b", "key": "k/l"}});
    assert_eq!(short(&object), [("arn:aws:s3:::b/k/l".to_owned(), "target", "rule"), ("arn:aws:s3:::b".to_owned(), "target", "rule")]);
    let version = json!({"eventSource": "lambda.amazonaws.com", "eventName": "UpdateFunctionCode20150331v2", "request": {"functionName": "999988887777:function:f:7"}});
    let f = "arn:aws:lambda:eu-central-1:999988887777:function:f";
    assert_eq!(short(&version), [(format!("{f}:7"), "target", "rule"), (f.to_owned(), "target", "rule")]);
    let role = json!({"eventSource": "sts.amazonaws.com", "eventName": "AssumeRole", "request": {"roleArn": "arn:aws:iam::1:role/ops/R"},
        "response": {"assumedRoleUser": {"arn": "arn:aws:sts::1:assumed-role/R/s"}}});
    let arns: Vec<_> = short(&role).into_iter().map(|(arn, part, _)| (arn, part)).collect();
    assert_eq!(
        arns,
        [("arn:aws:iam::1:role/ops/R".to_owned(), "target"), ("arn:aws:sts::1:assumed-role/R/s".to_owned(), "related"),],
        "the role has its path"
    );
    let session = json!({"eventSource": "sts.amazonaws.com", "eventName": "AssumeRole", "response": {"assumedRoleUser": {"arn": "arn:aws:sts::1:assumed-role/R/s"}}});
    let arns: Vec<_> = short(&session).into_iter().map(|(arn, part, _)| (arn, part)).collect();
    let session = "arn:aws:sts::1:assumed-role/R/s".to_owned();
    assert_eq!(arns, [(session, "related"), ("arn:aws:iam::1:role/R".to_owned(), "related")]);
}

#[test]
fn a_refusal_says_what_on() {
    let call = json!({"eventSource": "secretsmanager.amazonaws.com", "eventName": "GetSecretValue",
        "error": "User: arn:aws:iam::1:user/eve is not authorized to perform: secretsmanager:GetSecretValue on resource: arn:aws:secretsmanager:r:1:secret:x because"});
    assert_eq!(short(&call), [("arn:aws:secretsmanager:r:1:secret:x".to_owned(), "target", "error_message")]);
    let call = json!({"eventSource": "ec2.amazonaws.com", "eventName": "DescribeSecurityGroups", "error": "The security group 'sg-0683fcf7' does not exist"});
    assert_eq!(short(&call), [("arn:aws:ec2:eu-central-1:111122223333:security-group/sg-0683fcf7".to_owned(), "mentioned", "id_text")]);
}

#[test]
fn names_that_are_none_make_no_arn() {
    let local = json!({"eventSource": "ec2.amazonaws.com", "eventName": "CreateRoute", "request": {"routeTableId": "rtb-11111111", "gatewayId": "local"}});
    assert_eq!(short(&local).len(), 1);
    let all = json!({"eventSource": "ec2.amazonaws.com", "eventName": "ModifyImageAttribute",
        "request": {"imageId": "ami-11111111", "launchPermission": {"add": {"items": [{"group": "all"}, {"userId": "all"}]}}}});
    assert_eq!(short(&all).len(), 1);
    let own =
        json!({"eventSource": "iam.amazonaws.com", "eventName": "CreateAccessKey", "caller": "arn:aws:iam::111122223333:user/people/eve"});
    assert_eq!(short(&own), [("arn:aws:iam::111122223333:user/people/eve".to_owned(), "target", "rule")]);
}

/// Published records have their accounts taken out; what they name is found all the same.
#[test]
fn accounts_and_regions_that_are_none_are_left_out() {
    for (account, region) in [("XXXXXXXXXXXX", "eu-central-1"), ("<ACCOUNT>", "<REGION>"), ("", "")] {
        let call = json!({"eventSource": "ec2.amazonaws.com", "eventName": "DeleteSecurityGroup", "account": account, "region": region,
            "request": {"groupId": "sg-0683fcf7a41c82593", "note": "vpc-0683fcf7"}});
        let arns: Vec<String> = short(&call).into_iter().map(|(arn, ..)| arn).collect();
        let region = if region.starts_with('<') { "" } else { region };
        let ec2 = |id: &str| format!("arn:aws:ec2:{region}::{id}");
        assert_eq!(arns, [ec2("security-group/sg-0683fcf7a41c82593"), ec2("vpc/vpc-0683fcf7")]);
    }
}

#[test]
fn a_record_made_to_be_long_is_cut() {
    let ids: Vec<String> = (0..12_000).map(|n| format!("i-{n:017x}")).collect();
    let call = json!({"eventSource": "ec2.amazonaws.com", "eventName": "TerminateInstances", "request": {"instancesSet": {"items": ids}}});
    assert_eq!(tied(&call).len(), MOST);
}
