//! Rows of a query's result as JSON, one object for each column: what `get-query-results` of CloudTrail Lake gives
//! (`[{"eventID":"…"},{"eventTime":"…"}]`), and that of CloudWatch Logs Insights (`[{"field":"eventID","value":"…"},…]`). Such a row is a list in a
//! list. What `get-query-results` of Athena gives are objects (`{"Data":[{"VarCharValue":"…"},{}]}`), the first of which names the columns.
//!
//! A row is read like that of a table; any other list in a list, and any other object, is left to the machine.

use backtrail_model::evidence::{RawForm, Route};
use serde_json::{Map, Value};

use crate::lake::LakeTable;
use crate::machine::{Carrier, MAX_RECORD, Machine, Step};
use crate::output::{Output, Place};
use crate::walk::{Stop, Walk, Walker, space_len};

/// How the columns of a row are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cells {
    /// The column's name is the key.
    Named,
    /// The column's name stands under `field`.
    FieldAndValue,
}

/// A list inside a list: a row with its end, no row, or too little of it to tell.
enum Row {
    Whole(Cells, usize),
    No,
    More,
}

impl Machine {
    /// Reads the list at `pos` if it is a row of cells; `None` if it is any other list.
    pub(crate) fn row_of_cells(
        &mut self,
        window: &[u8],
        pos: usize,
        eof: bool,
        carrier: Option<Carrier<'_>>,
        out: &mut Output,
    ) -> Option<Step> {
        let (cells, end) = match self.find_row(window, pos, eof) {
            Row::Whole(cells, end) => (cells, end),
            Row::More => return Some(Step::More),
            Row::No => return None,
        };
        let (names, values) = columns(&window[pos..end], cells)?;
        let route = if cells == Cells::Named { Route::Lake } else { Route::CloudWatchLogs };
        let mut table = LakeTable::of_row(&names, route)?;
        let place = self.place(window, pos..end, carrier);
        self.value_ended();
        table.take_in(self, &values, place, carrier, out);
        Some(Step::To(end))
    }

    /// Reads the object at `pos` if it is a row of Athena's results, whose columns an earlier one named or which names them itself; `None` if it is
    /// any other.
    pub(crate) fn row_of_results(
        &mut self,
        window: &[u8],
        pos: usize,
        eof: bool,
        carrier: Option<Carrier<'_>>,
        out: &mut Output,
    ) -> Option<Step> {
        let limit = window.len().min(pos + MAX_RECORD);
        let mut walker = self.walker_at(&window[..limit], pos);
        let end = match walker.value(0) {
            Ok(_) => walker.pos,
            Err(Stop::Incomplete) if !eof && limit - pos < MAX_RECORD => return Some(Step::More),
            Err(_) => return None,
        };
        let cells = cells_of_results(&window[pos..end])?;
        let place = self.place(window, pos..end, carrier);
        if let Some(mut table) = self.results.take() {
            table.take_in_row(self, &cells, place, carrier, out);
            self.results = Some(table);
        } else if let Some(table) = LakeTable::of_row(&cells, Route::Lake).filter(|_| self.unnamed.rows.is_empty()) {
            self.results = Some(Box::new(table));
        } else if carrier.is_none() && self.unnamed.bytes + place.bytes.len() <= MAX_UNNAMED {
            // Pages behind the first have no header: their columns are named behind the rows.
            self.unnamed.bytes += place.bytes.len();
            self.unnamed.rows.push((cells, place.offset, place.bytes.to_vec()));
        } else {
            return None;
        }
        self.value_ended();
        Some(Step::To(end))
    }

    /// Takes in the rows that waited for the names of their columns; without names they are no records.
    pub(crate) fn settle_results(&mut self, metadata: Option<&[u8]>, out: &mut Output) {
        let Unnamed { rows, .. } = std::mem::take(&mut self.unnamed);
        let mut table = metadata.and_then(columns_of_results).and_then(|names| LakeTable::of_row(&names, Route::Lake));
        for (cells, offset, bytes) in &rows {
            let place = Place { offset: *offset, bytes };
            match &mut table {
                Some(table) => table.take_in_row(self, cells, place, None, out),
                None => {
                    let context = Carrier { place, route: Route::Record, form: RawForm::Exact, depth: 0 };
                    self.no_record(bytes, context, out);
                }
            }
        }
    }

