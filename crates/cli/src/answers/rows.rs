//! Items as rows, for CSV and Parquet: one column for each thing said, lists joined by a space.

use std::io::Write;
use std::marker::PhantomData;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use backtrail_timeline::{CallerInterface, Covered, Item, Present, Values};

use super::{mover_labels, mover_refs};
use crate::args::Format;
use crate::output::{self, BatchWriter};

/// Rows in a batch.
const BATCH: usize = 8_192;

/// An item that can be a row.
pub(crate) trait Flat {
    /// Names of its columns.
    const COLUMNS: &'static [&'static str];
    /// Its cells.
    fn cells(&self) -> Vec<Option<String>>;
}

/// Gathers items into batches.
pub(crate) struct RowWriter<T> {
    writer: Box<dyn BatchWriter>,
    schema: SchemaRef,
    columns: Vec<StringBuilder>,
    rows: usize,
    items: PhantomData<fn(T)>,
}

impl<T: Flat> RowWriter<T> {
    pub(crate) fn new(format: Format, out: Box<dyn Write + Send>) -> anyhow::Result<Self> {
        let schema = Arc::new(Schema::new(T::COLUMNS.iter().map(|n| Field::new(*n, DataType::Utf8, true)).collect::<Vec<_>>()));
        let columns = T::COLUMNS.iter().map(|_| StringBuilder::new()).collect();
        Ok(Self { writer: output::writer(format, &schema, out, None)?, schema, columns, rows: 0, items: PhantomData })
    }

    pub(crate) fn add(&mut self, item: &T) -> anyhow::Result<()> {
        for (column, cell) in self.columns.iter_mut().zip(item.cells()) {
            column.append_option(cell);
        }
        self.rows += 1;
        if self.rows >= BATCH { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        if self.rows > 0 {
            let columns = self.columns.iter_mut().map(|c| Arc::new(c.finish()) as ArrayRef).collect();
            self.writer.write(&RecordBatch::try_new(Arc::clone(&self.schema), columns)?)?;
            self.rows = 0;
        }
        Ok(())
    }

    pub(crate) fn finish(mut self) -> anyhow::Result<()> {
        self.flush()?;
        self.writer.finish()
    }
}

impl Flat for Item {
    const COLUMNS: &'static [&'static str] = &[
        "event_time",
        "actor_kind",
        "actor",
        "actor_arn",
        "chain_strength",
        "chain_refs",
        "missing",
        "principal_kind",
        "principal",
        "principal_arn",
        "access_key_id",
        "outcome",
        "attempt",
        "summary",
        "event_source",
        "event_name",
        "network_class",
        "error_code",
        "resources",
        "source_ip_address",
        "user_agent",
        "account",
        "region",
        "refs",
        "late",
        "updates",
        "updated_by",
        "part_of",
        "service",
        "set_in_motion_by",
        "set_in_motion_refs",
        "relation",
        "relation_why",
        "relation_refs",
        "source_identity",
        "from_console",
        "mfa",
        "source_interfaces",
    ];

