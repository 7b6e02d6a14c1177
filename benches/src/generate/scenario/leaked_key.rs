//! A build user's key leaks; two roles later somebody opens the network, takes data, and switches the log off.

use std::collections::HashMap;

use anyhow::Result;
use serde_json::json;

use super::{ALWAYS, Actor, Gap, Incident, Step, clock_time, id_of, play};
use crate::generate::Options;
use crate::generate::catalogue::{Call, Outcome, call};
use crate::generate::clock::{HOUR, SLOT, iso};
use crate::generate::estate::Estate;
use crate::generate::identity::{Identity, Session};
use crate::generate::random::Random;

const STORY: &[&str] = &[
    "The key of the IAM user build-pipeline (staging account) is used from an address never seen before; most of what it tries is denied.",
    "It assumes platform-admin in the platform account (a first try at another role is denied), and looks around.",
    "As platform-admin it creates the user svc-backup-sync with a key and administrator rights, and opens SSH to the world: a dry run, a denied try on another group, then the real call.",
    "It launches an instance with a public address and a default route, opens a Session Manager shell and pushes an SSH key to another instance.",
    "From platform-admin it goes on to the deploy role of the production account, reads secrets and downloads customers' invoices; a bucket policy and a shared snapshot open two more ways out.",
    "It stops the organisation's trail of eu-west-1: from then on that region delivers no files, until a responder starts it again after the incident was noticed.",
    "The new user goes on from a second address; its console sign-in fails.",
    "Noticed at 14:05; maria.weber revokes, deactivates, terminates, and starts the trail.",
];

/// Where things happen: indices of accounts and regions.
const PLATFORM: usize = 0;
const PRODUCTION: usize = 1;
const STAGING: usize = 2;
const HOME: usize = 0;
const GLOBAL: usize = 1;
const WEST: usize = 2;

const FIRST_ADDRESS: &str = "203.0.113.66";
const SECOND_ADDRESS: &str = "203.0.113.189";
const KALI: &str = "aws-cli/2.17.18 md/awscrt#0.20.11 ua/2.0 os/linux#6.11.2-amd64 md/arch#x86_64 lang/python#3.12.6 md/pyimpl#CPython exec-env/none cfg/retry-mode#standard md/installer#source md/prompt#off";
const PACU: &str = "Boto3/1.35.24 md/Botocore#1.35.24 ua/2.0 os/linux#6.11.2-amd64 md/arch#x86_64 lang/python#3.12.6 md/pyimpl#CPython cfg/retry-mode#legacy";
const BROWSER: &str =
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36";
const TOR: &str = "Mozilla/5.0 (Windows NT 10.0; rv:128.0) Gecko/20100101 Firefox/128.0";

