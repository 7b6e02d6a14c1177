//! Derived tables made anew from the records a store keeps, in one commit: for stores that an older version filled.
//!
//! Date by date: each event that is shown is read from `cloudtrail`, its copies from `event_origins`, and whoever decodes such records makes the
//! rows of both again. Copies that differ from what is shown, and events that have no text of their own, cannot be made again: what the tables
//! had of them stays.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use arrow_select::filter::filter_record_batch;
use backtrail_model::evidence::EvidenceRow;
use backtrail_model::stored::{StoredCopy, StoredEvent};
use backtrail_model::tables::{EVENT_DATE, Table};
use rayon::prelude::*;

use crate::batch::lock;
use crate::commit::{commit_ledger, publish, recover};
use crate::copies::{self, Key, Sha};
use crate::durable::Flusher;
use crate::error::{At, blocking};
use crate::log::{Change, CommitError, add_of};
use crate::rewrite::Source;
use crate::settle::write_ledger;
use crate::stage::StagedPart;
use crate::staged_rows::Texts;
use crate::store::Moment;
use crate::{Batch, BatchOptions, Store, StoreError, ledger, rows};

/// Copies of a date held at a time by one thread: some 200 MB.
const COPIES_AT_ONCE: u64 = 1_000_000;
/// Records read at a time.
const EVENTS_AT_ONCE: usize = 256;

/// Makes rows of derived tables; one for each thread.
pub trait Derive: Send {
    /// Takes an event with its copies, the shown one first. False where it cannot be read again: nothing was taken.
    fn take(&mut self, event: &StoredEvent<'_>, copies: &[StoredCopy]) -> bool;
    /// Whether there are enough rows to be written.
    fn is_full(&self) -> bool;
    /// The rows made since the last time.
    fn rows(&mut self) -> Vec<(Table, RecordBatch)>;
}

/// How derived tables are made.
pub trait Rebuild: Send + Sync {
    /// Which.
    fn tables(&self) -> &[Table];
    /// The name that rows of its own bear in `decoder`, in tables that have such a column: what other decoders made stays.
    fn decoder(&self) -> &str;
    /// By what.
    fn derive(&self) -> Box<dyn Derive>;
    /// The version of its decoder that a piece of evidence is of, once all rows of it are made anew.
    fn version_after(&self, row: &EvidenceRow) -> i32;
    /// Whether a piece of evidence is of an older version of its decoder.
    fn is_of_older(&self, row: &EvidenceRow) -> bool;
}

/// What was made anew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RebuildSummary {
    /// Events read.
    pub events: u64,
    /// Of these, events without a text of their own: what was derived of them stays as it was.
    pub as_they_were: u64,
    /// Pieces of evidence that are now as if this version had read them.
    pub brought_up: u64,
    /// Pieces of evidence of an older version still: only reading them again helps.
    pub left_behind: u64,
}

pub(crate) async fn rebuild(store: &Store, options: BatchOptions, how: Arc<dyn Rebuild>) -> Result<RebuildSummary, StoreError> {
    let _lock = store.lock().await?;
    store.make_missing().await?;
    let batch = Arc::new(store.begin(options).await?);
    attempt(store, &batch, how).await.map_err(|e| e.of_one_attempt(store))
}

async fn attempt(store: &Store, batch: &Arc<Batch>, how: Arc<dyn Rebuild>) -> Result<RebuildSummary, CommitError> {
    let now = batch.options.now;
    let moment = Arc::new(store.moment().await?);
    let mut heads = recover(store, &moment, now).await?;
    let (b, m, h) = (Arc::clone(batch), Arc::clone(&moment), Arc::clone(&how));
    let (made, ledger, summary) = blocking(move || {
        let made = make(&b, &m, &*h)?;
        keep_others(&b, &m, &*h)?;
        b.write_rest()?;
        let (ledger, summary) = bring_up(&b, &m, &*h, &made)?;
        lock(&b.flusher).take().map_or(Ok(()), Flusher::finish)?;
        Ok::<_, StoreError>((made, ledger, summary))
    })
    .await?;
    tracing::debug!(events = made.events, "derived");
    batch.published.store(true, Ordering::Release);
    for table in how.tables() {
        let staged = |staged: &StagedPart| (staged.part.table == *table).then(|| add_of(&staged.part, now));
        let add = lock(&batch.staged).parts.iter().filter_map(staged).collect();
        let remove = moment.table(*table).map(|state| state.files.iter().map(|file| file.add.clone()).collect()).unwrap_or_default();
        let change = Change { add, remove, rearranges_only: false };
        if !change.is_empty() {
            publish(store, &mut heads, *table, change, now).await?;
        }
    }
    commit_ledger(store, &moment, &heads, ledger, now).await?;
    Ok(summary)
}