    fn cells(&self) -> Vec<Option<String>> {
        let updated_by: Vec<&str> = self.updated_by.iter().map(|u| u.reference.as_str()).collect();
        let chain: Vec<&str> = self.actor.chain.iter().flat_map(|s| &s.refs).map(String::as_str).collect();
        let arns: Vec<&str> = self.resources.iter().map(|r| r.arn.as_str()).collect();
        vec![
            self.event_time.clone(),
            Some(self.actor.origin.kind.as_str().to_owned()),
            Some(self.actor.label()),
            self.actor.origin.arn.clone(),
            self.actor.strength.map(|s| s.as_str().to_owned()),
            Some(chain.join(" ")),
            self.actor.missing.as_ref().map(|m| m.text.clone()),
            Some(self.principal.kind.as_str().to_owned()),
            Some(self.principal.label()),
            self.principal.arn.clone(),
            self.principal.access_key_id.clone(),
            Some(self.outcome.as_str().to_owned()),
            Some(self.attempt.to_string()),
            Some(self.summary.clone()),
            self.event_source.clone(),
            self.event_name.clone(),
            self.network_class.map(|c| c.to_string()),
            self.error_code.clone(),
            Some(arns.join(" ")),
            self.source_ip_address.clone(),
            self.user_agent.clone(),
            self.account.clone(),
            self.region.clone(),
            Some(self.refs.join(" ")),
            Some(self.late.to_string()),
            self.addendum.as_ref().and_then(|a| a.original_event_id.clone()),
            Some(updated_by.join(" ")),
            self.part_of.clone(),
            self.actor.service.clone(),
            mover_labels(&self.actor.set_in_motion_by),
            mover_refs(&self.actor.set_in_motion_by),
            self.relation.as_ref().map(|r| r.rank.as_str().to_owned()),
            self.relation.as_ref().map(|r| r.why.clone()),
            self.relation.as_ref().map(|r| r.refs.join(" ")),
            self.actor.origin.source_identity.clone(),
            // Empty where the record does not say.
            self.principal.from_console.map(|b| b.to_string()),
            self.principal.mfa.map(|b| b.to_string()),
            joined_holders(self.source_interfaces.iter().filter_map(CallerInterface::holder)),
        ]
    }
}

/// The workloads that had the addresses calls came from, each once.
fn joined_holders<'h>(holders: impl Iterator<Item = &'h str>) -> Option<String> {
    let mut words: Vec<&str> = Vec::new();
    holders.for_each(|holder| words.extend((!words.contains(&holder)).then_some(holder)));
    (!words.is_empty()).then(|| words.join(" "))
}

fn joined(values: &Values) -> Option<String> {
    Some(values.top.iter().map(|c| c.value.as_str()).collect::<Vec<_>>().join(" "))
}

impl Flat for Present {
    const COLUMNS: &'static [&'static str] = &[
        "event_time",
        "last_event_time",
        "first_in_store",
        "last_in_store",
        "comparison",
        "marks",
        "actor_kind",
        "actor",
        "actor_arn",
        "principals",
        "events",
        "changes",
        "attempts",
        "ok",
        "denied",
        "failed",
        "addresses",
        "keys",
        "regions",
        "refs",
        "source_identities",
        "source_interfaces",
    ];

    fn cells(&self) -> Vec<Option<String>> {
        let outcome = |word: &str| Some(self.outcomes.get(word).copied().unwrap_or(0).to_string());
        vec![
            self.event_time.clone(),
            self.last_event_time.clone(),
            self.in_store.first_event_time.clone(),
            self.in_store.last_event_time.clone(),
            Some(self.compared.comparison.as_str().to_owned()),
            // How many of each kind: what is marked may hold blanks itself.
            Some(self.mark_counts.iter().map(|(kind, count)| format!("{}={count}", kind.as_str())).collect::<Vec<_>>().join(" ")),
            Some(self.actor.kind.as_str().to_owned()),
            Some(self.actor.name.clone()),
            self.actor.arn.clone(),
            joined(&self.principals),
            Some(self.events.to_string()),
            Some(self.changes.to_string()),
            Some(self.attempts.to_string()),
            outcome("ok"),
            outcome("denied"),
            outcome("failed"),
            joined(&self.addresses),
            joined(&self.keys),
            joined(&self.regions),
            Some(self.refs.join(" ")),
            joined(&self.source_identities),
            joined_holders(self.source_interfaces.top.iter().filter_map(|one| one.held.holder())),
        ]
    }
}

impl Flat for Covered {
    const COLUMNS: &'static [&'static str] =
        &["account", "region", "source", "events", "hours", "empty_hours", "first_event_time", "last_event_time"];

    fn cells(&self) -> Vec<Option<String>> {
        let seen = &self.seen;
        vec![
            Some(seen.account.clone()),
            Some(seen.region.clone()),
            Some(seen.source.as_str().to_owned()),
            Some(seen.events.to_string()),
            Some(seen.hours.to_string()),
            Some(seen.empty_hours.to_string()),
            Some(seen.first_event_time.clone()),
            Some(seen.last_event_time.clone()),
        ]
    }
}
