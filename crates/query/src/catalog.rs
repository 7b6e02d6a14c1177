//! What names mean in SQL: the store's tables, and views that are planned when first asked for (planning them all would slow every start).

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use backtrail_model::tables::Table;
use backtrail_store::StoreSnapshot;
use datafusion::catalog::view::ViewTable;
use datafusion::catalog::{CatalogProvider, MemoryCatalogProvider, SchemaProvider, TableProvider};
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::TableType;
use tokio::sync::OnceCell;

use crate::session::Engine;
use crate::table::StoreTable;
use crate::views::{self, View};

/// Catalog and schema the tables are in; nobody needs to type them.
pub(crate) const CATALOG: &str = "backtrail";
/// See [`CATALOG`].
pub(crate) const SCHEMA: &str = "store";

/// A catalog with one schema.
pub(crate) fn catalog(schema: Arc<dyn SchemaProvider>) -> Result<Arc<dyn CatalogProvider>> {
    let catalog = MemoryCatalogProvider::new();
    catalog.register_schema(SCHEMA, schema)?;
    Ok(Arc::new(catalog))
}

/// Tables and views by name.
pub(crate) struct StoreSchema {
    snapshot: StoreSnapshot,
    tables: Vec<(Table, OnceCell<Arc<StoreTable>>)>,
    /// Whether secrets are redacted.
    redacts: bool,
    views: Vec<(View, OnceCell<Arc<ViewTable>>)>,
    /// Where views are planned: over the tables as they are.
    planner: Option<Arc<Engine>>,
}

impl fmt::Debug for StoreSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreSchema").field("tables", &self.tables.len()).field("views", &self.views.len()).finish_non_exhaustive()
    }
}

impl StoreSchema {
    /// The tables alone, as they are.
    pub(crate) fn tables(snapshot: &StoreSnapshot) -> Self {
        let tables = Table::ALL.into_iter().map(|table| (table, OnceCell::new())).collect();
        Self { snapshot: snapshot.clone(), tables, redacts: false, views: Vec::new(), planner: None }
    }

    /// Views that `planner` plans, over tables with or without their secrets.
    pub(crate) fn with_views(snapshot: &StoreSnapshot, redacts: bool, planner: Arc<Engine>) -> Self {
        let views = views::ALL.iter().map(|v| (*v, OnceCell::new())).collect();
        Self { redacts, views, planner: Some(planner), ..Self::tables(snapshot) }
    }

    /// A table over its files, which are looked up when it is first asked for.
    async fn stored(&self, table: Table, cell: &OnceCell<Arc<StoreTable>>) -> Result<Arc<StoreTable>> {
        let made = cell.get_or_try_init(|| async {
            let files = self.snapshot.table(table).await.map_err(|e| DataFusionError::External(Box::new(e)))?;
            Ok::<_, DataFusionError>(Arc::new(StoreTable::new(table, self.snapshot.root(), Arc::clone(&files.files), self.redacts)))
        });
        made.await.cloned()
    }

    async fn view(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let (Some(planner), Some((view, cell))) = (&self.planner, self.views.iter().find(|(v, _)| v.name == name)) else {
            return Ok(None);
        };
        let planned = cell.get_or_try_init(|| async {
            let sql = view.sql();
            let plan = planner.context()?.state().create_logical_plan(&sql).await?;
            Ok::<_, DataFusionError>(Arc::new(ViewTable::new(plan, Some(sql))))
        });
        Ok(Some(Arc::clone(planned.await?) as Arc<dyn TableProvider>))
    }
}

#[async_trait]
impl SchemaProvider for StoreSchema {
    fn table_names(&self) -> Vec<String> {
        let tables = self.tables.iter().map(|(table, _)| table.name());
        let mut names: Vec<String> = tables.chain(self.views.iter().map(|(v, _)| v.name)).map(str::to_owned).collect();
        names.sort_unstable();
        names
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        match self.tables.iter().find(|(table, _)| table.name() == name) {
            Some((table, cell)) => Ok(Some(self.stored(*table, cell).await? as Arc<dyn TableProvider>)),
            None => self.view(name).await,
        }
    }

    async fn table_type(&self, name: &str) -> Result<Option<TableType>> {
        Ok(if self.views.iter().any(|(v, _)| v.name == name) {
            Some(TableType::View)
        } else {
            self.tables.iter().any(|(t, _)| t.name() == name).then_some(TableType::Base)
        })
    }

    fn table_exist(&self, name: &str) -> bool {
        self.tables.iter().any(|(t, _)| t.name() == name) || self.views.iter().any(|(v, _)| v.name == name)
    }
}
