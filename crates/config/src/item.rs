//! What a member of a list is: the resource it describes, and what it says of interfaces.

use backtrail_model::interfaces::{Observation, describe_address, describe_instance, describe_interface};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// A list that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum List {
    Interfaces,
    Reservations,
    Instances,
    Addresses,
    RouteTables,
    NetworkAcls,
}

/// Their keys, as the command line and the SDKs print them.
pub(crate) const LISTS: [&str; 6] = ["NetworkInterfaces", "Reservations", "Instances", "Addresses", "RouteTables", "NetworkAcls"];

impl List {
    pub(crate) fn named(key: &str) -> Option<Self> {
        Some(match key {
            "NetworkInterfaces" => Self::Interfaces,
            "Reservations" => Self::Reservations,
            "Instances" => Self::Instances,
            "Addresses" => Self::Addresses,
            "RouteTables" => Self::RouteTables,
            "NetworkAcls" => Self::NetworkAcls,
            _ => return None,
        })
    }

    /// The command that prints it.
    pub(crate) fn source(self) -> &'static str {
        match self {
            Self::Interfaces => "describe-network-interfaces",
            Self::Reservations | Self::Instances => "describe-instances",
            Self::Addresses => "describe-addresses",
            Self::RouteTables => "describe-route-tables",
            Self::NetworkAcls => "describe-network-acls",
        }
    }
}

/// A resource's state as a listing has it.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) resource_type: &'static str,
    pub(crate) resource_id: String,
    pub(crate) account_id: Option<String>,
    /// Since when it is known to be so, microseconds UTC.
    pub(crate) since: Option<i64>,
    pub(crate) observations: Vec<Observation>,
    /// The same text wherever the same is stated.
    pub(crate) stated: String,
}

/// A reservation, with its instances as delivered.
#[derive(Debug, Deserialize)]
pub(crate) struct Reservation<'a> {
    #[serde(rename = "Instances", borrow, default)]
    pub(crate) instances: Vec<&'a RawValue>,
    #[serde(rename = "OwnerId")]
    pub(crate) owner_id: Option<String>,
}

/// Reads a member.
///
/// # Errors
/// Why it is no resource's state.
pub(crate) fn read(list: List, raw: &str, owner: Option<&str>) -> Result<Item, String> {
    let value: Value = serde_json::from_str(raw).map_err(|e| e.to_string())?;
    let text = |key: &str| value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    let (resource_type, resource_id, mut observations) = match list {
        List::Interfaces => ("AWS::EC2::NetworkInterface", text("NetworkInterfaceId"), describe_interface(&value, None)),
        List::Reservations | List::Instances => ("AWS::EC2::Instance", text("InstanceId"), describe_instance(&value)),
        List::Addresses => {
            ("AWS::EC2::EIP", text("AllocationId").or_else(|| text("PublicIp")), describe_address(&value).into_iter().collect())
        }
        List::RouteTables => ("AWS::EC2::RouteTable", text("RouteTableId"), Vec::new()),
        List::NetworkAcls => ("AWS::EC2::NetworkAcl", text("NetworkAclId"), Vec::new()),
    };
    let resource_id = resource_id.ok_or("it has no id")?;
    let since = observations.iter().filter_map(|one| one.since).min();
    for one in &mut observations {
        one.owner_id = one.owner_id.take().or_else(|| owner.map(str::to_owned));
    }
    let account_id = text("OwnerId").or_else(|| observations.iter().find_map(|one| one.owner_id.clone()));
    let stated = format!("{resource_type}\u{1f}{resource_id}\u{1f}{}", sorted(value));
    Ok(Item { resource_type, resource_id, account_id, since, observations, stated })
}

/// The value with the members of its objects in order.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut members: Vec<(String, Value)> = object.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            members.sort_by(|(a, _), (b, _)| a.cmp(b));
            Value::Object(members.into_iter().collect())
        }
        Value::Array(all) => Value::Array(all.into_iter().map(sorted).collect()),
        other => other,
    }
}
