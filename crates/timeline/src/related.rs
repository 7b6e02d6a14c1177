//! Several records of one action: an event and its updates (`addendum`), a `DeleteObjects` call and the `DeleteObject` record of each
//! object. In a list of records all of them stand, linked; in a list of actions they are one.
//!
//! What links them is in the records, which an attacker may have written. So nothing is ever left out for a link: a record is told
//! *with* another, by name, and only where both answer the question; and who is told with whom goes by the place of a record in its
//! evidence, never by its id alone.

use std::collections::{HashMap, HashSet};

use arrow_array::RecordBatch;
use backtrail_model::calls::{action_name, service_of};
use backtrail_model::outcome::{Outcome, classify};
use backtrail_model::time::MICROS_PER_DAY;
use backtrail_model::touch::Touched;
use backtrail_model::window::Window;
use backtrail_query::{ExactTexts, RowGroup};
use datafusion::logical_expr::{Expr, SortExpr, col, lit};

use crate::addendum::{Addendum, Update};
use crate::error::TimelineError;
use crate::event::{EVENT_COLUMNS, Event, Events, Place, Text};
use crate::item::Item;
use crate::source::{CLOUDTRAIL, Source};

/// The call that deletes several objects.
const DELETES: &str = "DeleteObjects";
/// An update carries the time of the event it updates, or one soon after: so far around the window it is sought.
const MARGIN: i64 = MICROS_PER_DAY;
/// Related records that are linked, the earliest of them: beyond that each is told by itself, so that an attacker's file cannot take
/// all memory.
const MOST: usize = 100_000;
/// Objects one `DeleteObjects` call can name.
const OBJECTS_OF_A_CALL: usize = 1_000;
/// Updates of updates that are followed.
const LONGEST_CHAIN: usize = 8;
/// Objects named in a summary.
const NAMED: usize = 4;

/// Which records tell of the same action.
#[derive(Debug, Default)]
pub(crate) struct Related {
    updates: HashMap<String, Vec<Update>>,
    objects: HashMap<Place, Vec<Object>>,
    call_of: HashMap<Place, String>,
    /// Ids of updated events that are in evidence.
    originals: HashSet<String>,
    /// Records that are told with another one.
    folded: HashSet<Place>,
}

/// The deletion of one object.
#[derive(Debug, Clone)]
struct Object {
    reference: String,
    summary: String,
    resources: Vec<Touched>,
}

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sought {
    /// Updates alone.
    Updates,
    /// Updates, and the objects of `DeleteObjects` calls.
    UpdatesAndObjects,
}

/// Ids that may have to do with each other, from the first, narrow look.
#[derive(Default)]
struct Candidates {
    ids: HashSet<String>,
    requests: HashSet<String>,
}

/// A record with all that links it.
struct Seen<K> {
    place: Place,
    id: Option<String>,
    /// Request and account, of S3's deletions.
    call: Option<(String, String)>,
    is_call: bool,
    updates: Option<String>,
    outcome: Outcome,
    key: Option<K>,
    told: Update,
    resources: Vec<Touched>,
}

