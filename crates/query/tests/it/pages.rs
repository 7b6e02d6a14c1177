//! `docs/reference/schema.md` is what the code says it is (`UPDATE_DOCS=1` writes it anew).

use std::fs;
use std::path::Path;

use crate::questions::empty_session;

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_tables_is_the_schema() {
    let (_folder, session) = empty_session().await;
    let rendered = backtrail_query::schema_reference(&session).await.expect("the page");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/schema.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &rendered).expect("the page is written");
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == rendered, "docs/reference/schema.md is stale: run UPDATE_DOCS=1 cargo test -p backtrail-query");
}
