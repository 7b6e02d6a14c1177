//! The log of one table: made, read at a version, and appended to, by way of the `deltalake` crate.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use backtrail_model::tables::{Column, EVENT_DATE, Kind, Table};
use backtrail_model::time::parse_instant;
use deltalake::DeltaTableError;
use deltalake::kernel::transaction::{CommitBuilder, CommitProperties, TransactionError};
use deltalake::kernel::{Action, Add, DataType, EagerSnapshot, PrimitiveType, Remove, StructField, Transaction};
use deltalake::logstore::LogStoreRef;
use deltalake::operations::create::CreateBuilder;
use deltalake::protocol::{DeltaOperation, SaveMode};
use deltalake::table::state::DeltaTableState;
use futures::TryStreamExt;
use serde::Deserialize;
use url::Url;

use crate::encode::Part;
use crate::error::blocking;
use crate::rewrite::Source;
use crate::{DataFile, Store, StoreError, durable, layout};

/// Application id of the transaction each of our commits carries (Delta protocol, "Transaction Identifiers"), one per table.
const APP_ID: &str = "backtrail";
/// Commits between two checkpoints of a log.
const CHECKPOINT_INTERVAL: &str = "20";

/// A table's log.
#[derive(Debug, Clone)]
pub(crate) struct TableLog {
    table: Table,
    dir: PathBuf,
    store: LogStoreRef,
}

/// A table at a version.
#[derive(Clone)]
pub(crate) struct TableState {
    snapshot: EagerSnapshot,
    pub(crate) files: Vec<LogFile>,
}

/// A data file as the log has it.
#[derive(Debug, Clone)]
pub(crate) struct LogFile {
    /// The action that added it.
    pub(crate) add: Add,
    /// What readers get to know of it.
    pub(crate) data: DataFile,
}

impl LogFile {
    /// To be read.
    pub(crate) fn source(&self, table: Table) -> Source {
        Source { table, path: self.data.path.clone(), rows: self.data.rows }
    }
}

/// Why a commit did not happen.
#[derive(Debug)]
pub(crate) enum CommitError {
    /// Another writer was first.
    Conflict,
    /// Anything else.
    Other(StoreError),
}

impl CommitError {
    /// What is told of a commit that was tried once, under the lock.
    pub(crate) fn of_one_attempt(self, store: &Store) -> StoreError {
        match self {
            Self::Conflict => StoreError::Contended { path: store.root().to_owned(), attempts: 1 },
            Self::Other(e) => e,
        }
    }
}

impl From<StoreError> for CommitError {
    fn from(e: StoreError) -> Self {
        Self::Other(e)
    }
}

/// Files to add and to remove in one commit.
#[derive(Debug, Default)]
pub(crate) struct Change {
    pub(crate) add: Vec<Add>,
    pub(crate) remove: Vec<Add>,
    /// Whether rows changed, rather than only moved between files.
    pub(crate) rearranges_only: bool,
}

impl Change {
    pub(crate) fn is_empty(&self) -> bool {
        self.add.is_empty() && self.remove.is_empty()
    }
}

impl TableState {
    pub(crate) fn version(&self) -> u64 {
        self.snapshot.version()
    }
}

impl TableLog {
    /// The log of a table in the store at `root` (absolute); its directory must exist.
    pub(crate) fn new(root: &Path, table: Table) -> Result<Self, StoreError> {
        let dir = layout::table_dir(root, table);
        let fail = |source| StoreError::Log { action: "open", table: table.name(), path: dir.clone(), source: Box::new(source) };
        let url = Url::from_directory_path(&dir).map_err(|()| fail(DeltaTableError::InvalidTableLocation(dir.display().to_string())))?;
        let store = deltalake::DeltaTableBuilder::from_url(url).and_then(|b| b.build_storage()).map_err(fail)?;
        Ok(Self { table, dir, store })
    }

    /// Makes the table, if it is not there yet.
    pub(crate) async fn create(&self) -> Result<(), StoreError> {
        self.create_log().await?;
        let dir = self.dir.clone();
        blocking(move || durable::flush_log(&dir, 0).and_then(|()| durable::flush_folder(&dir))).await
    }

