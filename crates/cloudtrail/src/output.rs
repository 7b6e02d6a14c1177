//! What the decoder gives: rows, rejects, and the accounting of every record met.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::RecordBatch;
use backtrail_model::evidence::{Counts, RawForm, Route};
use backtrail_model::outcome::Facts;
use backtrail_model::tables::{Table, UNKNOWN_DATE};
use backtrail_model::time;

use crate::derive::Derived;
use crate::fields::{CLOUDTRAIL_FIELDS, F, FIELDS, Fields, W};
use crate::foreign::ForeignItems;
use crate::identity;
use crate::rows::{Cell, Col, Rows};
use crate::walk::{Kind, Span};
use backtrail_model::decoded::{REJECT_BYTES, Remarks};

/// Where a record stands in the evidence: its own bytes, or those of the carrier that holds it as a string.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) offset: u64,
    pub(crate) bytes: &'a [u8],
}

/// A record that could not be taken in.
#[derive(Debug, Clone)]
pub(crate) struct Reject {
    pub(crate) index: i64,
    pub(crate) offset: u64,
    pub(crate) length: u64,
    pub(crate) sha256: [u8; 32],
    pub(crate) reason: String,
    pub(crate) head: Vec<u8>,
}

/// Rows in the making, and the counts.
#[derive(Debug)]
pub(crate) struct Output {
    evidence_id: Arc<str>,
    latest: i64,
    cloudtrail: Rows,
    origins: Rows,
    rejects: Rows,
    insights: Option<Rows>,
    aggregated: Option<Rows>,
    derived: Derived,
    pub(crate) ready: Vec<(Table, RecordBatch)>,
    pub(crate) counts: Counts,
    pub(crate) first: Option<i64>,
    pub(crate) last: Option<i64>,
    pub(crate) remarks: Remarks,
    pub(crate) foreign: ForeignItems,
    /// Records by route, in order of first sight.
    pub(crate) routes: Vec<(Route, u64)>,
    date: DateText,
    scratch: Vec<u8>,
    /// Rows accepted and rejected by pieces before this one.
    before: (i64, i64),
}

/// The partition value, kept while the day does not change.
#[derive(Debug)]
pub(crate) struct DateText {
    day: i64,
    text: String,
}

impl Default for DateText {
    fn default() -> Self {
        Self { day: i64::MIN, text: String::new() }
    }
}

impl DateText {
    pub(crate) fn of(&mut self, time: Option<i64>) -> &str {
        let Some(micros) = time else { return UNKNOWN_DATE };
        let day = micros.div_euclid(time::MICROS_PER_DAY);
        if day != self.day {
            self.day = day;
            self.text = time::format_date(micros);
        }
        &self.text
    }
}

impl Output {
    pub(crate) fn new(evidence_id: Arc<str>, now: i64) -> Self {
        Self {
            evidence_id,
            latest: now.saturating_add(time::MICROS_PER_DAY),
            cloudtrail: Rows::new(Table::Cloudtrail),
            origins: Rows::new(Table::EventOrigins),
            rejects: Rows::new(Table::Rejects),
            insights: None,
            aggregated: None,
            derived: Derived::default(),
            ready: Vec::new(),
            counts: Counts::default(),
            first: None,
            last: None,
            remarks: Remarks::default(),
            foreign: ForeignItems::default(),
            routes: Vec::new(),
            date: DateText::default(),
            scratch: Vec::new(),
            before: (0, 0),
        }
    }

    /// The next piece of evidence: rows in the making stay, everything said of the last piece is forgotten.
    pub(crate) fn begin(&mut self, evidence_id: Arc<str>, now: i64) {
        self.evidence_id = evidence_id;
        self.latest = now.saturating_add(time::MICROS_PER_DAY);
        self.counts = Counts::default();
        (self.first, self.last) = (None, None);
        self.remarks = Remarks::default();
        self.foreign = ForeignItems::default();
        self.routes.clear();
        self.before = self.totals();
    }

