//! From an item to its records: most are one; the others carry records inside, as objects or as text (domain.md 1.8).

use backtrail_model::evidence::{RawForm, Route};

use crate::fields::{F, W, walk_record};
use crate::foreign;
use crate::machine::{Carrier, MAX_RECORD, Machine};
use crate::output::Output;
use crate::walk::{Kind, Span, Walker};

/// Carriers inside carriers, at most.
const MAX_DEPTH: u32 = 8;

/// Keys whose value is, or holds, the record, in the order in which they are tried; and the route they stand for, if they tell.
const CARRIERS: &[(W, Option<Route>)] = &[
    (W::CloudTrailEvent, Some(Route::LookupEvents)),
    (W::Detail, Some(Route::EventBridge)),
    (W::SourceObject, Some(Route::Wrapped)),
    (W::EventJson, Some(Route::Lake)),
    (W::EventData, Some(Route::Lake)),
    (W::RawText, Some(Route::Wrapped)),
    (W::Event, Some(Route::Wrapped)),
    (W::Aws, Some(Route::Wrapped)),
    (W::Result, Some(Route::Wrapped)),
    (W::AwsLogs, Some(Route::CloudWatchLogs)),
    (W::Kinesis, None),
    (W::Sns, None),
    (W::Body, None),
    (W::AtMessage, Some(Route::CloudWatchLogs)),
    (W::Message, None),
    (W::Log, Some(Route::Wrapped)),
    (W::Data, None),
];

impl Machine {
    /// Gives the item at `span`, whose fields have just been found, its fate.
    pub(crate) fn settle(&mut self, window: &[u8], span: Span, context: Carrier<'_>, out: &mut Output) {
        if context.depth == u32::MAX {
            return out.other("CloudWatch Logs control messages");
        }
        if self.is_notification(window) {
            return out.other("notifications about objects in S3, which are not CloudTrail records");
        }
        let is_message = self.is_transport(window);
        if !is_message && (self.fields.is_event() || self.fields.is_insight() || self.fields.is_aggregated(window)) {
            return out.accept(window, span, &self.fields, context.form, context.route, context.place);
        }
        if context.depth < MAX_DEPTH && self.carried(window, context, out) {
            return;
        }
        self.no_record(window, span, context, out);
    }

    /// `{"eventSource":"aws:s3","s3":{...}}`.
    fn is_notification(&self, window: &[u8]) -> bool {
        self.is_transport(window) && self.fields.wrapper(W::S3).kind == Kind::Object
    }

    /// A message of SQS, SNS, Kinesis or S3: `eventSource` is `aws:...`, where CloudTrail's is a service's DNS name.
    fn is_transport(&self, window: &[u8]) -> bool {
        let source = self.fields.get(F::EventSource);
        source.is_text() && window[source.inner()].starts_with(b"aws:")
    }

    /// Follows the first key that carries something; false if none does.
    fn carried(&mut self, window: &[u8], mut context: Carrier<'_>, out: &mut Output) -> bool {
        for (wrapper, route) in CARRIERS {
            let value = self.fields.wrapper(*wrapper);
            // `data` of Kinesis and Firehose, and what is inside `awslogs`, is base64; other `data` is anybody's.
            let usable = match value.kind {
                Kind::Object => *wrapper != W::Message || context.depth > 0,
                Kind::Text | Kind::EscapedText => value.end > value.start,
                _ => false,
            };
            if !usable {
                continue;
            }
            context.route = match (route, context.route) {
                // What wraps from outside (an index, a queue) says less about the route than what is inside, and more than nothing.
                (Some(Route::Wrapped), outer @ (Route::CloudWatchLogs | Route::EventBridge | Route::LookupEvents | Route::Lake)) => outer,
                (Some(route), _) => *route,
                (None, Route::TrailFile) => Route::Record,
                (None, outer) => outer,
            };
            context.depth += 1;
            if value.kind == Kind::Object {
                self.object_inside(window, value, context, out);
            } else {
                self.text_inside(window, value, context, out, "the text it carries is no CloudTrail record");
            }
            return true;
        }
        false
    }

    /// An object inside the item, as it stands in the evidence.
    fn object_inside(&mut self, window: &[u8], span: Span, context: Carrier<'_>, out: &mut Output) {
        self.in_sync = false;
        self.index.restart(span.start as usize);
        let mut walker = Walker { bytes: window, pos: span.start as usize, index: &mut self.index };
        match walk_record(&mut walker, &mut self.fields, context.depth, false) {
            Ok(inner) => self.settle(window, inner, context, out),
            // It was walked over once already, as part of the item.
            Err(_) => out.reject(context.place, "nested deeper than 128 levels".to_owned()),
        }
    }

    /// Text inside the item: a document of its own, perhaps in base64 and compressed.
    pub(crate) fn text_inside(&mut self, window: &[u8], span: Span, context: Carrier<'_>, out: &mut Output, otherwise: &str) {
        let mut text = Vec::new();
        crate::text::unescape_into(&window[span.inner()], &mut text);
        let carrier = Carrier { form: RawForm::Unescaped, depth: context.depth + 1, ..context };
        let first = text.get(crate::walk::space_len(&text)).copied();
        if context.depth == u32::MAX {
            out.other("CloudWatch Logs control messages");
        } else if matches!(first, Some(b'{' | b'[' | b'"')) {
            self.document(&text, carrier, out);
        } else if let Some(inner) = packed(&text) {
            self.document(&inner, carrier, out);
        } else if context.route == Route::CloudWatchLogs {
            out.foreign_item(context.place, foreign::LOG_LINES);
        } else {
            out.reject(context.place, otherwise.to_owned());
        }
    }

    /// A whole document at hand, with a machine of its own.
    fn document(&mut self, bytes: &[u8], carrier: Carrier<'_>, out: &mut Output) {
        if carrier.depth > MAX_DEPTH {
            return out.reject(carrier.place, "carriers inside carriers, more than 8 deep".to_owned());
        }
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
    fn no_record(&mut self, window: &[u8], span: Span, context: Carrier<'_>, out: &mut Output) {
        let item = &window[span.inner()];
        if self.fields.wrapper(W::BulkAction).kind == Kind::Object && self.fields.unknown.len() == 1 {
            return out.other("lines of a bulk export that only name the index");
        }
        if let Some(kind) = foreign::kind_of(item).or_else(|| foreign::kind_of(context.place.bytes)) {
            return out.foreign_item(context.place, kind);
        }
        if context.route == Route::CloudWatchLogs {
            return out.foreign_item(context.place, foreign::LOG_LINES);
        }
        out.reject(context.place, "not a CloudTrail record: it lacks eventName, eventSource and eventVersion".to_owned());
    }
}

/// What base64 text holds, inflated if it is gzip; `None` if it is not base64 of JSON.
fn packed(text: &[u8]) -> Option<Vec<u8>> {
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
    matches!(plain.get(crate::walk::space_len(&plain)), Some(b'{' | b'[')).then_some(plain)
}
