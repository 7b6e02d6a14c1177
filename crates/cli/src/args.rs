//! What can be typed. Resolved once into plain values; no library below sees a clap type.

use std::path::PathBuf;

use backtrail_model::time::{EARLIEST, LATEST, parse_typed};
use backtrail_model::window::{Window, parse_duration};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands;
use crate::exit::UsageError;
use crate::printer::Color;

/// Follows a trail back from an AWS incident to the changes that led to it.
#[derive(Debug, Parser)]
#[command(name = "backtrail", version, about, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) shared: SharedArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Directory of the store where none is named.
pub(crate) const DEFAULT_STORE: &str = "./backtrail-store";

/// Options of every command. They come last in its help: their order there would else be woven into that of the command's own.
#[derive(Debug, Args)]
pub(crate) struct SharedArgs {
    /// Directory of the store
    #[arg(long, global = true, display_order = 900, env = "BACKTRAIL_STORE", default_value = DEFAULT_STORE, value_name = "DIR")]
    pub(crate) store: PathBuf,
    /// Threads to work with; all of the machine's if not given
    #[arg(long, global = true, display_order = 901, value_name = "N")]
    pub(crate) threads: Option<usize>,
    /// Say nothing on stderr but warnings and errors
    #[arg(long, short, global = true, display_order = 902)]
    pub(crate) quiet: bool,
    /// When to colour answers
    #[arg(long, global = true, display_order = 903, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub(crate) color: Color,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Take evidence in, then answer: who was there, what changed, which network commands, what was not seen
    Investigate(commands::investigate::InvestigateArgs),
    /// Take evidence into the store
    Ingest(commands::ingest::IngestArgs),
    /// Every event of a window and its traffic, in order
    Timeline(commands::timeline::TimelineArgs),
    /// What changed, by whom, and what was only attempted
    Changes(commands::changes::ChangesArgs),
    /// Who was there, from where, with which keys, doing what
    Actors(QuestionArgs),
    /// Who executed network commands or opened a remote shell
    Network(QuestionArgs),
    /// The traffic of a window as flow logs have it: who with whom, how much, let through or refused
    Flows(commands::flows::FlowsArgs),
    /// Where credentials came from, up to the origin, and everything that descended from them
    Trace(commands::trace::TraceArgs),
    /// What a resource was like before an instant, as far as calls tell: the last that set each property, and the next
    Previous(commands::previous::PreviousArgs),
    /// An actor, resource, address or key: first and last seen, volume by day, with whom, and what is new
    Profile(commands::profile::ProfileArgs),
    /// Open a citation: the record, every copy of it, its hash checked again
    Show(commands::show::ShowArgs),
    /// What is there by account, region, log and hour, and what is not
    Coverage(commands::coverage::CoverageArgs),
    /// What was read, and what became of every record of it
    Evidence(commands::evidence::EvidenceArgs),
    /// One query, a file of one, or a shell
    Sql(commands::sql::SqlArgs),
    /// Merge the small files that many runs left, and remove what no table needs
    Compact(commands::compact::CompactArgs),
    /// Make what records imply anew, in a store that an older version filled: who issued what, what was touched
    Rebuild,
    /// Print a completion script for a shell
    Completions(commands::completions::CompletionsArgs),
    /// Print the manual page
    Man,
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For reading in a terminal
    Table,
    /// One JSON document
    Json,
    /// One JSON object a line
    Jsonl,
    /// Comma-separated values with a header line
    Csv,
    /// Apache Parquet, zstd
    Parquet,
}

