//! `backtrail`: parses arguments and dispatches. Each command is one file under `commands`.

mod allocator;
mod answers;
mod args;
mod commands;
mod context;
mod exit;
mod output;
mod printer;
mod progress;
#[cfg(test)]
mod reference;
mod sanitize;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use context::Context;
use exit::ExitStatus;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    allocator::keep_freed_memory();
    let cli = Cli::parse();
    say_warnings();
    let context = match Context::new(&cli.shared) {
        Ok(context) => context,
        Err(error) => return exit::report(&error),
    };
    let ended = context.run(dispatch(cli.command, &context));
    context.close();
    allocator::leave_memory();
    match ended {
        Ok(status) => status.into(),
        Err(error) => exit::report(&error),
    }
}

/// What the libraries warn of goes to stderr; `BACKTRAIL_LOG` asks for more, as in `backtrail_store=debug`.
fn say_warnings() {
    let filter = EnvFilter::try_from_env("BACKTRAIL_LOG").unwrap_or_else(|_| EnvFilter::new("backtrail=warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).without_time().with_target(false).init();
}

async fn dispatch(command: Command, context: &Context) -> anyhow::Result<ExitStatus> {
    match command {
        Command::Investigate(args) => commands::investigate::run(args, context).await,
        Command::Ingest(args) => commands::ingest::run(args, context).await,
        Command::Timeline(args) => commands::timeline::run(args, context).await,
        Command::Changes(args) => commands::changes::run(args, context).await,
        Command::Actors(args) => commands::actors::run(args, context).await,
        Command::Network(args) => commands::network::run(args, context).await,
        Command::Trace(args) => commands::trace::run(args, context).await,
        Command::Previous(args) => commands::previous::run(args, context).await,
        Command::Flows(args) => commands::flows::run(args, context).await,
        Command::Profile(args) => commands::profile::run(args, context).await,
        Command::Show(args) => commands::show::run(args, context).await,
        Command::Coverage(args) => commands::coverage::run(args, context).await,
        Command::Evidence(args) => commands::evidence::run(args, context).await,
        Command::Sql(args) => commands::sql::run(args, context).await,
        Command::Compact(args) => commands::compact::run(args, context).await,
        Command::Rebuild => commands::rebuild::run(context).await,
        Command::Completions(args) => commands::completions::run(&args, context),
        Command::Man => commands::man::run(context),
    }
}
