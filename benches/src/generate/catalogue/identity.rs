//! STS, IAM, sign-in, Identity Center.

use super::{Call, Outcome, call};
use crate::generate::identity::Who::{Audit, Console, Deploy, Instance, Lambda, Linked, Person, Root, Saml, Service, Task, User};

const CREDENTIALS: &str = r#""credentials":{"accessKeyId":"<assumed_key>","sessionToken":"<base64:356>","expiration":"<expiry>"}"#;
const NOT_AUTHORIZED_IAM: &str = "User: arn:aws:sts::<account>:assumed-role/SecurityAudit/posture-scanner is not authorized to perform: iam:GetLoginProfile on resource: user <user> with an explicit deny in a service control policy";

fn assume_role(by: super::Who, weight: usize, session: &str, seconds: usize) -> Call {
    call("sts", "AssumeRole", weight, &[(by, 1)])
        .request(&format!(r#"{{"roleArn":"<role_arn>","roleSessionName":"{session}","durationSeconds":{seconds}}}"#))
        .response(&format!(
            r#"{{{CREDENTIALS},"assumedRoleUser":{{"assumedRoleId":"<role_id>:{session}","arn":"arn:aws:sts::<account>:assumed-role/<role>/{session}"}}}}"#
        ))
        .resource("AWS::IAM::Role", "<role_arn>")
        .shared()
}

/// Assuming a role of the partner account; the scenario of twins fills it in.
pub(super) fn across() -> Call {
    call("sts", "AssumeRole", 0, &[(Task, 2), (Lambda, 1), (Deploy, 1)])
        .request(r#"{"roleArn":"arn:aws:iam::<partner>:role/SecurityAudit","roleSessionName":"<session_name>","durationSeconds":3600,"externalId":"acme-<hex:8>"}"#)
        .response(&format!(
            r#"{{{CREDENTIALS},"assumedRoleUser":{{"assumedRoleId":"<partner_role_id>:<session_name>","arn":"arn:aws:sts::<partner>:assumed-role/SecurityAudit/<session_name>"}}}}"#
        ))
        .resources(r#"[{"accountId":"<partner>","type":"AWS::IAM::Role","ARN":"arn:aws:iam::<partner>:role/SecurityAudit"}]"#)
        .shared()
}

pub(super) fn calls() -> Vec<Call> {
    [sts(), iam(), sign_in()].concat()
}

fn sts() -> Vec<Call> {
    vec![
        assume_role(Service("ec2.amazonaws.com"), 340, "<instance>", 21_600),
        assume_role(Service("lambda.amazonaws.com"), 400, "<function>", 3600),
        assume_role(Service("ecs-tasks.amazonaws.com"), 180, "<task>", 21_600),
        assume_role(Service("config.amazonaws.com"), 100, "AWSConfig-Describe", 3600),
        assume_role(Service("events.amazonaws.com"), 60, "<task>", 900),
        assume_role(Task, 80, "<session_name>", 3600).denied(
            12_000,
            "User: arn:aws:sts::<account>:assumed-role/web-task/<task> is not authorized to perform: sts:AssumeRole on resource: <role_arn>",
        ),
        call("sts", "AssumeRoleWithSAML", 6, &[(Saml, 1)])
            .request(r#"{"sAMLAssertionID":"_<guid>","roleSessionName":"<session_name>","durationSeconds":28800,"roleArn":"<role_arn>","principalArn":"arn:aws:iam::<account>:saml-provider/AWSSSO_<hex:16>_DO_NOT_DELETE"}"#)
            .response(&format!(r#"{{"subjectType":"persistent","issuer":"https://portal.sso.eu-central-1.amazonaws.com/saml/assertion/<base64:24>",{CREDENTIALS},"nameQualifier":"<base64:27>=","assumedRoleUser":{{"assumedRoleId":"<role_id>:<session_name>","arn":"arn:aws:sts::<account>:assumed-role/<role>/<session_name>"}},"subject":"<session_name>","audience":"https://signin.aws.amazon.com/saml"}}"#))
            .resource("AWS::IAM::Role", "<role_arn>"),
        call("sts", "GetCallerIdentity", 90, &[(Task, 3), (Lambda, 2), (User, 2), (Deploy, 3), (Person, 1)]),
        call("sts", "GetSessionToken", 2, &[(User, 1)])
            .request(r#"{"durationSeconds":3600}"#)
            .response(&format!("{{{CREDENTIALS}}}")),
    ]
}

fn iam() -> Vec<Call> {
    let api = "2010-05-08";
    let scanners = [(Audit, 6), (Deploy, 2), (Console, 1)];
    vec![
        call("iam", "GetRole", 80, &scanners).request(r#"{"roleName":"<role>"}"#).api(api).global().throttled(4_000),
        call("iam", "ListAttachedRolePolicies", 60, &scanners).request(r#"{"roleName":"<role>"}"#).api(api).global(),
        call("iam", "GetPolicyVersion", 45, &scanners)
            .request(r#"{"policyArn":"arn:aws:iam::<account>:policy/<application>-access","versionId":"v<number:9>"}"#)
            .api(api)
            .global(),
        call("iam", "ListUsers", 12, &[(Audit, 3), (Console, 1)]).request(r#"{"maxItems":1000}"#).api(api).global(),
        call("iam", "GetLoginProfile", 18, &[(Audit, 1)])
            .request(r#"{"userName":"<user>"}"#)
            .api(api)
            .global()
            .denied(60_000, NOT_AUTHORIZED_IAM)
            .fault(800_000, Outcome::Failed, "NoSuchEntityException", "Login Profile for User <user> cannot be found."),
        call("iam", "ListAccessKeys", 16, &scanners).request(r#"{"userName":"<user>"}"#).api(api).global(),
        call("iam", "GetAccountSummary", 6, &[(Audit, 1), (Console, 1)]).api(api).global(),
        call("iam", "PutRolePolicy", 2, &[(Deploy, 4), (Console, 1)])
            .writes()
            .request(r#"{"roleName":"<role>","policyName":"<application>-inline","policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"s3:GetObject\",\"s3:PutObject\"],\"Resource\":\"arn:aws:s3:::<bucket>/*\"},{\"Effect\":\"Allow\",\"Action\":\"kms:Decrypt\",\"Resource\":\"<key_arn>\"}]}"}"#)
            .api(api)
            .global(),
        call("iam", "CreateRole", 1, &[(Deploy, 1)])
            .writes()
            .request(r#"{"roleName":"<application>-<hex:8>","path":"/","assumeRolePolicyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"lambda.amazonaws.com\"},\"Action\":\"sts:AssumeRole\"}]}"}"#)
            .api(api)
            .global()
            .fault(500_000, Outcome::Failed, "EntityAlreadyExistsException", "Role with name <application>-role already exists."),
        call("iam", "AttachRolePolicy", 1, &[(Deploy, 1)])
            .writes()
            .request(r#"{"roleName":"<role>","policyArn":"arn:aws:iam::<account>:policy/<application>-access"}"#)
            .api(api)
            .global(),
    ]
}

fn sign_in() -> Vec<Call> {
    vec![
        call("signin", "ConsoleLogin", 2, &[(Console, 30), (Root, 1)])
            .writes()
            .response(r#"{"ConsoleLogin":"Success"}"#)
            .additional(r#"{"LoginTo":"https://console.aws.amazon.com/console/home","MobileVersion":"No","MFAUsed":"No"}"#)
            .kind("AwsConsoleSignIn")
            .global(),
        call("sso", "ListApplications", 4, &[(Console, 1)])
            .request(r#"{"instanceArn":"arn:aws:sso:::instance/ssoins-<hex:16>","maxResults":50}"#),
        call("organizations", "DescribeOrganization", 5, &[(Audit, 3), (Linked("securityhub.amazonaws.com"), 1)]).global(),
        call("organizations", "ListAccounts", 4, &[(Audit, 1)]).global().throttled(30_000).fault(
            120_000,
            Outcome::Denied,
            "AccessDeniedException",
            "You don't have permissions to access this resource.",
        ),
        call("iam", "GenerateServiceLastAccessedDetails", 8, &[(Instance, 1), (Audit, 4)])
            .request(r#"{"arn":"<role_arn>","granularity":"SERVICE_LEVEL"}"#)
            .response(r#"{"jobId":"<guid>"}"#)
            .api("2010-05-08")
            .global(),
    ]
}
