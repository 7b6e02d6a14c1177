//! `backtrail investigate`: takes evidence in, then answers: who was there, what changed, which network commands, what was not seen.

use std::io::Write;

use backtrail_timeline::{
    ActorOrder, Answer, Closing, EventQuestion, Item, Question, Source, actors_answer, events_answer, events_digest, opening,
};
use clap::Args;
use serde_json::{Value, json};

use crate::answers::{Style, TextItem, effect_lines, heading, not_seen, totals_line};
use crate::args::{Format, QuestionArgs};
use crate::commands::ingest::EvidenceArgs;
use crate::commands::{ask, ingest};
use crate::context::Context;
use crate::exit::{ExitStatus, UsageError};
use crate::sanitize::JsonOut;

/// Events of each answer shown in a terminal unless --limit says otherwise; the question's own command shows all.
const SHOWN: usize = 40;
/// Actors, each of which takes several lines.
const ACTORS_SHOWN: usize = 12;

/// What to take in, and when the incident was.
#[derive(Debug, Args)]
pub(crate) struct InvestigateArgs {
    #[command(flatten)]
    evidence: EvidenceArgs,
    #[command(flatten)]
    question: QuestionArgs,
}

pub(crate) async fn run(args: InvestigateArgs, context: &Context) -> anyhow::Result<ExitStatus> {
    let question = args.question.question()?;
    let to = &args.question.output;
    if !matches!(to.format, Format::Table | Format::Json) {
        return Err(UsageError("investigate writes table or json; each question's own command writes the others".to_owned()).into());
    }
    let summary = ingest::take_in(args.evidence, context).await?;
    let session = context.session().await?;
    let source = ask::source(&session).await?;
    let out = context.printer.data(to.output.as_deref())?;
    let closing = match to.format {
        Format::Json => json_answers(&source, &question, out).await?,
        _ => text_answers(&source, &question, &args.question.typed(context), out, &ask::style(to.output.as_deref(), context)).await?,
    };
    Ok(ExitStatus::incomplete_if(summary.is_incomplete() || closing.coverage.incomplete))
}

async fn text_answers(
    source: &Source,
    question: &Question,
    typed: &str,
    mut out: Box<dyn Write + Send>,
    style: &Style,
) -> anyhow::Result<Closing> {
    let most = question.limit.unwrap_or(SHOWN);
    let few = Question { limit: Some(question.limit.unwrap_or(ACTORS_SHOWN)), ..question.clone() };
    let actors = actors_answer(source, &few, ActorOrder::Notable).await.map_err(ask::timeline_error)?;
    let rest = format!("those with the most notable calls, then with the most changes; `backtrail actors{typed}` shows all");
    section("actors", question, &actors.items, &actors.closing, &rest, &mut out, style)?;
    let changes = events_digest(source, EventQuestion::Changes, question, most).await.map_err(ask::timeline_error)?;
    let rest = format!("refused and sensitive ones first, then those nearest to the incident; `backtrail changes{typed}` shows all");
    section("changes", question, &changes.items, &changes.closing, &rest, &mut out, style)?;
    let network = events_digest(source, EventQuestion::Network, question, most).await.map_err(ask::timeline_error)?;
    let rest = format!("sensitive ones first, then those nearest to the incident; `backtrail network{typed}` shows all");
    section("network", question, &network.items, &network.closing, &rest, &mut out, style)?;
    for line in effect_lines(&network.closing.effects, style).iter().skip_while(|line| line.is_empty()) {
        writeln!(out, "{line}")?;
    }
    if !network.closing.effects.is_empty() {
        writeln!(out)?;
    }
    // The last section ended with the blank line that stands before this.
    for line in not_seen(&network.closing, style).iter().skip_while(|line| line.is_empty()) {
        writeln!(out, "{line}")?;
    }
    out.flush()?;
    Ok(network.closing)
}

fn section<T: TextItem>(
    name: &str,
    question: &Question,
    items: &[T],
    closing: &Closing,
    rest: &str,
    out: &mut Box<dyn Write + Send>,
    style: &Style,
) -> anyhow::Result<()> {
    writeln!(out, "{}", heading(name, question, style))?;
    let mut style = style.clone().at(question);
    for item in items {
        if let Some(mark) = item.mark(&mut style) {
            writeln!(out, "{mark}")?;
        }
        item.write(out, &style)?;
    }
    for line in style.flow(totals_line::<T>(&closing.totals, rest).split(' '), " ", 0) {
        writeln!(out, "{line}")?;
    }
    writeln!(out)?;
    Ok(())
}

/// With what traffic shows of the changes, where there are flow logs.
fn network_part(network: &Answer<Item>) -> anyhow::Result<Value> {
    let mut part = json!({"items": network.items, "totals": network.closing.totals});
    if let (Some(part), false) = (part.as_object_mut(), network.closing.effects.is_empty()) {
        part.insert("effects".to_owned(), serde_json::to_value(&network.closing.effects)?);
    }
    Ok(part)
}

async fn json_answers(source: &Source, question: &Question, mut out: Box<dyn Write + Send>) -> anyhow::Result<Closing> {
    let actors = actors_answer(source, question, ActorOrder::FirstSeen).await.map_err(ask::timeline_error)?;
    let changes = events_answer(source, EventQuestion::Changes, question).await.map_err(ask::timeline_error)?;
    let network = events_answer(source, EventQuestion::Network, question).await.map_err(ask::timeline_error)?;
    let mut object = opening("investigate", question);
    let part = |items: Value, closing: &Closing| json!({"items": items, "totals": closing.totals});
    let answer = json!({
        "actors": part(serde_json::to_value(&actors.items)?, &actors.closing),
        "changes": part(serde_json::to_value(&changes.items)?, &changes.closing),
        "network": network_part(&network)?,
    });
    object.insert("answer".to_owned(), answer);
    object.insert("coverage".to_owned(), serde_json::to_value(&network.closing.coverage)?);
    object.insert("evidence_set".to_owned(), json!(network.closing.evidence_set));
    serde_json::to_writer(JsonOut::new(&mut out), &Value::Object(object))?;
    writeln!(out)?;
    out.flush()?;
    Ok(network.closing)
}