    fn totals(&self) -> (i64, i64) {
        let accepted = [Some(&self.cloudtrail), self.insights.as_ref(), self.aggregated.as_ref()];
        (accepted.into_iter().flatten().map(|r| r.total).sum(), self.rejects.total)
    }

    /// Rows of this piece: accepted records and rejects, counted where they are filled.
    pub(crate) fn given(&self) -> (i64, i64) {
        let (accepted, rejected) = self.totals();
        (accepted - self.before.0, rejected - self.before.1)
    }

    /// Whether all rows are whole.
    pub(crate) fn is_sound(&self) -> bool {
        let rare = [self.insights.as_ref(), self.aggregated.as_ref()];
        let all = [Some(&self.cloudtrail), Some(&self.origins), Some(&self.rejects)].into_iter().chain(rare);
        all.flatten().chain(self.derived.all()).all(Rows::is_sound)
    }

    /// The number of the next record.
    fn next_index(&mut self) -> i64 {
        let index = self.counts.read;
        self.counts.read += 1;
        index
    }

    /// Takes in a record whose fields were found at `span` of `bytes`. Not UTF-8: it is rejected.
    pub(crate) fn accept(&mut self, bytes: &[u8], span: Span, fields: &Fields, form: RawForm, route: Route, place: Place<'_>) {
        let slice = &bytes[span.inner()];
        let raw = match simdutf8::basic::from_utf8(slice) {
            Ok(raw) => raw,
            Err(_) => {
                let at = simdutf8::compat::from_utf8(slice).err().map_or(0, |e| e.valid_up_to());
                return self.reject(place, format!("not UTF-8 at byte {at} of the record"));
            }
        };
        // A table written column by column, or values with their types around them.
        if [F::EventName, F::EventSource].iter().all(|name| matches!(fields.get(*name).kind, Kind::Object | Kind::Array)) {
            return self.reject(
                place,
                "not a CloudTrail record: its eventName and eventSource hold several values; export the events row by row".to_owned(),
            );
        }
        self.settle_foreign();
        let index = self.next_index();
        self.counts.kept += 1;
        match self.routes.iter_mut().find(|(r, _)| *r == route) {
            Some((_, count)) => *count += 1,
            None => self.routes.push((route, 1)),
        }
        let record = Record { raw, start: span.start as usize, fields, form, route, index };
        if fields.is_insight() {
            self.insight(&record);
        } else if fields.is_aggregated(bytes) {
            self.aggregate(&record);
        } else {
            self.event(&record);
        }
    }

    fn event(&mut self, record: &Record<'_>) {
        let time = self.event_time(record);
        let date = self.date.of(time);
        let rows = &mut self.cloudtrail;
        let base = fill_event(rows, record, time, &mut self.scratch);
        let event_id = record.text(F::EventId);
        let identity = Identity::of(record, event_id.as_deref());
        let raw = Cell::Standing(record.raw, base);
        rows.end_row(CLOUDTRAIL_FIELDS + 1, &identity.provenance(raw, record, &self.evidence_id, date));
        rows.bytes += record.raw.len();
        self.origins.end_row(0, &identity.origin(record, event_id.as_deref(), time, &self.evidence_id, date));
        let at = (time, &*self.evidence_id, date);
        self.derived.add_pivotal(record, &identity, at);
        if !self.derived.add(record, &identity, at) {
            self.remarks.add("records that name more than 10,000 resources: the first 10,000 of each are in event_arns");
        }
        self.seen(time);
        if self.cloudtrail.is_full() || self.origins.is_full() {
            self.ready.extend(self.cloudtrail.take());
            self.ready.extend(self.origins.take());
        }
        self.flush_full();
    }