    async fn create_log(&self) -> Result<(), StoreError> {
        let partition = self.table.is_dated().then_some(EVENT_DATE);
        let fields = self.table.columns().iter().map(field).chain(partition.map(|name| StructField::nullable(name, DataType::STRING)));
        CreateBuilder::new()
            .with_log_store(Arc::clone(&self.store))
            .with_save_mode(SaveMode::Ignore)
            .with_table_name(self.table.name())
            .with_comment(self.table.description())
            .with_columns(fields.collect::<Vec<_>>())
            .with_partition_columns(partition)
            .with_configuration([
                ("delta.checkpointInterval", Some(CHECKPOINT_INTERVAL)),
                ("delta.dataSkippingStatsColumns", Some(crate::encode::log_stats_columns(self.table).join(",").as_str())),
            ])
            .await
            .map(|_| ())
            .map_err(|e| self.fail("make", e))
    }

    /// The table at a version, or at its latest.
    pub(crate) async fn at(&self, version: Option<u64>) -> Result<TableState, StoreError> {
        let snapshot = EagerSnapshot::try_new(self.store.as_ref(), version).await.map_err(|e| self.fail("read", e))?;
        self.state_of(snapshot)
    }

    /// The latest version, known to be `from` at least.
    pub(crate) async fn latest(&self, from: u64) -> Result<u64, StoreError> {
        self.store.get_latest_version(from).await.map_err(|e| self.fail("read", e))
    }

    /// The application transactions a commit carries, by id.
    pub(crate) async fn transactions(&self, state: &TableState, ids: &[String]) -> Result<HashMap<String, i64>, StoreError> {
        let entry = self.store.read_commit_entry(state.version()).await.map_err(|e| self.fail("read", e))?;
        let mut found: HashMap<String, i64> = entry.map(|bytes| transactions_in(&bytes)).unwrap_or_default();
        // Only after a commit that was not ours, or when a checkpoint alone is left, need the whole log be searched.
        for id in ids {
            if !found.contains_key(id)
                && let Some(version) =
                    state.snapshot.transaction_version(self.store.as_ref(), id).await.map_err(|e| self.fail("read", e))?
            {
                found.insert(id.clone(), version);
            }
        }
        Ok(found)
    }

    /// The files the log remembers as removed, and when (milliseconds).
    pub(crate) async fn removed(&self, state: &TableState) -> Result<HashMap<PathBuf, i64>, StoreError> {
        let table = DeltaTableState::new(state.snapshot.clone());
        let tombstones: Vec<_> = table.all_tombstones(self.store.as_ref()).try_collect().await.map_err(|e| self.fail("read", e))?;
        Ok(tombstones.iter().map(|t| (self.dir.join(t.path().as_ref()), t.deletion_timestamp().unwrap_or(0))).collect())
    }

    /// Commits a change on top of `base`, exactly: if anybody committed since, that is a conflict. What it adds, and the commit itself,
    /// are on the disk afterwards.
    pub(crate) async fn commit(
        &self,
        base: &TableState,
        change: Change,
        transactions: Vec<(String, i64)>,
        now: i64,
    ) -> Result<TableState, CommitError> {
        let (dir, names) = (self.dir.clone(), change.add.iter().map(|add| add.path.clone()).collect::<Vec<_>>());
        blocking(move || durable::flush_files(&dir, &names)).await?;
        let data_change = !change.rearranges_only;
        let millis = now / 1000;
        let operation = operation_for(self.table, &change);
        let mut actions: Vec<Action> = change.remove.into_iter().map(|add| Action::Remove(remove_of(add, data_change, millis))).collect();
        actions.extend(change.add.into_iter().map(|add| Action::Add(Add { data_change, ..add })));
        let next = i64::try_from(base.version()).unwrap_or(i64::MAX - 1) + 1;
        let transactions = std::iter::once((APP_ID.to_owned(), next))
            .chain(transactions)
            .map(|(id, version)| Transaction::new_with_last_update(id, version, Some(millis)))
            .collect();
        let properties = CommitProperties::default().with_max_retries(0).with_application_transactions(transactions);
        let done = CommitBuilder::from(properties)
            .with_actions(actions)
            .build(Some(&base.snapshot), Arc::clone(&self.store), operation)
            .await
            .map_err(|e| if is_conflict(&e) { CommitError::Conflict } else { CommitError::Other(self.fail("append to", e)) })?;
        let state = self.state_of(done.snapshot.snapshot().clone())?;
        let (dir, version) = (self.dir.clone(), state.version());
        blocking(move || durable::flush_log(&dir, version)).await?;
        Ok(state)
    }

