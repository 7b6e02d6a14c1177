//! The one place that makes a `SessionContext`. Every option that is not DataFusion's default says why.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use backtrail_store::{Store, StoreSnapshot};
use datafusion::catalog::SchemaProvider;
use datafusion::common::Result;
use datafusion::common::config::Dialect;
use datafusion::dataframe::DataFrame;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::context::{SQLOptions, SessionConfig, SessionContext};
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::LogicalPlan;

use crate::catalog::{CATALOG, SCHEMA, StoreSchema, catalog};
use crate::diagnose::Names;
use crate::json_text::unions_as_text;
use crate::store_reach::StoreOnly;
use crate::{QueryError, diagnose, functions, gate, lines, parameters};

/// How much machine a session may use.
#[derive(Debug, Clone)]
pub struct SessionOptions {
    /// Bytes that sorts, joins and aggregations may hold before they spill.
    pub memory_budget: usize,
    /// Threads a query runs on.
    pub threads: usize,
    /// Where it spills to.
    pub spill_dir: PathBuf,
}

/// Footers kept: those of a thousand files.
const FOOTER_BYTES: usize = 160 << 20;

/// A query session over a store, at one moment: what is ingested meanwhile is seen by the next session.
pub struct Session {
    trusted: Engine,
    user: Engine,
    names: Arc<StoreSchema>,
    snapshot: StoreSnapshot,
}

/// A context, made when it is first asked for: each knows some three hundred functions, and most questions need one of the three.
pub(crate) struct Engine {
    options: SessionOptions,
    runtime: Arc<RuntimeEnv>,
    schema: Arc<dyn SchemaProvider>,
    made: OnceLock<SessionContext>,
}

impl Engine {
    fn new(options: &SessionOptions, runtime: &Arc<RuntimeEnv>, schema: Arc<dyn SchemaProvider>) -> Self {
        Self { options: options.clone(), runtime: Arc::clone(runtime), schema, made: OnceLock::new() }
    }

    pub(crate) fn context(&self) -> Result<&SessionContext> {
        if let Some(made) = self.made.get() {
            return Ok(made);
        }
        let made = context(&self.options, &self.runtime, Arc::clone(&self.schema))?;
        Ok(self.made.get_or_init(|| made))
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("names", &self.names).finish_non_exhaustive()
    }
}

impl Session {
    /// Opens a session over the store as it is now.
    ///
    /// # Errors
    /// `Store` where the store cannot be read, `Engine` where memory and files cannot be set up.
    pub async fn open(store: &Store, options: &SessionOptions) -> Result<Self, QueryError> {
        let snapshot = store.snapshot().await?;
        let runtime = runtime(store, options).map_err(QueryError::engine)?;
        let engine = |schema: Arc<dyn SchemaProvider>| Engine::new(options, &runtime, schema);
        // Views are planned over tables without views.
        let planner = Arc::new(engine(Arc::new(StoreSchema::tables(&snapshot))));
        let trusted = engine(Arc::new(StoreSchema::with_views(&snapshot, false, Arc::clone(&planner))));
        let names = Arc::new(StoreSchema::with_views(&snapshot, true, planner));
        let user = engine(Arc::clone(&names) as Arc<dyn SchemaProvider>);
        Ok(Self { trusted, user, names, snapshot })
    }

    /// Answers one statement a user typed. It can only read; secrets outside `raw` are redacted; values of `$name` are bound.
    ///
    /// # Errors
    /// `Sql` with the place of the mistake, `NotAllowed` for what is not a query, `Parameter` for a missing or unfitting value.
    pub async fn sql(&self, text: &str, parameters: &[(String, String)]) -> Result<SendableRecordBatchStream, QueryError> {
        let plan = self.plan(text, parameters).await?;
        let is_explained = matches!(plan, LogicalPlan::Explain(_) | LogicalPlan::Analyze(_));
        let frame = DataFrame::new(self.user()?.state(), plan);
        match frame.execute_stream().await {
            Ok(stream) if is_explained => Ok(lines::marked(stream)),
            Ok(stream) => Ok(stream),
            // Some mistakes are found only once types are known.
            Err(error) => Err(self.diagnose(text, error)),
        }
    }

    async fn plan(&self, text: &str, parameters: &[(String, String)]) -> Result<LogicalPlan, QueryError> {
        let mut statement = gate::admit(text)?;
        parameters::tell_texts(&mut statement);
        let plan = match self.user()?.state().statement_to_plan(statement).await {
            Ok(plan) => plan,
            Err(error) => return Err(self.diagnose(text, error)),
        };
        let bound = parameters::bind(plan, parameters)?.map_err(|error| self.diagnose(text, error))?;
        // What the gate reads off the text is checked once more on the plan.
        let read_only = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        read_only.verify_plan(&bound).map_err(|_refused| QueryError::NotAllowed(gate::ALLOWED.to_owned()))?;
        unions_as_text(bound).map_err(QueryError::engine)
    }