pub(super) fn incident(options: &Options, estate: &Estate, day: i64) -> Result<Incident> {
    let names = names(options, estate);
    let name = |key: &str| names.get(key).map_or("", String::as_str);
    let cast = cast(estate, &names, day)?;
    let mut steps = [reconnaissance(), persistence(), network(), data(), evasion(), response()].concat();
    let fixed = steps.len();
    let wanted = ((1.0 - options.noise) * options.events as f64).round() as usize;
    steps.extend(exfiltration(wanted.saturating_sub(fixed).max(24)));
    let events = play(options, estate, day, &names, &cast, &steps)?;
    let id = |label: &str| id_of(options, &steps, label);
    // The last file before the stop still comes; files begin again with the slot after the start.
    let (stopped, started) = (clock_time(day, "11:02:37")?, clock_time(day, "14:16:20")?);
    let gap = Gap { region: "eu-west-1", from: (stopped / SLOT + 1) * SLOT, to: (started / SLOT) * SLOT };
    let account = |n: usize| &estate.accounts[n].id;
    let user = &estate.accounts[STAGING].users[1];
    let credential = |key: &str, arn: String, from: serde_json::Value, parent: Option<&str>, last: &str| json!({ "key": key, "principal_arn": arn, "issued_by": from, "parent_key": parent, "first_address": last });
    let admin_arn = format!("arn:aws:sts::{}:assumed-role/platform-admin/{}", account(PLATFORM), name("admin_session"));
    let deploy_arn = format!("arn:aws:sts::{}:assumed-role/deploy/{}", account(PRODUCTION), name("deploy_session"));
    let new_arn = format!("arn:aws:iam::{}:user/{}", account(PLATFORM), name("new_user"));
    let chain = json!([
        credential(&user.key, format!("arn:aws:iam::{}:user/{}", account(STAGING), user.name), json!(null), None, FIRST_ADDRESS),
        credential(name("admin_key"), admin_arn, id("assume-admin"), Some(&user.key), FIRST_ADDRESS),
        credential(name("new_key"), new_arn, id("create-key"), Some(name("admin_key")), SECOND_ADDRESS),
        credential(name("deploy_key"), deploy_arn, id("assume-deploy"), Some(name("admin_key")), FIRST_ADDRESS),
    ]);
    let empty: Vec<String> = (0..24).map(|h| day + h * HOUR).filter(|h| *h >= gap.from && *h + HOUR <= gap.to).map(iso).collect();
    let gap_truth = json!({
        "region": gap.region, "accounts": estate.accounts.iter().map(|a| &a.id).collect::<Vec<_>>(), "no_files_from": iso(gap.from), "no_files_until": iso(gap.to),
        "empty_hours": empty, "stopped_by": id("stop-logging"), "started_by": id("start-logging"), "trail": name("trail"),
    });
    let attacker = json!({ "addresses": [FIRST_ADDRESS, SECOND_ADDRESS], "leaked_key": user.key, "leaked_user": format!("arn:aws:iam::{}:user/{}", account(STAGING), user.name),
        "opened_group": name("web_group"), "launched_instance": name("new_instance"), "public_address": name("elastic_address"), "bucket": name("invoices"), "created_user": name("new_user") });
    let particulars = vec![("attacker", attacker), ("chain", chain), ("coverage_gap", gap_truth)];
    Ok(Incident { at: clock_time(day, "14:05:00")?, story: STORY, gap, events, particulars, is_answered: true })
}

fn names(options: &Options, estate: &Estate) -> HashMap<String, String> {
    let mut random = Random::seeded(&[options.seed, 0x1ea_ced]);
    let [platform, production, staging] = [PLATFORM, PRODUCTION, STAGING].map(|n| &estate.accounts[n]);
    let west = &platform.places[WEST];
    let admin = platform.role("platform-admin");
    let deploy = production.role("deploy");
    let mut ec2_id = |prefix: &str| format!("{prefix}-0{}", random.text(|r, o| r.push_hex(o, 16)));
    let ids = [
        "new_instance:i",
        "eni:eni",
        "allocation:eipalloc",
        "association:eipassoc",
        "route_table:rtb",
        "gateway:igw",
        "key_pair:key",
        "snapshot:snap",
        "flow_log:fl",
        "image:ami",
        "rule:sgr",
    ];
    let mut names: HashMap<String, String> =
        ids.iter().filter_map(|id| id.split_once(':')).map(|(name, prefix)| (name.to_owned(), ec2_id(prefix))).collect();
    let mut set = |name: &str, value: String| names.insert(name.to_owned(), value);
    set("platform", platform.id.clone());
    set("production", production.id.clone());
    set("staging", staging.id.clone());
    set("outside", "999988887777".to_owned());
    set("leaked_user", staging.users[1].name.clone());
    set("leaked_key", staging.users[1].key.clone());
    set("admin_id", admin.id.clone());
    set("admin_session", "botocore-session-1760517612".to_owned());
    set("admin_key", random.credential("ASIA", &platform.id, 20));
    set("deploy_id", deploy.id.clone());
    set("deploy_session", "nightly-sync".to_owned());
    set("deploy_key", random.credential("ASIA", &production.id, 20));
    set("new_user", "svc-backup-sync".to_owned());
    set("new_user_id", random.credential("AIDA", &platform.id, 21));
    set("new_key", random.credential("AKIA", &platform.id, 20));
    set("bastion_group", west.groups[0].clone());
    set("web_group", west.groups[3].clone());
    set("west_subnet", west.subnets[2].clone());
    set("west_vpc", west.vpcs[0].clone());
    set("bastion", west.instances[1].id.clone());
    set("database_host", west.instances[4].id.clone());
    set("elastic_address", "52.48.17.201".to_owned());
    set("invoices", production.buckets[6].clone());
    set("exports", platform.buckets[2].clone());
    set("payments_secret", production.places[HOME].secrets[3].clone());
    set("orders_secret", production.places[HOME].secrets[4].clone());
    set("trail", format!("arn:aws:cloudtrail:eu-west-1:{}:trail/organisation-eu-west-1", platform.id));
    names
}