    fn state_of(&self, snapshot: EagerSnapshot) -> Result<TableState, StoreError> {
        let handler = snapshot.try_log_data().map_err(|e| self.fail("read", e))?;
        let mut files: Vec<LogFile> = handler
            .iter()
            .map(|view| {
                // The only way to the tags and raw partition values without going through Arrow by hand.
                #[allow(deprecated)]
                let add = view.add_action();
                self.file_of(add)
            })
            .collect();
        files.sort_by(|a, b| a.add.path.cmp(&b.add.path));
        Ok(TableState { snapshot, files })
    }

    fn file_of(&self, add: Add) -> LogFile {
        let stats: Stats = add.stats.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let time = |values: &HashMap<String, serde_json::Value>| values.get("event_time").and_then(|v| v.as_str()).and_then(parse_instant);
        let data = DataFile {
            path: self.dir.join(&add.path),
            size: u64::try_from(add.size).unwrap_or(0),
            rows: stats.num_records,
            event_date: add.partition_values.get(EVENT_DATE).cloned().flatten(),
            min_event_time: time(&stats.min_values),
            max_event_time: time(&stats.max_values),
        };
        LogFile { add, data }
    }

    fn fail(&self, action: &'static str, source: DeltaTableError) -> StoreError {
        StoreError::Log { action, table: self.table.name(), path: self.dir.clone(), source: Box::new(source) }
    }
}

impl std::fmt::Debug for TableState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TableState").field("version", &self.version()).field("files", &self.files.len()).finish()
    }
}

/// Statistics as Delta's log has them.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Stats {
    num_records: u64,
    min_values: HashMap<String, serde_json::Value>,
    max_values: HashMap<String, serde_json::Value>,
}

/// The action that adds a file just written.
pub(crate) fn add_of(part: &Part, now: i64) -> Add {
    let date = part.event_date.clone().map(|date| (EVENT_DATE.to_owned(), Some(date)));
    Add {
        path: part.name.clone(),
        partition_values: date.into_iter().collect(),
        size: i64::try_from(part.size).unwrap_or(i64::MAX),
        modification_time: now / 1000,
        data_change: true,
        stats: Some(part.stats.clone()),
        tags: None,
        deletion_vector: None,
        base_row_id: None,
        default_row_commit_version: None,
        clustering_provider: None,
    }
}

fn remove_of(add: Add, data_change: bool, millis: i64) -> Remove {
    Remove {
        path: add.path,
        data_change,
        deletion_timestamp: Some(millis),
        extended_file_metadata: Some(true),
        partition_values: Some(add.partition_values),
        size: Some(add.size),
        tags: add.tags,
        deletion_vector: add.deletion_vector,
        base_row_id: None,
        default_row_commit_version: None,
    }
}

fn operation_for(table: Table, change: &Change) -> DeltaOperation {
    if change.add.is_empty() && !change.remove.is_empty() {
        return DeltaOperation::Delete { predicate: None };
    }
    if change.rearranges_only && !change.is_empty() {
        return DeltaOperation::Optimize {
            predicate: None,
            target_size: i64::try_from(crate::encode::TARGET_FILE_BYTES).unwrap_or(i64::MAX),
        };
    }
    let partition_by = table.is_dated().then(|| vec![EVENT_DATE.to_owned()]);
    DeltaOperation::Write { mode: SaveMode::Append, partition_by, predicate: None }
}

fn field(column: &Column) -> StructField {
    let kind = match column.kind {
        Kind::Text | Kind::Json => PrimitiveType::String,
        Kind::Time => PrimitiveType::Timestamp,
        Kind::Bool => PrimitiveType::Boolean,
        Kind::Int => PrimitiveType::Integer,
        Kind::Long => PrimitiveType::Long,
        Kind::Binary => PrimitiveType::Binary,
    };
    StructField::nullable(column.name, DataType::Primitive(kind)).with_metadata([("comment", column.doc)])
}

fn is_conflict(error: &DeltaTableError) -> bool {
    matches!(
        error,
        DeltaTableError::VersionAlreadyExists(_)
            | DeltaTableError::Transaction {
                source: TransactionError::MaxCommitAttempts(_)
                    | TransactionError::CommitConflict(_)
                    | TransactionError::VersionAlreadyExists(_)
            }
    )
}

/// The `txn` actions of one commit file.
fn transactions_in(bytes: &[u8]) -> HashMap<String, i64> {
    #[derive(Deserialize)]
    struct Line {
        txn: Option<Transaction>,
    }
    bytes
        .split(|b| *b == b'\n')
        .filter(|line| line.starts_with(b"{\"txn\""))
        .filter_map(|line| serde_json::from_slice::<Line>(line).ok()?.txn)
        .map(|txn| (txn.app_id, txn.version))
        .collect()
}
