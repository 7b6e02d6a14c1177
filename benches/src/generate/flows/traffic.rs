//! What goes over the wires: everyday traffic, and what the story adds to it.

use super::line::{End, Flow, ICMP, Row, Said, TCP, UDP};
use super::world::{
    CLOSED, CONTROLLER, DROP, ENDPOINT, FIRST_ACCEPT, HEIR, JUMP, MIRROR, NAT, PEER, RESOLVER, SCANNER, SECOND, SEED, TIME_SERVER, UNTIL,
    VPC_LOG_FROM, WEB, WORKER, World, hms,
};
use crate::generate::random::Random;

/// The door's port.
pub(super) const SSH: u16 = 22;
/// Where the beacon goes to, how often, and by how many seconds it may be late.
pub(super) const BEACON_PORT: u16 = 8443;
pub(super) const PERIOD: i64 = 60;
pub(super) const LATE: usize = 3;
const BEACON_FROM: i64 = hms(10, 18, 20);

/// `traffic-path`: within the VPC, and through a virtual private gateway.
const INSIDE: u8 = 1;
const PRIVATE_GATEWAY: u8 = 3;
/// `tcp-flags`.
const FIN: u8 = 1;
const SYN: u8 = 2;
const SYN_ACK: u8 = 18;

/// Calls that workloads make over their own wires: interface, time, and whose address AWS says it is.
pub(super) const OWN_CALLS: [(usize, i64, &str); 6] = [
    (WORKER, hms(9, 31, 12), "S3"),
    (WEB, hms(9, 50, 40), "AMAZON"),
    (JUMP, hms(10, 36, 5), "AMAZON"),
    (SECOND, hms(10, 41, 8), "AMAZON"),
    (HEIR, hms(11, 31, 25), "AMAZON"),
    (WORKER, hms(11, 40, 17), "S3"),
];

/// Which part of a connection falls into an aggregation interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Whole,
    First,
    Middle,
    Last,
}

/// What an interface and somebody say to each other within an aggregation interval.
#[derive(Debug)]
struct Talk {
    at: i64,
    lasts: i64,
    protocol: u8,
    own_port: u16,
    theirs: End,
    /// Whether the other side began.
    is_called: bool,
    part: Part,
    /// Packets and bytes.
    inward: (u64, u64),
    outward: (u64, u64),
    path: u8,
}

/// The rows, as they are being written.
#[derive(Debug)]
struct Traffic<'w> {
    world: &'w World,
    random: Random,
    rows: Vec<Row>,
}

/// All flows of the story's day, at every interface.
pub(super) fn rows(world: &World) -> Vec<Row> {
    let mut traffic = Traffic { world, random: Random::seeded(&[SEED, 0x7_aff1c]), rows: Vec::new() };
    for minute in (VPC_LOG_FROM..UNTIL).step_by(60) {
        traffic.services(minute);
        traffic.visitors(minute);
        traffic.noise(minute);
    }
    traffic.office();
    traffic.scan();
    traffic.peer();
    traffic.bulk();
    traffic.beacon();
    traffic.lateral();
    for (face, at, service) in OWN_CALLS {
        traffic.own_call(face, at, service);
    }
    traffic.rows
}

