//! What a session can reach: the files under the store's directory, and nothing else.

use std::path::Path;
use std::sync::Arc;

use datafusion::common::{DataFusionError, Result};
use datafusion::execution::object_store::{ObjectStoreRegistry, ObjectStoreUrl};
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use url::Url;

/// Under which the store's directory is known inside a session.
pub(crate) const STORE_URL: &str = "backtrail://store";

/// The store's URL as the scans use it.
pub(crate) fn store_url() -> Result<ObjectStoreUrl> {
    ObjectStoreUrl::parse(STORE_URL)
}

/// A registry with a single entry that cannot be added to. DataFusion's own would open any path and any URL.
#[derive(Debug)]
pub(crate) struct StoreOnly {
    store: Arc<dyn ObjectStore>,
}

impl StoreOnly {
    pub(crate) fn new(root: &Path) -> Result<Self> {
        let store = LocalFileSystem::new_with_prefix(root).map_err(|e| DataFusionError::ObjectStore(Box::new(e)))?;
        Ok(Self { store: Arc::new(store) })
    }
}

impl ObjectStoreRegistry for StoreOnly {
    fn register_store(&self, _url: &Url, _store: Arc<dyn ObjectStore>) -> Option<Arc<dyn ObjectStore>> {
        None
    }

    fn get_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        if url.scheme() == "backtrail" {
            return Ok(Arc::clone(&self.store));
        }
        Err(DataFusionError::Plan(format!("`{url}` is outside the store; only its tables can be read")))
    }
}