/// `--format` and `--output`.
#[derive(Debug, Args)]
pub(crate) struct OutputArgs {
    /// How to write the result
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// Write to this file instead of stdout
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// `--format` and `--output` of what is one document, no rows.
#[derive(Debug, Args)]
pub(crate) struct DocumentArgs {
    /// How to write the result
    #[arg(long, default_value = "table", value_parser = document_format())]
    pub(crate) format: Format,
    /// Write to this file instead of stdout
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// Reads the formats that can hold a document.
fn document_format() -> impl TypedValueParser<Value = Format> {
    let formats = [Format::Table, Format::Json, Format::Jsonl];
    let names: Vec<PossibleValue> = formats.iter().filter_map(ValueEnum::to_possible_value).collect();
    PossibleValuesParser::new(names).try_map(|name| Format::from_str(&name, false))
}

/// The stretch of time a question is about.
#[derive(Debug, Args)]
pub(crate) struct WindowArgs {
    /// The incident's time: RFC 3339 or a date, UTC
    #[arg(long, value_name = "TIME", conflicts_with_all = ["from", "to"])]
    pub(crate) at: Option<String>,
    /// How far back from --at
    #[arg(long, value_name = "LENGTH", default_value = "24h", requires = "at", conflicts_with_all = ["from", "to"])]
    pub(crate) before: String,
    /// How far past --at
    #[arg(long, value_name = "LENGTH", default_value = "1h", requires = "at", conflicts_with_all = ["from", "to"])]
    pub(crate) after: String,
    /// First instant of the window, instead of --at
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// First instant after the window
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,
}

impl WindowArgs {
    /// The window asked for; `None` where nothing was said, which means all evidence there is.
    /// A side left open reaches to the end of representable time.
    ///
    /// # Errors
    /// `UsageError` for a time or length that cannot be read, or an empty window.
    pub(crate) fn resolve(&self) -> anyhow::Result<Option<Window>> {
        let usage = |e: backtrail_model::window::WindowError| UsageError(e.to_string());
        if let Some(at) = &self.at {
            let (before, after) = (parse_duration(&self.before).map_err(usage)?, parse_duration(&self.after).map_err(usage)?);
            let at = time("--at", at)?;
            // However long it is: a window reaches no further than one whose sides are open.
            let (before, after) = (before.min(at.saturating_sub(EARLIEST)), after.min(LATEST.saturating_sub(at)));
            return Ok(Some(Window::around(at, before, after).map_err(usage)?));
        }
        if self.from.is_none() && self.to.is_none() {
            return Ok(None);
        }
        let from = self.from.as_deref().map_or(Ok(EARLIEST), |t| time("--from", t))?;
        let to = self.to.as_deref().map_or(Ok(LATEST), |t| time("--to", t))?;
        Ok(Some(Window::between(from, to).map_err(usage)?))
    }
}

fn time(option: &str, text: &str) -> anyhow::Result<i64> {
    let wrong =
        || UsageError(format!("{option}: `{text}` is not a time: write RFC 3339 as in 2024-05-01T13:00:00Z, or a date; all times are UTC"));
    Ok(parse_typed(text).ok_or_else(wrong)?)
}

/// Which events a question is about. Values of one option are alternatives; different options must all hold.
#[derive(Debug, Args)]
pub(crate) struct FilterArgs {
    /// Account id
    #[arg(long, value_name = "ID")]
    pub(crate) account: Vec<String>,
    /// Region
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Vec<String>,
    /// Resource or identity: an ARN, a bare id or name, or either with a trailing `*`
    #[arg(long, value_name = "ARN")]
    pub(crate) arn: Vec<String>,
    /// Actor: ARN, user, role or session name, or principal id; with what was done with credentials that descend from it
    #[arg(long, value_name = "ACTOR")]
    pub(crate) actor: Vec<String>,
    /// Source address or CIDR block
    #[arg(long, value_name = "IP")]
    pub(crate) ip: Vec<String>,
    /// Access key id
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Vec<String>,
    /// Event source, as in ec2 or ec2.amazonaws.com
    #[arg(long, value_name = "SERVICE")]
    pub(crate) source: Vec<String>,
    /// Outcome: ok, denied, failed, throttled, dry_run or unknown
    #[arg(long, value_name = "OUTCOME")]
    pub(crate) outcome: Vec<String>,
}

/// A question's arguments: window, filters, output.
#[derive(Debug, Args)]
pub(crate) struct QuestionArgs {
    #[command(flatten)]
    pub(crate) window: WindowArgs,
    #[command(flatten)]
    pub(crate) filters: FilterArgs,
    /// Show at most this many items
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
