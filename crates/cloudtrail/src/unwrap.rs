//! From an item to its records: most are one; the others carry records inside, as objects or as text (domain.md 1.8).

use backtrail_model::evidence::{RawForm, Route};

use crate::fields::{Descend, F, W, walk_record};
use crate::foreign;
use crate::machine::{Carrier, MAX_RECORD, Machine};
use crate::output::Output;
use crate::walk::{Kind, Span, Stop, Walk, Walker};

/// Carriers inside carriers, at most.
const MAX_DEPTH: u32 = 8;

/// Keys that lead to the record, in the order in which they are tried: inside a value that is an object under the named key, or
/// the value itself; and the route they stand for, if they tell one.
const CARRIERS: &[(W, Option<&str>, Option<Route>)] = &[
    (W::CloudTrailEvent, None, Some(Route::LookupEvents)),
    (W::Detail, None, Some(Route::EventBridge)),
    (W::SourceObject, None, Some(Route::Wrapped)),
    (W::EventJson, None, Some(Route::Lake)),
    (W::EventData, None, Some(Route::Lake)),
    (W::RawText, None, Some(Route::Wrapped)),
    (W::Event, Some("original"), Some(Route::Wrapped)),
    (W::EventOriginal, None, Some(Route::Wrapped)),
    (W::Event, None, Some(Route::Wrapped)),
    // What a search asked for by name: each a list of values.
    (W::IndexFields, Some("event.original"), Some(Route::Wrapped)),
    (W::IndexFields, Some("message"), Some(Route::Wrapped)),
    (W::IndexFields, Some("_raw"), Some(Route::Wrapped)),
    (W::Result, Some("_raw"), Some(Route::Wrapped)),
    // Kibana's searches and asynchronous ones of OpenSearch, around `hits`.
    (W::Response, None, Some(Route::Wrapped)),
    (W::Result, Some("rawResponse"), Some(Route::Wrapped)),
    (W::Aws, Some("cloudtrail"), Some(Route::Wrapped)),
    (W::AwsLogs, Some("data"), Some(Route::CloudWatchLogs)),
    (W::Kinesis, Some("data"), None),
    (W::Sns, Some("Message"), None),
    (W::Body, None, None),
    (W::AtMessage, None, Some(Route::CloudWatchLogs)),
    (W::Message, None, None),
    (W::Log, None, Some(Route::Wrapped)),
    (W::Data, None, None),
    (W::Value, None, Some(Route::CloudWatchLogs)),
    (W::Attributes, None, Some(Route::Wrapped)),
];

impl Machine {
    /// Gives the item at `span`, whose fields have just been found, its fate.
    pub(crate) fn settle(&mut self, window: &[u8], span: Span, context: Carrier<'_>, out: &mut Output) {
        if context.depth == u32::MAX {
            return out.other("CloudWatch Logs control messages");
        }
        let context = if context.route == Route::Record && self.is_log_event() {
            Carrier { route: Route::CloudWatchLogs, ..context }
        } else {
            context
        };
        let is_bulk_action = self.fields.wrapper(W::BulkAction).kind == Kind::Object && self.fields.unknown.len() == 1;
        let is_query_column = self.is_query_column(window);
        if self.take_in(window, span, context, out) {
            return;
        }
        if is_query_column {
            return out.other("columns of CloudWatch Logs Insights beside the message");
        }
        if is_bulk_action {
            return out.other("lines of a bulk export that only name the index");
        }
        self.no_record(&window[span.inner()], context, out);
    }

    /// Takes the item in if it is a record or carries something; otherwise nothing has happened.
    fn take_in(&mut self, window: &[u8], span: Span, context: Carrier<'_>, out: &mut Output) -> bool {
        let is_message = self.is_transport(window);
        if is_message && self.fields.wrapper(W::S3).kind == Kind::Object {
            out.other("notifications about objects in S3, which are not CloudTrail records");
            return true;
        }
        if !is_message && (self.fields.is_event() || self.fields.is_insight() || self.fields.is_aggregated(window)) {
            out.accept(window, span, &self.fields, context.form, context.route, context.place);
            return true;
        }
        context.depth < MAX_DEPTH && self.carried(window, context, out)
    }

