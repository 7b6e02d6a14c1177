//! `backtrail flows`: the traffic of a window.

use std::io::{self, Write};

use backtrail_model::words::counted;
use backtrail_timeline::{FlowFilters, FlowGrouping, FlowLogSeen, FlowQuestion, Flows, Network};
use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};

use crate::answers::Style;
use crate::answers::flows::{cited, mark_lines, talker_lines, ways};
use crate::args::{DocumentArgs, Format, WindowArgs};
use crate::commands::ask;
use crate::context::Context;
use crate::exit::{ExitStatus, UsageError};
use crate::sanitize::sanitize;

/// Groups in a terminal unless --limit says otherwise.
const SHOWN: usize = 40;

/// Which traffic, over which time.
#[derive(Debug, Args)]
pub(crate) struct FlowsArgs {
    #[command(flatten)]
    window: WindowArgs,
    /// What to sum by
    #[arg(long, value_enum, default_value_t = By::Conversation, value_name = "WHAT")]
    by: By,
    /// Owner of the interface
    #[arg(long, value_name = "ID")]
    account: Vec<String>,
    /// Region
    #[arg(long, value_name = "REGION")]
    region: Vec<String>,
    /// Interface, instance, security group, VPC, subnet, NAT or transit gateway: an ARN or a bare id, or either with a trailing `*`
    #[arg(long, value_name = "ARN")]
    arn: Vec<String>,
    /// Address or CIDR block at either end
    #[arg(long, visible_alias = "cidr", value_name = "IP")]
    ip: Vec<String>,
    /// Port at either end
    #[arg(long, value_name = "PORT")]
    port: Vec<u16>,
    /// What became of it
    #[arg(long, value_parser = PossibleValuesParser::new(["ACCEPT", "REJECT"]), ignore_case = true)]
    action: Vec<String>,
    /// Show at most this many groups
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    #[command(flatten)]
    output: DocumentArgs,
}

/// What traffic is summed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    /// Interface, peer, protocol and port
    Conversation,
    /// Network interface
    Interface,
    /// Instance, or what else had the interface then
    Instance,
    /// Security groups of the interface then
    Group,
    /// The other end
    Peer,
    /// Protocol and port
    Port,
}

impl FlowsArgs {
    fn question(&self) -> anyhow::Result<FlowQuestion> {
        let ip = self.ip.iter().map(|text| Network::parse(text)).collect::<Result<_, _>>().map_err(|e| UsageError(e.to_string()))?;
        let filters = FlowFilters {
            account: self.account.clone(),
            region: self.region.clone(),
            arn: self.arn.clone(),
            ip,
            port: self.port.clone(),
            action: self.action.iter().map(|action| action.to_ascii_uppercase()).collect(),
            ..FlowFilters::default()
        };
        let by = match self.by {
            By::Conversation => FlowGrouping::Conversation,
            By::Interface => FlowGrouping::Interface,
            By::Instance => FlowGrouping::Instance,
            By::Group => FlowGrouping::Group,
            By::Peer => FlowGrouping::Peer,
            By::Port => FlowGrouping::Port,
        };
        // In a terminal nobody reads a million lines; other formats have all that is not limited.
        let limit = self.limit.or((self.output.format == Format::Table).then_some(SHOWN));
        Ok(FlowQuestion { window: self.window.resolve()?, filters, by, limit })
    }
}

pub(crate) async fn run(args: FlowsArgs, context: &Context) -> anyhow::Result<ExitStatus> {
    let question = args.question()?;
    let session = context.session().await?;
    let flows = backtrail_timeline::flows(&ask::source(&session).await?, &question).await.map_err(ask::timeline_error)?;
    let mut out = context.printer.data(args.output.output.as_deref())?;
    let style = ask::style(args.output.output.as_deref(), context);
    ask::document("flows", &flows, &flows.answer, args.output.format, &mut out, |out| text(&flows, &style, out))?;
    out.flush()?;
    Ok(ExitStatus::incomplete_if(flows.coverage.incomplete))
}

fn text(flows: &Flows, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let window = match (&flows.window.from, &flows.window.to) {
        (Some(from), Some(to)) => format!("{from} to {to}"),
        _ => "all evidence".to_owned(),
    };
    writeln!(out, "{}", style.bold(&format!("flows, {window}")))?;
    for talker in &flows.answer {
        talker_lines(talker, "  ", out)?;
    }
    let more = flows.totals.items - flows.totals.shown;
    if more > 0 {
        writeln!(out, "  {more} more, with fewer bytes: --limit shows them")?;
    }
    totals(flows, out)?;
    mark_lines(&flows.marks, style, out)?;
    writeln!(out)?;
    writeln!(out, "{}", style.bold("What was not seen"))?;
    for log in &flows.coverage.flow_logs {
        flow_log(log, out)?;
    }
    for statement in &flows.coverage.not_seen {
        let refs: Vec<String> = statement.refs.iter().map(|r| cited(r)).collect();
        let refs = if refs.is_empty() { String::new() } else { format!(" [{}]", refs.join(", ")) };
        let line = format!("{}{refs}", sanitize(&statement.text));
        for line in style.flow(line.split(' '), " ", 2) {
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}

fn totals(flows: &Flows, out: &mut dyn Write) -> io::Result<()> {
    let totals = &flows.totals;
    writeln!(out)?;
    writeln!(out, "{} in {}", counted(totals.records, "record"), counted(totals.items, "group"))?;
    writeln!(out, "  {}", ways(&totals.counted))?;
    if totals.records_of_overlapping_flow_logs > 0 {
        let records = counted(totals.records_of_overlapping_flow_logs, "record");
        writeln!(out, "  not summed: {records} of flow logs that cover an interface in the same hour as the one that was summed")?;
    }
    Ok(())
}

fn flow_log(log: &FlowLogSeen, out: &mut dyn Write) -> io::Result<()> {
    let (first, last) = (log.first_start.as_deref().unwrap_or("?"), log.last_end.as_deref().unwrap_or("?"));
    let records = counted(log.records, "record");
    let mut told = vec![format!("{} of {}", records, counted(log.interfaces, "interface"))];
    for (count, what) in [(log.nodata, "NODATA"), (log.skipdata, "SKIPDATA"), (log.records_not_summed, "not summed")] {
        if count > 0 {
            told.push(format!("{count} {what}"));
        }
    }
    let (name, account) = (sanitize(&log.flow_log), sanitize(&log.account_id));
    writeln!(out, "  Flow log {name} of {account}, {first} to {last}: {}", told.join(", "))
}
