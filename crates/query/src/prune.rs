//! Which files a scan needs, by what is known of them without opening them: their date and their first and last event time.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, StringArray, StringViewArray, TimestampMicrosecondArray, UInt64Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use backtrail_model::tables::EVENT_DATE;
use backtrail_store::DataFile;
use datafusion::catalog::Session;
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::{Column, DFSchema, Result, ScalarValue};
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{ColumnarValue, Expr};
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;

/// Whether a filter speaks of the partition column only: then it decides about whole files, exactly.
pub(crate) fn is_about_date(filter: &Expr) -> bool {
    let columns = filter.column_refs();
    columns.len() == 1 && columns.iter().all(|c| c.name == EVENT_DATE) && !filter.is_volatile()
}

/// The files that may hold rows fulfilling the filters.
pub(crate) fn files_needed<'a>(
    state: &dyn Session,
    schema: &SchemaRef,
    files: &'a [DataFile],
    filters: &[Expr],
) -> Result<Vec<&'a DataFile>> {
    let (dates, others): (Vec<&Expr>, Vec<&Expr>) = filters.iter().partition(|f| is_about_date(f));
    let mut needed: Vec<&DataFile> = files.iter().collect();
    if let Some(filter) = conjunction(dates.into_iter().cloned()) {
        needed = by_date(state, needed, filter)?;
    }
    if let Some(filter) = conjunction(others.into_iter().cloned()) {
        needed = by_time(state, schema, needed, filter)?;
    }
    Ok(needed)
}

/// Evaluates a filter on the partition values themselves.
fn by_date<'a>(state: &dyn Session, files: Vec<&'a DataFile>, filter: Expr) -> Result<Vec<&'a DataFile>> {
    let schema = Arc::new(Schema::new(vec![Field::new(EVENT_DATE, DataType::Utf8View, true)]));
    let dates: StringViewArray = files.iter().map(|f| f.event_date.as_deref()).collect();
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(dates)])?;
    let predicate = state.create_physical_expr(filter, &DFSchema::try_from(schema)?)?;
    let kept = match predicate.evaluate(&batch)? {
        ColumnarValue::Array(array) => array.as_any().downcast_ref::<BooleanArray>().cloned(),
        ColumnarValue::Scalar(ScalarValue::Boolean(Some(true))) => return Ok(files),
        ColumnarValue::Scalar(_) => return Ok(Vec::new()),
    };
    let Some(kept) = kept else { return Ok(files) };
    Ok(files.into_iter().enumerate().filter(|(i, _)| kept.is_valid(*i) && kept.value(*i)).map(|(_, f)| f).collect())
}

fn by_time<'a>(state: &dyn Session, schema: &SchemaRef, files: Vec<&'a DataFile>, filter: Expr) -> Result<Vec<&'a DataFile>> {
    let predicate = state.create_physical_expr(filter, &DFSchema::try_from(Arc::clone(schema))?)?;
    let Ok(pruning) = PruningPredicateBuilder::new().with_file_schema(Arc::clone(schema)).try_build(predicate) else { return Ok(files) };
    if pruning.always_true() {
        return Ok(files);
    }
    let kept = pruning.prune(&FileStatistics(&files))?;
    Ok(files.into_iter().zip(kept).filter(|(_, keep)| *keep).map(|(f, _)| f).collect())
}

/// What is known of files, for the pruning predicate.
struct FileStatistics<'a, 'b>(&'a [&'b DataFile]);

impl FileStatistics<'_, '_> {
    fn bound(&self, column: &Column, time: impl Fn(&DataFile) -> Option<i64>) -> Option<ArrayRef> {
        match column.name.as_str() {
            "event_time" => {
                let times: TimestampMicrosecondArray = self.0.iter().map(|f| time(f)).collect();
                Some(Arc::new(times.with_timezone("UTC")))
            }
            EVENT_DATE => {
                let dates: StringArray = self.0.iter().map(|f| f.event_date.as_deref()).collect();
                Some(Arc::new(dates))
            }
            _ => None,
        }
    }
}

impl PruningStatistics for FileStatistics<'_, '_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.bound(column, |f| f.min_event_time)
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.bound(column, |f| f.max_event_time)
    }

    fn num_containers(&self) -> usize {
        self.0.len()
    }

    /// A file whose event times have no least value has none at all; how many are missing elsewhere is not known.
    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        if column.name != "event_time" {
            return None;
        }
        let nulls: UInt64Array = self.0.iter().map(|f| f.min_event_time.is_none().then_some(f.rows)).collect();
        Some(Arc::new(nulls))
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        let rows: UInt64Array = self.0.iter().map(|f| Some(f.rows)).collect();
        Some(Arc::new(rows))
    }

    fn contained(&self, _column: &Column, _values: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}
