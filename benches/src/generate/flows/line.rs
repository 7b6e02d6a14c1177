//! Flow records and their notation: fields of versions 2 to 5, in whatever order a format names them.

use super::world::World;

/// The fields of versions 2 to 5 in the order AWS documents them.
pub(super) const FIELDS: [&str; 29] = [
    "version",
    "account-id",
    "interface-id",
    "srcaddr",
    "dstaddr",
    "srcport",
    "dstport",
    "protocol",
    "packets",
    "bytes",
    "start",
    "end",
    "action",
    "log-status",
    "vpc-id",
    "subnet-id",
    "instance-id",
    "tcp-flags",
    "type",
    "pkt-srcaddr",
    "pkt-dstaddr",
    "region",
    "az-id",
    "sublocation-type",
    "sublocation-id",
    "pkt-src-aws-service",
    "pkt-dst-aws-service",
    "flow-direction",
    "traffic-path",
];
/// How many of them are the default format.
const DEFAULT: usize = 14;
const ZONE: &str = "euc1-az2";

pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;
pub(super) const ICMP: u8 = 1;

/// Which fields a line has.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) version: u8,
    pub(super) fields: Vec<&'static str>,
}

impl Layout {
    /// Version 2, as it comes where nobody asks for a format.
    pub(super) fn default_format() -> Self {
        Self { version: 2, fields: FIELDS[..DEFAULT].to_vec() }
    }

    pub(super) fn all() -> Self {
        Self { version: 5, fields: FIELDS.to_vec() }
    }

    pub(super) fn header(&self) -> String {
        self.fields.join(" ")
    }

    pub(super) fn line(&self, world: &World, row: &Row) -> String {
        let values: Vec<String> = self.fields.iter().map(|field| row.value(world, field, self.version)).collect();
        values.join(" ")
    }
}

/// One line of a flow log.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// Which interface; none where the line does not say.
    pub(super) face: Option<usize>,
    /// Seconds of the day.
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) said: Said,
}

/// What a line says.
#[derive(Debug, Clone)]
pub(super) enum Said {
    Flow(Box<Flow>),
    /// NODATA.
    Nothing,
    /// SKIPDATA.
    Lost,
    /// NODATA, and not even of which interface and when.
    Blank,
}

/// A flow within one aggregation interval, seen at one interface.
#[derive(Debug, Clone)]
pub(super) struct Flow {
    pub(super) source: End,
    pub(super) target: End,
    pub(super) protocol: u8,
    pub(super) packets: u64,
    pub(super) bytes: u64,
    pub(super) accepted: bool,
    pub(super) flags: u8,
    pub(super) inward: bool,
    /// `traffic-path`, of what goes out.
    pub(super) path: u8,
}

/// Where a flow begins or ends.
#[derive(Debug, Clone)]
pub(super) struct End {
    pub(super) address: String,
    pub(super) port: u16,
    /// The packet's own address, where it is another.
    pub(super) packet: Option<String>,
    /// Whose address it is, in AWS.
    pub(super) service: Option<&'static str>,
}

impl End {
    pub(super) fn new(address: &str, port: u16) -> Self {
        Self { address: address.to_owned(), port, packet: None, service: None }
    }

    /// The same, of packets that bear another address.
    pub(super) fn carrying(mut self, packet: &str) -> Self {
        self.packet = Some(packet.to_owned());
        self
    }

    pub(super) fn of(mut self, service: Option<&'static str>) -> Self {
        self.service = service;
        self
    }

    fn packet_address(&self) -> String {
        self.packet.as_ref().unwrap_or(&self.address).clone()
    }
}

impl Row {
    pub(super) fn flow(&self) -> Option<&Flow> {
        match &self.said {
            Said::Flow(flow) => Some(flow),
            _ => None,
        }
    }

    pub(super) fn status(&self) -> &'static str {
        match self.said {
            Said::Flow(_) => "OK",
            Said::Nothing | Said::Blank => "NODATA",
            Said::Lost => "SKIPDATA",
        }
    }

    fn value(&self, world: &World, field: &str, version: u8) -> String {
        let face = self.face.map(|face| &world.faces[face]);
        let known = !matches!(self.said, Said::Blank);
        let value = match field {
            "version" => Some(version.to_string()),
            "account-id" => known.then(|| world.account().id.clone()),
            "interface-id" => face.map(|face| face.id.clone()),
            "start" => known.then(|| (world.day + self.start).to_string()),
            "end" => known.then(|| (world.day + self.end).to_string()),
            "log-status" => Some(self.status().to_owned()),
            _ => self.flow().and_then(|flow| match field {
                "vpc-id" => Some(world.vpc.clone()),
                "subnet-id" => face.map(|face| face.subnet.clone()),
                "instance-id" => face.and_then(|face| face.instance.clone()),
                "region" => Some(world.region.to_owned()),
                "az-id" => Some(ZONE.to_owned()),
                _ => flow.value(field),
            }),
        };
        value.unwrap_or_else(|| "-".to_owned())
    }
}

impl Flow {
    pub(super) fn action(&self) -> &'static str {
        if self.accepted { "ACCEPT" } else { "REJECT" }
    }

    pub(super) fn direction(&self) -> &'static str {
        if self.inward { "ingress" } else { "egress" }
    }

    fn value(&self, field: &str) -> Option<String> {
        let text = match field {
            "srcaddr" => self.source.address.clone(),
            "dstaddr" => self.target.address.clone(),
            "srcport" => self.source.port.to_string(),
            "dstport" => self.target.port.to_string(),
            "protocol" => self.protocol.to_string(),
            "packets" => self.packets.to_string(),
            "bytes" => self.bytes.to_string(),
            "action" => self.action().to_owned(),
            "tcp-flags" => self.flags.to_string(),
            "type" => if self.source.address.contains(':') { "IPv6" } else { "IPv4" }.to_owned(),
            "pkt-srcaddr" => self.source.packet_address(),
            "pkt-dstaddr" => self.target.packet_address(),
            "pkt-src-aws-service" => self.source.service?.to_owned(),
            "pkt-dst-aws-service" => self.target.service?.to_owned(),
            "flow-direction" => self.direction().to_owned(),
            "traffic-path" if !self.inward => self.path.to_string(),
            _ => return None,
        };
        Some(text)
    }
}
