//! Answers of questions as bytes: text for a person, one JSON object, one object a line, or rows.

mod closing;
mod rows;
mod text;

use std::io::{self, Write};

use backtrail_timeline::{Closing, Question, opening};
use serde::Serialize;

use crate::args::Format;

pub(crate) use closing::{closing_lines, not_seen, totals_line};
pub(crate) use rows::{Flat, RowWriter};
pub(crate) use text::{Style, TextItem, heading};

/// Writes the items of an answer as they come, in one format.
pub(crate) struct AnswerWriter<T> {
    form: Form<T>,
}

enum Form<T> {
    Text { out: Box<dyn Write + Send>, style: Style },
    Json { out: Box<dyn Write + Send>, items: u64 },
    Lines { out: Box<dyn Write + Send> },
    Rows(RowWriter<T>),
}

impl<T: Serialize + TextItem + Flat> AnswerWriter<T> {
    /// Begins an answer.
    pub(crate) fn begin(
        name: &'static str,
        question: &Question,
        format: Format,
        mut out: Box<dyn Write + Send>,
        style: Style,
    ) -> anyhow::Result<Self> {
        let form = match format {
            Format::Table => {
                writeln!(out, "{}", heading(name, question, &style))?;
                Form::Text { out, style: style.at(question) }
            }
            Format::Json => {
                let start = serde_json::Value::Object(opening(name, question)).to_string();
                // The object stays open: items, coverage and the evidence set follow.
                write!(out, "{},\"answer\":[", start.strip_suffix('}').unwrap_or(&start))?;
                Form::Json { out, items: 0 }
            }
            Format::Jsonl => Form::Lines { out },
            Format::Csv | Format::Parquet => Form::Rows(RowWriter::new(format, out)?),
        };
        Ok(Self { form })
    }

    /// Another item.
    pub(crate) fn item(&mut self, item: T) -> io::Result<()> {
        match &mut self.form {
            Form::Text { out, style } => item.write(out, style),
            Form::Json { out, items } => {
                out.write_all(if *items == 0 { b"\n" } else { b",\n" })?;
                *items += 1;
                Ok(serde_json::to_writer(out, &item)?)
            }
            Form::Lines { out } => {
                serde_json::to_writer(&mut *out, &item)?;
                out.write_all(b"\n")
            }
            Form::Rows(rows) => rows.add(&item).map_err(io::Error::other),
        }
    }

    /// The end: counts, and what was not seen.
    pub(crate) fn end(self, closing: &Closing) -> anyhow::Result<()> {
        match self.form {
            Form::Text { mut out, style } => {
                for line in closing_lines(closing, &style) {
                    writeln!(out, "{line}")?;
                }
                out.flush()?;
            }
            Form::Json { mut out, items } => {
                out.write_all(if items == 0 { b"]" } else { b"\n]" })?;
                let rest = serde_json::to_string(closing)?;
                writeln!(out, ",{}", rest.strip_prefix('{').unwrap_or(&rest))?;
                out.flush()?;
            }
            Form::Lines { mut out } => out.flush()?,
            Form::Rows(rows) => rows.finish()?,
        }
        Ok(())
    }
}
