//! Traffic between the events of a timeline.

use std::io::{self, Write};

use backtrail_timeline::{FlowLine, Item, TimelineItem};

use super::flows::{cited, talker_lines};
use super::{Flat, Style, TextItem};
use crate::sanitize::sanitize;

/// Conversations of a line in a terminal.
const TALKERS: usize = 20;

impl TextItem for TimelineItem {
    const CALLED: (&'static str, &'static str) = Item::CALLED;

    fn mark(&self, style: &mut Style) -> Option<String> {
        match self {
            Self::Event(item) => item.mark(style),
            Self::Traffic(line) => style.passes_incident(line.phase),
        }
    }

    fn write(&self, out: &mut dyn Write, style: &Style) -> io::Result<()> {
        match self {
            Self::Event(item) => item.write(out, style),
            Self::Traffic(line) => write_line(line, out, style),
        }
    }
}

fn write_line(line: &FlowLine, out: &mut dyn Write, style: &Style) -> io::Result<()> {
    let interface = sanitize(&line.interface_id);
    let first = format!("{}  traffic    {}", line.event_time, style.bold(&interface));
    writeln!(out, "{first}  {}", sanitize(&line.summary))?;
    let mut place: Vec<String> =
        [&line.instance_id, &line.address, &line.region, &line.account].into_iter().flatten().map(|t| sanitize(t).into_owned()).collect();
    place.extend(line.time_end.as_ref().map(|end| format!("to {end}, each up to {} s off", line.precision_seconds)));
    place.extend(line.refs.iter().map(|reference| format!("[{}]", cited(reference))));
    for line in style.flow(place.iter().map(String::as_str), "  ", 4) {
        writeln!(out, "{}", style.dim(&line))?;
    }
    // One is in the line already.
    if line.talkers.len() > 1 {
        for talker in line.talkers.iter().take(TALKERS) {
            talker_lines(talker, "      ", out)?;
        }
        let more = line.conversations.saturating_sub(line.talkers.len().min(TALKERS) as u64);
        if more > 0 {
            writeln!(out, "      {more} more: `backtrail flows` with --arn {interface} and the line's times lists them")?;
        }
    }
    Ok(())
}

/// The columns of an event, and when it ended.
const COLUMNS: [&str; Item::COLUMNS.len() + 1] = {
    let mut all = ["time_end"; Item::COLUMNS.len() + 1];
    let mut at = 0;
    while at < Item::COLUMNS.len() {
        all[at] = Item::COLUMNS[at];
        at += 1;
    }
    all
};

impl Flat for TimelineItem {
    const COLUMNS: &'static [&'static str] = &COLUMNS;

    fn cells(&self) -> Vec<Option<String>> {
        let line = match self {
            Self::Event(item) => {
                let mut cells = item.cells();
                cells.push(None);
                return cells;
            }
            Self::Traffic(line) => line,
        };
        let cell = |column: &&str| match *column {
            "event_time" => Some(line.event_time.clone()),
            "time_end" => line.time_end.clone(),
            "summary" => Some(format!("{}: {}", line.interface_id, line.summary)),
            "event_source" => Some(line.source.to_owned()),
            "event_name" => Some(line.kind.to_owned()),
            "resources" => Some(line.interface_id.clone()),
            "account" => line.account.clone(),
            "region" => line.region.clone(),
            "refs" => Some(line.refs.join(" ")),
            _ => None,
        };
        COLUMNS.iter().map(cell).collect()
    }
}
