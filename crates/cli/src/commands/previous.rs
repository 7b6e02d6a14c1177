//! `backtrail previous`: what a resource was like before an instant, as far as calls tell.

use std::io::{self, Write};

use backtrail_model::time::parse_typed;
use backtrail_model::words::counted;
use backtrail_timeline::{ActsOn, InForce, Known, NamedBy, Previous, Property, SetBy};
use clap::Args;

use crate::answers::{Style, not_seen_about};
use crate::args::DocumentArgs;
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
    #[command(flatten)]
    output: DocumentArgs,
}

pub(crate) async fn run(args: PreviousArgs, context: &Context) -> anyhow::Result<ExitStatus> {
    let at = parse_typed(&args.at)
        .ok_or_else(|| UsageError(format!("--at: `{}` is not a time: write RFC 3339 as in 2024-05-01T13:00:00Z, or a date", args.at)))?;
    let session = context.session().await?;
    let previous = backtrail_timeline::previous(&ask::source(&session).await?, &args.arn, at).await.map_err(ask::timeline_error)?;
    let mut out = context.printer.data(args.output.output.as_deref())?;
    let style = Style::new(context.printer.has_color(), None);
    ask::document("previous", &previous, &previous.properties, args.output.format, &mut out, |out| text(&previous, &style, out))?;
    out.flush()?;
    Ok(ExitStatus::incomplete_if(previous.coverage.incomplete))
}

fn text(previous: &Previous, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{} before {}", sanitize(&previous.arn), previous.at)?;
    let is_one = previous.resources.len() < 2;
    for known in &previous.resources {
        if !is_one {
            writeln!(out, "  {}", sanitize(&known.arn))?;
        }
        write_known(known, out)?;
        for property in previous.properties.iter().filter(|property| property.resource == known.arn) {
            write_property(property, out)?;
        }
    }
    if !previous.rules.is_empty() {
        writeln!(out, "  rules known to be in force then")?;
        for known in &previous.rules {
            write_rule(known, is_one, out)?;
        }
    }
    write_named_by(previous, out)?;
    writeln!(out, "\nWhat is not known")?;
    for statement in &previous.not_known {
        writeln!(out, "  {}", sanitize(statement))?;
    }
    for line in not_seen_about(&previous.coverage, &previous.coverage_window, style) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn write_known(known: &Known, out: &mut dyn Write) -> io::Result<()> {
    if let Some(made) = &known.made_by {
        call("  made by", made, out)?;
    }
    if let Some(deleted) = &known.deleted_by {
        call("  deleted by", deleted, out)?;
        match &known.made_again_before {
            Some(reference) => writeln!(
                out,
                "  acted on since [{}]: it was made again, by a call that is not in evidence; what follows was set since then",
                sanitize(reference)
            )?,
            None => writeln!(out, "  it did not exist at that time; what follows is what it was until then")?,
        }
    }
    known.changed_by.as_ref().map_or(Ok(()), |changed| call("  then by", changed, out))
}

fn write_property(property: &Property, out: &mut dyn Write) -> io::Result<()> {
    let value = property.set_by.as_ref().and_then(value).map(|value| format!(" = {value}")).unwrap_or_default();
    writeln!(out, "  {}{value}", sanitize(&property.property))?;
    match &property.set_by {
        Some(set) => {
            call("    set by", set, out)?;
            if set.value.is_none() && !set.request_parameters.is_null() {
                let parameters = set.request_parameters.to_string();
                let parameters = sanitize(&parameters);
                writeln!(out, "      {}", shorten(&parameters, PARAMETERS))?;
            }
            if let Some(reference) = &property.perhaps_set_by {
                writeln!(out, "      perhaps set by [{}] since", sanitize(reference))?;
            }
            if property.earlier > 0 {
                let last = property
                    .earlier_ref
                    .as_deref()
                    .map(|last| format!("{} [{}]", if property.earlier > 1 { ", the last" } else { "" }, sanitize(last)));
                writeln!(out, "      {} set it, too{}", counted(property.earlier, "earlier call"), last.unwrap_or_default())?;
            }
        }
        None => writeln!(out, "    not known: no call before that time is in evidence")?,
    }
    let Some(changed) = &property.changed_by else { return Ok(()) };
    let to = value_words(changed);
    call(&format!("    then changed{to} by"), changed, out)
}

fn value(set: &SetBy) -> Option<String> {
    let text = set.value.as_ref()?.to_string();
    Some(shorten(&sanitize(&text), PARAMETERS).into_owned())
}

fn value_words(set: &SetBy) -> String {
    value(set).map(|value| format!(" to {value}")).unwrap_or_default()
}

fn write_rule(known: &InForce, is_one: bool, out: &mut dyn Write) -> io::Result<()> {
    let words = known.rule.words();
    let target = known.rule.target.as_deref().filter(|_| !is_one).map(|target| format!(" on {target}")).unwrap_or_default();
    let since = known.event_time.as_deref().unwrap_or("?");
    let cited =
        |what: &str, reference: &Option<String>| reference.as_deref().map(|r| format!(", {what} [{}]", sanitize(r))).unwrap_or_default();
    writeln!(
        out,
        "    {}{}, since {since} by {} [{}]{}{}",
        sanitize(&words),
        sanitize(&target),
        sanitize(&known.actor.label()),
        sanitize(&known.reference),
        cited("perhaps closed by", &known.perhaps_closed_by),
        cited("then closed or replaced by", &known.changed_by),
    )
}

/// Calls that name it: in short those that acted on something else, each by name those that may have acted on it.
fn write_named_by(previous: &Previous, out: &mut dyn Write) -> io::Result<()> {
    let of = |acts_on: ActsOn| previous.named_by.iter().filter(move |named| named.acts_on == acts_on);
    if of(ActsOn::NotKnown).next().is_some() {
        writeln!(out, "  named by calls that may have acted on it")?;
    }
    for named in of(ActsOn::NotKnown) {
        let count = counted(named.before + named.after, "call");
        call(&format!("    {}, {count}, last by", sanitize(&named.event_name)), &named.last, out)?;
    }
    let other = |named: &NamedBy| {
        let calls = named.before + named.after;
        format!("{} ({calls}) [{}]", sanitize(&named.event_name), sanitize(&named.last.reference))
    };
    let others: Vec<String> = of(ActsOn::SomethingElse).map(other).collect();
    if !others.is_empty() {
        writeln!(out, "  named by calls that acted on something else: {}", others.join(", "))?;
    }
    Ok(())
}

fn call(how: &str, set: &SetBy, out: &mut dyn Write) -> io::Result<()> {
    let time = set.event_time.as_deref().unwrap_or("?");
    writeln!(out, "{how} {}, {time}: {} [{}]", sanitize(&set.actor.label()), sanitize(&set.summary), sanitize(&set.reference))
}
