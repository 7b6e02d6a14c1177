//! Interfaces, instances and addresses as EC2 describes them: in the answers that CloudTrail records (`networkInterfaceId`, lists as
//! `{"item": [...]}`), and in what the command line and the SDKs print (`NetworkInterfaceId`, plain lists).

use serde_json::Value;

use super::{Observation, Says, behind};
use crate::time::{MICROS_PER_SECOND, parse_recorded};

/// Later than any second that is meant: a number beyond it is of milliseconds.
const SECONDS_BELOW: i64 = 100_000_000_000;

/// The value of the first of these keys that is there.
fn of<'v>(value: &'v Value, keys: &[&str]) -> Option<&'v Value> {
    keys.iter().find_map(|key| value.get(key)).filter(|value| !value.is_null())
}

fn text(value: &Value, keys: &[&str]) -> Option<String> {
    of(value, keys)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// The members of a list, however it is written: `[...]`, `{"items": [...]}`, `{"item": [...]}`, and one alone.
pub fn list(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    let inner = value.map(|value| of(value, &["items", "item", "member"]).unwrap_or(value));
    let (many, one) = match inner {
        Some(Value::Array(all)) => (all.as_slice(), None),
        // An empty list is written as an object without members.
        Some(Value::Object(object)) if object.is_empty() => (&[][..], None),
        other => (&[][..], other.filter(|value| !value.is_null())),
    };
    many.iter().chain(one)
}

/// A time as text, or as seconds or milliseconds.
fn instant(value: Option<&Value>) -> Option<i64> {
    match value? {
        Value::String(text) => parse_recorded(text),
        number => {
            let number = number.as_i64()?;
            let thousand = MICROS_PER_SECOND / 1000;
            number.checked_mul(if number.abs() < SECONDS_BELOW { MICROS_PER_SECOND } else { thousand })
        }
    }
}

/// Ids of security groups: as objects or as bare ids.
fn groups(value: Option<&Value>) -> Option<Vec<String>> {
    value?;
    let id = |group: &Value| text(group, &["groupId", "GroupId"]).or_else(|| group.as_str().map(str::to_owned));
    let mut ids: Vec<String> = list(value).filter_map(id).collect();
    ids.sort_unstable();
    ids.dedup();
    Some(ids)
}

/// What is said of an interface, once for each of its addresses; once where it has none.
#[must_use]
pub fn describe_interface(interface: &Value, instance_id: Option<&str>) -> Vec<Observation> {
    let attachment = of(interface, &["attachment", "Attachment"]).unwrap_or(&Value::Null);
    let description = text(interface, &["description", "Description"]);
    let base = Observation {
        interface_id: text(interface, &["networkInterfaceId", "NetworkInterfaceId"]),
        instance_id: text(attachment, &["instanceId", "InstanceId"]).or_else(|| instance_id.map(str::to_owned)),
        resource_id: description.as_deref().and_then(behind).map(str::to_owned),
        interface_type: text(interface, &["interfaceType", "InterfaceType"]),
        groups: groups(of(interface, &["groupSet", "Groups"])),
        vpc_id: text(interface, &["vpcId", "VpcId"]),
        subnet_id: text(interface, &["subnetId", "SubnetId"]),
        attachment_id: text(attachment, &["attachmentId", "AttachmentId"]),
        delete_on_termination: of(attachment, &["deleteOnTermination", "DeleteOnTermination"]).and_then(Value::as_bool),
        owner_id: text(interface, &["ownerId", "OwnerId"]),
        since: instant(of(attachment, &["attachTime", "AttachTime"])),
        description,
        ..Observation::that(Says::State)
    };
    let mut all: Vec<Observation> = list(of(interface, &["privateIpAddressesSet", "PrivateIpAddresses"]))
        .map(|address| with_address(&base, address))
        .filter(|one| one.private_ip_address.is_some())
        .collect();
    // Some list the primary address alone, beside the interface.
    if all.is_empty() && text(interface, &["privateIpAddress", "PrivateIpAddress"]).is_some() {
        all.push(with_address(&base, interface));
    }
    let ipv6 =
        list(of(interface, &["ipv6AddressesSet", "Ipv6Addresses"])).filter_map(|address| text(address, &["ipv6Address", "Ipv6Address"]));
    all.extend(ipv6.map(|address| Observation { ipv6_address: Some(address), ..base.clone() }));
    if all.is_empty() { vec![base] } else { all }
}

fn with_address(base: &Observation, address: &Value) -> Observation {
    let association = of(address, &["association", "Association"]).unwrap_or(&Value::Null);
    Observation {
        private_ip_address: text(address, &["privateIpAddress", "PrivateIpAddress"]),
        public_ip: text(association, &["publicIp", "PublicIp"]),
        allocation_id: text(association, &["allocationId", "AllocationId"]),
        association_id: text(association, &["associationId", "AssociationId"]),
        ..base.clone()
    }
}

/// What is said of the interfaces of an instance. One whose interfaces are not listed has at least an address.
#[must_use]
pub fn describe_instance(instance: &Value) -> Vec<Observation> {
    let Some(id) = text(instance, &["instanceId", "InstanceId"]) else { return Vec::new() };
    let launched = instant(of(instance, &["launchTime", "LaunchTime"]));
    let mut all: Vec<Observation> = list(of(instance, &["networkInterfaceSet", "NetworkInterfaces"]))
        .flat_map(|interface| describe_interface(interface, Some(&id)))
        .filter(|one| one.interface_id.is_some())
        .collect();
    let own = Observation {
        instance_id: Some(id.clone()),
        groups: groups(of(instance, &["groupSet", "SecurityGroups"])),
        vpc_id: text(instance, &["vpcId", "VpcId"]),
        subnet_id: text(instance, &["subnetId", "SubnetId"]),
        private_ip_address: text(instance, &["privateIpAddress", "PrivateIpAddress"]),
        public_ip: text(instance, &["ipAddress", "publicIpAddress", "PublicIpAddress"]),
        ..Observation::that(Says::State)
    };
    let has_address = |one: &Observation| one.private_ip_address.is_some() || one.public_ip.is_some();
    match all.first_mut() {
        None => all.extend(Some(own).filter(has_address)),
        // Some answers have the address of the first interface beside the interfaces alone.
        Some(first) if !has_address(first) && first.ipv6_address.is_none() => {
            (first.private_ip_address, first.public_ip) = (own.private_ip_address, own.public_ip);
            first.vpc_id = first.vpc_id.take().or(own.vpc_id);
            first.subnet_id = first.subnet_id.take().or(own.subnet_id);
        }
        Some(_) => {}
    }
    for one in &mut all {
        one.since = one.since.or(launched);
    }
    all
}

/// What is said of a public address; `None` where nothing has it.
#[must_use]
pub fn describe_address(address: &Value) -> Option<Observation> {
    let says =
        if text(address, &["AssociationId", "InstanceId", "NetworkInterfaceId"]).is_some() { Says::Associated } else { Says::Allocated };
    let told = Observation {
        interface_id: text(address, &["NetworkInterfaceId"]),
        instance_id: text(address, &["InstanceId"]),
        private_ip_address: text(address, &["PrivateIpAddress"]),
        public_ip: text(address, &["PublicIp", "CarrierIp"]),
        allocation_id: text(address, &["AllocationId"]),
        association_id: text(address, &["AssociationId"]),
        owner_id: text(address, &["NetworkInterfaceOwnerId"]),
        ..Observation::that(says)
    };
    told.public_ip.is_some().then_some(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_reads_alike_in_both_spellings() {
        let recorded: Value = serde_json::from_str(
            r#"{"networkInterfaceId":"eni-1","subnetId":"subnet-1","vpcId":"vpc-1","ownerId":"111122223333","privateIpAddress":"10.0.0.5",
              "interfaceType":"interface","groupSet":{"items":[{"groupId":"sg-2"},{"groupId":"sg-1"}]},"ipv6AddressesSet":{"items":[{"ipv6Address":"2001:db8::5"}]},
              "attachment":{"attachmentId":"eni-attach-1","attachTime":1763542852000,"deleteOnTermination":true},
              "privateIpAddressesSet":{"item":[{"privateIpAddress":"10.0.0.5","primary":true,"association":{"publicIp":"203.0.113.5"}}]}}"#,
        )
        .expect("JSON");
        let printed: Value = serde_json::from_str(
            r#"{"NetworkInterfaceId":"eni-1","SubnetId":"subnet-1","VpcId":"vpc-1","OwnerId":"111122223333","PrivateIpAddress":"10.0.0.5",
              "InterfaceType":"interface","Groups":[{"GroupId":"sg-1"},{"GroupId":"sg-2"}],"Ipv6Addresses":[{"Ipv6Address":"2001:db8::5"}],
              "Attachment":{"AttachmentId":"eni-attach-1","AttachTime":"2025-11-19T09:00:52+00:00","InstanceId":"i-1","DeleteOnTermination":true},
              "PrivateIpAddresses":[{"PrivateIpAddress":"10.0.0.5","Association":{"PublicIp":"203.0.113.5"}}]}"#,
        )
        .expect("JSON");
        let told = describe_interface(&recorded, Some("i-1"));
        assert_eq!(told, describe_interface(&printed, None));
        assert_eq!(told.len(), 2);
        assert_eq!(told[0].public_ip.as_deref(), Some("203.0.113.5"));
        assert_eq!(told[1].ipv6_address.as_deref(), Some("2001:db8::5"));
        assert_eq!(told[0].groups.as_deref(), Some(&["sg-1".to_owned(), "sg-2".to_owned()][..]));
    }

    #[test]
    fn an_instance_without_interfaces_has_its_address() {
        let instance = serde_json::json!({"instanceId": "i-1", "privateIpAddress": "10.0.0.1"});
        let told = describe_instance(&instance);
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].instance_id.as_deref(), told[0].private_ip_address.as_deref()), (Some("i-1"), Some("10.0.0.1")));
        assert!(describe_instance(&serde_json::json!({"instanceId": "i-1"})).is_empty());
        let interfaces = serde_json::json!({"items": [{"networkInterfaceId": "eni-1"}, {"networkInterfaceId": "eni-2"}]});
        let instance = serde_json::json!({"instanceId": "i-1", "privateIpAddress": "10.0.0.1", "networkInterfaceSet": interfaces});
        let addresses: Vec<_> = describe_instance(&instance).into_iter().map(|one| one.private_ip_address).collect();
        assert_eq!(addresses, [Some("10.0.0.1".to_owned()), None], "the first interface's");
    }
}
