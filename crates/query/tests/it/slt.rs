//! SQL is tested with SQL: each file of `tests/slt` is asked over the bundled incident, as a user would, in a session of its own.
//!
//! `UPDATE_SLT=1` writes down what is answered. It is to be read before it is kept: every file says where its numbers come from.

use std::fs;
use std::path::{Path, PathBuf};

use backtrail_query::{QueryError, Session};
use backtrail_store::Store;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use futures::TryStreamExt;
use sqllogictest::{DB, DBOutput, DefaultColumnType, Runner};
use tokio::runtime::Handle;

use crate::kit::{incident, runtime, session};

#[test]
fn every_file_of_questions_is_answered_as_written() {
    let (folder, runtime) = (tempfile::tempdir().expect("a folder"), runtime());
    let store = incident(&folder.path().join("store"), runtime.handle());
    let files = files();
    assert!(files.len() > 10, "only {} files were found", files.len());
    let wrong: Vec<String> = files.iter().filter_map(|file| run(file, &store, runtime.handle()).err()).collect();
    assert!(wrong.is_empty(), "\n{}\n(`UPDATE_SLT=1` writes down what is answered)", wrong.join("\n\n"));
}

#[test]
fn a_wrong_answer_is_noticed() {
    let (folder, runtime) = (tempfile::tempdir().expect("a folder"), runtime());
    let store = runtime.block_on(Store::open_or_create(&folder.path().join("store"))).expect("a store");
    let handle = runtime.handle().clone();
    let check = |script: &str| runner(&store, &handle).run_script(script).map_err(|e| e.to_string());
    assert_eq!(check("query IT\nSELECT 1, 'a'\n----\n1 a\n"), Ok(()));
    for wrong in ["query I\nSELECT 1\n----\n2\n", "query T\nSELECT 1\n----\n1\n", "query I\nSELECT 1 WHERE false\n----\n1\n"] {
        check(wrong).expect_err(wrong);
    }
    check("query error is not allowed\nSELECT 1\n").expect_err("an error that did not come");
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slt");
    let entries = fs::read_dir(folder).expect("the folder").map(|e| e.expect("an entry").path());
    let mut files: Vec<_> = entries.filter(|p| p.extension().is_some_and(|e| e == "slt")).collect();
    files.sort();
    files
}

fn runner(store: &Store, runtime: &Handle) -> Runner<User, impl sqllogictest::MakeConnection<Conn = User>> {
    let mut runner = Runner::new(|| {
        let user = User { session: runtime.block_on(session(store)), runtime: runtime.clone() };
        async { Ok(user) }
    });
    runner.with_column_validator(sqllogictest::strict_column_validator);
    runner
}

fn run(file: &Path, store: &Store, runtime: &Handle) -> Result<(), String> {
    let mut runner = runner(store, runtime);
    if std::env::var_os("UPDATE_SLT").is_some() {
        let (values, types) = (sqllogictest::default_validator, sqllogictest::strict_column_validator);
        let update = runner.update_test_file(file, " ", values, sqllogictest::default_normalizer, types);
        return futures::executor::block_on(update).map_err(|e| e.to_string());
    }
    runner.run_file(file).map_err(|e| e.display(false).to_string())
}

/// Somebody who types.
struct User {
    session: Session,
    runtime: Handle,
}

impl DB for User {
    type Error = QueryError;
    type ColumnType = DefaultColumnType;

    fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, QueryError> {
        self.runtime.block_on(async {
            let rows = self.session.sql(sql, &[]).await?;
            let types = rows.schema().fields().iter().map(|f| column_type(f.data_type())).collect();
            let batches: Vec<RecordBatch> = rows.try_collect().await.map_err(QueryError::engine)?;
            Ok(DBOutput::Rows { types, rows: batches.iter().flat_map(lines).collect() })
        })
    }
}

fn column_type(data_type: &DataType) -> DefaultColumnType {
    match data_type {
        kind if kind.is_integer() => DefaultColumnType::Integer,
        kind if kind.is_floating() => DefaultColumnType::FloatingPoint,
        _ => DefaultColumnType::Text,
    }
}

/// Cells as they are written in the files: nothing that is shown is empty, and none has a line break.
fn lines(batch: &RecordBatch) -> Vec<Vec<String>> {
    let options = FormatOptions::new().with_null("NULL");
    let columns: Vec<_> = batch.columns().iter().map(|c| ArrayFormatter::try_new(c.as_ref(), &options).expect("a formatter")).collect();
    let cell = |column: &ArrayFormatter<'_>, row| match column.value(row).to_string() {
        empty if empty.is_empty() => "(empty)".to_owned(),
        text => text.replace('\n', "\\n"),
    };
    (0..batch.num_rows()).map(|row| columns.iter().map(|c| cell(c, row)).collect()).collect()
}