    fn insight(&mut self, record: &Record<'_>) {
        use F::*;
        const TEXTS: [F; 13] = [
            EventId,
            AwsRegion,
            RecipientAccountId,
            EventType,
            EventCategory,
            EventVersion,
            SharedEventId,
            InsightState,
            InsightEventSource,
            InsightEventName,
            InsightType,
            InsightErrorCode,
            InsightContext,
        ];
        let time = self.event_time(record);
        let rows = self.insights.get_or_insert_with(|| Rows::new(Table::CloudtrailInsights));
        fill(rows, &[time], &TEXTS, record);
        let event_id = record.text(EventId);
        let identity = Identity::of(record, event_id.as_deref());
        let date = self.date.of(time);
        rows.end_row(1 + TEXTS.len(), &identity.provenance(Cell::Text(record.raw), record, &self.evidence_id, date));
        rows.bytes += record.raw.len();
        self.origins.end_row(0, &identity.origin(record, event_id.as_deref(), time, &self.evidence_id, date));
        self.seen(time);
        self.flush_full();
    }

    fn aggregate(&mut self, record: &Record<'_>) {
        use F::*;
        const TEXTS: [F; 10] = [
            WindowSize,
            AggregatedId,
            AccountId,
            AwsRegion,
            EventSource,
            EventType,
            EventCategory,
            EventVersion,
            PrimaryDimension,
            Summary,
        ];
        let time = self.in_bounds(record.time(WindowStart));
        let end = self.in_bounds(record.time(WindowEnd));
        let rows = self.aggregated.get_or_insert_with(|| Rows::new(Table::CloudtrailAggregated));
        fill(rows, &[time, end], &TEXTS, record);
        let event_id = record.text(AggregatedId);
        let identity = Identity::of(record, event_id.as_deref());
        let date = self.date.of(time);
        rows.end_row(2 + TEXTS.len(), &identity.provenance(Cell::Text(record.raw), record, &self.evidence_id, date));
        rows.bytes += record.raw.len();
        self.origins.end_row(0, &identity.origin(record, event_id.as_deref(), time, &self.evidence_id, date));
        self.seen(time);
        self.flush_full();
    }

    /// eventTime; where a pipeline dropped it and left only its own `@timestamp`, that, said in a remark.
    fn event_time(&mut self, record: &Record<'_>) -> Option<i64> {
        let own = record.fields.get(F::EventTime);
        if own.is_present() {
            return self.in_bounds(record.time(F::EventTime));
        }
        let substitute = record.fields.wrapper(W::AtTimestamp);
        let time = if substitute.is_text() { self.in_bounds(record.slice(substitute).and_then(time::parse_recorded)) } else { None };
        if time.is_some() {
            self.remarks.add("records without eventTime: event_time is the @timestamp of the pipeline that wrapped them");
        } else {
            self.remarks.add("records without a usable time: kept in partition unknown");
        }
        time
    }

    fn in_bounds(&self, time: Option<i64>) -> Option<i64> {
        time.filter(|t| (time::EARLIEST..=self.latest).contains(t))
    }

    fn seen(&mut self, time: Option<i64>) {
        if let Some(t) = time {
            self.first = Some(self.first.map_or(t, |f| f.min(t)));
            self.last = Some(self.last.map_or(t, |l| l.max(t)));
        }
    }

    /// Something that was presented as a record and is none.
    pub(crate) fn other(&mut self, what: &str) {
        self.next_index();
        self.counts.other += 1;
        self.remarks.add(what);
    }

    /// A record that cannot be taken in, all of which is at hand.
    pub(crate) fn reject(&mut self, place: Place<'_>, reason: String) {
        let reject = self.make_reject(place, reason);
        self.push_reject(reject);
    }

    pub(crate) fn make_reject(&self, place: Place<'_>, reason: String) -> Reject {
        Reject {
            index: 0,
            offset: place.offset,
            length: place.bytes.len() as u64,
            sha256: crate::identity::sha256(place.bytes),
            reason,
            head: place.bytes[..place.bytes.len().min(REJECT_BYTES)].to_vec(),
        }
    }

    /// A record that cannot be taken in; it gets the next number.
    pub(crate) fn push_reject(&mut self, reject: Reject) {
        self.put_aside(None, reject);
    }

