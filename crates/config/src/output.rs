//! What a piece of evidence gives: rows, rejects, counts, remarks.

use std::sync::Arc;

use arrow_array::RecordBatch;
use backtrail_model::decoded::{REJECT_BYTES, Remarks};
use backtrail_model::evidence::{Counts, RawForm};
use backtrail_model::interfaces::Observation;
use backtrail_model::tables::{Table, UNKNOWN_DATE};
use backtrail_model::time::{EARLIEST, MICROS_PER_DAY, format_date};

use crate::NAME;
use crate::item::Item;
use crate::rows::{Cell, Rows};

/// Where something stands in the evidence, and its bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) offset: u64,
    pub(crate) bytes: &'a [u8],
    /// Of all of it, where only its beginning is at hand.
    pub(crate) length: u64,
}

#[derive(Debug)]
pub(crate) struct Output {
    evidence_id: Arc<str>,
    /// Times beyond are not usable.
    latest: i64,
    items: Rows,
    interfaces: Rows,
    rejects: Rows,
    pub(crate) counts: Counts,
    pub(crate) first: Option<i64>,
    pub(crate) last: Option<i64>,
    pub(crate) remarks: Remarks,
    given: (i64, i64),
    pub(crate) ready: Vec<(Table, RecordBatch)>,
}

impl Output {
    pub(crate) fn new(now: i64) -> Self {
        Self {
            evidence_id: Arc::default(),
            latest: now.saturating_add(MICROS_PER_DAY),
            items: Rows::new(Table::ConfigItems),
            interfaces: Rows::new(Table::Interfaces),
            rejects: Rows::new(Table::Rejects),
            counts: Counts::default(),
            first: None,
            last: None,
            remarks: Remarks::default(),
            given: (0, 0),
            ready: Vec::new(),
        }
    }

    pub(crate) fn begin(&mut self, evidence_id: Arc<str>) {
        self.evidence_id = evidence_id;
        self.counts = Counts::default();
        (self.first, self.last, self.given) = (None, None, (0, 0));
        self.remarks = Remarks::default();
    }

    /// Takes in a resource's state.
    pub(crate) fn item(&mut self, source: &str, item: &Item, raw: &str) {
        let latest = self.latest;
        let usable = |time: Option<i64>| time.filter(|time| (EARLIEST..=latest).contains(time));
        let time = usable(item.since);
        if let Some(time) = time {
            self.first = Some(self.first.map_or(time, |first| first.min(time)));
            self.last = Some(self.last.map_or(time, |last| last.max(time)));
        }
        let date = time.map_or_else(|| UNKNOWN_DATE.to_owned(), format_date);
        let (sha, key) = (sha256(raw.as_bytes()), key(&item.stated));
        let (evidence, index) = (Arc::clone(&self.evidence_id), self.counts.read);
        let text = |text| Cell::Text(Some(text));
        let cells = [
            Cell::Time(time),
            text(item.resource_type),
            text(&item.resource_id),
            Cell::Text(item.account_id.as_deref()),
            text(source),
            text(raw),
            text(RawForm::Exact.as_str()),
            text(&sha),
            Cell::Binary(&key),
            Cell::Int(0),
            Cell::Bool(Some(false)),
            text(&evidence),
            Cell::Long(index),
            text(&date),
        ];
        self.items.push(&cells, raw.len());
        for observation in &item.observations {
            self.observation(source, observation, usable(observation.since), (&evidence, index));
        }
        (self.counts.read, self.counts.kept, self.given.0) = (self.counts.read + 1, self.counts.kept + 1, self.given.0 + 1);
        if self.items.is_full() || self.interfaces.is_full() {
            self.ready.extend(self.items.take());
            self.ready.extend(self.interfaces.take());
        }
    }

    fn observation(&mut self, source: &str, told: &Observation, time: Option<i64>, (evidence, index): (&str, i64)) {
        let groups = told.groups.as_ref().and_then(|groups| serde_json::to_string(groups).ok());
        let date = time.map_or_else(|| UNKNOWN_DATE.to_owned(), format_date);
        let key = key(&told.stated());
        let text = |text: &'_ Option<String>| text.as_deref().map(str::to_owned);
        let texts = [
            &told.interface_id,
            &told.private_ip_address,
            &told.ipv6_address,
            &told.public_ip,
            &told.instance_id,
            &told.resource_id,
            &told.interface_type,
            &told.description,
            &groups,
            &told.vpc_id,
            &told.subnet_id,
            &told.attachment_id,
            &told.allocation_id,
            &told.association_id,
        ]
        .map(text);
        let mut cells = vec![
            Cell::Time(time),
            Cell::Text(Some(NAME)),
            Cell::Text(Some(source)),
            Cell::Text(None),
            Cell::Text(Some(told.says.as_str())),
        ];
        cells.extend(texts.iter().map(|text| Cell::Text(text.as_deref())));
        cells.extend([
            Cell::Bool(told.delete_on_termination),
            Cell::Text(told.owner_id.as_deref()),
            Cell::Text(None),
            Cell::Binary(&key),
            Cell::Text(Some(evidence)),
            Cell::Long(index),
            Cell::Text(Some(&date)),
        ]);
        self.interfaces.push(&cells, 256);
    }

    /// What is no record, and told so by what delivered it.
    pub(crate) fn other(&mut self, what: &str) {
        self.counts.read += 1;
        self.counts.other += 1;
        self.remarks.add(what);
    }

    /// A record that cannot be taken in.
    pub(crate) fn reject(&mut self, place: Place<'_>, reason: &str) {
        let signed = |number: u64| Cell::Long(i64::try_from(number).unwrap_or(i64::MAX));
        let (sha, evidence) = (sha256(place.bytes), Arc::clone(&self.evidence_id));
        let cells = [
            Cell::Text(Some(&evidence)),
            Cell::Long(self.counts.read),
            signed(place.offset),
            signed(place.length),
            Cell::Text(Some(&sha)),
            Cell::Text(Some(reason)),
            Cell::Binary(&place.bytes[..place.bytes.len().min(REJECT_BYTES)]),
        ];
        self.rejects.push(&cells, place.bytes.len());
        (self.counts.read, self.counts.rejected, self.given.1) = (self.counts.read + 1, self.counts.rejected + 1, self.given.1 + 1);
        if self.rejects.is_full() {
            self.ready.extend(self.rejects.take());
        }
    }

    pub(crate) fn flush(&mut self) {
        let all = [&mut self.items, &mut self.interfaces, &mut self.rejects];
        self.ready.extend(all.into_iter().filter_map(Rows::take));
    }

    pub(crate) fn given(&self) -> (i64, i64) {
        self.given
    }

    pub(crate) fn is_sound(&self) -> bool {
        [&self.items, &self.interfaces, &self.rejects].into_iter().all(Rows::is_sound)
    }
}

fn digest(bytes: &[u8]) -> ring::digest::Digest {
    ring::digest::digest(&ring::digest::SHA256, bytes)
}

fn sha256(bytes: &[u8]) -> String {
    const_hex::encode(digest(bytes))
}

/// A name for what has none: the hash of what it says.
fn key(stated: &str) -> [u8; 16] {
    let mut key = [0; 16];
    key.copy_from_slice(&digest(stated.as_bytes()).as_ref()[..16]);
    key
}
