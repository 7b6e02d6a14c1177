//! One record of very many: drawn and written without a detour through text of its own.

use serde_json::{Value, json};

use crate::generate::random::{Random, mix, scale};

/// Peers outside: few are met often, most once.
const PEERS: usize = 1 << 21;
const TCP: u64 = 6;
const UDP: u64 = 17;
/// Packets of one flow within a minute.
const MOST_PACKETS: f64 = 4e6;
const SERVICES: [&str; 4] = ["S3", "AMAZON", "EC2", "DYNAMODB"];

/// An interface, as far as its lines are always the same.
#[derive(Debug)]
pub(super) struct Face {
    /// Version, account and interface.
    head: String,
    address: String,
    v6: String,
    /// Status, VPC, subnet and instance.
    middle: String,
    /// Region, zone, and no sublocation.
    place: String,
    /// What it offers.
    port: u64,
}

impl Face {
    pub(super) fn new([account, interface, vpc, subnet, instance, region]: [&str; 6], stream: usize, number: usize) -> Self {
        let zone: String = region.split('-').map(|part| if part.len() > 2 { &part[..1] } else { part }).collect();
        Self {
            head: format!("5 {account} {interface} "),
            address: format!("10.{}.{}.{}", 16 + stream, number / 240 % 256, 8 + number % 240),
            v6: format!("2001:db8:{:x}:{:x}::{number:x}", 16 + stream, number % 9),
            middle: format!(" OK {vpc} {subnet} {instance} "),
            place: format!(" {region} {zone}-az{} - - ", 1 + number % 3),
            port: [443, 443, 443, 80, 8080, 5432, 6379, 9092][number % 8],
        }
    }
}

impl Face {
    /// Account, interface, VPC, subnet, instance, region, address.
    pub(super) fn names(&self) -> [&str; 7] {
        let [head, middle] = [&self.head, &self.middle];
        [part(head, 1), part(head, 2), part(middle, 1), part(middle, 2), part(middle, 3), part(&self.place, 0), &self.address]
    }
}

/// A word of a text; nothing where it has fewer.
fn part(text: &str, n: usize) -> &str {
    text.split_whitespace().nth(n).unwrap_or_default()
}

/// What was written.
#[derive(Debug, Default, Clone)]
pub(super) struct Sums {
    ok: u64,
    nodata: u64,
    skipdata: u64,
    /// Rows, packets and bytes of what was accepted and of what was rejected.
    accepted: [u64; 3],
    rejected: [u64; 3],
}

impl Sums {
    pub(super) fn add(&mut self, other: &Self) {
        (self.ok, self.nodata, self.skipdata) = (self.ok + other.ok, self.nodata + other.nodata, self.skipdata + other.skipdata);
        for n in 0..3 {
            self.accepted[n] += other.accepted[n];
            self.rejected[n] += other.rejected[n];
        }
    }

    pub(super) fn told(&self) -> Value {
        let sum = |[rows, packets, bytes]: [u64; 3]| json!({ "rows": rows, "packets": packets, "bytes": bytes });
        json!({
            "rows": self.ok + self.nodata + self.skipdata,
            "by_log_status": { "NODATA": self.nodata, "OK": self.ok, "SKIPDATA": self.skipdata },
            "ACCEPT": sum(self.accepted), "REJECT": sum(self.rejected),
        })
    }
}

/// A peer's address, ready to be copied.
#[derive(Debug)]
struct Address {
    text: [u8; 40],
    length: usize,
}

impl Address {
    fn new() -> Self {
        Self { text: [0; 40], length: 0 }
    }

    fn v4(octets: [u64; 4]) -> Self {
        let mut address = Self::new();
        for (n, octet) in octets.into_iter().enumerate() {
            if n > 0 {
                address.put(b'.');
            }
            if octet >= 100 {
                address.put(b'0' + (octet / 100) as u8);
            }
            if octet >= 10 {
                address.put(b'0' + (octet / 10 % 10) as u8);
            }
            address.put(b'0' + (octet % 10) as u8);
        }
        address
    }

    fn text(text: &str) -> Self {
        let mut address = Self::new();
        text.bytes().take(40).for_each(|byte| address.put(byte));
        address
    }

