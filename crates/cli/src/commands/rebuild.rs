//! `backtrail rebuild`.

use backtrail_model::words::counted;
use backtrail_store::RebuildSummary;

use crate::context::Context;
use crate::exit::ExitStatus;

pub(crate) async fn run(context: &Context) -> anyhow::Result<ExitStatus> {
    let store = context.store().await?;
    let summary = backtrail_ingest::rebuild(&store, &context.ingest_options()).await?;
    for line in account(&summary) {
        context.printer.say(&line);
    }
    Ok(ExitStatus::Done)
}

fn account(summary: &RebuildSummary) -> Vec<String> {
    let RebuildSummary { events, as_they_were, brought_up, left_behind } = *summary;
    let mut lines = vec![format!("credentials, event_arns, interfaces and pivotal_calls made anew from {}", counted(events, "event"))];
    if as_they_were > 0 {
        lines.push(format!(
            "{} no text of their own (exports of single columns): what was made of them is as it was",
            had(as_they_were, "event")
        ));
    }
    if brought_up > 0 {
        lines.push(format!("{} now as if this version had read it", is(brought_up)));
    }
    if left_behind > 0 {
        lines.push(format!("{} of an older version still: ingest it again", is(left_behind)));
    }
    lines
}

fn had(n: u64, noun: &str) -> String {
    format!("{} {}", counted(n, noun), if n == 1 { "has" } else { "have" })
}

fn is(n: u64) -> String {
    format!("{} of evidence {}", counted(n, "piece"), if n == 1 { "is" } else { "are" })
}
