//! What calls say of network interfaces: parameters and answers as CloudTrail records them, and what they are to say by the EC2 API reference.

use backtrail_model::tables::Table;

use crate::support::{Row, decode};

fn record(service: &str, name: &str, request: &str, response: &str, rest: &str) -> String {
    format!(
        r#"{{"eventVersion":"1.11","userIdentity":{{"type":"Root"}},"eventTime":"2024-03-01T09:00:00Z","eventSource":"{service}.amazonaws.com","eventName":"{name}","awsRegion":"eu-west-1","requestParameters":{request},"responseElements":{response},"eventID":"99999999-0000-4000-8000-000000000001","readOnly":false,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","eventCategory":"Management"{rest}}}"#
    )
}

/// Each observation as `observation column=value ...`, of the columns that name something.
fn told(service: &str, name: &str, request: &str, response: &str) -> Vec<String> {
    const NAMES: [&str; 11] = [
        "interface_id",
        "private_ip_address",
        "ipv6_address",
        "public_ip",
        "instance_id",
        "resource_id",
        "security_groups",
        "attachment_id",
        "allocation_id",
        "association_id",
        "delete_on_termination",
    ];
    let decoded = decode(record(service, name, request, response, "").as_bytes());
    let words = |row: &Row| {
        let named = NAMES.iter().filter_map(|name| Some(format!("{name}={}", row.get(*name)?)));
        std::iter::once(row["observation"].clone()).chain(named).collect::<Vec<_>>().join(" ")
    };
    decoded.rows(Table::Interfaces).iter().map(words).collect()
}

/// Service, call, parameters, answer, and what it says.
type Case = (&'static str, &'static str, &'static str, &'static str, &'static [&'static str]);

