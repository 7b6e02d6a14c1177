//! Items as text: two lines each, made to be read at three in the morning.

use std::io::{self, Write};

use backtrail_model::outcome::Outcome;
use backtrail_model::time::format_instant;
use backtrail_model::words::counted;
use backtrail_timeline::{
    Counted, Covered, Item, OwnAddresses, Phase, Present, Principal, PrincipalKind, Question, Rank, Values, WindowShown,
};

use super::chain::chain_lines;
use super::flows::flow_log_lines;
use super::interfaces::{came_from_words, own_workloads};
use super::marks::mark_lines;
use super::related::{cited, related_lines};
use crate::sanitize::{sanitize, shorten, shorten_inside};

/// Values of a field listed for an actor.
const LISTED: usize = 3;
/// Characters of an actor's name: most of a role's and a session's together, and who it is of another account.
const ACTOR: usize = 120;
/// Characters of an outcome.
const OUTCOME: usize = 9;
/// Where the values of a labelled line begin.
const LABEL: usize = 13;

/// How text is dressed, and where in the answer it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Style {
    color: bool,
    /// Columns of the terminal; none where lines may be as long as they are.
    width: Option<usize>,
    /// The incident's time, until it was passed.
    incident: Option<String>,
    /// The heading that items are told under, where they are.
    told_under: Option<Heading>,
    is_ranked: bool,
}

impl Style {
    pub(crate) fn new(color: bool, width: Option<usize>) -> Self {
        Self { color, width, ..Self::default() }
    }