fn cast<'a>(estate: &'a Estate, names: &'a HashMap<String, String>, day: i64) -> Result<Vec<Actor<'a>>> {
    let [platform, production, staging] = [PLATFORM, PRODUCTION, STAGING].map(|n| &estate.accounts[n]);
    let name = |key: &str| names.get(key).map_or("", String::as_str);
    let session_name = |key: &str| -> &'a str { names.get(key).map_or("", String::as_str) };
    let admin = Session::new(
        &platform.id,
        platform.role("platform-admin"),
        session_name("admin_session"),
        name("admin_key"),
        clock_time(day, "08:40:12")?,
    );
    let deploy = Session::new(
        &production.id,
        production.role("deploy"),
        session_name("deploy_session"),
        name("deploy_key"),
        clock_time(day, "10:41:55")?,
    );
    let maria = &platform.people[0];
    let mut maria_session = Session::new(
        &platform.id,
        &maria.role,
        maria.name.as_str(),
        Random::seeded(&[7]).credential("ASIA", &platform.id, 20),
        clock_time(day, "14:11:04")?,
    );
    maria_session.on_behalf_of = Some((maria, estate));
    let user_json = |key: &str| {
        format!(
            r#"{{"type":"IAMUser","principalId":"{}","arn":"arn:aws:iam::{}:user/{}","accountId":"{}","accessKeyId":"{key}","userName":"{}"}}"#,
            name("new_user_id"),
            platform.id,
            name("new_user"),
            platform.id,
            name("new_user")
        )
    };
    let actor =
        |name, identity, address: &str, agent| Actor { name, identity, address: address.to_owned(), agent, from_console: agent == BROWSER };
    Ok(vec![
        actor("leaked key", Identity::User { account: &staging.id, user: &staging.users[1] }, FIRST_ADDRESS, KALI),
        actor("platform-admin", Identity::Role(admin), FIRST_ADDRESS, KALI),
        actor("deploy", Identity::Role(deploy), FIRST_ADDRESS, PACU),
        actor("new user", Identity::Written(user_json(name("new_key"))), SECOND_ADDRESS, PACU),
        actor("new user, console", Identity::Written(user_json("")), SECOND_ADDRESS, TOR),
        actor("responder", Identity::Role(maria_session), &maria.address, BROWSER),
    ])
}

fn step(at: &str, actor: &'static str, (account, place): (usize, usize), phase: &'static str, call: Call) -> Step {
    Step { at: at.to_owned(), actor, account, place, phase, call, label: "", seen_by: None }
}

impl Step {
    fn labelled(mut self, label: &'static str) -> Self {
        self.label = label;
        self
    }

    fn seen_by(mut self, account: usize) -> Self {
        self.seen_by = Some(account);
        self
    }
}

/// A call nobody of the catalogue makes.
fn api(source: &'static str, name: &'static str) -> Call {
    call(source, name, 0, &[])
}

fn refused(call: Call, code: &'static str, message: &str) -> Call {
    call.fault(ALWAYS, Outcome::Denied, code, message)
}