    /// An item of a known other kind. Whether that makes it a reject depends on whether the evidence holds CloudTrail at all.
    pub(crate) fn foreign_item(&mut self, place: Place<'_>, kind: &'static str) {
        let reject = self.make_reject(place, format!("not a CloudTrail record: {kind}"));
        self.put_aside(Some(kind), reject);
    }

    /// Until the first CloudTrail record is met, rejects wait: evidence of another kind is left alone as a whole.
    fn put_aside(&mut self, kind: Option<&'static str>, mut reject: Reject) {
        reject.index = self.next_index();
        if self.counts.kept == 0 {
            self.foreign.add(kind, reject);
            if !self.foreign.is_full_of_rejects() {
                return;
            }
            self.settle_foreign();
        } else {
            self.counts.rejected += 1;
            self.write_reject(&reject);
        }
    }

    /// Not another kind of evidence: what was put aside is rejected.
    pub(crate) fn settle_foreign(&mut self) {
        if self.foreign.is_empty() {
            return;
        }
        let (rejects, beyond) = self.foreign.take();
        for reject in rejects {
            self.counts.rejected += 1;
            self.write_reject(&reject);
        }
        if beyond > 0 {
            self.counts.other += beyond;
            self.remarks.add("items of other kinds than CloudTrail, more than are kept as rejects");
        }
    }

    fn write_reject(&mut self, reject: &Reject) {
        self.rejects.end_row(
            0,
            &[
                Cell::Text(&self.evidence_id),
                Cell::Long(reject.index),
                Cell::Long(long(reject.offset)),
                Cell::Long(long(reject.length)),
                Cell::Text(&const_hex::encode(reject.sha256)),
                Cell::Text(&reject.reason),
                Cell::Binary(&reject.head),
            ],
        );
        self.rejects.bytes += reject.head.len() + 256;
        self.flush_full();
    }

    /// The rows of all tables but that of events.
    fn beside(&mut self) -> impl Iterator<Item = &mut Rows> {
        let rare = [self.insights.as_mut(), self.aggregated.as_mut()];
        [Some(&mut self.origins), Some(&mut self.rejects)].into_iter().chain(rare).flatten().chain(self.derived.all_mut())
    }

    /// Hands on what has grown large.
    fn flush_full(&mut self) {
        // Asked after each record, and hardly ever so.
        if self.beside().any(|rows| rows.is_full()) {
            let full: Vec<_> = self.beside().filter(|rows| rows.is_full()).filter_map(Rows::take).collect();
            self.ready.extend(full);
        }
    }

    /// Hands on everything.
    pub(crate) fn flush(&mut self) {
        self.ready.extend(self.cloudtrail.take());
        let rest: Vec<_> = self.beside().filter_map(Rows::take).collect();
        self.ready.extend(rest);
    }
}

/// The columns of an event that its record fills, from the first on. Returns where the record stands in the block of the rows.
pub(crate) fn fill_event(rows: &mut Rows, record: &Record<'_>, time: Option<i64>, scratch: &mut Vec<u8>) -> usize {
    // The record is copied once; its JSON columns are views into that copy.
    let base = rows.block.len();
    rows.block.extend_from_slice(record.raw.as_bytes());
    let spans = record.fields.spans();
    for ((col, span), field) in rows.cols.iter_mut().zip(spans).zip(FIELDS).take(CLOUDTRAIL_FIELDS) {
        match col {
            Col::Text(builder) => match span.kind {
                Kind::Text if span.start == span.end && *field == F::UserIdentityAccessKeyId => builder.append_null(),
                Kind::Text | Kind::Number | Kind::True | Kind::False => builder.append_option(record.slice(*span)),
                Kind::EscapedText => builder.append_value(record.unescaped(*span, scratch)),
                Kind::Absent | Kind::Null | Kind::Object | Kind::Array => builder.append_null(),
            },
            Col::View(views) => match record.json_of(*field) {
                Some(text) => views.append_standing(text, base + span.json().start - record.start),
                None => views.append_null(),
            },
            Col::Bool(builder) => builder.append_option(record.boolean(*span)),
            Col::Time(builder) if *field == F::EventTime => builder.append_option(time),
            Col::Time(builder) => builder.append_option(record.slice(*span).and_then(time::parse_instant)),
            Col::Int(_) | Col::Long(_) | Col::Binary(_) => debug_assert!(false, "{field:?} has no such type"),
        }
    }
    rows.cols[CLOUDTRAIL_FIELDS].text(record.unknown_fields(scratch), &mut rows.block);
    base
}

