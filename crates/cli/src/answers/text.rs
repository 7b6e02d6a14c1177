//! Items as text: two lines each, made to be read at three in the morning.

use std::io::{self, Write};

use backtrail_model::outcome::Outcome;
use backtrail_model::time::format_instant;
use backtrail_timeline::{Covered, Item, Phase, Present, Question, Values, WindowShown};

use crate::sanitize::{sanitize, shorten};

/// Values of a field listed for an actor.
const LISTED: usize = 3;
/// Characters of an actor's name.
const ACTOR: usize = 40;

/// How text is dressed, and where in the answer it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Style {
    color: bool,
    /// The incident's time, until it was passed.
    incident: Option<String>,
}

impl Style {
    pub(crate) fn new(color: bool) -> Self {
        Self { color, incident: None }
    }

    /// With the incident's mark still to be set.
    pub(crate) fn at(self, question: &Question) -> Self {
        let incident = WindowShown::from(question.window.as_ref()).at;
        Self { incident, ..self }
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    pub(crate) fn bold(&self, text: &str) -> String {
        self.paint("1", text)
    }

    fn dim(&self, text: &str) -> String {
        self.paint("2", text)
    }

    fn outcome(&self, outcome: Outcome) -> String {
        let word = format!("{outcome:<9}");
        match outcome {
            Outcome::Ok => word,
            Outcome::Denied | Outcome::Failed => self.paint("31", &word),
            Outcome::Throttled | Outcome::DryRun | Outcome::Unknown => self.paint("33", &word),
        }
    }
}

/// The first line of an answer.
pub(crate) fn heading(name: &str, question: &Question, style: &Style) -> String {
    let when = match question.window {
        // A window around an incident ends with the last instant inside: `to` is the one after.
        Some(w) => match w.at() {
            Some(at) => {
                format!("{} to {}, incident at {}", format_instant(w.from()), format_instant(w.to() - 1), format_instant(at))
            }
            None => format!("{} to {}", format_instant(w.from()), format_instant(w.to())),
        },
        None => "all evidence".to_owned(),
    };
    style.bold(&format!("{name}: {when}"))
}

/// An item that can be read.
pub(crate) trait TextItem {
    /// A line that stands before it, where the answer passes the incident.
    fn mark(&self, _style: &mut Style) -> Option<String> {
        None
    }

    /// Writes it.
    fn write(&self, out: &mut dyn Write, style: &Style) -> io::Result<()>;
}

impl TextItem for Item {
    fn mark(&self, style: &mut Style) -> Option<String> {
        let at = if self.phase == Some(Phase::After) { style.incident.take()? } else { return None };
        Some(style.bold(&format!("── incident {at} ──")))
    }

    fn write(&self, out: &mut dyn Write, style: &Style) -> io::Result<()> {
        let time = self.event_time.as_deref().unwrap_or("no usable time      ");
        let attempt = if self.attempt { "ATTEMPT " } else { "" };
        let class = self.network_class.map(|c| format!(" [{c}]")).unwrap_or_default();
        let label = self.actor.label();
        writeln!(
            out,
            "{time}  {}  {}  {attempt}{}{class}",
            style.outcome(self.outcome),
            style.bold(&shorten(&sanitize(&label), ACTOR)),
            sanitize(&self.summary)
        )?;
        let mut place = Vec::new();
        place.extend(self.region.as_deref().map(|r| sanitize(r).into_owned()));
        place.extend(self.account.as_deref().map(|a| sanitize(a).into_owned()));
        place.extend(self.source_ip_address.as_deref().map(|ip| format!("from {}", sanitize(ip))));
        place.extend(self.actor.access_key_id.as_deref().map(|k| format!("key {}", sanitize(k))));
        place.extend(self.error_code.as_deref().map(|e| sanitize(e).into_owned()));
        place.extend(self.refs.iter().map(|r| sanitize(r).into_owned()));
        place.extend(self.twins.iter().map(|t| format!("also {} in {}", sanitize(&t.reference), t.account.as_deref().unwrap_or("?"))));
        if self.id_conflict {
            place.push("ID CONFLICT: another record has this id and other content".to_owned());
        }
        writeln!(out, "    {}", style.dim(&place.join("  ")))
    }
}

/// `198.51.100.7 (12), 10.0.0.1 (3) and 4 more`.
fn listed(values: &Values) -> String {
    let shown: Vec<String> =
        values.top.iter().take(LISTED).map(|c| format!("{} ({})", shorten(&sanitize(&c.value), 60), c.events)).collect();
    let more = values.distinct.saturating_sub(shown.len() as u64);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{rest}", shown.join(", "))
}

impl TextItem for Present {
    fn write(&self, out: &mut dyn Write, style: &Style) -> io::Result<()> {
        let outcomes: Vec<String> = self.outcomes.iter().filter(|(_, n)| **n > 0).map(|(word, n)| format!("{n} {word}")).collect();
        let name = self.actor.label();
        writeln!(
            out,
            "{}  {} {}: {} events ({}), {} changes, {} attempts",
            self.event_time.as_deref().unwrap_or("no usable time      "),
            self.actor.kind.as_str(),
            style.bold(&shorten(&sanitize(&name), 2 * ACTOR)),
            self.events,
            outcomes.join(", "),
            self.changes,
            self.attempts
        )?;
        for (word, values) in [
            ("from", &self.addresses),
            ("keys", &self.keys),
            ("calls", &self.calls),
            ("agents", &self.user_agents),
            ("regions", &self.regions),
            ("accounts", &self.accounts),
        ] {
            if values.distinct > 0 {
                writeln!(out, "    {}", style.dim(&format!("{word:<8} {}", listed(values))))?;
            }
        }
        let mfa = format!("{:<8} {} with, {} without, {} not said", "MFA", self.mfa.with, self.mfa.without, self.mfa.unknown);
        let last = self.last_event_time.as_deref().unwrap_or("-");
        let refs: Vec<_> = self.refs.iter().map(|r| sanitize(r)).collect();
        writeln!(out, "    {}", style.dim(&format!("{mfa}; last seen {last}; {}", refs.join(" … "))))
    }
}

impl TextItem for Covered {
    fn write(&self, out: &mut dyn Write, style: &Style) -> io::Result<()> {
        let seen = &self.seen;
        writeln!(
            out,
            "{}  {}  {}  {} events in {} hours, {} to {}",
            style.bold(&sanitize(&seen.account)),
            sanitize(&seen.region),
            seen.source.as_str(),
            seen.events,
            seen.hours,
            seen.first_event_time,
            seen.last_event_time
        )?;
        for gap in &self.gaps {
            writeln!(out, "    no events for {} h: {} to {}", gap.hours, gap.from, gap.to)?;
        }
        Ok(())
    }
}
