//! The columns of `flows`: VPC Flow Logs of versions 2 to 11 and Transit Gateway Flow Logs (version 6), after the VPC user guide ("Flow log
//! records") and the Transit Gateway guide ("Transit Gateway Flow Logs records").
//!
//! The fields are those of AWS under the names of its Parquet files: `interface-id` is `interface_id`.

use super::Kind::{Int, Json, Long, Text, Time};
use super::{Column, col};

/// Where [`FIELDS`] begin in [`FLOWS`].
const FIRST_FIELD: usize = 1;
/// How many there are.
const FIELD_COUNT: usize = 72;

/// `flows`: one row per record, NODATA and SKIPDATA included.
pub(super) const FLOWS: &[Column] = &[
    col(
        "event_time",
        Time,
        "start as a time: packets were seen up to 60 seconds before or after it. NULL where absent or outside 2006 to the day after it was taken in.",
    ),
    // Version 2.
    col("version", Int, "version: the highest version among the fields of the format."),
    col("account_id", Text, "account-id: owner of the network interface; `unknown` for some that services made."),
    col("interface_id", Text, "interface-id: the network interface; NULL for a regional NAT gateway."),
    col("srcaddr", Text, "srcaddr: source; where the interface sends, its primary private address. See pkt_srcaddr."),
    col("dstaddr", Text, "dstaddr: destination; where the interface receives, its primary private address. See pkt_dstaddr."),
    col("srcport", Int, "srcport."),
    col("dstport", Int, "dstport."),
    col("protocol", Int, "protocol: IANA number (6 TCP, 17 UDP, 1 ICMP)."),
    col("packets", Long, "packets in the aggregation interval."),
    col("bytes", Long, "bytes in the aggregation interval."),
    col("start", Long, "start: Unix seconds, up to 60 s off the first packet's time."),
    col("end", Long, "end: Unix seconds, up to 60 s off the last packet's time."),
    col("action", Text, "action: ACCEPT, or REJECT by a security group or network ACL, or because the connection was closed."),
    col("log_status", Text, "log-status: OK; NODATA, no traffic; SKIPDATA, records were lost."),
    // Version 3.
    col("vpc_id", Text, "vpc-id of the interface."),
    col("subnet_id", Text, "subnet-id of the interface."),
    col("instance_id", Text, "instance-id, where the interface is an instance's of the same account."),
    col(
        "tcp_flags",
        Int,
        "tcp-flags of all packets of the interval, ORed: FIN 1, SYN 2, RST 4, SYN-ACK 18. In Transit Gateway records PSH 8, ACK 16, URG 32 too.",
    ),
    col("type", Text, "type: IPv4, IPv6, EFA."),
    col("pkt_srcaddr", Text, "pkt-srcaddr: source as the packet has it, behind NAT or a secondary address."),
    col("pkt_dstaddr", Text, "pkt-dstaddr: destination as the packet has it."),
    // Version 4.
    col("region", Text, "region of the interface."),
    col("az_id", Text, "az-id of the interface."),
    col("sublocation_type", Text, "sublocation-type: wavelength, outpost, localzone."),
    col("sublocation_id", Text, "sublocation-id."),
    // Version 5.
    col("pkt_src_aws_service", Text, "pkt-src-aws-service: the service whose address range pkt_srcaddr is in."),
    col("pkt_dst_aws_service", Text, "pkt-dst-aws-service: the service whose address range pkt_dstaddr is in."),
    col("flow_direction", Text, "flow-direction as the interface sees it: ingress, egress."),
    col(
        "traffic_path",
        Int,
        "traffic-path of egress: 1 same VPC, 2 internet or gateway endpoint, 3 virtual private gateway, 4 and 5 peering in and between regions, 6 local gateway, 7 gateway endpoint, 8 internet gateway.",
    ),
    // Version 7.
    col("ecs_cluster_arn", Text, "ecs-cluster-arn."),
    col("ecs_cluster_name", Text, "ecs-cluster-name."),
    col("ecs_container_instance_arn", Text, "ecs-container-instance-arn."),
    col("ecs_container_instance_id", Text, "ecs-container-instance-id."),
    col("ecs_container_id", Text, "ecs-container-id."),
    col("ecs_second_container_id", Text, "ecs-second-container-id."),
    col("ecs_service_name", Text, "ecs-service-name."),
    col("ecs_task_definition_arn", Text, "ecs-task-definition-arn."),
    col("ecs_task_arn", Text, "ecs-task-arn."),
    col("ecs_task_id", Text, "ecs-task-id."),
    // Versions 8 to 10.
    col("reject_reason", Text, "reject-reason: BPA, Block Public Access; EC, encryption controls."),
    col("resource_id", Text, "resource-id: what the traffic is of where there is no interface, as a regional NAT gateway."),
    col("encryption_status", Text, "encryption-status, as delivered."),
    // Version 11.
    col("instance_tag", Text, "instance-tag, percent-encoded as delivered; so are the other tags."),
    col("instance_tag_2", Text, "instance-tag-2."),
    col("interface_tag", Text, "interface-tag."),
    col("interface_tag_2", Text, "interface-tag-2."),
    col("asg_tag", Text, "asg-tag."),
    col("asg_tag_2", Text, "asg-tag-2."),
    col("interface_type", Text, "interface-type: nat_gateway, network_load_balancer, vpc_endpoint, ..."),
    col("next_hop_interface_id", Text, "next-hop-interface-id."),
    col("next_hop_subnet_id", Text, "next-hop-subnet-id."),
    col("next_hop_az_id", Text, "next-hop-az-id."),
    col("next_hop_vpc_id", Text, "next-hop-vpc-id."),
    col("next_hop_interface_type", Text, "next-hop-interface-type."),
    // Transit Gateway.
    col("resource_type", Text, "resource-type: TransitGateway, TransitGatewayAttachment."),
    col("tgw_id", Text, "tgw-id."),
    col("tgw_attachment_id", Text, "tgw-attachment-id."),
    col("tgw_src_vpc_account_id", Text, "tgw-src-vpc-account-id."),
    col("tgw_dst_vpc_account_id", Text, "tgw-dst-vpc-account-id."),
    col("tgw_src_vpc_id", Text, "tgw-src-vpc-id."),
    col("tgw_dst_vpc_id", Text, "tgw-dst-vpc-id."),
    col("tgw_src_subnet_id", Text, "tgw-src-subnet-id."),
    col("tgw_dst_subnet_id", Text, "tgw-dst-subnet-id."),
    col("tgw_src_eni", Text, "tgw-src-eni."),
    col("tgw_dst_eni", Text, "tgw-dst-eni."),
    col("tgw_src_az_id", Text, "tgw-src-az-id."),
    col("tgw_dst_az_id", Text, "tgw-dst-az-id."),
    col("tgw_pair_attachment_id", Text, "tgw-pair-attachment-id."),
    col("packets_lost_no_route", Long, "packets-lost-no-route."),
    col("packets_lost_blackhole", Long, "packets-lost-blackhole."),
    col("packets_lost_mtu_exceeded", Long, "packets-lost-mtu-exceeded."),
    col("packets_lost_ttl_expired", Long, "packets-lost-ttl-expired."),
    // Not AWS's.
    col("extra", Json, "Fields this version does not know, by their names in the header, as an object of texts."),
    col("flow_kind", Text, "vpc or tgw."),
    col(
        "flow_log_id",
        Text,
        "fl-...: from the name of the file; NULL where it was renamed, and in what CloudWatch Logs or Firehose delivered.",
    ),
    col("file_account_id", Text, "The account in the file's name."),
    col("file_region", Text, "The region in the file's name: the default format has none."),
    col("log_group", Text, "Log group a subscription of CloudWatch Logs names."),
    col("log_stream", Text, "Log stream there: eni-...-all."),
    col("format", Text, "The names of the delivered fields in their order: with them the columns give the delivered line, NULL as `-`."),
    col("occurrence", Int, "Which of the equal records of its evidence it is, from 0: a line may be there twice and mean two flows."),
    col("raw", Text, "The delivered line, where the columns would not give it to the byte."),
    col("evidence_id", Text, "SHA-256 of the evidence this copy stands in (evidence.evidence_id)."),
    col("record_index", Long, "Its number in that evidence, from 0; headers do not count."),
];

/// The fields of flow log records.
pub const FIELDS: &[Column] = FLOWS.split_at(FIRST_FIELD).1.split_at(FIELD_COUNT).0;

/// What a record states: its fields, and those nobody knows.
pub(super) const STATED: &[Column] = FLOWS.split_at(FIRST_FIELD).1.split_at(FIELD_COUNT + 1).0;

/// Fields that hardly two records of one second have in common, once they have a source: two interfaces see one packet, and two attachments.
pub(super) const TELLING: &[&str] =
    &["srcaddr", "dstaddr", "srcport", "dstport", "packets", "bytes", "end", "interface_id", "tgw_attachment_id", "flow_direction"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_those_of_aws() {
        assert_eq!(FIELDS.first().map(|c| c.name), Some("version"));
        assert_eq!(FIELDS.last().map(|c| c.name), Some("packets_lost_ttl_expired"));
        assert_eq!(STATED.last().map(|c| c.name), Some("extra"));
        assert!(TELLING.iter().all(|name| STATED.iter().any(|column| column.name == *name)));
    }
}