/// A column for each time, then one for each field.
pub(crate) fn fill(rows: &mut Rows, times: &[Option<i64>], texts: &[F], record: &Record<'_>) {
    let (mut cols, block) = (rows.cols.iter_mut(), &mut rows.block);
    for time in times {
        // The window's size stands between the aggregated table's times and its other columns, as text.
        if let Some(Col::Time(builder)) = cols.next() {
            builder.append_option(*time);
        }
    }
    for (col, field) in cols.zip(texts) {
        match col {
            Col::View(views) => {
                views.append_option(record.json_of(*field), block);
            }
            col => col.text(record.text(*field).as_deref(), block),
        }
    }
}

pub(crate) fn long(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// One record with its fields; spans count from the start of the window, `raw` starts at `start` of it.
pub(crate) struct Record<'a> {
    pub(crate) raw: &'a str,
    start: usize,
    pub(crate) fields: &'a Fields,
    form: RawForm,
    pub(crate) route: Route,
    pub(crate) index: i64,
}

impl<'a> Record<'a> {
    /// A record that stands alone, as the store keeps it.
    pub(crate) fn kept(raw: &'a str, fields: &'a Fields, index: i64, form: RawForm) -> Self {
        Self { raw, start: 0, fields, form, route: Route::Record, index }
    }

    #[inline(always)]
    fn slice(&self, span: Span) -> Option<&'a str> {
        self.raw.get((span.start as usize).wrapping_sub(self.start)..(span.end as usize).wrapping_sub(self.start))
    }

    /// A field as JSON; `None` where it is absent.
    pub(crate) fn json_of(&self, field: F) -> Option<&'a str> {
        let span = self.fields.get(field);
        if span.is_present() { self.json(span) } else { None }
    }

    /// The value as JSON.
    #[inline]
    pub(crate) fn json(&self, span: Span) -> Option<&'a str> {
        let range = span.json();
        self.raw.get(range.start - self.start..range.end - self.start)
    }

    /// Asks what tells the kind of its call and what became of it. Of a table without errorCodes it is told as if there was no error: what a call
    /// issued or changed tells that it was carried out.
    pub(crate) fn ask_facts<T>(&self, ask: impl FnOnce(&Facts<'_>) -> T) -> T {
        let text = |field| self.text(field);
        let json = |field| self.json_of(field);
        let (source, name, event_type) = (text(F::EventSource), text(F::EventName), text(F::EventType));
        let (error_code, error_message) = (text(F::ErrorCode), text(F::ErrorMessage));
        ask(&Facts {
            event_source: source.as_deref(),
            event_name: name.as_deref(),
            event_type: event_type.as_deref(),
            error_code: error_code.as_deref(),
            error_message: error_message.as_deref(),
            read_only: self.boolean(self.fields.get(F::ReadOnly)),
            request_parameters: json(F::RequestParameters),
            response_elements: json(F::ResponseElements),
            additional_event_data: json(F::AdditionalEventData),
            service_event_details: json(F::ServiceEventDetails),
            lacks_error_code: false,
        })
    }

    fn unescaped<'s>(&self, span: Span, scratch: &'s mut Vec<u8>) -> &'s str {
        scratch.clear();
        crate::text::unescape_into(self.slice(span).unwrap_or_default().as_bytes(), scratch);
        // Valid text with its escapes resolved is valid text.
        std::str::from_utf8(scratch).unwrap_or_default()
    }

    /// A text field, or a scalar as text.
    pub(crate) fn text(&self, field: F) -> Option<Cow<'a, str>> {
        let span = self.fields.get(field);
        match span.kind {
            Kind::Text | Kind::Number | Kind::True | Kind::False => self.slice(span).map(Cow::Borrowed),
            Kind::EscapedText => Some(self.unescaped(span, &mut Vec::new()).to_owned().into()),
            Kind::Absent | Kind::Null | Kind::Object | Kind::Array => None,
        }
    }

    pub(crate) fn time(&self, field: F) -> Option<i64> {
        self.text(field).and_then(|t| time::parse_recorded(&t))
    }

    #[inline]
    pub(crate) fn boolean(&self, span: Span) -> Option<bool> {
        match span.kind {
            Kind::True => Some(true),
            Kind::False => Some(false),
            Kind::Text => match self.slice(span)? {
                "true" | "True" | "TRUE" => Some(true),
                "false" | "False" | "FALSE" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// The names of fields without a column, as a JSON array.
    fn unknown_fields<'s>(&self, scratch: &'s mut Vec<u8>) -> Option<&'s str> {
        if self.fields.unknown.is_empty() && self.fields.not_asked.is_empty() {
            return None;
        }
        scratch.clear();
        scratch.push(b'[');
        let names = self.fields.unknown.iter().map(|key| Cow::Borrowed(self.json(*key).unwrap_or("null")));
        for (i, name) in names.chain(self.fields.not_asked.iter().map(|field| Cow::Owned(format!("\"{field}\"")))).enumerate() {
            if i > 0 {
                scratch.push(b',');
            }
            scratch.extend_from_slice(name.as_bytes());
        }
        scratch.push(b']');
        std::str::from_utf8(scratch).ok()
    }
}

