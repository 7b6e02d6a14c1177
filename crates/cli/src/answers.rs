//! Answers of questions as bytes: text for a person, one JSON object, one object a line, or rows.

mod chain;
mod closing;
mod effects;
pub(crate) mod flows;
pub(crate) mod interfaces;
mod marks;
mod motion;
mod related;
mod rows;
mod text;
mod traffic;

use std::io::{self, Write};

use backtrail_timeline::{Closing, Question, opening};
use rayon::prelude::*;
use serde::Serialize;

use crate::args::Format;
use crate::sanitize::JsonOut;

pub(crate) use chain::chain_lines;
pub(crate) use closing::{closing_lines, not_seen, not_seen_about, totals_line};
pub(crate) use effects::effect_lines;
pub(crate) use motion::{mover_labels, mover_refs, set_in_motion};
pub(crate) use related::related_lines;
pub(crate) use rows::{Flat, RowWriter};
pub(crate) use text::{Style, TextItem, heading};

/// Items written at a time: turning one into bytes depends on no other, so all threads take part.
const AT_ONCE: usize = 1_024;

/// Writes the items of an answer as they come, in one format.
pub(crate) struct AnswerWriter<T> {
    form: Form<T>,
    /// Items waiting to be written.
    waiting: Vec<T>,
}

enum Form<T> {
    Text { out: Box<dyn Write + Send>, style: Style },
    Json { out: Box<dyn Write + Send>, items: u64 },
    Lines { out: Box<dyn Write + Send> },
    Rows(RowWriter<T>),
}

impl<T: Serialize + TextItem + Flat + Send> AnswerWriter<T> {
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
                let mut out: Box<dyn Write + Send> = Box::new(JsonOut::new(out));
                let start = serde_json::Value::Object(opening(name, question)).to_string();
                // The object stays open: items, coverage and the evidence set follow.
                write!(out, "{},\"answer\":[", start.strip_suffix('}').unwrap_or(&start))?;
                Form::Json { out, items: 0 }
            }
            Format::Jsonl => Form::Lines { out: Box::new(JsonOut::new(out)) },
            Format::Csv | Format::Parquet => Form::Rows(RowWriter::new(format, out)?),
        };
        Ok(Self { form, waiting: Vec::new() })
    }

    /// Another item.
    pub(crate) fn item(&mut self, item: T) -> io::Result<()> {
        if let Form::Rows(rows) = &mut self.form {
            return rows.add(&item).map_err(io::Error::other);
        }
        self.waiting.push(item);
        if self.waiting.len() >= AT_ONCE { self.write_waiting() } else { Ok(()) }
    }

    fn write_waiting(&mut self) -> io::Result<()> {
        let items = std::mem::take(&mut self.waiting);
        match &mut self.form {
            Form::Text { out, style } => {
                let marks: Vec<Option<String>> = items.iter().map(|item| item.mark(style)).collect();
                let style = &*style;
                // Items go where they were written: to let go of what each holds takes as long as to write a line.
                let texts = items.into_par_iter().map(|item| {
                    let mut text = Vec::with_capacity(256);
                    item.write(&mut text, style).map(|()| text)
                });
                for (mark, text) in marks.into_iter().zip(texts.collect::<io::Result<Vec<_>>>()?) {
                    if let Some(mark) = mark {
                        writeln!(out, "{mark}")?;
                    }
                    out.write_all(&text)?;
                }
            }
            Form::Json { out, items: written } => {
                for text in as_json(items)? {
                    out.write_all(if *written == 0 { b"\n" } else { b",\n" })?;
                    out.write_all(&text)?;
                    *written += 1;
                }
            }
            Form::Lines { out } => {
                for text in as_json(items)? {
                    out.write_all(&text)?;
                    out.write_all(b"\n")?;
                }
            }
            Form::Rows(_) => {}
        }
        Ok(())
    }

    /// The end: counts, and what was not seen.
    pub(crate) fn end(mut self, closing: &Closing) -> anyhow::Result<()> {
        self.write_waiting()?;
        match self.form {
            Form::Text { mut out, style } => {
                for line in closing_lines::<T>(closing, &style) {
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

fn as_json<T: Serialize + Send>(items: Vec<T>) -> io::Result<Vec<Vec<u8>>> {
    items.into_par_iter().map(|item| serde_json::to_vec(&item).map_err(io::Error::from)).collect()
}
