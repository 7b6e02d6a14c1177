//! Rows of `flows` as the question reads them.

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, Int32Array, Int64Array, RecordBatch};

use super::named::Whose;
use super::{FLOWS, FlowFilters};
use crate::error::TimelineError;
use crate::event::{Text, longs};

/// What tells records of flow logs apart, and which of them count.
pub(crate) const TALLIED: &[&str] = &[
    "account_id",
    "interface_id",
    "resource_id",
    "tgw_attachment_id",
    "instance_id",
    "vpc_id",
    "subnet_id",
    "tgw_id",
    "region",
    "file_region",
    "start",
    "end",
    "log_status",
    "flow_log_id",
    "log_group",
    "format",
    "evidence_id",
    "record_index",
];

/// What names the interface of a record: the first of these that it has.
pub(crate) const INTERFACES: &[&str] = &["interface_id", "resource_id", "tgw_attachment_id"];

/// What names the region of a record: the first of these that it has.
pub(crate) const REGIONS: &[&str] = &["region", "file_region"];

/// What is summed of them.
pub(crate) const SUMMED: &[&str] = &[
    "srcaddr",
    "dstaddr",
    "pkt_srcaddr",
    "pkt_dstaddr",
    "pkt_src_aws_service",
    "pkt_dst_aws_service",
    "srcport",
    "dstport",
    "protocol",
    "packets",
    "bytes",
    "action",
    "tcp_flags",
    "flow_direction",
];

/// What stands for the interface of a record that names none.
pub(crate) const NO_INTERFACE: &str = "-";
/// What stands for a flow log or an account that nobody names.
pub(crate) const UNKNOWN: &str = "unknown";

