//! `backtrail previous`: what a resource was like before an instant, as far as calls tell.

use std::io::{self, Write};
use std::path::PathBuf;

use backtrail_model::time::parse_typed;
use backtrail_model::words::counted;
use backtrail_timeline::{Previous, Property, SetBy};
use clap::Args;

use crate::answers::{Style, not_seen_about};
use crate::args::Format;
use crate::commands::ask;
use crate::context::Context;
use crate::exit::{ExitStatus, UsageError};
use crate::sanitize::{sanitize, shorten};

/// Characters of a call's parameters in a terminal; JSON has them whole.
const PARAMETERS: usize = 200;

/// Of what, and when.
#[derive(Debug, Args)]
pub(crate) struct PreviousArgs {
    /// The resource: an ARN, a bare id or a name
    arn: String,
    /// The instant: RFC 3339 or a date, UTC
    #[arg(long, value_name = "TIME")]
    at: String,
    /// How to write the result
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Write to this file instead of stdout
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) async fn run(args: PreviousArgs, context: &Context) -> anyhow::Result<ExitStatus> {
    let at = parse_typed(&args.at)
        .ok_or_else(|| UsageError(format!("--at: `{}` is not a time: write RFC 3339 as in 2024-05-01T13:00:00Z, or a date", args.at)))?;
    let session = context.session().await?;
    let previous = backtrail_timeline::previous(&ask::source(&session).await?, &args.arn, at).await.map_err(ask::timeline_error)?;
    let mut out = context.printer.data(args.output.as_deref())?;
    let style = Style::new(context.printer.has_color(), None);
    ask::document("previous", &previous, &previous.properties, args.format, &mut out, |out| text(&previous, &style, out))?;
    out.flush()?;
    Ok(ExitStatus::incomplete_if(previous.coverage.incomplete))
}

fn text(previous: &Previous, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{} before {}", sanitize(&previous.arn), previous.at)?;
    for property in &previous.properties {
        write_property(property, out)?;
    }
    if !previous.rules.is_empty() {
        writeln!(out, "  rules known to be in force then")?;
        for known in &previous.rules {
            let rule = &known.rule;
            let words = [Some(rule.action), rule.direction, rule.protocol.as_deref(), rule.ports.as_deref(), rule.peer.as_deref()];
            let told: Vec<_> = words.into_iter().flatten().map(sanitize).collect();
            let perhaps = known.perhaps_closed_by.as_deref().map(|r| format!(", perhaps closed by [{}]", sanitize(r))).unwrap_or_default();
            writeln!(out, "    {} [{}]{perhaps}", told.join(" "), sanitize(&known.reference))?;
        }
    }
    writeln!(out, "\nWhat is not known")?;
    for statement in &previous.not_known {
        writeln!(out, "  {}", sanitize(statement))?;
    }
    for line in not_seen_about(&previous.coverage, &previous.coverage_window, style) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn write_property(property: &Property, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "  {}", sanitize(&property.property))?;
    match &property.set_by {
        Some(set) => {
            call("set by", set, out)?;
            let parameters = set.request_parameters.to_string();
            let parameters = sanitize(&parameters);
            writeln!(out, "      {}", shorten(&parameters, PARAMETERS))?;
            if property.earlier > 0 {
                writeln!(out, "      {} set it, too", counted(property.earlier, "earlier call"))?;
            }
        }
        None => writeln!(out, "    not known: no call before that time is in evidence")?,
    }
    property.changed_by.as_ref().map_or(Ok(()), |set| call("then changed by", set, out))
}

fn call(how: &str, set: &SetBy, out: &mut dyn Write) -> io::Result<()> {
    let time = set.event_time.as_deref().unwrap_or("?");
    writeln!(out, "    {how} {}, {time}: {} [{}]", sanitize(&set.actor.label()), sanitize(&set.summary), sanitize(&set.reference))
}
