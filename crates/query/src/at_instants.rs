//! Rows at known instants: which rows of a file they are is found by its times alone, before the engine opens it, so that nothing of any other row
//! is decoded or compared.

use std::any::Any;
use std::fs::File;
use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

use arrow_array::builder::BooleanBufferBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, BooleanArray, TimestampMicrosecondArray};
use arrow_schema::{DataType, TimeUnit};
use datafusion::common::{Result, exec_err};
use datafusion::datasource::physical_plan::parquet::{ParquetAccessPlan, RowGroupAccess};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, col};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::page_index::column_index::ColumnIndexMetaData;

const COLUMN: &str = "event_time";
/// So many instants are found by their place: rows of more stand so close together that they are found as all others are.
pub const MOST_BY_PLACE: usize = 10_000;

/// A condition that rows of these instants fulfil, microseconds UTC, and no others.
#[must_use]
pub fn at_instants(known: impl IntoIterator<Item = i64>) -> Expr {
    let mut known: Vec<i64> = known.into_iter().collect();
    known.sort_unstable();
    known.dedup();
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let signature = Signature::exact(vec![time], Volatility::Immutable);
    ScalarUDF::new_from_impl(AtInstants { known: Arc::new(Instants(known)), signature }).call(vec![col(COLUMN)])
}

/// The instants that filters which must all hold ask for, if one of them does.
pub(crate) fn instants_of(filters: &[Expr]) -> Option<Arc<Instants>> {
    let parts = filters.iter().flat_map(split_conjunction);
    let calls = parts.filter_map(|part| if let Expr::ScalarFunction(call) = part { Some(call) } else { None });
    let known = calls.filter_map(|call| {
        let function: &dyn Any = call.func.inner().as_ref();
        function.downcast_ref::<AtInstants>().map(|at| Arc::clone(&at.known))
    });
    known.filter(|known| known.0.len() <= MOST_BY_PLACE).min_by_key(|known| known.0.len())
}

/// Instants in order, each once.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Instants(Vec<i64>);

impl Instants {
    /// Whether one lies between the first and the last time of a file.
    pub(crate) fn may_be_between(&self, first: Option<i64>, last: Option<i64>) -> bool {
        let (Some(first), Some(last)) = (first, last) else { return true };
        self.0.get(self.0.partition_point(|known| *known < first)).is_some_and(|known| *known <= last)
    }

    /// The rows of a file that are of one of the instants; `None` where none is.
    pub(crate) fn rows_of(
        &self,
        footer: &Arc<ParquetMetaData>,
        file: &File,
    ) -> std::result::Result<Option<ParquetAccessPlan>, ParquetError> {
        let metadata = ArrowReaderMetadata::try_new(Arc::clone(footer), ArrowReaderOptions::new())?;
        let mut groups = Vec::new();
        for (at, group) in footer.row_groups().iter().enumerate() {
            let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file.try_clone()?, metadata.clone());
            let mask = ProjectionMask::columns(builder.parquet_schema(), [COLUMN]);
            let rows = usize::try_from(group.num_rows()).unwrap_or(0);
            let near = self.pages_near(footer, at, rows).unwrap_or_else(|| std::iter::once(0..rows).collect());
            let mut numbers = near.iter().cloned().flatten();
            let selection = RowSelection::from_consecutive_ranges(near.iter().cloned(), rows);
            let builder = builder.with_row_groups(vec![at]).with_projection(mask).with_row_selection(selection);
            let mut found = Vec::new();
            for batch in builder.with_batch_size(rows.max(1)).build()? {
                let batch = batch?;
                let times = batch.columns().first().and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>());
                let Some(times) = times else { return Err(ParquetError::General(format!("{COLUMN} is no column of times"))) };
                let numbers: Vec<usize> = numbers.by_ref().take(times.len()).collect();
                found.extend(self.rows_in(times).map(|row| numbers[row]..numbers[row] + 1));
            }
            groups.push(access(found, rows));
        }
        let is_any = groups.iter().any(RowGroupAccess::should_scan);
        Ok(is_any.then(|| ParquetAccessPlan::new(groups)))
    }

    /// The rows of the pages of a row group that may have one of the instants, as its index of pages says; `None` where it has none.
    fn pages_near(&self, footer: &ParquetMetaData, group: usize, rows: usize) -> Option<Vec<Range<usize>>> {
        let column = footer.row_group(group).columns().iter().position(|column| column.column_path().parts() == [COLUMN])?;
        let ColumnIndexMetaData::INT64(times) = footer.column_index()?.get(group)?.get(column)? else { return None };
        let pages = footer.offset_index()?.get(group)?.get(column)?.page_locations();
        if pages.len() != usize::try_from(times.num_pages()).ok()? {
            return None;
        }
        let begins = pages.iter().map(|page| usize::try_from(page.first_row_index).ok()).collect::<Option<Vec<_>>>()?;
        let ends = begins.iter().skip(1).copied().chain([rows]);
        let is_near =
            |page: usize| !times.is_null_page(page) && self.may_be_between(times.min_value(page).copied(), times.max_value(page).copied());
        Some(begins.iter().copied().zip(ends).enumerate().filter(|(page, _)| is_near(*page)).map(|(_, (from, to))| from..to).collect())
    }

    /// The rows of these times; fast where they are in order, as they are in a file.
    fn rows_in<'t>(&'t self, times: &'t TimestampMicrosecondArray) -> impl Iterator<Item = usize> + 't {
        let (known, mut at, mut last) = (&self.0, 0, i64::MIN);
        (0..times.len()).filter(move |row| {
            if times.is_null(*row) {
                return false;
            }
            let time = times.value(*row);
            if time < last {
                at = 0;
            }
            last = time;
            if known.get(at).is_some_and(|known| *known < time) {
                at += known[at..].partition_point(|known| *known < time);
            }
            known.get(at) == Some(&time)
        })
    }
}

