//! One cell of a batch, as JSON and as text.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{ArrowError, DataType, TimeUnit};
use backtrail_model::time::format_instant;
use serde_json::{Map, Value};

/// The largest integer every JSON reader keeps exactly (RFC 8259, section 6): larger ones are written as strings.
const EXACT: i128 = 1 << 53;

/// A cell as JSON: integers beyond 2^53 as strings, bytes as hex, instants as RFC 3339 in UTC.
pub(crate) fn json_value(array: &dyn Array, row: usize) -> Result<Value, ArrowError> {
    if array.is_null(row) {
        return Ok(Value::Null);
    }
    Ok(match array.data_type() {
        DataType::Null => Value::Null,
        DataType::Boolean => Value::Bool(array.as_boolean().value(row)),
        DataType::Utf8 => Value::String(array.as_string::<i32>().value(row).to_owned()),
        DataType::LargeUtf8 => Value::String(array.as_string::<i64>().value(row).to_owned()),
        DataType::Utf8View => Value::String(array.as_string_view().value(row).to_owned()),
        DataType::Int8 => integer(array.as_primitive::<Int8Type>().value(row).into()),
        DataType::Int16 => integer(array.as_primitive::<Int16Type>().value(row).into()),
        DataType::Int32 => integer(array.as_primitive::<Int32Type>().value(row).into()),
        DataType::Int64 => integer(array.as_primitive::<Int64Type>().value(row).into()),
        DataType::UInt8 => integer(array.as_primitive::<UInt8Type>().value(row).into()),
        DataType::UInt16 => integer(array.as_primitive::<UInt16Type>().value(row).into()),
        DataType::UInt32 => integer(array.as_primitive::<UInt32Type>().value(row).into()),
        DataType::UInt64 => integer(array.as_primitive::<UInt64Type>().value(row).into()),
        DataType::Float32 => array.as_primitive::<Float32Type>().value(row).into(),
        DataType::Float64 => array.as_primitive::<Float64Type>().value(row).into(),
        DataType::List(_) => list(&array.as_list::<i32>().value(row))?,
        DataType::LargeList(_) => list(&array.as_list::<i64>().value(row))?,
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns().iter();
            let pairs = fields.iter().zip(columns).map(|(f, c)| Ok((f.name().clone(), json_value(c.as_ref(), row)?)));
            Value::Object(pairs.collect::<Result<Map<_, _>, ArrowError>>()?)
        }
        DataType::Dictionary(_, _) => {
            let dictionary = array.as_any_dictionary();
            json_value(dictionary.values().as_ref(), dictionary.normalized_keys()[row])?
        }
        _ => Value::String(text(array, row)?),
    })
}

/// A cell of JSON text as the value it is; integers beyond 2^53 as strings, as in other cells.
pub(crate) fn parsed_value(array: &dyn Array, row: usize) -> Result<Value, ArrowError> {
    fn portable(value: Value) -> Value {
        match value {
            Value::Number(number) => match number.as_i128() {
                Some(whole) => integer(whole),
                None => Value::Number(number),
            },
            Value::Array(items) => items.into_iter().map(portable).collect(),
            Value::Object(members) => members.into_iter().map(|(name, value)| (name, portable(value))).collect(),
            plain => plain,
        }
    }
    let cell = json_value(array, row)?;
    Ok(cell.as_str().and_then(|text| serde_json::from_str(text).ok()).map_or(cell, portable))
}

fn integer(value: i128) -> Value {
    match i64::try_from(value) {
        Ok(small) if value.abs() <= EXACT => Value::from(small),
        _ => Value::String(value.to_string()),
    }
}

fn list(values: &ArrayRef) -> Result<Value, ArrowError> {
    (0..values.len()).map(|i| json_value(values.as_ref(), i)).collect::<Result<Vec<_>, _>>().map(Value::Array)
}

/// A cell as text; nested values as JSON. NULL is empty.
pub(crate) fn text(array: &dyn Array, row: usize) -> Result<String, ArrowError> {
    if array.is_null(row) {
        return Ok(String::new());
    }
    match array.data_type() {
        DataType::Utf8 => Ok(array.as_string::<i32>().value(row).to_owned()),
        DataType::Utf8View => Ok(array.as_string_view().value(row).to_owned()),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            Ok(format_instant(array.as_primitive::<arrow_array::types::TimestampMicrosecondType>().value(row)))
        }
        DataType::List(_) | DataType::LargeList(_) | DataType::Struct(_) => Ok(json_value(array, row)?.to_string()),
        // Arrow writes bytes as hex, dates as ISO 8601, other timestamps as RFC 3339.
        _ => Ok(ArrayFormatter::try_new(array, &FormatOptions::default())?.value(row).to_string()),
    }
}

/// Whether cells of this type are text that evidence may have written.
pub(crate) fn is_text(kind: &DataType) -> bool {
    match kind {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::List(_) | DataType::LargeList(_) | DataType::Struct(_) => {
            true
        }
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{BinaryArray, Int64Array, TimestampMicrosecondArray};

    #[test]
    fn json_keeps_what_readers_would_lose() {
        let numbers = Int64Array::from(vec![Some(9_007_199_254_740_992), Some(9_007_199_254_740_993), None]);
        let values: Vec<Value> = (0..3).map(|i| json_value(&numbers, i).unwrap()).collect();
        assert_eq!(Value::Array(values).to_string(), r#"[9007199254740992,"9007199254740993",null]"#);
        assert_eq!(text(&BinaryArray::from(vec![&[0xde, 0xad][..]]), 0).unwrap(), "dead");
        let instant = TimestampMicrosecondArray::from(vec![1_689_801_117_000_000]).with_timezone("UTC");
        assert_eq!(json_value(&instant, 0).unwrap(), "2023-07-19T21:11:57Z");
    }
}