impl Traffic<'_> {
    fn ephemeral(&mut self) -> u16 {
        32_768 + self.random.below(28_000) as u16
    }

    /// A moment of a minute from which so many seconds are left.
    fn moment(&mut self, minute: i64, lasts: i64) -> i64 {
        minute + self.random.below((60 - lasts) as usize) as i64
    }

    fn is_there(&self, face: usize, minute: i64) -> bool {
        (self.world.faces[face].from..self.world.faces[face].until).contains(&minute)
    }

    fn own_end(&self, face: usize, port: u16, like: &End) -> End {
        let face = &self.world.faces[face];
        let v6 = face.v6.filter(|_| like.address.contains(':'));
        End::new(v6.unwrap_or(face.private), port)
    }

    fn push(&mut self, face: usize, start: i64, end: i64, flow: Flow) {
        self.rows.push(Row { face: Some(face), start, end, said: Said::Flow(Box::new(flow)) });
    }

    /// Both directions of a conversation, at one interface.
    fn talk(&mut self, face: usize, talk: &Talk) {
        let own = self.own_end(face, talk.own_port, &talk.theirs);
        let begins = matches!(talk.part, Part::Whole | Part::First);
        let ends = if matches!(talk.part, Part::Whole | Part::Last) { FIN } else { 0 };
        let flags = |begins_it: bool| match (talk.protocol, begins, begins_it) {
            (TCP, true, true) => SYN | ends,
            (TCP, true, false) => SYN_ACK | ends,
            (TCP, ..) => ends,
            _ => 0,
        };
        for inward in [talk.is_called, !talk.is_called] {
            let (packets, bytes) = if inward { talk.inward } else { talk.outward };
            let (source, target) = if inward { (talk.theirs.clone(), own.clone()) } else { (own.clone(), talk.theirs.clone()) };
            let flags = flags(inward == talk.is_called);
            let flow = Flow { source, target, protocol: talk.protocol, packets, bytes, accepted: true, flags, inward, path: talk.path };
            self.push(face, talk.at, talk.at + talk.lasts, flow);
        }
    }

    /// Somebody who is not let in.
    fn refused(&mut self, face: usize, at: i64, who: &str, (from, to): (u16, u16), protocol: u8, packets: u64) {
        let source = End::new(who, from);
        let target = self.own_end(face, to, &source);
        let (bytes, flags) = (packets * if protocol == TCP { 44 } else { 84 }, if protocol == TCP { SYN } else { 0 });
        let end = (at + 2 * packets as i64 - 2).min(at / 60 * 60 + 59);
        self.push(face, at, end, Flow { source, target, protocol, packets, bytes, accepted: false, flags, inward: true, path: 0 });
    }

    /// A short conversation that an interface begins.
    fn ask(&mut self, face: usize, minute: i64, theirs: End, protocol: u8, path: u8) -> Talk {
        let lasts = if protocol == TCP { 4 + self.random.below(20) as i64 } else { 0 };
        let (small, large) = (1 + self.random.below(9) as u64, 1 + self.random.below(30) as u64);
        let (outward, inward) = if protocol == TCP {
            ((5 + small, 620 + 97 * small), (6 + large, 900 + 1180 * large))
        } else {
            ((1, 76), (1, 76 + 16 * small))
        };
        let own_port = if theirs.port == 123 { 123 } else { self.ephemeral() };
        let at = self.moment(minute, lasts);
        let talk = Talk { at, lasts, protocol, own_port, theirs, is_called: false, part: Part::Whole, inward, outward, path };
        self.talk(face, &talk);
        talk
    }

    /// Names, time, updates, and what the web servers ask of the worker.
    fn services(&mut self, minute: i64) {
        let number = (minute - VPC_LOG_FROM) / 60;
        for face in [JUMP, WEB, WORKER, SECOND, HEIR] {
            if !self.is_there(face, minute) {
                continue;
            }
            let way_out = self.world.faces[face].way_out;
            if number % 5 == face as i64 {
                self.ask(face, minute, End::new(RESOLVER, 53), UDP, PRIVATE_GATEWAY);
            }
            if number % 17 == 3 && face != WORKER && face != SECOND {
                self.ask(face, minute, End::new(TIME_SERVER, 123), UDP, way_out);
            }
            if number % 2 == 0 && matches!(face, WEB | HEIR) {
                self.ask_worker(face, minute);
            }
        }
        if number % 6 == 1 {
            self.through_nat(if number % 24 == 1 { SECOND } else { WORKER }, minute, End::new(MIRROR, 443));
        }
    }

    /// A web server asks the worker: both interfaces see it.
    fn ask_worker(&mut self, face: usize, minute: i64) {
        let (web, worker) = (self.world.faces[face].private, self.world.faces[WORKER].private);
        let seen = self.ask(face, minute, End::new(worker, 8080), TCP, INSIDE);
        let theirs = End::new(web, seen.own_port);
        self.talk(WORKER, &Talk { theirs, own_port: 8080, is_called: true, inward: seen.outward, outward: seen.inward, ..seen });
    }

    /// A machine without a public address goes out: its own interface has two records of it, the gateway's four.
    fn through_nat(&mut self, face: usize, minute: i64, theirs: End) {
        let seen = self.ask(face, minute, theirs.clone(), TCP, INSIDE);
        let (machine, gateway) = (self.world.faces[face].private, self.world.faces[NAT].private);
        let (way_out, port) = (self.world.faces[NAT].way_out, 1024 + self.random.below(60_000) as u16);
        let (asked, answered) = (SYN | FIN, SYN_ACK | FIN);
        let inner = |address: &str| End::new(address, seen.own_port);
        let at_gate = || End::new(gateway, theirs.port).carrying(&theirs.address).of(theirs.service);
        let records = [
            (inner(machine), at_gate(), seen.outward, asked, true, 0),
            (End::new(gateway, port), theirs.clone(), seen.outward, asked, false, way_out),
            (theirs.clone(), End::new(gateway, port), seen.inward, answered, true, 0),
            (at_gate(), inner(machine), seen.inward, answered, false, INSIDE),
        ];
        for (source, target, (packets, bytes), flags, inward, path) in records {
            let flow = Flow { source, target, protocol: TCP, packets, bytes, accepted: true, flags, inward, path };
            self.push(NAT, seen.at, seen.at + seen.lasts, flow);
        }
    }

    /// Who looks at the web server.
    fn visitors(&mut self, minute: i64) {
        let face = if self.is_there(WEB, minute) { WEB } else { HEIR };
        if !self.is_there(face, minute) {
            return;
        }
        for _ in 0..1 + self.random.below(3) {
            let address = format!("203.0.113.{}", 100 + self.random.below(120));
            self.visit(face, minute, &address);
        }
        if minute % (13 * 60) == 0 {
            let address = format!("2001:db8:ff:{:x}::{:x}", 1 + self.random.below(200), 1 + self.random.below(60_000));
            self.visit(face, minute, &address);
        }
    }

    fn visit(&mut self, face: usize, minute: i64, address: &str) {
        let lasts = 1 + self.random.below(30) as i64;
        let (asked, given) = (4 + self.random.below(12) as u64, 6 + self.random.below(60) as u64);
        let talk = Talk {
            at: self.moment(minute, lasts),
            lasts,
            protocol: TCP,
            own_port: 443,
            theirs: End::new(address, self.ephemeral()),
            is_called: true,
            part: Part::Whole,
            inward: (asked, 240 + 131 * asked),
            outward: (given, 900 + 1290 * given),
            path: self.world.faces[face].way_out,
        };
        self.talk(face, &talk);
    }

    /// Who knocks everywhere.
    fn noise(&mut self, minute: i64) {
        if self.random.below(3) > 0 {
            return;
        }
        let face = [JUMP, WEB, NAT, HEIR][self.random.below(4)];
        if !self.is_there(face, minute) {
            return;
        }
        let who = format!("192.0.2.{}", 130 + self.random.below(60));
        let port = [23, 445, 3389, 5060, 6379, 8080, 0][self.random.below(7)];
        let at = self.moment(minute, 2);
        let (ports, protocol) = if port == 0 { ((0, 0), ICMP) } else { ((self.ephemeral(), port), TCP) };
        let packets = 1 + self.random.below(2) as u64;
        self.refused(face, at, &who, ports, protocol, packets);
    }

    /// One of the minutes of a connection that the jump host has.
    fn session(&mut self, at: i64, part: Part, theirs: End, is_called: bool, own_port: u16, sizes: [(u64, u64); 2]) {
        let end = at / 60 * 60 + 58;
        let [inward, outward] = sizes;
        let path = self.world.faces[JUMP].way_out;
        self.talk(JUMP, &Talk { at, lasts: end - at, protocol: TCP, own_port, theirs, is_called, part, inward, outward, path });
    }

    /// Administrators have always been let in from the office.
    fn office(&mut self) {
        let address = self.world.account().people[0].address.clone();
        for minute in 0..9 {
            let part = [Part::First, Part::Middle, Part::Last][usize::from(minute > 0) + usize::from(minute == 8)];
            let packets = 20 + self.random.below(60) as u64;
            let sizes = [(packets, packets * 71), (packets + 4, packets * 142)];
            self.session(hms(9, 20, 3) + minute * 60, part, End::new(&address, 50_122), true, SSH, sizes);
        }
    }

    /// Many ports of one interface within two minutes.
    fn scan(&mut self) {
        for number in 0..121_u16 {
            let minute = hms(9, 42, 0) + if number < 80 { 0 } else { 60 };
            let at = minute + i64::from(if number < 80 { number * 2 / 3 } else { number - 80 });
            let port = if number == 7 { SSH } else { 20 + number * 67 };
            self.refused(JUMP, at, SCANNER, (61_001, port), TCP, 1);
        }
    }

    /// Is refused, is let in once the door is open, and is refused again.
    fn peer(&mut self) {
        let before = [hms(9, 51, 12), hms(9, 52, 40), hms(9, 58, 5), hms(10, 5, 33), hms(10, 11, 2)];
        let after = [CLOSED + 134, CLOSED + 191, CLOSED + 480, hms(11, 20, 9)];
        for at in before.into_iter().chain(after) {
            let port = self.ephemeral();
            self.refused(JUMP, at, PEER, (port, SSH), TCP, 3);
        }
        self.refused(WEB, hms(10, 6, 1), PEER, (40_217, SSH), TCP, 3);
        self.refused(HEIR, hms(11, 21, 44), PEER, (51_903, SSH), TCP, 3);
        for minute in 0..30 {
            let at = if minute == 0 { FIRST_ACCEPT } else { FIRST_ACCEPT / 60 * 60 + minute * 60 + 1 };
            let part = [Part::First, Part::Middle, Part::Last][usize::from(minute > 0) + usize::from(minute == 29)];
            let packets = 30 + self.random.below(120) as u64;
            let sizes = [(packets, 1000 + packets * 83), (packets + 9, 2000 + packets * 211)];
            self.session(at, part, End::new(PEER, 47_618), true, SSH, sizes);
        }
    }

    /// Takes a lot away.
    fn bulk(&mut self) {
        for minute in 0..14 {
            let part = [Part::First, Part::Middle, Part::Last][usize::from(minute > 0) + usize::from(minute == 13)];
            let packets = 29_000 + self.random.below(14_000) as u64;
            let sizes = [(packets / 2, packets * 26), (packets, packets * 1440)];
            self.session(hms(10, 20, 2) + minute * 60, part, End::new(DROP, 443), false, 51_544, sizes);
        }
    }

    /// Says every minute that it is there.
    fn beacon(&mut self) {
        for at in (BEACON_FROM..UNTIL).step_by(PERIOD as usize) {
            let at = at + self.random.below(LATE) as i64;
            let talk = Talk {
                at,
                lasts: 1,
                protocol: TCP,
                own_port: self.ephemeral(),
                theirs: End::new(CONTROLLER, BEACON_PORT),
                is_called: false,
                part: Part::Whole,
                inward: (5, 412),
                outward: (6, 588),
                path: self.world.faces[JUMP].way_out,
            };
            self.talk(JUMP, &talk);
        }
    }

    /// From the jump host to the workers: it may ask, they do not let it in.
    fn lateral(&mut self) {
        let jump = self.world.faces[JUMP].private;
        for (at, face) in [(hms(10, 34, 10), WORKER), (hms(10, 34, 31), SECOND), (hms(10, 35, 2), WORKER)] {
            let port = self.ephemeral();
            let (source, target) = (End::new(jump, port), End::new(self.world.faces[face].private, SSH));
            let flow =
                Flow { source, target, protocol: TCP, packets: 3, bytes: 132, accepted: true, flags: SYN, inward: false, path: INSIDE };
            self.push(JUMP, at, at + 4, flow);
            self.refused(face, at, jump, (port, SSH), TCP, 3);
        }
    }

    /// The wire's side of an API call.
    fn own_call(&mut self, face: usize, at: i64, service: &'static str) {
        let (minute, theirs) = (at / 60 * 60, End::new(ENDPOINT, 443).of(Some(service)));
        let from = self.rows.len();
        if self.world.faces[face].public.is_some() {
            self.ask(face, minute, theirs, TCP, self.world.faces[face].way_out);
        } else {
            self.through_nat(face, minute, theirs);
        }
        // The call lies within.
        for row in &mut self.rows[from..] {
            (row.start, row.end) = ((at - 2).max(minute), (at + 3).min(minute + 59));
        }
    }
}
