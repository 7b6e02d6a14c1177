//! `backtrail profile`: everything evidence says of one actor, resource, address or key.

use std::io::{self, Write};

use backtrail_model::words::{counted, noun};
use backtrail_timeline::{Comparison, Peer, Peers, Profile};
use clap::Args;

use crate::answers::flows::talker_lines;
use crate::answers::interfaces::holding_words;
use crate::answers::{Style, not_seen_about};
use crate::args::{DocumentArgs, WindowArgs};
use crate::commands::ask;
use crate::context::Context;
use crate::exit::ExitStatus;
use crate::sanitize::{sanitize, shorten};

/// Values of one kind in a terminal; JSON has twenty.
const LISTED: usize = 6;
/// Interfaces from change to change in a terminal.
const HELD: usize = 20;
/// Characters of a value in a terminal.
const VALUE: usize = 80;
/// Characters of the longest bar.
const BAR: u64 = 40;

/// Whom or what to profile.
#[derive(Debug, Args)]
pub(crate) struct ProfileArgs {
    /// An ARN, a name or bare id, an address or block, or an access key id
    #[arg(value_name = "ARN|ACTOR|IP|KEY")]
    subject: String,
    #[command(flatten)]
    window: WindowArgs,
    #[command(flatten)]
    output: DocumentArgs,
}

pub(crate) async fn run(args: ProfileArgs, context: &Context) -> anyhow::Result<ExitStatus> {
    let window = args.window.resolve()?;
    let session = context.session().await?;
    let profile = backtrail_timeline::profile(&ask::source(&session).await?, &args.subject, window).await.map_err(ask::timeline_error)?;
    let mut out = context.printer.data(args.output.output.as_deref())?;
    let style = ask::style(args.output.output.as_deref(), context);
    ask::document("profile", &profile, std::slice::from_ref(&profile), args.output.format, &mut out, |out| text(&profile, &style, out))?;
    out.flush()?;
    Ok(ExitStatus::incomplete_if(profile.coverage.incomplete))
}

fn text(profile: &Profile, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{} ({})", sanitize(&profile.subject), profile.taken_for)?;
    if profile.events == 0 {
        writeln!(out, "  no events")?;
    } else {
        seen(profile, out)?;
    }
    if !profile.interfaces.is_empty() {
        writeln!(out, "  interfaces")?;
        for holding in profile.interfaces.iter().take(HELD) {
            for line in style.flow(holding_words(holding).split(' '), " ", 4) {
                writeln!(out, "{line}")?;
            }
        }
        let more = profile.interfaces.len().saturating_sub(HELD);
        if more > 0 {
            writeln!(out, "    {more} more in JSON")?;
        }
    }
    if let Some(traffic) = &profile.traffic {
        writeln!(out, "  traffic ({} in {})", counted(traffic.totals.records, "record"), counted(traffic.totals.items, "conversation"))?;
        for talker in traffic.top.iter().take(LISTED) {
            talker_lines(talker, "    ", out)?;
        }
        let more = traffic.totals.items.saturating_sub(LISTED as u64);
        if more > 0 {
            writeln!(out, "    {more} more: `backtrail flows`")?;
        }
    }
    for line in not_seen_about(&profile.coverage, &profile.coverage_window, style) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn seen(profile: &Profile, out: &mut dyn Write) -> io::Result<()> {
    let outcomes: Vec<String> = profile.outcomes.iter().map(|(word, n)| format!("{n} {word}")).collect();
    let (first, last) = (profile.first_event_time.as_deref().unwrap_or("?"), profile.last_event_time.as_deref().unwrap_or("?"));
    let refs: Vec<_> = profile.refs.iter().map(|r| sanitize(r)).collect();
    writeln!(out, "  {} ({})", counted(profile.events, "event"), outcomes.join(", "))?;
    writeln!(out, "  first seen {first}, last seen {last} [{}]", refs.join(", "))?;
    if profile.compared.comparison != Comparison::NoWindow {
        writeln!(out, "  {}", sanitize(&profile.compared.text))?;
    }
    days(profile, out)?;
    for (kind, peers) in &profile.peers {
        list(kind, peers, out)?;
    }
    Ok(())
}

fn days(profile: &Profile, out: &mut dyn Write) -> io::Result<()> {
    let most = profile.days.values().map(|d| d.events).max().unwrap_or(1).max(1);
    for (date, day) in &profile.days {
        let length = usize::try_from((day.events * BAR).div_ceil(most)).unwrap_or(0);
        let (events, changes) = (noun(day.events, "event"), noun(day.changes, "change"));
        write!(out, "  {date}  {:>8} {events:<6} {:>6} {changes:<7} {:>6} denied", day.events, day.changes, day.denied)?;
        writeln!(out, "  {}", "▇".repeat(length))?;
    }
    Ok(())
}

fn list(kind: &str, peers: &Peers, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "  {} ({})", kind.replace('_', " "), peers.distinct)?;
    let is_shown = |(number, peer): &(usize, &Peer)| peer.new || *number < LISTED;
    let shown: Vec<_> = peers.top.iter().enumerate().filter(is_shown).collect();
    for (_, peer) in &shown {
        let mark = if peer.new { "NEW " } else { "" };
        let since = peer.first_event_time.as_deref().unwrap_or("?");
        let value = sanitize(&peer.value);
        let events = counted(peer.events, "event");
        writeln!(out, "    {mark}{}  {events} since {since} [{}]", shorten(&value, VALUE), sanitize(&peer.reference))?;
    }
    let more = peers.distinct.saturating_sub(shown.len() as u64);
    if more > 0 {
        writeln!(out, "    {more} more")?;
    }
    Ok(())
}
