//! What the story is set in: one VPC with its machines, its NAT gateway, and the two flow logs that look at it.

use anyhow::{Context as _, Result};

use crate::generate::clock::{self, HOUR};
use crate::generate::estate::{Account, Estate};
use crate::generate::random::Random;

/// The story's seed.
pub(super) const SEED: u64 = 20_251_119;
const DATE: &str = "2025-11-19";

/// Interfaces, by their place in [`World::faces`].
pub(super) const JUMP: usize = 0;
pub(super) const WEB: usize = 1;
pub(super) const WORKER: usize = 2;
pub(super) const SECOND: usize = 3;
pub(super) const NAT: usize = 4;
/// Has the web server's IPv4 addresses after it.
pub(super) const HEIR: usize = 5;

/// Who comes from outside.
pub(super) const PEER: &str = "198.51.100.77";
pub(super) const SCANNER: &str = "192.0.2.200";
pub(super) const DROP: &str = "198.51.100.99";
pub(super) const CONTROLLER: &str = "192.0.2.222";
/// Where AWS answers API calls.
pub(super) const ENDPOINT: &str = "192.0.2.240";
pub(super) const MIRROR: &str = "198.51.100.150";
pub(super) const TIME_SERVER: &str = "192.0.2.123";
/// The company's own resolver, behind a virtual private gateway.
pub(super) const RESOLVER: &str = "10.99.0.53";

/// A time of the day, in seconds.
pub(super) const fn hms(hour: i64, minute: i64, second: i64) -> i64 {
    hour * HOUR + minute * 60 + second
}

/// When things happen.
pub(super) const OPENED: i64 = hms(10, 12, 30);
pub(super) const CLOSED: i64 = hms(10, 55, 0);
pub(super) const FIRST_ACCEPT: i64 = hms(10, 14, 7);
pub(super) const NOTICED: i64 = hms(11, 0, 0);
/// Flow logs say something from here on, and until there.
pub(super) const VPC_LOG_FROM: i64 = hms(9, 5, 0);
pub(super) const INTERFACE_LOG_FROM: i64 = hms(9, 6, 0);
pub(super) const INTERFACE_LOG_UNTIL: i64 = hms(11, 50, 0);
pub(super) const UNTIL: i64 = hms(12, 0, 0);
/// The minute of which the VPC's flow log lost records.
pub(super) const LOST: i64 = hms(10, 27, 0);

/// An elastic network interface.
#[derive(Debug)]
pub(super) struct Interface {
    pub(super) id: String,
    /// Nothing for the NAT gateway's.
    pub(super) instance: Option<String>,
    pub(super) subnet: String,
    pub(super) group: String,
    pub(super) private: &'static str,
    pub(super) public: Option<&'static str>,
    pub(super) v6: Option<&'static str>,
    /// How `traffic-path` calls the way through the internet gateway here.
    pub(super) way_out: u8,
    /// Minutes in which it has records.
    pub(super) from: i64,
    pub(super) until: i64,
}

/// The whole of it.
#[derive(Debug)]
pub(super) struct World {
    pub(super) estate: Estate,
    pub(super) day: i64,
    pub(super) region: &'static str,
    pub(super) vpc: String,
    pub(super) gateway: String,
    pub(super) image: String,
    pub(super) rule: String,
    /// Allocations and associations of the NAT gateway's, the jump host's and the web server's address; the last is the heir's association.
    pub(super) allocations: [String; 3],
    pub(super) associations: [String; 4],
    pub(super) vpc_log: String,
    pub(super) interface_log: String,
    pub(super) faces: Vec<Interface>,
}

impl World {
    pub(super) fn new() -> Result<Self> {
        let estate = Estate::new(SEED, 1, 1);
        let mut random = Random::seeded(&[SEED, 0xf10e]);
        let mut id = |prefix: &str| format!("{prefix}-0{}", random.text(|r, o| r.push_hex(o, 16)));
        let subnets = [id("subnet"), id("subnet")];
        let groups = [id("sg"), id("sg"), id("sg")];
        let mut face = |subnet: usize, group: Option<usize>, private, public, v6, (from, until)| Interface {
            id: id("eni"),
            instance: group.map(|_| id("i")),
            subnet: subnets[subnet].clone(),
            group: group.map_or_else(String::new, |group| groups[group].clone()),
            private,
            public,
            v6,
            way_out: if group.is_some() { 8 } else { 2 },
            from,
            until,
        };
        let all = (VPC_LOG_FROM, UNTIL);
        let web = Some("203.0.113.26");
        let faces = vec![
            face(0, Some(0), "10.20.1.15", Some("203.0.113.15"), None, all),
            face(0, Some(1), "10.20.1.26", web, Some("2001:db8:20:1::26"), (VPC_LOG_FROM, hms(11, 5, 0))),
            face(1, Some(2), "10.20.2.30", None, None, all),
            face(1, Some(2), "10.20.2.31", None, None, all),
            face(0, None, "10.20.1.200", Some("203.0.113.80"), None, all),
            face(0, Some(1), "10.20.1.26", web, Some("2001:db8:20:1::4e"), (hms(11, 16, 0), UNTIL)),
        ];
        Ok(Self {
            day: clock::parse_date(DATE).context("the story's day is no date")?,
            region: estate.accounts[0].places[0].region,
            vpc: id("vpc"),
            gateway: id("nat"),
            image: id("ami"),
            rule: id("sgr"),
            allocations: [(); 3].map(|()| id("eipalloc")),
            associations: [(); 4].map(|()| id("eipassoc")),
            vpc_log: id("fl"),
            interface_log: id("fl"),
            faces,
            estate,
        })
    }

    pub(super) fn account(&self) -> &Account {
        &self.estate.accounts[0]
    }
}
