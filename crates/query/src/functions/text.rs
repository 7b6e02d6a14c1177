//! What text functions share: arguments as texts whatever their layout, and results as columns or single values.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray, StringViewArray};
use arrow_schema::DataType;
use datafusion::common::cast::{as_boolean_array, as_string_view_array};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};

/// One argument: a text per row, or the same for all.
pub(crate) enum Texts<'a> {
    One(Option<&'a str>),
    Rows(&'a StringViewArray),
}

impl<'a> Texts<'a> {
    pub(crate) fn of(value: &'a ColumnarValue) -> Result<Self> {
        match value {
            ColumnarValue::Scalar(scalar) => Ok(Self::One(scalar.try_as_str().flatten())),
            ColumnarValue::Array(array) => Ok(Self::Rows(as_string_view_array(array)?)),
        }
    }

    pub(crate) fn get(&self, row: usize) -> Option<&'a str> {
        match self {
            Self::One(text) => *text,
            Self::Rows(array) => (!array.is_null(row)).then(|| array.value(row)),
        }
    }
}

/// One argument of flags.
pub(crate) enum Flags<'a> {
    One(Option<bool>),
    Rows(&'a BooleanArray),
}

impl<'a> Flags<'a> {
    pub(crate) fn of(value: &'a ColumnarValue) -> Result<Self> {
        match value {
            ColumnarValue::Scalar(ScalarValue::Boolean(flag)) => Ok(Self::One(*flag)),
            ColumnarValue::Scalar(_) => Ok(Self::One(None)),
            ColumnarValue::Array(array) => Ok(Self::Rows(as_boolean_array(array)?)),
        }
    }

    pub(crate) fn get(&self, row: usize) -> Option<bool> {
        match self {
            Self::One(flag) => *flag,
            Self::Rows(array) => (!array.is_null(row)).then(|| array.value(row)),
        }
    }
}

/// Rows to work out: none of the arguments is a column where the result is a single value.
fn rows(args: &[ColumnarValue]) -> (usize, bool) {
    let length = args.iter().find_map(|a| match a {
        ColumnarValue::Array(array) => Some(array.len()),
        ColumnarValue::Scalar(_) => None,
    });
    (length.unwrap_or(1), length.is_none())
}

fn finish(result: ArrayRef, single: bool) -> Result<ColumnarValue> {
    if single { Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?)) } else { Ok(ColumnarValue::Array(result)) }
}

/// A column of flags, row by row.
pub(crate) fn flags_by_row(args: &[ColumnarValue], row: impl FnMut(usize) -> Option<bool>) -> Result<ColumnarValue> {
    let (count, single) = rows(args);
    finish(Arc::new((0..count).map(row).collect::<BooleanArray>()), single)
}

/// A column of texts, row by row.
pub(crate) fn texts_by_row<T: AsRef<str>>(args: &[ColumnarValue], row: impl FnMut(usize) -> Option<T>) -> Result<ColumnarValue> {
    let (count, single) = rows(args);
    finish(Arc::new((0..count).map(row).collect::<StringViewArray>()), single)
}

/// An immutable function of texts (and flags, where `kinds` says so).
pub(crate) fn udf(
    name: &str,
    kinds: Vec<DataType>,
    returns: DataType,
    body: impl Fn(&[ColumnarValue]) -> Result<ColumnarValue> + Send + Sync + 'static,
) -> Arc<ScalarUDF> {
    Arc::new(create_udf(name, kinds, returns, Volatility::Immutable, Arc::new(body)))
}

/// So many text arguments.
pub(crate) fn texts(count: usize) -> Vec<DataType> {
    vec![DataType::Utf8View; count]
}
