//! Backtrail's evidence generator and side-by-side measurements. None of it is part of the program.

mod compare;
mod fixture;
mod floor;
mod generate;

use std::io::Write as _;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Makes evidence with a known truth, and measures Backtrail beside other tools.
#[derive(Debug, Parser)]
#[command(name = "backtrail-benches", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write CloudTrail evidence of an organisation with an incident in it, and the truth beside it
    Generate(generate::GenerateArgs),
    /// Write VPC flow logs of many interfaces, as many records as asked for, and their sums beside them
    GenerateFlows(generate::FlowsArgs),
    /// Make the evidence that is checked in, anew
    Fixture(fixture::FixtureArgs),
    /// Backtrail's ingest beside DuckDB and the floor, on generated evidence
    Compare(compare::CompareArgs),
    /// The floor alone, over a folder of gzip files
    Floor(floor::FloorArgs),
}

fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Generate(args) => generate::run(&args),
        Command::GenerateFlows(args) => generate::run_flows(&args),
        Command::Fixture(args) => fixture::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Floor(args) => floor::run(&args),
    }
}

/// Prints a line of the report.
fn say(text: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{text}")?;
    Ok(())
}