    fn put(&mut self, byte: u8) {
        self.text[self.length] = byte;
        self.length += 1;
    }

    fn bytes(&self) -> &[u8] {
        &self.text[..self.length]
    }
}

/// One line, its ends still as own and theirs.
struct Line<'a> {
    theirs: &'a [u8],
    own_port: u64,
    their_port: u64,
    protocol: u64,
    packets: u64,
    bytes: u64,
    times: (i64, i64),
    accepted: bool,
    flags: u64,
    inward: bool,
    is_v6: bool,
    service: &'a str,
    path: u64,
}

/// Writes lines, and counts.
#[derive(Debug)]
pub(super) struct Pen<'a> {
    pub(super) out: &'a mut Vec<u8>,
    pub(super) random: Random,
    pub(super) sums: Sums,
}

impl Pen<'_> {
    /// One or two lines of an interface within a minute, at most so many; returns how many.
    pub(super) fn write(&mut self, face: &Face, minute: i64, most: u64) -> u64 {
        match self.random.below(10_000) {
            0..120 => self.silent(face, minute, "NODATA"),
            120 => self.silent(face, minute, "SKIPDATA"),
            121..1400 => self.refused(face, minute),
            _ if most == 1 => self.refused(face, minute),
            kind => self.conversation(face, minute, kind),
        }
    }

    fn silent(&mut self, face: &Face, minute: i64, status: &str) -> u64 {
        self.out.extend_from_slice(face.head.as_bytes());
        self.out.extend_from_slice(b"- - - - - - - ");
        self.number(minute as u64);
        self.out.push(b' ');
        self.number(minute as u64 + 59);
        self.out.extend_from_slice(b" - ");
        self.out.extend_from_slice(status.as_bytes());
        self.out.extend_from_slice(b" - - - - - - - - - - - - - - -\n");
        if status == "NODATA" {
            self.sums.nodata += 1
        } else {
            self.sums.skipdata += 1
        }
        1
    }

    /// Somebody knocks who is not let in.
    fn refused(&mut self, face: &Face, minute: i64) -> u64 {
        let peer = self.outside();
        let own_port = match self.random.below(4) {
            0 => self.random.below(65_536) as u64,
            _ => [22, 23, 445, 3389, 5060, 6379, 8080, 8443][self.random.below(8)],
        };
        let packets = 1 + self.random.below(3) as u64;
        let line = Line {
            theirs: peer.bytes(),
            own_port,
            their_port: self.ephemeral(),
            protocol: TCP,
            packets,
            bytes: packets * (40 + 4 * self.random.below(6) as u64),
            times: self.times(minute),
            accepted: false,
            flags: 2,
            inward: true,
            is_v6: false,
            service: "-",
            path: 0,
        };
        self.line(face, &line);
        1
    }

    /// Both directions of a conversation: within the network, with a resolver, or with somebody outside.
    fn conversation(&mut self, face: &Face, minute: i64, kind: usize) -> u64 {
        let (is_dns, is_inside) = (kind < 2400, kind < 5500);
        let is_v6 = kind >= 9900;
        let theirs = match (is_dns, is_inside, is_v6) {
            (true, ..) => Address::text("10.0.0.53"),
            (_, true, _) => self.inside(),
            (.., true) => Address::text(&format!("2001:db8:f{:x}::{:x}", self.random.below(4096), self.random.below(65_536))),
            _ => self.outside(),
        };
        let protocol = if is_dns { UDP } else { TCP };
        let is_called = !is_dns && self.random.below(3) > 0;
        let (own_port, their_port) = match (is_dns, is_called) {
            (true, _) => (self.ephemeral(), 53),
            (_, true) => (face.port, self.ephemeral()),
            _ => (self.ephemeral(), [443, 443, 443, 80, 5432, 6379, 9092, 8080][self.random.below(8)]),
        };
        let packets = if is_dns { 1 } else { self.heavy() };
        let service = if !is_inside && !is_called && self.random.below(3) == 0 { SERVICES[self.random.below(4)] } else { "-" };
        let (first, second) = [(3, 19), (2, 18), (0, 0), (0, 0), (1, 1)][if is_dns { 2 } else { self.random.below(5) }];
        let times = self.times(minute);
        for asks in [true, false] {
            let count = if asks { packets } else { 1 + packets * (50 + self.random.below(100) as u64) / 100 };
            let size = if asks { 40 + self.random.below(400) } else { 52 + self.random.below(1400) } as u64;
            let line = Line {
                theirs: theirs.bytes(),
                own_port,
                their_port,
                protocol,
                packets: count,
                bytes: count * size + self.random.below(40) as u64,
                times,
                accepted: true,
                flags: if asks { first } else { second },
                inward: asks == is_called,
                is_v6,
                service,
                path: if is_inside { 1 } else { 8 },
            };
            self.line(face, &line);
        }
        2
    }

    /// A public address; few are met often.
    fn outside(&mut self) -> Address {
        let number = u128::from(self.random.next());
        let cubed = ((((number * number) >> 64) * number) >> 64) as u64;
        let hash = mix(&[scale(cubed, PEERS) as u64, 0x9ee5]);
        let first = 1 + hash % 223;
        let first = if matches!(first, 10 | 100 | 127 | 169 | 172 | 192 | 198 | 203) { 52 } else { first };
        Address::v4([first, (hash >> 16) & 255, (hash >> 32) & 255, (hash >> 48) & 255])
    }

    fn inside(&mut self) -> Address {
        let number = self.random.next();
        Address::v4([10, 16 + (number & 7), (number >> 8) & 63, 8 + scale(number, 240) as u64])
    }

    fn ephemeral(&mut self) -> u64 {
        32_768 + self.random.below(28_232) as u64
    }

    /// Start and end within a minute.
    fn times(&mut self, minute: i64) -> (i64, i64) {
        let start = self.random.below(30) as i64;
        (minute + start, minute + start + self.random.below(30) as i64)
    }

    /// A number of packets: mostly few, now and then very many.
    fn heavy(&mut self) -> u64 {
        let share = (self.random.next() >> 11) as f64 / (1_u64 << 53) as f64 + 1e-9;
        (4.0 * share.powf(-0.85)).min(MOST_PACKETS) as u64
    }

    fn line(&mut self, face: &Face, line: &Line<'_>) {
        let own = if line.is_v6 { &face.v6 } else { &face.address }.as_bytes();
        let ends = [(own, line.own_port), (line.theirs, line.their_port)];
        let [source, target] = if line.inward { [ends[1], ends[0]] } else { ends };
        self.out.extend_from_slice(face.head.as_bytes());
        self.words(&[source.0, target.0]);
        self.numbers([source.1, target.1, line.protocol, line.packets, line.bytes, line.times.0 as u64, line.times.1 as u64]);
        self.out.extend_from_slice(if line.accepted { b"ACCEPT" } else { b"REJECT" });
        self.out.extend_from_slice(face.middle.as_bytes());
        self.numbers([line.flags]);
        self.words(&[if line.is_v6 { b"IPv6" } else { b"IPv4" }, source.0]);
        self.out.extend_from_slice(target.0);
        self.out.extend_from_slice(face.place.as_bytes());
        let service = line.service.as_bytes();
        self.words(&if line.inward { [service, b"-"] } else { [b"-", service] });
        if line.inward {
            self.out.extend_from_slice(b"ingress -\n");
        } else {
            self.words(&[b"egress"]);
            self.number(line.path);
            self.out.push(b'\n');
        }
        self.sums.ok += 1;
        let sum = if line.accepted { &mut self.sums.accepted } else { &mut self.sums.rejected };
        *sum = [sum[0] + 1, sum[1] + line.packets, sum[2] + line.bytes];
    }

    /// Texts, each with a blank after it.
    fn words(&mut self, words: &[&[u8]]) {
        for word in words {
            self.out.extend_from_slice(word);
            self.out.push(b' ');
        }
    }

    /// Numbers, each with a blank after it.
    fn numbers<const N: usize>(&mut self, numbers: [u64; N]) {
        for number in numbers {
            self.number(number);
            self.out.push(b' ');
        }
    }

    fn number(&mut self, mut number: u64) {
        let mut digits = [0; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.out.extend_from_slice(&digits[at..]);
    }
}
