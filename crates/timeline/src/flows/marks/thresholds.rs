//! What a mark takes. docs/guide/responders.md has the same numbers, in words.

/// Marks of one kind in an answer.
pub(in super::super) const MOST_OF_A_KIND: usize = 1_000;

/// A scan: so many ports of one address within a minute of the clock.
pub(super) const SCAN_PORTS: u64 = 20;
/// A scan: so many addresses within a minute.
pub(super) const SCAN_HOSTS: u64 = 10;
/// An attempt that was let through has no more packets than this (a SYN that is repeated, or reset) ...
pub(super) const ATTEMPT_PACKETS: u64 = 3;
/// ... of no more bytes each: nothing was said but that somebody would like to speak.
pub(super) const ATTEMPT_PACKET_BYTES: u64 = 80;

/// A beacon: so many calls at least.
pub(super) const BEACON_CALLS: usize = 20;
/// What starts within so many seconds of a call belongs to it: a program that opens several connections at once.
pub(super) const BEACON_BURST: u32 = 5;
/// A record of the same connection that starts so few seconds after the one before ended goes on with it: flow logs cut what is open at every
/// aggregation interval, which makes it as regular as a clock.
pub(super) const BEACON_GOES_ON: u32 = 15;
/// The middle of the gaps between calls: not less, in seconds.
pub(super) const BEACON_SHORTEST: u32 = 10;
/// A gap is as the others where it is off by no more than this part of the middle one ...
pub(super) const BEACON_TOLERANCE_PART: u32 = 5;
/// ... and no more than so many seconds: by so much may a record's time be off.
pub(super) const BEACON_TOLERANCE_MOST: u32 = 60;
/// So many of a hundred gaps are as the others.
pub(super) const BEACON_REGULAR_PERCENT: u64 = 80;
/// A call is as large as the others where its bytes are off by no more than this part of the middle one.
pub(super) const BEACON_SIZE_PART: u32 = 10;
/// So many of a hundred calls are as large as the others: most of the time a beacon has nothing to say.
pub(super) const BEACON_ALIKE_PERCENT: u64 = 50;

/// Bulk egress: bytes to one external peer within an hour of the clock.
pub(super) const BULK_BYTES: u64 = 100_000_000;
/// The same where the interface has no other hour in evidence to compare with.
pub(super) const BULK_BYTES_WITHOUT_PAST: u64 = 1_000_000_000;
/// So many times what the interface sent to all external peers in its busiest hour before.
pub(super) const BULK_TIMES: u64 = 5;
/// Hours before a transfer that count as its past.
pub(super) const BULK_PAST_HOURS: i64 = 24;
/// Of the hours next to the busiest one those belong to the transfer in which this part of it was sent.
pub(super) const BULK_RAMP_PART: u64 = 10;
/// Where fewer hours of the window lie before a transfer the evidence before the window is read.
pub(super) const BULK_FEW_HOURS: usize = 3;
