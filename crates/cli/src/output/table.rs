//! A table for reading. Its column widths are those of the first thousand rows; what follows streams in the same widths.
//! Where a terminal is too narrow for all columns, each row is a list of its fields instead.

use std::io::Write;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use backtrail_model::words::counted;
use backtrail_query::has_lines;

use super::BatchWriter;
use super::cell::{is_text, text};
use crate::sanitize::{sanitize, shorten};

/// Rows looked at for the widths.
const SAMPLE: usize = 1_000;
/// A column is never made narrower than this to fit a terminal.
const LEAST: usize = 8;

pub(super) struct TableWriter {
    out: Box<dyn Write + Send>,
    names: Vec<String>,
    texts: Vec<bool>,
    /// Columns whose cells may go over several lines.
    lined: Vec<bool>,
    /// Width of the terminal; none where nothing may be cut.
    terminal: Option<usize>,
    /// Rows waiting for the widths.
    sample: Vec<Vec<String>>,
    widths: Option<Vec<usize>>,
    rows: u64,
}

impl TableWriter {
    pub(super) fn new(schema: &SchemaRef, out: Box<dyn Write + Send>, terminal: Option<usize>) -> Self {
        Self {
            out,
            names: schema.fields().iter().map(|f| sanitize(f.name()).into_owned()).collect(),
            texts: schema
                .fields()
                .iter()
                .map(|f| is_text(f.data_type()) || matches!(f.data_type(), arrow_schema::DataType::Timestamp(_, _)))
                .collect(),
            lined: schema.fields().iter().map(|f| has_lines(f)).collect(),
            terminal,
            sample: Vec::new(),
            widths: None,
            rows: 0,
        }
    }

    fn settle(&mut self) -> anyhow::Result<()> {
        let mut widths: Vec<usize> = self.names.iter().map(|n| n.chars().count()).collect();
        for row in &self.sample {
            for (width, value) in widths.iter_mut().zip(row) {
                *width = (*width).max(value.chars().count());
            }
        }
        if let Some(terminal) = self.terminal {
            fit(&mut widths, terminal);
        }
        let names = self.names.clone();
        self.line(&names, &widths, true)?;
        let rule: Vec<String> = widths.iter().map(|w| "─".repeat(*w)).collect();
        writeln!(self.out, "{}", rule.join("  "))?;
        for row in std::mem::take(&mut self.sample) {
            self.line(&row, &widths, false)?;
        }
        self.widths = Some(widths);
        Ok(())
    }

    /// Whether the columns do not fit even when cut as far as they may be.
    fn is_too_wide(&self) -> bool {
        let least = |name: &String| name.chars().count().min(LEAST);
        let gaps = 2 * self.names.len().saturating_sub(1);
        self.terminal.is_some_and(|terminal| self.names.iter().map(least).sum::<usize>() + gaps > terminal)
    }

    /// A row as a list of its fields; empty ones are left out.
    fn record(&mut self, cells: &[String]) -> anyhow::Result<()> {
        let terminal = self.terminal.unwrap_or(usize::MAX);
        let label = self.names.iter().map(|n| n.chars().count()).max().unwrap_or(0).min(terminal / 2);
        let title = format!("── row {} ", self.rows);
        writeln!(self.out, "{title}{}", "─".repeat(terminal.saturating_sub(title.chars().count()).min(60)))?;
        for (name, cell) in self.names.iter().zip(cells).filter(|(_, cell)| !cell.is_empty()) {
            let name = shorten(name, label);
            let padding = " ".repeat(label.saturating_sub(name.chars().count()));
            writeln!(self.out, "{name}{padding}  {}", shorten(cell, terminal.saturating_sub(label + 2)))?;
        }
        Ok(())
    }

    /// The lines of a row: more than one only where a cell may have several. What is cut into lines cannot hide in one of them.
    fn lines(&self, cells: Vec<String>) -> Vec<Vec<String>> {
        let mut lines = vec![vec![String::new(); cells.len()]];
        for (at, cell) in cells.into_iter().enumerate() {
            let parts = if self.lined[at] && !self.is_too_wide() { cell.lines().collect() } else { vec![cell.as_str()] };
            for (number, part) in parts.into_iter().enumerate() {
                if lines.len() <= number {
                    lines.push(vec![String::new(); self.names.len()]);
                }
                lines[number][at] = sanitize(part).into_owned();
            }
        }
        lines
    }