    /// Only CloudWatch Logs notes when it took a message in: so `filter-log-events` and `get-log-events` print its events.
    fn is_log_event(&self) -> bool {
        self.fields.wrapper(W::IngestionTime).is_present() && self.fields.wrapper(W::Message).is_text()
    }

    /// `{"field": "@timestamp", "value": ...}`: each cell of a CloudWatch Logs Insights row is an object of its own, the message too.
    fn is_query_column(&self, window: &[u8]) -> bool {
        let [name, value] = [W::Field, W::Value].map(|w| self.fields.wrapper(w));
        let name = if name.is_text() { &window[name.inner()] } else { &[] };
        value.is_text() && name.starts_with(b"@") && name != b"@message"
    }

    /// A message of SQS, SNS, Kinesis or S3: `eventSource` is `aws:...`, where CloudTrail's is a service's DNS name.
    fn is_transport(&self, window: &[u8]) -> bool {
        let source = self.fields.get(F::EventSource);
        source.is_text() && window[source.inner()].starts_with(b"aws:")
    }

    /// Follows the keys that carry something, until one did.
    fn carried(&mut self, window: &[u8], context: Carrier<'_>, out: &mut Output) -> bool {
        let Some(wrappers) = self.fields.wrappers() else { return false };
        for (wrapper, inside, route) in CARRIERS {
            let value = wrappers[*wrapper as usize];
            let value = match inside {
                Some(key) if value.kind == Kind::Object => self.member(window, value, key.as_bytes()),
                _ => value,
            };
            let value = if *wrapper == W::IndexFields && value.kind == Kind::Array { self.first_of(window, value) } else { value };
            let inner = Carrier { route: inner_route(context.route, *route), depth: context.depth + 1, ..context };
            let found = match value.kind {
                // Log shippers write the line as text; an object under `log` is somebody's table.
                Kind::Object if *wrapper != W::Log => self.object_inside(window, value, inner, out),
                Kind::Text | Kind::EscapedText => self.text_inside(window, value, inner, out),
                _ => false,
            };
            if found {
                return true;
            }
        }
        false
    }

    /// The member of an object that was walked over before; absent if it has none of that name.
    fn member(&mut self, window: &[u8], object: Span, name: &[u8]) -> Span {
        let mut walker = self.walker_at(window, object.start as usize + 1);
        let mut search = || {
            walker.skip_space();
            while walker.peek()? == b'"' {
                let key = walker.key()?;
                let value = walker.value(1)?;
                if &window[key.inner()] == name {
                    return Ok(value);
                }
                walker.skip_space();
                walker.pos += usize::from(walker.peek()? == b',');
                walker.skip_space();
            }
            Err(Stop::Incomplete)
        };
        search().unwrap_or_default()
    }

    /// The first item of a list; absent if it has none.
    fn first_of(&mut self, window: &[u8], list: Span) -> Span {
        let mut walker = self.walker_at(window, list.start as usize + 1);
        walker.skip_space();
        walker.value(1).unwrap_or_default()
    }

    pub(crate) fn walker_at<'a>(&'a mut self, window: &'a [u8], pos: usize) -> Walker<'a> {
        self.in_sync = false;
        self.index.restart(pos);
        Walker { bytes: window, pos, index: &mut self.index }
    }

    /// An object inside the item, as it stands in the evidence.
    fn object_inside(&mut self, window: &[u8], span: Span, context: Carrier<'_>, out: &mut Output) -> bool {
        match self.walk_object(window, span, context, Descend::Never) {
            Ok(inner) => self.take_in(window, inner, context, out) || self.envelope_inside(window, span, context, out),
            Err(_) => false,
        }
    }

    /// Finds the fields of an object inside the item.
    fn walk_object(&mut self, window: &[u8], span: Span, context: Carrier<'_>, descend: Descend) -> Walk<Span> {
        self.in_sync = false;
        self.index.restart(span.start as usize);
        let mut walker = Walker { bytes: window, pos: span.start as usize, index: &mut self.index };
        walk_record(&mut walker, &mut self.fields, context.depth, descend)
    }

    /// An object inside the item that holds a list of records: a whole document, put into the carrier as it is.
    fn envelope_inside(&mut self, window: &[u8], span: Span, context: Carrier<'_>, out: &mut Output) -> bool {
        if context.depth >= MAX_DEPTH {
            return false;
        }
        let is_envelope = matches!(self.walk_object(window, span, context, Descend::Carriers), Err(Stop::Container { .. }));
        if is_envelope {
            self.document(&window[span.json()], context, out);
        }
        is_envelope
    }