    fn find_row(&mut self, window: &[u8], pos: usize, eof: bool) -> Row {
        let limit = window.len().min(pos + MAX_RECORD);
        let bytes = &window[..limit];
        let first = pos + 1 + space_len(&bytes[pos + 1..]);
        let found = match bytes.get(first) {
            Some(b'{') => is_cell(&mut self.walker_at(bytes, first)),
            Some(_) => return Row::No,
            None => Err(Stop::Incomplete),
        };
        let found = found.and_then(|cells| {
            let Some(cells) = cells else { return Ok(None) };
            let mut walker = self.walker_at(bytes, pos);
            walker.value(0).map(|_| Some((cells, walker.pos)))
        });
        match found {
            Ok(Some((cells, end))) => Row::Whole(cells, end),
            Err(Stop::Incomplete) if !eof && limit - pos < MAX_RECORD => Row::More,
            // What is broken or cut short is taken apart by the machine, cell by cell.
            Ok(None) | Err(_) => Row::No,
        }
    }
}

/// Whether the object at the position is a cell: one plain value under one name, or a name and a value.
fn is_cell(walker: &mut Walker<'_>) -> Walk<Option<Cells>> {
    let mut keys = [false; 2];
    walker.pos += 1;
    walker.skip_space();
    for count in 1..=2 {
        if walker.peek()? != b'"' {
            return Ok(None);
        }
        let key = walker.key()?;
        let name = &walker.bytes[key.inner()];
        keys = [keys[0] || name == b"field", keys[1] || name == b"value"];
        if matches!(walker.peek()?, b'{' | b'[') {
            return Ok(None);
        }
        walker.value(1)?;
        walker.skip_space();
        match walker.peek()? {
            b'}' if count == 1 => return Ok(Some(Cells::Named)),
            b'}' if keys == [true, true] => return Ok(Some(Cells::FieldAndValue)),
            b',' => walker.pos += 1,
            _ => return Ok(None),
        }
        walker.skip_space();
    }
    Ok(None)
}

/// Rows of Athena's results, with where each stands.
#[derive(Debug, Default)]
pub(crate) struct Unnamed {
    rows: Vec<(Vec<Vec<u8>>, u64, Vec<u8>)>,
    bytes: usize,
}

/// Bytes of rows that wait for the names of their columns: a page has a thousand rows at most (Athena API reference, GetQueryResults).
const MAX_UNNAMED: usize = 16 << 20;

/// The names of the columns, as `ResultSetMetadata` has them.
fn columns_of_results(metadata: &[u8]) -> Option<Vec<Vec<u8>>> {
    let metadata: Value = serde_json::from_slice(metadata).ok()?;
    let name = |column: &Value| column.get("Name")?.as_str().map(|name| name.as_bytes().to_vec());
    metadata.get("ColumnInfo")?.as_array()?.iter().map(name).collect()
}

/// The cells of a row of Athena's results; one without a value is NULL.
fn cells_of_results(row: &[u8]) -> Option<Vec<Vec<u8>>> {
    let row: Map<String, Value> = serde_json::from_slice(row).ok()?;
    let cells = row.get("Data").filter(|_| row.len() == 1)?.as_array()?;
    let cell = |cell: &Value| {
        let cell = cell.as_object().filter(|cell| cell.len() <= 1)?;
        match cell.get("VarCharValue") {
            Some(value) => value.as_str().map(|text| text.as_bytes().to_vec()),
            None => cell.is_empty().then(Vec::new),
        }
    };
    cells.iter().map(cell).collect()
}

/// Names and values of a row; `None` where it is none after all: then each object in it stands for itself.
#[expect(clippy::type_complexity, reason = "two lists of texts")]
fn columns(row: &[u8], cells: Cells) -> Option<(Vec<Vec<u8>>, Vec<Vec<u8>>)> {
    let objects: Vec<Map<String, Value>> = serde_json::from_slice(row).ok()?;
    let (mut names, mut values) = (Vec::with_capacity(objects.len()), Vec::with_capacity(objects.len()));
    for object in objects {
        let (name, value) = match cells {
            Cells::Named if object.len() == 1 => object.into_iter().next()?,
            Cells::FieldAndValue if object.len() == 2 => (object.get("field")?.as_str()?.to_owned(), object.get("value")?.clone()),
            _ => return None,
        };
        // A list of carriers has the same key again and again; a row has each column once.
        if names.contains(&name.clone().into_bytes()) {
            return None;
        }
        names.push(name.into_bytes());
        values.push(match value {
            Value::Null => Vec::new(),
            Value::String(text) => text.into_bytes(),
            Value::Bool(_) | Value::Number(_) => value.to_string().into_bytes(),
            Value::Array(_) | Value::Object(_) => return None,
        });
    }
    Some((names, values))
}
