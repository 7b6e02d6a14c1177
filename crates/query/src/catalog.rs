//! What names mean in SQL: the store's tables, and views that are planned when first asked for (planning them all would slow every start).

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use backtrail_model::tables::Table;
use backtrail_store::{DataFile, StoreSnapshot};
use datafusion::catalog::view::ViewTable;
use datafusion::catalog::{CatalogProvider, MemoryCatalogProvider, SchemaProvider, TableProvider};
use datafusion::common::Result;
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::TableType;
use tokio::sync::OnceCell;

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

/// The files of each table, shared by every provider over them.
#[derive(Debug, Clone)]
pub(crate) struct Files(Vec<(Table, Arc<[DataFile]>)>);

impl Files {
    pub(crate) fn of(snapshot: &StoreSnapshot) -> Self {
        Self(Table::ALL.into_iter().map(|t| (t, snapshot.table(t).files.clone().into())).collect())
    }
}

/// Tables and views by name.
pub(crate) struct StoreSchema {
    tables: Vec<(Table, Arc<StoreTable>)>,
    views: Vec<(View, OnceCell<Arc<ViewTable>>)>,
    /// Where views are planned: over the tables as they are.
    planner: Option<SessionContext>,
}

impl fmt::Debug for StoreSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreSchema").field("tables", &self.tables.len()).field("views", &self.views.len()).finish_non_exhaustive()
    }
}

impl StoreSchema {
    /// The tables alone, as they are.
    pub(crate) fn tables(root: &Path, files: &Files) -> Self {
        Self { tables: providers(root, files, false), views: Vec::new(), planner: None }
    }

    /// Views that `planner` plans, over tables with or without their secrets.
    pub(crate) fn with_views(root: &Path, files: &Files, redacts: bool, planner: SessionContext) -> Self {
        let views = views::ALL.iter().map(|v| (*v, OnceCell::new())).collect();
        Self { tables: providers(root, files, redacts), views, planner: Some(planner) }
    }

    async fn view(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let (Some(planner), Some((view, cell))) = (&self.planner, self.views.iter().find(|(v, _)| v.name == name)) else {
            return Ok(None);
        };
        let planned = cell.get_or_try_init(|| async {
            let sql = view.sql();
            let plan = planner.state().create_logical_plan(&sql).await?;
            Ok::<_, datafusion::common::DataFusionError>(Arc::new(ViewTable::new(plan, Some(sql))))
        });
        Ok(Some(Arc::clone(planned.await?) as Arc<dyn TableProvider>))
    }
}

fn providers(root: &Path, files: &Files, redacts: bool) -> Vec<(Table, Arc<StoreTable>)> {
    files.0.iter().map(|(table, files)| (*table, Arc::new(StoreTable::new(*table, root, Arc::clone(files), redacts)))).collect()
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
            Some((_, provider)) => Ok(Some(Arc::clone(provider) as Arc<dyn TableProvider>)),
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
