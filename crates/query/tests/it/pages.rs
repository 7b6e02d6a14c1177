//! The pages of `docs/reference` that are written from the code are what it says (`UPDATE_DOCS=1` writes them anew).

use std::fs;
use std::path::Path;

use crate::questions::empty_session;

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_tables_is_the_schema() {
    let (_folder, session) = empty_session().await;
    hold("schema.md", &backtrail_query::schema_reference(&session).await.expect("the page"));
}

#[test]
fn the_page_of_resources_is_the_table_of_rules() {
    hold("resources.md", &backtrail_query::resources_reference());
}

fn hold(page: &str, rendered: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference").join(page);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, rendered).expect("the page is written");
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == rendered, "docs/reference/{page} is stale: run UPDATE_DOCS=1 cargo test -p backtrail-query");
}