    /// A line as soon as the widths are known.
    fn take(&mut self, cells: Vec<String>) -> anyhow::Result<()> {
        if let Some(widths) = self.widths.take() {
            self.line(&cells, &widths, false)?;
            self.widths = Some(widths);
            return Ok(());
        }
        self.sample.push(cells);
        if self.sample.len() >= SAMPLE { self.settle() } else { Ok(()) }
    }

    fn line(&mut self, cells: &[String], widths: &[usize], is_header: bool) -> anyhow::Result<()> {
        let mut line = String::new();
        for (i, (cell, width)) in cells.iter().zip(widths).enumerate() {
            if i > 0 {
                line.push_str("  ");
            }
            let cell = if self.terminal.is_some() { shorten(cell, *width) } else { cell.as_str().into() };
            let padding = " ".repeat(width.saturating_sub(cell.chars().count()));
            // Numbers line up at their last digit.
            if self.texts[i] || is_header { line.extend([cell.as_ref(), &padding]) } else { line.extend([padding.as_str(), &cell]) }
        }
        Ok(writeln!(self.out, "{}", line.trim_end())?)
    }
}

/// Takes from the widest columns until the line fits.
fn fit(widths: &mut [usize], terminal: usize) {
    let gaps = 2 * widths.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > terminal {
        match widths.iter_mut().max() {
            Some(widest) if *widest > LEAST => *widest -= 1,
            _ => return,
        }
    }
}

impl BatchWriter for TableWriter {
    fn write(&mut self, batch: &RecordBatch) -> anyhow::Result<()> {
        for row in 0..batch.num_rows() {
            let cells = batch.columns().iter().map(|c| Ok(text(c.as_ref(), row)?)).collect::<anyhow::Result<Vec<_>>>()?;
            self.rows += 1;
            for cells in self.lines(cells) {
                if self.is_too_wide() { self.record(&cells)? } else { self.take(cells)? }
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> anyhow::Result<()> {
        let is_list = self.is_too_wide() && self.rows > 0;
        if self.widths.is_none() && !is_list {
            self.settle()?;
        }
        let left_out = if is_list { "; empty fields are left out, --format json has all" } else { "" };
        writeln!(self.out, "({}{left_out})", counted(self.rows, "row"))?;
        Ok(self.out.flush()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_widest_columns_give_way() {
        let mut widths = vec![20, 60, 10];
        fit(&mut widths, 80);
        assert_eq!(widths.iter().sum::<usize>() + 4, 80);
        assert_eq!((widths[0], widths[2]), (20, 10));
    }

    #[test]
    fn rows_too_wide_for_the_terminal_are_lists() {
        use std::sync::{Arc, Mutex};

        #[derive(Clone, Default)]
        struct Shared(Arc<Mutex<Vec<u8>>>);
        impl Write for Shared {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0.lock().unwrap().write(bytes)
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let names: Vec<String> = (0..10).map(|i| format!("column_{i}")).collect();
        let fields: Vec<_> = names.iter().map(|n| arrow_schema::Field::new(n, arrow_schema::DataType::Utf8, true)).collect();
        let schema = Arc::new(arrow_schema::Schema::new(fields));
        let cell = |i: usize| (i < 2).then(|| "x".repeat(60));
        let columns = (0..10).map(|i| Arc::new(arrow_array::StringArray::from(vec![cell(i)])) as arrow_array::ArrayRef).collect();
        let rows = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
        let out = Shared::default();
        let mut writer = Box::new(TableWriter::new(&schema, Box::new(out.clone()), Some(40)));
        writer.write(&rows).unwrap();
        writer.finish().unwrap();
        let text = String::from_utf8(out.0.lock().unwrap().clone()).unwrap();
        let cut = format!("{}…", "x".repeat(29));
        let rule = format!("── row 1 {}", "─".repeat(31));
        assert_eq!(text, format!("{rule}\ncolumn_0  {cut}\ncolumn_1  {cut}\n(1 row; empty fields are left out, --format json has all)\n"));
    }
}