fn access(found: Vec<Range<usize>>, rows: usize) -> RowGroupAccess {
    if found.is_empty() {
        return RowGroupAccess::Skip;
    }
    RowGroupAccess::Selection(RowSelection::from_consecutive_ranges(found.into_iter(), rows))
}

/// The condition as a function, for rows that were not found by their place.
#[derive(Debug)]
struct AtInstants {
    known: Arc<Instants>,
    signature: Signature,
}

impl PartialEq for AtInstants {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.known, &other.known) || self.known == other.known
    }
}

impl Eq for AtInstants {}

impl Hash for AtInstants {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.known.0.len(), self.known.0.first(), self.known.0.last()).hash(state);
    }
}

impl ScalarUDFImpl for AtInstants {
    fn name(&self) -> &'static str {
        "at_instants"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&arguments.args)?;
        let Some(times) = arrays.first().and_then(|array| array.as_primitive_opt::<TimestampMicrosecondType>()) else {
            return exec_err!("at_instants() takes a time");
        };
        let mut decided = BooleanBufferBuilder::new(times.len());
        decided.append_n(times.len(), false);
        self.known.rows_in(times).for_each(|row| decided.set_bit(row, true));
        Ok(ColumnarValue::Array(Arc::new(BooleanArray::new(decided.finish(), None))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{ArrayRef, RecordBatch};
    use datafusion::logical_expr::lit;
    use parquet::arrow::ArrowWriter;
    use parquet::file::metadata::{PageIndexPolicy, ParquetMetaDataReader};
    use parquet::file::properties::{EnabledStatistics, WriterProperties};

    #[test]
    fn rows_of_the_instants_in_any_order_of_times() {
        let known = Instants(vec![2, 5, 9]);
        let rows = |times: &[Option<i64>]| known.rows_in(&TimestampMicrosecondArray::from(times.to_vec())).collect::<Vec<_>>();
        assert_eq!(rows(&[Some(1), Some(2), Some(2), Some(3), Some(5), Some(8), Some(10)]), [1, 2, 4]);
        assert_eq!(rows(&[Some(9), Some(2), None, Some(5), Some(1), Some(5)]), [0, 1, 3, 5]);
        assert!(rows(&[None, Some(0), Some(11)]).is_empty());
        let between = |first, last| known.may_be_between(Some(first), Some(last));
        assert!(between(5, 5) && between(3, 8) && between(0, 2) && !between(3, 4) && !between(10, 11));
        assert!(known.may_be_between(None, None), "a file of unknown times may hold any");
    }

    /// The rows of a file of these times, in pages of three and row groups of ten, that are of some instants.
    fn rows_of(times: &[Option<i64>], known: &[i64]) -> Vec<usize> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.parquet");
        let properties = WriterProperties::builder()
            .set_data_page_row_count_limit(3)
            .set_write_batch_size(3)
            .set_dictionary_enabled(false)
            .set_statistics_enabled(EnabledStatistics::Page)
            .set_max_row_group_row_count(Some(10));
        let column = Arc::new(TimestampMicrosecondArray::from(times.to_vec()).with_timezone("UTC")) as ArrayRef;
        let batch = RecordBatch::try_from_iter_with_nullable([(COLUMN, column, true)]).expect("a batch");
        let mut writer =
            ArrowWriter::try_new(File::create(&path).expect("a file"), batch.schema(), Some(properties.build())).expect("a writer");
        writer.write(&batch).expect("written");
        writer.close().expect("closed");
        let file = File::open(&path).expect("the file");
        let reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Required);
        let footer = Arc::new(reader.parse_and_finish(&file).expect("a footer"));
        let instants = Instants(known.to_vec());
        let near = instants.pages_near(&footer, 0, 10);
        assert!(times[0].is_none() || near.is_some_and(|near| near.iter().all(|page| page.len() <= 3)), "an index of pages");
        let Some(plan) = instants.rows_of(&footer, &file).expect("read") else { return Vec::new() };
        let mut rows = Vec::new();
        for (number, access) in plan.into_inner().into_iter().enumerate() {
            let RowGroupAccess::Selection(selection) = access else { continue };
            let mut next = number * 10;
            for run in selection.iter() {
                rows.extend((next..next + run.row_count).filter(|_| !run.skip));
                next += run.row_count;
            }
        }
        rows
    }

    #[test]
    fn rows_of_a_file_are_found_in_the_pages_that_may_have_them() {
        let times: Vec<Option<i64>> = (0..25).map(|at| (at % 7 != 3).then_some(at / 2 * 10)).collect();
        let by_hand = |known: &[i64]| (0..25).filter(|at| times[*at].is_some_and(|time| known.contains(&time))).collect::<Vec<usize>>();
        for known in [&[0][..], &[10, 90, 120], &[40, 41, 50], &[5, 125], &[]] {
            assert_eq!(rows_of(&times, known), by_hand(known), "{known:?}");
        }
        assert_eq!(by_hand(&[10, 90, 120]), [2, 18, 19], "others of these instants have no time");
        let undated = [None; 12];
        assert!(rows_of(&undated, &[0]).is_empty());
    }

    #[test]
    fn instants_are_told_from_conditions_that_must_hold() {
        let at = || at_instants([9, 2, 2]);
        let sorted = |filter: Expr| instants_of(&[filter]).map(|known| known.0.clone());
        assert_eq!(sorted(col("event_date").eq(lit("x")).and(at())), Some(vec![2, 9]));
        assert_eq!(sorted(at().or(col("event_date").eq(lit("x")))), None);
        assert_eq!(sorted(col("event_date").eq(lit("x"))), None);
    }
}