/// What became of the events.
#[derive(Debug, Default)]
struct Made {
    events: u64,
    as_they_were: u64,
    /// Evidence of which something could not be made again.
    behind: HashSet<Arc<str>>,
}

fn make(batch: &Batch, moment: &Moment, how: &dyn Rebuild) -> Result<Made, StoreError> {
    let mut dates: BTreeMap<Option<String>, Vec<Source>> = BTreeMap::new();
    for source in sources(moment, Table::Cloudtrail) {
        dates.entry(source.1).or_default().push(source.0);
    }
    let one = |(event_date, events): (Option<String>, Vec<Source>)| Date { batch, moment, event_date, how }.make(&events);
    dates.into_par_iter().map(one).try_reduce(Made::default, |mut all, made| {
        all.events += made.events;
        all.as_they_were += made.as_they_were;
        all.behind.extend(made.behind);
        Ok(all)
    })
}

/// The files of a table, each with its date.
fn sources(moment: &Moment, table: Table) -> impl Iterator<Item = (Source, Option<String>)> {
    let files = moment.table(table).map_or(&[][..], |state| &state.files);
    files.iter().map(move |file| (file.source(table), file.data.event_date.clone()))
}

/// One date, by one thread.
struct Date<'a> {
    batch: &'a Batch,
    moment: &'a Moment,
    event_date: Option<String>,
    how: &'a dyn Rebuild,
}

/// Copies whose rows stay as they were: by their evidence, their numbers there.
type Places = HashMap<Arc<str>, HashSet<i64>>;

/// Notes that a copy's rows stay.
fn note(stay: &mut Places, copy: StoredCopy) {
    stay.entry(copy.evidence_id).or_default().insert(copy.record_index);
}

impl Date<'_> {
    fn of_date(&self, table: Table) -> Vec<Source> {
        sources(self.moment, table).filter(|(_, date)| *date == self.event_date).map(|(source, _)| source).collect()
    }

    fn make(&self, events: &[Source]) -> Result<Made, StoreError> {
        let origins = self.of_date(Table::EventOrigins);
        let passes = origins.iter().map(|source| source.rows).sum::<u64>().div_ceil(COPIES_AT_ONCE).max(1);
        let (mut made, mut stay, mut derive) = (Made::default(), Places::new(), self.how.derive());
        for pass in 0..passes {
            let mut copies = Copies::read(&origins, (pass, passes))?;
            for source in events {
                source.scan_by(EVENT_COLUMNS, None, EVENTS_AT_ONCE, |rows, _| {
                    self.take(rows, &mut copies, &mut *derive, (&mut made, &mut stay))
                })?;
            }
            copies.rest().for_each(|copy| note(&mut stay, copy));
        }
        self.hand_on(&mut *derive)?;
        if !stay.is_empty() {
            self.keep(&stay)?;
        }
        Ok(made)
    }

    fn hand_on(&self, derive: &mut dyn Derive) -> Result<(), StoreError> {
        derive.rows().into_iter().try_for_each(|(table, rows)| self.batch.append(table, rows))
    }

    fn take(
        &self,
        batch: &RecordBatch,
        copies: &mut Copies,
        derive: &mut dyn Derive,
        (made, stay): (&mut Made, &mut Places),
    ) -> Result<(), StoreError> {
        let events = Shown::of(batch)?;
        for row in 0..batch.num_rows() {
            let event = events.event(row);
            if !copies.is_in_pass(&event.dedupe_key) {
                continue;
            }
            let evidence_id = copies.texts.shared(rows::value(events.evidence, row));
            let all = copies.of(&event, events.copy(row, evidence_id));
            made.events += 1;
            if !derive.take(&event, &all) {
                made.as_they_were += 1;
                made.behind.extend(all.iter().map(|copy| Arc::clone(&copy.evidence_id)));
                all.into_iter().for_each(|copy| note(stay, copy));
            }
            if derive.is_full() {
                self.hand_on(derive)?;
            }
        }
        Ok(())
    }

    /// Takes over the rows that the tables have of these copies.
    fn keep(&self, stay: &Places) -> Result<(), StoreError> {
        for table in self.how.tables() {
            let columns: Vec<&str> = table.columns().iter().map(|column| column.name).collect();
            for source in self.of_date(*table) {
                source.scan(&columns, None, |batch, _| {
                    let (evidence, index) = (rows::text(*table, batch, "evidence_id")?, rows::long(*table, batch, "record_index")?);
                    let stays =
                        |row: usize| stay.get(rows::value(evidence, row)).is_some_and(|numbers| numbers.contains(&index.value(row)));
                    let kept: BooleanArray = (0..batch.num_rows()).map(|row| Some(stays(row))).collect();
                    let kept = filter_record_batch(batch, &kept).at("filter", &source.path)?;
                    self.batch.append(*table, with_date(*table, &kept, self.event_date.as_deref())?)
                })?;
            }
        }
        Ok(())
    }
}