/// Rows with their columns at hand; those not asked for, and those without any value, are absent.
pub(crate) struct Records<'a> {
    pub(crate) rows: usize,
    pub(super) account: Text<'a>,
    pub(super) interfaces: [Text<'a>; 3],
    pub(crate) instance: Text<'a>,
    others: [Text<'a>; 3],
    pub(super) regions: [Text<'a>; 2],
    start: Option<&'a Int64Array>,
    end: Option<&'a Int64Array>,
    pub(crate) status: Text<'a>,
    pub(super) log: [Text<'a>; 3],
    pub(super) evidence: Text<'a>,
    index: Option<&'a Int64Array>,
    pub(crate) addresses: [Text<'a>; 4],
    pub(crate) services: [Text<'a>; 2],
    ints: [Option<&'a Int32Array>; 4],
    longs: [Option<&'a Int64Array>; 2],
    pub(crate) action: Text<'a>,
    pub(crate) direction: Text<'a>,
}

impl<'a> Records<'a> {
    pub(crate) fn of(batch: &'a RecordBatch) -> Result<Self, TimelineError> {
        let text = |column| Text::of(batch, FLOWS, column);
        let int = |column| batch.column_by_name(column).and_then(|c| c.as_primitive_opt::<Int32Type>());
        let long = |column| longs(batch, FLOWS, column).ok();
        Ok(Self {
            rows: batch.num_rows(),
            account: text("account_id")?,
            interfaces: [text("interface_id")?, text("resource_id")?, text("tgw_attachment_id")?],
            instance: text("instance_id")?,
            others: [text("vpc_id")?, text("subnet_id")?, text("tgw_id")?],
            regions: [text("region")?, text("file_region")?],
            start: long("start"),
            end: long("end"),
            status: text("log_status")?,
            log: [text("flow_log_id")?, text("log_group")?, text("format")?],
            evidence: text("evidence_id")?,
            index: long("record_index"),
            addresses: [text("srcaddr")?, text("dstaddr")?, text("pkt_srcaddr")?, text("pkt_dstaddr")?],
            services: [text("pkt_src_aws_service")?, text("pkt_dst_aws_service")?],
            ints: [int("srcport"), int("dstport"), int("protocol"), int("tcp_flags")],
            longs: [long("packets"), long("bytes")],
            action: text("action")?,
            direction: text("flow_direction")?,
        })
    }

    /// The interface; what stands for it where there is none.
    pub(crate) fn interface(&self, row: usize) -> &'a str {
        self.interfaces.iter().find_map(|text| text.get(row)).unwrap_or(NO_INTERFACE)
    }

    pub(crate) fn account(&self, row: usize) -> &'a str {
        self.account.get(row).unwrap_or(UNKNOWN)
    }

    /// The region: the record's own, else the one that the name of its file says.
    pub(crate) fn region(&self, row: usize) -> Option<&'a str> {
        self.regions.iter().find_map(|text| text.get(row))
    }

    pub(crate) fn start(&self, row: usize) -> Option<i64> {
        valued(self.start, row)
    }

    pub(crate) fn end(&self, row: usize) -> Option<i64> {
        valued(self.end, row)
    }

    /// The flow log, as far as anybody says which: its id, else the log group. And the fields it has.
    pub(crate) fn log(&self, row: usize) -> (&'a str, &'a str) {
        let [id, group, format] = &self.log;
        (id.get(row).or(group.get(row)).unwrap_or(UNKNOWN), format.get(row).unwrap_or_default())
    }

    /// The VPC and the subnet it says its interface is in.
    pub(crate) fn vpc_and_subnet(&self, row: usize) -> [Option<&'a str>; 2] {
        let [vpc, subnet, _] = &self.others;
        [vpc.get(row), subnet.get(row)]
    }

    /// The record's number in its evidence.
    pub(super) fn index(&self, row: usize) -> i64 {
        self.index.map_or(0, |index| index.value(row))
    }

    /// Where the record stands.
    pub(crate) fn place(&self, row: usize) -> (&'a str, i64) {
        (self.evidence.get(row).unwrap_or_default(), self.index(row))
    }

    /// `srcport`, `dstport`, `protocol`, `tcp_flags`.
    pub(crate) fn int(&self, which: usize, row: usize) -> Option<i32> {
        self.ints[which].filter(|array| array.is_valid(row)).map(|array| array.value(row))
    }

    /// `packets`, `bytes`.
    pub(crate) fn long(&self, which: usize, row: usize) -> u64 {
        u64::try_from(valued(self.longs[which], row).unwrap_or(0)).unwrap_or(0)
    }

    /// Whether the record is of what the filters name: whose it is, where it stands. Ends, ports and actions are not asked.
    pub(crate) fn is_of(&self, row: usize, filters: &FlowFilters) -> bool {
        if filters.account.is_empty() && filters.region.is_empty() && filters.arn.is_empty() {
            return true;
        }
        let fits =
            |wanted: &[String], found: Option<&str>| wanted.is_empty() || found.is_some_and(|found| wanted.iter().any(|w| w == found));
        let [vpc, subnet, gateway] = &self.others;
        let [interface, resource, attachment] = &self.interfaces;
        let (account, region) = (self.account.get(row), self.region(row));
        let whose = || Whose {
            ids: [interface, resource, attachment, &self.instance, vpc, subnet, gateway].map(|text| text.get(row)),
            interface: self.interface(row),
            start: self.start(row),
            account,
            region,
        };
        fits(&filters.account, account)
            && fits(&filters.region, region)
            && (filters.arn.is_empty() || filters.named.as_ref().is_some_and(|named| named.has(&whose())))
    }

    /// Whether its ends, ports and action are asked for.
    pub(crate) fn is_between(&self, row: usize, filters: &FlowFilters) -> bool {
        let has_address =
            |network: &crate::question::Network| self.addresses.iter().filter_map(|a| a.get(row)).any(|a| network.contains(a));
        let has_port = |port: &u16| [0, 1].iter().any(|which| self.int(*which, row) == Some(i32::from(*port)));
        (filters.ip.is_empty() || filters.ip.iter().any(has_address))
            && (filters.port.is_empty() || filters.port.iter().any(has_port))
            && (filters.action.is_empty() || self.action.get(row).is_some_and(|action| filters.action.iter().any(|a| a == action)))
    }
}

/// A row's number.
fn valued(array: Option<&Int64Array>, row: usize) -> Option<i64> {
    array.filter(|array| array.is_valid(row)).map(|array| array.value(row))
}
