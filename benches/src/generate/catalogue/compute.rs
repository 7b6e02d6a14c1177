//! EC2 and what runs on it: machines, networks, containers, functions, load balancers.

use super::{Call, Network, Outcome, call};
use crate::generate::identity::Who::{Audit, Console, Deploy, Instance, Lambda, Linked, Person, Service, Task, User};

const NOT_AUTHORIZED: &str = "You are not authorized to perform this operation. User: arn:aws:sts::<account>:assumed-role/<role>/<hex:32> is not authorized to perform this action because no identity-based policy allows it. Encoded authorization failure message: <base64:320>";

pub(super) fn calls() -> Vec<Call> {
    [describes(), machines(), network(), containers(), functions()].concat()
}

fn describe(name: &'static str, weight: usize, request: &str) -> Call {
    call(
        "ec2",
        name,
        weight,
        &[
            (Audit, 6),
            (Linked("autoscaling.amazonaws.com"), 2),
            (Linked("config.amazonaws.com"), 3),
            (Instance, 2),
            (Deploy, 1),
            (User, 1),
            (Console, 1),
        ],
    )
    .request(request)
    .fault(9_000, Outcome::Throttled, "Client.RequestLimitExceeded", "Request limit exceeded.")
    .fault(4_000, Outcome::Denied, "Client.UnauthorizedOperation", NOT_AUTHORIZED)
}