/// Takes over the rows that other decoders made.
fn keep_others(batch: &Batch, moment: &Moment, how: &dyn Rebuild) -> Result<(), StoreError> {
    let filled_by_many = |table: &&Table| table.columns().iter().any(|column| column.name == "decoder");
    for table in how.tables().iter().filter(filled_by_many) {
        let columns: Vec<&str> = table.columns().iter().map(|column| column.name).collect();
        for (source, date) in sources(moment, *table) {
            source.scan(&columns, None, |rows, _| {
                let decoder = rows::text(*table, rows, "decoder")?;
                let others: BooleanArray = (0..rows.num_rows()).map(|row| Some(rows::value(decoder, row) != how.decoder())).collect();
                let kept = filter_record_batch(rows, &others).at("filter", &source.path)?;
                if kept.num_rows() > 0 {
                    batch.append(*table, with_date(*table, &kept, date.as_deref())?)?;
                }
                Ok(())
            })?;
        }
    }
    Ok(())
}

/// Rows of a dated table as a decoder gives them: the date last.
fn with_date(table: Table, batch: &RecordBatch, date: Option<&str>) -> Result<RecordBatch, StoreError> {
    let mut fields: Vec<Arc<Field>> = table.schema().fields().iter().cloned().collect();
    fields.push(Arc::new(Field::new(EVENT_DATE, DataType::Utf8, true)));
    let dates: ArrayRef = Arc::new(StringArray::from(vec![date; batch.num_rows()]));
    let columns = batch.columns().iter().cloned().chain([dates]).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(|e| StoreError::rows(table, e.to_string()))
}

const EVENT_COLUMNS: &[&str] =
    &["event_time", "raw", "raw_form", "record_sha256", "dedupe_key", "copy_rank", "id_conflict", "evidence_id", "record_index"];

/// Columns of a batch of events.
struct Shown<'a> {
    time: &'a arrow_array::TimestampMicrosecondArray,
    raw: &'a StringArray,
    form: &'a StringArray,
    sha: &'a StringArray,
    key: &'a arrow_array::BinaryArray,
    rank: &'a arrow_array::Int32Array,
    conflict: &'a BooleanArray,
    evidence: &'a StringArray,
    index: &'a arrow_array::Int64Array,
}

impl<'a> Shown<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self, StoreError> {
        const TABLE: Table = Table::Cloudtrail;
        let text = |name| rows::text(TABLE, batch, name);
        Ok(Self {
            time: rows::time(TABLE, batch, "event_time")?,
            raw: text("raw")?,
            form: text("raw_form")?,
            sha: text("record_sha256")?,
            key: rows::binary(TABLE, batch, "dedupe_key")?,
            rank: rows::int(TABLE, batch, "copy_rank")?,
            conflict: rows::boolean(TABLE, batch, "id_conflict")?,
            evidence: text("evidence_id")?,
            index: rows::long(TABLE, batch, "record_index")?,
        })
    }

    fn event(&self, row: usize) -> StoredEvent<'a> {
        StoredEvent {
            raw: rows::value(self.raw, row),
            raw_form: rows::value(self.form, row),
            dedupe_key: copies::key(self.key.value(row)),
            event_time: self.time.is_valid(row).then(|| self.time.value(row)),
            id_conflict: self.conflict.is_valid(row) && self.conflict.value(row),
        }
    }

    /// The copy that is shown.
    fn copy(&self, row: usize, evidence_id: Arc<str>) -> StoredCopy {
        StoredCopy {
            evidence_id,
            record_index: self.index.value(row),
            record_sha256: copies::sha(rows::value(self.sha, row)),
            copy_rank: self.rank.value(row),
        }
    }
}