    fn diagnose(&self, text: &str, error: datafusion::common::DataFusionError) -> QueryError {
        match self.known_names() {
            Ok(names) => diagnose::diagnose(text, error, &names),
            Err(error) => error,
        }
    }

    fn known_names(&self) -> Result<Names, QueryError> {
        Ok(Names { tables: self.tables(), functions: self.functions()?, table_functions: self.table_functions()? })
    }

    /// A table or view as it is, secrets included: for code that redacts what it shows.
    ///
    /// # Errors
    /// `Engine` where there is no such table.
    pub async fn table(&self, name: &str) -> Result<DataFrame, QueryError> {
        self.context()?.table(name).await.map_err(QueryError::engine)
    }

    /// The engine's context over the tables as they are, for code that redacts what it shows.
    ///
    /// # Errors
    /// `Engine` where it cannot be set up.
    pub fn context(&self) -> Result<&SessionContext, QueryError> {
        self.trusted.context().map_err(QueryError::engine)
    }

    fn user(&self) -> Result<&SessionContext, QueryError> {
        self.user.context().map_err(QueryError::engine)
    }

    /// The files this session reads.
    #[must_use]
    pub fn snapshot(&self) -> &StoreSnapshot {
        &self.snapshot
    }

    /// Names of tables and views.
    #[must_use]
    pub fn tables(&self) -> Vec<String> {
        self.names.table_names()
    }

    /// Names of the columns of a table or view; none where there is no such table.
    pub async fn columns(&self, table: &str) -> Vec<String> {
        match self.names.table(table).await {
            Ok(Some(provider)) => provider.schema().fields().iter().map(|f| f.name().clone()).collect(),
            Ok(None) | Err(_) => Vec::new(),
        }
    }

    /// Names of all functions.
    ///
    /// # Errors
    /// `Engine` where it cannot be set up.
    pub fn functions(&self) -> Result<Vec<String>, QueryError> {
        let state = self.user()?.state_ref();
        let state = state.read();
        let scalar = state.scalar_functions().keys();
        let mut names: Vec<String> =
            scalar.chain(state.aggregate_functions().keys()).chain(state.window_functions().keys()).cloned().collect();
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    /// Names of the functions that make rows.
    ///
    /// # Errors
    /// `Engine` where it cannot be set up.
    pub fn table_functions(&self) -> Result<Vec<String>, QueryError> {
        let mut names: Vec<String> = self.user()?.state_ref().read().table_functions().keys().cloned().collect();
        names.sort_unstable();
        Ok(names)
    }
}

/// Memory, spilling and files, shared by both contexts.
fn runtime(store: &Store, options: &SessionOptions) -> Result<Arc<RuntimeEnv>> {
    let spill = DiskManagerBuilder::default().with_mode(DiskManagerMode::Directories(vec![options.spill_dir.clone()]));
    RuntimeEnvBuilder::new()
        // Every operator that can spill gets its share, so that one sort cannot starve the other thread's.
        .with_memory_pool(Arc::new(FairSpillPool::new(options.memory_budget)))
        .with_disk_manager_builder(spill)
        .with_object_store_registry(Arc::new(StoreOnly::new(store.root())?))
        .with_metadata_cache_limit(FOOTER_BYTES)
        .build_arc()
}

fn context(options: &SessionOptions, runtime: &Arc<RuntimeEnv>, schema: Arc<dyn SchemaProvider>) -> Result<SessionContext> {
    let state = SessionStateBuilder::new_with_default_features()
        .with_config(config(options))
        .with_runtime_env(Arc::clone(runtime))
        // `SELECT * FROM 'file.parquet'` and functions that make tables of files are not for a forensic store.
        .with_table_factories(Default::default())
        .with_file_formats(Vec::new())
        .build();
    let mut context = SessionContext::new_with_state(state);
    functions::register(&mut context)?;
    context.register_catalog(CATALOG, catalog(schema)?);
    Ok(context)
}

fn config(options: &SessionOptions) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_target_partitions(options.threads.max(1))
        .with_default_catalog_and_schema(CATALOG, SCHEMA)
        // The catalog is ours, with tables that are there already.
        .with_create_default_catalog_and_schema(false)
        // For SHOW TABLES, SHOW COLUMNS and DESCRIBE.
        .with_information_schema(true);
    let all = config.options_mut();
    // `->` and `->>` bind tighter than `=`, as analysts know them from PostgreSQL.
    all.sql_parser.dialect = Dialect::PostgreSQL;
    // `now()` and `timestamptz '…'` are instants like those of the tables, so that AT TIME ZONE turns them into local time instead of taking them for it.
    all.execution.time_zone = Some("UTC".to_owned());
    // Errors point at their place.
    all.sql_parser.collect_spans = true;
    let parquet = &mut all.execution.parquet;
    // A filter is evaluated while decoding: the wide JSON columns of rows that fail it are never decompressed.
    parquet.pushdown_filters = true;
    parquet.reorder_filters = true;
    config
}