    /// Lines of these parts, each after `indent` blanks and no wider than the terminal. Parts are not cut: citations are to be copied.
    pub(crate) fn flow<'a>(&self, parts: impl IntoIterator<Item = &'a str>, separator: &str, indent: usize) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        let mut used = 0;
        for part in parts {
            let length = part.chars().count();
            let with = used + separator.chars().count() + length;
            match lines.last_mut() {
                Some(line) if self.width.is_none_or(|width| with <= width) => {
                    line.push_str(separator);
                    line.push_str(part);
                    used = with;
                }
                last => {
                    if let Some(line) = last {
                        line.push_str(separator.trim_end());
                    }
                    lines.push(format!("{:indent$}{part}", ""));
                    used = indent + length;
                }
            }
        }
        lines
    }

    /// The same behind a label.
    pub(crate) fn labelled<'w>(&self, word: &'w str, parts: impl IntoIterator<Item = &'w str>, separator: &str) -> Vec<String> {
        let with = move |(i, line): (usize, String)| if i == 0 { format!("    {word:<8} {}", line.trim_start()) } else { line };
        self.flow(parts, separator, LABEL).into_iter().enumerate().map(with).collect()
    }

    /// With the incident's mark still to be set.
    pub(crate) fn at(self, question: &Question) -> Self {
        let incident = WindowShown::from(question.window.as_ref()).at;
        Self { incident, ..self }
    }

    /// Whether the answer is told by how its items relate to what was named.
    pub(crate) fn is_ranked(&self) -> bool {
        self.is_ranked
    }

    /// For an answer that is.
    pub(crate) fn ranked(self, is_ranked: bool) -> Self {
        Self { is_ranked, ..self }
    }

    /// The line where the answer passes the incident, at the first item after it.
    pub(crate) fn passes_incident(&mut self, phase: Option<Phase>) -> Option<String> {
        let at = if phase == Some(Phase::After) { self.incident.take()? } else { return None };
        Some(self.bold(&format!("── incident {at} ──")))
    }

    pub(crate) fn paint(&self, code: &str, text: &str) -> String {
        if self.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    pub(crate) fn bold(&self, text: &str) -> String {
        self.paint("1", text)
    }

    pub(crate) fn dim(&self, text: &str) -> String {
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
    let words = format!("{name}: {when}");
    style.flow(words.split(' '), " ", 0).iter().map(|line| style.bold(line)).collect::<Vec<_>>().join("\n")
}

/// An item that can be read.
pub(crate) trait TextItem {
    /// What one is called, and several.
    const CALLED: (&'static str, &'static str);

    /// A line that stands before it, where the answer passes the incident.
    fn mark(&self, _style: &mut Style) -> Option<String> {
        None
    }

    /// Writes it.
    fn write(&self, out: &mut dyn Write, style: &Style) -> io::Result<()>;
}

impl TextItem for Item {
    const CALLED: (&'static str, &'static str) = ("item", "items");

    fn mark(&self, style: &mut Style) -> Option<String> {
        if self.relation.is_some() || self.is_grouped {
            return told_under(self, style);
        }
        style.passes_incident(self.phase)
    }

    fn write(&self, out: &mut dyn Write, style: &Style) -> io::Result<()> {
        let time = self.event_time.as_deref().unwrap_or("no usable time      ");
        let attempt = if self.attempt { "ATTEMPT " } else { "" };
        let class = self.network_class.map(|c| format!(" [{c}]")).unwrap_or_default();
        let label = self.actor.label();
        let label = sanitize(&label);
        let label = shorten_inside(&label, ACTOR);
        let told = format!("{attempt}{}{class}", sanitize(&self.summary));
        write!(out, "{time}  {}  {}", style.outcome(self.outcome), style.bold(&label))?;
        let taken = time.chars().count() + OUTCOME + label.chars().count() + 6;
        if style.width.is_none_or(|width| taken + told.chars().count() <= width) {
            writeln!(out, "  {told}")?;
        } else {
            writeln!(out)?;
            for line in style.flow(told.split(' '), " ", 4) {
                writeln!(out, "{line}")?;
            }
        }
        let mut place = Vec::new();
        place.extend(self.region.as_deref().map(|r| sanitize(r).into_owned()));
        place.extend(self.account.as_deref().map(|a| sanitize(a).into_owned()));
        place
            .extend(self.source_ip_address.as_deref().map(|ip| format!("from {}{}", sanitize(ip), own_workloads(&self.source_interfaces))));
        place.extend(session(&self.principal).map(str::to_owned));
        place.extend(self.principal.access_key_id.as_deref().map(|k| format!("key {}", sanitize(k))));
        place.extend(self.actor.origin.source_identity.as_deref().map(|who| format!("source identity {}", sanitize(who))));
        place.extend(self.error_code.as_deref().map(|e| sanitize(e).into_owned()));
        place.extend(cited(self));
        place.extend(self.group_names.iter().map(|known| format!("{} named by {}", sanitize(&known.id), sanitize(&known.reference))));
        place.extend(self.twins.iter().map(|t| format!("also {} in {}", sanitize(&t.reference), t.account.as_deref().unwrap_or("?"))));
        if self.id_conflict {
            place.push("ID CONFLICT: another record has this id and other content".to_owned());
        }
        for line in style.flow(place.iter().map(String::as_str), "  ", 4) {
            writeln!(out, "{}", style.dim(&line))?;
        }
        if let Some(relation) = &self.relation {
            let cited = if relation.refs.is_empty() { String::new() } else { format!(" [{}]", relation.refs.join(", ")) };
            for line in style.flow(sanitize(&format!("related: {}{cited}", relation.why)).split(' '), " ", 4) {
                writeln!(out, "{}", style.dim(&line))?;
            }
        }
        for line in chain_lines(&self.actor) {
            for line in style.flow(line.split(' '), " ", 4) {
                writeln!(out, "{}", style.dim(&line))?;
            }
        }
        for line in related_lines(self) {
            for line in style.flow(line.split(' '), " ", 4) {
                writeln!(out, "{}", style.paint("33", &line))?;
            }
        }
        Ok(())
    }
}

/// What the record says of the session beside its key. That a session had no multi-factor authentication says something of users and root
/// alone: records say so of nearly every role's session.
fn session(principal: &Principal) -> impl Iterator<Item = &'static str> {
    let has_own = matches!(principal.kind, PrincipalKind::IamUser | PrincipalKind::Root) && principal.from_console == Some(true);
    let mfa = match principal.mfa {
        Some(true) => Some("MFA"),
        Some(false) if has_own => Some("no MFA"),
        _ => None,
    };
    (principal.from_console == Some(true)).then_some("console").into_iter().chain(mfa)
}