const CASES: [Case; 13] = [
    (
        "ec2",
        "AttachNetworkInterface",
        r#"{"networkInterfaceId":"eni-1","instanceId":"i-1","deviceIndex":1}"#,
        r#"{"attachmentId":"eni-attach-2"}"#,
        &["attached interface_id=eni-1 instance_id=i-1 attachment_id=eni-attach-2"],
    ),
    (
        "ec2",
        "DetachNetworkInterface",
        r#"{"attachmentId":"eni-attach-2","force":false}"#,
        r#"{"_return":true}"#,
        &["detached attachment_id=eni-attach-2"],
    ),
    ("ec2", "DeleteNetworkInterface", r#"{"networkInterfaceId":"eni-1"}"#, r#"{"_return":true}"#, &["deleted interface_id=eni-1"]),
    (
        "ec2",
        "AllocateAddress",
        r#"{"domain":"vpc"}"#,
        r#"{"publicIp":"203.0.113.5","allocationId":"eipalloc-1"}"#,
        &["allocated public_ip=203.0.113.5 allocation_id=eipalloc-1"],
    ),
    (
        "ec2",
        "AssociateAddress",
        r#"{"allocationId":"eipalloc-1","instanceId":"i-1"}"#,
        r#"{"associationId":"eipassoc-1"}"#,
        &["associated instance_id=i-1 allocation_id=eipalloc-1 association_id=eipassoc-1"],
    ),
    (
        "ec2",
        "DisassociateAddress",
        r#"{"associationId":"eipassoc-1"}"#,
        r#"{"_return":true}"#,
        &["disassociated association_id=eipassoc-1"],
    ),
    (
        "ec2",
        "CreateNatGateway",
        r#"{"CreateNatGatewayRequest":{"SubnetId":"subnet-1","AllocationId":"eipalloc-2"}}"#,
        // The interface is often not there yet.
        r#"{"CreateNatGatewayResponse":{"natGateway":{"natGatewayId":"nat-1","natGatewayAddressSet":{"item":{"allocationId":"eipalloc-2","isPrimary":true}}}}}"#,
        &["state resource_id=nat-1 allocation_id=eipalloc-2"],
    ),
    (
        "ec2",
        "DeleteNatGateway",
        r#"{"DeleteNatGatewayRequest":{"NatGatewayId":"nat-1"}}"#,
        r#"{"DeleteNatGatewayResponse":{"natGatewayId":"nat-1"}}"#,
        &["deleted resource_id=nat-1"],
    ),
    (
        "ec2",
        "AssignPrivateIpAddresses",
        r#"{"networkInterfaceId":"eni-1","secondaryPrivateIpAddressCount":1}"#,
        r#"{"networkInterfaceId":"eni-1","assignedPrivateIpAddressesSet":{"assignedPrivateIpAddressSetType":[]},"assignedPrivateIpAddressesSet":{"items":[{"privateIpAddress":"10.0.0.9"}]}}"#,
        &["assigned interface_id=eni-1 private_ip_address=10.0.0.9"],
    ),
    (
        "ec2",
        "ModifyNetworkInterfaceAttribute",
        r#"{"networkInterfaceId":"eni-1","groupSet":{"items":[{"groupId":"sg-2"},{"groupId":"sg-1"}]}}"#,
        r#"{"_return":true}"#,
        &[r#"groups interface_id=eni-1 security_groups=["sg-1","sg-2"]"#],
    ),
    (
        "ec2",
        "TerminateInstances",
        r#"{"instancesSet":{"items":[{"instanceId":"i-1"},{"instanceId":"i-2"}]}}"#,
        r#"{"instancesSet":{"items":[{"instanceId":"i-1"}]}}"#,
        &["terminated instance_id=i-1"],
    ),
    (
        "ec2",
        "DeleteVpcEndpoints",
        r#"{"DeleteVpcEndpointsRequest":{"VpcEndpointId":{"tag":1,"content":"vpce-1"}}}"#,
        "null",
        &["deleted resource_id=vpce-1"],
    ),
    (
        "ecs",
        "RunTask",
        "{}",
        r#"{"tasks":[{"taskArn":"arn:aws:ecs:eu-west-1:111122223333:task/c/1","attachments":[{"type":"ElasticNetworkInterface","details":[{"name":"networkInterfaceId","value":"eni-9"},{"name":"privateIPv4Address","value":"10.0.0.8"}]}]}]}"#,
        &["state interface_id=eni-9 private_ip_address=10.0.0.8 resource_id=arn:aws:ecs:eu-west-1:111122223333:task/c/1"],
    ),
];

#[test]
fn calls_say_what_they_did_to_interfaces() {
    for (service, name, request, response, expected) in CASES {
        assert_eq!(told(service, name, request, response), expected, "{name}");
    }
}

#[test]
fn a_launch_says_which_addresses_and_groups_an_instance_has() {
    let interface = r#"{"networkInterfaceId":"eni-1","privateIpAddress":"10.0.0.5","groupSet":{"items":[{"groupId":"sg-1","groupName":"web"}]},"ipv6AddressesSet":{"items":[{"ipv6Address":"2001:db8::5"}]},"privateIpAddressesSet":{"item":[{"privateIpAddress":"10.0.0.5","primary":true}]}"#;
    let launched = format!(
        r#"{{"instancesSet":{{"items":[{{"instanceId":"i-1","networkInterfaceSet":{{"items":[{interface},"attachment":{{"attachmentId":"eni-attach-1","deleteOnTermination":true}}}}]}}}}]}}}}"#
    );
    let expected = [
        r#"state interface_id=eni-1 private_ip_address=10.0.0.5 instance_id=i-1 security_groups=["sg-1"] attachment_id=eni-attach-1 delete_on_termination=true"#,
        r#"state interface_id=eni-1 ipv6_address=2001:db8::5 instance_id=i-1 security_groups=["sg-1"] attachment_id=eni-attach-1 delete_on_termination=true"#,
    ];
    assert_eq!(told("ec2", "RunInstances", "{}", &launched), expected);
}

#[test]
fn what_was_refused_or_is_of_another_service_says_nothing() {
    let refused = record(
        "ec2",
        "DeleteNetworkInterface",
        r#"{"networkInterfaceId":"eni-1"}"#,
        "null",
        r#","errorCode":"Client.UnauthorizedOperation""#,
    );
    assert!(decode(refused.as_bytes()).rows(Table::Interfaces).is_empty());
    assert!(told("gamelift", "AllocateAddress", "{}", r#"{"publicIp":"203.0.113.5"}"#).is_empty());
    assert!(told("ec2", "ModifyInstanceAttribute", r#"{"instanceId":"i-1","disableApiTermination":{"value":true}}"#, "null").is_empty());
}