fn describes() -> Vec<Call> {
    vec![
        describe(
            "DescribeInstances",
            230,
            r#"{"maxResults":1000,"instancesSet":{},"filterSet":{"items":[{"name":"instance-state-name","valueSet":{"items":[{"value":"running"},{"value":"pending"}]}}]}}"#,
        ),
        describe(
            "DescribeInstanceStatus",
            120,
            r#"{"maxResults":100,"instancesSet":{"items":[{"instanceId":"<instance>"}]},"filterSet":{},"includeAllInstances":false}"#,
        ),
        describe(
            "DescribeSecurityGroups",
            130,
            r#"{"maxResults":1000,"securityGroupSet":{},"securityGroupIdSet":{"items":[{"groupId":"<group>"}]},"filterSet":{}}"#,
        ),
        describe(
            "DescribeNetworkInterfaces",
            110,
            r#"{"networkInterfaceIdSet":{},"filterSet":{"items":[{"name":"vpc-id","valueSet":{"items":[{"value":"<vpc>"}]}}]}}"#,
        ),
        describe(
            "DescribeTags",
            80,
            r#"{"maxResults":1000,"filterSet":{"items":[{"name":"resource-id","valueSet":{"items":[{"value":"<instance>"}]}}]}}"#,
        ),
        describe("DescribeVolumes", 60, r#"{"maxResults":500,"volumeSet":{},"filterSet":{}}"#),
        describe("DescribeSubnets", 70, r#"{"subnetSet":{"items":[{"subnetId":"<subnet>"}]},"filterSet":{}}"#),
        describe("DescribeVpcs", 45, r#"{"vpcSet":{},"filterSet":{}}"#),
        describe("DescribeRouteTables", 30, r#"{"routeTableIdSet":{},"filterSet":{}}"#),
        describe("DescribeVpcEndpoints", 20, r#"{"DescribeVpcEndpointsRequest":{"MaxResults":200}}"#),
        describe(
            "DescribeSnapshots",
            30,
            r#"{"maxResults":1000,"snapshotSet":{},"ownersSet":{"items":[{"owner":"<account>"}]},"sharedUsersSet":{},"filterSet":{}}"#,
        ),
    ]
}

fn machines() -> Vec<Call> {
    let api = "2014-11-06";
    vec![
        call("ssm", "UpdateInstanceInformation", 160, &[(Instance, 1)])
            .writes()
            .request(r#"{"instanceId":"<instance>","agentVersion":"3.3.2299.0","agentStatus":"Active","platformType":"Linux","platformName":"Amazon Linux","platformVersion":"2023","iPAddress":"<private_address>","computerName":"ip-<private_address>.<region>.compute.internal","agentName":"amazon-ssm-agent"}"#)
            .api(api),
        call("ssm", "ListInstanceAssociations", 90, &[(Instance, 1)]).request(r#"{"instanceId":"<instance>","maxResults":20}"#).api(api),
        call("ssm", "GetParameter", 90, &[(Lambda, 3), (Task, 3), (Instance, 1)])
            .request(r#"{"name":"/<application>/config/database-url","withDecryption":true}"#)
            .resources(r#"[{"accountId":"<account>","ARN":"arn:aws:ssm:<region>:<account>:parameter/<application>/config/database-url"}]"#)
            .api(api)
            .throttled(5_000)
            .fault(6_000, Outcome::Failed, "ParameterNotFound", ""),
        call("ssm", "PutInventory", 12, &[(Instance, 1)])
            .writes()
            .request(r#"{"instanceId":"<instance>","items":[{"typeName":"AWS:Application","schemaVersion":"1.1","captureTime":"<time>","contentHash":"<hex:32>"}]}"#)
            .api(api),
        call("ssm", "StartSession", 1, &[(Person, 1)])
            .writes()
            .network(Network::Yes)
            .request(r#"{"target":"<instance>","documentName":"SSM-SessionManagerRunShell"}"#)
            .response(r#"{"sessionId":"session-<hex:17>","tokenValue":"Value hidden due to security reasons.","streamUrl":"wss://ssmmessages.<region>.amazonaws.com/v1/data-channel/session-<hex:17>?role=publish_subscribe"}"#)
            .api(api),
        call("ec2", "RunInstances", 2, &[(Linked("autoscaling.amazonaws.com"), 5), (Deploy, 1)])
            .writes()
            .request(r#"{"instancesSet":{"items":[{"imageId":"ami-0<hex:16>","minCount":1,"maxCount":1}]},"instanceType":"m7g.large","blockDeviceMapping":{},"monitoring":{"enabled":true},"subnetId":"<subnet>","disableApiTermination":false,"clientToken":"fleet-<guid>-0","launchTemplate":{"launchTemplateId":"lt-0<hex:16>","version":"<number:40>"}}"#)
            .response(r#"{"requestId":"<guid>","reservationId":"r-0<hex:16>","ownerId":"<account>","groupSet":{},"instancesSet":{"items":[{"instanceId":"i-0<hex:16>","imageId":"ami-0<hex:16>","currentState":{"code":0,"name":"pending"},"instanceType":"m7g.large","placement":{"availabilityZone":"<region>a","tenancy":"default"},"subnetId":"<subnet>","vpcId":"<vpc>","privateIpAddress":"<private_address>","architecture":"arm64","networkInterfaceSet":{"items":[{"networkInterfaceId":"eni-0<hex:16>","groupSet":{"items":[{"groupId":"<group>","groupName":"<application>-nodes"}]}}]}}]},"requesterId":"<account>"}"#),
        call("ec2", "TerminateInstances", 2, &[(Linked("autoscaling.amazonaws.com"), 1)])
            .writes()
            .request(r#"{"instancesSet":{"items":[{"instanceId":"i-0<hex:16>"}]}}"#)
            .response(r#"{"requestId":"<guid>","instancesSet":{"items":[{"instanceId":"i-0<hex:16>","currentState":{"code":32,"name":"shutting-down"},"previousState":{"code":16,"name":"running"}}]}}"#),
        call("ec2", "CreateTags", 10, &[(Linked("autoscaling.amazonaws.com"), 3), (Deploy, 1)])
            .writes()
            .request(r#"{"resourcesSet":{"items":[{"resourceId":"<instance>"}]},"tagSet":{"items":[{"key":"service","value":"<application>"},{"key":"cost-centre","value":"<number:9000>"}]}}"#)
            .response(r#"{"requestId":"<guid>","_return":true}"#),
        call("ec2", "CreateSnapshot", 4, &[(User, 1)])
            .writes()
            .request(r#"{"volumeId":"vol-0<hex:16>","description":"nightly <application>"}"#)
            .response(r#"{"requestId":"<guid>","snapshotId":"snap-0<hex:16>","volumeId":"vol-0<hex:16>","status":"pending","startTime":1760000000000,"ownerId":"<account>","volumeSize":"100","encrypted":true}"#),
    ]
}

fn network() -> Vec<Call> {
    let interfaces = [(Linked("ecs.amazonaws.com"), 2), (Linked("elasticloadbalancing.amazonaws.com"), 1)];
    vec![
        call("ec2", "CreateNetworkInterface", 9, &interfaces)
            .writes()
            .network(Network::Maybe)
            .request(r#"{"subnetId":"<subnet>","description":"arn:aws:ecs:<region>:<account>:attachment/<guid>","groupSet":{"items":[{"groupId":"<group>"}]},"privateIpAddressesSet":{},"clientToken":"<guid>"}"#)
            .response(r#"{"requestId":"<guid>","networkInterface":{"networkInterfaceId":"eni-0<hex:16>","subnetId":"<subnet>","vpcId":"<vpc>","availabilityZone":"<region>b","ownerId":"<account>","requesterManaged":true,"status":"pending","macAddress":"0a:<hex:2>:<hex:2>:<hex:2>:<hex:2>:<hex:2>","privateIpAddress":"<private_address>","sourceDestCheck":true}}"#),
        call("ec2", "DeleteNetworkInterface", 9, &interfaces)
            .writes()
            .network(Network::Maybe)
            .request(r#"{"networkInterfaceId":"eni-0<hex:16>"}"#)
            .response(r#"{"requestId":"<guid>","_return":true}"#)
            .fault(60_000, Outcome::Failed, "Client.InvalidParameterValue", "Network interface is currently in use."),
        call("ec2", "AuthorizeSecurityGroupIngress", 1, &[(Deploy, 5), (Console, 1)])
            .writes()
            .network(Network::Yes)
            .request(r#"{"groupId":"<group>","ipPermissions":{"items":[{"ipProtocol":"tcp","fromPort":5432,"toPort":5432,"groups":{},"ipRanges":{"items":[{"cidrIp":"10.<number:60>.0.0/16","description":"<application>"}]},"ipv6Ranges":{},"prefixListIds":{}}]}}"#)
            .response(r#"{"requestId":"<guid>","_return":true,"securityGroupRuleSet":{"items":[{"groupOwnerId":"<account>","groupId":"<group>","securityGroupRuleId":"sgr-0<hex:16>","isEgress":false,"ipProtocol":"tcp","fromPort":5432,"toPort":5432,"cidrIpv4":"10.0.0.0/16"}]}}"#)
            .fault(150_000, Outcome::Failed, "Client.InvalidPermission.Duplicate", "the specified rule \\\"peer: 10.0.0.0/16, TCP, from port: 5432, to port: 5432, ALLOW\\\" already exists")
            .fault(100_000, Outcome::DryRun, "Client.DryRunOperation", "Request would have succeeded, but DryRun flag is set."),
        call("ec2", "RevokeSecurityGroupEgress", 1, &[(Deploy, 1)])
            .writes()
            .network(Network::Yes)
            .request(r#"{"groupId":"<group>","ipPermissions":{"items":[{"ipProtocol":"-1","groups":{},"ipRanges":{"items":[{"cidrIp":"0.0.0.0/0"}]},"ipv6Ranges":{},"prefixListIds":{}}]}}"#)
            .response(r#"{"requestId":"<guid>","_return":true}"#),
        call("elasticloadbalancing", "RegisterTargets", 5, &[(Linked("ecs.amazonaws.com"), 1)])
            .writes()
            .network(Network::Yes)
            .request(r#"{"targetGroupArn":"arn:aws:elasticloadbalancing:<region>:<account>:targetgroup/<application>/<hex:16>","targets":[{"id":"<private_address>","port":8080}]}"#)
            .api("2015-12-01"),
        call("elasticloadbalancing", "DescribeTargetHealth", 150, &[(Linked("ecs.amazonaws.com"), 4), (Linked("autoscaling.amazonaws.com"), 2), (Audit, 1)])
            .request(r#"{"targetGroupArn":"arn:aws:elasticloadbalancing:<region>:<account>:targetgroup/<application>/<hex:16>"}"#)
            .api("2015-12-01")
            .fault(7_000, Outcome::Throttled, "Throttling", "Rate exceeded"),
        call("elasticloadbalancing", "DescribeLoadBalancers", 60, &[(Audit, 2), (Linked("config.amazonaws.com"), 1)]).api("2015-12-01"),
    ]
}

fn containers() -> Vec<Call> {
    vec![
        call("ecr", "GetAuthorizationToken", 60, &[(Instance, 2), (Deploy, 1), (Task, 1)]),
        call("ecr", "BatchGetImage", 60, &[(Instance, 1), (Task, 1)])
            .request(r#"{"registryId":"<account>","repositoryName":"<application>","imageIds":[{"imageTag":"sha-<hex:7>"}],"acceptedMediaTypes":["application/vnd.docker.distribution.manifest.v2+json","application/vnd.oci.image.manifest.v1+json"]}"#)
            .resource("AWS::ECR::Repository", "arn:aws:ecr:<region>:<account>:repository/<application>"),
        call("ecs", "SubmitTaskStateChange", 30, &[(Service("ecs.amazonaws.com"), 1)])
            .writes()
            .request(r#"{"cluster":"<cluster>","task":"arn:aws:ecs:<region>:<account>:task/<cluster>/<hex:32>","status":"RUNNING","containers":[]}"#)
            .response(r#"{"acknowledgment":"ACCEPT"}"#),
        call("ecs", "DescribeServices", 50, &[(Audit, 1), (Deploy, 2), (Lambda, 1)]).request(r#"{"cluster":"<cluster>","services":["<application>"],"include":["TAGS"]}"#),
        call("ecs", "UpdateService", 3, &[(Deploy, 1)])
            .writes()
            .request(r#"{"cluster":"<cluster>","service":"<application>","taskDefinition":"<application>:<number:400>","desiredCount":<number:12>}"#),
        call("autoscaling", "DescribeAutoScalingGroups", 70, &[(Instance, 2), (Audit, 1), (Linked("autoscaling.amazonaws.com"), 1)]).request(r#"{"maxRecords":100}"#),
    ]
}

fn functions() -> Vec<Call> {
    vec![
        call("lambda", "GetFunction20150331v2", 30, &[(Audit, 3), (Deploy, 1)])
            .request(r#"{"functionName":"<function>"}"#)
            .fault(20_000, Outcome::Failed, "ResourceNotFoundException", "Function not found: arn:aws:lambda:<region>:<account>:function:<function>"),
        call("lambda", "UpdateFunctionCode20150331v2", 4, &[(Deploy, 1)])
            .writes()
            .request(r#"{"functionName":"<function>","s3Bucket":"<bucket>","s3Key":"builds/<hex:40>.zip","publish":true,"dryRun":false}"#)
            .response(r#"{"functionName":"<function>","functionArn":"arn:aws:lambda:<region>:<account>:function:<function>","runtime":"python3.12","role":"<role_arn>","handler":"app.handler","codeSize":<number:9000000>,"timeout":30,"memorySize":512,"lastModified":"<time>","codeSha256":"<base64:43>=","version":"<number:300>","tracingConfig":{"mode":"Active"},"revisionId":"<guid>","state":"Active","lastUpdateStatus":"InProgress","packageType":"Zip","architectures":["arm64"],"ephemeralStorage":{"size":512}}"#),
        call("lambda", "ListFunctions20150331", 14, &[(Audit, 1)]).request(r#"{"maxItems":10000}"#),
    ]
}
