//! The columns of `interfaces`: observations of network interfaces (`backtrail_model::interfaces`).

use super::Kind::{Binary, Bool, Json, Long, Text, Time};
use super::{Column, col};

/// `interfaces`: which row says what is in `observation`; a column is NULL where the record does not say it.
pub(super) const INTERFACES: &[Column] = &[
    col(
        "event_time",
        Time,
        "Time of the call. Of a listing, which does not say when it was read, the time it states of the attachment or the launch.",
    ),
    col("decoder", Text, "Whose row it is: cloudtrail, of a call; config, of a listing."),
    col("source", Text, "The API action, as in RunInstances; describe-network-interfaces and the like of listings."),
    col("event_id", Text, "eventID of the call."),
    col(
        "observation",
        Text,
        "state: the interface with all its addresses, a row each. attached, detached: to and from an instance. deleted. associated, disassociated: a public address. allocated, released: a public address to and by the account. assigned, unassigned: further addresses. groups: its security groups. terminated, stopped: its instance.",
    ),
    col("interface_id", Text, "eni-..."),
    col("private_ip_address", Text, "An IPv4 address of the interface."),
    col("ipv6_address", Text, "An IPv6 address of it."),
    col("public_ip", Text, "The public address translated to the private one."),
    col("instance_id", Text, "The instance it is attached to."),
    col(
        "resource_id",
        Text,
        "What else has it: a NAT gateway, an endpoint, a load balancer, a function, a task, as far as the call or the description says.",
    ),
    col("interface_type", Text, "interfaceType: interface, nat_gateway, vpc_endpoint, lambda, ..."),
    col("description", Text, "description: services write there whose it is."),
    col("security_groups", Json, "Ids of its security groups, as a sorted array."),
    col("vpc_id", Text, "vpc-..."),
    col("subnet_id", Text, "subnet-..."),
    col("attachment_id", Text, "eni-attach-..."),
    col("allocation_id", Text, "eipalloc-... of the public address."),
    col("association_id", Text, "eipassoc-... of the public address."),
    col("delete_on_termination", Bool, "Whether it goes with its instance."),
    col("account_id", Text, "Owner of the interface, else the account that received the record."),
    col("aws_region", Text, "Region of the call."),
    col("dedupe_key", Binary, "16 bytes: a hash of what the row says."),
    col("evidence_id", Text, "SHA-256 of the evidence the record stands in."),
    col("record_index", Long, "Its number in that evidence, from 0."),
];