impl Related {
    /// Looks for related records in and around a window. Two of them are told as one where `key` gives both the same.
    pub(crate) async fn read<K: PartialEq>(
        source: &Source,
        window: Option<&Window>,
        sought: Sought,
        key: &(dyn Fn(&Event<'_>) -> Option<K> + Sync),
    ) -> Result<Self, TimelineError> {
        let wide = window.and_then(|w| Window::between(w.from() - MARGIN, w.to() + MARGIN).ok());
        let wide = wide.as_ref().or(window);
        let candidates = Candidates::find(source, wide, sought).await?;
        if candidates.ids.is_empty() {
            return Ok(Self::default());
        }
        let frame = source.events(wide, [candidates.condition()]).await?;
        let sort = |column: &str| SortExpr { expr: col(column), asc: true, nulls_first: false };
        let columns: Vec<&str> = EVENT_COLUMNS.iter().copied().chain(["request_id"]).collect();
        let frame = frame
            .select_columns(&columns)
            .and_then(|f| f.sort(vec![sort("event_time"), sort("event_id"), sort("record_sha256")]))
            .map_err(TimelineError::table(CLOUDTRAIL))?;
        let mut seen = Vec::new();
        Source::batches(CLOUDTRAIL, frame, &mut |batch| {
            let (events, requests) = (Events::of(batch)?, Text::of(batch, CLOUDTRAIL, "request_id")?);
            let room = MOST.saturating_sub(seen.len());
            seen.extend((0..events.rows()).take(room).map(|row| Seen::of(&events.get(row), requests.get(row), key)));
            Ok(())
        })
        .await?;
        let mut related = Self::default();
        related.link_updates(&seen);
        related.link_objects(&seen);
        Ok(related)
    }

    fn link_updates<K: PartialEq>(&mut self, seen: &[Seen<K>]) {
        let mut by_id: HashMap<&str, &Seen<K>> = HashMap::new();
        for one in seen {
            if let Some(id) = &one.id {
                by_id.entry(id).or_insert(one);
            }
        }
        for update in seen.iter().filter(|s| s.updates.is_some()) {
            let Some(original) = original_of(update, &by_id) else { continue };
            let Some(id) = &original.id else { continue };
            self.originals.extend(update.updates.clone());
            self.updates.entry(id.clone()).or_default().push(update.told.clone());
            if update.key.is_some() && update.key == original.key {
                self.folded.insert(update.place.clone());
            }
        }
    }

    fn link_objects<K: PartialEq>(&mut self, seen: &[Seen<K>]) {
        let mut calls: HashMap<&(String, String), &Seen<K>> = HashMap::new();
        for one in seen.iter().filter(|s| s.is_call) {
            if let Some(call) = &one.call {
                calls.entry(call).or_insert(one);
            }
        }
        for part in seen.iter().filter(|s| !s.is_call && s.updates.is_none()) {
            let Some(call) = part.call.as_ref().and_then(|c| calls.get(c)) else { continue };
            self.call_of.insert(part.place.clone(), call.told.reference.clone());
            let objects = self.objects.entry(call.place.clone()).or_default();
            // A deletion that was refused is no part of those that were carried out.
            let is_one = part.key.is_some() && part.key == call.key && part.outcome == call.outcome;
            if is_one && objects.len() < OBJECTS_OF_A_CALL {
                objects.push(Object {
                    reference: part.told.reference.clone(),
                    summary: part.told.summary.clone(),
                    resources: part.resources.clone(),
                });
                self.folded.insert(part.place.clone());
            }
        }
    }

    /// Whether an event is told with another one.
    pub(crate) fn is_folded(&self, event: &Event<'_>) -> bool {
        !self.folded.is_empty() && self.folded.contains(&event.place())
    }

    /// Says in an item what other records say of its event. `is_list_of_actions`: those told with it are not items of their own.
    pub(crate) fn tell(&self, event: &Event<'_>, item: &mut Item, is_list_of_actions: bool) {
        if let Some(addendum) = &mut item.addendum
            && let Some(original) = addendum.updates(event.event_id).map(str::to_owned)
            && self.originals.contains(&original)
        {
            addendum.original_in_evidence = true;
            item.refs.push(original);
        }
        if let Some(updates) = event.event_id.and_then(|id| self.updates.get(id)) {
            item.refs.extend(updates.iter().map(|u| u.reference.clone()));
            item.updated_by.clone_from(updates);
        }
        if self.call_of.is_empty() {
            return;
        }
        let place = event.place();
        item.part_of = self.call_of.get(&place).cloned();
        if let Some(objects) = self.objects.get(&place).filter(|o| is_list_of_actions && !o.is_empty()) {
            name_objects(objects, item);
        }
    }
}

/// The event at the root of a chain of updates; none where it is not in evidence, or where the chain leads back to itself.
fn original_of<'s, K>(update: &'s Seen<K>, by_id: &HashMap<&str, &'s Seen<K>>) -> Option<&'s Seen<K>> {
    let mut at = update;
    for _ in 0..LONGEST_CHAIN {
        match &at.updates {
            Some(original) => at = by_id.get(original.as_str())?,
            None => return Some(at),
        }
    }
    None
}

fn name_objects(objects: &[Object], item: &mut Item) {
    item.refs.extend(objects.iter().map(|o| o.reference.clone()));
    let mut known: HashSet<String> = item.resources.iter().map(|r| r.arn.clone()).collect();
    for touched in objects.iter().flat_map(|o| &o.resources) {
        if known.insert(touched.arn.clone()) {
            item.resources.push(touched.clone());
        }
    }
    // `deleted s3://bucket/key`: the key may hold anything, and the bucket nothing that looks like the beginning of another.
    let name = |o: &Object| o.summary.find("s3://").map_or_else(|| o.reference.clone(), |at| o.summary[at..].to_owned());
    let named: Vec<String> = objects.iter().take(NAMED).map(name).collect();
    let more = objects.len() - named.len();
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    item.summary.push_str(&format!(": {}{rest}", named.join(", ")));
}

/// Whether a call deletes objects, or is the record of one that such a call deleted.
pub(crate) fn is_deletion(event: &Event<'_>) -> bool {
    is_s3(event.event_source) && matches!(action_name(event.event_name.unwrap_or_default()), DELETES | "DeleteObject")
}

fn is_s3(source: Option<&str>) -> bool {
    service_of(source.unwrap_or_default()) == "s3"
}

impl Candidates {
    /// The updates and calls there are: most windows hold none, which few, narrow columns say.
    async fn find(source: &Source, window: Option<&Window>, sought: Sought) -> Result<Self, TimelineError> {
        let deletes = ExactTexts::of(&col("event_name").eq(lit(DELETES)));
        let each = move |found: &mut Self, group: &RowGroup| {
            let has_calls = sought == Sought::UpdatesAndObjects && group.may_have(&deletes);
            found.take_group(group, if has_calls { &["addendum", "event_name"] } else { &["addendum"] })
        };
        let all = source.groups_apart(CLOUDTRAIL, window, Self::default, each).await?;
        Ok(all.into_iter().reduce(Self::and).unwrap_or_default())
    }

    fn and(mut self, other: Self) -> Self {
        self.ids.extend(other.ids);
        self.requests.extend(other.requests);
        self
    }

    fn take_group(&mut self, group: &RowGroup, told_by: &[&str]) -> Result<(), TimelineError> {
        let failed = TimelineError::table(CLOUDTRAIL);
        let is_meant = |batch: &RecordBatch| {
            let text = |column| Text::of(batch, CLOUDTRAIL, column).map_err(TimelineError::into_engines);
            let (addenda, names) = (text("addendum")?, text("event_name")?);
            Ok((0..batch.num_rows()).map(|row| Some(addenda.get(row).is_some() || names.get(row) == Some(DELETES))).collect())
        };
        let Some(rows) = group.rows_where(told_by, is_meant).map_err(&failed)? else { return Ok(()) };
        let columns = ["event_id", "event_name", "event_source", "request_id", "addendum"];
        group.read_some(&columns, &rows).map_err(&failed)?.map_or(Ok(()), |batch| self.take(&batch))
    }

    fn take(&mut self, batch: &RecordBatch) -> Result<(), TimelineError> {
        let text = |column| Text::of(batch, CLOUDTRAIL, column);
        let (ids, names, sources) = (text("event_id")?, text("event_name")?, text("event_source")?);
        let (requests, addenda) = (text("request_id")?, text("addendum")?);
        for row in 0..batch.num_rows() {
            let Some(id) = ids.get(row).filter(|_| self.ids.len() + self.requests.len() < MOST) else { continue };
            let addendum = Addendum::of(&Event { addendum: addenda.get(row), ..Event::default() });
            if let Some(original) = addendum.as_ref().and_then(|a| a.updates(Some(id))) {
                self.ids.extend([id.to_owned(), original.to_owned()]);
            }
            if let Some(request) = requests.get(row).filter(|_| is_s3(sources.get(row)) && names.get(row) == Some(DELETES)) {
                self.ids.insert(id.to_owned());
                self.requests.insert(request.to_owned());
            }
        }
        Ok(())
    }

    fn condition(self) -> Expr {
        let list = |ids: HashSet<String>| ids.into_iter().map(lit).collect::<Vec<_>>();
        let by_id = col("event_id").in_list(list(self.ids), false);
        if self.requests.is_empty() {
            return by_id;
        }
        by_id.or(col("event_name").eq(lit("DeleteObject")).and(col("request_id").in_list(list(self.requests), false)))
    }
}

impl<K> Seen<K> {
    fn of(event: &Event<'_>, request: Option<&str>, key: &(dyn Fn(&Event<'_>) -> Option<K> + Sync)) -> Self {
        let item = Item::of(event, None);
        let addendum = item.addendum.as_ref();
        let call =
            request.filter(|_| is_deletion(event)).map(|r| (r.to_owned(), event.recipient_account_id.unwrap_or_default().to_owned()));
        Self {
            place: event.place(),
            id: event.event_id.map(str::to_owned),
            call,
            is_call: action_name(event.event_name.unwrap_or_default()) == DELETES,
            updates: addendum.and_then(|a| a.updates(event.event_id)).map(str::to_owned),
            outcome: classify(&event.facts()),
            key: key(event),
            told: Update {
                reference: event.citation(),
                event_time: item.event_time.clone(),
                updated_fields: addendum.map(|a| a.updated_fields.clone()).unwrap_or_default(),
                actor: item.principal.label(),
                outcome: item.outcome,
                summary: item.summary,
            },
            resources: item.resources,
        }
    }
}