/// What items are told under.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Heading {
    rank: Option<Rank>,
    resource: Option<String>,
    /// The incident was passed under it.
    is_past: bool,
}

/// The headings before an item that is told by rank and resource, where they change, and where the incident is passed.
fn told_under(item: &Item, style: &mut Style) -> Option<String> {
    let (rank, resource) = (item.relation.as_ref().map(|r| r.rank), item.resource().map(str::to_owned));
    let last = style.told_under.take();
    let is_same = last.as_ref().is_some_and(|last| (last.rank, &last.resource) == (rank, &resource));
    let mut lines = Vec::new();
    if let Some(rank) = rank.filter(|rank| last.as_ref().is_none_or(|last| last.rank != Some(*rank))) {
        lines.push(style.bold(&format!("── {} ──", rank.as_str())));
    }
    if !is_same {
        lines.push(style.bold(&sanitize(resource.as_deref().unwrap_or("no resource that is known of"))));
    }
    let was_past = is_same && last.is_some_and(|last| last.is_past);
    let is_past = was_past || item.phase == Some(Phase::After);
    if let Some(at) = style.incident.as_ref().filter(|_| is_past && !was_past) {
        lines.push(style.dim(&format!("    ── incident {at} ──")));
    }
    style.told_under = Some(Heading { rank, resource, is_past });
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// `198.51.100.7 (12), 10.0.0.1 (3), 4 more`; cited, `198.51.100.7 (12) [306f1b91-…]`.
fn listed(values: &Values, most: usize, are_cited: bool) -> Vec<String> {
    let cited = |c: &Counted| if are_cited { format!(" [{}]", sanitize(&c.reference)) } else { String::new() };
    let shown = values.top.iter().take(most).map(|c| format!("{} ({}){}", shorten(&sanitize(&c.value), 60), c.events, cited(c)));
    let more = values.distinct.saturating_sub(values.top.len().min(most) as u64);
    shown.chain((more > 0).then(|| format!("{more} more"))).collect()
}

impl TextItem for Present {
    const CALLED: (&'static str, &'static str) = ("actor", "actors");

    fn write(&self, out: &mut dyn Write, style: &Style) -> io::Result<()> {
        let name = sanitize(&self.actor.name);
        let time = self.event_time.as_deref().unwrap_or("no usable time      ");
        writeln!(out, "{time}  {}  {}: {}", style.bold(&name), self.actor.kind.as_str(), self.actor.basis)?;
        let outcomes: Vec<String> = self.outcomes.iter().filter(|(_, n)| **n > 0).map(|(word, n)| format!("{n} {word}")).collect();
        let mut counts = vec![format!("{} ({})", counted(self.events, "event"), outcomes.join(", ")), counted(self.changes, "change")];
        // Not every refused call is one: reads are refused too.
        counts.extend((self.attempts > 0).then(|| counted(self.attempts, "attempted change")));
        counts.push(format!("until {}", self.last_event_time.as_deref().unwrap_or("-")));
        for line in style.flow(counts.iter().map(String::as_str), ", ", 4) {
            writeln!(out, "{line}")?;
        }
        for line in mark_lines(self, style) {
            writeln!(out, "{line}")?;
        }
        let stored = |time: &Option<String>| time.clone().unwrap_or_else(|| "-".to_owned());
        let (first, last) = (stored(&self.in_store.first_event_time), stored(&self.in_store.last_event_time));
        writeln!(out, "{}", style.dim(&format!("    {:<8} in the store from {first} to {last}", "seen")))?;
        // What a report names is cited: JSON cites each value.
        for (word, values, most, are_cited) in [
            ("as", &self.principals, LISTED, false),
            ("notable", &self.notable, 2 * LISTED, true),
            ("calls", &self.calls, LISTED, false),
            ("from", &self.addresses, LISTED, true),
            ("keys", &self.keys, LISTED, true),
            ("agents", &self.user_agents, 1, false),
            ("regions", &self.regions, LISTED, false),
            ("accounts", &self.accounts, LISTED, false),
        ] {
            for line in style.labelled(word, listed(values, most, are_cited).iter().map(String::as_str), ", ") {
                let is_notable = word == "notable";
                writeln!(out, "{}", if is_notable { style.paint("33", &line) } else { style.dim(&line) })?;
            }
        }
        for line in own_address_lines(&self.source_interfaces, style) {
            writeln!(out, "{}", style.dim(&line))?;
        }
        let declared: Vec<String> =
            listed(&self.source_identities, LISTED, true).iter().map(|who| format!("source identity {who}")).collect();
        for line in style.labelled("declared", declared.iter().map(String::as_str), ", ") {
            writeln!(out, "{}", style.dim(&line))?;
        }
        let mfa = format!("{:<8} {} with, {} without, {} not said", "MFA", self.mfa.with, self.mfa.without, self.mfa.unknown);
        writeln!(out, "{}", style.dim(&format!("    {mfa}")))?;
        for missing in &self.missing {
            for line in style.labelled("missing", sanitize(missing).split(' '), " ") {
                writeln!(out, "{}", style.dim(&line))?;
            }
        }
        // Its first event and its last.
        let refs: Vec<String> = self.refs.iter().map(|r| sanitize(r).into_owned()).collect();
        for line in style.labelled("cited", refs.iter().map(String::as_str), ", ") {
            writeln!(out, "{}", style.dim(&line))?;
        }
        Ok(())
    }
}

/// Whose the addresses were, of those that were one's own.
fn own_address_lines(own: &OwnAddresses, style: &Style) -> Vec<String> {
    let mut told: Vec<String> = own.top.iter().take(LISTED).map(came_from_words).collect();
    let more = own.distinct.saturating_sub(told.len() as u64);
    told.extend((more > 0).then(|| format!("{more} more")));
    style.labelled("own", told.iter().map(String::as_str), "; ")
}

impl TextItem for Covered {
    const CALLED: (&'static str, &'static str) = ("log of one account and region", "logs, each of one account and region");

    fn write(&self, out: &mut dyn Write, style: &Style) -> io::Result<()> {
        let seen = &self.seen;
        writeln!(
            out,
            "{}  {}  {}  {} in {}, {} to {}",
            style.bold(&sanitize(&seen.account)),
            sanitize(&seen.region),
            seen.source.as_str(),
            counted(seen.events, "event"),
            counted(seen.hours, "hour"),
            seen.first_event_time,
            seen.last_event_time
        )?;
        for gap in &self.gaps {
            writeln!(out, "    no events for {} h: {} to {}", gap.hours, gap.from, gap.to)?;
        }
        flow_log_lines(&self.flow_logs, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_parts_and_only_in_a_terminal() {
        let parts = ["eu-west-1", "111122223333", "from 203.0.113.66"];
        let flow = |width| Style::new(false, width).flow(parts, "  ", 4);
        assert_eq!(flow(None), ["    eu-west-1  111122223333  from 203.0.113.66"]);
        assert_eq!(flow(Some(30)), ["    eu-west-1  111122223333", "    from 203.0.113.66"]);
        // What is wider than the terminal is not cut.
        assert_eq!(flow(Some(10)), ["    eu-west-1", "    111122223333", "    from 203.0.113.66"]);
        assert_eq!(Style::new(false, Some(12)).flow(["a (1)", "b (2)", "c (3)"], ", ", 0), ["a (1), b (2),", "c (3)"]);
    }
}