/// The copies of some events of a date.
struct Copies {
    by_event: HashMap<Key, Vec<StoredCopy>>,
    texts: Texts,
    /// Which share of all keys, of how many.
    pass: (u64, u64),
}

impl Copies {
    fn read(origins: &[Source], pass: (u64, u64)) -> Result<Self, StoreError> {
        const TABLE: Table = Table::EventOrigins;
        const COLUMNS: &[&str] = &["dedupe_key", "record_sha256", "copy_rank", "evidence_id", "record_index"];
        let mut copies = Self { by_event: HashMap::new(), texts: Texts::default(), pass };
        for source in origins {
            source.scan(COLUMNS, None, |batch, _| {
                let (keys, evidence) = (rows::binary(TABLE, batch, "dedupe_key")?, rows::text(TABLE, batch, "evidence_id")?);
                let (sha, rank) = (rows::text(TABLE, batch, "record_sha256")?, rows::int(TABLE, batch, "copy_rank")?);
                let index = rows::long(TABLE, batch, "record_index")?;
                for row in 0..batch.num_rows() {
                    let key = copies::key(keys.value(row));
                    if !copies.is_in_pass(&key) {
                        continue;
                    }
                    let copy = StoredCopy {
                        evidence_id: copies.texts.shared(rows::value(evidence, row)),
                        record_index: index.value(row),
                        record_sha256: copies::sha(rows::value(sha, row)),
                        copy_rank: rank.value(row),
                    };
                    copies.by_event.entry(key).or_default().push(copy);
                }
                Ok(())
            })?;
        }
        Ok(copies)
    }

    fn is_in_pass(&self, key: &Key) -> bool {
        let (pass, passes) = self.pass;
        let mut head = [0; 8];
        head.copy_from_slice(&key[..8]);
        u64::from_le_bytes(head) % passes == pass
    }

    /// The copies that say what an event says, the shown one first. Where the event's id stands for several contents, only those of its bytes are
    /// known to.
    fn of(&mut self, event: &StoredEvent<'_>, shown: StoredCopy) -> Vec<StoredCopy> {
        let sha: Sha = shown.record_sha256;
        let is_other = |copy: &StoredCopy| (&copy.evidence_id, copy.record_index) != (&shown.evidence_id, shown.record_index);
        let says_the_same = |copy: &StoredCopy| !event.id_conflict || !is_other(copy) || copy.record_sha256 == sha;
        let Some(known) = self.by_event.get_mut(&event.dedupe_key) else { return vec![shown] };
        let (same, rest) = std::mem::take(known).into_iter().partition::<Vec<_>, _>(says_the_same);
        *known = rest;
        let others = same.into_iter().filter(is_other);
        std::iter::once(shown.clone()).chain(others).collect()
    }

    /// The copies of which it is not known what they say.
    fn rest(self) -> impl Iterator<Item = StoredCopy> {
        self.by_event.into_values().flatten()
    }
}

/// The ledger with the versions that evidence is of now.
fn bring_up(batch: &Batch, moment: &Moment, how: &dyn Rebuild, made: &Made) -> Result<(Change, RebuildSummary), StoreError> {
    let mut summary = RebuildSummary { events: made.events, as_they_were: made.as_they_were, ..RebuildSummary::default() };
    let (mut change, mut changed) = (Change::default(), Vec::new());
    for file in &moment.evidence.files {
        let mut rows = ledger::read(&file.data.path)?;
        let before = summary.brought_up;
        for row in &mut rows {
            let version = how.version_after(row);
            let is_behind = made.behind.contains(row.evidence_id.as_str());
            if version != row.decoder_version && !is_behind {
                row.decoder_version = version;
                summary.brought_up += 1;
            }
            summary.left_behind += u64::from(how.is_of_older(row));
        }
        if summary.brought_up > before {
            change.remove.push(file.add.clone());
            changed.append(&mut rows);
        }
    }
    if !changed.is_empty() {
        changed.sort_by(|a, b| (&a.evidence_id, &a.decoder).cmp(&(&b.evidence_id, &b.decoder)));
        change.add.push(add_of(&write_ledger(batch, &changed)?, batch.options.now));
    }
    Ok((change, summary))
}