fn reconnaissance() -> Vec<Step> {
    let user = "User: arn:aws:iam::<staging>:user/<leaked_user> is not authorized to perform: ";
    let why = " on resource: * because no identity-based policy allows the action";
    let denied = |source, name, action: &str| refused(api(source, name), "AccessDenied", &format!("{user}{action}{why}"));
    let key = |at, place, call| step(at, "leaked key", (STAGING, place), "reconnaissance", call);
    let admin = |at, place, call| step(at, "platform-admin", (PLATFORM, place), "reconnaissance", call);
    let role = |arn: &str| format!(r#"{{"roleArn":"{arn}","roleSessionName":"<admin_session>","durationSeconds":43200}}"#);
    let admin_arn = "arn:aws:iam::<platform>:role/ops/platform-admin";
    vec![
        key("07:35:12", GLOBAL, api("sts", "GetCallerIdentity")),
        key("07:36:01", GLOBAL, denied("iam", "ListUsers", "iam:ListUsers")),
        key("07:36:09", GLOBAL, denied("iam", "GetAccountAuthorizationDetails", "iam:GetAccountAuthorizationDetails")),
        key("07:36:44", GLOBAL, api("iam", "ListAttachedUserPolicies").request(r#"{"userName":"<leaked_user>"}"#).api("2010-05-08")),
        key("07:37:15", GLOBAL, denied("organizations", "ListAccounts", "organizations:ListAccounts")),
        key("07:38:02", HOME, denied("s3", "ListBuckets", "s3:ListAllMyBuckets")),
        key("07:38:40", WEST, refused(api("ec2", "DescribeInstances").request(r#"{"instancesSet":{},"filterSet":{}}"#), "Client.UnauthorizedOperation", "You are not authorized to perform this operation.")),
        key("07:39:05", HOME, denied("secretsmanager", "ListSecrets", "secretsmanager:ListSecrets")),
        key("08:21:50", GLOBAL, refused(api("sts", "AssumeRole"), "AccessDenied", "User: arn:aws:iam::<staging>:user/<leaked_user> is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::<production>:role/OrganizationAccountAccessRole")),
        key("08:40:12", GLOBAL, api("sts", "AssumeRole")
            .request(&role(admin_arn))
            .response(r#"{"credentials":{"accessKeyId":"<admin_key>","sessionToken":"<base64:356>","expiration":"<expiry:12>"},"assumedRoleUser":{"assumedRoleId":"<admin_id>:<admin_session>","arn":"arn:aws:sts::<platform>:assumed-role/platform-admin/<admin_session>"}}"#)
            .resources(&format!(r#"[{{"accountId":"<platform>","type":"AWS::IAM::Role","ARN":"{admin_arn}"}}]"#)))
            .labelled("assume-admin")
            .seen_by(PLATFORM),
        admin("08:40:40", GLOBAL, api("sts", "GetCallerIdentity")),
        admin("08:42:11", GLOBAL, api("iam", "ListUsers").api("2010-05-08")),
        admin("08:42:30", GLOBAL, api("iam", "ListRoles").api("2010-05-08")),
        admin("08:44:03", WEST, api("ec2", "DescribeInstances").request(r#"{"instancesSet":{},"filterSet":{}}"#)),
        admin("08:44:19", WEST, api("ec2", "DescribeSecurityGroups").request(r#"{"securityGroupSet":{},"securityGroupIdSet":{},"filterSet":{}}"#)),
        admin("08:44:52", WEST, api("ec2", "DescribeVpcs").request(r#"{"vpcSet":{},"filterSet":{}}"#)),
        admin("08:47:30", HOME, api("s3", "ListBuckets").request(r#"{"Host":"s3.eu-central-1.amazonaws.com"}"#)),
        admin("08:49:01", WEST, api("cloudtrail", "DescribeTrails").request(r#"{"trailNameList":[]}"#)),
        admin("08:49:22", WEST, api("cloudtrail", "GetTrailStatus").request(r#"{"name":"<trail>"}"#)),
        admin("08:52:47", WEST, api("guardduty", "ListDetectors")),
    ]
}

fn persistence() -> Vec<Step> {
    let admin = |at, call: Call| step(at, "platform-admin", (PLATFORM, GLOBAL), "persistence", call.writes().api("2010-05-08"));
    vec![
        admin("09:10:25", api("iam", "CreateUser")
            .request(r#"{"userName":"<new_user>"}"#)
            .response(r#"{"user":{"path":"/","userName":"<new_user>","userId":"<new_user_id>","arn":"arn:aws:iam::<platform>:user/<new_user>","createDate":"<locale_time>"}}"#)),
        admin("09:10:58", api("iam", "AttachUserPolicy").request(r#"{"userName":"<new_user>","policyArn":"arn:aws:iam::aws:policy/AdministratorAccess"}"#)),
        admin("09:11:37", api("iam", "CreateAccessKey")
            .request(r#"{"userName":"<new_user>"}"#)
            .response(r#"{"accessKey":{"userName":"<new_user>","accessKeyId":"<new_key>","status":"Active","createDate":"<locale_time>"}}"#))
            .labelled("create-key"),
        admin("09:13:20", api("iam", "CreateLoginProfile")
            .request(r#"{"userName":"<new_user>","passwordResetRequired":false}"#)
            .fault(ALWAYS, Outcome::Failed, "PasswordPolicyViolationException", "Password should have a minimum length of 20")),
        admin("09:15:44", refused(api("iam", "UpdateAssumeRolePolicy").request(r#"{"roleName":"OrganizationAccountAccessRole","policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::<outside>:root\"},\"Action\":\"sts:AssumeRole\"}]}"}"#), "AccessDenied", "User: arn:aws:sts::<platform>:assumed-role/platform-admin/<admin_session> is not authorized to perform: iam:UpdateAssumeRolePolicy on resource: role OrganizationAccountAccessRole with an explicit deny in a service control policy")),
    ]
}

fn ingress(group: &str) -> Call {
    api("ec2", "AuthorizeSecurityGroupIngress").network_command().request(&format!(
        r#"{{"groupId":"<{group}>","ipPermissions":{{"items":[{{"ipProtocol":"tcp","fromPort":22,"toPort":22,"groups":{{}},"ipRanges":{{"items":[{{"cidrIp":"0.0.0.0/0"}}]}},"ipv6Ranges":{{}},"prefixListIds":{{}}}}]}}}}"#
    ))
}

fn network() -> Vec<Step> {
    let admin = |at, call| step(at, "platform-admin", (PLATFORM, WEST), "network", call);
    let done = r#"{"requestId":"<guid>","_return":true}"#;
    vec![
        admin("09:40:02", ingress("web_group").fault(ALWAYS, Outcome::DryRun, "Client.DryRunOperation", "Request would have succeeded, but DryRun flag is set.")).labelled("dry-run"),
        admin("09:40:41", refused(ingress("bastion_group"), "Client.UnauthorizedOperation", "You are not authorized to perform this operation. User: arn:aws:sts::<platform>:assumed-role/platform-admin/<admin_session> is not authorized to perform: ec2:AuthorizeSecurityGroupIngress on resource: arn:aws:ec2:eu-west-1:<platform>:security-group/<bastion_group> with an explicit deny in a service control policy.")).labelled("denied-ingress"),
        admin("09:41:30", ingress("web_group").response(r#"{"requestId":"<guid>","_return":true,"securityGroupRuleSet":{"items":[{"groupOwnerId":"<platform>","groupId":"<web_group>","securityGroupRuleId":"<rule>","isEgress":false,"ipProtocol":"tcp","fromPort":22,"toPort":22,"cidrIpv4":"0.0.0.0/0"}]}}"#)).labelled("open-ssh"),
        admin("09:52:16", api("ec2", "CreateRoute").network_command().request(r#"{"routeTableId":"<route_table>","destinationCidrBlock":"0.0.0.0/0","gatewayId":"<gateway>"}"#).response(done)),
        admin("10:01:08", api("ec2", "CreateKeyPair").writes().request(r#"{"keyName":"ops-temp","keyType":"ed25519","keyFormat":"pem"}"#).response(r#"{"requestId":"<guid>","keyName":"ops-temp","keyFingerprint":"<base64:43>=","keyPairId":"<key_pair>","keyMaterial":"<sensitiveDataRemoved>"}"#)),
        admin("10:03:51", api("ec2", "RunInstances")
            .writes()
            .request(r#"{"instancesSet":{"items":[{"imageId":"<image>","minCount":1,"maxCount":1,"keyName":"ops-temp"}]},"groupSet":{"items":[{"groupId":"<web_group>"}]},"instanceType":"c7i.8xlarge","blockDeviceMapping":{},"monitoring":{"enabled":false},"subnetId":"<west_subnet>","disableApiTermination":false,"iamInstanceProfile":{"name":"node-instance"},"clientToken":"<guid>"}"#)
            .response(r#"{"requestId":"<guid>","reservationId":"r-0<hex:16>","ownerId":"<platform>","groupSet":{},"instancesSet":{"items":[{"instanceId":"<new_instance>","imageId":"<image>","currentState":{"code":0,"name":"pending"},"keyName":"ops-temp","instanceType":"c7i.8xlarge","placement":{"availabilityZone":"eu-west-1a","tenancy":"default"},"subnetId":"<west_subnet>","vpcId":"<west_vpc>","privateIpAddress":"10.10.31.77","networkInterfaceSet":{"items":[{"networkInterfaceId":"<eni>","groupSet":{"items":[{"groupId":"<web_group>","groupName":"web-nodes"}]}}]}}]}}"#))
            .labelled("run-instances"),
        admin("10:05:12", api("ec2", "AllocateAddress").network_command().request(r#"{"domain":"vpc"}"#).response(r#"{"requestId":"<guid>","publicIp":"<elastic_address>","domain":"vpc","allocationId":"<allocation>","publicIpv4Pool":"amazon","networkBorderGroup":"eu-west-1"}"#)),
        admin("10:05:40", api("ec2", "AssociateAddress").network_command().request(r#"{"allocationId":"<allocation>","instanceId":"<new_instance>"}"#).response(r#"{"requestId":"<guid>","_return":true,"associationId":"<association>"}"#)),
        admin("10:22:33", api("ssm", "StartSession")
            .network_command()
            .request(r#"{"target":"<bastion>"}"#)
            .response(r#"{"sessionId":"<admin_session>-0<hex:16>","tokenValue":"Value hidden due to security reasons.","streamUrl":"wss://ssmmessages.eu-west-1.amazonaws.com/v1/data-channel/<admin_session>-0<hex:16>?role=publish_subscribe"}"#)
            .api("2014-11-06"))
            .labelled("start-session"),
        admin("10:31:09", api("ec2-instance-connect", "SendSSHPublicKey")
            .network_command()
            .request(r#"{"instanceId":"<database_host>","instanceOSUser":"ec2-user","sSHPublicKey":"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI<base64:43>"}"#)
            .response(r#"{"requestId":"<guid>","success":true}"#)),
    ]
}

fn data() -> Vec<Step> {
    let admin = |at, place, phase, call| step(at, "platform-admin", (PLATFORM, place), phase, call);
    let deploy = |at, place, phase, call| step(at, "deploy", (PRODUCTION, place), phase, call);
    let secret = |name: &str| {
        api("secretsmanager", "GetSecretValue")
            .request(&format!(r#"{{"secretId":"arn:aws:secretsmanager:eu-central-1:<production>:secret:<{name}>"}}"#))
    };
    let policy = r#"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::<outside>:root\"},\"Action\":[\"s3:GetObject\",\"s3:ListBucket\"],\"Resource\":[\"arn:aws:s3:::<exports>\",\"arn:aws:s3:::<exports>/*\"]}]}"#;
    vec![
        admin("10:41:55", GLOBAL, "lateral movement", api("sts", "AssumeRole")
            .request(r#"{"roleArn":"arn:aws:iam::<production>:role/ci/deploy","roleSessionName":"<deploy_session>","durationSeconds":14400}"#)
            .response(r#"{"credentials":{"accessKeyId":"<deploy_key>","sessionToken":"<base64:356>","expiration":"<expiry:4>"},"assumedRoleUser":{"assumedRoleId":"<deploy_id>:<deploy_session>","arn":"arn:aws:sts::<production>:assumed-role/deploy/<deploy_session>"}}"#)
            .resources(r#"[{"accountId":"<production>","type":"AWS::IAM::Role","ARN":"arn:aws:iam::<production>:role/ci/deploy"}]"#))
            .labelled("assume-deploy")
            .seen_by(PRODUCTION),
        deploy("10:43:20", GLOBAL, "reconnaissance", api("sts", "GetCallerIdentity")),
        deploy("10:44:02", HOME, "credential access", secret("payments_secret")),
        deploy("10:44:21", HOME, "credential access", refused(secret("orders_secret"), "AccessDenied", "User: arn:aws:sts::<production>:assumed-role/deploy/<deploy_session> is not authorized to perform: secretsmanager:GetSecretValue on resource: <orders_secret> with an explicit deny in a resource-based policy")),
        deploy("10:46:55", HOME, "exfiltration", api("s3", "ListObjects").data().request(r#"{"list-type":"2","bucketName":"<invoices>","prefix":"","Host":"<invoices>.s3.eu-central-1.amazonaws.com"}"#).resources(r#"[{"type":"AWS::S3::Object","ARNPrefix":"arn:aws:s3:::<invoices>/"},{"accountId":"<production>","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::<invoices>"}]"#)),
        admin("10:55:13", HOME, "exfiltration", api("s3", "DeleteBucketPublicAccessBlock").writes().request(r#"{"publicAccessBlock":"","bucketName":"<exports>","Host":"<exports>.s3.eu-central-1.amazonaws.com"}"#).resource("AWS::S3::Bucket", "arn:aws:s3:::<exports>")),
        admin("10:56:48", HOME, "exfiltration", api("s3", "PutBucketPolicy").writes().request(&format!(r#"{{"bucketPolicy":"{policy}","bucketName":"<exports>","Host":"<exports>.s3.eu-central-1.amazonaws.com","policy":""}}"#)).resource("AWS::S3::Bucket", "arn:aws:s3:::<exports>")).labelled("bucket-policy"),
        admin("10:58:30", HOME, "exfiltration", api("ec2", "ModifySnapshotAttribute").writes().request(r#"{"snapshotId":"<snapshot>","createVolumePermission":{"add":{"items":[{"userId":"<outside>"}]}},"attributeType":"CREATE_VOLUME_PERMISSION"}"#).response(r#"{"requestId":"<guid>","_return":true}"#)),
    ]
}

fn evasion() -> Vec<Step> {
    let admin = |at, call: Call| step(at, "platform-admin", (PLATFORM, WEST), "evasion", call.writes());
    let new = |at, place, call| step(at, "new user", (PLATFORM, place), "reconnaissance", call);
    let scp = |action: &str| {
        format!(
            "User: arn:aws:sts::<platform>:assumed-role/platform-admin/<admin_session> is not authorized to perform: {action} with an explicit deny in a service control policy"
        )
    };
    vec![
        admin("11:00:19", refused(api("guardduty", "DeleteDetector").request(r#"{"detectorId":"<hex:32>"}"#), "AccessDeniedException", &scp("guardduty:DeleteDetector"))),
        admin("11:01:03", refused(api("cloudtrail", "DeleteTrail").request(r#"{"name":"<trail>"}"#), "AccessDenied", &scp("cloudtrail:DeleteTrail"))),
        admin("11:01:40", api("ec2", "DeleteFlowLogs").request(r#"{"DeleteFlowLogsRequest":{"FlowLogId":{"tag":1,"content":"<flow_log>"}}}"#).response(r#"{"DeleteFlowLogsResponse":{"xmlns":"http://ec2.amazonaws.com/doc/2016-11-15/","unsuccessful":"","requestId":"<guid>"}}"#)),
        admin("11:02:37", api("cloudtrail", "StopLogging").request(r#"{"name":"<trail>"}"#)).labelled("stop-logging"),
        new("11:31:15", GLOBAL, api("sts", "GetCallerIdentity")),
        new("11:33:48", HOME, api("s3", "ListBuckets").request(r#"{"Host":"s3.eu-central-1.amazonaws.com"}"#)),
        new("11:40:02", HOME, api("ec2", "DescribeSnapshots").request(r#"{"snapshotSet":{},"ownersSet":{"items":[{"owner":"self"}]},"sharedUsersSet":{},"filterSet":{}}"#)),
        step("12:17:26", "new user, console", (PLATFORM, GLOBAL), "persistence", api("signin", "ConsoleLogin")
            .writes()
            .kind("AwsConsoleSignIn")
            .response(r#"{"ConsoleLogin":"Failure"}"#)
            .additional(r#"{"LoginTo":"https://console.aws.amazon.com/console/home?hashArgs=%23&isauthcode=true","MobileVersion":"No","MFAUsed":"No"}"#)
            .fault(ALWAYS, Outcome::Failed, "", "Failed authentication")),
    ]
}

fn exfiltration(count: usize) -> Vec<Step> {
    // From 11:15 to 13:55, evenly.
    let object = || {
        api("s3", "GetObject")
            .data()
            .request(r#"{"bucketName":"<invoices>","Host":"<invoices>.s3.eu-central-1.amazonaws.com","key":"<object>"}"#)
            .additional(r#"{"SignatureVersion":"SigV4","CipherSuite":"TLS_AES_128_GCM_SHA256","bytesTransferredIn":0,"AuthenticationMethod":"AuthHeader","x-amz-id-2":"<base64:75>=","bytesTransferredOut":<number:9000000>}"#)
            .resources(r#"[{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::<invoices>/<object>"},{"accountId":"<production>","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::<invoices>"}]"#)
    };
    (0..count)
        .map(|n| {
            let second = 9600 * n / count + 4500;
            step(
                &format!("{:02}:{:02}:{:02}", 10 + second / 3600, second / 60 % 60, second % 60),
                "deploy",
                (PRODUCTION, HOME),
                "exfiltration",
                object(),
            )
        })
        .collect()
}

fn response() -> Vec<Step> {
    let maria = |at, place, call: Call| step(at, "responder", (PLATFORM, place), "response", call.writes());
    let done = r#"{"requestId":"<guid>","_return":true}"#;
    vec![
        maria("14:14:30", GLOBAL, api("iam", "UpdateAccessKey").request(r#"{"userName":"<new_user>","accessKeyId":"<new_key>","status":"Inactive"}"#).api("2010-05-08")),
        maria("14:19:02", WEST, api("ec2", "RevokeSecurityGroupIngress").network_command().request(r#"{"groupId":"<web_group>","securityGroupRuleIds":{"items":[{"securityGroupRuleId":"<rule>"}]}}"#).response(done)),
        maria("14:23:45", WEST, api("ec2", "TerminateInstances").request(r#"{"instancesSet":{"items":[{"instanceId":"<new_instance>"}]}}"#).response(r#"{"requestId":"<guid>","instancesSet":{"items":[{"instanceId":"<new_instance>","currentState":{"code":32,"name":"shutting-down"},"previousState":{"code":16,"name":"running"}}]}}"#)),
        maria("14:29:10", HOME, api("s3", "PutBucketPublicAccessBlock").request(r#"{"publicAccessBlock":"","bucketName":"<exports>","PublicAccessBlockConfiguration":{"xmlns":"http://s3.amazonaws.com/doc/2006-03-01/","BlockPublicAcls":true,"IgnorePublicAcls":true,"BlockPublicPolicy":true,"RestrictPublicBuckets":true},"Host":"<exports>.s3.eu-central-1.amazonaws.com"}"#).resource("AWS::S3::Bucket", "arn:aws:s3:::<exports>")),
        maria("14:16:20", WEST, api("cloudtrail", "StartLogging").request(r#"{"name":"<trail>"}"#)).labelled("start-logging"),
    ]
}
