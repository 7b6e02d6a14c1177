//! The calls that made the interfaces: whose flows are whose goes by them. At noon every second interface changes its security group, so that who is
//! asked about a group is answered by interface and time.

use std::fmt::Write as _;

use super::record::Face;
use crate::generate::clock::{HOUR, iso};
use crate::generate::random::{Random, mix};

/// Security groups of a flow log's interfaces.
const GROUPS: usize = 40;

/// The calls about one interface, a record a line.
pub(super) fn write(out: &mut String, face: &Face, stream: usize, number: usize, start: i64) {
    let [account, interface, vpc, subnet, instance, region, address] = face.names();
    let group = |n: usize| format!("sg-{:017x}", mix(&[0x5_6, stream as u64, (n % GROUPS) as u64]));
    let made = format!(
        r#"{{"networkInterface":{{"networkInterfaceId":"{interface}","subnetId":"{subnet}","vpcId":"{vpc}","ownerId":"{account}","interfaceType":"interface","groupSet":{{"items":[{{"groupId":"{}"}}]}},"privateIpAddressesSet":{{"item":[{{"privateIpAddress":"{address}","primary":true}}]}}}}}}"#,
        group(number)
    );
    let attached = format!(r#"{{"networkInterfaceId":"{interface}","instanceId":"{instance}","deviceIndex":0}}"#);
    let moved = format!(r#"{{"networkInterfaceId":"{interface}","groupSet":{{"items":[{{"groupId":"{}"}}]}}}}"#, group(number + 1));
    let second = start - HOUR + (number % 3_000) as i64;
    let mut calls = vec![
        ("CreateNetworkInterface", second, "{}".to_owned(), made),
        (
            "AttachNetworkInterface",
            second + 1,
            attached,
            format!(r#"{{"attachmentId":"eni-attach-{:017x}"}}"#, mix(&[stream as u64, number as u64])),
        ),
    ];
    if number.is_multiple_of(2) {
        calls.push(("ModifyNetworkInterfaceAttribute", start + 12 * HOUR, moved, r#"{"_return":true}"#.to_owned()));
    }
    for (name, time, request, response) in calls {
        let id = Random::seeded(&[stream as u64, number as u64, time.unsigned_abs()]).text(|r, o| r.push_hex(o, 32));
        let id = format!("{}-{}-{}-{}-{}", &id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..32]);
        // Writing to a text does not fail.
        let _ = writeln!(
            out,
            r#"{{"eventVersion":"1.11","userIdentity":{{"type":"AWSService","invokedBy":"autoscaling.amazonaws.com"}},"eventTime":"{}","eventSource":"ec2.amazonaws.com","eventName":"{name}","awsRegion":"{region}","sourceIPAddress":"autoscaling.amazonaws.com","userAgent":"autoscaling.amazonaws.com","requestParameters":{request},"responseElements":{response},"eventID":"{id}","readOnly":false,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"{account}","eventCategory":"Management"}}"#,
            iso(time)
        );
    }
}