    /// Text inside the item: a document of its own, perhaps in base64 and compressed. False if it is no JSON.
    pub(crate) fn text_inside(&mut self, window: &[u8], span: Span, context: Carrier<'_>, out: &mut Output) -> bool {
        if context.depth == u32::MAX {
            out.other("CloudWatch Logs control messages");
            return true;
        }
        if context.depth > MAX_DEPTH {
            return false;
        }
        let mut text = Vec::new();
        crate::text::unescape_into(&window[span.inner()], &mut text);
        let carrier = Carrier { form: RawForm::Unescaped, ..context };
        // A log line may look like JSON and not be; a record that is broken still has its fields' names.
        let is_log_line = context.route == Route::CloudWatchLogs
            && [&b"eventVersion"[..], b"eventName", b"eventSource"].iter().all(|mark| memchr::memmem::find(&text, mark).is_none());
        if is_log_line && packed(&text).is_none() {
            return false;
        }
        if is_json(&text) {
            self.document(&text, carrier, out);
        } else if let Some(inner) = packed(&text) {
            self.document(&inner, carrier, out);
        } else {
            return false;
        }
        true
    }

    /// A whole document at hand, with a machine of its own.
    pub(crate) fn document(&mut self, bytes: &[u8], carrier: Carrier<'_>, out: &mut Output) {
        let mut nested = self.nested.take().unwrap_or_default();
        nested.reset();
        let before = out.counts.read;
        nested.run(bytes, true, Some(carrier), out);
        if out.counts.read == before {
            out.other("carriers without records");
        }
        self.nested = Some(nested);
    }

    /// An item that is no record and carries none.
    pub(crate) fn no_record(&mut self, item: &[u8], context: Carrier<'_>, out: &mut Output) {
        if context.route == Route::CloudWatchLogs && foreign::is_control_message(item) {
            out.other("CloudWatch Logs control messages");
        } else if let Some(kind) = foreign::kind_of(item).or_else(|| foreign::kind_of(context.place.bytes)) {
            out.foreign_item(context.place, kind);
        } else if context.route == Route::CloudWatchLogs {
            out.foreign_item(context.place, foreign::LOG_LINES);
        } else {
            out.reject(context.place, "not a CloudTrail record: it lacks eventName, eventSource and eventVersion".to_owned());
        }
    }
}

/// The route of what is inside. An index or a queue around it says less than what it wraps, and more than nothing; and what is
/// inside a list called `Records` but wrapped is no trail's file.
fn inner_route(outer: Route, route: Option<Route>) -> Route {
    match (outer, route) {
        (Route::CloudWatchLogs | Route::EventBridge | Route::LookupEvents | Route::Lake, Some(Route::Wrapped) | None) => outer,
        (_, Some(route)) => route,
        (Route::TrailFile, None) => Route::Record,
        (outer, None) => outer,
    }
}

/// Whether text looks like a document: log lines may start with a bracket, too.
fn is_json(text: &[u8]) -> bool {
    let text = &text[crate::walk::space_len(text)..];
    match text.first() {
        Some(b'{' | b'"') => true,
        Some(b'[') => matches!(text[1..].get(crate::walk::space_len(&text[1..])), Some(b'{' | b'[' | b'"' | b']')),
        _ => false,
    }
}

/// What base64 text holds, inflated if it is gzip; `None` if it is not base64 of JSON.
pub(crate) fn packed(text: &[u8]) -> Option<Vec<u8>> {
    use base64::Engine as _;
    use std::io::Read as _;
    if text.len() < 8 || text.len() > MAX_RECORD {
        return None;
    }
    let bytes = base64::engine::general_purpose::STANDARD.decode(text.trim_ascii()).ok()?;
    let plain = if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut inflated = Vec::new();
        // As much as one record may hold: a payload of CloudWatch Logs is below 1 MB.
        flate2::read::MultiGzDecoder::new(bytes.as_slice()).take(MAX_RECORD as u64).read_to_end(&mut inflated).ok()?;
        inflated
    } else {
        bytes
    };
    is_json(&plain).then_some(plain)
}
