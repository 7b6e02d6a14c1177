//! State as somebody read it: what `describe-network-interfaces`, `describe-instances`, `describe-addresses`, `describe-route-tables` and
//! `describe-network-acls` print, to typed Arrow batches.
//!
//! The decoder is pure: bytes in, batches out; no path, clock, async or log. It gives the same rows however the bytes are cut. A member of a list that
//! cannot be read is data (a row of `rejects`), not an error. Decisions that need saying:
//!
//! - **When.** No listing says when it was read. What it says holds from the time that it states of an attachment or a launch; where it states none,
//!   from a time that nobody knows.
//! - **A record** is an interface, an instance, an address, a route table or a network ACL. Reservations are opened: their instances are the records.
//! - **Other lists** of the same document are named in a remark.

mod cut;
mod item;
mod output;
mod rows;

use std::sync::Arc;

use arrow_array::RecordBatch;
use backtrail_model::decoded::{Ending, Summary};
use backtrail_model::evidence::MORE_PAGES_FOLLOW;
use backtrail_model::tables::Table;

use cut::{Cutter, Member, Met};
use item::{LISTS, List, Reservation};
use output::{Output, Place};

/// The decoder's name in the ledger.
pub const NAME: &str = "config";
/// Raised when the same bytes are read differently.
pub const VERSION: i32 = 2;

/// Decodes pieces of evidence, one after the other. Small pieces share batches.
#[derive(Debug)]
pub struct Decoder {
    cutter: Cutter,
    out: Output,
    /// Where the next byte stands in the evidence.
    offset: u64,
    /// The list that most records came from, and how many.
    lists: Vec<(List, u64)>,
}

impl Decoder {
    /// A decoder, given the present in microseconds: what is later than a day from then has no usable time.
    #[must_use]
    pub fn new(now: i64) -> Self {
        Self { cutter: Cutter::default(), out: Output::new(now), offset: 0, lists: Vec::new() }
    }

    /// Goes on with another piece of evidence. Rows of pieces before it that were not handed on yet stay.
    pub fn begin(&mut self, evidence_id: Arc<str>) {
        (self.cutter, self.offset) = (Cutter::default(), 0);
        self.lists.clear();
        self.out.begin(evidence_id);
    }

    /// Takes the next bytes of the evidence, uncompressed. Any cutting gives the same rows. Hands `sink` the batches that are full.
    ///
    /// # Errors
    ///
    /// Those of `sink`; decoding itself has none.
    pub fn push<E>(&mut self, bytes: &[u8], sink: &mut dyn FnMut(Table, RecordBatch) -> Result<(), E>) -> Result<(), E> {
        let (out, lists) = (&mut self.out, &mut self.lists);
        self.cutter.push(bytes, self.offset, &LISTS, &mut |met| match met {
            Met::Member(member) => take(&member, lists, out),
            Met::OtherList(name) => out.remarks.add(&format!("the list {name} is not read yet")),
            Met::MorePages => out.remarks.add(MORE_PAGES_FOLLOW),
        });
        self.offset += bytes.len() as u64;
        self.hand_on(sink)
    }

    fn hand_on<E>(&mut self, sink: &mut dyn FnMut(Table, RecordBatch) -> Result<(), E>) -> Result<(), E> {
        for (table, batch) in self.out.ready.drain(..) {
            sink(table, batch)?;
        }
        Ok(())
    }

    /// The evidence ends: says what was found. Its last rows may wait for [`Decoder::flush`].
    ///
    /// # Errors
    ///
    /// Those of `sink`.
    pub fn end<E>(&mut self, ending: Ending, sink: &mut dyn FnMut(Table, RecordBatch) -> Result<(), E>) -> Result<Summary, E> {
        self.hand_on(sink)?;
        let broken_off = self.cutter.open_at_end().filter(|_| ending == Ending::Complete).map(|what| format!("the document ends {what}"));
        let shape = self.lists.iter().max_by_key(|(_, count)| *count).map_or("listing", |(list, _)| list.source());
        Ok(Summary {
            counts: self.out.counts,
            first_event_time: self.out.first,
            last_event_time: self.out.last,
            shape: shape.to_owned(),
            remarks: std::mem::take(&mut self.out.remarks).into_texts(),
            broken_off,
            foreign: None,
            refused: None,
        })
    }

    /// Hands on all rows.
    ///
    /// # Errors
    ///
    /// Those of `sink`.
    pub fn flush<E>(&mut self, sink: &mut dyn FnMut(Table, RecordBatch) -> Result<(), E>) -> Result<(), E> {
        self.out.flush();
        self.hand_on(sink)
    }

    /// Rows made of the current piece, accepted records and rejects: counted where rows are filled, to hold the summary to.
    #[must_use]
    pub fn given(&self) -> (i64, i64) {
        self.out.given()
    }

    /// Whether every row not handed on yet is whole; not so if a panic cut the filling of one short.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.out.is_sound()
    }
}

/// Takes in a member of a list.
fn take(member: &Member<'_>, lists: &mut Vec<(List, u64)>, out: &mut Output) {
    let place = Place { offset: member.offset, bytes: member.bytes, length: member.length };
    let Some(list) = List::named(member.list) else { return };
    if member.length > member.bytes.len() as u64 {
        return out.reject(place, "longer than any resource's state");
    }
    let Ok(text) = std::str::from_utf8(member.bytes) else { return out.reject(place, "not UTF-8") };
    let before = out.counts.kept;
    if list == List::Reservations {
        open(text, place, out);
    } else {
        keep(list, text, place, None, out);
    }
    let count = u64::try_from(out.counts.kept - before).unwrap_or_default();
    match lists.iter_mut().find(|(known, _)| *known == list) {
        Some((_, all)) => *all += count,
        None => lists.push((list, count)),
    }
}

/// Takes in the instances of a reservation.
fn open(text: &str, place: Place<'_>, out: &mut Output) {
    let reservation: Reservation<'_> = match serde_json::from_str(text) {
        Ok(reservation) => reservation,
        Err(error) => return out.reject(place, &error.to_string()),
    };
    if reservation.instances.is_empty() {
        out.other("reservations without instances");
    }
    for instance in reservation.instances {
        let raw = instance.get();
        // A part of the text it was read from.
        let at = (raw.as_ptr() as usize).saturating_sub(text.as_ptr() as usize) as u64;
        let place = Place { offset: place.offset + at, bytes: raw.as_bytes(), length: raw.len() as u64 };
        keep(List::Reservations, raw, place, reservation.owner_id.as_deref(), out);
    }
}

fn keep(list: List, raw: &str, place: Place<'_>, owner: Option<&str>, out: &mut Output) {
    match item::read(list, raw, owner) {
        Ok(item) => out.item(list.source(), &item, raw),
        Err(why) => out.reject(place, &why),
    }
}
