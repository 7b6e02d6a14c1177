//! A table for reading. Its column widths are those of the first thousand rows; what follows streams in the same widths.

use std::io::Write;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

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
        let names = std::mem::take(&mut self.names);
        self.line(&names, &widths, true)?;
        let rule: Vec<String> = widths.iter().map(|w| "─".repeat(*w)).collect();
        writeln!(self.out, "{}", rule.join("  "))?;
        for row in std::mem::take(&mut self.sample) {
            self.line(&row, &widths, false)?;
        }
        self.widths = Some(widths);
        Ok(())
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
            let cells =
                batch.columns().iter().map(|c| Ok(sanitize(&text(c.as_ref(), row)?).into_owned())).collect::<anyhow::Result<Vec<_>>>()?;
            self.rows += 1;
            match self.widths.take() {
                Some(widths) => {
                    self.line(&cells, &widths, false)?;
                    self.widths = Some(widths);
                }
                None => {
                    self.sample.push(cells);
                    if self.sample.len() >= SAMPLE {
                        self.settle()?;
                    }
                }
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> anyhow::Result<()> {
        if self.widths.is_none() {
            self.settle()?;
        }
        writeln!(self.out, "({} {})", self.rows, if self.rows == 1 { "row" } else { "rows" })?;
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
}