/// What names a copy of an event.
pub(crate) struct Identity {
    pub(crate) hash: const_hex::Buffer<32>,
    pub(crate) key: [u8; 16],
    pub(crate) rank: i32,
    /// Known to the store alone.
    conflict: bool,
}

impl Identity {
    fn of(record: &Record<'_>, event_id: Option<&str>) -> Self {
        let digest = identity::sha256(record.raw.as_bytes());
        Self::kept(&digest, identity::dedupe_key(event_id, record.raw), record.route.rank(), false)
    }

    /// Of a copy as the store knows it.
    pub(crate) fn kept(digest: &[u8; 32], key: [u8; 16], rank: i32, conflict: bool) -> Self {
        let mut hash = const_hex::Buffer::new();
        hash.format(digest);
        Self { hash, key, rank, conflict }
    }

    /// `raw` to `record_index`, then the partition date.
    pub(crate) fn provenance<'a>(&'a self, raw: Cell<'a>, record: &Record<'a>, evidence_id: &'a str, date: &'a str) -> [Cell<'a>; 9] {
        [
            raw,
            Cell::Text(record.form.as_str()),
            Cell::Text(self.hash.as_str()),
            Cell::Binary(&self.key),
            Cell::Int(self.rank),
            Cell::Bool(self.conflict),
            Cell::Text(evidence_id),
            Cell::Long(record.index),
            Cell::Text(date),
        ]
    }

    /// A row of `event_origins`.
    fn origin<'a>(
        &'a self,
        record: &Record<'a>,
        event_id: Option<&'a str>,
        time: Option<i64>,
        evidence_id: &'a str,
        date: &'a str,
    ) -> [Cell<'a>; 10] {
        [
            Cell::Time(time),
            Cell::MaybeText(event_id),
            Cell::Binary(&self.key),
            Cell::Text(self.hash.as_str()),
            Cell::Text(record.form.as_str()),
            Cell::Text(record.route.as_str()),
            Cell::Int(self.rank),
            Cell::Text(evidence_id),
            Cell::Long(record.index),
            Cell::Text(date),
        ]
    }
}
