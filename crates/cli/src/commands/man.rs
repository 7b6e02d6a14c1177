//! `backtrail man`.

use clap::CommandFactory;

use crate::args::Cli;
use crate::context::Context;
use crate::exit::ExitStatus;

pub(crate) fn run(context: &Context) -> anyhow::Result<ExitStatus> {
    let mut out = context.printer.data(None)?;
    clap_mangen::Man::new(Cli::command()).render(&mut out)?;
    out.flush()?;
    Ok(ExitStatus::Done)
}
